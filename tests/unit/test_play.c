/* Plays of generated keys: as long as the limits and the keys themselves say, by whichever limit, also of a thinned tape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "engine/play.h"
#include "engine/reading.h"
#include "memory_faults.h"

#define RESOURCES 4
#define ROWS_A_DAY 20000

static uint64_t chance(uint64_t n, uint64_t salt) {
    uint64_t both[2] = {n, salt};
    return hash_64(both, sizeof both, 7);
}

/* Keys of row n. */
typedef void keys_of(int64_t n, struct parts *out);

static void even_keys(int64_t n, struct parts *out) {
    out->count = 2;
    for (int i = 0; i < 2; i++) out->at[i] = (struct part){.resource = i, .units = 1, .key = chance((uint64_t)n, (uint64_t)i)};
}

/* One key of the index in a fifth of the rows. */
static void heavy_keys(int64_t n, struct parts *out) {
    even_keys(n, out);
    if (chance((uint64_t)n, 9) % 5 == 0) out->at[1].key = 1;
}

/* The integration logs, in the order of their time: a service and a day; an application; a flow; success and a day. */
static void log_keys(int64_t n, struct parts *out) {
    uint64_t r = chance((uint64_t)n, 1), flow = (uint64_t)n / 8, day = (uint64_t)n / ROWS_A_DAY;
    static const uint8_t services[16] = {1, 1, 1, 1, 6, 6, 3, 3, 3, 4, 4, 4, 5, 5, 2, 6};
    uint64_t keys[RESOURCES] = {chance(day * 8 + services[r & 15], 2), chance(flow % 48000, 3), chance(flow, 4),
                                chance(day * 2 + ((r >> 4 & 1023) < 62), 5)};
    out->count = RESOURCES;
    for (int i = 0; i < RESOURCES; i++) out->at[i] = (struct part){.resource = i, .units = 1, .key = keys[i]};
}

/* Every `thin`-th row, on a tape of chunks. */
static void record(struct tape *t, keys_of *keys, int64_t rows, int64_t chunk_rows, int thin) {
#ifdef __SANITIZE_THREAD__
    skip(); /* a play is one thread: nothing for this sanitizer to find, in a minute of computing */
#endif
    tape_init(t, (size_t)1 << 30);
    for (int64_t n = 0; n < rows; n++) {
        struct parts parts;
        if (n % chunk_rows == 0) assert_true(tape_begin(t, t->count));
        if (n % thin) continue;
        keys(n, &parts);
        assert_true(tape_add(t, 0, &parts));
        t->chunks[t->count - 1].rows++;
    }
}

static const struct capacity_given fresh[RESOURCES];
static const struct capacity_given warm[RESOURCES] = {{.warm = 40000}, {.warm = 40000}, {.warm = 40000}, {.warm = 40000}};

static struct play_outcome play(struct tape *t, const struct play_setting *how) {
    struct play_setting s = *how;
    struct play_target target = {.given = fresh, .resources = RESOURCES, .batch = 25};
    struct play_outcome out;
    struct error err;
    if (s.targets == NULL) s.targets = &target;
    if (s.target_count == 0) s.target_count = 1;
    s.workers = 2;
    if (s.weight == 0) s.weight = 1;
    if (s.open_max == 0) s.open_max = 48;
    s.seed = 1;
    assert_true(play_run(t, &s, &out, &err));
    for (int i = 0; i < out.period_count; i++) {
        const struct watch_period *p = &out.periods[i];
        print_message("#   %.1f-%.1f s: cause %d of resource %d, %d keys, %.2f\n", p->from, p->to, p->reason.cause,
                      p->reason.resource, p->keys, p->share);
    }
    print_message("# %.1f s, %.0f units, %.0f refused\n", out.seconds, out.units, out.refused);
    return out;
}

static void assert_near(double found, double wanted, double share) {
    print_message("# found %.2f, wanted %.2f\n", found, wanted);
    assert_true(fabs(found - wanted) <= share * wanted);
}

/* A new table and its index take 4,000 units a second each. */
static void test_even_keys_and_a_new_table(void **state) {
    (void)state;
    struct tape t;
    record(&t, even_keys, 200000, 2500, 1);
    struct play_outcome o = play(&t, &(struct play_setting){0});
    assert_near(o.seconds, 50, 0.05);
    assert_int_equal(o.periods[0].reason.cause, WATCH_WARM);
    assert_near(o.units, 400000, 0.0001);
    tape_free(&t);
}

