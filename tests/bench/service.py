"""How near the service's own limits a program comes: the logs into a new on-demand table of the model of DynamoDB's capacity
(tests/endpoint --capacity documented: 4,000 write units a second for the table and for each index, 1,000 for a partition key,
answers after 5 to 15 ms; each holds a second's units at first). The ratio is the least time that those limits allow over the time that it
took; 1 is the limit.
SERVICE is the number of rows. Beside hlua's, what `rehearse` said before; with PEERS=1 the peers, through the same model."""
import json
import os

import peers
import servers
import source
from place import Failure, say
from results import spread

ROWS = 100000
PLAN = "migrations/integration-logs/plan.lua"
WARM, PARTITION = 4000, 1000
HELD = 1  # seconds of units that may be written at once
# The partition keys of the table and its indexes (migrations/integration-logs/plan.lua), in SQL.
KEYS = ['"ServiceName" || "LogTimestamp"::date', '"ApplicationId"::text', '"CorrelationId"', '"IsSuccess"::text || "LogTimestamp"::date']


def least_seconds(place, dataset, bytes_a_row):
    """What table, indexes and the heaviest key allow. Each item is one unit for the table and one for each index."""
    if bytes_a_row > 1024:
        raise Failure(f"service: rows of {bytes_a_row} bytes are more than a unit each")
    heaviest = max(int(source.psql(place, dataset.uri, "-c", f"SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM "
                                   f"{dataset.relation} WHERE {key} IS NOT NULL GROUP BY {key}) keys")) for key in KEYS)
    return max(dataset.rows / WARM, heaviest / PARTITION, 1) - HELD


def events_of(place, name, command, environment):
    events = place.folder / f"service-{name}.json"
    taken = place.measured([place.hlua, PLAN, *command, "--json"], environment, events)
    with open(events) as lines:
        return taken, [json.loads(line) for line in lines if line.startswith("{")][-1]


def one_run(place, dataset, program):
    """One program into a table of its own: its seconds, the share of units that were refused; of hlua, what rehearse said."""
    with servers.Sink(place.endpoint, "--capacity", "documented") as sink:
        environment = {**sink.environment, "HLUA_SOURCE": dataset.uri}
        run, bytes_a_row = {}, None
        if program == "hlua":
            run["predicted"] = events_of(place, "rehearse", ["rehearse"], environment)[1]["seconds"]
            ledger = place.folder / "service.db"
            taken, last = events_of(place, "migrate", ["migrate", "--restart", "--ledger", ledger], environment)
            bytes_a_row = last["tables"][0]["bytes"] / dataset.rows
        else:
            events_of(place, "create", ["create"], environment)
            taken = place.measured(peers.command(program, dataset.rows), environment)
        counts = sink.counts()
        items = sum(operation["applied"] for operation in counts["operations"].values())
        if items != dataset.rows:
            raise Failure(f"service: {program} was to write {dataset.rows} items, and the sink has counted {items}")
        accepted, refused = counts["capacity"]["accepted"], sum(counts["capacity"]["refused"].values())
        return run | {"seconds": taken["seconds"], "refused": refused / (accepted + refused)}, bytes_a_row


def measure(place):
    dataset = place.dataset("service", int(os.environ.get("SERVICE", ROWS)))
    section = {"rows": dataset.rows, "programs": []}
    least = None
    for program in ["hlua", *(peers.COMMANDS if os.environ.get("PEERS") == "1" else [])]:
        found = {"name": program}
        section["programs"].append(found)
        try:
            runs = []
            for _ in range(place.runs if program == "hlua" else 1):
                run, bytes_a_row = one_run(place, dataset, program)
                least = least or least_seconds(place, dataset, bytes_a_row)
                runs.append(run)
                say(f"service: {program}: {run['seconds']:.1f} s of at least {least:.1f}, {run['refused']:.1%} refused")
        except Failure as failure:
            found["failed"] = str(failure)
            say(f"FAILED: {failure}")
            continue
        found |= {"runs": runs, "of_limit": spread([least / run["seconds"] for run in runs])}
    return section | {"least_seconds": least}


def failures(section):
    return [program["failed"] for program in section["programs"] if "failed" in program]


def table(section):
    row = "{:>12} {:>16} {:>10} {:>10} {:>22}"
    lines = ["", row.format("service", "of the limit", "seconds", "refused", "rehearse / seconds")]
    for program in section["programs"]:
        if "failed" in program:
            continue
        run = program["runs"][-1]
        predicted = f"{run['predicted'] / run['seconds']:.2f}" if "predicted" in run else ""
        lines.append(row.format(program["name"], f"{program['of_limit']['median']:.3f}", f"{run['seconds']:.1f}",
                                f"{run['refused']:.1%}", predicted))
    return lines + [f"FAILED: {text}" for text in failures(section)]
