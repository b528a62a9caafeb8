/* The source onto the tape. */
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/bind.h"
#include "engine/reading.h"
#include "engine/rehearse_parts.h"
#include "engine/route.h"
#include "pg/reader.h"

/* A table with not many more rows than asked for is read whole. */
#define WHOLE 1.25
/* Of a larger one a part of each chunk is read, at so many places of it: a key may fill just a piece of a chunk. */
#define PLACES_A_CHUNK 16
/* Places in all: each is a statement. */
#define PLACES_MOST 4000
#define ITEM_BYTES_MAX ((size_t)256 << 20) /* of one row */

/* A table's ranges, and which of them are one chunk. */
struct cut {
    struct job_table *table;
    struct pg_range *ranges;
    int count;
    double left;  /* of the share of its rows that is read: what was rounded away so far */
    bool skipped; /* a place has a row that the server cannot give */
};

/* A chunk to be read. */
struct piece {
    struct cut *cut;
    int first, end; /* ranges */
    int place;
};

struct sink {
    struct item_sink sink;
    struct rehearsing *r;
    struct rehearsed_table *counts; /* of the row's table */
    const struct job_table *table;
    struct job_target *routed;
    struct job_target *target;
    struct buffer body;
};

struct reading {
    struct rehearsing *r;
    struct cut *cuts;
    struct piece *pieces;
    int piece_count;
    double share; /* of the rows that are read */
    struct pg_reader *reader;
    struct row_mapper **mappers;
    struct route **routes;
    struct functions *functions;
    struct pg_field *fields;
    struct sink sink;
    int unreadable; /* places with a row that the server cannot give */
};

/* --- chunks --- */

static bool add_piece(struct reading *k, struct cut *c, int first, int end) {
    struct piece *more = realloc(k->pieces, ((size_t)k->piece_count + 1) * sizeof *more);
    if (more == NULL) return false;
    k->pieces = more;
    k->pieces[k->piece_count] = (struct piece){.cut = c, .first = first, .end = end, .place = k->piece_count};
    k->piece_count++;
    return true;
}

/* Cuts a table into finer ranges than its chunks, so that each can be read in part. */
static bool cut_finer(struct reading *k, struct cut *c, int chunks, int places, struct error *err) {
    double rows = c->table->rows_estimated / ((double)chunks * places);
    return pg_source_ranges(k->r->session.source, c->table->source, (int64_t)fmax(1, rows), INT64_MAX, k->r->out->arena,
                            &c->ranges, &c->count, err);
}

/* So many neighbours are a chunk; those of one part of the table only. */
static bool group(struct reading *k, struct cut *c, int places) {
    for (int first = 0, end; first < c->count; first = end) {
        for (end = first + 1; end < c->count && end - first < places && c->ranges[end].part == c->ranges[first].part;) end++;
        if (!add_piece(k, c, first, end)) return false;
    }
    return true;
}

static bool cut_table(struct reading *k, struct cut *c, struct error *err) {
    struct session *s = &k->r->session;
    if (!session_ranges(s, c->table, &c->ranges, &c->count, err)) return false;
    k->r->rows_estimated += c->table->rows_estimated;
    return !run_stopping || error_set(err, ERROR_INTERRUPTED, "interrupted");
}

