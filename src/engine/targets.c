#include "engine/targets.h"

#include <stdio.h>
#include <string.h>

#include "dynamodb/tables.h"
#include "engine/claim.h"

/* Tables in the making at once. DynamoDB takes 500 such operations at a time (developer guide, "Quotas"), but few when tables have
 * indexes, and more would save little. */
#define MAKING_MOST 10

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

/* Whether the ledger knows this very table: endpoint, region, name, and DynamoDB's own id of it (NULL: it is not there). Then *claim says
 * which keys of it are ours. When chunks were done in it already, another id means that they are lost. */
static bool check_ours(const struct job *job, const struct job_target *t, struct ledger *ledger, const char *id, bool fresh,
                       struct ledger_claim *claim, const char *target, struct error *err) {
    struct ledger_claim known;
    *claim = (struct ledger_claim){0};
    if (!ledger_target_find(ledger, target, job->arena, &known, err)) return false;
    if (known.table_id == NULL) return true;
    bool ours = id && (*known.table_id == '\0' || *id == '\0' || strcmp(known.table_id, id) == 0);
    if (ours) *claim = known;
    if (ours || fresh) return true;
    error_set(err, ERROR_TARGET, "table %s %s since this ledger wrote it", t->schema.name,
              id ? "was deleted and made again" : "was deleted");
    return error_hint(err, "what the ledger calls done is not there: run again with --restart");
}

/* In a table that others use as well, their items are not asked about; nor those with keys that are ours already. */
static bool refuse_owned(struct dynamodb_client *client, const struct job_target *t, const struct claim_question *q,
                         struct error *err) {
    bool has;
    struct dynamodb_owned wanted = {q->owns, q->except, q->owns_count, q->except_count};
    if (!dynamodb_table_has_owned(client, &t->schema, &wanted, &has, err)) return false;
    if (!has) return true;
    return error_set(err, ERROR_TARGET, "table %s holds items with keys that the plan owns%s, and this ledger did not write them",
                     t->schema.name, q->except_count ? " now" : "");
}

static bool refuse_any(struct dynamodb_client *client, const struct job_target *t, struct error *err) {
    bool empty;
    if (!dynamodb_table_is_empty(client, t->schema.name, &empty, err)) return false;
    if (empty) return true;
    return error_set(err, ERROR_TARGET, "table %s holds items that this ledger did not write", t->schema.name);
}

/* Whether a plan's table lets a target hold what this ledger did not write. */
static bool refuse_by(struct dynamodb_client *client, const struct job_target *t, const struct claim_question *q,
                      struct error *err) {
    if (q->nothing || t->table->plan->existing != PLAN_EXISTING_REFUSE) return true;
    if (q->owns_count || q->except_count ? refuse_owned(client, t, q, err) : refuse_any(client, t, err)) return true;
    if (*err->hint || err->kind != ERROR_TARGET) return false;
    return error_hint(err,
                      "use another table, or say what becomes of items with the same key: existing = \"replace\" writes over "
                      "them, \"keep\" leaves them, hlua.newer(attribute) lets the newer one stay");
}

/* All tables of the plan that share a target are asked before it is claimed: each has its own policy, and owns its own keys. *claimed:
 * there was nothing to ask. */
static bool refuse_strangers(const struct job *job, struct dynamodb_client *client, const struct job_target *t,
                             const struct ledger_claim *claim, bool *claimed, struct error *err) {
    *claimed = claim->table_id && claim->owns_count;
    for (int i = 0; i < job->table_count; i++) {
        const struct job_table *table = &job->tables[i];
        for (int k = 0; k < table->target_count; k++) {
            const struct job_target *sharer = &table->targets[k];
            if (strcmp(sharer->schema.name, t->schema.name) != 0) continue;
            struct claim_question q;
            if (!claim_ask(claim, &sharer->schema, job->arena, &q)) return error_memory(err, "looking at the target");
            if (!refuse_by(client, sharer, &q, err)) return false;
            *claimed = *claimed && q.nothing;
        }
    }
    return true;
}

