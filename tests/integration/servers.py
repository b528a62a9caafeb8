"""The servers that the tests share, and those they start for themselves: thin callers of scripts/servers.sh, and the
endpoint. All listen on the loopback, on free ports, and are stopped by their own process ids."""
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import boto3
import botocore.config
import client
from seen import Seen

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HLUA = os.environ["HLUA"]
ENDPOINT = os.environ["ENDPOINT"]
REGION, KEY, SECRET = "eu-west-1", "AKIATESTTESTTEST", "a/secret+of=the+tests"


def _sanitizer():
    """'' for a plain build, else the name of the sanitizer it was built with."""
    with open(HLUA, "rb") as file:
        program = file.read()
    return "address" if b"__asan_init" in program else "thread" if b"__tsan_init" in program else ""


SANITIZER = _sanitizer()
SLOW = 1 if not SANITIZER else 4  # how many times longer a sanitizer build may take


def shell(script, *arguments):
    """Runs lines of bash that may call the functions of scripts/servers.sh; returns what they print."""
    done = subprocess.run(["bash", "-c", f'source "{ROOT}/scripts/servers.sh"; {script}', "bash", *map(str, arguments)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"{script}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def dynamodb(url, verify=None):
    """A boto3 client that neither retries nor waits long."""
    return boto3.client(
        "dynamodb", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET,
        verify=verify, config=botocore.config.Config(retries={"max_attempts": 0}, read_timeout=60, connect_timeout=5))


class Stage:
    """One PostgreSQL cluster and at most one engine of each kind for all tests, started when first asked for."""

    def __enter__(self):
        # Passable, since PostgreSQL and the unprivileged user of one test go through it.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hlua-integration."))
        self.folder.chmod(0o711)
        self.uri = shell('pg_start "$1" && echo "$PG_URI"', self.folder)
        self.engines = {}
        self.seen = Seen()
        return self

    def __exit__(self, *_):
        for name, (_, folder) in self.engines.items():
            shell(f'{name}_stop "$1"', folder)
        shell('pg_stop "$1" immediate', self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

    def postgres_restart(self, how="fast"):
        shell(f'pg_restart "$1" {how}', self.folder)

    def engine(self, name):
        """The URL of the shared dynoxide or dynalite."""
        if name not in self.engines:
            folder = self.folder / name
            folder.mkdir()
            self.engines[name] = shell(f'{name}_start "$1" && echo "${name.upper()}_URL"', folder), folder
        return self.engines[name][0]


class OwnEngine:
    """A Dynoxide of a test's own, with its data in a file."""

    def __init__(self, folder):
        self.folder = folder / "engine"
        self.folder.mkdir()
        self.file = self.folder / "data.db"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.url, pid = shell('dynoxide_start "$1" "$2" && echo "$DYNOXIDE_URL" "$DYNOXIDE_PID"', self.folder, self.file).split()
        self.pid = int(pid)

    def stop(self, signal="TERM"):
        shell(f'dynoxide_stop "$1" {signal}', self.folder)


class Endpoint(client.Endpoint):
    """The endpoint of tests/endpoint: a store unless other options are given."""

    def __init__(self, *options, log=None, mode="store"):
        logging = ["--log", str(log), "--log-bodies"] if log else []
        super().__init__(ENDPOINT, "--mode", mode, *logging, *options)
        self.log = log
        self.scheme = "https" if "--tls" in options else "http"

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def writes(self):
        """How many BatchWriteItem and PutItem requests came so far."""
        done = self.counts()["operations"]
        return sum(done.get(name, {}).get("requests", 0) for name in ("BatchWriteItem", "PutItem"))

    def logged(self):
        """hlua's requests so far, as the log has them; those of boto3 and of the tests' own operations left out."""
        with open(self.log) as file:
            lines = [json.loads(line) for line in file if line.endswith("\n")]
        agent = lambda line: next((v for k, v in line["headers"] if k.lower() == "user-agent"), "")
        return [line for line in lines if line["op"] not in (None, "Faults", "Counts") and "Boto3" not in agent(line)]
