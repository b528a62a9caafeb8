/* The client of small calls against a scripted peer: what it sends again, heals, gives up, and says. */
#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "dynamodb/client.h"
#include "dynamodb/tables.h"

#define REQUESTS_MAX 16
#define CONNECTIONS_MAX 16

/* One answer of the script; the last is repeated. Without a body it has the request's. */
struct answer {
    int status;
    const char *headers, *body;
};

/* A peer on loopback, with a thread for each connection; it ends when its listening socket is shut down. */
struct peer {
    int listener;
    const struct answer *answers;
    int count;
    pthread_mutex_t lock; /* guards what follows */
    int requests;
    char heads[REQUESTS_MAX][4096];
    pthread_t thread;
    char url[64];
};

struct served {
    struct peer *peer;
    int fd;
    pthread_t thread;
};

/* Reads one request: which it is, from 0, and its body; -1 when the connection ends. */
static int read_request(struct peer *p, int fd, char in[16384], const char **body) {
    size_t used = 0;
    for (;;) {
        ssize_t n = recv(fd, in + used, 16383 - used, 0);
        if (n <= 0) return -1;
        used += (size_t)n;
        in[used] = '\0';
        const char *end = strstr(in, "\r\n\r\n");
        if (end == NULL) continue;
        const char *length = strcasestr(in, "content-length:");
        size_t need = (size_t)(end + 4 - in) + (length ? strtoul(length + 15, NULL, 10) : 0);
        if (used < need) continue;
        *body = end + 4;
        pthread_mutex_lock(&p->lock);
        int number = p->requests++;
        if (number < REQUESTS_MAX) snprintf(p->heads[number], sizeof p->heads[0], "%.*s", (int)(end + 2 - in), in);
        pthread_mutex_unlock(&p->lock);
        return number;
    }
}

static void *serve_one(void *arg) {
    const struct served *s = arg;
    char in[16384], out[4096];
    const char *body;
    for (int number; (number = read_request(s->peer, s->fd, in, &body)) >= 0;) {
        const struct answer *a = &s->peer->answers[number < s->peer->count ? number : s->peer->count - 1];
        if (a->body) body = a->body;
        int n = snprintf(out, sizeof out, "HTTP/1.1 %d Any\r\nContent-Length: %zu\r\n%s\r\n%s", a->status, strlen(body),
                         a->headers, body);
        if (send(s->fd, out, (size_t)n, MSG_NOSIGNAL) != n) break;
    }
    close(s->fd);
    return NULL;
}

static void *serve(void *arg) {
    struct peer *p = arg;
    struct served served[CONNECTIONS_MAX];
    int count = 0;
    for (int fd; count < CONNECTIONS_MAX && (fd = accept(p->listener, NULL, NULL)) >= 0; count++) {
        served[count] = (struct served){.peer = p, .fd = fd};
        if (pthread_create(&served[count].thread, NULL, serve_one, &served[count]) != 0) abort();
    }
    for (int i = 0; i < count; i++) pthread_join(served[i].thread, NULL);
    return NULL;
}

