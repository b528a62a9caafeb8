#include "aws/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "aws/http_parse.h"
#include "aws/tls.h"
#include "aws/trust.h"
#include "base/clock.h"

#define RECEIVE_STEP (16 << 10)     /* bytes of room for a response at first */
#define RECEIVE_KEEP (1 << 20)      /* a larger receive buffer is given back before the next request */
#define CONNECT_TICK (5 * CLOCK_MS) /* libcurl's own timers, and addresses tried side by side, need a look now and then */
#define TLS_TICK (100 * CLOCK_MS)   /* a TLS read may have to write first; waiting for that would spin */
#define IDLE_TRUST CLOCK_SECOND     /* a connection idle for longer is looked at before it is used */

enum stage { CONNECTING, SENDING, RECEIVING };

struct http_connection {
    struct http_endpoint endpoint;
    struct http_timeouts timeouts;
    CURLM *multi; /* one for each connection: libcurl's way to connect without blocking */
    CURL *easy;
    bool added; /* easy is in multi: connecting or connected */
    bool open;
    bool direct; /* plain bytes straight on the socket */
    void *ssl;   /* not direct, and open: the connection's SSL, without libcurl in between; NULL: through libcurl */
    int socket;
    unsigned serial; /* of the socket, or of what is waited for on it */

    enum http_state state;
    enum stage stage; /* while HTTP_BUSY */
    short events;
    int64_t deadline, last_used;
    bool answered;    /* this connection has carried a response before */
    bool resent;      /* this request was already sent a second time */
    bool send_failed; /* what is left is to read what the other side had to say */

    const char *head, *body;
    size_t head_len, body_len, sent;
    char *record; /* not direct: the request's first bytes, so that head and body share one TLS record */
    size_t record_len;

    struct buffer in;
    struct http_parser parser;
    struct error err;
    char curl_text[CURL_ERROR_SIZE];
};

bool http_global_init(struct error *err) {
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) return error_memory(err, "starting libcurl");
    signal(SIGPIPE, SIG_IGN);
    return true;
}

/* --- making and closing --- */

/* The file of certificates to trust, as AWS's tools, curl's and OpenSSL's users expect; NULL: the system's. */
static const char *ca_file(void) {
    static const char *const names[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *file = getenv(names[i]);
        if (file && *file) return file;
    }
    return NULL;
}

static CURLcode share_trust(CURL *e, void *ssl_ctx, void *context) {
    (void)e;
    (void)context;
    return trust_give(ssl_ctx) ? CURLE_OK : CURLE_SSL_CACERT_BADFILE;
}

/* The certificates to trust are shared with the other connections if that can be; else libcurl loads them, and says what is wrong with them.
 * Either way it verifies. */
static bool set_trust(CURL *e) {
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);
    const char *own = ca_file(), *file = own, *folder = NULL;
#if LIBCURL_VERSION_NUM >= 0x074600
    if (own == NULL) file = curl->cainfo;
    folder = curl->capath;
#endif
    if ((file || folder) && trust_can_share(curl->ssl_version) && trust_load(file, folder)) {
        return curl_easy_setopt(e, CURLOPT_CAINFO, NULL) == CURLE_OK && curl_easy_setopt(e, CURLOPT_CAPATH, NULL) == CURLE_OK &&
               curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, share_trust) == CURLE_OK;
    }
    return own == NULL || curl_easy_setopt(e, CURLOPT_CAINFO, own) == CURLE_OK;
}

/* AES-128 before AES-256, as most servers have it, which follow the client: a quarter less of the most expensive part of TLS. */
static bool set_tls(CURL *e) {
    static const char suites[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
    CURLcode code = curl_easy_setopt(e, CURLOPT_TLS13_CIPHERS, suites);
    return (code == CURLE_OK || code == CURLE_NOT_BUILT_IN || code == CURLE_UNKNOWN_OPTION) && set_trust(e) &&
           curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK;
}

/* Whether libcurl may go through a proxy, by the variables that it looks at. One that is spoken to by TLS would be below ours. */
static bool may_be_proxied(const struct http_endpoint *endpoint) {
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *proxy = getenv(names[i]);
        if (proxy && *proxy) return !endpoint->loopback;
    }
    return false;
}

