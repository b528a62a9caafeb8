/* Connections against a peer that follows a script, on a loopback socket of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aws/http.h"
#include "base/clock.h"

/* --- the peer --- */

enum act {
    END,
    ACCEPT,
    READ_REQUEST, /* one whole request; its body's length is checked against content-length */
    SEND,         /* text */
    SEND_BYTES,   /* text, one byte a packet */
    CLOSE,
    RESET,     /* closes so that the other side gets a reset */
    AWAIT_END, /* until the client closes */
    INTERRUPT, /* sets what the client looks at */
};

struct line {
    enum act act;
    const char *text;
};

struct peer {
    int listener, fd, port;
    const struct line *script;
    pthread_t thread;
    int requests;
    size_t body_bytes; /* of all requests */
    int wrong;         /* what did not go by the script */
    volatile int interrupted;
};

static void peer_read_request(struct peer *p) {
    static char data[1 << 20];
    size_t n = 0, head = 0, body = 0;
    for (;;) {
        ssize_t got = recv(p->fd, data + n, sizeof data - 1 - n, 0);
        if (got <= 0) {
            p->wrong++;
            return;
        }
        n += (size_t)got;
        data[n] = '\0';
        char *end = head ? NULL : strstr(data, "\r\n\r\n");
        if (end) {
            head = (size_t)(end - data) + 4;
            char *length = strcasestr(data, "content-length:");
            body = length ? strtoul(length + 15, NULL, 10) : 0;
        }
        if (head && n >= head + body) break;
    }
    if (n != head + body) p->wrong++;
    for (size_t i = head; i < n; i++) p->wrong += data[i] != 'b';
    p->requests++;
    p->body_bytes += body;
}

static void peer_send(struct peer *p, const char *text, size_t step) {
    for (size_t n = strlen(text), at = 0; at < n;) {
        size_t take = n - at < step ? n - at : step;
        ssize_t sent = send(p->fd, text + at, take, MSG_NOSIGNAL);
        if (sent <= 0) return; /* the client may have enough and close */
        at += (size_t)sent;
    }
}

static void peer_close(struct peer *p, bool reset) {
    struct linger now = {1, 0};
    if (reset) setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(p->fd);
    p->fd = -1;
}

static void *peer_main(void *argument) {
    struct peer *p = argument;
    char sink[4096];
    int one = 1;
    for (const struct line *l = p->script; l->act != END; l++) {
        switch (l->act) {
        case ACCEPT:
            p->fd = accept(p->listener, NULL, NULL);
            setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
            break;
        case READ_REQUEST: peer_read_request(p); break;
        case SEND: peer_send(p, l->text, SIZE_MAX); break;
        case SEND_BYTES: peer_send(p, l->text, 1); break;
        case CLOSE: peer_close(p, false); break;
        case RESET: peer_close(p, true); break;
        case AWAIT_END:
            while (recv(p->fd, sink, sizeof sink, 0) > 0) continue;
            peer_close(p, false);
            break;
        case INTERRUPT: __atomic_store_n(&p->interrupted, 1, __ATOMIC_RELAXED); break;
        case END: break;
        }
    }
    return NULL;
}

