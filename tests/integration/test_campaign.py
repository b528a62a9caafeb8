"""Random plans over random tables, each from a seed: what arrives, what is rejected and why, and the sums, compared with what
Python makes of the same rows by lua/REFERENCE.md alone (campaign/). A failure prints the seed, the plan and the first difference.

SEEDS says which: SEEDS=17, SEEDS=1-50. `make campaign` runs fifty. The seed alone repeats all."""
import os
import random

import expect
from campaign import columns, outcome
from campaign.plans import random_plan
from place import wait_until
from servers import SANITIZER, Endpoint

FIRST, _, LAST = (os.environ.get("SEEDS") or "1-5").partition("-")
ROWS = 40 if SANITIZER else 150


def prepare(place, seed, name=str, simple=False):
    """(the plan, what must become of it). `name` makes names of targets."""
    plan = random_plan(random.Random(seed), ROWS, simple)
    for target in plan.targets():
        target.name = name(target.name)
    place.sql(columns.CREATE_TYPES)
    for source in plan.sources():
        source.create(place)
    return plan, outcome.outcomes(plan, place)


def finish(place, target, plan, wanted, ledger, jobs):
    """Runs the plan to its end, and compares all that is left of it."""
    rejected = any(out.rejected for out in wanted.values())
    result = place.hlua("migrate", "--ledger", ledger, "--jobs", jobs, code=5 if rejected else 0)
    outcome.compare_rejects(place.rejects("--ledger", ledger), wanted)
    for t in plan.targets():
        outcome.compare_items(expect.scan(target, t.name), t, [i for out in wanted.values() for i in out.items])
    for name, out in wanted.items():
        right = outcome.sums(out)
        told = {k: v for k, v in result.table(name).items() if k in right}
        assert told == right, f"{name}: the summary says {told}, right is {right}"


def killed(place, target, endpoint, plan, wanted):
    """kill -9 after some writes, and again; then to the end."""
    for _ in range(2):
        begin = endpoint.writes()
        running = place.start("migrate", "--ledger", "killed.db", "--jobs", "2")
        wait_until(lambda: endpoint.writes() > begin + 2 or not running.alive(), "writes")
        running.kill()
        running.end()
    finish(place, target, plan, wanted, "killed.db", "2")


def run_seed(place, seed):
    plan, wanted = prepare(place, seed)
    place.plan(*(t.lua() for t in plan.tables), name=f"seed-{seed}", more=plan.more)
    try:
        for jobs in "1", "4":
            with Endpoint() as endpoint:
                finish(place, place.target(endpoint.url), plan, wanted, f"jobs{jobs}.db", jobs)
        if seed % 3 == 0:
            with Endpoint("--latency-ms", "5") as endpoint:
                killed(place, place.target(endpoint.url), endpoint, plan, wanted)
    except AssertionError as problem:
        text = (place.folder / "plan.lua").read_text()
        raise AssertionError(f"SEEDS={seed} repeats this:\n{text}\nSEEDS={seed}: {problem}") from None


def test_on_dynoxide(place):
    """Another implementation of DynamoDB takes what the store takes."""
    plan, wanted = prepare(place, int(FIRST), place.unique, simple=True)
    place.plan(*(t.lua() for t in plan.tables), more=plan.more)
    finish(place, place.target(place.stage.engine("dynoxide")), plan, wanted, "plan.db", "2")


for _seed in range(int(FIRST), int(LAST or FIRST) + 1):
    globals()[f"test_seed_{_seed}"] = lambda place, seed=_seed: run_seed(place, seed)
