#!/usr/bin/env python3
"""Tests of the endpoint itself, as TAP. Plain Python; with boto3 present its client is tried as well.

ENDPOINT (or the first argument) names the program, by default build/endpoint.
"""
import base64
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
import zlib

import client
from capacity_checks import *  # tests like those below
from client import N, S, TABLE, canonical, definition, equal, item, key, pages, put, read_answer, request

PROGRAM = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ENDPOINT", "build/endpoint")


def Endpoint(*options):
    return client.Endpoint(PROGRAM, *options)


# --- the command ---


def test_help_and_bad_options():
    run = lambda *a: subprocess.run([PROGRAM, *a], capture_output=True, text=True, timeout=20)
    shown = run("--help")
    equal(shown.returncode, 0)
    assert "usage: endpoint" in shown.stdout
    for options in ([], ["--mode", "cook"], ["--mode", "sink", "--port", "70000"], ["--mode", "sink", "--port", "x"],
                    ["--mode", "sink", "extra"], ["--what"], ["--mode"], ["--mode", "forward"],
                    ["--mode", "sink", "--forward", "http://127.0.0.1:1"], ["--mode", "sink", "--latency-ms", "-1"],
                    ["--mode", "forward", "--forward", "ftp://x"], ["--mode", "sink", "--tls", "only"],
                    ["--mode", "sink", "--fault", "what=nothing"], ["--mode", "sink", "--fault", "n=3"],
                    ["--mode", "sink", "--fault", "n=0,what=cut"], ["--mode", "sink", "--fault", "what=delay"],
                    ["--mode", "sink", "--fault", "what=error,type=X,status=200"], ["--mode", "sink", "--fault", "cut"],
                    ["--mode", "sink", "--capacity", "much"], ["--mode", "sink", "--capacity", "warm=0"],
                    ["--mode", "sink", "--capacity", "warm=5,quota-of=all"], ["--mode", "sink", "--capacity", "latency=9-3"],
                    ["--mode", "sink", "--capacity", "warm=5", "--capacity", "warm=5"],
                    ["--mode", "forward", "--forward", "http://127.0.0.1:1", "--capacity", "documented"]):
        shown = run(*options)
        equal((options, shown.returncode, shown.stderr.startswith("endpoint: ")), (options, 2, True))


def test_port_file_and_taken_port():
    with tempfile.TemporaryDirectory() as folder:
        with Endpoint("--mode", "sink", "--port-file", folder + "/port") as e:
            with open(folder + "/port") as file:
                equal(int(file.read()), e.port)
            taken = subprocess.run([PROGRAM, "--mode", "sink", "--port", str(e.port)], capture_output=True, timeout=20)
            equal(taken.returncode, 8)


# --- tables ---


