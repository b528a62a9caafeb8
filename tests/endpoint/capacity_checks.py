"""Tests of the endpoint's --capacity; test_endpoint.py runs them among its own."""
import os
import sys
import time

import client
from client import N, S, TABLE, definition, equal, item, put

__all__ = ["test_capacity_of_store", "test_capacity_of_sink", "test_capacity_of_what_is_written_over",
           "test_capacity_of_provisioned_tables",
           "test_capacity_of_a_partition", "test_capacity_latency"]


def Endpoint(*options):
    return client.Endpoint(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("ENDPOINT", "build/endpoint"), *options)


def reasons(answer):
    return [(r["reason"], r["resource"].split(":table/")[1]) for r in answer["ThrottlingReasons"]]


def check_capacity(mode):
    with Endpoint("--mode", mode, "--capacity", "warm=20,latency=0-0") as e:
        e.ok("CreateTable", definition())
        # a row is a unit of the table and, with its key, one of the index
        answer = e.ok("BatchWriteItem", {**put(*(item(f"a{i}", 1, GPK=S("g"), GSK=S("s")) for i in range(12))),
                                         "ReturnConsumedCapacity": "INDEXES"})
        equal(answer, {"UnprocessedItems": {}, "ConsumedCapacity": [
            {"TableName": TABLE, "CapacityUnits": 24.0, "Table": {"CapacityUnits": 12.0},
             "GlobalSecondaryIndexes": {"ByG": {"CapacityUnits": 12.0}}}]})
        # what finds no room comes back, without a reason, and is not there
        first = put(*(item(f"b{i}", 1, note=S("x")) for i in range(25)))
        answer = e.ok("BatchWriteItem", {**first, "ReturnConsumedCapacity": "TOTAL"})
        left = answer["UnprocessedItems"][TABLE]
        assert 0 < len(left) <= 17, len(left)
        equal(left, first["RequestItems"][TABLE][-len(left):])
        equal(answer["ConsumedCapacity"], [{"TableName": TABLE, "CapacityUnits": 25.0 - len(left)}])
        if mode == "store":
            equal(e.ok("Scan", {"TableName": TABLE})["Count"], 12 + 25 - len(left))
        # when nothing finds room the call fails, and says why; so does one item alone
        big = {"x": S("x" * 100000)}
        time.sleep(0.1)
        answer = e.ok("PutItem", {"TableName": TABLE, "Item": item("c", 1, **big), "ReturnConsumedCapacity": "INDEXES"})
        equal(answer["ConsumedCapacity"], {"TableName": TABLE, "CapacityUnits": 98.0, "Table": {"CapacityUnits": 98.0}})
        for operation, body in (("BatchWriteItem", first), ("PutItem", {"TableName": TABLE, "Item": item("d", 1)}),
                                ("DeleteItem", {"TableName": TABLE, "Key": item("c", 1)})):
            status, answer = e.call(operation, body)
            equal((status, answer["__type"].split("#")[1], reasons(answer)),
                  (400, "ThrottlingException", [("TableWriteKeyRangeThroughputExceeded", TABLE)]))
        counts = e.counts()
        deleted = 98 if mode == "store" else 1  # a sink does not know what is there
        equal((counts["capacity"]["accepted"], counts["capacity"]["refused"]),
              (24 + 25 - len(left) + 98, {"warm": len(left) + 26 + deleted}))
        equal(sum(counts["capacity"]["seconds"]), counts["capacity"]["accepted"])
        equal(counts["operations"]["BatchWriteItem"]["applied"], 12 + 25 - len(left))
        # a table of that name that is made anew begins anew
        e.ok("DeleteTable", {"TableName": TABLE})
        e.ok("CreateTable", definition())
        e.ok("PutItem", {"TableName": TABLE, "Item": item("d", 1)})


def test_capacity_of_store():
    check_capacity("store")


def test_capacity_of_sink():
    check_capacity("sink")


