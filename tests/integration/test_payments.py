"""The ready migration of the payments: a join as the source, numeric keys, exact money, indexes on attributes."""
import re

import expect
import servers
from expect import Index, Mapping
from servers import Endpoint

FOLDER = servers.ROOT / "migrations/payments"
AT = "{PaymentDate:%Y-%m-%dT%H:%M:%SZ}#{PaymentId}"
PAYMENTS = Mapping(
    partition={"CustomerId": expect.number("{CustomerId}")}, sort={"PaymentDateId": AT},
    indexes=[Index({"PaymentId": expect.column("PaymentId")}),
             Index({"PaymentStatus": expect.column("PaymentStatus")}, {"PaymentDate": expect.column("PaymentDate")}),
             Index({"LoanId": expect.column("LoanId")}, {"PaymentDateId": AT})])
# Each payment with its customer, said otherwise than the plan says it.
SOURCE = """SELECT *, (SELECT "CustomerId" FROM dbo."Applications" WHERE "ApplicationId" =
    (SELECT "ApplicationId" FROM dbo."Loans" l WHERE l."LoanId" = p."LoanId")) AS "CustomerId" FROM dbo."Payments" p"""


def migrate(place, url, rows, **run):
    """Moves the payments that are there up to that many, made where missing, and checks every item."""
    place.ready(rows=rows, migration="payments")
    environment = "t" + str(place.number)  # part of the table's name, so that tests can share an engine
    place.environment["ENVIRONMENT"] = environment
    target, table = place.target(url), "Payments-" + environment
    result = place.hlua("migrate", "--ledger", "payments.db", plan=FOLDER / "plan.lua", **run)
    wanted, rejects = expect.items_of(expect.read(place.db, SOURCE), PAYMENTS)
    expect.check(result, target, table, wanted, PAYMENTS, rejected=sum(rejects.values()))
    return target, table, result


def moved(place, rows):
    with Endpoint() as endpoint:
        _, _, result = migrate(place, endpoint.url, rows)
        assert result.counts() == (rows, rows, 0, 0, 0), result


def test_no_rows(place):
    moved(place, 0)


def test_1_row(place):
    moved(place, 1)


def test_25_rows(place):
    moved(place, 25)


def test_26_rows(place):
    moved(place, 26)


def test_2000_rows_and_the_questions(place):
    with Endpoint() as endpoint:
        migrate(place, endpoint.url, 2000)
        answer = place.start(plan=FOLDER / "access-patterns.lua", json=False).end()
        assert answer.code == 0, answer
        counts = [int(n) for n in re.findall(r"^   (\d+) payments?\b", answer.output, re.MULTILINE)]
        assert len(counts) == 4 and all(counts) and counts[3] == 1, answer


