#include "engine/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/retry.h"
#include "aws/sigv4.h"
#include "base/clock.h"
#include "base/hash.h"
#include "dynamodb/failure.h"
#include "engine/conditional.h"
#include "engine/lines.h"

/* The bytes of all the workers' requests together: one budget for the process, so that more workers do not mean more memory. */
#define IN_FLIGHT_BYTES (16 * 1024 * 1024)
/* A body that has grown beyond this is given back after use: 64 large ones would be more than the memory we may take. */
#define BODY_KEPT (256 * 1024)
/* With more targets than this being filled, bodies are not kept either: each begins small. */
#define TARGETS_FEW 64
/* Of the budget, what bodies that are being filled may take: with many targets some are sent before they are full. */
#define FILLING_BYTES (IN_FLIGHT_BYTES / 2)
/* Requests are sent together while there is more to map: two bodies are hashed in the time of one, and the other side is woken once. */
#define SENT_TOGETHER 4

struct request {
    struct request *next;
    size_t filled; /* while being filled: its bytes in the writer's count */
    struct job_target *target;
    struct batch batch;
    int attempt;    /* how often it was sent again */
    int64_t due;    /* while waiting: when to send it again */
    int64_t failed; /* when it first failed; 0: it has not */
    bool throttled;
    bool clock_tried; /* the clock was set by an answer's date once */
};

struct writer {
    struct job *job;
    writer_settled *settled;
    void *context;
    struct sigv4 *signer;
    struct hash_sha256 *sha;
    struct conditional *conditional;
    struct request **filling; /* by target */
    size_t filling_bytes;
    int filling_count, filling_turn; /* turn: the target to look at first when one must be sent before it is full */
    struct request *ready, **ready_end;
    struct request *waiting;
    struct request *spare;
    int ready_count, waiting_count, spare_count, busy;
    size_t bytes; /* of ready, waiting and busy requests */
    struct lines lines;
};

/* --- making and freeing --- */

struct writer *writer_new(struct job *job, writer_settled *settled, void *context, struct error *err) {
    struct writer *w = calloc(1, sizeof *w);
    if (w) {
        w->job = job;
        w->settled = settled;
        w->context = context;
        w->ready_end = &w->ready;
        w->filling = calloc((size_t)job->target_count + 1, sizeof *w->filling);
        w->signer = sigv4_new(job->setting.region, "dynamodb");
        w->sha = hash_sha256_new();
        w->conditional = conditional_new();
    }
    bool made = w && w->filling && w->signer && w->sha && w->conditional;
    if (!made) error_memory(err, "starting a worker");
    if (made && lines_open(&w->lines, err)) return w;
    writer_free(w);
    return NULL;
}

static void free_requests(struct request *r) {
    while (r) {
        struct request *next = r->next;
        batch_free(&r->batch);
        free(r);
        r = next;
    }
}

void writer_free(struct writer *w) {
    if (w == NULL) return;
    for (int i = 0; i < w->lines.count; i++) free_requests(w->lines.all[i].request);
    lines_close(&w->lines);
    for (int i = 0; w->filling && i < w->job->target_count; i++) free_requests(w->filling[i]);
    free_requests(w->ready);
    free_requests(w->waiting);
    free_requests(w->spare);
    sigv4_free(w->signer);
    hash_sha256_free(w->sha);
    conditional_free(w->conditional);
    free(w->filling);
    free(w);
}

static bool begin(struct batch *b, const struct job_target *target) {
    const struct put_condition *condition = &target->table->condition;
    if (condition->rule == PUT_ALWAYS) return batch_begin(b, &target->schema);
    return batch_begin_put(b, &target->schema, condition);
}

static struct request *take_request(struct writer *w, struct job_target *target) {
    struct request *r = w->spare;
    if (r) {
        w->spare = r->next;
        w->spare_count--;
        if (w->filling_count >= TARGETS_FEW) buffer_free(&r->batch.body);
    } else {
        r = calloc(1, sizeof *r);
        if (r == NULL) return NULL;
        batch_init(&r->batch);
    }
    r->next = NULL;
    r->target = target;
    r->filled = 0;
    r->attempt = 0;
    r->failed = 0;
    r->throttled = r->clock_tried = false;
    if (begin(&r->batch, target)) return r;
    free_requests(r);
    return NULL;
}

