/* A writer's answers: what became of a request's items, and whether they are sent again. */
#include <stdio.h>
#include <string.h>

#include "aws/retry.h"
#include "base/clock.h"
#include "engine/writer_parts.h"

/* Its items are settled all the same: their chunks could not end otherwise. */
static bool no_memory(struct writer *w, struct request *r, const char *what, struct error *err) {
    writer_settle_all(w, r, SETTLED_DROPPED, "");
    return error_memory(err, what);
}

/* Half of a refused batch goes into a request of its own, until the guilty item stands alone. */
static bool split(struct writer *w, struct request *r, struct error *err) {
    struct request *other = writer_divide(w, r, r->batch.count / 2);
    if (other == NULL) return no_memory(w, r, "splitting a request", err);
    writer_push_ready(w, r);
    writer_push_ready(w, other);
    return true;
}

/* After a failure that can pass. */
static void again(struct writer *w, struct request *r, int64_t retry_after_ms, const char *text) {
    r->attempt++;
    int64_t wait = retry_wait(RETRY_TRANSIENT, r->attempt, retry_after_ms, clock_jitter());
    if (atomic_load(&w->job->stop)) {
        writer_settle_all(w, r, SETTLED_DROPPED, text);
    } else {
        writer_push_waiting(w, r, wait, false, text);
    }
}

static bool stop_for(struct writer *w, struct request *r, const struct dynamodb_failure *f, struct error *err) {
    error_set(err, ERROR_TARGET, "table %s: %s: %s: %s", r->target->schema.name, batch_operation(&r->batch),
              *f->type ? f->type : "HTTP error", f->message);
    error_code(err, f->type);
    error_hint(err, "put it right and run the same command again: it goes on where it stopped");
    writer_settle_all(w, r, SETTLED_DROPPED, f->message);
    return false;
}

/* Takes the clock's offset from the answer's date, once a request; false when that has been tried. */
static bool set_clock(struct writer *w, struct request *r, const struct http_response *a) {
    int64_t offset;
    if (r->clock_tried || !dynamodb_clock_offset(a->date, clock_unix(), &offset)) return false;
    r->clock_tried = true;
    atomic_store(&w->job->clock_offset, offset);
    writer_push_ready(w, r);
    return true;
}

/* What is there stays, unless it is this very item. */
static bool held_off(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    enum conditional_end end;
    size_t len;
    const char *json = batch_item_json(&r->batch, 0, &len);
    if (!conditional_judge(w->conditional, json, len, a->body, a->body_len, &end, err)) {
        writer_settle_all(w, r, SETTLED_DROPPED, "");
        return false;
    }
    switch (end) {
    case CONDITIONAL_OURS: writer_settle_all(w, r, SETTLED_WRITTEN, ""); break;
    case CONDITIONAL_LOST: writer_settle_all(w, r, SETTLED_SUPERSEDED, ""); break;
    case CONDITIONAL_UNREADABLE: again(w, r, -1, "an answer that cannot be read"); break;
    }
    return true;
}

/* An item that was sent alone, to be told a reason, goes into a batch again, which is judged by its own answer: the right to PutItem may not be
 * given. No item is sent alone any more. */
static bool probe_failed(struct writer *w, struct request *r, struct error *err) {
    atomic_store(&w->job->pacing->no_probes, true);
    struct request *batch = writer_not_alone(w, r);
    if (batch == NULL) return no_memory(w, r, "sending an item again", err);
    writer_push_ready(w, batch);
    return true;
}

static bool refused(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    struct dynamodb_failure f;
    char text[300];
    dynamodb_failure_parse(a->status, a->body, a->body_len, &f);
    if (f.class != RETRY_THROTTLE) writer_taken(w, r, -1);
    snprintf(text, sizeof text, "%s: %s%s%.150s", r->target->schema.name, *f.type ? f.type : "", *f.type ? ": " : "",
             *f.reasons ? f.reasons : f.message);
    switch (f.class) {
    case RETRY_THROTTLE: writer_throttled(w, r, &f, -1, a->retry_after_ms, text); return true;
    case RETRY_TRANSIENT: again(w, r, a->retry_after_ms, text); return true;
    case RETRY_CLOCK: return set_clock(w, r, a) || stop_for(w, r, &f, err);
    case RETRY_CONDITION: return r->batch.condition ? held_off(w, r, a, err) : stop_for(w, r, &f, err);
    case RETRY_ITEM:
        if (r->batch.count > 1) return split(w, r, err);
        snprintf(text, sizeof text, "%s: %.200s", f.type, f.message);
        writer_settle_all(w, r, SETTLED_REFUSED, text);
        return true;
    default: return r->probe ? probe_failed(w, r, err) : stop_for(w, r, &f, err);
    }
}

/* A 200: everything is written but what it sends back. */
static bool accepted(struct writer *w, struct request *r, const struct http_response *a, struct error *err) {
    struct batch_answer answer;
    batch_read_answer(&r->batch, a->body, a->body_len, &answer);
    int count = answer.left_count;
    if (count <= 0) writer_taken(w, r, answer.consumed);
    if (count == 0) {
        writer_settle_all(w, r, SETTLED_WRITTEN, "");
        return true;
    }
    if (count < 0) {
        again(w, r, -1, "an answer that cannot be read");
        return true;
    }
    for (int i = 0; i < r->batch.count; i++) {
        if (!answer.left[i]) writer_settle(w, r, i, SETTLED_WRITTEN, "");
    }
    batch_keep(&r->batch, answer.left);
    if (!batch_finish(&r->batch)) return no_memory(w, r, "sending items again", err);
    char text[200];
    snprintf(text, sizeof text, "%s: throttled (UnprocessedItems)", r->target->schema.name);
    writer_throttled(w, r, NULL, answer.consumed, a->retry_after_ms, text);
    return true;
}

bool writer_answered(struct writer *w, struct line *line, struct error *err) {
    struct request *r = writer_alight(w, line);
    const struct http_response *a = http_response(line->http);
    if (a->has_crc32 && a->crc32 != hash_crc32(a->body, a->body_len)) {
        writer_taken(w, r, -1);
        again(w, r, -1, "an answer whose checksum (x-amz-crc32) is wrong");
        return true;
    }
    return a->status == 200 ? accepted(w, r, a, err) : refused(w, r, a, err);
}

bool writer_failed(struct writer *w, struct line *line, struct error *why, struct error *err) {
    struct request *r = writer_alight(w, line);
    writer_taken(w, r, -1);
    if (why->retryable) {
        again(w, r, -1, why->text);
        return true;
    }
    writer_settle_all(w, r, SETTLED_DROPPED, why->text);
    *err = *why;
    return false;
}