def test_300_rows_on_dynoxide(place):
    """The table that is made, and the four questions asked with another client."""
    target, table, _ = migrate(place, place.stage.engine("dynoxide"), 300)
    t = target.describe_table(TableName=table)["Table"]
    keys = lambda schema: tuple(k["AttributeName"] for k in sorted(schema, key=lambda k: k["KeyType"]))  # HASH first
    assert keys(t["KeySchema"]) == ("CustomerId", "PaymentDateId")
    assert {d["AttributeName"]: d["AttributeType"] for d in t["AttributeDefinitions"]} == {
        "CustomerId": "N", "PaymentDateId": "S", "PaymentId": "N", "PaymentStatus": "S", "PaymentDate": "S", "LoanId": "N"}
    assert {i["IndexName"]: keys(i["KeySchema"]) for i in t["GlobalSecondaryIndexes"]} == {
        "GSI4-PaymentId-Index": ("PaymentId",), "PaymentStatusIndex": ("PaymentStatus", "PaymentDate"),
        "LoanPaymentIndex": ("LoanId", "PaymentDateId")}
    assert {i["Projection"]["ProjectionType"] for i in t["GlobalSecondaryIndexes"]} == {"ALL"}
    assert t["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"

    def ask(condition, index=None, **values):
        found = target.query(TableName=table, **({"IndexName": index} if index else {}), KeyConditionExpression=condition,
                             ScanIndexForward=False, ExpressionAttributeValues={":" + k: v for k, v in values.items()})
        return [int(i["PaymentId"]["N"]) for i in found["Items"]]

    def sql(condition, order='"PaymentDate" DESC, "PaymentId"::text COLLATE "C" DESC'):
        return [r[0] for r in place.sql(f"""SELECT "PaymentId" FROM ({SOURCE}) q WHERE {condition} ORDER BY {order}""")]

    customer = place.sql(f"""SELECT "CustomerId" FROM ({SOURCE}) q GROUP BY 1 HAVING count(DISTINCT "LoanId") > 1
                             ORDER BY 1 LIMIT 1""").fetchone()[0]
    of_customer = ask("CustomerId = :c", c={"N": str(customer)})
    assert len(of_customer) > 3 and of_customer == sql(f'"CustomerId" = {customer}')
    since = ask("PaymentStatus = :s AND PaymentDate >= :d", "PaymentStatusIndex", s={"S": "Completed"}, d={"S": "2021-02-14"})
    assert 0 < len(since) < 300
    assert sorted(since) == sql(""""PaymentStatus" = 'Completed' AND "PaymentDate" >= '2021-02-14'""", '"PaymentId"')
    assert ask("LoanId = :l", "LoanPaymentIndex", l={"N": "7"}) == sql('"LoanId" = 7') == [207, 107, 7]
    assert ask("PaymentId = :p", "GSI4-PaymentId-Index", p={"N": "123"}) == [123]


def test_an_item_by_hand(place):
    """The payment of the documents, with the largest amounts that the columns hold."""
    place.ready(schema_only=True, migration="payments")
    place.sql("""INSERT INTO dbo."Applications" VALUES (1001, 77); INSERT INTO dbo."Loans" VALUES (9, 1001);
        INSERT INTO dbo."Payments" VALUES (12345, 9, 1, '2024-01-15', 99999999.99, 99999999.89, 0.10, 'ACH', 'Completed', NULL,
                                           '2024-01-15 10:30:00.123')""")
    with Endpoint() as endpoint:
        target, table, _ = migrate(place, endpoint.url, 0)
        (item,) = expect.scan(target, table)
        assert expect.plain_item(item) == expect.plain_item({
            "CustomerId": {"N": "77"}, "PaymentDateId": {"S": "2024-01-15T00:00:00Z#12345"}, "PaymentId": {"N": "12345"},
            "LoanId": {"N": "9"}, "PaymentNumber": {"N": "1"}, "PaymentDate": {"S": "2024-01-15"},
            "PaymentAmount": {"N": "99999999.99"}, "PrincipalAmount": {"N": "99999999.89"}, "InterestAmount": {"N": "0.1"},
            "PaymentMethod": {"S": "ACH"}, "PaymentStatus": {"S": "Completed"},
            "CreatedDate": {"S": "2024-01-15T10:30:00.123000"}}), item


def test_a_payment_without_a_customer_is_rejected(place):
    """Databases without foreign keys have such: they are told, not lost in the join."""
    place.ready(rows=200, migration="payments")
    place.sql("""ALTER TABLE dbo."Payments" DROP CONSTRAINT "FK_Payments_Loans"; DELETE FROM dbo."Loans" WHERE "LoanId" = 7""")
    with Endpoint() as endpoint:
        _, _, result = migrate(place, endpoint.url, 0, code=5)
        assert result.counts() == (200, 198, 2, 0, 0), result
        listed = place.hlua("rejects", "--ledger", "payments.db", plan=FOLDER / "plan.lua").lines
        assert [r["reason"] for r in listed] == ["key-missing"] * 2, listed


def test_the_join_is_read_in_chunks(place):
    """Chunks are cut by the payments' own key. Two databases, one filled at once and one in two steps, are equal."""
    def fingerprint():
        return place.sql(f"""SELECT count(*), md5(string_agg(q::text, '' ORDER BY "PaymentId")) FROM ({SOURCE}) q""").fetchone()

    place.ready(rows=1234, migration="payments")
    place.ready(rows=60_000, migration="payments")
    topped_up = fingerprint()
    place.sql('TRUNCATE dbo."Payments", dbo."Loans", dbo."Applications"')
    place.ready(rows=60_000, migration="payments")
    assert fingerprint() == topped_up and topped_up[0] == 60_000
    with Endpoint() as endpoint:
        target, table = place.target(endpoint.url), "Payments-dev"
        result = place.hlua("migrate", "--ledger", "payments.db", plan=FOLDER / "plan.lua")
        assert result.counts() == (60_000, 60_000, 0, 0, 0), result
        assert target.describe_table(TableName=table)["Table"]["ItemCount"] == 60_000
        assert result.table()["chunks"] >= 2, result
