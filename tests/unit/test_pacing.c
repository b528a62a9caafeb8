/* How fast a run writes: which tables share a pace, what the governor is told, and what is kept of refusals and of the keys that limit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/pace.h"
#include "engine/pacing.h"
#include "memory_faults.h"

#define TABLES 3

static struct job job;
static struct job_table tables[TABLES];
static struct error e;

#define OK(call)                                                                                                                 \
    if (!(call)) fail_msg("%s", e.text)

/* A job whose first table goes to one target, the second to two, the third to those that it is given names of. */
static void begin(const char *const *third, int count) {
    static const char *const first[] = {"Logs"}, *const second[] = {"Accounts", "Users"};
    static struct dynamodb_index index = {.name = "ByDay",
                                          .partition = {{.name = "App", .type = DYNAMODB_S}, {.name = "Day", .type = DYNAMODB_N}},
                                          .partition_count = 2};
    memset(&job, 0, sizeof job);
    memset(tables, 0, sizeof tables);
    job.arena = arena_new();
    job.tables = tables;
    job.table_count = TABLES;
    pthread_mutex_init(&job.told_lock, NULL);
    for (int i = 0; i < TABLES; i++) {
        tables[i].schema =
            (struct dynamodb_schema){.partition = {.name = "Id", .type = DYNAMODB_S}, .indexes = &index, .index_count = 1};
    }
    OK(job_set_targets(&job, &tables[0], first, 1, &e) && job_set_targets(&job, &tables[1], second, 2, &e) &&
       job_set_targets(&job, &tables[2], third, count, &e));
    OK(pacing_start(&job, &e));
}

static void end(void) {
    pacing_end(&job);
    pacing_end(&job); /* once is enough */
    pthread_mutex_destroy(&job.told_lock);
    arena_free(job.arena);
}

static void one_table_has_one_pace(void **state) {
    (void)state;
    static const char *const third[] = {"Accounts", "Logs", "Other"};
    begin(third, 3);
    assert_int_equal(job.pacing->table_count, 4);
    assert_int_equal(tables[2].targets[0].paced, tables[1].targets[0].paced);
    assert_int_equal(tables[2].targets[1].paced, tables[0].targets[0].paced);
    assert_int_equal(tables[2].targets[2].paced, 3);
    assert_int_equal(tables[1].targets[1].paced, 2);
    end();
}

static void a_template_may_find_no_table(void **state) {
    (void)state;
    begin(NULL, 0);
    assert_int_equal(job.pacing->table_count, 3);
    struct run_table told;
    pacing_read(&job, &tables[2], &told);
    assert_true(told.throttling.pace == 0 && !told.throttling.key.known);
    end();
}

static void memory_runs_out_at_the_start(void **state) {
    (void)state;
    for (int n = 1;; n++) {
        begin(NULL, 0);
        pacing_end(&job);
        memory_faults_set(n, false);
        bool ok = pacing_start(&job, &e);
        int failed = memory_faults.failed;
        memory_faults_set(0, false);
        assert_int_equal(ok, failed == 0);
        assert_true(ok || (e.kind == ERROR_LOCAL && job.pacing == NULL));
        end();
        if (ok) break;
    }
}

/* --- what is asked for --- */

static int asked;
static int64_t said;

static bool write_units(void *context, int64_t *out, struct error *err) {
    (void)context;
    asked++;
    *out = said;
    return said >= 0 || error_set(err, ERROR_PLAN, "the plan's function failed");
}

static void the_plan_is_asked_once_a_second(void **state) {
    (void)state;
    struct run_listener listener = {.write_units = write_units};
    struct pace p = {.listener = &listener};
    begin(NULL, 0);
    asked = 0;
    said = 500;
    OK(pace_keep(&p, &job, &e));
    assert_true(asked == 1 && governor_rate(job.pacing->governor) == 500);
    p.next += CLOCK_SECOND; /* however long this takes */
    said = 700;
    OK(pace_keep(&p, &job, &e));
    assert_true(asked == 1 && governor_rate(job.pacing->governor) == 500);
    p.next = 0;
    OK(pace_keep(&p, &job, &e));
    assert_true(asked == 2 && governor_rate(job.pacing->governor) == 700);
    atomic_store(&job.control_units, 30); /* by `control`: the plan is not asked any more */
    p.next = 0;
    OK(pace_keep(&p, &job, &e));
    assert_true(asked == 2 && governor_rate(job.pacing->governor) == 30 && job.write_units == 30);
    end();
}

