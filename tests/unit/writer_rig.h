/* A writer on its own: a job of one table, items made by the test, and a service that answers by a rule. Writer and service take turns in
 * one thread, so that what happens, and in which order memory is asked for, is nearly the same every time.
 *
 * Each item settles once; the rig notes how, and that nothing is left over. The service checks each signature. */
#ifndef TESTS_WRITER_RIG_H
#define TESTS_WRITER_RIG_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "dynamodb/key.h"
#include "engine/writer_parts.h"

#define RIG_ITEMS 300
#define RIG_LINES 16
#define RIG_BYTES (64 * 1024)
#define RIG_SECONDS 10 /* a test that takes longer hangs */

struct rig;

/* Answers the n-th request (from 0): the body, and its status in *status, 200 if it is left alone. */
typedef const char *rig_answer(struct rig *g, int n, bool put, const char *body, int *status);

struct rig_line {
    int fd; /* 0: none */
    size_t got;
    char in[RIG_BYTES];
};

struct rig {
    struct job job;
    struct job_table table;
    struct job_target target;
    struct plan plan;
    struct writer *writer;
    struct sigv4 *signer; /* the service's */
    int listener;
    int reads; /* the service takes so many connections; 0: all */
    struct rig_line lines[RIG_LINES];
    rig_answer *answer;
    int requests, puts;
    bool closes;          /* the service closes each connection after its answer */
    char text[RIG_BYTES]; /* of the answer */
    int times[RIG_ITEMS]; /* that each item was settled */
    enum settled how[RIG_ITEMS];
    char message[300]; /* of the last refused one */
    int made;
    uint32_t units; /* of each item; 0: one */
};

/* --- the service --- */

static inline void rig_listen(struct rig *g) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    char url[64];
    struct error err;
    g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool ok = g->listener > 0 && bind(g->listener, (struct sockaddr *)&a, n) == 0 && listen(g->listener, RIG_LINES) == 0 &&
              getsockname(g->listener, (struct sockaddr *)&a, &n) == 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", ntohs(a.sin_port));
    ok = ok && http_endpoint_parse(url, false, &g->job.endpoint, &err);
    if (!ok) abort();
}

/* That the bytes which came are those that were signed; not while memory is short. */
static inline void rig_verify(struct rig *g, const char *head, bool put, const char *body) {
    const char *date = strstr(head, "x-amz-date: ");
    struct tm tm = {0};
    struct buffer own;
    struct error ignored;
    buffer_init(&own, RIG_BYTES);
    if (date == NULL || strptime(date + 12, "%Y%m%dT%H%M%SZ", &tm) == NULL) abort();
    bool made = sigv4_post(g->signer, &g->job.setting.keys, g->job.endpoint.host_header, g->job.endpoint.path,
                           put ? "PutItem" : "BatchWriteItem", body, strlen(body), timegm(&tm), &own, &ignored);
    if (made && (own.len < 4 || memcmp(own.data, head, own.len - 4) != 0)) abort();
    buffer_free(&own);
}

static inline void rig_reply(struct rig *g, struct rig_line *l, const char *head, const char *body) {
    static const char target[] = "DynamoDB_20120810.PutItem";
    char answer[RIG_BYTES + 200];
    int status = 200;
    bool put = strstr(head, target) != NULL;
    g->puts += put;
    rig_verify(g, head, put, body);
    const char *text = g->answer(g, g->requests++, put, body, &status);
    int n = snprintf(answer, sizeof answer, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n%s", status, strlen(text),
                     g->closes ? "Connection: close\r\n" : "", text);
    if (send(l->fd, answer, (size_t)n, MSG_NOSIGNAL) != n) abort(); /* it fits into the socket */
    l->got = 0;
    if (!g->closes) return;
    close(l->fd);
    l->fd = 0;
}

