"""What `check` shows of real rows: compared with what Python works out of the same rows; and that it writes nothing."""
import json
import signal

import expect
from expect import Index, Mapping
from place import wait_until
from servers import Endpoint

SIMPLE = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})
READS = {"DescribeTable", "DescribeTimeToLive", "DescribeContinuousBackups", "ListTagsOfResource", "Scan"}


def rows(place, count=250):
    place.sql(f"""CREATE TABLE t (id int PRIMARY KEY, v text, n numeric(10,2));
        INSERT INTO t SELECT i, CASE WHEN i % 7 > 0 THEN 'v' || i END, i * 1.5 FROM generate_series(1, {count}) i""")


def check(place, *arguments, code=0, **more):
    return place.hlua("check", *arguments, code=code, **more)


def screen(place, *arguments, code=0):
    """What people see, as words with one blank between them."""
    return " ".join(check(place, *arguments, code=code, json=False).output.split())


def read_only(endpoint):
    """hlua asked and changed nothing."""
    asked = {line["op"] for line in endpoint.logged()}
    assert asked and asked <= READS, asked


def compare(place, result, relation, mapping, name="Target"):
    """The rows of the event are rows of the source, and their items what the mapping makes of them."""
    table = next(t for t in result.event("check")["tables"] if t["name"] == name)
    source = {json.dumps({n: f.text for n, f in row.items()}): row for row in expect.read(place.db, relation)}
    by_key = {row["id"].text: row for row in source.values()}
    for shown in table["rows"]:
        row = by_key[shown["key"].split("=")[1]]
        assert [c["name"] for c in shown["columns"]] == list(row)
        assert {c["name"]: c["value"] is None for c in shown["columns"]} == {n: f.null for n, f in row.items()}
        wanted = mapping.item(row)
        (found,) = shown["items"]
        assert expect.plain_item(json.loads(found["item"])) == expect.plain_item(wanted)
        assert found["bytes"] == expect.item_size(wanted) and found["write_units"] == mapping.units(wanted)
    return table


def test_templates(place):
    """Three rows from all over the table, and what the sample as a whole comes to."""
    rows(place)
    mapping = Mapping({"PK": "A#{id:%05d}"}, {"SK": "{n}"}, [Index({"G": "{v}"})])
    with Endpoint(log=place.folder / "log") as endpoint:
        place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "A#{id:%05d}" }, sort_key = { SK = "{n}" },
            global_secondary_indexes = { hlua.index { "ByV", partition_key = { G = "{v}" } } }, attributes = { hlua.columns {} },""")
        result = check(place)
        table = compare(place, result, "t", mapping)
        assert len(table["rows"]) == 3 and not table["target_exists"] and "deterministic" not in table
        ids = [int(r["key"][3:]) for r in table["rows"]]
        assert ids == sorted(ids) and ids[0] < 50 and ids[2] > 200, ids
        assert table["sampled"]["rows"] == table["sampled"]["items"] == 100 and table["rejects"] == []
        event = result.event("check")
        assert event["source"]["database"] == place.database and event["exit"] == 0
        assert event["target"]["endpoint"] == endpoint.url and event["target"]["region"] == "eu-west-1"
        assert len(compare(place, check(place, "--rows", "100"), "t", mapping)["rows"]) == 100
        assert {r["key"] for r in compare(place, check(place, "--where", "id IN (7, 8)"), "t", mapping)["rows"]} == {"id=7", "id=8"}
        # the same rows come again
        assert check(place).event("check")["tables"] == event["tables"]
        read_only(endpoint)
        assert not (place.folder / ".hlua").exists()


def test_on_a_screen(place):
    """Side by side in 100 columns, whatever stands in the row."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, "a long name of a column, really" text, j jsonb, b bytea, nothing int);
        INSERT INTO t VALUES (1, repeat('漢字é', 100), '{"z": [1, 2.50], "a": null}', '\\x00ff', NULL),
            (2, E'a\\nb\\x1b[2J', '[]', '', NULL)""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(SIMPLE.replace("hlua.columns {}", 'hlua.columns {}, j = hlua.json "j"'))
        text = check(place, json=False).output
        wide = lambda c: 2 if "\u2e80" <= c <= "\ua4cf" else 1
        assert max(sum(map(wide, line)) for line in text.splitlines()) <= 100, text
        for words in ("漢字é", "...", '{"a": null, "z"', "AP8=", "a\\nb\\x1B[2J", "NULL", "Target will be created",
                      "2 rows looked at: 2 become 2 items", "nothing was written; to begin:  hlua plan.lua"):
            assert words in text, (words, text)


