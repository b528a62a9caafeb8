#include "endpoint/forward.h"

#include "endpoint/batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_SECONDS = 20, RECEIVE_BYTES = 65536 };

struct forward {
    char host[64];
    struct sockaddr_in address;
    int fd; /* -1: not connected */
    struct buffer out, in;
};

struct forward *forward_new(const char *url, struct error *err) {
    struct forward *f = calloc(1, sizeof *f);
    if (f == NULL) {
        error_memory(err, "starting to forward");
        return NULL;
    }
    char ip[32], rest[2] = "";
    unsigned port = 0;
    int fields = sscanf(url, "http://%31[0-9.]:%5u%1s", ip, &port, rest);
    f->fd = -1;
    f->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (fields < 2 || (fields == 3 && rest[0] != '/') || port == 0 || port > 65535 ||
        inet_pton(AF_INET, ip, &f->address.sin_addr) != 1) {
        error_set(err, ERROR_USAGE, "--forward '%s' is not http://ADDRESS:PORT", url);
        free(f);
        return NULL;
    }
    snprintf(f->host, sizeof f->host, "%s:%u", ip, port);
    buffer_init(&f->out, SERVER_BODY_MAX + HTTP_HEAD_MAX);
    buffer_init(&f->in, (size_t)64 << 20);
    return f;
}