static void give_request(struct writer *w, struct request *r) {
    r->next = NULL;
    if (w->spare_count >= LINES_MAX) return free_requests(r);
    if (r->batch.body.cap > BODY_KEPT) buffer_free(&r->batch.body);
    r->next = w->spare;
    w->spare = r;
    w->spare_count++;
}

/* --- queues --- */

static void push_ready(struct writer *w, struct request *r) {
    r->next = NULL;
    *w->ready_end = r;
    w->ready_end = &r->next;
    w->ready_count++;
    w->bytes += r->batch.body.len;
}

static struct request *pop_ready(struct writer *w) {
    struct request *r = w->ready;
    w->ready = r->next;
    if (w->ready == NULL) w->ready_end = &w->ready;
    w->ready_count--;
    w->bytes -= r->batch.body.len;
    return r;
}

static void push_waiting(struct writer *w, struct request *r, int64_t wait, bool throttled, const char *text) {
    int64_t now = clock_now();
    if (r->failed == 0) r->failed = now;
    r->due = now + wait;
    r->throttled = throttled;
    r->next = w->waiting;
    w->waiting = r;
    w->waiting_count++;
    w->bytes += r->batch.body.len;
    atomic_fetch_add(&w->job->waiting, 1);
    if (throttled) atomic_fetch_add(&w->job->throttled, 1);
    atomic_fetch_add(&r->target->table->live.retries, r->batch.count);
    char line[400];
    snprintf(line, sizeof line, "%s (attempt %d, for %.1f s)", text, r->attempt, (double)(now - r->failed) / CLOCK_SECOND);
    job_wait_text(w->job, line);
}

static void unlink_waiting(struct writer *w, struct request **link) {
    struct request *r = *link;
    *link = r->next;
    w->waiting_count--;
    w->bytes -= r->batch.body.len;
    atomic_fetch_sub(&w->job->waiting, 1);
    if (r->throttled) atomic_fetch_sub(&w->job->throttled, 1);
}

/* --- settling --- */

static void settle(struct writer *w, struct request *r, int i, enum settled how, const char *message) {
    w->settled(w->context, r->target, &r->batch, i, how, message);
}

static void settle_all(struct writer *w, struct request *r, enum settled how, const char *message) {
    for (int i = 0; i < r->batch.count; i++) settle(w, r, i, how, message);
    give_request(w, r);
}

/* --- filling --- */

/* A run that stops is not paused any more: what is left of a refused batch could not be settled otherwise. */
static bool paused(const struct writer *w) {
    return atomic_load_explicit(&w->job->paused, memory_order_relaxed) && !atomic_load(&w->job->stop);
}

bool writer_ready(const struct writer *w) {
    size_t budget = IN_FLIGHT_BYTES / (size_t)w->job->workers;
    int sent = w->busy + w->waiting_count + w->ready_count;
    return w->ready_count < SENT_TOGETHER && !paused(w) && sent < LINES_MAX && w->bytes < budget;
}

struct batch *writer_batch(struct writer *w, struct job_target *target) {
    struct request **filling = &w->filling[target->number];
    if (*filling == NULL) {
        *filling = take_request(w, target);
        w->filling_count += *filling != NULL;
    }
    return *filling ? &(*filling)->batch : NULL;
}

/* Takes a request out of those that are being filled. */
static struct request *take_filling(struct writer *w, struct request **filling) {
    struct request *r = *filling;
    *filling = NULL;
    w->filling_count--;
    w->filling_bytes -= r->filled;
    return r;
}

static bool send_on(struct writer *w, struct request **filling, struct error *err) {
    if (!batch_finish(&(*filling)->batch)) return error_memory(err, "ending a request");
    struct request *r = take_filling(w, filling);
    push_ready(w, r);
    return w->ready_count < SENT_TOGETHER || writer_send(w, err);
}

