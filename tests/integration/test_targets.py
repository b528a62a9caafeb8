"""What hlua makes of its target: creates, compares, refuses; and where it may write."""
import socket

import expect
from expect import Mapping
from place import wait_until
from servers import Endpoint

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id}"})


def source(place, rows=100):
    place.sql(f"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, {rows}) i")


def wanted(place):
    return expect.items_of(expect.read(place.db, "t"), MAPPING)[0]


def create(target, keys=(("PK", "S", "HASH"),), **more):
    target.create_table(
        TableName="Target", AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t, _ in keys],
        KeySchema=[{"AttributeName": n, "KeyType": k} for n, _, k in keys], **{"BillingMode": "PAY_PER_REQUEST", **more})


def test_create_then_migrate(place):
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        assert place.hlua("create").event("created")["created"] == 1
        assert place.hlua("create").event("created")["created"] == 0
        assert target.describe_table(TableName="Target")["Table"]["KeySchema"] == [{"AttributeName": "PK", "KeyType": "HASH"}]
        result = place.hlua()
        expect.check(result, target, "Target", wanted(place), MAPPING)


def test_other_keys_are_shown_from_both_sides(place):
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        create(target, keys=(("Id", "N", "HASH"), ("At", "S", "RANGE")))
        for command in ("create", "migrate"):
            result = place.hlua(command, code=4)
            result.says("Target", "PK (S)", "Id (N)", "At (S)", "plan", "table")
        assert [*expect.scan(target, "Target")] == []


def test_missing_index_is_an_error(place):
    source(place)
    place.plan(PLAN + 'global_secondary_indexes = { hlua.index { "ByV", partition_key = "v" } },')
    with Endpoint() as endpoint:
        create(place.target(endpoint.url))
        place.hlua("migrate", code=4).says("ByV", "missing")


def test_other_settings_are_warnings(place):
    source(place)
    place.plan(PLAN + """point_in_time_recovery = true, stream = "NEW_IMAGE", tags = { Team = "loans" },
        time_to_live = { TTL = hlua.epoch "at" }, columns = { at = "timestamp '2024-01-01'" },""")
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        create(target, BillingMode="PROVISIONED", ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 5})
        result = place.hlua("migrate")
        text = "\n".join(e["text"] for e in result.lines if e["event"] == "notice")
        for word in ("billing_mode", "PROVISIONED", "stream", "point_in_time_recovery", "Team", "TTL"):
            assert word in text, (word, text)
        assert result.counts() == (100, 100, 0, 0, 0)


def test_items_of_others_are_refused(place):
    """A target that holds what this ledger did not write is refused, unless the plan says replace."""
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        create(target)
        stranger, same = {"PK": {"S": "stranger"}}, {"PK": {"S": "7"}, "old": {"S": "x"}}
        for item in (stranger, same):
            target.put_item(TableName="Target", Item=item)
        place.hlua("migrate", code=4).says("Target", "existing")
        assert endpoint.counts()["operations"].get("BatchWriteItem", {"requests": 0})["requests"] == 0
        place.plan(PLAN + 'existing = "replace",')
        result = place.hlua("migrate")
        assert result.counts() == (100, 100, 0, 0, 0)
        expect.compare(target, "Target", [*wanted(place), stranger], MAPPING)


def test_what_the_ledger_wrote_is_ours(place):
    """--restart writes again over the items of the run before; another ledger's are refused."""
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.hlua("migrate")
        place.sql("UPDATE t SET v = 'new' WHERE id <= 50")
        result = place.hlua("migrate", "--restart")
        expect.check(result, target, "Target", wanted(place), MAPPING)
        place.hlua("migrate", "--ledger", "another.db", code=4).says("Target")


def test_target_deleted_between_runs(place):
    """What the ledger calls done is gone: it says so, and begins again when told to."""
    source(place)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        target = place.target(endpoint.url)
        place.hlua("migrate")
        target.delete_table(TableName="Target")
        place.hlua("migrate", code=4).says("deleted", "--restart")
        expect.check(place.hlua("migrate", "--restart"), target, "Target", wanted(place), MAPPING)


def test_table_missing_in_the_middle(place):
    """Deleted while the run writes: exit code 4. Then the ledger tells that what it called done is gone."""
    source(place, 20_000)
    place.plan(PLAN)
    with Endpoint("--latency-ms", "5") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 20, "some writes")
        target.delete_table(TableName="Target")
        result = running.end()
        assert result.code == 4, result
        result.says("Target")
        result = place.start("migrate").end()
        if result.code == 4:  # a chunk was done before
            result.says("--restart")
            result = place.hlua("migrate", "--restart")
        assert result.code == 0
        expect.compare(target, "Target", wanted(place), MAPPING)


def test_access_denied(place):
    """Exit code 4 with the service's words; the same command goes on when access is given."""
    source(place, 2000)
    place.plan(PLAN)
    denied = "what=error,type=AccessDeniedException,status=400"
    with Endpoint("--fault", f"op=BatchWriteItem,from=20,{denied}") as endpoint:
        target = place.target(endpoint.url)
        place.hlua("migrate", code=4).says("AccessDeniedException")
        endpoint.faults()
        result = place.hlua("migrate")
        assert result.summary["resumes"] == 1
        expect.check(result, target, "Target", wanted(place), MAPPING)
        endpoint.faults(f"op=DescribeTable,{denied}")
        place.hlua("create", code=4).says("AccessDeniedException")


def test_plain_http_is_for_the_loopback(place):
    """To another address it is an error before anything is sent, unless the plan allows it."""
    source(place, 10)
    place.target("http://192.0.2.1:9")  # an address of documentation: nobody is there
    place.plan(PLAN)
    place.hlua("migrate", code=1).says("http", "allow_http")
    with Endpoint() as endpoint:
        for name in ("127.0.0.1", "localhost"):
            if name == "localhost" and socket.gethostbyname("localhost") != "127.0.0.1":
                continue
            place.target(f"http://{name}:{endpoint.port}")
            place.hlua("create")


def test_no_region(place):
    source(place, 1)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        del place.environment["AWS_REGION"]
        result = place.start("migrate").end()
        assert result.code in (1, 4) and "region" in result.error.lower(), result


def test_no_credentials(place):
    source(place, 1)
    place.plan(PLAN)
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        del place.environment["AWS_ACCESS_KEY_ID"], place.environment["AWS_SECRET_ACCESS_KEY"]
        result = place.start("migrate").end()
        assert result.code in (1, 4) and "credentials" in result.error, result


def test_credentials_of_a_profile(place):
    """A profile's keys, region and endpoint, from the shared files."""
    source(place, 30)
    place.plan(PLAN, more='target = hlua.dynamodb { profile = "migration" },')
    with Endpoint(log=place.folder / "log") as endpoint:
        (place.folder / "config").write_text(
            f"[profile migration]\nregion = eu-south-2\nservices = local\n[services local]\ndynamodb =\n"
            f"  endpoint_url = {endpoint.url}\n")
        (place.folder / "credentials").write_text(
            "[migration]\naws_access_key_id = AKIAPROFILE\naws_secret_access_key = s3cret\n")
        place.environment.update(AWS_CONFIG_FILE=str(place.folder / "config"),
                                 AWS_SHARED_CREDENTIALS_FILE=str(place.folder / "credentials"))
        for name in ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            del place.environment[name]
        result = place.hlua("migrate")
        assert result.counts()[1] == 30
        text = (place.folder / "log").read_text()
        assert "AKIAPROFILE/" in text and "/eu-south-2/dynamodb/" in text
        assert "s3cret" not in text + result.output + result.error
