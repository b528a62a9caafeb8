"""The rate asked for, the limits that the service has, and what is told of them: against the endpoint's model of DynamoDB's capacity."""
import time

from place import Skip, wait_until
from servers import SANITIZER, Endpoint

UNLIMITED = "warm=10000000,quota=100000000,partition=100000000,latency=2-4"
PLAN = 'from = "{0}", to = "{0}", partition_key = {{ PK = "{{id}}" }}, attributes = {{ hlua.columns {{}} }},'
INDEXED = ('from = "{0}", to = "{0}", partition_key = {{ PK = "{{id}}" }}, attributes = {{ hlua.columns {{}} }},'
           'global_secondary_indexes = {{ hlua.index {{ "ByV", partition_key = {{ VPK = "{{v}}" }} }} }},')
BY_DAY = 'global_secondary_indexes = { hlua.index { "ByDay", partition_key = "day" } },'
BY_KIND = ('from = "logs", to = "t-{kind}", partition_key = { PK = "{id}" }, columns = { kind = "(id % 4)::text" },'
           'attributes = { hlua.columns { only = { "v" } } },')


def not_slowed_down():
    """A sanitizer build is itself what limits: then there is nothing to see."""
    if SANITIZER:
        raise Skip("a matter of speed")


def rows(place, count, name="logs"):
    place.sql(f"CREATE TABLE {name} (id int PRIMARY KEY, v text)")
    place.sql(f"INSERT INTO {name} SELECT i, md5(i::text) FROM generate_series(1, {count}) i")
    place.sql(f"ANALYZE {name}")


def dated(place, count, a_day):
    place.sql("CREATE TABLE logs (id int PRIMARY KEY, day text, v text)")
    place.sql(f"INSERT INTO logs SELECT i, 'day-' || i / {a_day}, md5(i::text) FROM generate_series(0, {count - 1}) i")
    place.sql("ANALYZE logs")


def written(target, name, count):
    assert target.describe_table(TableName=name)["Table"]["ItemCount"] == count


def capacity(endpoint):
    return endpoint.counts()["capacity"]


def windows(seconds, length):
    """What each `length` seconds took, of those that were full from the first to the last but one."""
    full = seconds[:-1]
    return [sum(full[i:i + length]) / length for i in range(len(full) - length + 1)]


def keeps(seconds, rate, length=10, within=0.05):
    found = windows(seconds, length)
    assert found, f"too short: {seconds}"
    least, most = min(found), max(found)
    print(f"# asked {rate}: over {length} s {least:.0f} to {most:.0f}")
    most_slow = 0.5 if SANITIZER else within
    assert (1 - most_slow) * rate <= least and most <= (1 + within) * rate, (seconds, least, most)


