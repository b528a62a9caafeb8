#include "engine/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"

#define REQUEST_MAX 200
#define UNITS_MAX 1000000000 /* write units a second: beyond any quota */
#define ANSWER_MAX (1024 * 1024)
#define CALLER_PATIENCE (2 * CLOCK_SECOND) /* a caller that has not sent its line, or not taken its answer, is cut off */
#define ASK_PATIENCE (10 * CLOCK_SECOND)

struct control {
    int listener;
    int caller; /* -1: nobody */
    int64_t deadline;
    char request[REQUEST_MAX];
    size_t len;
    struct buffer answer;
    size_t sent;
    char path[4200];
};

/* --- addresses --- */

/* A Unix address holds 107 bytes. A longer path is named through its folder, which stays open as *folder (-1: not needed). */
static bool address_of(const char *path, struct sockaddr_un *out, int *folder) {
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    *folder = -1;
    int n = snprintf(out->sun_path, sizeof out->sun_path, "%s", path);
    if (n > 0 && (size_t)n < sizeof out->sun_path) return true;
    char parent[4200];
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return false;
    snprintf(parent, sizeof parent, "%.*s", (int)(slash - path + 1), path);
    *folder = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (*folder < 0) return false;
    n = snprintf(out->sun_path, sizeof out->sun_path, "/proc/self/fd/%d/%s", *folder, slash + 1);
    return n > 0 && (size_t)n < sizeof out->sun_path;
}

static bool path_of(const char *ledger, char *out, size_t size) {
    int n = snprintf(out, size, "%s.sock", ledger);
    return n > 0 && (size_t)n < size;
}

/* --- listening --- */

static bool bind_to(int fd, const char *path) {
    struct sockaddr_un address;
    int folder;
    bool ok = false;
    if (address_of(path, &address, &folder)) {
        unlink(path);
        mode_t before = umask(0177); /* no worker runs yet: nobody else makes files meanwhile */
        ok = bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0;
        int why = errno;
        umask(before);
        errno = why;
    } else {
        errno = ENAMETOOLONG;
    }
    if (folder >= 0) close(folder);
    return ok;
}

struct control *control_listen(const char *ledger, struct error *err) {
    struct control *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_memory(err, "listening for control");
        return NULL;
    }
    c->caller = -1;
    buffer_init(&c->answer, ANSWER_MAX);
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool named = path_of(ledger, c->path, sizeof c->path);
    if (c->listener >= 0 && named && bind_to(c->listener, c->path)) return c;
    error_set(err, ERROR_LOCAL, "cannot listen on %.1000s: %s", c->path, named ? strerror(errno) : "the path is too long");
    c->path[0] = '\0'; /* not ours to remove */
    control_close(c);
    return NULL;
}

/* Forgets the caller, and what it has not taken of its answer: the next one is waited for. */
static void hang_up(struct control *c) {
    if (c->caller >= 0) close(c->caller);
    c->caller = -1;
    c->len = c->sent = c->answer.len = 0;
}

void control_close(struct control *c) {
    if (c == NULL) return;
    hang_up(c);
    if (c->listener >= 0) close(c->listener);
    if (c->path[0]) unlink(c->path);
    buffer_free(&c->answer);
    free(c);
}

/* --- answers --- */

static bool add_text(struct buffer *b, const char *name, const char *text) {
    return buffer_printf(b, "\"%s\":", name) && json_append_string(b, text, strlen(text));
}

/* The pace of a table, and what was refused: as hlua.core's runs give them to Lua. */
static bool add_throttling(struct buffer *b, const struct run_throttling *t) {
    int64_t all = 0;
    for (int i = 0; i < RUN_REFUSALS; i++) all += t->refused[i];
    if (t->pace > 0 && !buffer_printf(b, ",\"pace\":%.3f", t->pace)) return false;
    if (all == 0) return true;
    if (!buffer_printf(b, ",\"throttling\":{\"refused_units\":%lld,\"reasons\":{", (long long)all)) return false;
    bool any = false;
    for (int i = 0; i < RUN_REFUSALS; i++) {
        if (t->refused[i] == 0) continue;
        if (!buffer_printf(b, "%s\"%s\":%lld", any ? "," : "", run_refusal_name(i), (long long)t->refused[i])) return false;
        any = true;
    }
    if (!buffer_append_text(b, "}")) return false;
    if (t->key.known && (!buffer_append_text(b, ",") || !add_text(b, "key", t->key.value))) return false;
    if (t->key.known && t->key.index[0] && (!buffer_append_text(b, ",") || !add_text(b, "index", t->key.index))) return false;
    return buffer_append_text(b, "}");
}

