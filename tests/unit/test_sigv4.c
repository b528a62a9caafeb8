/* AWS's own signing suite (tests/data/sigv4), in header and in query form, and the row path's fast form against the general one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/sigv4.h"

#define CASES 38
#define TIMESTAMP 1440938160 /* 2015-08-30T12:36:00Z, the suite's */
#define HEADERS_MAX 16

/* --- the suite's files --- */

static const char *suite_dir(void) {
    static char path[512];
    const char *data = getenv("HLUA_TEST_DATA");
    snprintf(path, sizeof path, "%s/sigv4", data && *data ? data : "tests/data");
    return path;
}

/* The text of a file of a case; the caller frees it. */
static char *read_case(const char *name, const char *file) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s/%s", suite_dir(), name, file);
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("%s is missing", path);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t n = fread(text, 1, 65535, f);
    fclose(f);
    text[n] = '\0';
    return text;
}

/* The value of "key": in context.json, which has no escapes, into out; false when it is not there. */
static bool context_value(const char *json, const char *key, char *out, size_t size) {
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    const char *p = strstr(json, quoted);
    if (p == NULL) return false;
    p += strlen(quoted);
    if (*p == '"') p++;
    size_t n = strcspn(p, "\",\n}");
    assert_true(n < size);
    memcpy(out, p, n);
    out[n] = '\0';
    return true;
}

static bool context_true(const char *json, const char *key) {
    char value[16];
    return context_value(json, key, value, sizeof value) && strcmp(value, "true") == 0;
}

/* --- one case --- */

struct suite_case {
    char *text, *context; /* request.txt cut into pieces, context.json */
    struct sigv4_header headers[HEADERS_MAX];
    struct sigv4_request request;
    struct aws_keys keys;
    char region[64], service[64];
};

/* Ends the line at p and returns the next one's start; lines that begin with white space belong to the one before. */
static char *cut_line(char *p) {
    char *end = strchr(p, '\n');
    while (end && (end[1] == ' ' || end[1] == '\t')) end = strchr(end + 1, '\n');
    if (end == NULL) return p + strlen(p);
    *end = '\0';
    return end + 1;
}

static void parse_request(struct suite_case *c) {
    char *line = c->text, *next = cut_line(line);
    char *path = strchr(line, ' '), *version = strrchr(line, ' ');
    *path++ = *version = '\0';
    char *query = strchr(path, '?');
    if (query) *query++ = '\0';
    c->request = (struct sigv4_request){.method = line, .path = path, .query = query ? query : "", .headers = c->headers};
    while (*next && *next != '\n') {
        line = next;
        next = cut_line(line);
        char *colon = strchr(line, ':');
        *colon = '\0';
        assert_true(c->request.header_count < HEADERS_MAX - 2);
        c->headers[c->request.header_count++] = (struct sigv4_header){line, colon + 1};
    }
    c->request.body = *next ? next + 1 : "";
    c->request.body_len = strlen(c->request.body);
}

static void open_case(struct suite_case *c, const char *name) {
    memset(c, 0, sizeof *c);
    c->text = read_case(name, "request.txt");
    c->context = read_case(name, "context.json");
    parse_request(c);
    context_value(c->context, "access_key_id", c->keys.access_key_id, sizeof c->keys.access_key_id);
    context_value(c->context, "secret_access_key", c->keys.secret_access_key, sizeof c->keys.secret_access_key);
    context_value(c->context, "token", c->keys.session_token, sizeof c->keys.session_token);
    context_value(c->context, "region", c->region, sizeof c->region);
    context_value(c->context, "service", c->service, sizeof c->service);
    c->request.normalize_path = context_true(c->context, "normalize");
    c->request.sign_body = context_true(c->context, "sign_body");
    c->request.omit_session_token = context_true(c->context, "omit_session_token");
}

static void close_case(struct suite_case *c) {
    free(c->text);
    free(c->context);
}

static void add_header(struct suite_case *c, const char *name, const char *value) {
    c->headers[c->request.header_count++] = (struct sigv4_header){name, value};
}

static void expect(const char *name, const char *file, const struct buffer *got) {
    char *want = read_case(name, file);
    if (strlen(want) != got->len || memcmp(want, got->data, got->len) != 0) {
        fail_msg("%s/%s: expected\n%s\ngot\n%.*s", name, file, want, (int)got->len, got->data);
    }
    free(want);
}

/* What was made must end in the signature of the file. */
static void expect_signature(const char *name, const char *file, const struct buffer *got) {
    char *want = read_case(name, file);
    assert_true(got->len > 64);
    assert_memory_equal(got->data + got->len - 64, want, 64);
    free(want);
}