def test_rate_is_kept(place):
    """`--wcu`, indexes included, by two workers, over any ten seconds."""
    rows(place, 15000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        place.plan(INDEXED.format("logs"))
        result = place.hlua("migrate", "--wcu", "2000", "--jobs", "2")
        assert result.counts() == (15000, 15000, 0, 0, 0), result
        written(target, "logs", 15000)
        found = capacity(endpoint)
        assert found["accepted"] == 30000 == result.table()["write_units"] and not found["refused"], found
        keeps(found["seconds"], 2000)


def test_rate_is_kept_over_what_is_there(place):
    """Half of the rows lie over items of 5 KB, and all change an index key: DynamoDB counts three times what was computed, and the rate
    is one of what it counts."""
    rows(place, 4000)
    place.sql("UPDATE logs SET v = v || CASE WHEN id % 2 = 0 THEN repeat('x', 5000) ELSE '' END")
    indexed = INDEXED.replace('"{{v}}"', '"{{id}}-{{n}}"').replace('to = "{0}",', 'to = "{0}", columns = {{ n = "length(v)" }},')
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        place.plan(indexed.format("logs"))
        first = place.hlua("migrate").table()
        assert first["consumed"] is None, first
        before = capacity(endpoint)
        place.sql("UPDATE logs SET v = left(v, 31)")
        result = place.hlua("migrate", "--restart", "--wcu", "2000", "--jobs", "2")
        written(target, "logs", 4000)
        after, told = capacity(endpoint), result.table()["consumed"]
        counted = after["accepted"] - before["accepted"]
        assert told == {"units": counted, "computed": 8000} and counted > 2.5 * 8000, (told, counted)
        result.says("DynamoDB counted")
        seconds = after["seconds"][len(before["seconds"]):]
        keeps(seconds[next(i for i, n in enumerate(seconds) if n) + 1:], 2000)


class Watch:
    """What the endpoint has accepted and refused, at moments since the first write: polled while hlua runs."""

    def __init__(self, endpoint, running):
        self.moments = []  # (seconds, accepted, refused)
        wait_until(lambda: capacity(endpoint)["accepted"], "a write")
        began = time.monotonic()
        while running.alive():
            found = capacity(endpoint)
            self.moments.append((time.monotonic() - began, found["accepted"], sum(found["refused"].values())))
            time.sleep(0.1)
        self.result = running.end()

    def after(self, begin, end):
        """(units accepted a second, share of the sent that was refused) between two moments."""
        inside = [m for m in self.moments if begin <= m[0] <= end]
        (t0, a0, r0), (t1, a1, r1) = inside[0], inside[-1]
        return (a1 - a0) / (t1 - t0), (r1 - r0) / max(a1 - a0 + r1 - r0, 1)

    @property
    def seconds(self):
        return self.moments[-1][0]


def test_limit_is_found(place):
    """Without a number the run finds what a table takes, and holds there, with few refusals."""
    not_slowed_down()
    rows(place, 54000)
    with Endpoint("--capacity", "warm=3000") as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("logs"))
        watch = Watch(endpoint, place.start("migrate", "--jobs", "2"))
        assert watch.result.counts() == (54000, 54000, 0, 0, 0), watch.result
        written(target, "logs", 54000)
        rate, refused = watch.after(10, watch.seconds - 0.5)
        early = watch.after(0, 10)
        print(f"# of 3000: {rate / 3000:.3f}, {100 * refused:.2f} % refused; in the first ten seconds "
              f"{early[0] / 3000:.3f}, {100 * early[1]:.2f} %")
        assert rate >= 0.90 * 3000 and refused <= 0.02


def test_hot_keys(place):
    """Rows that lie together go to one partition of an index: chunks are read beside each other, and put aside."""
    not_slowed_down()
    days, a_day = 24, 2500
    dated(place, days * a_day, a_day)
    with Endpoint("--capacity", "warm=4000") as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("logs") + BY_DAY)
        watch = Watch(endpoint, place.start("migrate", "--jobs", "2"))
        result = watch.result
        assert result.counts() == (days * a_day, days * a_day, 0, 0, 0), result
        written(target, "logs", days * a_day)
        bound = max(days * a_day / 4000, a_day / 1000)
        share = bound / watch.seconds
        print(f"# of what the keys allow: {share:.3f} ({watch.seconds:.1f} s, at the least {bound:.1f})")
        assert share >= 0.75


def test_key_that_limits_is_named(place):
    """One date's key takes 1,000 units a second, whatever the table takes: it is found, told, and what would help."""
    dated(place, 9000, 9000)
    with Endpoint("--capacity", "documented") as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("logs") + BY_DAY)
        watch = Watch(endpoint, place.start("migrate"))
        written(target, "logs", 9000)
        found = watch.result.table()["throttling"]
        assert (found["key"], found["index"]) == ("day-0", "ByDay"), found
        assert "shard" in found["advice"] and sum(found["reasons"].values()) == found["refused_units"] > 0, found
        watch.result.says("limited by partition key day-0 of index ByDay", "what would help")
        progress = [line["tables"][0] for line in watch.result.lines if line["event"] == "progress"]
        assert progress[-1]["throttling"]["key"] == "day-0", progress[-1]
        rate, refused = watch.after(1, watch.seconds - 0.5)
        print(f"# {rate / 2000:.3f} of what the key allows, {100 * refused:.2f} % refused")
        assert rate / 2000 >= (0.3 if SANITIZER else 0.7)


def test_without_the_right_to_put_one_item(place):
    """What is sent alone to be told a reason goes into a batch again; the run goes on, and sends none alone any more: otherwise it would
    be one every two seconds."""
    rows(place, 6000)
    with Endpoint("--fault", "op=BatchWriteItem,what=unprocessed,keep=5,every=80",
                  "--fault", "op=PutItem,what=error,type=AccessDeniedException", log=place.folder / "log") as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("logs"))
        result = place.hlua("migrate", "--wcu", "800")
        assert result.counts() == (6000, 6000, 0, 0, 0), result
        written(target, "logs", 6000)
        alone = sum(line["op"] == "PutItem" for line in endpoint.logged())
        assert alone == 1, alone


