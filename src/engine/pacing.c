#include "engine/pacing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dynamodb/value.h"

/* --- starting --- */

static int compare_name(const void *name, const void *target) {
    return strcmp(name, ((const struct job_target *)target)->schema.name);
}

/* The number that a table in DynamoDB was given by a plan table before; -1: none. */
static int known_number(const struct job *j, int before, const char *name) {
    for (int i = 0; i < before; i++) {
        const struct job_table *t = &j->tables[i];
        const struct job_target *found = bsearch(name, t->targets, (size_t)t->target_count, sizeof *t->targets, compare_name);
        if (found) return found->paced;
    }
    return -1;
}

static int number_targets(struct job *j) {
    int count = 0;
    for (int i = 0; i < j->table_count; i++) {
        for (int k = 0; k < j->tables[i].target_count; k++) {
            struct job_target *target = &j->tables[i].targets[k];
            int known = known_number(j, i, target->schema.name);
            target->paced = known >= 0 ? known : count++;
        }
    }
    return count;
}

bool pacing_start(struct job *j, struct error *err) {
    struct pacing *p = calloc(1, sizeof *p);
    if (p == NULL) return error_memory(err, "starting a run");
    j->pacing = p;
    p->table_count = number_targets(j);
    p->governor = governor_new(p->table_count);
    p->heat = heat_new();
    if (p->governor && p->heat) return true;
    pacing_end(j);
    return error_memory(err, "starting a run");
}

void pacing_end(struct job *j) {
    if (j->pacing == NULL) return;
    governor_free(j->pacing->governor);
    heat_free(j->pacing->heat);
    free(j->pacing);
    j->pacing = NULL;
}

void pacing_follow(struct job *j) {
    struct pacing *p = j->pacing;
    double rate = (double)atomic_load(&j->write_units);
    bool paused = atomic_load(&j->paused) && !atomic_load(&j->stop); /* what stops must get rid of what it has */
    if (p->rate != rate) governor_set_rate(p->governor, clock_now(), rate);
    if (!p->paused && paused) governor_pause(p->governor);
    if (p->paused && !paused) governor_resume(p->governor, clock_now());
    p->rate = rate;
    p->paused = paused;
}

/* --- what was refused --- */

static enum run_refusal kind_of(const struct dynamodb_failure *f) {
    static const unsigned limits[RUN_REFUSAL_LIMITS] = {DYNAMODB_LIMIT_PARTITION, DYNAMODB_LIMIT_PROVISIONED,
                                                        DYNAMODB_LIMIT_ACCOUNT, DYNAMODB_LIMIT_ON_DEMAND};
    if (f == NULL) return RUN_REFUSED_UNSAID;
    for (int i = 0; i < RUN_REFUSAL_LIMITS; i++) {
        if (f->limits & limits[i]) return RUN_REFUSED_BY_REASON + 2 * i + ((f->limits & DYNAMODB_LIMIT_INDEX) != 0);
    }
    return RUN_REFUSED_OTHER;
}

void pacing_count(struct job_target *target, const struct dynamodb_failure *f, uint32_t units, uint32_t hot) {
    _Atomic int64_t *refused = target->table->refused;
    if (f) hot = 0; /* the reason is known better */
    atomic_fetch_add_explicit(&refused[kind_of(f)], units - hot, memory_order_relaxed);
    if (hot) atomic_fetch_add_explicit(&refused[RUN_REFUSED_HOT_KEY], hot, memory_order_relaxed);
}

