"""What becomes of items that are there already, and of rows with one key: existing, keep, owns."""
import base64
import binascii
import contextlib
import json
import signal
import time

import expect
import signatures
from place import wait_until
from servers import Endpoint
from test_faults import writes
from test_kill import done_leaves, leaves

KEYED = 'from = "t", to = "%s", partition_key = { PK = "K#{id}" },'
ITEM = KEYED + " attributes = { v = hlua.column 'v', At = %s }, "
AT_N, AT_S = "hlua.column 'at'", "hlua.S(hlua.column 'at')"


@contextlib.contextmanager
def engine(place, name="store", *options):
    """(boto3's client, a table name) on an endpoint's store, or on Dynoxide."""
    if name == "store":
        with Endpoint(*options) as endpoint:
            yield place.target(endpoint.url), "Target"
    else:
        yield place.target(place.stage.engine(name)), place.unique("Policies")


def source(place, rows, at="i"):
    place.sql(f"""CREATE TABLE t (id int PRIMARY KEY, v text, at numeric);
        INSERT INTO t SELECT i, 'v' || i, {at} FROM generate_series(1, {rows}) i""")


def plant(target, table, *items):
    """Makes the table, unless it is there, and puts others' items into it."""
    if table not in target.list_tables()["TableNames"]:
        target.create_table(TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
                            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}])
    for item in items:
        target.put_item(TableName=table, Item=item)


def found(target, table):
    return {item["PK"]["S"]: item for item in expect.scan(target, table)}


def same(target, table, wanted):
    """The table holds just these items."""
    now = {k: expect.plain_item(v) for k, v in found(target, table).items()}
    wanted = {i["PK"]["S"]: expect.plain_item(i) for i in wanted}
    assert now.keys() == wanted.keys(), (now.keys() ^ wanted.keys())
    for key, item in wanted.items():
        assert now[key] == item, (now[key], item)


def ours(i, at, **more):
    """The item of a row of source()."""
    return {"PK": {"S": f"K#{i}"}, "v": {"S": f"v{i}"}, **({"At": at} if at else {}), **more}


def N(n):
    return {"N": str(n)}


# --- existing = "keep" ---


def keeps(place, name):
    source(place, 60)
    with engine(place, name) as (target, table):
        stays = [ours(3, N(999)), {"PK": {"S": "K#4"}}, ours(60, N(60), more={"SS": ["a"]})]
        identical = [ours(5, N("5.00")), ours(6, N("6E0"))]
        stranger = {"PK": {"S": "stranger"}, "x": {"BOOL": True}}
        plant(target, table, *stays, *identical, stranger)
        place.plan(ITEM % (table, AT_N) + 'existing = "keep",')
        result = place.hlua("migrate")
        assert result.counts() == (60, 57, 0, 0, 3), result.counts()
        result.says("60 rows read = 57 written + 0 rejected + 0 filtered + 3 superseded")
        kept = {i["PK"]["S"] for i in stays}
        same(target, table, [*stays, stranger, *(ours(i, N(i)) for i in range(1, 61) if f"K#{i}" not in kept)])
        assert place.hlua("migrate").summary["outcome"] == "already done"
        result = place.hlua("migrate", "--restart")  # every item of before is met again
        assert result.counts() == (60, 57, 0, 0, 3), result.counts()


def test_keep(place):
    keeps(place, "store")


def test_keep_on_dynoxide(place):
    keeps(place, "dynoxide")


