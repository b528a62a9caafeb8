"""What can be read: relations of every kind, keys of every shape, queries."""
import expect
from expect import Index, Mapping
from move import count, move
from servers import Endpoint

KEYS = {
    "integer": ("id integer", "generate_series(-40, 40) AS id", "(id)"),
    "bigint_at_its_ends": ("id bigint", "unnest('{-9223372036854775808,-1,0,1,9223372036854775807}'::bigint[]) AS id", "(id)"),
    "uuid": ("id uuid", "md5(i::text)::uuid AS id FROM generate_series(1, 100) i", "(id)"),
    "numeric": ("id numeric", "i * 1.37 - 40 AS id FROM generate_series(1, 100) i", "(id)"),
    "timestamp": ("id timestamptz",
                  "'2024-01-01'::timestamptz + i * interval '1.000001 h' AS id FROM generate_series(1, 100) i", "(id)"),
    "date": ("id date", "'2024-01-01'::date + i AS id FROM generate_series(1, 100) i", "(id)"),
    "composite": ("a integer, \"B c\" text", "i / 10 AS a, chr(97 + i % 10) AS \"B c\" FROM generate_series(0, 99) i",
                  "(a, \"B c\")"),
    "char": ("id char(6)", "'k' || i AS id FROM generate_series(0, 99) i", "(id)"),
    "enum": ("id mood", "unnest(enum_range(NULL::mood)) AS id", "(id)"),
}
TEXTS = ["", " ", "'", "''", "\"", "\\", "\\'", "a", "A", "á", "Á", "ä", "z", "Z", "ß", "ss", "ﬀ", "漢字", "👩‍🚀", "{}", "{id}",
         "$1", "%s", "a\nb", "a\tb", "-- x", "/* x", ";", "NULL", "\x7f", "\u200b", "e\u0301", "\u00e9", "1", "10", "9"]


def test_key_shapes(place):
    """Each key's text, or its parts', makes the item's key."""
    place.sql("CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy')")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        plans, mappings = [], {}
        for name, (columns, values, key) in KEYS.items():
            place.sql(f"CREATE TABLE {name} ({columns}, v text, PRIMARY KEY {key})")
            place.sql(f"INSERT INTO {name} SELECT *, 'v' FROM (SELECT {values}) q")
            template = "{a}/{B c}" if name == "composite" else "k{id}"
            plans.append(f"""from = "{name}", to = "{name}", partition_key = {{ PK = "{template}" }},
                attributes = {{ hlua.columns {{}} }},""")
            mappings[name] = Mapping({"PK": template})
        place.plan(*plans)
        result = place.hlua("migrate")
        for name, mapping in mappings.items():
            wanted, _ = expect.items_of(expect.read(place.db, name), mapping)
            expect.check(result, target, name, wanted, mapping)


def test_text_key_of_an_odd_collation(place):
    place.sql("""CREATE COLLATION odd (provider = icu, locale = 'de-u-kn-true-ks-level2', deterministic = false);
        CREATE TABLE t (id text COLLATE odd PRIMARY KEY, n int)""")
    for i, text in enumerate(TEXTS):
        place.sql("INSERT INTO t VALUES (%s, %s) ON CONFLICT DO NOTHING", [text, i])
    move(place, "t", """partition_key = { PK = "x{id}" }, attributes = { hlua.columns {} },""", Mapping({"PK": "x{id}"}))


def test_names_that_need_quotes(place):
    schema = '"O\'Neil ""x"""'
    name = schema + '."T, é"'
    place.sql(f"CREATE SCHEMA {schema}")
    place.sql(f"""CREATE TABLE {name} ("Id #" int PRIMARY KEY, "b""\\" text, "select" text, "lang." text);
        INSERT INTO {name} VALUES (1, 'x', 'y', 'z'), (2, NULL, '', 'z')""")
    mapping = Mapping({"PK": "{Id #}"}, attributes={"a": "{select}-{lang.}"})
    move(place, name, """partition_key = { PK = "{Id #}" }, attributes = { hlua.columns {}, a = "{select}-{lang.}" },""",
         mapping)


def test_table_with_a_partition_key_only_and_numbers(place):
    place.sql("""CREATE TABLE t (id numeric(12,2) PRIMARY KEY, n bigint);
        INSERT INTO t SELECT i * 0.5 - 20, i FROM generate_series(1, 100) i""")
    move(place, "t", """partition_key = { Id = hlua.column "id" }, attributes = { hlua.columns { only = { "n" } } },
        global_secondary_indexes = { hlua.index { "ByN", partition_key = "n" } },""",
         Mapping({"Id": expect.column("id")}, attributes={"n": expect.column("n")}, columns=False,
                 indexes=[Index({"n": expect.column("n")})]))


def test_binary_keys(place):
    place.sql("""CREATE TABLE t (id bytea PRIMARY KEY, s text);
        INSERT INTO t SELECT decode(lpad(to_hex(i), 4, '0'), 'hex'), i FROM generate_series(0, 300) i""")
    move(place, "t", """partition_key = { Id = hlua.column "id" }, sort_key = { At = hlua.B "{s}" }, attributes = {},""",
         Mapping({"Id": expect.column("id")}, {"At": lambda row: expect.B(row["s"].text.encode())}, columns=False))


