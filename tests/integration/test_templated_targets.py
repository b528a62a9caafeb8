"""`to` as a template: the tables that the source names when a run begins, what goes where, what has no table."""
import os
import random
import signal
import sqlite3
import time

import expect
import servers
from expect import Mapping
from place import Skip, wait_until
from servers import Endpoint
from test_limits import peak

TO = "Logs-{at:%Y-%m}"
PLAN = """from = "logs", to = "Logs-{at:%Y-%m}", name = "logs", partition_key = { PK = "{id}" },
    attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})
LEAVES, ROWS = 60, 50  # a leaf of a partitioned table is a chunk of its own


def source(place, rows=1000, months=14, leaves=0):
    """Rows whose months follow no order of the key; in as many leaves as asked for."""
    parted = "PARTITION BY LIST (leaf)" if leaves else ""
    place.sql(f"CREATE TABLE logs (id int, leaf int, at timestamp, v text, PRIMARY KEY (id, leaf)) {parted}")
    for i in range(leaves):
        place.sql(f"CREATE TABLE leaf_{i} PARTITION OF logs FOR VALUES IN ({i})")
    place.sql(f"""INSERT INTO logs SELECT i, i % {leaves or 1},
        timestamp '2024-01-31 23:59:59.999999' + (i * 11 % {months}) * interval '1 month', md5(i::text)
        FROM generate_series(1, {rows}) i""")


def name_of(row, to=TO):
    """The table of a row; None: it is rejected."""
    try:
        return expect.template(to, row)
    except expect.Reject:
        return None


def by_table(place, to=TO, relation="logs", mapping=MAPPING):
    """{table: its items} of the rows that name one."""
    tables = {}
    for row in expect.read(place.db, relation):
        if name_of(row, to) is not None:
            tables.setdefault(name_of(row, to), []).append(mapping.item(row))
    return tables


def targets(result, name="logs"):
    return result.table(name)["targets"]


def check(result, target, wanted, mapping=MAPPING, rejected=0, name="logs"):
    """Each table holds its items, there are no others, and the summary counts them all together."""
    assert targets(result, name) == sorted(wanted), result
    pages = target.get_paginator("list_tables").paginate()
    assert sorted(name for page in pages for name in page["TableNames"]) == sorted(wanted)
    for table, items in wanted.items():
        expect.compare(target, table, items, mapping)
    every = [item for items in wanted.values() for item in items]
    assert result.counts(name) == (len(every) + rejected, len(every), rejected, 0, 0), result
    assert result.table(name)["bytes"] == sum(expect.item_size(i) for i in every)


def listed(place, table=0):
    """What the ledger holds of them."""
    ledger = sqlite3.connect(f"file:{place.ledger}?mode=ro", uri=True)
    try:
        return [name for (name,) in ledger.execute("SELECT name FROM run_target WHERE run_table = ? ORDER BY name", (table,))]
    finally:
        ledger.close()


def test_months_on_dynoxide(place):
    """A table for each month, each with index and time to live as declared."""
    source(place, rows=600)
    to = place.unique("Logs") + "-{at:%Y-%m}"
    place.plan(PLAN.replace(TO, to) + """time_to_live = { TTL = hlua.epoch("at", { days = 365 }) },
        global_secondary_indexes = { hlua.index { "ByV", partition_key = "v" } },""")
    mapping = Mapping({"PK": "{id}"}, attributes={"TTL": expect.epoch("at", days=365)}, indexes=[expect.Index({"v": "{v}"})])
    target = place.target(place.stage.engine("dynoxide"))
    result = place.hlua()
    wanted = by_table(place, to, mapping=mapping)
    assert len(wanted) == 14 and targets(result) == sorted(wanted) == listed(place)
    for table, items in wanted.items():
        expect.compare(target, table, items, mapping)
        found = target.describe_table(TableName=table)["Table"]
        assert [i["IndexName"] for i in found["GlobalSecondaryIndexes"]] == ["ByV"]
        assert target.describe_time_to_live(TableName=table)["TimeToLiveDescription"]["AttributeName"] == "TTL"
    assert result.counts() == (600, 600, 0, 0, 0)
    again = place.hlua()
    assert again.summary["outcome"] == "already done" and targets(again) == sorted(wanted)
    assert place.hlua("status").event("status")["tables"][0]["targets"] == sorted(wanted)
    assert "into 14 tables" in place.hlua("status", json=False).output


def test_create_then_migrate(place):
    source(place, rows=200, months=25)
    place.plan(PLAN)
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        assert place.hlua("create").event("created")["created"] == 25
        assert place.hlua("create").event("created")["created"] == 0
        # Up to ten are asked for before the first is waited for.
        made = [line["op"] for line in endpoint.logged() if line["op"] in ("CreateTable", "DescribeContinuousBackups")]
        assert made[made.index("CreateTable"):][:10].count("CreateTable") >= 10, made
        result = place.hlua()
        check(result, target, by_table(place))


def test_several_workers(place):
    """Many chunks, many tables, several workers, an endpoint that fails now and then."""
    source(place, rows=6000, months=50, leaves=LEAVES)
    place.plan(PLAN)
    faults = ["what=unprocessed,keep=5,every=31,count=4", "what=throttle,every=41,count=4", "what=cut,every=17,count=5"]
    with Endpoint(*(o for f in faults for o in ("--fault", "op=BatchWriteItem," + f))) as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", "--jobs", "4")
        check(result, target, by_table(place))


def test_hundreds_of_tables(place):
    """Rows that change their table with each one: batches are sent before they are full, and nothing is lost."""
    source(place, rows=4000, months=400)
    place.sql("UPDATE logs SET v = repeat(v, 200)")
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", "--jobs", "2", timeout=300)
        check(result, target, by_table(place))


def test_memory_for_many_tables(place):
    """Half-full batches of 600 tables, 144 MB if all were filled: never more than 64 MB."""
    if servers.SANITIZER:
        raise Skip("a sanitizer takes memory of its own")
    place.sql("""CREATE TABLE logs (id int PRIMARY KEY, at timestamp, v text); ALTER TABLE logs ALTER v SET STORAGE EXTERNAL;
        INSERT INTO logs SELECT i, timestamp '1970-01-01' + (i % 600) * interval '1 month', repeat(md5(i::text), 625)
        FROM generate_series(1, 7200) i""")
    place.plan(PLAN)
    with Endpoint(mode="sink") as endpoint:
        place.target(endpoint.url)
        running = place.start("migrate", "--jobs", "2")
        memory = peak(running)
        result = running.end()
        assert result.code == 0 and result.counts() == (7200, 7200, 0, 0, 0) and len(targets(result)) == 600, result
        assert 2 < memory < 64, f"{memory:.1f} MB"


def test_rows_of_a_new_month_on_resume(place):
    """The list is of the beginning: what came to the source later has no table, and is rejected with that reason."""
    source(place, rows=LEAVES * ROWS, leaves=LEAVES)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "8") as endpoint:
        target = place.target(endpoint.url)
        wanted = by_table(place)
        running = place.start("migrate", "--jobs", "1")
        wait_until(lambda: endpoint.writes() > 20 or not running.alive(), "writes")
        running.kill()
        assert running.end().code == -9
        assert listed(place) == sorted(wanted)
        ledger = sqlite3.connect(f"file:{place.ledger}?mode=ro", uri=True)
        done = {int(p.rsplit("_", 1)[1].strip('"')) for (p,) in ledger.execute("SELECT part FROM chunk WHERE done = 1")}
        ledger.close()
        leaf = next(i for i in range(LEAVES) if i not in done)
        place.sql(f"INSERT INTO logs VALUES (1000001, {leaf}, '2031-07-01', 'new'), (1000002, {leaf}, '2024-03-01', 'known')")
        result = place.hlua("migrate", code=5)
        rows = {int(i["id"]["N"]) for items in wanted.values() for i in items}
        wanted["Logs-2024-03"].append(next(MAPPING.item(r) for r in expect.read(place.db, "logs", "id = 1000002")))
        check(result, target, wanted, rejected=1)
        assert len(rows) == LEAVES * ROWS
        reject, = place.rejects()
        assert reject["reason"] == "table-unlisted" and "1000001" in reject["key"] and "Logs-2031-07" in reject["message"]
        assert listed(place) == sorted(wanted)
        # With --restart the list is made anew.
        again = place.hlua("migrate", "--restart")
        assert "Logs-2031-07" in targets(again) and again.summary["rejects"] == 0


def test_killed_with_several_workers(place):
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"# SEED={seed}")
    dice = random.Random(seed)
    source(place, rows=LEAVES * ROWS, months=20, leaves=LEAVES)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "10") as endpoint:
        target = place.target(endpoint.url)
        wanted = by_table(place)
        for _ in range(6):
            running = place.start("migrate", "--jobs", "3")
            mark = endpoint.counts()["requests"] + dice.randrange(1, 120)  # also while the tables are made
            wait_until(lambda: endpoint.counts()["requests"] >= mark or not running.alive(), "requests")
            running.kill()
            assert running.end().code in (-9, 0)
        result = place.hlua("migrate", "--jobs", "3")
        check(result, target, wanted)


def test_rows_without_a_table(place):
    """NULL and what has no text: rejected, each with its reason; a table is made for none of them."""
    source(place, rows=100, months=3)
    place.sql("""INSERT INTO logs VALUES (201, 0, NULL, 'null'), (202, 0, 'infinity', 'endless'), (203, 0, '0044-03-15 BC', 'old')""")
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua(code=5)
        check(result, target, by_table(place), rejected=3)
        reasons = {r["key"].split(",")[0]: r["reason"] for r in place.rejects()}
        assert reasons == {"id=201": "table-missing", "id=202": "value", "id=203": "value"}, reasons


def test_no_rows(place):
    place.sql("CREATE TABLE logs (id int PRIMARY KEY, at timestamp)")
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua()
        check(result, target, {})
        assert place.hlua().summary["outcome"] == "already done"


def test_names_that_dynamodb_refuses(place):
    """Told before anything is made, with the text, and the rows that it comes from."""
    source(place, rows=10)
    place.sql("UPDATE logs SET v = 'Loan Service' WHERE id = 3; UPDATE logs SET v = 'loans-' || id % 2 WHERE id <> 3")
    plan = """from = "logs", to = "{v}", name = "logs", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
    place.plan(plan)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        for command in ("create", "migrate"):
            place.hlua(command, code=1).says('"Loan Service"', 'v = "Loan Service"', "no name of a DynamoDB table", "where")
        assert target.list_tables()["TableNames"] == []
        place.plan(plan + """where = "v NOT LIKE '% %'",""")
        result = place.hlua()
        assert targets(result) == ["loans-0", "loans-1"] and result.counts() == (9, 9, 0, 0, 0)