/* A plan whose function fails ends the run; a pause that was asked for meanwhile is kept all the same. */
static void a_failed_function_is_told(void **state) {
    (void)state;
    struct run_listener listener = {.write_units = write_units};
    struct pace p = {.listener = &listener};
    begin(NULL, 0);
    said = -1;
    atomic_store(&job.paused, true);
    assert_false(pace_keep(&p, &job, &e));
    assert_int_equal(e.kind, ERROR_PLAN);
    assert_true(governor_paused(job.pacing->governor));
    end();
}

static void a_run_that_stops_is_not_paused(void **state) {
    (void)state;
    struct pace p = {0};
    begin(NULL, 0);
    atomic_store(&job.paused, true);
    OK(pace_keep(&p, &job, &e));
    assert_true(governor_paused(job.pacing->governor));
    atomic_store(&job.stop, true); /* what is left of a refused batch must be settled */
    OK(pace_keep(&p, &job, &e));
    assert_false(governor_paused(job.pacing->governor));
    end();
}

/* --- what was refused --- */

static void refusals_are_counted_by_reason(void **state) {
    (void)state;
    begin(NULL, 0);
    struct job_target *t = &tables[0].targets[0];
    struct dynamodb_failure f = {0};
    pacing_count(t, NULL, 10, 4);
    pacing_count(t, &f, 3, 2);
    f.limits = DYNAMODB_LIMIT_PARTITION;
    pacing_count(t, &f, 5, 5);
    f.limits = DYNAMODB_LIMIT_ON_DEMAND | DYNAMODB_LIMIT_INDEX;
    pacing_count(t, &f, 7, 0);
    struct run_table told;
    pacing_read(&job, &tables[0], &told);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_UNSAID], 6);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_HOT_KEY], 4);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_OTHER], 3);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_BY_REASON], 5);
    assert_int_equal(told.throttling.refused[RUN_REFUSALS - 1], 7);
    assert_true(told.consumed.computed == 0);
    pacing_count_consumed(&tables[0].targets[0], 9.0, 4);
    pacing_count_consumed(&tables[0].targets[0], 3.0, 4);
    pacing_read(&job, &tables[0], &told);
    assert_true(told.consumed.units == 12 && told.consumed.computed == 8);
    for (int i = 0; i < RUN_REFUSALS; i++) assert_true(strlen(run_refusal_name((enum run_refusal)i)) > 0);
    assert_string_equal(run_refusal_name(RUN_REFUSALS - 1), "IndexWriteMaxOnDemandThroughputExceeded");
    end();
}

/* --- the key that limits --- */

static struct run_limiting_key note(int resource, bool told, const char *json) {
    struct run_table out;
    struct part part = {.resource = resource};
    pacing_note_key(&job, &tables[0].targets[0], &part, told, json, strlen(json));
    pacing_read(&job, &tables[0], &out);
    return out.throttling.key;
}

static void a_key_that_was_told_stays(void **state) {
    (void)state;
    begin(NULL, 0);
    assert_false(pacing_knows_key(&job, &tables[0].targets[0]));
    struct run_limiting_key k = note(PARTS_TABLE, false, "{\"Other\":{\"L\":[{\"S\":\"x\"}]},\"Id\":{\"S\":\"a \\u00e9\"}}");
    assert_true(k.known && !k.told && k.index[0] == '\0');
    assert_string_equal(k.value, "a \xc3\xa9");
    assert_true(pacing_knows_key(&job, &tables[0].targets[0]));
    k = note(1, true, "{\"Day\":{\"N\":\"17\"},\"App\":{\"S\":\"web\"}}");
    assert_true(k.told);
    assert_string_equal(k.index, "ByDay");
    assert_string_equal(k.value, "web, 17");
    k = note(PARTS_TABLE, false, "{\"Id\":{\"S\":\"guessed\"}}");
    assert_string_equal(k.value, "web, 17");
    k = note(PARTS_TABLE, true, "{\"Id\":{\"S\":\"b\"}}");
    assert_string_equal(k.value, "b");
    assert_string_equal(k.index, "");
    end();
}

