"""rehearse: what it predicts is what a run against the model takes; what it says limits; and that it writes nothing."""
from servers import Endpoint, ROOT, SANITIZER
from test_pace import not_slowed_down

LOGS = ROOT / "migrations/integration-logs/plan.lua"

INDEX = '''global_secondary_indexes = { hlua.index { "ByState", partition_key = { State = "{state}" }, projection = "KEYS_ONLY" } },'''
TABLE = '    from = "logs", to = "Logs", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },'


def logs(place, rows, failed=0):
    """A table whose heaviest key is known: of so many rows, spread evenly, the state is the same; all others have their own."""
    every = rows // failed if failed else rows + 1
    place.sql("CREATE TABLE logs (id bigint PRIMARY KEY, state text NOT NULL, note text NOT NULL)")
    place.sql("INSERT INTO logs SELECT n, CASE WHEN n %% %s = 0 THEN 'failed' ELSE 'flow-' || n END, repeat('x', 100) "
              "FROM generate_series(1, %s) n", [every, rows])
    place.sql("ANALYZE logs")


def make(target, warm=None, **fields):
    """The table, before any run."""
    both = {"WarmThroughput": {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": warm}} if warm else {}
    target.create_table(
        TableName="Logs", BillingMode="PAY_PER_REQUEST", **both, **fields,
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in ("PK", "State")],
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[{"IndexName": "ByState", "KeySchema": [{"AttributeName": "State", "KeyType": "HASH"}],
                                 "Projection": {"ProjectionType": "KEYS_ONLY"}, **both}])


def rehearsed(place, *arguments, **start):
    return place.hlua("rehearse", *arguments, **start).event("rehearsal")


def predicted(place, *arguments, ledger="run.db", **start):
    """Rehearses and runs; the prediction must be within 20 % (a sanitizer build is itself what limits)."""
    found = rehearsed(place, *arguments, **start)
    took = place.hlua("migrate", "--ledger", ledger, *arguments, **start).table()["seconds"]
    print(f"# predicted {found['seconds']:.1f} s, took {took:.1f} s")
    assert abs(found["seconds"] - took) <= (0.2 if not SANITIZER else 1) * took, (found["seconds"], took)
    return found


def test_a_new_table(place):
    """4,000 write units a second."""
    not_slowed_down()
    logs(place, 48000)
    place.plan(TABLE)
    with Endpoint("--capacity", "documented", mode="sink") as endpoint:
        place.target(endpoint.url)
        found = predicted(place)
        assert [limit["limit"] for limit in found["limits"]] == ["warm throughput"], found
        assert "warm" in [c["change"] for c in found["changes"]], found
        assert found["tables"][0]["rows"] == 48000 and not found["sampled"], found


def test_the_heaviest_key(place):
    """12,000 rows of one key at 1,000 a second, whatever else there is."""
    logs(place, 96000, failed=12000)
    place.plan(TABLE + INDEX)
    with Endpoint("--capacity", "documented", mode="sink") as endpoint:
        make(place.target(endpoint.url), warm=40000)
        found = predicted(place)
        longest = max(found["limits"], key=lambda limit: limit["to"] - limit["from"])
        assert (longest["limit"], longest["index"], longest["key"]) == ("partition", "ByState", "State=failed"), found
        assert found["targets"] == [{"name": "Logs", "exists": True, "warm": 40000}], found
        shards = next(c for c in found["changes"] if c["change"] == "shards")
        assert shards["index"] == "ByState" and shards["seconds"] < 0.5 * found["seconds"], shards


def test_what_limits_next_is_answered_too(place):
    """A heavy key in a new table: shards bring up its warm throughput, and the next thing to do is told with them."""
    logs(place, 48000, failed=24000)
    place.plan(TABLE + INDEX)
    with Endpoint(mode="sink") as endpoint:
        place.target(endpoint.url)
        found = rehearsed(place)
        assert [limit["limit"] for limit in found["limits"]] == ["partition"], found
        told = {c["change"]: c["seconds"] for c in found["changes"]}
        assert {"shards", "warm", "all"} <= set(told) and told["all"] < 0.7 * told["shards"] < 0.5 * found["seconds"], found
        output = place.hlua("rehearse", json=False).output
        assert output.index("10 shards") < output.index("all of these") > output.index("tables warmed"), output
        asked = rehearsed(place, "--wcu", "20000")  # a rate that limits once the others are answered
        assert {"rate", "shards", "warm", "all"} <= {c["change"] for c in asked["changes"]}, asked
        asked = rehearsed(place, "--wcu", "200000")  # and one that never does
        assert "rate" not in [c["change"] for c in asked["changes"]], asked


def test_chunks_are_those_of_the_run(place):
    """Also where parts of each are read, from ranges that are cut finer."""
    logs(place, 110000)
    place.plan(TABLE)
    with Endpoint(mode="sink") as endpoint:
        place.target(endpoint.url)
        part = rehearsed(place, "--rows", "2000")
        assert part["sampled"] and part["tables"][0]["chunks"] == place.hlua("migrate").table()["chunks"], part


def test_the_rate_asked_for(place):
    not_slowed_down()
    logs(place, 20000)
    place.plan(TABLE)
    with Endpoint("--capacity", "documented", mode="sink") as endpoint:
        place.target(endpoint.url)
        found = predicted(place, "--wcu", "2000")
        assert [limit["limit"] for limit in found["limits"]] == ["rate asked for"], found
        assert next(c for c in found["changes"] if c["change"] == "rate")["seconds"] < 0.7 * found["seconds"], found


def test_provisioned_units(place):
    not_slowed_down()
    logs(place, 12000)
    place.plan(TABLE + "billing_mode = 'PROVISIONED', provisioned = { read = 5, write = 1000 },")
    with Endpoint("--capacity", "documented", mode="sink") as endpoint:
        place.target(endpoint.url)
        found = predicted(place)
        assert [limit["limit"] for limit in found["limits"]] == ["provisioned"], found


def test_the_logs(place):
    """The ready migration, with three indexes, into a new table."""
    not_slowed_down()
    place.ready(rows=48000)
    with Endpoint("--capacity", "documented", mode="sink") as endpoint:
        place.target(endpoint.url)
        found = predicted(place, plan=LOGS)
        longest = max(found["limits"], key=lambda limit: limit["to"] - limit["from"])
        assert longest["limit"] == "warm throughput", found
        (table,) = found["tables"]
        assert table["rows"] == table["items"] == 48000 and 2.5 < table["write_units"] / table["items"] < 4.5, table


def test_a_sample_says_the_same(place):
    """Of 300,000 rows a part is read; what it says is what all of them say."""
    logs(place, 300000, failed=30000)
    place.plan(TABLE + INDEX)
    with Endpoint(mode="sink") as endpoint:
        place.target(endpoint.url)
        whole, part = rehearsed(place, "--rows", "300000"), rehearsed(place, "--rows", "20000")
        assert not whole["sampled"] and part["sampled"], part
        read = part["tables"][0]["rows_read"]
        assert 15000 <= read <= 25000, read
        assert abs(part["seconds"] - whole["seconds"]) <= 0.1 * whole["seconds"], (part["seconds"], whole["seconds"])
        assert abs(part["tables"][0]["items"] - 300000) <= 3000, part


def test_nothing_is_written(place):
    logs(place, 1000)
    place.plan(TABLE)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        before = place.sql("SELECT count(*), sum(id) FROM logs").fetchone()
        rehearsed(place)
        assert target.list_tables()["TableNames"] == [] and endpoint.writes() == 0
        assert not place.ledger.exists() and place.sql("SELECT count(*), sum(id) FROM logs").fetchone() == before


def test_without_a_target(place):
    """Nobody listens there: the tables are taken to be new, and that is said."""
    logs(place, 1000)
    place.plan(TABLE)
    place.target("http://127.0.0.1:1")
    found = rehearsed(place)
    assert found["target_unknown"] and found["seconds"] < 3, found
    for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        place.environment.pop(name)
    assert "region" in rehearsed(place)["target_unknown"]


def test_sources_of_all_shapes(place):
    """Several tables, a key without index, no key at all, names of tables in the rows, functions, several items a row, rows that are
    rejected, filtered, or that the server cannot give; an empty table."""
    place.sql("CREATE TABLE a (id int PRIMARY KEY, month int NOT NULL, kind text)")
    place.sql("INSERT INTO a SELECT n, n % 3, CASE WHEN n % 10 > 0 THEN 'k' || n END FROM generate_series(1, 5000) n")
    place.sql("CREATE TABLE b AS SELECT n AS id, n % 7 AS v FROM generate_series(1, 3000) n")
    place.sql("CREATE TABLE c (id int PRIMARY KEY); CREATE TABLE d (id int PRIMARY KEY, v int NOT NULL)")
    place.sql("INSERT INTO d SELECT n, n - 500 FROM generate_series(1, 1000) n; ANALYZE")
    place.plan('    from = "a", to = "A-{month}", partition_key = { PK = "{kind}" }, attributes = { hlua.columns {} },',
               '''    from = "b", to = "BBB", partition_key = { PK = hlua.S },
    map = function(row)
      if row.v == 0 then return nil end
      return { PK = "one-" .. row.id }, { PK = "two-" .. row.id }
    end,''',
               '    from = "c", to = "CCC", partition_key = { PK = "{id}" },',
               '    query = "SELECT id, 1000 / v AS share FROM d", key = { "id" }, to = "DDD", partition_key = { PK = "{id}" }, '
               'attributes = { hlua.columns {} },')
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        for arguments in ((), ("--rows", "2000")):
            found = rehearsed(place, *arguments)
            a, b, c, d = found["tables"]
            part = bool(arguments)
            assert found["sampled"] == part and found["seconds"] > 0, found
            assert abs(a["items"] - 4500) <= (400 if part else 0) and abs(a["rows_rejected"] * 10 - a["rows_read"]) < 100, a
            assert abs(b["items"] - 2 * 3000 * 6 / 7) <= (600 if part else 3), b
            assert (c["rows"], c["items"]) == (0, 0), c
            assert d["rows_read"] < 1000 and abs(d["items"] - 1000) <= 50, d
            assert len(found["targets"]) == 6, found["targets"]
        assert rehearsed(place, "--where", "id <= 100")["tables"][0]["rows"] == 100
        assert target.list_tables()["TableNames"] == []
