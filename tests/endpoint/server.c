#include "endpoint/server.h"

#include "base/clock.h"
#include "base/hash.h"
#include "endpoint/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 65536,
    EVENTS = 64,
    HEAD_BYTES = 512,
};

enum connection_state { READING, WAITING, WRITING };

/* Sockets are edge-triggered: a connection is run until it has nothing to read, to wait for, or to send into. */
struct connection {
    struct connection *previous, *next;
    int fd;
    struct tls_session *session; /* NULL: plain */
    enum connection_state state;
    bool drained;     /* the last read was short: nothing more is there until the next event */
    bool ending;      /* the peer has said that it ends: read to the end whatever `drained` would spare us */
    bool continued;   /* the body's "100 Continue" was sent */
    struct buffer in; /* without memory while there is nothing in it: see struct server's spare */
    struct request request;
    struct answer answer;
    char head[HEAD_BYTES];
    size_t head_len, sent, total;       /* of head and body: sent so far, to be sent */
    bool close;                         /* after the answer */
    int64_t due;                        /* WAITING: the time to send, by clock_now */
    struct connection *earlier, *later; /* WAITING: those that are due before and after it */
};

struct server {
    int epoll, listener, port;
    struct tls *tls;
    const struct server_handler *handler;
    struct connection *connections;
    struct connection *due_first, *due_last; /* the WAITING ones */
    struct buffer spare; /* what the next connection reads into: always the same bytes, which the processor's cache then has */
    uint64_t answers;
    time_t date_at;
    char date[40];
};

/* --- answers that are held back --- */

/* Most are held back for the same time, so that the place is at the end or near it. */
static void wait_until_due(struct server *s, struct connection *c) {
    c->state = WAITING;
    c->earlier = s->due_last;
    while (c->earlier && c->earlier->due > c->due) c->earlier = c->earlier->earlier;
    c->later = c->earlier ? c->earlier->later : s->due_first;
    *(c->earlier ? &c->earlier->later : &s->due_first) = c;
    *(c->later ? &c->later->earlier : &s->due_last) = c;
}

static void wait_no_more(struct server *s, struct connection *c) {
    *(c->earlier ? &c->earlier->later : &s->due_first) = c->later;
    *(c->later ? &c->later->earlier : &s->due_last) = c->earlier;
    c->state = WRITING;
}

/* --- connections --- */

static void connection_close(struct server *s, struct connection *c) {
    if (c->state == WAITING) wait_no_more(s, c);
    if (c->previous)
        c->previous->next = c->next;
    else
        s->connections = c->next;
    if (c->next) c->next->previous = c->previous;
    tls_session_free(c->session);
    close(c->fd);
    buffer_free(&c->in);
    buffer_free(&c->answer.body);
    free(c);
}

static bool connection_open(struct server *s, int fd) {
    struct connection *c = calloc(1, sizeof *c);
    if (c == NULL) return false;
    c->fd = fd;
    buffer_init(&c->in, s->spare.max);
    buffer_init(&c->answer.body, (size_t)64 << 20);
    c->next = s->connections;
    if (c->next) c->next->previous = c;
    s->connections = c;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    bool ok = (s->tls == NULL || (c->session = tls_session_new(s->tls, fd)) != NULL) &&
              epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
    if (ok) return true;
    c->fd = -1; /* the caller closes it */
    connection_close(s, c);
    return false;
}

static void accept_all(struct server *s) {
    for (;;) {
        int fd = accept4(s->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EINTR || errno == ECONNABORTED)) continue;
        if (fd < 0) return;
        if (!connection_open(s, fd)) close(fd);
    }
}

/* --- reading --- */

static void lend(struct server *s, struct connection *c) {
    if (c->in.data) return;
    c->in = s->spare;
    buffer_init(&s->spare, s->spare.max);
}

static void give_back(struct server *s, struct connection *c) {
    if (c->in.len > 0 || c->in.data == NULL) return;
    if (s->spare.data) {
        buffer_free(&c->in);
    } else {
        s->spare = c->in;
    }
    buffer_init(&c->in, s->spare.max);
}

/* Reads once into the buffer, where `want` more bytes are missing as far as one knows. False when there is nothing to
 * read now, or the connection is over (*over). */
static bool receive(struct server *s, struct connection *c, size_t want, bool *over) {
    if (c->drained && !c->ending && c->session == NULL) return false;
    lend(s, c);
    size_t room = want > RECEIVE_BYTES ? want : RECEIVE_BYTES;
    *over = !buffer_reserve(&c->in, room);
    if (*over) return false;
    ssize_t n;
    char *dst = c->in.data + c->in.len;
    do n = c->session ? tls_session_read(c->session, dst, room) : recv(c->fd, dst, room, 0);
    while (n < 0 && errno == EINTR);
    if (n <= 0) {
        *over = n == 0 || errno != EAGAIN;
        give_back(s, c);
        return false;
    }
    if ((size_t)n < room) c->drained = true;
    c->in.len += (size_t)n;
    return true;
}

/* --- answering --- */