static bool cut_all(struct reading *k, struct error *err) {
    struct rehearsing *r = k->r;
    struct job *j = &r->session.job;
    double wanted = r->options->rows > 0 ? (double)r->options->rows : REHEARSE_ROWS;
    int chunks = 0;
    k->cuts = arena_array(r->out->arena, (size_t)j->table_count, sizeof *k->cuts);
    if (k->cuts == NULL) return error_memory(err, "rehearsing");
    for (int i = 0; i < j->table_count; i++) {
        k->cuts[i].table = &j->tables[i];
        if (!cut_table(k, &k->cuts[i], err)) return false;
        chunks += k->cuts[i].count;
    }
    /* what a play can stand */
    wanted = fmax(wanted, r->rows_estimated / (PLAY_WEIGHT_MOST * PLAY_STRETCH_MOST));
    r->out->sampled = r->rows_estimated > WHOLE * wanted;
    k->share = r->out->sampled ? wanted / r->rows_estimated : 1;
    int places = chunks ? PLACES_MOST / chunks : 1;
    places = !r->out->sampled || places < 1 ? 1 : places > PLACES_A_CHUNK ? PLACES_A_CHUNK : places;
    for (int i = 0; i < j->table_count; i++) {
        struct cut *c = &k->cuts[i];
        r->out->tables[i].chunks = c->count;
        if (places > 1 && c->count > 1 && !cut_finer(k, c, c->count, places, err)) return false;
        if (!group(k, c, places)) return error_memory(err, "rehearsing");
    }
    return true;
}

/* Read in any order, so that what was read is a fair part when there is no room for the rest. */
static void shuffle(struct reading *k) {
    uint64_t state = 1; /* Knuth's MMIX generator, as the run's shuffle; the same each time */
    for (int i = k->piece_count - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int n = (int)((state >> 33) % (uint64_t)(i + 1));
        struct piece swap = k->pieces[i];
        k->pieces[i] = k->pieces[n];
        k->pieces[n] = swap;
    }
}

/* --- items --- */

static struct buffer *sink_open(struct item_sink *self, int table) {
    struct sink *s = (struct sink *)self;
    struct job_table *t = &s->r->session.job.tables[table];
    s->target = t == s->table ? s->routed : &t->targets[0];
    s->body.len = 0;
    return buffer_reserve(&s->body, 1) ? &s->body : NULL;
}

static bool sink_close(struct item_sink *self, const struct mapped_item *item) {
    struct sink *s = (struct sink *)self;
    struct rehearsing *r = s->r;
    struct parts parts;
    int number = r->target_of[s->target->number];
    struct rehearsal_target *t = &r->targets[number];
    if (!parts_read(t->reader, s->body.data, s->body.len, &parts)) return true; /* our own items can be read */
    if (!tape_add(&r->tape, number, &parts)) r->out->full = true;
    key_names_add(r->names, number, t->schema, &parts, s->body.data, s->body.len);
    for (int i = 0; i < parts.count; i++) t->units[parts.at[i].resource] += parts.at[i].units;
    s->counts->items++;
    s->counts->bytes += item->size;
    s->counts->units += item->units;
    return true;
}

static void sink_cancel(struct item_sink *self) {
    (void)self;
}

static enum map_result map_row(struct reading *k, int table, const struct pg_row *row) {
    struct job_table *t = &k->r->session.job.tables[table];
    struct map_reject reject;
    k->sink.table = t;
    k->sink.counts = &k->r->out->tables[table];
    k->sink.routed = &t->targets[0];
    if (t->to) {
        enum map_result found = route_find(k->routes[table], row, &k->sink.routed, &reject);
        if (found != MAP_ITEM) return found;
    }
    return k->mappers[table]->map(k->mappers[table], row, &k->sink.sink, &reject);
}

static bool take_rows(struct reading *k, int table, const struct pg_rowset *rows, struct error *err) {
    struct rehearsed_table *counts = &k->r->out->tables[table];
    struct pg_row row = {.fields = k->fields};
    pg_source_selected(k->r->session.job.tables[table].source, &row.count);
    if (!pg_rowset_fits(rows, row.count, err)) return false;
    int count = pg_rowset_count(rows);
    for (int i = 0; i < count; i++) {
        if (!pg_rowset_row(rows, i, k->fields, err)) return false;
        enum map_result result = map_row(k, table, &row);
        if (result == MAP_MEMORY || result == MAP_STOP) return error_memory(err, "rehearsing");
        counts->rows_rejected += result == MAP_REJECT;
        counts->rows_filtered += result == MAP_FILTERED;
    }
    counts->rows_read += count;
    k->r->rows_read += count;
    k->r->tape.chunks[k->r->tape.count - 1].rows += count;
    return true;
}

