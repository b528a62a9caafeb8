"""Servers that go away and come back, and a ledger that cannot be written."""
import os
import pwd
import resource
import shutil
import time

import expect
import servers
from expect import Mapping
from place import wait_until
from servers import Endpoint, OwnEngine
from test_kill import MAPPING as LEAF_MAPPING
from test_kill import PLAN as LEAF_PLAN
from test_kill import done_leaves, leaves

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})


def source(place, rows):
    place.sql(f"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, {rows}) i")


def wanted(place, relation="t", mapping=MAPPING):
    return expect.items_of(expect.read(place.db, relation), mapping)[0]


def postgres_goes_away(place, how):
    """Restarted in the middle: exit code 3, and the same command resumes with a new snapshot."""
    leaves(place)
    place.plan(LEAF_PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate", "--wcu", "3000")  # much is left to do while PostgreSQL is being stopped
        wait_until(lambda: len(done_leaves(place)) >= 3, "chunks")
        place.drop_connection()
        place.stage.postgres_restart(how)
        result = running.end()
        assert result.code == 3, result
        assert result.summary["outcome"] == "stopped" and result.event("error")["kind"] == "source"
        place.sql("UPDATE logs SET v = 'later' WHERE id % 100 = 1")
        done = done_leaves(place)
        assert 3 <= len(done) < 200
        result = place.hlua("migrate")
        t = result.table()
        assert (t["snapshots"], t["chunks_done"], t["rows_read"], t["rows_written"]) == (2, 200, 20_000, 20_000), t
        # What changed between the snapshots is there in either form; all else is exact.
        found = {i["PK"]["S"]: expect.plain_item(i) for i in expect.scan(target, "Target")}
        for item in wanted(place, "logs", LEAF_MAPPING):
            other = found.pop(item["PK"]["S"])
            if item["v"]["S"] != "later" or other["v"] == ("S", "later"):
                assert other == expect.plain_item(item)
        assert not found
        assert "2 snapshots" in place.hlua(json=False).error or "2 snapshots" in result.error


def test_postgres_restarted_in_the_middle(place):
    postgres_goes_away(place, "fast")


def test_postgres_crashes_in_the_middle(place):
    postgres_goes_away(place, "immediate")


def test_connection_ended_by_the_administrator(place):
    """One backend is terminated; the server stays."""
    leaves(place)
    place.plan(LEAF_PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 20, "writes")
        place.sql("""SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()""")
        result = running.end()
        assert result.code == 3, result
        result = place.hlua("migrate")
        expect.check(result, target, "Target", wanted(place, "logs", LEAF_MAPPING), LEAF_MAPPING)


def test_no_postgres(place):
    """Nobody listens, a wrong password, no such database, no such relation: exit code 3, or 1 where the plan is wrong."""
    source(place, 1)
    place.plan(PLAN)
    good = place.environment["HLUA_SOURCE"]
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        port = servers.shell("free_port")
        for uri in (f"postgresql://nobody@127.0.0.1:{port}/loans", good + "_absent", good.replace("://hlua:", "://hlua:wrong")):
            place.environment["HLUA_SOURCE"] = uri
            place.hlua("migrate", code=3)
        place.environment["HLUA_SOURCE"] = good
        place.plan(PLAN.replace('"t"', '"absent"'))
        place.hlua("migrate", code=1).says("absent")
        place.plan(PLAN.replace("{id}", "{ident}"))
        place.hlua("migrate", code=1).says("ident", "id")


def test_no_right_to_read(place):
    source(place, 1)
    place.sql("DO $$ BEGIN CREATE ROLE poor LOGIN PASSWORD 'poor'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    place.plan(PLAN)
    place.environment["HLUA_SOURCE"] = place.environment["HLUA_SOURCE"].replace(
        place.stage.uri.split("//")[1].split("@")[0], "poor:poor")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", code=3)
        result.says("permission denied")


def test_a_role_that_may_only_read(place):
    """The source is only read: SELECT is all that a role needs."""
    source(place, 60)
    place.sql("DO $$ BEGIN CREATE ROLE reader LOGIN PASSWORD 'reader'; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    place.sql("GRANT SELECT ON t TO reader; ALTER ROLE reader SET default_transaction_read_only = on")
    place.plan(PLAN)
    place.environment["HLUA_SOURCE"] = place.environment["HLUA_SOURCE"].replace(
        place.stage.uri.split("//")[1].split("@")[0], "reader:reader")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate")
        expect.check(result, target, "Target", wanted(place), MAPPING)
    place.sql("DROP OWNED BY reader")


def test_hostile_settings_of_the_role(place):
    """Time-outs and formats that a server or role sets must not end or bend a read."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, a timestamptz, b bytea, c interval, d float8, e money);
        INSERT INTO t SELECT i, now(), '\\x00ff', interval '1 day 2 hours', 0.1 + 0.2, 3.5 FROM generate_series(1, 500) i""")
    for setting in ("statement_timeout = '300ms'", "idle_in_transaction_session_timeout = '300ms'", "datestyle = 'German, DMY'",
                    "intervalstyle = 'postgres_verbose'", "extra_float_digits = -10", "bytea_output = 'escape'",
                    "timezone = 'Asia/Kolkata'", "lock_timeout = '300ms'", "default_transaction_isolation = 'serializable'",
                    "standard_conforming_strings = off", "quote_all_identifiers = on", "search_path = 'public'"):
        place.sql(f"ALTER ROLE CURRENT_USER IN DATABASE {place.database} SET {setting}")
    place.plan(PLAN)
    with Endpoint("--fault", "op=BatchWriteItem,count=3,what=delay,ms=1000") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate")
        expect.check(result, target, "Target", wanted(place), MAPPING)


def test_dynamodb_killed_and_started_again(place):
    """The run waits, says so, and goes on by itself."""
    source(place, 6000)
    place.plan(PLAN)
    with OwnEngine(place.folder) as engine:
        target = place.target(engine.url)
        running = place.start("migrate")
        exists = lambda: "Target" in target.list_tables()["TableNames"]
        wait_until(lambda: exists() and target.scan(TableName="Target", Limit=1)["Count"], "the first items")
        engine.stop("KILL")
        time.sleep(1.5)
        assert running.alive(), running.end()
        output, _ = running.so_far()
        assert '"waiting' in output, output[-2000:]
        engine.start()
        result = running.end()
        assert result.code == 0, result
        expect.check(result, target, "Target", wanted(place), MAPPING)


def test_dynamodb_is_not_there_at_first(place):
    """Nobody listens when the run begins: it gives up in time, or goes on when the engine comes; it does not hang."""
    source(place, 30)
    place.plan(PLAN)
    port = servers.shell("free_port")
    target = place.target(f"http://127.0.0.1:{port}")
    running = place.start("migrate")
    time.sleep(1)
    with Endpoint("--port", port) as endpoint:
        assert endpoint.port == int(port)
        result = running.end()
        if result.code == 4:
            result = place.hlua("migrate")
        expect.check(result, target, "Target", wanted(place), MAPPING)


# --- the ledger ---


def test_full_disk_for_the_ledger(place):
    """Exit code 8; nothing is called done that was not saved, and with room the same command goes on."""
    leaves(place)
    place.sql("UPDATE logs SET v = NULL WHERE id % 4 = 0")  # rejects fill the ledger
    plan = LEAF_PLAN + 'sort_key = { SK = "{v}" }, max_rejects = 100000,'
    mapping = Mapping({"PK": "{leaf}#{id}"}, {"SK": "{v}"})
    place.plan(plan)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))

    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", code=8, preexec_fn=small_files)
        result.says("ledger")
        done = done_leaves(place)
        assert len(done) < 200
        result = place.hlua("migrate", code=5)
        good, rejects = expect.items_of(expect.read(place.db, "logs"), mapping)
        expect.check(result, target, "Target", good, mapping, rejected=rejects["key-missing"])
        assert len(place.rejects()) == 5000