def test_functions(place):
    rows(place)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" },
            attributes = { hlua.columns {}, Twice = hlua.fn({ "id" }, function(id) return 2 * id end) },""")
        mapping = Mapping({"PK": "{id}"}, attributes={"Twice": lambda r: expect.N(2 * int(r["id"].text))})
        assert compare(place, check(place), "t", mapping)["deterministic"] is True
        assert "the same items in two states" in screen(place)


def test_map_and_items(place):
    """Several items of a row, to several targets; rows that are filtered."""
    rows(place, 60)
    keys = "partition_key = { PK = hlua.S }, sort_key = { SK = hlua.S },"
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(f"""name = "one", from = "t", to = "One", {keys}
            map = function(row)
              if row.id % 3 == 0 then return nil end
              return {{ PK = "A", SK = tostring(row.id) }}, hlua.to("two", {{ PK = "B", SK = tostring(row.id), n = row.n }})
            end,""", f"""name = "two", from = "t", to = "Two", {keys}
            items = {{ hlua.item {{ partition_key = {{ PK = "P#{{id}}" }}, sort_key = {{ SK = hlua.S "X" }} }},
              hlua.item {{ when = "v", partition_key = {{ PK = "V#{{v}}" }}, sort_key = {{ SK = hlua.S "Y" }} }} }},""")
        result = check(place, "--rows", "100")
        one, two = result.event("check")["tables"]
        assert one["sampled"] == {**one["sampled"], "rows": 60, "items": 80, "filtered": 20, "rejected": 0}
        for shown in one["rows"]:
            i = int(shown["key"][3:])
            assert shown["result"] == ("filtered" if i % 3 == 0 else "item")
            found = [(x["to"], json.loads(x["item"])) for x in shown["items"]]
            wanted = [("One", {"PK": {"S": "A"}, "SK": {"S": str(i)}}),
                      ("Two", {"PK": {"S": "B"}, "SK": {"S": str(i)}, "n": {"N": f"{i * 1.5:.2f}"}})]
            assert found == (wanted if i % 3 else []), (found, wanted)
        assert one["deterministic"] is True and "deterministic" not in two
        assert two["sampled"]["items"] == 60 + sum(1 for i in range(1, 61) if i % 7)
        text = check(place, json=False).output
        assert "no item: the row is filtered" in text and "Two: " in text and "One: " in text


def test_on_reject(place):
    """Rows that cannot be mapped are shown to on_reject, as in a run: what check says becomes of each row is what a run makes of it."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, CASE WHEN i < 7 THEN '{bad' ELSE '{}' END FROM generate_series(1, 9) i")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { A = "a", v = hlua.json "v" },
            on_reject = function(row, reject)
              if row.id == 1 then return { PK = "BAD", why = reject.reason, key = reject.key, so_far = reject.item } end
              if row.id == 2 then return { PK = "BAD2" }, { PK = "BAD3" } end
              if row.id == 3 then error "no" end
              if row.id == 4 then return { PK = "" } end
              if row.id == 5 then return hlua.stop "look first" end
            end,""")
        event = check(place, "--rows", "9", code=5).event("check")
        (table,) = event["tables"]
        assert table["sampled"] == {**table["sampled"], "rows": 9, "items": 6, "rejected": 4} and table["deterministic"] is True
        shown = {int(r["key"][3:]): r for r in table["rows"]}
        item = json.loads(shown[1]["items"][0]["item"])
        assert item["PK"] == {"S": "BAD"} and item["why"] == {"S": "json"} and item["key"] == {"S": "id=1"}
        assert json.loads(item["so_far"]["S"])["PK"] == {"S": "1"}
        assert [json.loads(i["item"])["PK"]["S"] for i in shown[2]["items"]] == ["BAD2", "BAD3"]
        said = {int(r["key"][3:]): r["message"] for r in table["rejects"]}
        says = {3: "; on_reject: plan.lua:", 4: "; on_reject: ", 5: "; on_reject would stop the run: look first", 6: ""}
        assert set(said) == set(says) and all(words in said[i] for i, words in says.items()), said
        assert "on_reject" not in said[6]
        place.sql("DELETE FROM t WHERE id = 5")
        place.hlua("migrate", code=5)
        assert {r["key"]: r["message"] for r in place.rejects()} == {f"id={i}": said[i] for i in (3, 4, 6)}


def test_on_reject_is_a_function(place):
    """A mapping without functions is looked at in two states as well, if its table has an on_reject."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, '{bad' FROM generate_series(1, 9) i")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { v = hlua.json "v" },
            on_reject = (function()
              local seen = 0
              return function(row) seen = seen + 1; return { PK = "BAD", n = seen } end
            end)(),""")
        check(place, code=1).says("n", "hlua.started")


def test_templated_targets(place):
    """A row whose table has no name is rejected as a run rejects it, though its keys would be fine."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, kind text); INSERT INTO t VALUES (1, 'one'), (2, NULL), (3, 'two')")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan('from = "t", to = "Kind-{kind}", partition_key = { PK = "{id}" },')
        (table,) = check(place, code=5).event("check")["tables"]
        assert [(r["key"], r["reason"]) for r in table["rejects"]] == [("id=2", "table-missing")]
        assert [i["to"] for r in table["rows"] for i in r["items"]] == ["Kind-one", "Kind-two"]
        assert "Kind-two: " in screen(place, code=5)


