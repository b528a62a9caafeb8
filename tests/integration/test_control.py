"""Talking to a migration while it runs: `control`, through the socket beside the ledger."""
import json
import os
import socket
import stat
import time

import expect
from place import wait_until
from servers import Endpoint
from test_kill import MAPPING, PLAN, done_leaves, leaves


def wanted(place):
    return expect.items_of(expect.read(place.db, "logs"), MAPPING)[0]


def begun(place, endpoint, *arguments):
    """A migration under way, its first writes made."""
    leaves(place)
    place.plan(PLAN)
    target = place.target(endpoint.url)
    running = place.start("migrate", "--jobs", "1", *arguments)  # or it would end before a caller comes
    wait_until(lambda: endpoint.writes() > 4, "writes")
    return target, running


def control(place, action, *more, code=0):
    return place.hlua("control", action, *more, code=code)


def test_pause_status_resume(place):
    """A paused migration sends nothing; after `resume` it ends as if nothing had been."""
    with Endpoint("--latency-ms", "150") as endpoint:
        target, running = begun(place, endpoint)
        answer = control(place, "pause").event("control")
        assert answer["state"] == "paused" and answer["action"] == "pause" and answer["plan"] == "plan", answer
        wait_until(lambda: control(place, "status").event("control")["tables"][0]["in_flight"] == 0, "an empty flight")
        before = endpoint.writes()
        time.sleep(0.5)
        assert endpoint.writes() == before and running.alive()
        t = control(place, "status").event("control")["tables"][0]
        assert 0 < t["items_written"] == t["rows_written"] and 0 < t["done"] < 1, t
        said = place.hlua("control", "status", json=False).output
        assert said.startswith("plan plan: paused, begun ") and said.count("paused") == 1 and "items/s" not in said, said
        said = " ".join(place.hlua("check", json=False).output.split())
        assert f"process {running.process.pid} is running this plan; to see what it is doing: hlua plan.lua control status" in said, said
        assert "going on" in place.hlua("control", "resume", json=False).output
        said = place.hlua("control", "status", json=False).output
        assert said.startswith("plan plan: migrating, begun ") and "items/s" in said, said
        expect.check(running.end(), target, "Target", wanted(place), MAPPING)


def test_stop(place):
    """`control stop` is an interrupt: saved, exit code 130, and the same command goes on; also while paused."""
    for paused in (False, True):
        with Endpoint("--latency-ms", "150") as endpoint:
            place.sql("DROP TABLE IF EXISTS logs")
            target, running = begun(place, endpoint, "--restart")
            if paused:
                control(place, "pause")
            control(place, "stop")
            result = running.end()
            assert result.code == 130 and "stopped by control" in result.error, result
            assert result.summary["outcome"] == "stopped"
            assert place.hlua("status").event("status")["state"] == "stopped"
            expect.check(place.hlua("migrate"), target, "Target", wanted(place), MAPPING)


def test_stop_tells_what_is_written_again(place):
    """Items of chunks that are not done are told apart, and what was refused as a share of what this process sent; so after a resume."""
    with Endpoint("--latency-ms", "150", "--fault", "op=BatchWriteItem,every=4,what=throttle") as endpoint:
        _, running = begun(place, endpoint)
        wait_until(lambda: control(place, "status").event("control")["tables"][0]["items_written"] > 100, "items")
        control(place, "pause")
        wait_until(lambda: control(place, "status").event("control")["tables"][0]["in_flight"] == 0, "an empty flight")
        said = place.hlua("control", "status", json=False).output
        control(place, "stop")
        first = running.end()
        t = first.table()
        now = t["this_time"]
        assert now["items_written"] == t["items_written"] + now["items_unfinished"] and now["items_unfinished"] > 0, t
        first.says("on the target already, of chunks that are not done")
        refused = t["throttling"]["refused_units"]
        first.says(f"{100 * refused / (refused + now['write_units']):.1f} % of those sent")
        assert "% of those sent" in said, said
        second = place.hlua("migrate").table()
        assert second["this_time"]["items_written"] == second["items_written"] - t["items_written"], second
        assert second["this_time"]["items_unfinished"] == 0, second


