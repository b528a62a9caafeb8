/* The commands that work: create and migrate. Sets the scene (ledger, source, target, chunks), runs the threads, closes the books. */
#include "engine/run.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/bind.h"
#include "engine/control.h"
#include "engine/coordinator.h"
#include "engine/ledger_path.h"
#include "engine/lines.h"
#include "engine/listing.h"
#include "engine/pacing.h"
#include "engine/run_parts.h"
#include "engine/source_load.h"
#include "engine/targets.h"
#include "engine/worker.h"

/* A chunk is about this many rows, or bytes, whichever is less. */
#define CHUNK_ROWS 50000
#define CHUNK_BYTES (32 * 1024 * 1024)
/* How often the main thread looks at the workers. */
#define TURN_MS 20

volatile int run_stopping;

enum { STOP_INTERRUPT = 1, STOP_CONTROL };

void run_stop(void) {
    run_stopping = STOP_INTERRUPT;
}

void run_stop_by_control(void) {
    run_stopping = STOP_CONTROL;
}

void session_notice(const struct session *s, const char *format, ...) {
    char text[500];
    if (s->listener == NULL || s->listener->notice == NULL) return;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    s->listener->notice(s->listener->context, text);
}

bool session_stopped(struct error *err) {
    if (!run_stopping) return false;
    error_set(err, ERROR_INTERRUPTED, "%s", run_stopping == STOP_CONTROL ? "stopped by control" : "interrupted");
    error_hint(err, "run the same command again: it goes on where it stopped");
    return true;
}

/* --- the scene --- */

/* One a processor, and one that works while another waits for its source or an answer: a waiting worker's processor would be idle until
 * something wakes it, which costs a virtual machine a tenth of a millisecond each time. */
static int default_workers(void) {
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return processors > 0 ? (int)processors + 1 : 2;
}

bool session_open_job(struct session *s, const struct plan *plan, struct arena *arena, struct error *err) {
    struct job *j = &s->job;
    const struct run_options *options = s->options;
    j->plan = plan;
    j->limit = options->limit;
    j->dry_run = options->dry_run;
    j->workers = options->jobs > 0 ? options->jobs : default_workers();
    int64_t connections = plan->source_connections; /* one of them holds the snapshot */
    if (connections > 1 && j->workers > connections - 1) j->workers = (int)connections - 1;
    if (j->workers > INFLIGHT_WORKERS_MAX) j->workers = INFLIGHT_WORKERS_MAX;
    j->started = clock_unix() * 1000000; /* a dry run; a real one has the ledger's */
    pthread_mutex_init(&j->told_lock, NULL);
    j->arena = arena;
    j->inflight = inflight_new(j->workers);
    return j->inflight != NULL || error_memory(err, "starting a run");
}

bool session_open_source(struct session *s, struct error *err) {
    struct pg_snapshot snapshot;
    s->source = pg_connect(s->job.plan->source_uri, err);
    if (s->source == NULL || !pg_snapshot_export(s->source, &snapshot, err)) return false;
    s->job.exported = clock_now();
    s->job.snapshot_id = snapshot.id;
    s->job.horizon = snapshot.horizon;
    return bind_tables(&s->job, s->source, s->options, err);
}

void session_tell_source(const struct session *s) {
    const struct pg_server *p = pg_server(s->source);
    session_notice(s, "from PostgreSQL %d.%d: database %.100s, host %.200s, port %.10s, user %.100s", p->version / 10000,
                   p->version % 10000, p->database, p->host, p->port, p->user);
}

void session_tell_target(const struct session *s) {
    session_notice(s, "to DynamoDB: region %.50s, %.400s", s->job.setting.region, s->job.endpoint.url);
}

int64_t session_started(const struct ledger_run *run) {
    struct tm tm = {0};
    if (run->started == NULL || strptime(run->started, "%Y-%m-%dT%H:%M:%SZ", &tm) == NULL) return clock_unix() * 1000000;
    return (int64_t)timegm(&tm) * 1000000;
}