static bool set_options(struct http_connection *c) {
    CURL *e = c->easy;
    bool ok = curl_easy_setopt(e, CURLOPT_URL, c->endpoint.url) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_CONNECT_ONLY, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK && curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
              curl_easy_setopt(e, CURLOPT_ERRORBUFFER, c->curl_text) == CURLE_OK;
    /* Without this ALPN might choose HTTP/2, which we do not speak. */
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK;
    /* A proxy is a tunnel for us, for http too: the request line stays the origin's. */
    ok = ok && curl_easy_setopt(e, CURLOPT_HTTPPROXYTUNNEL, 1L) == CURLE_OK;
    if (c->endpoint.loopback) ok = ok && curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK;
    if (c->endpoint.tls) ok = ok && set_tls(e);
#if LIBCURL_VERSION_NUM >= 0x075700
    /* Closing while a name is being resolved must not wait for the resolver. */
    ok = ok && curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L) == CURLE_OK;
#endif
    return ok;
}

struct http_connection *http_connection_new(const struct http_endpoint *endpoint, struct http_timeouts timeouts) {
    struct http_connection *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->endpoint = *endpoint;
    c->timeouts = timeouts;
    c->socket = -1;
    /* A plain loopback connection never goes through a proxy, so its socket carries our bytes and nothing else. */
    c->direct = !endpoint->tls && endpoint->loopback;
    buffer_init(&c->in, HTTP_BODY_MAX + 4 * HTTP_HEAD_MAX);
    c->multi = curl_multi_init();
    c->easy = curl_easy_init();
    if (!c->direct) c->record = malloc(TLS_RECORD);
    if (c->multi && c->easy && (c->direct || c->record) && set_options(c)) return c;
    http_connection_free(c);
    return NULL;
}

static void close_connection(struct http_connection *c) {
    /* A CONNECT_ONLY connection ends when its handle leaves the multi handle. */
    if (c->added) curl_multi_remove_handle(c->multi, c->easy);
    c->added = c->open = c->answered = false;
    c->ssl = NULL;
    c->socket = -1;
}

void http_connection_free(struct http_connection *c) {
    if (c == NULL) return;
    close_connection(c);
    curl_easy_cleanup(c->easy);
    curl_multi_cleanup(c->multi);
    buffer_free(&c->in);
    free(c->record);
    free(c);
}

/* --- outcomes --- */

static void __attribute__((format(printf, 3, 4))) fail(struct http_connection *c, bool retryable, const char *format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(&c->err, ERROR_TARGET, "%s: %s", c->endpoint.url, text);
    c->err.retryable = retryable;
    close_connection(c);
    c->state = HTTP_FAILED;
}

static void fail_memory(struct http_connection *c) {
    error_memory(&c->err, "receiving a response");
    close_connection(c);
    c->state = HTTP_FAILED;
}

/* Why libcurl could not connect. Retrying helps against all but what is wrong in certificates and settings. */
static void fail_connect(struct http_connection *c, CURLcode code) {
    bool tls = code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_CERTPROBLEM ||
               code == CURLE_SSL_ISSUER_ERROR || code == CURLE_SSL_INVALIDCERTSTATUS || code == CURLE_SSL_PINNEDPUBKEYNOTMATCH;
    bool setting = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL || code == CURLE_NOT_BUILT_IN ||
                   code == CURLE_SSL_CIPHER || code == CURLE_SSL_ENGINE_NOTFOUND || code == CURLE_BAD_FUNCTION_ARGUMENT;
    fail(c, !tls && !setting, "%s", c->curl_text[0] ? c->curl_text : curl_easy_strerror(code));
    if (tls) error_hint(&c->err, "AWS_CA_BUNDLE names the file of certificates to trust; the system's are used by default");
    if (code == CURLE_COULDNT_RESOLVE_HOST) error_hint(&c->err, "check the region and the endpoint's host name");
}

static void start_connecting(struct http_connection *c) {
    c->stage = CONNECTING;
    c->deadline = clock_now() + c->timeouts.connect_ns;
    c->events = 0;
    c->curl_text[0] = '\0';
    c->added = curl_multi_add_handle(c->multi, c->easy) == CURLM_OK;
    if (!c->added) fail(c, true, "libcurl could not begin to connect");
}

static void start_sending(struct http_connection *c) {
    c->stage = SENDING;
    c->deadline = clock_now() + c->timeouts.response_ns;
    c->events = POLLOUT;
    c->sent = c->in.len = 0;
    c->send_failed = false;
    http_parse_init(&c->parser);
}

