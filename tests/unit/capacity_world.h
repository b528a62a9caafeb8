/* A world on a simulated clock: workers with connections, the governor and heat between them and the model of DynamoDB's capacity, answers
 * that take 5 to 15 ms. One thread, no waiting, the same every time; the thread sanitizer skips the tests that make one.
 *
 * A test gives the rows (world_source) and reads what happened in each tenth of a second. */
#ifndef TESTS_CAPACITY_WORLD_H
#define TESTS_CAPACITY_WORLD_H

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dynamodb/capacity.h"
#include "dynamodb/governor.h"
#include "dynamodb/heat.h"
#include "dynamodb/value.h"

#define WORLD_WORKERS_MAX 8
#define WORLD_LINES 64 /* connections of a worker */
#define WORLD_TICK (CLOCK_SECOND / 10)
#define WORLD_TICKS_MAX 40000
#define WORLD_BEGIN (1000 * CLOCK_SECOND) /* a clock does not begin at 0 */

struct world_item {
    struct parts parts;
    int chunk; /* the source's */
};

struct world;

struct world_source {
    /* The next row of a worker. False: none now; *when says when to ask again (INT64_MAX: never). */
    bool (*next)(void *context, struct world *w, int worker, struct world_item *out, int64_t *when);
    /* A row of this chunk has a key that is hot. May be NULL. */
    void (*hot)(void *context, struct world *w, int chunk, uint64_t hot);
    void *context;
};

struct world_request {
    struct world_request *next;
    int worker, count, attempt;
    uint32_t units;
    double taken; /* by the governor */
    int64_t due, sent;
    bool reserved, probe;
    struct world_item items[DYNAMODB_BATCH_ITEMS_MAX];
    struct capacity_refusal refusals[DYNAMODB_BATCH_ITEMS_MAX];
};

struct world_event {
    int64_t at;
    uint64_t order; /* events of one moment happen in the order in which they were made */
    enum { WORLD_WAKE, WORLD_ARRIVES, WORLD_ANSWERED } what;
    int worker;
    struct world_request *request;
};

struct world_tick {
    double written, refused; /* units */
};

struct world {
    struct capacity *capacity;
    struct governor *governor;
    struct heat *heat;
    struct world_source source;
    int workers;
    int capacity_table;     /* where writes go in the model: a test may change it on the way */
    double consumed_factor; /* what the service counts for each unit that was computed; 0: it does not report */
    bool consumed_varies;   /* that much for one request, and as computed for the next */
    double chance;          /* the share of requests that come back whatever the capacity */
    int64_t now, end;
    uint64_t seed, order;
    struct world_event *heap;
    int heap_count, heap_room;
    int busy[WORLD_WORKERS_MAX], waits[WORLD_WORKERS_MAX]; /* requests on their way; requests that wait to be sent again */
    int64_t wakes[WORLD_WORKERS_MAX];                      /* the wake that is on its way; 0: none */
    struct world_request *ready[WORLD_WORKERS_MAX], *waiting[WORLD_WORKERS_MAX], *spare;
    struct world_tick ticks[WORLD_TICKS_MAX];
    double rows, written, refused; /* rows; units */
    int64_t last_written;
    int keys_found; /* items sent alone that named a hot key */
};