/* --- reading --- */

/* Takes the rows of the FETCH under way, and waits until the next may be asked for. False with the server's failure, or when the user wants
 * to stop. */
static bool take_fetch(struct reading *k, struct pg_rowset **rows, bool *end, struct error *err) {
    struct pg_rowset *found = NULL;
    bool last = false;
    int cursor;
    while (!pg_reader_idle(k->reader)) {
        switch (pg_reader_step(k->reader, &cursor, &found, &last, err)) {
        case PG_READER_ROWS:
            *rows = found;
            *end = last;
            continue;
        case PG_READER_FAILED: return false;
        case PG_READER_WAIT: break;
        }
        if (pg_reader_idle(k->reader)) return true;
        struct pollfd p = {.fd = pg_reader_fd(k->reader),
                           .events = (short)(POLLIN | (pg_reader_wants_write(k->reader) ? POLLOUT : 0))};
        poll(&p, 1, 100);
        if (run_stopping) return error_set(err, ERROR_INTERRUPTED, "interrupted");
    }
    return true;
}

/* The rows of a range, or its first ones; the next FETCH is under way while these are mapped. */
static bool read_range(struct reading *k, const struct cut *c, const struct pg_range *range, int64_t limit, struct error *err) {
    int table = (int)(c->table - k->r->session.job.tables), fetch = FETCH_ROWS_MAX;
    struct arena *a = arena_new();
    char *sql = a ? pg_source_sql(c->table->source, range, limit, a) : NULL;
    bool ok = sql ? pg_reader_open(k->reader, 0, sql, fetch, err) : error_memory(err, "making a chunk's SQL"), end = false;
    ok = ok && pg_reader_send(k->reader, err);
    while (ok && !end) {
        struct pg_rowset *rows = NULL;
        ok = take_fetch(k, &rows, &end, err);
        int count = ok && rows ? pg_rowset_count(rows) : 0;
        if (count) fetch = (int)fmax(1, fmin(FETCH_ROWS_MAX, FETCH_BYTES / (double)(pg_rowset_length(rows) / count + 1)));
        if (ok && !end) ok = pg_reader_fetch(k->reader, 0, fetch, err) && pg_reader_send(k->reader, err);
        if (ok && count) ok = take_rows(k, table, rows, err);
        pg_rowset_free(rows);
    }
    arena_free(a);
    return ok;
}

/* How many rows to read of one of a table's ranges; -1: all. */
static int64_t limit_of(const struct reading *k, struct cut *c) {
    if (!k->r->out->sampled) return -1;
    c->left += k->share * c->table->rows_estimated / fmax(1, c->count);
    double whole = floor(c->left);
    c->left -= whole;
    return (int64_t)whole;
}

/* A row that the server cannot give ends the transaction: the rest of its place is left out. */
static bool skip(struct reading *k, struct cut *c, struct error *err) {
    if (err->kind != ERROR_SOURCE || err->code[0] != '2' || err->code[1] != '2') return false;
    k->unreadable++;
    c->skipped = true;
    return pg_reader_restart(k->reader, err);
}

static bool read_piece(struct reading *k, const struct piece *p, struct error *err) {
    if (!tape_begin(&k->r->tape, p->place)) return error_memory(err, "rehearsing");
    for (int i = p->first; i < p->end && !k->r->out->full; i++) {
        int64_t limit = limit_of(k, p->cut);
        if (limit == 0) continue;
        if (!read_range(k, p->cut, &p->cut->ranges[i], limit, err) && !skip(k, p->cut, err)) return false;
    }
    return true;
}