/* The connection is gone. One that was kept alive may have been closed while the request was on its way: once more, then. */
static void lose(struct http_connection *c, const char *how) {
    if (c->answered && c->in.len == 0 && !c->resent) {
        close_connection(c);
        c->resent = true;
        start_connecting(c);
        return;
    }
    const char *when = c->in.len ? "within a response" : "before a response";
    fail(c, true, "the connection ended %s (%s)", when, how);
}

static void complete(struct http_connection *c) {
    bool keep = c->parser.keep_alive && c->sent == c->head_len + c->body_len && !c->send_failed;
    c->state = HTTP_DONE;
    c->answered = true;
    c->last_used = clock_now();
    if (!keep) close_connection(c);
}

/* --- connecting --- */

/* What libcurl waits for. fdset leaves out descriptors it has no room for: then there is only the tick. */
static void watch_connecting(struct http_connection *c) {
    fd_set in, out, bad;
    FD_ZERO(&in);
    FD_ZERO(&out);
    FD_ZERO(&bad);
    int last = -1;
    c->socket = -1;
    c->events = 0;
    if (curl_multi_fdset(c->multi, &in, &out, &bad, &last) != CURLM_OK || last < 0) return;
    c->socket = last;
    c->serial++;
    if (FD_ISSET(last, &in)) c->events |= POLLIN;
    if (FD_ISSET(last, &out)) c->events |= POLLOUT;
}

/* The SSL that libcurl has made, from now on without it: it takes 2 us a request to find its connection again for each piece, reads a record
 * in two system calls, and sends each in one of its own. NULL: the bytes go through libcurl. *early: how many it has said already, in
 * *byte: 0 or 1. */
static void *take_ssl(struct http_connection *c, char *byte, size_t *early) {
    struct curl_tlssessioninfo *info = NULL;
    *early = 0;
    if (!c->endpoint.tls || !trust_can_share(curl_version_info(CURLVERSION_NOW)->ssl_version) || may_be_proxied(&c->endpoint))
        return NULL;
    /* Nothing to read: then libcurl holds nothing back either. It tells the SSL only after a first use like this one. */
    bool quiet = curl_easy_recv(c->easy, byte, 1, early) == CURLE_AGAIN;
    bool told = quiet && curl_easy_getinfo(c->easy, CURLINFO_TLS_SSL_PTR, &info) == CURLE_OK && info &&
                info->backend == CURLSSLBACKEND_OPENSSL && info->internals;
    return told && tls_take(info->internals, c->socket) ? info->internals : NULL;
}

static bool connected(struct http_connection *c) {
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(c->easy, CURLINFO_ACTIVESOCKET, &fd) != CURLE_OK || fd == CURL_SOCKET_BAD) {
        fail(c, true, "the connection ended at once");
        return false;
    }
    c->socket = fd;
    c->serial++;
    c->open = true;
    char byte = 0;
    size_t early;
    c->ssl = take_ssl(c, &byte, &early);
    start_sending(c);
    if (!buffer_append(&c->in, &byte, early)) {
        fail_memory(c);
        return false;
    }
    return true;
}

/* Like all stages: true when another stage is to go on at once. */
static bool connect_stage(struct http_connection *c) {
    int running = 0, left = 0;
    CURLMcode code = curl_multi_perform(c->multi, &running);
    if (code != CURLM_OK) {
        fail(c, true, "%s", curl_multi_strerror(code));
        return false;
    }
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        if (m->msg != CURLMSG_DONE) continue;
        if (m->data.result == CURLE_OK) return connected(c);
        fail_connect(c, m->data.result);
        return false;
    }
    watch_connecting(c);
    return false;
}

/* --- sending --- */

enum moved { MOVED, MUST_WAIT, ENDED };