static void test_rate_asked_for(void **state) {
    (void)state;
    struct tape t;
    record(&t, even_keys, 50000, 2500, 1);
    struct play_outcome o = play(&t, &(struct play_setting){.units = 2000});
    assert_near(o.seconds, 50, 0.05);
    assert_int_equal(o.periods[0].reason.cause, WATCH_ASKED);
    tape_free(&t);
}

static void test_client(void **state) {
    (void)state;
    struct tape t;
    record(&t, even_keys, 50000, 2500, 1);
    struct play_outcome o = play(&t, &(struct play_setting){.rows = 2000, .open_max = 1});
    assert_near(o.seconds, 25, 0.05);
    assert_int_equal(o.periods[0].reason.cause, WATCH_CLIENT);
    tape_free(&t);
}

static void test_provisioned(void **state) {
    (void)state;
    struct tape t;
    static const struct capacity_given given[RESOURCES] = {{.provisioned = 1000}, {.provisioned = 500}};
    struct play_target target = {.given = given, .resources = RESOURCES, .batch = 25};
    record(&t, even_keys, 20000, 2500, 1);
    struct play_outcome o = play(&t, &(struct play_setting){.targets = &target});
    assert_near(o.seconds, 40, 0.06);
    assert_int_equal(o.periods[0].reason.cause, WATCH_PROVISIONED);
    assert_int_equal(o.periods[0].reason.resource, 1);
    tape_free(&t);
}

/* A partition takes 1,000 units a second; with shards, as many times more. */
static void test_heaviest_key(void **state) {
    (void)state;
    struct tape t;
    struct play_target target = {.given = warm, .resources = RESOURCES, .batch = 25};
    struct part part = {.resource = 1, .key = 1};
    record(&t, heavy_keys, 100000, 2500, 1);
    int64_t heavy = 0;
    for (int64_t n = 0; n < 100000; n++) heavy += chance((uint64_t)n, 9) % 5 == 0;
    struct play_outcome o = play(&t, &(struct play_setting){.targets = &target});
    assert_near(o.seconds, (double)heavy / 1000, 0.10);
    assert_int_equal(o.periods[0].reason.cause, WATCH_PARTITION);
    assert_true(o.periods[0].reason.bucket == parts_bucket(0, &part));
    struct play_outcome sharded =
        play(&t, &(struct play_setting){.targets = &target, .shards = {.count = 10, .target = 0, .resource = 1}});
    assert_true(sharded.seconds < o.seconds / 3);
    tape_free(&t);
}

static void test_key_order_is_slower(void **state) {
    (void)state;
    struct tape t;
    struct play_target target = {.given = warm, .resources = RESOURCES, .batch = 25};
    record(&t, log_keys, 200000, 2500, 1);
    struct play_outcome shuffled = play(&t, &(struct play_setting){.targets = &target});
    struct play_outcome ordered = play(&t, &(struct play_setting){.targets = &target, .in_order = true});
    assert_true(ordered.seconds > 5 * shuffled.seconds);
    assert_near(ordered.seconds, 200000 * 0.94 / 1000, 0.15);
    tape_free(&t);
}

/* Of few chunks few are open at first. While keys throttle it is as many as there can be, as in a run. */
static void test_few_chunks(void **state) {
    (void)state;
    struct tape t;
    struct play_target target = {.given = warm, .resources = RESOURCES, .batch = 25};
    record(&t, log_keys, 200000, 2500, 1);
    int few = reading_open_max(t.count, 2);
    assert_int_equal(few, 6);
    double many_open = play(&t, &(struct play_setting){.targets = &target}).seconds;
    assert_near(play(&t, &(struct play_setting){.targets = &target, .open_max = few}).seconds, many_open, 0.15);
    tape_free(&t);
}