def check_tables(mode):
    with Endpoint("--mode", mode) as e:
        e.refused("DescribeTable", {"TableName": TABLE}, "ResourceNotFoundException")
        equal(e.ok("CreateTable", definition(Tags=[{"Key": "team", "Value": "a"}]))["TableDescription"]["TableStatus"],
              "ACTIVE")
        e.refused("CreateTable", definition(), "ResourceInUseException")
        t = e.ok("DescribeTable", {"TableName": TABLE})["Table"]
        equal((t["TableStatus"], t["KeySchema"], t["BillingModeSummary"]["BillingMode"]),
              ("ACTIVE", key("PK", "SK"), "PAY_PER_REQUEST"))
        equal([i["IndexStatus"] for i in t["GlobalSecondaryIndexes"]], ["ACTIVE"])
        equal(t["LocalSecondaryIndexes"][0]["Projection"]["NonKeyAttributes"], ["note"])
        name = {"TableName": TABLE}
        equal(e.ok("DescribeTimeToLive", name), {"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}})
        ttl = {**name, "TimeToLiveSpecification": {"AttributeName": "TTL", "Enabled": True}}
        e.ok("UpdateTimeToLive", ttl)
        e.refused("UpdateTimeToLive", ttl, "ValidationException", "already enabled")
        equal(e.ok("DescribeTimeToLive", name)["TimeToLiveDescription"],
              {"TimeToLiveStatus": "ENABLED", "AttributeName": "TTL"})
        status = lambda a: a["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
        equal(status(e.ok("DescribeContinuousBackups", name)), {"PointInTimeRecoveryStatus": "DISABLED"})
        e.ok("UpdateContinuousBackups",
             {**name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}})
        equal(status(e.ok("DescribeContinuousBackups", name)), {"PointInTimeRecoveryStatus": "ENABLED"})
        arn = {"ResourceArn": t["TableArn"]}
        e.ok("TagResource", {**arn, "Tags": [{"Key": "team", "Value": "b"}, {"Key": "é\"", "Value": ""}]})
        equal(e.ok("ListTagsOfResource", arn)["Tags"], [{"Key": "team", "Value": "b"}, {"Key": "é\"", "Value": ""}])
        e.refused("ListTagsOfResource", {"ResourceArn": "arn"}, "ValidationException")
        equal(e.ok("Scan", name)["Items"], [])
        e.ok("CreateTable", definition("Another"))
        equal(e.ok("ListTables", {}), {"TableNames": ["Another", TABLE]})
        equal(e.ok("ListTables", {"Limit": 1}), {"TableNames": ["Another"], "LastEvaluatedTableName": "Another"})
        equal(e.ok("ListTables", {"ExclusiveStartTableName": "Another"}), {"TableNames": [TABLE]})
        equal(e.ok("DeleteTable", name)["TableDescription"]["TableStatus"], "DELETING")
        e.refused("Scan", name, "ResourceNotFoundException")


def test_tables_of_store():
    check_tables("store")


def test_tables_of_sink():
    check_tables("sink")


def test_table_definitions_are_judged():
    with Endpoint("--mode", "store") as e:
        bad = definition()
        bad["AttributeDefinitions"].append({"AttributeName": "X", "AttributeType": "S"})
        e.refused("CreateTable", bad, "ValidationException", "not used")
        bad["AttributeDefinitions"][-1]["AttributeType"] = "BOOL"
        e.refused("CreateTable", bad, "ValidationException")
        e.refused("CreateTable", definition(KeySchema=key("PK", "Nope")), "ValidationException", "Nope")
        e.refused("CreateTable", definition(BillingMode="PROVISIONED"), "ValidationException", "ReadCapacityUnits")
        e.refused("CreateTable", definition("a"), "ValidationException")
        e.refused("CreateTable", definition("a\"quoted"), "ValidationException")
        units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
        e.ok("CreateTable", definition("Full", BillingMode="PROVISIONED", ProvisionedThroughput=units,
                                       TableClass="STANDARD_INFREQUENT_ACCESS", DeletionProtectionEnabled=True,
                                       StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}))
        t = e.ok("DescribeTable", {"TableName": "Full"})["Table"]
        equal((t["ProvisionedThroughput"]["WriteCapacityUnits"], t["TableClassSummary"]["TableClass"],
               t["DeletionProtectionEnabled"], t["StreamSpecification"]["StreamViewType"]),
              (6, "STANDARD_INFREQUENT_ACCESS", True, "NEW_IMAGE"))
        e.refused("DeleteTable", {"TableName": "Full"}, "ValidationException", "protected")


# --- items ---


def test_one_item():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        whole = item("a", "1.50", data={"M": {"l": {"L": [N(1), {"NULL": True}, {"BOOL": False}]}, "é": S("\"\\\n")}},
                     ss={"SS": ["x", "y"]}, b={"B": base64.b64encode(b"\0\1").decode()})
        e.ok("PutItem", {"TableName": TABLE, "Item": whole})
        one = {"TableName": TABLE, "Key": item("a", "15e-1")}
        equal(e.ok("GetItem", one), {"Item": whole})
        equal(e.ok("DescribeTable", {"TableName": TABLE})["Table"]["ItemCount"], 1)
        e.ok("PutItem", {"TableName": TABLE, "Item": item("a", "1.5")})
        equal(e.ok("GetItem", one), {"Item": item("a", "1.5")})
        e.ok("DeleteItem", one)
        e.ok("DeleteItem", one)
        equal(e.ok("GetItem", one), {})
        equal(e.ok("DescribeTable", {"TableName": TABLE})["Table"]["ItemCount"], 0)


def test_items_are_judged():
    nested = S("x")
    for _ in range(40):
        nested = {"L": [nested]}
    wrong = [
        ({"PK": S("a")}, "Missing the key SK"), (item("", 1), "empty string"), ({"PK": N(1), "SK": N(1)}, "mismatch"),
        (item("a", 1, GPK=S("")), "IndexName: ByG"), (item("a", 1, GSK=N(1)), "Index Key GSK"),
        (item("x" * 2049, 1), "2048"), (item("a", 1, big=S("x" * 409600)), "Item size"),
        (item("a", "1x"), "numeric"), (item("a", "1" * 39), "numeric"), (item("a", "1e126"), "numeric"),
        (item("a", "NaN"), "numeric"), (item("a", ""), "numeric"), (item("a", 1, x={}), "datatypes"),
        (item("a", 1, x={"S": "a", "N": "1"}), "datatypes"), (item("a", 1, x={"SS": []}), "empty"),
        (item("a", 1, x={"Q": "a"}), "datatypes"), (item("a", 1, x=nested), "Nesting"),
    ]
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        for value, text in wrong:
            e.refused("PutItem", {"TableName": TABLE, "Item": value}, "ValidationException", text)
            e.refused("BatchWriteItem", put(item("fine", 1), value), "ValidationException", text)
        e.refused("PutItem", {"TableName": TABLE, "Item": item("a", 1, x={"B": "*"})}, "SerializationException")
        e.refused("GetItem", {"TableName": TABLE, "Key": {"PK": S("a")}}, "ValidationException", "schema")
        e.refused("DeleteItem", {"TableName": TABLE, "Key": item("a", 1, x=S("x"))}, "ValidationException", "schema")
        e.refused("PutItem", {"TableName": TABLE, "Item": item("a", 1), "ConditionExpression": "x"},
                  "ValidationException", "ConditionExpression")
        equal(e.ok("Scan", {"TableName": TABLE})["Items"], [])
        e.ok("PutItem", {"TableName": TABLE, "Item": item("x" * 2048, "-9.9e125", big=S("x" * 400000), empty=S(""))})


def test_conditions_of_a_put():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        old = item("a", 1, n=N(5), s=S("m"), null={"NULL": True})
        e.ok("PutItem", {"TableName": TABLE, "Item": old})
        new = item("a", 1, mark=S("new"))

        def tries(condition, value=None, **more):
            """Whether the put is made; what was there is put back."""
            body = {"TableName": TABLE, "Item": new, "ConditionExpression": condition, "ExpressionAttributeNames": {"#s": "s"}, **more}
            if value is not None:
                body["ExpressionAttributeValues"] = {":v": value}
            status, answer = e.call("PutItem", body)
            if status == 200:
                e.ok("PutItem", {"TableName": TABLE, "Item": old})
                return True
            equal((status, answer["__type"].split("#")[1]), (400, "ConditionalCheckFailedException"))
            equal(answer.get("Item"), old if "ReturnValuesOnConditionCheckFailure" in more else None)
            equal(e.ok("GetItem", {"TableName": TABLE, "Key": item("a", 1)})["Item"], old)
            return False

        for condition, value, right in (
                ("attribute_not_exists(PK)", None, False), ("attribute_exists(#s)", None, True), ("attribute_exists(x)", None, False),
                ("n < :v", N("5.1"), True), ("n < :v", N("50e-1"), False), ("n <= :v", N(5), True), ("n = :v", N("5.0"), True),
                ("n > :v", N(-6), True), ("n >= :v", N(6), False), ("n < :v", S("6"), False), ("#s < :v", S("ma"), True),
                ("begins_with(#s, :v)", S("m"), True), ("begins_with(#s, :v)", S("mm"), False), ("x < :v", N(1), False),
                ("attribute_type(null, :v)", S("NULL"), True), ("attribute_type(n, :v)", S("S"), False),
                ("attribute_exists(x) OR n > :v or attribute_not_exists(y)", N(7), True),
                ("attribute_exists(n) AND n < :v", N(5), False), ("attribute_exists(n) and n = :v", N(5), True),
                ("NOT n = :v", N(5), False), ("not n = :v", N(4), True)):
            equal((condition, tries(condition, value)), (condition, right))
        equal(tries("attribute_not_exists(PK)", ReturnValuesOnConditionCheckFailure="ALL_OLD"), False)
        e.ok("PutItem", {"TableName": TABLE, "Item": item("b", 1), "ConditionExpression": "attribute_not_exists(PK)"})
        for broken in ("", "n", "n <", "n < :x", "attribute_exists", "attribute_exists(n", "attribute_exists(n) AND", "NOT",
                       "size(n) > :v", "n < :b", "attribute_type(n, :n)", "a.b = :v"):
            e.refused("PutItem", {"TableName": TABLE, "Item": new, "ConditionExpression": broken,
                                  "ExpressionAttributeValues": {":v": N(1), ":b": {"BOOL": True}, ":n": N(1)}}, "ValidationException")
        e.refused("DeleteItem", {"TableName": TABLE, "Key": item("a", 1), "ConditionExpression": "attribute_exists(PK)"},
                  "ValidationException", "does not know")
        counts = e.counts()["operations"]["PutItem"]
        assert counts["applied"] < counts["requests"]


def test_filters_of_a_scan():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        every = [item(f"{'xyz'[i % 3]}#{i}", i, fill=S("x" * 20000)) for i in range(150)]
        for i in range(0, 150, 25):
            e.ok("BatchWriteItem", put(*every[i:i + 25]))
        query = {"TableName": TABLE, "FilterExpression": "begins_with(#k, :a) OR begins_with(#k, :b)",
                 "ExpressionAttributeNames": {"#k": "PK"}, "ExpressionAttributeValues": {":a": S("x#"), ":b": S("z")}}
        equal(canonical(pages(e, "Scan", query)), canonical(i for i in every if i["PK"]["S"][0] != "y"))
        first = e.ok("Scan", {**query, "Select": "COUNT"})
        assert first["Count"] < first["ScannedCount"] < 60 and "LastEvaluatedKey" in first, first
        nothing = {**query, "FilterExpression": "begins_with(#k, :a)", "ExpressionAttributeValues": {":a": S("w")}}
        equal(pages(e, "Scan", nothing), [])
        one = e.ok("Scan", {**nothing, "Limit": 1})
        equal((one["Count"], one["ScannedCount"], one["Items"]), (0, 1, []))
        e.refused("Query", {**query, "KeyConditionExpression": "#k = :a"}, "ValidationException", "does not know")


def test_batches():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        e.ok("CreateTable", definition("Other"))
        many = [item("a", i) for i in range(26)]
        e.refused("BatchWriteItem", put(*many), "ValidationException", "Too many")
        e.refused("BatchWriteItem", {"RequestItems": {}}, "ValidationException")
        e.refused("BatchWriteItem", put(), "ValidationException")
        e.refused("BatchWriteItem", put(many[0], table="Missing"), "ResourceNotFoundException")
        e.refused("BatchWriteItem", put(item("a", 1), item("a", "1.0")), "ValidationException", "duplicates")
        equal(e.ok("Scan", {"TableName": TABLE})["Count"], 0)
        equal(e.ok("BatchWriteItem", put(*many[:25])), {"UnprocessedItems": {}})
        mixed = {"RequestItems": {TABLE: [{"DeleteRequest": {"Key": many[0]}}, {"PutRequest": {"Item": many[25]}}],
                                  "Other": [{"PutRequest": {"Item": many[0]}}]}}
        e.ok("BatchWriteItem", mixed)
        equal(canonical(pages(e, "Scan", {"TableName": TABLE})), canonical(many[1:]))
        got = e.ok("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [many[0], many[1], many[25]]},
                                                     "Other": {"Keys": [many[0]]}}})
        equal({t: canonical(v) for t, v in got["Responses"].items()},
              {TABLE: canonical([many[1], many[25]]), "Other": canonical([many[0]])})
        counts = e.counts()["operations"]["BatchWriteItem"]
        equal((counts["requests"], counts["applied"]), (7, 28))


