/* A worker's items: two of one key are never under way together, chunks whose keys throttle are put aside, and every item is settled once,
 * also when memory runs out while it is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/worker_parts.h"
#include "memory_faults.h"
#include "pg/source_parts.h"
#include "writer_rig.h"

static struct rig g;
static struct error e;
static struct worker w;
static struct fetched rows; /* of one FETCH, as if it had been mapped */
static struct run_counts delta;

#define OK(call)                                                                                                                 \
    if (!(call)) fail_msg("%s", e.text)

#define WORKERS 2 /* the other one takes keys of ours */

static void open_worker(rig_answer *answer) {
    memset(&w, 0, sizeof w);
    delta = (struct run_counts){0};
    OK(rig_open(&g, answer, PUT_ALWAYS, (struct writer_caller){items_settled, aside_note, &w}, &e));
    g.job.inflight = inflight_new(WORKERS);
    assert_non_null(g.job.inflight);
    w.job = &g.job;
    w.number = 1;
    w.writer = g.writer;
    w.delta = &delta;
    w.deferred_end = &w.deferred;
    w.chunks[0] = (struct open_chunk){.taken = true, .work = {.table = &g.table}};
    rows = (struct fetched){.chunk = &w.chunks[0], .refs = 1};
    w.current = &rows;
    items_prepare(&w);
    w.sink.table = &g.table;
    w.sink.routed = &g.target;
    w.sink.track = -1;
    w.sink.err = &e;
}

static uint64_t key_hash(int key) {
    return hash_64(&key, sizeof key, 1);
}

/* All of the chunk is over: nothing of it is under way, and its keys are free. */
static void close_worker(int keys) {
    assert_int_equal(w.chunks[0].pending, 0);
    assert_int_equal(rows.refs, 1);
    assert_true(rig_empty(&g) && w.deferred == NULL && w.deferred_count == 0);
    for (int key = 1; key <= keys; key++) {
        uint64_t mark = (key_hash(key) ^ g.target.seed) * UINT64_C(0x9e3779b97f4a7c15); /* as items.c has it */
        assert_true(inflight_take(g.job.inflight, mark, 2));
    }
    inflight_free(g.job.inflight);
    free(w.tracks);
    rig_close(&g);
}

/* What a mapper does with one item; its `key` from 1. False with the failure that ends the run. */
static bool put(int key) {
    struct mapped_item item = {.key = key_hash(key), .size = 40, .units = 1};
    struct buffer *b = w.sink.sink.open(&w.sink.sink, 0);
    if (b == NULL || !buffer_printf(b, "{\"Id\":{\"S\":\"k%d\"}}", key)) return error_memory(&e, "mapping a row");
    return w.sink.sink.close(&w.sink.sink, &item);
}

static bool work(void) {
    while (w.deferred || !writer_idle(w.writer)) {
        if (!rig_work(&g, &e) || !items_deferred(&w, &e)) return false;
    }
    return true;
}

/* --- the keys of rows --- */

/* The rows are gone; their keys are those columns that make them, also when such a column is NULL or empty. */
static void keys_outlive_their_rows(void **state) {
    (void)state;
    static const struct pg_field all[3][3] = {
        {{"seven", 5}, {"x", 1}, {"12", 2}}, {{NULL, -1}, {"y", 1}, {"", 0}}, {{"8", 1}, {"z", 1}, {"345", 3}}};
    struct pg_field found[3] = {{0}};
    int places[] = {2, 0}, kept = 0;
    struct pg_source source = {.key_count = 2, .key_places = places};
    open_worker(rig_written);
    g.table.source = &source;
    buffer_init(&rows.keys, 4096);
    memory_faults_set(1, false);
    while (kept < 3) kept += keys_keep(&rows, &(struct pg_row){.fields = all[kept], .count = 3});
    assert_int_equal(memory_faults.failed, 1);
    memory_faults_set(0, false);
    for (int row = 2; row >= 0; row--) {
        keys_find(&rows, row, found);
        for (int i = 0; i < 3; i += 2) {
            assert_int_equal(found[i].len, all[row][i].len);
            if (found[i].len > 0) assert_memory_equal(found[i].data, all[row][i].data, (size_t)found[i].len);
        }
        assert_null(found[1].data);
    }
    buffer_free(&rows.keys);
    close_worker(0);
}

/* --- keys --- */

static int most_at_once; /* items of the key k1 in one request */

static const char *counts_keys(struct rig *rig, int n, bool is_put, const char *body, int *status) {
    int count = 0;
    for (const char *at = body; (at = strstr(at, "\"k1\"")); at++) count++;
    if (count > most_at_once) most_at_once = count;
    return rig_written(rig, n, is_put, body, status);
}

