"""rejects --retry: rejected rows read again by their keys, mapped as the plan is today, written; rejects --export."""
import contextlib
import json
import os
import re
import sqlite3

import expect
from place import wait_until
from servers import ROOT, Endpoint

FIRST = 'from = "t", to = "Target", partition_key = { PK = "{k}" }, attributes = { hlua.columns {} },'
MENDED = '''from = "t", to = "Target", partition_key = { PK = hlua.S(function(row) return row.k or "none-" .. row.id end) },
    attributes = { hlua.columns {} },'''
TEXTS = "CREATE TABLE t (id int PRIMARY KEY, k text); INSERT INTO t SELECT i, CASE WHEN i % %d > 0 THEN i::text END " \
    "FROM generate_series(1, %d) i"


def texts(place, every, rows):
    """Each `every`th of the rows has no key."""
    place.sql(TEXTS.replace("% %d", f"%% {every}", 1).replace("%d", str(rows)).replace("%%", "%"))


def retry(place, code=0, arguments=()):
    """The event of a retry."""
    result = place.hlua("rejects", "--retry", *arguments, code=code)
    return result.event("retry")


def counts(table):
    return tuple(table[name] for name in ("rows_read", "rows_written", "rows_rejected", "rows_filtered", "gone"))


def status(place, *arguments):
    s = place.hlua("status", *arguments).event("status")
    for t in s["tables"]:
        assert t["rows_read"] == sum(t["rows_" + w] for w in ("written", "rejected", "filtered", "superseded")), s
    return s


def written(target):
    return {item["PK"]["S"] for item in expect.scan(target, "Target")}


def test_a_changed_mapping_mends_them(place):
    """Told as changed, written, counted; the run stays finished, and goes on refusing the changed plan without --restart."""
    texts(place, 10, 2000)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
        before = endpoint.writes()
        event = retry(place, code=5)  # nothing was mended
        assert counts(event["tables"][0]) == (200, 0, 200, 0, 0) and event["left"] == 200 and not event["mapping_changed"]
        assert endpoint.writes() == before and len(place.rejects()) == 200
        place.plan(MENDED)
        event = retry(place)
        assert counts(event["tables"][0]) == (200, 200, 0, 0, 0) and event["left"] == 0 and event["mapping_changed"]
        assert event["tables"][0]["items_written"] == 200 and event["exit"] == 0
        assert len(written(target)) == 2000 and "none-10" in written(target)
        assert place.rejects() == []
        s = status(place)
        assert s["state"] == "finished" and s["rejects"] == 0
        assert (s["tables"][0]["rows_written"], s["tables"][0]["items_written"]) == (2000, 2000)
        assert [(r["mapping_changed"], r["rows_written"], r["rows_rejected"]) for r in s["retries"]] == [
            (False, 0, 200), (True, 200, 0)]
        assert all(r["ended"] for r in s["retries"])
        text = place.hlua("status", json=False)
        assert "the mapping had changed" in text.output + text.error
        before = endpoint.writes()
        event = retry(place)  # nothing is listed: nothing is asked
        assert event["tables"] == [] and endpoint.writes() == before
        place.hlua("migrate", code=1).says("has changed since the run began", "--restart")


def test_rows_mended_in_the_source(place):
    """Some mended, some as they were, one gone, one filtered by today's map; then the last ones."""
    texts(place, 100, 1000)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan('''from = "t", to = "Target", partition_key = { PK = hlua.S },
            map = function(row) if row.k == "none" then return nil end return { PK = row.k, id = row.id } end,''')
        assert place.hlua("migrate", code=5).counts() == (1000, 990, 10, 0, 0)
        place.sql("UPDATE t SET k = 'mended-' || id WHERE id IN (100, 200, 300); UPDATE t SET k = 'none' WHERE id = 400;"
                  "DELETE FROM t WHERE id = 500")
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (9, 3, 5, 1, 1) and event["left"] == 6
        rejects = {r["key"]: r for r in place.rejects()}
        assert set(rejects) == {f"id={i}" for i in range(500, 1001, 100)}
        assert rejects["id=500"]["reason"] == "gone" and "not have this row any more" in rejects["id=500"]["message"]
        assert "PK" in rejects["id=500"]["message"]  # what it was is not forgotten
        assert rejects["id=600"]["reason"] == "key-missing"
        assert {"mended-100", "mended-200", "mended-300"} <= written(target)
        t = status(place)["tables"][0]
        assert (t["rows_read"], t["rows_written"], t["rows_rejected"], t["rows_filtered"]) == (1000, 993, 6, 1)
        place.sql("INSERT INTO t VALUES (500, 'back'); UPDATE t SET k = id::text WHERE k IS NULL")
        event = retry(place)
        assert counts(event["tables"][0]) == (6, 6, 0, 0, 0) and event["left"] == 0
        assert "back" in written(target) and len(written(target)) == 999
        assert place.hlua("migrate").summary["outcome"] == "already done"


