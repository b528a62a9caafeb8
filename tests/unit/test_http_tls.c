/* Connections over TLS: verification is on, the environment names whom to trust, and bytes pass whole both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "aws/http.h"
#include "base/clock.h"

/* --- a certificate of the test's own, which signs itself --- */

struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char file[64]; /* the certificate as PEM */
};

static void identity_new(struct identity *id, const char *names) {
    id->key = EVP_EC_gen("P-256");
    id->certificate = X509_new();
    X509 *x = id->certificate;
    assert_true(id->key && x && X509_set_version(x, 2) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1));
    X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    assert_true(e && X509_add_ext(x, e, -1) && X509_set_pubkey(x, id->key) && X509_sign(x, id->key, EVP_sha256()));
    X509_EXTENSION_free(e);
    snprintf(id->file, sizeof id->file, "/tmp/hlua-test-XXXXXX");
    FILE *f = fdopen(mkstemp(id->file), "w");
    assert_true(f && PEM_write_X509(f, x));
    fclose(f);
}

static void identity_free(struct identity *id) {
    unlink(id->file);
    X509_free(id->certificate);
    EVP_PKEY_free(id->key);
}

/* --- a peer that answers each request, until the client goes --- */

struct peer {
    const struct identity *id;
    int listener, port;
    bool byte_by_byte, plain, proxy;
    bool speaks_first;   /* as soon as the handshake is done, without having been asked */
    int keeps;           /* requests after which it goes; 0: it stays as long as the client does */
    bool says_goodbye;   /* by TLS, when it goes; otherwise only the socket ends */
    size_t answer_bytes; /* of the body */
    pthread_t thread;
    size_t body_bytes;
    int requests, connections;
};

#define HEAD_BYTES 100 /* each head of the tests is padded to this */
#define BODY_BYTES ((size_t)400000)
#define ANSWER_MAX ((size_t)100000)

/* A byte of a body: the same place in another record has another one. */
static char byte_at(size_t i) {
    return (char)('a' + (i + i / 1000) % 26);
}

static void answer(const struct peer *p, SSL *ssl) {
    static char data[ANSWER_MAX + HEAD_BYTES];
    size_t n = (size_t)snprintf(data, HEAD_BYTES, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", p->answer_bytes);
    for (size_t i = 0; i < p->answer_bytes; i++) data[n++] = byte_at(i);
    size_t step = p->byte_by_byte ? 1 : n;
    for (size_t at = 0; at < n; at += step) SSL_write(ssl, data + at, (int)step);
}

static void serve(struct peer *p, SSL *ssl) {
    static char data[65536];
    size_t got = 0;
    int answered = 0;
    for (int n; (n = SSL_read(ssl, data, sizeof data)) > 0;) {
        for (int i = 0; i < n; i++, got++) p->body_bytes += got >= HEAD_BYTES && data[i] == byte_at(got - HEAD_BYTES);
        if (got < HEAD_BYTES + BODY_BYTES) continue;
        p->requests++;
        got = 0;
        answer(p, ssl);
        if (++answered == p->keeps) break;
    }
    if (p->says_goodbye) SSL_shutdown(ssl);
}

/* A proxy's part: it is asked for a way to somewhere, and is there itself. */
static void let_through(int fd) {
    static const char yes[] = "HTTP/1.1 200 Connection established\r\n\r\n", wanted[] = "CONNECT endpoint.example:";
    char head[2000];
    size_t n = 0;
    while (n < sizeof head && (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) && recv(fd, head + n, 1, 0) == 1) n++;
    if (n > sizeof wanted && memcmp(head, wanted, sizeof wanted - 1) == 0) send(fd, yes, sizeof yes - 1, MSG_NOSIGNAL);
}

/* What is sent leaves together, or after a fifth of a second. */
static void hold_back(int fd, int held) {
    setsockopt(fd, IPPROTO_TCP, TCP_CORK, &held, sizeof held);
}

static const char refusal[] = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

static void *peer_main(void *argument) {
    struct peer *p = argument;
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(context, p->id->certificate);
    SSL_CTX_use_PrivateKey(context, p->id->key);
    if (p->speaks_first)
        SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);            /* there the handshake's last word is the peer's */
    for (int fd; (fd = accept(p->listener, NULL, NULL)) >= 0; close(fd)) { /* until peer_finish */
        p->connections++;
        if (p->plain) {
            send(fd, "220 mail ready\r\n", 16, MSG_NOSIGNAL);
            continue;
        }
        if (p->proxy) let_through(fd);
        SSL *ssl = SSL_new(context);
        SSL_set_fd(ssl, fd);
        hold_back(fd, p->speaks_first);
        if (SSL_accept(ssl) == 1) {
            if (p->speaks_first) SSL_write(ssl, refusal, sizeof refusal - 1);
            hold_back(fd, false);
            serve(p, ssl);
        }
        SSL_free(ssl);
    }
    SSL_CTX_free(context);
    return NULL;
}

static void peer_start(struct peer *p) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int small = 8192; /* so that the client has to wait while it sends */
    assert_true(p->listener >= 0 && setsockopt(p->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small) == 0);
    assert_true(bind(p->listener, (struct sockaddr *)&a, n) == 0 && listen(p->listener, 8) == 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &n), 0);
    p->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&p->thread, NULL, peer_main, p), 0);
}