def test_more_tables_than_dynamodb_has(place):
    place.sql("CREATE TABLE logs (id int PRIMARY KEY, at timestamp); INSERT INTO logs (id) SELECT generate_series(1, 2501)")
    place.plan("""from = "logs", to = "Log-{id:%06d}", partition_key = { PK = "{id}" },""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.hlua(code=1).says("more than 2500 tables", "coarser")
        assert target.list_tables()["TableNames"] == []
        result = place.hlua("--dry-run", "--where", "id <= 2500", timeout=300)
        assert len(result.summary["tables"][0]["targets"]) == 2500


def test_unknown_column(place):
    source(place, rows=1)
    place.plan(PLAN.replace("{at:", "{att:"))
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.hlua(code=1).says("plan.lua:7", "tables[1].to", '"att"', '"at"')
    place.plan(PLAN.replace("{at:%Y-%m}", "{v:%Y}"))
    place.hlua(code=1).says("tables[1].to", "type does not suit")


def texts(place, columns, values, to, more=""):
    """Rows of odd values: the tables must be those of Python's templates, each with its rows."""
    place.sql(f"DROP TABLE IF EXISTS odd; CREATE TABLE odd (id serial PRIMARY KEY, {columns}); INSERT INTO odd VALUES {values}")
    place.plan(f"""from = "odd", to = "{to}", name = "odd", partition_key = {{ PK = "{{id}}" }}, attributes = {{ hlua.columns {{}} }},
        {more}""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("--restart")
        check(result, target, by_table(place, to, "odd"), name="odd")
        return targets(result, "odd")


def test_values_that_the_server_calls_equal(place):
    """1.0 and 1.00, 'a' and 'A' of a collation that does not tell them apart, and blanks of char(n)."""
    assert texts(place, "n numeric", "(1, 1.0), (2, 1.00), (3, 1), (4, 1.0)", "Tab-{n}") == ["Tab-1", "Tab-1.0", "Tab-1.00"]
    place.sql("CREATE COLLATION ci (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    assert texts(place, "t text COLLATE ci", "(1, 'a'), (2, 'A'), (3, 'á'), (4, 'a')",
                 "Tab-{t:hex}") == ["Tab-41", "Tab-61", "Tab-c3a1"]
    assert texts(place, "c char(3)", "(1, 'abc'), (2, 'a')", "Tab-{c:hex}") == ["Tab-612020", "Tab-616263"]
    assert texts(place, "b boolean, d date, u uuid, e int8",
                 "(1, true, '2024-02-29', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 5), (2, false, '1999-12-31', NULL, 5)",
                 "{b}.{d}.{e:%05d}") == ["false.1999-12-31.00005", "true.2024-02-29.00005"]
    assert len(texts(place, "i int", ",".join(f"({i}, {i})" for i in range(1, 500)), "Shard-{i:shard(7)}")) == 7


def test_times_in_each_grain(place):
    """Moments around every change of a unit, before 1970 too: the server groups, and loses none."""
    edges = ["1969-12-31 23:59:59.999999", "1970-01-01", "1900-02-28 23:59:59.9999", "1900-03-01 00:00:00.001", "2024-02-29 12:34:56.789012",
             "2024-02-29 12:34:56.789999", "2024-12-31 23:59:59.999999", "0001-01-01", "9999-12-31 23:59:59.999999"]
    values = ",".join(f"({i}, '{at}', '{at}+00')" for i, at in enumerate(edges * 2, 1))
    columns = "at timestamp, atz timestamptz"
    for how in ("%Y", "%m", "%d", "%j", "%H", "%M", "%S", "%s", "%L", "%f", "%Y-%m-%d", "%F.%H", "only"):
        plain = how == "only"
        to = "Tab-{at:%Y}-{atz:%m}" if plain else "Tab-{at:" + how + "}-{atz:" + how + "}"
        texts(place, columns, values, to)


def test_query_expressions_and_zone(place):
    source(place, rows=300, months=5)
    zone = """time_zone = "Europe/Madrid","""
    place.plan("""query = [[SELECT l.*, 'svc-' || id % 3 AS service FROM logs l WHERE {range}]], key = { "id", "leaf" },
        to = "{service}.{at:%Y-%m}", name = "logs", columns = { at = "at + interval '2 months'" }, """ + zone + """
        partition_key = { PK = "{id}" }, attributes = { V = "{v}" },""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua()
        mapping = Mapping({"PK": "{id}"}, attributes={"V": "{v}"}, columns=None)
        relation = """SELECT id, leaf, v, 'svc-' || id % 3 AS service, (at + interval '2 months') AT TIME ZONE 'Europe/Madrid' AS at FROM logs"""
        check(result, target, by_table(place, "{service}.{at:%Y-%m}", relation, mapping), mapping)


def test_where_limit_dry_run(place):
    """A narrowed run has its own list; a dry run makes nothing; --limit reads a part, whose tables are all there."""
    source(place, rows=500)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        dry = place.hlua("--dry-run")
        assert len(targets(dry)) == 14 and dry.counts() == (500, 500, 0, 0, 0)
        assert target.list_tables()["TableNames"] == [] and not place.ledger.exists()
        part = place.hlua("--where", "at < '2024-04-01'")
        assert targets(part) == ["Logs-2024-01", "Logs-2024-02", "Logs-2024-03"] == sorted(target.list_tables()["TableNames"])
        limited = place.hlua("--limit", "20")
        assert len(targets(limited)) == 14 and limited.counts() == (20, 20, 0, 0, 0)
        whole = place.hlua()
        check(whole, target, by_table(place))


def test_items_map_and_other_tables(place):
    """Each item of a row goes to the row's table, unless it names a plain one; a templated one cannot be named."""
    source(place, rows=120, months=4)
    declared = """name = "logs", from = "logs", to = "Logs-{at:%Y-%m}", partition_key = { PK = hlua.S },"""
    audit = """name = "audit", from = "logs", where = "false", to = "Audit", partition_key = { PK = "{id}" },"""
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(declared + """items = { hlua.item { partition_key = { PK = "A{id}" } }, hlua.item { partition_key = { PK = "B{id}" } } },""")
        result = place.hlua()
        items = {}
        for row in expect.read(place.db, "logs"):
            items.setdefault(name_of(row), []).extend({"PK": {"S": f"{letter}{row['id'].text}"}} for letter in "AB")
        assert sorted(items) == targets(result) and result.table("logs")["items_written"] == 240
        for table, wanted in items.items():
            expect.compare(target, table, wanted, MAPPING)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(declared + """map = function(row) return { PK = "M" .. row.id }, hlua.to("logs", { PK = "N" .. row.id }),
            hlua.to("audit", { PK = "AUDIT" .. row.id }) end,""", audit)
        result = place.hlua("--restart")
        for table, wanted in items.items():
            expect.compare(target, table, [{"PK": {"S": i["PK"]["S"].translate({65: "M", 66: "N"})}} for i in wanted], MAPPING)
        assert len([*expect.scan(target, "Audit")]) == 120
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(declared + """map = function(row) return nil end,""", """name = "other", from = "logs", to = "Other",
            partition_key = { PK = hlua.S }, map = function(row) return hlua.to("logs", { PK = "x" }) end,""")
        result = place.hlua("--restart", code=5)
        assert result.counts("other") == (120, 0, 120, 0, 0) and result.counts("logs") == (120, 0, 0, 120, 0)
        reject = place.rejects()[0]
        assert reject["reason"] == "function" and "template" in reject["message"], reject


def test_tables_that_share_targets(place):
    """Two tables of one template, and a plain table that a template meets."""
    source(place, rows=200, months=3)
    place.sql("CREATE TABLE more AS SELECT id + 1000 AS id, leaf, at, v FROM logs WHERE at < '2024-03-01'; ALTER TABLE more ADD PRIMARY KEY (id)")
    rest = """to = "Logs-{at:%Y-%m}", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
    place.plan(f"""name = "a", from = "logs", {rest}""", f"""name = "b", from = "more", {rest}""",
               """name = "c", from = "logs", where = "id <= 2", to = "Logs-2024-01", partition_key = { PK = "C{id}" },""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("--jobs", "3")
        wanted = by_table(place)
        for table, items in by_table(place, relation="more").items():
            wanted[table] = wanted[table] + items
        wanted["Logs-2024-01"] += [{"PK": {"S": "C1"}}, {"PK": {"S": "C2"}}]
        for table, items in wanted.items():
            expect.compare(target, table, items, MAPPING)
        assert len(targets(result, "a")) == 3 and len(targets(result, "b")) == 2 and "targets" not in result.table("c")


def test_items_of_others_and_tables_that_are_gone(place):
    """Each table is looked at as one alone would be."""
    source(place, rows=LEAVES * 20, months=6, leaves=LEAVES)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        key = {"AttributeDefinitions": [{"AttributeName": "PK", "AttributeType": "S"}], "BillingMode": "PAY_PER_REQUEST",
               "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}]}
        target.create_table(TableName="Logs-2024-03", **key)
        target.put_item(TableName="Logs-2024-03", Item={"PK": {"S": "stranger"}})
        place.hlua(code=4).says("Logs-2024-03", "did not write")
        target.delete_table(TableName="Logs-2024-03")
        running = place.start("migrate", "--jobs", "1")
        wait_until(lambda: endpoint.writes() > 5 or not running.alive(), "writes")
        running.kill()
        assert running.end().code == -9
        target.delete_table(TableName="Logs-2024-05")
        place.hlua(code=4).says("Logs-2024-05", "deleted", "--restart")
        check(place.hlua("--restart"), target, by_table(place))


def test_identity_holds_the_template(place):
    source(place, rows=50, months=3)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.hlua()
        place.sql("INSERT INTO logs VALUES (5000, 0, '2040-01-01', 'later')")
        assert place.hlua().summary["outcome"] == "already done"  # another list is no other plan
        place.plan(PLAN.replace("%Y-%m", "%Y"))
        place.hlua(code=1).says("Logs-{at:%Y-%m}", "Logs-{at:%Y}")


def test_interrupted_while_the_tables_are_listed(place):
    """Ctrl-C is heard while the server looks for the names; the statement is cancelled there."""
    source(place, rows=2000)
    place.plan(PLAN + """where = "pg_sleep(0.05)::text IS NOT NULL",""")
    listing = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'FETCH%hlua_distinct' AND state = 'active' AND datname = current_database()"
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        for command in "migrate", "create", "rehearse":
            running = place.start(command)
            wait_until(lambda: place.sql(listing).fetchone()[0], "the listing")
            began = time.monotonic()
            running.kill(signal.SIGINT)
            result = running.end()
            assert result.code == 130 and time.monotonic() - began < 5, (command, result)
            result.says("interrupted")
            wait_until(lambda: not place.sql(listing).fetchone()[0], "the end of the statement")
        assert endpoint.writes() == 0
