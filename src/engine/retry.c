/* rejects --retry: the rejected rows of a run are read again by their keys, mapped as the plan says today, and written. The workers do it
 * as they do any chunk; a piece of work is some rejects of one chunk, each a range of one row. */
#include <string.h>

#include "base/clock.h"
#include "engine/bind.h"
#include "engine/ledger_path.h"
#include "engine/listing.h"
#include "engine/run_parts.h"
#include "engine/targets.h"

/* Rows of one piece: what is read again after a kill, and what one transaction of the ledger corrects. */
#define PIECE_ROWS 200

struct retrying {
    struct session session;
    struct run_retry *out;
    struct job_chunk *order;
    int count;
};

/* Whether the ledger lists any reject of the run; asked before anything is connected or locked. */
static bool any_listed(const struct plan *plan, const struct run_options *options, bool *any, struct error *err) {
    struct run_status status;
    bool ok = run_status_read(plan, options, &status, err);
    *any = ok && status.found && status.summary.rejects > 0;
    run_summary_free(&status.summary);
    return ok;
}

/* --- the scene --- */

/* The run must be the same but for what a row becomes. */
static bool find_run(struct retrying *r, struct error *err) {
    struct session *s = &r->session;
    struct job *j = &s->job;
    const char *key = bind_run_key(s->options, j->arena);
    const char *identity = bind_identity(j, pg_server(s->source));
    bool found;
    if (key == NULL || identity == NULL) return error_memory(err, "telling the run's identity");
    if (!ledger_run_find(s->ledger, key, &s->run, &found, j->arena, err)) return false;
    if (!found) return error_set(err, ERROR_LOCAL, "the run that the ledger held a moment ago is gone");
    const char *was = bind_without_mapping(s->run.identity, j->arena), *is = bind_without_mapping(identity, j->arena);
    if (was == NULL || is == NULL) return error_memory(err, "telling the run's identity");
    r->out->mapping_changed = strcmp(s->run.identity, identity) != 0;
    j->started = session_started(&s->run);
    if (strcmp(was, is) == 0) return true;
    error_set(err, ERROR_PLAN, "more than the mapping has changed since the rows were rejected:%.1200s",
              bind_difference(was, is, j->arena));
    return error_hint(err, "undo the change to retry the rows, or begin again with --restart");
}

static bool prepare(struct retrying *r, const char *path, const struct plan *plan, struct error *err) {
    struct session *s = &r->session;
    int created;
    if (!session_open_job(s, plan, r->out->arena, err)) return false;
    s->job.retrying = true;
    s->job.limit = 0; /* it narrowed the run; its rejects are all asked for */
    s->ledger = ledger_open(path, LEDGER_WRITE, err);
    if (s->ledger == NULL || !session_open_source(s, err) || session_stopped(err)) return false;
    session_tell_source(s);
    s->client = targets_connect(&s->job, s->listener, err);
    if (s->client == NULL) return false;
    session_tell_target(s);
    if (!find_run(r, err)) return false;
    if (!listing_make(&s->job, s->source, s->ledger, s->run.id, false, s->listener, err)) return false;
    return targets_prepare(&s->job, s->client, s->ledger, false, s->listener, &created, err);
}

/* --- the work --- */

/* A piece begins with `first`; it ends with its chunk, or when it is full. */
static bool add_piece(struct retrying *r, struct job_table *t, const struct ledger_listed *first, int count, struct error *err) {
    struct arena *a = r->out->arena;
    struct ledger_chunk *chunk = arena_alloc(a, sizeof *chunk);
    struct job_retry *retry = arena_alloc(a, sizeof *retry);
    bool *gone = arena_array(a, (size_t)count, sizeof *gone);
    if (chunk == NULL || retry == NULL || gone == NULL) return error_memory(err, "planning a retry");
    *chunk = (struct ledger_chunk){.number = first->chunk};
    *retry = (struct job_retry){.rows = first, .count = count, .gone = gone};
    r->order[r->count++] = (struct job_chunk){.table = t, .chunk = chunk, .retry = retry};
    t->chunk_count++;
    return true;
}

/* Keeps the rows that can be asked for, in their order, and counts the others. Parts that are no more (of a partitioned table) are looked
 * for in the whole. */
