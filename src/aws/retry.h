/* What to do about a failed call, and how long to wait: one policy for every call. Source: dynamodb-facts, "What to retry"
 * (AWS SDKs' standard retry mode; backoff defaults of 10 November 2026). */
#ifndef AWS_RETRY_H
#define AWS_RETRY_H

#include <stdbool.h>
#include <stdint.h>

enum retry_class {
    RETRY_NONE,      /* success */
    RETRY_THROTTLE,  /* slow down and send again */
    RETRY_TRANSIENT, /* send again */
    RETRY_CLOCK,     /* our clock is off: take the offset from Date once, sign again */
    RETRY_AUTH,      /* refresh credentials once, sign again */
    RETRY_ITEM,      /* the request's content is refused: find the item */
    RETRY_CONDITION, /* the condition of a write does not hold: an answer, which who asked must read */
    RETRY_STOP,      /* no sense in going on: missing table, denied access, bad signature */
};

/* The class of a response with this HTTP status and AWS error type (what follows '#'; "" for success). */
enum retry_class retry_classify(int status, const char *type, const char *message);

/* How long to wait before attempt number `attempt` (1 = the first retry), nanoseconds: jitter * min(base * 2^attempt, 20 s),
 * base 25 ms for transient failures, 1 s for throttling; `retry_after_ms` >= 0 (x-amz-retry-after) is the least. `jitter` in [0,
 * 1). */
int64_t retry_wait(enum retry_class class, int attempt, int64_t retry_after_ms, double jitter);

#endif
