#include "dynamodb/heat.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dynamodb/capacity.h"
#include "dynamodb/failure.h"

#define PARTITION CAPACITY_PARTITION_UNITS
/* Units a second are an average that fades with this time: as long as a partition's own bucket is deep. */
#define FADE CLOCK_SECOND
/* A key explains a refusal when it was sent this share of PARTITION of late; when the service has said that it is the table, more. */
#define GUILTY 0.85
#define GUILTY_THOUGH_TABLE 1.05
#define TABLE_SAID_FOR (5 * CLOCK_SECOND)
/* After the first refusal the counts need some time before they mean anything. */
#define GRACE (CLOCK_SECOND / 4)
/* Where a hot key's pace begins, how it falls (at most once in PACE_EVERY), how it recovers a second, and how far down it goes. Not while more
 * than OVERRUN of it is sent, by requests that were made before the key was known: what comes back then says nothing about the pace. */
#define PACE_FIRST 0.96
#define PACE_DOWN 0.95
#define OVERRUN 1.2
#define PACE_UP 0.01
#define PACE_LEAST 0.1
#define PACE_EVERY (CLOCK_SECOND / 4)
/* A key that was refused is left alone for so long in any case: its partition is empty. With 100 ms two to five times as much is refused. */
#define REST (250 * CLOCK_MS)
/* What a reader brings at once may be more than the pace allows at once; so much is not worth waiting for. */
#define LOOK_AHEAD (20 * CLOCK_MS)
/* The longest that a key is left alone, whatever was sent to it. */
#define LONGEST (10 * CLOCK_SECOND)
#define FORGIVEN_AFTER (10 * CLOCK_SECOND) /* without being used a key is as any other */
/* While something throttles, a key that was sent this share of PARTITION of late is paced before it is refused: to find that out costs
 * as many refused items as are on their way. */
#define WARNED 0.8
#define QUIET_AFTER (60 * CLOCK_SECOND) /* without a refusal nothing is counted */
#define PROBE_EVERY (2 * CLOCK_SECOND)

#define SETS 1024
#define WAYS 6

struct key {
    uint64_t bucket; /* parts_bucket; 0: free */
    int64_t at;      /* when `level` was right */
    double level;    /* units, fading */
    double pace;     /* units a second; 0: not hot */
    int64_t next;    /* hot: what was sent is paid for by then */
    int64_t turn;    /* hot: the next one's of those that were refused */
    int64_t since;   /* hot: since when */
    int64_t refused; /* hot: when last */
    int64_t paced;   /* hot: when the pace last changed */
};

struct heat {
    pthread_mutex_t lock;
    _Atomic bool active;
    int64_t since, refused; /* active: since when; the last refusal */
    int64_t probed, table_said;
    struct key keys[SETS][WAYS];
};

struct heat *heat_new(void) {
    struct heat *h = calloc(1, sizeof *h);
    if (h == NULL) return NULL;
    if (pthread_mutex_init(&h->lock, NULL) == 0) {
        h->probed = h->table_said = INT64_MIN / 2;
        return h;
    }
    free(h);
    return NULL;
}

void heat_free(struct heat *h) {
    if (h == NULL) return;
    pthread_mutex_destroy(&h->lock);
    free(h);
}

bool heat_active(const struct heat *h) {
    return atomic_load_explicit(&h->active, memory_order_relaxed);
}

/* --- counters --- */

static double level_now(const struct key *k, int64_t now) {
    return k->level * exp(-(double)(now - k->at) / (double)FADE);
}

static struct key *find(struct heat *h, uint64_t bucket) {
    struct key *set = h->keys[bucket % SETS];
    for (int i = 0; i < WAYS; i++) {
        if (set[i].bucket == bucket) return &set[i];
    }
    return NULL;
}

/* The key's counter; when it is new, in the place of the coldest, or of one that is not hot. */
static struct key *find_or_take(struct heat *h, uint64_t bucket, int64_t now) {
    struct key *set = h->keys[bucket % SETS], *coldest = NULL;
    double least = INFINITY;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].bucket == bucket) return &set[i];
        double level = set[i].bucket ? level_now(&set[i], now) + set[i].pace : -1;
        if (level < least) {
            least = level;
            coldest = &set[i];
        }
    }
    *coldest = (struct key){.bucket = bucket, .at = now};
    return coldest;
}

static void count(struct key *k, int64_t now, uint32_t units) {
    k->level = level_now(k, now) + units;
    k->at = now;
}

