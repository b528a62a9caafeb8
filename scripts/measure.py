"""The measuring part of scripts/bench, which starts the servers and sets the environment: measure.py FOLDER RESULT.json.

A round runs the yardstick, two plain binary COPYs of the same columns at once (each half the table, to /dev/null), and then each
case. A case's ratio is its rate over the yardstick's of the same round: figures of one moment of one machine. Nothing is
measured beside anything else of ours."""
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time

FOLDER, RESULT = sys.argv[1:3]
ROWS, RUNS = int(os.environ["BENCH_ROWS"]), int(os.environ["BENCH_RUNS"])
PSQL, HLUA = os.environ["PSQL"], os.environ.get("HLUA", "build/hlua")
TABLE = 'dbo."IntegrationLogs"'

# name, what it is, the command; the goals are those of the speed that the project promises.
CASES = [
    {"name": "templates", "what": "migrations/integration-logs into a sink, plain HTTP",
     "command": [HLUA, "migrations/integration-logs/plan.lua", "migrate", "--restart", "--json", "--ledger", f"{FOLDER}/ledger.db"],
     "goal": {"ratio": 0.36, "memory_mb": 64}},
]


def say(text):
    print("bench:", text, file=sys.stderr, flush=True)


def psql_value(sql):
    return subprocess.run([PSQL, os.environ["HLUA_SOURCE"], "-XAtc", sql], check=True, capture_output=True, text=True).stdout.strip()


def run_measured(command, stdout):
    """Runs a command: seconds, CPU seconds and peak memory (MB) of the process, from the system's own books."""
    begin = time.monotonic()
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=open(f"{FOLDER}/stderr", "w"))
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"bench: {' '.join(command)}: exit code {process.returncode}\n" + open(f"{FOLDER}/stderr").read()[-2000:])
    return {"seconds": seconds, "cpu": usage.ru_utime + usage.ru_stime, "memory_mb": usage.ru_maxrss / 1024}


def copy_commands(columns, half):
    for where in (f'"LogId" <= {half}', f'"LogId" > {half}'):
        yield [PSQL, os.environ["HLUA_SOURCE"], "-Xqc",
               f"COPY (SELECT {columns} FROM {TABLE} WHERE {where}) TO STDOUT (FORMAT binary)"]


def run_copies(commands):
    begin = time.monotonic()
    with open(os.devnull, "wb") as null:
        processes = [subprocess.Popen(c, stdin=subprocess.DEVNULL, stdout=null) for c in commands]
        if any([p.wait() for p in processes]):
            sys.exit("bench: a COPY failed")
    return time.monotonic() - begin


def sink_cpu():
    """CPU seconds of the sink so far."""
    fields = open(f"/proc/{os.environ['BENCH_SINK']}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_case(case):
    """One run, whose own summary must say that every row was written."""
    path, sink_before = f"{FOLDER}/events.json", sink_cpu()
    with open(path, "w") as out:
        result = run_measured(case["command"], out)
    result["sink_cpu"] = sink_cpu() - sink_before
    events = [json.loads(line) for line in open(path) if line.startswith("{")]
    table = next(e for e in events if e.get("event") == "summary")["tables"][0]
    if table["rows_written"] != ROWS or table["rows_read"] != ROWS:
        sys.exit(f"bench: {case['name']}: {table['rows_written']} of {ROWS} rows were written")
    result["items_written"], result["bytes"] = table["items_written"], table["bytes"]
    return result


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def summarise(case, runs, copies):
    ratios = [copy / run["seconds"] for run, copy in zip(runs, copies)]
    return {"name": case["name"], "what": case["what"], "command": " ".join(case["command"]), "goal": case.get("goal"),
            "ratio": spread(ratios), "rows_per_second": spread([ROWS / r["seconds"] for r in runs]),
            "client_cpu_us_per_row": spread([r["cpu"] * 1e6 / ROWS for r in runs]),
            "sink_cpu_us_per_row": spread([r["sink_cpu"] * 1e6 / ROWS for r in runs]),
            "peak_memory_mb": max(r["memory_mb"] for r in runs), "item_bytes": runs[0]["bytes"] / ROWS, "runs": runs}


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def versions():
    hlua = subprocess.run([HLUA, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"hlua": hlua, "postgresql": psql_value("SHOW server_version"), "kernel": platform.release()}


def print_table(yardstick, cases):
    row = "{:<12} {:>8} {:>15} {:>12} {:>11} {:>9} {:>9}"
    print(row.format("case", "ratio", "spread", "rows/s", "client us", "sink us", "peak MB"))
    print(row.format("two COPYs", "1", "", f"{yardstick['rows_per_second']['median']:,.0f}", "", "", ""))
    for c in cases:
        print(row.format(c["name"], f"{c['ratio']['median']:.3f}", f"{c['ratio']['least']:.3f} - {c['ratio']['most']:.3f}",
                         f"{c['rows_per_second']['median']:,.0f}", f"{c['client_cpu_us_per_row']['median']:.2f}",
                         f"{c['sink_cpu_us_per_row']['median']:.2f}", f"{c['peak_memory_mb']:.1f}"))
        if c["goal"]:
            fine = c["ratio"]["median"] >= c["goal"]["ratio"] and c["peak_memory_mb"] < c["goal"]["memory_mb"]
            print(f"{'':12} goal: {c['goal']['ratio']} of two COPYs in less than {c['goal']['memory_mb']} MB: "
                  + ("reached" if fine else "NOT reached"))


def main():
    chosen = os.environ.get("CASES", "").split()
    cases = [c for c in CASES if not chosen or c["name"] in chosen]
    columns = psql_value(f"SELECT string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_attribute "
                         f"WHERE attrelid = '{TABLE}'::regclass AND attnum > 0 AND NOT attisdropped")
    commands = list(copy_commands(columns, psql_value(f'SELECT max("LogId") / 2 FROM {TABLE}')))
    copies, runs = [], {c["name"]: [] for c in cases}
    for number in range(RUNS):
        copies.append(run_copies(commands))
        say(f"round {number + 1} of {RUNS}: two COPYs {ROWS / copies[-1]:,.0f} rows/s")
        for case in cases:
            runs[case["name"]].append(run_case(case))
            seconds = runs[case["name"]][-1]["seconds"]
            say(f"round {number + 1} of {RUNS}: {case['name']} {ROWS / seconds:,.0f} rows/s, {copies[-1] / seconds:.3f} of it")
    yardstick = {"commands": [" ".join(c) for c in commands], "seconds": copies,
                 "rows_per_second": spread([ROWS / s for s in copies])}
    summaries = [summarise(c, runs[c["name"]], copies) for c in cases]
    document = {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "rows": ROWS, "rounds": RUNS,
                "processor": processor(), "cores": os.cpu_count(), "versions": versions(), "copy": yardstick, "cases": summaries}
    with open(RESULT, "w") as out:
        json.dump(document, out, indent=2)
        out.write("\n")
    print(f"{processor()}, {os.cpu_count()} cores; {ROWS:,} rows, {RUNS} rounds, medians")
    print_table(yardstick, summaries)


main()
