"""The ready migration of the integration logs, from nothing to a large table, on each engine."""
import expect
import servers
from place import Skip
from servers import Endpoint

PLAN = servers.ROOT / "migrations/integration-logs/plan.lua"
TABLE = "LoanApp-IntegrationLogs-"


def migrate(place, url, rows, before=None):
    """Moves that many logs, and checks every item; `before(target, table)` comes first."""
    place.ready(rows=rows)
    environment = "t" + str(place.number)  # part of the table's name, so that tests can share an engine
    place.environment["ENVIRONMENT"] = environment
    target, table = place.target(url), TABLE + environment
    if before:
        before(target, table)
    result = place.hlua("migrate", "--ledger", "logs.db", plan=PLAN)
    wanted, rejects = expect.items_of(expect.read(place.db, 'dbo."IntegrationLogs"'), expect.LOGS)
    assert not rejects and len(wanted) == rows
    expect.check(result, target, table, wanted, expect.LOGS)
    return target, table


def make_without_stream(target, table):
    """The plan's table, but for its stream, which makes Dynoxide slower with every item: 50 s instead of 7."""
    key = lambda *names: [{"AttributeName": n, "KeyType": k} for n, k in zip(names, ("HASH", "RANGE"))]
    indexes = {"GSI1-ApplicationId-LogTimestamp": "GSI1", "GSI2-CorrelationId-LogTimestamp": "GSI2",
               "GSI3-ErrorStatus-LogTimestamp": "GSI3"}
    target.create_table(
        TableName=table, BillingMode="PAY_PER_REQUEST", KeySchema=key("PK", "SK"),
        AttributeDefinitions=[{"AttributeName": p + n, "AttributeType": "S"}
                              for p in ("", *indexes.values()) for n in ("PK", "SK")],
        GlobalSecondaryIndexes=[{"IndexName": n, "KeySchema": key(p + "PK", p + "SK"),
                                 "Projection": {"ProjectionType": "ALL"}} for n, p in indexes.items()])


def test_no_rows_on_dynoxide(place):
    migrate(place, place.stage.engine("dynoxide"), 0)


def test_1_row_on_dynoxide(place):
    target, table = migrate(place, place.stage.engine("dynoxide"), 1)
    t = target.describe_table(TableName=table)["Table"]
    assert [(k["AttributeName"], k["KeyType"]) for k in t["KeySchema"]] == [("PK", "HASH"), ("SK", "RANGE")]
    assert {d["AttributeType"] for d in t["AttributeDefinitions"]} == {"S"} and len(t["AttributeDefinitions"]) == 8
    assert sorted(i["IndexName"] for i in t["GlobalSecondaryIndexes"]) == [
        "GSI1-ApplicationId-LogTimestamp", "GSI2-CorrelationId-LogTimestamp", "GSI3-ErrorStatus-LogTimestamp"]
    assert {i["Projection"]["ProjectionType"] for i in t["GlobalSecondaryIndexes"]} == {"ALL"}
    assert t["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    assert t["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = target.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("TTL", "ENABLED")
    tags = {t["Key"]: t["Value"] for t in target.list_tags_of_resource(ResourceArn=t["TableArn"])["Tags"]}
    assert tags == {"Environment": f"t{place.number}", "Application": "LoanApplication", "Component": "IntegrationLogs"}


def test_25_rows_on_dynoxide(place):
    migrate(place, place.stage.engine("dynoxide"), 25)


def test_26_rows_on_dynoxide(place):
    migrate(place, place.stage.engine("dynoxide"), 26)


def test_questions_to_a_table_that_is_not_there(place):
    """AWS's error type is told once."""
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        for name in "integration-logs", "payments":
            answer = place.start(plan=servers.ROOT / "migrations" / name / "access-patterns.lua", json=False).end()
            assert answer.code == 4 and answer.error.count("ResourceNotFoundException") == 1, answer


def test_10000_rows_on_dynoxide(place):
    if servers.SANITIZER:
        raise Skip("the large one on Dynoxide runs in the release build only")
    migrate(place, place.stage.engine("dynoxide"), 10_000, before=make_without_stream)


def test_260_rows_on_dynalite(place):
    migrate(place, place.stage.engine("dynalite"), 260)


def test_20000_rows_on_store(place):
    with Endpoint() as endpoint:
        target, table = migrate(place, endpoint.url, 20_000)
        answer = place.start(plan=servers.ROOT / "migrations/integration-logs/access-patterns.lua", json=False).end()
        assert answer.code == 0, answer
        assert "GSI3PK" in answer.output and " logs" in answer.output