/* Units a second of late. Soon after the counting began the average has not seen the whole of its time. */
static double rate_of(const struct heat *h, const struct key *k, int64_t now) {
    double seen = 1 - exp(-(double)(now - h->since) / (double)FADE);
    return level_now(k, now) / ((double)FADE / (double)CLOCK_SECOND) / (seen > 0.05 ? seen : 0.05);
}

static void switch_on(struct heat *h, int64_t now) {
    h->refused = now;
    if (heat_active(h)) return;
    memset(h->keys, 0, sizeof h->keys);
    h->since = now;
    atomic_store_explicit(&h->active, true, memory_order_relaxed);
}

/* --- hot keys --- */

static bool is_hot(struct key *k, int64_t now) {
    if (k->pace > 0 && now - k->at > FORGIVEN_AFTER) k->pace = 0;
    return k->pace > 0;
}

static void begin_pace(struct key *k, int64_t now) {
    k->pace = PARTITION * PACE_FIRST;
    k->next = k->since = k->paced = now;
}

static void heat_up(struct key *k, int64_t now, int64_t sent) {
    if (!is_hot(k, now)) {
        begin_pace(k, now);
    } else if (sent >= k->paced && now - k->paced >= PACE_EVERY && level_now(k, now) < OVERRUN * k->pace) {
        k->pace *= PACE_DOWN;
        if (k->pace < PARTITION * PACE_LEAST) k->pace = PARTITION * PACE_LEAST;
        k->paced = now;
    }
    k->refused = now;
    if (k->turn < now + REST) k->turn = now + REST;
    if (k->next < k->turn) k->next = k->turn;
}

static int64_t time_of(const struct key *k, uint32_t units) {
    return (int64_t)(units / k->pace * (double)CLOCK_SECOND);
}

static void pay(struct key *k, int64_t now, uint32_t units) {
    double idle = (double)(now - k->paced) / (double)CLOCK_SECOND;
    if (now - k->refused > CLOCK_SECOND && idle > 1) {
        k->pace *= 1 + PACE_UP * idle;
        k->paced = now;
    }
    if (k->next < now) k->next = now;
    k->next += time_of(k, units);
    if (k->next > now + LONGEST) k->next = now + LONGEST;
}

/* What was refused costs nothing; and what was not spent for a turn was spent ahead. */
static void give_back(struct key *k, int64_t now, int64_t sent, uint32_t units) {
    if (!is_hot(k, now) || sent < k->since) return;
    k->next -= time_of(k, units);
    if (k->next < k->turn) k->next = k->turn;
    if (k->next < now) k->next = now;
}

/* How long units that were refused wait for their turn. What was spent for requests on their way does not come before them: most of those
 * will be refused as well, and it will be given back. */
static int64_t take_turn(struct key *k, int64_t now, uint32_t units) {
    if (!is_hot(k, now)) return 0;
    if (k->turn < now) k->turn = now;
    int64_t wait = k->turn - now;
    k->turn += time_of(k, units);
    if (k->turn > now + LONGEST) k->turn = now + LONGEST;
    if (k->next < k->turn) k->next = k->turn;
    return wait;
}

static int64_t wait_of(struct key *k, int64_t now) {
    if (!is_hot(k, now)) return 0;
    int64_t wait = k->next - now - LOOK_AHEAD;
    return wait > 0 ? wait : 0;
}

void heat_sent(struct heat *h, int64_t now, int table, const struct parts *items, int count_of, bool reserved, uint64_t *hot) {
    pthread_mutex_lock(&h->lock);
    for (int i = 0; i < count_of; i++) {
        int64_t longest = -1;
        if (hot) hot[i] = 0;
        for (int k = 0; k < items[i].count; k++) {
            const struct part *p = &items[i].at[k];
            struct key *key = find_or_take(h, parts_bucket(table, p), now);
            bool was_hot = is_hot(key, now);
            count(key, now, p->units);
            if (!was_hot && key->level > PARTITION * WARNED) begin_pace(key, now);
            if (!is_hot(key, now)) continue;
            if (!reserved) pay(key, now, p->units);
            if (hot && wait_of(key, now) > longest) {
                longest = wait_of(key, now);
                hot[i] = key->bucket;
            }
        }
    }
    if (now - h->refused > QUIET_AFTER) atomic_store_explicit(&h->active, false, memory_order_relaxed);
    pthread_mutex_unlock(&h->lock);
}

