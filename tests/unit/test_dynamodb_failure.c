/* What a failed answer says: types, messages, throttling reasons, clocks; and bodies that are nonsense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "dynamodb/failure.h"

#define THROTTLED                                                                                                                \
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\",\"message\":\"Throughput "                             \
    "exceeds\","                                                                                                                 \
    "\"ThrottlingReasons\":[{\"reason\":\"TableWriteKeyRangeThroughputExceeded\",\"resource\":\"arn:aws:"                        \
    "dynamodb:x\"},"                                                                                                             \
    "{\"resource\":\"arn\",\"reason\":\"IndexWriteMaxOnDemandThroughputExceeded\"},"                                             \
    "{\"reason\":\"TableWriteKeyRangeThroughputExceeded\"}]}"

static struct dynamodb_failure parse(int status, const char *body) {
    struct dynamodb_failure f;
    dynamodb_failure_parse(status, body, strlen(body), &f);
    return f;
}

static void types_and_messages(void **state) {
    (void)state;
    struct dynamodb_failure f =
        parse(400, "{\"__type\":\"com.amazon.coral.validate#ValidationException\",\"message\":\"One or more \\u00e9\"}");
    assert_int_equal(f.status, 400);
    assert_string_equal(f.type, "ValidationException");
    assert_string_equal(f.message, "One or more \xc3\xa9");
    assert_string_equal(f.reasons, "");
    assert_int_equal(f.limits, 0);
    assert_int_equal(f.class, RETRY_ITEM);

    f = parse(400, "{\"Message\":\"User is not authorized\",\"__type\":\"AccessDeniedException\"}");
    assert_string_equal(f.type, "AccessDeniedException");
    assert_string_equal(f.message, "User is not authorized");
    assert_int_equal(f.class, RETRY_STOP);

    f = parse(400, "{\"__type\":\"x#ResourceNotFoundException:http://internal.amazon.com/coral/"
                   "\",\"message\":\"gone\"}");
    assert_string_equal(f.type, "ResourceNotFoundException");
    assert_int_equal(f.class, RETRY_STOP);

    f = parse(500, "{\"other\":[1,{\"__type\":\"inner\"}],\"__type\":\"a#InternalServerError\"}");
    assert_string_equal(f.type, "InternalServerError");
    assert_string_equal(f.message, "no message (HTTP 500)");
    assert_int_equal(f.class, RETRY_TRANSIENT);
}

static void messages_on_one_line(void **state) {
    (void)state;
    struct dynamodb_failure f = parse(400, "{\"__type\":\"a#ValidationException\",\"message\":\"two\\nlines\\tand\\u007f\"}");
    assert_string_equal(f.message, "two lines and ");
}

static void long_messages(void **state) {
    (void)state;
    static char body[40000];
    size_t used = (size_t)snprintf(body, sizeof body, "{\"__type\":\"a#ValidationException\",\"message\":\"x");
    for (int i = 0; i < 3000; i++) used += (size_t)snprintf(body + used, sizeof body - used, "\xe2\x82\xac");
    snprintf(body + used, sizeof body - used, "\"}");
    struct dynamodb_failure f = parse(400, body);
    assert_true(strlen(f.message) < sizeof f.message);
    assert_true(strlen(f.message) > sizeof f.message - 5);
    assert_true(utf8_valid(f.message, strlen(f.message)));
    assert_string_equal(f.type, "ValidationException");
}

static void throttling_reasons(void **state) {
    (void)state;
    struct dynamodb_failure f = parse(400, THROTTLED);
    assert_string_equal(f.type, "ThrottlingException");
    assert_string_equal(f.reasons, "TableWriteKeyRangeThroughputExceeded, IndexWriteMaxOnDemandThroughputExceeded");
    assert_int_equal(f.limits, DYNAMODB_LIMIT_PARTITION | DYNAMODB_LIMIT_ON_DEMAND | DYNAMODB_LIMIT_INDEX);
    assert_int_equal(f.class, RETRY_THROTTLE);

    f = parse(400, "{\"__type\":\"a#ProvisionedThroughputExceededException\",\"message\":\"m\",\"ThrottlingReasons\":["
                   "{\"reason\":\"TableWriteProvisionedThroughputExceeded\"},{\"reason\":"
                   "\"TableWriteAccountLimitExceeded\"}]}");
    assert_int_equal(f.limits, DYNAMODB_LIMIT_PROVISIONED | DYNAMODB_LIMIT_ACCOUNT);
    assert_int_equal(f.class, RETRY_THROTTLE);
    assert_string_equal(f.index, "");

    f = parse(400,
              "{\"__type\":\"a#ThrottlingException\",\"ThrottlingReasons\":[{\"resource\":"
              "\"arn:aws:dynamodb:eu-west-1:1:table/T/index/GSI3\",\"reason\":\"IndexWriteKeyRangeThroughputExceeded\"},"
              "{\"reason\":\"TableWriteKeyRangeThroughputExceeded\",\"resource\":\"arn:aws:dynamodb:eu-west-1:1:table/T\"}]}");
    assert_string_equal(f.index, "GSI3");
    assert_int_equal(f.limits, DYNAMODB_LIMIT_PARTITION | DYNAMODB_LIMIT_INDEX);

    f = parse(400, "{\"ThrottlingReasons\":\"none\",\"__type\":\"a#ThrottlingException\",\"message\":\"m\"}");
    assert_string_equal(f.type, "ThrottlingException");
    assert_string_equal(f.reasons, "");
}

static void many_reasons(void **state) {
    (void)state;
    char body[8000];
    size_t used = (size_t)snprintf(body, sizeof body, "{\"__type\":\"a#ThrottlingException\",\"ThrottlingReasons\":[");
    for (int i = 0; i < 50; i++) {
        used += (size_t)snprintf(body + used, sizeof body - used, "%s{\"reason\":\"Reason%dWithALongNameAccountLimit\"}",
                                 i ? "," : "", i);
    }
    snprintf(body + used, sizeof body - used, "]}");
    struct dynamodb_failure f = parse(400, body);
    assert_true(strlen(f.reasons) < sizeof f.reasons);
    assert_int_equal(f.limits, DYNAMODB_LIMIT_ACCOUNT);
}

static void bodies_of_others(void **state) {
    (void)state;
    struct dynamodb_failure f = parse(503, "");
    assert_string_equal(f.message, "HTTP 503 with an empty body");
    assert_int_equal(f.class, RETRY_TRANSIENT);
    f = parse(502, "<html>\n<h1>Bad gateway</h1>\n</html>\n");
    assert_string_equal(f.message, "HTTP 502 with a body that is no DynamoDB error: <html> <h1>Bad gateway</h1> </html>");
    assert_int_equal(f.class, RETRY_TRANSIENT);
    f = parse(500, "\xff\xfe");
    assert_string_equal(f.message, "HTTP 500 with a body that is not text");
    dynamodb_failure_parse(504, NULL, 0, &f);
    assert_int_equal(f.class, RETRY_TRANSIENT);
}

/* Each beginning of a body, and each byte of it changed: always an answer with a message that is one line. */
static void nonsense(void **state) {
    (void)state;
    size_t n = strlen(THROTTLED);
    for (size_t at = 0; at < n; at++) {
        char *cut = malloc(at ? at : 1);
        assert_non_null(cut);
        memcpy(cut, THROTTLED, at);
        struct dynamodb_failure f;
        dynamodb_failure_parse(400, cut, at, &f);
        free(cut);
        assert_true(f.message[0] != '\0');
        for (int byte = 0; byte < 256; byte++) {
            char body[] = THROTTLED;
            body[at] = (char)byte;
            dynamodb_failure_parse(400, body, n, &f);
            assert_true(f.message[0] != '\0');
            assert_null(strpbrk(f.message, "\n\r\t"));
        }
    }
}