# --- many chunks ---


def test_chunks_of_an_even_integer(place):
    place.sql("""CREATE TABLE t AS SELECT i AS id FROM generate_series(1, 120000) i; ALTER TABLE t ADD PRIMARY KEY (id);
        ANALYZE t""")
    count(place, 'from = "t", partition_key = { PK = hlua.column "id" }', 120_000, (20, 60))


def test_chunks_of_a_uuid(place):
    place.sql("""CREATE TABLE t AS SELECT md5(i::text)::uuid AS id FROM generate_series(1, 120000) i;
        ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t""")
    count(place, 'from = "t", partition_key = { PK = "{id}" }', 120_000, (20, 60))


def test_chunks_without_statistics(place):
    """Never analyzed, an integer key with a gap of ten digits, half of the rows deleted."""
    place.sql("""CREATE TABLE t (id bigint PRIMARY KEY, pad text);
        ALTER TABLE t SET (autovacuum_enabled = false);
        INSERT INTO t SELECT CASE WHEN i % 2 = 0 THEN i ELSE i + 10000000000 END, 'x' FROM generate_series(1, 140000) i;
        DELETE FROM t WHERE id % 7 = 3""")
    rows = place.sql("SELECT count(*) FROM t").fetchone()[0]
    count(place, 'from = "t", partition_key = { PK = hlua.column "id" }', rows, (2, 60))


def test_chunks_of_a_composite_text_key(place):
    place.sql("""CREATE TABLE t (a text COLLATE "en-x-icu", b int, pad text, PRIMARY KEY (a, b));
        INSERT INTO t SELECT chr(65 + i % 3) || '"\\' || i / 1000, i, 'p' FROM generate_series(1, 110000) i; ANALYZE t""")
    count(place, 'from = "t", partition_key = { PK = "{a}" }, sort_key = { SK = hlua.N "{b}" }', 110_000, (20, 60))


