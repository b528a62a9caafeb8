"""Every type of PostgreSQL: how it lands by default, its NULL, its extremes. The literals here are the documented table
of types, written by hand; the oracle of expect.py must agree with them as well."""
import json

import expect
from expect import B, Mapping, S
from place import Skip
from servers import Endpoint


def N(text):  # as it stands here, unchecked
    return {"N": text}


ALL_BYTES = bytes(range(256))

# The type of the column, a literal in SQL, what it becomes.
TABLE = [
    ("smallint", "-32768", N("-32768")),
    ("integer", "2147483647", N("2147483647")),
    ("bigint", "9223372036854775807", N("9223372036854775807")),
    ("bigint", "-9223372036854775808", N("-9223372036854775808")),
    ("oid", "4294967295", S("4294967295")),
    ("numeric", "0", N("0")),
    ("numeric", "-0.00", N("0")),
    ("numeric", "12345678901234567890123456789012345678", N("12345678901234567890123456789012345678")),
    ("numeric", "-0.12345678901234567890123456789012345678", N("-0.12345678901234567890123456789012345678")),
    ("numeric", "1e125", N("1E125")),
    ("numeric", "1e-130", N("1E-130")),
    ("numeric", "99990000000000000000.0001", N("99990000000000000000.0001")),
    ("numeric(10,2)", "1.5", N("1.5")),
    ("numeric(6,-3)", "123456789", N("123457000")),
    ("numeric(3,5)", "0.00123", N("0.00123")),
    ("real", "0.1", N("0.1")),
    ("real", "1e38", N("1e38")),
    ("real", "1.17549435e-38", N("1.1754944e-38")),
    ("double precision", "0.1", N("0.1")),
    ("double precision", "0.30000000000000004", N("0.30000000000000004")),
    ("double precision", "1e125", N("1e125")),
    ("double precision", "-1e-130", N("-1e-130")),
    ("double precision", "-0.0", N("0")),
    ("boolean", "true", {"BOOL": True}),
    ("boolean", "false", {"BOOL": False}),
    ("text", "'naïve “quotes” \\ / é 漢字 👩‍🚀'", S("naïve “quotes” \\ / é 漢字 👩‍🚀")),
    ("text", "E'\\x01\\x1f\\x7f\\t\\n\\r\"\\\\'", S("\x01\x1f\x7f\t\n\r\"\\")),
    ("text", "''", S("")),
    ("varchar(10)", "'a '", S("a ")),
    ("char(5)", "'ab'", S("ab   ")),
    ("\"char\"", "'x'", S("x")),
    ("name", "'a_name'", S("a_name")),
    ("uuid", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", S("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")),
    ("mood", "'very happy'", S("very happy")),
    ("bytea", f"'\\x{ALL_BYTES.hex()}'", B(ALL_BYTES)),
    ("bytea", "''", B(b"")),
    ("date", "'2024-02-29'", S("2024-02-29")),
    ("date", "'0001-01-01'", S("0001-01-01")),
    ("date", "'9999-12-31'", S("9999-12-31")),
    ("time", "'23:59:59.000001'", S("23:59:59.000001")),
    ("time", "'24:00'", S("24:00:00.000000")),
    ("timestamp", "'2024-01-15 10:30:00.123'", S("2024-01-15T10:30:00.123000")),
    ("timestamp", "'0001-01-01'", S("0001-01-01T00:00:00.000000")),
    ("timestamp", "'9999-12-31 23:59:59.999999'", S("9999-12-31T23:59:59.999999")),
    ("timestamp", "'1999-12-31 23:59:59.999999'", S("1999-12-31T23:59:59.999999")),
    ("timestamptz", "'2024-01-15 10:30:00.5+02'", S("2024-01-15T08:30:00.500000Z")),
    ("timestamptz", "'0001-01-01 00:00+00'", S("0001-01-01T00:00:00.000000Z")),
    ("timetz", "'10:30:00.5+02'", S("10:30:00.5+02")),
    ("interval", "'1 year 2 mons -3 days 04:05:06.789'", S("P1Y2M-3DT4H5M6.789S")),
    ("json", "'{\"a\":  1.10, \"b\": [null, \"é\"]}'", S("{\"a\":  1.10, \"b\": [null, \"é\"]}")),
    ("jsonb", "'{\"b\":2,\"a\":  1.10}'", S("{\"a\": 1.10, \"b\": 2}")),
    ("integer[]", "'{1,NULL,3}'", {"L": [N("1"), {"NULL": True}, N("3")]}),
    ("integer[][]", "'{{1,2},{3,4}}'", {"L": [{"L": [N("1"), N("2")]}, {"L": [N("3"), N("4")]}]}),
    ("text[]", "'{a,\"b c\",\"\",\"NULL\"}'", {"L": [S("a"), S("b c"), S(""), S("NULL")]}),
    ("text[]", "'{}'", {"L": []}),
    ("numeric[]", "'{1.50,12345678901234567890.123}'", {"L": [N("1.5"), N("12345678901234567890.123")]}),
    ("point2", "ROW(1, 'b', ARRAY[true])", {"M": {"x": N("1"), "label": S("b"), "flags": {"L": [{"BOOL": True}]}}}),
    ("point2[]", "ARRAY[ROW(1, NULL, NULL)]::point2[]",
     {"L": [{"M": {"x": N("1"), "label": {"NULL": True}, "flags": {"NULL": True}}}]}),
    ("positive", "7", N("7")),
    ("short_text", "'abc'", S("abc")),
    ("deep_domain", "8", N("8")),
    ("int4range", "'[1,5)'", S("[1,5)")),
    ("tstzrange", "'[2024-01-01 00:00+00,)'", S("[\"2024-01-01 00:00:00+00\",)")),
    ("int4multirange", "'{[1,3),[5,7)}'", S("{[1,3),[5,7)}")),
    ("inet", "'192.168.0.1/24'", S("192.168.0.1/24")),
    ("cidr", "'10.0.0.0/8'", S("10.0.0.0/8")),
    ("macaddr", "'08:00:2b:01:02:03'", S("08:00:2b:01:02:03")),
    ("money", "12.34", S("$12.34")),
    ("bit(4)", "B'1010'", S("1010")),
    ("bit varying", "B'101'", S("101")),
    ("point", "'(1.5,2)'", S("(1.5,2)")),
    ("tsvector", "'a b'", S("'a' 'b'")),
    ("pg_lsn", "'16/B374D848'", S("16/B374D848")),
    ("jsonpath", "'$.a'", S("$.\"a\"")),
    ("xid8", "'42'", S("42")),
    ("regclass", "'pg_class'", S("pg_class")),
]

SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'very happy');
CREATE TYPE point2 AS (x integer, label text, flags boolean[]);
CREATE DOMAIN positive AS integer CHECK (VALUE > 0);
CREATE DOMAIN deep_domain AS positive;
CREATE DOMAIN short_text AS varchar(5);
"""


def lands(place, table, more="", setup=SCHEMA, keep=False):
    """Makes a table with one column a line, moves a row of literals and a row of NULLs; returns both items."""
    place.sql(setup)
    columns = ", ".join(f"c{i} {t}" for i, (t, _, _) in enumerate(table))
    place.sql(f"CREATE TABLE types (id int PRIMARY KEY, {columns})")
    place.sql(f"INSERT INTO types VALUES (1, {', '.join(v for _, v, _ in table)})".replace("%", "%%"))
    place.sql("INSERT INTO types (id) VALUES (2)")
    mapping = Mapping({"PK": expect.column("id")}, keep_nulls=keep)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(f"""from = "types", to = "Types", partition_key = {{ PK = hlua.N(hlua.column "id") }}, {more}
            attributes = {{ hlua.columns {{}} }},""")
        result = place.hlua("migrate")
        wanted, _ = expect.items_of(expect.read(place.db, "types"), mapping)
        expect.check(result, target, "Types", wanted, mapping)
        return sorted((expect.plain_item(i) for i in expect.scan(target, "Types")), key=lambda i: i["PK"])


def check(table, item):
    wrong = []
    for i, (type_, literal, wanted) in enumerate(table):
        found = item.get(f"c{i}")
        if found != expect.plain(wanted):
            wrong.append(f"{type_} {literal}: found {found!r}, wanted {expect.plain(wanted)!r}")
    assert not wrong, "\n".join(wrong)


def test_each_type_lands_as_documented(place):
    whole, nulls = lands(place, TABLE)
    check(TABLE, whole)
    assert set(nulls) == {"PK", "id"}, nulls  # a NULL is absent


def test_nulls_kept(place):
    _, nulls = lands(place, TABLE, 'nulls = "keep",', keep=True)
    assert {n for n, v in nulls.items() if v == ("NULL", True)} == {f"c{i}" for i in range(len(TABLE))}


def test_floats_in_their_shortest_form(place):
    """A few thousand of every size."""
    place.sql("""SELECT setseed(0.25); CREATE TABLE floats AS SELECT i AS id, (random() * 10 ^ (i % 250 - 125))::float8 AS d,
        (random() * 10 ^ (i % 70 - 35))::float4 AS f FROM generate_series(1, 3000) i;
        ALTER TABLE floats ADD PRIMARY KEY (id)""")
    mapping = Mapping({"PK": expect.column("id")})
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "floats", to = "Floats", partition_key = { PK = hlua.N(hlua.column "id") },
            attributes = { hlua.columns {} },""")
        result = place.hlua("migrate")
        wanted, rejects = expect.items_of(expect.read(place.db, "floats"), mapping)
        assert not rejects
        expect.check(result, target, "Floats", wanted, mapping)