def test_scan_pages_and_segments():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        every = [item(f"p{i % 7}", i, fill=S("x" * 5000)) for i in range(1000)]
        for i in range(0, 1000, 25):
            e.ok("BatchWriteItem", put(*every[i:i + 25]))
        equal(canonical(pages(e, "Scan", {"TableName": TABLE})), canonical(every))
        first = e.ok("Scan", {"TableName": TABLE})
        assert 150 < first["Count"] < 220 and set(first["LastEvaluatedKey"]) == {"PK", "SK"}, first["Count"]
        equal(canonical(pages(e, "Scan", {"TableName": TABLE, "Limit": 33})), canonical(every))
        parts = [pages(e, "Scan", {"TableName": TABLE, "Segment": s, "TotalSegments": 7}) for s in range(7)]
        equal(canonical(sum(parts, [])), canonical(every))
        assert min(map(len, parts)) > 90
        names = e.ok("Scan", {"TableName": TABLE, "Limit": 1, "ProjectionExpression": "#p, SK",
                              "ExpressionAttributeNames": {"#p": "PK"}})["Items"][0]
        equal(set(names), {"PK", "SK"})
        equal("Items" in e.ok("Scan", {"TableName": TABLE, "Select": "COUNT"}), False)
        e.refused("Scan", {"TableName": TABLE, "Segment": 2, "TotalSegments": 2}, "ValidationException")
        e.refused("Scan", {"TableName": TABLE, "Limit": 0}, "ValidationException")
        e.refused("Scan", {"TableName": TABLE, "FilterExpression": "a = :b"}, "ValidationException")


