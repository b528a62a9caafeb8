"""What no test of one feature sees: policies, templated targets, on_reject, retries and control in one plan."""
import psycopg

from place import wait_until
from servers import Endpoint
from test_policies import found, plant
from test_retry import retry, status

TO = "Logs-{at:%Y}"
FAULTS = ["op=BatchWriteItem,every=7,what=unprocessed,keep=3", "op=PutItem,every=19,what=cut", "op=PutItem,every=41,what=throttle",
          "op=PutItem,every=31,what=5xx"]


def source(place, rows=600):
    """Every 10th row has no key, every 7th no year, every 9th text that is no JSON; keys come twice."""
    place.sql(f"""CREATE TABLE t (id int PRIMARY KEY, k text, at date, j text, n int); INSERT INTO t SELECT i,
        CASE WHEN i % 10 > 0 THEN 'k' || i % 300 END, CASE WHEN i % 7 > 0 THEN make_date(2020 + i % 3, 1, 1) END,
        CASE WHEN i % 9 = 0 THEN 'no' ELSE '{{}}' END, i FROM generate_series(1, {rows}) i""")


def rows_of(place):
    with place.db.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute("SELECT * FROM t").fetchall()


def year(row):
    return "Logs-%d" % row["at"].year


def test_mended_rows_of_a_template(place):
    """What on_reject returns goes to the row's own table, or to the one it names; a row without a table is not asked about."""
    source(place)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        endpoint.faults(*FAULTS)
        place.plan(f"""from = "t", name = "t", to = "{TO}", partition_key = {{ PK = "{{k}}#{{id}}" }}, attributes = {{ J = hlua.json "j" }},
            on_reject = function(row, reject)
              if reject.reason == "json" then return {{ PK = "bad#" .. row.id }}, hlua.to("Other", {{ PK = "bad#" .. row.id }}) end
              if row.id % 20 == 0 then return {{ PK = "none#" .. row.id }} end
            end,""", 'from = "t", name = "Other", where = "false", to = "Other", partition_key = { PK = "{k}" },')
        result = place.hlua("migrate", "--jobs", "3", code=5)
        tables, other, rejected = {}, set(), 0
        for row in rows_of(place):
            if row["at"] is None:
                rejected += 1
            elif row["k"] is not None and row["j"] == "no" or row["k"] is None and row["id"] % 20 == 0:
                key = f"bad#{row['id']}" if row["k"] is not None else f"none#{row['id']}"
                tables.setdefault(year(row), set()).add(key)
                other |= {key} if key.startswith("bad") else set()
            elif row["k"] is None:
                rejected += 1
            else:
                tables.setdefault(year(row), set()).add(f"{row['k']}#{row['id']}")
        assert result.counts("t") == (600, 600 - rejected, rejected, 0, 0), result.counts("t")
        assert {table: set(found(target, table)) for table in tables} == tables and set(found(target, "Other")) == other
        status(place)
        dry = place.hlua("migrate", "--dry-run", code=5)
        assert dry.counts("t") == (600, 600 - rejected, rejected, 0, 0), dry.counts("t")


def test_retried_rows_of_a_template_under_a_condition(place):
    """Written, superseded, rejected again, without a table: each is counted, and the run's sum holds."""
    source(place)
    plan = f"""from = "t", name = "t", to = "{TO}", partition_key = {{ PK = KEY }}, attributes = {{ n = hlua.column "n" }},
        keep = hlua.greatest "n","""
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        endpoint.faults(*FAULTS)
        place.plan(plan.replace("KEY", '"{k}"'))
        place.hlua("migrate", "--jobs", "3", code=5)
        before = status(place)["tables"][0]
        keyless = [r for r in rows_of(place) if r["k"] is None and r["at"] is not None]
        place.plan(plan.replace("KEY", 'hlua.S(function(row) if row.n % 30 == 0 then return nil end return row.k or row.n % 20 == 0 and "k1" or "new" .. row.n end)'))
        event = retry(place, code=5)
        again = [r for r in keyless if r["id"] % 30 == 0]
        fresh = [r for r in keyless if r["id"] % 30 and r["id"] % 20]
        shared = [r for r in keyless if r["id"] % 30 and r["id"] % 20 == 0]
        t = event["tables"][0]
        assert t["rows_rejected"] == len(again) + sum(r["at"] is None for r in rows_of(place)), t
        assert t["rows_written"] + t["rows_superseded"] == len(fresh) + len(shared) and t["rows_written"] >= len(fresh), t
        after = status(place)["tables"][0]
        assert after["rows_superseded"] == before["rows_superseded"] + t["rows_superseded"]
        assert after["rows_written"] == before["rows_written"] + t["rows_written"]
        assert event["left"] == t["rows_rejected"] == len(place.rejects())
        best = {}
        for r in rows_of(place):
            key = r["k"] or (None if r["id"] % 30 == 0 else "k1" if r["id"] % 20 == 0 else f"new{r['id']}")
            if r["at"] is not None and key:
                best[year(r), key] = max(best.get((year(r), key), 0), r["n"])
        there = {(table, k): int(i["n"]["N"]) for table in target.list_tables()["TableNames"] for k, i in found(target, table).items()}
        assert there == best, {k: (there.get(k), best.get(k)) for k in there.keys() | best.keys() if there.get(k) != best.get(k)}
        event = retry(place, code=5)  # the same once more: nothing is counted twice
        assert event["tables"][0]["rows_written"] == 0 and status(place)["tables"][0]["rows_written"] == after["rows_written"]


