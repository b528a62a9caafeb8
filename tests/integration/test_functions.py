"""Plans with functions, and the values that only they and nested ones need: what arrives is compared with what Python works out
of the same rows. Whatever a function does, its row is rejected and the others arrive."""
import base64
import datetime
import json
import os
import random
from decimal import Decimal

import expect
from expect import B, Index, Mapping, N, Reject, S
from move import move
from place import wait_until
from servers import Endpoint
from test_kill import done_leaves, leaves

# --- a generated table of all types ---

COLUMNS = {
    "o": "boolean", "i2": "smallint", "i4": "integer", "i8": "bigint", "f4": "real", "f8": "double precision", "n": "numeric",
    "m": "numeric(12,2)", "s": "text", "c": "char(4)", "u": "uuid", "d": "date", "h": "time", "t": "timestamp", "z": "timestamptz",
    "y": "bytea", "j": "json", "b": "jsonb", "a": "integer[]", "p": "pair", "odd name \"é\"": "text", "end": "interval",
}

VALUES = {
    "boolean": ["true", "false"], "smallint": ["-32768", "0", "32767"], "integer": ["-2147483648", "7"],
    "bigint": ["9223372036854775807", "-9223372036854775808", "0", "1234567"],
    "real": ["0.1", "-1e30", "16777216", "NaN"], "double precision": ["0.1", "0.30000000000000004", "1e100", "Infinity"],
    "numeric": ["0", "-0.00", "12.50", "12345678901234567890123456789012345678", "1e-100", "1e125", "NaN",
                "0.1234567890123456789012345678901234567890"],
    "numeric(12,2)": ["1.5", "-20", "0", "9999999999.99", "50"],
    "text": ["", "a", "naïve é 漢字 👩‍🚀", "\"quotes\" \\ / \x01\t\n", "x" * 3000], "char(4)": ["ab", ""],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "date": ["2024-02-29", "0001-01-01", "9999-12-31", "infinity", "0044-03-15 BC"],
    "time": ["00:00", "23:59:59.999999", "24:00"],
    "timestamp": ["2024-02-29 23:59:59.987654", "0001-01-01", "1969-12-31 23:59:59.5", "-infinity"],
    "timestamptz": ["2024-03-31 02:30:00+02", "1999-12-31 23:59:59.999999-11"], "bytea": ["\\x", "\\x00ff80", "\\xc3a9"],
    "json": ['{"a":  1.10, "b": [null, "é\\u0000", {}, []], "big": 12345678901234567890}', "[]", "{}", "null", '"x"', "-1e-3", "[1,[2]]",
             '{"a": 1, "a": 2}', "123456789012345678901234567890123456789"],
    "jsonb": ['{"z": 9223372036854775807, "a": {"deep": [true, false, 0.10]}}', "[1, 2.0, null]", '""', "18446744073709551616"],
    "integer[]": ["{}", "{1,NULL,3}", "{{1,2},{3,4}}"], "pair": ["(1,\"a b\")", "(,)"], "interval": ["1 day 02:00"],
}


def generate(place, rows=300):
    """A table `all_types` of random values of every type; a fifth of them NULL."""
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"# SEED={seed}")
    dice = random.Random(seed)
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in COLUMNS}
    place.sql("CREATE TYPE pair AS (x integer, label text)")
    place.sql("CREATE TABLE all_types (id int PRIMARY KEY, " + ", ".join(f"{quoted[n]} {t}" for n, t in COLUMNS.items()) + ")")
    with place.db.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO all_types VALUES (" + ", ".join(["%s", *(f"%s::text::{t}" for t in COLUMNS.values())]) + ")",
            [[i, *(None if dice.random() < 0.2 else dice.choice(VALUES[t] if t != "text" else VALUES[t] + [f"s{i}"])
                   for t in COLUMNS.values())] for i in range(rows)])


def lua_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def through(name):
    """What a function makes of a column that it returns as it is: the column's natural value, JSON decoded."""
    def value(row):
        f = row[name]
        if f.null:
            return None
        try:
            if f.type in ("json", "jsonb"):
                return expect.tree(no_doubles(f.text))
            return expect.natural(f)
        except (Reject, ValueError):
            raise Reject("function") from None
    return value


def no_doubles(text):
    """JSON whose objects have no key twice, or Reject."""
    def pairs(found):
        if len({k for k, _ in found}) < len(found):
            raise Reject("json")
        return dict(found)
    expect.parse(text)
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, object_pairs_hook=pairs)


def types_test(place, value):
    """Every column through a function, in a table and a run of its own each, so that one's rejects hide no other."""
    generate(place)
    names = [n for n in COLUMNS]
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*(f"""from = "all_types", to = "Column{i}", partition_key = {{ PK = "{{id}}" }}, attributes = {{
            V = {value(n)} }},""" for i, n in enumerate(names)))
        result = place.hlua("migrate", code=5)
        rows = [*expect.read(place.db, "all_types")]
        listed = {}
        for r in place.rejects():
            assert r["reason"] == "function" and "plan.lua:" in r["message"], r
            listed[r["table"]] = listed.get(r["table"], 0) + 1
        for i, n in enumerate(names):
            mapping = Mapping({"PK": "{id}"}, attributes={"V": through(n)}, columns=False)
            wanted, rejects = expect.items_of(rows, mapping)
            assert listed.get(f"Column{i}", 0) == sum(rejects.values()), (n, rejects, listed)
            expect.check(result, target, f"Column{i}", wanted, mapping, rejected=sum(rejects.values()))