def test_scan_goes_on_when_the_table_has_grown():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        before = [item("a", i) for i in range(50)]
        e.ok("BatchWriteItem", put(*before[:25]))
        e.ok("BatchWriteItem", put(*before[25:]))
        first = e.ok("Scan", {"TableName": TABLE, "Limit": 20})
        for i in range(0, 1000, 25):
            e.ok("BatchWriteItem", put(*(item("b", n) for n in range(i, i + 25))))
        e.ok("DeleteItem", {"TableName": TABLE, "Key": first["LastEvaluatedKey"]})
        rest = pages(e, "Scan", {"TableName": TABLE, "ExclusiveStartKey": first["LastEvaluatedKey"]})
        again = [i for i in first["Items"] + rest if i["PK"] == S("a")]
        equal(canonical(again), canonical(before))


# --- queries ---

NUMBERS = ["-1e10", "-200.5", "-200", "-3", "-0.5", "0", "1e-5", "0.5", "1", "2", "9.99", "10", "11", "1e3", "5e20"]


def query(e, condition, values, names=None, **more):
    return pages(e, "Query", {"TableName": TABLE, "KeyConditionExpression": condition,
                              "ExpressionAttributeValues": values,
                              **({"ExpressionAttributeNames": names} if names else {}), **more})


def test_query_of_the_table():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        mixed = NUMBERS[:]
        random.Random(1).shuffle(mixed)
        e.ok("BatchWriteItem", put(*(item("a", n) for n in mixed), *(item("ab", n) for n in mixed[:5])))
        ask = lambda condition, **more: [i["SK"]["N"] for i in query(
            e, condition, {":p": S("a"), ":n": N(1), ":m": N("1E1")}, {"#s": "SK"}, **more)]
        equal(ask("PK = :p"), NUMBERS)
        equal(ask("PK = :p", ScanIndexForward=False), NUMBERS[::-1])
        equal(ask("PK = :p", Limit=4), NUMBERS)
        equal(ask("PK = :p", Limit=4, ScanIndexForward=False), NUMBERS[::-1])
        equal(ask("(PK = :p AND #s < :n)"), NUMBERS[:8])
        equal(ask("#s <= :n and (PK=:p)"), NUMBERS[:9])
        equal(ask("PK = :p AND #s > :n"), NUMBERS[9:])
        equal(ask("PK = :p AND #s >= :n"), NUMBERS[8:])
        equal(ask("PK = :p AND #s = :m"), ["10"])
        equal(ask("PK = :p AND #s BETWEEN :n AND :m"), NUMBERS[8:12])
        for broken in ("PK", "PK = :p AND", "PK > :p", "SK = :n", "PK = :p AND SK = :p", "PK = :q", "#q = :p", "",
                       "PK = :p AND begins_with(SK, :n)", "PK = :p AND GPK = :p", "PK = :p OR SK = :n", "(PK = :p",
                       "PK = :p)", "PK = :p AND PK = :p", "(" * 100 + "PK = :p", "PK = :p AND Other = :p", "\0", "PK = "):
            e.refused("Query", {"TableName": TABLE, "KeyConditionExpression": broken,
                                "ExpressionAttributeValues": {":p": S("a"), ":n": N(1)}}, "ValidationException")
        e.refused("Query", {"TableName": TABLE}, "ValidationException")


