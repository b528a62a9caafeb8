/* A writer's connections: ready requests go on idle ones when the governor lets them, and are waited for. */
#include <string.h>

#include "base/clock.h"
#include "engine/writer_parts.h"

/* Connections that are opened without asking; more are added one by one while all are busy for GROW_AFTER. */
#define CONNECTIONS_FIRST 4
#define GROW_AFTER CLOCK_MS

/* Moves a busy line on; false with the failure that ends the run. */
static bool step_line(struct writer *w, struct line *line, struct error *err) {
    struct error why;
    line->woken = false;
    line->due = 0;
    switch (http_step(line->http, &why)) {
    case HTTP_DONE: return writer_answered(w, line, err);
    case HTTP_FAILED: return writer_failed(w, line, &why, err);
    default: return true;
    }
}

/* Takes it off again: the line is not the request's, it may still hold an older one's answer. */
static void drop_boarded(struct writer *w, struct line *line) {
    struct request *r = line->request;
    line->request = NULL;
    writer_on_its_way(w, r, -1);
    writer_taken(w, r);
    writer_settle_all(w, r, SETTLED_DROPPED, "");
}

static bool start(struct writer *w, struct line *line, const unsigned char digest[HASH_SHA256_BYTES], struct error *err) {
    const struct buffer *body = &line->request->batch.body;
    int64_t now = clock_unix() + atomic_load(&w->job->clock_offset);
    line->head.len = 0;
    if (!sigv4_post_digest(w->signer, &w->job->setting.keys, w->job->endpoint.host_header, w->job->endpoint.path,
                           batch_operation(&line->request->batch), digest, body->len, now, &line->head, err))
        return false;
    http_send(line->http, line->head.data, line->head.len, body->data, body->len);
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
        if (!ok) drop_boarded(w, lines[i]);
    }
    return ok;
}

static struct line *add_line(struct writer *w) {
    static const struct http_timeouts timeouts = {.connect_ns = 10 * CLOCK_SECOND, .response_ns = 30 * CLOCK_SECOND};
    struct line *line = &w->lines[w->line_count];
    *line = (struct line){.polled = -1};
    buffer_init(&line->head, 64 * 1024);
    line->http = http_connection_new(&w->job->endpoint, timeouts);
    if (line->http == NULL) return NULL;
    w->line_count++;
    return line;
}

/* An idle line; a new one when all have been busy for a while. NULL: none now. */
static struct line *find_line(struct writer *w) {
    for (int i = 0; i < w->line_count; i++) {
        if (w->lines[i].request) continue;
        w->stalled = 0;
        return &w->lines[i];
    }
    if (w->line_count == WRITER_CONNECTIONS_MAX) return NULL;
    if (w->line_count >= CONNECTIONS_FIRST) {
        int64_t now = clock_now();
        if (w->stalled == 0) w->stalled = now;
        if (now - w->stalled < GROW_AFTER) return NULL;
        w->stalled = now;
    }
    return add_line(w);
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
        size_t before = r->batch.body.len;
        struct request *rest = writer_divide(w, r, fitting);
        w->bytes -= before - r->batch.body.len;
        if (rest) writer_push_ready(w, rest);
    }
}

/* Puts the first ready request that may go now on an idle line; NULL: none may, or no line is idle. */
static struct line *board(struct writer *w, int64_t now) {
    struct line *line = NULL;
    for (struct request **link = &w->ready; *link; link = &(*link)->next) {
        struct request *r = *link;
        struct lane *lane = writer_lane(w, r);
        if (lane->closed_until > now) continue;
        if (line == NULL && (line = find_line(w)) == NULL) return NULL;
        cut(w, r);
        lane->closed_until = governor_ask(w->job->pacing->governor, now, r->target->paced, r->batch.units);
        if (lane->closed_until) continue;
        writer_unlink_ready(w, link);
        r->sent = now;
        r->asked = r->batch.units;
        writer_count_keys(w, r, now);
        line->request = r;
        line->woken = false;
        line->due = 0; /* what http_send does at once, or fails to do, its deadline tells at the next poll */
        writer_on_its_way(w, r, 1);
        return line;
    }
    return NULL;
}

static void count_held(struct writer *w, int64_t now) {
    w->held = 0;
    for (const struct request *r = w->ready; r; r = r->next) w->held += writer_lane(w, r)->closed_until > now;
}

bool writer_send(struct writer *w, struct error *err) {
    int64_t now = clock_now();
    bool ok = true;
    while (ok && w->ready && !writer_paused(w)) {
        struct line *lines[2];
        int count = 0;
        while (count < 2 && (lines[count] = board(w, now)) != NULL) count++;
        if (count == 0) break;
        ok = start_all(w, lines, count, err);
    }
    count_held(w, now);
    return ok;
}

bool writer_step(struct writer *w, struct error *err) {
    for (int i = 0; i < w->line_count; i++) {
        struct line *line = &w->lines[i];
        if (line->request && line->woken && !step_line(w, line, err)) return false;
    }
    wake_waiting(w);
    return w->ready_count - w->held < SENT_TOGETHER || writer_send(w, err);
}

int writer_poll(struct writer *w, struct pollfd *fds, int64_t *until) {
    int n = 0;
    int64_t now = clock_now();
    for (int i = 0; i < w->line_count; i++) {
        struct line *line = &w->lines[i];
        line->polled = -1;
        if (line->request == NULL) continue;
        int fd = http_fd(line->http);
        int64_t deadline = fd < 0 ? now + 5 * CLOCK_MS : http_deadline(line->http);
        if (line->due == 0 || deadline < line->due) line->due = deadline;
        if (line->due < *until) *until = line->due;
        if (fd < 0) continue;
        line->polled = n;
        fds[n++] = (struct pollfd){.fd = fd, .events = http_events(line->http)};
    }
    for (const struct request *r = w->waiting; r; r = r->next) {
        if (r->due < *until) *until = r->due;
    }
    if (writer_paused(w)) return n;
    bool stuck = false;
    for (const struct request *r = w->ready; r; r = r->next) {
        int64_t open = writer_lane(w, r)->closed_until;
        if (open > now && open < *until) *until = open;
        stuck = stuck || open <= now;
    }
    if (stuck && w->line_count < WRITER_CONNECTIONS_MAX && w->stalled + GROW_AFTER < *until) *until = w->stalled + GROW_AFTER;
    return n;
}

void writer_polled(struct writer *w, const struct pollfd *fds) {
    int64_t now = clock_now();
    for (int i = 0; i < w->line_count; i++) {
        struct line *line = &w->lines[i];
        if (line->request == NULL) continue;
        line->woken = line->polled < 0 || fds[line->polled].revents != 0 || now >= line->due;
    }
}