def cpu_seconds(process):
    """Of a process and its threads, so far."""
    fields = open(f"/proc/{process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_pause_costs_nothing(place):
    """Requests that would be sent again wait without being asked for again and again; they are not in flight."""
    with Endpoint("--latency-ms", "150", "--fault", "op=BatchWriteItem,from=6,what=throttle") as endpoint:
        _, running = begun(place, endpoint)
        wait_until(lambda: control(place, "status").event("control")["tables"][0]["retries"] > 25, "throttled requests")
        control(place, "pause")
        wait_until(lambda: control(place, "status").event("control")["tables"][0]["in_flight"] == 0, "an empty flight")
        time.sleep(1)  # longer than the first waits: all are ready again
        before = cpu_seconds(running.process)
        time.sleep(1)
        assert cpu_seconds(running.process) - before < 0.4
        control(place, "stop")
        assert running.end().code == 130


def test_stop_of_a_paused_run_whose_batch_is_refused(place):
    """Its halves find no resume to wait for: the run ends."""
    with Endpoint("--latency-ms", "500", "--fault", "op=BatchWriteItem,what=refuse,match=Target") as endpoint:
        leaves(place, leaves=2)
        place.plan(PLAN)
        place.target(endpoint.url)
        running = place.start("migrate")
        wait_until(lambda: endpoint.writes() > 0, "a request")
        control(place, "pause")
        control(place, "stop")
        assert running.end(timeout=30).code == 130


def test_nobody_listens(place):
    leaves(place, leaves=2)
    place.plan(PLAN)
    result = control(place, "status", code=8)
    result.says("no migration listens", "plan.db.sock", "hint:")
    assert result.event("error")["code"] == "absent"
    with Endpoint() as endpoint:
        place.target(endpoint.url)
        place.hlua("migrate")
        control(place, "pause", code=8)
        assert [f.name for f in place.ledger.parent.iterdir() if f.name.endswith(".sock")] == []


def test_socket_of_a_killed_run_is_taken_over(place):
    with Endpoint("--latency-ms", "150") as endpoint:  # much is left to do when it is asked to stop
        target, running = begun(place, endpoint)
        running.kill()
        running.end()
        path = place.ledger.parent / "plan.db.sock"
        assert path.is_socket()
        control(place, "status", code=8).says("no migration listens")
        running = place.start("migrate")
        wait_until(lambda: place.start("control", "status").end().code == 0, "an answer")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        control(place, "stop")
        assert running.end().code == 130
        expect.check(place.hlua("migrate"), target, "Target", wanted(place), MAPPING)


def test_long_path(place):
    """A ledger whose path is longer than a socket's address may be."""
    folder = place.folder / ("d" * 120)
    folder.mkdir()
    ledger = str(folder / "ledger.db")
    with Endpoint("--latency-ms", "150") as endpoint:
        target, running = begun(place, endpoint, "--ledger", ledger)
        assert control(place, "pause", "--ledger", ledger).event("control")["state"] == "paused"
        control(place, "resume", "--ledger", ledger)
        expect.check(running.end(), target, "Target", wanted(place), MAPPING)


def test_callers_that_misbehave(place):
    """One that says nothing, one that says rubbish, one that hangs up: the migration goes on, and the next is answered."""
    with Endpoint("--latency-ms", "150") as endpoint:
        target, running = begun(place, endpoint)
        path = str(place.ledger.parent / "plan.db.sock")

        def call():
            s = socket.socket(socket.AF_UNIX)
            s.settimeout(10)
            s.connect(path)
            return s
        control(place, "pause")
        with call() as gone:
            gone.send(b"sta")
        for _ in range(5):  # some are gone when the answer comes
            with call() as hasty:
                hasty.send(b"status\n")
        assert control(place, "status").event("control")["state"] == "paused"
        with call() as mute, call() as rude:
            rude.send(b"make me a sandwich\n")  # answered once the silent one was cut off
            answer = json.loads(rude.makefile().readline())
            assert answer["ok"] is False and "does not know" in answer["error"], answer
            assert mute.recv(10) == b""
        with call() as endless:
            endless.send(b"x" * 5000)
            try:
                assert endless.recv(10) == b""
            except ConnectionResetError:
                pass
        control(place, "resume")
        expect.check(running.end(), target, "Target", wanted(place), MAPPING)
        assert len(done_leaves(place)) > 0