def test_row_columns_pass_through(place):
    types_test(place, lambda n: f"function(row) local v = row[{lua_string(n)}] "
                                f"return {'v and hlua.B(v)' if COLUMNS[n] == 'bytea' else 'v'} end")


def test_fn_columns_pass_through(place):
    types_test(place, lambda n: f"hlua.fn({{ {lua_string(n)} }}, function(v) "
                                f"return {'v and hlua.B(v)' if COLUMNS[n] == 'bytea' else 'v'} end)")


# --- what functions compute ---

PEOPLE = """CREATE TABLE people (id int PRIMARY KEY, name text, email text, bal numeric(12,2), big numeric, born date, seen timestamp,
        at timestamptz, active boolean, tags text[], meta jsonb, digest bytea, note text);
    INSERT INTO people SELECT i, 'Name ' || i, CASE WHEN i % 3 > 0 THEN 'u' || i || '@x.org' END, i * 1.10,
        12345678901234567890.5 + i, date '2000-01-31' + i, timestamp '2019-12-31 23:30' + i * interval '61 minutes',
        timestamptz '2024-03-31 00:00+00' + i * interval '1 hour', CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END,
        CASE i % 4 WHEN 0 THEN '{}' WHEN 1 THEN NULL ELSE ARRAY['b', 'a' || i] END,
        jsonb_build_object('k', i, 'exact', 0.10, 'list', jsonb_build_array(i, NULL)), decode(lpad(to_hex(i), 4, '0'), 'hex'),
        CASE WHEN i % 5 > 0 THEN repeat('n', i % 3) END FROM generate_series(1, 120) i"""


def when(f, made):
    return None if f.null else made(f)


