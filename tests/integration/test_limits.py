"""Bounds: memory, the size of requests, connections."""
import base64
import resource
import subprocess

import expect
import servers
from expect import Mapping
from place import Skip
from servers import Endpoint
from test_faults import writes

PLAN = """from = "t", to = "Target", partition_key = { PK = "{id}" }, attributes = { hlua.columns {} },"""


def peak(running):
    """The most memory, MB, that a process had while it ran."""
    most = 0
    while running.alive():
        try:
            with open(f"/proc/{running.process.pid}/status") as file:
                lines = dict(line.split(":", 1) for line in file)
            most = max(most, int(lines.get("VmHWM", "0 kB").split()[0]) / 1024)
        except (FileNotFoundError, ProcessLookupError):
            pass
        try:
            running.process.wait(0.01)
        except subprocess.TimeoutExpired:
            pass
    return most


def test_memory_for_wide_rows(place):
    """800 rows of 390 KB are 312 MB: never more than 64 MB of them are in memory."""
    if servers.SANITIZER:
        raise Skip("a sanitizer takes memory of its own")
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, body text); ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
        INSERT INTO t SELECT i, repeat(md5(i::text), 12200) FROM generate_series(1, 800) i""")
    place.plan(PLAN)
    with Endpoint(mode="sink") as endpoint:
        place.target(endpoint.url)
        running = place.start("migrate")
        memory = peak(running)
        result = running.end()
        assert result.code == 0 and result.counts() == (800, 800, 0, 0, 0), result
        assert 2 < memory < 64, f"{memory:.1f} MB"


def test_memory_for_many_rows_and_a_slow_target(place):
    """300,000 rows, answers that come late: what is read ahead is bounded."""
    if servers.SANITIZER:
        raise Skip("a sanitizer takes memory of its own")
    place.sql("""CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS v FROM generate_series(1, 300000) i;
        ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t""")
    place.plan(PLAN)
    with Endpoint("--latency-ms", "10", mode="sink") as endpoint:
        place.target(endpoint.url)
        running = place.start("migrate", "--jobs", "4")
        memory = peak(running)
        result = running.end()
        assert result.code == 0 and result.counts()[1] == 300_000, result
        assert 2 < memory < 64, f"{memory:.1f} MB"


def test_requests_are_bounded(place):
    """At most 25 items and about a megabyte, however wide the rows; a batch is full when rows are narrow."""
    place.sql("""CREATE TABLE t (id int PRIMARY KEY, body bytea); ALTER TABLE t ALTER body SET STORAGE EXTERNAL;
        INSERT INTO t SELECT i, decode(repeat(md5(i::text),
            CASE WHEN i % 50 = 0 THEN 24000 WHEN i < 100 THEN 1500 ELSE 1 END), 'hex') FROM generate_series(1, 1000) i""")
    place.plan(PLAN)
    mapping = Mapping({"PK": "{id}"})
    with Endpoint(log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        result = place.hlua("migrate", "--jobs", "1")
        wanted, _ = expect.items_of(expect.read(place.db, "t"), mapping)
        expect.check(result, target, "Target", wanted, mapping)
        sizes, counts = [], []
        for line, items in writes(endpoint.logged()):
            sizes.append(len(base64.b64decode(line["body"])))
            counts.append(len(items))
        assert max(counts) == 25 and counts.count(25) >= 30, counts
        assert max(sizes) < 2_000_000, max(sizes)


def descriptors(soft, hard):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_few_file_descriptors(place):
    """Answers that come late ask for hundreds of connections: no more are made than the process may have descriptors for."""
    place.sql("""CREATE TABLE t AS SELECT i AS id, repeat(md5(i::text), 10) AS v FROM generate_series(1, 50000) i;
        ALTER TABLE t ADD PRIMARY KEY (id); ANALYZE t""")
    place.plan(PLAN)
    with Endpoint("--latency-ms", "10", mode="sink") as endpoint:
        place.target(endpoint.url)
        result = place.hlua("migrate", "--jobs", "4", timeout=30, preexec_fn=descriptors(64, 150))
        assert result.counts()[1] == 50_000, result
        result = place.hlua("migrate", "--restart", "--jobs", "20", code=8, preexec_fn=descriptors(64, 150))
        assert result.event("error")["text"] == "20 workers need 244 file descriptors, and there may be only 150", result
        assert "--jobs" in result.event("error")["hint"], result
        result = place.hlua("migrate", "--restart", "--jobs", "1", code=8, preexec_fn=descriptors(64, 64))
        assert result.event("error")["text"] == "1 worker needs 73 file descriptors, and there may be only 64", result
        assert result.event("error")["hint"] == "raise the limit of `ulimit -n`", result