static inline uint64_t world_random(struct world *w) {
    uint64_t z = w->seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline double world_share(struct world *w) {
    return (double)(world_random(w) >> 11) / 9007199254740992.0;
}

static inline struct world *world_new(const struct capacity_rules *rules, const struct capacity_given *given, int resources,
                                      struct world_source source, int workers) {
#ifdef __SANITIZE_THREAD__
    skip(); /* one thread: nothing for this sanitizer to find, in a minute of computing */
#endif
    struct world *w = calloc(1, sizeof *w);
    assert(w);
    w->now = WORLD_BEGIN;
    w->seed = 1;
    w->workers = workers;
    w->source = source;
    w->capacity = capacity_new(rules);
    w->governor = governor_new(1);
    w->heat = heat_new();
    assert(w->capacity && w->governor && w->heat);
    w->capacity_table = capacity_add_table(w->capacity, given, resources, w->now);
    return w;
}

static inline void world_free(struct world *w) {
    for (int i = 0; i < w->heap_count; i++) {
        if (w->heap[i].what == WORLD_ANSWERED) free(w->heap[i].request); /* it is in the heap twice */
    }
    struct world_request *lists[2 * WORLD_WORKERS_MAX + 1] = {w->spare};
    for (int i = 0; i < WORLD_WORKERS_MAX; i++) lists[1 + i] = w->ready[i], lists[1 + WORLD_WORKERS_MAX + i] = w->waiting[i];
    for (int i = 0; i <= 2 * WORLD_WORKERS_MAX; i++) {
        while (lists[i]) {
            struct world_request *next = lists[i]->next;
            free(lists[i]);
            lists[i] = next;
        }
    }
    capacity_free(w->capacity);
    governor_free(w->governor);
    heat_free(w->heat);
    free(w->heap);
    free(w);
}

/* --- events --- */

static inline bool world_before(const struct world_event *a, const struct world_event *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static inline void world_push(struct world *w, struct world_event e) {
    if (w->heap_count == w->heap_room) {
        w->heap_room = w->heap_room ? w->heap_room * 2 : 256;
        w->heap = realloc(w->heap, (size_t)w->heap_room * sizeof *w->heap);
        assert(w->heap);
    }
    e.order = w->order++;
    int i = w->heap_count++;
    for (; i > 0 && world_before(&e, &w->heap[(i - 1) / 2]); i = (i - 1) / 2) w->heap[i] = w->heap[(i - 1) / 2];
    w->heap[i] = e;
}

static inline struct world_event world_pop(struct world *w) {
    struct world_event first = w->heap[0], last = w->heap[--w->heap_count];
    int i = 0;
    for (int child; (child = 2 * i + 1) < w->heap_count; i = child) {
        if (child + 1 < w->heap_count && world_before(&w->heap[child + 1], &w->heap[child])) child++;
        if (!world_before(&w->heap[child], &last)) break;
        w->heap[i] = w->heap[child];
    }
    w->heap[i] = last;
    return first;
}

static inline void world_wake(struct world *w, int worker, int64_t at) {
    if (at == INT64_MAX || (w->wakes[worker] && w->wakes[worker] <= at)) return;
    w->wakes[worker] = at;
    world_push(w, (struct world_event){.at = at, .what = WORLD_WAKE, .worker = worker});
}

static inline struct world_tick *world_tick(struct world *w) {
    int64_t i = (w->now - WORLD_BEGIN) / WORLD_TICK;
    return &w->ticks[i < WORLD_TICKS_MAX ? i : WORLD_TICKS_MAX - 1];
}

/* --- a worker --- */

static inline struct world_request *world_request(struct world *w, int worker) {
    struct world_request *r = w->spare;
    if (r)
        w->spare = r->next;
    else
        r = malloc(sizeof *r);
    assert(r);
    r->next = NULL;
    r->worker = worker;
    r->count = r->attempt = 0;
    r->units = 0;
    r->reserved = r->probe = false;
    return r;
}

static inline void world_add(struct world_request *r, const struct world_item *item) {
    r->items[r->count++] = *item;
    r->units += parts_units(&item->parts);
}

/* What waited long enough, or new rows; NULL: nothing now. */
static inline struct world_request *world_fill(struct world *w, int worker) {
    int64_t when = INT64_MAX;
    for (struct world_request **link = &w->waiting[worker]; *link; link = &(*link)->next) {
        struct world_request *r = *link;
        if (r->due < when) when = r->due;
        if (r->due > w->now) continue;
        *link = r->next;
        r->next = NULL;
        w->waits[worker]--;
        return r;
    }
    if (w->busy[worker] + w->waits[worker] >= WORLD_LINES) { /* as engine/writer.c: what is refused must not pile up */
        world_wake(w, worker, when);
        return NULL;
    }
    struct world_request *r = world_request(w, worker);
    uint32_t most = governor_request_units(w->governor, 0);
    while (r->count < DYNAMODB_BATCH_ITEMS_MAX && r->units < most) {
        struct world_item item;
        int64_t rows = INT64_MAX;
        if (!w->source.next(w->source.context, w, worker, &item, &rows)) {
            if (rows < when) when = rows;
            break;
        }
        world_add(r, &item);
    }
    if (r->count) return r;
    r->next = w->spare;
    w->spare = r;
    world_wake(w, worker, when);
    return NULL;
}

static inline void world_send(struct world *w, struct world_request *r) {
    r->sent = w->now;
    w->busy[r->worker]++;
    if (heat_active(w->heat)) {
        struct parts items[DYNAMODB_BATCH_ITEMS_MAX];
        uint64_t hot[DYNAMODB_BATCH_ITEMS_MAX];
        for (int i = 0; i < r->count; i++) items[i] = r->items[i].parts;
        heat_sent(w->heat, w->now, 0, items, r->count, r->reserved, hot);
        for (int i = 0; i < r->count && w->source.hot; i++) {
            if (hot[i]) w->source.hot(w->source.context, w, r->items[i].chunk, hot[i]);
        }
    }
    int64_t latency = 5 * CLOCK_MS + (int64_t)(world_share(w) * 10 * CLOCK_MS);
    world_push(w, (struct world_event){.at = w->now + latency / 2, .what = WORLD_ARRIVES, .request = r});
    world_push(w, (struct world_event){.at = w->now + latency, .what = WORLD_ANSWERED, .request = r});
}

/* A request that was filled before the rate fell: what is too much goes into one of its own, which waits for its turn. */
static inline void world_cut(struct world *w, struct world_request *r) {
    uint32_t most = governor_request_units(w->governor, 0), units = 0;
    int keep = 0;
    while (keep < r->count && (keep == 0 || units < most)) units += parts_units(&r->items[keep++].parts);
    if (keep == r->count) return;
    struct world_request *rest = world_request(w, r->worker);
    rest->attempt = r->attempt;
    rest->reserved = r->reserved;
    rest->due = w->now;
    for (int i = keep; i < r->count; i++) world_add(rest, &r->items[i]);
    r->count = keep;
    r->units = units;
    rest->next = w->waiting[r->worker];
    w->waiting[r->worker] = rest;
    w->waits[r->worker]++;
}

static inline void world_work(struct world *w, int worker) {
    while (w->busy[worker] < WORLD_LINES) {
        if (w->ready[worker] == NULL) w->ready[worker] = world_fill(w, worker);
        struct world_request *r = w->ready[worker];
        if (r == NULL) return;
        world_cut(w, r);
        int64_t when = governor_ask(w->governor, w->now, 0, r->units, &r->taken);
        if (when) {
            assert(when > w->now);
            world_wake(w, worker, when);
            return;
        }
        w->ready[worker] = NULL;
        world_send(w, r);
    }
}

/* --- the service --- */

static inline void world_arrives(struct world *w, struct world_request *r) {
    bool chance = w->chance > 0 && world_share(w) < w->chance;
    for (int i = 0; i < r->count; i++) {
        if (chance)
            r->refusals[i] = (struct capacity_refusal){.limit = CAPACITY_WARM, .resource = 0};
        else
            capacity_write(w->capacity, w->now, w->capacity_table, &r->items[i].parts, &r->refusals[i]);
    }
}

/* Puts refused items back: one alone when its reason is wanted, the others when their keys have cooled. */
static inline void world_again(struct world *w, struct world_request *from, const struct world_item *items, int count) {
    bool probe = from->count > 1 && heat_wants_probe(w->heat, w->now);
    uint32_t most = governor_request_units(w->governor, 0);
    for (int first = 0, some; first < count; first += some) {
        struct world_request *r = world_request(w, from->worker);
        r->probe = probe && first == 0;
        r->reserved = !r->probe;
        r->attempt = from->attempt + 1;
        r->due = w->now + (r->probe ? 0 : governor_rest(r->attempt, world_share(w)));
        for (some = 0; first + some < count && r->units < most && !(r->probe && some); some++) {
            const struct world_item *item = &items[first + some];
            int64_t turn = r->probe ? 0 : w->now + heat_reserve(w->heat, w->now, 0, &item->parts, 1);
            if (turn > r->due) r->due = turn;
            world_add(r, item);
        }
        r->next = w->waiting[from->worker];
        w->waiting[from->worker] = r;
        w->waits[from->worker]++;
        world_wake(w, from->worker, r->due > w->now ? r->due : w->now + 1);
    }
}

static inline void world_probed(struct world *w, const struct world_request *r) {
    struct part part;
    const struct capacity_refusal *why = &r->refusals[0];
    enum heat_verdict verdict = heat_probed(w->heat, w->now, 0, &r->items[0].parts, capacity_limits(why), why->resource, &part);
    w->keys_found += verdict == HEAT_KEY;
}

static inline void world_answered(struct world *w, struct world_request *r) {
    struct world_item refused[DYNAMODB_BATCH_ITEMS_MAX];
    struct parts parts[DYNAMODB_BATCH_ITEMS_MAX];
    struct governor_answer a = {.table = 0, .sent = r->sent, .units = r->units, .taken = r->taken, .consumed = -1};
    int count = 0;
    for (int i = 0; i < r->count; i++) {
        if (r->refusals[i].limit == CAPACITY_ACCEPTED) continue;
        a.refused += parts_units(&r->items[i].parts);
        parts[count] = r->items[i].parts;
        refused[count++] = r->items[i];
    }
    double written = a.units - a.refused;
    bool plain = w->consumed_varies && world_random(w) % 2;
    if (w->consumed_factor > 0) written = a.consumed = plain ? written : written * w->consumed_factor;
    unsigned limits = count == r->count ? capacity_limits(&r->refusals[0]) : 0;
    if (count) a.hot = heat_refused(w->heat, w->now, r->sent, 0, parts, count, r->reserved, limits);
    if (r->probe) world_probed(w, r);
    governor_answered(w->governor, w->now, &a);
    world_tick(w)->written += written;
    world_tick(w)->refused += a.refused;
    w->written += written;
    w->refused += a.refused;
    w->rows += r->count - count;
    if (count < r->count) w->last_written = w->now;
    if (count) world_again(w, r, refused, count);
    w->busy[r->worker]--;
    r->next = w->spare;
    w->spare = r;
}

/* --- time --- */

/* Lets so many seconds pass; ends earlier when nothing is left to happen. */
static inline void world_run(struct world *w, double seconds) {
    int64_t end = w->now + (int64_t)(seconds * (double)CLOCK_SECOND);
    for (int i = 0; i < w->workers; i++) world_wake(w, i, w->now + 1);
    while (w->heap_count && w->heap[0].at <= end) {
        struct world_event e = world_pop(w);
        w->now = e.at;
        if (e.what == WORLD_ARRIVES) {
            world_arrives(w, e.request);
            continue;
        }
        int worker = e.what == WORLD_WAKE ? e.worker : e.request->worker;
        if (e.what == WORLD_WAKE && w->wakes[worker] == e.at) w->wakes[worker] = 0;
        if (e.what == WORLD_ANSWERED) world_answered(w, e.request);
        world_work(w, worker);
    }
    if (w->heap_count) w->now = end;
}

/* Units written and refused between two times, in seconds from the beginning. */
static inline struct world_tick world_between(const struct world *w, double from, double to) {
    struct world_tick sum = {0};
    for (int i = (int)(from * 10 + 0.5); i < (int)(to * 10 + 0.5) && i < WORLD_TICKS_MAX; i++) {
        sum.written += w->ticks[i].written;
        sum.refused += w->ticks[i].refused;
    }
    return sum;
}

#endif