def test_what_counts_as_the_same_item(place):
    """Order of attributes and sets, spelling of numbers, nesting; and what is not the same though it looks alike."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, n numeric, a text, b text, j jsonb, x bytea);
        INSERT INTO t SELECT i, 1200.50, 'a', 'ä"\\', '{"z": [1, {"q": null}], "a": 1e2}', '\\x00ff' FROM generate_series(1, 9) i""")
    body = {"n": N("1200.5"), "s": {"SS": ["ä\"\\", "a"]}, "x": {"B": b"\x00\xff"},
            "j": {"M": {"a": N("100"), "z": {"L": [N("1.0"), {"M": {"q": {"NULL": True}}}]}}}}
    with engine(place) as (target, table):
        plant(target, table, *({"PK": {"S": f"K#{i}"}, **body, **more} for i, more in enumerate((
            {}, {"n": N("12005E-1")}, {"s": {"SS": ["a", "ä\"\\"]}},  # 1 to 3 are the same
            {"s": {"L": [{"S": "a"}, {"S": "ä\"\\"}]}}, {"n": {"S": "1200.50"}}, {"more": N(1)}, {"x": {"B": b"\x00"}},
            {"j": {"M": {"a": N("100"), "z": {"L": [{"M": {"q": {"NULL": True}}}, N("1")]}}}}), 1)))
        place.plan(KEYED % table + """attributes = { n = hlua.column "n", s = hlua.SS { "{a}", "{b}" }, j = hlua.json "j",
            x = hlua.column "x" }, existing = "keep",""")
        assert place.hlua("migrate").counts() == (9, 4, 0, 0, 5)


# --- existing = hlua.newer ---


def newer(place, name, typed, expression):
    """`typed` makes the attribute's value of a number; rows have 50, but for the last one, which has none."""
    source(place, 30, at="CASE WHEN i < 29 THEN 50 END")
    with engine(place, name) as (target, table):
        stays = [ours(1, typed(60)), ours(2, typed(50), v={"S": "equal"}), ours(3, {"BOOL": True}), ours(29, typed(10)),
                 ours(4, {"B": b"\x00"})]
        goes = [ours(5, typed(40)), ours(6, None), ours(7, {"NULL": True}), ours(8, typed(40), v={"S": "other"})]
        plant(target, table, *stays, *goes, ours(9, typed(50)), {"PK": {"S": "stranger"}})
        place.plan(ITEM % (table, expression) + 'existing = hlua.newer "At",')
        assert place.hlua("migrate").counts() == (30, 25, 0, 0, 5)
        kept = {i["PK"]["S"] for i in stays}
        fresh = [ours(i, typed(50) if i < 29 else None) for i in range(1, 31)]
        same(target, table, [*stays, {"PK": {"S": "stranger"}}, *(i for i in fresh if i["PK"]["S"] not in kept)])


def text(n):
    return {"S": str(n)}


def test_newer_by_number(place):
    newer(place, "store", N, AT_N)


def test_newer_by_text(place):
    newer(place, "store", text, AT_S)


def test_newer_on_dynoxide(place):
    newer(place, "dynoxide", N, AT_N)


def test_newer_by_time(place):
    """A timestamp is text that sorts; nulls = "keep" writes a NULL, which is older than any."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, "UpdatedAt" timestamptz);
        INSERT INTO t SELECT i, CASE WHEN i < 4 THEN '2026-03-01 10:00:00+00'::timestamptz END FROM generate_series(1, 5) i""")
    with engine(place) as (target, table):
        at = lambda i, value: {"PK": {"S": f"K#{i}"}, "id": N(i), "UpdatedAt": value}
        stays = [at(1, text("2026-03-01T10:00:00.000001Z")), at(4, text("2020-01-01T00:00:00.000000Z"))]
        goes = [at(2, text("2026-03-01T09:59:59.999999Z")), at(3, {"NULL": True})]
        plant(target, table, *stays, *goes)
        place.plan(KEYED % table + 'attributes = { hlua.columns {} }, nulls = "keep", existing = hlua.newer "UpdatedAt",')
        assert place.hlua("migrate").counts() == (5, 3, 0, 0, 2)
        now = text("2026-03-01T10:00:00.000000Z")
        same(target, table, [*stays, at(2, now), at(3, now), at(5, {"NULL": True})])


def test_what_cannot_be_ordered_is_rejected(place):
    """DynamoDB refuses to compare a BOOL: the row is rejected with its words."""
    source(place, 20)
    with engine(place) as (target, table):
        place.plan(f"""from = "t", to = "{table}", partition_key = {{ PK = hlua.S }}, existing = hlua.newer "At",
            map = function(row) return {{ PK = "K#" .. row.id, At = row.id == 7 or row.id }} end,""")
        assert place.hlua("migrate", code=5).counts() == (20, 19, 1, 0, 0)
        (reject,) = place.rejects()
        assert reject["reason"] == "target" and "operand type: BOOL" in reject["message"], reject


