/* Every limit is a bucket kept as one time: when it would be full again if nothing more came. It has room while that is less than its depth
 * ahead of now; so an idle bucket needs no care, and one that is full is the same as one that was never there. */
#include "dynamodb/capacity.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dynamodb/failure.h"

#define KEYS 65536
#define WAYS 8 /* places in which a key may be: a cache line or two */
#define PEAK_WINDOW (60 * CLOCK_SECOND)

struct busy_key {
    uint64_t bucket; /* parts_bucket */
    int64_t full_at; /* not later than now: the place is free */
};

struct resource {
    struct capacity_given given;
    int64_t full_at, quota_full_at, maximum_full_at;
    double warm;
    int64_t grows_at, minute_ends;
    double minute_units, peak; /* of the minute under way; units a second of the best one since the last growth */
};

struct table {
    struct resource *resources;
    int count;
};

struct capacity {
    struct capacity_rules rules;
    struct table *tables;
    int table_count;
    struct busy_key *keys;
    uint64_t sets, forgotten;
};

static double or_default(double value, double otherwise) {
    return value > 0 ? value : otherwise;
}

struct capacity *capacity_new(const struct capacity_rules *rules) {
    struct capacity *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->rules = (struct capacity_rules){
        .quota_of = rules->quota_of,
        .quota = or_default(rules->quota, CAPACITY_QUOTA_UNITS),
        .partition = or_default(rules->partition, CAPACITY_PARTITION_UNITS),
        .warm = or_default(rules->warm, CAPACITY_WARM_UNITS),
        .grow_seconds = or_default(rules->grow_seconds, CAPACITY_GROW_SECONDS),
        .burst_seconds = or_default(rules->burst_seconds, CAPACITY_BURST_SECONDS),
        .partition_seconds = or_default(rules->partition_seconds, 1),
        .keys = rules->keys > 0 ? rules->keys : KEYS,
    };
    c->sets = ((uint64_t)c->rules.keys + WAYS - 1) / WAYS;
    c->keys = calloc(c->sets * WAYS, sizeof *c->keys);
    if (c->keys) return c;
    capacity_free(c);
    return NULL;
}

void capacity_free(struct capacity *c) {
    if (c == NULL) return;
    for (int i = 0; i < c->table_count; i++) free(c->tables[i].resources);
    free(c->tables);
    free(c->keys);
    free(c);
}

static int64_t nanoseconds(double seconds) {
    return (int64_t)(seconds * (double)CLOCK_SECOND);
}

int capacity_add_table(struct capacity *c, const struct capacity_given *given, int resources, int64_t now) {
    struct table *more = realloc(c->tables, ((size_t)c->table_count + 1) * sizeof *more);
    if (more == NULL) return -1;
    c->tables = more;
    struct table *t = &c->tables[c->table_count];
    *t = (struct table){.resources = calloc((size_t)resources, sizeof *t->resources), .count = resources};
    if (t->resources == NULL) return -1;
    for (int i = 0; i < resources; i++) {
        t->resources[i] = (struct resource){
            .given = given[i],
            .warm = or_default(given[i].warm, c->rules.warm),
            /* nothing was unused before it was there */
            .full_at = given[i].provisioned > 0 ? now + nanoseconds(c->rules.burst_seconds - 1) : now,
            .grows_at = now + nanoseconds(c->rules.grow_seconds),
            .minute_ends = now + PEAK_WINDOW,
        };
    }
    return c->table_count++;
}

/* --- buckets --- */

/* Whether a bucket that keeps `seconds` of its capacity has anything left. */
static bool has_room(int64_t full_at, int64_t now, double seconds) {
    return full_at < now + nanoseconds(seconds);
}

static void take(int64_t *full_at, int64_t now, double units, double rate) {
    *full_at = (*full_at > now ? *full_at : now) + (int64_t)(units * (double)CLOCK_SECOND / rate + 0.5);
}

/* --- partition keys --- */

static struct busy_key *find_key(const struct capacity *c, uint64_t bucket, int64_t now) {
    struct busy_key *set = &c->keys[bucket % c->sets * WAYS];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].bucket == bucket && set[i].full_at > now) return &set[i];
    }
    return NULL;
}

/* A place for a key that is idle until now: a free one, or that of the key that will be idle first. */
static struct busy_key *place_key(struct capacity *c, uint64_t bucket, int64_t now) {
    struct busy_key *set = &c->keys[bucket % c->sets * WAYS], *best = set;
    for (int i = 1; i < WAYS && best->full_at > now; i++) {
        if (set[i].full_at < best->full_at) best = &set[i];
    }
    c->forgotten += best->full_at > now;
    *best = (struct busy_key){.bucket = bucket, .full_at = now};
    return best;
}

static bool partition_has_room(const struct capacity *c, int64_t now, uint64_t bucket) {
    const struct busy_key *k = find_key(c, bucket, now);
    return k == NULL || has_room(k->full_at, now, c->rules.partition_seconds);
}

static void partition_take(struct capacity *c, int64_t now, uint64_t bucket, double units) {
    struct busy_key *k = find_key(c, bucket, now);
    if (k == NULL) k = place_key(c, bucket, now);
    take(&k->full_at, now, units, c->rules.partition);
}

/* --- tables and indexes --- */

