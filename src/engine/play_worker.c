/* What a worker of a play does: chunks in turn, rows into requests, requests when the governor says so. How many chunks and connections
 * are open is the run's own rule (reading.h, growth.h); the rest follows reading.c and writer.c. */
#include "engine/play_parts.h"

#include <string.h>

/* --- chunks --- */

/* How long a chunk has to leave its hot keys alone; *why gets the key that is waited for longest. */
static int64_t aside_until(struct play *p, struct play_chunk *c, struct watch_reason *why) {
    int64_t longest = 0;
    for (int i = 0; i < ASIDE_KEYS; i++) {
        if (c->hot[i].bucket == 0) continue;
        int64_t wait = heat_wait(p->heat, p->now, c->hot[i].bucket);
        if (wait > longest) *why = c->hot[i], longest = wait;
        if (wait == 0) c->hot[i].bucket = 0;
    }
    return longest;
}

static int open_now(const struct play *p) {
    if (p->s->in_order) return 1;
    return reading_open_now(p->s->open_max, p->chunk_count - p->next_chunk, p->s->workers, heat_active(p->heat));
}

static void take_chunks(struct play *p, struct play_worker *w) {
    while (w->open_count < open_now(p) && p->next_chunk < p->chunk_count) {
        int chunk = p->next_chunk++;
        if (p->chunks[chunk].at < p->chunks[chunk].end) w->open[w->open_count++] = chunk;
    }
}

/* The next chunk in turn that need not wait; -1: none now, *when says until when, *why for what. */
static int pick(struct play *p, struct play_worker *w, int64_t *when, struct watch_reason *why) {
    take_chunks(p, w);
    for (int k = 0; k < w->open_count; k++) {
        int i = (w->turn + k) % w->open_count;
        struct watch_reason hot;
        int64_t wait = aside_until(p, &p->chunks[w->open[i]], &hot);
        if (wait == 0) {
            w->turn = i + 1;
            return w->open[i];
        }
        if (p->now + wait < *when) *when = p->now + wait;
        if (k == 0) *why = hot;
    }
    return -1;
}

static void close_chunk(struct play_worker *w, int chunk) {
    for (int i = 0; i < w->open_count; i++) {
        if (w->open[i] == chunk) w->open[i] = w->open[--w->open_count];
    }
}

/* The rows of the next FETCH, when the client has them. */
static bool fetch(struct play *p, struct play_worker *w, int64_t *when, struct watch_reason *why) {
    if (p->now < w->client_at) {
        why->cause = WATCH_CLIENT;
        *when = w->client_at;
        return false;
    }
    w->current = pick(p, w, when, why);
    if (w->current < 0) return false;
    struct play_chunk *c = &p->chunks[w->current];
    double items = FETCH_ROWS_MAX / (c->rows * p->weight);
    w->left = items < 1 ? 1 : (int)items;
    if (p->s->rows > 0) {
        double each = p->s->rows / p->s->workers, seconds = w->left * c->rows * p->weight / each;
        w->client_at =
            (w->client_at > p->now - 10 * CLOCK_MS ? w->client_at : p->now) + (int64_t)(seconds * (double)CLOCK_SECOND);
    }
    return true;
}

static bool next_item(struct play *p, struct play_worker *w, struct play_item *out, int *target, int64_t *when,
                      struct watch_reason *why) {
    struct parts ignored;
    if (w->left == 0 && !fetch(p, w, when, why)) return false;
    struct play_chunk *c = &p->chunks[w->current];
    *out = (struct play_item){.at = c->at, .chunk = w->current};
    c->at = tape_read(p->tape, c->at, target, &ignored);
    w->left--;
    if (c->at == c->end) {
        close_chunk(w, w->current);
        w->left = 0;
    }
    return true;
}

/* --- requests --- */

/* What waited long enough; NULL: nothing, *when and *why tell of what is due next. */
static struct play_request *take_waiting(struct play_worker *w, int64_t now, int64_t *when, struct watch_reason *why) {
    for (struct play_request **link = &w->waiting; *link; link = &(*link)->next) {
        struct play_request *r = *link;
        if (r->due > now) {
            if (r->due < *when) *when = r->due, *why = r->why;
            continue;
        }
        *link = r->next;
        r->next = NULL;
        w->waits--;
        return r;
    }
    return NULL;
}

/* A request that is being filled, though it is not full; NULL: there is none. */
static struct play_request *take_filling(struct play *p, struct play_worker *w) {
    for (int t = 0; t < p->s->target_count; t++) {
        struct play_request *r = w->filling[t];
        w->filling[t] = NULL;
        if (r) return r;
    }
    return NULL;
}

/* Rows into requests, until one is full or there are no more rows now. */
static struct play_request *fill(struct play *p, int worker, int64_t *when, struct watch_reason *why) {
    struct play_worker *w = &p->workers[worker];
    struct watch_reason rows = {.cause = WATCH_NOTHING};
    struct play_item item;
    int64_t until = INT64_MAX;
    int target;
    while (next_item(p, w, &item, &target, &until, &rows)) {
        struct play_request *r = w->filling[target];
        if (r == NULL) r = w->filling[target] = play_request(p, worker, target);
        if (r == NULL) return NULL;
        play_add(p, r, item);
        int batch = p->s->targets[target].batch / (int)p->weight;
        if (r->count < batch && r->units < governor_request_units(p->governor, target)) continue;
        w->filling[target] = NULL;
        return r;
    }
    if (rows.cause != WATCH_NOTHING) *why = rows;
    if (until < *when) *when = until;
    return rows.cause == WATCH_CLIENT ? NULL : take_filling(p, w); /* what waits for a FETCH is not sent before it is full */
}