def test_rate_of_several_tables(place):
    """One rate for all tables of the plan; here two plan tables share a table of DynamoDB, and one has a policy."""
    not_slowed_down()
    for name in ("one", "two", "three"):
        rows(place, 5000, name)
    shared = 'from = "{0}", to = "shared", partition_key = {{ PK = "{0}#{{id}}" }}, attributes = {{ hlua.columns {{}} }},'
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        place.plan(shared.format("one"), shared.format("two") + ' name = "two",', PLAN.format("three") + ' existing = "keep",', more="write_units = 1500,")
        result = place.hlua("migrate", "--jobs", "2")
        assert [result.counts(name) for name in ("shared", "two", "three")] == 3 * [(5000, 5000, 0, 0, 0)], result
        written(target, "shared", 10000)
        written(target, "three", 5000)
        keeps(capacity(endpoint)["seconds"], 1500, length=5)


def test_table_that_is_full_leaves_the_others_alone(place):
    """A table with little capacity is written at its own pace, the other one as fast as it takes."""
    not_slowed_down()
    rows(place, 6000, "slow")
    rows(place, 24000, "fast")
    with Endpoint("--capacity", "documented") as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("slow") + 'billing_mode = "PROVISIONED", provisioned = { read = 1, write = 500 },',
                   PLAN.format("fast"))
        result = place.hlua("migrate")
        written(target, "slow", 6000)
        written(target, "fast", 24000)
        slow, fast = result.table("slow"), result.table("fast")
        assert "provisioned" in slow["throttling"]["advice"] and "warm" in fast["throttling"]["advice"], (slow, fast)
        seconds = capacity(endpoint)["seconds"]
        print(f"# both at first: {[round(n) for n in seconds]}")
        # at the slow one's pace it would be 1,000 a second; the fast one needs six seconds
        assert sum(seconds[:8]) >= 22000, seconds