/* Sends on the next one in turn, though it is not full. */
static bool send_some(struct writer *w, struct error *err) {
    for (int i = 0; i < w->job->target_count; i++) {
        int turn = w->filling_turn;
        w->filling_turn = (turn + 1) % w->job->target_count;
        struct request **filling = &w->filling[turn];
        if (*filling && (*filling)->batch.count) return send_on(w, filling, err);
    }
    return true;
}

bool writer_added(struct writer *w, struct job_target *target, struct error *err) {
    struct request **filling = &w->filling[target->number], *r = *filling;
    w->filling_bytes += r->batch.body.len - r->filled;
    r->filled = r->batch.body.len;
    if (batch_full(&r->batch)) return send_on(w, filling, err);
    return w->filling_count == 1 || w->filling_bytes <= FILLING_BYTES / (size_t)w->job->workers || send_some(w, err);
}

bool writer_flush(struct writer *w, struct error *err) {
    for (int i = 0; i < w->job->target_count; i++) {
        struct request *r = w->filling[i];
        if (r && r->batch.count && !send_on(w, &w->filling[i], err)) return false;
    }
    return true;
}

/* --- on a line --- */

/* Puts the request that is next on an idle line, to be sent on it. */
static void board(struct writer *w, struct line *line) {
    struct request *r = line->request = pop_ready(w);
    w->busy++;
    w->bytes += r->batch.body.len;
    atomic_fetch_add_explicit(&r->target->table->live.in_flight, r->batch.count, memory_order_relaxed);
}

/* Takes a request off its line. */
static struct request *alight(struct writer *w, struct line *line) {
    struct request *r = line->request;
    line->request = NULL;
    w->busy--;
    w->bytes -= r->batch.body.len;
    atomic_fetch_sub_explicit(&r->target->table->live.in_flight, r->batch.count, memory_order_relaxed);
    return r;
}

/* --- answers --- */

/* Half of a refused batch goes into a request of its own, until the guilty item stands alone. */
static bool split(struct writer *w, struct request *r, struct error *err) {
    struct request *other = take_request(w, r->target);
    bool first[DYNAMODB_BATCH_ITEMS_MAX];
    if (other == NULL) return error_memory(err, "splitting a request");
    int half = r->batch.count / 2;
    for (int i = 0; i < r->batch.count; i++) {
        size_t len;
        const char *json = batch_item_json(&r->batch, i, &len);
        first[i] = i < half;
        if (!first[i] && !batch_add(&other->batch, &r->batch.items[i], json, len)) {
            free_requests(other);
            return error_memory(err, "splitting a request");
        }
    }
    batch_keep(&r->batch, first);
    if (!batch_finish(&r->batch) || !batch_finish(&other->batch)) {
        free_requests(other);
        return error_memory(err, "splitting a request");
    }
    push_ready(w, r);
    push_ready(w, other);
    return true;
}

static void again(struct writer *w, struct request *r, enum retry_class class, int64_t retry_after_ms, const char *text) {
    r->attempt++;
    int64_t wait = retry_wait(class, r->attempt, retry_after_ms, clock_jitter());
    if (atomic_load(&w->job->stop)) {
        settle_all(w, r, SETTLED_DROPPED, text);
    } else {
        push_waiting(w, r, wait, class == RETRY_THROTTLE, text);
    }
}

static bool stop_for(struct writer *w, struct request *r, const struct dynamodb_failure *f, struct error *err) {
    error_set(err, ERROR_TARGET, "table %s: %s: %s: %s", r->target->schema.name, batch_operation(&r->batch),
              *f->type ? f->type : "HTTP error", f->message);
    error_code(err, f->type);
    error_hint(err, "put it right and run the same command again: it goes on where it stopped");
    settle_all(w, r, SETTLED_DROPPED, f->message);
    return false;
}

/* Takes the clock's offset from the answer's date, once a request; false when that has been tried. */
static bool set_clock(struct writer *w, struct request *r, const struct http_response *a) {
    int64_t offset;
    if (r->clock_tried || !dynamodb_clock_offset(a->date, clock_unix(), &offset)) return false;
    r->clock_tried = true;
    atomic_store(&w->job->clock_offset, offset);
    push_ready(w, r);
    return true;
}

