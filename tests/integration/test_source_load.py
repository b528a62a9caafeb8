"""max_source_load: how many connections a run opens, and how it reads while the source is slow."""
import os
import signal
import threading
import time

import expect
from place import wait_until
from servers import Endpoint
from test_kill import MAPPING, PLAN, leaves


def sessions(place):
    return place.sql("SELECT pid, query FROM pg_stat_activity WHERE datname = current_database() "
                     "AND pid <> pg_backend_pid() AND backend_type = 'client backend'").fetchall()


def states(running):
    return [line.split('"state":"')[1].split('"')[0] for line in running.so_far()[0].splitlines() if '"progress"' in line]


def test_connections(place):
    leaves(place)
    place.plan(PLAN, more="max_source_load = { connections = 2 },")
    with Endpoint("--latency-ms", "4") as endpoint:
        target = place.target(endpoint.url)
        running, most = place.start("migrate", "--jobs", "8"), 0
        while running.alive():
            most = max(most, len(sessions(place)))
            time.sleep(0.01)
        assert most == 2, most
        expect.check(running.end(), target, "Target", expect.items_of(expect.read(place.db, "logs"), MAPPING)[0], MAPPING)


def test_slow_answers(place):
    """While the server answers late, the run leaves it alone, and says so; when it answers in time, the run goes on."""
    leaves(place)
    place.plan(PLAN, more="max_source_load = { latency_ms = 60 },")
    with Endpoint("--latency-ms", "300") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate", "--wcu", "5000")  # it is not over before the state was told
        watcher = wait_until(lambda: [pid for pid, query in sessions(place) if query == "SELECT 1"], "the watch")[0]
        enough = threading.Event()

        def halt_and_let_go():
            while not enough.wait(0.02) and running.alive():
                os.kill(watcher, signal.SIGSTOP)
                time.sleep(0.12)
                os.kill(watcher, signal.SIGCONT)

        halting = threading.Thread(target=halt_and_let_go)
        halting.start()
        try:
            wait_until(lambda: "sparing the source" in states(running), "the state")
            said = place.hlua("control", "status").event("control")
            assert said["state"] == "sparing the source" and "it answers in" in said["detail"], said
            assert running.alive()
        finally:
            enough.set()
            halting.join()
        result = running.end()
        assert states_of(result)[-1] == "done" and "sparing the source" in states_of(result)
        expect.check(result, target, "Target", expect.items_of(expect.read(place.db, "logs"), MAPPING)[0], MAPPING)


def states_of(result):
    return [e["state"] for e in result.lines if e["event"] == "progress"]


def test_lost_watch_ends_the_run(place):
    """The connection that is asked holds the snapshot: without it the run stops, and goes on later."""
    leaves(place)
    place.plan(PLAN, more="max_source_load = { latency_ms = 60 },")
    with Endpoint("--latency-ms", "4") as endpoint:
        target = place.target(endpoint.url)
        running = place.start("migrate")
        watcher = wait_until(lambda: [pid for pid, query in sessions(place) if query == "SELECT 1"], "the watch")[0]
        wait_until(lambda: endpoint.writes() > 4, "writes")
        place.sql("SELECT pg_terminate_backend(%s)", (watcher,))
        result = running.end()
        assert result.code == 3, result
        expect.check(place.hlua("migrate"), target, "Target", expect.items_of(expect.read(place.db, "logs"), MAPPING)[0], MAPPING)