/* Two tables at once: each as fast as it takes, though their rows come mixed. */
static void test_two_targets(void **state) {
    (void)state;
    struct tape t;
    static const struct capacity_given slow[RESOURCES] = {{.provisioned = 500}, {.provisioned = 500}};
    struct play_target targets[] = {{.given = fresh, .resources = RESOURCES, .batch = 25},
                                    {.given = slow, .resources = RESOURCES, .batch = 25}};
    tape_init(&t, (size_t)1 << 30);
    for (int64_t n = 0; n < 90000; n++) {
        struct parts parts;
        if (n % 1000 == 0) assert_true(tape_begin(&t, t.count));
        even_keys(n, &parts);
        assert_true(tape_add(&t, n % 9 == 0, &parts));
        t.chunks[t.count - 1].rows++;
    }
    struct play_outcome o = play(&t, &(struct play_setting){.targets = targets, .target_count = 2});
    assert_near(o.seconds, 20, 0.10); /* 80,000 at 4,000 a second, and 10,000 at 500 */
    assert_near(o.units, 180000, 0.0001);
    struct play_outcome first =
        play(&t, &(struct play_setting){.targets = (struct play_target[]){targets[0], targets[0]}, .target_count = 2});
    assert_near(first.seconds, 20, 0.05); /* the other one's rows are in nobody's way */
    tape_free(&t);
}

/* A part of the rows says as much as all of them, whatever limits. */
static void test_thinned(void **state) {
    (void)state;
    static const int thins[] = {5, 40};
    const struct {
        keys_of *keys;
        int64_t rows;
        const struct capacity_given *given;
        double units;
    } cases[] = {{even_keys, 1000000, fresh, 0},
                 {even_keys, 400000, fresh, 3000},
                 {heavy_keys, 400000, warm, 0},
                 {log_keys, 1000000, warm, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tape whole, thin;
        struct play_target target = {.given = cases[i].given, .resources = RESOURCES, .batch = 25};
        struct play_setting s = {.targets = &target, .units = cases[i].units};
        record(&whole, cases[i].keys, cases[i].rows, 5000, 1);
        double seconds = play(&whole, &s).seconds;
        tape_free(&whole);
        for (size_t k = 0; k < 2; k++) {
            record(&thin, cases[i].keys, cases[i].rows, 5000, thins[k]);
            s.weight = thins[k];
            assert_near(play(&thin, &s).seconds, seconds, 0.10);
            tape_free(&thin);
        }
    }
}

/* Weights beyond what is played as units stretch the clock; the table's growth keeps its half hours. */
static void test_stretched(void **state) {
    (void)state;
    struct tape t;
    record(&t, even_keys, 40000, 1000, 1);
    struct play_outcome o = play(&t, &(struct play_setting){.weight = 1000});
    /* 40 million rows at 4,000 a second, and double after each half hour: 7.2 million, 14.4, and 18.4 at 16,000 */
    assert_near(o.seconds, 3600 + 18400000 / 16000.0, 0.10);
    tape_free(&t);
}

/* Each allocation fails in turn: the play ends and says why, and gives everything back (the address sanitizer looks). */
static void test_memory_runs_out(void **state) {
    (void)state;
    struct tape t;
    struct play_target target = {.given = fresh, .resources = RESOURCES, .batch = 25};
    struct play_setting s = {.targets = &target, .target_count = 1, .workers = 8, .open_max = 4, .weight = 20, .seed = 1};
    struct play_outcome out;
    struct error err;
    record(&t, heavy_keys, 12000, 250, 1);
    int n = 1, failed = 1;
    for (; failed; n++) {
        memory_faults_set(n, n % 2);
        bool ok = play_run(&t, &s, &out, &err);
        failed = memory_faults.failed;
        memory_faults_set(0, false);
        assert_true(ok || (failed > 0 && err.kind == ERROR_LOCAL));
    }
    assert_near(out.units, 12000 * 2 * 20, 0.0001);
    print_message("# %d allocations\n", n - 2);
    tape_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_even_keys_and_a_new_table),
        cmocka_unit_test(test_rate_asked_for),
        cmocka_unit_test(test_client),
        cmocka_unit_test(test_provisioned),
        cmocka_unit_test(test_heaviest_key),
        cmocka_unit_test(test_key_order_is_slower),
        cmocka_unit_test(test_few_chunks),
        cmocka_unit_test(test_two_targets),
        cmocka_unit_test(test_thinned),
        cmocka_unit_test(test_stretched),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
