"""The cases: what each reads, how it writes, and what it is measured beside. A new case is a line in CASES.

A case is run as often as RUNS says, each time right after its references, so that a ratio compares one moment of one machine."""
import dataclasses
import json
import subprocess
import time

import peers
from place import Failure

HERE = "tests/bench"


@dataclasses.dataclass
class Run:
    """What one run took. `items` are those that the sink has counted; None where there is no sink."""
    rows: int
    seconds: float
    cpu: float
    memory_mb: float = None
    items: int = None
    item_bytes: float = None
    sink_cpu: float = None

    @property
    def rate(self):
        return self.rows / self.seconds


@dataclasses.dataclass
class Copy:
    """Binary COPYs by psql, at once, to nothing: the whole table among them."""
    name: str
    what: str
    count: int
    data: str = "logs"
    references: tuple = ("copy2",)
    peer: bool = False

    def run(self, place, dataset):
        commands = list(dataset.copies(place.psql, self.count))
        books = [place.folder / f"spent-{n}" for n in range(self.count)]
        begin = time.monotonic()
        running = [subprocess.Popen([place.spent, str(b), *c], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
                   for b, c in zip(books, commands)]
        if any([process.wait() for process in running]):
            raise Failure(f"{self.name}: a COPY failed")
        seconds = time.monotonic() - begin
        taken = [json.loads(b.read_text()) for b in books]
        return Run(dataset.rows, seconds, sum(t["cpu"] for t in taken), max(t["memory_kb"] for t in taken) / 1024)


@dataclasses.dataclass
class Writer:
    """A program that reads a data set and writes it to a sink. The sink's count must equal the rows."""
    name: str
    what: str
    data: str = "logs"
    sink: str = "plain"
    references: tuple = ("copy2",)
    peer: bool = False

    def run(self, place, dataset):
        sink = place.sinks.get(self.sink)
        items, cpu = sink.books()
        taken, rows, item_bytes = self.write(place, dataset, {**sink.environment, "HLUA_SOURCE": dataset.uri})
        items_after, cpu_after = sink.books()
        if items_after - items != rows:
            raise Failure(f"{self.name}: {rows} rows were to be written, and the sink has counted {items_after - items} items")
        return Run(rows, taken["seconds"], taken["cpu"], taken["memory_mb"], items_after - items, item_bytes, cpu_after - cpu)


@dataclasses.dataclass
class Plan(Writer):
    plan: str = "migrations/integration-logs/plan.lua"

    def write(self, place, dataset, environment):
        events = place.folder / "events.json"
        taken = place.measured([place.hlua, self.plan, "migrate", "--restart", "--json", "--ledger",
                                place.folder / f"{self.name}.db"], environment, events)
        table = summary(events)
        if (table["rows_read"], table["rows_written"]) != (dataset.rows, dataset.rows):
            raise Failure(f"{self.name}: of {dataset.rows} rows hlua has read {table['rows_read']} and written "
                          f"{table['rows_written']}")
        return taken, dataset.rows, table["bytes"] / dataset.rows


@dataclasses.dataclass
class Peer(Writer):
    """A program of tests/bench/peers. A slow one gets only the first part of the rows: what counts is the rate."""
    program: str = ""
    part: int = 1
    peer: bool = True

    def write(self, place, dataset, environment):
        rows = max(dataset.rows // self.part, 1)
        taken = place.measured(peers.command(self.program, rows), environment)
        return taken, rows, None


def summary(events):
    """The one table in the summary of a run with --json."""
    with open(events) as lines:
        found = [json.loads(line) for line in lines if line.startswith("{")]
    return next(event for event in reversed(found) if event.get("event") == "summary")["tables"][0]


def own(name):
    return f"{HERE}/plans/{name}.lua"


CASES = [
    Copy("copy2", "two binary COPYs at once, to nothing: the reference", 2, references=()),
    Copy("copy1", "one binary COPY, to nothing", 1),
    Plan("templates", "migrations/integration-logs: eight keys by template"),
    Plan("tls", "the same over TLS", sink="tls"),
    Plan("lua8", "eight keys by hlua.fn", plan=own("lua8")),
    Plan("functions", "eight keys by function(row)", plan=own("functions")),
    Plan("map", "whole items by map", plan=own("map")),
    Plan("json", "both bodies into maps by hlua.json", plan=own("json")),
    Plan("wide", "100 columns of mixed types", data="wide", plan=own("wide")),
    Plan("small", "3 columns", data="small", plan=own("small")),
    Plan("big", "items of 20 KB", data="big", plan=own("big")),
    Plan("conditional", "templates with existing = \"keep\"", plan=own("conditional")),
    Plan("latency", "templates, the sink answers after 10 ms", sink="latency", references=("copy2", "templates")),
    Peer("boto3", "boto3's batch_writer, psycopg's server-side cursors, two processes; a tenth of the rows",
         references=("copy2", "templates"), program="boto3", part=10),
    Peer("go", "AWS SDK for Go v2, pgx, two readers and 32 writers", references=("copy2", "templates"), program="go"),
]
BY_NAME = {case.name: case for case in CASES}
