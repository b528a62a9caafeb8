"""on_reject: a row that cannot be mapped is shown to the plan's function, which mends it, lets it be rejected, or stops the run."""
import json

import expect
from servers import Endpoint

ROWS = """CREATE TABLE t (id int PRIMARY KEY, k text, v text);
    INSERT INTO t SELECT i, CASE WHEN i % 10 > 0 THEN 'k' || i END, 'v' || i FROM generate_series(1, 500) i"""
TABLE = 'from = "t", to = "Target", partition_key = { PK = "{k}" }, attributes = { hlua.columns {} }, on_reject = %s,'


def moved(place, on_reject, code=0, table=TABLE, arguments=()):
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(table % on_reject)
        result = place.hlua("migrate", *arguments, code=code)
        items = {i["PK"]["S"]: i for i in expect.scan(target, "Target")} if "--dry-run" not in arguments else None
        return result, items


def test_mends_rows(place):
    place.sql(ROWS)
    result, items = moved(place, """function(row, reject)
        if row.id % 20 == 0 then return nil end
        return { PK = "none-" .. row.id, v = row.v, why = reject.reason, told = reject.message, key = reject.key,
          of = reject.table, item = reject.item == nil } end""", code=5)
    assert result.counts() == (500, 475, 25, 0, 0) and len(items) == 475
    mended = items["none-30"]
    assert mended["why"]["S"] == "key-missing" and mended["key"]["S"] == "id=30" and mended["of"]["S"] == "Target"
    assert "PK" in mended["told"]["S"] and mended["item"]["BOOL"] is True
    assert result.table()["items_written"] == 475
    assert {r["key"] for r in place.rejects()} == {f"id={i}" for i in range(20, 501, 20)}