/* The key that explains why an item was refused; NULL: none does. */
static struct key *guilty(struct heat *h, int64_t now, int table, const struct parts *item) {
    struct key *worst = NULL;
    bool table_said = now - h->table_said < TABLE_SAID_FOR;
    double most = PARTITION * (table_said ? GUILTY_THOUGH_TABLE : GUILTY);
    for (int k = 0; k < item->count; k++) {
        struct key *key = find(h, parts_bucket(table, &item->at[k]));
        double rate = key ? rate_of(h, key, now) : 0;
        /* a paced key is guilty at its own pace */
        if (!table_said && key && is_hot(key, now) && rate > key->pace * GUILTY) rate += PARTITION;
        if (rate < most) continue;
        most = rate;
        worst = key;
    }
    return worst;
}

static void give_back_item(struct heat *h, int64_t now, int64_t sent, int table, const struct parts *item) {
    for (int k = 0; k < item->count; k++) {
        struct key *key = find(h, parts_bucket(table, &item->at[k]));
        if (key) give_back(key, now, sent, item->at[k].units);
    }
}

uint32_t heat_refused(struct heat *h, int64_t now, int64_t sent, int table, const struct parts *items, int count_of,
                      bool reserved, unsigned limits) {
    uint32_t units = 0;
    bool table_said = (limits & (DYNAMODB_LIMIT_PROVISIONED | DYNAMODB_LIMIT_ACCOUNT | DYNAMODB_LIMIT_ON_DEMAND)) != 0;
    pthread_mutex_lock(&h->lock);
    switch_on(h, now);
    if (table_said) h->table_said = now;
    bool early = now - h->since < GRACE;
    for (int i = 0; i < count_of; i++) {
        struct key *key = early ? NULL : guilty(h, now, table, &items[i]);
        if (!reserved) give_back_item(h, now, sent, table, &items[i]);
        if (key) heat_up(key, now, sent);
        if (key || (early && !table_said)) units += parts_units(&items[i]);
    }
    pthread_mutex_unlock(&h->lock);
    return units;
}

int64_t heat_wait(struct heat *h, int64_t now, uint64_t hot) {
    if (hot == 0) return 0;
    pthread_mutex_lock(&h->lock);
    struct key *k = find(h, hot);
    int64_t wait = k ? wait_of(k, now) : 0;
    pthread_mutex_unlock(&h->lock);
    return wait;
}

int64_t heat_reserve(struct heat *h, int64_t now, int table, const struct parts *items, int count_of) {
    int64_t longest = 0;
    pthread_mutex_lock(&h->lock);
    for (int i = 0; i < count_of; i++) {
        for (int k = 0; k < items[i].count; k++) {
            const struct part *p = &items[i].at[k];
            struct key *key = find(h, parts_bucket(table, p));
            int64_t wait = key ? take_turn(key, now, p->units) : 0;
            if (wait > longest) longest = wait;
        }
    }
    pthread_mutex_unlock(&h->lock);
    return longest;
}

/* --- one item alone --- */

bool heat_wants_probe(struct heat *h, int64_t now) {
    pthread_mutex_lock(&h->lock);
    bool due = now - h->probed >= PROBE_EVERY;
    if (due) h->probed = now;
    pthread_mutex_unlock(&h->lock);
    return due;
}

/* What a KeyRange refusal of one resource says: a hot key when it was sent half a partition's units or more of late, else the table, whose
 * partitions are too few (its warm throughput). */
static enum heat_verdict judge_key(struct heat *h, int64_t now, int table, const struct part *p) {
    struct key *k = find(h, parts_bucket(table, p));
    if (k == NULL || rate_of(h, k, now) < PARTITION / 2) return HEAT_TABLE;
    heat_up(k, now, now);
    return HEAT_KEY;
}

enum heat_verdict heat_probed(struct heat *h, int64_t now, int table, const struct parts *item, unsigned limits, int resource,
                              struct part *part) {
    enum heat_verdict verdict = HEAT_NOTHING;
    pthread_mutex_lock(&h->lock);
    if (limits & (DYNAMODB_LIMIT_PROVISIONED | DYNAMODB_LIMIT_ACCOUNT | DYNAMODB_LIMIT_ON_DEMAND)) {
        h->table_said = now;
        verdict = HEAT_TABLE;
    } else if (limits & DYNAMODB_LIMIT_PARTITION) {
        for (int k = 0; k < item->count && verdict == HEAT_NOTHING; k++) {
            if (item->at[k].resource != resource) continue;
            verdict = judge_key(h, now, table, &item->at[k]);
            *part = item->at[k];
        }
    }
    pthread_mutex_unlock(&h->lock);
    return verdict;
}