def test_what_functions_compute(place):
    """Strings, exact decimals, times, JSON, other types said by constructors."""
    place.sql(PEOPLE)
    balance = lambda row: Decimal(row["bal"].text)
    born = lambda row: datetime.date.fromisoformat(row["born"].text)
    meta = lambda row: expect.parse(row["meta"].text)
    cases = {
        "Upper": ("function(row) return row.name:upper() end", lambda r: S(r["name"].text.upper())),
        "Rich": ('hlua.fn({ "bal" }, function(b) return b > 50 and b <= 100.1 end)',
                 lambda r: {"BOOL": 50 < balance(r) <= Decimal("100.1")}),
        "Even": ("function(row) return row.bal:eq(11) or row.bal:eq(row.bal) and row.big == row.big end", lambda r: {"BOOL": True}),
        "Eleven": ("function(row) return row.bal:eq(11) or nil end", lambda r: {"BOOL": True} if balance(r) == 11 else None),
        "Text": ('function(row) return row.bal .. "/" .. tostring(row.big) end', lambda r: S(r["bal"].text + "/" + r["big"].text)),
        "Half": ("hlua.fn({ 'bal' }, function(b) return b:tonumber() / 2 end)", lambda r: N(repr(float(r["bal"].text) / 2))),
        "Next": ("function(row) return row.id + 1 end", lambda r: N(int(r["id"].text) + 1)),
        "Big": ("function(row) return row.big end", lambda r: N(r["big"].text)),
        "Parts": ("function(row) local b = row.born return b.year * 10000 + b.month * 100 + b.day end",
                  lambda r: N(born(r).strftime("%Y%m%d").lstrip("0"))),
        "Day": ("function(row) return row.born:format('%d.%m.%Y %j') end", lambda r: S(born(r).strftime("%d.%m.%Y %j"))),
        "Iso": ("function(row) return 'at ' .. row.seen end", lambda r: S("at " + expect.iso(r["seen"]))),
        "Epoch": ("function(row) return row.at.epoch end", lambda r: N(expect.seconds(r["at"]))),
        "Seen": ("function(row) return row.seen.hour * 60 + row.seen.minute end",
                 lambda r: N(int(r["seen"].text[11:13]) * 60 + int(r["seen"].text[14:16]))),
        "Order": ("function(row) return row.born < row.at and row.seen <= row.seen and row.at < hlua.started end",
                  lambda r: {"BOOL": True}),
        "Key": ("function(row) return row.meta.k * 2 end", lambda r: N(int(meta(r)["k"]) * 2)),
        "Meta": ("function(row) return { copy = row.meta, exact = row.meta.exact, none = row.meta.missing } end",
                 lambda r: expect.tree({"copy": meta(r), "exact": Decimal("0.10")})),
        "Null": ("function(row) if row.meta.list[2] == require 'cjson'.null then return row.meta.list[2] end end",
                 lambda r: {"NULL": True}),
        "Tags": ("function(row) if row.tags and #row.tags > 0 then return hlua.SS(row.tags) end end",
                 lambda r: when(r["tags"], lambda f: {"SS": expect.parse(f.text)} if expect.parse(f.text) else None)),
        "Digest": ("function(row) return hlua.B(row.digest) end", lambda r: B(bytes.fromhex(r["digest"].text[2:]))),
        "Bytes": ("function(row) return hlua.BS { row.digest, '\\0' } end",
                  lambda r: {"BS": [bytes.fromhex(r["digest"].text[2:]), b"\0"]}),
        "Numbers": ("function(row) return hlua.NS { row.id + 1000, -0.5, '1e2', row.big } end",
                    lambda r: {"NS": [str(int(r["id"].text) + 1000), "-0.5", "100", r["big"].text]}),
        "Nested": ("function(row) return { l = hlua.L { 1, nil, 'x' }, e = hlua.L {}, m = hlua.M {}, s = hlua.S(7), n = hlua.N '1.50', "
                   "b = hlua.bool(row.id == 1), z = hlua.null, list = { { row.note or 'none' } } } end",
                   lambda r: {"M": {"l": {"L": [N(1), {"NULL": True}, S("x")]}, "e": {"L": []}, "m": {"M": {}}, "s": S("7"), "n": N("1.50"),
                                    "b": {"BOOL": r["id"].text == "1"}, "z": {"NULL": True},
                                    "list": {"L": [{"L": [S("none" if r["note"].null else r["note"].text)]}]}}}),
        "Columns": ("function(row) local n = 0 for name, v in pairs(row) do n = n + 1 end return n end", lambda r: N(len(r))),
        "Args": ('hlua.fn({ "id", "email", "name" }, function(id, email, name) return name .. id .. (email or "-") end)',
                 lambda r: S(r["name"].text + r["id"].text + (r["email"].text or "-"))),
        "TypedS": ("hlua.S(function(row) return row.bal end)", lambda r: S(r["bal"].text)),
        "TypedN": ("hlua.N(function(row) return tostring(row.id) end)", lambda r: N(r["id"].text)),
        "TypedB": ("hlua.B(function(row) return row.name end)", lambda r: B(r["name"].text.encode())),
        "TypedBool": ("hlua.bool(hlua.fn({ 'active' }, function(a) return a end))",
                      lambda r: when(r["active"], lambda f: {"BOOL": f.text in ("t", "true")})),
        "Sparse": ('hlua.when("active", function(row) return "A" .. row.id end)',
                   lambda r: S("A" + r["id"].text) if r["active"].text in ("t", "true") else None),
        "Inside": ("hlua.M { f = function(row) return row.email end, l = hlua.L { hlua.fn({ 'note' }, function(n) return n end) } }",
                   lambda r: {"M": {**({} if r["email"].null else {"f": S(r["email"].text)}),
                                    "l": {"L": [{"NULL": True} if r["note"].null else S(r["note"].text)]}}}),
    }
    lua = ", ".join(f"{name} = {case[0]}" for name, case in cases.items())
    index = """global_secondary_indexes = { hlua.index { "Index", partition_key = { I1 = hlua.S(function(row) return row.email end) },
            sort_key = { I2 = hlua.N(hlua.fn({ "id" }, function(id) return id // 2 end)) } } },"""
    move(place, "people", f"""partition_key = {{ PK = hlua.S(hlua.fn({{ "id" }}, function(id) return "P#" .. id end)) }},
        sort_key = {{ SK = hlua.N(function(row) return row.id % 7 end) }}, {index} attributes = {{ {lua} }},""",
         Mapping({"PK": "P#{id}"}, {"SK": lambda r: N(int(r["id"].text) % 7)},
                 [Index({"I1": lambda r: when(r["email"], lambda f: S(f.text))}, {"I2": lambda r: N(int(r["id"].text) // 2)})],
                 {name: case[1] for name, case in cases.items()}, columns=False))


def test_what_a_function_leaves_for_another_of_its_row(place):
    """A body that is parsed once for a row: the function that finds it parsed has not touched the column, whose change is not lost."""
    place.sql("""CREATE TABLE bodies (id int PRIMARY KEY, kind text, body text);
                 INSERT INTO bodies SELECT i, 'of', CASE WHEN i % 3 > 0 THEN 'body ' || i / 4 END FROM generate_series(1, 60) i""")
    parsed = "local body = function(row) if last ~= row then last, seen = row, (row.body or 'none'):upper() end return seen end"
    text = lambda r: "NONE" if r["body"].null else r["body"].text.upper()
    move(place, "bodies", f"""partition_key = {{ PK = "{{id}}" }}, attributes = (function() local last, seen {parsed}
        return {{ One = function(row) return body(row) end, Other = function(row) return row.kind .. " " .. body(row) end,
                 Kind = hlua.fn({{ "kind" }}, function(kind) return kind end) }} end)(),""",
         Mapping({"PK": "{id}"}, {}, [], {"One": lambda r: S(text(r)), "Other": lambda r: S(r["kind"].text + " " + text(r)),
                                          "Kind": lambda r: S(r["kind"].text)}, columns=False))


# --- values without functions ---


def test_nested_values_defaults_and_empty_strings(place):
    place.sql(PEOPLE)
    place.sql("ALTER TABLE people ADD tall numeric; UPDATE people SET tall = id / 2.0 WHERE id % 2 = 0")

    def text(name):
        return lambda r: None if r[name].null or r[name].text == "" else S(r[name].text)

    def known(*values):
        return [v for v in values if v is not None]

    mail, note = text("email"), text("note")
    move(place, "people", r"""partition_key = { PK = "{id}" }, empty_strings = "absent", attributes = {
          hlua.columns { only = { "note", "name" } },
          Mail = hlua.column("email", { default = "none" }), Tall = hlua.N(hlua.column("tall", { default = 0 })),
          Flag = hlua.bool(hlua.column("active", { default = false })),
          Set = hlua.SS { "x", "{name}", hlua.column "email", hlua.column "note", "{{x}}" },
          Numbers = hlua.NS { 1, "{id}", hlua.column "bal" }, Bytes = hlua.BS { hlua.column "digest", "\xff" },
          Sparse = hlua.SS { hlua.column "email" }, Null = hlua.null,
          Map = hlua.M { note = hlua.column "note", id = hlua.N "{id}", deep = hlua.M { deeper = hlua.M { mail = "{email}" } } },
          List = hlua.L { hlua.column "note", true, 1.5, hlua.json "meta", hlua.column "active", hlua.B "x", "{email}" } },""",
         Mapping({"PK": "{id}"}, columns=False, attributes={
             "note": note, "name": "{name}", "Mail": lambda r: mail(r) or S("none"), "Tall": lambda r: N(r["tall"].text or 0),
             "Flag": lambda r: {"BOOL": r["active"].text in ("t", "true")},
             "Set": lambda r: {"SS": [v["S"] for v in known(S("x"), S(r["name"].text), mail(r), note(r), S("{x}"))]},
             "Numbers": lambda r: {"NS": [str(n) for n in {Decimal(1), Decimal(r["id"].text), Decimal(r["bal"].text)}]},
             "Bytes": lambda r: {"BS": [bytes.fromhex(r["digest"].text[2:]), b"\xff"]},
             "Sparse": lambda r: when(r["email"], lambda f: {"SS": [f.text]}), "Null": lambda r: {"NULL": True},
             "Map": lambda r: {"M": {**({"note": note(r)} if note(r) else {}), "id": N(r["id"].text),
                                     "deep": {"M": {"deeper": {"M": {"mail": mail(r)} if mail(r) else {}}}}}},
             "List": lambda r: {"L": [v or {"NULL": True} for v in (
                 note(r), {"BOOL": True}, N("1.5"), expect.tree(expect.parse(r["meta"].text)),
                 when(r["active"], expect.natural), B(b"x"), mail(r))]},
         }))


def test_expired(place):
    """A time to live over five years past, which DynamoDB would ignore, is left out where the plan says so."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, at timestamptz);
        INSERT INTO t SELECT i, now() - i * interval '100 days' FROM generate_series(-3, 60) i; INSERT INTO t VALUES (99, NULL)""")

    def ends(r):
        if r["at"].null or int(r["id"].text) * 100 > 5 * 365 + 10:
            return None
        return N(expect.seconds(r["at"]) + 10 * 86400)

    move(place, "t", """partition_key = { PK = "{id}" }, attributes = { All = hlua.epoch("at", { days = 10 }) },
        time_to_live = { TTL = hlua.epoch("at", { days = 10, expired = "skip" }) },""",
         Mapping({"PK": "{id}"}, columns=False, attributes={"All": expect.epoch("at", days=10), "TTL": ends}))


def test_time_zone(place):
    """The plan's zone is for all timestamps without one; a table's own wins. Around the changes of the clock as well."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, t timestamp, z timestamptz, d date);
        INSERT INTO t SELECT i, timestamp '2024-03-31 00:00' + i * interval '30 minutes',
            timestamptz '2024-03-31 00:00+00' + i * interval '30 minutes', date '2024-03-31' FROM generate_series(0, 9) i;
        INSERT INTO t SELECT 100 + i, timestamp '2024-10-27 00:00' + i * interval '30 minutes' FROM generate_series(0, 9) i""")
    fields = """from = "t", partition_key = { PK = "{id}#{t:%H:%M}" }, attributes = { hlua.columns {}, Epoch = hlua.epoch "t",
        F = hlua.fn({ "t" }, function(t) return t.epoch end) }, """
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(fields + 'to = "Madrid"', fields + 'to = "Lima", time_zone = "America/Lima"', more='time_zone = "Europe/Madrid",')
        result = place.hlua("migrate")
        mapping = Mapping({"PK": "{id}#{t:%H:%M}"}, attributes={"Epoch": expect.epoch("t"), "F": expect.epoch("t")})
        for table, zone in ("Madrid", "Europe/Madrid"), ("Lima", "America/Lima"):
            rows = expect.read(place.db, f"SELECT id, t AT TIME ZONE '{zone}' AS t, z, d FROM t")
            expect.check(result, target, table, expect.items_of(rows, mapping)[0], mapping)


# --- rows that become other than one item ---


def arrived(client, table):
    return sorted(repr(sorted(expect.plain_item(i).items())) for i in expect.scan(client, table))


def shown(items):
    return sorted(repr(sorted(expect.plain_item(i).items())) for i in items)


def test_map(place):
    """None, one, several items, some for another table; counts by row and by item."""
    place.sql(PEOPLE)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""name = "people", from = "people", to = "People", partition_key = { PK = hlua.S }, sort_key = { SK = hlua.N },
            global_secondary_indexes = { hlua.index { "Index", partition_key = { Mail = hlua.S }, projection = { "n" } } },
            map = function(row)
              if row.id % 4 == 0 then return nil end
              if row.id % 4 == 1 then return { PK = row.name, SK = 0, Mail = row.email, meta = row.meta } end
              local items = {}
              for i = 1, row.id % 10 do items[i] = { PK = row.name, SK = i, n = { row.bal, s = nil } } end
              if row.id % 4 == 2 then items[#items + 1] = hlua.to("audit", { Id = row.id, at = row.at }) end
              return table.unpack(items)
            end""",
                   """name = "audit", from = "people", where = "id <= 5", to = "Audit", partition_key = { Id = hlua.N },
            map = function(row) return nil, { Id = -row.id }, nil end""")
        result = place.hlua("migrate")
        people, audit, written = [], [{"Id": N(-i)} for i in range(1, 6)], 0
        for row in expect.read(place.db, "people"):
            id = int(row["id"].text)
            name = S(row["name"].text)
            made = []
            if id % 4 == 1:
                made = [{"PK": name, "SK": N(0), "meta": expect.tree(expect.parse(row["meta"].text)),
                         **({} if row["email"].null else {"Mail": S(row["email"].text)})}]
            elif id % 4:
                made = [{"PK": name, "SK": N(i), "n": {"L": [N(row["bal"].text)]}} for i in range(1, id % 10 + 1)]
            people += made
            if id % 4 == 2:
                audit.append({"Id": N(id), "at": S(expect.iso(row["at"]))})
            written += bool(made) or id % 4 == 2
        assert arrived(target, "People") == shown(people)
        assert arrived(target, "Audit") == shown(audit)
        assert result.counts("people") == (120, written, 0, 120 - written, 0)
        assert result.counts("audit") == (5, 5, 0, 0, 0)
        assert sum(t["items_written"] for t in result.summary["tables"]) == len(people) + len(audit)
        assert sum(t["bytes"] for t in result.summary["tables"]) == sum(map(expect.item_size, people + audit))


SHARED = """to = "Shop", partition_key = { PK = hlua.S }, sort_key = { SK = hlua.S },
    global_secondary_indexes = { hlua.index { "Index", partition_key = { GK = hlua.S }, sort_key = { GS = hlua.N } } }, """


def test_single_table_design(place):
    """Three sources in one table: compiled items with conditions, a mapped row, one by map; an index that some fill."""
    place.sql(PEOPLE)
    items = """items = {
          hlua.item { partition_key = { PK = "P#{id}" }, sort_key = { SK = hlua.S "PROFILE" },
            attributes = { hlua.columns { only = { "name", "bal" } }, GK = "ALL#{id:shard(3)}", GS = hlua.N "{id}" } },
          hlua.item { when = "email", partition_key = { PK = "M#{email}" }, sort_key = { SK = hlua.S "MAIL" },
            attributes = { Id = hlua.N "{id}" }, time_to_live = { TTL = hlua.epoch "at" } },
          hlua.item { when = "active", partition_key = { PK = "P#{id}" }, sort_key = { SK = hlua.S "ACTIVE" },
            attributes = { Twice = function(row) return row.id * 2 end } } },
          time_to_live = { TTL = hlua.N }, """
    plain = """partition_key = { PK = "P#{id}" }, sort_key = { SK = "BORN#{born}" }, to = "Shop",
          global_secondary_indexes = { hlua.index { "Index", partition_key = { GK = hlua.when("active", "BORN#{born:%Y}") },
            sort_key = { GS = hlua.N "{id}" } } }, """
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan('name = "a", from = "people", ' + items + SHARED, 'name = "b", from = "people", ' + plain,
                   'name = "c", query = "SELECT id, bal FROM people WHERE {range}", key = { "id" }, ' + SHARED +
                   'map = function(row) if row.id % 2 == 0 then return { PK = "P#" .. row.id, SK = "BAL", bal = row.bal } end end')
        result = place.hlua("migrate")
        wanted, several = [], 0
        for row in expect.read(place.db, "people"):
            id, active = row["id"].text, row["active"].text in ("t", "true")
            made = [{"PK": S("P#" + id), "SK": S("PROFILE"), "name": S(row["name"].text), "bal": N(row["bal"].text),
                     "GK": S(expect.template("ALL#{id:shard(3)}", row)), "GS": N(id)}]
            if not row["email"].null:
                made.append({"PK": S("M#" + row["email"].text), "SK": S("MAIL"), "Id": N(id), "TTL": N(expect.seconds(row["at"]))})
            if active:
                made.append({"PK": S("P#" + id), "SK": S("ACTIVE"), "Twice": N(2 * int(id))})
            several += len(made)
            sparse = {"GK": S("BORN#" + row["born"].text[:4]), "GS": N(id)} if active else {}
            made.append({"PK": S("P#" + id), "SK": S("BORN#" + row["born"].text), **sparse})
            if int(id) % 2 == 0:
                made.append({"PK": S("P#" + id), "SK": S("BAL"), "bal": N(row["bal"].text)})
            wanted += made
        assert arrived(target, "Shop") == shown(wanted)
        assert result.counts("a") == result.counts("b") == (120, 120, 0, 0, 0) and result.counts("c") == (120, 60, 0, 60, 0)
        assert result.table("a")["items_written"] == several
        again = place.hlua("migrate")
        assert again.summary["outcome"] == "already done"


def test_targets_declared_differently(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY)")
    place.plan('name = "a", from = "t", to = "Shop", partition_key = { PK = "{id}" }',
               'name = "b", from = "t", to = "Shop", partition_key = { PK = hlua.N "{id}" }')
    place.hlua("check", "--offline", code=1, json=False).says("share the target", "PK S", "PK N")


# --- rows that a function fails on ---

RUBBISH = [
    ("error('no such thing')", "no such thing"),
    ("error({ code = 1 })", "an error that is a table"),
    ("error()", "without a message"),
    ("error(setmetatable({}, { __tostring = function() return 'shown' end }))", "shown"),
    ("return row.nmae", "the row has no column nmae"),
    ("row.name = 1", "read-only"),
    ("return nil + 1", "arithmetic"),
    ("return row.bal * 2", "decimal"),
    ("return row.born.yaer", "no field yaer"),
    ("return 0/0", "NaN"),
    ("return -1/0", "infinity"),
    ("return 1e200", "number"),
    ("return hlua.N 'abc'", "number"),
    ("return hlua.N(('9'):rep(39))", "number"),
    ("return '\\xff'", "not UTF-8"),
    ("return {}", "empty table"),
    ("return { 1, nil, 3 }", "neither 1 to n"),
    ("return { 1, a = 2 }", "neither"),
    ("return { [true] = 1 }", "neither"),
    ("return { [1.5] = 2 }", "neither"),
    ("return { ['\\xff'] = 1 }", "not UTF-8"),
    ("return print", "function"),
    ("return row", "row"),
    ("return coroutine.create(print)", "thread"),
    ("return io.stdout", "FILE"),
    ("local t = {} t.t = t return t", "32 levels"),
    ("return { a = { b = { print } } }", "a.b[1]"),
    ("return hlua.SS {}", "empty hlua.SS"),
    ("return hlua.SS { 'a', 'a' }", "twice"),
    ("return hlua.NS { 1, 1.0 }", "twice"),
    ("return hlua.SS { {} }", "hlua.S of a table"),
    ("return hlua.SS 'a'", "something else than a list"),
    ("return hlua.B(5)", "hlua.B of a number"),
    ("return hlua.bool 'x'", "hlua.bool of a string"),
    ("return hlua.L 'x'", "hlua.L of a string"),
    ("return hlua.M 'x'", "hlua.M of a string"),
    ("return hlua.column 'id'", "how a column is mapped"),
    ("return hlua.to('Target', {})", "only what map returns"),
    ("return hlua.nope", "no constructor"),
    ("return ('x'):rep(500000)", "409,600"),
    ("local t = {} for i = 1, 300000 do t[i] = i end return t", "409,600"),
    ("local function f() return 1 + f() end return f()", None),
    ("return ('x'):rep(1 << 40)", "resulting string too large"),
    ("return ('x'):rep(100 << 20)", "mapping_memory"),
    ("local t = {} while true do t[#t + 1] = { #t } end", "mapping_memory"),
    ("local s = 'x' while true do s = s .. s end", "mapping_memory"),
    ("kept = kept or row return kept.id", None),
    ("coroutine.yield(1)", "outside a coroutine"),
    ("debug.sethook(function() error('hook') end, '', 1)", "debug.sethook"),
    ("return os.time()", "hlua.started"),
    ("return os.date()", "hlua.started"),
    ("return os.clock()", "hlua.started"),
    ("return math.random(5)", "row's own values"),
    ("setmetatable({}, { __gc = function() error 'gc' end }) collectgarbage() error 'after'", "after"),
    ("os.exit(3)", "os.exit"),
    ("error(('é'):rep(2000))", "é"),
    ("error('two\\nlines\\0\\xff')", "two lines"),
]
TAME = "kept"  # the first time this does no harm


def outcomes(place, body, rows, more=""):
    """Writes a plan whose attribute V is `body` for the row's number, and "fine" for rows from 1000 on."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, name text, bal numeric, born date)")
    for first, last in (0, rows - 1), (1000, 1199):
        place.sql(f"INSERT INTO t SELECT i, 'n', 1.5, date '2024-01-15' FROM generate_series({first}, {last}) i")
    place.plan(f"""from = "t", to = "Target", partition_key = {{ PK = hlua.N "{{id}}" }}, attributes = {{ A = "{{name}}",
        V = function(row)
          if row.id >= 1000 then return "fine" end
          {body}
        end, Z = hlua.fn({{ "id" }}, function(id) return id end) }}""", more=more)


def test_rubbish_of_every_kind(place):
    """Each in a row of its own: rejected with a reason, a place and words; what comes after is as ever."""
    cases = "\n".join(f"          if row.id == {i} then do {code} end return 1 end" for i, (code, _) in enumerate(RUBBISH))
    outcomes(place, cases, len(RUBBISH), "mapping_memory = 32 << 20, mapping_timeout = 30,")  # memory is to end first, however slow
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", code=5)
        rejects = {int(r["key"][3:]): r for r in place.rejects()}
        for i, (code, words) in enumerate(RUBBISH):
            if TAME in code and i not in rejects:
                continue
            assert i in rejects, (code, "was not rejected")
            r = rejects[i]
            assert words is None or words in r["message"], (code, words, r)
            assert r["reason"] == ("item-size" if "409,600" in (words or "") else "function"), (code, r)
            assert "plan.lua:" in r["message"] and "\n" not in r["message"] and '"A"' in r["item"], (code, r)
        found = {int(i["PK"]["N"]): i for i in expect.scan(target, "Target")}
        assert {k for k in found if k >= 1000} == set(range(1000, 1200))
        for id in range(1000, 1200):
            assert expect.plain_item(found[id]) == expect.plain_item({"PK": N(id), "A": S("n"), "V": S("fine"), "Z": N(id)})
        assert result.counts() == (200 + len(RUBBISH), len(found), len(rejects), 0, 0)


ENDLESS = [
    "while true do end",
    "pcall(function() while true do end end) return 1",
    "while true do pcall(error) end",
    "coroutine.wrap(function() while true do end end)() return 1",
    "local c = coroutine.create(function() while true do coroutine.yield() end end) while true do coroutine.resume(c) end",
    "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
    "xpcall(function() while true do end end, function() while true do end end) return 1",
    "local t <close> = setmetatable({}, { __close = function() while true do end end }) while true do end",
]


def test_endless_functions(place):
    """mapping_timeout ends each; the rows after it arrive."""
    outcomes(place, "\n".join(f"          if row.id == {i} then do {code} end end" for i, code in enumerate(ENDLESS)), len(ENDLESS),
             "mapping_timeout = 0.2,")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", code=5, timeout=60)
        rejects = {int(r["key"][3:]): r for r in place.rejects()}
        for i, code in enumerate(ENDLESS):
            assert i in rejects and rejects[i]["reason"] == "function" and "mapping_timeout" in rejects[i]["message"], (code, rejects.get(i))
        assert result.counts() == (200 + len(ENDLESS), 200, len(ENDLESS), 0, 0)
        assert len([*expect.scan(target, "Target")]) == 200


MAP_RUBBISH = ["return 1", "return 'x'", "return { { PK = 'x' } }", "return {}", "return { PK = 'x' }", "return { PK = 5, SK = 1 }",
               "return { PK = '', SK = 1 }", "return { PK = ('x'):rep(2049), SK = 1 }", "return { PK = 'x', SK = 'one' }",
               "return { PK = 'x', SK = 1, G = 5 }", "return { PK = 'x', SK = 1, [''] = 1 }", "return { PK = 'x', SK = 1, [2] = 1 }",
               "return hlua.M { PK = 'x' }", "return hlua.to('nowhere', { PK = 'x', SK = 1 })", "return hlua.to('Target', 5)", "return hlua.to()",
               "return hlua.to('Target', hlua.to('Target', { PK = 'x', SK = 1 }))", "return { PK = 'x', SK = 1, V = ('x'):rep(409600) }",
               "return row", "return true", "error('whole')", "while true do end", "return { PK = hlua.null, SK = 1 }"]


def test_map_returns_rubbish(place):
    place.sql(f"CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, {len(MAP_RUBBISH) + 99})")
    cases = "\n".join(f"if row.id == {i} then {code} end" for i, code in enumerate(MAP_RUBBISH))
    place.plan(f"""from = "t", to = "Target", partition_key = {{ PK = hlua.S }}, sort_key = {{ SK = hlua.N }},
        global_secondary_indexes = {{ hlua.index {{ "Index", partition_key = {{ G = hlua.S }} }} }},
        map = function(row) {cases} return {{ PK = "ok", SK = row.id }} end""", more="mapping_timeout = 0.3,")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", code=5)
        rejects = {int(r["key"][3:]): r for r in place.rejects()}
        assert set(rejects) == set(range(len(MAP_RUBBISH))), rejects
        reasons = {"return {}": "key-missing", "return { PK = 'x' }": "key-missing", "return { PK = '', SK = 1 }": "key-empty",
                   "return { PK = ('x'):rep(2049), SK = 1 }": "key-size"}
        for i, code in enumerate(MAP_RUBBISH):
            allowed = {reasons.get(code, "function"), "value" if "= 5" in code or "'one'" in code or "hlua.null" in code else None,
                       "item-size" if "409600" in code else None}
            assert rejects[i]["reason"] in allowed, (code, rejects[i])
        assert result.counts() == (100 + len(MAP_RUBBISH), 100, len(MAP_RUBBISH), 0, 0)
        assert len([*expect.scan(target, "Target")]) == 100


def test_rows_rejected_in_part(place):
    """Of a row with several items one cannot be, or is refused by DynamoDB: the row counts once, as rejected; the sum holds."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 600)")
    place.plan("""from = "t", to = "Target", partition_key = { PK = hlua.N }, sort_key = { SK = hlua.N }, map = function(row)
        if row.id % 10 == 0 then return nil end
        local bad = row.id % 7 == 0 and "" or nil
        local poison = row.id % 11 == 0 and "poison" or nil
        return { PK = row.id, SK = 1 }, { PK = row.id, SK = 2, v = poison }, { PK = bad or row.id, SK = 3 }, { PK = row.id, SK = 4, v = poison }
      end""")
    with Endpoint("--fault", "what=refuse,match=poison") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", "--jobs", "3", code=5)
        ids = [i for i in range(1, 601) if i % 10]
        bad, poison = [i for i in ids if i % 7 == 0], [i for i in ids if i % 11 == 0]
        rejected = {*bad, *poison}
        assert result.counts() == (600, len(ids) - len(rejected), len(rejected), 60, 0), result
        rejects = place.rejects()
        assert len(rejects) == len(rejected) and {int(r["key"][3:]) for r in rejects} == rejected
        found = {(int(i["PK"]["N"]), int(i["SK"]["N"])) for i in expect.scan(target, "Target")}
        wanted = {(i, k) for i in ids for k in (1, 2, 3, 4) if not (i in bad and k > 2) and not (i in poison and k in (2, 4))}
        assert found == wanted, (sorted(found - wanted), sorted(wanted - found))
        assert result.table()["items_written"] == len(wanted)


def test_typed_functions_that_return_other_types(place):
    """What hlua.S, N, B and bool around a function take, and what they reject."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(0, 7)")
    returned = ["nil", "'12'", "1.5", "true", "hlua.B '\\xff'", "hlua.N '7'", "hlua.null", "hlua.SS { 'a' }"]
    wanted = {"S": {1: S("12"), 2: S("1.5"), 5: S("7")}, "N": {1: N("12"), 2: N("1.5"), 5: N("7")}, "B": {1: B(b"12"), 4: B(b"\xff")},
              "bool": {3: {"BOOL": True}}}
    values = ", ".join(f"[{i}] = {code}" for i, code in enumerate(returned))
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*(f"""from = "t", to = "Typed-{kind}", partition_key = {{ PK = "{{id}}" }},
            attributes = {{ V = hlua.{kind}(function(row) return ({{ {values} }})[row.id] end) }}""" for kind in wanted))
        result = place.hlua("migrate", code=5)
        assert {r["reason"] for r in place.rejects()} == {"function"}, place.rejects()
        for kind, right in wanted.items():
            found = {int(i["PK"]["S"]): expect.plain_item(i).get("V") for i in expect.scan(target, "Typed-" + kind)}
            assert found == {0: None, **{i: expect.plain(v) for i, v in right.items()}}, (kind, found)
            assert result.counts("Typed-" + kind) == (8, len(found), 8 - len(found), 0, 0)


def test_too_many_rejects(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 5000)")
    place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" }, max_rejects = 50,
        attributes = { V = function(row) error "always" end }""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", code=5)
        assert result.summary["outcome"] == "stopped", result


# --- determinism, identity, resuming ---

ORDERLESS = """from = "logs", to = "Target", partition_key = { PK = hlua.S(hlua.fn({ "leaf", "id" }, function(l, i) return l .. "#" .. i end)) },
    attributes = { Map = function(row)
      local map, set = {}, {}
      for i = 1, 20 do map["k" .. (row.id * i) % 101] = i; set[i] = "s" .. (row.id * i + i) end
      map.started = hlua.started
      return hlua.M { map = map, set = hlua.SS(set), half = row.id / 3 }
    end }"""


def texts_sent(endpoint):
    """The text of every item that was asked to be written, as it stood in the request."""
    texts = set()
    for line in endpoint.logged():
        if line["op"] == "BatchWriteItem":
            body = base64.b64decode(line["body"]).decode()
            puts = json.loads(body)["RequestItems"]["Target"]
            for put in puts:
                text = json.dumps(put["PutRequest"]["Item"], separators=(",", ":"))
                assert text in body, text  # key order and spelling are those of the request
                texts.add(text)
    return texts


def test_two_workers_give_the_same_bytes(place):
    """Each worker has a Lua state of its own, with seeds of its own: all write what one alone writes, the run's time included."""
    leaves(place, leaves=40, rows=25)
    made = []
    for jobs in "1", "4":
        with Endpoint(log=place.folder / ("log" + jobs)) as endpoint:
            target = place.target(endpoint.url)
            place.plan(ORDERLESS, name="jobs" + jobs)
            result = place.hlua("migrate", "--jobs", jobs)
            assert result.counts() == (1000, 1000, 0, 0, 0)
            items = list(expect.scan(target, "Target"))
            started = {i["Map"]["M"]["map"]["M"]["started"]["S"] for i in items}
            assert len(started) == 1, started
            texts = texts_sent(endpoint)
            assert len(texts) == 1000
            made.append({t.replace(*started, "STARTED") for t in texts})
    assert made[0] == made[1]


def test_a_clock_while_the_plan_is_read(place):
    """What is read once more by each worker must be the same; a clock is told with what to use instead."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
    place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" },
        attributes = { At = "" .. os.time(), V = function(row) return 1 end }""")
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.hlua("migrate", code=1).says("os.time()", "hlua.started")