static void open_peer(struct peer *p, const struct answer *answers, int count) {
    *p = (struct peer){.answers = answers, .count = count};
    pthread_mutex_init(&p->lock, NULL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(p->listener >= 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&address, &size), 0);
    snprintf(p->url, sizeof p->url, "http://127.0.0.1:%d", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
}

/* After the client is freed, so that no connection is open. */
static void close_peer(struct peer *p) {
    shutdown(p->listener, SHUT_RDWR);
    pthread_join(p->thread, NULL);
    close(p->listener);
}

static struct dynamodb_client *open_client(const struct peer *p) {
    struct error err = {0};
    struct aws_wish wish = {.region = "eu-west-1", .endpoint = p->url};
    struct dynamodb_client *c = dynamodb_client_new(&wish, false, &err);
    if (c == NULL) fail_msg("%s", err.text);
    return c;
}

/* Calls ListTables against a script; the result of the call. */
static bool call(const struct answer *answers, int count, int64_t retry_ns, struct peer *p, struct buffer *response,
                 struct error *err) {
    open_peer(p, answers, count);
    struct dynamodb_client *c = open_client(p);
    dynamodb_client_set_patience(c, &(struct dynamodb_patience){.retry_ns = retry_ns});
    *err = (struct error){0};
    bool ok = dynamodb_call(c, "ListTables", "{}", 2, response, err);
    int attempts = dynamodb_client_attempts(c);
    dynamodb_client_free(c);
    close_peer(p);
    assert_int_equal(attempts, p->requests);
    return ok;
}

#define CALL(answers, retry_ns, p, response, err)                                                                                \
    call(answers, (int)(sizeof(answers) / sizeof(answers)[0]), retry_ns, p, response, err)
#define FAILED(type, message) "{\"__type\":\"com.amazonaws.dynamodb.v20120810#" type "\",\"message\":\"" message "\"}"

static void answered(void **state) {
    (void)state;
    static const struct answer answers[] = {{200, "x-amz-crc32: 2745614147\r\n", "{}"}};
    struct peer p;
    struct buffer response;
    struct error err;
    buffer_init(&response, 1000);
    assert_true(buffer_append_text(&response, "what was there before"));
    if (!CALL(answers, 0, &p, &response, &err)) fail_msg("%s", err.text);
    assert_int_equal(response.len, 2);
    assert_memory_equal(response.data, "{}", 2);
    assert_non_null(strcasestr(p.heads[0], "x-amz-target: DynamoDB_20120810.ListTables\r\n"));
    assert_non_null(strcasestr(p.heads[0], "Credential=AKIDEXAMPLE/"));
    assert_non_null(strcasestr(p.heads[0], "/eu-west-1/dynamodb/aws4_request"));
    buffer_free(&response);
}

static void sent_again(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {500, "", FAILED("InternalServerError", "again")},
        {503, "", "<html>"},
        {200, "x-amz-crc32: 1\r\n", "{}"},
        {200, "", "{}"}, /* without a checksum there is nothing to compare */
    };
    struct peer p;
    struct error err;
    if (!CALL(answers, 0, &p, NULL, &err)) fail_msg("%s", err.text);
    assert_int_equal(p.requests, 4);
}

static void given_up(void **state) {
    (void)state;
    static const struct answer answers[] = {{400, "x-amz-retry-after: 5000\r\n", FAILED("ThrottlingException", "slow down")}};
    struct peer p;
    struct error err;
    assert_false(CALL(answers, CLOCK_SECOND, &p, NULL, &err));
    assert_int_equal(p.requests, 1); /* the wait that the service asks for is more than the patience */
    assert_int_equal(err.kind, ERROR_TARGET);
    assert_true(err.retryable);
    assert_string_equal(err.code, "ThrottlingException");
    assert_string_equal(err.text, "ListTables: ThrottlingException: slow down");
    assert_non_null(strstr(err.hint, "given up after 1 attempt in "));
    assert_non_null(strstr(err.hint, "; the address is from "));
}

static void refused(void **state) {
    (void)state;
    static const struct answer answers[] = {{400, "", FAILED("ResourceNotFoundException", "no such table")}};
    struct peer p;
    struct error err;
    assert_false(CALL(answers, 0, &p, NULL, &err));
    assert_int_equal(p.requests, 1);
    assert_false(err.retryable);
    assert_string_equal(err.code, "ResourceNotFoundException");
    assert_string_equal(err.text, "ListTables: ResourceNotFoundException: no such table");
}

/* The service's clock is taken over, once. */
static void clock_healed(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {400, "Date: Sun, 01 Jan 2034 12:00:00 GMT\r\n", FAILED("RequestExpired", "expired")},
        {200, "", "{}"},
    };
    struct peer p;
    struct error err;
    if (!CALL(answers, 0, &p, NULL, &err)) fail_msg("%s", err.text);
    assert_null(strcasestr(p.heads[0], "x-amz-date: 20340101T1200"));
    assert_non_null(strcasestr(p.heads[1], "x-amz-date: 20340101T1200"));
    assert_false(call(answers, 1, 0, &p, NULL, &err)); /* and if that does not heal it: an error */
    assert_int_equal(p.requests, 2);
    assert_string_equal(err.code, "RequestExpired");
}