# --- keep = hlua.greatest ---

GREATEST = """from = "logs", to = "%s", partition_key = { PK = "K#{leaf:shard(7)}" },
    attributes = { id = hlua.column "id", At = hlua.column "at" }, keep = hlua.greatest "At","""


def collide(place, **how):
    """Rows of all chunks, many to a key; the greatest of each is one row alone."""
    leaves(place, **how)
    place.sql("ALTER TABLE logs ADD at bigint; UPDATE logs SET at = (id * 7919) % 1000003; ANALYZE logs")


def check_greatest(place, target, table, result):
    """The greatest of each key is there; each row counts once."""
    rows = place.sql("SELECT id, leaf, at FROM logs").fetchall()
    greatest = {}
    for id_, leaf, at in rows:
        key = f"K#{binascii.crc32(str(leaf).encode()) % 7}"
        greatest[key] = max(greatest.get(key, (0, 0)), (at, id_))
    same(target, table, [{"PK": {"S": k}, "id": N(id_), "At": N(at)} for k, (at, id_) in greatest.items()])
    read, written, rejected, filtered, superseded = result.counts()
    assert (read, rejected, filtered) == (len(rows), 0, 0) and written + superseded == read, result.counts()
    assert len(greatest) <= written < read / 2 and result.table()["items_written"] == written, result.counts()


def test_greatest_across_workers(place):
    collide(place, leaves=40, rows=50)
    with engine(place, "store", "--latency-ms", "1") as (target, table):
        place.plan(GREATEST % table)
        check_greatest(place, target, table, place.hlua("migrate", "--jobs", "4"))


def test_greatest_on_dynoxide(place):
    collide(place, leaves=10, rows=30)
    with engine(place, "dynoxide") as (target, table):
        place.plan(GREATEST % table)
        check_greatest(place, target, table, place.hlua("migrate", "--jobs", "2"))


def test_greatest_within_a_chunk(place):
    """One chunk, one key: the rows come in every order."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, at int); INSERT INTO t SELECT i, (i * 37) % 101 FROM generate_series(1, 500) i""")
    with engine(place) as (target, table):
        place.plan(f"""from = "t", to = "{table}", partition_key = {{ PK = hlua.S "one" }}, where = "id < 500",
            attributes = {{ At = hlua.column "at" }}, keep = hlua.greatest "At",""")
        read, written, _, _, superseded = place.hlua("migrate").counts()
        assert (read, written + superseded) == (499, 499) and 1 <= written < 499
        same(target, table, [{"PK": {"S": "one"}, "At": N(100)}])


def test_greatest_after_a_kill(place):
    collide(place, leaves=60, rows=40)
    with engine(place, "store", "--latency-ms", "5") as (target, table):
        place.plan(GREATEST % table)
        for _ in range(3):
            running = place.start("migrate", "--jobs", "2")
            begin = len(done_leaves(place))
            wait_until(lambda: len(done_leaves(place)) > begin + 3 or not running.alive(), "chunks")
            running.kill()
            running.end()
        result = place.hlua("migrate", "--jobs", "2")
        assert result.summary["resumes"] == 3
        check_greatest(place, target, table, result)


def test_greatest_needs_a_table_of_its_own(place):
    source(place, 10)
    with engine(place) as (target, table):
        plant(target, table, {"PK": {"S": "stranger"}})
        place.plan(ITEM % (table, AT_N) + 'keep = hlua.greatest "At",')
        place.hlua("migrate", code=4).says("holds items that this ledger did not write", "hlua.newer")
        status = place.hlua("status").event("status")
        assert (status["state"], status["tables"], status["updated"]) == ("not started", [], None), status
        place.plan(ITEM % (table, AT_N) + 'keep = hlua.greatest "At", existing = hlua.newer "At",')
        assert place.hlua("migrate").counts() == (10, 10, 0, 0, 0)


# --- conditional puts on their way ---


