#include "aws/retry.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"

#define TRANSIENT_BASE (25 * CLOCK_MS)
#define THROTTLE_BASE CLOCK_SECOND
#define LONGEST_WAIT (20 * CLOCK_SECOND)

static const struct {
    const char *type;
    enum retry_class class;
} TYPES[] = {
    {"ProvisionedThroughputExceededException", RETRY_THROTTLE},
    {"ThrottlingException", RETRY_THROTTLE},
    {"RequestLimitExceeded", RETRY_THROTTLE},
    {"LimitExceededException", RETRY_THROTTLE},
    {"TransactionInProgressException", RETRY_THROTTLE},
    {"Throttling", RETRY_THROTTLE},
    {"ThrottledException", RETRY_THROTTLE},
    {"RequestThrottled", RETRY_THROTTLE},
    {"RequestThrottledException", RETRY_THROTTLE},
    {"TooManyRequestsException", RETRY_THROTTLE},
    {"SlowDown", RETRY_THROTTLE},
    {"PriorRequestNotComplete", RETRY_THROTTLE},
    {"BandwidthLimitExceeded", RETRY_THROTTLE},

    {"InternalServerError", RETRY_TRANSIENT},
    {"RequestTimeout", RETRY_TRANSIENT},
    {"RequestTimeoutException", RETRY_TRANSIENT},
    {"ReplicatedWriteConflictException", RETRY_TRANSIENT},
    {"TransactionConflictException", RETRY_TRANSIENT}, /* somebody's transaction holds the item: it ends soon */

    {"RequestExpired", RETRY_CLOCK},
    {"RequestTimeTooSkewed", RETRY_CLOCK},
    {"RequestInTheFuture", RETRY_CLOCK},

    {"ExpiredTokenException", RETRY_AUTH},
    {"UnrecognizedClientException", RETRY_AUTH},

    {"ValidationException", RETRY_ITEM},
    {"ItemCollectionSizeLimitExceededException", RETRY_ITEM},

    {"ConditionalCheckFailedException", RETRY_CONDITION},

    {"ResourceNotFoundException", RETRY_STOP},
    {"AccessDeniedException", RETRY_STOP},
};

/* The two forms in which DynamoDB says that a signature's time, not the signature, is wrong. */
static bool names_the_time(const char *message) {
    return message && (strstr(message, "Signature expired") || strstr(message, "Signature not yet current"));
}

enum retry_class retry_classify(int status, const char *type, const char *message) {
    if (status >= 200 && status < 300) return RETRY_NONE;
    if (type == NULL) type = "";
    for (size_t i = 0; i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcmp(type, TYPES[i].type) == 0) return TYPES[i].class;
    }
    if (strcmp(type, "InvalidSignatureException") == 0) return names_the_time(message) ? RETRY_CLOCK : RETRY_STOP;
    if (status == 429) return RETRY_THROTTLE; /* a proxy or gateway in between */
    if (status == 500 || (status >= 502 && status <= 504)) return RETRY_TRANSIENT;
    return RETRY_STOP;
}

int64_t retry_wait(enum retry_class class, int attempt, int64_t retry_after_ms, double jitter) {
    int64_t base = class == RETRY_THROTTLE ? THROTTLE_BASE : class == RETRY_TRANSIENT ? TRANSIENT_BASE : 0;
    int64_t most = base;
    for (int i = 0; i < attempt && most > 0 && most < LONGEST_WAIT; i++) most *= 2;
    if (most > LONGEST_WAIT) most = LONGEST_WAIT;
    int64_t wait = (int64_t)(jitter * (double)most);
    int64_t least = retry_after_ms > 0 && retry_after_ms < INT64_MAX / CLOCK_MS ? retry_after_ms * CLOCK_MS : 0;
    return wait > least ? wait : least;
}
