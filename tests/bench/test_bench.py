"""The tests of the bench: tests/bench/run starts what they need and calls them."""
import json
import os
import pathlib
import subprocess
import sys
import traceback

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(HERE.parent / "endpoint")]

import callgrind  # noqa: E402
import client  # noqa: E402
import neighbour  # noqa: E402
import peers  # noqa: E402
import stages  # noqa: E402
from cases import CASES  # noqa: E402
from client import equal  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1])
HLUA, ROWS = os.environ["HLUA"], 1000
TABLE = "LoanApp-IntegrationLogs-bench"
LOGS = "migrations/integration-logs/plan.lua"


class Skip(Exception):
    pass


def bench(code, **settings):
    """Runs scripts/bench; its exit code must be `code`. Returns the result, and what it printed."""
    result = FOLDER / "bench.json"
    result.unlink(missing_ok=True)
    environment = {k: v for k, v in os.environ.items() if k not in ("PEERS", "HLUA_SOURCE")}
    done = subprocess.run(["scripts/bench"], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
                          env={**environment, "BENCH_RESULT": str(result), **settings})
    if done.returncode != code:
        raise AssertionError(f"exit code {done.returncode}, not {code}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    return json.loads(result.read_text()) if result.exists() else None, done.stdout + done.stderr


def check_case(case, rounds):
    name = case["name"]
    equal((name, case.get("failed"), len(case["runs"])), (name, None, rounds))
    for run in case["runs"]:
        if not (run["seconds"] > 0 and run["cpu"] > 0 and run["memory_mb"] > 0 and run["rows"] == case["rows"] > 0):
            raise AssertionError(f"{name}: {run}")
        if not name.startswith("copy"):
            equal((name, run["items"]), (name, run["rows"]))
        for beside, reference in run["beside"].items():
            if not reference["seconds"] > 0:
                raise AssertionError(f"{name} beside {beside}: {reference}")
    for ratio in case["ratios"].values():
        if not 0 < ratio["least"] <= ratio["median"] <= ratio["most"]:
            raise AssertionError(f"{name}: {case['ratios']}")


def test_every_case_of_hlua_writes_every_row():
    result, printed = bench(0, ROWS="3000", RUNS="1", BENCH_SECONDS="1")
    wanted = [case.name for case in CASES if not case.peer]
    equal([case["name"] for case in result["cases"]], wanted)
    for case in result["cases"]:
        check_case(case, 1)
        if not any(line.startswith(case["name"] + " ") for line in printed.splitlines()):
            raise AssertionError(f"{case['name']} is not in the table:\n{printed}")
    rows = {case["name"]: case["rows"] for case in result["cases"]}
    equal((rows["templates"], rows["small"], rows["wide"], rows["big"]), (3000, 3000, 300, 60))
    by_name = {case["name"]: case for case in result["cases"]}
    equal(set(by_name["latency"]["ratios"]), {"copy2", "templates"})
    if by_name["templates"]["client_cpu_ratio_to_copy2"]["median"] <= 0 or not 19000 < by_name["big"]["item_bytes"] < 22000:
        raise AssertionError(f"{by_name['templates']} {by_name['big']}")
    equal(result["rows"], 3000)
    shown = (FOLDER / "bench.md").read_text()
    if any(f"\n| {name} | " not in shown for name in wanted) or "- unlimited: " not in shown:
        raise AssertionError(shown)
    equal([variant["name"] for variant in result["neighbour"]["variants"]], ["unlimited", "max_source_load"])
    for variant in result["neighbour"]["variants"]:
        if not variant["p99_ms_alone"] > 0 or not variant["p99_ms_during"] > 0:
            raise AssertionError(f"{variant}")


def test_rounds_alternate_and_the_median_is_theirs():
    result, _ = bench(0, ROWS="2000", RUNS="3", CASES="templates,lua8")
    equal([case["name"] for case in result["cases"]], ["templates", "lua8"])
    for case in result["cases"]:
        check_case(case, 3)
        ratios = sorted(run["rows"] / run["seconds"] / (run["beside"]["copy2"]["rows"] / run["beside"]["copy2"]["seconds"])
                        for run in case["runs"])
        found = case["ratios"]["copy2"]
        equal((found["least"], found["median"], found["most"]), tuple(ratios))


def test_the_scale_grows():
    result, _ = bench(0, RUNS="1", CASES="scale", SCALE="500 2000")
    equal([size["rows"] for size in result["scale"]["sizes"]], [500, 2000])
    for size in result["scale"]["sizes"]:
        check_case(size, 1)


def test_the_services_limits():
    result, printed = bench(0, RUNS="1", CASES="service", SERVICE="6000")
    section = result["service"]
    equal((section["rows"], [program["name"] for program in section["programs"]]), (6000, ["hlua"]))
    run = section["programs"][0]["runs"][0]
    if not 6000 / 4000 - 1 <= section["least_seconds"] < run["seconds"] or not run["predicted"] > 0 or not 0 <= run["refused"] < 1:
        raise AssertionError(f"{section}")
    ratio = section["programs"][0]["of_limit"]
    equal((len(section["programs"][0]["runs"]), round(ratio["median"], 6)), (1, round(section["least_seconds"] / run["seconds"], 6)))
    shown = (FOLDER / "bench.md").read_text()
    if "- hlua: " not in shown or "`rehearse` had said" not in shown or "of the limit" not in printed:
        raise AssertionError(f"{shown}\n{printed}")


def test_lost_rows_are_a_failure():
    """An hlua that writes two thirds and claims the whole is found out by the sink's count; one that admits it, by that."""
    for name, claim in (("liar", "3000"), ("admits", "2000")):
        program = FOLDER / name
        program.write_text(f"""#!/bin/bash
case " $* " in
    *" migrate "*) "{HLUA}" "$@" --limit 2000 | sed -E 's/"rows_(read|written)":2000/"rows_\\1":{claim}/g' ;;
    *) exec "{HLUA}" "$@" ;;
esac
""")
        program.chmod(0o755)
        result, printed = bench(1, ROWS="3000", RUNS="2", CASES="templates", HLUA=str(program))
        failed = result["cases"][0]["failed"]
        if "2000" not in failed or "3000" not in failed or "FAILED" not in printed or "runs" in result["cases"][0]:
            raise AssertionError(f"{result['cases'][0]}\n{printed}")


def test_a_program_that_fails_is_a_failure():
    result, printed = bench(1, ROWS="100", RUNS="1", CASES="copy1,templates", HLUA=str(failing()))
    equal(["failed" in case for case in result["cases"]], [False, True])
    if "exit code 3" not in printed:
        raise AssertionError(printed)


def failing():
    program = FOLDER / "fails"
    program.write_text(f'#!/bin/bash\ncase " $* " in *" migrate "*) exit 3 ;; *) exec "{HLUA}" "$@" ;; esac\n')
    program.chmod(0o755)
    return program


def test_cases_are_known_by_name():
    _, printed = bench(1, CASES="templates,nonsense")
    if "no case nonsense; there are copy2, copy1, templates" not in printed:
        raise AssertionError(printed)
    _, printed = bench(1, CASES="go")
    if "PEERS=1" not in printed:
        raise AssertionError(printed)
    bench(2, ROWS="many")


def test_a_percentile_is_a_value_that_was_there():
    equal([neighbour.percentile(list(range(1, 101)), part) for part in (0.5, 0.99, 1)], [50, 99, 100])
    equal(neighbour.percentile([7.5], 0.99), 7.5)


def test_instructions_are_told_apart_and_add_up():
    """A profile by hand: a stage calls a helper and a library; the library calls itself in a circle; names are told once."""
    profile = FOLDER / "callgrind.out"
    profile.write_text("""# callgrind format
events: Ir
ob=(1) /x/hlua
fl=(1) src/mapping/machine.c
fn=(1) machine_map
10 100
fi=(2) src/base/json.c
20 50
fe=(1)
cob=(1)
cfi=(3) src/base/buffer.c
cfn=(2) buffer_append
calls=3 5
11 30
cob=(2) /lib/libc.so.6
cfi=(4) ???
cfn=(3) memcpy
calls=1 0
12 10

fl=(3)
fn=(2)
5 20
cob=(2)
cfi=(4)
cfn=(3)
calls=2 0
+1 30

fl=(5) src/aws/http.c
fn=(4) http_send
7 5
cob=(1)
cfi=(3)
cfn=(2)
calls=1 5
+2 10

ob=(2)
fl=(4)
fn=(3)
0 30
cfn=(5) memcpy_inner
calls=1 0
0 10

fn=(5)
0 10
cfn=(3)
calls=1 0
0 4

ob=(3) /lib/libpq.so.5
fl=(4)
fn=(6) PQgetResult
0 40

ob=(4) /lib/ld.so
fl=(4)
fn=(7) start
0 3
""")
    found = callgrind.Profile(stages.stage_of).read(profile).stages()
    equal(round(sum(found.values()), 3), 258.0)
    equal({name: found[name] for name in ("json", "libpq", "other")}, {"json": 50, "libpq": 40, "other": 3})
    # The helper's 20 are called for 30 and 10; what it calls of memcpy goes the same ways.
    equal([round(found[name], 2) for name in ("mapping", "http")], [147.5, 17.5])


# --- the same items ---


def moved(*commands):
    """What a store holds after the commands, in an order of its own; {place} in one stands for a ledger."""
    with client.Endpoint(str(ROOT / "build/endpoint"), "--mode", "store") as store:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | {
            "ENVIRONMENT": "bench", "AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{store.port}", "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}
        for command in commands:
            done = subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True)
            if done.returncode:
                raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stderr[-3000:]}")
        found = client.canonical(client.pages(store, "Scan", {"TableName": TABLE}))
    equal(len(found), ROWS)
    return found