/* Warm throughput grows to double the peak at the end of each period. */
static void grow(const struct capacity *c, struct resource *r, int64_t now) {
    while (now >= r->minute_ends || now >= r->grows_at) {
        if (r->minute_ends <= r->grows_at) {
            double rate = r->minute_units / ((double)PEAK_WINDOW / (double)CLOCK_SECOND);
            if (rate > r->peak) r->peak = rate;
            r->minute_units = 0;
            r->minute_ends += PEAK_WINDOW;
        } else {
            if (2 * r->peak > r->warm) r->warm = 2 * r->peak;
            r->peak = 0;
            r->grows_at += nanoseconds(c->rules.grow_seconds);
        }
    }
}

/* The table holds the quota when it is one for all. */
static struct resource *quota_of(const struct capacity *c, const struct table *t, int resource) {
    return &t->resources[c->rules.quota_of == CAPACITY_QUOTA_TOGETHER ? PARTS_TABLE : resource];
}

static enum capacity_limit limit_of(const struct capacity *c, int64_t now, int table, const struct part *p) {
    const struct table *t = &c->tables[table];
    struct resource *r = &t->resources[p->resource];
    if (r->given.provisioned > 0) {
        if (!has_room(r->full_at, now, c->rules.burst_seconds)) return CAPACITY_PROVISIONED;
    } else {
        grow(c, r, now);
        if (!has_room(quota_of(c, t, p->resource)->quota_full_at, now, 1)) return CAPACITY_ACCOUNT;
        if (r->given.maximum > 0 && !has_room(r->maximum_full_at, now, 1)) return CAPACITY_MAXIMUM;
        if (!has_room(r->full_at, now, 1)) return CAPACITY_WARM;
    }
    return partition_has_room(c, now, parts_bucket(table, p)) ? CAPACITY_ACCEPTED : CAPACITY_PARTITION;
}

static void spend(struct capacity *c, int64_t now, int table, const struct part *p) {
    const struct table *t = &c->tables[table];
    struct resource *r = &t->resources[p->resource];
    if (r->given.provisioned > 0) {
        take(&r->full_at, now, p->units, r->given.provisioned);
    } else {
        take(&quota_of(c, t, p->resource)->quota_full_at, now, p->units, c->rules.quota);
        if (r->given.maximum > 0) take(&r->maximum_full_at, now, p->units, r->given.maximum);
        take(&r->full_at, now, p->units, r->warm);
        r->minute_units += p->units;
    }
    partition_take(c, now, parts_bucket(table, p), p->units);
}

bool capacity_write(struct capacity *c, int64_t now, int table, const struct parts *parts, struct capacity_refusal *why) {
    for (int i = 0; i < parts->count; i++) {
        const struct part *p = &parts->at[i];
        enum capacity_limit limit = limit_of(c, now, table, p);
        if (limit == CAPACITY_ACCEPTED) continue;
        *why = (struct capacity_refusal){.limit = limit, .resource = p->resource, .key = p->key};
        return false;
    }
    for (int i = 0; i < parts->count; i++) spend(c, now, table, &parts->at[i]);
    *why = (struct capacity_refusal){.limit = CAPACITY_ACCEPTED};
    return true;
}

double capacity_limit_now(struct capacity *c, int64_t now, int table, int resource) {
    struct resource *r = &c->tables[table].resources[resource];
    if (r->given.provisioned > 0) return r->given.provisioned;
    grow(c, r, now);
    double limit = r->warm < c->rules.quota ? r->warm : c->rules.quota;
    return r->given.maximum > 0 && r->given.maximum < limit ? r->given.maximum : limit;
}

uint64_t capacity_forgotten(const struct capacity *c) {
    return c->forgotten;
}

/* --- words --- */

const char *capacity_reason(const struct capacity_refusal *why) {
    static const char *const reasons[CAPACITY_LIMITS][2] = {
        [CAPACITY_ACCEPTED] = {"", ""},
        [CAPACITY_PARTITION] = {"TableWriteKeyRangeThroughputExceeded", "IndexWriteKeyRangeThroughputExceeded"},
        [CAPACITY_WARM] = {"TableWriteKeyRangeThroughputExceeded", "IndexWriteKeyRangeThroughputExceeded"},
        [CAPACITY_PROVISIONED] = {"TableWriteProvisionedThroughputExceeded", "IndexWriteProvisionedThroughputExceeded"},
        [CAPACITY_ACCOUNT] = {"TableWriteAccountLimitExceeded", "IndexWriteAccountLimitExceeded"},
        [CAPACITY_MAXIMUM] = {"TableWriteMaxOnDemandThroughputExceeded", "IndexWriteMaxOnDemandThroughputExceeded"},
    };
    return reasons[why->limit][why->resource != PARTS_TABLE];
}

unsigned capacity_limits(const struct capacity_refusal *why) {
    static const unsigned limits[CAPACITY_LIMITS] = {
        [CAPACITY_PARTITION] = DYNAMODB_LIMIT_PARTITION,     [CAPACITY_WARM] = DYNAMODB_LIMIT_PARTITION,
        [CAPACITY_PROVISIONED] = DYNAMODB_LIMIT_PROVISIONED, [CAPACITY_ACCOUNT] = DYNAMODB_LIMIT_ACCOUNT,
        [CAPACITY_MAXIMUM] = DYNAMODB_LIMIT_ON_DEMAND,
    };
    return limits[why->limit] | (why->resource != PARTS_TABLE ? DYNAMODB_LIMIT_INDEX : 0);
}

const char *capacity_error(const struct capacity_refusal *why) {
    return why->limit == CAPACITY_PROVISIONED ? "ProvisionedThroughputExceededException" : "ThrottlingException";
}