def nondeterministic(place, lua, *says, head="", count=100, sql=""):
    rows(place, count)
    if sql:
        place.sql(sql)
    with Endpoint(log=place.folder / "log") as endpoint:
        place.target(endpoint.url)
        place.plan(f"""from = "t", to = "Target", {lua}""")
        path = place.folder / "plan.lua"
        path.write_text(head + path.read_text())
        result = check(place, code=1)
        result.says("plan.lua:", "hlua.started", *says)
        assert result.event("check")["tables"][0]["deterministic"] is False and result.event("error")["exit"] == 1
        read_only(endpoint)


COUNTER = "local seen = 0 local last = 'none' local function count() seen = seen + 1 return seen end\n"


def test_a_counter_is_found(place):
    nondeterministic(place, """partition_key = { PK = "{id}" }, attributes = {
        Number = function(row) return count() end, Fine = function(row) return row.id end },""",
                     "attribute Number", "N 1, then N ", head=COUNTER)


def test_a_counter_is_found_in_one_row(place):
    nondeterministic(place, 'partition_key = { PK = "{id}" }, attributes = { Number = function(row) return count() end },',
                     "attribute Number", "N 1, then N 2", head=COUNTER, count=1)


def test_a_counter_beside_a_column_is_found_in_one_row(place):
    """Though a run would not call it again for the same columns; nor one that goes round, in an odd number of rows."""
    nondeterministic(place, """partition_key = { PK = "{id}" }, attributes = {
        Number = hlua.fn({ "id" }, function(id) return id .. "." .. count() end) },""", "attribute Number", "S 1.1, then S 1.2", head=COUNTER, count=1)
    place.sql("DROP TABLE t")
    nondeterministic(place, """partition_key = { PK = "{id}" }, attributes = {
        Half = hlua.fn({ "id" }, function(id) return (id >= 0 and "half " or "") .. count() % 2 end) },""", "attribute Half", head=COUNTER, count=101)


def test_what_a_row_leaves_for_the_next_is_found(place):
    nondeterministic(place, """partition_key = { PK = "{id}" }, attributes = {
        Before = hlua.fn({ "id" }, function(id) local was = last last = "row " .. id return was end) },""",
                     "attribute Before", "S none, then S row", head=COUNTER)