/* What is there stays, unless it is this very item. */
static bool held_off(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    enum conditional_end end;
    size_t len;
    const char *json = batch_item_json(&r->batch, 0, &len);
    if (!conditional_judge(w->conditional, json, len, a->body, a->body_len, &end, err)) {
        settle_all(w, r, SETTLED_DROPPED, "");
        return false;
    }
    switch (end) {
    case CONDITIONAL_OURS: settle_all(w, r, SETTLED_WRITTEN, ""); break;
    case CONDITIONAL_LOST: settle_all(w, r, SETTLED_SUPERSEDED, ""); break;
    case CONDITIONAL_UNREADABLE: again(w, r, RETRY_TRANSIENT, -1, "an answer that cannot be read"); break;
    }
    return true;
}

static bool refused(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    struct dynamodb_failure f;
    char text[300];
    dynamodb_failure_parse(a->status, a->body, a->body_len, &f);
    snprintf(text, sizeof text, "%s: %s%s%.150s", r->target->schema.name, *f.type ? f.type : "", *f.type ? ": " : "",
             *f.reasons ? f.reasons : f.message);
    switch (f.class) {
    case RETRY_THROTTLE:
    case RETRY_TRANSIENT: again(w, r, f.class, a->retry_after_ms, text); return true;
    case RETRY_CLOCK: return set_clock(w, r, a) || stop_for(w, r, &f, err);
    case RETRY_CONDITION: return r->batch.condition ? held_off(w, r, a, err) : stop_for(w, r, &f, err);
    case RETRY_ITEM:
        if (r->batch.count > 1) return split(w, r, err);
        snprintf(text, sizeof text, "%s: %.200s", f.type, f.message);
        settle_all(w, r, SETTLED_REFUSED, text);
        return true;
    default: return stop_for(w, r, &f, err);
    }
}

/* A 200: everything is written but what it sends back. */
static bool accepted(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    bool left[DYNAMODB_BATCH_ITEMS_MAX];
    int count = batch_unprocessed(&r->batch, a->body, a->body_len, left);
    if (count == 0) {
        settle_all(w, r, SETTLED_WRITTEN, "");
        return true;
    }
    if (count < 0) {
        again(w, r, RETRY_TRANSIENT, -1, "an answer that cannot be read");
        return true;
    }
    for (int i = 0; i < r->batch.count; i++) {
        if (!left[i]) settle(w, r, i, SETTLED_WRITTEN, "");
    }
    batch_keep(&r->batch, left);
    if (!batch_finish(&r->batch)) return error_memory(err, "sending items again");
    char text[200];
    snprintf(text, sizeof text, "%s: throttled (UnprocessedItems)", r->target->schema.name);
    again(w, r, RETRY_THROTTLE, a->retry_after_ms, text);
    return true;
}

static bool answered(struct writer *w, struct line *line, struct error *err) {
    struct request *r = alight(w, line);
    const struct http_response *a = http_response(line->http);
    if (a->has_crc32 && a->crc32 != hash_crc32(a->body, a->body_len)) {
        again(w, r, RETRY_TRANSIENT, -1, "an answer whose checksum (x-amz-crc32) is wrong");
        return true;
    }
    return a->status == 200 ? accepted(w, r, a, err) : refused(w, r, a, err);
}

static bool failed(struct writer *w, struct line *line, struct error *why, struct error *err) {
    struct request *r = alight(w, line);
    if (why->retryable) {
        again(w, r, RETRY_TRANSIENT, -1, why->text);
        return true;
    }
    settle_all(w, r, SETTLED_DROPPED, why->text);
    *err = *why;
    return false;
}

/* --- sending --- */

/* Moves a busy line on; false with the failure that ends the run. */
static bool step_line(struct writer *w, struct line *line, struct error *err) {
    struct error why;
    bool ok = true;
    switch (http_step(line->http, &why)) {
    case HTTP_DONE: ok = answered(w, line, err); break;
    case HTTP_FAILED: ok = failed(w, line, &why, err); break;
    default: break;
    }
    if (line->request) {
        lines_watch(&w->lines, line);
    } else {
        lines_release(&w->lines, line);
    }
    return ok;
}

