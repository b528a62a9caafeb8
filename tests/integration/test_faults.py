"""What goes wrong between hlua and DynamoDB, by the endpoint: everything arrives all the same."""
import base64
import json

import expect
import signatures
from expect import Mapping
from place import wait_until
from servers import Endpoint

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id:%06d}" }, sort_key = { SK = "{v}" },
    attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{id:%06d}"}, {"SK": "{v}"})


def writes(log):
    """(line, [items put]) of the log's writes."""
    for line in log:
        if line["op"] == "BatchWriteItem":
            (puts,) = json.loads(base64.b64decode(line["body"]))["RequestItems"].values()
            yield line, [p["PutRequest"]["Item"] for p in puts]
        elif line["op"] == "PutItem":
            yield line, [json.loads(base64.b64decode(line["body"]))["Item"]]


def survive(place, *faults, rows=3000, retries=True):
    """Moves a table through an endpoint with faults in its writes; everything must arrive, each key once at the end."""
    place.sql(f"""CREATE TABLE t (id int PRIMARY KEY, v text, pad text);
        INSERT INTO t SELECT i, 'v' || i, repeat(md5(i::text), 5) FROM generate_series(1, {rows}) i""")
    place.plan(PLAN)
    # One slow answer makes the run last until a progress event that tells of the others.
    slow = ["n=70,what=delay,ms=1300"] if retries else []
    options = [o for fault in (*slow, *faults) for o in ("--fault", f"op=BatchWriteItem,{fault}")]
    with Endpoint(*options, log=place.folder / "requests.log") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate")
        wanted, _ = expect.items_of(expect.read(place.db, "t"), MAPPING)
        expect.check(result, target, "Target", wanted, MAPPING)
        lines = endpoint.logged()
        signatures.verify(lines, f"127.0.0.1:{endpoint.port}")
    told = [e["tables"][0]["retries"] for e in result.lines if e["event"] == "progress"]
    assert not retries or told[-1] > 0, "the progress shows no retries"
    assert any(r["fault"] for r in lines), "no fault came to pass"
    for line, items in writes(lines):
        assert 1 <= len(items) <= 25 and len(base64.b64decode(line["body"])) <= 16 * 1024 * 1024
        keys = [i["PK"]["S"] for i in items]
        assert len(keys) == len(set(keys))
    return result


def test_partial_unprocessed_items(place):
    survive(place, "what=unprocessed,keep=7,every=9,count=6", "what=unprocessed,keep=25,every=31,count=3")


def test_throttles(place):
    survive(place, "what=throttle,every=9,reason=TableWriteProvisionedThroughputExceeded,count=6")


def test_server_errors(place):
    survive(place, "what=5xx,every=5,count=10", "what=5xx,status=503,every=4,count=10")


def test_delays(place):
    survive(place, "what=delay,ms=30,every=4", retries=False)


def test_cut_connections(place):
    """Half an answer after the write, or none before it."""
    survive(place, "what=cut,every=6", "what=cut-before,every=7")


def test_wrong_crc(place):
    survive(place, "what=crc,every=5")


def test_everything_at_once(place):
    result = survive(place, "what=unprocessed,keep=11,every=29,count=4", "what=throttle,every=43,count=4", "what=5xx,every=11",
                     "what=delay,ms=5,every=3", "what=cut,every=13", "what=cut-before,every=17", "what=crc,every=19", rows=6000)
    assert result.counts() == (6000, 6000, 0, 0, 0)


def test_faults_before_the_first_row(place):
    """DescribeTable, CreateTable and the rest are tried again as well."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 50) i")
    place.plan(PLAN)
    faults = ["op=DescribeTable,n=1,what=5xx", "op=DescribeTable,n=2,what=cut-before", "op=CreateTable,n=1,what=throttle",
              "op=DescribeTable,n=4,what=crc", "op=DescribeTable,n=5,what=delay,ms=200"]
    with Endpoint(*(o for f in faults for o in ("--fault", f))) as endpoint:
        target = place.target(endpoint.url)
        place.hlua("migrate")
        expect.compare(target, "Target", expect.items_of(expect.read(place.db, "t"), MAPPING)[0], MAPPING)


def test_the_wait_is_shown(place):
    """While nothing is accepted the progress says what is waited for; it goes on by itself."""
    place.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 50) i")
    place.plan(PLAN)
    with Endpoint("--fault", "op=BatchWriteItem,what=throttle") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: any(word in running.so_far()[0] for word in ("throttled", "Throughput")), "a word on the wait")
        endpoint.faults()
        assert running.end().code == 0
        assert len([*expect.scan(target, "Target")]) == 50


def test_signature_with_a_session_token(place):
    place.environment["AWS_SESSION_TOKEN"] = "a/token+with=odd/characters=="
    survive(place, "what=unprocessed,keep=3,n=2", rows=100, retries=False)
