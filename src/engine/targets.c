#include "engine/targets.h"

#include <stdio.h>
#include <string.h>

#include "dynamodb/tables.h"

/* The client's waits, in words: a run that waits for DynamoDB says so. */
static void say(void *context, const char *text) {
    const struct run_listener *l = context;
    if (l && l->notice) l->notice(l->context, text);
}

struct dynamodb_client *targets_connect(struct job *job, const struct run_listener *listener, struct error *err) {
    const struct plan_target *t = &job->plan->target;
    struct aws_wish wish = {.region = t->region, .endpoint = t->endpoint, .profile = t->profile};
    struct dynamodb_client *c = dynamodb_client_new(&wish, t->allow_http, err);
    if (c == NULL) return NULL;
    job->setting = *dynamodb_client_setting(c);
    job->endpoint = *dynamodb_client_endpoint(c);
    dynamodb_client_set_patience(c, &(struct dynamodb_patience){.stop = &run_stopping, .say = say, .arg = (void *)listener});
    return c;
}

static void notify(const struct run_listener *l, const struct dynamodb_notices *n) {
    for (int i = 0; l && l->notice && i < n->count; i++) l->notice(l->context, n->lines[i]);
}

/* Whether the ledger knows this very table: endpoint, region, name, and DynamoDB's own id of it (NULL: it is not there). When chunks were
 * done in it already, another id means that they are lost. */
static bool check_ours(const struct job *job, const struct job_table *t, struct ledger *ledger, const char *id, bool fresh,
                       bool *ours, const char *target, struct error *err) {
    const char *known;
    *ours = false;
    if (!ledger_target_find(ledger, target, job->arena, &known, err)) return false;
    if (known == NULL) return true;
    *ours = id && (*known == '\0' || *id == '\0' || strcmp(known, id) == 0);
    if (*ours || fresh) return true;
    error_set(err, ERROR_TARGET, "table %s %s since this ledger wrote it", t->schema.name,
              id ? "was deleted and made again" : "was deleted");
    return error_hint(err, "what the ledger calls done is not there: run again with --restart");
}

static bool refuse_strangers(struct dynamodb_client *client, const struct job_table *t, struct error *err) {
    bool empty;
    if (t->plan->existing == PLAN_EXISTING_REPLACE) return true;
    if (!dynamodb_table_is_empty(client, t->schema.name, &empty, err)) return false;
    if (empty) return true;
    error_set(err, ERROR_TARGET, "table %s holds items that this ledger did not write", t->schema.name);
    return error_hint(err, "use another table, or say existing = \"replace\" in the plan to write over items with the same key");
}

/* The name by which the ledger knows a table. */
static const char *target_name(const struct job *job, const struct job_table *t, struct error *err) {
    const char *name = arena_printf(job->arena, "%s %s %s", job->endpoint.url, job->setting.region, t->schema.name);
    if (name == NULL) error_memory(err, "looking at the target");
    return name;
}

/* Whether a run may write into what was described. *ours: the ledger (NULL: none) has written it. */
static bool may_write(const struct job *job, const struct job_table *t, struct dynamodb_client *client, struct ledger *ledger,
                      bool fresh, const struct dynamodb_description *d, bool *ours, struct error *err) {
    const char *name = target_name(job, t, err), *id = d->id ? d->id : "";
    *ours = false;
    if (name == NULL) return false;
    if (ledger && !check_ours(job, t, ledger, d->exists ? id : NULL, fresh, ours, name, err)) return false;
    return !d->exists || *ours || refuse_strangers(client, t, err);
}

static bool prepare_table(struct job *job, struct job_table *t, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                          struct dynamodb_notices *notices, int *created, struct error *err) {
    struct dynamodb_description d;
    if (!dynamodb_table_describe(client, t->schema.name, &d, job->arena, err)) return false;
    const char *target = target_name(job, t, err);
    if (target == NULL) return false;
    bool ours = false;
    if (d.exists && !dynamodb_table_wait(client, t->schema.name, err)) return false;
    if (d.exists && !dynamodb_table_compare(&t->schema, &d, notices, err)) return false;
    if (ledger && !may_write(job, t, client, ledger, fresh, &d, &ours, err)) return false;
    if (!d.exists) {
        if (!dynamodb_table_create(client, &t->schema, notices, err)) return false;
        ++*created;
        if (!dynamodb_table_describe(client, t->schema.name, &d, job->arena, err)) return false;
    }
    return ledger == NULL || ours || ledger_target_claim(ledger, target, d.id ? d.id : "", err);
}

bool targets_prepare(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, int *created, struct error *err) {
    struct dynamodb_notices notices = {.arena = job->arena};
    bool ok = true;
    *created = 0;
    for (int i = 0; ok && i < job->table_count; i++) {
        ok = prepare_table(job, &job->tables[i], client, ledger, fresh, &notices, created, err);
    }
    notify(listener, &notices);
    return ok;
}

static bool examine_table(struct job *job, struct job_table *t, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                          struct dynamodb_notices *notices, struct target_found *found, struct error *err) {
    struct dynamodb_description d;
    if (!dynamodb_table_describe(client, t->schema.name, &d, job->arena, err)) return false;
    if (d.exists && !dynamodb_table_compare(&t->schema, &d, notices, err)) return false;
    bool ours;
    if (!may_write(job, t, client, ledger, fresh, &d, &ours, err)) return false;
    *found = (struct target_found){.seen = true,
                                   .exists = d.exists,
                                   .ours = ours,
                                   .item_count = d.exists ? d.item_count : 0,
                                   .status = d.exists ? d.status : NULL,
                                   .arn = d.exists ? d.arn : NULL};
    return true;
}

bool targets_examine(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, struct target_found *found, struct error *err) {
    struct dynamodb_notices notices = {.arena = job->arena};
    bool ok = true;
    for (int i = 0; ok && i < job->table_count; i++) {
        found[i] = (struct target_found){0};
        ok = examine_table(job, &job->tables[i], client, ledger, fresh, &notices, &found[i], err);
    }
    notify(listener, &notices);
    return ok;
}
