#include "engine/lines.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/descriptors.h"

#define LOOK (5 * CLOCK_MS) /* what cannot be watched is looked at so often */

_Static_assert(POLLIN == (int)EPOLLIN && POLLOUT == (int)EPOLLOUT, "http_events are epoll's");

static struct line *add(struct lines *l, const struct http_endpoint *endpoint) {
    static const struct http_timeouts timeouts = {.connect_ns = 10 * CLOCK_SECOND, .response_ns = 30 * CLOCK_SECOND};
    struct line *line = &l->all[l->count];
    *line = (struct line){.taken = clock_now()};
    buffer_init(&line->head, 64 * 1024);
    line->http = http_connection_new(endpoint, timeouts);
    if (line->http == NULL) {
        l->growth.stalled = line->taken; /* memory is out: those that are there must do, until the next try */
        return NULL;
    }
    l->count++;
    return line;
}

/* File descriptors: a worker's epoll and its connection to the source, with some for what is open for a moment (names that are resolved,
 * certificates); the ledger's, the snapshot's and control's, and what the process began with. */
#define WORKER_DESCRIPTORS 6
#define OTHER_DESCRIPTORS 64

int lines_reserve(int workers, struct error *err) {
    int others = OTHER_DESCRIPTORS + workers * WORKER_DESCRIPTORS;
    int got = descriptors_reserve(others + workers * LINES_MAX * HTTP_DESCRIPTORS);
    int each = (got - others) / workers / HTTP_DESCRIPTORS;
    if (each > 0) return each;
    error_set(err, ERROR_LOCAL, "%d worker%s %d file descriptors, and there may be only %d", workers,
              workers == 1 ? " needs" : "s need", others + workers * HTTP_DESCRIPTORS, got);
    error_hint(err, "raise the limit of `ulimit -n`%s", workers == 1 ? "" : ", or run with fewer --jobs");
    return 0;
}

bool lines_open(struct lines *l, const struct http_endpoint *endpoint, int most, struct error *err) {
    *l = (struct lines){.epoll = epoll_create1(EPOLL_CLOEXEC), .due = INT64_MAX};
    growth_begin(&l->growth, most);
    if (l->epoll < 0) {
        error_set(err, ERROR_LOCAL, "cannot make an epoll: %s", strerror(errno));
        return error_hint(err, "raise the limit of `ulimit -n`");
    }
    l->idle = add(l, endpoint);
    return l->idle || error_memory(err, "starting a worker");
}

void lines_close(struct lines *l) {
    for (int i = 0; i < l->count; i++) {
        http_connection_free(l->all[i].http);
        buffer_free(&l->all[i].head);
    }
    if (l->epoll > 0) close(l->epoll);
}

struct line *lines_take(struct lines *l, const struct http_endpoint *endpoint) {
    struct line *line = l->idle;
    if (line == NULL) return growth_one_more(&l->growth, l->count, clock_now()) ? add(l, endpoint) : NULL;
    l->idle = line->next_idle;
    growth_found(&l->growth);
    line->taken = clock_now();
    return line;
}

void lines_return(struct lines *l, struct line *line) {
    line->next_idle = l->idle;
    l->idle = line;
}

void lines_release(struct lines *l, struct line *line) {
    int64_t now = clock_now();
    growth_answered(&l->growth, now, now - line->taken);
    lines_return(l, line);
}

/* --- watching them --- */

/* Epoll is told of a socket once. It stays while the line is idle; only then, when the other side ends it, lines_wake takes it out. */
void lines_watch(struct lines *l, struct line *line) {
    int fd = http_fd(line->http);
    unsigned serial = http_serial(line->http);
    short events = http_events(line->http);
    line->due = fd < 0 ? clock_now() + LOOK : http_deadline(line->http);
    if (fd >= 0 && (line->serial != serial || line->events != events)) {
        struct epoll_event e = {.events = (uint32_t)events, .data.u64 = (uint64_t)(line - l->all) << 32 | (uint32_t)fd};
        bool known = epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e) == 0 || epoll_ctl(l->epoll, EPOLL_CTL_MOD, fd, &e) == 0;
        line->serial = known ? serial : 0;
        line->events = events;
        if (!known) line->due = clock_now() + LOOK;
    }
    if (line->due < l->due) l->due = line->due;
}

void lines_until(const struct lines *l, bool wanted, int64_t *until) {
    if (l->due < *until) *until = l->due;
    if (wanted) growth_until(&l->growth, l->count, until);
}

static void wake(struct lines *l, struct line *line) {
    if (line->woken) return;
    line->woken = true;
    l->woken[l->woken_count++] = line;
}

/* Those that are due; and when the next one is. */
static void wake_due(struct lines *l, int64_t now) {
    l->due = INT64_MAX;
    for (int i = 0; i < l->count; i++) {
        struct line *line = &l->all[i];
        if (line->request == NULL) continue;
        if (line->due <= now) wake(l, line);
        if (line->due < l->due) l->due = line->due;
    }
}

void lines_wake(struct lines *l) {
    struct epoll_event events[LINES_MAX];
    int64_t now = clock_now();
    for (int i = 0; i < l->woken_count; i++) l->woken[i]->woken = false;
    l->woken_count = 0;
    int n = epoll_wait(l->epoll, events, LINES_MAX, 0);
    for (int i = 0; i < n; i++) {
        struct line *line = &l->all[events[i].data.u64 >> 32];
        int fd = (int)(uint32_t)events[i].data.u64;
        if (line->request && http_fd(line->http) == fd) {
            wake(l, line);
        } else { /* the end of an idle one, or a socket that was given up and is not closed yet */
            epoll_ctl(l->epoll, EPOLL_CTL_DEL, fd, NULL);
            line->serial = 0;
        }
    }
    if (now >= l->due) wake_due(l, now);
}