def kept(place, *faults, rows=1500, policy='existing = "keep"'):
    """Moves a table by conditional puts through an endpoint with faults: each row is written, none superseded."""
    source(place, rows)
    options = [o for fault in faults for o in ("--fault", f"op=PutItem,{fault}")]
    with Endpoint(*options, log=place.folder / "requests.log") as endpoint:
        target = place.target(endpoint.url)
        place.plan(ITEM % ("Target", AT_N) + policy + ",")
        result = place.hlua("migrate")
        assert result.counts() == (rows, rows, 0, 0, 0), result.counts()
        same(target, "Target", [ours(i, N(i)) for i in range(1, rows + 1)])
        lines = [line for line in endpoint.logged() if line["op"] == "PutItem"]
        signatures.verify(lines, f"127.0.0.1:{endpoint.port}")
        assert not faults or any(line["fault"] for line in lines), "no fault came to pass"
        assert endpoint.counts()["operations"].get("BatchWriteItem", {"requests": 0})["requests"] == 0
    return [json.loads(base64.b64decode(line["body"])) for line in lines]


def test_bodies_of_keep(place):
    for body in kept(place, rows=100):
        assert body.pop("Item").keys() == {"PK", "v", "At"}
        assert body == {"TableName": "Target", "ConditionExpression": "attribute_not_exists(#k)",
                        "ExpressionAttributeNames": {"#k": "PK"}, "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def test_bodies_of_newer(place):
    for body in kept(place, rows=100, policy='existing = hlua.newer "At"'):
        assert body.pop("Item")["At"] == body.pop("ExpressionAttributeValues").pop(":x")
        assert body == {"TableName": "Target", "ExpressionAttributeNames": {"#x": "At"},
                        "ConditionExpression": "attribute_not_exists(#x) OR attribute_type(#x,:null) OR #x < :x",
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def test_throttles(place):
    kept(place, "what=throttle,every=150,count=6", "what=error,type=TransactionConflictException,every=70,count=5")


def test_lost_answers(place):
    """A put whose answer is lost meets its own item when it is sent again: that is no other's."""
    kept(place, "what=cut,every=40,count=20", "what=cut-before,every=53,count=10", "what=crc,every=31,count=20",
         "what=5xx,every=71,count=10", "what=delay,ms=5,every=17")


def test_lost_answers_of_greatest(place):
    kept(place, "what=cut,every=40,count=20", "what=crc,every=31,count=20", policy='keep = hlua.greatest "At"')


def test_refused_by_dynamodb(place):
    source(place, 50)
    with Endpoint("--fault", 'what=refuse,match=K#17"') as endpoint:
        place.target(endpoint.url)
        place.plan(ITEM % ("Target", AT_N) + 'existing = "keep",')
        assert place.hlua("migrate", code=5).counts() == (50, 49, 1, 0, 0)
        assert [r["key"] for r in place.rejects()] == ["id=17"]


def test_denied_stops(place):
    source(place, 500)
    with Endpoint("--fault", "op=PutItem,from=100,what=error,type=AccessDeniedException") as endpoint:
        place.target(endpoint.url)
        place.plan(ITEM % ("Target", AT_N) + 'existing = "keep",')
        place.hlua("migrate", code=4).says("PutItem", "AccessDeniedException")
        endpoint.faults()
        assert place.hlua("migrate").counts() == (500, 500, 0, 0, 0)


def test_killed_and_resumed(place):
    """What an earlier attempt has written counts as written, though it is met again."""
    leaves(place, leaves=60, rows=50)
    with Endpoint("--latency-ms", "3", log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "logs", to = "Target", partition_key = { PK = "{leaf}#{id}" }, attributes = { hlua.columns {} },
            existing = "keep",""")
        for _ in range(4):
            running = place.start("migrate")
            begin = endpoint.writes()
            wait_until(lambda: endpoint.writes() > begin + 400 or not running.alive(), "writes")
            running.kill()
            running.end()
        result = place.hlua("migrate")
        assert result.counts() == (3000, 3000, 0, 0, 0), result.counts()
        assert len(found(target, "Target")) == 3000
        refused = [line for line in endpoint.logged() if line["op"] == "PutItem" and line["status"] == 400]
        assert refused, "no item was met again: the kills came too late"


def test_interrupted(place):
    source(place, 20_000)
    with Endpoint("--latency-ms", "5") as endpoint:
        place.target(endpoint.url)
        place.plan(ITEM % ("Target", AT_N) + 'existing = "keep",')
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 300, "writes")
        running.kill(signal.SIGINT)
        assert running.end().code == 130
        assert place.hlua("migrate").counts() == (20_000, 20_000, 0, 0, 0)


def test_large_items(place):
    """Near 400 KB of JSON, since each byte is escaped; the old items come back with the answer."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, repeat(E'\\x01', 66000) FROM generate_series(1, 40) i")
    with engine(place) as (target, table):
        plant(target, table, {"PK": {"S": "K#3"}, "v": {"S": "\x02" * 66_000}}, {"PK": {"S": "K#4"}, "v": {"S": "\x01" * 66_000}})
        place.plan(KEYED % table + 'attributes = { v = hlua.column "v" }, existing = "keep",')
        assert place.hlua("migrate").counts() == (40, 39, 0, 0, 1)


def test_many_at_once(place):
    """An item a request, 20 ms each: one after the other they would take 40 s."""
    source(place, 2000)
    with engine(place, "store", "--latency-ms", "20") as (target, table):
        place.plan(ITEM % (table, AT_N) + 'existing = "keep",')
        begin = time.monotonic()
        assert place.hlua("migrate", "--jobs", "1").counts() == (2000, 2000, 0, 0, 0)
        assert time.monotonic() - begin < 15


# --- rows of several items, tables of several kinds ---


def test_a_row_is_superseded_when_all_its_items_are(place):
    source(place, 10)
    with engine(place) as (target, table):
        plant(target, table, *({"PK": {"S": f"A#{i}"}} for i in (1, 2, 3)), *({"PK": {"S": f"B#{i}"}} for i in (2, 3)))
        place.plan(f"""from = "t", to = "{table}", partition_key = {{ PK = hlua.S }}, existing = "keep",
            map = function(row)
              if row.id == 9 then return nil end
              local more = row.id == 3 and {{ PK = "" }} or nil
              return {{ PK = "A#" .. row.id, id = row.id }}, {{ PK = "B#" .. row.id, id = row.id }}, more
            end,""")
        result = place.hlua("migrate", code=5)  # 2 lost both, 3 both and a third that no item can be
        assert result.counts() == (10, 7, 1, 1, 1), result.counts()
        assert result.table()["items_written"] == 13


def test_only_the_table_with_a_policy(place):
    """Tables of one plan are written each by its own policy; hlua.to goes by its target's."""
    source(place, 40)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        plant(target, "Kept", ours(1, None, mine={"BOOL": False}))
        place.plan("""name = "plain", from = "t", to = "Plain", partition_key = { PK = hlua.S },
            map = function(row) return { PK = "K#" .. row.id, v = row.v }, hlua.to("kept", { PK = "K#" .. row.id, v = row.v }) end,""",
                   'name = "kept", ' + KEYED % "Kept" + 'attributes = { v = hlua.column "v" }, existing = "keep",')
        result = place.hlua("migrate")
        assert result.counts("plain") == (40, 40, 0, 0, 0) and result.counts("kept") == (40, 39, 0, 0, 1)
        same(target, "Kept", [ours(1, None, mine={"BOOL": False}), *(ours(i, None) for i in range(2, 41))])
        counts = endpoint.counts()["operations"]
        assert counts["BatchWriteItem"]["applied"] == 40 and counts["PutItem"]["requests"] >= 80


# --- owns ---

OWNS = ITEM + 'owns = { "K#", "L\\"#" },'


def test_others_do_not_count(place):
    """A table full of others' items, over many pages, is as good as an empty one; one item of ours is not."""
    source(place, 30)
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        others = [{"PK": {"S": f"OTHER#{i}"}, "pad": {"S": "x" * 300_000}} for i in range(20)] + [{"PK": {"S": "K"}}]
        plant(target, "Target", *others)
        place.plan(OWNS % ("Target", AT_N))
        result = place.hlua("migrate")
        assert result.counts() == (30, 30, 0, 0, 0)
        scans = [json.loads(base64.b64decode(line["body"])) for line in endpoint.logged() if line["op"] == "Scan"]
        assert len(scans) > 4 and all("ExclusiveStartKey" in scan for scan in scans[1:])
        same(target, "Target", [*others, *(ours(i, N(i)) for i in range(1, 31))])
        place.hlua("migrate", "--ledger", "another.db", code=4).says("keys that the plan owns", "existing")


def test_others_do_not_count_on_dynoxide(place):
    source(place, 30)
    with engine(place, "dynoxide") as (target, table):
        plant(target, table, {"PK": {"S": "OTHER#1"}})
        place.plan(OWNS % (table, AT_N))
        assert place.hlua("migrate").counts() == (30, 30, 0, 0, 0)
        place.hlua("migrate", "--ledger", "another.db", code=4).says("keys that the plan owns")


def test_a_policy_asks_nothing_of_what_is_there(place):
    source(place, 5)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        plant(target, "Target", ours(1, N(1)), {"PK": {"S": "OTHER"}})
        place.plan(OWNS % ("Target", AT_N) + 'existing = "keep",')
        assert place.hlua("migrate").counts() == (5, 5, 0, 0, 0)
        assert "Scan" not in endpoint.counts()["operations"]


def test_a_long_search_says_so(place):
    source(place, 5)
    with Endpoint("--fault", "op=Scan,n=2,what=delay,ms=5500") as endpoint:
        target = place.target(endpoint.url)
        plant(target, "Target", *({"PK": {"S": f"OTHER#{i}"}, "pad": {"S": "x" * 300_000}} for i in range(9)))
        place.plan(OWNS % ("Target", AT_N))
        result = place.hlua("migrate")
        assert any("looking for items that the plan owns; none among" in e["text"] for e in result.lines if e["event"] == "notice")


def test_the_search_can_be_interrupted(place):
    source(place, 5)
    with Endpoint("--fault", "op=Scan,what=delay,ms=30000") as endpoint:
        plant(place.target(endpoint.url), "Target", {"PK": {"S": "OTHER"}})
        place.plan(OWNS % ("Target", AT_N))
        running = place.start("migrate")
        wait_until(lambda: "Scan" in endpoint.counts()["operations"] or not running.alive(), "the scan")
        running.kill(signal.SIGINT)
        assert running.end(15).code == 130


def rejects(place, plan, keys):
    """Just these rows have keys that the plan does not own."""
    with engine(place) as (target, table):
        place.plan(plan.replace("TABLE", table))
        result = place.hlua("migrate", code=5)
        assert result.counts() == (20, 20 - len(keys), len(keys), 0, 0), result.counts()
        told = place.rejects()
        assert {r["reason"] for r in told} == {"owns"} and {r["key"] for r in told} == {f"id={i}" for i in keys}, told
        assert all("PK" in r["message"] for r in told)
        assert all(key.startswith(("K#", "L")) for key in found(target, table))


def keys_source(place):
    """Row 3 and 9 have keys of others; 4 one that is shorter than a prefix."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, k text); INSERT INTO t SELECT i, CASE WHEN i IN (3, 9) THEN 'M#' || i
        WHEN i = 4 THEN 'K' WHEN i % 2 = 0 THEN 'K#' || i ELSE 'L' || i END FROM generate_series(1, 20) i""")


MINE = 'from = "t", to = "TABLE", owns = { "K#", "L" }, partition_key = { PK = %s },'


def test_owns_of_a_template(place):
    keys_source(place)
    rejects(place, MINE % '"{k}"', (3, 4, 9))


def test_owns_of_a_column(place):
    keys_source(place)
    rejects(place, MINE % 'hlua.column "k"', (3, 4, 9))


def test_owns_of_a_function(place):
    keys_source(place)
    rejects(place, MINE % 'hlua.S(function(row) return row.k end)', (3, 4, 9))


def test_owns_of_a_default(place):
    keys_source(place)
    place.sql("UPDATE t SET k = NULL WHERE id = 5")
    rejects(place, MINE % 'hlua.column("k", { default = "X" })', (3, 4, 5, 9))


def test_owns_of_items(place):
    keys_source(place)
    rejects(place, MINE % "hlua.S" + 'items = { hlua.item { partition_key = { PK = "{k}" } } },', (3, 4, 9))


def test_owns_of_map(place):
    keys_source(place)
    rejects(place, MINE % "hlua.S" + "map = function(row) return { PK = row.k } end,", (3, 4, 9))


def test_tables_that_share_a_target_own_their_keys(place):
    """What one of them owns is asked for before the target is claimed, each time; others' items stay as they are."""
    source(place, 20)
    one = 'from = "t", to = "Target", name = "%s", partition_key = { PK = "%s#{id}" }, attributes = { v = hlua.column "v" }, %s'
    owns = lambda letter: 'owns = { "%s#" },' % letter
    with engine(place) as (target, table):
        plant(target, table, {"PK": {"S": "L#3"}, "mine": {"BOOL": False}})
        place.plan(one % ("a", "K", owns("K")), one % ("b", "L", owns("L")))
        for _ in range(2):
            place.hlua("migrate", code=4).says("keys that the plan owns")
        place.hlua("check", code=4).says("keys that the plan owns")
        assert len(found(target, table)) == 1
        place.plan(one % ("a", "K", 'existing = "replace",'), one % ("b", "L", owns("L")))
        place.hlua("migrate", code=4).says("keys that the plan owns")
        place.plan(one % ("a", "K", owns("K")), one % ("b", "M", owns("M")))
        assert place.hlua("migrate").counts("b") == (20, 20, 0, 0, 0)
        assert len(found(target, table)) == 41


def test_owns_that_changed_is_asked_again(place):
    """--restart with other prefixes: what is new is looked for, what is the ledger's own is not."""
    source(place, 20)
    plan = 'from = "t", to = "Target", owns = { %s }, partition_key = { PK = "%s{id}" },'
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        plant(target, "Target", {"PK": {"S": "L#of-others"}})

        def scans():
            return endpoint.counts()["operations"].get("Scan", {"requests": 0})["requests"]

        def run(owns, key, code=0):
            place.plan(plan % (owns, key))
            before = scans()
            result = place.hlua("migrate", "--restart", code=code)
            return result, scans() - before

        assert run('"K#"', "K#")[1] == 1
        assert run('"K#"', "K#")[1] == 0
        refused, _ = run('"K#", "L#"', "K#", code=4)
        refused.says("keys that the plan owns", "existing")
        place.hlua("check", code=4).says("keys that the plan owns")
        run('"K#", "L#"', "K#", code=4)                # it is not claimed by having been refused
        assert run('"K#", "M#"', "M#")[1] == 1         # there is none
        assert run('"K#", "M#"', "K#")[1] == 0         # both are claimed now
        assert run('"K#1"', "K#1")[1] == 0             # a part of it
        assert run('"K"', "K")[1] == 1                 # wider: its own items are no strangers
        place.plan('from = "t", to = "Target", partition_key = { PK = "K{id}" },')
        place.hlua("migrate", "--restart", code=4).says("keys that the plan owns now")
        target.delete_item(TableName="Target", Key={"PK": {"S": "L#of-others"}})
        place.hlua("migrate", "--restart")


def test_owns_that_became_wider(place):
    """A filter of an engine that is not ours: what is claimed is left out of what is looked for."""
    source(place, 20)
    with engine(place, "dynoxide") as (target, table):
        plan = 'from = "t", to = "' + table + '", owns = { %s }, partition_key = { PK = "%s{id}" },'
        for owns in '"K#1", "M"', '"K#", "M"', '"K", "M"':
            place.plan(plan % (owns, "K#1"))
            place.hlua("migrate", "--restart")
        plant(target, table, {"PK": {"S": "N"}})
        place.plan(plan % ('"K", "N"', "K"))
        place.hlua("migrate", "--restart", code=4).says("keys that the plan owns")


def test_owns_of_a_number(place):
    source(place, 3)
    with engine(place):
        place.plan('from = "t", to = "Target", owns = { "1" }, partition_key = { id = hlua.column "id" },')
        place.hlua("migrate", code=1).says("owns", '"id" is N')
