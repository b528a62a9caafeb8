/* The writer against a service that follows a rule: what is refused, comes back, or cannot be sent; and that every item is settled once,
 * also when memory runs out on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "memory_faults.h"
#include "writer_rig.h"

static struct rig g;
static struct error e;

#define OK(call)                                                                                                                 \
    if (!(call)) fail_msg("%s", e.text)

static const struct writer_caller noted = {0};

static void open_rig(rig_answer *answer, enum put_rule rule) {
    OK(rig_open(&g, answer, rule, noted, &e));
}

static void add(int count, const char *word) {
    for (int i = 0; i < count; i++) OK(rig_add(&g, word, &e));
}

/* Requests of so many items each, which are not sent yet. */
static void make_ready(int requests, int items_each) {
    for (int i = 0; i < requests; i++) {
        add(items_each, "good");
        OK(writer_flush(g.writer, &e));
    }
}

static void all_is_settled(int written, int refused) {
    assert_int_equal(rig_count(&g, SETTLED_WRITTEN), written);
    assert_int_equal(rig_count(&g, SETTLED_REFUSED), refused);
    assert_true(rig_empty(&g));
    rig_close(&g);
}

/* --- what is sent, and sent again --- */

static void writes_in_batches(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    add(60, "good");
    OK(rig_work(&g, &e));
    assert_int_equal(g.requests, 3);
    all_is_settled(60, 0);
}

/* A service that closes the connection after each answer. */
static void opens_connections_again(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    g.closes = true;
    for (int i = 0; i < 8; i++) {
        add(25, "good");
        OK(rig_work(&g, &e));
    }
    assert_int_equal(g.requests, 8);
    all_is_settled(200, 0);
}

static void finds_the_guilty_items(void **state) {
    (void)state;
    open_rig(rig_refuses_bad, PUT_ALWAYS);
    add(7, "good");
    add(1, "bad");
    add(41, "good");
    add(1, "bad");
    OK(rig_work(&g, &e));
    assert_int_equal(g.how[7], SETTLED_REFUSED);
    assert_int_equal(g.how[49], SETTLED_REFUSED);
    assert_string_equal(g.message, "ValidationException: an item is bad");
    all_is_settled(48, 2);
}

/* The first answers send back all but a few. */
static const char *sends_back(struct rig *rig, int n, bool put, const char *body, int *status) {
    return n < 3 && !put ? rig_unprocessed(rig, body, n) : rig_written(rig, n, put, body, status);
}

static void sends_again_what_came_back(void **state) {
    (void)state;
    open_rig(sends_back, PUT_ALWAYS);
    add(25, "good");
    OK(rig_work(&g, &e));
    assert_true(g.requests >= 3);
    assert_true(g.table.refused[RUN_REFUSED_UNSAID] + g.table.refused[RUN_REFUSED_HOT_KEY] >= 25);
    all_is_settled(25, 0);
}

/* The item that was sent alone to be told a reason: who may not PutItem writes in batches all the same. */
static const char *denies_put(struct rig *rig, int n, bool put, const char *body, int *status) {
    if (!put) return n == 0 ? rig_unprocessed(rig, body, 0) : rig_written(rig, n, put, body, status);
    *status = 400;
    return RIG_TYPE "AccessDeniedException\",\"message\":\"no\"}";
}

static void does_without_a_reason(void **state) {
    (void)state;
    open_rig(denies_put, PUT_ALWAYS);
    add(25, "good");
    OK(rig_work(&g, &e));
    assert_int_equal(g.puts, 1);
    assert_true(g.job.pacing->no_probes);
    all_is_settled(25, 0);
}

static const char *throttles_put(struct rig *rig, int n, bool put, const char *body, int *status) {
    if (!put) return n == 0 ? rig_unprocessed(rig, body, 0) : rig_written(rig, n, put, body, status);
    if (rig->puts > 1) return "{}";
    *status = 400;
    return RIG_TYPE "ThrottlingException\",\"message\":\"slow\",\"ThrottlingReasons\":[{\"reason\":"
                    "\"TableWriteProvisionedThroughputExceeded\",\"resource\":\"arn:aws:dynamodb:x:1:table/Things\"}]}";
}

