/* The thread that watches how fast the source answers: it sets the gap, ends when it is told to, and a source that fails ends the run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "engine/coordinator.h"
#include "engine/source_load.h"

static struct job job;
static struct plan plan;
static struct pg_connection *source;
static struct error e;

#define OK(call)                                                                                                                 \
    if (!(call)) fail_msg("%s", e.text)

static void begin(int64_t latency_ms) {
    memset(&job, 0, sizeof job);
    plan = (struct plan){.source_uri = getenv("HLUA_TEST_PG_URI"), .source_latency_ms = latency_ms};
    job.plan = &plan;
    source = pg_connect(plan.source_uri, &e);
    OK(source);
    job.coordinator = coordinator_start(&job, NULL, 0, NULL, 0, &e);
    OK(job.coordinator);
}

/* Until the source was asked so many times. */
static void let_it_look(int times) {
    int64_t end = clock_now() + 20 * CLOCK_SECOND;
    for (int64_t last = 0; times > 0 && clock_now() < end && !job.stop;) {
        int64_t took = atomic_load(&job.source_took);
        times -= took != last;
        last = took;
        nanosleep(&(struct timespec){.tv_nsec = 5 * CLOCK_MS}, NULL);
    }
}

static void makes_gaps_while_the_source_is_slow(void **state) {
    (void)state;
    begin(0); /* every answer is slower */
    struct source_load *load = source_load_start(&job, source, &e);
    OK(load);
    let_it_look(4);
    source_load_end(load);
    assert_true(job.source_took > 0 && job.source_gap >= 2 * CLOCK_MS);
    OK(coordinator_finish(job.coordinator, &e));
    assert_false(job.stop);
    pg_close(source);
}

/* A plan may allow any time. */
static void leaves_a_quick_source_alone(void **state) {
    (void)state;
    static const int64_t most[] = {3600 * 1000, INT64_MAX};
    for (int i = 0; i < 2; i++) {
        begin(most[i]);
        struct source_load *load = source_load_start(&job, source, &e);
        OK(load);
        let_it_look(2);
        source_load_end(load);
        assert_true(job.source_took > 0);
        assert_int_equal(job.source_gap, 0);
        OK(coordinator_finish(job.coordinator, &e));
        pg_close(source);
    }
}

static void a_source_that_fails_ends_the_run(void **state) {
    (void)state;
    begin(1000);
    struct pg_result *r = pg_query(source, &e, "SELECT pg_backend_pid()");
    OK(r);
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%s)", pg_text(r, 0, 0));
    pg_result_free(r);
    struct source_load *load = source_load_start(&job, source, &e);
    OK(load);
    let_it_look(1);
    struct pg_connection *other = pg_connect(plan.source_uri, &e);
    OK(other);
    OK(pg_run(other, &e, sql));
    let_it_look(INT32_MAX); /* until the run stops */
    assert_true(job.stop);
    source_load_end(load);
    assert_false(coordinator_finish(job.coordinator, &e));
    assert_int_equal(e.kind, ERROR_SOURCE);
    pg_close(other);
    pg_close(source);
}

static void ends_when_the_run_stops(void **state) {
    (void)state;
    begin(1000);
    atomic_store(&job.stop, true);
    struct source_load *load = source_load_start(&job, source, &e);
    OK(load);
    source_load_end(load);
    source_load_end(NULL);
    OK(coordinator_finish(job.coordinator, &e));
    pg_close(source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(makes_gaps_while_the_source_is_slow),
        cmocka_unit_test(leaves_a_quick_source_alone),
        cmocka_unit_test(a_source_that_fails_ends_the_run),
        cmocka_unit_test(ends_when_the_run_stops),
    };
    return cmocka_run_group_tests_name("source_load", tests, NULL, NULL);
}
