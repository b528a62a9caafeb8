/* What is retried, and how long is waited. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/retry.h"
#include "base/clock.h"

static void expect_all(const char *const *types, int status, enum retry_class want) {
    for (; *types; types++) {
        enum retry_class got = retry_classify(status, *types, "");
        if (got != want) fail_msg("%s: class %d, expected %d", *types, (int)got, (int)want);
    }
}

static void test_types(void **state) {
    (void)state;
    static const char *const throttle[] = {"ProvisionedThroughputExceededException",
                                           "ThrottlingException",
                                           "RequestLimitExceeded",
                                           "LimitExceededException",
                                           "TransactionInProgressException",
                                           "Throttling",
                                           "ThrottledException",
                                           "RequestThrottled",
                                           "RequestThrottledException",
                                           "TooManyRequestsException",
                                           "SlowDown",
                                           "PriorRequestNotComplete",
                                           "BandwidthLimitExceeded",
                                           NULL};
    static const char *const transient[] = {"InternalServerError",          "RequestTimeout",
                                            "RequestTimeoutException",      "ReplicatedWriteConflictException",
                                            "TransactionConflictException", NULL};
    static const char *const the_clock[] = {"RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture", NULL};
    static const char *const auth[] = {"ExpiredTokenException", "UnrecognizedClientException", NULL};
    static const char *const item[] = {"ValidationException", "ItemCollectionSizeLimitExceededException", NULL};
    static const char *const stop[] = {
        "ResourceNotFoundException", "AccessDeniedException", "SomethingNewException", "", "validationexception", NULL};
    expect_all(throttle, 400, RETRY_THROTTLE);
    expect_all(throttle, 503, RETRY_THROTTLE);
    expect_all(transient, 400, RETRY_TRANSIENT);
    expect_all(the_clock, 400, RETRY_CLOCK);
    expect_all(auth, 400, RETRY_AUTH);
    expect_all(item, 400, RETRY_ITEM);
    static const char *const condition[] = {"ConditionalCheckFailedException", NULL};
    expect_all(condition, 400, RETRY_CONDITION);
    expect_all(stop, 400, RETRY_STOP);
}

static void test_statuses(void **state) {
    (void)state;
    assert_int_equal(retry_classify(200, "", ""), RETRY_NONE);
    assert_int_equal(retry_classify(204, NULL, NULL), RETRY_NONE);
    static const int transient[] = {500, 502, 503, 504};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(retry_classify(transient[i], "", ""), RETRY_TRANSIENT);
        assert_int_equal(retry_classify(transient[i], "Unheard", NULL), RETRY_TRANSIENT);
    }
    static const int stop[] = {0, 101, 301, 400, 403, 404, 413, 501, 505};
    for (int i = 0; i < 9; i++) assert_int_equal(retry_classify(stop[i], NULL, NULL), RETRY_STOP);
}

static void test_signatures(void **state) {
    (void)state;
    const char *type = "InvalidSignatureException";
    assert_int_equal(retry_classify(400, type, "Signature expired: 20150830T123600Z is now earlier than 20150830T124000Z"),
                     RETRY_CLOCK);
    assert_int_equal(retry_classify(400, type, "Signature not yet current: 20150830T123600Z is still later than"), RETRY_CLOCK);
    assert_int_equal(retry_classify(400, type, "The request signature we calculated does not match"), RETRY_STOP);
    assert_int_equal(retry_classify(400, type, NULL), RETRY_STOP);
}

static void test_waits(void **state) {
    (void)state;
    const double almost = 0.999999;
    assert_true(retry_wait(RETRY_TRANSIENT, 1, -1, 0.5) == 25 * CLOCK_MS);
    assert_true(retry_wait(RETRY_TRANSIENT, 2, -1, 0.5) == 50 * CLOCK_MS);
    assert_true(retry_wait(RETRY_THROTTLE, 1, -1, 0.5) == CLOCK_SECOND);
    assert_true(retry_wait(RETRY_THROTTLE, 3, -1, 0.5) == 4 * CLOCK_SECOND);
    assert_true(retry_wait(RETRY_TRANSIENT, 1, -1, 0) == 0);
    for (int attempt = -1; attempt < 2000; attempt++) {
        int64_t wait = retry_wait(RETRY_THROTTLE, attempt, -1, almost);
        assert_true(wait >= 0 && wait < 20 * CLOCK_SECOND);
    }
    assert_true(retry_wait(RETRY_THROTTLE, 1000000, -1, almost) > 19 * CLOCK_SECOND);
    assert_true(retry_wait(RETRY_CLOCK, 1, -1, almost) == 0);
    assert_true(retry_wait(RETRY_CONDITION, 1, -1, almost) == 0);
}

static void test_retry_after(void **state) {
    (void)state;
    assert_true(retry_wait(RETRY_TRANSIENT, 1, 700, 0.5) == 700 * CLOCK_MS);
    assert_true(retry_wait(RETRY_THROTTLE, 1, 700, 0.5) == CLOCK_SECOND); /* the least, not the most */
    assert_true(retry_wait(RETRY_AUTH, 1, 10, 0.5) == 10 * CLOCK_MS);
    assert_true(retry_wait(RETRY_AUTH, 1, INT64_MAX, 0.5) == 0); /* no time at all */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types), cmocka_unit_test(test_statuses),    cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_waits), cmocka_unit_test(test_retry_after),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
