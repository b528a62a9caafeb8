"""kill -9 at random moments, and the same command again until it is done."""
import base64
import json
import os
import random
import sqlite3
import subprocess

import expect
from expect import Mapping
from place import wait_until
from servers import Endpoint

KILLS = 20
LEAVES, ROWS = 200, 100  # a leaf of a partitioned table is a chunk of its own: many chunks, few rows

PLAN = """from = "logs", to = "Target", partition_key = { PK = "{leaf}#{id}" }, attributes = { hlua.columns {} },"""
MAPPING = Mapping({"PK": "{leaf}#{id}"})


def leaves(place, leaves=LEAVES, rows=ROWS):
    parts = "".join(f"CREATE TABLE leaf_{i} PARTITION OF logs FOR VALUES IN ({i});" for i in range(leaves))
    place.sql("CREATE TABLE logs (id int, leaf int, v text, PRIMARY KEY (id, leaf)) PARTITION BY LIST (leaf);" + parts)
    place.sql(f"INSERT INTO logs SELECT i, i % {leaves}, md5(i::text) FROM generate_series(1, {leaves * rows}) i")


def done_leaves(place):
    """The leaves whose chunk the ledger calls done."""
    if not place.ledger.exists():
        return set()
    ledger = sqlite3.connect(f"file:{place.ledger}?mode=ro", uri=True, timeout=10)
    try:
        return {int(part.rsplit("_", 1)[1].strip('"')) for (part,) in ledger.execute("SELECT part FROM chunk WHERE done = 1")}
    except sqlite3.OperationalError:  # killed before the schema was there
        return set()
    finally:
        ledger.close()


def leaves_written(endpoint):
    """The leaf of every item that a write asked for, in the order in which they came: one list a request."""
    written = []
    for line in endpoint.logged():
        if line["op"] == "BatchWriteItem":
            puts = json.loads(base64.b64decode(line["body"]))["RequestItems"]["Target"]
            written.append([int(p["PutRequest"]["Item"]["leaf"]["N"]) for p in puts])
    return written


def test_killed_twenty_times(place):
    """What is done stays done: no item of a finished chunk is written again; in the end every item is there."""
    seed = int(os.environ.get("SEED") or random.randrange(1 << 32))
    print(f"# SEED={seed}")
    dice = random.Random(seed)
    leaves(place)
    place.plan(PLAN)
    requests = LEAVES * ROWS // 25
    with Endpoint("--latency-ms", "20", log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        kills, done, marks = 0, set(), []
        while kills < KILLS:
            seen = endpoint.writes()
            # Mostly while it writes; sometimes before that, in a moment of the clock.
            wanted = seen + dice.choice([0, *(dice.randrange(1, requests * 2 // KILLS) for _ in range(4))])
            running = place.start("migrate")
            if wanted == seen:
                try:
                    running.process.wait(dice.random() * 0.15)
                except subprocess.TimeoutExpired:
                    pass
            wait_until(lambda: endpoint.writes() >= wanted or not running.alive(), "writes")
            running.kill()
            code = running.end().code
            assert code in (-9, 0), code
            if code == 0:
                break  # it was faster than the dice; the sum of kills is checked below
            kills += 1
            now = done_leaves(place)
            assert done <= now, f"chunks that were done are so no more: {done - now}"
            done = now
            marks.append((len(leaves_written(endpoint)), set(done)))
        result = place.hlua("migrate")
        assert kills >= KILLS * 3 // 4, f"only {kills} kills hit"
        wanted, _ = expect.items_of(expect.read(place.db, "logs"), MAPPING)
        expect.check(result, target, "Target", wanted, MAPPING)
        assert result.table()["chunks"] == LEAVES and len(done_leaves(place)) == LEAVES
        written = leaves_written(endpoint)
        for begin, finished in marks:
            again = {leaf for batch in written[begin:] for leaf in batch} & finished
            assert not again, f"finished leaves {again} were written again (seed {seed})"


def test_killed_keyless_table_starts_over(place):
    place.sql("CREATE TABLE k (a int, v text); INSERT INTO k SELECT i, repeat('x', 100) FROM generate_series(1, 20000) i")
    place.plan("""from = "k", to = "Target", partition_key = { PK = "{a}" }, attributes = { hlua.columns {} },""")
    with Endpoint("--latency-ms", "4") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 40, "writes")
        running.kill()
        assert running.end().code == -9
        result = place.hlua("migrate")
        mapping = Mapping({"PK": "{a}"})
        wanted, _ = expect.items_of(expect.read(place.db, "k"), mapping)
        expect.check(result, target, "Target", wanted, mapping)
        assert result.summary["resumes"] == 1


def test_killed_with_rejects(place):
    """Rejects belong to their chunk: they are not counted twice after a kill."""
    leaves(place, leaves=6, rows=500)
    place.sql("UPDATE logs SET v = NULL WHERE id % 50 = 0")
    place.plan("""from = "logs", to = "Target", partition_key = { PK = "{leaf}#{id}" }, sort_key = { SK = "{v}" },
        attributes = { hlua.columns {} },""")
    mapping = Mapping({"PK": "{leaf}#{id}"}, {"SK": "{v}"})
    with Endpoint("--latency-ms", "10") as endpoint:
        target = place.target(endpoint.url)
        for more in (30, 60):
            running = place.start("migrate")
            begin = endpoint.writes()
            wait_until(lambda: endpoint.writes() > begin + more or not running.alive(), "writes")
            running.kill()
            running.end()
        result = place.start("migrate").end()
        assert result.code == 5, result
        wanted, rejects = expect.items_of(expect.read(place.db, "logs"), mapping)
        assert rejects == {"key-missing": 60}
        expect.check(result, target, "Target", wanted, mapping, rejected=60)
        assert len({r["key"] for r in place.rejects()}) == len(place.rejects()) == 60
