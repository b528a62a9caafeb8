/* Which keys are hot: who is to blame for a refusal, how a hot key is paced, and that nothing is counted while nothing throttles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dynamodb/failure.h"
#include "dynamodb/heat.h"

#define HOT 4711

static struct heat *heat;
static int64_t now;

static int begin(void **state) {
    (void)state;
    heat = heat_new();
    now = 500 * CLOCK_SECOND;
    return heat == NULL;
}

static int end(void **state) {
    (void)state;
    heat_free(heat);
    return 0;
}

/* An item of one unit in the table, whose key is its own, and in one index. */
static struct parts item(uint64_t n, uint64_t index_key) {
    return (struct parts){
        .count = 2, .at = {{.resource = PARTS_TABLE, .units = 1, .key = n << 20}, {.resource = 3, .units = 1, .key = index_key}}};
}

static uint64_t send_one(uint64_t n, uint64_t index_key) {
    struct parts p = item(n, index_key);
    uint64_t hot = 0;
    heat_sent(heat, now, 0, &p, 1, false, &hot);
    return hot;
}

static uint32_t refuse_one(uint64_t n, uint64_t index_key, unsigned limits) {
    struct parts p = item(n, index_key);
    return heat_refused(heat, now, now, 0, &p, 1, false, limits);
}

/* How long its keys are to be left alone. */
static int64_t wait_for(int table, uint64_t n, uint64_t index_key) {
    struct parts p = item(n, index_key);
    int64_t longest = 0;
    for (int i = 0; i < p.count; i++) {
        int64_t wait = heat_wait(heat, now, parts_bucket(table, &p.at[i]));
        if (wait > longest) longest = wait;
    }
    return longest;
}

/* For so many seconds: `rate` items a second of one index key, and as many of others. */
static void send_for(double seconds, int rate, uint64_t index_key) {
    static uint64_t n;
    int64_t stop = now + (int64_t)(seconds * (double)CLOCK_SECOND);
    for (; now < stop; now += CLOCK_SECOND / rate) {
        n++;
        send_one(n, index_key);
        send_one(n + (UINT64_C(1) << 40), n * 3 + 100000);
    }
}

static void test_inactive_until_something_throttles(void **state) {
    (void)state;
    assert_false(heat_active(heat));
    refuse_one(1, HOT, 0);
    assert_true(heat_active(heat));
    send_for(61, 100, HOT);
    assert_false(heat_active(heat));
}

static void test_a_busy_key_is_to_blame(void **state) {
    (void)state;
    refuse_one(1, HOT, 0);
    send_for(1, 740, HOT);
    assert_true(wait_for(0, 5, HOT) == 0);
    send_for(1, 1500, HOT); /* paced before it is refused */
    assert_true(wait_for(0, 5, HOT) > 0);
    assert_int_equal(refuse_one(2, HOT, 0), 2);
    assert_int_equal(refuse_one(3, 999, 0), 0); /* no key of it is busy: the table's affair */
    assert_true(wait_for(0, 5, HOT) > 0);
    assert_true(wait_for(0, 6, 999) == 0);
    assert_true(wait_for(1, 5, HOT) == 0); /* another table's key */
}

static void test_a_hot_key_is_told_and_paced(void **state) {
    (void)state;
    refuse_one(1, HOT, 0);
    send_for(1, 2000, HOT);
    refuse_one(2, HOT, 0);
    uint64_t hot = send_one(7, HOT);
    assert_true(hot != 0);
    assert_true(send_one(8, 999) == 0);
    /* who keeps to the wait sends a little less than a partition takes */
    now += heat_wait(heat, now, hot);
    int sent = 0;
    int64_t from = now;
    while (now < from + 20 * CLOCK_SECOND) {
        int64_t wait = heat_wait(heat, now, hot);
        now += wait;
        for (int i = 0; i < 100; i++, sent++) send_one(1000 + (uint64_t)sent, HOT);
        now += CLOCK_MS;
    }
    double rate = sent / ((double)(now - from) / CLOCK_SECOND);
    assert_true(rate > 850 && rate < 1150); /* it grows while nothing is refused */
    /* refused again and again, the pace falls */
    for (int i = 0; i < 80; i++) {
        now += heat_wait(heat, now, hot) + CLOCK_MS;
        for (int k = 0; k < 100; k++) send_one(5, HOT);
        refuse_one(5, HOT, 0);
    }
    now += heat_wait(heat, now, hot);
    for (int i = 0; i < 100; i++) send_one(9, HOT);
    assert_true(heat_wait(heat, now, hot) > 120 * CLOCK_MS);
    /* and it is forgotten when nothing of it was sent for a while */
    now += 11 * CLOCK_SECOND;
    assert_true(heat_wait(heat, now, hot) == 0);
}

/* More than the key's pace is on its way when it is found: what comes back says nothing about the pace, costs nothing, and comes again at
 * the pace, each in its turn. */