def test_rows_of_items_that_fare_differently(place):
    """Of a row's items one is superseded, one refused by DynamoDB, one cannot be: it counts once, also after a retry."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 240) i")
    plan = """from = "t", to = "Target", partition_key = { PK = hlua.S }, existing = "keep", map = function(row)
        local a, b = { PK = "a" .. row.id, v = row.v }, { PK = "b" .. row.id, v = row.v }
        if row.id %% 4 == 0 then return end
        if row.id %% 4 == 1 then return a end
        if row.id %% 8 == 2 then return a, { PK = %s }, b end
        return a, b end, on_reject = function(row) %s end,"""
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        plant(target, "Target", *({"PK": {"S": f"a{i}"}, "other": {"BOOL": True}} for i in range(1, 241, 3)))
        endpoint.faults(*FAULTS)
        place.plan(plan % ('""', "return nil"))
        result = place.hlua("migrate", "--jobs", "2", code=5)
        superseded = [i for i in range(1, 241) if i % 4 == 1 and i % 3 == 1]
        rejected = [i for i in range(1, 241) if i % 8 == 2]
        assert result.counts() == (240, 240 - 60 - len(superseded) - len(rejected), len(rejected), 60, len(superseded)), result.counts()
        assert len(place.rejects()) == len(rejected)
        endpoint.faults('op=PutItem,what=refuse,match="b' + str(rejected[0]) + '"', *FAULTS)
        place.plan(plan % ('"c" .. row.id', "return nil"))
        event = retry(place, code=5)
        assert event["tables"][0]["rows_written"] == len(rejected) - 1 and event["left"] == 1, event
        assert [r["reason"] for r in place.rejects()] == ["target"]
        endpoint.faults()
        assert retry(place)["tables"][0]["rows_written"] == 1 and place.rejects() == []
        s = status(place)["tables"][0]
        assert (s["rows_written"], s["rows_rejected"], s["rows_superseded"]) == (180 - len(superseded), 0, len(superseded)), s
        assert {f"{p}{i}" for i in rejected for p in "abc"} <= set(found(target, "Target"))


def test_two_tables_write_the_same_keys_under_a_condition(place):
    """One DynamoDB table, two of the plan's, several workers: never two writes of one key at once, and the greatest stays."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t SELECT i, i * 7 % 500 FROM generate_series(1, 500) i")
    one = 'from = "t", name = "%s", to = "%s", partition_key = { PK = "{id:%%03d}" }, attributes = { n = hlua.column "n" }, ' \
        'columns = { n = "%s" }, keep = hlua.greatest "n",'
    with Endpoint("--latency-ms", "2") as endpoint:
        target = place.target(endpoint.url)
        endpoint.faults(*FAULTS)
        place.plan(one % ("a", "Target", "n"), one % ("b", "Target", "500 - n"))
        result = place.hlua("migrate", "--jobs", "4")
        for name in "ab":
            read, written, rejected, filtered, superseded = result.counts(name)
            assert (read, rejected, filtered) == (500, 0, 0) and written + superseded == 500, result.counts(name)
        wanted = {f"{i:03d}": max(i * 7 % 500, 500 - i * 7 % 500) for i in range(1, 501)}
        assert {k: int(i["n"]["N"]) for k, i in found(target, "Target").items()} == wanted


def test_a_retry_is_paused_and_stopped(place):
    """Control reaches a retry as it does a migration; what was stopped on the way is told next time."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, k text); INSERT INTO t SELECT i FROM generate_series(1, 900) i")
    plan = 'from = "t", to = "Target", partition_key = { PK = %s }, existing = "keep",'
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        place.plan(plan % '"{k}"')
        place.hlua("migrate", code=5)
        place.plan(plan % '"{k}"' + 'columns = { k = "coalesce(k, id::text)" },')
        running = place.start("rejects", "--retry")
        wait_until(lambda: endpoint.writes() > 4, "writes")
        assert place.hlua("control", "pause").event("control")["state"] == "paused"
        wait_until(lambda: place.hlua("control", "status").event("control")["tables"][0]["in_flight"] == 0, "an empty flight")
        before = endpoint.writes()
        assert place.hlua("control", "status").event("control")["state"] == "paused" and endpoint.writes() == before
        place.hlua("control", "stop")
        assert running.end().code == 130
        left = len(place.rejects())
        status(place)
        event = retry(place)
        assert event["tables"][0]["rows_written"] == left and event["left"] == 0 and len(found(target, "Target")) == 900
        assert status(place)["tables"][0]["rows_written"] == 900