/* Keys of any length, cut at any byte of a character; and items that make no sense. */
static void long_keys_are_cut_between_characters(void **state) {
    (void)state;
    char json[3000];
    begin(NULL, 0);
    for (int n = 0; n <= 2048; n += n < 230 || n > 280 ? 50 : 1) {
        int len = snprintf(json, sizeof json, "{\"Id\":{\"S\":\"%.*s", n % 3, "zzz");
        for (int i = 0; i < n / 3; i++) len += snprintf(json + len, sizeof json - (size_t)len, "\xe2\x82\xac");
        snprintf(
            json + len, sizeof json - (size_t)len, "\"},\"App\":{\"S\":\"%.*s\"},\"Day\":{\"N\":\"1\"}}", n > 2040 ? 0 : n % 255,
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy"
            "yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy");
        struct run_limiting_key k = note(PARTS_TABLE, true, json);
        size_t whole = (size_t)(n % 3 + n / 3 * 3), used = strlen(k.value);
        assert_true(used <= whole && (used == whole || used >= sizeof k.value - 3));
        assert_int_equal((used - (size_t)(n % 3)) % 3, 0);
        k = note(1, true, json);
        assert_true(strlen(k.value) < sizeof k.value);
    }
    static const char *const senseless[] = {"", "[]", "{", "{\"Id\":", "{\"Id\":{\"S\":", "{\"Id\":{\"S\":[]}}", "{\"Id\":{}}"};
    for (size_t i = 0; i < sizeof senseless / sizeof *senseless; i++) {
        struct run_limiting_key k = note(PARTS_TABLE, true, senseless[i]);
        assert_string_equal(k.value, "");
    }
    end();
}

/* --- threads --- */

static void *counts(void *context) {
    struct job_target *t = context;
    struct part part = {0};
    for (int i = 0; i < 2000; i++) {
        pacing_count(t, NULL, 3, 1);
        pacing_note_key(&job, t, &part, i % 2, "{\"Id\":{\"S\":\"key\"}}", 18);
        pacing_knows_key(&job, t);
    }
    return NULL;
}

static void any_thread_may_count(void **state) {
    (void)state;
    pthread_t threads[3];
    struct run_table told;
    begin(NULL, 0);
    for (int i = 0; i < 3; i++) assert_int_equal(pthread_create(&threads[i], NULL, counts, &tables[0].targets[0]), 0);
    for (int i = 0; i < 1000; i++) {
        pacing_read(&job, &tables[0], &told);
        atomic_store(&job.write_units, i);
        pacing_follow(&job);
    }
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    pacing_read(&job, &tables[0], &told);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_UNSAID], 12000);
    assert_int_equal(told.throttling.refused[RUN_REFUSED_HOT_KEY], 6000);
    assert_string_equal(told.throttling.key.value, "key");
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_table_has_one_pace),
        cmocka_unit_test(a_template_may_find_no_table),
        cmocka_unit_test(memory_runs_out_at_the_start),
        cmocka_unit_test(the_plan_is_asked_once_a_second),
        cmocka_unit_test(a_failed_function_is_told),
        cmocka_unit_test(a_run_that_stops_is_not_paused),
        cmocka_unit_test(refusals_are_counted_by_reason),
        cmocka_unit_test(a_key_that_was_told_stays),
        cmocka_unit_test(long_keys_are_cut_between_characters),
        cmocka_unit_test(any_thread_may_count),
    };
    return cmocka_run_group_tests_name("pacing", tests, NULL, NULL);
}
