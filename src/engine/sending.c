/* Requests on their way: ready ones go on idle connections (lines.h) when the governor lets them, and are waited for. */
#include <string.h>

#include "base/clock.h"
#include "engine/writer_parts.h"

/* Moves a busy line on; false with the failure that ends the run. */
static bool step_line(struct writer *w, struct line *line, struct error *err) {
    struct error why;
    bool ok = true;
    switch (http_step(line->http, &why)) {
    case HTTP_DONE: ok = writer_answered(w, line, err); break;
    case HTTP_FAILED: ok = writer_failed(w, line, &why, err); break;
    default: break;
    }
    if (line->request) {
        lines_watch(&w->lines, line);
    } else {
        lines_release(&w->lines, line);
    }
    return ok;
}

/* Hashes the bodies of what was put on lines, together with ready ones that are not hashed yet, whether or not there are lines for them:
 * several at once take less time each. Not with those of a closed lane, which may be cut before they go. */
static bool hash(struct writer *w, struct line *const lines[], int count, int64_t now) {
    struct request *all[HASH_MANY];
    const void *bodies[HASH_MANY];
    size_t lengths[HASH_MANY];
    unsigned char digests[HASH_MANY][HASH_SHA256_BYTES];
    int boarded = 0, n;
    for (int k = 0; k < count; k++) {
        if (!lines[k]->request->hashed) all[boarded++] = lines[k]->request;
    }
    n = boarded;
    if (n == 0) return true;
    for (struct request *r = w->ready; r && n < w->together; r = r->next) {
        if (!r->hashed && writer_lane(w, r)->closed_until <= now) all[n++] = r;
    }
    for (int k = 0; k < n; k++) {
        bodies[k] = all[k]->batch.body.data;
        lengths[k] = all[k]->batch.body.len;
    }
    if (!hash_sha256_many(w->sha, n, bodies, lengths, digests)) return false;
    for (int k = 0; k < n; k++) {
        memcpy(all[k]->digest, digests[k], sizeof digests[k]);
        all[k]->hashed = k >= boarded; /* of the ready ones these are counted */
    }
    w->hashed += n - boarded;
    return true;
}

static bool sign(struct writer *w, struct line *const lines[], int count, int64_t now, struct error *err) {
    struct sigv4_post posts[HASH_MANY];
    int64_t date = clock_unix() + atomic_load(&w->job->clock_offset);
    if (!hash(w, lines, count, now)) return error_set(err, ERROR_LOCAL, "a request could not be hashed: OpenSSL lacks SHA-256");
    for (int k = 0; k < count; k++) {
        const struct request *r = lines[k]->request;
        lines[k]->head.len = 0;
        posts[k] = (struct sigv4_post){batch_operation(&r->batch), r->digest, r->batch.body.len, &lines[k]->head};
    }
    return sigv4_post_many(w->signer, &w->job->setting.keys, w->job->endpoint.host_header, w->job->endpoint.path, count, posts,
                           date, err);
}

static void launch(struct writer *w, struct line *line) {
    const struct buffer *body = &line->request->batch.body;
    http_send(line->http, line->head.data, line->head.len, body->data, body->len);
    lines_watch(&w->lines, line);
}

/* What was put on a line cannot be sent. */
static void drop(struct writer *w, struct line *line) {
    /* the line is not the request's, it may still hold an older one's answer */
    struct request *r = writer_alight(w, line);
    lines_return(&w->lines, line);
    writer_taken(w, r, -1);
    writer_settle_all(w, r, SETTLED_DROPPED, "");
}

/* Sends what was put on lines, 1 to HASH_MANY. */
static bool start(struct writer *w, struct line *const lines[], int count, int64_t now, struct error *err) {
    bool ok = sign(w, lines, count, now, err);
    for (int k = 0; k < count; k++) {
        if (ok) {
            launch(w, lines[k]);
        } else {
            drop(w, lines[k]);
        }
    }
    return ok;
}

