#include "engine/worker.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/clock.h"
#include "engine/bind.h"
#include "engine/worker_parts.h"

/* The longest wait for anything: what a worker is not woken for (pause, stop, a gap between FETCHes that changes) is seen by then. */
#define QUIET_MOST (100 * CLOCK_MS)
/* Another worker may hold the key of an item that is put aside: nobody calls when it is free. */
#define DEFERRED_POLL (2 * CLOCK_MS)

/* --- the loop --- */

/* Whether rows are at hand and may be mapped: then there is nothing to wait for. */
static bool has_work(const struct worker *w) {
    if (w->failed_chunk >= 0) return writer_idle(w->writer) && w->deferred == NULL;
    return (w->current || w->next) && writer_ready(w->writer) && w->deferred_count <= DYNAMODB_BATCH_ITEMS_MAX;
}

/* One turn: everything that can go on does. False with the failure that ends the run. */
static bool turn(struct worker *w, struct error *err) {
    if (!reading_take(w, err) || !writer_step(w->writer, err)) return false;
    if (!items_deferred(w, err) || !reading_step(w, err) || !reading_map(w, err)) return false;
    bool held_up = w->deferred_count > DYNAMODB_BATCH_ITEMS_MAX; /* perhaps by a key in a batch that is being filled */
    if ((reading_dry(w) || held_up) && !writer_flush(w->writer, err)) return false;
    if (w->failed_chunk >= 0 && writer_idle(w->writer) && w->deferred == NULL && pg_reader_idle(w->reader)) {
        if (!narrow(w, err)) return false;
    }
    if (!has_work(w) && !writer_send(w->writer, err)) return false;
    reading_publish(w);
    reading_end_chunks(w);
    /* A chunk has ended, or its rows have: the next one is begun before anything is waited for. */
    return reading_take(w, err) && reading_step(w, err);
}

/* Lowers *until to a time that is to come; one that is past, or 0, was seen to already. */
static void sooner(int64_t *until, int64_t now, int64_t at) {
    if (at > now && at < *until) *until = at;
}

/* Until when there is nothing to do, as far as one knows. */
static int64_t quiet_until(const struct worker *w, int64_t now) {
    int64_t until = now + QUIET_MOST;
    bool fetching = w->next || !pg_reader_idle(w->reader);
    writer_until(w->writer, &until);
    if (w->deferred) sooner(&until, now, now + DEFERRED_POLL);
    if (!fetching) sooner(&until, now, w->fetch_after);
    if (!fetching) sooner(&until, now, w->aside_until);
    return until;
}

static void wait_for_something(struct worker *w) {
    struct pollfd fds[2] = {{.fd = writer_fd(w->writer), .events = POLLIN}};
    nfds_t n = 1;
    int64_t now = clock_now(), until = quiet_until(w, now);
    if (!pg_reader_idle(w->reader) && reading_has_place(w)) {
        fds[n++] = (struct pollfd){.fd = pg_reader_fd(w->reader),
                                   .events = (short)(POLLIN | (pg_reader_wants_write(w->reader) ? POLLOUT : 0))};
    }
    /* Interrupted, or with work at hand: whatever has come is found all the same. */
    if (!has_work(w) && until > now) poll(fds, n, (int)((until - now + CLOCK_MS - 1) / CLOCK_MS));
    writer_wake(w->writer);
}

/* Everything that was given is done, and nothing more will come. */
static bool finished(const struct worker *w) {
    if (w->open_count || !writer_idle(w->writer)) return false;
    return w->no_more || atomic_load(&w->job->stop);
}

/* The run stops: what is on the wire is waited for, the rest is dropped. */
static void wind_down(struct worker *w) {
    pg_reader_drain(w->reader);
    reading_drop(w);
    writer_drop(w->writer);
    items_drop(w);
    w->failed_chunk = -1;
    struct error ignored; /* the run stops already, for a reason that was told */
    while (!writer_idle(w->writer)) {
        wait_for_something(w);
        if (!writer_step(w->writer, &ignored) || !writer_send(w->writer, &ignored)) writer_drop(w->writer);
    }
    reading_publish(w);
    reading_end_chunks(w);
}

