/* The reading half of a worker: chunks, cursors, rows. What rows become is in items.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/worker_parts.h"

/* FETCHes of one statement: PostgreSQL goes on while we map. One at a time, we waited for it again and again, and were woken for every
 * 8 KB that it sent. */
#define FETCHES_AHEAD 4
/* Rows of a chunk's first FETCH, before their size is known: few, since they may be half a megabyte each. */
#define FETCH_ROWS_FIRST 8
/* The bytes of all the workers' rows together. A row may be far larger than its item (a text of half a megabyte that is no JSON), so
 * the budget of requests alone does not bound them. A worker has room for a few FETCHes in any case. */
#define HELD_BYTES (16 * 1024 * 1024)
#define HELD_LEAST (4 * FETCH_BYTES)

/* --- chunks --- */

/* At most an eighth of all chunks are open: chunks that are read in turn end together, and a run that is stopped must not find all of
 * them half done; nor should a worker sit on many, near the end, while another has none. */
int reading_open_max(int chunks, int workers) {
    int share = chunks / (8 * workers) + 1;
    return share < OPEN_CHUNKS_MAX ? share : OPEN_CHUNKS_MAX;
}

/* Near the end each worker takes few, so that none sits on chunks while another has nothing to do. */
int reading_open_now(int open_max, int left, int workers, bool throttled) {
    int share = left / (2 * workers) + 1;
    if (throttled) return OPEN_CHUNKS_MAX;
    return share < open_max ? share : open_max;
}

static struct open_chunk *free_chunk(struct worker *w) {
    for (int i = 0; i < OPEN_CHUNKS_MAX; i++) {
        if (!w->chunks[i].taken) return &w->chunks[i];
    }
    return NULL;
}

static bool open_chunk(struct worker *w, const struct job_chunk *work, struct error *err) {
    struct open_chunk *c = free_chunk(w);
    struct arena *a = arena_new();
    *c = (struct open_chunk){.taken = true, .work = *work, .arena = a, .fetch_rows = FETCH_ROWS_FIRST, .began = clock_now()};
    w->open_count++;
    c->range_count = work->retry ? work->retry->count : 1;
    if (a) c->ranges = arena_array(a, (size_t)c->range_count, sizeof *c->ranges);
    if (a == NULL || c->ranges == NULL) return error_memory(err, "opening a chunk");
    if (work->retry == NULL) c->ranges[0] = work->chunk->range;
    for (int i = 0; work->retry && i < c->range_count; i++) {
        const struct ledger_listed *r = &work->retry->rows[i];
        c->ranges[i] = (struct pg_range){.part = r->part, .lower = r->bound, .single = true};
    }
    return true;
}

/* Whether one more chunk should be taken. One whose rows are all fetched waits for its last items only: the next may begin. */
static bool has_room(const struct worker *w) {
    int being_read = 0;
    for (int i = 0; i < OPEN_CHUNKS_MAX; i++) being_read += w->chunks[i].taken && !w->chunks[i].ended;
    int most = reading_open_now(w->open_max, atomic_load(&w->job->chunks_left), w->job->workers, aside_limited(w));
    return being_read < most && w->open_count < OPEN_CHUNKS_MAX;
}

bool reading_take(struct worker *w, struct error *err) {
    struct job_chunk work;
    while (!w->no_more && !atomic_load(&w->job->stop) && has_room(w)) {
        w->no_more = !coordinator_next(w->job->coordinator, &work);
        if (!w->no_more && !open_chunk(w, &work, err)) return false;
    }
    return true;
}

void reading_reset(struct open_chunk *c) {
    struct live_counts *live = &c->work.table->live;
    job_live_add(live, &c->counts, -1);
    for (int i = c->kept_rejects; i < c->reject_count; i++) free(c->rejects[i].memory);
    c->reject_count = c->kept_rejects;
    c->counts = (struct run_counts){.rows_read = c->kept_rejects, .rows_rejected = c->kept_rejects};
    job_live_add(live, &c->counts, 1);
    c->range = 0;
    c->range_rows = 0;
    c->came = c->kept_rejects;
    c->opened = c->broken = false;
    c->ended = c->range_count == 0;
}

static void close_chunk(struct worker *w, struct open_chunk *c, bool done) {
    struct chunk_result result = {
        .work = c->work,
        .counts = c->counts,
        .seconds = (double)(clock_now() - c->began) / CLOCK_SECOND,
        .rejects = c->rejects,
        .reject_count = c->reject_count,
        .done = done,
    };
    coordinator_end(w->job->coordinator, &result);
    arena_free(c->arena);
    c->taken = false;
    w->open_count--;
}

void reading_end_chunks(struct worker *w) {
    bool stop = atomic_load(&w->job->stop);
    for (int i = 0; i < OPEN_CHUNKS_MAX; i++) {
        struct open_chunk *c = &w->chunks[i];
        if (!c->taken || c->pending > 0 || c->fetched > 0) continue;
        if (c->ended && !c->broken) {
            close_chunk(w, c, true);
        } else if (stop && writer_idle(w->writer)) {
            close_chunk(w, c, false);
        }
    }
}