/* Keys that were changed meanwhile are read anew, once. */
static void keys_healed(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {400, "", FAILED("ExpiredTokenException", "expired")},
        {200, "", "{}"},
    };
    struct peer p;
    struct error err;
    open_peer(&p, answers, 2);
    struct dynamodb_client *c = open_client(&p);
    setenv("AWS_ACCESS_KEY_ID", "AKIDROTATED", 1);
    bool ok = dynamodb_call(c, "ListTables", "{}", 2, NULL, &err);
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    dynamodb_client_free(c);
    close_peer(&p);
    if (!ok) fail_msg("%s", err.text);
    assert_non_null(strcasestr(p.heads[0], "Credential=AKIDEXAMPLE/"));
    assert_non_null(strcasestr(p.heads[1], "Credential=AKIDROTATED/"));
    assert_false(call(answers, 1, 0, &p, NULL, &err));
    assert_int_equal(p.requests, 2);
    assert_string_equal(err.code, "ExpiredTokenException");
}

static void set_stop(void *arg, const char *text) {
    assert_non_null(strstr(text, "ListTables: HTTP 500"));
    assert_non_null(strstr(text, "; trying again in "));
    *(volatile int *)arg = 1;
}

static void interrupted(void **state) {
    (void)state;
    static const struct answer answers[] = {{500, "x-amz-retry-after: 20000\r\n", ""}};
    struct peer p;
    struct error err;
    volatile int stop = 0;
    open_peer(&p, answers, 1);
    struct dynamodb_client *c = open_client(&p);
    dynamodb_client_set_patience(c, &(struct dynamodb_patience){.stop = &stop, .say = set_stop, .arg = (void *)&stop});
    assert_false(dynamodb_call(c, "ListTables", "{}", 2, NULL, &err));
    assert_int_equal(err.kind, ERROR_INTERRUPTED);
    dynamodb_client_free(c);
    close_peer(&p);
    assert_int_equal(p.requests, 1);
}

static void response_too_long(void **state) {
    (void)state;
    static const struct answer answers[] = {{200, "", "{\"TableNames\":[\"a\",\"b\"]}"}};
    struct peer p;
    struct error err;
    struct buffer response;
    buffer_init(&response, 10);
    assert_false(CALL(answers, 0, &p, &response, &err));
    assert_int_equal(err.kind, ERROR_LOCAL);
    buffer_free(&response);
}