def test_query_of_indexes():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        binary = lambda b: {"B": base64.b64encode(b).decode()}
        every = [item("a", i, GPK=S("g"), GSK=S(f"day#{i // 3:02}"), LSK=binary(bytes([255 - i, 0, i])), note=S("n"),
                      other=S("o")) for i in range(20)] + [item("a", 99), item("a", 98, GPK=S("g"))]
        e.ok("BatchWriteItem", put(*every))
        numbers = lambda items: [int(i["SK"]["N"]) for i in items]
        g = {":g": S("g"), ":d": S("day#0"), ":x": S("day#03")}
        equal(numbers(query(e, "GPK = :g", g, IndexName="ByG")), list(range(20)))
        equal(numbers(query(e, "GPK = :g", g, IndexName="ByG", Limit=7)), list(range(20)))
        equal(numbers(query(e, "GPK = :g", g, IndexName="ByG", Limit=3, ScanIndexForward=False)), list(range(19, -1, -1)))
        equal(numbers(query(e, "GPK = :g AND begins_with(GSK, :d)", g, IndexName="ByG")), list(range(20)))
        equal(numbers(query(e, "GPK = :g AND GSK = :x", g, IndexName="ByG")), [9, 10, 11])
        local = query(e, "PK = :p", {":p": S("a")}, IndexName="ByL")
        equal((numbers(local), set(local[0])), (list(range(19, -1, -1)), {"PK", "SK", "LSK", "note"}))
        low = query(e, "PK = :p AND LSK <= :b", {":p": S("a"), ":b": binary(bytes([240]))}, IndexName="ByL")
        equal(numbers(low), [19, 18, 17, 16])
        equal(len(pages(e, "Scan", {"TableName": TABLE, "IndexName": "ByG", "Limit": 6})), 20)
        e.refused("Query", {"TableName": TABLE, "IndexName": "No"}, "ValidationException", "No")


def test_query_of_an_index_with_several_attributes():
    with Endpoint("--mode", "store") as e:
        names = ("PK", "A", "B", "C", "D")
        e.ok("CreateTable", {
            "TableName": TABLE, "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in names],
            "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}],
            "GlobalSecondaryIndexes": [{"IndexName": "Many", "Projection": {"ProjectionType": "KEYS_ONLY"},
                                        "KeySchema": [{"AttributeName": n, "KeyType": t} for n, t in zip(
                                            names[1:], ("HASH", "HASH", "RANGE", "RANGE"))]}]})
        pairs = [("a", "z"), ("a\0", "a"), ("a\0b", "a"), ("aa", "b"), ("b", "")][:-1]
        e.ok("BatchWriteItem", put(*({"PK": S(str(i)), "A": S("1"), "B": S("2"), "C": S(c), "D": S(d), "x": S("x")}
                                     for i, (c, d) in reversed(list(enumerate(pairs))))))
        values = {":a": S("1"), ":b": S("2"), ":c": S("a"), ":d": S("z")}
        found = query(e, "A = :a AND B = :b", values, IndexName="Many", Limit=1)
        equal([(i["C"]["S"], i["D"]["S"]) for i in found], pairs)
        equal(set(found[0]), set(names))
        equal(len(query(e, "A = :a AND B = :b AND C = :c AND D >= :d", values, IndexName="Many")), 1)
        for broken in ("A = :a", "A = :a AND B = :b AND D = :d", "A = :a AND B = :b AND C > :c AND D = :d"):
            e.refused("Query", {"TableName": TABLE, "IndexName": "Many", "KeyConditionExpression": broken,
                                "ExpressionAttributeValues": values}, "ValidationException")


# --- faults ---


def fault_outcomes(e, count, make=lambda i: put(item("a", i))):
    """What each of `count` writes came to."""
    outcomes = []
    for i in range(count):
        try:
            status, answer = e.call("BatchWriteItem", make(i))
            outcomes.append(answer["__type"].split("#")[1] if status != 200 else
                            "back" if answer["UnprocessedItems"] else "ok")
        except EOFError as problem:
            outcomes.append(str(problem))
        except ValueError:
            outcomes.append("crc")
    return outcomes


def check_faults(mode, *options):
    with Endpoint("--mode", mode, "--fault", "op=BatchWriteItem,n=2,what=throttle,reason=IndexWriteX", *options) as e:
        e.ok("CreateTable", definition())
        throttled = "ProvisionedThroughputExceededException"
        equal(fault_outcomes(e, 3), ["ok", throttled, "ok"])
        e.faults("what=throttle,op=BatchWriteItem,reason=IndexWriteKeyRangeThroughputExceeded")
        equal(e.call("BatchWriteItem", put(item("a", 1)))[1]["ThrottlingReasons"][0]["reason"],
              "IndexWriteKeyRangeThroughputExceeded")
        e.faults("op=BatchWriteItem,every=2,from=3,count=2,what=5xx,status=503", "op=PutItem,what=throttle")
        equal(fault_outcomes(e, 9), ["ok"] * 3 + ["ServiceUnavailable", "ok", "ServiceUnavailable"] + ["ok"] * 3)
        e.faults("n=1,what=5xx")
        equal(e.call("BatchWriteItem", put(item("a", 1)))[0], 500)
        e.faults("n=2,what=error,type=AccessDeniedException,status=400")
        equal(fault_outcomes(e, 3), ["ok", "AccessDeniedException", "ok"])
        e.faults("n=1,what=cut", "n=2,what=cut-before", "n=3,what=crc", "n=4,what=delay,ms=120")
        equal(fault_outcomes(e, 3), ["closed in an answer", "closed before an answer", "crc"])
        began = time.monotonic()
        equal(fault_outcomes(e, 1), ["ok"])
        assert time.monotonic() - began >= 0.12
        e.faults("what=refuse,match=poison")
        poisoned = lambda i: put(item("b", i), item("c", i, x=S("poison" if i == 1 else "fine")))
        equal(fault_outcomes(e, 3, poisoned), ["ok", "ValidationException", "ok"])
        e.faults("n=1,what=unprocessed,keep=5")
        many = [item("u", i) for i in range(8)]
        equal(e.ok("BatchWriteItem", put(*many)), {"UnprocessedItems": put(*many[3:])["RequestItems"]})
        e.faults("n=1,what=unprocessed,keep=50")
        equal(e.ok("BatchWriteItem", put(*many)), {"UnprocessedItems": put(*many)["RequestItems"]})
        equal(e.call("Faults", {"add": ["what=nothing"]}, control=True)[0], 400)
        e.faults()
        equal(fault_outcomes(e, 5), ["ok"] * 5)
        assert e.counts()["operations"]["BatchWriteItem"]["faults"] == 13, e.counts()