static struct play_request *next_request(struct play *p, int worker, struct watch_reason *why) {
    struct play_worker *w = &p->workers[worker];
    int64_t when = INT64_MAX;
    *why = (struct watch_reason){.cause = w->busy ? WATCH_REQUESTS : WATCH_NOTHING};
    struct play_request *r = take_waiting(w, p->now, &when, why);
    if (r == NULL && w->busy + w->waits < LINES_MAX) r = fill(p, worker, &when, why);
    if (r == NULL) play_wake(p, worker, when);
    return r;
}

/* A request that was filled before the rate fell: what is too much goes into one of its own, which waits for its turn. */
static void cut(struct play *p, struct play_request *r) {
    uint32_t most = governor_request_units(p->governor, r->target), units = 0;
    int keep = 0;
    while (keep < r->count && (keep == 0 || units < most)) units += play_units(p, r->items[keep++].at);
    struct play_request *rest = keep < r->count ? play_request(p, r->worker, r->target) : NULL;
    if (rest == NULL) return;
    rest->attempt = r->attempt;
    rest->reserved = r->reserved;
    rest->due = p->now;
    rest->why = r->why;
    for (int i = keep; i < r->count; i++) play_add(p, rest, r->items[i]);
    r->count = keep;
    r->units = units;
    play_wait(p, rest);
}

/* The chunk brings items for a hot key. */
static void chunk_is_hot(struct play_chunk *c, int target, const struct parts *item, uint64_t hot) {
    struct watch_reason why = {.cause = WATCH_PARTITION, .target = target, .bucket = hot};
    for (int i = 0; i < ASIDE_KEYS; i++) {
        if (c->hot[i].bucket == hot) return;
    }
    for (int k = 0; k < item->count; k++) {
        if (parts_bucket(target, &item->at[k]) == hot) why.resource = item->at[k].resource;
    }
    memmove(c->hot + 1, c->hot, sizeof c->hot - sizeof *c->hot);
    c->hot[0] = why;
}

static void tell_heat(struct play *p, const struct play_request *r) {
    struct parts items[DYNAMODB_BATCH_ITEMS_MAX];
    uint64_t hot[DYNAMODB_BATCH_ITEMS_MAX];
    int target;
    for (int i = 0; i < r->count; i++) play_read(p, r->items[i].at, &target, &items[i]);
    heat_sent(p->heat, p->now, r->target, items, r->count, r->reserved, hot);
    for (int i = 0; i < r->count; i++) {
        if (hot[i]) chunk_is_hot(&p->chunks[r->items[i].chunk], r->target, &items[i], hot[i]);
    }
}

static void send(struct play *p, struct play_request *r) {
    r->sent = p->now;
    p->workers[r->worker].busy++;
    if (heat_active(p->heat)) tell_heat(p, r);
    /* items that stand for more than one request take the time of so many */
    double requests = (double)r->count * p->weight / p->s->targets[r->target].batch;
    double latency = (5 + 10 * play_share(p)) * (requests > 1 ? requests : 1);
    int64_t took = (int64_t)(latency * (double)CLOCK_MS);
    play_push(p, (struct play_event){.at = p->now + took / 2, .kind = PLAY_ARRIVES, .request = r});
    play_push(p, (struct play_event){.at = p->now + took, .kind = PLAY_ANSWERED, .request = r});
}

/* What makes a request wait for the governor: the rate asked for, or what set its table's pace back. */
static struct watch_reason pace_of(struct play *p, int target) {
    double pace = governor_pace(p->governor, target), asked = governor_rate(p->governor);
    if (asked > 0 && (pace <= 0 || asked <= pace)) return (struct watch_reason){.cause = WATCH_ASKED};
    return p->paced[target];
}

/* Whether a connection is idle, or there is one more now. */
static bool has_line(struct play *p, int worker) {
    struct play_worker *w = &p->workers[worker];
    int64_t when = INT64_MAX;
    if (w->busy < w->lines) {
        growth_found(&w->growth);
        return true;
    }
    if (growth_one_more(&w->growth, w->lines, p->now)) {
        w->lines++;
        return true;
    }
    growth_until(&w->growth, w->lines, &when);
    play_wake(p, worker, when);
    return false;
}

/* Sends until something has to be waited for, and says what. */
static struct watch_reason send_all(struct play *p, int worker) {
    struct play_worker *w = &p->workers[worker];
    struct watch_reason why;
    while (!p->memory) {
        if (w->ready == NULL) w->ready = next_request(p, worker, &why);
        if (w->ready == NULL) return why;
        if (!has_line(p, worker)) return (struct watch_reason){.cause = WATCH_REQUESTS};
        cut(p, w->ready);
        int64_t when = governor_ask(p->governor, p->now, w->ready->target, w->ready->units, &w->ready->taken);
        if (when) {
            play_wake(p, worker, when);
            return pace_of(p, w->ready->target);
        }
        struct play_request *r = w->ready;
        w->ready = NULL;
        send(p, r);
    }
    return (struct watch_reason){.cause = WATCH_REQUESTS};
}

void play_work(struct play *p, int worker) {
    struct play_worker *w = &p->workers[worker];
    if (w->why.cause != WATCH_NOTHING) watch_waited(p->watch, w->since - PLAY_BEGIN, p->now - PLAY_BEGIN, &w->why);
    w->why = send_all(p, worker);
    w->since = p->now;
}