static void empty_or_not(void **state) {
    (void)state;
    static const struct {
        const char *body;
        bool ok, empty;
    } table[] = {
        {"{\"Count\":0,\"ScannedCount\":0}", true, true},
        {"{\"Count\":1,\"LastEvaluatedKey\":{\"k\":{\"S\":\"a\"}}}", true, false},
        {"{}", false, false},
        {"{\"Count\":", false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct answer answer = {200, "", table[i].body};
        struct peer p;
        struct error err = {0};
        bool empty = false;
        open_peer(&p, &answer, 1);
        struct dynamodb_client *c = open_client(&p);
        assert_int_equal(dynamodb_table_is_empty(c, "t", &empty, &err), table[i].ok);
        dynamodb_client_free(c);
        close_peer(&p);
        assert_int_equal(empty, table[i].empty);
    }
}

/* Page by page, until one is found or there are no more. */
static void owned_or_not(void **state) {
    (void)state;
#define MORE "\"LastEvaluatedKey\":{\"k\":{\"S\":\"a\"}}"
    static const char none[] = "{\"Count\":0,\"ScannedCount\":3," MORE "}";
    static const struct {
        const char *bodies[3];
        int requests;
        bool ok, has;
    } table[] = {
        {{"{\"Count\":0,\"ScannedCount\":9}"}, 1, true, false},
        {{"{\"Count\":2," MORE "}"}, 1, true, true},
        {{none, none, "{\"Count\":0}"}, 3, true, false},
        {{none, none, "{\"Count\":1}"}, 3, true, true},
        {{none, "{}"}, 2, false, false},
        {{"{\"Count\":-1}"}, 1, false, false},
        {{"{\"Count\":0"}, 1, false, false},
        {{"[]"}, 1, false, false},
    };
    static const char *const owns[] = {"A#", "B\"#"}, *const except[] = {"A#1"};
    struct dynamodb_schema schema = {.name = "t", .partition = {"k", DYNAMODB_S}};
    struct dynamodb_owned wanted = {.owns = owns, .owns_count = 2, .except = except, .except_count = 1};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct answer answers[3];
        for (int k = 0; k < 3; k++) answers[k] = (struct answer){200, "", table[i].bodies[k] ? table[i].bodies[k] : ""};
        struct peer p;
        struct error err = {0};
        bool has = false;
        open_peer(&p, answers, 3);
        struct dynamodb_client *c = open_client(&p);
        assert_int_equal(dynamodb_table_has_owned(c, &schema, &wanted, &has, &err), table[i].ok);
        dynamodb_client_free(c);
        close_peer(&p);
        assert_int_equal(has, table[i].has);
        assert_int_equal(p.requests, table[i].requests);
        if (!table[i].ok) assert_int_equal(err.kind, ERROR_TARGET);
    }
}

#define DESCRIBED(status)                                                                                                        \
    "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"" status "\",\"AttributeDefinitions\":[{\"AttributeName\":\"k\","         \
    "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}],"                                  \
    "\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}}}"

/* The first CreateTable made the table though its answer was lost: the second's refusal is no failure. */
static void created_twice(void **state) {
    (void)state;
    static const struct answer answers[] = {
        {500, "", ""},
        {400, "", FAILED("ResourceInUseException", "Table already exists: t")},
        {200, "", DESCRIBED("ACTIVE")},
        {400, "", FAILED("UnknownOperationException", "")}, /* UpdateTimeToLive */
        {200, "", DESCRIBED("ACTIVE")},
        {400, "", FAILED("AccessDeniedException", "no")}, /* DescribeTimeToLive, DescribeContinuousBackups */
    };
    struct dynamodb_schema schema = {.name = "t", .partition = {"k", DYNAMODB_S}, .time_to_live = "TTL"};
    struct dynamodb_notices notices = {.arena = arena_new()};
    assert_non_null(notices.arena);
    struct peer p;
    struct error err = {0};
    open_peer(&p, answers, (int)(sizeof answers / sizeof answers[0]));
    struct dynamodb_client *c = open_client(&p);
    bool ok = dynamodb_table_create(c, &schema, &notices, &err);
    dynamodb_client_free(c);
    close_peer(&p);
    if (!ok) fail_msg("%s", err.text);
    assert_int_equal(notices.count, 1);
    assert_string_equal(notices.lines[0], "table t: this endpoint does not know UpdateTimeToLive: the time to live is not set");
    arena_free(notices.arena);

    open_peer(&p, &answers[1], 1);
    c = open_client(&p);
    assert_false(dynamodb_table_create(c, &schema, &notices, &err)); /* sent once, it is another's table */
    assert_string_equal(err.code, "ResourceInUseException");
    dynamodb_client_free(c);
    close_peer(&p);
}

static void expect_echo(struct dynamodb_client *c, const char *operation, const char *body, int attempts) {
    struct buffer response;
    struct error err = {0};
    buffer_init(&response, 100);
    if (!dynamodb_call(c, operation, body, strlen(body), &response, &err)) fail_msg("%s", err.text);
    assert_true(buffer_terminate(&response));
    assert_string_equal(response.data, body);
    assert_int_equal(dynamodb_client_attempts(c), attempts);
    buffer_free(&response);
}