static void two_of_one_key_go_one_after_the_other(void **state) {
    (void)state;
    most_at_once = 0;
    open_worker(counts_keys);
    int keys[] = {1, 2, 1, 3, 1};
    for (int i = 0; i < 5; i++) OK(put(keys[i]));
    assert_int_equal(w.deferred_count, 2);
    assert_int_equal(w.chunks[0].pending, 5);
    OK(work());
    assert_int_equal(most_at_once, 1);
    assert_int_equal(g.requests, 3);
    assert_int_equal(w.chunks[0].counts.items_written, 5);
    assert_int_equal(w.chunks[0].counts.rows_written, 5);
    assert_false(w.chunks[0].broken);
    close_worker(3);
}

/* A row of several items is counted once. */
static void a_row_of_many_counts_once(void **state) {
    (void)state;
    open_worker(rig_written);
    w.sink.track = items_take_track(&w, &rows, 0);
    assert_true(w.sink.track >= 0);
    for (int key = 1; key <= 3; key++) OK(put(key));
    w.tracks[w.sink.track].pending--; /* it is mapped */
    w.sink.track = -1;
    OK(put(4));
    OK(work());
    assert_int_equal(w.chunks[0].counts.items_written, 4);
    assert_int_equal(w.chunks[0].counts.rows_written, 2);
    close_worker(4);
}

/* --- chunks put aside --- */

static void a_chunk_waits_for_its_newest_keys(void **state) {
    (void)state;
    open_worker(rig_written);
    struct batch batch = {.count = 1};
    struct open_chunk *c = &w.chunks[0];
    batch.items[0].origin = &rows;
    for (uint64_t hot = 1; hot <= ASIDE_KEYS + 1; hot++) aside_note(&w, &batch, 0, hot);
    for (int i = 0; i < ASIDE_KEYS; i++) assert_int_equal(c->hot[i], ASIDE_KEYS + 1 - i);
    aside_note(&w, &batch, 0, 3); /* known */
    assert_int_equal(c->hot[0], ASIDE_KEYS + 1);
    assert_int_equal(aside_wait(&w, c, clock_now()), 0); /* none of them throttles any more */
    for (int i = 0; i < ASIDE_KEYS; i++) assert_int_equal(c->hot[i], 0);
    close_worker(0);
}

static void a_chunk_waits_while_a_key_throttles(void **state) {
    (void)state;
    open_worker(rig_written);
    struct heat *heat = g.job.pacing->heat;
    struct open_chunk *c = &w.chunks[0];
    struct parts item = {.count = 1, .at = {{.units = 500, .key = 7}}};
    int64_t now = clock_now();
    assert_false(aside_limited(&w));
    heat_refused(heat, now, now, 0, &item, 1, false, 0);
    assert_true(aside_limited(&w));
    uint64_t hot = 0;
    for (int i = 0; i < 4; i++) heat_sent(heat, now, 0, &item, 1, false, &hot);
    assert_true(hot != 0);
    c->hot[0] = hot;
    int64_t wait = aside_wait(&w, c, now);
    assert_true(wait > 0);
    assert_true(c->hot[0] == hot);
    assert_int_equal(aside_wait(&w, c, now + 60 * CLOCK_SECOND), 0);
    assert_int_equal(c->hot[0], 0);
    close_worker(0);
}

/* --- memory --- */

/* Several items, some with one key, while the n-th allocation fails. False: nothing failed. */
static bool with_fault(int n, bool on) {
    open_worker(rig_written);
    int made = 0;
    bool ok = true;
    memory_faults_set(n, on);
    w.sink.track = items_take_track(&w, &rows, 0);
    for (; ok && w.sink.track >= 0 && made < 40; made++) ok = put(made % 30 + 1);
    ok = ok && w.sink.track >= 0;
    ok = ok && work();
    if (!ok) { /* as a worker winds down */
        writer_drop(w.writer);
        items_drop(&w);
        assert_true(rig_wind_down(&g));
    }
    int failed = memory_faults.failed;
    memory_faults_set(0, false);
    if (ok) assert_int_equal(w.chunks[0].counts.items_written, 40);
    if (!ok) assert_true(failed > 0);
    if (w.chunks[0].pending) fail_msg("the chunk never ends when allocation %d fails", n);
    close_worker(30);
    return failed > 0;
}

static void memory_runs_out_while_items_are_taken(void **state) {
    (void)state;
    int n = 1;
    while (with_fault(n, false)) n++;
    assert_true(n > 10);
    for (int k = 1; k < n; k++) with_fault(k, true);
    print_message("# %d allocations\n", n - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_outlive_their_rows),
        cmocka_unit_test(two_of_one_key_go_one_after_the_other),
        cmocka_unit_test(a_row_of_many_counts_once),
        cmocka_unit_test(a_chunk_waits_for_its_newest_keys),
        cmocka_unit_test(a_chunk_waits_while_a_key_throttles),
        cmocka_unit_test(memory_runs_out_while_items_are_taken),
    };
    if (!http_global_init(&e)) return 1;
    return cmocka_run_group_tests_name("items", tests, NULL, NULL);
}
