/* What held the workers up, when: time that they waited, by cause, in equal spans of the run.
 *
 * For: plays (play.h). Not for: a real run, whose progress says what it waits for. */
#ifndef ENGINE_WATCH_H
#define ENGINE_WATCH_H

#include <stdbool.h>
#include <stdint.h>

enum watch_cause {
    WATCH_NOTHING,     /* nothing is left to do */
    WATCH_CLIENT,      /* rows are not read and mapped faster */
    WATCH_ASKED,       /* the rate that was asked for */
    WATCH_REQUESTS,    /* all connections wait for answers */
    WATCH_PARTITION,   /* a partition key takes no more */
    WATCH_WARM,        /* a table or index on demand is not warm enough */
    WATCH_PROVISIONED, /* its provisioned units */
    WATCH_ACCOUNT,     /* the account's quota */
    WATCH_MAXIMUM,     /* its owner's limit */
};

/* What a worker waits for. */
struct watch_reason {
    enum watch_cause cause;
    int target, resource; /* from WATCH_PARTITION on; resource as in struct part */
    uint64_t bucket;      /* WATCH_PARTITION: parts_bucket of the key */
};

/* A part of the run with one main cause. */
struct watch_period {
    double from, to; /* seconds */
    struct watch_reason reason;
    int keys;     /* WATCH_PARTITION: how many keys, as far as they were told apart */
    double share; /* of the time waited: this cause's */
};

struct watch;

struct watch *watch_new(void);    /* NULL when memory is out */
void watch_free(struct watch *w); /* NULL is fine */

/* A worker waited from one time to another (nanoseconds since the beginning) for a reason. */
void watch_waited(struct watch *w, int64_t from, int64_t to, const struct watch_reason *why);

/* The periods of a run of so many nanoseconds, at most `most` (at least 1); returns how many. Seconds are multiplied by `slower`. */
int watch_periods(const struct watch *w, int64_t whole, double slower, struct watch_period *out, int most);

#endif
