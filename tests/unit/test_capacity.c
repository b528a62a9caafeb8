/* The model of DynamoDB's write capacity: each limit by itself, and that it forgets nothing that matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dynamodb/capacity.h"
#include "dynamodb/failure.h"

#define BEGIN (77 * CLOCK_SECOND)

static const struct capacity_rules DOCUMENTED, NO_BURST = {.burst_seconds = 1};
static const struct capacity_given AS_NEW, QUOTA = {.warm = 40000};
static const struct capacity_given PROVISIONED_500 = {.provisioned = 500}, PROVISIONED_200 = {.provisioned = 200},
                                   PROVISIONED_100 = {.provisioned = 100}, PROVISIONED_10 = {.provisioned = 10};

static struct capacity *model;
static int64_t now;
static uint64_t next_key;
static struct capacity_refusal why;

/* A model with one table and one index. */
static int begin(const struct capacity_rules *rules, struct capacity_given table, struct capacity_given index) {
    struct capacity_given given[2] = {table, index};
    capacity_free(model);
    model = capacity_new(rules);
    assert_non_null(model);
    now = BEGIN;
    return capacity_add_table(model, given, 2, now);
}

static bool put(int table, uint32_t units, uint64_t key, bool indexed) {
    struct parts p = {.count = indexed ? 2 : 1};
    p.at[0] = (struct part){.resource = PARTS_TABLE, .units = units, .key = key};
    p.at[1] = (struct part){.resource = 1, .units = units, .key = key};
    return capacity_write(model, now, table, &p, &why);
}

/* Units a second that are accepted when one comes each 20 microseconds, over so many seconds, the first left out. */
static double rate(int table, double seconds, uint64_t key, bool indexed) {
    int64_t end = now + (int64_t)(seconds * (double)CLOCK_SECOND), first = now + CLOCK_SECOND;
    double units = 0;
    for (; now < end; now += CLOCK_MS / 50) {
        if (put(table, 1, key ? key : ++next_key * UINT64_C(0x9e3779b97f4a7c15), indexed) && now >= first) units++;
    }
    return units / (seconds - 1);
}

static void assert_near(double found, double wanted) {
    if (found < wanted * 0.99 || found > wanted * 1.01) fail_msg("found %.1f, wanted %.1f", found, wanted);
}

static void assert_refused(enum capacity_limit limit, int resource, const char *reason, const char *error) {
    assert_int_equal(why.limit, limit);
    assert_int_equal(why.resource, resource);
    assert_string_equal(capacity_reason(&why), reason);
    assert_string_equal(capacity_error(&why), error);
    struct dynamodb_failure f; /* what a client makes of it */
    char body[300];
    int n = snprintf(body, sizeof body, "{\"__type\":\"x#%s\",\"ThrottlingReasons\":[{\"reason\":\"%s\"}]}", error, reason);
    dynamodb_failure_parse(400, body, (size_t)n, &f);
    assert_int_equal(capacity_limits(&why), f.limits);
}

static void test_a_new_table_on_demand(void **state) {
    (void)state;
    int t = begin(&DOCUMENTED, AS_NEW, AS_NEW);
    assert_near(rate(t, 5, 0, false), 4000);
    assert_refused(CAPACITY_WARM, 0, "TableWriteKeyRangeThroughputExceeded", "ThrottlingException");
    assert_true(capacity_limit_now(model, now, t, 0) == 4000);
}

static void test_a_partition_key(void **state) {
    (void)state;
    int t = begin(&DOCUMENTED, QUOTA, QUOTA);
    assert_near(rate(t, 5, 7, false), 1000);
    assert_refused(CAPACITY_PARTITION, 0, "TableWriteKeyRangeThroughputExceeded", "ThrottlingException");
    assert_true(why.key == 7);
    /* a key of the index is one of its own, though it has the same value */
    struct parts p = {.count = 2, .at = {{.resource = 0, .units = 1, .key = 99}, {.resource = 1, .units = 1, .key = 7}}};
    assert_true(capacity_write(model, now, t, &p, &why));
    /* an idle second fills it, and no more than that is kept */
    now += 3600 * CLOCK_SECOND;
    int64_t accepted = 0;
    while (put(t, 1, 7, false)) accepted++;
    assert_int_equal(accepted, 1000);
}

static void test_burst_of_a_partition_where_asked_for(void **state) {
    (void)state;
    int t = begin(&(struct capacity_rules){.partition_seconds = 300, .quota = 1e9}, (struct capacity_given){.warm = 1e9}, AS_NEW);
    int64_t accepted = 0;
    while (put(t, 1, 7, false)) accepted++;
    assert_int_equal(accepted, 300000);
    assert_int_equal(why.limit, CAPACITY_PARTITION);
}

static void test_provisioned_and_its_burst(void **state) {
    (void)state;
    int t = begin(&DOCUMENTED, PROVISIONED_500, PROVISIONED_200);
    assert_near(rate(t, 4, 0, false), 500); /* a new table has nothing left over */
    assert_refused(CAPACITY_PROVISIONED, 0, "TableWriteProvisionedThroughputExceeded", "ProvisionedThroughputExceededException");
    now += 1000 * CLOCK_SECOND; /* 300 seconds of it are kept */
    int64_t accepted = 0;
    while (put(t, 1, ++next_key << 20, false)) accepted++;
    assert_int_equal(accepted, 300 * 500);
    assert_true(capacity_limit_now(model, now, t, 1) == 200);
}