struct outputs {
    struct buffer canonical, to_sign, result;
};

static void outputs_init(struct outputs *o) {
    buffer_init(&o->canonical, 1 << 20);
    buffer_init(&o->to_sign, 1 << 20);
    buffer_init(&o->result, 1 << 20);
}

static void outputs_free(struct outputs *o) {
    buffer_free(&o->canonical);
    buffer_free(&o->to_sign);
    buffer_free(&o->result);
}

static void check_header_form(const char *name) {
    struct suite_case c;
    struct outputs o;
    struct error err;
    open_case(&c, name);
    outputs_init(&o);
    add_header(&c, "X-Amz-Date", "20150830T123600Z");
    if (c.keys.session_token[0] && !c.request.omit_session_token) {
        add_header(&c, "X-Amz-Security-Token", c.keys.session_token);
    }
    struct sigv4 *s = sigv4_new(c.region, c.service);
    assert_non_null(s);
    assert_true(sigv4_sign(s, &c.keys, &c.request, TIMESTAMP, &o.canonical, &o.to_sign, &o.result, &err));
    expect(name, "header-canonical-request.txt", &o.canonical);
    expect(name, "header-string-to-sign.txt", &o.to_sign);
    expect_signature(name, "header-signature.txt", &o.result);
    char *whole = read_case(name, "header-signed-request.txt");
    assert_true(buffer_terminate(&o.result));
    assert_non_null(strstr(whole, o.result.data));
    free(whole);
    sigv4_free(s);
    outputs_free(&o);
    close_case(&c);
}

static void check_query_form(const char *name) {
    struct suite_case c;
    struct outputs o;
    struct error err;
    open_case(&c, name);
    outputs_init(&o);
    struct sigv4 *s = sigv4_new(c.region, c.service);
    assert_non_null(s);
    assert_true(sigv4_presign(s, &c.keys, &c.request, TIMESTAMP, 3600, &o.canonical, &o.to_sign, &o.result, &err));
    expect(name, "query-canonical-request.txt", &o.canonical);
    expect(name, "query-string-to-sign.txt", &o.to_sign);
    expect_signature(name, "query-signature.txt", &o.result);
    char *whole = read_case(name, "query-signed-request.txt");
    assert_true(buffer_terminate(&o.result));
    assert_non_null(strstr(whole, o.result.data));
    free(whole);
    sigv4_free(s);
    outputs_free(&o);
    close_case(&c);
}

static void each_case(void (*check)(const char *name)) {
    DIR *dir = opendir(suite_dir());
    if (dir == NULL) fail_msg("%s is missing: run from the repository's root or set HLUA_TEST_DATA", suite_dir());
    int count = 0;
    for (struct dirent *e; (e = readdir(dir));) {
        if (e->d_name[0] == '.' || strcmp(e->d_name, "LICENSE") == 0 || strcmp(e->d_name, "NOTICE") == 0) continue;
        check(e->d_name);
        count++;
    }
    closedir(dir);
    assert_int_equal(count, CASES);
}

static void test_suite_header(void **state) {
    (void)state;
    each_case(check_header_form);
}

static void test_suite_query(void **state) {
    (void)state;
    each_case(check_query_form);
}

/* --- canonical texts beyond the suite --- */

static struct sigv4 *new_dynamodb(void) {
    struct sigv4 *s = sigv4_new("eu-west-1", "dynamodb");
    assert_non_null(s);
    return s;
}

static const struct aws_keys EXAMPLE = {.access_key_id = "AKIDEXAMPLE",
                                        .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};

static void expect_canonical(const char *path, const char *query, bool normalize, const char *want) {
    struct sigv4 *s = new_dynamodb();
    struct buffer out;
    struct error err;
    struct sigv4_request r = {.method = "GET", .path = path, .query = query, .normalize_path = normalize};
    buffer_init(&out, 1 << 20);
    assert_true(sigv4_sign(s, &EXAMPLE, &r, TIMESTAMP, &out, NULL, NULL, &err));
    if (out.len < strlen(want) || memcmp(out.data, want, strlen(want)) != 0) {
        fail_msg("%s?%s: expected %s, got %.*s", path, query, want, (int)out.len, out.data);
    }
    buffer_free(&out);
    sigv4_free(s);
}