/* What is sent ahead is sent once, and each call has the answer to its own; one that has failed, or is wanted no more, is sent again. */
static void ahead(void **state) {
    (void)state;
    static const struct answer echo = {200, "", NULL};
    static const struct answer answers[] = {echo, echo, echo, {500, "", ""}, echo};
    struct peer p;
    open_peer(&p, answers, 5);
    struct dynamodb_client *c = open_client(&p);
    dynamodb_call_ahead(c, "ListTables", "{\"a\":1}", 7);
    dynamodb_call_ahead(c, "ListTables", "{\"b\":1}", 7);
    expect_echo(c, "ListTables", "{\"b\":1}", 1);
    expect_echo(c, "ListTables", "{\"a\":2}", 1); /* not what was sent */
    expect_echo(c, "ListTables", "{\"a\":1}", 1);
    assert_int_equal(p.requests, 3);
    dynamodb_call_ahead(c, "DescribeLimits", "{}", 2);
    expect_echo(c, "DescribeLimits", "{}", 2);
    assert_int_equal(p.requests, 5);
    dynamodb_call_ahead(c, "DescribeLimits", "{}", 2);
    expect_echo(c, "ListTables", "{}", 1);
    dynamodb_forget_ahead(c);
    expect_echo(c, "DescribeLimits", "{}", 1);
    for (int i = 0; i < 5; i++)
        dynamodb_call_ahead(c, "ListTables", "{}", 2); /* more than can be sent: as if they had not been */
    expect_echo(c, "ListTables", "{}", 1);
    dynamodb_close_ahead(c);
    expect_echo(c, "ListTables", "{}", 1);
    dynamodb_call_ahead(c, "ListTables", "{}", 2);
    dynamodb_client_free(c); /* with some on their way */
    close_peer(&p);
}

/* A table that is not ACTIVE is asked for items when it is, not when it is described. */
static void items_after_a_wait(void **state) {
    (void)state;
    static const struct answer unknown = {400, "", FAILED("UnknownOperationException", "")};
    static const struct answer answers[] = {
        {200, "", DESCRIBED("CREATING")},
        unknown,
        unknown, /* DescribeTimeToLive, DescribeContinuousBackups */
        {200, "", DESCRIBED("ACTIVE")},
        {200, "", "{\"Count\":0}"},
    };
    struct arena *arena = arena_new();
    struct dynamodb_description d;
    struct peer p;
    struct error err = {0};
    bool empty = false;
    assert_non_null(arena);
    open_peer(&p, answers, 5);
    struct dynamodb_client *c = open_client(&p);
    if (!dynamodb_table_describe(c, "t", true, &d, arena, &err)) fail_msg("%s", err.text);
    assert_false(dynamodb_table_active(&d, NULL));
    if (!dynamodb_table_wait(c, "t", &err) || !dynamodb_table_is_empty(c, "t", &empty, &err)) fail_msg("%s", err.text);
    assert_true(empty);
    dynamodb_client_free(c);
    close_peer(&p);
    assert_int_equal(p.requests, 5);
    assert_non_null(strcasestr(p.heads[4], "x-amz-target: DynamoDB_20120810.Scan\r\n"));
    arena_free(arena);
}

static int set_up(void **state) {
    (void)state;
    struct error err;
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    setenv("AWS_CONFIG_FILE", "/dev/null", 1);
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
    unsetenv("AWS_SESSION_TOKEN");
    unsetenv("AWS_PROFILE");
    return http_global_init(&err) ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answered),           cmocka_unit_test(sent_again),
        cmocka_unit_test(given_up),           cmocka_unit_test(refused),
        cmocka_unit_test(clock_healed),       cmocka_unit_test(keys_healed),
        cmocka_unit_test(interrupted),        cmocka_unit_test(response_too_long),
        cmocka_unit_test(empty_or_not),       cmocka_unit_test(owned_or_not),
        cmocka_unit_test(created_twice),      cmocka_unit_test(ahead),
        cmocka_unit_test(items_after_a_wait),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