def test_faults_of_sink():
    check_faults("sink")


def test_faults_of_store():
    check_faults("store")


def test_faults_of_forward():
    with Endpoint("--mode", "store") as engine:
        check_faults("forward", "--forward", f"http://127.0.0.1:{engine.port}")


def check_applied(mode, *options):
    with Endpoint("--mode", mode, *options) as e:
        e.ok("CreateTable", definition())
        specs = ["n=1,what=cut", "n=2,what=cut-before", "n=3,what=crc", "n=4,what=throttle", "n=5,what=unprocessed,keep=1"]
        e.faults(*("op=BatchWriteItem," + s for s in specs))
        fault_outcomes(e, 5, lambda i: put(item("a", i), item("b", i)))
        found = pages(e, "Scan", {"TableName": TABLE})
        equal(canonical(found), canonical([item(p, n) for p, n in (("a", 0), ("b", 0), ("a", 2), ("b", 2), ("a", 4))]))


def test_what_faults_leave_behind():
    check_applied("store")
    with Endpoint("--mode", "store") as engine:
        check_applied("forward", "--forward", f"http://127.0.0.1:{engine.port}")


def test_latency():
    with Endpoint("--mode", "sink", "--latency-ms", "50") as e:
        began = time.monotonic()
        e.ok("BatchWriteItem", put(item("a", 1)))
        assert time.monotonic() - began >= 0.05


# --- forwarding ---


def test_forward():
    with Endpoint("--mode", "store") as engine:
        with Endpoint("--mode", "forward", "--forward", f"http://127.0.0.1:{engine.port}/") as e:
            e.ok("CreateTable", definition())
            e.ok("BatchWriteItem", put(item("a", 1), item("a", 2)))
            equal(canonical(pages(engine, "Scan", {"TableName": TABLE})), canonical([item("a", 1), item("a", 2)]))
            e.refused("PutItem", {"TableName": TABLE, "Item": {}}, "ValidationException")
            e.refused("UpdateItem", {}, "UnknownOperationException", "UpdateItem")


def test_forward_to_an_engine_that_comes_and_goes():
    with Endpoint("--mode", "store") as engine:
        port = engine.port
        with Endpoint("--mode", "forward", "--forward", f"http://127.0.0.1:{port}") as e:
            e.ok("ListTables", {})
            engine.connection = None
            engine.process.send_signal(signal.SIGTERM)
            engine.process.wait(20)
            equal(e.call("ListTables", {})[0], 503)
            engine.process.stdout.close()
            engine.process = subprocess.Popen([PROGRAM, "--mode", "store", "--port", str(port)],
                                              stdout=subprocess.PIPE, text=True)
            engine.process.stdout.readline()
            e.ok("ListTables", {})


# --- the wire ---


def test_keep_alive_and_pipelining():
    with Endpoint("--mode", "store") as e, e.connect() as s:
        e.ok("CreateTable", definition())
        s.sendall(b"".join(request("PutItem", {"TableName": TABLE, "Item": item("a", i)}) for i in range(20)))
        rest = b""
        for _ in range(20):
            status, headers, text = read_answer(s, rest)
            rest = read_answer.rest
            equal((status, headers["connection"], text), (200, "keep-alive", b"{}"))
        s.sendall(request("ListTables", {}).replace(b"Host: x", b"Host: x\r\nConnection: close"))
        equal(read_answer(s)[1]["connection"], "close")
        equal(s.recv(1), b"")
        equal(e.ok("Scan", {"TableName": TABLE})["Count"], 20)


def test_requests_in_small_pieces():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        whole = request("BatchWriteItem", put(item("a", 1)))
        for size in (1, 7, 50):
            with e.connect() as s:
                for i in range(0, len(whole), size):
                    s.sendall(whole[i:i + size])
                equal(read_answer(s)[0], 200)


def test_truncated_requests():
    for mode in ("store", "sink"):
        with Endpoint("--mode", mode) as e:
            e.ok("CreateTable", definition())
            whole = request("BatchWriteItem", put(item("a", 1)))
            for i in range(0, len(whole), 3):
                with e.connect() as s:
                    s.sendall(whole[:i])
                    s.shutdown(socket.SHUT_WR)
                    equal(s.recv(100), b"")
            equal(e.ok("Scan", {"TableName": TABLE})["Count"], 0)