def test_hstore(place):
    if not place.sql("SELECT 1 FROM pg_available_extensions WHERE name = 'hstore'").fetchone():
        raise Skip("this PostgreSQL has no hstore")
    table = [("ext.hstore", "'a=>1, \"b c\"=>NULL, é=>\"\"'", {"M": {"a": S("1"), "b c": {"NULL": True}, "é": S("")}})]
    whole, nulls = lands(place, table, setup=f"""CREATE SCHEMA ext; CREATE EXTENSION hstore SCHEMA ext;
        ALTER ROLE CURRENT_USER IN DATABASE {place.database} SET search_path = public, ext""")
    check(table, whole)
    assert set(nulls) == {"PK", "id"}


def test_xml(place):
    try:
        place.sql("SELECT '<a/>'::xml")
    except Exception:
        raise Skip("this PostgreSQL was built without XML") from None
    table = [("xml", "'<a b=\"c\">é</a>'", S("<a b=\"c\">é</a>"))]
    check(table, lands(place, table, setup="SELECT 1")[0])


def test_json_into_maps(place):
    """hlua.json: exact numbers, every kind of value, and what to do with text that is not JSON."""
    texts = {
        1: '{"n": 9007199254740993, "d": 0.10, "e": 1e-130, "big": 12345678901234567890123456789012345678}',
        2: '[1, "two", null, true, false, {}, [], "\\ud83d\\ude00\\u00e9", ""]',
        3: '"only a text"', 4: "17", 5: "null", 6: " {\"a\" : {\"b\" : [ {\"c\" : -0.0} ] } } ",
        7: "not json", 8: '{"a": 1', 9: "", 10: '{"n": 1e126}', 11: '{"a": NaN}', 12: '{"a":1}x', 13: '{"a": "\\ud83d"}',
        14: "[" * 40 + "]" * 40, 15: '{"z": "a\\u0000b\\u001f", "é": "\\/"}', 16: '{"a": 1}\n',
    }
    place.sql("CREATE TABLE docs (id int PRIMARY KEY, body text, b jsonb)")
    for i, text in texts.items():
        place.sql("INSERT INTO docs VALUES (%s, %s, %s)", [i, text, texts[2] if i != 3 else None])
    good = {}
    for i, text in texts.items():
        if i <= 6 or i >= 15:
            good[i] = expect.tree(expect.parse(text))
    whole = expect.plain(expect.tree(expect.parse(texts[2])))
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*(f"""from = "docs", to = "{invalid}", partition_key = {{ PK = hlua.N(hlua.column "id") }},
            attributes = {{ J = hlua.json("body", {{ invalid = "{invalid}" }}), B = hlua.json "b" }},"""
                     for invalid in ("string", "absent", "reject")))
        result = place.hlua("migrate", code=5)
        assert result.counts("reject") == (16, 8, 8, 0, 0), [r["message"] for r in place.rejects()]
        assert result.counts("string") == (16, 16, 0, 0, 0)
        for table in ("string", "absent", "reject"):
            found = {int(i["PK"]["N"]): expect.plain_item(i) for i in expect.scan(target, table)}
            assert sorted(found) == sorted(good if table == "reject" else texts)
            for i, item in found.items():
                wanted = good.get(i) or (S(texts[i]) if table == "string" else None)
                assert item.get("J") == (expect.plain(wanted) if wanted else None), (table, i, item, wanted)
                assert item.get("B") == (whole if i != 3 else None), item
        assert {r["reason"] for r in place.rejects()} == {"json"}
        assert json.loads(place.rejects()[0]["item"] or "{}") is not None


