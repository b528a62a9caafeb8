/* The coordinator with a real ledger: order, the end of the chunks, failures, rejects. And the words for a changed identity. */
#include "ledger_place.h"

#include <poll.h>

#include "engine/bind.h"
#include "engine/coordinator.h"

#define CHUNKS 40

static struct job job;
static struct job_table tables[2];
static struct ledger_chunk chunks[CHUNKS];
static struct job_chunk order[CHUNKS];
static struct ledger *ledger;
static int64_t run;

/* A job of one table with chunks in an order of its own; the ledger is open. */
static void begin(int count) {
    struct pg_range ranges[CHUNKS] = {{0}};
    memset(&job, 0, sizeof job);
    memset(tables, 0, sizeof tables);
    job.tables = tables;
    job.table_count = 1;
    job.horizon = "1:1:";
    for (int i = 0; i < count; i++) {
        ranges[i].part = "dbo.\"Logs\"";
        chunks[i] = (struct ledger_chunk){.number = i, .range = ranges[i]};
        order[(i * 7) % count] = (struct job_chunk){.table = &tables[0], .chunk = &chunks[i]};
    }
    ledger = open_or_fail(LEDGER_WRITE);
    OK(ledger_run_create(ledger, "", "plan", "identity", 1, &run, &e) &&
       ledger_table_plan(ledger, run, &logs, ranges, count, &e));
}

static struct coordinator *start(int count) {
    struct coordinator *c = coordinator_start(&job, ledger, run, order, count, &e);
    assert_non_null(c);
    return c;
}

static struct chunk_reject *make_rejects(int count) {
    struct chunk_reject *rejects = calloc((size_t)count, sizeof *rejects);
    assert_non_null(rejects);
    for (int i = 0; i < count; i++) {
        char *text = rejects[i].memory = malloc(40);
        assert_non_null(text);
        snprintf(text, 40, "Id=%d", i);
        rejects[i].texts = (struct ledger_reject){text, "value", "bad", "{}"};
    }
    return rejects;
}

static void done(struct coordinator *c, const struct job_chunk *work, int rejects, bool whole) {
    coordinator_end(c, &(struct chunk_result){.work = *work,
                                              .counts = counts_of(work->chunk->number, rejects),
                                              .seconds = 0.5,
                                              .rejects = rejects ? make_rejects(rejects) : NULL,
                                              .reject_count = rejects,
                                              .done = whole});
}

static void hands_out_in_order(void **state) {
    (void)state;
    struct job_chunk got;
    begin(CHUNKS - 1);
    struct coordinator *c = start(CHUNKS - 1);
    for (int i = 0; i < CHUNKS - 1; i++) {
        assert_true(coordinator_next(c, &got));
        assert_true(got.chunk == order[i].chunk && got.table == &tables[0]);
        done(c, &got, 0, true);
    }
    assert_false(coordinator_next(c, &got));
    assert_false(coordinator_next(c, &got)); /* and it stays so */
    OK(coordinator_finish(c, &e));
    assert_int_equal(tables[0].chunks_done, CHUNKS - 1);
    assert_false(job.stop);
    struct ledger_totals totals;
    OK(ledger_totals(ledger, run, 0, &totals, &e));
    assert_int_equal(totals.chunks_done, CHUNKS - 1);
    ledger_close(ledger);
}

struct worker {
    struct coordinator *coordinator;
    int chunks;
};

static void *work(void *context) {
    struct worker *w = context;
    struct job_chunk got;
    while (coordinator_next(w->coordinator, &got)) {
        done(w->coordinator, &got, got.chunk->number % 3, true);
        w->chunks++;
    }
    return NULL;
}

