/* What held a run up: waits in spans of time, told as a few periods with one main cause each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <math.h>

#include "base/clock.h"
#include "engine/watch.h"

#define MOST 8

static struct watch *w;
static struct watch_period periods[MOST];

static int begin(void **state) {
    (void)state;
    w = watch_new();
    return w == NULL;
}

static int end(void **state) {
    (void)state;
    watch_free(w);
    return 0;
}

static const struct watch_reason asked = {.cause = WATCH_ASKED}, requests = {.cause = WATCH_REQUESTS},
                                 client = {.cause = WATCH_CLIENT};

static struct watch_reason key(int resource, uint64_t bucket) {
    return (struct watch_reason){.cause = WATCH_PARTITION, .resource = resource, .bucket = bucket};
}

/* A worker waits from one second to another. */
static void waits(double from, double to, struct watch_reason why) {
    watch_waited(w, (int64_t)(from * (double)CLOCK_SECOND), (int64_t)(to * (double)CLOCK_SECOND), &why);
}

/* The periods of a run of so many seconds: they follow each other, from its beginning to its end. */
static int tell(double seconds, double slower, int most) {
    int count = watch_periods(w, (int64_t)(seconds * (double)CLOCK_SECOND), slower, periods, most);
    assert_true(count <= most);
    for (int i = 0; i < count; i++) {
        assert_true(periods[i].from == (i ? periods[i - 1].to : 0) && periods[i].to > periods[i].from);
        assert_true(periods[i].share > 0 && periods[i].share <= 1);
    }
    if (count) assert_true(fabs(periods[count - 1].to - seconds * slower) < 1e-6);
    return count;
}

static void assert_period(int i, double to, enum watch_cause cause, double share) {
    assert_true(fabs(periods[i].to - to) < 0.05);
    assert_int_equal(periods[i].reason.cause, cause);
    assert_true(fabs(periods[i].share - share) < 0.02);
}

static void nothing_waited(void **state) {
    (void)state;
    assert_int_equal(tell(3, 1, MOST), 0);
    assert_int_equal(tell(0, 1, MOST), 0);
}

static void one_cause_is_one_period(void **state) {
    (void)state;
    waits(0, 0.5, asked);
    waits(0.7, 2, asked); /* between them nobody waited, which says nothing */
    assert_int_equal(tell(2, 1, MOST), 1);
    assert_period(0, 2, WATCH_ASKED, 1);
}

static void causes_follow_each_other(void **state) {
    (void)state;
    waits(0, 1, client);
    waits(1, 1.6, asked);
    waits(1.6, 2, requests);
    assert_int_equal(tell(2, 1, MOST), 3);
    assert_period(0, 1, WATCH_CLIENT, 1);
    assert_period(1, 1.6, WATCH_ASKED, 1);
    assert_period(2, 2, WATCH_REQUESTS, 1);
    assert_int_equal(tell(2, 30, MOST), 3); /* as on a clock that is stretched */
    assert_period(0, 30, WATCH_CLIENT, 1);
    assert_period(1, 48, WATCH_ASKED, 1);
}

/* The one with the most time is told, with its share of it. */
static void the_main_cause_counts(void **state) {
    (void)state;
    waits(0, 2, asked);
    waits(0, 2, asked);
    waits(0, 2, client);
    assert_int_equal(tell(2, 1, MOST), 1);
    assert_period(0, 2, WATCH_ASKED, 2.0 / 3);
}

static void what_is_short_is_its_neighbours(void **state) {
    (void)state;
    waits(0, 1, client);
    waits(1, 1.03, asked); /* less than a twenty-fifth of the run */
    waits(1.03, 2, client);
    assert_int_equal(tell(2, 1, MOST), 1);
    assert_period(0, 2, WATCH_CLIENT, 1 - 0.03 / 2);
}

static void no_more_than_are_asked_for(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) waits(0.1 * i, 0.1 * (i + 1), i % 2 ? asked : client);
    int count = tell(2, 1, 3);
    assert_true(count >= 1);
    waits(2, 4, requests);
    count = tell(4, 1, 2);
    assert_int_equal(periods[count - 1].reason.cause, WATCH_REQUESTS);
    assert_int_equal(tell(4, 1, 1), 1);
    assert_period(0, 4, WATCH_REQUESTS, 0.5);
}

/* Keys of one index are one cause, told by the one that was waited for longest; those of another index, or the table, are not. */
static void keys_of_one_index_are_one_cause(void **state) {
    (void)state;
    waits(0, 1, key(1, 10));
    waits(0, 1, key(1, 10));
    waits(0, 1, key(1, 11));
    waits(0, 1, key(1, 12));
    waits(0, 1, key(2, 13));
    waits(1, 2, key(2, 13));
    assert_int_equal(tell(2, 1, MOST), 2);
    assert_period(0, 1, WATCH_PARTITION, 0.8);
    assert_true(periods[0].reason.bucket == 10 && periods[0].reason.resource == 1 && periods[0].keys == 3);
    assert_true(periods[1].reason.bucket == 13 && periods[1].keys == 1);
}

/* More keys than are told apart: the heavy one is found all the same, and no time is lost. */
static void a_heavy_key_among_many(void **state) {
    (void)state;
    uint64_t n = 100;
    for (int i = 0; i < 190; i++) {
        waits(0.01 * i, 0.01 * i + 0.005, key(1, 7));
        for (int k = 0; k < 5; k++) waits(0.01 * i, 0.01 * i + 0.001, key(1, n++));
    }
    assert_int_equal(tell(1.9, 1, MOST), 1);
    assert_period(0, 1.9, WATCH_PARTITION, 1);
    assert_int_equal(periods[0].reason.bucket, 7);
}

/* Spans double as the run grows: what was early stays where it was. */
static void a_long_run(void **state) {
    (void)state;
    for (int s = 0; s < 4000; s++) waits(s, s + 1, s < 1000 ? client : asked);
    assert_int_equal(tell(4000, 1, MOST), 2);
    assert_true(fabs(periods[0].to - 1000) < 4000.0 / 128);
    assert_int_equal(periods[0].reason.cause, WATCH_CLIENT);
    assert_int_equal(periods[1].reason.cause, WATCH_ASKED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_waited, begin, end),
        cmocka_unit_test_setup_teardown(one_cause_is_one_period, begin, end),
        cmocka_unit_test_setup_teardown(causes_follow_each_other, begin, end),
        cmocka_unit_test_setup_teardown(the_main_cause_counts, begin, end),
        cmocka_unit_test_setup_teardown(what_is_short_is_its_neighbours, begin, end),
        cmocka_unit_test_setup_teardown(no_more_than_are_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(keys_of_one_index_are_one_cause, begin, end),
        cmocka_unit_test_setup_teardown(a_heavy_key_among_many, begin, end),
        cmocka_unit_test_setup_teardown(a_long_run, begin, end),
    };
    return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