REJECTED = [
    ("numeric", "'NaN'"), ("numeric", "'Infinity'"), ("numeric", "'-Infinity'"), ("numeric", "1e126"),
    ("numeric", "9.999e-131"), ("numeric", "123456789012345678901234567890123456789"), ("numeric", "1e16000"),
    ("real", "'NaN'"), ("double precision", "'Infinity'"), ("double precision", "1e126"), ("double precision", "1e-200"),
    ("date", "'infinity'"), ("date", "'0001-12-31 BC'"), ("date", "'10000-01-01'"),
    ("timestamp", "'infinity'"), ("timestamp", "'-infinity'"), ("timestamp", "'0044-03-15 BC'"),
    ("timestamp", "'10000-01-01'"), ("timestamptz", "'infinity'"), ("timestamptz", "'294276-12-31'"),
    ("timestamptz", "'0001-12-31 23:59 BC'"),
]


def test_values_that_dynamodb_cannot_hold(place):
    """Each in a row and a column of its own; every such row is rejected, and its neighbours are not."""
    columns = ", ".join(f"c{i} {t}" for i, (t, _) in enumerate(REJECTED))
    place.sql(f"CREATE TABLE bad (id int PRIMARY KEY, {columns})")
    for i, (_, literal) in enumerate(REJECTED):
        place.sql(f"INSERT INTO bad (id, c{i}) VALUES ({i}, {literal})")
    place.sql("INSERT INTO bad SELECT i FROM generate_series(1000, 1099) i")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "bad", to = "Bad", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""")
        result = place.hlua("migrate", code=5)
        assert result.counts() == (100 + len(REJECTED), 100, len(REJECTED), 0, 0), result
        assert sorted(int(i["PK"]["S"]) for i in expect.scan(target, "Bad")) == list(range(1000, 1100))
        rejects = {r["key"]: r for r in place.rejects()}
        for i, (type_, literal) in enumerate(REJECTED):
            r = rejects[f"id={i}"]
            assert r["reason"] in ("number", "value") and f"c{i}" in r["message"], (type_, literal, r)


def test_formats_in_templates(place):
    """Every format of the templates against the oracle."""
    place.sql("""CREATE TYPE colour AS ENUM ('Red', 'ÉCLAIR');
        CREATE TABLE f (id bigint PRIMARY KEY, n numeric, t timestamp, z timestamptz, d date, c time, s text, b bytea,
            u uuid, o boolean, e colour);
        INSERT INTO f VALUES
        (1, 12.50, '2024-02-29 23:59:59.987654', '2024-02-29 23:59:59.987654+05', '2024-12-31', '01:02:03.4', 'MiXed ÄÖ é',
            '\\x00ff10', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', true, 'Red'),
        (999999999999, 0, '0001-01-01', '1969-12-31 23:59:59.5+00', '0001-01-01', '00:00', '', '', gen_random_uuid(), false,
            'ÉCLAIR'),
        (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)""")
    templates = ["{id:%012d}", "{id}-{o}-{e}", "{n:%.2f}", "{n:%.5f}", "{t:%Y-%m-%dT%H:%M:%S.%LZ}", "{t:%F %T %f %% %s}",
                 "{t:%j}", "{t}", "{z}", "{z:%s}", "{z:%Y%m%d%H}", "{d}", "{d:%d.%m.%Y}", "{c}", "{c:%H%M%S%L}",
                 "{s:lower}|{s:upper}", "{s:hex}", "{b:hex}", "{u}", "{u:upper}", "{e:lower}", "{id:shard(16)}",
                 "{s:shard(7)}", "{u:shard(1000000)}", "{{{s}}}", "{{}}{id}", "é{s}漢"]
    day_of_year = {"1": "060", "999999999999": "001"}
    attributes = {f"a{i}": t for i, t in enumerate(templates) if t != "{t:%j}"}
    attributes["j"] = lambda row: S(day_of_year[row["id"].text]) if not row["t"].null else None
    attributes["n"] = expect.number("{id:%012d}")
    mapping = Mapping({"PK": "{id:%012d}"}, attributes=attributes, columns=False)
    quoted = ", ".join(f'a{i} = "{t}"' for i, t in enumerate(templates) if t != "{t:%j}")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(f"""from = "f", to = "Formats", partition_key = {{ PK = "{{id:%012d}}" }},
            attributes = {{ {quoted}, j = "{{t:%j}}", n = hlua.N "{{id:%012d}}" }},""")
        result = place.hlua("migrate")
        wanted, rejects = expect.items_of(expect.read(place.db, "f"), mapping)
        assert not rejects
        expect.compare(target, "Formats", wanted, mapping)
        assert result.counts() == (3, 3, 0, 0, 0)
