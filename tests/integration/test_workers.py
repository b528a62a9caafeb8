"""Several workers at once: what the thread sanitizer runs. Everything that threads share is passed here: chunks, counters,
keys in flight, the ledger, waits, failures, interrupts."""
import signal

import expect
from expect import Mapping
from place import wait_until
from servers import Endpoint
from test_kill import MAPPING as LEAF_MAPPING
from test_kill import PLAN as LEAF_PLAN
from test_kill import done_leaves, leaves

JOBS = ("--jobs", "4")


def wanted(place, relation="logs", mapping=LEAF_MAPPING):
    return expect.items_of(expect.read(place.db, relation), mapping)


def test_many_chunks(place):
    leaves(place, leaves=60, rows=100)
    place.plan(LEAF_PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS)
        expect.check(result, target, "Target", wanted(place)[0], LEAF_MAPPING)


def test_several_tables_with_faults(place):
    leaves(place, leaves=30, rows=60)
    place.sql("CREATE TABLE other (id int PRIMARY KEY, v text); INSERT INTO other SELECT i, 'o' FROM generate_series(1, 2000) i")
    place.plan(LEAF_PLAN, """from = "other", to = "Other", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
    faults = ["what=unprocessed,keep=5,every=31,count=4", "what=throttle,every=41,count=4", "what=5xx,every=13,count=9",
              "what=cut,every=17,count=5", "what=delay,ms=20,every=5"]
    with Endpoint(*(o for f in faults for o in ("--fault", "op=BatchWriteItem," + f))) as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS)
        expect.check(result, target, "Target", wanted(place)[0], LEAF_MAPPING)
        mapping = Mapping({"PK": "{id}"})
        expect.check(result, target, "Other", wanted(place, "other", mapping)[0], mapping)


def test_one_key_from_all_sides(place):
    """Rows of all chunks fall on a few keys: never two in flight, all counted."""
    leaves(place, leaves=40, rows=25)
    place.plan(LEAF_PLAN.replace("{leaf}#{id}", "k{leaf:shard(3)}"))
    with Endpoint("--latency-ms", "1") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS)
        assert result.counts() == (1000, 1000, 0, 0, 0)
        assert len([*expect.scan(target, "Target")]) <= 3


def test_rejects_of_every_worker(place):
    leaves(place, leaves=40, rows=50)
    place.sql("UPDATE logs SET v = NULL WHERE id % 10 = 0; UPDATE logs SET v = 'poison' WHERE id % 100 = 1")
    plan = LEAF_PLAN.replace("partition_key", 'columns = { n = "100 / (id - 777)" }, sort_key = { SK = "{v}" }, partition_key')
    place.plan(plan)
    with Endpoint("--fault", "what=refuse,match=poison") as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS, code=5)
        reasons = {}
        for r in place.rejects():
            reasons[r["reason"]] = reasons.get(r["reason"], 0) + 1
        assert reasons == {"key-missing": 200, "target": 20, "source": 1}, reasons
        assert result.counts() == (2000, 2000 - 221, 221, 0, 0)


def test_interrupt_and_resume(place):
    leaves(place, leaves=200, rows=60)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate", *JOBS)
        wait_until(lambda: done_leaves(place), "a chunk")
        running.kill(signal.SIGINT)
        assert running.end().code == 130
        result = place.hlua("migrate", *JOBS)
        expect.check(result, target, "Target", wanted(place)[0], LEAF_MAPPING)


def test_too_many_rejects_stop_all(place):
    leaves(place, leaves=40, rows=50)
    place.sql("UPDATE logs SET v = NULL")
    place.plan(LEAF_PLAN + 'sort_key = { SK = "{v}" }, max_rejects = 20,')
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS, code=5)
        assert result.summary["outcome"] == "stopped" and result.event("error")["exit"] == 5


def test_denied_in_the_middle(place):
    leaves(place, leaves=40, rows=50)
    place.plan(LEAF_PLAN)
    with Endpoint("--fault", "op=BatchWriteItem,from=30,what=error,type=AccessDeniedException,status=400") as endpoint:
        target = place.target(endpoint.url)
        place.hlua("migrate", *JOBS, code=4)
        endpoint.faults()
        expect.check(place.hlua("migrate", *JOBS), target, "Target", wanted(place)[0], LEAF_MAPPING)


def test_connections_lost_in_the_middle(place):
    leaves(place, leaves=200, rows=60)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate", *JOBS)
        wait_until(lambda: endpoint.writes() > 20, "writes")
        place.sql("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()""")
        assert running.end().code == 3
        expect.check(place.hlua("migrate", *JOBS), target, "Target", wanted(place)[0], LEAF_MAPPING)


def test_a_large_table(place):
    place.sql("""CREATE TABLE large AS SELECT i AS id, md5(i::text) AS v FROM generate_series(1, 60000) i;
        ALTER TABLE large ADD PRIMARY KEY (id); ANALYZE large""")
    place.plan("""from = "large", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", *JOBS)
        assert result.counts() == (60_000, 60_000, 0, 0, 0)
        assert target.describe_table(TableName="Target")["Table"]["ItemCount"] == 60_000
