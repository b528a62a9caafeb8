/* The response parser alone: every split, every truncation, nonsense at every offset; and endpoint URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/http_parse.h"

/* Parses `n` bytes of text given in pieces that end at `split` and at the end, each in fresh memory of just that size, so
 * that a sanitizer sees a read too far. The body is copied out, terminated. */
static enum http_parsed parse_split(struct http_parser *p, const char *text, size_t n, size_t split, bool end, char *body) {
    char *data = malloc(n + 1), *first = malloc(split + 1);
    assert_non_null(data);
    assert_non_null(first);
    http_parse_init(p);
    memcpy(first, text, split);
    enum http_parsed parsed = http_parse(p, first, split);
    if (parsed == HTTP_PARSED_MORE) {
        size_t kept = http_parse_compact(p, first, split);
        memcpy(data, first, kept);
        memcpy(data + kept, text + split, n - split);
        size_t all = kept + n - split;
        char *exact = malloc(all ? all : 1);
        assert_non_null(exact);
        memcpy(exact, data, all);
        parsed = http_parse(p, exact, all);
        if (parsed == HTTP_PARSED_MORE && end) parsed = http_parse_end(p, exact, all);
        if (parsed == HTTP_PARSED_DONE && body) snprintf(body, 200, "%.*s", (int)p->response.body_len, p->response.body);
        free(exact);
    } else if (parsed == HTTP_PARSED_DONE && body) {
        snprintf(body, 200, "%.*s", (int)p->response.body_len, p->response.body);
    }
    free(first);
    free(data);
    return parsed;
}

static const char PLAIN[] =
    "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 5\r\nx-amz-crc32: 4294967295\r\n"
    "X-Amzn-RequestId: ABC\r\nDate: Sun, 30 Aug 2015 12:36:00 GMT\r\nx-amz-retry-after:  250 \r\n\r\nhello";
static const char CHUNKED[] = "HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n"
                              "3\r\nhel\r\n2;name=\"v\"\r\nlo\r\n0\r\nTrailer: x\r\n\r\n";
static const char INTERIM[] = "HTTP/1.1 100 Continue\r\nContent-Length: 7\r\n\r\nHTTP/1.1 200\nContent-Length: 5\n\nhello";
static const char TO_CLOSE[] = "HTTP/1.1 200 OK\r\n\r\nhello";

static void every_split(const char *text, int status, bool end, bool keep_alive) {
    for (size_t split = 0; split <= strlen(text); split++) {
        struct http_parser p;
        char body[200];
        assert_int_equal(parse_split(&p, text, strlen(text), split, end, body), HTTP_PARSED_DONE);
        assert_int_equal(p.response.status, status);
        assert_string_equal(body, "hello");
        assert_int_equal(p.keep_alive, keep_alive);
    }
}

static void test_every_split(void **state) {
    (void)state;
    every_split(PLAIN, 200, false, true);
    every_split(CHUNKED, 400, false, true);
    every_split(INTERIM, 200, false, true);
    every_split(TO_CLOSE, 200, true, false);
}

static void test_headers(void **state) {
    (void)state;
    struct http_parser p;
    assert_int_equal(parse_split(&p, PLAIN, strlen(PLAIN), 0, false, NULL), HTTP_PARSED_DONE);
    assert_true(p.response.has_crc32);
    assert_true(p.response.crc32 == UINT32_MAX);
    assert_int_equal(p.response.retry_after_ms, 250);
    assert_string_equal(p.response.date, "Sun, 30 Aug 2015 12:36:00 GMT");
    assert_string_equal(p.response.request_id, "ABC");
    assert_int_equal(parse_split(&p, CHUNKED, strlen(CHUNKED), 0, false, NULL), HTTP_PARSED_DONE);
    assert_false(p.response.has_crc32);
    assert_int_equal(p.response.retry_after_ms, -1);
}

static void truncate_everywhere(const char *text) {
    for (size_t n = 0; n < strlen(text); n++) {
        struct http_parser p;
        assert_int_equal(parse_split(&p, text, n, n / 2, false, NULL), HTTP_PARSED_MORE);
        assert_int_equal(parse_split(&p, text, n, n / 2, true, NULL), HTTP_PARSED_CUT);
    }
}

static void test_every_truncation(void **state) {
    (void)state;
    truncate_everywhere(PLAIN);
    truncate_everywhere(CHUNKED);
    truncate_everywhere(INTERIM);
}

/* No byte at any place may lead outside the memory; what comes out is one of the four outcomes. */
static void nonsense_everywhere(const char *text) {
    static const unsigned char bytes[] = {0, '\n', '\r', ' ', ':', ';', '9', 'f', 0x7f, 0xff};
    char copy[512];
    size_t n = strlen(text);
    for (size_t i = 0; i < n; i++) {
        for (size_t b = 0; b < sizeof bytes; b++) {
            struct http_parser p;
            memcpy(copy, text, n);
            copy[i] = (char)bytes[b];
            enum http_parsed parsed = parse_split(&p, copy, n, i, true, NULL);
            assert_true(parsed == HTTP_PARSED_DONE || parsed == HTTP_PARSED_CUT || parsed == HTTP_PARSED_BAD);
            assert_true((parsed == HTTP_PARSED_BAD) == (p.problem != NULL));
        }
    }
}