static void peer_finish(struct peer *p) {
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

/* --- the client --- */

static struct http_connection *connection_to(const char *host, int port) {
    struct http_endpoint e;
    struct error err;
    char url[64];
    snprintf(url, sizeof url, "https://%s:%d", host, port);
    assert_true(http_endpoint_parse(url, false, &e, &err));
    struct http_timeouts t = {.connect_ns = 20 * CLOCK_SECOND, .response_ns = 20 * CLOCK_SECOND};
    struct http_connection *c = http_connection_new(&e, t);
    assert_non_null(c);
    return c;
}

static bool exchange(struct http_connection *c, struct error *err) {
    static char body[BODY_BYTES];
    for (size_t i = 0; i < BODY_BYTES; i++) body[i] = byte_at(i);
    char head[HEAD_BYTES + 1];
    int n = snprintf(head, sizeof head, "POST / HTTP/1.1\r\ncontent-length: %zu\r\nx: ", BODY_BYTES);
    memset(head + n, 'x', (size_t)(HEAD_BYTES - 4 - n));
    memcpy(head + HEAD_BYTES - 4, "\r\n\r\n", 4);
    return http_exchange(c, head, HEAD_BYTES, body, BODY_BYTES, NULL, err);
}

static void trust(const struct identity *id) {
    static const char *const names[] = {"AWS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"};
    for (int i = 0; i < 3; i++) unsetenv(names[i]);
    if (id) setenv("AWS_CA_BUNDLE", id->file, 1);
}

/* Four requests, each with its answer, every byte at its place. */
static void pass_whole(struct peer *p, const char *host) {
    struct error err;
    trust(p->id);
    struct http_connection *c = connection_to(host, p->port);
    for (int request = 0; request < 4; request++) {
        if (!exchange(c, &err)) fail_msg("%s", err.text);
        const struct http_response *r = http_response(c);
        assert_int_equal(r->body_len, p->answer_bytes);
        for (size_t i = 0; i < r->body_len; i++) assert_int_equal(r->body[i], byte_at(i));
    }
    http_connection_free(c);
    peer_finish(p);
    assert_int_equal(p->requests, 4);
    assert_int_equal(p->body_bytes, 4 * BODY_BYTES);
    assert_int_equal(p->connections, p->keeps ? 4 / p->keeps : 1);
}

static void pass_whole_directly(struct peer p) {
    peer_start(&p);
    pass_whole(&p, "127.0.0.1");
}

static void test_exchange(void **state) {
    pass_whole_directly((struct peer){.id = *state, .answer_bytes = 5});
    pass_whole_directly((struct peer){.id = *state, .answer_bytes = 5, .byte_by_byte = true});
    pass_whole_directly((struct peer){.id = *state, .answer_bytes = ANSWER_MAX});
}

/* The next request after the peer has gone is sent over another connection. */
static void test_peer_that_goes(void **state) {
    pass_whole_directly((struct peer){.id = *state, .answer_bytes = 5, .keeps = 2});
    pass_whole_directly((struct peer){.id = *state, .answer_bytes = 5, .keeps = 2, .says_goodbye = true});
}

/* What the peer said before it was asked is the answer, from its first byte on. */
static void test_peer_that_speaks_first(void **state) {
    static const char head[] = "GET / HTTP/1.1\r\n\r\n";
    struct peer p = {.id = *state, .speaks_first = true};
    struct error err;
    peer_start(&p);
    trust(p.id);
    struct http_connection *c = connection_to("127.0.0.1", p.port);
    if (!http_exchange(c, head, sizeof head - 1, NULL, 0, NULL, &err)) fail_msg("%s", err.text);
    assert_int_equal(http_response(c)->status, 408);
    http_connection_free(c);
    peer_finish(&p);
}

/* Behind a proxy the bytes stay with libcurl. */
static void test_proxy(void **state) {
    struct peer p = {.id = *state, .proxy = true, .answer_bytes = ANSWER_MAX};
    peer_start(&p);
    char proxy[64];
    snprintf(proxy, sizeof proxy, "http://127.0.0.1:%d", p.port);
    setenv("https_proxy", proxy, 1);
    unsetenv("no_proxy");
    unsetenv("NO_PROXY");
    pass_whole(&p, "endpoint.example");
    unsetenv("https_proxy");
}

static struct error failure(struct peer *p) {
    struct error err = {0};
    peer_start(p);
    struct http_connection *c = connection_to("127.0.0.1", p->port);
    assert_false(exchange(c, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    http_connection_free(c);
    peer_finish(p);
    assert_int_equal(p->requests, 0);
    return err;
}

static void test_untrusted(void **state) {
    struct peer p = {.id = *state};
    trust(NULL);
    struct error err = failure(&p);
    assert_false(err.retryable);
    assert_non_null(strstr(err.hint, "AWS_CA_BUNDLE"));
}

static void test_wrong_name(void **state) {
    (void)state;
    struct identity other;
    identity_new(&other, "DNS:elsewhere.example");
    struct peer p = {.id = &other};
    trust(&other);
    assert_false(failure(&p).retryable);
    identity_free(&other);
}

static void test_missing_bundle(void **state) {
    struct peer p = {.id = *state};
    trust(NULL);
    setenv("AWS_CA_BUNDLE", "/nonexistent/ca.pem", 1);
    assert_false(failure(&p).retryable);
}

static void test_peer_without_tls(void **state) {
    struct peer p = {.id = *state, .plain = true};
    trust(*state);
    failure(&p);
}

static int group_setup(void **state) {
    static struct identity id;
    identity_new(&id, "IP:127.0.0.1,DNS:endpoint.example");
    *state = &id;
    return http_global_init(NULL) ? 0 : -1;
}

static int group_teardown(void **state) {
    identity_free(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange),
        cmocka_unit_test(test_peer_that_goes),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_untrusted),
        cmocka_unit_test(test_wrong_name),
        cmocka_unit_test(test_missing_bundle),
        cmocka_unit_test(test_peer_without_tls),
        cmocka_unit_test(test_peer_that_speaks_first),
    };
    return cmocka_run_group_tests_name("http_tls", tests, group_setup, group_teardown);
}