/* --- fetching --- */

/* Learns from a FETCH how many rows make FETCH_BYTES. */
static void learn(struct open_chunk *c, const struct pg_rowset *rows) {
    int count = pg_rowset_count(rows);
    if (count == 0) return;
    int64_t each = pg_rowset_length(rows) / count + 1;
    int64_t best = FETCH_BYTES / each;
    int *now = &c->fetch_rows;
    if (best > (int64_t)*now * 4) best = (int64_t)*now * 4; /* a few small rows promise nothing of the next ones */
    *now = best < 1 ? 1 : best > FETCH_ROWS_MAX ? FETCH_ROWS_MAX : (int)best;
}

static bool ask_rows(struct worker *w, int i, struct error *err) {
    struct open_chunk *c = &w->chunks[i];
    if (c->opened) return pg_reader_fetch(w->reader, i, c->fetch_rows, err);
    int64_t limit = w->job->limit > 0 ? w->job->limit - c->came : -1;
    char *sql = pg_source_sql(c->work.table->source, &c->ranges[c->range], limit, c->arena);
    if (sql == NULL) return error_memory(err, "making a chunk's SQL");
    c->opened = true;
    return pg_reader_open(w->reader, i, sql, c->fetch_rows, err);
}

static bool holds_enough(const struct worker *w) {
    int64_t budget = HELD_BYTES / w->job->workers;
    return w->held > (budget > HELD_LEAST ? budget : HELD_LEAST);
}

/* Whether the source is to be left alone at this moment. */
static bool spared(struct worker *w) {
    if (w->fetch_after == 0 || clock_now() >= w->fetch_after) return false;
    return atomic_load_explicit(&w->job->source_gap, memory_order_relaxed) > 0;
}

/* The open chunk whose turn it is; -1: none has rows left to fetch, or all that have are put aside. */
static int next_in_turn(struct worker *w) {
    int64_t now = clock_now();
    w->aside_until = 0;
    for (int k = 0; k < OPEN_CHUNKS_MAX; k++) {
        int i = (w->turn + k) % OPEN_CHUNKS_MAX;
        if (!w->chunks[i].taken || w->chunks[i].ended) continue;
        int64_t wait = aside_wait(w, &w->chunks[i], now);
        if (wait == 0) {
            w->turn = i + 1;
            return i;
        }
        if (w->aside_until == 0 || now + wait < w->aside_until) w->aside_until = now + wait;
    }
    return -1;
}

/* Sends the next FETCHes, of the chunks in turn, if the connection is free and their rows would have a place. A source that is to be spared
 * is asked for one at a time, and so is one that is not what limits the run. */
static bool fetch_next(struct worker *w, struct error *err) {
    if (w->failed_chunk >= 0 || !pg_reader_idle(w->reader) || atomic_load(&w->job->stop)) return true;
    if (holds_enough(w) || spared(w)) return true;
    int64_t gap = atomic_load_explicit(&w->job->source_gap, memory_order_relaxed);
    int ahead = gap > 0 || aside_limited(w) ? 1 : FETCHES_AHEAD;
    if (gap > 0 && w->next) return true;
    for (int i, n = 0; n < ahead && (i = next_in_turn(w)) >= 0; n++) {
        if (!ask_rows(w, i, err)) return false;
    }
    if (pg_reader_idle(w->reader)) return true;
    w->fetch_after = gap > 0 ? clock_now() + gap : 0;
    return pg_reader_send(w->reader, err);
}

/* A row that is read again must be there once; the work's retry notes whether it is. (Ranges around rows that the server cannot give are
 * cut out by narrow.c: the bound tells which row a range is.) */
static bool note_single(const struct open_chunk *c, struct error *err) {
    const struct pg_range *range = &c->ranges[c->range];
    struct job_retry *retry = c->work.retry;
    int i = 0;
    while (i < retry->count && retry->rows[i].bound != range->lower) i++;
    if (i == retry->count) return true;
    retry->gone[i] = c->range_rows == 0;
    if (c->range_rows <= 1) return true;
    error_set(err, ERROR_PLAN, "table %s: the key %s names several rows", c->work.table->plan->name, retry->rows[i].key);
    return error_hint(err, "name a key that is unique, and begin again with --restart");
}