def test_the_item_so_far(place):
    """It is told as DynamoDB JSON."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, j text); INSERT INTO t VALUES (1, '{}'), (2, 'no json')")
    result, items = moved(place, 'function(row, reject) return { PK = tostring(row.id), item = reject.item } end', table=
                          'from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { J = hlua.json "j" }, on_reject = %s,')
    assert result.counts() == (2, 2, 0, 0, 0)
    assert json.loads(items["2"]["item"]["S"]) == {"PK": {"S": "2"}}


def test_several_items_and_other_tables(place):
    place.sql(ROWS)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(TABLE % """function(row) return { PK = "a" .. row.id }, hlua.to("Other", { PK = "b" .. row.id }) end""",
                   'from = "t", name = "Other", where = "false", to = "Other", partition_key = { PK = "{k}" },')
        result = place.hlua("migrate")
        assert result.counts("Target") == (500, 500, 0, 0, 0) and result.table("Target")["items_written"] == 550
        assert len([*expect.scan(target, "Target")]) == 500 and len([*expect.scan(target, "Other")]) == 50


def test_rows_of_several_items(place):
    """The mended item stands for those that were not made; the row counts once."""
    place.sql(ROWS)
    result, items = moved(place, 'function(row, reject) return { PK = "mended" .. row.id } end', table='''from = "t", to = "Target",
        partition_key = { PK = hlua.S }, on_reject = %s,
        map = function(row) return { PK = "first" .. row.id }, { PK = row.k }, { PK = "last" .. row.id } end,''')
    assert result.counts() == (500, 500, 0, 0, 0)
    assert len(items) == 450 * 3 + 50 * 2 and "first10" in items and "mended10" in items and "last10" not in items


def test_what_it_returns_keeps_the_rules(place):
    """It is asked once a row; both messages are kept."""
    place.sql(ROWS)
    result, items = moved(place, """function(row, reject)
        if row.id == 10 then return { PK = "" } end
        if row.id == 20 then return { v = "no key" } end
        if row.id == 30 then return { PK = "x", v = ("x"):rep(500000) } end
        if row.id == 40 then error("its own mistake") end
        if row.id == 50 then while true do end end
        if row.id == 60 then return "text" end
        if row.id == 70 then return row.nothing end
        if row.id == 80 then return { PK = "first" }, { PK = "" } end
        return nil end""", code=5)
    assert result.counts() == (500, 450, 50, 0, 0)
    assert "first" in items and "x" not in items and len(items) == 451
    told = {r["key"]: r for r in place.rejects()}
    assert len(told) == 50 and {r["reason"] for r in told.values()} == {"key-missing"}
    for key, word in ((10, "empty"), (20, "missing in the item"), (30, "409,600"), (40, "its own mistake"), (50, "mapping_timeout"),
                      (60, "on_reject returned a string"), (70, "no column nothing"), (80, "empty")):
        message = told[f"id={key}"]["message"]
        assert message.startswith("attribute PK") and "; on_reject: plan.lua:" in message and word in message, message
    assert "on_reject" not in told["id=90"]["message"]


def test_stops_the_run(place):
    """Exit code 5, the row and the reason told, resumable; with the stop gone from the rows it goes on."""
    place.sql(ROWS)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(TABLE % 'function(row, reject) return hlua.stop("no row may be without a key: " .. reject.key) end')
        result = place.hlua("migrate", code=5)
        assert result.summary["outcome"] == "stopped"
        result.says("on_reject stopped the run at row id=", "no row may be without a key: id=", "key-missing")
        assert len(place.rejects()) >= 1
        place.sql("UPDATE t SET k = 'k' || id WHERE k IS NULL")
        result = place.hlua("migrate")
        assert result.counts() == (500, 500, 0, 0, 0) and result.summary["resumes"] == 1
        assert len([*expect.scan(target, "Target")]) == 500 and place.rejects() == []


def test_stop_elsewhere_is_an_error(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    for table, word in (('partition_key = { PK = hlua.S }, map = function(row) return hlua.stop("x") end,', "map returned a hlua value"),
                        ('partition_key = { PK = "{id}" }, attributes = { A = function(row) return hlua.stop("x") end },', "only on_reject"),
                        ('partition_key = { PK = "{id:%%d}" }, attributes = { A = function(row) error("no") end }, '
                         'on_reject = function() return hlua.stop(5) end,', "hlua.stop needs a text")):
        moved(place, "", code=5, table='from = "t", to = "Target", ' + table + "%s")
        assert word in place.rejects()[0]["message"], place.rejects()
        place.ledger.unlink()


def test_is_a_part_of_the_identity(place):
    place.sql(ROWS)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(TABLE % "function(row) return nil end")
        place.hlua("migrate", code=5)
        place.plan(TABLE % 'function(row) return { PK = "n" .. row.id } end')
        place.hlua("migrate", code=1).says("on_reject", "--restart")
        event = place.hlua("rejects", "--retry").event("retry")
        assert event["left"] == 0 and event["mapping_changed"] and event["tables"][0]["rows_written"] == 50


def test_sees_the_columns_that_are_read(place):
    """It makes no column be read: its row has those of the mapping."""
    place.sql(ROWS)
    result, _ = moved(place, 'function(row) return { PK = "n", v = row.v } end', code=5, table=
                      'from = "t", to = "Target", partition_key = { PK = "{k}" }, attributes = { Id = hlua.column "id" }, on_reject = %s,')
    assert result.counts() == (500, 450, 50, 0, 0)
    assert "the row has no column v" in place.rejects()[0]["message"]


def test_dry_run_and_max_rejects(place):
    """Mended rows are no rejects: they do not count against max_rejects."""
    place.sql(ROWS)
    table = "max_rejects = 0, " + TABLE
    result, _ = moved(place, 'function(row) return { PK = "n" .. row.id } end', table=table, arguments=("--dry-run",))
    assert result.counts() == (500, 500, 0, 0, 0)
    result, items = moved(place, 'function(row) return { PK = "n" .. row.id } end', table=table)
    assert result.counts() == (500, 500, 0, 0, 0) and len(items) == 500