static void test_nonsense(void **state) {
    (void)state;
    nonsense_everywhere(PLAIN);
    nonsense_everywhere(CHUNKED);
    nonsense_everywhere(INTERIM);
    nonsense_everywhere(TO_CLOSE);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const texts[] = {
        "SSH-2.0-OpenSSH_9.2\r\n",
        "-ERR unknown command\r\n",
        "HTTP/2 200 OK\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000\r\n",
        "HTTP/1.1 099 X\r\n",
        "HTTP/1.1 101 Switching\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n",
        "HTTP/1.1 200 OK\r\n: no name\r\n",
        "HTTP/1.1 200 OK\r\nname : blank before the colon\r\n",
        "HTTP/1.1 200 OK\r\na: b\r\n folded\r\n",
        "HTTP/1.1 200 OK\r\nx-amz-crc32: 4294967296\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1g\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct http_parser p;
        enum http_parsed parsed = parse_split(&p, texts[i], strlen(texts[i]), 0, false, NULL);
        if (parsed != HTTP_PARSED_BAD) fail_msg("accepted: %s", texts[i]);
        assert_non_null(p.problem);
    }
}

static void test_keep_alive(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool keep;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true},
        {"HTTP/1.1 204 No Content\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: foo, Close\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false},
        {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_parser p;
        assert_int_equal(parse_split(&p, cases[i].text, strlen(cases[i].text), 0, false, NULL), HTTP_PARSED_DONE);
        assert_int_equal(p.keep_alive, cases[i].keep);
        assert_int_equal(p.response.body_len, 0);
    }
}

static void test_oversized_head(void **state) {
    (void)state;
    size_t n = HTTP_HEAD_MAX + 100;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'a', n);
    memcpy(text, "HTTP/1.1 200 OK\r\nx: ", 20);
    struct http_parser p;
    http_parse_init(&p);
    assert_int_equal(http_parse(&p, text, HTTP_HEAD_MAX - 1), HTTP_PARSED_MORE);
    assert_int_equal(http_parse(&p, text, n), HTTP_PARSED_BAD); /* refused before its line ends */
    free(text);
}

/* --- endpoints --- */

static void test_endpoints(void **state) {
    (void)state;
    static const struct {
        const char *given, *url, *host, *path;
        bool tls, loopback;
    } cases[] = {
        {"https://dynamodb.eu-west-1.amazonaws.com", "https://dynamodb.eu-west-1.amazonaws.com:443",
         "dynamodb.eu-west-1.amazonaws.com", "/", true, false},
        {"HTTPS://Example.COM:443/", "https://example.com:443", "example.com", "/", true, false},
        {"https://example.com:8443/a/b", "https://example.com:8443", "example.com:8443", "/a/b", true, false},
        {"http://localhost:8000", "http://localhost:8000", "localhost:8000", "/", false, true},
        {"http://127.0.0.1", "http://127.0.0.1:80", "127.0.0.1", "/", false, true},
        {"http://127.9.9.9:80", "http://127.9.9.9:80", "127.9.9.9", "/", false, true},
        {"http://[::1]:8000/x", "http://[::1]:8000", "[::1]:8000", "/x", false, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct http_endpoint e;
        struct error err;
        if (!http_endpoint_parse(cases[i].given, false, &e, &err)) fail_msg("%s: %s", cases[i].given, err.text);
        assert_string_equal(e.url, cases[i].url);
        assert_string_equal(e.host_header, cases[i].host);
        assert_string_equal(e.path, cases[i].path);
        assert_int_equal(e.tls, cases[i].tls);
        assert_int_equal(e.loopback, cases[i].loopback);
    }
}

static void test_bad_endpoints(void **state) {
    (void)state;
    static const char *const urls[] = {
        "",
        "dynamodb",
        "ftp://x",
        "https://",
        "https:///x",
        "https://h:",
        "https://h:0",
        "https://h:65536",
        "https://h:8x",
        "https://h?x",
        "https://h/#x",
        "https://h/ x",
        "https://h\r\nx",
        "https://[::1",
        "https://[zz]",
        "https://[]",
        "https://.x",
        "https://a b",
        "https://user:hidden@h",
        "http://example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
    };
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        struct http_endpoint e;
        struct error err;
        if (http_endpoint_parse(urls[i], false, &e, &err)) fail_msg("accepted: %s", urls[i]);
        assert_int_equal(err.kind, ERROR_PLAN);
        assert_null(strstr(err.text, "hidden"));
        assert_true(err.hint[0]);
    }
    struct http_endpoint e;
    struct error err;
    assert_true(http_endpoint_parse("http://example.com", true, &e, &err));
    char longest[700];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    memcpy(longest, "https://", 8);
    assert_false(http_endpoint_parse(longest, false, &e, &err));
    memcpy(longest, "https://h/", 10);
    assert_false(http_endpoint_parse(longest, false, &e, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_split),    cmocka_unit_test(test_headers),   cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_nonsense),       cmocka_unit_test(test_refusals),  cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_oversized_head), cmocka_unit_test(test_endpoints), cmocka_unit_test(test_bad_endpoints),
    };
    return cmocka_run_group_tests_name("http_parse", tests, NULL, NULL);
}