def test_identity(place):
    """A changed function, or what it calls, is another mapping; a comment or a line more is not."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)")
    plan = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { V = function(row) return factor * row.id end }"""

    def write(before, text=plan):
        place.plan(text)
        file = place.folder / "plan.lua"
        file.write_text(before + "\n" + file.read_text())

    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        write("local factor = 2")
        place.hlua("migrate")
        write("-- another line\n\nlocal factor = 2", plan.replace("return", "-- twice\n return"))
        assert place.hlua("migrate").summary["outcome"] == "already done"
        for before, text in (("local factor = 3", plan), ("local factor = 2", plan.replace("*", "+"))):
            write(before, text)
            place.hlua("migrate", code=1).says("--restart")
        place.hlua("migrate", "--restart")
        assert {i["PK"]["S"]: i["V"]["N"] for i in expect.scan(target, "Target")} == {str(i): str(2 + i) for i in range(1, 11)}


def test_modules_are_a_part_of_the_identity(place):
    place.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t SELECT generate_series(1, 10)")
    place.plan("""from = "t", to = "Target", partition_key = { PK = "{id}" },
        attributes = { V = function(row) return require "helper".value(row) end }""")
    file = place.folder / "plan.lua"
    file.write_text('require "helper"\n' + file.read_text())
    helper = place.folder / "helper.lua"
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        helper.write_text("return { value = function(row) return row.id end }")
        place.hlua("migrate")
        helper.write_text("return { value = function(row) return -row.id end }")
        place.hlua("migrate", code=1).says("--restart")


