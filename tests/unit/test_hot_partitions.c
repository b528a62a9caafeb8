/* Hot partitions, on a simulated clock: the integration logs' keys (a service and a day; an application; a flow; success and a day) against
 * the model of the service. What the keys themselves allow is computed and compared with what the run reaches. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/hash.h"
#include "capacity_world.h"

#define OPEN_MAX 48 /* cursors of a worker */
#define FETCH_ROWS 128
#define ASIDE_KEYS 4
#define CHUNK_ROWS 2500
#define RESOURCES 4
#define ROWS_A_DAY 20000
#define PARTITION CAPACITY_PARTITION_UNITS
#define QUOTA CAPACITY_QUOTA_UNITS

static uint64_t chance(uint64_t n, uint64_t salt) {
    uint64_t both[2] = {n, salt};
    return hash_64(both, sizeof both, 5);
}

/* Row n of the logs, which are in the order of their time. */
static void log_parts(int64_t n, struct parts *out) {
    uint64_t r = chance((uint64_t)n, 1), flow = (uint64_t)n / 8, day = (uint64_t)n / ROWS_A_DAY;
    static const uint8_t services[16] = {1, 1, 1, 1, 6, 6, 3, 3, 3, 4, 4, 4, 5, 5, 2, 6};
    uint64_t failed = (r >> 4 & 1023) < 62;
    uint64_t keys[RESOURCES] = {chance(day * 8 + services[r & 15], 2), chance(flow % 48000, 3), chance(flow, 4),
                                chance(day * 2 + failed, 5)};
    out->count = 0;
    for (int i = 0; i < RESOURCES; i++) {
        if (i == 1 && (r >> 56) % 16 == 0) continue; /* no application: the index is sparse */
        out->at[out->count++] = (struct part){.resource = i, .units = 1, .key = keys[i]};
    }
}

/* Row n of a table of one day: all of an index has one key. */
static void one_day_parts(int64_t n, struct parts *out) {
    *out = (struct parts){
        .count = 2, .at = {{.resource = 0, .units = 1, .key = chance((uint64_t)n, 2)}, {.resource = 1, .units = 1, .key = 5}}};
}

/* --- reading by chunks --- */

struct chunk {
    int64_t at, end;
    uint64_t hot[ASIDE_KEYS]; /* the keys to wait for, the newest first */
};

struct reader {
    int open[OPEN_MAX], count, turn;
    int current; /* the chunk whose rows are in memory; -1 */
    int left;    /* of them */
};

struct logs {
    void (*parts)(int64_t n, struct parts *out);
    struct chunk *chunks;
    int chunk_count, next, open_max;
    bool aside; /* chunks whose keys are hot are put aside */
    struct reader readers[WORLD_WORKERS_MAX];
};

static int64_t aside_until(struct world *w, struct chunk *c) {
    int64_t longest = 0;
    for (int i = 0; i < ASIDE_KEYS; i++) {
        int64_t wait = heat_wait(w->heat, w->now, c->hot[i]);
        if (wait == 0) c->hot[i] = 0;
        if (wait > longest) longest = wait;
    }
    return longest;
}

/* The next chunk in turn that need not wait; -1: none, *when says until when. */
static int pick(struct logs *logs, struct world *w, struct reader *r, int64_t *when) {
    while (r->count < logs->open_max && logs->next < logs->chunk_count) r->open[r->count++] = logs->next++;
    for (int k = 0; k < r->count; k++) {
        int i = (r->turn + k) % r->count;
        int64_t wait = logs->aside ? aside_until(w, &logs->chunks[r->open[i]]) : 0;
        if (wait == 0) {
            r->turn = i + 1;
            return r->open[i];
        }
        if (w->now + wait < *when) *when = w->now + wait;
    }
    return -1;
}

static void close_chunk(struct reader *r, int chunk) {
    for (int i = 0; i < r->count; i++) {
        if (r->open[i] == chunk) r->open[i] = r->open[--r->count];
    }
}

static bool next_log(void *context, struct world *w, int worker, struct world_item *out, int64_t *when) {
    struct logs *logs = context;
    struct reader *r = &logs->readers[worker];
    if (r->left == 0) {
        r->current = pick(logs, w, r, when);
        if (r->current < 0) return false;
        int64_t rows = logs->chunks[r->current].end - logs->chunks[r->current].at;
        r->left = rows < FETCH_ROWS ? (int)rows : FETCH_ROWS;
    }
    struct chunk *c = &logs->chunks[r->current];
    logs->parts(c->at++, &out->parts);
    out->chunk = r->current;
    r->left--;
    if (c->at == c->end) close_chunk(r, r->current);
    return true;
}

static void chunk_is_hot(void *context, struct world *w, int chunk, uint64_t hot) {
    struct chunk *c = &((struct logs *)context)->chunks[chunk];
    (void)w;
    for (int i = 0; i < ASIDE_KEYS; i++) {
        if (c->hot[i] == hot) return;
    }
    memmove(c->hot + 1, c->hot, sizeof c->hot - sizeof *c->hot);
    c->hot[0] = hot;
}

static struct logs *logs_new(int64_t rows, int64_t chunk_rows, int open_max, bool shuffle, bool aside) {
    struct logs *logs = calloc(1, sizeof *logs);
    assert_non_null(logs);
    logs->chunk_count = (int)((rows + chunk_rows - 1) / chunk_rows);
    logs->chunks = calloc((size_t)logs->chunk_count, sizeof *logs->chunks);
    assert_non_null(logs->chunks);
    for (int i = 0; i < logs->chunk_count; i++) {
        int64_t end = (i + 1) * chunk_rows;
        logs->chunks[i] = (struct chunk){.at = i * chunk_rows, .end = end < rows ? end : rows};
    }
    for (int i = logs->chunk_count - 1; shuffle && i > 0; i--) {
        int k = (int)(chance((uint64_t)i, 6) % (uint64_t)(i + 1));
        struct chunk swap = logs->chunks[i];
        logs->chunks[i] = logs->chunks[k];
        logs->chunks[k] = swap;
    }
    logs->parts = log_parts;
    logs->open_max = open_max;
    logs->aside = aside;
    return logs;
}