def test_a_gone_row_is_told_once(place):
    texts(place, 5, 5)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
        place.sql("DELETE FROM t WHERE id = 5")
        retry(place, code=5)
        first = place.rejects()[0]["message"]
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (0, 0, 0, 0, 1) and place.rejects()[0]["message"] == first
        result = place.hlua("rejects", "--retry", code=5, json=False)
        assert "1 row is not in the source any more" in result.output + result.error


def test_only_the_mapping_may_have_changed(place):
    texts(place, 10, 100)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
        for lua, word in ((FIRST.replace('to = "Target"', 'to = "Other"'), "to"),
                          (FIRST.replace('from = "t"', 'from = "t", where = "id > 5"'), "where"),
                          (FIRST.replace("PK =", "PQ ="), "partition_key")):
            place.plan(lua)
            result = place.hlua("rejects", "--retry", code=1)
            result.says("more than the mapping has changed", word, "--restart")
            assert "attributes." not in result.error
        place.plan(FIRST.replace("hlua.columns {}", 'hlua.columns {}, More = "x"'))
        assert retry(place, code=5)["mapping_changed"]
        assert len(status(place)["retries"]) == 1  # what was refused is not recorded


KEYS = {
    "text": ("text", "'it''s \"q\" \\ é' || i"),
    "char": ("char(12)", "'c ' || i"),
    "uuid": ("uuid", "md5(i::text)::uuid"),
    "numeric": ("numeric", "i + 0.250"),
    "float4": ("real", "i / 3.0"),
    "float8": ("double precision", "i / 3.0"),
    "bytea": ("bytea", "decode(md5(i::text), 'hex')"),
    "date": ("date", "CASE i WHEN 2 THEN 'infinity' WHEN 4 THEN '-infinity' ELSE '2024-01-01'::date + i END"),
    "time": ("time", "'10:00:00.5'::time + i * interval '1 second'"),
    "timestamp": ("timestamp", "CASE i WHEN 2 THEN 'infinity' ELSE '2024-01-01 00:00:00.123456'::timestamp + i * interval '1 day' END"),
    "timestamptz": ("timestamptz", "'2024-01-01 00:00:00.5+01'::timestamptz + i * interval '1 day'"),
    "boolean": ("boolean", "i > 2"),
    "enum": ("mood", "(ARRAY['sad', 'ok', 'happy', 'so so'])[i]::mood"),
    "interval": ("interval", "i * interval '36 hours'"),
    "inet": ("inet", "'10.0.0.0'::inet + i"),
    "jsonb": ("jsonb", "jsonb_build_object('a', i)"),
}


def test_keys_of_all_types(place):
    """A row is found again by its key, whatever the type; an array's cannot be asked for, which is told."""
    place.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'so so')")
    tables = []
    for name, (kind, value) in KEYS.items():
        place.sql(f"CREATE TABLE k_{name} (key {kind}, n int, v text, PRIMARY KEY (key, n));"
                  f"INSERT INTO k_{name} SELECT {value}, i, NULL FROM generate_series(1, 4) i")
        tables.append(f'name = "{name}", from = "k_{name}", to = "Target", partition_key = {{ PK = "{name}#{{n}}" }}, '
                      'sort_key = { SK = "{v}" },')
    place.sql("CREATE TABLE k_array (key int[] PRIMARY KEY, n int, v text); INSERT INTO k_array VALUES ('{1,2}', 1, NULL)")
    tables.append('name = "array", from = "k_array", to = "Target", partition_key = { PK = "array#{n}" }, sort_key = { SK = "{v}" },')
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*tables, more='time_zone = "Europe/Madrid",')
        place.hlua("migrate", code=5)
        for name in KEYS:
            place.sql(f"UPDATE k_{name} SET v = 'mended'")
        event = retry(place, code=5)
        assert {t["name"]: counts(t) for t in event["tables"]} == {
            **{name: (4, 4, 0, 0, 0) for name in KEYS}, "array": (0, 0, 0, 0, 0)}, event
        assert event["tables"][-1]["unknown"] == 1 and event["left"] == 1
        assert len([*expect.scan(target, "Target")]) == 4 * len(KEYS)


