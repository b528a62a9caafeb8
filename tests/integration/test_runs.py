"""How runs are told apart, stopped, watched and taken up again."""
import json
import os
import signal
import stat
import time

import expect
import servers
from expect import Mapping
from place import wait_until
from servers import Endpoint
from test_kill import MAPPING as LEAF_MAPPING
from test_kill import PLAN as LEAF_PLAN
from test_kill import done_leaves, leaves

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})
SUMMARY_FIELDS = ["name", "from", "to", "rows_read", "rows_written", "rows_rejected", "rows_filtered", "rows_superseded",
                  "items_written", "bytes", "write_units", "seconds"]


def source(place, rows=200):
    place.sql(f"""CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT i, repeat(md5(i::text), 4) FROM generate_series(1, {rows}) i""")


def wanted(place, relation="t", mapping=MAPPING):
    return expect.items_of(expect.read(place.db, relation), mapping)[0]


def test_events_of_a_run(place):
    """Each line is JSON; the last is the summary, whose fields are a contract; the ledger is its owner's alone."""
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        for arguments in (("migrate",), ("--restart",)):
            result = place.hlua(*arguments)
            events = [json.loads(line) for line in result.output.splitlines()]
            assert events[-1]["event"] == "summary" and {"progress", "summary"} <= {e["event"] for e in events}
            t = events[-1]["tables"][0]
            assert list(t)[:12] == SUMMARY_FIELDS, list(t)
            assert isinstance(t["seconds"], float) and all(isinstance(t[k], int) for k in SUMMARY_FIELDS[3:11])
            assert (t["name"], t["from"], t["to"]) == ("Target", "t", "Target")
        progress = next(e for e in events if e["event"] == "progress")
        assert {"state", "detail", "elapsed_seconds", "tables"} <= set(progress)
        assert {"name", "done", "rows_read", "items_per_second", "units_per_second", "in_flight", "retries", "rows_rejected",
                "eta_seconds"} <= set(progress["tables"][0])
        assert stat.S_IMODE(os.stat(place.ledger).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(place.ledger.parent).st_mode) == 0o700


def test_closing_screen(place):
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        text = place.hlua(json=False)
        text = text.output + text.error
        assert "200 rows read = 200 written + 0 rejected + 0 filtered + 0 superseded" in " ".join(text.split()), text
        for word in ("200 items", "write units", "done"):
            assert word in text, text


def test_finished_plan_again_writes_nothing(place):
    source(place)
    place.plan(PLAN)
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        first = place.hlua("migrate")
        place.sql("UPDATE t SET v = 'changed'")
        before = len(endpoint.logged())
        again = place.hlua("migrate")
        assert again.summary["outcome"] == "already done" and again.counts() == first.counts() == (200, 200, 0, 0, 0)
        assert {r["op"] for r in endpoint.logged()[before:]} <= {
            "DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource", "Scan"}
        expect.check(place.hlua("migrate", "--restart"), target, "Target", wanted(place), MAPPING)


def test_dry_run_writes_nothing(place):
    source(place)
    place.sql("INSERT INTO t VALUES (1000, NULL)")
    place.plan(PLAN.replace("attributes", 'sort_key = { SK = "{v}" }, attributes'))
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", "--dry-run", code=5)
        assert result.counts() == (201, 200, 1, 0, 0) and result.summary["dry_run"] is True
        assert target.list_tables()["TableNames"] == []
        assert not [r for r in endpoint.logged() if not r["op"].startswith(("Describe", "List"))]
        assert not place.ledger.exists()
        assert place.hlua("status").event("status")["state"] == "not started"


def test_where_and_limit_are_runs_of_their_own(place):
    source(place, 1000)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        part = place.hlua("migrate", "--where", "id <= 100")
        assert part.counts() == (100, 100, 0, 0, 0)
        assert place.hlua("status", "--where", "id <= 100").event("status")["state"] == "finished"
        assert place.hlua("status").event("status")["state"] == "not started"
        some = place.hlua("migrate", "--limit", "7")
        assert some.counts() == (7, 7, 0, 0, 0)
        both = place.hlua("migrate", "--limit", "3", "--where", "id > 990")
        assert both.counts() == (3, 3, 0, 0, 0)
        expect.check(place.hlua("migrate"), target, "Target", wanted(place), MAPPING)
        before = endpoint.writes()
        assert place.hlua("migrate", "--where", "id <= 100").summary["outcome"] == "already done"
        assert endpoint.writes() == before


def test_limit_of_a_partitioned_table(place):
    leaves(place, leaves=4, rows=50)
    place.plan(LEAF_PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        assert place.hlua("migrate", "--limit", "120").counts() == (120, 120, 0, 0, 0)


def test_interrupt_and_resume(place):
    """SIGINT: what is in flight is finished and saved, exit code 130; the same command goes on."""
    leaves(place)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "50") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate", "--jobs", "1")
        wait_until(lambda: len(done_leaves(place)) >= 2, "two chunks")
        running.kill(signal.SIGINT)
        result = running.end()
        assert result.code == 130, result
        assert result.summary["outcome"] == "stopped" and 2 <= result.table()["chunks_done"] < result.table()["chunks"]
        status = place.hlua("status").event("status")
        assert status["state"] == "stopped" and status["tables"][0]["chunks_done"] == result.table()["chunks_done"]
        place.sql("UPDATE logs SET v = v WHERE id = 1")  # or the next snapshot would be the same
        result = place.hlua("migrate")
        assert result.summary["resumes"] == 1 and result.table()["snapshots"] == 2, result
        expect.check(result, target, "Target", wanted(place, "logs", LEAF_MAPPING), LEAF_MAPPING)