static void disconnect(struct forward *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

void forward_free(struct forward *f) {
    if (f == NULL) return;
    disconnect(f);
    buffer_free(&f->out);
    buffer_free(&f->in);
    free(f);
}

/* The engine does not answer: the client is to try again. */
static bool unreachable(struct forward *f, const char *what, struct error *err) {
    disconnect(f);
    error_set(err, ERROR_TARGET, "the engine at %s: %s", f->host, what);
    err->retryable = true;
    return error_code(err, "ServiceUnavailable");
}

static bool connect_engine(struct forward *f, struct error *err) {
    if (f->fd >= 0) return true;
    struct timeval timeout = {.tv_sec = TIMEOUT_SECONDS};
    int on = 1;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = f->fd >= 0 && setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
              setsockopt(f->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0 &&
              setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
              connect(f->fd, (struct sockaddr *)&f->address, sizeof f->address) == 0;
    return ok || unreachable(f, strerror(errno), err);
}

/* The request as it came, but for what belongs to one connection only. */
static bool print_request(struct forward *f, const struct request *r, struct slice body) {
    const struct http_head *head = &r->head;
    struct buffer *out = &f->out;
    out->len = 0;
    bool ok = buffer_append(out, head->words[0].data, head->words[0].len) && buffer_append_text(out, " ") &&
              buffer_append(out, head->words[1].data, head->words[1].len) &&
              buffer_printf(out, " HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n", f->host, body.len);
    for (size_t i = 0; ok && i < head->count; i++) {
        const struct http_header *h = &head->headers[i];
        if (slice_is_nocase(h->name, "host") || slice_is_nocase(h->name, "content-length") ||
            slice_is_nocase(h->name, "connection") || slice_is_nocase(h->name, "expect"))
            continue;
        ok = buffer_append(out, h->name.data, h->name.len) && buffer_append_text(out, ": ") &&
             buffer_append(out, h->value.data, h->value.len) && buffer_append_text(out, "\r\n");
    }
    return ok && buffer_append_text(out, "\r\n") && buffer_append(out, body.data, body.len);
}

static bool send_request(struct forward *f) {
    for (size_t sent = 0; sent < f->out.len;) {
        ssize_t n = send(f->fd, f->out.data + sent, f->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        sent += (size_t)n;
    }
    return true;
}

/* Reads one answer into `in`; NULL, or what went wrong. */
static const char *read_answer(struct forward *f, struct http_head *head) {
    const char *problem = NULL;
    f->in.len = 0;
    for (;;) {
        enum http_reading reading = HTTP_MORE;
        if (f->in.len) reading = http_read_head((struct slice){f->in.data, f->in.len}, head, &problem);
        if (reading == HTTP_BAD) return problem;
        if (reading == HTTP_DONE && f->in.len - head->bytes >= head->content_length) return NULL;
        if (!buffer_reserve(&f->in, RECEIVE_BYTES)) return "its answer is too long";
        ssize_t n = recv(f->fd, f->in.data + f->in.len, RECEIVE_BYTES, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return strerror(errno);
        if (n == 0) return "it closed the connection";
        f->in.len += (size_t)n;
    }
}

/* Sends `body` in the place of the request's; the answer is in `in` then, and its body in *text. */
static bool exchange(struct forward *f, const struct request *r, struct slice body, int *status, struct slice *text,
                     struct error *err) {
    struct http_head head;
    const char *problem = "cannot send";
    if (!print_request(f, r, body)) return error_memory(err, "forwarding a request");
    for (bool again = f->fd >= 0;; again = false) {
        if (!connect_engine(f, err)) return false;
        f->in.len = 0;
        problem = send_request(f) ? read_answer(f, &head) : "cannot send";
        if (problem == NULL) break;
        /* A kept connection may have ended since it was last used: once more on a new one. */
        if (!again || f->in.len > 0) return unreachable(f, problem, err);
        disconnect(f);
    }
    if (head.close) disconnect(f);
    if (head.words[1].len != 3) return unreachable(f, "its status is not a number", err);
    *status = 0;
    for (int i = 0; i < 3; i++) *status = *status * 10 + (head.words[1].data[i] - '0');
    if (*status < 100 || *status > 999) return unreachable(f, "its status is not a number", err);
    *text = (struct slice){f->in.data + head.bytes, head.content_length};
    return true;
}

/* Sends on all but the last operations of a batch, which come back. An engine that itself holds back (the local ones
 * never do) is answered with its own words, and ours are then lost; so that is an error. */
static bool forward_part(struct forward *f, const struct request *r, int held_back, struct answer *a, struct error *err) {
    struct batch b;
    struct buffer part;
    struct slice text, engines;
    if (!batch_read(r->body, &b, err)) return false;
    bool held[BATCH_MAX];
    int take = held_back < b.count ? b.count - held_back : 0;
    for (int i = 0; i < b.count; i++) held[i] = i >= take;
    a->items = (size_t)b.count;
    if (take > 0) {
        buffer_init(&part, SERVER_BODY_MAX);
        bool ok = buffer_append_text(&part, "{\"RequestItems\":") && batch_print(&b, held, false, &part) &&
                  buffer_append_text(&part, "}");
        ok = ok ? exchange(f, r, (struct slice){part.data, part.len}, &a->status, &text, err)
                : error_memory(err, "forwarding a request");
        buffer_free(&part);
        if (!ok) return false;
        if (a->status != 200) return buffer_append(&a->body, text.data, text.len) || error_memory(err, "answering");
        if (doc_get(text, "UnprocessedItems", &engines) && engines.len > 2)
            return unreachable(f, "it holds items back itself", err);
    }
    a->applied = (size_t)take;
    return (buffer_append_text(&a->body, "{\"UnprocessedItems\":") && batch_print(&b, held, true, &a->body) &&
            buffer_append_text(&a->body, "}")) ||
           error_memory(err, "answering");
}

/* For the counters: how many operations the request holds, if it is well formed. */
static void count_items(const struct request *r, struct answer *a) {
    struct batch b;
    struct error ignored;
    if (r->op == OPERATION_PUT_ITEM || r->op == OPERATION_DELETE_ITEM) a->items = 1;
    if (r->op == OPERATION_BATCH_WRITE_ITEM && batch_read(r->body, &b, &ignored)) a->items = (size_t)b.count;
    if (a->status == 200) a->applied = a->items;
}

bool forward_handle(struct forward *f, const struct request *r, int held_back, struct answer *a, struct error *err) {
    struct slice text;
    if (held_back) return forward_part(f, r, held_back, a, err);
    if (!exchange(f, r, r->body, &a->status, &text, err)) return false;
    count_items(r, a);
    return buffer_append(&a->body, text.data, text.len) || error_memory(err, "answering");
}
