"""`rejects --explain`: the row as it is now, what becomes of it, the rule, and what would mend it."""
from servers import Endpoint

PLAN = 'from = "t", to = "Target", partition_key = { PK = "{k}" }, attributes = { hlua.columns {} },'


def explain(place, key, *arguments, code=0, **more):
    return place.hlua("rejects", "--explain", key, *arguments, code=code, **more)


def moved(place, plan=PLAN, *options, setup=None):
    """A table with a reject, moved; the endpoint is gone afterwards, since nothing asks it."""
    place.sql(setup or """CREATE TABLE t (id int PRIMARY KEY, k text, v text);
        INSERT INTO t SELECT i, CASE WHEN i <> 7 THEN 'k' || i END, 'v' || i FROM generate_series(1, 20) i""")
    with Endpoint(*options) as endpoint:
        place.target(endpoint.url)
        place.plan(plan)
        place.hlua("migrate", code=5)


def test_a_row(place):
    """By its key as listed, or by the value alone."""
    moved(place)
    for key in ("id=7", "7"):
        told = explain(place, key).event("explain")
        assert (told["key"], told["reason"], told["mended"]) == ("id=7", "key-missing", False)
        assert {c["name"]: c["value"] for c in told["columns"]} == {"id": "7", "k": None, "v": "v7"}
        assert told["now"]["result"] == "rejected" and told["now"]["items"] == []
        assert "key" in told["rule"] and len(told["mend"]) > 1
    text = explain(place, "7", json=False).output
    for words in ("id=7", "NULL", "rejected: key-missing", "rule", "mend", "hlua plan.lua"):
        assert words in text, (words, text)


def test_the_item_so_far(place):
    moved(place, 'from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { v = "{v}", W = hlua.N "{k}" },')
    told = explain(place, "7", code=2)
    told.says("id=7", "was not rejected")
    (told,) = explain(place, "8").lines
    assert told["now"]["item_so_far"] == told["item"] and '"PK":{"S":"8"}' in told["item"]


def test_keys_of_several_columns(place):
    moved(place, 'from = "t", to = "Target", partition_key = { PK = "{v}" }, attributes = { hlua.columns {} },', setup="""
        CREATE TABLE t (a text, at timestamptz, v text, PRIMARY KEY (a, at)); INSERT INTO t VALUES
        ('x,at=y', '2024-01-15 10:30:00.5+02', NULL), ('x', '2024-01-15 10:30:00.5+02', NULL), ('x', 'infinity', NULL), ('b', now(), 'ok')""")
    keys = [r["key"] for r in place.rejects()]
    assert len(keys) == 3 and "a=x,at=infinity" in keys
    for key in keys:
        if not key.startswith("a=x,at=y"):  # a value that looks like the next column
            assert explain(place, key).lines[0]["columns"][0]["value"] == "x"
    explain(place, "x", code=2).says("no rejected row")


def test_several_tables_with_one_key(place):
    place.sql("CREATE TABLE u (id int PRIMARY KEY, k text); INSERT INTO u VALUES (7, NULL), (8, 'x')")
    place.sql("CREATE TABLE t (id int PRIMARY KEY, k text); INSERT INTO t VALUES (7, NULL), (9, 'x')")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(PLAN, PLAN.replace('"t"', '"u"').replace("Target", "Other"))
        place.hlua("migrate", code=5)
    assert [e["table"] for e in explain(place, "7").lines] == ["Target", "Other"]


def test_mended_gone_and_left_out(place):
    moved(place)
    place.plan(PLAN + 'where = "id <> 7",')
    explain(place, "7", code=1).says("where leaves it out")
    place.plan(PLAN.replace("{k}", "{id}"))
    (told,) = explain(place, "7").lines
    assert told["mended"] and told["now"]["result"] == "item" and "mend" not in told
    assert "the row maps" in explain(place, "7", json=False).output
    place.plan(PLAN)
    place.sql("DELETE FROM t WHERE id = 7")
    explain(place, "7", code=1).says("id=7", "not in the source any more")