static void wake_waiting(struct writer *w) {
    if (w->waiting == NULL) return;
    int64_t now = clock_now();
    for (struct request **link = &w->waiting; *link;) {
        if ((*link)->due > now) {
            link = &(*link)->next;
        } else {
            writer_push_ready(w, writer_unlink_waiting(w, link));
        }
    }
}

/* What is too much for the rate goes into a request of its own, behind. When memory is short it goes as it is. */
static void cut(struct writer *w, struct request *r) {
    int fitting = writer_fitting(w, r);
    if (fitting < r->batch.count) {
        w->hashed -= r->hashed;
        r->hashed = false;
        size_t before = r->batch.body.len;
        struct request *rest = writer_divide(w, r, fitting);
        w->bytes -= before - r->batch.body.len;
        if (rest) writer_push_ready(w, rest);
    }
}

/* For so long a lane stays closed without the governor being asked again: what it said is true of the rate at that moment, and after a large
 * item at a low rate that is minutes. A rate that rises is noticed by then. */
#define CLOSED_MOST (100 * CLOCK_MS)

/* Puts the first ready request that may go now on an idle line; NULL: none may, or no line is idle. */
static struct line *board(struct writer *w, int64_t now) {
    struct line *line = NULL;
    for (struct request **link = &w->ready; *link; link = &(*link)->next) {
        struct request *r = *link;
        struct lane *lane = writer_lane(w, r);
        if (lane->closed_until > now) continue;
        if (line == NULL && (line = lines_take(&w->lines, &w->job->endpoint)) == NULL) return NULL;
        cut(w, r);
        int64_t when = governor_ask(w->job->pacing->governor, now, r->target->paced, r->batch.units, &r->taken);
        lane->closed_until = when > now + CLOSED_MOST ? now + CLOSED_MOST : when;
        if (when) continue;
        writer_unlink_ready(w, link);
        r->sent = now;
        r->asked = r->batch.units;
        writer_count_keys(w, r, now);
        line->request = r;
        w->busy++;
        w->bytes += r->batch.body.len;
        atomic_fetch_add_explicit(&r->target->table->live.in_flight, r->batch.count, memory_order_relaxed);
        return line;
    }
    if (line) lines_return(&w->lines, line);
    return NULL;
}

static void count_held(struct writer *w, int64_t now) {
    w->held = w->held_hashed = 0;
    for (const struct request *r = w->ready; r; r = r->next) {
        bool held = writer_lane(w, r)->closed_until > now;
        w->held += held;
        w->held_hashed += held && r->hashed;
    }
}

bool writer_send(struct writer *w, struct error *err) {
    int64_t now = clock_now();
    bool ok = true;
    while (ok && w->ready && !writer_paused(w)) {
        struct line *lines[HASH_MANY];
        int count = 0;
        while (count < w->together && (lines[count] = board(w, now))) count++;
        if (count == 0) break;
        ok = start(w, lines, count, now, err);
    }
    count_held(w, now);
    return ok;
}

bool writer_step(struct writer *w, struct error *err) {
    for (int i = 0; i < w->lines.woken_count; i++) {
        struct line *line = w->lines.woken[i];
        if (line->request && !step_line(w, line, err)) return false;
    }
    wake_waiting(w);
    bool go = writer_boardable(w) >= SENT_TOGETHER || writer_enough(w);
    return !go || writer_send(w, err);
}

int writer_fd(const struct writer *w) {
    return w->lines.epoll;
}

void writer_until(const struct writer *w, int64_t *until) {
    bool stuck = false;
    int64_t now = clock_now();
    for (const struct request *r = w->waiting; r; r = r->next) {
        if (r->due < *until) *until = r->due;
    }
    for (const struct request *r = writer_paused(w) ? NULL : w->ready; r; r = r->next) {
        int64_t open = writer_lane(w, r)->closed_until;
        if (open > now && open < *until) *until = open;
        stuck = stuck || open <= now;
    }
    lines_until(&w->lines, stuck, until);
}

void writer_wake(struct writer *w) {
    lines_wake(&w->lines);
}