def test_truncated_bodies():
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        for operation, body in (("BatchWriteItem", put(item("a", 1, x={"L": [S("é\"")]}))),
                                ("PutItem", {"TableName": TABLE, "Item": item("b", 1)}),
                                ("CreateTable", definition("Other")),
                                ("Query", {"TableName": TABLE, "KeyConditionExpression": "PK = :p"})):
            text = json.dumps(body).encode()
            for i in range(len(text)):
                equal(e.call(operation, text[:i])[0], 400)
        equal(e.ok("Scan", {"TableName": TABLE})["Count"], 0)


def test_mangled_bodies():
    chance = random.Random(7)
    bodies = [("BatchWriteItem", put(item("a", 1, GPK=S("g"), GSK=S("s")), item("b", -2))), ("CreateTable", definition()),
              ("Query", {"TableName": TABLE, "KeyConditionExpression": "PK = :p AND SK BETWEEN :a AND :b", "Limit": 1,
                         "ExpressionAttributeValues": {":p": S("a"), ":a": N(0), ":b": N(3)},
                         "ExclusiveStartKey": item("a", 0)}),
              ("BatchGetItem", {"RequestItems": {TABLE: {"Keys": [item("a", 1)]}}}),
              ("UpdateTimeToLive", {"TableName": TABLE, "TimeToLiveSpecification": {"AttributeName": "x", "Enabled": True}})]
    with Endpoint("--mode", "store") as e:
        e.ok("CreateTable", definition())
        e.ok("BatchWriteItem", put(item("a", 1), item("a", 2)))
        for _ in range(1500):
            operation, body = chance.choice(bodies)
            text = bytearray(json.dumps(body).encode())
            for _ in range(chance.randint(1, 3)):
                at = chance.randrange(len(text))
                text[at:at + chance.randint(0, 3)] = bytes(chance.choice(b'{}[]",:\\0a\x00\xff') for _ in range(chance.randint(0, 2)))
            assert e.call(operation, bytes(text))[0] in (200, 400)


def test_garbage():
    long = b"POST / HTTP/1.1\r\n" + b"x: " + b"y" * 70000
    for garbage in (b"\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/2.0\r\n\r\n", b"POST / HTTP/1.1\r\nno colon\r\n\r\n", long,
                    b"POST / HTTP/1.1\r\ncontent-length: 1x\r\n\r\n", b"POST / HTTP/1.1\r\ncontent-length: -1\r\n\r\n",
                    b"POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", bytes(range(256)) * 300,
                    b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
                    b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", b"P\0ST / HTTP/1.1\r\n\r\n",
                    b"POST / HTTP/1.1\r\n : x\r\n\r\n", b"POST / HTTP/1.1\r\n" + b"a: b\r\n" * 65 + b"\r\n"):
        with Endpoint("--mode", "store") as e, e.connect() as s:
            s.sendall(request("ListTables", {}) + garbage)
            equal(read_answer(s)[0], 200)
            try:
                status = read_answer(s, read_answer.rest)[0]
                assert status in (400, 413), status
                equal(s.recv(1), b"")
            except ConnectionResetError:
                pass  # closed with our bytes unread
            equal(e.ok("ListTables", {}), {"TableNames": []})


def test_heads_that_are_refused():
    with Endpoint("--mode", "store") as e:
        for head, type in ((b"GET / HTTP/1.1\r\n\r\n", "UnknownOperationException"),
                           (b"POST / HTTP/1.1\r\n\r\n", "UnknownOperationException"),
                           (b"POST / HTTP/1.1\r\nx-amz-target: x\r\n\r\n", "UnknownOperationException"),
                           (b"POST / HTTP/1.1\r\nx-amz-target: x.\r\n\r\n", "UnknownOperationException"),
                           (b"POST / HTTP/1.1\r\nx-amz-target: D.Scan\r\n\r\n", "MissingAuthenticationTokenException"),
                           (b"POST / HTTP/1.0\r\nx-amz-target: Endpoint.Nothing\r\n\r\n", "UnknownOperationException")):
            with e.connect() as s:
                s.sendall(head)
                equal(json.loads(read_answer(s)[2])["__type"].split("#")[1], type)


def test_expect_continue():
    with Endpoint("--mode", "store") as e, e.connect() as s:
        head, body = request("ListTables", {}).split(b"\r\n\r\n")
        s.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        equal(s.recv(100), b"HTTP/1.1 100 Continue\r\n\r\n")
        s.sendall(body)
        equal(read_answer(s)[0], 200)


def test_answers_longer_than_a_socket_holds():
    with Endpoint("--mode", "store") as e, e.connect() as s:
        e.ok("CreateTable", definition())
        for i in range(4):
            e.ok("PutItem", {"TableName": TABLE, "Item": item("a", i, x=S("x" * 300000))})
        s.sendall(request("Scan", {"TableName": TABLE}) * 20)
        time.sleep(0.1)
        rest = b""
        for _ in range(20):
            status, headers, text = read_answer(s, rest)
            rest = read_answer.rest
            equal((status, headers["x-amz-crc32"]), (200, str(zlib.crc32(text))))