/* Takes what has come on one connection, and answers when a request is whole. */
static inline void rig_receive(struct rig *g, struct rig_line *l) {
    ssize_t n = recv(l->fd, l->in + l->got, sizeof l->in - 1 - l->got, MSG_DONTWAIT);
    if (n == 0) {
        close(l->fd);
        *l = (struct rig_line){0};
    }
    if (n <= 0) return;
    l->got += (size_t)n;
    l->in[l->got] = '\0';
    char *body = strstr(l->in, "\r\n\r\n"), *length = strcasestr(l->in, "content-length:");
    if (body == NULL || length == NULL) return;
    body += 4;
    if (l->got - (size_t)(body - l->in) < strtoul(length + 15, NULL, 10)) return;
    body[-1] = '\0';
    rig_reply(g, l, l->in, body);
}

static inline void rig_serve(struct rig *g) {
    for (int i = 0; i < (g->reads ? g->reads : RIG_LINES); i++) {
        if (g->lines[i].fd == 0) {
            int fd = accept4(g->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (fd > 0) g->lines[i].fd = fd;
        }
        if (g->lines[i].fd) rig_receive(g, &g->lines[i]);
    }
}

/* --- the writer's side --- */

static inline void rig_settled(void *context, struct job_target *target, const struct batch *batch, int i, enum settled how,
                               const char *message) {
    struct rig *g = context;
    if (target != &g->target) abort();
    int64_t item = batch->items[i].place;
    g->times[item]++;
    g->how[item] = how;
    if (how == SETTLED_REFUSED) snprintf(g->message, sizeof g->message, "%s", message);
}

static inline void rig_hot(void *context, const struct batch *batch, int i, uint64_t hot) {
    (void)context, (void)batch, (void)i, (void)hot;
}

/* `caller` may be all zero: then the rig notes how items end. */
static inline bool rig_open(struct rig *g, rig_answer *answer, enum put_rule rule, struct writer_caller caller,
                            struct error *err) {
    memset(g, 0, sizeof *g);
    g->answer = answer;
    rig_listen(g);
    struct dynamodb_schema schema = {.name = "Things", .partition = {.name = "Id", .type = DYNAMODB_S}};
    g->table = (struct job_table){.schema = schema, .targets = &g->target, .target_count = 1, .condition = {.rule = rule}};
    g->target = (struct job_target){.table = &g->table, .schema = schema};
    struct job *j = &g->job;
    j->plan = &g->plan;
    j->tables = &g->table;
    j->table_count = j->target_count = j->workers = 1;
    j->lines_most = RIG_LINES; /* no more are served */
    snprintf(j->setting.region, sizeof j->setting.region, "eu-north-1");
    snprintf(j->setting.keys.access_key_id, sizeof j->setting.keys.access_key_id, "AKIDEXAMPLE");
    snprintf(j->setting.keys.secret_access_key, sizeof j->setting.keys.secret_access_key, "not a secret");
    pthread_mutex_init(&j->told_lock, NULL);
    if (!pacing_start(j, err)) return false;
    g->signer = sigv4_new(j->setting.region, "dynamodb");
    if (g->signer == NULL) return error_memory(err, "starting the service");
    if (caller.settled == NULL) caller = (struct writer_caller){rig_settled, rig_hot, g};
    g->writer = writer_new(j, caller, err);
    return g->writer != NULL;
}

static inline void rig_close(struct rig *g) {
    writer_free(g->writer);
    sigv4_free(g->signer);
    pacing_end(&g->job);
    pthread_mutex_destroy(&g->job.told_lock);
    for (int i = 0; i < RIG_LINES; i++) {
        if (g->lines[i].fd) close(g->lines[i].fd);
    }
    close(g->listener);
}

/* One more item, which says `word`. False: it was not taken (and will not be settled), or what was ready could not be sent: then it will. */
static inline bool rig_add(struct rig *g, const char *word, struct error *err) {
    char json[200];
    int len = snprintf(json, sizeof json, "{\"Id\":{\"S\":\"k%d\"},\"Word\":{\"S\":\"%s\"}}", g->made, word);
    struct batch_item item = {.size = (uint32_t)len, .units = g->units ? g->units : 1, .place = g->made};
    struct batch *b = writer_batch(g->writer, &g->target);
    if (!dynamodb_key_hash_item(&g->target.schema, json, (size_t)len, &item.key)) abort();
    if (b == NULL || !batch_add(b, &item, json, (size_t)len)) return error_memory(err, "adding an item");
    g->made++;
    return writer_added(g->writer, &g->target, err);
}

/* What waits to be sent again need not wait any longer. */
static inline void rig_hurry(struct rig *g) {
    for (struct request *r = g->writer->waiting; r; r = r->next) r->due = 0;
}

/* Lets writer and service work until nothing is left to do; false with the failure that ends the run. */
static inline bool rig_work(struct rig *g, struct error *err) {
    int64_t end = clock_now() + RIG_SECONDS * CLOCK_SECOND;
    bool ok = writer_flush(g->writer, err) && writer_send(g->writer, err);
    while (ok && !writer_idle(g->writer)) {
        if (clock_now() > end) return error_set(err, ERROR_NONE, "it hangs");
        rig_serve(g);
        rig_hurry(g);
        writer_wake(g->writer);
        ok = writer_step(g->writer, err) && writer_send(g->writer, err);
    }
    return ok;
}

/* What a worker does when the run stops (worker.c); false: it does not end. */
static inline bool rig_wind_down(struct rig *g) {
    struct error ignored;
    int64_t end = clock_now() + RIG_SECONDS * CLOCK_SECOND;
    atomic_store(&g->job.stop, true);
    writer_drop(g->writer);
    while (!writer_idle(g->writer) && clock_now() < end) {
        rig_serve(g);
        writer_wake(g->writer);
        if (!writer_step(g->writer, &ignored) || !writer_send(g->writer, &ignored)) writer_drop(g->writer);
    }
    return writer_idle(g->writer);
}

/* How many items ended so; -1: one was not settled, or twice. */
static inline int rig_count(const struct rig *g, enum settled how) {
    int count = 0;
    for (int i = 0; i < g->made; i++) {
        if (g->times[i] != 1) return -1;
        count += g->how[i] == how;
    }
    return count;
}

/* Nothing is counted any more as under way. */
static inline bool rig_empty(const struct rig *g) {
    const struct writer *w = g->writer;
    return w->bytes == 0 && w->filling_bytes == 0 && w->busy == 0 && w->ready_count == 0 && w->hashed == 0 &&
           w->held_hashed == 0 && w->waiting_count == 0 && w->lanes[0].ready == 0 && g->job.waiting == 0 &&
           g->job.throttled == 0 && g->table.live.in_flight == 0;
}

/* --- answers --- */

#define RIG_WRITTEN "{\"UnprocessedItems\":{}}"
#define RIG_TYPE "{\"__type\":\"com.amazonaws.dynamodb.v20120810#"

static inline const char *rig_written(struct rig *g, int n, bool put, const char *body, int *status) {
    (void)g, (void)n, (void)body, (void)status;
    return put ? "{}" : RIG_WRITTEN;
}

/* As the service refuses a batch for one of its items, without saying which. */
static inline const char *rig_refuses_bad(struct rig *g, int n, bool put, const char *body, int *status) {
    if (strstr(body, "\"bad\"") == NULL) return rig_written(g, n, put, body, status);
    *status = 400;
    return RIG_TYPE "ValidationException\",\"message\":\"an item is bad\"}";
}

/* Sends back all items of a batch but the first `keep`. */
static inline const char *rig_unprocessed(struct rig *g, const char *body, int keep) {
    const char *from = strstr(body, "{\"PutRequest\"");
    while (from && keep-- > 0) from = strstr(from + 1, "{\"PutRequest\"");
    if (from == NULL) return RIG_WRITTEN;
    snprintf(g->text, sizeof g->text, "{\"UnprocessedItems\":{\"Things\":[%s", from);
    return g->text;
}

#endif
