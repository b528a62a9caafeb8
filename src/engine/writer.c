#include "engine/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "engine/writer_parts.h"

/* The bytes of all the workers' requests together: one budget for the process, so that more workers do not mean more memory. */
#define IN_FLIGHT_BYTES (16 * 1024 * 1024)
/* A body that has grown beyond this is given back after use, and so is one that would make those kept take more than KEPT_BYTES, of all
 * workers together: beside the requests in flight they are memory, too. It is room, of which about half is used: with half as much a tenth
 * of the bodies was made anew where answers take 10 ms (1 % of the time). */
#define BODY_KEPT (256 * 1024)
#define KEPT_BYTES IN_FLIGHT_BYTES
/* With more targets than this being filled, bodies are not kept either: each begins small. */
#define TARGETS_FEW 64
/* Of the budget, what bodies that are being filled may take: with many targets some are sent before they are full. */
#define FILLING_BYTES (IN_FLIGHT_BYTES / 2)
/* With several tables, so many requests may wait for the pace of some while others are written; their rows were fetched by then. */
#define HELD_MOST (LINES_MAX / 2)

/* --- making and freeing --- */

struct writer *writer_new(struct job *job, struct writer_caller caller, struct error *err) {
    struct writer *w = calloc(1, sizeof *w);
    if (w) {
        w->job = job;
        w->caller = caller;
        w->ready_end = &w->ready;
        w->filling = calloc((size_t)job->target_count + 1, sizeof *w->filling);
        w->lanes = calloc((size_t)job->pacing->table_count + 1, sizeof *w->lanes);
        w->readers = calloc((size_t)job->table_count + 1, sizeof *w->readers);
        w->signer = sigv4_new(job->setting.region, "dynamodb");
        w->sha = hash_sha256_new();
        w->conditional = conditional_new();
    }
    if (w && w->sha) w->together = hash_sha256_together(w->sha);
    bool made = w && w->filling && w->lanes && w->readers && w->signer && w->sha && w->conditional;
    if (!made) error_memory(err, "starting a worker");
    if (made && lines_open(&w->lines, &job->endpoint, job->lines_most, err)) return w;
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
    for (int i = 0; w->readers && i < w->job->table_count; i++) parts_reader_free(w->readers[i]);
    free(w->readers);
    free(w->lanes);
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
        w->spare_bytes -= r->batch.body.cap;
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
    r->throttled = r->clock_tried = r->reserved = r->probe = false;
    /* Only a rate that was asked for needs what the service counts: what a table takes is found by its refusals. */
    r->batch.ask_consumed = atomic_load_explicit(&w->job->write_units, memory_order_relaxed) > 0;
    if (begin(&r->batch, target)) return r;
    free_requests(r);
    return NULL;
}

static void give_request(struct writer *w, struct request *r) {
    r->next = NULL;
    if (w->spare_count >= LINES_MAX) return free_requests(r);
    size_t cap = r->batch.body.cap;
    if (cap > BODY_KEPT || w->spare_bytes + cap > KEPT_BYTES / (size_t)w->job->workers) buffer_free(&r->batch.body);
    w->spare_bytes += r->batch.body.cap;
    r->next = w->spare;
    w->spare = r;
    w->spare_count++;
}

/* --- queues --- */

void writer_push_ready(struct writer *w, struct request *r) {
    r->next = NULL;
    r->hashed = false;
    *w->ready_end = r;
    w->ready_end = &r->next;
    w->ready_count++;
    writer_lane(w, r)->ready++;
    w->bytes += r->batch.body.len;
}

struct request *writer_unlink_ready(struct writer *w, struct request **link) {
    struct request *r = *link;
    *link = r->next;
    if (*link == NULL) w->ready_end = link;
    w->ready_count--;
    w->hashed -= r->hashed;
    writer_lane(w, r)->ready--;
    w->bytes -= r->batch.body.len;
    return r;
}

