/* Rows that the server cannot give (SQLSTATE class 22: a value that cannot be converted, a division by zero in an expression, ...). Such
 * a row ends the statement and the transaction with all its cursors; the exported snapshot lives on elsewhere, so the worker begins
 * again in it, halves the chunk's range down to the rows, rejects them, and reads around them. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/worker_parts.h"

struct search {
    struct worker *worker;
    struct open_chunk *chunk;
    struct pg_range *good; /* ranges that can be read */
    int good_count, good_room;
};

static bool keep_range(struct search *s, const struct pg_range *range, struct error *err) {
    if (s->good_count == s->good_room) {
        int room = s->good_room ? s->good_room * 2 : 16;
        struct pg_range *more = arena_array(s->chunk->arena, (size_t)room, sizeof *more);
        if (more == NULL) return error_memory(err, "narrowing a failure down");
        if (s->good_count) memcpy(more, s->good, (size_t)s->good_count * sizeof *more);
        s->good = more;
        s->good_room = room;
    }
    s->good[s->good_count++] = *range;
    return true;
}

static bool reject_found(struct search *s, const struct pg_range *range, const struct error *why, struct error *err) {
    struct worker *w = s->worker;
    const char *key = NULL, *bound = NULL;
    char message[600];
    struct pg_source *source = s->chunk->work.table->source;
    if (!pg_source_first_key(pg_reader_connection(w->reader), source, range, s->chunk->arena, &key, &bound, err)) return false;
    snprintf(message, sizeof message, "the server cannot give this row: %.400s (SQLSTATE %.5s)", why->text, why->code);
    s->chunk->counts.rows_read++;
    w->delta[s->chunk->work.table - w->job->tables].rows_read++;
    return reject_record(
        w, s->chunk, &(struct ledger_reject){.key = key ? key : "", .bound = bound, .reason = REJECT_SOURCE, .message = message},
        0, err);
}

/* Reads a range; when it fails, its halves. A range that can be read is kept. The depth is that of halving: under 64. */
static bool search(struct search *s, const struct pg_range *range, struct error *err) {
    struct worker *w = s->worker;
    struct arena *a = s->chunk->arena;
    struct error why;
    if (atomic_load(&w->job->stop)) return error_set(err, ERROR_INTERRUPTED, "stopped while narrowing a failure down");
    char *sql = pg_source_sql(s->chunk->work.table->source, range, -1, a);
    if (sql == NULL) return error_memory(err, "narrowing a failure down");
    if (pg_reader_try(w->reader, sql, &why)) return keep_range(s, range, err);
    if (strncmp(why.code, "22", 2) != 0) {
        *err = why;
        return false;
    }
    if (!pg_reader_restart(w->reader, err)) return false;
    const char *middle;
    int64_t rows;
    if (!pg_source_middle(pg_reader_connection(w->reader), s->chunk->work.table->source, range, a, &middle, &rows, err))
        return false;
    if (middle == NULL && rows == 1) return reject_found(s, range, &why, err);
    if (middle == NULL) {
        *err = why;
        return error_hint(err, "no single row could be found that causes it");
    }
    struct pg_range lower = *range, upper = *range;
    lower.upper = middle;
    upper.lower = middle;
    upper.lower_exclusive = false;
    return search(s, &lower, err) && search(s, &upper, err);
}

bool narrow(struct worker *w, struct error *err) {
    struct open_chunk *chunk = &w->chunks[w->failed_chunk];
    if (pg_source_key_kind(chunk->work.table->source) == PG_KEY_NONE) {
        *err = w->row_error;
        return error_hint(err,
                          "this source has no key, so the row that causes it cannot be found: name a key, or mend the value");
    }
    if (!pg_reader_restart(w->reader, err)) return false;
    for (int i = 0; i < OPEN_CHUNKS_MAX; i++) {
        if (w->chunks[i].taken) reading_reset(&w->chunks[i]);
    }
    struct search s = {.worker = w, .chunk = chunk};
    for (int i = 0; i < chunk->range_count; i++) {
        if (!search(&s, &chunk->ranges[i], err)) return false;
    }
    chunk->ranges = s.good;
    chunk->range_count = s.good_count;
    chunk->kept_rejects = chunk->reject_count;
    chunk->came = chunk->kept_rejects;
    chunk->ended = chunk->range_count == 0 || (w->job->limit > 0 && chunk->came >= w->job->limit);
    w->failed_chunk = -1;
    /* Each such row makes all open chunks begin again: where there is one, there may be many, and fewer chunks at once lose less. */
    if (w->open_max > 4) w->open_max /= 2;
    return true;
}