def test_second_interrupt_leaves_at_once(place):
    """While the target hangs, the first SIGINT waits for what is in flight and the second does not."""
    source(place, 2000)
    place.plan(PLAN)
    with Endpoint("--fault", "op=BatchWriteItem,from=10,what=delay,ms=60000") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 12, "writes that hang")
        running.kill(signal.SIGINT)
        time.sleep(0.5)
        assert running.alive(), running.end()
        begin = time.monotonic()
        running.kill(signal.SIGINT)
        assert running.end().code == 130 and time.monotonic() - begin < 5 * servers.SLOW
        endpoint.faults()
        expect.check(place.hlua("migrate"), target, "Target", wanted(place), MAPPING)


def test_status_and_a_second_run_while_one_works(place):
    source(place, 2000)
    place.plan(PLAN)
    with Endpoint("--fault", "op=BatchWriteItem,from=10,what=delay,ms=1500") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 12, "writes")
        status = place.hlua("status").event("status")
        assert status["state"] == "running" and status["owner_pid"] == running.process.pid, status
        text = place.hlua("status", json=False)
        assert str(running.process.pid) in text.output + text.error
        assert text.output.endswith("to see what it is doing:  hlua plan.lua control status\n"), text.output
        place.hlua("migrate", code=8).says(str(running.process.pid))
        place.hlua("migrate", "--restart", code=8)
        assert running.alive()
        endpoint.faults()
        result = running.end()
        assert result.code == 0, result
        expect.check(result, target, "Target", wanted(place), MAPPING)
        status = place.hlua("status").event("status")
        assert status["state"] == "finished" and status["owner_pid"] is None


def test_changed_identity_refuses_to_resume(place):
    """It says what changed; what means nothing for the items (a limit, the source's address) changes nothing."""
    leaves(place, leaves=60, rows=100)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: done_leaves(place), "a chunk")
        running.kill()
        running.end()
        done = done_leaves(place)
        place.plan(LEAF_PLAN.replace("hlua.columns {}", 'hlua.columns {}, Extra = "x"'))
        place.hlua("migrate", code=1).says("Extra", "--restart")
        place.plan(LEAF_PLAN + 'where = "id > 0",')
        place.hlua("migrate", code=1).says("where", "id > 0")
        place.plan(LEAF_PLAN)
        place.sql("ALTER TABLE logs ADD COLUMN more int")
        place.hlua("migrate", code=1).says("more")
        place.sql("ALTER TABLE logs DROP COLUMN more")
        with Endpoint() as other:
            place.target(other.url)
            place.hlua("migrate", code=1).says("endpoint", str(other.port))
            assert other.counts()["operations"].get("CreateTable") is None
        assert done_leaves(place) == done
        place.target(endpoint.url)
        place.plan(LEAF_PLAN + "max_rejects = 17,")
        place.environment["HLUA_SOURCE"] = place.environment["HLUA_SOURCE"].replace("127.0.0.1", "localhost")
        result = place.hlua("migrate", "--jobs", "1")
        expect.check(result, target, "Target", wanted(place, "logs", LEAF_MAPPING), LEAF_MAPPING)


def test_restart_begins_again(place):
    leaves(place, leaves=60, rows=100)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: done_leaves(place), "a chunk")
        running.kill(signal.SIGINT)
        assert running.end().code == 130
        place.sql("UPDATE logs SET v = 'new'")
        result = place.hlua("migrate", "--restart")
        assert result.summary["resumes"] == 0 and result.table()["snapshots"] == 1
        expect.check(result, target, "Target", wanted(place, "logs", LEAF_MAPPING), LEAF_MAPPING)


def test_changed_rows_while_it_reads(place):
    """One snapshot: what others write meanwhile is not seen."""
    leaves(place, leaves=6, rows=500)
    place.plan(LEAF_PLAN)
    before = wanted(place, "logs", LEAF_MAPPING)
    with Endpoint("--latency-ms", "4") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 3, "writes")
        place.sql("UPDATE logs SET v = 'later'; DELETE FROM logs WHERE id % 3 = 0; INSERT INTO logs VALUES (100000, 1, 'new')")
        result = running.end()
        assert result.code == 0
        expect.check(result, target, "Target", before, LEAF_MAPPING)


def test_no_secret_is_told(place):
    source(place, 10)
    place.plan(PLAN)
    secret = place.stage.uri.split(":")[2].split("@")[0]
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        results = [place.hlua("migrate"), place.hlua("status"), place.hlua("check", "--offline")]
        place.environment["HLUA_SOURCE"] = place.environment["HLUA_SOURCE"].replace("@127.0.0.1", "wrong@127.0.0.1")
        results.append(place.hlua("migrate", "--restart", code=3))
        ledger = b"".join(p.read_bytes() for p in place.ledger.parent.iterdir())
        for text in [r.output + r.error for r in results] + [ledger.decode(errors="replace")]:
            assert secret not in text and servers.SECRET not in text


def test_says_where_it_reads_and_writes(place):
    """The first lines of what works: the server and its database, the endpoint; no password."""
    leaves(place, leaves=2)
    place.plan(LEAF_PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.environment["PGPASSWORD"] = "hunter2"
        source, target = f"database {place.database}, host ", f"to DynamoDB: region {servers.REGION}, {endpoint.url}"
        for command, named in (["migrate", "--dry-run"], [source]), (["create"], [target]), (["migrate"], [source, target]):
            result = place.hlua(*command, json=False)
            at = [(result.output + result.error).find(text) for text in named]
            assert min(at) >= 0 and at == sorted(at) and "hunter2" not in str(result), (command, result)