def of_hlua(plan):
    ledger = FOLDER / "items.db"
    for file in FOLDER.glob("items.db*"):
        file.unlink()
    return moved([HLUA, plan, "migrate", "--ledger", str(ledger)])


def same(found, wanted):
    for one, other in zip(found, wanted):
        equal(json.loads(one), json.loads(other))


def test_other_plans_make_the_items_of_templates():
    wanted = of_hlua(LOGS)
    for name in ("lua8", "functions", "map", "sparing"):
        same(of_hlua(f"tests/bench/plans/{name}.lua"), wanted)


def test_peers_make_the_items_of_templates():
    if os.environ.get("PEERS") != "1":
        raise Skip("only with PEERS=1")
    wanted = of_hlua(LOGS)
    for name in peers.COMMANDS:
        same(moved([HLUA, LOGS, "create"], peers.command(name, ROWS)), wanted)


def test_peers_lose_no_row():
    if os.environ.get("PEERS") != "1":
        raise Skip("only with PEERS=1")
    result, printed = bench(0, ROWS="3000", RUNS="1", CASES="boto3,go", PEERS="1")
    for case in result["cases"]:
        check_case(case, 1)
    for name in ("boto3", "psycopg", "aws-sdk-go-v2", "pgx"):
        if name not in result["versions"] or f"{name} {result['versions'][name]}" not in printed:
            raise AssertionError(f"{name} has no version in {printed}")


def main():
    tests = [(name[len("test_"):].replace("_", " "), test) for name, test in globals().items() if name.startswith("test_")]
    failed = False
    print(f"1..{len(tests)}")
    for number, (label, test) in enumerate(tests, 1):
        note, problem = "", ""
        try:
            test()
        except Skip as skip:
            note = f" # SKIP {skip}"
        except Exception:
            problem = traceback.format_exc()
        print(f"{'not ok' if problem else 'ok'} {number} - {label}{note}", flush=True)
        for line in problem.splitlines():
            print(f"# {line}", flush=True)
        failed |= bool(problem)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
