"""Where a bench works: its settings, its folder, the programs that it runs, the environment that they see."""
import json
import os
import pathlib
import subprocess
import sys

import servers
import source

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Failure(Exception):
    """What a case cannot go on after: rows lost, a program that failed."""


def say(text):
    print("bench:", text, file=sys.stderr, flush=True)


class Place:
    """Used with `with`. scripts/bench has started PostgreSQL and says the rest in the environment."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.rows, self.runs = int(os.environ["BENCH_ROWS"]), int(os.environ["BENCH_RUNS"])
        self.psql, self.pgbench = os.environ["PSQL"], os.environ["PGBENCH"]
        self.hlua = os.environ.get("HLUA", str(ROOT / "build/hlua"))
        self.spent, self.endpoint = str(ROOT / "build/spent"), str(ROOT / "build/endpoint")
        self.uri = os.environ["HLUA_SOURCE"]
        self.sinks = servers.Sinks(self)
        self.data = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sinks.close()

    def dataset(self, name, rows=None):
        """The rows that a case reads; made when first asked for. `rows`: another number than its share of ROWS."""
        key = (name, rows)
        if key not in self.data:
            self.data[key] = source.fill(self, name, rows)
        return self.data[key]

    def measured(self, command, environment=None, output=None):
        """Runs a command to its end: {"seconds", "cpu" (seconds), "memory_mb"}. Its output goes to a file, if one is named."""
        errors, books = self.folder / "stderr", self.folder / "spent"
        with open(output or os.devnull, "wb") as out, open(errors, "wb") as err:
            code = subprocess.run([self.spent, str(books), *map(str, command)], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                  env={**os.environ, **(environment or {})}, cwd=ROOT).returncode
        if code != 0:
            last = errors.read_text(errors="replace")[-2000:]
            raise Failure(f"{' '.join(map(str, command))}: exit code {code}\n{last}".rstrip())
        taken = json.loads(books.read_text())
        return {"seconds": taken["seconds"], "cpu": taken["cpu"], "memory_mb": taken["memory_kb"] / 1024}
