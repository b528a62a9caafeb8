/* A model of how DynamoDB limits writes: what it would accept and refuse, and why. Pure: no clock but the caller's, no I/O, nothing
 * random, so that the same writes at the same times get the same answers.
 *
 * For: the tests' endpoint, tests of the rate on a simulated clock, and rehearsals. Not for: deciding what to send (governor.h).
 *
 * What is modelled, from the Developer Guide's pages "Quotas in Amazon DynamoDB", "DynamoDB on-demand capacity mode",
 * "Understanding DynamoDB warm throughput", "DynamoDB burst and adaptive capacity" and the API reference's ThrottlingReason:
 * - a partition takes 1,000 write units a second. Every partition key value, of the table and of each index, is taken to have a
 *   partition of its own: that DynamoDB puts many keys on one, and may split a hot one by sort key, is not modelled;
 * - on demand, a new table and a new index take 4,000 units a second (their warm throughput) and double the previous peak.
 *   "Throttling can occur if you exceed double your previous peak within 30 minutes": here the peak is that of the minute with the
 *   most units, and the warm throughput grows at the end of each 30 minutes. What is above it is refused as the partitions refuse
 *   (KeyRangeThroughput): warm throughput is how many of them there are. (The pages do not say which reason it is given; a client has
 *   to stand both.);
 * - on demand, a quota of 40,000 units a second: of a table and of each index on its own, or of a table with its indexes together.
 *   The guide can be read both ways;
 * - provisioned, the units a second that the table or index was given, and up to 300 seconds of what was not used (burst capacity).
 *   The guide grants burst to "your available throughput" and yet throttles a partition above 1,000 units, so a partition has no
 *   burst here unless it is asked for;
 * - an index that is full refuses the write to the table. */
#ifndef DYNAMODB_CAPACITY_H
#define DYNAMODB_CAPACITY_H

#include "dynamodb/parts.h"

/* What DynamoDB grants, in write units a second, and for how many seconds. Developer Guide: "Quotas in Amazon DynamoDB" (the
 * default quota, units of a table or index on demand), "Understanding DynamoDB warm throughput" (of what is new), "DynamoDB
 * on-demand capacity mode" (half an hour for double the peak), "DynamoDB burst and adaptive capacity" (a partition; what is kept of
 * unused units). */
#define CAPACITY_QUOTA_UNITS 40000.0
#define CAPACITY_PARTITION_UNITS 1000.0
#define CAPACITY_WARM_UNITS 4000.0
#define CAPACITY_GROW_SECONDS 1800.0
#define CAPACITY_BURST_SECONDS 300.0

enum capacity_quota {
    CAPACITY_QUOTA_EACH,     /* a table alone, and each of its indexes alone */
    CAPACITY_QUOTA_TOGETHER, /* a table with all its indexes */
};

/* Units are write units a second. 0 stands for the default. */
struct capacity_rules {
    enum capacity_quota quota_of;
    double quota;             /* CAPACITY_QUOTA_UNITS */
    double partition;         /* CAPACITY_PARTITION_UNITS */
    double warm;              /* of new tables and indexes on demand: CAPACITY_WARM_UNITS */
    double grow_seconds;      /* how long a peak must be past before its double is taken: CAPACITY_GROW_SECONDS */
    double burst_seconds;     /* of provisioned tables and indexes: CAPACITY_BURST_SECONDS */
    double partition_seconds; /* what an idle partition keeps: 1, which is no burst */
    /* Partition keys that can be busy at once: 65,536 (16 bytes each). When more are, the one that is nearest to being idle is
     * taken for idle. */
    int keys;
};

/* What one table or index is given. All 0: on demand, as new. */
struct capacity_given {
    double provisioned; /* 0: on demand */
    double warm;        /* on demand: where it stands; 0: as new */
    double maximum;     /* on demand: the most that its owner allows; 0: no such limit */
};

enum capacity_limit {
    CAPACITY_ACCEPTED = 0,
    CAPACITY_PARTITION,
    CAPACITY_WARM,
    CAPACITY_PROVISIONED,
    CAPACITY_ACCOUNT,
    CAPACITY_MAXIMUM,
    CAPACITY_LIMITS, /* how many there are */
};

struct capacity_refusal {
    enum capacity_limit limit;
    int resource; /* as in struct part */
    uint64_t key; /* of the part that was refused */
};

struct capacity;

/* NULL when memory is out. */
struct capacity *capacity_new(const struct capacity_rules *rules);
void capacity_free(struct capacity *c); /* NULL is fine */

/* Adds a table with `resources` resources, itself included, given what `given` says of each; returns its number, or -1 when memory
 * is out. Capacity begins at `now` (nanoseconds; so are all times here, and they never go back). */
int capacity_add_table(struct capacity *c, const struct capacity_given *given, int resources, int64_t now);

/* One item is written. Accepted whole or not at all: true, or false with what refused it. A limit that has anything left accepts,
 * and goes into debt by the rest of a large item. */
bool capacity_write(struct capacity *c, int64_t now, int table, const struct parts *parts, struct capacity_refusal *why);

/* Units a second that a resource takes now from evenly spread keys. */
double capacity_limit_now(struct capacity *c, int64_t now, int table, int resource);

/* Partition keys that were forgotten while busy, since there was no room: each may have been given too much. */
uint64_t capacity_forgotten(const struct capacity *c);

/* As in ThrottlingReasons[].reason: TableWriteKeyRangeThroughputExceeded and the like; "" for CAPACITY_ACCEPTED. */
const char *capacity_reason(const struct capacity_refusal *why);
/* The same as a client reads it: DYNAMODB_LIMIT_* (failure.h). */
unsigned capacity_limits(const struct capacity_refusal *why);
/* The error that is answered when nothing of a call was accepted: ProvisionedThroughputExceededException or ThrottlingException. */
const char *capacity_error(const struct capacity_refusal *why);

#endif