static bool add_consumed(struct buffer *b, const struct run_consumed *c) {
    return c->computed == 0 ||
           buffer_printf(b, ",\"consumed\":{\"units\":%lld,\"computed\":%lld}", (long long)c->units, (long long)c->computed);
}

static bool add_this_time(struct buffer *b, const struct run_this_time *n) {
    return n->items == 0 || buffer_printf(b, ",\"this_time\":{\"items_written\":%lld,\"write_units\":%lld}", (long long)n->items,
                                          (long long)n->units);
}

static bool add_table(struct buffer *b, const struct run_table_progress *t) {
    const struct run_counts *c = &t->table.counts;
    return buffer_append_text(b, "{") && add_text(b, "name", t->table.name) &&
           buffer_printf(b, ",\"done\":%.6f,\"rows_read\":%lld,\"rows_written\":%lld,\"rows_rejected\":%lld,", t->done,
                         (long long)c->rows_read, (long long)c->rows_written, (long long)c->rows_rejected) &&
           buffer_printf(
               b, "\"rows_filtered\":%lld,\"rows_superseded\":%lld,\"items_written\":%lld,\"bytes\":%lld,\"write_units\":%lld,",
               (long long)c->rows_filtered, (long long)c->rows_superseded, (long long)c->items_written, (long long)c->bytes,
               (long long)c->write_units) &&
           buffer_printf(b, "\"items_per_second\":%.3f,\"units_per_second\":%.3f,\"in_flight\":%lld,\"retries\":%lld",
                         t->items_per_second, t->units_per_second, (long long)t->in_flight, (long long)t->retries) &&
           add_throttling(b, &t->table.throttling) && add_consumed(b, &t->table.consumed) &&
           add_this_time(b, &t->table.this_time) &&
           (t->eta_seconds < 0 || buffer_printf(b, ",\"eta_seconds\":%.3f", t->eta_seconds)) && buffer_append_text(b, "}");
}

static bool add_status(struct buffer *b, const struct job *j, const struct progress *p) {
    const struct run_progress *now = progress_last(p);
    if (!buffer_append_text(b, "{\"ok\":true,") || !add_text(b, "state", progress_state(j))) return false;
    if (!buffer_append_text(b, ",") || !add_text(b, "detail", now->detail ? now->detail : "")) return false;
    double asked = (double)atomic_load(&j->write_units);
    if (asked > 0 && !buffer_printf(b, ",\"write_units_asked\":%.0f", asked)) return false;
    if (!buffer_printf(b, ",\"elapsed_seconds\":%.3f,\"snapshot_age_seconds\":%.3f,\"tables\":[", now->elapsed_seconds,
                       now->snapshot_age_seconds))
        return false;
    for (int i = 0; i < now->table_count; i++) {
        if ((i && !buffer_append_text(b, ",")) || !add_table(b, &now->tables[i])) return false;
    }
    return buffer_append_text(b, "]}\n");
}

static bool add_refusal(struct buffer *b, const char *text, const char *hint) {
    return buffer_append_text(b, "{\"ok\":false,") && add_text(b, "error", text) && buffer_append_text(b, ",") &&
           add_text(b, "hint", hint) && buffer_append_text(b, "}\n");
}

/* Does what a request says. False when memory is out. */
static bool obey(struct control *c, struct job *j, const struct progress *p) {
    const char *r = c->request;
    if (strcmp(r, "pause") == 0) {
        atomic_store(&j->paused, true);
    } else if (strcmp(r, "resume") == 0) {
        atomic_store(&j->paused, false);
    } else if (strncmp(r, "wcu ", 4) == 0) {
        char *end;
        long long units = strtoll(r + 4, &end, 10);
        if (*end || end == r + 4 || units < 1 || units > UNITS_MAX) {
            return add_refusal(&c->answer, "wcu is no whole number of write units a second", "from 1 to 1000000000");
        }
        atomic_store(&j->control_units, (int64_t)units);
        atomic_store(&j->write_units, (int64_t)units);
    } else if (strcmp(r, "stop") == 0) {
        run_stop_by_control();
        atomic_store(&j->stop, true);
    } else if (strcmp(r, "status") != 0) {
        return add_refusal(&c->answer, "this migration does not know that request", "is it of another version of hlua?");
    }
    return add_status(&c->answer, j, p);
}