static void test_paths(void **state) {
    (void)state;
    expect_canonical("", "", true, "GET\n/\n");
    expect_canonical("", "", false, "GET\n/\n");
    expect_canonical("/../../x", "", true, "GET\n/x\n");
    expect_canonical("/a/b/.", "", true, "GET\n/a/b/\n");
    expect_canonical("/a/b/..", "", true, "GET\n/a/\n");
    expect_canonical("/a/...", "", true, "GET\n/a/...\n");
    expect_canonical("/a%20b", "", true, "GET\n/a%2520b\n");
    expect_canonical("/a%20b/%2f%", "", false, "GET\n/a%20b/%2F%25\n");
}

static void test_queries(void **state) {
    (void)state;
    expect_canonical("/", "b=2&a=1&b=1", true, "GET\n/\na=1&b=1&b=2\n");
    expect_canonical("/", "a&&b=", true, "GET\n/\na=&b=\n");
    expect_canonical("/", "a=%7e%e1&%41=x=y", true, "GET\n/\nA=x%3Dy&a=~%E1\n");
    expect_canonical("/", "a=%&b=%zz", true, "GET\n/\na=%25&b=%25zz\n");
}

/* --- the fast form --- */

/* The value of a header line of a head, up to its line's end. */
static void head_value(const struct buffer *head, const char *name, char *out, size_t size) {
    char start[64];
    snprintf(start, sizeof start, "\r\n%s: ", name);
    const char *p = strstr(head->data, start);
    if (p == NULL) fail_msg("no header %s", name);
    p += strlen(start);
    size_t n = strcspn(p, "\r");
    assert_true(n < size);
    memcpy(out, p, n);
    out[n] = '\0';
}

static void compare_hosts(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *body,
                          int64_t now) {
    struct error err;
    struct buffer head, want;
    buffer_init(&head, 1 << 16);
    buffer_init(&want, 1 << 16);
    assert_true(sigv4_post(s, keys, host, path, "BatchWriteItem", body, strlen(body), now, &head, &err));
    assert_true(buffer_terminate(&head));
    char date[32], got[6000], length[32];
    head_value(&head, "x-amz-date", date, sizeof date);
    head_value(&head, "authorization", got, sizeof got);
    head_value(&head, "content-length", length, sizeof length);
    assert_int_equal(strtol(length, NULL, 10), strlen(body));
    assert_memory_equal(head.data + head.len - 4, "\r\n\r\n", 4);
    struct sigv4_header headers[] = {
        {"X-Amz-Target", "DynamoDB_20120810.BatchWriteItem"}, {"Host", host},
        {"Content-Type", "application/x-amz-json-1.0"},       {"X-Amz-Date", date},
        {"X-Amz-Security-Token", keys->session_token},
    };
    struct sigv4_request r = {.method = "POST",
                              .path = path,
                              .query = "",
                              .headers = headers,
                              .header_count = keys->session_token[0] ? 5 : 4,
                              .body = body,
                              .body_len = strlen(body),
                              .normalize_path = true};
    struct sigv4 *other = new_dynamodb(); /* without the first one's caches */
    assert_true(sigv4_sign(other, keys, &r, now, NULL, NULL, &want, &err));
    assert_true(buffer_terminate(&want));
    assert_string_equal(got, want.data);
    sigv4_free(other);
    buffer_free(&head);
    buffer_free(&want);
}

static void compare_forms(struct sigv4 *s, const struct aws_keys *keys, const char *path, const char *body, int64_t now) {
    compare_hosts(s, keys, "dynamodb.eu-west-1.amazonaws.com", path, body, now);
}

static void test_post_equals_sign(void **state) {
    (void)state;
    struct sigv4 *s = new_dynamodb();
    struct aws_keys keys = EXAMPLE, other = EXAMPLE, renamed = EXAMPLE;
    renamed.access_key_id[0] = 'B';
    strncpy(keys.session_token, "AQoDYXdz+/==", sizeof keys.session_token - 1);
    other.secret_access_key[0] = 'W';
    compare_forms(s, &EXAMPLE, "/", "{}", TIMESTAMP);
    compare_forms(s, &EXAMPLE, "/", "{\"RequestItems\":{}}", TIMESTAMP); /* everything cached */
    compare_forms(s, &EXAMPLE, "/a b", "{}", TIMESTAMP);                 /* within the second another path, */
    compare_forms(s, &renamed, "/a b", "{}", TIMESTAMP);                 /* access key id */
    compare_hosts(s, &renamed, "localhost", "/a b", "{}", TIMESTAMP);    /* and host */
    compare_forms(s, &EXAMPLE, "/", "", TIMESTAMP + 1);                  /* another second */
    compare_forms(s, &keys, "/", "{}", TIMESTAMP + 1);                   /* a token */
    compare_forms(s, &other, "/", "{}", TIMESTAMP + 1);                  /* another secret */
    compare_forms(s, &EXAMPLE, "/", "{}", TIMESTAMP + 86400);            /* another day */
    compare_forms(s, &EXAMPLE, "/a b//c/../", "{}", TIMESTAMP);          /* back to the first day, with a path */
    sigv4_free(s);
}