/* The mapper of a table; the plan's functions are opened for the first that calls one. */
static bool open_mapper(struct worker *w, int i, struct error *err) {
    struct job *j = w->job;
    bool calls = program_calls_functions(j->tables[i].program);
    if ((calls || j->tables[i].plan->on_reject >= 0) && w->functions == NULL) {
        w->functions = bind_functions(j, NAMES_ANY, err);
        if (w->functions == NULL) return false;
    }
    w->mappers[i] = program_mapper(j->tables[i].program, calls ? w->functions : NULL); /* rows tell no others that they begin */
    if (j->tables[i].to) w->routes[i] = route_new(&j->tables[i]);
    bool ok = w->mappers[i] && (w->routes[i] || j->tables[i].to == NULL);
    return ok || error_memory(err, "starting a worker");
}

static bool prepare(struct worker *w, struct error *err) {
    struct job *j = w->job;
    int widest = 1;
    w->writer = writer_new(j, (struct writer_caller){items_settled, aside_note, w}, err);
    if (w->writer == NULL) return false;
    for (int i = 0; i < j->table_count; i++) {
        int count;
        pg_source_selected(j->tables[i].source, &count);
        if (count > widest) widest = count;
        if (!open_mapper(w, i, err)) return false;
    }
    w->fields = calloc((size_t)widest, sizeof *w->fields);
    w->key_fields = calloc((size_t)widest, sizeof *w->key_fields);
    if (w->fields == NULL || w->key_fields == NULL) return error_memory(err, "starting a worker");
    w->reader = pg_reader_new(j->plan->source_uri, j->snapshot_id, err);
    return w->reader != NULL;
}

/* Ends its connections: all workers at once, and some while others still work, since a hundred of them take 10 ms. */
static void hang_up(struct worker *w) {
    writer_free(w->writer);
    pg_reader_free(w->reader);
    w->writer = NULL;
    w->reader = NULL;
}

static void *run(void *context) {
    struct worker *w = context;
    struct error err;
    bool ok = prepare(w, &err);
    while (ok && !finished(w) && !atomic_load(&w->job->stop)) {
        ok = turn(w, &err);
        if (ok && !finished(w)) wait_for_something(w);
    }
    if (!ok) coordinator_fail(w->job->coordinator, &err);
    if (w->reader) wind_down(w);
    hang_up(w);
    atomic_store(&w->ended, true);
    eventfd_write(w->job->bell, 1);
    return NULL;
}

/* --- starting and ending --- */

static void free_worker(struct worker *w) {
    for (int i = 0; w->mappers && i < w->job->table_count; i++) {
        if (w->mappers[i]) w->mappers[i]->free(w->mappers[i]);
    }
    for (int i = 0; w->routes && i < w->job->table_count; i++) route_free(w->routes[i]);
    if (w->functions) w->functions->free(w->functions);
    free(w->tracks);
    free(w->key_fields);
    free(w->mappers);
    free(w->routes);
    free(w->delta);
    free(w->fields);
    free(w);
}

struct worker *worker_start(struct job *job, int number, struct error *err) {
    struct worker *w = calloc(1, sizeof *w);
    size_t tables = (size_t)job->table_count;
    if (w == NULL) {
        error_memory(err, "starting a worker");
        return NULL;
    }
    w->job = job;
    w->number = number;
    w->failed_chunk = -1;
    w->deferred_end = &w->deferred;
    items_prepare(w);
    w->mappers = calloc(tables, sizeof *w->mappers);
    w->routes = calloc(tables, sizeof *w->routes);
    w->delta = calloc(tables, sizeof *w->delta);
    int chunks = 0;
    for (int i = 0; i < job->table_count; i++) chunks += job->tables[i].chunk_count;
    w->open_max = reading_open_max(chunks, job->workers);
    if (w->mappers && w->routes && w->delta) {
        if (pthread_create(&w->thread, NULL, run, w) == 0) return w;
        error_set(err, ERROR_LOCAL, "a worker's thread could not be started");
        error_hint(err, "raise the limit of `ulimit -u`, or run with fewer --jobs");
    } else {
        error_memory(err, "starting a worker");
    }
    free_worker(w);
    return NULL;
}

bool worker_ended(const struct worker *w) {
    return atomic_load(&w->ended);
}

void worker_join(struct worker *w) {
    pthread_join(w->thread, NULL);
}

void worker_free(struct worker *w) {
    if (w) free_worker(w);
}