static void is_told_the_reason(void **state) {
    (void)state;
    open_rig(throttles_put, PUT_ALWAYS);
    add(25, "good");
    OK(rig_work(&g, &e));
    assert_int_equal(g.puts, 2);
    assert_int_equal(g.table.refused[RUN_REFUSED_BY_REASON + 2], 1);
    all_is_settled(25, 0);
}

static const char *is_there_already(struct rig *rig, int n, bool put, const char *body, int *status) {
    assert_true(put);
    if (n == 1) {
        *status = 400;
        return RIG_TYPE "ConditionalCheckFailedException\",\"message\":\"no\",\"Item\":{\"Id\":{\"S\":\"other\"}}}";
    }
    if (n == 2) {
        *status = 503;
        return "{}";
    }
    return rig_written(rig, n, put, body, status);
}

static void keeps_what_is_there(void **state) {
    (void)state;
    open_rig(is_there_already, PUT_IF_ABSENT);
    add(6, "good");
    OK(rig_work(&g, &e));
    assert_int_equal(g.puts, 7);
    assert_int_equal(rig_count(&g, SETTLED_SUPERSEDED), 1);
    all_is_settled(5, 0);
}

/* A failure that ends the run leaves nothing unsettled, wherever the requests are. */
static const char *is_gone(struct rig *rig, int n, bool put, const char *body, int *status) {
    if (n < 2) return n ? rig_unprocessed(rig, body, 1) : rig_written(rig, n, put, body, status);
    *status = 400;
    return RIG_TYPE "ResourceNotFoundException\",\"message\":\"no table\"}";
}

static void stops_and_drops(void **state) {
    (void)state;
    open_rig(is_gone, PUT_ALWAYS);
    add(190, "good");
    assert_false(rig_work(&g, &e));
    assert_int_equal(e.kind, ERROR_TARGET);
    assert_true(rig_wind_down(&g));
    assert_int_equal(rig_count(&g, SETTLED_WRITTEN) + rig_count(&g, SETTLED_DROPPED), 190);
    assert_true(rig_empty(&g));
    rig_close(&g);
}

/* --- all of it at once --- */

static uint64_t seed;

static uint64_t chance(uint64_t most) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % most;
}

static const char *misbehaves(struct rig *rig, int n, bool put, const char *body, int *status) {
    rig->closes = chance(8) == 0;
    switch (n > 2 * RIG_ITEMS ? 99 : chance(10)) {
    case 0: *status = 500; return "";
    case 1: *status = 503; return "<html>later</html>";
    case 2: return "{\"UnprocessedItems\":";
    case 3: *status = 400; return RIG_TYPE "ThrottlingException\",\"message\":\"slow\"}";
    case 4:
        if (put || strstr(body, "\"bad\"")) return rig_refuses_bad(rig, n, put, body, status);
        return rig_unprocessed(rig, body, (int)chance(5));
    case 5: *status = 400; return RIG_TYPE "InternalServerError\",\"message\":\"?\"}";
    default: return rig_refuses_bad(rig, n, put, body, status);
    }
}

/* Whatever a service answers, and in whichever order: each item is written, or refused if it is bad. */
static void every_item_comes_through(void **state) {
    (void)state;
    for (int round = 0; round < 20; round++) {
        seed = (uint64_t)round;
        open_rig(misbehaves, round % 4 ? PUT_ALWAYS : PUT_IF_ABSENT);
        int bad = 0, count = round % 4 ? RIG_ITEMS : 20;
        for (int i = 0; i < count; i++) {
            bool is_bad = chance(20) == 0;
            bad += is_bad;
            add(1, is_bad ? "bad" : "good");
            if (chance(30) == 0 && !rig_work(&g, &e)) fail_msg("round %d: %s", round, e.text);
        }
        if (!rig_work(&g, &e)) fail_msg("round %d: %s", round, e.text);
        all_is_settled(count - bad, bad);
    }
}

/* --- memory --- */

struct play {
    rig_answer *answer;
    enum put_rule rule;
    int good, bad; /* items */
};

