/* A play's time, and the service's side of it. */
#include "engine/play.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/play_parts.h"

#define LOOK_FOR_STOP 4096 /* events */

/* --- chance, and what happens next --- */

static uint64_t next_random(struct play *p) {
    uint64_t z = p->random += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double play_share(struct play *p) {
    return (double)(next_random(p) >> 11) / 9007199254740992.0;
}

static bool before(const struct play_event *a, const struct play_event *b) {
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

void play_push(struct play *p, struct play_event e) {
    if (p->heap_count == p->heap_room) {
        int room = p->heap_room ? p->heap_room * 2 : 256;
        struct play_event *more = realloc(p->heap, (size_t)room * sizeof *more);
        p->memory = p->memory || more == NULL;
        if (more == NULL) return;
        p->heap = more;
        p->heap_room = room;
    }
    e.order = p->order++;
    int i = p->heap_count++;
    for (; i > 0 && before(&e, &p->heap[(i - 1) / 2]); i = (i - 1) / 2) p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = e;
}

static struct play_event pop(struct play *p) {
    struct play_event first = p->heap[0], last = p->heap[--p->heap_count];
    int i = 0;
    for (int child; (child = 2 * i + 1) < p->heap_count; i = child) {
        if (child + 1 < p->heap_count && before(&p->heap[child + 1], &p->heap[child])) child++;
        if (!before(&p->heap[child], &last)) break;
        p->heap[i] = p->heap[child];
    }
    p->heap[i] = last;
    return first;
}

void play_wake(struct play *p, int worker, int64_t at) {
    struct play_worker *w = &p->workers[worker];
    if (at == INT64_MAX || (w->wake && w->wake <= at)) return;
    w->wake = at;
    play_push(p, (struct play_event){.at = at, .kind = PLAY_WAKE, .worker = worker});
}

/* --- items and requests --- */

size_t play_read(const struct play *p, size_t at, int *target, struct parts *out) {
    const struct play_shards *shards = &p->s->shards;
    size_t next = tape_read(p->tape, at, target, out);
    for (int i = 0; i < out->count; i++) {
        struct part *part = &out->at[i];
        part->units *= p->weight;
        if (shards->count == 0 || shards->target != *target || shards->resource != part->resource) continue;
        uint64_t shard = ((at * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % (uint64_t)shards->count;
        part->key ^= (shard + 1) * UINT64_C(0xbf58476d1ce4e5b9);
    }
    return next;
}

uint32_t play_units(const struct play *p, size_t at) {
    struct parts parts;
    int target;
    tape_read(p->tape, at, &target, &parts);
    return parts_units(&parts) * p->weight;
}

struct play_request *play_request(struct play *p, int worker, int target) {
    struct play_request *r = p->spare;
    if (r) {
        p->spare = r->next;
    } else {
        r = malloc(sizeof *r);
        p->memory = p->memory || r == NULL;
        if (r == NULL) return NULL;
        r->made = p->made;
        p->made = r;
    }
    r->next = NULL;
    r->worker = worker;
    r->target = target;
    r->count = r->attempt = 0;
    r->units = 0;
    r->reserved = r->probe = false;
    r->why = (struct watch_reason){.cause = WATCH_NOTHING};
    return r;
}

void play_spare(struct play *p, struct play_request *r) {
    r->next = p->spare;
    p->spare = r;
}

void play_add(struct play *p, struct play_request *r, struct play_item item) {
    r->items[r->count++] = item;
    r->units += play_units(p, item.at);
}

void play_wait(struct play *p, struct play_request *r) {
    struct play_worker *w = &p->workers[r->worker];
    r->next = w->waiting;
    w->waiting = r;
    w->waits++;
    play_wake(p, r->worker, r->due > p->now ? r->due : p->now + 1);
}

/* --- the service --- */

struct watch_reason play_reason(int target, const struct capacity_refusal *why) {
    static const enum watch_cause causes[CAPACITY_LIMITS] = {
        [CAPACITY_ACCEPTED] = WATCH_NOTHING,        [CAPACITY_PARTITION] = WATCH_PARTITION, [CAPACITY_WARM] = WATCH_WARM,
        [CAPACITY_PROVISIONED] = WATCH_PROVISIONED, [CAPACITY_ACCOUNT] = WATCH_ACCOUNT,     [CAPACITY_MAXIMUM] = WATCH_MAXIMUM,
    };
    struct watch_reason r = {.cause = causes[why->limit], .target = target, .resource = why->resource};
    struct part part = {.resource = why->resource, .key = why->key};
    if (r.cause == WATCH_PARTITION) r.bucket = parts_bucket(target, &part);
    return r;
}

static void arrives(struct play *p, struct play_request *r) {
    struct parts parts;
    int target;
    for (int i = 0; i < r->count; i++) {
        play_read(p, r->items[i].at, &target, &parts);
        capacity_write(p->capacity, p->now, target, &parts, &r->refusals[i]);
    }
}

/* Puts refused items back: one alone when its reason is wanted, the others when their keys have cooled. */
static void again(struct play *p, const struct play_request *from, const int *items, int count) {
    bool probe = from->count > 1 && heat_wants_probe(p->heat, p->now);
    uint32_t most = governor_request_units(p->governor, from->target);
    for (int first = 0, some; first < count; first += some) {
        struct play_request *r = play_request(p, from->worker, from->target);
        if (r == NULL) return;
        r->probe = probe && first == 0;
        r->reserved = !r->probe;
        r->attempt = from->attempt + 1;
        r->due = p->now + (r->probe ? 0 : governor_rest(r->attempt, play_share(p)));
        r->why = play_reason(from->target, &from->refusals[items[first]]);
        for (some = 0; first + some < count && r->units < most && !(r->probe && some); some++) {
            struct parts parts;
            int target;
            struct play_item item = from->items[items[first + some]];
            play_read(p, item.at, &target, &parts);
            int64_t turn = r->probe ? 0 : p->now + heat_reserve(p->heat, p->now, target, &parts, 1);
            if (turn > r->due) r->due = turn;
            play_add(p, r, item);
        }
        play_wait(p, r);
    }
}

/* What heat and the governor hear of refused items. Returns the units refused. */
static uint32_t tell_refused(struct play *p, const struct play_request *r, const int *items, int count, uint32_t *hot) {
    struct parts parts[DYNAMODB_BATCH_ITEMS_MAX];
    struct watch_reason why = {.cause = WATCH_NOTHING};
    uint32_t units = 0;
    int target;
    for (int i = 0; i < count; i++) {
        play_read(p, r->items[items[i]].at, &target, &parts[i]);
        units += parts_units(&parts[i]);
        struct watch_reason reason = play_reason(r->target, &r->refusals[items[i]]);
        if (why.cause == WATCH_NOTHING || why.cause == WATCH_PARTITION) why = reason;
    }
    *hot = heat_refused(p->heat, p->now, r->sent, r->target, parts, count, r->reserved,
                        count == r->count ? capacity_limits(&r->refusals[0]) : 0);
    struct part ignored;
    const struct capacity_refusal *first = &r->refusals[0];
    if (r->probe) heat_probed(p->heat, p->now, r->target, &parts[0], capacity_limits(first), first->resource, &ignored);
    if (units > *hot) p->paced[r->target] = why;
    return units;
}

static void answered(struct play *p, struct play_request *r) {
    struct governor_answer a = {.table = r->target, .sent = r->sent, .units = r->units, .taken = r->taken, .consumed = -1};
    int refused[DYNAMODB_BATCH_ITEMS_MAX], count = 0;
    for (int i = 0; i < r->count; i++) {
        if (r->refusals[i].limit != CAPACITY_ACCEPTED) refused[count++] = i;
    }
    if (count) a.refused = tell_refused(p, r, refused, count, &a.hot);
    governor_answered(p->governor, p->now, &a);
    p->written += a.units - a.refused;
    p->refused += a.refused;
    if (count < r->count) p->last_written = p->now;
    if (count) again(p, r, refused, count);
    p->workers[r->worker].busy--;
    growth_answered(&p->workers[r->worker].growth, p->now, p->now - r->sent);
    play_spare(p, r);
}

/* --- making and freeing --- */

/* How much of an item's weight is played as units, and how much as a slower clock. */
static void set_scale(struct play *p) {
    double weight = p->s->weight < 1 ? 1 : p->s->weight;
    double stretch = ceil(weight / PLAY_WEIGHT_MOST);
    p->weight = (uint32_t)fmax(1, floor(weight / stretch + 0.5));
    p->stretch = weight / p->weight; /* what rounding left of the weight too */
}

static bool make_model(struct play *p) {
    struct capacity_rules rules = p->s->rules;
    rules.grow_seconds = (rules.grow_seconds > 0 ? rules.grow_seconds : CAPACITY_GROW_SECONDS) / p->stretch;
    rules.burst_seconds = (rules.burst_seconds > 0 ? rules.burst_seconds : CAPACITY_BURST_SECONDS) / p->stretch;
    p->capacity = capacity_new(&rules);
    for (int t = 0; p->capacity && t < p->s->target_count; t++) {
        const struct play_target *target = &p->s->targets[t];
        if (capacity_add_table(p->capacity, target->given, target->resources, p->now) < 0) return false;
    }
    return p->capacity != NULL;
}

static int by_place(const void *a, const void *b) {
    const struct tape_chunk *const *x = a, *const *y = b;
    return (*x)->place < (*y)->place ? -1 : (*x)->place > (*y)->place;
}

/* The chunks in the order of the run. */
static bool make_chunks(struct play *p) {
    int n = p->tape->count;
    const struct tape_chunk **order = malloc(((size_t)n + 1) * sizeof *order);
    p->chunks = calloc((size_t)n + 1, sizeof *p->chunks);
    if (order == NULL || p->chunks == NULL) {
        free(order);
        return false;
    }
    for (int i = 0; i < n; i++) order[i] = &p->tape->chunks[i];
    if (n) qsort(order, (size_t)n, sizeof *order, by_place);
    for (int i = n - 1; !p->s->in_order && i > 0; i--) {
        int k = (int)(next_random(p) % (uint64_t)(i + 1));
        const struct tape_chunk *swap = order[i];
        order[i] = order[k];
        order[k] = swap;
    }
    for (int i = 0; i < n; i++) {
        double rows = order[i]->items ? (double)order[i]->rows / (double)order[i]->items : 1;
        p->chunks[i] = (struct play_chunk){.at = order[i]->begin, .end = order[i]->end, .rows = rows};
    }
    p->chunk_count = n;
    free(order);
    return true;
}

static bool make(struct play *p) {
    size_t targets = (size_t)p->s->target_count + 1;
    set_scale(p);
    p->now = p->last_written = PLAY_BEGIN;
    p->random = p->s->seed;
    p->governor = governor_new(p->s->target_count);
    p->heat = heat_new();
    p->watch = watch_new();
    p->paced = calloc(targets, sizeof *p->paced);
    bool ok = p->governor && p->heat && p->watch && p->paced && make_model(p) && make_chunks(p);
    for (int i = 0; i < p->s->workers; i++) {
        struct play_worker *w = &p->workers[i];
        *w = (struct play_worker){.current = -1, .client_at = PLAY_BEGIN, .since = PLAY_BEGIN};
        growth_begin(&w->growth, LINES_MAX);
        w->filling = calloc(targets, sizeof(*w->filling));
        ok = ok && w->filling;
    }
    if (ok && p->s->units > 0) governor_set_rate(p->governor, p->now, p->s->units);
    return ok;
}

static void unmake(struct play *p) {
    for (struct play_request *r = p->made, *before; r; r = before) {
        before = r->made;
        free(r);
    }
    for (int i = 0; i < p->s->workers; i++) free(p->workers[i].filling);
    capacity_free(p->capacity);
    governor_free(p->governor);
    heat_free(p->heat);
    watch_free(p->watch);
    free(p->chunks);
    free(p->paced);
    free(p->heap);
    free(p);
}

/* --- playing --- */

static void happen(struct play *p, const struct play_event *e) {
    p->now = e->at;
    if (e->kind == PLAY_ARRIVES) {
        arrives(p, e->request);
        return;
    }
    int worker = e->kind == PLAY_WAKE ? e->worker : e->request->worker;
    if (e->kind == PLAY_WAKE && p->workers[worker].wake == e->at) p->workers[worker].wake = 0;
    if (e->kind == PLAY_ANSWERED) answered(p, e->request);
    play_work(p, worker);
}

static bool run(struct play *p, struct error *err) {
    for (int i = 0; i < p->s->workers; i++) play_wake(p, i, p->now);
    for (uint64_t n = 1; p->heap_count && !p->memory; n++) {
        struct play_event e = pop(p);
        happen(p, &e);
        if (n % LOOK_FOR_STOP == 0 && p->s->stop && *p->s->stop) return error_set(err, ERROR_INTERRUPTED, "interrupted");
    }
    return !p->memory || error_memory(err, "playing a migration");
}

bool play_run(const struct tape *tape, const struct play_setting *setting, struct play_outcome *out, struct error *err) {
    struct play *p = calloc(1, sizeof *p);
    *out = (struct play_outcome){0};
    if (p == NULL) return error_memory(err, "playing a migration");
    p->tape = tape;
    p->s = setting;
    bool ok = make(p) ? run(p, err) : error_memory(err, "playing a migration");
    if (ok) {
        int64_t whole = p->last_written - PLAY_BEGIN;
        out->seconds = (double)whole / (double)CLOCK_SECOND * p->stretch;
        out->units = p->written * p->stretch;
        out->refused = p->refused * p->stretch;
        out->period_count = watch_periods(p->watch, whole, p->stretch, out->periods, PLAY_PERIODS);
    }
    unmake(p);
    return ok;
}
