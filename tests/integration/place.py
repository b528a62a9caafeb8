"""Where one test works: a folder, a database, a plan, a target, and hlua run on them."""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import psycopg

import servers


class Skip(Exception):
    """Raised by a test that cannot run here; its text says why."""


class Result:
    """What a run of hlua said: exit code, standard output and error, and the lines of --json."""

    def __init__(self, code, output, error):
        self.code, self.output, self.error = code, output, error
        self.lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def event(self, name):
        """The last event of that name."""
        found = [e for e in self.lines if e.get("event") == name]
        if not found:
            raise AssertionError(f"no event {name} in {self}")
        return found[-1]

    @property
    def summary(self):
        return self.event("summary")

    def table(self, name=None):
        tables = self.summary["tables"]
        return tables[0] if name is None else next(t for t in tables if t["name"] == name)

    def counts(self, name=None):
        """(read, written, rejected, filtered, superseded) of a table."""
        t = self.table(name)
        return tuple(t["rows_" + word] for word in ("read", "written", "rejected", "filtered", "superseded"))

    def says(self, *texts):
        for text in texts:
            if text not in self.error:
                raise AssertionError(f"standard error lacks {text!r}:\n{self.error}")

    def __str__(self):
        return f"exit code {self.code}\n{self.error[-3000:]}\n{self.output[-1500:]}"


class Running:
    """An hlua that works in the background."""

    def __init__(self, command, environment, folder, seen=None, **popen):
        self.seen = seen  # is told of the result
        self.json = "--json" in command
        self.files = [tempfile.TemporaryFile("w+", errors="replace") for _ in range(2)]
        self.process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL,
                                        stdout=self.files[0], stderr=self.files[1], **popen)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)

    def alive(self):
        return self.process.poll() is None

    def so_far(self):
        return [os.pread(f.fileno(), 10_000_000, 0).decode(errors="replace") for f in self.files]

    def end(self, timeout=120):
        """Waits for the end; a sanitizer's complaint is a failure whatever the exit code."""
        try:
            code = self.process.wait(timeout * servers.SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            self.process.wait()
            raise AssertionError(f"hlua was not done in {timeout} s: {Result(-1, *self.so_far())}") from None
        output, error = self.so_far()
        for f in self.files:
            f.close()
        if re.search(r"Sanitizer|runtime error:", error):
            raise AssertionError(f"a sanitizer complains:\n{error[:6000]}")
        result = Result(code, output, error)
        if self.json and code >= 0 and not all("event" in json.loads(line) for line in output.splitlines()):
            raise AssertionError(f"a line of --json is no event: {result}")
        if self.seen:
            self.seen(result)
        return result


def wait_until(true, what, timeout=30):
    """Polls until true() is truthy, and returns that."""
    end = time.monotonic() + timeout * servers.SLOW
    while time.monotonic() < end:
        found = true()
        if found:
            return found
        time.sleep(0.005)
    raise AssertionError(f"waited {timeout} s in vain for {what}")


class Place:
    def __init__(self, stage, number):
        self.stage = stage
        self.number = number
        self.folder = stage.folder / f"test-{number}"
        self.folder.mkdir()
        self.database = f"test_{number}"
        self._connection = None
        self.made = False
        self.children = []
        self.environment = {
            **{k: v for k, v in os.environ.items() if not re.match("AWS_|PG|HLUA|ENVIRONMENT", k)},
            "AWS_REGION": servers.REGION, "AWS_ACCESS_KEY_ID": servers.KEY, "AWS_SECRET_ACCESS_KEY": servers.SECRET,
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "HOME": str(self.folder),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":exitcode=99",
            "TSAN_OPTIONS": os.environ.get("TSAN_OPTIONS", "") + ":exitcode=99",
        }

    def close(self):
        for child in self.children:
            if child.alive():
                child.kill()
                child.process.wait()
        if self._connection:
            self._connection.close()
        if self.made:
            with psycopg.connect(self._uri("postgres"), autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {self.database} WITH (FORCE)")
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- the source ---

    def _uri(self, database):
        return self.stage.uri.rsplit("/", 1)[0] + "/" + database

    def make_database(self, options="TEMPLATE template0"):
        with psycopg.connect(self._uri("postgres"), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {self.database} {options}")
        self.made = True
        self.environment["HLUA_SOURCE"] = self._uri(self.database)

    @property
    def db(self):
        """A connection to the test's own database, made when first used."""
        if not self.made:
            self.make_database()
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._uri(self.database), autocommit=True)
        return self._connection

    def sql(self, text, values=None):
        return self.db.execute(text, values)

    def drop_connection(self):
        """Before the server goes away; the next use connects again."""
        if self._connection:
            self._connection.close()

    # --- the plan ---

    def plan(self, *tables, name="plan", more=""):
        """Writes plan.lua from the insides of its hlua.table constructors."""
        text = "".join(f"\n  hlua.table {{\n{t}\n  }}," for t in tables)
        (self.folder / "plan.lua").write_text(
            f'local hlua = require "hlua"\nreturn hlua.plan {{\n  name = "{name}",\n'
            f'  source = hlua.postgres {{ uri = os.getenv "HLUA_SOURCE" }},\n  {more}{text}\n}}\n')

    def ready(self, schema_only=False, rows=0, migration="integration-logs"):
        """A ready migration's schema, and its first rows."""
        self.db  # makes the database
        files = ["source.sql"] + ([] if schema_only or not rows else ["generate.sql"])
        for file in files:
            servers.shell(
                '"$(pg_bindir)/psql" -qX "$1" -v rows="$2" -f "$3"', self._uri(self.database), rows,
                servers.ROOT / "migrations" / migration / file)

    # --- the target and hlua ---

    def target(self, url):
        """Where hlua writes from now on; returns boto3's client of it."""
        self.environment["AWS_ENDPOINT_URL_DYNAMODB"] = url
        return servers.dynamodb(url)

    def unique(self, name):
        """A table name of this test alone, for engines that tests share."""
        return f"{name}-{self.number}"

    def start(self, *arguments, plan="plan.lua", json=True, program=servers.HLUA, **popen):
        """Starts hlua in the test's folder; `popen` are subprocess.Popen's."""
        command = [program, plan, *arguments, *(["--json"] if json else [])]
        text = (self.folder / plan).read_text() if (self.folder / plan).exists() else None
        running = Running(command, self.environment, self.folder, lambda r: self.stage.seen.note(arguments, text, r), **popen)
        self.children.append(running)
        return running

    def hlua(self, *arguments, code=0, timeout=120, **start):
        """Runs hlua to its end, and checks its exit code."""
        result = self.start(*arguments, **start).end(timeout)
        if result.code != code:
            raise AssertionError(f"wanted exit code {code}, found {result}")
        return result

    def rejects(self, *arguments):
        """The rejected rows, as `rejects --json` lists them."""
        return self.hlua("rejects", *arguments).lines

    @property
    def ledger(self):
        return self.folder / ".hlua" / "plan.db"