def test_sink_counts_items():
    """By what opens each, in the spacing of any client; texts that look like it are not counted."""
    odd = item("q", 1, quest=S('{"PutRequest":{"Item":{}}} "DeleteRequest" qqq'), PutRequest=S("q"))
    batch = put(*(item("a", i) for i in range(20)), odd)
    batch["RequestItems"][TABLE] += [{"DeleteRequest": {"Key": {"PK": S("a"), "SK": N(i)}}} for i in (30, 31)]
    tight = json.dumps(batch, separators=(",", ":"), ensure_ascii=False).encode()
    with Endpoint("--mode", "sink") as e:
        for body in (batch, tight):
            equal(e.ok("BatchWriteItem", body), {"UnprocessedItems": {}})
        e.ok("PutItem", {"TableName": TABLE, "Item": odd})
        counts = e.counts()["operations"]
        equal([(counts[name]["items"], counts[name]["applied"]) for name in ("BatchWriteItem", "PutItem")], [(46, 46), (1, 1)])


def test_sink_drops_large_bodies():
    body = put(*(item("a", i, x=S("x" * 300000)) for i in range(25)))
    with Endpoint("--mode", "sink") as e:
        for _ in range(3):
            equal(e.ok("BatchWriteItem", body), {"UnprocessedItems": {}})
        counts = e.counts()["operations"]["BatchWriteItem"]
        equal((counts["requests"], counts["bytes"]), (3, 3 * len(json.dumps(body))))


# --- the log ---


def test_log():
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/log"
        bodies = [put(item("a", 1), item("é", 2)), put(item("a", 3))]
        with Endpoint("--mode", "sink", "--log", path, "--log-bodies", "--fault", "n=2,what=cut") as e:
            e.ok("BatchWriteItem", bodies[0])
            fault_outcomes(e, 1, lambda i: bodies[1])
            e.refused("Scan", {"TableName": "No"}, "ResourceNotFoundException")
        with open(path) as file:
            lines = [json.loads(line) for line in file]
        equal([(x["number"], x["op"], x["table"], x["items"], x["status"], x["answered"], x["fault"]) for x in lines],
              [(1, "BatchWriteItem", TABLE, 2, 200, True, None), (2, "BatchWriteItem", TABLE, 1, 200, False, "cut"),
               (3, "Scan", "No", 0, 400, True, None)])
        for line, body in zip(lines, bodies):
            text = base64.b64decode(line["body"])
            equal((json.loads(text), line["bytes"]), (body, len(text)))
            equal(line["body_sha256"], hashlib.sha256(text).hexdigest())
            equal((line["authorization"], line["amz_date"]), ("AWS4 none", "20260101T000000Z"))
            assert ["Host", "x"] in line["headers"]


# --- TLS ---


def test_tls():
    import ssl
    with tempfile.TemporaryDirectory() as folder:
        certificate, private = folder + "/cert.pem", folder + "/key.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1", "-keyout", private, "-out", certificate, "-days", "2"],
                       check=True, capture_output=True)
        with Endpoint("--mode", "store", "--tls", certificate, private) as e:
            context = ssl.create_default_context(cafile=certificate)
            with e.connect() as plain:
                plain.sendall(b"not a handshake, but long enough to be looked at\r\n\r\n")
                try:
                    plain.recv(1000)
                except ConnectionResetError:
                    pass
            with context.wrap_socket(e.connect(), server_hostname="127.0.0.1") as s:
                s.sendall(request("CreateTable", definition()))
                equal(read_answer(s)[0], 200)
                wide = put(*(item("a", i, x=S("x" * 100000)) for i in range(10)))
                s.sendall(request("BatchWriteItem", wide))
                equal(read_answer(s)[2], b'{"UnprocessedItems":{}}')
                s.sendall(request("Scan", {"TableName": TABLE}))
                equal(json.loads(read_answer(s)[2])["Count"], 10)
        wrong = subprocess.run([PROGRAM, "--mode", "sink", "--tls", private, certificate], capture_output=True, timeout=20)
        equal(wrong.returncode, 2)


# --- boto3 ---


def test_boto3():
    try:
        import boto3
        from boto3.dynamodb.conditions import Key
    except ImportError:
        return "SKIP boto3 is not here"
    with Endpoint("--mode", "store", "--fault", "op=BatchWriteItem,n=1,what=unprocessed,keep=3") as e:
        service = boto3.resource("dynamodb", endpoint_url=f"http://127.0.0.1:{e.port}", region_name="us-east-1",
                                 aws_access_key_id="a", aws_secret_access_key="b")
        table = service.create_table(**definition())
        table.wait_until_exists()
        with table.batch_writer() as writer:
            for i in range(60):
                writer.put_item(Item={"PK": "p", "SK": i, "GPK": "g", "GSK": f"{i:03}", "flag": True, "tags": {"a", "b"}})
        equal(table.scan()["Count"], 60)
        found = table.query(KeyConditionExpression=Key("PK").eq("p") & Key("SK").between(10, 12))["Items"]
        equal([int(i["SK"]) for i in found], [10, 11, 12])
        found = table.query(IndexName="ByG", KeyConditionExpression=Key("GPK").eq("g") & Key("GSK").begins_with("01"))
        equal(found["Count"], 10)
        equal(table.get_item(Key={"PK": "p", "SK": 5})["Item"]["tags"], {"a", "b"})
        table.delete()


def main():
    tests = [(n, f) for n, f in list(globals().items()) if n.startswith("test_")]
    failed = 0
    print(f"1..{len(tests)}")
    for number, (name, test) in enumerate(tests, 1):
        title = name[5:].replace("_", " ")
        try:
            note = test()
            print(f"ok {number} - {title}" + (f" # {note}" if note else ""), flush=True)
        except Exception:
            failed += 1
            print(f"not ok {number} - {title}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