def test_control_changes_the_rate(place):
    """`control wcu` in the middle; a pause, after which nothing is made up for."""
    not_slowed_down()
    rows(place, 20000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        place.plan(PLAN.format("logs"), more="write_units = function(clock) return 2000 end,")
        running = place.start("migrate", "--jobs", "2")
        wait_until(lambda: len(capacity(endpoint)["seconds"]) > 4, "four seconds")
        keeps(capacity(endpoint)["seconds"], 2000, length=3, within=0.1)
        said = place.hlua("control", "wcu", "500").event("control")
        assert said["write_units_asked"] == 500, said
        before = len(capacity(endpoint)["seconds"])
        wait_until(lambda: len(capacity(endpoint)["seconds"]) > before + 4, "four seconds")
        keeps(capacity(endpoint)["seconds"][before:], 500, length=3, within=0.1)
        place.hlua("control", "pause")
        wait_until(lambda: place.hlua("control", "status").event("control")["tables"][0]["in_flight"] == 0, "an empty flight")
        paused = capacity(endpoint)["accepted"]
        time.sleep(1.5)
        assert capacity(endpoint)["accepted"] == paused
        place.hlua("control", "wcu", "1000")
        place.hlua("control", "resume")
        resumed = len(capacity(endpoint)["seconds"])
        wait_until(lambda: len(capacity(endpoint)["seconds"]) > resumed + 3, "three seconds")
        most = max(capacity(endpoint)["seconds"][resumed - 1:])
        print(f"# after the pause at most {most} in a second, of 1000")
        assert most <= 1150
        place.hlua("control", "wcu", "100000")
        result = running.end()
        assert result.counts() == (20000, 20000, 0, 0, 0), result
        written(target, "logs", 20000)


BROKEN = (
    ("return 0", "the function gave 0"),
    ("error 'no moon'", "plan.lua:5: no moon"),
    ("while true do end", "the function ran longer than mapping_timeout allows (200 ms)"),
    ("while true do pcall(function() while true do end end) end", "the function ran longer"),
    ("coroutine.wrap(function() while true do end end)() return 1", "the function ran longer"),
    ("xpcall(function() while true do end end, function() while true do end end) return 1", "the function ran longer"),
)


def test_function_that_is_wrong_is_found_at_once(place):
    """Every command asks it first, in time and in one form: no table is made, nothing is read."""
    rows(place, 10)
    with Endpoint(log=place.folder / "log") as endpoint:
        place.target(endpoint.url)
        for broken, says in BROKEN:
            place.plan(PLAN.format("logs"), more=f"mapping_timeout = 0.2, write_units = function(clock) {broken} end,")
            for words in ([], ["check"], ["check", "--offline"], ["migrate"], ["rehearse"], ["rejects", "--retry"]):
                result = place.hlua(*words, code=1)
                result.says("hlua: write_units: ", "plan.lua:5: ", says, "hint: mend")
                event = result.event("error")
                assert event["kind"] == "plan" and says in event["text"] and event["hint"], event
            place.hlua("check", "--offline", code=1, json=False).says("hlua: write_units: ", says, "hint: mend")
        assert not endpoint.logged(), endpoint.logged()
        place.hlua("migrate", "--wcu", "1000")  # says so instead of the function


def test_coroutine_from_before_the_call(place):
    """One that the plan made when it was loaded is ended as well; a right one is asked again and again."""
    rows(place, 3000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        place.target(endpoint.url)
        for body, code in (("while true do end", 1), ("while true do coroutine.yield(1000) end", 0)):
            place.plan(PLAN.format("logs"), more=f"write_units = coroutine.wrap(function() {body} end),")
            result = place.hlua("migrate", code=code)
            if code:
                result.says("hlua: write_units: ", "the function ran longer than mapping_timeout allows (1000 ms)")


def test_function_that_hangs_in_the_middle(place):
    rows(place, 6000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        place.target(endpoint.url)
        place.plan(PLAN.format("logs"), more="write_units = function(clock) while clock.elapsed > 1 do end return 1000 end,")
        place.hlua("migrate", code=1).says("hlua: write_units: ", "the function ran longer", "hint: mend", "goes on")
        assert 0 < capacity(endpoint)["accepted"] < 6000


def test_function_that_fails(place):
    """At the beginning nothing is written; in the middle what is written stays: exit code 1, and the mended plan goes on."""
    rows(place, 6000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        for broken, wrote in (("return 0", False), ("return clock.elapsed < 2 and 1000 or nil", True)):
            place.plan(PLAN.format("logs"), more=f"write_units = function(clock) {broken} end,")
            place.hlua("migrate", code=1).says("hlua: write_units: ", "the function gave", "hint: mend")
            assert (capacity(endpoint)["accepted"] > 0) == wrote
        place.plan(PLAN.format("logs"), more="write_units = function(clock) return 3000 end,")
        result = place.hlua("migrate")
        assert result.counts() == (6000, 6000, 0, 0, 0), result
        written(target, "logs", 6000)


def test_templated_targets_obey(place):
    """Tables that the rows name: all of them within one rate."""
    rows(place, 8000)
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        place.plan(BY_KIND)
        result = place.hlua("migrate", "--wcu", "1000", "--jobs", "2")
        assert result.counts() == (8000, 8000, 0, 0, 0), result
        assert sum(target.describe_table(TableName=f"t-{i}")["Table"]["ItemCount"] for i in range(4)) == 8000
        keeps(capacity(endpoint)["seconds"], 1000, length=5)


def test_templated_targets_have_a_pace_each(place):
    """Tables that the rows name, each found to be full: together they are written as fast as all of them take."""
    not_slowed_down()
    rows(place, 16000)
    with Endpoint("--capacity", "warm=500") as endpoint:
        target = place.target(endpoint.url)
        place.plan(BY_KIND)
        result = place.hlua("migrate", "--jobs", "2")
        assert result.counts() == (16000, 16000, 0, 0, 0), result
        assert sum(target.describe_table(TableName=f"t-{i}")["Table"]["ItemCount"] for i in range(4)) == 16000
        found = capacity(endpoint)
        print(f"# {[round(n) for n in found['seconds']]}, of 2000")
        assert sum(found["refused"].values()) and sum(found["seconds"][:6]) >= 0.75 * 6 * 2000, found


def test_retry_obeys(place):
    """Rejected rows that are read again keep the plan's rate, too."""
    rows(place, 900)
    place.sql("UPDATE logs SET v = NULL")
    with Endpoint("--capacity", UNLIMITED) as endpoint:
        target = place.target(endpoint.url)
        keyed = 'from = "logs", to = "logs", partition_key = { PK = "{v}" }, attributes = { hlua.columns {} },'
        place.plan(keyed)
        place.hlua("migrate", code=5)
        place.sql("UPDATE logs SET v = md5(id::text)")
        place.plan(keyed, more="write_units = 200,")
        place.hlua("rejects", "--retry")
        written(target, "logs", 900)
        keeps(capacity(endpoint)["seconds"], 200, length=2, within=0.1)  # in two seconds what a late worker makes up for is 2.5 %