def test_capacity_of_what_is_written_over():
    """The larger of two items counts; an index has two writes for a changed key, one for what comes, goes, or changes, none for what stays."""
    both = {"GPK": S("g"), "GSK": S("s")}
    kilobytes = lambda n: {"x": S("x" * (1024 * n - 200))}
    writes = [  # the item, units of the table, of the index
        (item("a", 1), 1, 0), (item("a", 1, **kilobytes(5)), 5, 0), (item("a", 1), 5, 0), (item("a", 1), 1, 0),
        (item("a", 1, **both), 1, 1), (item("a", 1, **both), 1, 0), (item("a", 1, **both, **kilobytes(3)), 3, 3),
        (item("a", 1, **both), 3, 3), (item("a", 1, **{**both, "GSK": S("other")}), 1, 2),
        (item("a", 1, **{**both, "GPK": S("h")}), 1, 2), (item("a", 1), 1, 1)]
    with Endpoint("--mode", "store", "--capacity", "warm=10000,latency=0-0") as e:
        e.ok("CreateTable", definition())
        told = lambda answer: (answer["Table"]["CapacityUnits"],
                               answer.get("GlobalSecondaryIndexes", {}).get("ByG", {"CapacityUnits": 0})["CapacityUnits"])
        for batch in (False, True):
            for written, table, index in writes:
                wish = {"ReturnConsumedCapacity": "INDEXES"}
                if batch:
                    (answer,) = e.ok("BatchWriteItem", {**put(written), **wish})["ConsumedCapacity"]
                else:
                    answer = e.ok("PutItem", {"TableName": TABLE, "Item": written, **wish})["ConsumedCapacity"]
                equal((told(answer), answer["CapacityUnits"]), ((table, index), table + index))
        equal(e.counts()["capacity"]["accepted"], 2 * sum(table + index for _, table, index in writes))


def test_capacity_of_provisioned_tables():
    units = lambda n: {"ReadCapacityUnits": 5, "WriteCapacityUnits": n}
    made = definition(BillingMode="PROVISIONED", ProvisionedThroughput=units(1000))
    made["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] = units(3)
    with Endpoint("--mode", "sink", "--capacity", "burst=1,latency=0-0") as e:
        e.ok("CreateTable", made)
        indexed = put(*(item(f"a{i}", 1, GPK=S(f"g{i}"), GSK=S("s")) for i in range(25)))
        left = e.ok("BatchWriteItem", indexed)["UnprocessedItems"][TABLE]
        assert 15 <= len(left) <= 22, len(left)  # what is left of a unit is enough for one more
        status, answer = e.call("BatchWriteItem", indexed)
        equal((status, answer["__type"].split("#")[1], reasons(answer)),
              (400, "ProvisionedThroughputExceededException",
               [("IndexWriteProvisionedThroughputExceeded", TABLE + "/index/ByG")]))
        equal(e.ok("BatchWriteItem", put(item("b", 1), item("c", 1)))["UnprocessedItems"], {})


def test_capacity_of_a_partition():
    with Endpoint("--mode", "sink", "--capacity", "warm=30000,partition=40,latency=0-0,seed=3") as e:
        e.ok("CreateTable", definition())
        hot = [item("hot", i, x=S("x" * 1500)) for i in range(25)]
        cold = [item(f"cold{i}", i) for i in range(5)]
        answer = e.ok("BatchWriteItem", put(*hot[:20], *cold))
        equal(answer["UnprocessedItems"], {})
        answer = e.ok("BatchWriteItem", put(*hot[:20], *(item(f"new{i}", i) for i in range(5))))
        assert all(o["PutRequest"]["Item"]["PK"] == S("hot") for o in answer["UnprocessedItems"][TABLE])
        assert len(answer["UnprocessedItems"][TABLE]) >= 10
        time.sleep(0.3)  # some come back
        e.ok("BatchWriteItem", put(*hot))
        equal(list(e.counts()["capacity"]["refused"]), ["partition"])


def test_capacity_latency():
    with Endpoint("--mode", "sink", "--capacity", "documented") as e:
        e.ok("CreateTable", definition())
        took = []
        for i in range(20):
            began = time.monotonic()
            e.ok("BatchWriteItem", put(item("a", i)))
            took.append(time.monotonic() - began)
        assert min(took) >= 0.005 and max(took) - min(took) > 0.002, took
        e.refused("BatchWriteItem", put(item("a", 1), table="Nowhere"), "ResourceNotFoundException")
        e.refused("PutItem", {"TableName": TABLE, "Item": {"SK": N(1)}}, "ValidationException")