def test_the_order_of_pairs_is_found(place):
    nondeterministic(place, """partition_key = { PK = "{id}" }, attributes = { Order = function(row)
        local names, all = { alpha = 1, beta = 2, gamma = 3, delta = 4, epsilon = 5, zeta = 6, eta = 7, theta = 8, iota = 9,
          kappa = 10, lambda = 11, mu = 12 }, ""
        for name in pairs(names) do all = all .. name .. " " end
        return all end },""", "attribute Order")


def test_the_order_of_two_names_is_found(place):
    """By pairs() or by next; and what does not lean on an order is fine, whatever it is."""
    two = """partition_key = { PK = "{id}" }, attributes = { Order = function(row)
        local all = ""
        for name in %s do all = all .. name end
        return all end },"""
    nondeterministic(place, two % "pairs { a = 1, b = 2 }", "attribute Order", "S ab, then S ba")
    place.sql("DROP TABLE t")
    nondeterministic(place, two % "next, { a = 1, b = 2 }", "attribute Order", "S ab, then S ba")
    place.plan(f"""from = "t", to = "Target", {two % "ipairs { 5, 6 }"}""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        assert check(place).event("check")["tables"][0]["deterministic"] is True


def test_a_map_that_differs_is_found(place):
    """An attribute, and how many items there are."""
    nondeterministic(place, """partition_key = { PK = hlua.N }, map = function(row)
        return { PK = row.id, Number = count() } end,""", "attribute Number", head=COUNTER)
    place.sql("DROP TABLE t")
    nondeterministic(place, """partition_key = { PK = hlua.N }, map = function(row)
        if count() % 2 == 0 then return nil end return { PK = row.id } end,""", "item, then", head=COUNTER, count=101)


def test_rejects_in_the_sample(place):
    """Exit code 5, as a run would have; with the reason, for what the server cannot give as well."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, k text, d int); INSERT INTO t
        SELECT i, CASE WHEN i <> 7 THEN 'k' || i END, CASE WHEN i = 9 THEN 0 ELSE 5 END FROM generate_series(1, 30) i""")
    with Endpoint(log=place.folder / "log") as endpoint:
        place.target(endpoint.url)
        place.plan("""from = "t", to = "Target", columns = { d = "100 / d" }, partition_key = { PK = "{k}" },
            attributes = { hlua.columns {} },""")
        (table,) = check(place, "--rows", "100", code=5).event("check")["tables"]
        rejects = {r["key"]: r for r in table["rejects"]}
        assert {k: r["reason"] for k, r in rejects.items()} == {"id=7": "key-missing", "id=9": "source"}
        assert "division by zero" in rejects["id=9"]["message"]
        assert table["sampled"]["rows"] == 30 and table["sampled"]["items"] == 28 and len(table["rows"]) == 28
        text = screen(place, code=5)
        assert "2 would be rejected" in text and "id=7" in text and "key-missing" in text
        read_only(endpoint)


def test_sources_of_every_shape(place):
    """Partitions, a view with a key, a query, a table without a key, an empty table."""
    place.sql("""CREATE TABLE t (k text, at date, v int, PRIMARY KEY (k, at)) PARTITION BY RANGE (at);
        CREATE TABLE t1 PARTITION OF t FOR VALUES FROM ('2024-01-01') TO ('2024-01-16');
        CREATE TABLE t2 PARTITION OF t FOR VALUES FROM ('2024-01-16') TO ('2024-02-01');
        INSERT INTO t SELECT 'k''' || i, '2024-01-01'::date + i % 30, i FROM generate_series(1, 200) i;
        CREATE VIEW w AS SELECT v, k FROM t; CREATE TABLE keyless AS SELECT v FROM t; CREATE TABLE nothing (v int PRIMARY KEY)""")
    tail = 'partition_key = { PK = "{v}" }, attributes = { hlua.columns {} },'
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(*(f'name = "{name}", {source}, to = "{name}", {tail}' for name, source in {
            "parts": 'from = "t"', "view": 'from = "w", key = { "v" }', "query": """query = "SELECT v, k FROM t WHERE {range}", key = { "v" }""",
            "keyless": 'from = "keyless"', "nothing": 'from = "nothing"'}.items()))
        tables = {t["name"]: t for t in check(place).event("check")["tables"]}
        for name in ("parts", "view", "query", "keyless"):
            assert tables[name]["sampled"]["rows"] == 100 and len(tables[name]["rows"]) == 3, tables[name]["sampled"]
        assert {r["key"].split("=")[0] for r in tables["keyless"]["rows"]} == {"ctid"}
        assert tables["nothing"]["rows"] == [] and tables["nothing"]["sampled"]["rows"] == 0
        dates = sorted(c["value"] for r in check(place, "--rows", "100").event("check")["tables"][0]["rows"]
                       for c in r["columns"] if c["name"] == "at")
        assert dates[0] < "2024-01-16" <= dates[-1], "rows of both partitions"
        assert "no rows" in screen(place)


def test_the_target_as_a_run_would_find_it(place):
    rows(place)
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        place.plan(SIMPLE)
        create = lambda **keys: target.create_table(
            TableName="Target", BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}])
        target.create_table(TableName="Target", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "Id", "KeyType": "HASH"}],
                            AttributeDefinitions=[{"AttributeName": "Id", "AttributeType": "N"}])
        result = check(place, code=4)
        result.says("Target", "PK (S)", "Id (N)")
        assert len(result.event("check")["tables"][0]["rows"]) == 3, "the rows are shown all the same"
        target.delete_table(TableName="Target")
        create()
        assert check(place).event("check")["tables"][0]["target_exists"] is True
        target.put_item(TableName="Target", Item={"PK": {"S": "stranger"}})
        check(place, code=4).says("holds items", "existing")
        place.plan(SIMPLE + 'existing = "replace",')
        check(place)
        place.plan(SIMPLE + 'existing = "replace", stream = "NEW_IMAGE",')
        assert any("stream" in e["text"] for e in check(place).lines if e["event"] == "notice")
        read_only(endpoint)


def test_after_a_run(place):
    """What this plan has written is its own; what a run would refuse is told."""
    rows(place)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(SIMPLE)
        place.hlua("migrate")
        writes = endpoint.writes()
        assert "this plan has written to" in screen(place)
        target.delete_table(TableName="Target")
        check(place, code=4).says("was deleted")
        assert endpoint.writes() == writes


def test_what_to_do_next(place):
    """What a run of this plan would do by its ledger is what check and a dry run advise; a run that would be refused ends check with 1."""
    rows(place)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(SIMPLE)
        place.hlua("migrate")
        once_more = "the run is finished; to write everything once more: hlua plan.lua --restart"
        assert once_more in screen(place)
        assert once_more in " ".join(place.hlua("migrate", "--dry-run", json=False).output.split())
        place.plan(SIMPLE.replace("hlua.columns {}", "hlua.columns { except = { 'v' } }"))
        result = check(place, code=1, json=False)
        assert "to begin" not in result.output and "--restart" not in result.output, result
        result.says("has changed since the run began:\n  ", "hint: undo the change to go on with that run, or begin again with --restart")
        assert "\\n" not in result.error, result
        result = check(place, code=1)
        assert result.event("check")["exit"] == result.event("error")["exit"] == 1, result
        assert place.hlua("migrate", code=1).event("error")["text"].startswith("the plan, its source or its target has changed since the run began:\n  ")


def test_nobody_there(place):
    """Codes 3 and 4; the rows are shown before the target is asked."""
    rows(place)
    place.plan(SIMPLE)
    with Endpoint("--fault", "what=error,type=AccessDeniedException,status=400") as endpoint:
        place.target(endpoint.url)
        result = check(place, code=4)
        result.says("AccessDenied")
        assert len(result.event("check")["tables"][0]["rows"]) == 3
    place.environment.pop("AWS_ACCESS_KEY_ID")
    assert check(place, code=4).event("check")["target"] == {}
    place.environment["HLUA_SOURCE"] = "postgresql://hlua@127.0.0.1:1/none"
    result = check(place, code=3)
    result.says("connecting to PostgreSQL")
    assert [e["event"] for e in result.lines] == ["error"]


def test_a_plan_that_does_not_fit_the_source(place):
    rows(place)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.plan(SIMPLE.replace("{id}", "{idd}"))
        check(place, code=1).says("idd")
        place.plan(SIMPLE)
        check(place, "--where", "nope = 1", code=1).says('hlua: --where: column "nope" does not exist')
        check(place, "--where", "id = 'x", code=1).says("hlua: --where: unterminated", "hint: --where is a condition in SQL on the columns of public.t,")
        assert check(place, "--where", "id = 7 -- a comment").event("check")
        place.plan(SIMPLE + '\nwhere = "id > 5 -- a comment",')
        assert len(check(place, "--where", "id < 8 -- another").event("check")["tables"][0]["rows"]) == 2
        place.plan(SIMPLE + 'where = "id > = 5",')
        check(place, "--where", "id > 3", code=1).says('plan.lua:6: tables[1]: where: syntax error at or near "="', "hint: where is a condition in SQL")
        place.plan(SIMPLE + 'sort_key = { SK = "{id}" }, global_secondary_indexes = {'
                   '\nhlua.index { "GSI", partition_key = { Own = "{id}" },\nsort_key = "Sk" } },')
        check(place, code=1).says('plan.lua:9: tables[1].global_secondary_indexes[1].sort_key: the key of index GSI is the attribute "Sk"',
                                  'hint: did you mean "SK"?')


def test_interrupted(place):
    """Between two statements: 130, and nothing is left behind."""
    rows(place)
    place.plan(SIMPLE + 'columns = { slow = "pg_sleep(0.05)::text || id" },')
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        running = place.start("check")
        wait_until(lambda: "from PostgreSQL" in running.so_far()[1], "the source's line")
        running.kill(signal.SIGINT)
        result = running.end()
        assert result.code == 130, result
        result.says("interrupted")
        assert endpoint.counts()["requests"] == 0


def test_on_reject_is_asked(place):
    """A row that on_reject mends is an item of the sample; one that it leaves stays rejected, one that it stops at says so."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'good'), (2, NULL), (3, NULL), (4, NULL)")
    place.plan("""from = "t", to = "Target", partition_key = { PK = "V#{v}" }, attributes = { id = hlua.column "id" },
        on_reject = function(row, reject)
          if row.id == 2 then return { PK = "none", id = row.id } end
          if row.id == 4 then return hlua.stop "the fourth" end
        end,""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        event = place.hlua("check", "--rows", "4", code=5).event("check")
        table = event["tables"][0]
        assert table["sampled"]["rows"] == 4 and table["sampled"]["items"] == 2 and table["sampled"]["rejected"] == 2, table
        assert table["deterministic"] is True
        mended = next(r for r in table["rows"] if r["key"] == "id=2")
        assert mended["result"] == "item" and mended["reason"] == "key-missing" and '"none"' in mended["items"][0]["item"], mended
        assert "on_reject would stop the run: the fourth" in next(r for r in table["rejects"] if r["key"] == "id=4")["message"]
        text = place.hlua("check", "--rows", "4", code=5, json=False).output
        assert "mended by on_reject: key-missing" in text and "on_reject would stop the run" in " ".join(text.split()), text


def test_a_key_that_leaves_out_the_sources(place):
    """A warning, on the screen and as an event; none when the key has it."""
    rows(place)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        for key, warned in ("{v}", True), ("{v}#{id}", False):
            place.plan(f"""from = "t", where = "v IS NOT NULL", to = "Target", partition_key = {{ PK = "{key}" }},""")
            said = [e["text"] for e in check(place).lines if e["event"] == "notice"]
            assert ["does not have id of the source's key" in text for text in said] == [True] * warned, said
            assert ("warning: Target: the key in DynamoDB" in screen(place)) == warned
