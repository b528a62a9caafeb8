/* The plays: as the plan stands, and what one change would save. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dynamodb/value.h"
#include "engine/reading.h"
#include "engine/rehearse_parts.h"

#define MATTERS 0.05    /* a change that makes less of a difference is not told */
#define WARM_ENOUGH 1e9 /* so that it does not limit: the quota does */
#define TIMES_MORE 2    /* of quota and provisioned units */

/* What is tried. */
struct trial {
    bool in_order, warm, provisioned, asked, quota;
    enum capacity_quota quota_of;
    struct play_shards shards;
};

/* A condition is checked by PutItem, one item at a time. */
static int batch_of(const struct rehearsing *r, int target) {
    const struct job *j = &r->session.job;
    for (int i = 0; i < j->table_count; i++) {
        for (int k = 0; k < j->tables[i].target_count; k++) {
            if (r->target_of[j->tables[i].targets[k].number] == target && j->tables[i].condition.rule != PUT_ALWAYS) return 1;
        }
    }
    return DYNAMODB_BATCH_ITEMS_MAX;
}

/* The targets as a trial has them, in an arena of its own. */
static struct play_target *targets_of(const struct rehearsing *r, const struct trial *trial, struct arena *a) {
    struct play_target *targets = arena_array(a, (size_t)r->target_count + 1, sizeof *targets);
    for (int i = 0; targets && i < r->target_count; i++) {
        const struct rehearsal_target *from = &r->targets[i];
        struct capacity_given *given = arena_array(a, (size_t)from->resources, sizeof *given);
        if (given == NULL) return NULL;
        for (int k = 0; k < from->resources; k++) {
            given[k] = from->given[k];
            if (trial->warm) given[k].warm = WARM_ENOUGH;
            if (trial->provisioned) given[k].provisioned *= TIMES_MORE;
        }
        targets[i] = (struct play_target){.given = given, .resources = from->resources, .batch = batch_of(r, i)};
    }
    return targets;
}

static bool play(const struct rehearsing *r, const struct trial *trial, struct play_outcome *out, struct error *err) {
    const struct job *j = &r->session.job;
    struct arena *a = arena_new();
    struct play_target *targets = a ? targets_of(r, trial, a) : NULL;
    int workers = j->workers < PLAY_WORKERS_MAX ? j->workers : PLAY_WORKERS_MAX, chunks = r->tape.count;
    if (workers > chunks) workers = chunks > 0 ? chunks : 1;
    struct play_setting s = {
        .targets = targets,
        .target_count = r->target_count,
        .rules = {.quota_of = trial->quota_of, .quota = trial->quota ? TIMES_MORE * CAPACITY_QUOTA_UNITS : CAPACITY_QUOTA_UNITS},
        .units = trial->asked ? 0 : r->options->units,
        .rows = r->out->client_rows,
        .weight = r->weight,
        .workers = workers,
        .open_max = reading_open_max(chunks, workers),
        .in_order = trial->in_order,
        .seed = 1,
        .shards = trial->shards,
        .stop = &run_stopping,
    };
    bool ok = targets ? play_run(&r->tape, &s, out, err) : error_memory(err, "rehearsing");
    arena_free(a);
    return ok;
}

/* --- what limits --- */

static struct rehearsed_limit limit_of(const struct rehearsing *r, const struct watch_reason *why, int keys) {
    struct rehearsed_limit limit = {.cause = why->cause};
    if (why->cause < WATCH_PARTITION) return limit;
    const struct dynamodb_schema *s = r->targets[why->target].schema;
    limit.table = s->name;
    limit.index = why->resource == PARTS_TABLE ? NULL : s->indexes[why->resource - 1].name;
    if (why->cause != WATCH_PARTITION) return limit;
    const char *key = key_names_find(r->names, why->bucket);
    limit.key = key ? arena_text(r->out->arena, key) : NULL;
    limit.keys = keys;
    return limit;
}

static bool tell_periods(struct rehearsing *r, const struct play_outcome *o, struct error *err) {
    struct rehearsal *out = r->out;
    out->periods = arena_array(out->arena, PLAY_PERIODS, sizeof *out->periods);
    if (out->periods == NULL) return error_memory(err, "rehearsing");
    for (int i = 0; i < o->period_count; i++) {
        const struct watch_period *p = &o->periods[i];
        out->periods[i] = (struct rehearsed_period){.from = p->from, .to = p->to, .limit = limit_of(r, &p->reason, p->keys)};
    }
    out->period_count = o->period_count;
    return true;
}

/* The longest period with a cause; NULL: there is none. */
static const struct watch_period *longest(const struct play_outcome *o, enum watch_cause cause) {
    const struct watch_period *best = NULL;
    for (int i = 0; i < o->period_count; i++) {
        const struct watch_period *p = &o->periods[i];
        if (p->reason.cause == cause && (best == NULL || p->to - p->from > best->to - best->from)) best = p;
    }
    return best;
}

/* Units a second that the busiest table or index takes, when all is done in so many seconds. */
static double busiest(const struct rehearsing *r, double seconds) {
    double most = 0;
    for (int i = 0; i < r->target_count; i++) {
        for (int k = 0; k < r->targets[i].resources; k++) most = fmax(most, r->targets[i].units[k]);
    }
    return seconds > 0 ? fmin(CAPACITY_QUOTA_UNITS, most * r->weight / seconds) : 0;
}