/* What targets_prepare works on. Tables in the making are asked for before the first of them is ready: each takes DynamoDB seconds. */
struct preparing {
    struct job *job;
    struct dynamodb_client *client;
    struct ledger *ledger; /* NULL: nothing is claimed */
    bool fresh;
    struct dynamodb_notices notices;
    struct job_target *making[MAKING_MOST]; /* the oldest first */
    int making_count, created;
};

/* How the ledger knows a target; NULL when memory is out. */
static const char *whole_name(const struct preparing *p, const struct job_target *t) {
    return arena_printf(p->job->arena, "%s %s %s", p->job->endpoint.url, p->job->setting.region, t->schema.name);
}

/* All keys that tables of the plan own in a target, beside those that were claimed before. */
static bool add_owns(const struct job *job, const struct job_target *t, const struct ledger_claim *before,
                     struct ledger_claim *out) {
    int room = before->owns_count;
    for (int i = 0; i < job->table_count; i++) room += job->tables[i].schema.owns_count + 1;
    out->owns = arena_array(job->arena, (size_t)room, sizeof *out->owns);
    if (out->owns == NULL) return false;
    for (int i = 0; i < before->owns_count; i++) out->owns[out->owns_count++] = before->owns[i];
    for (int i = 0; i < job->table_count; i++) {
        const struct job_table *table = &job->tables[i];
        bool sharer = false;
        for (int k = 0; k < table->target_count; k++) {
            sharer = sharer || strcmp(table->targets[k].schema.name, t->schema.name) == 0;
        }
        if (!sharer) continue;
        for (int k = 0; k < table->schema.owns_count; k++) out->owns[out->owns_count++] = table->schema.owns[k];
        if (table->schema.owns_count == 0) out->owns[out->owns_count++] = "";
    }
    return true;
}

static bool claim(struct preparing *p, const struct job_target *t, const char *id, const struct ledger_claim *before,
                  struct error *err) {
    const char *target = whole_name(p, t);
    struct ledger_claim c = {.table_id = id ? id : ""};
    if (p->ledger == NULL) return true;
    if (target == NULL || !add_owns(p->job, t, before, &c)) return error_memory(err, "preparing the target");
    return ledger_target_claim(p->ledger, target, &c, err);
}

/* Claims a table that was just made, by the id that DynamoDB gave it. */
static bool claim_made(struct preparing *p, const struct job_target *t, struct error *err) {
    struct dynamodb_description d;
    struct arena *scratch = arena_new();
    if (scratch == NULL) return error_memory(err, "preparing the target");
    bool ok = dynamodb_table_describe(p->client, t->schema.name, false, &d, scratch, err) &&
              claim(p, t, d.id, &(struct ledger_claim){0}, err);
    arena_free(scratch);
    return ok;
}

/* Waits for the table that has been longest in the making. */
static bool finish_oldest(struct preparing *p, struct error *err) {
    struct job_target *t = p->making[0];
    p->making_count--;
    memmove(p->making, p->making + 1, (size_t)p->making_count * sizeof p->making[0]);
    if (!dynamodb_table_finish(p->client, &t->schema, &p->notices, err)) return false;
    p->created++;
    return claim_made(p, t, err);
}

/* All of them: those that were begun get their settings though another one failed. The first failure is told. */
static bool finish_all(struct preparing *p, bool ok, struct error *err) {
    struct error ignored;
    while (p->making_count) ok = finish_oldest(p, ok ? err : &ignored) && ok;
    return ok;
}

static bool in_making(const struct preparing *p, const char *name) {
    for (int i = 0; i < p->making_count; i++) {
        if (strcmp(p->making[i]->schema.name, name) == 0) return true;
    }
    return false;
}

static bool begin(struct preparing *p, struct job_target *t, struct error *err) {
    if (p->making_count == MAKING_MOST && !finish_oldest(p, err)) return false;
    if (!dynamodb_table_begin(p->client, &t->schema, err)) return false;
    p->making[p->making_count++] = t;
    return true;
}

/* What a run may write into, and how far it is the ledger's (NULL: none). */
struct standing {
    struct ledger_claim claim; /* table_id NULL: the ledger has not written it */
    bool claimed;              /* all that the plan owns there is the ledger's */
};

