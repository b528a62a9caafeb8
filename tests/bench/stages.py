"""What each stage of a row costs, in instructions: make bench-stages writes tests/bench/stages.txt, so that a change of the code
shows as a difference of that file. callgrind counts; the cost of a row is what a table of MORE rows takes over one of FEW,
divided by the difference, so that starting and ending are left out.

The kernel's work is not counted. valgrind's processor has no instructions for SHA-256: hash is several times dearer than in
life, and so is the sum."""
import os
import re
import subprocess

from callgrind import Profile
from cases import BY_NAME, summary
from place import ROOT, Failure, say

FILE = ROOT / "tests/bench/stages.txt"
FEW, MORE = 2000, 8000
CASES = ["templates", "tls", "lua8", "map", "json"]

# Stage: what it is, and the source files (below the project's folder) and libraries whose code it is.
STAGES = {
    "libpq": ("the protocol, and libpq's copy of each row", r"libpq\.so"),
    "rows": ("fields of a row; their types decoded", r"src/pg/"),
    "mapping": ("templates, keys, items, sizes", r"src/mapping/(?!json_value)|src/dynamodb/(value|key|item_size)"),
    "json": ("texts escaped, JSON read", r"src/base/(json|text)|src/mapping/json_value"),
    "lua": ("functions of the plan", r"src/lua/(mapper|row|column_value|attribute_value|decimal|moment|watch|state)"),
    "batches": ("batches, keys in flight, chunks, the loop", r"src/engine/(?!progress)|src/dynamodb/|libsqlite3\.so"),
    "hash": ("SHA-256 of the body, hashes of keys", r"src/base/hash|/xxhash\.h"),
    "sign": ("signature and head", r"src/aws/sigv4"),
    "http": ("requests, answers, TLS", r"src/aws/|libcurl[^/]*\.so|libssl\.so"),
    "other": ("progress, which goes by the clock; what none of them has called", r"src/engine/progress|src/lua/"),
}
PATTERNS = [(stage, re.compile(pattern)) for stage, (_, pattern) in STAGES.items()]


def stage_of(ob, file, function_file):
    """By the line's own file, then by that of its function, then by the library; None for helpers."""
    for text in (file, function_file, ob):
        for stage, pattern in PATTERNS:
            if pattern.search(text):
                return stage
    return None


def profile(place, case, rows):
    """Instructions by stage of one whole run."""
    dataset, sink = place.dataset("stages", rows), place.sinks.get(case.sink)
    out, events = place.folder / "callgrind.out", place.folder / "events.json"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--dump-line=yes", "--quiet", place.hlua, case.plan,
               "migrate", "--restart", "--json", "--jobs", "1", "--ledger", str(place.folder / f"stages-{case.name}.db")]
    items = sink.books()[0]
    with open(events, "wb") as stdout:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=subprocess.PIPE, cwd=ROOT,
                              env={**os.environ, **sink.environment, "HLUA_SOURCE": dataset.uri})
    if done.returncode:
        raise Failure(f"{case.name} under valgrind: exit code {done.returncode}\n{done.stderr.decode(errors='replace')[-2000:]}")
    written, counted = summary(events)["rows_written"], sink.books()[0] - items
    if (written, counted) != (rows, rows):
        raise Failure(f"stages: {case.name}: {rows} rows, {written} written, {counted} items counted by the sink")
    return Profile(stage_of).read(out).stages()


def measure(place):
    section = {"few": FEW, "more": MORE, "instructions_per_row": {}}
    try:
        if subprocess.run([ROOT / "scripts/setup", "stages"], stdin=subprocess.DEVNULL).returncode:
            raise Failure("valgrind cannot be installed")
        whole = {}
        for rows in (FEW, MORE):  # the table grows
            for name in CASES:
                say(f"stages: {name}, {rows:,} rows under callgrind")
                whole[name, rows] = profile(place, BY_NAME[name], rows)
        for name in CASES:
            few, more = whole[name, FEW], whole[name, MORE]
            section["instructions_per_row"][name] = {s: (more[s] - few[s]) / (MORE - FEW) for s in STAGES}
        FILE.write_text("\n".join(text(section)) + "\n")
    except Failure as failure:
        section["failed"] = str(failure)
        say(f"FAILED: {failure}")
    return section


def failures(section):
    return [section["failed"]] if "failed" in section else []


def text(section):
    """The lines of the file."""
    costs = section["instructions_per_row"]
    row = "{:<9}" + "{:>11}" * len(costs) + "  {}"
    lines = ["Instructions a row in user space, by callgrind: make bench-stages. stages.py says how they are counted.",
             "Two runs of one program differ by a hundredth where there is Lua, by a thousandth elsewhere.", "",
             row.format("stage", *costs, "").rstrip()]
    for stage, (what, _) in STAGES.items():
        lines.append(row.format(stage, *(f"{max(round(cost[stage]), 0):,}" for cost in costs.values()), what))
    return lines + [row.format("all", *(f"{round(sum(cost.values())):,}" for cost in costs.values()), "").rstrip()]


def table(section):
    if "failed" in section:
        return ["", f"FAILED: stages: {section['failed']}"]
    return ["", *text(section)]