/* Finds the run in the ledger or begins one. A run whose identity has changed is not resumed. */
static bool find_run(struct session *s, struct error *err) {
    struct job *j = &s->job;
    const char *key = bind_run_key(s->options, j->arena);
    const char *identity = bind_identity(j, pg_server(s->source));
    bool found;
    if (key == NULL || identity == NULL) return error_memory(err, "telling the run's identity");
    if (!ledger_run_find(s->ledger, key, &s->run, &found, j->arena, err)) return false;
    /* A run that was refused before its chunks were planned has done nothing: with a mended plan it begins anew. */
    struct ledger_table *planned;
    int planned_count = 0;
    if (found && !ledger_tables(s->ledger, s->run.id, j->arena, &planned, &planned_count, err)) return false;
    if (found && (s->options->restart || planned_count == 0)) {
        if (!ledger_run_forget(s->ledger, s->run.id, err)) return false;
        found = false;
    }
    s->fresh = !found;
    if (found) {
        if (!bind_goes_on(s->run.identity, identity, j->arena, err)) return false;
        j->started = session_started(&s->run);
        return true;
    }
    /* multiplied by 2^64 / golden ratio (odd), so that runs begun close together are shuffled differently */
    s->run = (struct ledger_run){.seed = (uint64_t)clock_now() * UINT64_C(0x9e3779b97f4a7c15)};
    if (!ledger_run_create(s->ledger, key, j->plan->name, identity, s->run.seed, &s->run.id, err)) return false;
    if (!ledger_run_find(s->ledger, key, &s->run, &found, j->arena, err)) return false;
    j->started = session_started(&s->run);
    return true;
}

/* --- chunks --- */

bool session_ranges(struct session *s, struct job_table *t, struct pg_range **ranges, int *count, struct error *err) {
    if (s->options->limit <= 0) {
        if (!pg_source_ranges(s->source, t->source, CHUNK_ROWS, CHUNK_BYTES, s->job.arena, ranges, count, err)) return false;
        t->rows_estimated = pg_source_estimate(t->source);
        return true;
    }
    *ranges = arena_array(s->job.arena, 1, sizeof **ranges);
    if (*ranges == NULL) return error_memory(err, "planning chunks");
    (*ranges)->part = ""; /* all of it, whatever leaves it has */
    *count = 1;
    t->rows_estimated = (double)s->options->limit;
    return true;
}

static bool chunks_without_ledger(struct session *s, struct job_table *t, struct error *err) {
    struct pg_range *ranges;
    if (!session_ranges(s, t, &ranges, &t->chunk_count, err)) return false;
    t->chunks = arena_array(s->job.arena, (size_t)t->chunk_count + 1, sizeof *t->chunks);
    if (t->chunks == NULL) return error_memory(err, "planning chunks");
    for (int i = 0; i < t->chunk_count; i++) t->chunks[i] = (struct ledger_chunk){.number = i, .range = ranges[i]};
    return true;
}

static bool plan_chunks(struct session *s, int number, struct error *err) {
    struct job_table *t = &s->job.tables[number];
    struct pg_range *ranges;
    int count;
    if (!session_ranges(s, t, &ranges, &count, err)) return false;
    struct ledger_table row = {.number = number,
                               .name = t->plan->name,
                               .from = t->spec.from,
                               .to = t->schema.name,
                               .rows_estimated = t->rows_estimated,
                               .resumable = t->resumable};
    if (!t->resumable) {
        session_notice(s, "%s has no key: if this run is interrupted, the table is read again from the beginning", t->plan->name);
    }
    return ledger_table_plan(s->ledger, s->run.id, &row, ranges, count, err);
}

/* What the ledger has of a table: its chunks are loaded, or planned when there are none. A table without a key that is not whole starts
 * over: its physical ranges mean nothing in another snapshot. */
static bool load_chunks(struct session *s, int number, const struct ledger_table *known, struct error *err) {
    struct job_table *t = &s->job.tables[number];
    struct ledger_totals totals;
    if (known && !known->resumable) {
        if (!ledger_totals(s->ledger, s->run.id, number, &totals, err)) return false;
        if (totals.chunks_done < totals.chunks) {
            if (!ledger_table_forget(s->ledger, s->run.id, number, err)) return false;
            known = NULL;
        }
    }
    if (known) {
        t->rows_estimated = known->rows_estimated;
    } else if (!plan_chunks(s, number, err)) {
        return false;
    }
    if (!ledger_chunks(s->ledger, s->run.id, number, s->job.arena, &t->chunks, &t->chunk_count, err)) return false;
    if (!ledger_totals(s->ledger, s->run.id, number, &totals, err)) return false;
    job_live_add(&t->live, &totals.counts, 1);
    t->chunks_done = totals.chunks_done;
    return true;
}

static bool make_chunks(struct session *s, struct error *err) {
    struct ledger_table *known = NULL;
    int known_count = 0;
    if (s->ledger && !ledger_tables(s->ledger, s->run.id, s->job.arena, &known, &known_count, err)) return false;
    for (int i = 0; i < s->job.table_count; i++) {
        if (session_stopped(err)) return false;
        if (s->ledger == NULL) {
            if (!chunks_without_ledger(s, &s->job.tables[i], err)) return false;
            continue;
        }
        const struct ledger_table *mine = NULL;
        for (int k = 0; k < known_count; k++) {
            if (known[k].number == i) mine = &known[k];
        }
        if (!load_chunks(s, i, mine, err)) return false;
    }
    return true;
}