/* --- what the keys allow --- */

static int compare_hashes(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* The seconds that the work needs at the least: all units at the quota, and those of the heaviest key at a partition's rate. */
static double least_seconds(const struct logs *logs, int64_t rows) {
    uint64_t *keys = malloc((size_t)rows * RESOURCES * sizeof *keys);
    assert_non_null(keys);
    int64_t count = 0, of[RESOURCES] = {0};
    for (int64_t n = 0; n < rows; n++) {
        struct parts p;
        logs->parts(n, &p);
        for (int i = 0; i < p.count; i++) {
            of[p.at[i].resource] += p.at[i].units;
            keys[count++] = parts_bucket(0, &p.at[i]);
        }
    }
    qsort(keys, (size_t)count, sizeof *keys, compare_hashes);
    int64_t heaviest = 0, run = 0;
    for (int64_t i = 0; i < count; i++) {
        run = i > 0 && keys[i] == keys[i - 1] ? run + 1 : 1;
        if (run > heaviest) heaviest = run;
    }
    free(keys);
    double seconds = (double)heaviest / PARTITION;
    for (int i = 0; i < RESOURCES; i++) {
        if ((double)of[i] / QUOTA > seconds) seconds = (double)of[i] / QUOTA;
    }
    return seconds;
}

struct outcome {
    double of_keys, of_table; /* shares of the rows a second that the keys allow, and that the table would take from even keys */
    double refused;           /* of the units sent after the first ten seconds */
    int keys_found;
};

/* `warm`: units a second that table and indexes are ready for; 0: they are new. */
static struct outcome play(struct logs *logs, int64_t rows, int workers, double most_seconds, double warm_units) {
    struct capacity_given warm[RESOURCES];
    for (int i = 0; i < RESOURCES; i++) warm[i] = (struct capacity_given){.warm = warm_units};
    struct world *w = world_new(&(struct capacity_rules){0}, warm, RESOURCES,
                                (struct world_source){.next = next_log, .hot = chunk_is_hot, .context = logs}, workers);
    world_run(w, most_seconds);
    double seconds = (double)(w->last_written - WORLD_BEGIN) / (double)CLOCK_SECOND;
    struct world_tick late = world_between(w, 10, most_seconds);
    struct outcome o = {
        .of_keys = least_seconds(logs, rows) / seconds,
        .of_table = w->rows / seconds / QUOTA,
        .refused = late.written > 0 ? late.refused / (late.refused + late.written) : 0,
        .keys_found = w->keys_found,
    };
    print_message(
        "# %lld rows by %d chunks open in %.1f s: %.3f of what the keys allow, %.3f of the table's limit; %.2f %% refused\n",
        (long long)rows, workers * logs->open_max, seconds, o.of_keys, o.of_table, 100 * o.refused);
    assert_int_equal(w->rows, rows);
    assert_int_equal(capacity_forgotten(w->capacity), 0);
    world_free(w);
    free(logs->chunks);
    free(logs);
    return o;
}

/* One date's key of the third index limits a table that is read in the order in which it was written. */
static void test_key_order(void **state) {
    (void)state;
    struct outcome o = play(logs_new(60000, CHUNK_ROWS, 1, false, true), 60000, 1, 200, QUOTA);
    assert_true(o.of_table > 0.02 && o.of_table < 0.035);
    assert_true(o.refused < 0.02);
    assert_true(o.keys_found > 0);
}

static void test_shuffled_chunks_with_hot_ones_aside(void **state) {
    (void)state;
    int64_t rows = 2000000;
    struct outcome o = play(logs_new(rows, CHUNK_ROWS, OPEN_MAX, true, true), rows, 1, 200, QUOTA);
    assert_true(o.of_keys > 0.92 && o.refused < 0.02);
}

/* Whatever the table takes, one key takes a partition's units; what is on its way when that is found out is all refused, and waits its turn. */
static void test_one_key(void **state) {
    (void)state;
    for (int64_t rows = 9000; rows <= 90000; rows *= 10) {
        struct logs *logs = logs_new(rows, CHUNK_ROWS, OPEN_MAX, true, true);
        logs->parts = one_day_parts;
        struct outcome o = play(logs, rows, 3, 300, 0);
        assert_true(o.of_keys > 0.9 && o.refused < 0.02);
    }
}

/* What it is worth to put chunks aside, and to have many open. */
static void test_less_is_worse(void **state) {
    (void)state;
    int64_t rows = 500000;
    struct outcome all = play(logs_new(rows, CHUNK_ROWS, OPEN_MAX, true, true), rows, 1, 200, QUOTA);
    struct outcome in_turn = play(logs_new(rows, CHUNK_ROWS, OPEN_MAX, true, false), rows, 1, 200, QUOTA);
    struct outcome few = play(logs_new(rows, CHUNK_ROWS, 8, true, true), rows, 1, 200, QUOTA);
    assert_true(in_turn.of_keys < 0.8 * all.of_keys);
    assert_true(few.of_keys < 0.6 * all.of_keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_order),
        cmocka_unit_test(test_shuffled_chunks_with_hot_ones_aside),
        cmocka_unit_test(test_one_key),
        cmocka_unit_test(test_less_is_worse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
