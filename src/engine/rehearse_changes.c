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

struct trying {
    struct rehearsing *r;
    struct play_outcome base;
    struct trial all; /* every change that fits */
    int fitting;
    double best; /* seconds, of one change */
};

static bool matters(const struct rehearsing *r, double seconds) {
    return fabs(seconds - r->out->seconds) > MATTERS * r->out->seconds;
}

/* Tells a change when it makes a difference. */
static bool try_change(struct trying *t, struct rehearsed_variant v, const struct trial *trial, struct error *err) {
    struct play_outcome o;
    struct rehearsal *out = t->r->out;
    if (!play(t->r, trial, &o, err)) return false;
    v.seconds = o.seconds;
    if (v.change == REHEARSED_WARM) v.units = busiest(t->r, o.seconds);
    if (!matters(t->r, v.seconds)) return true;
    if (v.change == REHEARSED_ALL && v.seconds > (1 - MATTERS) * t->best) return true;
    if (v.change != REHEARSED_ORDER && v.seconds < t->best) t->best = v.seconds;
    out->changes[out->change_count++] = v;
    return true;
}

static bool try_warm(struct trying *t, struct error *err) {
    if (longest(&t->base, WATCH_WARM) == NULL) return true;
    t->all.warm = true;
    t->fitting++;
    return try_change(t, (struct rehearsed_variant){.change = REHEARSED_WARM}, &(struct trial){.warm = true}, err);
}

static bool try_provisioned(struct trying *t, struct error *err) {
    if (longest(&t->base, WATCH_PROVISIONED) == NULL) return true;
    t->all.provisioned = true;
    t->fitting++;
    return try_change(t, (struct rehearsed_variant){.change = REHEARSED_PROVISIONED}, &(struct trial){.provisioned = true}, err);
}

static bool try_quota(struct trying *t, struct error *err) {
    if (longest(&t->base, WATCH_ACCOUNT) == NULL) return true;
    t->all.quota = true;
    t->fitting++;
    return try_change(t, (struct rehearsed_variant){.change = REHEARSED_QUOTA}, &(struct trial){.quota = true}, err);
}

static bool try_asked(struct trying *t, struct error *err) {
    if (t->r->options->units <= 0) return true;
    t->all.asked = true;
    t->fitting++;
    return try_change(t, (struct rehearsed_variant){.change = REHEARSED_ASKED}, &(struct trial){.asked = true}, err);
}

static bool try_shards(struct trying *t, struct error *err) {
    const struct watch_period *p = longest(&t->base, WATCH_PARTITION);
    if (p == NULL) return true;
    t->all.shards =
        (struct play_shards){.count = REHEARSED_SHARD_COUNT, .target = p->reason.target, .resource = p->reason.resource};
    t->fitting++;
    struct rehearsed_variant v = {.change = REHEARSED_SHARDS, .limit = limit_of(t->r, &p->reason, p->keys)};
    return try_change(t, v, &(struct trial){.shards = t->all.shards}, err);
}

static bool try_changes(struct trying *t, struct error *err) {
    if (!try_asked(t, err) || !try_warm(t, err) || !try_provisioned(t, err) || !try_shards(t, err) || !try_quota(t, err))
        return false;
    if (t->fitting > 1 && !try_change(t, (struct rehearsed_variant){.change = REHEARSED_ALL}, &t->all, err)) return false;
    return try_change(t, (struct rehearsed_variant){.change = REHEARSED_ORDER}, &(struct trial){.in_order = true}, err);
}

bool rehearse_play(struct rehearsing *r, struct error *err) {
    struct trying t = {.r = r};
    struct play_outcome together;
    if (!play(r, &(struct trial){0}, &t.base, err)) return false;
    r->out->seconds = t.best = t.base.seconds;
    r->out->refused = t.base.refused;
    if (!tell_periods(r, &t.base, err)) return false;
    if (!play(r, &(struct trial){.quota_of = CAPACITY_QUOTA_TOGETHER}, &together, err)) return false;
    r->out->together_seconds = together.seconds;
    return try_changes(&t, err);
}