static bool took_rows(struct worker *w, int cursor, struct pg_rowset *rows, bool end, struct error *err) {
    struct open_chunk *c = &w->chunks[cursor];
    int columns;
    pg_source_selected(c->work.table->source, &columns);
    bool fits = pg_rowset_fits(rows, columns, err);
    struct fetched *f = fits ? malloc(sizeof *f) : NULL;
    if (f == NULL) {
        pg_rowset_free(rows);
        return fits ? error_memory(err, "taking rows") : false;
    }
    *f = (struct fetched){.rows = rows, .chunk = c, .bytes = pg_rowset_bytes(rows), .refs = 1};
    buffer_init(&f->keys, (size_t)f->bytes); /* they take no more than among the rows */
    w->held += f->bytes;
    c->fetched++;
    c->came += pg_rowset_count(rows);
    c->range_rows += pg_rowset_count(rows);
    learn(c, rows);
    w->next = f;
    if (end) {
        if (c->work.retry && !note_single(c, err)) return false;
        c->range_rows = 0;
        c->opened = false;
        c->ended = ++c->range >= c->range_count || (w->job->limit > 0 && c->came >= w->job->limit);
    }
    return true;
}

void reading_unref(struct worker *w, struct fetched *f) {
    if (--f->refs > 0) return;
    w->held -= f->bytes;
    buffer_free(&f->keys);
    free(f);
}

/* Its rows are mapped, or given up: their memory is used again while it is in the cache. What is still to be known of a row whose item is
 * refused is its key. */
static void leave_rows(struct worker *w, struct fetched *f) {
    f->chunk->fetched--;
    pg_rowset_free(f->rows);
    f->rows = NULL;
    w->held -= f->bytes;
    f->bytes = (int64_t)f->keys.cap;
    w->held += f->bytes;
    reading_unref(w, f);
}

/* While the budget is spent nothing is read ahead: what a statement brings may be far more than was held when it was sent. With nothing to
 * map, rows are taken in any case: what is held then are items on their way, which may wait for these rows to fill a batch. */
bool reading_has_place(const struct worker *w) {
    return w->next == NULL && (w->current == NULL || !holds_enough(w));
}

/* Takes the rows of one FETCH, if they have arrived and there is a place for them. */
static bool take_rows(struct worker *w, struct error *err) {
    int cursor = -1;
    bool end = false;
    struct pg_rowset *rows = NULL;
    if (!reading_has_place(w) || pg_reader_idle(w->reader)) return true;
    switch (pg_reader_step(w->reader, &cursor, &rows, &end, err)) {
    case PG_READER_WAIT: break;
    case PG_READER_ROWS: return took_rows(w, cursor, rows, end, err);
    case PG_READER_FAILED:
        if (cursor < 0 || strncmp(err->code, "22", 2) != 0) return false;
        w->failed_chunk = cursor;
        w->row_error = *err;
        reading_drop(w);
        break;
    }
    return true;
}

bool reading_step(struct worker *w, struct error *err) {
    if (!take_rows(w, err)) return false;
    if (w->current == NULL && w->next) {
        w->current = w->next;
        w->next = NULL;
        w->row = 0;
        if (!take_rows(w, err)) return false; /* what the reader has already, no poll would tell */
    }
    return fetch_next(w, err);
}

void reading_drop(struct worker *w) {
    struct fetched *both[] = {w->current, w->next};
    for (int i = 0; i < 2; i++) {
        if (both[i] == NULL) continue;
        both[i]->chunk->broken = true;
        leave_rows(w, both[i]);
    }
    w->current = w->next = NULL;
}

bool reading_dry(const struct worker *w) {
    if (w->current || w->next || !pg_reader_idle(w->reader)) return false;
    if (holds_enough(w) || w->aside_until) return true;
    for (int i = 0; i < OPEN_CHUNKS_MAX; i++) {
        if (w->chunks[i].taken && !w->chunks[i].ended) return w->failed_chunk >= 0 || atomic_load(&w->job->stop);
    }
    return true;
}

/* --- mapping --- */

bool reading_map(struct worker *w, struct error *err) {
    struct fetched *f = w->current;
    if (f == NULL || w->failed_chunk >= 0) return true;
    struct row_mapper *mapper = w->mappers[f->chunk->work.table - w->job->tables];
    struct pg_row row = {.fields = w->fields};
    pg_source_selected(f->chunk->work.table->source, &row.count);
    int count = pg_rowset_count(f->rows);
    for (; w->row < count; w->row++) {
        if (!writer_ready(w->writer) || w->deferred_count > DYNAMODB_BATCH_ITEMS_MAX) return true;
        if (!pg_rowset_row(f->rows, w->row, w->fields, err)) return false;
        if (!keys_keep(f, &row)) return error_memory(err, "mapping a row");
        if (!items_map_row(w, mapper, &row, err)) return false;
    }
    leave_rows(w, f);
    w->current = NULL;
    return true;
}

void reading_publish(struct worker *w) {
    for (int i = 0; i < w->job->table_count; i++) {
        const struct run_counts *d = &w->delta[i];
        if ((d->rows_read | d->items_written | d->rows_rejected | d->rows_superseded) == 0) continue;
        job_live_done(&w->job->tables[i].live, d);
        w->delta[i] = (struct run_counts){0};
    }
}