static int listen_on_loopback(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

static void peer_start(struct peer *p, const struct line *script) {
    *p = (struct peer){.fd = -1, .script = script};
    p->listener = listen_on_loopback(&p->port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

/* Waits for the script's end; the requests that it saw must be as many as said. */
static void peer_finish(struct peer *p, int requests) {
    pthread_join(p->thread, NULL);
    close(p->listener);
    if (p->fd >= 0) close(p->fd);
    assert_int_equal(p->wrong, 0);
    assert_int_equal(p->requests, requests);
}

/* --- the client --- */

static struct http_connection *connection_to(int port, int64_t response_ns) {
    struct http_endpoint e;
    struct error err;
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    assert_true(http_endpoint_parse(url, false, &e, &err));
    struct http_timeouts t = {.connect_ns = 20 * CLOCK_SECOND, .response_ns = response_ns};
    struct http_connection *c = http_connection_new(&e, t);
    assert_non_null(c);
    return c;
}

#define PATIENCE (20 * CLOCK_SECOND)

static bool exchange(struct http_connection *c, size_t body_len, struct error *err) {
    static char body[1 << 19];
    char head[200];
    memset(body, 'b', sizeof body);
    int n = snprintf(head, sizeof head, "POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %zu\r\n\r\n", body_len);
    return http_exchange(c, head, (size_t)n, body, body_len, NULL, err);
}

static void expect_answer(struct http_connection *c, size_t body_len, int status, const char *text) {
    struct error err;
    if (!exchange(c, body_len, &err)) fail_msg("%s", err.text);
    const struct http_response *r = http_response(c);
    assert_int_equal(r->status, status);
    assert_int_equal(r->body_len, strlen(text));
    assert_memory_equal(r->body, text, strlen(text));
}

static void expect_failure(struct http_connection *c, bool retryable, const char *text) {
    struct error err = {0};
    assert_false(exchange(c, 10, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    if (err.retryable != retryable || strstr(err.text, text) == NULL) {
        fail_msg("\"%s\" (retryable %d) is not \"%s\" (retryable %d)", err.text, err.retryable, text, retryable);
    }
}

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* A script that answers one request; then the client is freed, which the peer must see as the end. */
static void one_answer(const struct line *script, int status, const char *text) {
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 30000, status, text);
    http_connection_free(c);
    peer_finish(&p, 1);
}

static void test_whole_answers(void **state) {
    (void)state;
    one_answer((const struct line[]){{ACCEPT}, {READ_REQUEST}, {SEND, OK}, {AWAIT_END}, {END}}, 200, "hello");
    one_answer(
        (const struct line[]){
            {ACCEPT}, {READ_REQUEST}, {SEND, "HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n"}, {AWAIT_END}, {END}},
        400, "");
}

static void test_byte_by_byte(void **state) {
    (void)state;
    one_answer((const struct line[]){{ACCEPT}, {READ_REQUEST}, {SEND_BYTES, OK}, {AWAIT_END}, {END}}, 200, "hello");
}

#define CHUNKS "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"

static void test_chunks(void **state) {
    (void)state;
    one_answer((const struct line[]){{ACCEPT}, {READ_REQUEST}, {SEND, CHUNKS}, {AWAIT_END}, {END}}, 200, "hello");
    one_answer((const struct line[]){{ACCEPT}, {READ_REQUEST}, {SEND_BYTES, CHUNKS}, {AWAIT_END}, {END}}, 200, "hello");
}

static void test_body_to_close(void **state) {
    (void)state;
    one_answer((const struct line[]){{ACCEPT}, {READ_REQUEST}, {SEND_BYTES, "HTTP/1.1 200 OK\r\n\r\nhello"}, {CLOSE}, {END}}, 200,
               "hello");
}

static void test_keep_alive(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT},       {READ_REQUEST}, {SEND, OK},  {READ_REQUEST}, {SEND, CHUNKS},
                                         {READ_REQUEST}, {SEND, OK},     {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 0, 200, "hello");
    expect_answer(c, 500000, 200, "hello"); /* more than a socket takes at once */
    expect_answer(c, 1, 200, "hello");
    http_connection_free(c);
    peer_finish(&p, 3);
    assert_int_equal(p.body_bytes, 500001);
}

static void test_connection_close(void **state) {
    (void)state;
    static const char closing[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    static const struct line script[] = {{ACCEPT},       {READ_REQUEST}, {SEND, closing}, {AWAIT_END}, {ACCEPT},
                                         {READ_REQUEST}, {SEND, OK},     {AWAIT_END},     {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 10, 200, "hello");
    expect_answer(c, 10, 200, "hello");
    http_connection_free(c);
    peer_finish(&p, 2);
}

/* Closed between two requests: the second is sent again on a new connection, and nobody notices. */
static void test_stale_connection(void **state) {
    (void)state;
    static const struct line closed[] = {{ACCEPT},       {READ_REQUEST}, {SEND, OK},  {CLOSE}, {ACCEPT},
                                         {READ_REQUEST}, {SEND, OK},     {AWAIT_END}, {END}};
    static const struct line reset[] = {{ACCEPT}, {READ_REQUEST}, {SEND, OK}, {READ_REQUEST}, {RESET},
                                        {ACCEPT}, {READ_REQUEST}, {SEND, OK}, {AWAIT_END},    {END}};
    const struct line *const scripts[] = {closed, reset};
    for (int i = 0; i < 2; i++) {
        struct peer p;
        peer_start(&p, scripts[i]);
        struct http_connection *c = connection_to(p.port, PATIENCE);
        expect_answer(c, 10, 200, "hello");
        expect_answer(c, 10, 200, "hello");
        http_connection_free(c);
        peer_finish(&p, i ? 3 : 2);
    }
}

/* ... but once only; and the failed connection can be used again. */
static void test_resent_once(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT},   {READ_REQUEST}, {SEND, OK}, {READ_REQUEST}, {CLOSE},
                                         {ACCEPT},   {READ_REQUEST}, {CLOSE},    {ACCEPT},       {READ_REQUEST},
                                         {SEND, OK}, {AWAIT_END},    {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 10, 200, "hello");
    expect_failure(c, true, "before a response");
    expect_answer(c, 10, 200, "hello");
    http_connection_free(c);
    peer_finish(&p, 4);
}

/* A message that nobody asked for must not be taken for the next request's answer. */
static void test_unasked_message(void **state) {
    (void)state;
    static const struct line script[] = {
        {ACCEPT},    {READ_REQUEST}, {SEND, OK},     {SEND, "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"},
        {AWAIT_END}, {ACCEPT},       {READ_REQUEST}, {SEND, OK},
        {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 10, 200, "hello");
    usleep(1100 * 1000); /* longer than a connection is trusted unseen */
    expect_answer(c, 10, 200, "hello");
    http_connection_free(c);
    peer_finish(&p, 2);
}

static void test_cut_within_a_response(void **state) {
    (void)state;
    static const char *const parts[] = {"H", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
                                        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const struct line script[] = {{ACCEPT}, {READ_REQUEST}, {SEND, OK}, {READ_REQUEST}, {SEND, parts[i]}, {CLOSE}, {END}};
        struct peer p;
        peer_start(&p, script);
        struct http_connection *c = connection_to(p.port, PATIENCE);
        expect_answer(c, 10, 200, "hello");
        expect_failure(c, true, "within a response");
        http_connection_free(c);
        peer_finish(&p, 2);
    }
}

static void test_nonsense(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT}, {READ_REQUEST}, {SEND, "-ERR unknown command 'POST'\r\n"}, {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_failure(c, false, "not an HTTP response");
    http_connection_free(c);
    peer_finish(&p, 1);
}

static void test_oversized_head(void **state) {
    (void)state;
    char *text = malloc(70000);
    assert_non_null(text);
    memset(text, 'a', 69999);
    text[69999] = '\0';
    memcpy(text, "HTTP/1.1 200 OK\r\nx: ", 20);
    const struct line script[] = {{ACCEPT}, {READ_REQUEST}, {SEND, text}, {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_failure(c, false, "64 KB");
    http_connection_free(c);
    peer_finish(&p, 1);
    free(text);
}

/* The other side answers, and closes, before it has read the request. */
static void test_early_answer(void **state) {
    (void)state;
    static const struct line script[] = {
        {ACCEPT}, {SEND, "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"}, {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    expect_answer(c, 1 << 19, 413, "hello");
    http_connection_free(c);
    peer_finish(&p, 0);
}

static void test_time_out(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT}, {READ_REQUEST}, {SEND, "HTTP/1.1 200 OK\r\n"}, {AWAIT_END}, {END}};
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, 50 * CLOCK_MS);
    expect_failure(c, true, "no whole response within 0.05 s");
    http_connection_free(c);
    peer_finish(&p, 1);
}

static void test_refused(void **state) {
    (void)state;
    int port, fd = listen_on_loopback(&port);
    close(fd);
    struct http_connection *c = connection_to(port, PATIENCE);
    expect_failure(c, true, "127.0.0.1");
    expect_failure(c, true, "127.0.0.1");
    http_connection_free(c);
    http_connection_free(NULL);
}

static void test_interrupted(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT},       {READ_REQUEST}, {INTERRUPT}, {AWAIT_END}, {ACCEPT},
                                         {READ_REQUEST}, {SEND, OK},     {AWAIT_END}, {END}};
    struct error err;
    struct peer p;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    static const char head[] = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    assert_false(http_exchange(c, head, sizeof head - 1, NULL, 0, &p.interrupted, &err));
    assert_int_equal(err.kind, ERROR_INTERRUPTED);
    expect_answer(c, 10, 200, "hello");
    http_connection_free(c);
    peer_finish(&p, 2);
}

/* Driven as a worker's loop does it: send, poll what it says, step. */
static void test_event_loop(void **state) {
    (void)state;
    static const struct line script[] = {{ACCEPT}, {READ_REQUEST}, {SEND_BYTES, OK}, {AWAIT_END}, {END}};
    struct peer p;
    struct error err;
    peer_start(&p, script);
    struct http_connection *c = connection_to(p.port, PATIENCE);
    assert_int_equal(http_step(c, &err), HTTP_IDLE);
    assert_true(http_deadline(c) == INT64_MAX);
    static const char head[] = "POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\n";
    http_send(c, head, sizeof head - 1, "bbb", 3);
    enum http_state s;
    while ((s = http_step(c, &err)) == HTTP_BUSY) {
        struct pollfd f = {.fd = http_fd(c), .events = http_events(c)};
        int64_t wait = http_deadline(c) - clock_now();
        poll(&f, 1, wait > 0 ? (int)(wait / CLOCK_MS) + 1 : 0);
    }
    assert_int_equal(s, HTTP_DONE);
    assert_int_equal(http_step(c, &err), HTTP_DONE);
    assert_int_equal(http_response(c)->status, 200);
    assert_int_equal(http_events(c), 0);
    http_connection_free(c);
    peer_finish(&p, 1);
}

static int group_setup(void **state) {
    (void)state;
    return http_global_init(NULL) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_answers),    cmocka_unit_test(test_byte_by_byte),
        cmocka_unit_test(test_chunks),           cmocka_unit_test(test_body_to_close),
        cmocka_unit_test(test_keep_alive),       cmocka_unit_test(test_connection_close),
        cmocka_unit_test(test_stale_connection), cmocka_unit_test(test_resent_once),
        cmocka_unit_test(test_unasked_message),  cmocka_unit_test(test_cut_within_a_response),
        cmocka_unit_test(test_nonsense),         cmocka_unit_test(test_oversized_head),
        cmocka_unit_test(test_early_answer),     cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_event_loop),
    };
    return cmocka_run_group_tests_name("http", tests, group_setup, NULL);
}
