/* What the tables of DynamoDB take: as the plan makes them, or as they stand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "dynamodb/tables.h"
#include "engine/rehearse_parts.h"
#include "engine/targets.h"

#define PATIENCE (5 * CLOCK_SECOND) /* with a service that does not answer */
#define DESCRIBED_MOST 100          /* tables that are asked about; of a plan with more, the others are taken to be new */

static int find_target(const struct rehearsing *r, const char *name) {
    for (int i = 0; i < r->target_count; i++) {
        if (strcmp(r->targets[i].schema->name, name) == 0) return i;
    }
    return -1;
}

/* What the plan gives to a table and its indexes. */
static void give(struct rehearsal_target *t) {
    const struct dynamodb_schema *s = t->schema;
    if (!s->provisioned) return;
    t->given[0].provisioned = (double)s->write_units;
    for (int i = 1; i < t->resources; i++) {
        const struct dynamodb_index *index = &s->indexes[i - 1];
        t->given[i].provisioned = (double)(index->write_units ? index->write_units : s->write_units);
    }
}

static bool add_target(struct rehearsing *r, const struct job_target *from) {
    struct arena *a = r->out->arena;
    struct rehearsal_target *t = &r->targets[r->target_count];
    int indexes = from->schema.index_count < PARTS_MAX ? from->schema.index_count : PARTS_MAX - 1;
    *t = (struct rehearsal_target){.schema = &from->schema, .resources = 1 + indexes};
    t->reader = parts_reader_new(t->schema);
    t->given = arena_array(a, (size_t)t->resources, sizeof *t->given);
    t->units = arena_array(a, (size_t)t->resources, sizeof *t->units);
    if (t->reader == NULL) return false;
    r->target_count++;
    if (t->given == NULL || t->units == NULL) return false;
    give(t);
    r->out->targets[r->out->target_count++] =
        (struct rehearsed_target){.name = t->schema->name, .provisioned = t->given[0].provisioned};
    return true;
}

static bool list_targets(struct rehearsing *r, struct error *err) {
    struct job *j = &r->session.job;
    size_t count = (size_t)j->target_count + 1;
    r->targets = arena_array(r->out->arena, count, sizeof *r->targets);
    r->target_of = arena_array(r->out->arena, count, sizeof *r->target_of);
    r->out->targets = arena_array(r->out->arena, count, sizeof *r->out->targets);
    if (r->targets == NULL || r->target_of == NULL || r->out->targets == NULL) return error_memory(err, "rehearsing");
    for (int i = 0; i < j->table_count; i++) {
        for (int k = 0; k < j->tables[i].target_count; k++) {
            const struct job_target *from = &j->tables[i].targets[k];
            int known = find_target(r, from->schema.name);
            r->target_of[from->number] = known < 0 ? r->target_count : known;
            if (known < 0 && !add_target(r, from)) return error_memory(err, "rehearsing");
        }
    }
    return true;
}

/* --- as they stand --- */

static struct capacity_given given_of(const struct dynamodb_writes *w, int64_t provisioned) {
    return (struct capacity_given){.provisioned = (double)provisioned, .warm = (double)w->warm, .maximum = (double)w->most};
}

/* The plan's indexes are found by their names; one that is not there would be refused by a run. */
static void take_description(struct rehearsal_target *t, const struct dynamodb_description *d) {
    const struct dynamodb_schema *s = &d->schema;
    t->given[0] = given_of(&d->writes, s->provisioned ? s->write_units : 0);
    for (int i = 1; i < t->resources; i++) {
        for (int k = 0; k < s->index_count; k++) {
            if (strcmp(s->indexes[k].name, t->schema->indexes[i - 1].name) != 0) continue;
            t->given[i] = given_of(&d->index_writes[k], s->provisioned ? s->indexes[k].write_units : 0);
        }
    }
}

static bool describe(struct rehearsing *r, int number, struct error *err) {
    struct rehearsal_target *t = &r->targets[number];
    struct dynamodb_description d;
    struct arena *scratch = arena_new();
    bool ok = scratch ? dynamodb_table_describe(r->session.client, t->schema->name, false, &d, scratch, err)
                      : error_memory(err, "looking at the target");
    if (ok && d.exists) {
        take_description(t, &d);
        struct rehearsed_target *told = &r->out->targets[number];
        told->exists = true;
        told->provisioned = t->given[0].provisioned;
        told->warm = t->given[0].warm;
    }
    arena_free(scratch);
    return ok;
}

static bool look(struct rehearsing *r, struct error *err) {
    struct session *s = &r->session;
    s->client = targets_connect(&s->job, s->listener, err);
    if (s->client == NULL) return false;
    dynamodb_client_set_patience(s->client, &(struct dynamodb_patience){.retry_ns = PATIENCE, .stop = &run_stopping});
    for (int i = 0; i < r->target_count && i < DESCRIBED_MOST; i++) {
        if (!describe(r, i, err)) return false;
    }
    return true;
}

bool rehearse_targets(struct rehearsing *r, struct error *err) {
    struct error why;
    if (!list_targets(r, err)) return false;
    if (look(r, &why)) return true;
    if (why.kind != ERROR_TARGET) {
        *err = why;
        return false;
    }
    r->out->target_unknown = arena_text(r->out->arena, why.text);
    return r->out->target_unknown || error_memory(err, "rehearsing");
}

void rehearse_targets_free(struct rehearsing *r) {
    for (int i = 0; i < r->target_count; i++) parts_reader_free(r->targets[i].reader);
}