def test_without_a_key(place):
    place.sql("CREATE TABLE t (id int, k text); INSERT INTO t VALUES (1, 'a'), (2, NULL)")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
        event = retry(place, code=5)
        assert event["tables"][0]["unknown"] == 1 and event["tables"][0]["rows_read"] == 0
        result = place.hlua("rejects", "--retry", code=5, json=False)
        assert "--restart" in result.output + result.error
        assert status(place)["retries"] == []


def test_rows_that_the_server_cannot_give(place):
    """Mended in the row, or in the plan's expression; one that still fails does not hold up the others."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, d int);
        INSERT INTO t SELECT i, CASE WHEN i % 100 = 0 THEN 0 ELSE 4 END FROM generate_series(1, 1000) i""")
    lua = 'from = "t", to = "Target", columns = { d = "%s" }, partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },'
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(lua % "100 / d")
        assert place.hlua("migrate", code=5).counts() == (1000, 990, 10, 0, 0)
        place.sql("UPDATE t SET d = 5 WHERE id IN (100, 700, 1000); DELETE FROM t WHERE id = 300")
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (9, 3, 6, 0, 1), event
        assert {r["reason"] for r in place.rejects()} == {"source", "gone"}
        status(place)
        place.plan(lua % "100 / nullif(d, 0)")
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (6, 6, 0, 0, 1) and event["mapping_changed"]
        assert len(written(target)) == 999
        status(place)