RESUMED = """from = "logs", to = "Target", partition_key = { PK = hlua.S }, sort_key = { SK = hlua.N }, map = function(row)
      if row.id % 50 == 0 then error "fifty" end
      if row.id % 20 == 1 then return nil end
      return { PK = row.leaf .. "#" .. row.id, SK = 0, v = row.v, at = hlua.started }, { PK = row.leaf .. "#" .. row.id, SK = 1 }
    end"""


def test_killed_and_resumed(place):
    """kill -9 while functions map: in the end every item is there once, all with the first run's time; rejects are not doubled."""
    leaves(place, leaves=60, rows=50)
    place.plan(RESUMED)
    with Endpoint("--latency-ms", "20") as endpoint:
        target = place.target(endpoint.url)
        done = set()
        for _ in range(4):
            begin = endpoint.writes()
            running = place.start("migrate", "--jobs", "2")
            wait_until(lambda: endpoint.writes() > begin + 25 or not running.alive(), "writes")
            running.kill()
            running.end()
            now = done_leaves(place)
            assert done <= now
            done = now
        result = place.hlua("migrate", "--jobs", "2", code=5)
        ids = [i for i in range(1, 3001) if i % 50 and i % 20 != 1]
        assert result.counts() == (3000, len(ids), 60, 150, 0), result
        assert result.table()["items_written"] == 2 * len(ids)
        items = [*expect.scan(target, "Target")]
        assert {(i["PK"]["S"], i["SK"]["N"]) for i in items} == {(f"{i % 60}#{i}", k) for i in ids for k in "01"}
        assert len({i["at"]["S"] for i in items if "at" in i}) == 1
        assert len({r["key"] for r in place.rejects()}) == len(place.rejects()) == 60