static void serves_many_workers(void **state) {
    (void)state;
    enum { WORKERS = 4 };
    struct worker workers[WORKERS] = {{0}};
    pthread_t threads[WORKERS];
    begin(CHUNKS - 1);
    struct coordinator *c = start(CHUNKS - 1);
    int sum = 0, rejects = 0;
    for (int i = 0; i < WORKERS; i++) {
        workers[i].coordinator = c;
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) pthread_join(threads[i], NULL), sum += workers[i].chunks;
    for (int i = 0; i < CHUNKS - 1; i++) rejects += i % 3;
    OK(coordinator_finish(c, &e));
    assert_int_equal(sum, CHUNKS - 1); /* each chunk once */
    assert_int_equal(tables[0].chunks_done, CHUNKS - 1);
    struct ledger_totals totals;
    OK(ledger_totals(ledger, run, 0, &totals, &e));
    assert_int_equal(totals.chunks_done, CHUNKS - 1);
    assert_int_equal(totals.counts.rows_rejected, rejects);
    struct seen seen = {.count = 0};
    OK(ledger_rejects(ledger, run, see, &seen, &e));
    assert_int_equal(seen.count, rejects);
    ledger_close(ledger);
}

static void keeps_rejects_of_what_was_stopped(void **state) {
    (void)state;
    struct job_chunk got;
    begin(3);
    struct coordinator *c = start(3);
    assert_true(coordinator_next(c, &got));
    done(c, &got, 2, false);
    OK(coordinator_finish(c, &e));
    assert_int_equal(tables[0].chunks_done, 0);
    struct ledger_totals totals;
    OK(ledger_totals(ledger, run, 0, &totals, &e));
    assert_true(totals.chunks_done == 0 && totals.counts.rows_rejected == 0);
    assert_int_equal(all_rejects(ledger, run).count, 2);
    ledger_close(ledger);
}

static void a_dry_run_has_no_ledger(void **state) {
    (void)state;
    struct job_chunk got;
    begin(2);
    ledger_close(ledger);
    ledger = NULL;
    struct coordinator *c = start(2);
    while (coordinator_next(c, &got)) done(c, &got, 3, true);
    OK(coordinator_finish(c, &e));
    assert_int_equal(tables[0].chunks_done, 2);
}