/* --- a call --- */

static void take_call(struct control *c) {
    c->caller = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    c->deadline = clock_now() + CALLER_PATIENCE;
}

/* Reads the request's line; answers it once it is whole. */
static void hear(struct control *c, struct job *j, const struct progress *p) {
    ssize_t n = recv(c->caller, c->request + c->len, sizeof c->request - 1 - c->len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        hang_up(c);
        return;
    }
    c->len += (size_t)n;
    char *end = memchr(c->request, '\n', c->len);
    if (end) {
        *end = '\0';
        if (!obey(c, j, p)) hang_up(c);
    } else if (c->len == sizeof c->request - 1) {
        hang_up(c);
    }
}

static void speak(struct control *c) {
    ssize_t n = send(c->caller, c->answer.data + c->sent, c->answer.len - c->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n > 0) c->sent += (size_t)n;
    if (n <= 0 || c->sent == c->answer.len) hang_up(c);
}

void control_serve(struct control *c, struct job *j, const struct progress *p, int wait_ms) {
    int64_t now = clock_now(), until = now + wait_ms * CLOCK_MS;
    for (; now < until; now = clock_now()) {
        struct pollfd fds[2] = {
            {.fd = c->caller >= 0 ? c->caller : c->listener, .events = c->answer.len > c->sent ? POLLOUT : POLLIN},
            {.fd = j->bell, .events = POLLIN},
        };
        int ready = poll(fds, 2, (int)((until - now + CLOCK_MS - 1) / CLOCK_MS));
        if (ready < 0 || fds[1].revents) return; /* interrupted, or rung for: the caller looks at its flags */
        if (c->caller >= 0 && clock_now() > c->deadline) hang_up(c);
        if (ready == 0) continue;
        if (c->caller < 0) {
            take_call(c);
        } else if (c->answer.len > c->sent) {
            speak(c);
        } else {
            hear(c, j, p);
        }
    }
}

/* --- the other end --- */

static bool nobody(struct error *err, const char *path) {
    error_set(err, ERROR_LOCAL, "no migration listens on %.1000s", path);
    error_code(err, "absent");
    return error_hint(err, "it is not running, or is still preparing; `status` says how far it got");
}

static bool wait_for(int fd, short events, int64_t deadline) {
    struct pollfd p = {.fd = fd, .events = events};
    int64_t left = deadline - clock_now();
    return left > 0 && poll(&p, 1, (int)(left / CLOCK_MS) + 1) > 0;
}

/* Sends the line and reads until the other end hangs up. */
static bool converse(int fd, const char *request, struct buffer *answer) {
    int64_t deadline = clock_now() + ASK_PATIENCE;
    char line[REQUEST_MAX];
    int len = snprintf(line, sizeof line, "%s\n", request);
    if (len < 0 || (size_t)len >= sizeof line || send(fd, line, (size_t)len, MSG_NOSIGNAL) != len) return false;
    for (;;) {
        if (!wait_for(fd, POLLIN, deadline) || !buffer_reserve(answer, 4096)) return false;
        ssize_t n = recv(fd, answer->data + answer->len, 4096, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) break;
        answer->len += (size_t)n;
    }
    if (answer->len == 0 || answer->data[answer->len - 1] != '\n') return false;
    answer->len--;
    return true;
}

bool control_ask(const char *ledger, const char *request, struct buffer *answer, struct error *err) {
    char path[4200];
    struct sockaddr_un address;
    int folder = -1;
    if (!path_of(ledger, path, sizeof path)) return error_set(err, ERROR_LOCAL, "the ledger's path is too long");
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool there = fd >= 0 && address_of(path, &address, &folder) && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (folder >= 0) close(folder);
    bool ok = there && converse(fd, request, answer);
    if (fd >= 0) close(fd);
    if (!there) return nobody(err, path);
    if (ok) return true;
    error_set(err, ERROR_LOCAL, "the migration that listens on %.1000s did not answer", path);
    return error_hint(err, "it may just have ended; `status` says how far it got");
}
