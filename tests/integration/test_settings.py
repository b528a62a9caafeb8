"""The settings of the tables that hlua creates, most of which no local engine knows: by the requests that it sends."""
import base64
import json

from servers import Endpoint

KEYS = 'from = "t", partition_key = { PK = "{id}" }, sort_key = { SK = "{v}" }, '
TABLE = KEYS + "attributes = { hlua.columns {} }, "


def sent(place, *tables, more=""):
    """Creates the tables and moves a row; the requests that asked for something, as (operation, body), in their order."""
    place.sql("CREATE TABLE IF NOT EXISTS t (id int PRIMARY KEY, v text, at timestamp); INSERT INTO t VALUES (1, 'v', now()) ON CONFLICT DO NOTHING")
    log = place.folder / "log"
    log.unlink(missing_ok=True)
    with Endpoint(log=log) as endpoint:
        place.target(endpoint.url)
        place.plan(*tables, more=more)
        place.hlua("create")
        requests = [(r["op"], json.loads(base64.b64decode(r["body"]))) for r in endpoint.logged()]
        place.hlua("migrate", "--restart")
        return [(op, body) for op, body in requests if op.startswith(("Create", "Update", "Tag"))]


def test_every_setting_is_sent(place):
    requests = sent(place, TABLE + """to = "Full", billing_mode = "PROVISIONED", provisioned = { read = 5, write = 500 },
        global_secondary_indexes = {
          hlua.index { "Own", partition_key = "v", provisioned = { read = 7, write = 8 }, projection = { "at" } },
          hlua.index { "Shared", partition_key = { G = "{v}" }, sort_key = "SK", projection = "KEYS_ONLY" } },
        local_secondary_indexes = { hlua.index { "Local", sort_key = "at", projection = "ALL" } },
        table_class = "STANDARD_INFREQUENT_ACCESS", stream = "NEW_AND_OLD_IMAGES", tags = { Team = "loans", ["cost centre"] = "é 1" },
        deletion_protection = true, point_in_time_recovery = true, time_to_live = { TTL = hlua.epoch "at" }""")
    assert [op for op, _ in requests] == ["CreateTable", "UpdateTimeToLive", "UpdateContinuousBackups"], requests
    create, ttl, backups = (body for _, body in requests)
    key = lambda *names: [{"AttributeName": n, "KeyType": k} for n, k in zip(names, ("HASH", "RANGE"))]
    units = lambda read, write: {"ReadCapacityUnits": read, "WriteCapacityUnits": write}
    tags, types = create.pop("Tags"), create.pop("AttributeDefinitions")
    assert {t["Key"]: t["Value"] for t in tags} == {"Team": "loans", "cost centre": "é 1"}
    assert {t["AttributeName"]: t["AttributeType"] for t in types} == {n: "S" for n in ("PK", "SK", "v", "G", "at")}
    assert create == {
        "TableName": "Full", "KeySchema": key("PK", "SK"), "BillingMode": "PROVISIONED", "ProvisionedThroughput": units(5, 500),
        "GlobalSecondaryIndexes": [
            {"IndexName": "Own", "KeySchema": key("v"), "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["at"]},
             "ProvisionedThroughput": units(7, 8)},
            {"IndexName": "Shared", "KeySchema": key("G", "SK"), "Projection": {"ProjectionType": "KEYS_ONLY"},
             "ProvisionedThroughput": units(5, 500)}],
        "LocalSecondaryIndexes": [{"IndexName": "Local", "KeySchema": key("PK", "at"), "Projection": {"ProjectionType": "ALL"}}],
        "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        "TableClass": "STANDARD_INFREQUENT_ACCESS", "DeletionProtectionEnabled": True}
    assert ttl == {"TableName": "Full", "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "TTL"}}
    assert backups == {"TableName": "Full", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


def test_streams(place):
    for stream in "KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE":
        (_, create), = sent(place, TABLE + f'to = "Made", stream = "{stream}"')
        assert create["StreamSpecification"] == {"StreamEnabled": True, "StreamViewType": stream}


def test_a_default_that_is_said_changes_nothing(place):
    """And what has no default of its own is not sent."""
    index = 'global_secondary_indexes = { hlua.index { "ByV", partition_key = "v"%s } }, '
    value = 'attributes = { hlua.columns {}, J = hlua.json("v", { invalid = %s }), E = hlua.epoch("at"%s) }, '
    silent = sent(place, KEYS + 'to = "Made", ' + index % "" + value % ('"string"', ""))
    said = sent(place, KEYS + 'to = "Made", ' + index % ', projection = "ALL"' + value % ('"string"', ', { days = 0, hours = 0, expired = "keep" }') + """
        billing_mode = "PAY_PER_REQUEST", point_in_time_recovery = false, deletion_protection = false, nulls = "absent", empty_strings = "keep",
        max_rejects = 1000""", more="allow_http = false, mapping_timeout = 1, mapping_memory = 64 << 20,")
    assert said == silent, (said, silent)
    (_, create), = silent
    assert set(create) == {"TableName", "AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes"}, create
    (_, create), = sent(place, TABLE + 'to = "Made", table_class = "STANDARD"', more="allow_http = true,")
    assert create["TableClass"] == "STANDARD"


def test_the_target_that_the_plan_says(place):
    """Its region and endpoint, whatever the environment says."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text, at timestamp); INSERT INTO t VALUES (1, 'v', now())")
    with Endpoint(log=place.folder / "log") as endpoint:
        place.target("http://127.0.0.1:9")
        place.plan(TABLE + 'to = "Made"', more=f'target = hlua.dynamodb {{ region = "ap-south-2", endpoint = "{endpoint.url}" }},')
        assert place.hlua("migrate").counts() == (1, 1, 0, 0, 0)
        assert all("/ap-south-2/dynamodb/" in r["authorization"] for r in endpoint.logged())
