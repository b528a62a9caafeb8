"""The peers: how they are installed, and called. They come from packages, on demand: PEERS=1 (scripts/setup peers)."""
import functools
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FOLDER = "build/tools/peers"  # below ROOT, where all commands are run
COMMANDS = {"boto3": [f"{FOLDER}/python/bin/python3", "tests/bench/peers/boto3_peer.py"], "go": [f"{FOLDER}/go-peer"]}


def install():
    subprocess.run([ROOT / "scripts/setup", "peers"], check=True, stdin=subprocess.DEVNULL)


def command(program, rows):
    """What moves the logs from 1 to `rows`."""
    return [*COMMANDS[program], str(rows)]


@functools.cache
def versions():
    """{"boto3": "1.44.5", ...}: each peer prints a line `name version` for each of its libraries."""
    found = {}
    for program in COMMANDS.values():
        out = subprocess.run([*program, "--version"], check=True, capture_output=True, text=True, cwd=ROOT).stdout
        found |= dict(line.split(" ", 1) for line in out.splitlines())
    return found