static int askable(const struct job_table *t, struct ledger_listed *rows, int count, struct run_retry_table *out) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        if (!rows[i].chunk_done) {
            out->open++;
        } else if (rows[i].bound == NULL || !t->resumable) {
            out->unknown++;
        } else {
            rows[kept] = rows[i];
            if (!pg_source_has_part(t->source, rows[kept].part)) rows[kept].part = "";
            kept++;
        }
    }
    return kept;
}

static bool plan_table(struct retrying *r, int number, struct error *err) {
    struct session *s = &r->session;
    struct job_table *t = &s->job.tables[number];
    struct run_retry_table *out = &r->out->tables[number];
    struct ledger_listed *rows;
    int count, end;
    if (!ledger_listed(s->ledger, s->run.id, number, s->job.arena, &rows, &count, err)) return false;
    *out = (struct run_retry_table){.name = t->plan->name, .listed = count};
    count = askable(t, rows, count, out);
    t->rows_estimated = count;
    struct job_chunk *more = arena_array(s->job.arena, (size_t)(r->count + count) + 1, sizeof *more);
    if (more == NULL) return error_memory(err, "planning a retry");
    if (r->count) memcpy(more, r->order, (size_t)r->count * sizeof *more);
    r->order = more;
    for (int first = 0; first < count; first = end) {
        for (end = first + 1; end < count && end - first < PIECE_ROWS && rows[end].chunk == rows[first].chunk;) end++;
        if (!add_piece(r, t, &rows[first], end - first, err)) return false;
    }
    return true;
}

static bool plan_tables(struct retrying *r, struct error *err) {
    struct job *j = &r->session.job;
    r->out->tables = arena_array(j->arena, (size_t)j->table_count, sizeof *r->out->tables);
    if (r->out->tables == NULL) return error_memory(err, "planning a retry");
    for (; r->out->table_count < j->table_count; r->out->table_count++) {
        if (!plan_table(r, r->out->table_count, err)) return false;
    }
    return true;
}

/* --- the books --- */

static void add_counts(struct run_counts *to, const struct run_counts *n) {
    to->rows_read += n->rows_read;
    to->rows_written += n->rows_written;
    to->rows_rejected += n->rows_rejected;
    to->rows_filtered += n->rows_filtered;
    to->rows_superseded += n->rows_superseded;
    to->items_written += n->items_written;
    to->bytes += n->bytes;
    to->write_units += n->write_units;
}

/* What is in the ledger, whether all was done or not. */
static void close_books(struct retrying *r) {
    for (int i = 0; i < r->count; i++) {
        const struct job_retry *retry = r->order[i].retry;
        struct run_retry_table *t = &r->out->tables[r->order[i].table - r->session.job.tables];
        if (!retry->done) continue;
        add_counts(&t->counts, &retry->counts);
        t->gone += retry->count - retry->counts.rows_read;
    }
}

static bool retry(struct retrying *r, const struct plan *plan, struct error *err) {
    struct session *s = &r->session;
    char path[4096];
    bool any;
    if (!ledger_path(plan, s->options->ledger, path, sizeof path, err)) return false;
    if (!any_listed(plan, s->options, &any, err)) return false;
    if (!any) return true;
    if (!prepare(r, path, plan, err) || !plan_tables(r, err)) return false;
    bool ok = true;
    if (r->count > 0) {
        if (!ledger_retry_begin(s->ledger, s->run.id, r->out->mapping_changed, &s->job.retry, err)) return false;
        ok = session_run(s, r->order, r->count, err);
        close_books(r);
        ok = ok && ledger_retry_end(s->ledger, s->run.id, s->job.retry, err);
    }
    struct error count;
    return ledger_reject_count(s->ledger, s->run.id, &r->out->left, ok ? err : &count) && ok;
}

bool run_retry(const struct plan *plan, const struct run_options *options, const struct run_listener *listener,
               struct run_retry *out, struct error *err) {
    *out = (struct run_retry){.arena = arena_new()};
    if (out->arena == NULL) return error_memory(err, "starting a retry");
    struct retrying r = {.session = {.options = options, .listener = listener, .began = clock_now()}, .out = out};
    bool ok = retry(&r, plan, err);
    session_close(&r.session);
    out->seconds = (double)(clock_now() - r.session.began) / CLOCK_SECOND;
    return ok;
}

void run_retry_free(struct run_retry *out) {
    arena_free(out->arena);
    *out = (struct run_retry){0};
}
