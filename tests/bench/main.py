"""make bench: chooses the cases, measures them, writes the result and prints it: main.py FOLDER RESULT.json.

scripts/bench starts PostgreSQL and calls this. The exit code is 1 only if a case failed or lost rows; no speed is a failure."""
import datetime
import json
import os
import pathlib
import platform
import signal
import subprocess
import sys

import neighbour
import peers
import readme
import results
import scale
import service
import source
import stages
import table
from cases import CASES
from place import Place, say

# Cases with a shape of their own: measure(place) -> a section of the result, table(section), failures(section).
OTHERS = {"neighbour": neighbour, "scale": scale, "service": service, "stages": stages}
ON_REQUEST = {"scale", "service", "stages"}


def choose(wanted, with_peers):
    """The names of the cases to run, in their own order."""
    names = [case.name for case in CASES] + list(OTHERS)
    peers_names = {case.name for case in CASES if case.peer}
    unknown = [name for name in wanted if name not in names]
    if unknown:
        sys.exit(f"bench: no case {', '.join(unknown)}; there are {', '.join(names)}")
    if set(wanted) & peers_names and not with_peers:
        sys.exit("bench: the peers are programs of others, installed only when asked for: PEERS=1")
    return [name for name in names if name in wanted or
            (with_peers and name in peers_names) or (not wanted and name not in peers_names | ON_REQUEST)]


def processor():
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def versions(place, with_peers):
    hlua = subprocess.run([place.hlua, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    found = {"hlua": hlua.removeprefix("hlua "), "PostgreSQL": source.psql(place, place.uri, "-c", "SHOW server_version"),
             "Linux": platform.release()}
    return found | peers.versions() if with_peers else found


def describe(place, with_peers):
    said = {name: os.environ[name] for name in ("ROWS", "RUNS", "CASES", "PEERS", "SCALE", "SERVICE") if os.environ.get(name)}
    return {"date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"), "rows": place.rows,
            "rounds": place.runs, "command": " ".join(["make bench", *(f"{k}='{v}'" if " " in v else f"{k}={v}"
                                                                       for k, v in said.items())]),
            "processor": processor(), "cores": os.cpu_count(), "versions": versions(place, with_peers)}


def main():
    folder, result = sys.argv[1:3]
    wanted, with_peers = os.environ.get("CASES", "").replace(",", " ").split(), os.environ.get("PEERS") == "1"
    names = choose(wanted, with_peers)
    if with_peers:
        peers.install()
    with Place(folder) as place:
        document = describe(place, with_peers)
        document["cases"] = results.measure(place, [case for case in CASES if case.name in names])
        sections = {name: OTHERS[name].measure(place) for name in OTHERS if name in names}
    document |= sections
    pathlib.Path(result).write_text(json.dumps(document, indent=2) + "\n")
    lines = table.head(document) + table.rated(document["cases"])
    failures = [case["failed"] for case in document["cases"] if "failed" in case]
    for name, section in sections.items():
        lines += OTHERS[name].table(section)
        failures += OTHERS[name].failures(section)
    print("\n".join(lines))
    if not failures:
        pathlib.Path(result).with_suffix(".md").write_text(readme.text(document))
    say(f"all of it: {result}")
    return 1 if failures else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    sys.exit(main())
