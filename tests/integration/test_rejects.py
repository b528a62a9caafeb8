"""Rows that cannot be written: every reason, what is told of them, and when they stop the run."""
import expect
from expect import Index, Mapping
from move import move
from servers import Endpoint

KEYED = """partition_key = { PK = "{p}" }, sort_key = { SK = "{s}" },
    global_secondary_indexes = { hlua.index { "ByG", partition_key = { G = "{g}" } } }, attributes = { hlua.columns {} },"""
KEYED_MAPPING = Mapping({"PK": "{p}"}, {"SK": "{s}"}, [Index({"G": "{g}"})])
GOOD = "INSERT INTO t SELECT 1000 + i, 'p' || i, 's', 'g' FROM generate_series(1, 60) i"


def keyed(place, *rows):
    """A table of texts for keys, with good rows and the given ones; moved and compared."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, p text, s text, g text)")
    place.sql(GOOD)
    for i, row in enumerate(rows):
        place.sql("INSERT INTO t VALUES (%s, %s, %s, %s)", [i, *row])
    move(place, "t", KEYED, KEYED_MAPPING, code=5)
    return place.rejects()


def test_key_missing(place):
    rejects = keyed(place, (None, "s", "g"), ("p", None, "g"))
    assert {(r["key"], r["reason"]) for r in rejects} == {("id=0", "key-missing"), ("id=1", "key-missing")}
    r = rejects[0]
    assert set(r) == {"event", "table", "key", "reason", "message", "item", "at"} and r["table"] == "Target" and r["at"].endswith("Z")
    assert "PK" in next(r for r in rejects if r["key"] == "id=0")["message"]


def test_key_empty(place):
    """Of the table and of an index; elsewhere an empty string is fine."""
    assert len(keyed(place, ("", "s", "g"), ("p", "", "g"), ("p", "s", ""))) == 3


def test_key_size(place):
    """2,048 and 1,024 bytes are the most, in bytes of UTF-8."""
    assert len(keyed(place, ("p" * 2048, "s" * 1024, "g" * 2048), ("é" * 1024, "é" * 512, "g"), ("p" * 2049, "s", "g"),
                     ("p", "s" * 1025, "g"), ("p", "x", "g" * 2049), ("é" * 1025, "s", "g"))) == 4


def test_item_size(place):
    """409,600 bytes fit, names included; one more does not."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, body text, more text);
        INSERT INTO t SELECT i, repeat('x', 409600 - 14 + i - 3), NULL FROM generate_series(1, 5) i;
        INSERT INTO t VALUES (10, repeat('é', 204000), repeat('y', 2000)), (11, repeat('z', 3000000), NULL), (12, 'a', 'b')""")
    move(place, "t", """partition_key = { PK = "{id:%04d}" }, attributes = { hlua.columns {} },""",
         Mapping({"PK": "{id:%04d}"}), code=5)
    sizes = [len(r["item"]) for r in place.rejects()]
    assert max(sizes) < 2_000_000


def test_padded_numbers(place):
    """A padded number that is negative or too wide would not sort."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i FROM generate_series(-2, 1001) i")
    move(place, "t", """partition_key = { PK = "{n:%03d}" }, attributes = { hlua.columns {} },""",
         Mapping({"PK": "{n:%03d}"}), code=5)


def test_source_errors_narrowed_to_the_row(place):
    """A division by zero and texts that are no times, in several chunks; their neighbours arrive."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, d int, at text);
        INSERT INTO t SELECT i, CASE WHEN i IN (1, 777, 2999, 3000) THEN 0 ELSE 4 END,
            CASE WHEN i IN (5, 777, 1500) THEN 'no time' ELSE '2024-01-15' END FROM generate_series(1, 3000) i""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", columns = { d = "100 / d", at = "at::timestamp" },
            partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        mapping = Mapping({"PK": "{id}"})
        good = "SELECT id, 100 / d AS d, at::timestamp AS at FROM t WHERE d <> 0 AND at <> 'no time'"
        wanted, _ = expect.items_of(expect.read(place.db, good), mapping)
        expect.check(result, target, "Target", wanted, mapping, rejected=6)
        rejects = {r["key"]: r for r in place.rejects()}
        assert set(rejects) == {f"id={i}" for i in (1, 5, 777, 1500, 2999, 3000)}
        assert {r["reason"] for r in rejects.values()} == {"source"}
        assert "division by zero" in rejects["id=1"]["message"] and "no time" in rejects["id=5"]["message"]


def test_source_errors_of_a_keyless_table(place):
    place.sql("""CREATE TABLE t (id int, d int); INSERT INTO t
        SELECT i, CASE WHEN i IN (1, 777, 2999, 3000) THEN 0 ELSE 4 END FROM generate_series(1, 3000) i""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", columns = { d = "100 / d" }, partition_key = { PK = "{id}" },
            attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        assert result.counts() == (3000, 2996, 4, 0, 0), result
        assert sorted(int(i["PK"]["S"]) for i in expect.scan(target, "Target")) == [
            i for i in range(1, 3001) if i not in (1, 777, 2999, 3000)]
        assert len(place.rejects()) == 4