/* The text of an attribute {"S":"..."} of an item, cut to what fits; an empty one when there is none. */
static void value_text(const char *json, size_t len, const char *name, char *out, size_t size) {
    struct json j;
    char text[DYNAMODB_PARTITION_KEY_MAX * 2];
    out[0] = '\0';
    json_init(&j, json, len);
    if (json_next(&j) != JSON_OBJECT) return;
    while (json_next(&j) == JSON_KEY) {
        bool wanted = json_is(&j, name);
        enum json_token token = json_next(&j);
        if (!wanted) {
            if (!json_skip(&j, token)) return;
            continue;
        }
        if (token == JSON_OBJECT && json_next(&j) == JSON_KEY && json_next(&j) == JSON_STRING && json_copy(&j, text, sizeof text))
            snprintf(out, size, "%.*s", (int)size - 1, text);
        return;
    }
}

void pacing_note_key(struct job *j, struct job_target *target, const struct part *part, bool told, const char *json, size_t len) {
    const struct dynamodb_schema *s = &target->schema;
    const struct dynamodb_index *index = part->resource == PARTS_TABLE ? NULL : &s->indexes[part->resource - 1];
    const struct dynamodb_key *keys = index ? index->partition : &s->partition;
    int count = index ? index->partition_count : 1;
    struct run_limiting_key found = {0};
    size_t used = 0;
    if (index) snprintf(found.index, sizeof found.index, "%s", index->name);
    for (int i = 0; i < count && used + 3 < sizeof found.value; i++) {
        if (i) used += (size_t)snprintf(found.value + used, sizeof found.value - used, ", ");
        value_text(json, len, keys[i].name, found.value + used, sizeof found.value - used);
        used += strlen(found.value + used);
    }
    while (used && !utf8_valid(found.value, used)) found.value[--used] = '\0';
    pthread_mutex_lock(&j->told_lock);
    struct run_limiting_key *key = &target->table->limiting;
    found.known = true;
    found.told = told;
    if (told || !key->told) *key = found;
    pthread_mutex_unlock(&j->told_lock);
}

bool pacing_knows_key(struct job *j, const struct job_target *target) {
    pthread_mutex_lock(&j->told_lock);
    bool known = target->table->limiting.known;
    pthread_mutex_unlock(&j->told_lock);
    return known;
}

void pacing_count_consumed(struct job_target *target, double consumed, uint32_t computed) {
    atomic_fetch_add_explicit(&target->table->consumed, llround(consumed), memory_order_relaxed);
    atomic_fetch_add_explicit(&target->table->consumed_of, computed, memory_order_relaxed);
}

static void read_throttling(struct job *j, const struct job_table *t, struct run_throttling *out) {
    *out = (struct run_throttling){0};
    for (int i = 0; i < RUN_REFUSALS; i++) out->refused[i] = atomic_load_explicit(&t->refused[i], memory_order_relaxed);
    for (int i = 0; j->pacing && i < t->target_count; i++) out->pace += governor_pace(j->pacing->governor, t->targets[i].paced);
    pthread_mutex_lock(&j->told_lock);
    out->key = t->limiting;
    pthread_mutex_unlock(&j->told_lock);
}

void pacing_read(struct job *j, const struct job_table *t, struct run_table *out) {
    read_throttling(j, t, &out->throttling);
    out->consumed = (struct run_consumed){.units = atomic_load_explicit(&t->consumed, memory_order_relaxed),
                                          .computed = atomic_load_explicit(&t->consumed_of, memory_order_relaxed)};
    out->this_time = (struct run_this_time){.items = t->live.items_this_time, .units = t->live.units_this_time};
}

const char *run_refusal_name(enum run_refusal kind) {
    static const char *const names[RUN_REFUSALS] = {
        "UnprocessedItems",
        "HotKey",
        "Other",
        "TableWriteKeyRangeThroughputExceeded",
        "IndexWriteKeyRangeThroughputExceeded",
        "TableWriteProvisionedThroughputExceeded",
        "IndexWriteProvisionedThroughputExceeded",
        "TableWriteAccountLimitExceeded",
        "IndexWriteAccountLimitExceeded",
        "TableWriteMaxOnDemandThroughputExceeded",
        "IndexWriteMaxOnDemandThroughputExceeded",
    };
    return names[kind];
}