/* Whether a run may write into what was described. */
static bool may_write(const struct preparing *p, const struct job_target *t, const struct dynamodb_description *d,
                      struct standing *s, struct error *err) {
    const char *target = whole_name(p, t), *id = d->id ? d->id : "";
    *s = (struct standing){0};
    if (target == NULL) return error_memory(err, "looking at the target");
    if (p->ledger && !check_ours(p->job, t, p->ledger, d->exists ? id : NULL, p->fresh, &s->claim, target, err)) return false;
    return !d->exists || refuse_strangers(p->job, p->client, t, &s->claim, &s->claimed, err);
}

/* A table that is there: d says how. */
static bool adopt(struct preparing *p, struct job_target *t, const struct dynamodb_description *d, struct error *err) {
    struct standing s;
    if (!dynamodb_table_active(d, NULL) && !dynamodb_table_wait(p->client, t->schema.name, err)) return false;
    if (!dynamodb_table_compare(&t->schema, d, &p->notices, err)) return false;
    return p->ledger == NULL || (may_write(p, t, d, &s, err) && (s.claimed || claim(p, t, d->id, &s.claim, err)));
}

/* A table that is not there. */
static bool make(struct preparing *p, struct job_target *t, const struct dynamodb_description *d, struct error *err) {
    struct standing s;
    return (p->ledger == NULL || may_write(p, t, d, &s, err)) && begin(p, t, err);
}

/* Whether a table that is there will be asked for items, as far as one knows before it is described: perhaps the ledger has claimed it. */
static bool looks_for_items(const struct preparing *p, const struct job_target *t) {
    return p->ledger && p->fresh && t->table->plan->existing == PLAN_EXISTING_REFUSE && t->schema.owns_count == 0;
}

static bool prepare_target(struct preparing *p, struct job_target *t, struct error *err) {
    struct dynamodb_description d;
    while (in_making(p, t->schema.name)) { /* another table of the plan shares it */
        if (!finish_oldest(p, err)) return false;
    }
    if (!dynamodb_client_wait(p->client, 0, NULL, err)) return false; /* between many tables an interrupt is heard */
    struct arena *scratch = arena_new();
    if (scratch == NULL) return error_memory(err, "preparing the target");
    bool ok = dynamodb_table_describe(p->client, t->schema.name, looks_for_items(p, t), &d, scratch, err) &&
              (d.exists ? adopt(p, t, &d, err) : make(p, t, &d, err));
    dynamodb_forget_ahead(p->client);
    arena_free(scratch);
    return ok;
}

bool targets_prepare(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, int *created, struct error *err) {
    struct preparing p = {.job = job, .client = client, .ledger = ledger, .fresh = fresh, .notices = {.arena = job->arena}};
    bool ok = true;
    for (int i = 0; i < job->table_count; i++) {
        struct job_table *t = &job->tables[i];
        for (int k = 0; ok && k < t->target_count; k++) ok = prepare_target(&p, &t->targets[k], err);
    }
    ok = finish_all(&p, ok, err);
    dynamodb_close_ahead(client);
    *created = p.created;
    notify(listener, &p.notices);
    return ok;
}

static bool examine_target(struct preparing *p, struct job_target *t, struct target_found *found, struct error *err) {
    struct dynamodb_description d;
    struct standing s;
    if (!dynamodb_table_describe(p->client, t->schema.name, false, &d, p->job->arena, err)) return false;
    if (d.exists && !dynamodb_table_compare(&t->schema, &d, &p->notices, err)) return false;
    if (!may_write(p, t, &d, &s, err)) return false;
    found->targets++;
    if (!d.exists) return true;
    found->exists++;
    found->ours = found->ours || s.claim.table_id;
    found->item_count += d.item_count;
    found->status = d.status;
    found->arn = d.arn;
    return true;
}

bool targets_examine(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, struct target_found *found, struct error *err) {
    struct preparing p = {.job = job, .client = client, .ledger = ledger, .fresh = fresh, .notices = {.arena = job->arena}};
    bool ok = true;
    for (int i = 0; ok && i < job->table_count; i++) {
        struct job_table *t = &job->tables[i];
        found[i] = (struct target_found){0};
        for (int k = 0; ok && k < t->target_count; k++) ok = examine_target(&p, &t->targets[k], &found[i], err);
        found[i].seen = ok;
    }
    notify(listener, &p.notices);
    return ok;
}