def test_source_errors_in_a_partition_and_with_a_text_key(place):
    place.sql("""CREATE TABLE t (k text, at date, d int, PRIMARY KEY (k, at)) PARTITION BY RANGE (at);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2024-01-16');
        CREATE TABLE t2 PARTITION OF t FOR VALUES FROM ('2024-01-16') TO ('2024-02-01');
        INSERT INTO t SELECT 'k''' || i, '2024-01-01'::date + i % 30, i % 500 FROM generate_series(1, 2000) i""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", columns = { d = "100 / d" }, partition_key = { PK = "{k}" },
            attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        assert result.counts() == (2000, 1996, 4, 0, 0), result
        assert len({r["key"] for r in place.rejects()}) == 4
        assert len([*expect.scan(target, "Target")]) == 1996


def test_text_that_is_not_utf8(place):
    """A SQL_ASCII database holds any bytes; only the rows that are no UTF-8 are rejected."""
    place.make_database("TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C'")
    place.sql("SET client_encoding = 'SQL_ASCII'")
    place.sql(b"""CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT i, 'plain' FROM generate_series(1, 50) i;
        INSERT INTO t VALUES (100, E'caf\\xc3\\xa9'), (101, E'caf\\xe9'), (102, E'\\xed\\xa0\\x80'), (103, E'\\xff')""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        assert result.counts() == (54, 51, 3, 0, 0), result
        found = {i["PK"]["S"]: i["v"]["S"] for i in expect.scan(target, "Target")}
        assert found["100"] == "café" and len(found) == 51
        assert {(r["key"], r["reason"]) for r in place.rejects()} == {(f"id={i}", "text") for i in (101, 102, 103)}


def test_latin1_database(place):
    place.make_database("TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'")
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'café ÿ')")
    move(place, "t", """partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""", Mapping({"PK": "{id}"}))


def test_items_that_the_target_refuses(place):
    """The guilty ones are found in their batches; the rest is written."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, v text);
        INSERT INTO t SELECT i, CASE WHEN i IN (7, 8, 333, 1000) THEN 'poison-' || i ELSE 'fine' END
        FROM generate_series(1, 1000) i""")
    with Endpoint("--fault", "what=refuse,match=poison-") as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        assert result.counts() == (1000, 996, 4, 0, 0), result
        assert len([*expect.scan(target, "Target")]) == 996
        rejects = place.rejects()
        assert {r["key"] for r in rejects} == {f"id={i}" for i in (7, 8, 333, 1000)}
        assert {r["reason"] for r in rejects} == {"target"}
        assert all("poison" in r["item"] for r in rejects)


def test_too_many_rejects_stop_the_run(place):
    """Exit code 5, and the same command goes on where it stopped: here it stops again, then with a higher limit ends."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, k text);
        INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN i::text END FROM generate_series(1, 1000) i""")
    lua = 'from = "t", to = "Target", max_rejects = %d, partition_key = { PK = "{k}" }, attributes = { hlua.columns {} },'
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(lua % 50)
        for _ in range(2):
            result = place.hlua("migrate", code=5)
            assert result.summary["outcome"] == "stopped" and result.event("error")["exit"] == 5
            result.says("Target", "50", "max_rejects")
        assert len(place.rejects()) >= 50
        status = place.hlua("status").event("status")
        more = status["rejects"] - sum(t["rows_rejected"] for t in status["tables"])
        where = "all" if more == status["rejects"] else f"{more:,}"
        assert more > 0 and f"rejected, {where} in chunks that are not done; to see why" in place.hlua("status", json=False).output
        place.plan(lua % 100)
        result = place.hlua("migrate", code=5)
        assert result.summary["outcome"] == "done" and result.counts() == (1000, 900, 100, 0, 0)
        assert len([*expect.scan(target, "Target")]) == 900
        result = place.hlua("rejects", json=False)
        assert "100 rows were rejected; to see why" in place.hlua("status", json=False).output
        assert "100 rejected rows" in result.output + result.error and "key-missing" in result.output + result.error
        # A finished plan with rejects is told so again, and writes nothing.
        before = endpoint.writes()
        assert place.hlua("migrate", code=5).summary["outcome"] == "already done"
        assert endpoint.writes() == before
