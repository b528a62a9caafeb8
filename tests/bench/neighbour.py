"""What others on the source feel of a backfill: the latencies of pgbench (100 transactions a second of its simple-update kind
on tables of its own, same server) alone, and while templates runs again and again, with and without max_source_load.
BENCH_SECONDS says for how long each."""
import dataclasses
import math
import os
import statistics
import subprocess

from cases import BY_NAME
from place import Failure, say
from source import database

TRANSACTIONS_A_SECOND, CLIENTS, SCALE = 100, 4, 10


@dataclasses.dataclass
class Variant:
    name: str
    plan: str = BY_NAME["templates"].plan


VARIANTS = [
    Variant("unlimited"),
    Variant("max_source_load", "tests/bench/plans/sparing.lua"),
]


def percentile(values, part):
    """The least value that at least so great a part of them do not exceed."""
    return sorted(values)[max(math.ceil(len(values) * part) - 1, 0)]


def prepare(place):
    uri = database(place, "neighbour")
    done = subprocess.run([place.pgbench, "-i", "-q", "-s", str(SCALE), uri], capture_output=True, text=True)
    if done.returncode:
        raise Failure(f"pgbench -i: {done.stderr.strip()}")
    return uri


def start(place, uri, seconds):
    """A pgbench that logs each transaction to a file of its own in the folder."""
    for old in place.folder.glob("pgbench_log.*"):
        old.unlink()
    with open(place.folder / "pgbench.out", "wb") as out:
        return subprocess.Popen(
            [place.pgbench, "-n", "-N", "-c", str(CLIENTS), "-j", "1", "-R", str(TRANSACTIONS_A_SECOND), "-T", str(seconds), "-l",
             f"--log-prefix={place.folder}/pgbench_log", uri], stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def latencies(place, process):
    """Milliseconds of each transaction, from when it was due: a line of the log is client, number, microseconds, ..."""
    if process.wait() != 0:
        raise Failure("pgbench: " + (place.folder / "pgbench.out").read_text(errors="replace")[-500:].strip())
    lines = [line for log in place.folder.glob("pgbench_log.*") for line in log.read_text().splitlines()]
    if not lines:
        raise Failure("pgbench: no transaction was done")
    return [int(line.split()[2]) / 1000 for line in lines]


def described(values):
    return {"transactions": len(values), "p50_ms": percentile(values, 0.5), "p99_ms": percentile(values, 0.99),
            "max_ms": max(values)}


def one_round(place, variant, uri, seconds):
    alone = latencies(place, start(place, uri, seconds))
    case = dataclasses.replace(BY_NAME["templates"], name="neighbour", plan=variant.plan)
    dataset, runs = place.dataset("logs"), []
    process = start(place, uri, seconds)
    try:
        while process.poll() is None:
            runs.append(case.run(place, dataset))
    finally:
        if process.poll() is None:
            process.terminate()
    together = latencies(place, process)
    return {"alone": described(alone), "during": described(together),
            "rows_per_second": statistics.median(run.rate for run in runs), "backfills": len(runs)}


def measure(place):
    seconds = int(os.environ.get("BENCH_SECONDS", "10"))
    section = {"transactions_a_second": TRANSACTIONS_A_SECOND, "seconds": seconds, "variants": []}
    try:
        uri = prepare(place)
        place.dataset("logs")
        for variant in VARIANTS:
            say(f"neighbour: {variant.name}, {place.runs} times {seconds} s alone and {seconds} s beside a backfill")
            rounds = [one_round(place, variant, uri, seconds) for _ in range(place.runs)]
            section["variants"].append({
                "name": variant.name, "rounds": rounds,
                "p99_ms_alone": statistics.median(r["alone"]["p99_ms"] for r in rounds),
                "p99_ms_during": statistics.median(r["during"]["p99_ms"] for r in rounds),
                "rows_per_second": statistics.median(r["rows_per_second"] for r in rounds)})
    except Failure as failure:
        say(f"FAILED: {failure}")
        section["failed"] = str(failure)
    return section


def failures(section):
    return [section["failed"]] if "failed" in section else []


def table(section):
    row = "{:<20} {:>14} {:>14} {:>14}"
    lines = ["", row.format("neighbour's p99", "alone", "during", "backfill rows/s")]
    lines += [row.format(v["name"], f"{v['p99_ms_alone']:.2f} ms", f"{v['p99_ms_during']:.2f} ms", f"{v['rows_per_second']:,.0f}")
              for v in section["variants"]]
    return lines + [f"FAILED: {text}" for text in failures(section)]