static void test_what_came_back_waits_its_turn(void **state) {
    (void)state;
    enum { MANY = 3000 };
    int64_t last = 0, sent = now;
    refuse_one(1, HOT, 0);
    now += CLOCK_SECOND / 2;
    for (int i = 0; i < MANY; i++) send_one((uint64_t)i, HOT);
    now += CLOCK_MS;
    for (int i = 0; i < MANY; i++) {
        struct parts p = item((uint64_t)i, HOT);
        assert_int_equal(heat_refused(heat, now, now - CLOCK_MS, 0, &p, 1, false, 0), 2);
        int64_t wait = heat_reserve(heat, now, 0, &p, 1);
        assert_true(wait >= last);
        last = wait;
        if (i % 10 == 0) now += CLOCK_MS, last -= CLOCK_MS;
    }
    assert_true(last > 2.6 * CLOCK_SECOND && last < 3.2 * CLOCK_SECOND);
    assert_true(wait_for(0, 1, HOT) >= last - CLOCK_SECOND / 10 && wait_for(0, 1, HOT) < last + CLOCK_SECOND / 10);
    assert_int_equal(wait_for(0, 1, 999), 0);
    /* nothing is spent when they go, and nothing given back */
    now = sent + 3 * CLOCK_SECOND;
    struct parts p = item(1, HOT);
    int64_t before = wait_for(0, 1, HOT);
    uint64_t hot = 0;
    for (int i = 0; i < 100; i++) heat_sent(heat, now, 0, &p, 1, true, &hot);
    assert_true(hot != 0);
    assert_int_equal(wait_for(0, 1, HOT), before);
    heat_refused(heat, now + CLOCK_MS, now, 0, &p, 1, true, 0);
    assert_int_equal(wait_for(0, 1, HOT), before);
}

/* When the service says that it is the table, a busy key is not blamed. */
static void test_the_table_says_so_itself(void **state) {
    (void)state;
    refuse_one(1, HOT, DYNAMODB_LIMIT_ACCOUNT);
    send_for(1, 980, HOT);
    assert_int_equal(refuse_one(2, HOT, DYNAMODB_LIMIT_ACCOUNT), 0);
    assert_int_equal(refuse_one(2, HOT, 0), 0);
    send_for(6, 980, HOT);
    assert_int_equal(refuse_one(2, HOT, 0), 2);
}

static void test_one_item_alone(void **state) {
    (void)state;
    struct part found;
    struct parts p = item(5, HOT), q = item(6, 999);
    assert_true(heat_wants_probe(heat, now));
    assert_false(heat_wants_probe(heat, now));
    now += 3 * CLOCK_SECOND;
    assert_true(heat_wants_probe(heat, now));
    refuse_one(1, HOT, 0);
    send_for(2, 700, HOT);
    assert_int_equal(heat_probed(heat, now, 0, &p, 0, -1, &found), HEAT_NOTHING);
    assert_int_equal(heat_probed(heat, now, 0, &p, DYNAMODB_LIMIT_PARTITION | DYNAMODB_LIMIT_INDEX, 3, &found), HEAT_KEY);
    assert_true(found.resource == 3 && found.key == HOT);
    assert_true(wait_for(0, 5, HOT) > 0);
    assert_int_equal(heat_probed(heat, now, 0, &q, DYNAMODB_LIMIT_PARTITION, 0, &found), HEAT_TABLE); /* too few partitions */
    assert_int_equal(heat_probed(heat, now, 0, &q, DYNAMODB_LIMIT_PARTITION, 9, &found), HEAT_NOTHING);
    assert_int_equal(heat_probed(heat, now, 0, &p, DYNAMODB_LIMIT_PROVISIONED, 0, &found), HEAT_TABLE);
}

/* Millions of cold keys do not push the hot one out. */
static void test_cold_keys_go_first(void **state) {
    (void)state;
    refuse_one(1, HOT, 0);
    send_for(1, 1200, HOT);
    uint64_t n = UINT64_C(1) << 50;
    for (int i = 0; i < 300000; i++, now += CLOCK_SECOND / 40000) {
        if (i % 40 == 0) send_one(n + (uint64_t)i, HOT);
        send_one(n + (uint64_t)i, n + (uint64_t)i);
    }
    assert_int_equal(refuse_one(3, HOT, 0), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_inactive_until_something_throttles, begin, end),
        cmocka_unit_test_setup_teardown(test_a_busy_key_is_to_blame, begin, end),
        cmocka_unit_test_setup_teardown(test_a_hot_key_is_told_and_paced, begin, end),
        cmocka_unit_test_setup_teardown(test_what_came_back_waits_its_turn, begin, end),
        cmocka_unit_test_setup_teardown(test_the_table_says_so_itself, begin, end),
        cmocka_unit_test_setup_teardown(test_one_item_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_cold_keys_go_first, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