def test_no_room_for_the_ledger_at_all(place):
    source(place, 10)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", code=8, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
        result.says("ledger")
        assert endpoint.writes() == 0
        assert place.hlua("migrate").counts()[1] == 10


def test_folder_that_cannot_be_written(place):
    """As a user who may only read there; --ledger elsewhere helps."""
    source(place, 10)
    place.plan(PLAN)
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        identity = dict(user=user.pw_uid, group=user.pw_gid, extra_groups=[])
        program = place.folder / "hlua"
        shutil.copy(servers.HLUA, program)  # the checkout may be closed to others
    else:
        identity, program = {}, servers.HLUA
    place.folder.chmod(0o555)
    try:
        with Endpoint() as endpoint:
            place.target(endpoint.url)
            result = place.hlua("migrate", code=8, program=program, **identity)
            result.says("ledger", str(".hlua"))
            assert endpoint.writes() == 0
            elsewhere = place.folder.parent / f"elsewhere-{place.number}"
            elsewhere.mkdir()
            if identity:
                os.chown(elsewhere, identity["user"], identity["group"])
            assert place.hlua("migrate", "--ledger", f"{elsewhere}/l.db", program=program, **identity).counts()[1] == 10
    finally:
        place.folder.chmod(0o755)


def test_file_that_is_no_ledger(place):
    source(place, 10)
    place.plan(PLAN)
    (place.folder / "notes.txt").write_text("not a ledger, but dear to somebody\n" * 100)
    before = (place.folder / "notes.txt").read_bytes()
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.hlua("migrate", "--ledger", "notes.txt", code=8).says("notes.txt")
        place.hlua("migrate", "--ledger", "no-folder/l.db", code=8).says("there is no folder no-folder for the ledger no-folder/l.db", "hint: make it")
        assert not (place.folder / "no-folder").exists()
        assert (place.folder / "notes.txt").read_bytes() == before and endpoint.writes() == 0
