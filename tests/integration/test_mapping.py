"""What a plan can say of an item beside its columns: sparse indexes, conditions, times, constants, several tables."""
import expect
from expect import Index, Mapping, S
from move import move
from servers import Endpoint

LOANS = """CREATE TABLE loans (id int PRIMARY KEY, customer int, open boolean, closed_at timestamp,
        note text, amount numeric(12,2));
    INSERT INTO loans SELECT i, CASE WHEN i % 5 > 0 THEN i % 7 END, CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END,
        CASE WHEN i % 2 = 0 THEN '2024-01-15 10:30:00.75'::timestamp + i * interval '1 hour' END,
        CASE i % 4 WHEN 0 THEN '' WHEN 1 THEN 'n' || i END, i * 1.10 FROM generate_series(1, 200) i"""


def test_sparse_indexes(place):
    """An index's sort key is absent where its partition key is: the item is in the index whole or not at all."""
    place.sql(LOANS)
    move(place, "loans", """partition_key = { PK = "LOAN#{id}" }, sort_key = { SK = hlua.S "PROFILE" },
        global_secondary_indexes = {
          hlua.index { "ByCustomer", partition_key = { G1 = "C#{customer}" }, sort_key = { G1S = "{id:%08d}" } },
          hlua.index { "ByClosing", partition_key = { G2 = hlua.when("open", hlua.S "OPEN") }, sort_key = { G2S = "{id:%08d}" },
            projection = "KEYS_ONLY" },
          hlua.index { "ByAmount", partition_key = "customer", sort_key = "amount", projection = { "note" } },
        },
        local_secondary_indexes = { hlua.index { "ByTime", sort_key = { LSK = "{closed_at}" } } },
        attributes = { hlua.columns {} },""",
         Mapping({"PK": "LOAN#{id}"}, {"SK": expect.constant(S("PROFILE"))},
                 [Index({"G1": "C#{customer}"}, {"G1S": "{id:%08d}"}),
                  Index({"G2": expect.when("open", expect.constant(S("OPEN")))}, {"G2S": "{id:%08d}"}, include=[]),
                  Index({"customer": expect.column("customer")}, {"amount": expect.column("amount")}, include=["note"]),
                  Index({"LSK": "{closed_at}"})]))


def test_conditions_times_and_constants(place):
    place.sql(LOANS)
    attributes = {
        "Open": expect.when("open", "OPEN#{id}"), "Noted": expect.when("note", expect.column("id")),
        "Ends": expect.epoch("closed_at", days=2, hours=3), "TTL": expect.epoch("closed_at", days=365),
        "Source": expect.constant(S("postgresql")), "One": expect.constant(expect.N("1.50")),
        "Bytes": expect.constant(expect.B(b"x")), "Text": lambda row: S(row["amount"].text),
        "Number": expect.number("{id}"),
    }
    move(place, "loans", """partition_key = { Id = hlua.N "{id}" },
        attributes = { hlua.columns { except = { "note" }, rename = { amount = "Amount" } },
          Open = hlua.when("open", "OPEN#{id}"), Noted = hlua.when("note", hlua.column "id"),
          Ends = hlua.epoch("closed_at", { days = 2, hours = 3 }), Source = "postgresql", One = hlua.N "1.50",
          Bytes = hlua.B "x", Text = hlua.S(hlua.column "amount"), Number = hlua.N "{id}" },
        time_to_live = { TTL = hlua.epoch("closed_at", { days = 365 }) },""",
         Mapping({"Id": expect.number("{id}")}, columns=False,
                 attributes={**attributes, "Amount": expect.column("amount"),
                             **{n: expect.column(n) for n in ("id", "customer", "open", "closed_at")}}))


def test_kept_nulls(place):
    place.sql(LOANS)
    move(place, "loans", """partition_key = { Id = "{id}" }, nulls = "keep", attributes = { hlua.columns {},
        Noted = hlua.column "note", At = "{closed_at}" },""",
         Mapping({"Id": "{id}"}, attributes={"Noted": expect.column("note", keep=True), "At": "{closed_at}"}, keep_nulls=True))


def test_times_before_1970_and_with_a_zone(place):
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, a timestamp, z timestamptz, d date);
        INSERT INTO t VALUES (1, '1969-12-31 23:59:59.5', '1969-12-31 23:59:59.5+05:30', '1900-03-01'),
            (2, '0001-01-01', '0001-01-01 12:00+00', '0001-01-01'), (3, '9999-12-31 23:59:59.999999',
            '9999-12-31 23:59:59+00', '9999-12-31'), (4, '2000-02-29', '2000-02-29 00:00+14', '2000-02-29')""")
    move(place, "t", """partition_key = { Id = "{id}" }, attributes = { hlua.columns {}, A = hlua.epoch "a",
        Z = hlua.epoch "z", D = hlua.epoch("d", { days = -1 }) },""",
         Mapping({"Id": "{id}"}, attributes={"A": expect.epoch("a"), "Z": expect.epoch("z"), "D": expect.epoch("d", days=-1)}))


def test_several_tables_in_one_plan(place):
    """Two sources, one of them into two targets; names of their own in the reports."""
    place.sql("""CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);
        INSERT INTO a SELECT i, 'a' FROM generate_series(1, 300) i; INSERT INTO b SELECT i, 'b' FROM generate_series(1, 400) i""")
    tables = [("first", "a", "Ones"), ("second", "b", "Twos"), ("third", "a", "Threes")]
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.plan(*(f"""name = "{name}", from = "{source}", to = "{to}", partition_key = {{ PK = "{name}#{{id}}" }},
            attributes = {{ hlua.columns {{}} }},""" for name, source, to in tables))
        result = place.hlua("migrate")
        assert [(t["name"], t["from"], t["to"]) for t in result.summary["tables"]] == tables
        for name, source, to in tables:
            mapping = Mapping({"PK": name + "#{id}"})
            wanted, _ = expect.items_of(expect.read(place.db, source), mapping)
            expect.check(result, target, to, wanted, mapping, name=name)


def test_two_rows_with_one_key(place):
    """Never two in one batch or in flight together; one of them stays, and each row is counted."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, g int); INSERT INTO t SELECT i, i % 10 FROM generate_series(1, 2000) i""")
    with Endpoint("--fault", "op=BatchWriteItem,every=3,what=delay,ms=20") as endpoint:
        target = place.target(endpoint.url)
        place.plan("""from = "t", to = "Few", partition_key = { PK = "{g}" }, attributes = { hlua.columns {} },""")
        result = place.hlua("migrate")
        assert result.counts() == (2000, 2000, 0, 0, 0)
        found = [*expect.scan(target, "Few")]
        assert len(found) == 10 and all(int(i["id"]["N"]) % 10 == int(i["PK"]["S"]) for i in found)