static bool read_all(struct reading *k, struct error *err) {
    struct rehearsing *r = k->r;
    int64_t began = clock_now();
    for (int i = 0; i < k->piece_count && !r->out->full; i++) {
        if (!read_piece(k, &k->pieces[i], err)) return false;
    }
    double seconds = (double)(clock_now() - began) / (double)CLOCK_SECOND;
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int at_once = processors > 0 && processors < r->session.job.workers ? (int)processors : r->session.job.workers;
    if (seconds > 0) r->out->client_rows = (double)r->rows_read / seconds * at_once;
    if (k->unreadable) {
        session_notice(&r->session,
                       "%d of the places that were read have a row that the server cannot give: the rest of each was left out",
                       k->unreadable);
    }
    return true;
}

/* What was read of each table, as if it were all of it. */
static void scale(struct reading *k) {
    struct rehearsing *r = k->r;
    for (int i = 0; i < r->out->table_count; i++) {
        bool part = r->out->sampled || r->out->full || (k->cuts && k->cuts[i].skipped);
        struct rehearsed_table *t = &r->out->tables[i];
        t->rows = part ? fmax((double)t->rows_read, r->session.job.tables[i].rows_estimated) : (double)t->rows_read;
        double times = t->rows_read ? t->rows / (double)t->rows_read : 1;
        t->items *= times;
        t->bytes *= times;
        t->units *= times;
    }
    double rows = 0;
    for (int i = 0; i < r->out->table_count; i++) rows += r->out->tables[i].rows;
    r->weight = r->rows_read ? rows / (double)r->rows_read : 1;
}

/* --- opening and closing --- */

static bool open_table(struct reading *k, int i, struct error *err) {
    const struct job_table *t = &k->r->session.job.tables[i];
    bool calls = program_calls_functions(t->program);
    if (calls && k->functions == NULL) {
        k->functions = bind_functions(&k->r->session.job, NAMES_ANY, err);
        if (k->functions == NULL) return false;
    }
    k->mappers[i] = program_mapper(t->program, calls ? k->functions : NULL);
    if (t->to) k->routes[i] = route_new(t);
    return (k->mappers[i] && (k->routes[i] || t->to == NULL)) || error_memory(err, "rehearsing");
}

static bool open_reading(struct reading *k, struct error *err) {
    struct job *j = &k->r->session.job;
    int widest = 1;
    k->sink = (struct sink){.sink = {.open = sink_open, .close = sink_close, .cancel = sink_cancel}, .r = k->r};
    buffer_init(&k->sink.body, ITEM_BYTES_MAX);
    k->mappers = calloc((size_t)j->table_count, sizeof(*k->mappers));
    k->routes = calloc((size_t)j->table_count, sizeof(*k->routes));
    if (k->mappers == NULL || k->routes == NULL) return error_memory(err, "rehearsing");
    for (int i = 0; i < j->table_count; i++) {
        int count;
        pg_source_selected(j->tables[i].source, &count);
        if (count > widest) widest = count;
        if (!open_table(k, i, err)) return false;
    }
    k->fields = calloc((size_t)widest, sizeof *k->fields);
    if (k->fields == NULL) return error_memory(err, "rehearsing");
    k->reader = pg_reader_new(j->plan->source_uri, j->snapshot_id, err);
    return k->reader != NULL;
}

static void close_reading(struct reading *k) {
    for (int i = 0; k->mappers && i < k->r->session.job.table_count; i++) {
        if (k->mappers[i]) k->mappers[i]->free(k->mappers[i]);
    }
    for (int i = 0; k->routes && i < k->r->session.job.table_count; i++) route_free(k->routes[i]);
    if (k->functions) k->functions->free(k->functions);
    pg_reader_free(k->reader);
    buffer_free(&k->sink.body);
    free(k->mappers);
    free(k->routes);
    free(k->fields);
    free(k->pieces);
}

bool rehearse_read(struct rehearsing *r, struct error *err) {
    struct reading k = {.r = r};
    bool ok = open_reading(&k, err) && cut_all(&k, err);
    if (ok) shuffle(&k);
    ok = ok && read_all(&k, err);
    scale(&k);
    close_reading(&k);
    return ok;
}
