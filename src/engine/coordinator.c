#include "engine/coordinator.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* --- mailboxes --- */

bool mailbox_init(struct mailbox *m, struct error *err) {
    *m = (struct mailbox){.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    if (m->wake < 0) {
        error_set(err, ERROR_LOCAL, "no eventfd for a worker: too many open files");
        return error_hint(err, "raise the limit of `ulimit -n`, or run with fewer --jobs");
    }
    pthread_mutex_init(&m->lock, NULL);
    return true;
}

void mailbox_free(struct mailbox *m) {
    close(m->wake);
    pthread_mutex_destroy(&m->lock);
}

bool mailbox_take(struct mailbox *m, struct job_chunk *out, bool *no_more) {
    uint64_t seen;
    if (read(m->wake, &seen, sizeof seen) < 0) seen = 0; /* it only wakes: what counts is under the lock */
    pthread_mutex_lock(&m->lock);
    bool found = m->count > 0;
    if (found) *out = m->chunks[--m->count];
    *no_more = m->no_more && m->count == 0;
    pthread_mutex_unlock(&m->lock);
    return found;
}

static void mailbox_put(struct mailbox *m, const struct job_chunk *chunk) {
    pthread_mutex_lock(&m->lock);
    if (chunk && m->count < MAILBOX_CHUNKS) {
        m->chunks[m->count++] = *chunk;
    } else {
        m->no_more = true;
    }
    pthread_mutex_unlock(&m->lock);
    uint64_t one = 1;
    if (write(m->wake, &one, sizeof one) < 0) return; /* it is full: the worker is awake already */
}

/* --- messages --- */

enum message_kind { MESSAGE_WANT, MESSAGE_END, MESSAGE_QUIT };

struct message {
    struct message *next;
    enum message_kind kind;
    struct mailbox *mailbox;
    struct chunk_result result;
};

struct coordinator {
    struct job *job;
    struct ledger *ledger;
    int64_t run;
    struct job_chunk *order;
    int count, next;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t arrived;
    struct message *first, **last;
    struct message quit; /* the last message needs no memory: it must get through */
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

static struct message *receive(struct coordinator *c) {
    pthread_mutex_lock(&c->lock);
    while (c->first == NULL) pthread_cond_wait(&c->arrived, &c->lock);
    struct message *m = c->first;
    c->first = m->next;
    if (c->first == NULL) c->last = &c->first;
    pthread_mutex_unlock(&c->lock);
    return m;
}

/* --- what the thread does --- */

/* Of rows that were not all read again nothing is recorded: they stay listed as they are. */
static bool record_retry(struct coordinator *c, const struct chunk_result *r, int table, const struct ledger_reject *texts,
                         struct error *err) {
    struct job_retry *retry = r->work.retry;
    if (!r->done) return true;
    retry->counts = r->counts;
    retry->done = ledger_mend(c->ledger, c->run,
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
    return retry->done;
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

static void end_chunk(struct coordinator *c, const struct chunk_result *r) {
    struct error err;
    bool ok = c->ledger == NULL || record(c, r, &err);
    if (ok && r->done) atomic_fetch_add(&r->work.table->chunks_done, 1);
    if (!ok) fail(c, &err);
    free_rejects(r->rejects, r->reject_count);
}

static void hand_out(struct coordinator *c, struct mailbox *m) {
    const struct job_chunk *chunk = c->next < c->count ? &c->order[c->next++] : NULL;
    atomic_store(&c->job->chunks_left, c->count - c->next);
    mailbox_put(m, chunk);
}

static void *work(void *context) {
    struct coordinator *c = context;
    for (;;) {
        struct message *m = receive(c);
        if (m->kind == MESSAGE_QUIT) return NULL;
        if (m->kind == MESSAGE_WANT) hand_out(c, m->mailbox);
        if (m->kind == MESSAGE_END) end_chunk(c, &m->result);
        free(m);
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
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->arrived, NULL);
    atomic_store(&job->chunks_left, count);
    if (pthread_create(&c->thread, NULL, work, c) == 0) return c;
    error_set(err, ERROR_LOCAL, "the coordinator's thread could not be started");
    free(c);
    return NULL;
}

void coordinator_want(struct coordinator *c, struct mailbox *m) {
    send(c, &(struct message){.kind = MESSAGE_WANT, .mailbox = m});
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