/* Writes some items while the n-th allocation fails, and those that follow if `on`. False: nothing failed, there are no more. */
static bool with_fault(const struct play *play, int n, bool on) {
    open_rig(play->answer, play->rule);
    memory_faults_set(n, on);
    bool ok = true;
    for (int i = 0; ok && i < play->good + play->bad; i++) ok = rig_add(&g, i < play->bad ? "bad" : "good", &e);
    ok = ok && rig_work(&g, &e);
    bool ended = ok || rig_wind_down(&g);
    int failed = memory_faults.failed;
    memory_faults_set(0, false);
    if (!ended) fail_msg("hangs when allocation %d fails%s", n, on ? " and all later ones" : "");
    if (!ok && (failed == 0 || e.kind != ERROR_LOCAL)) fail_msg("allocation %d fails: %s", n, e.text);
    if (rig_count(&g, SETTLED_DROPPED) < 0) fail_msg("an item is not settled once when allocation %d fails", n);
    if (ok) assert_int_equal(rig_count(&g, SETTLED_WRITTEN) + rig_count(&g, SETTLED_SUPERSEDED), play->good);
    if (ok) assert_int_equal(rig_count(&g, SETTLED_REFUSED), play->bad);
    assert_true(rig_empty(&g));
    rig_close(&g);
    return failed > 0;
}

/* Each allocation fails in turn: the run ends with an error that says so (exit code 8), or does without. */
static void survives(const struct play *play) {
    int n = 1;
    while (with_fault(play, n, false)) n++;
    assert_true(n > 3);
    for (int k = 1; k < n; k++) with_fault(play, k, true);
    print_message("# %d allocations\n", n - 1);
}

static void memory_runs_out_while_writing(void **state) {
    (void)state;
    survives(&(struct play){rig_written, PUT_ALWAYS, 60, 0});
}

static void memory_runs_out_while_splitting(void **state) {
    (void)state;
    survives(&(struct play){rig_refuses_bad, PUT_ALWAYS, 6, 1});
}

static void memory_runs_out_while_throttled(void **state) {
    (void)state;
    survives(&(struct play){sends_back, PUT_ALWAYS, 20, 0});
    survives(&(struct play){denies_put, PUT_ALWAYS, 20, 0});
    survives(&(struct play){throttles_put, PUT_ALWAYS, 20, 0});
}

static void memory_runs_out_under_a_condition(void **state) {
    (void)state;
    survives(&(struct play){is_there_already, PUT_IF_ABSENT, 3, 0});
}

static void memory_is_out_at_the_beginning(void **state) {
    (void)state;
    for (int n = 1;; n++) {
        memory_faults_set(n, false);
        bool ok = rig_open(&g, rig_written, PUT_ALWAYS, noted, &e);
        int failed = memory_faults.failed;
        memory_faults_set(0, false);
        assert_int_equal(ok, failed == 0);
        if (!ok) assert_int_equal(e.kind, ERROR_LOCAL);
        rig_close(&g);
        if (ok) break;
    }
}

/* --- pace --- */

/* A large item at a low rate is paid for in more than a minute; when the rate rises meanwhile, nobody waits for that. */
static void a_rate_that_rises_is_noticed(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    governor_set_rate(g.job.pacing->governor, clock_now(), 5);
    g.units = 400;
    add(1, "good");
    OK(rig_work(&g, &e)); /* it goes at once, and all others after it wait */
    add(1, "good");
    OK(writer_flush(g.writer, &e) && writer_send(g.writer, &e));
    assert_true(g.requests == 1 && writer_lane(g.writer, g.writer->ready)->closed_until > clock_now());
    governor_set_rate(g.job.pacing->governor, clock_now(), 10000);
    OK(rig_work(&g, &e));
    assert_int_equal(g.requests, 2);
    all_is_settled(2, 0);
}

static void serve_and_step(void) {
    rig_serve(&g);
    writer_wake(g.writer);
    OK(writer_step(g.writer, &e) && writer_send(g.writer, &e));
}

/* Two more requests than there are connections at first; the two are hashed with others, which go before them. */
#define MORE_THAN_LINES 10
static void two_wait_hashed(int items_each) {
    g.writer->together = 2 * MORE_THAN_LINES; /* none goes before all are there */
    g.writer->lines.growth.quickest = -1;     /* and there will be no more connections, however long it takes */
    make_ready(MORE_THAN_LINES, items_each);
    assert_int_equal(g.writer->ready_count, MORE_THAN_LINES);
    OK(writer_send(g.writer, &e));
    assert_true(g.writer->ready_count == 2 && g.writer->hashed == 2 && g.writer->ready->hashed);
}