/* --- changes --- */

static void set_asked(struct trial *trial, const struct watch_reason *why) {
    (void)why;
    trial->asked = true;
}

static void set_warm(struct trial *trial, const struct watch_reason *why) {
    (void)why;
    trial->warm = true;
}

static void set_provisioned(struct trial *trial, const struct watch_reason *why) {
    (void)why;
    trial->provisioned = true;
}

static void set_shards(struct trial *trial, const struct watch_reason *why) {
    trial->shards = (struct play_shards){.count = REHEARSED_SHARD_COUNT, .target = why->target, .resource = why->resource};
}

static void set_quota(struct trial *trial, const struct watch_reason *why) {
    (void)why;
    trial->quota = true;
}

/* Each change, and the cause that it answers. In the order in which they are told. */
static const struct answer {
    enum rehearsed_change change;
    enum watch_cause cause;
    void (*set)(struct trial *trial, const struct watch_reason *why);
} answers[] = {
    {REHEARSED_ASKED, WATCH_ASKED, set_asked},
    {REHEARSED_WARM, WATCH_WARM, set_warm},
    {REHEARSED_PROVISIONED, WATCH_PROVISIONED, set_provisioned},
    {REHEARSED_SHARDS, WATCH_PARTITION, set_shards},
    {REHEARSED_QUOTA, WATCH_ACCOUNT, set_quota},
};
#define ANSWERS (int)(sizeof answers / sizeof answers[0])

struct trying {
    struct rehearsing *r;
    struct trial all;                        /* every change that fits */
    bool fits[ANSWERS];                      /* those */
    struct rehearsed_variant alone[ANSWERS]; /* each of them */
    double best;                             /* seconds, of one change, or of several that are told */
    bool together[ANSWERS];                  /* the changes that are told as all; none: no two do more than one */
    double together_seconds;
};

static bool matters(const struct rehearsing *r, double seconds) {
    return fabs(seconds - r->out->seconds) > MATTERS * r->out->seconds;
}

/* Plays each change that answers a cause of the outcome and was not tried yet; *more: there was one. */
static bool try_each(struct trying *t, const struct play_outcome *o, bool *more, struct error *err) {
    *more = false;
    for (int i = 0; i < ANSWERS; i++) {
        const struct watch_period *p = longest(o, answers[i].cause);
        struct trial one = {0};
        struct play_outcome alone;
        if (t->fits[i] || p == NULL) continue;
        t->fits[i] = *more = true;
        answers[i].set(&t->all, &p->reason);
        answers[i].set(&one, &p->reason);
        if (!play(t->r, &one, &alone, err)) return false;
        t->alone[i] = (struct rehearsed_variant){
            .change = answers[i].change, .seconds = alone.seconds, .limit = limit_of(t->r, &p->reason, p->keys)};
        t->best = fmin(t->best, alone.seconds);
    }
    return true;
}

/* All that fit together; and, as long as that brings up another cause, with what answers it on top. */
static bool try_together(struct trying *t, const struct play_outcome *base, struct error *err) {
    struct play_outcome o = *base;
    for (bool more = true; more;) {
        if (!try_each(t, &o, &more, err)) return false;
        if (!more) break;
        if (!play(t->r, &t->all, &o, err)) return false;
        if (o.seconds > (1 - MATTERS) * t->best) continue;
        memcpy(t->together, t->fits, sizeof t->together);
        t->best = t->together_seconds = o.seconds;
    }
    return true;
}

static void tell(struct trying *t, struct rehearsed_variant v) {
    struct rehearsal *out = t->r->out;
    if (v.change == REHEARSED_WARM) v.units = busiest(t->r, t->together_seconds > 0 ? t->together_seconds : v.seconds);
    out->changes[out->change_count++] = v;
}

/* Every change that is part of all of them, whatever it makes alone; or else each that makes a difference. */
static bool try_changes(struct trying *t, const struct play_outcome *base, struct error *err) {
    struct play_outcome in_order;
    if (!try_together(t, base, err)) return false;
    bool together = t->together_seconds > 0;
    for (int i = 0; i < ANSWERS; i++) {
        if (together ? t->together[i] : t->fits[i] && matters(t->r, t->alone[i].seconds)) tell(t, t->alone[i]);
    }
    if (together) tell(t, (struct rehearsed_variant){.change = REHEARSED_ALL, .seconds = t->together_seconds});
    if (!play(t->r, &(struct trial){.in_order = true}, &in_order, err)) return false;
    struct rehearsed_variant order = {.change = REHEARSED_ORDER, .seconds = in_order.seconds};
    if (matters(t->r, order.seconds)) tell(t, order);
    return true;
}

bool rehearse_play(struct rehearsing *r, struct error *err) {
    struct trying t = {.r = r};
    struct play_outcome base, together;
    if (!play(r, &(struct trial){0}, &base, err)) return false;
    r->out->seconds = t.best = base.seconds;
    r->out->refused = base.refused;
    if (!tell_periods(r, &base, err)) return false;
    if (!play(r, &(struct trial){.quota_of = CAPACITY_QUOTA_TOGETHER}, &together, err)) return false;
    r->out->together_seconds = together.seconds;
    return try_changes(&t, &base, err);
}