static void test_the_index_refuses_the_table(void **state) {
    (void)state;
    int t = begin(&NO_BURST, PROVISIONED_500, PROVISIONED_100);
    double both = rate(t, 5, 0, true);
    assert_near(both, 100);
    while (put(t, 1, ++next_key << 20, true)) {
    }
    assert_refused(CAPACITY_PROVISIONED, 1, "IndexWriteProvisionedThroughputExceeded", "ProvisionedThroughputExceededException");
    assert_true(put(t, 1, ++next_key << 20, false)); /* a row that is not in the index */
}

static void test_both_quotas(void **state) {
    (void)state;
    struct capacity_given warm = {.warm = 1e6};
    int t = begin(&(struct capacity_rules){.quota = 3000}, warm, warm);
    assert_near(rate(t, 4, 0, true), 3000);
    assert_int_equal(why.limit, CAPACITY_ACCOUNT);
    assert_true(strncmp(capacity_reason(&why), "TableWriteAccountLimitExceeded", 30) == 0);
    t = begin(&(struct capacity_rules){.quota = 3000, .quota_of = CAPACITY_QUOTA_TOGETHER}, warm, warm);
    assert_near(rate(t, 4, 0, true), 1500);
    assert_true(capacity_limit_now(model, now, t, 0) == 3000);
}

static void test_the_owners_maximum(void **state) {
    (void)state;
    int t = begin(&DOCUMENTED, AS_NEW, (struct capacity_given){.maximum = 700});
    assert_near(rate(t, 4, 0, true), 700);
    while (put(t, 1, ++next_key << 20, true)) {
    }
    assert_refused(CAPACITY_MAXIMUM, 1, "IndexWriteMaxOnDemandThroughputExceeded", "ThrottlingException");
    assert_true(capacity_limit_now(model, now, t, 1) == 700);
}

static void test_warm_throughput_doubles_the_peak(void **state) {
    (void)state;
    int t = begin(&(struct capacity_rules){.grow_seconds = 120}, AS_NEW, AS_NEW);
    rate(t, 119, 0, false);
    assert_near(capacity_limit_now(model, now, t, 0), 4000);
    now += 2 * CLOCK_SECOND;
    double grown = capacity_limit_now(model, now, t, 0); /* the first minute had what an idle second keeps beside its own */
    assert_true(grown >= 8000 && grown < 8200);
    assert_near(rate(t, 5, 0, false), grown);
    /* it stays, however long nothing comes; and the index, to which nothing came, has not grown */
    now += 100000 * CLOCK_SECOND;
    assert_near(capacity_limit_now(model, now, t, 0), grown);
    assert_near(capacity_limit_now(model, now, t, 1), 4000);
    /* as documented it takes half an hour */
    t = begin(&DOCUMENTED, AS_NEW, AS_NEW);
    rate(t, 120, 0, false);
    now = BEGIN + 1799 * CLOCK_SECOND;
    assert_near(capacity_limit_now(model, now, t, 0), 4000);
    now += 2 * CLOCK_SECOND;
    assert_true(capacity_limit_now(model, now, t, 0) > 7900);
}

static void test_a_large_item_goes_into_debt(void **state) {
    (void)state;
    int t = begin(&NO_BURST, PROVISIONED_10, PROVISIONED_10);
    assert_true(put(t, 400, 1, false));
    assert_false(put(t, 1, 2, false));
    now += 38 * CLOCK_SECOND;
    assert_false(put(t, 1, 2, false));
    now += 2 * CLOCK_SECOND;
    assert_true(put(t, 1, 2, false));
}

/* Millions of keys pass through a small table, and the busy one among them keeps its limit. */
static void test_memory_is_bounded(void **state) {
    (void)state;
    int t = begin(&(struct capacity_rules){.keys = 4096}, QUOTA, QUOTA);
    int64_t hot = 0, end = now + 30 * CLOCK_SECOND;
    for (; now < end; now += CLOCK_SECOND / 36000) {
        put(t, 1, ++next_key * UINT64_C(0x9e3779b97f4a7c15), true);
        hot += put(t, 1, 12345, false);
    }
    assert_near((double)hot, 31 * 1000);
    assert_int_equal(capacity_forgotten(model), 0);
    /* one that is far too small forgets, and says so */
    t = begin(&(struct capacity_rules){.keys = 8}, QUOTA, QUOTA);
    for (uint64_t i = 1; i < 1000; i++) put(t, 50, i << 8, false);
    assert_true(capacity_forgotten(model) > 0);
}

static void test_the_same_again(void **state) {
    (void)state;
    double first = 0;
    for (int i = 0; i < 2; i++) {
        next_key = 5;
        int t = begin(&DOCUMENTED, AS_NEW, (struct capacity_given){.maximum = 3000});
        double found = rate(t, 3, 0, true) + rate(t, 3, 1, true);
        if (i) assert_true(found == first);
        first = found;
    }
}

static int end_model(void **state) {
    (void)state;
    capacity_free(model);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_table_on_demand),
        cmocka_unit_test(test_a_partition_key),
        cmocka_unit_test(test_burst_of_a_partition_where_asked_for),
        cmocka_unit_test(test_provisioned_and_its_burst),
        cmocka_unit_test(test_the_index_refuses_the_table),
        cmocka_unit_test(test_both_quotas),
        cmocka_unit_test(test_the_owners_maximum),
        cmocka_unit_test(test_warm_throughput_doubles_the_peak),
        cmocka_unit_test(test_a_large_item_goes_into_debt),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_the_same_again),
    };
    return cmocka_run_group_tests(tests, NULL, end_model);
}