/* The chunks to do, shuffled by the run's seed: rows that lie together go to one partition of DynamoDB, which would limit the run. */
static struct job_chunk *shuffled(struct session *s, int *count) {
    struct job *j = &s->job;
    int n = 0, all = 1;
    for (int i = 0; i < j->table_count; i++) all += j->tables[i].chunk_count;
    struct job_chunk *order = arena_array(j->arena, (size_t)all, sizeof *order);
    if (order == NULL) return NULL;
    for (int i = 0; i < j->table_count; i++) {
        for (int k = 0; k < j->tables[i].chunk_count; k++) {
            if (!j->tables[i].chunks[k].done) order[n++] = (struct job_chunk){&j->tables[i], &j->tables[i].chunks[k]};
        }
    }
    uint64_t state = s->run.seed; /* Knuth's MMIX generator; its upper bits are the good ones */
    for (int i = n - 1; i > 0; i--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int k = (int)((state >> 33) % (uint64_t)(i + 1));
        struct job_chunk swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    *count = n;
    return order;
}

/* --- the threads --- */

static bool all_ended(struct worker *const *workers, int count) {
    for (int i = 0; i < count; i++) {
        if (!worker_ended(workers[i])) return false;
    }
    return true;
}

/* Watches how fast the source answers, if the plan asks for that. */
static struct source_load *watch_source(struct session *s) {
    struct error why;
    if (s->job.plan->source_latency_ms <= 0) return NULL;
    struct source_load *load = source_load_start(&s->job, s->source, &why);
    if (load == NULL) coordinator_fail(s->job.coordinator, &why);
    return load;
}

/* One turn of the main thread: it keeps the pace, tells how far the run is, and answers who calls, until a worker has ended or the turn is
 * over. */
static void attend(struct session *s, struct progress *progress) {
    struct job *j = &s->job;
    struct error why;
    eventfd_t rung;
    if (!pace_keep(&s->pace, j, &why)) coordinator_fail(j->coordinator, &why);
    progress_tell(progress, NULL, false);
    if (s->control) {
        control_serve(s->control, j, progress, TURN_MS);
    } else {
        poll(&(struct pollfd){.fd = j->bell, .events = POLLIN}, 1, TURN_MS);
    }
    eventfd_read(j->bell, &rung); /* nothing else is to be known of it than that it has rung */
    if (run_stopping) atomic_store(&j->stop, true);
}

static bool run_threads(struct session *s, struct job_chunk *order, int count, struct progress *progress, struct error *err) {
    struct job *j = &s->job;
    struct worker *workers[INFLIGHT_WORKERS_MAX] = {0};
    int started = 0;
    if (j->workers > count) j->workers = count > 0 ? count : 1;
    j->lines_most = lines_reserve(j->workers, err);
    if (j->lines_most == 0) return false;
    j->coordinator = coordinator_start(j, s->ledger, s->run.id, order, count, err);
    if (j->coordinator == NULL) return false;
    for (; started < j->workers; started++) {
        struct error why;
        workers[started] = worker_start(j, started + 1, &why);
        if (workers[started]) continue;
        coordinator_fail(j->coordinator, &why);
        break;
    }
    struct source_load *load = watch_source(s);
    while (!all_ended(workers, started)) attend(s, progress);
    for (int i = 0; i < started; i++) worker_join(workers[i]);
    source_load_end(load);
    bool ok = coordinator_finish(j->coordinator, err);
    for (int i = 0; i < started; i++) worker_free(workers[i]);
    if (ok && j->stop) session_stopped(err);
    return ok && !j->stop;
}

/* A run that nobody can talk to is a run all the same. */
static void listen_for_control(struct session *s) {
    char path[4096];
    struct error err = {0};
    if (s->ledger == NULL) return;
    if (ledger_path(s->job.plan, s->options->ledger, path, sizeof path, &err)) s->control = control_listen(path, &err);
    if (s->control == NULL) session_notice(s, "`control` cannot reach this run: %s", err.text);
}

bool session_run(struct session *s, struct job_chunk *order, int count, struct error *err) {
    s->pace.listener = s->listener;
    if (!pacing_start(&s->job, err) || !pace_keep(&s->pace, &s->job, err)) return false;
    struct progress *progress = progress_new(&s->job, s->listener);
    if (progress == NULL) return error_memory(err, "starting a run");
    listen_for_control(s);
    s->job.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    bool ok = s->job.bell >= 0 ? run_threads(s, order, count, progress, err)
                               : error_set(err, ERROR_LOCAL, "cannot make an eventfd: %s", strerror(errno));
    if (s->job.bell >= 0) close(s->job.bell);
    progress_tell(progress, ok ? "done" : "stopped", true);
    progress_free(progress);
    return ok;
}

/* --- the books --- */

static bool name_targets(struct job *j, const struct job_table *t, struct run_table *out, struct error *err) {
    const char **names = arena_array(j->arena, (size_t)t->target_count + 1, sizeof *names);
    if (names == NULL) return error_memory(err, "closing the books");
    for (int i = 0; i < t->target_count; i++) names[i] = t->targets[i].schema.name;
    out->templated = true;
    out->targets = names;
    out->target_count = t->target_count;
    return true;
}

static bool close_table(struct session *s, int i, struct run_table *out, struct error *err) {
    struct job_table *t = &s->job.tables[i];
    *out = (struct run_table){.name = t->plan->name,
                              .from = t->plan->source.from,
                              .to = t->schema.name,
                              .seconds = (double)(clock_now() - s->began) / CLOCK_SECOND,
                              .rows_estimated = t->rows_estimated};
    pacing_read(&s->job, t, out);
    if (t->to && !name_targets(&s->job, t, out, err)) return false;
    if (s->ledger == NULL) {
        job_live_read(&t->live, &out->counts);
        out->chunks = t->chunk_count;
        out->chunks_done = t->chunks_done;
        return true;
    }
    struct ledger_totals totals;
    if (!ledger_totals(s->ledger, s->run.id, i, &totals, err)) return false;
    struct run_counts live; /* with what was written of chunks that are not done */
    job_live_read(&t->live, &live);
    if (s->ran) out->this_time.unfinished = live.items_written - totals.counts.items_written;
    out->counts = totals.counts;
    out->chunks = totals.chunks;
    out->chunks_done = totals.chunks_done;
    out->snapshots = totals.snapshots;
    return true;
}

static bool close_books(struct session *s, struct error *err) {
    struct run_summary *out = s->summary;
    struct job *j = &s->job;
    if (j->tables == NULL || (!s->ran && out->outcome != RUN_ALREADY_DONE)) return true; /* nothing happened that could be told */
    out->tables = arena_array(j->arena, (size_t)j->table_count, sizeof *out->tables);
    if (out->tables == NULL) return error_memory(err, "closing the books");
    out->sum_holds = true;
    out->resumes = s->run.resumes;
    if (s->ledger && !ledger_reject_count(s->ledger, s->run.id, &out->rejects, err)) return false;
    for (; out->table_count < j->table_count; out->table_count++) {
        struct run_table *t = &out->tables[out->table_count];
        if (!close_table(s, out->table_count, t, err)) return false;
        if (s->ledger == NULL) out->rejects += t->counts.rows_rejected;
        out->sum_holds = out->sum_holds && job_sum_holds(&t->counts);
    }
    return true;
}

void session_close(struct session *s) {
    control_close(s->control);
    ledger_close(s->ledger);
    pg_close(s->source);
    dynamodb_client_free(s->client);
    pacing_end(&s->job);
    inflight_free(s->job.inflight);
}

/* --- migrate --- */

static bool prepare(struct session *s, const struct plan *plan, struct error *err) {
    struct job *j = &s->job;
    int created = 0;
    char path[4096];
    if (!session_open_job(s, plan, s->summary->arena, err)) return false;
    if (!j->dry_run) {
        if (!ledger_path(plan, s->options->ledger, path, sizeof path, err)) return false;
        s->ledger = ledger_open(path, LEDGER_WRITE, err);
        if (s->ledger == NULL) return false;
    }
    if (!session_open_source(s, err) || session_stopped(err)) return false;
    session_tell_source(s);
    if (j->dry_run) return listing_make(j, s->source, NULL, 0, true, s->listener, err);
    s->client = targets_connect(j, s->listener, err);
    if (s->client == NULL) return false;
    session_tell_target(s);
    if (!find_run(s, err)) return false;
    if (!listing_make(j, s->source, s->ledger, s->run.id, s->fresh, s->listener, err) || session_stopped(err)) return false;
    if (!targets_prepare(j, s->client, s->ledger, s->fresh, s->listener, &created, err)) return false;
    if (created) session_notice(s, "created %d table%s in DynamoDB", created, created == 1 ? "" : "s");
    if (s->run.finished || s->fresh) return true;
    s->run.resumes++;
    return ledger_run_resumed(s->ledger, s->run.id, err);
}

static bool migrate(struct session *s, const struct plan *plan, struct error *err) {
    if (!prepare(s, plan, err)) return false;
    if (s->run.finished) {
        s->summary->outcome = RUN_ALREADY_DONE;
        return true;
    }
    if (!make_chunks(s, err)) return false;
    int count = 0, all = 0;
    for (int i = 0; i < s->job.table_count; i++) all += s->job.tables[i].chunk_count;
    struct job_chunk *order = shuffled(s, &count);
    if (order == NULL) return error_memory(err, "planning chunks");
    if (count < all) session_notice(s, "resuming: %d of %d chunks are done", all - count, all);
    s->ran = true;
    bool ok = session_run(s, order, count, err);
    if (ok && s->ledger) ok = ledger_run_finish(s->ledger, s->run.id, err);
    if (ok) s->summary->outcome = RUN_DONE;
    return ok;
}

bool run_migrate(const struct plan *plan, const struct run_options *options, const struct run_listener *listener,
                 struct run_summary *summary, struct error *err) {
    *summary = (struct run_summary){.outcome = RUN_STOPPED, .sum_holds = true, .arena = arena_new()};
    if (summary->arena == NULL) return error_memory(err, "starting a run");
    struct session s = {.options = options, .listener = listener, .summary = summary, .began = clock_now()};
    bool ok = migrate(&s, plan, err);
    struct error books;
    if (!close_books(&s, ok ? err : &books)) ok = false;
    session_close(&s);
    return ok;
}

void run_summary_free(struct run_summary *summary) {
    arena_free(summary->arena);
    *summary = (struct run_summary){0};
}

bool run_control(const struct plan *plan, const struct run_options *options, const char *request, struct buffer *answer,
                 struct error *err) {
    char path[4096];
    return ledger_path(plan, options->ledger, path, sizeof path, err) && control_ask(path, request, answer, err);
}

/* --- create --- */

/* Whether a key's type is its column's, or a target's name in its rows, so that the source must be asked. */
static bool needs_source(const struct plan *plan) {
    for (int i = 0; i < plan->table_count; i++) {
        const struct dynamodb_schema *t = &plan->tables[i].target;
        if (plan->tables[i].to_template) return true;
        if (t->partition.type == DYNAMODB_ANY || (t->sort.name && t->sort.type == DYNAMODB_ANY)) return true;
        for (int k = 0; k < t->index_count; k++) {
            const struct dynamodb_index *index = &t->indexes[k];
            for (int n = 0; n < index->partition_count; n++) {
                if (index->partition[n].type == DYNAMODB_ANY) return true;
            }
            for (int n = 0; n < index->sort_count; n++) {
                if (index->sort[n].type == DYNAMODB_ANY) return true;
            }
        }
    }
    return false;
}

static bool schemas_from_plan(struct job *j, struct error *err) {
    j->table_count = j->plan->table_count;
    j->tables = arena_array(j->arena, (size_t)j->table_count, sizeof *j->tables);
    if (j->tables == NULL) return error_memory(err, "reading the plan");
    for (int i = 0; i < j->table_count; i++) {
        j->tables[i].plan = &j->plan->tables[i];
        struct job_table *t = &j->tables[i];
        t->schema = j->plan->tables[i].target;
        if (!job_set_targets(j, t, &t->schema.name, 1, err)) return false;
    }
    return true;
}

static bool create(struct session *s, int *created, struct error *err) {
    if (needs_source(s->job.plan)) {
        if (!session_open_source(s, err)) return false;
        session_tell_source(s);
        if (!listing_make(&s->job, s->source, NULL, 0, true, s->listener, err)) return false;
    } else if (!schemas_from_plan(&s->job, err)) {
        return false;
    }
    s->client = targets_connect(&s->job, s->listener, err);
    if (s->client == NULL) return false;
    session_tell_target(s);
    return targets_prepare(&s->job, s->client, NULL, true, s->listener, created, err);
}

bool run_create(const struct plan *plan, const struct run_listener *listener, int *created, struct error *err) {
    struct session s = {.listener = listener, .job = {.plan = plan, .arena = arena_new()}};
    if (s.job.arena == NULL) return error_memory(err, "starting");
    bool ok = create(&s, created, err);
    dynamodb_client_free(s.client);
    pg_close(s.source);
    arena_free(s.job.arena);
    return ok;
}