static const char *reason(int status) {
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 413: return "Content Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Answer";
    }
}

static const char *date_now(struct server *s) {
    time_t now = (time_t)clock_unix();
    if (now != s->date_at) {
        struct tm tm;
        s->date_at = now;
        gmtime_r(&now, &tm);
        strftime(s->date, sizeof s->date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    }
    return s->date;
}

/* The answer is filled: writes its head and says when it goes. */
static void begin_answer(struct server *s, struct connection *c) {
    struct answer *a = &c->answer;
    uint32_t crc = hash_crc32(a->body.data, a->body.len) ^ (a->wrong_crc ? 1u : 0u);
    int n = snprintf(c->head, sizeof c->head,
                     "HTTP/1.1 %d %s\r\nServer: endpoint\r\nDate: %s\r\nContent-Type: application/x-amz-json-1.0\r\n"
                     "Content-Length: %zu\r\nConnection: %s\r\nx-amzn-RequestId: %032llX\r\nx-amz-crc32: %u\r\n\r\n",
                     a->status, reason(a->status), date_now(s), a->body.len, c->close ? "close" : "keep-alive",
                     (unsigned long long)++s->answers, crc);
    c->head_len = (size_t)n;
    c->sent = 0;
    c->total = c->head_len + (a->cut ? a->body.len / 2 : a->body.len);
    if (a->cut) c->close = true;
    c->due = a->delay_ms > 0 ? clock_now() + a->delay_ms * CLOCK_MS : 0;
    c->state = WRITING;
    if (c->due) wait_until_due(s, c);
}

static void reset_answer(struct answer *a) {
    a->body.len = 0;
    struct buffer body = a->body;
    *a = (struct answer){.status = 200, .body = body};
}

/* An answer to bytes that are no request; the connection ends with it. */
static void answer_malformed(struct server *s, struct connection *c, int status, const char *problem) {
    struct answer *a = &c->answer;
    reset_answer(a);
    a->status = status;
    c->close = true;
    if (!buffer_printf(&a->body, "{\"__type\":\"com.amazon.coral.service#SerializationException\",\"message\":\"%s\"}", problem))
        a->body.len = 0;
    begin_answer(s, c);
}

/* As much as goes into one TLS record. Head and body of a small answer share it, as servers have it: for the client two are two more
 * system calls each. */
static ssize_t send_sealed(struct tls_session *session, const struct iovec parts[2], int count) {
    char joined[2 * HEAD_BYTES];
    if (count == 1 || parts[0].iov_len + parts[1].iov_len > sizeof joined)
        return tls_session_write(session, parts[0].iov_base, parts[0].iov_len);
    memcpy(joined, parts[0].iov_base, parts[0].iov_len);
    memcpy(joined + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
    return tls_session_write(session, joined, parts[0].iov_len + parts[1].iov_len);
}

/* True when all is sent. */
static bool send_answer(struct connection *c, bool *over) {
    struct buffer *body = &c->answer.body;
    while (c->sent < c->total) {
        struct iovec parts[2];
        int count = 0;
        size_t from = c->sent > c->head_len ? c->sent - c->head_len : 0;
        if (c->sent < c->head_len) parts[count++] = (struct iovec){c->head + c->sent, c->head_len - c->sent};
        size_t rest = c->total - c->head_len - from;
        if (rest > 0) parts[count++] = (struct iovec){body->data + from, rest};
        ssize_t n = c->session ? send_sealed(c->session, parts, count) : writev(c->fd, parts, count);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            *over = errno != EAGAIN;
            return false;
        }
        c->sent += (size_t)n;
    }
    return true;
}

/* --- requests --- */

static void read_target(struct request *r) {
    struct slice target = http_header(&r->head, "x-amz-target");
    const char *dot = memchr(target.data, '.', target.len);
    r->has_target = dot != NULL;
    if (dot == NULL) dot = target.data + target.len - 1;
    r->name = (struct slice){dot + 1, (size_t)(target.data + target.len - dot - 1)};
    r->control = r->has_target && slice_is((struct slice){target.data, (size_t)(dot - target.data)}, "Endpoint");
    r->op = operation_find(r->name);
}

/* Drops the request that was handled; what came after it moves to the front. */
static void forget_request(struct server *s, struct connection *c) {
    size_t used = c->request.head.bytes + c->request.head.content_length;
    if (used < c->in.len) memmove(c->in.data, c->in.data + used, c->in.len - used);
    c->in.len -= used;
    give_back(s, c);
    c->continued = false;
}

static void handle_request(struct server *s, struct connection *c) {
    struct request *r = &c->request;
    r->body = (struct slice){c->in.data + r->head.bytes, r->head.content_length};
    c->close = r->head.close;
    reset_answer(&c->answer);
    s->handler->handle(s->handler->context, r, &c->answer);
    forget_request(s, c);
    if (c->answer.drop) {
        c->close = true;
        c->answer.delay_ms = 0;
    }
    begin_answer(s, c);
    if (c->answer.drop) c->total = 0;
}

/* A client that asks before it sends its body waits for this line. */
static bool send_continue(struct connection *c) {
    static const char line[] = "HTTP/1.1 100 Continue\r\n\r\n";
    c->continued = true;
    if (!slice_is_nocase(http_header(&c->request.head, "expect"), "100-continue")) return true;
    ssize_t n =
        c->session ? tls_session_write(c->session, line, sizeof line - 1) : send(c->fd, line, sizeof line - 1, MSG_NOSIGNAL);
    return n == (ssize_t)sizeof line - 1;
}

/* One step of READING: a request is handled (true), or more bytes come (true), or none are there (false). */
static bool read_request(struct server *s, struct connection *c, bool *over) {
    struct request *r = &c->request;
    const char *problem = NULL;
    enum http_reading reading = HTTP_MORE;
    if (c->in.len) reading = http_read_head((struct slice){c->in.data, c->in.len}, &r->head, &problem);
    if (reading == HTTP_MORE) return receive(s, c, 0, over);
    if (reading == HTTP_BAD || r->head.content_length > SERVER_BODY_MAX) {
        answer_malformed(s, c, problem ? 400 : 413, problem ? problem : "the request is too long");
        return true;
    }
    read_target(r);
    size_t whole = r->head.bytes + r->head.content_length;
    if (c->in.len >= whole) {
        handle_request(s, c);
        return true;
    }
    if (!c->continued && !send_continue(c)) {
        *over = true;
        return false;
    }
    return receive(s, c, whole - c->in.len, over);
}

/* Runs a connection as far as it goes; false when it is over. */
static bool connection_run(struct server *s, struct connection *c) {
    for (;;) {
        bool over = false;
        switch (c->state) {
        case READING:
            if (!read_request(s, c, &over)) return !over;
            break;
        case WAITING:
            if (clock_now() < c->due) return true;
            wait_no_more(s, c);
            break;
        case WRITING:
            if (!send_answer(c, &over)) return !over;
            if (c->close) return false;
            c->state = READING;
            break;
        }
    }
}

/* --- the loop --- */

/* Sends the answers that are due; returns the milliseconds until the next one, or -1. */
static int run_due(struct server *s) {
    if (s->due_first == NULL) return -1;
    int64_t now = clock_now();
    for (struct connection *c; (c = s->due_first) != NULL && c->due <= now;) {
        if (!connection_run(s, c)) connection_close(s, c);
    }
    if (s->due_first == NULL) return -1;
    int64_t wait = (s->due_first->due - now + CLOCK_MS - 1) / CLOCK_MS;
    return wait > 60000 ? 60000 : (int)wait;
}

bool server_run(struct server *s, const volatile sig_atomic_t *stop, struct error *err) {
    sigset_t open;
    sigprocmask(SIG_BLOCK, NULL, &open);
    sigdelset(&open, SIGINT);
    sigdelset(&open, SIGTERM);
    struct epoll_event events[EVENTS];
    while (!*stop) {
        int n = epoll_pwait(s->epoll, events, EVENTS, run_due(s), &open);
        if (n < 0 && errno != EINTR) return error_set(err, ERROR_LOCAL, "cannot wait for events: %s", strerror(errno));
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (c == NULL) {
                accept_all(s);
                continue;
            }
            c->drained = false;
            c->ending |= (events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
            if (!connection_run(s, c)) connection_close(s, c);
        }
    }
    return true;
}

static bool listen_on(struct server *s, int port, struct error *err) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t size = sizeof address;
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    bool ok = s->listener >= 0 && setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
              bind(s->listener, (struct sockaddr *)&address, sizeof address) == 0 && listen(s->listener, 1024) == 0 &&
              getsockname(s->listener, (struct sockaddr *)&address, &size) == 0 &&
              epoll_ctl(s->epoll, EPOLL_CTL_ADD, s->listener, &event) == 0;
    if (!ok) return error_set(err, ERROR_LOCAL, "cannot listen on 127.0.0.1:%d: %s", port, strerror(errno));
    s->port = ntohs(address.sin_port);
    return true;
}

struct server *server_new(int port, struct tls *tls, const struct server_handler *handler, struct error *err) {
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL) {
        error_memory(err, "starting the server");
        return NULL;
    }
    *s = (struct server){.epoll = epoll_create1(EPOLL_CLOEXEC), .listener = -1, .tls = tls, .handler = handler};
    buffer_init(&s->spare, SERVER_BODY_MAX + HTTP_HEAD_MAX + RECEIVE_BYTES);
    if (s->epoll < 0) error_set(err, ERROR_LOCAL, "cannot make an epoll: %s", strerror(errno));
    if (s->epoll >= 0 && listen_on(s, port, err)) return s;
    server_free(s);
    return NULL;
}

void server_free(struct server *s) {
    if (s == NULL) return;
    while (s->connections) connection_close(s, s->connections);
    buffer_free(&s->spare);
    if (s->listener >= 0) close(s->listener);
    if (s->epoll >= 0) close(s->epoll);
    free(s);
}

int server_port(const struct server *s) {
    return s->port;
}