/* Several at once are what they are one by one, in whatever company. */
static void test_post_many(void **state) {
    (void)state;
    static const char *const operations[] = {"BatchWriteItem", "BatchWriteItem", "PutItem", "BatchWriteItem"};
    static const char *const bodies[] = {"{}", "", "{\"Item\":{}}", "{\"RequestItems\":{}}"};
    struct sigv4 *s = new_dynamodb();
    struct hash_sha256 *sha = hash_sha256_new();
    struct error err;
    assert_non_null(sha);
    for (int count = 1; count <= HASH_MANY; count++) {
        unsigned char digests[HASH_MANY][HASH_SHA256_BYTES];
        struct sigv4_post posts[HASH_MANY];
        struct buffer heads[HASH_MANY], want;
        buffer_init(&want, 1 << 16);
        for (int k = 0; k < count; k++) {
            buffer_init(&heads[k], 1 << 16);
            assert_true(hash_sha256(sha, bodies[k % 4], strlen(bodies[k % 4]), digests[k]));
            posts[k] = (struct sigv4_post){operations[k % 4], digests[k], strlen(bodies[k % 4]), &heads[k]};
        }
        assert_true(sigv4_post_many(s, &EXAMPLE, "localhost", "/", count, posts, TIMESTAMP, &err));
        for (int k = 0; k < count; k++) {
            struct sigv4 *other = new_dynamodb();
            want.len = 0;
            assert_true(sigv4_post(other, &EXAMPLE, "localhost", "/", operations[k % 4], bodies[k % 4], strlen(bodies[k % 4]),
                                   TIMESTAMP, &want, &err));
            assert_int_equal(heads[k].len, want.len);
            assert_memory_equal(heads[k].data, want.data, want.len);
            sigv4_free(other);
            buffer_free(&heads[k]);
        }
        buffer_free(&want);
    }
    hash_sha256_free(sha);
    sigv4_free(s);
}

static void test_post_head(void **state) {
    (void)state;
    struct sigv4 *s = new_dynamodb();
    struct buffer head;
    struct error err;
    buffer_init(&head, 1 << 16);
    assert_true(sigv4_post(s, &EXAMPLE, "localhost:8000", "/", "ListTables", "{}", 2, TIMESTAMP, &head, &err));
    assert_true(buffer_terminate(&head));
    const char *want = "POST / HTTP/1.1\r\nhost: localhost:8000\r\ncontent-type: application/x-amz-json-1.0\r\n"
                       "x-amz-target: DynamoDB_20120810.ListTables\r\nx-amz-date: 20150830T123600Z\r\ncontent-length: 2\r\n"
                       "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/eu-west-1/dynamodb/aws4_request, "
                       "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=";
    assert_memory_equal(head.data, want, strlen(want));
    assert_null(strstr(head.data, EXAMPLE.secret_access_key));
    buffer_free(&head);
    sigv4_free(s);
}

static void test_refusals(void **state) {
    (void)state;
    struct error err;
    struct buffer head;
    buffer_init(&head, 64); /* too small for any head */
    struct sigv4 *s = new_dynamodb();
    assert_false(sigv4_post(s, &EXAMPLE, "h", "/", "ListTables", "{}", 2, TIMESTAMP, &head, &err));
    assert_int_equal(err.kind, ERROR_LOCAL);
    assert_false(sigv4_post(s, &EXAMPLE, "h", "/", "ListTables", "{}", 2, INT64_MAX, &head, &err));
    sigv4_free(s);
    char longest[100];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    s = sigv4_new(longest, "dynamodb");
    assert_non_null(s);
    assert_false(sigv4_post(s, &EXAMPLE, "h", "/", "ListTables", "{}", 2, TIMESTAMP, &head, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    sigv4_free(s);
    sigv4_free(NULL);
    buffer_free(&head);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_suite_header), cmocka_unit_test(test_suite_query),      cmocka_unit_test(test_paths),
        cmocka_unit_test(test_queries),      cmocka_unit_test(test_post_equals_sign), cmocka_unit_test(test_post_head),
        cmocka_unit_test(test_post_many),    cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests_name("sigv4", tests, NULL, NULL);
}