void writer_push_waiting(struct writer *w, struct request *r, int64_t wait, bool throttled, const char *text) {
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

struct request *writer_unlink_waiting(struct writer *w, struct request **link) {
    struct request *r = *link;
    *link = r->next;
    w->waiting_count--;
    w->bytes -= r->batch.body.len;
    atomic_fetch_sub(&w->job->waiting, 1);
    if (r->throttled) atomic_fetch_sub(&w->job->throttled, 1);
    return r;
}

/* --- settling --- */

void writer_settle(struct writer *w, struct request *r, int i, enum settled how, const char *message) {
    w->caller.settled(w->caller.context, r->target, &r->batch, i, how, message);
}

void writer_settle_all(struct writer *w, struct request *r, enum settled how, const char *message) {
    for (int i = 0; i < r->batch.count; i++) writer_settle(w, r, i, how, message);
    give_request(w, r);
}

/* --- dividing --- */

struct request *writer_divide(struct writer *w, struct request *r, int keep) {
    struct request *rest = take_request(w, r->target);
    bool first[DYNAMODB_BATCH_ITEMS_MAX];
    if (rest == NULL) return NULL;
    rest->attempt = r->attempt;
    rest->failed = r->failed;
    rest->reserved = r->reserved;
    for (int i = 0; i < r->batch.count; i++) {
        size_t len;
        const char *json = batch_item_json(&r->batch, i, &len);
        first[i] = i < keep;
        if (first[i] || batch_add(&rest->batch, &r->batch.items[i], json, len)) continue;
        free_requests(rest);
        return NULL;
    }
    if (!batch_finish(&rest->batch)) {
        free_requests(rest);
        return NULL;
    }
    batch_keep(&r->batch, first);
    if (batch_finish(&r->batch)) return rest; /* it fits where the longer one was */
    free_requests(rest);
    return NULL;
}

/* The one item of a request in another one, which is begun already; NULL when memory is out, or it could not begin. */
static struct request *moved(struct writer *w, struct request *r, struct request *one, bool begun) {
    size_t len;
    const char *json = batch_item_json(&r->batch, 0, &len);
    one->attempt = r->attempt;
    one->failed = r->failed;
    if (begun && batch_add(&one->batch, &r->batch.items[0], json, len) && batch_finish(&one->batch)) {
        give_request(w, r);
        return one;
    }
    free_requests(one);
    return NULL;
}

struct request *writer_alone(struct writer *w, struct request *r) {
    static const struct put_condition none = {.rule = PUT_ALWAYS};
    struct request *one = take_request(w, r->target);
    return one ? moved(w, r, one, batch_begin_put(&one->batch, &r->target->schema, &none)) : NULL;
}

struct request *writer_not_alone(struct writer *w, struct request *r) {
    struct request *one = take_request(w, r->target);
    return one ? moved(w, r, one, true) : NULL;
}

/* --- filling --- */

bool writer_ready(const struct writer *w) {
    size_t budget = IN_FLIGHT_BYTES / (size_t)w->job->workers;
    int sent = w->busy + w->waiting_count + w->ready_count;
    if (w->held > (w->job->pacing->table_count > 1 ? HELD_MOST : 0)) return false;
    return !writer_enough(w) && !writer_paused(w) && sent < LINES_MAX && w->bytes + w->filling_bytes < budget;
}

bool writer_held(const struct writer *w, const struct job_target *target) {
    const struct lane *lane = &w->lanes[target->paced];
    return lane->ready >= SENT_TOGETHER && lane->closed_until > clock_now();
}

struct batch *writer_batch(struct writer *w, struct job_target *target) {
    struct request **filling = &w->filling[target->number];
    if (*filling == NULL) {
        *filling = take_request(w, target);
        w->filling_count += *filling != NULL;
        if (*filling) (*filling)->most = governor_request_units(w->job->pacing->governor, target->paced);
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
    writer_push_ready(w, r);
    return !writer_enough(w) || writer_send(w, err);
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
    if (batch_full(&r->batch) || r->batch.units >= r->most) return send_on(w, filling, err);
    return w->filling_count == 1 || w->filling_bytes <= FILLING_BYTES / (size_t)w->job->workers || send_some(w, err);
}

bool writer_flush(struct writer *w, struct error *err) {
    for (int i = 0; i < w->job->target_count; i++) {
        struct request *r = w->filling[i];
        if (r && r->batch.count && !send_on(w, &w->filling[i], err)) return false;
    }
    return true;
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
    w->held = w->held_hashed = 0;
    while (w->ready) writer_settle_all(w, writer_unlink_ready(w, &w->ready), SETTLED_DROPPED, "");
    while (w->waiting) {
        writer_settle_all(w, writer_unlink_waiting(w, &w->waiting), SETTLED_DROPPED, "");
    }
    for (int i = 0; i < w->job->target_count; i++) {
        if (w->filling[i] == NULL) continue;
        struct request *r = take_filling(w, &w->filling[i]);
        writer_settle_all(w, r, SETTLED_DROPPED, "");
    }
}