static void the_first_failure_counts(void **state) {
    (void)state;
    struct job_chunk got;
    struct error first = {0}, second = {0};
    begin(3);
    struct coordinator *c = start(3);
    error_set(&first, ERROR_TARGET, "the first");
    error_set(&second, ERROR_SOURCE, "the second");
    assert_false(job.stop);
    coordinator_fail(c, &first);
    coordinator_fail(c, &second);
    assert_true(job.stop);
    assert_true(coordinator_next(c, &got)); /* what is under way may still end */
    done(c, &got, 1, true);
    struct error err = {0};
    assert_false(coordinator_finish(c, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    assert_string_equal(err.text, "the first");
    assert_int_equal(tables[0].chunks_done, 1);
    ledger_close(ledger);
}

/* A chunk that the ledger does not know: the run stops, with the ledger's words; its rejects are freed all the same. */
static void a_failing_ledger_stops_the_run(void **state) {
    (void)state;
    struct ledger_chunk unknown = {.number = 77};
    begin(3);
    struct coordinator *c = start(3);
    done(c, &(struct job_chunk){.table = &tables[0], .chunk = &unknown}, 3, true);
    struct error err = {0};
    assert_false(coordinator_finish(c, &err));
    assert_int_equal(err.kind, ERROR_LOCAL);
    assert_true(*err.text && job.stop);
    assert_int_equal(tables[0].chunks_done, 0);
    ledger_close(ledger);
}

/* Ends are recorded without anything that comes after them, and counted only then. */
static void ends_are_recorded_soon(void **state) {
    (void)state;
    begin(3);
    struct coordinator *c = start(3);
    done(c, &order[0], 1, true);
    done(c, &order[1], 0, true);
    for (int ms = 0; atomic_load(&tables[0].chunks_done) < 2 && ms < 10000; ms++) poll(NULL, 0, 1);
    assert_int_equal(atomic_load(&tables[0].chunks_done), 2);
    struct ledger *reader = open_or_fail(LEDGER_READ);
    struct ledger_totals totals;
    OK(ledger_totals(reader, run, 0, &totals, &e));
    assert_true(totals.chunks_done == 2 && totals.counts.rows_rejected == 1);
    ledger_close(reader);
    OK(coordinator_finish(c, &e));
    ledger_close(ledger);
}

/* Those that are recorded together with one that cannot be are not done either, and none of them counts as done. */
static void ends_fail_together(void **state) {
    (void)state;
    struct ledger_chunk unknown = {.number = 77};
    begin(3);
    struct coordinator *c = start(3);
    done(c, &order[0], 1, true);
    done(c, &(struct job_chunk){.table = &tables[0], .chunk = &unknown}, 0, true);
    done(c, &order[1], 0, true);
    struct error err = {0};
    assert_false(coordinator_finish(c, &err));
    assert_non_null(strstr(err.text, "77"));
    struct ledger_totals totals;
    OK(ledger_totals(ledger, run, 0, &totals, &e));
    assert_int_equal(totals.chunks_done, tables[0].chunks_done);
    assert_true(totals.chunks_done < 2);
    ledger_close(ledger);
}

static void no_chunks_at_all(void **state) {
    (void)state;
    struct job_chunk got;
    begin(1);
    struct coordinator *c = start(0);
    assert_false(coordinator_next(c, &got));
    OK(coordinator_finish(c, &e));
    ledger_close(ledger);
}

/* --- what differs between two identities --- */

static void differences(void **state) {
    (void)state;
    static const struct {
        const char *was, *is, *text;
    } table[] = {
        {"a = 1\nb = 2\n", "a = 1\nb = 2\n", ""},
        {"", "", ""},
        {"a = 1\n", "a = 2\n", "\n  a: was 1, is 2"},
        {"a = 1\nb = 2\n", "a = 1\n", "\n  b: is gone; was 2"},
        {"a = 1\n", "a = 1\nb = x = y\n", "\n  b: is new: x = y"},
        {"a.b = 1\na = 2\n", "a.b = 1\na = 3\n", "\n  a: was 2, is 3"}, /* one path is the beginning of another */
        {"a = \n", "a = 1\n", "\n  a: was , is 1"},
        {"a = 1", "a = 1\n", ""},
        {"b = 1\na = 2\n", "a = 2\nb = 1\n", ""},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *text = bind_difference(table[i].was, table[i].is, arena);
        if (strcmp(text, table[i].text) != 0) fail_msg("%zu: %s", i, text);
    }
    char was[2000] = "", is[2000] = "", line[60];
    for (int i = 0; i < 14; i++) {
        snprintf(line, sizeof line, "path%d = %d\n", i, i);
        strncat(was, line, sizeof was - strlen(was) - 1);
        snprintf(line, sizeof line, "path%d = %d\n", i, i + 1);
        strncat(is, line, sizeof is - strlen(is) - 1);
    }
    const char *text = bind_difference(was, is, arena);
    assert_non_null(strstr(text, "path9: was 9, is 10\n  and 4 more"));
    assert_null(strstr(text, "path10:"));
    struct run_options options = {0};
    assert_string_equal(bind_run_key(&options, arena), "");
    options.limit = 5;
    assert_string_equal(bind_run_key(&options, arena), "where=;limit=5");
    options.where = "a > 1";
    options.limit = 0;
    assert_string_equal(bind_run_key(&options, arena), "where=a > 1;limit=0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(hands_out_in_order),
        TEST(serves_many_workers),
        TEST(keeps_rejects_of_what_was_stopped),
        TEST(a_dry_run_has_no_ledger),
        TEST(the_first_failure_counts),
        TEST(a_failing_ledger_stops_the_run),
        TEST(ends_are_recorded_soon),
        TEST(ends_fail_together),
        TEST(no_chunks_at_all),
        TEST(differences),
    };
    return cmocka_run_group_tests_name("coordinator", tests, NULL, NULL);
}
