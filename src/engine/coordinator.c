#include "engine/coordinator.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* So long after ends of chunks were recorded, the next wait, and are recorded in one transaction: at full speed there are hundreds a second,
 * and making each durable by itself is a tenth of a microsecond of CPU a row. A killed run repeats those chunks, as it does those under
 * way. */
#define TOGETHER_NS INT64_C(50000000)

/* --- messages --- */

enum message_kind { MESSAGE_END, MESSAGE_QUIT };

struct message {
    struct message *next;
    enum message_kind kind;
    struct chunk_result result;
};

struct coordinator {
    struct job *job;
    struct ledger *ledger;
    int64_t run;
    struct job_chunk *order;
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows, but for what is the thread's own */
    int count, next;      /* of order */
    pthread_cond_t arrived;
    struct message *first, **last;
    struct message *ended, **ended_last; /* ends that wait to be recorded together; the thread's own */
    int64_t due;                         /* not before, by clock_now() */
    struct message quit;                 /* the last message needs no memory: it must get through */
    bool failed;
    struct error failure; /* the first */
};

static void free_rejects(struct chunk_reject *rejects, int count) {
    for (int i = 0; i < count; i++) free(rejects[i].memory);
    free(rejects);
}

static void fail(struct coordinator *c, const struct error *err) {
    pthread_mutex_lock(&c->lock);
    if (!c->failed) {
        c->failed = true;
        c->failure = *err;
    }
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->job->stop, true);
}

static void enqueue(struct coordinator *c, struct message *m) {
    m->next = NULL;
    pthread_mutex_lock(&c->lock);
    *c->last = m;
    c->last = &m->next;
    pthread_cond_signal(&c->arrived);
    pthread_mutex_unlock(&c->lock);
}

static void send(struct coordinator *c, const struct message *m) {
    struct message *copy = malloc(sizeof *copy);
    if (copy) {
        *copy = *m;
        enqueue(c, copy);
        return;
    }
    struct error err;
    error_memory(&err, "sending a message to the coordinator");
    free_rejects(m->result.rejects, m->result.reject_count);
    fail(c, &err);
}

/* The next message; NULL when ends are due to be recorded. */
static struct message *receive(struct coordinator *c) {
    struct timespec due = {.tv_sec = c->due / 1000000000, .tv_nsec = c->due % 1000000000};
    int late = c->ended && clock_now() >= c->due;
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL && !late) {
        late = c->ended ? pthread_cond_timedwait(&c->arrived, &c->lock, &due) : pthread_cond_wait(&c->arrived, &c->lock);
    }
    struct message *m = late ? NULL : c->first;
    if (m) c->first = m->next;
    if (c->first == NULL) c->last = &c->first;
    pthread_mutex_unlock(&c->lock);
    return m;
}

/* --- what the thread does --- */

/* Of rows that were not all read again nothing is recorded: they stay listed as they are. */
static bool record_retry(struct coordinator *c, const struct chunk_result *r, int table, const struct ledger_reject *texts,
                         struct error *err) {
    const struct job_retry *retry = r->work.retry;
    if (!r->done) return true;
    return ledger_mend(c->ledger, c->run,
                       &(struct ledger_mending){.retry = c->job->retry,
                                                .table = table,
                                                .chunk = r->work.chunk->number,
                                                .rows = retry->rows,
                                                .gone = retry->gone,
                                                .count = retry->count,
                                                .counts = &r->counts,
                                                .rejects = texts,
                                                .reject_count = r->reject_count},
                       err);
}

static bool record(struct coordinator *c, const struct chunk_result *r, struct error *err) {
    struct ledger_reject *texts = calloc((size_t)r->reject_count + 1, sizeof *texts);
    if (texts == NULL) return error_memory(err, "recording rejected rows");
    for (int i = 0; i < r->reject_count; i++) texts[i] = r->rejects[i].texts;
    int table = (int)(r->work.table - c->job->tables);
    bool ok = r->work.retry ? record_retry(c, r, table, texts, err)
              : r->done     ? ledger_chunk_done(c->ledger, c->run, table, r->work.chunk->number, &r->counts, c->job->horizon,
                                                r->seconds, texts, r->reject_count, err)
                            : ledger_chunk_rejects(c->ledger, c->run, table, r->work.chunk->number, texts, r->reject_count, err);
    free(texts);
    return ok;
}

/* All the ends that wait, or, after a failure, none of them. */
static bool save_ended(struct coordinator *c, struct error *err) {
    if (c->ledger == NULL || c->ended == NULL) return true;
    if (!ledger_together(c->ledger, err)) return false;
    bool ok = true;
    for (struct message *m = c->ended; m && ok; m = m->next) ok = record(c, &m->result, err);
    return ledger_together_end(c->ledger, ok, err);
}

static void ended(const struct chunk_result *r) {
    if (!r->done) return;
    atomic_fetch_add(&r->work.table->chunks_done, 1);
    if (r->work.retry == NULL) return;
    r->work.retry->counts = r->counts;
    r->work.retry->done = true;
}

static void record_ended(struct coordinator *c) {
    struct error err;
    bool ok = save_ended(c, &err);
    if (!ok) fail(c, &err);
    for (struct message *m = c->ended, *next; m; m = next) {
        next = m->next;
        if (ok) ended(&m->result);
        free_rejects(m->result.rejects, m->result.reject_count);
        free(m);
    }
    c->ended = NULL;
    c->ended_last = &c->ended;
    c->due = clock_now() + TOGETHER_NS;
}

static void end_chunk(struct coordinator *c, struct message *m) {
    m->next = NULL;
    *c->ended_last = m;
    c->ended_last = &m->next;
}

static void *work(void *context) {
    struct coordinator *c = context;
    for (;;) {
        struct message *m = receive(c);
        if (m && m->kind == MESSAGE_END) {
            end_chunk(c, m);
            continue;
        }
        record_ended(c);
        if (m) return NULL;
    }
}

struct coordinator *coordinator_start(struct job *job, struct ledger *ledger, int64_t run, struct job_chunk *order, int count,
                                      struct error *err) {
    struct coordinator *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_memory(err, "starting the coordinator");
        return NULL;
    }
    *c = (struct coordinator){.job = job, .ledger = ledger, .run = run, .order = order, .count = count};
    c->last = &c->first;
    c->ended_last = &c->ended;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC); /* clock_now()'s */
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->arrived, &monotonic);
    pthread_condattr_destroy(&monotonic);
    atomic_store(&job->chunks_left, count);
    if (pthread_create(&c->thread, NULL, work, c) == 0) return c;
    error_set(err, ERROR_LOCAL, "the coordinator's thread could not be started");
    free(c);
    return NULL;
}

bool coordinator_next(struct coordinator *c, struct job_chunk *out) {
    pthread_mutex_lock(&c->lock);
    bool found = c->next < c->count;
    if (found) *out = c->order[c->next++];
    atomic_store(&c->job->chunks_left, c->count - c->next);
    pthread_mutex_unlock(&c->lock);
    return found;
}

void coordinator_end(struct coordinator *c, const struct chunk_result *result) {
    send(c, &(struct message){.kind = MESSAGE_END, .result = *result});
}

void coordinator_fail(struct coordinator *c, const struct error *err) {
    fail(c, err);
}

bool coordinator_finish(struct coordinator *c, struct error *err) {
    c->quit.kind = MESSAGE_QUIT;
    enqueue(c, &c->quit);
    pthread_join(c->thread, NULL);
    bool ok = !c->failed;
    if (!ok) *err = c->failure;
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->arrived);
    free(c);
    return ok;
}