def test_chunk_bounds_of_every_type(place):
    """Bounds are texts that the server casts back: none of these types may lose a row there. 55,000 rows are two chunks."""
    odd = r"""chr(1 + i % 126) || E'\'"\\' || chr(13000 + i % 777) || i"""
    keys = {
        "times": ("at timestamptz", "'2024-01-01 00:00:00.000001+05:30'::timestamptz + i * interval '7.000003 s'"),
        "plain_times": ("at timestamp", "'0044-03-15'::timestamp + i * interval '7.000003 days'"),
        "numerics": ("n numeric", "(i - 20000) * 1.0000000000000000000000001"),
        "chars": ("c char(12)", "chr(65 + i % 26) || i % 1000 || ' ' || chr(97 + i / 1000)"),
        "bytes": ("b bytea", "decode(md5(i::text), 'hex')"),
        "odd_texts": ('t text COLLATE "C"', odd),
        "pairs": ("k kind, id2 int", "('{zebra,ape,a''b}'::kind[])[1 + i % 3], i"),
    }
    place.sql("CREATE TYPE kind AS ENUM ('zebra', 'ape', 'a''b')")
    for name, (columns, values) in keys.items():
        names = ", ".join(column.split()[0] for column in columns.split(", "))
        place.sql(f"""CREATE TABLE {name} ({columns}, id int, PRIMARY KEY ({names}));
            INSERT INTO {name} SELECT {values}, i FROM generate_series(1, 55000) i; ANALYZE {name}""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*(f'from = "{name}", to = "{name}", partition_key = {{ PK = hlua.N "{{id}}" }},' for name in keys))
        result = place.hlua("migrate")
        for name in keys:
            assert result.counts(name) == (55_000, 55_000, 0, 0, 0), name
            assert target.describe_table(TableName=name)["Table"]["ItemCount"] == 55_000, name
            assert result.table(name)["chunks"] >= 2, name


def test_chunks_by_bytes(place):
    """2,000 rows of 40 KB are 80 MB: several chunks, though few rows."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
        INSERT INTO t SELECT i, repeat(md5(i::text), 1250) FROM generate_series(1, 2000) i; ANALYZE t""")
    count(place, 'from = "t", partition_key = { PK = hlua.column "id" }, attributes = { hlua.columns { only = { "body" } } }',
          2000, (2, 12))


# --- relations of every kind ---


def test_partitioned_table(place):
    """Leaves of two levels, columns in another order in one of them, an empty one."""
    place.sql("""CREATE TABLE p (id int, at date, v text, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM ('2024-01-01') TO ('2024-02-01') PARTITION BY LIST (id);
        CREATE TABLE p1a PARTITION OF p1 FOR VALUES IN (1, 2, 3);
        CREATE TABLE p1b PARTITION OF p1 DEFAULT;
        CREATE TABLE p2 (v text, at date NOT NULL, id int NOT NULL);
        ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM ('2024-02-01') TO ('2024-03-01');
        CREATE TABLE p3 PARTITION OF p FOR VALUES FROM ('2024-03-01') TO ('2024-04-01');
        INSERT INTO p SELECT i, '2024-01-01'::date + i % 60, 'v' || i FROM generate_series(1, 500) i""")
    result = move(place, "p", """partition_key = { PK = "{id}" }, sort_key = { SK = "{at}" },
        attributes = { hlua.columns {} },""", Mapping({"PK": "{id}"}, {"SK": "{at}"}))
    assert result.table()["chunks"] >= 3


def test_inherited_table(place):
    """Children that have more columns; their rows are read once each."""
    place.sql("""CREATE TABLE parent (id int PRIMARY KEY, v text);
        CREATE TABLE child (w int, PRIMARY KEY (id)) INHERITS (parent);
        CREATE TABLE grandchild (x int, PRIMARY KEY (id)) INHERITS (child);
        INSERT INTO parent SELECT i, 'p' FROM generate_series(1, 60) i;
        INSERT INTO child SELECT i, 'c', i FROM generate_series(100, 160) i;
        INSERT INTO grandchild SELECT i, 'g', i, i FROM generate_series(200, 260) i""")
    move(place, "parent", """partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""", Mapping({"PK": "{id}"}))


def test_view_with_a_key(place):
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'x' FROM generate_series(1, 200) i;
        CREATE VIEW v AS SELECT id * 2 AS twice, v FROM t""")
    move(place, "v", """key = { "twice" }, partition_key = { PK = "{twice}" }, attributes = { hlua.columns {} },""",
         Mapping({"PK": "{twice}"}))


def test_materialized_view(place):
    place.sql("""CREATE MATERIALIZED VIEW m AS SELECT i AS id, 'x' AS v FROM generate_series(1, 200) i;
        CREATE UNIQUE INDEX ON m (id)""")
    move(place, "m", """key = { "id" }, partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""",
         Mapping({"PK": "{id}"}))


def test_generated_and_dropped_columns(place):
    place.sql("""CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, gone text, n int, "sys" text,
        twice int GENERATED ALWAYS AS (n * 2) STORED);
        INSERT INTO t (gone, n) SELECT 'g', i FROM generate_series(1, 60) i; ALTER TABLE t DROP COLUMN gone""")
    move(place, "t", """partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },""", Mapping({"PK": "{id}"}))


def test_keyless_table_warns(place):
    place.sql("CREATE TABLE k (a int, b text); INSERT INTO k SELECT i, 'x' FROM generate_series(1, 3000) i")
    result = move(place, "k", """partition_key = { PK = "{a}" }, attributes = { hlua.columns {} },""", Mapping({"PK": "{a}"}))
    assert any("no key" in e["text"] for e in result.lines if e["event"] == "notice"), result


# --- queries ---

QUERY = """SELECT l.id, l.v, a.owner FROM logs l JOIN apps a USING (app)"""


def two_tables(place):
    place.sql("""CREATE TABLE apps (app int PRIMARY KEY, owner text); CREATE TABLE logs (id int PRIMARY KEY, app int, v text);
        INSERT INTO apps SELECT i, 'o' || i FROM generate_series(0, 9) i;
        INSERT INTO logs SELECT i, i % 12, 'v' || i FROM generate_series(1, 600) i""")


def test_query_with_range(place):
    two_tables(place)
    move(place, QUERY, """partition_key = { PK = "{owner}" }, sort_key = { SK = "{id:%06d}" },
        attributes = { hlua.columns {} },""", Mapping({"PK": "{owner}"}, {"SK": "{id:%06d}"}),
         source=f"query = [[SELECT * FROM ({QUERY}) q WHERE {{range}}]], key = {{ \"id\" }}")


def test_query_without_range(place):
    two_tables(place)
    result = move(place, QUERY, """partition_key = { PK = "{owner}" }, sort_key = { SK = "{id:%06d}" },
        attributes = { hlua.columns {} },""", Mapping({"PK": "{owner}"}, {"SK": "{id:%06d}"}),
                  source=f"query = [[{QUERY}]], key = {{ \"id\" }}")
    assert result.table()["from"] is None and result.table()["name"] == "Target"


def test_query_in_chunks(place):
    place.sql("""CREATE TABLE t AS SELECT i AS id, i % 5 AS g FROM generate_series(1, 120000) i;
        ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t""")
    count(place, 'query = "SELECT id, g FROM t WHERE {range}", key = { "id" }, partition_key = { PK = hlua.column "id" }',
          120_000, (20, 60))


def test_where_and_expressions(place):
    """A condition in SQL, a column replaced by an expression, another added."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, at varchar(40), n int, keep boolean);
        INSERT INTO t SELECT i, '2024-01-15 10:30:' || i % 60, i, i % 3 = 0 FROM generate_series(1, 300) i""")
    move(place, "SELECT id, at::timestamp AS at, n, keep, n * 2.5 AS more FROM t WHERE keep",
         """where = "keep", columns = { at = "at::timestamp", more = "n * 2.5" },
         partition_key = { PK = "{at:%Y-%m-%d}" }, sort_key = { SK = "{at}#{id}" }, attributes = { hlua.columns {} },""",
         Mapping({"PK": "{at:%Y-%m-%d}"}, {"SK": "{at}#{id}"}), source='from = "t"')