def test_what_is_no_reject(place):
    explain_code = lambda key, *words: explain(place, key, code=2).says(*words)
    moved(place)
    explain_code("id=8", "id=8", "was not rejected")
    explain_code("99", "no rejected row has the key 99", "rejects")
    explain_code("id=abc", "no rejected row")
    explain_code("k=7", "no rejected row")


def test_functions_and_the_source_and_the_target(place):
    """Each reason has its own advice; a row that only DynamoDB refused maps, and is not called mended."""
    moved(place, """from = "t", to = "Target", columns = { d = "100 / d" }, partition_key = { PK = "{id}" },
        attributes = { hlua.columns {}, F = function(row) if row.id == 3 then error "no" end return row.v end },""",
          "--fault", "what=refuse,match=poison", setup="""CREATE TABLE t (id int PRIMARY KEY, d int, v text);
        INSERT INTO t VALUES (1, 1, 'fine'), (2, 0, 'zero'), (3, 1, 'raises'), (4, 1, 'poison')""")
    rules = {}
    for key, reason in (("2", "source"), ("3", "function"), ("4", "target")):
        (told,) = explain(place, key).lines
        assert told["reason"] == reason and not told["mended"], told
        rules[reason] = told["rule"]
        assert told["now"]["result"] == ("item" if reason == "target" else "rejected")
        assert explain(place, key, json=False).output
    assert len(set(rules.values())) == 3
    place.sql("UPDATE t SET d = 1")
    assert explain(place, "2").lines[0]["mended"]


def test_a_templated_target(place):
    """The row's table is told before its mapping, as in a run; that a table is not the run's is not called mended."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, day date);
        INSERT INTO t VALUES (1, '2026-01-05'), (2, NULL), (3, 'infinity')""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan('from = "t", to = "Days-{day:%Y}", partition_key = { PK = "{day}#{id}" },')
        place.hlua("migrate", code=5)
        for key, reason in (("2", "table-missing"), ("3", "value")):
            (told,) = explain(place, key).lines
            assert told["reason"] == told["now"]["reason"] == reason and told["message"] == told["now"]["message"], told
        place.sql("UPDATE t SET day = '2031-01-01' WHERE id = 2; UPDATE t SET day = '2026-02-01' WHERE id = 3")
        assert explain(place, "3").lines[0]["mended"]
        (told,) = explain(place, "2").lines  # before the retry that says the same
        assert not told["mended"] and told["now"]["reason"] == "table-unlisted" and "Days-2031" in told["now"]["message"], told
        place.hlua("rejects", "--retry", code=5)
        (told,) = explain(place, "2").lines
        assert told["reason"] == "table-unlisted" and not told["mended"] and "began" in told["rule"], told
        assert "--restart" in explain(place, "2", json=False).output
        place.sql("UPDATE t SET day = '2026-03-01' WHERE id = 2")
        assert explain(place, "2").lines[0]["mended"] and place.hlua("rejects", "--retry").event("retry")["left"] == 0
        assert place.hlua("check").event("check")["exit"] == 0
        place.sql("INSERT INTO t VALUES (4, '2033-01-01')")
        (rejected,) = place.hlua("check", code=5).event("check")["tables"][0]["rejects"]
        assert rejected["reason"] == "table-unlisted"  # as a resume would have it
        place.plan('from = "t", to = "Months-{day:%Y-%m}", partition_key = { PK = "{day}#{id}" },')
        assert place.hlua("check", code=1).event("check")["tables"][0]["rejects"] == []  # a run from the beginning lists anew


def test_a_table_without_a_key(place):
    moved(place, setup="CREATE TABLE t (k text, v int); INSERT INTO t VALUES ('a', 1), (NULL, 2), ('c', 3)")
    (listed,) = place.rejects()
    assert listed["key"] == "ctid=(0,2)"
    assert explain(place, "ctid=(0,2)").lines[0]["columns"][1]["value"] == "2"
    assert "has no key" in explain(place, "(0,2)", json=False).output


def test_before_any_run(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY, k text)")
    place.plan(PLAN)
    explain(place, "1", code=2).says("no rejected row")