/* Head and body in one system call, with nothing copied. */
static enum moved write_direct(struct http_connection *c) {
    size_t in_head = c->sent < c->head_len ? c->head_len - c->sent : 0;
    size_t in_body = c->sent > c->head_len ? c->sent - c->head_len : 0;
    struct iovec parts[2] = {
        {.iov_base = (void *)(c->head + c->head_len - in_head), .iov_len = in_head},
        {.iov_base = (void *)(c->body + in_body), .iov_len = c->body_len - in_body},
    };
    struct msghdr m = {.msg_iov = in_head ? parts : parts + 1, .msg_iovlen = in_head && parts[1].iov_len ? 2 : 1};
    ssize_t n;
    do n = sendmsg(c->socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? MUST_WAIT : ENDED;
    c->sent += (size_t)n;
    return MOVED;
}

/* TLS wants a write that had to wait repeated with the same bytes: `sent` does not move meanwhile, so they are. */
static enum moved write_record(struct http_connection *c) {
    const char *from;
    size_t n, done = 0;
    if (c->sent < c->record_len) {
        from = c->record + c->sent;
        n = c->record_len - c->sent;
    } else if (c->sent < c->head_len) {
        from = c->head + c->sent;
        n = c->head_len - c->sent;
    } else {
        from = c->body + (c->sent - c->head_len);
        n = c->body_len - (c->sent - c->head_len);
    }
    if (c->ssl) {
        ssize_t sent = tls_write(c->ssl, from, n, n > TLS_RECORD || c->sent + n < c->head_len + c->body_len);
        if (sent <= 0) return sent < 0 && errno == EAGAIN ? MUST_WAIT : ENDED;
        done = (size_t)sent;
    } else {
        CURLcode code = curl_easy_send(c->easy, from, n, &done);
        if (code == CURLE_AGAIN) return MUST_WAIT;
        if (code != CURLE_OK) return ENDED;
    }
    c->sent += done;
    return done ? MOVED : MUST_WAIT;
}

static bool receive_stage(struct http_connection *c);

static bool send_stage(struct http_connection *c) {
    enum moved moved = MOVED;
    while (moved == MOVED && c->sent < c->head_len + c->body_len) moved = c->direct ? write_direct(c) : write_record(c);
    if (moved == MOVED) {
        /* Nothing is read now: the answer is not there yet, and the try would be a system call. */
        c->stage = RECEIVING;
        c->events = POLLIN;
        return false;
    }
    if (moved == ENDED) {
        c->send_failed = true;
        c->stage = RECEIVING;
        return true;
    }
    /* The other side may answer, and refuse, before it has read all; and a TLS write may have to read first. */
    c->events = POLLIN | POLLOUT;
    receive_stage(c);
    return false;
}

/* --- receiving --- */

/* Up to `room` bytes behind what is there; *n = 0 with MOVED is the end. */
static enum moved read_some(struct http_connection *c, size_t room, size_t *n) {
    char *to = c->in.data + c->in.len;
    *n = 0;
    if (!c->direct && c->ssl == NULL) {
        CURLcode code = curl_easy_recv(c->easy, to, room, n);
        return code == CURLE_OK ? MOVED : code == CURLE_AGAIN ? MUST_WAIT : ENDED;
    }
    ssize_t got;
    do got = c->ssl ? tls_read(c->ssl, to, room) : recv(c->socket, to, room, MSG_DONTWAIT);
    while (got < 0 && errno == EINTR);
    if (got < 0) return errno == EAGAIN || errno == EWOULDBLOCK ? MUST_WAIT : ENDED;
    *n = (size_t)got;
    return MOVED;
}

/* Acts on what the parser says; false when more bytes are needed. */
static bool judge(struct http_connection *c, enum http_parsed parsed) {
    switch (parsed) {
    case HTTP_PARSED_MORE: c->in.len = http_parse_compact(&c->parser, c->in.data, c->in.len); return false;
    case HTTP_PARSED_DONE: complete(c); return true;
    case HTTP_PARSED_CUT: lose(c, "closed by the other side"); return true;
    case HTTP_PARSED_BAD: break;
    }
    fail(c, false, "the answer is not an HTTP response that hlua understands: %s", c->parser.problem);
    error_hint(&c->err, "check that the endpoint is DynamoDB's, with the right port and scheme, or a proxy that lets it through");
    return true;
}

static bool receive_stage(struct http_connection *c) {
    for (;;) {
        size_t room = c->parser.wanted > RECEIVE_STEP ? c->parser.wanted : RECEIVE_STEP, n;
        if (!buffer_reserve(&c->in, room)) {
            fail_memory(c);
            return false;
        }
        room = c->in.cap - c->in.len;
        enum moved moved = read_some(c, room, &n);
        if (moved == MUST_WAIT && !c->send_failed) return false;
        if (moved != MOVED) {
            lose(c, c->send_failed ? "closed by the other side while we sent" : "reset");
            return c->state == HTTP_BUSY;
        }
        c->in.len += n;
        enum http_parsed parsed =
            n ? http_parse(&c->parser, c->in.data, c->in.len) : http_parse_end(&c->parser, c->in.data, c->in.len);
        if (judge(c, parsed)) return c->state == HTTP_BUSY;
        /* Less than there was room for: the socket is empty. TLS may hold more, so it is asked until it says so. */
        if (c->direct && n < room && !c->send_failed) return false;
    }
}

/* --- the outside --- */

static bool run_stage(struct http_connection *c) {
    switch (c->stage) {
    case CONNECTING: return connect_stage(c);
    case SENDING: return send_stage(c);
    case RECEIVING: return receive_stage(c);
    }
    return false;
}

static void run(struct http_connection *c) {
    while (c->state == HTTP_BUSY && run_stage(c)) continue;
    if (c->state != HTTP_BUSY || clock_now() < c->deadline) return;
    bool connecting = c->stage == CONNECTING;
    double seconds = (double)(connecting ? c->timeouts.connect_ns : c->timeouts.response_ns) / (double)CLOCK_SECOND;
    fail(c, true, "%s within %g s", connecting ? "no connection" : "no whole response", seconds);
}

/* Whether a connection that was idle still looks usable: nothing to read means neither an end nor an unasked-for message. */
static bool still_quiet(const struct http_connection *c) {
    if (clock_now() - c->last_used < IDLE_TRUST) return true;
    struct pollfd p = {.fd = c->socket, .events = POLLIN};
    return poll(&p, 1, 0) == 0;
}

void http_send(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t body_len) {
    c->head = head;
    c->head_len = head_len;
    c->body = body ? body : "";
    c->body_len = body_len;
    c->resent = false;
    if (c->in.cap > RECEIVE_KEEP) buffer_free(&c->in);
    if (c->record) {
        size_t of_head = head_len < TLS_RECORD ? head_len : TLS_RECORD;
        size_t of_body = body_len < TLS_RECORD - of_head ? body_len : TLS_RECORD - of_head;
        memcpy(c->record, head, of_head);
        memcpy(c->record + of_head, c->body, of_body);
        c->record_len = of_head + of_body;
    }
    /* A request that was left unfinished has spoiled its connection. */
    if (c->state == HTTP_BUSY || (c->open && !still_quiet(c))) close_connection(c);
    c->state = HTTP_BUSY;
    if (c->open) {
        start_sending(c);
    } else {
        c->in.len = 0;
        start_connecting(c);
    }
    run(c);
}

enum http_state http_step(struct http_connection *c, struct error *err) {
    if (c->state == HTTP_BUSY) run(c);
    if (c->state == HTTP_FAILED && err) *err = c->err;
    return c->state;
}

int http_fd(const struct http_connection *c) {
    return c->socket;
}

unsigned http_serial(const struct http_connection *c) {
    return c->serial;
}

short http_events(const struct http_connection *c) {
    return c->state == HTTP_BUSY ? c->events : 0;
}

int64_t http_deadline(const struct http_connection *c) {
    if (c->state == HTTP_FAILED) return 0; /* it may have failed in http_send already: http_step says so */
    if (c->state != HTTP_BUSY) return INT64_MAX;
    int64_t tick = c->stage == CONNECTING ? CONNECT_TICK : c->direct ? INT64_MAX / 2 : TLS_TICK;
    int64_t at = clock_now() + tick;
    return at < c->deadline ? at : c->deadline;
}

const struct http_response *http_response(const struct http_connection *c) {
    return &c->parser.response;
}

bool http_wait(struct http_connection *const *connections, int count, const volatile int *stop) {
    while (connections[0]->state == HTTP_BUSY) {
        struct pollfd fds[HTTP_WAIT_MOST];
        int64_t wait = TLS_TICK, now = clock_now();
        nfds_t n = 0;
        if (stop && __atomic_load_n(stop, __ATOMIC_RELAXED)) return false;
        for (int i = 0; i < count && n < HTTP_WAIT_MOST; i++) {
            const struct http_connection *c = connections[i];
            if (c->state != HTTP_BUSY) continue;
            fds[n++] = (struct pollfd){.fd = c->socket, .events = c->events};
            if (http_deadline(c) - now < wait) wait = http_deadline(c) - now;
        }
        poll(fds, n, wait > 0 ? (int)((wait + CLOCK_MS - 1) / CLOCK_MS) : 0);
        for (int i = 0; i < count; i++) run(connections[i]);
    }
    return true;
}

bool http_exchange(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t body_len,
                   const volatile int *stop, struct error *err) {
    http_send(c, head, head_len, body, body_len);
    if (http_wait(&c, 1, stop)) return http_step(c, err) == HTTP_DONE;
    close_connection(c);
    c->state = HTTP_IDLE;
    return error_set(err, ERROR_INTERRUPTED, "interrupted while waiting for %s", c->endpoint.url);
}