def test_partitions(place):
    """Also of a row whose partition is no more: another one holds it now."""
    place.sql("""CREATE TABLE t (id int, leaf int, k text, PRIMARY KEY (id, leaf)) PARTITION BY LIST (leaf);
        CREATE TABLE leaf_0 PARTITION OF t FOR VALUES IN (0); CREATE TABLE leaf_1 PARTITION OF t FOR VALUES IN (1);
        CREATE TABLE leaf_2 PARTITION OF t FOR VALUES IN (2);
        INSERT INTO t SELECT i, i % 3, CASE WHEN i > 6 THEN i::text END FROM generate_series(1, 60) i""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(FIRST)
        assert place.hlua("migrate", code=5).counts() == (60, 54, 6, 0, 0)
        place.sql("""UPDATE t SET k = id::text; ALTER TABLE t DETACH PARTITION leaf_1;
            CREATE TABLE other PARTITION OF t FOR VALUES IN (1, 7); INSERT INTO t SELECT * FROM leaf_1; DROP TABLE leaf_1;
            DELETE FROM t WHERE id = 2; DROP TABLE leaf_0""")
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (3, 3, 0, 0, 3), event  # 1 and 4 in another partition, 5; without 2, 3, 6
        assert len(written(target)) == 57


def test_queries_and_narrowed_runs(place):
    """A query with {range}; a run of --where is one of its own, with rejects of its own."""
    texts(place, 10, 100)
    query = '''query = [[SELECT a.* FROM t a JOIN t b USING (id) WHERE {range}]], key = { "id" }, to = "Target",
        partition_key = { PK = %s }, attributes = { hlua.columns {} },'''
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(query % '"{k}"')
        place.hlua("migrate", "--where", "id <= 50", code=5)
        place.plan(query % 'hlua.S(function(row) return row.k or "none" .. row.id end)')
        assert retry(place)["tables"] == []
        event = retry(place, arguments=("--where", "id <= 50"))
        assert counts(event["tables"][0]) == (5, 5, 0, 0, 0)
        assert len(written(target)) == 50 and len(status(place, "--where", "id <= 50")["retries"]) == 1
        place.plan(query % '"{k}"')
        place.hlua("migrate", "--limit", "40", code=5)
        place.plan(query % 'hlua.S(function(row) return row.k or "none" .. row.id end)')
        rejects = len(place.rejects("--limit", "40"))
        event = retry(place, arguments=("--limit", "40"))
        assert rejects > 0 and counts(event["tables"][0]) == (rejects, rejects, 0, 0, 0)


def test_chunks_that_are_not_done(place):
    """Their rejects are left to the resume; those of done chunks are mended."""
    leaves = "".join(f"CREATE TABLE l{i} PARTITION OF t FOR VALUES IN ({i});" for i in range(20))
    place.sql(f"""CREATE TABLE t (id int, leaf int, k text, PRIMARY KEY (id, leaf)) PARTITION BY LIST (leaf); {leaves}
        INSERT INTO t SELECT i, i % 20, CASE WHEN i % 50 > 19 THEN i::text END FROM generate_series(1, 4000) i""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("max_rejects = 1000, " + FIRST)
        place.hlua("migrate", "--jobs", "1", code=5)
        place.plan("max_rejects = 10000, " + MENDED)
        event = retry(place, code=5)
        t = event["tables"][0]
        assert t["open"] > 0 and t["rows_written"] > 0 and t["rows_read"] + t["open"] == t["listed"], event
        t = status(place)["tables"][0]
        text = place.hlua("status", json=False).output
        for words in ("plan plan: stopped", f"{t['chunks_done']} of {t['chunks']} chunks done",
                      "these are the chunks that are done; to go on with the others:  hlua plan.lua"):
            assert words in text, (words, text)
        place.plan("max_rejects = 10000, " + FIRST)
        result = place.hlua("migrate", code=5)
        assert result.summary["outcome"] == "done" and result.counts()[0] == 4000
        place.plan("max_rejects = 10000, " + MENDED)
        assert retry(place)["left"] == 0 and len(written(target)) == 4000
        assert status(place)["tables"][0]["rows_written"] == 4000


def test_items_that_the_target_refused(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i")
    place.sql("UPDATE t SET v = 'poison' WHERE id IN (3, 50)")
    with Endpoint("--fault", "what=refuse,match=poison") as endpoint:
        target = place.target(endpoint.url)
        place.plan('from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },')
        place.hlua("migrate", code=5)
        place.sql("UPDATE t SET v = 'fine' WHERE id = 3")
        event = retry(place, code=5)
        assert counts(event["tables"][0]) == (2, 1, 1, 0, 0)
        assert [r["key"] for r in place.rejects()] == ["id=50"] and len(written(target)) == 99


def test_killed(place):
    """kill -9 on the way: what is mended stays mended, the rest is mended by the next; the sum holds all the time."""
    leaves = "".join(f"CREATE TABLE l{i} PARTITION OF t FOR VALUES IN ({i});" for i in range(30))
    place.sql(f"""CREATE TABLE t (id int, leaf int, k text, PRIMARY KEY (id, leaf)) PARTITION BY LIST (leaf); {leaves}
        INSERT INTO t SELECT i, i % 30, NULL FROM generate_series(1, 3000) i""")
    with Endpoint("--latency-ms", "30") as endpoint:
        target = place.target(endpoint.url)
        place.plan("max_rejects = 10000, " + FIRST)
        place.hlua("migrate", code=5)
        place.plan(MENDED)
        kills = 0
        for more in (20, 30, 30):
            begin = endpoint.writes()
            running = place.start("rejects", "--retry")
            wait_until(lambda: endpoint.writes() > begin + more or not running.alive(), "writes")
            running.kill()
            kills += running.end().code == -9
            t = status(place)["tables"][0]
            assert t["rows_rejected"] == len(place.rejects()) and t["rows_written"] <= len(written(target))
        assert kills >= 2
        assert retry(place)["left"] == 0
        t = status(place)["tables"][0]
        assert (t["rows_written"], t["items_written"], t["rows_rejected"]) == (3000, 3000, 0) and len(written(target)) == 3000
        assert [r["ended"] is None for r in status(place)["retries"]][-1] is False


def test_interrupted_and_busy(place):
    """Ctrl-C saves what is done; a second process is told who runs."""
    leaves = "".join(f"CREATE TABLE l{i} PARTITION OF t FOR VALUES IN ({i});" for i in range(30))
    place.sql(f"""CREATE TABLE t (id int, leaf int, k text, PRIMARY KEY (id, leaf)) PARTITION BY LIST (leaf); {leaves}
        INSERT INTO t SELECT i, i % 30, NULL FROM generate_series(1, 3000) i""")
    with Endpoint("--latency-ms", "400") as endpoint:
        place.target(endpoint.url)
        place.plan("max_rejects = 10000, " + FIRST)
        place.hlua("migrate", code=5)
        place.plan(MENDED)
        begin = endpoint.writes()
        running = place.start("rejects", "--retry")
        wait_until(lambda: endpoint.writes() > begin or not running.alive(), "writes")
        place.hlua("rejects", "--retry", code=8).says("in use by process")
        running.kill(2)
        result = running.end()
        assert result.code == 130, result
        assert retry(place)["left"] == 0


def test_a_ledger_of_version_1(place):
    """It is read as it is; a run brings it to today's form. Its rejects have no keys to ask for."""
    texts(place, 10, 100)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
        with contextlib.closing(sqlite3.connect(place.ledger)) as ledger:
            ledger.executescript("ALTER TABLE reject DROP COLUMN bound; DROP TABLE retry; DROP TABLE run_target; DROP TABLE target_owns; PRAGMA user_version = 1")
        assert len(place.rejects()) == 10 and status(place)["retries"] == []
        event = retry(place, code=5)
        assert event["tables"][0]["unknown"] == 10 and event["left"] == 10
        with contextlib.closing(sqlite3.connect(place.ledger)) as ledger:
            assert ledger.execute("PRAGMA user_version").fetchone() == (3,)
        place.hlua("migrate", "--restart", code=5)
        assert retry(place, code=5)["tables"][0]["rows_read"] == 10


def schema_of(path):
    """Every object of an SQLite file, without comments and blanks; ALTER TABLE leaves the same text as CREATE TABLE."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master")
        plain = {row[:3]: re.sub(r"\s+|--[^\n]*", "", row[3]) for row in rows}
        return plain, db.execute("PRAGMA user_version").fetchone(), db.execute("PRAGMA application_id").fetchone()


def test_an_upgrade_makes_todays_schema(place):
    """From the schema that each older version had, object by object; such a ledger can be read before, by a plan of today."""
    texts(place, 10, 100)
    place.ledger.parent.mkdir(exist_ok=True)
    for version in 1, 2:
        new, place_of_old = place.folder / f"new-{version}.db", place.folder / f"old-{version}.db"
        with contextlib.closing(sqlite3.connect(place_of_old)) as ledger:
            ledger.executescript((ROOT / f"tests/data/ledger-{version}.sql").read_text())
            ledger.executescript("""INSERT INTO run (key, plan, identity, seed, started, updated) VALUES
                ('', 'plan', 'x', 1, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');
                INSERT INTO run_table VALUES (1, 0, 'Target', 't', 'Target', 100, 1)""")
        ledger = ["--ledger", str(place_of_old)]
        with Endpoint() as endpoint:
            place.target(endpoint.url)
            place.plan(FIRST.replace('to = "Target"', 'to = "Logs-{id}", name = "Target"'))
            told = place.hlua("status", *ledger).event("status")
            assert told["tables"][0]["targets"] == []  # read as it is: there is no table of targets
            place.plan(FIRST)
            place.hlua("migrate", *ledger, "--restart", code=5)
            place.hlua("migrate", "--ledger", str(new), "--restart", code=4)  # the target is another ledger's
        old, fresh = schema_of(place_of_old), schema_of(new)
        names = old[0].keys() | fresh[0].keys()
        assert old == fresh, {k: (old[0].get(k), fresh[0].get(k)) for k in names if old[0].get(k) != fresh[0].get(k)}


def test_export(place):
    """JSON lines, whole or not at all; a file that is there is not written over without --yes."""
    texts(place, 10, 100)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(FIRST)
        place.hlua("migrate", code=5)
    listed = place.rejects()
    assert {reject.pop("event") for reject in listed} == {"reject"}
    path = place.folder / "rejects.jsonl"
    assert place.hlua("rejects", "--export", str(path)).event("export")["rejects"] == 10
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines == listed and set(lines[0]) == {"table", "key", "reason", "message", "item", "at"}
    place.hlua("rejects", "--export", str(path), code=8).says("is there already", "--yes")
    path.write_text("old")
    result = place.hlua("rejects", "--export", str(path), "--yes", json=False)
    assert "10 rejected rows in" in result.output and len(path.read_text().splitlines()) == 10
    result = place.hlua("rejects", "--export", "-", json=False)
    assert [json.loads(line) for line in result.output.splitlines()] == listed and "10 rejected rows" in result.error
    place.hlua("rejects", "--export", str(place.folder / "no" / "such"), code=8).says("cannot be written")
    assert not [name for name in os.listdir(place.folder) if name.endswith(".part")]