/* One that is too much for the rate that came meanwhile. */
static void what_is_cut_is_hashed_again(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    g.reads = 1;
    two_wait_hashed(DYNAMODB_BATCH_ITEMS_MAX);
    while (g.writer->ready_count != 1) serve_and_step();
    struct request *r = g.writer->ready;
    assert_true(r->hashed && r->batch.count == DYNAMODB_BATCH_ITEMS_MAX);
    governor_set_rate(g.job.pacing->governor, clock_now(), 50);
    while (r->batch.count == DYNAMODB_BATCH_ITEMS_MAX) serve_and_step();
    governor_set_rate(g.job.pacing->governor, clock_now(), 100000);
    g.reads = 0;
    OK(rig_work(&g, &e));
    assert_true(g.requests > MORE_THAN_LINES);
    all_is_settled(MORE_THAN_LINES * DYNAMODB_BATCH_ITEMS_MAX, 0);
}

/* Those that wait for the rate are not hashed along with one that goes: they may be cut first. */
static void those_of_a_closed_lane_are_not_hashed(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    governor_set_rate(g.job.pacing->governor, clock_now(), 5);
    g.units = 400;
    make_ready(3, 1);
    OK(writer_send(g.writer, &e));
    assert_true(g.writer->busy == 1 && g.writer->held == 2 && g.writer->hashed == 0);
    governor_set_rate(g.job.pacing->governor, clock_now(), 100000);
    OK(rig_work(&g, &e));
    all_is_settled(3, 0);
}

/* Those that were hashed before their lane closed are not among those that may go, and not counted against them either. */
static void hashed_ones_of_a_closed_lane_count_once(void **state) {
    (void)state;
    open_rig(rig_written, PUT_ALWAYS);
    two_wait_hashed(1);
    struct lane *lane = writer_lane(g.writer, g.writer->ready);
    lane->closed_until = clock_now() + RIG_SECONDS * CLOCK_SECOND;
    OK(writer_send(g.writer, &e));
    assert_true(g.writer->held == 2 && g.writer->held_hashed == 2);
    g.writer->together = 4;
    for (int i = 0; i < 4; i++) {
        assert_false(writer_enough(g.writer));
        make_ready(1, 1);
    }
    assert_int_equal(g.writer->held, 2 + 4); /* there were enough: it has tried to send them, and has looked at their lane */
    lane->closed_until = 0;
    OK(rig_work(&g, &e));
    all_is_settled(MORE_THAN_LINES + 4, 0);
}

/* --- what it holds --- */

/* Bodies that are kept for the next requests are memory, too: all workers' together are bounded. */
static void keeps_few_bodies(void **state) {
    (void)state;
    size_t kept = 0;
    open_rig(rig_written, PUT_IF_ABSENT);
    g.job.workers = 1024; /* 16 KB of the 16 MB are this one's */
    add(100, "good");
    OK(rig_work(&g, &e));
    for (const struct request *r = g.writer->spare; r; r = r->next) kept += r->batch.body.cap;
    assert_true(g.writer->spare_count > 50 && kept > 8 * 1024 && kept <= 16 * 1024);
    assert_int_equal(kept, g.writer->spare_bytes);
    add(100, "good");
    OK(rig_work(&g, &e));
    all_is_settled(200, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_in_batches),
        cmocka_unit_test(opens_connections_again),
        cmocka_unit_test(finds_the_guilty_items),
        cmocka_unit_test(sends_again_what_came_back),
        cmocka_unit_test(does_without_a_reason),
        cmocka_unit_test(is_told_the_reason),
        cmocka_unit_test(keeps_what_is_there),
        cmocka_unit_test(stops_and_drops),
        cmocka_unit_test(every_item_comes_through),
        cmocka_unit_test(memory_runs_out_while_writing),
        cmocka_unit_test(memory_runs_out_while_splitting),
        cmocka_unit_test(memory_runs_out_while_throttled),
        cmocka_unit_test(memory_runs_out_under_a_condition),
        cmocka_unit_test(memory_is_out_at_the_beginning),
        cmocka_unit_test(a_rate_that_rises_is_noticed),
        cmocka_unit_test(what_is_cut_is_hashed_again),
        cmocka_unit_test(those_of_a_closed_lane_are_not_hashed),
        cmocka_unit_test(hashed_ones_of_a_closed_lane_count_once),
        cmocka_unit_test(keeps_few_bodies),
    };
    if (!http_global_init(&e)) return 1;
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