static void clocks(void **state) {
    (void)state;
    int64_t offset = 77;
    assert_true(dynamodb_clock_offset("Sun, 06 Nov 1994 08:49:37 GMT", 784111777, &offset) == false); /* no such service then */
    assert_int_equal(offset, 77);
    assert_true(dynamodb_clock_offset("Thu, 01 Jan 2026 00:00:00 GMT", 1767225600, &offset));
    assert_int_equal(offset, 0);
    assert_true(dynamodb_clock_offset("Thu, 01 Jan 2026 00:05:01 GMT", 1767225600, &offset));
    assert_int_equal(offset, 301);
    assert_true(dynamodb_clock_offset("Wed, 31 Dec 2025 23:59:59 GMT", 1767225600, &offset));
    assert_int_equal(offset, -1);
    static const char *const wrong[] = {
        "",
        "now",
        "Thu, 01 Jan 2026 00:00:00",
        "Thu, 01 Jan 2026 00:00:00 CET",
        "Thu, 01 Jan 2026 00:00:00 GMT ",
        "Thu, 41 Jan 2026 00:00:00 GMT",
        "Thu, 01 Jab 2026 00:00:00 GMT",
        "Thu, 01 anF 2026 00:00:00 GMT",
        "Thu, 01 Jan 2026 25:00:00 GMT",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "Thu, -1 Jan 2026 00:00:00 GMT",
        "Thursday, 01-Jan-26 00:00:00 GMT",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (dynamodb_clock_offset(wrong[i], 0, &offset)) fail_msg("%s is taken", wrong[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_and_messages), cmocka_unit_test(messages_on_one_line),
        cmocka_unit_test(long_messages),      cmocka_unit_test(throttling_reasons),
        cmocka_unit_test(many_reasons),       cmocka_unit_test(bodies_of_others),
        cmocka_unit_test(nonsense),           cmocka_unit_test(clocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