static bool start(struct writer *w, struct line *line, const unsigned char digest[HASH_SHA256_BYTES], struct error *err) {
    const struct buffer *body = &line->request->batch.body;
    int64_t now = clock_unix() + atomic_load(&w->job->clock_offset);
    line->head.len = 0;
    if (!sigv4_post_digest(w->signer, &w->job->setting.keys, w->job->endpoint.host_header, w->job->endpoint.path,
                           batch_operation(&line->request->batch), digest, body->len, now, &line->head, err))
        return false;
    http_send(line->http, line->head.data, line->head.len, body->data, body->len);
    lines_watch(&w->lines, line);
    return true;
}

/* Sends what was put on one or two lines. */
static bool start_all(struct writer *w, struct line *const lines[2], int count, struct error *err) {
    unsigned char digests[2][HASH_SHA256_BYTES];
    const void *data[2];
    size_t n[2];
    for (int i = 0; i < count; i++) {
        data[i] = lines[i]->request->batch.body.data;
        n[i] = lines[i]->request->batch.body.len;
    }
    bool ok = count == 2 ? hash_sha256_two(w->sha, data, n, digests) : hash_sha256(w->sha, data[0], n[0], digests[0]);
    if (!ok) error_set(err, ERROR_LOCAL, "a request could not be hashed: OpenSSL lacks SHA-256");
    for (int i = 0; i < count; i++) {
        ok = ok && start(w, lines[i], digests[i], err);
        if (ok) continue;
        /* not sent: the line is not the request's, it may still hold an older one's answer */
        settle_all(w, alight(w, lines[i]), SETTLED_DROPPED, "");
        lines_release(&w->lines, lines[i]);
    }
    return ok;
}

static void wake_waiting(struct writer *w) {
    if (w->waiting == NULL) return;
    int64_t now = clock_now();
    for (struct request **link = &w->waiting; *link;) {
        struct request *r = *link;
        if (r->due > now) {
            link = &r->next;
            continue;
        }
        unlink_waiting(w, link);
        push_ready(w, r);
    }
}

bool writer_send(struct writer *w, struct error *err) {
    while (w->ready && !paused(w)) {
        struct line *lines[2];
        int count = 0;
        while (count < 2 && w->ready && (lines[count] = lines_take(&w->lines, &w->job->endpoint)) != NULL)
            board(w, lines[count++]);
        if (count == 0) return true;
        if (!start_all(w, lines, count, err)) return false;
    }
    return true;
}

bool writer_step(struct writer *w, struct error *err) {
    for (int i = 0; i < w->lines.woken_count; i++) {
        struct line *line = w->lines.woken[i];
        if (line->request && !step_line(w, line, err)) return false;
    }
    wake_waiting(w);
    return w->ready_count < SENT_TOGETHER || writer_send(w, err);
}

int writer_fd(const struct writer *w) {
    return w->lines.epoll;
}

void writer_until(const struct writer *w, int64_t *until) {
    lines_until(&w->lines, w->ready && !paused(w), until);
    for (const struct request *r = w->waiting; r; r = r->next) {
        if (r->due < *until) *until = r->due;
    }
}

void writer_wake(struct writer *w) {
    lines_wake(&w->lines);
}

/* --- ending --- */

bool writer_idle(const struct writer *w) {
    if (w->busy || w->ready || w->waiting) return false;
    for (int i = 0; i < w->job->target_count; i++) {
        if (w->filling[i] && w->filling[i]->batch.count) return false;
    }
    return true;
}

void writer_drop(struct writer *w) {
    while (w->ready) settle_all(w, pop_ready(w), SETTLED_DROPPED, "");
    while (w->waiting) {
        struct request *r = w->waiting;
        unlink_waiting(w, &w->waiting);
        settle_all(w, r, SETTLED_DROPPED, "");
    }
    for (int i = 0; i < w->job->target_count; i++) {
        if (w->filling[i] == NULL) continue;
        settle_all(w, take_filling(w, &w->filling[i]), SETTLED_DROPPED, "");
    }
}
