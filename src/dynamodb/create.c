/* Making a table as a plan declares it (tables.h). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dynamodb/tables.h"

#define REQUEST_MAX (4 * 1024 * 1024)
#define BACKUPS_POLL_NS (2 * CLOCK_SECOND)
/* How often, and after how long, settings that are not as wanted are looked at again. */
#define CONFIRM_AGAIN 3
#define CONFIRM_POLL_NS (500 * CLOCK_MS)

/* --- the request --- */

/* Remembers the first failure, so that a body can be written straight on. */
struct writing {
    struct buffer *out;
    bool ok;
};

static void put(struct writing *w, const char *json) {
    w->ok = w->ok && buffer_append_text(w->out, json);
}

static void put_string(struct writing *w, const char *text) {
    w->ok = w->ok && json_append_string(w->out, text, strlen(text));
}

/* "," unless it is the first of its list. */
static void put_comma(struct writing *w, bool *first) {
    if (!*first) put(w, ",");
    *first = false;
}

static void put_key(struct writing *w, const char *name, const char *kind, bool *first) {
    put_comma(w, first);
    put(w, "{\"AttributeName\":");
    put_string(w, name);
    put(w, ",\"KeyType\":\"");
    put(w, kind);
    put(w, "\"}");
}

static void put_throughput(struct writing *w, int64_t read, int64_t write) {
    char text[120];
    snprintf(text, sizeof text, ",\"ProvisionedThroughput\":{\"ReadCapacityUnits\":%lld,\"WriteCapacityUnits\":%lld}",
             (long long)read, (long long)write);
    put(w, text);
}

/* Adds an attribute definition unless an earlier one has the name; false when that one has another type, or
 * none is known. */
static bool define(struct writing *w, const struct dynamodb_key *key, const struct dynamodb_key **seen, int *count,
                   struct error *err) {
    if (key->type != DYNAMODB_S && key->type != DYNAMODB_N && key->type != DYNAMODB_B) {
        return error_set(err, ERROR_PLAN, "key attribute %s has type %s, and a key is S, N or B", key->name,
                         dynamodb_type_name(key->type));
    }
    for (int i = 0; i < *count; i++) {
        if (strcmp(seen[i]->name, key->name) != 0) continue;
        if (seen[i]->type == key->type) return true;
        return error_set(err, ERROR_PLAN, "key attribute %s is %s in one key and %s in another", key->name,
                         dynamodb_type_name(seen[i]->type), dynamodb_type_name(key->type));
    }
    bool first = *count == 0;
    seen[(*count)++] = key;
    put_comma(w, &first);
    put(w, "{\"AttributeName\":");
    put_string(w, key->name);
    put(w, ",\"AttributeType\":\"");
    put(w, dynamodb_type_name(key->type));
    put(w, "\"}");
    return true;
}

static bool put_definitions(struct writing *w, const struct dynamodb_schema *s, struct arena *arena, struct error *err) {
    size_t most = 2 + (size_t)s->index_count * 2 * DYNAMODB_INDEX_KEYS_MAX;
    const struct dynamodb_key **seen = arena_array(arena, most, sizeof *seen);
    if (seen == NULL) return error_memory(err, "creating a table");
    int count = 0;
    put(w, ",\"AttributeDefinitions\":[");
    if (!define(w, &s->partition, seen, &count, err)) return false;
    if (s->sort.name && !define(w, &s->sort, seen, &count, err)) return false;
    for (int i = 0; i < s->index_count; i++) {
        const struct dynamodb_index *x = &s->indexes[i];
        for (int k = 0; k < x->partition_count && !x->local; k++) {
            if (!define(w, &x->partition[k], seen, &count, err)) return false;
        }
        for (int k = 0; k < x->sort_count; k++) {
            if (!define(w, &x->sort[k], seen, &count, err)) return false;
        }
    }
    put(w, "]");
    return true;
}

static void put_projection(struct writing *w, const struct dynamodb_index *x) {
    static const char *const names[] = {"ALL", "KEYS_ONLY", "INCLUDE"};
    put(w, ",\"Projection\":{\"ProjectionType\":\"");
    put(w, names[x->projection]);
    put(w, "\"");
    if (x->projection == DYNAMODB_PROJECT_INCLUDE) {
        bool first = true;
        put(w, ",\"NonKeyAttributes\":[");
        for (int i = 0; i < x->include_count; i++) {
            put_comma(w, &first);
            put_string(w, x->include[i]);
        }
        put(w, "]");
    }
    put(w, "}");
}

static void put_index(struct writing *w, const struct dynamodb_schema *s, const struct dynamodb_index *x) {
    bool first = true;
    put(w, "{\"IndexName\":");
    put_string(w, x->name);
    put(w, ",\"KeySchema\":[");
    if (x->local) put_key(w, s->partition.name, "HASH", &first);
    for (int k = 0; k < x->partition_count && !x->local; k++) put_key(w, x->partition[k].name, "HASH", &first);
    for (int k = 0; k < x->sort_count; k++) put_key(w, x->sort[k].name, "RANGE", &first);
    put(w, "]");
    put_projection(w, x);
    if (s->provisioned && !x->local) {
        put_throughput(w, x->read_units ? x->read_units : s->read_units, x->write_units ? x->write_units : s->write_units);
    }
    put(w, "}");
}

static void put_indexes(struct writing *w, const struct dynamodb_schema *s, bool local, const char *field) {
    bool first = true;
    for (int i = 0; i < s->index_count; i++) {
        if (s->indexes[i].local != local) continue;
        if (first) put(w, field);
        put_comma(w, &first);
        put_index(w, s, &s->indexes[i]);
    }
    if (!first) put(w, "]");
}

static void put_settings(struct writing *w, const struct dynamodb_schema *s) {
    if (s->provisioned) {
        put(w, ",\"BillingMode\":\"PROVISIONED\"");
        put_throughput(w, s->read_units, s->write_units);
    } else {
        put(w, ",\"BillingMode\":\"PAY_PER_REQUEST\"");
    }
    if (s->stream) {
        put(w, ",\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":");
        put_string(w, s->stream);
        put(w, "}");
    }
    bool first = true;
    for (int i = 0; i < s->tag_count; i++) {
        put(w, first ? ",\"Tags\":[" : "");
        put_comma(w, &first);
        put(w, "{\"Key\":");
        put_string(w, s->tags[i].key);
        put(w, ",\"Value\":");
        put_string(w, s->tags[i].value);
        put(w, "}");
    }
    if (!first) put(w, "]");
    if (s->deletion_protection) put(w, ",\"DeletionProtectionEnabled\":true");
    if (s->table_class) {
        put(w, ",\"TableClass\":");
        put_string(w, s->table_class);
    }
}

bool dynamodb_table_create_body(const struct dynamodb_schema *schema, struct buffer *out, struct error *err) {
    struct arena *arena = arena_new();
    struct writing w = {.out = out, .ok = arena != NULL};
    bool first = true;
    put(&w, "{\"TableName\":");
    put_string(&w, schema->name);
    bool ok = arena == NULL || put_definitions(&w, schema, arena, err);
    arena_free(arena);
    if (!ok) return false;
    put(&w, ",\"KeySchema\":[");
    put_key(&w, schema->partition.name, "HASH", &first);
    if (schema->sort.name) put_key(&w, schema->sort.name, "RANGE", &first);
    put(&w, "]");
    put_indexes(&w, schema, false, ",\"GlobalSecondaryIndexes\":[");
    put_indexes(&w, schema, true, ",\"LocalSecondaryIndexes\":[");
    put_settings(&w, schema);
    put(&w, "}");
    return w.ok || error_memory(err, "creating a table");
}

/* --- the table, then what CreateTable cannot set --- */

/* A table in the making. */
struct making {
    struct dynamodb_client *client;
    struct dynamodb_schema wanted; /* less what the endpoint does not know */
    struct dynamodb_notices *notices;
    struct buffer body;
};

/* A setting that the endpoint does not know is a notice: the table itself is right. */
static bool tolerate(struct making *m, const char *operation, const char *effect, struct error *err) {
    if (strcmp(err->code, "UnknownOperationException") != 0) return false;
    return dynamodb_notice(m->notices, "table %s: this endpoint does not know %s: %s", m->wanted.name, operation, effect) ||
           error_memory(err, "creating a table");
}

static bool set_time_to_live(struct making *m, struct error *err) {
    const char *operation = "UpdateTimeToLive";
    struct writing w = {.out = &m->body, .ok = true};
    m->body.len = 0;
    put(&w, "{\"TableName\":");
    put_string(&w, m->wanted.name);
    put(&w, ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":");
    put_string(&w, m->wanted.time_to_live);
    put(&w, "}}");
    if (!w.ok) return error_memory(err, "creating a table");
    if (dynamodb_call(m->client, operation, m->body.data, m->body.len, NULL, err)) return true;
    m->wanted.time_to_live = NULL;
    return tolerate(m, operation, "the time to live is not set", err);
}

/* Backups of a new table become available a while after the table is ACTIVE. */
static bool set_recovery(struct making *m, struct error *err) {
    const char *operation = "UpdateContinuousBackups";
    struct writing w = {.out = &m->body, .ok = true};
    m->body.len = 0;
    put(&w, "{\"TableName\":");
    put_string(&w, m->wanted.name);
    put(&w, ",\"PointInTimeRecoverySpecification\":{\"PointInTimeRecoveryEnabled\":true}}");
    if (!w.ok) return error_memory(err, "creating a table");
    int64_t begun = clock_now();
    while (!dynamodb_call(m->client, operation, m->body.data, m->body.len, NULL, err)) {
        if (strcmp(err->code, "ContinuousBackupsUnavailableException") != 0) {
            m->wanted.point_in_time_recovery = false;
            return tolerate(m, operation, "point-in-time recovery is not on", err);
        }
        if (clock_now() - begun > dynamodb_client_patience(m->client)->table_ns) return false;
        if (!dynamodb_client_wait(m->client, BACKUPS_POLL_NS, "backups are being made available for the table", err)) {
            return false;
        }
    }
    return true;
}

/* Compares what came of it with what was wanted; notices go into `found`. */
static bool look(struct making *m, struct dynamodb_notices *found, struct error *err) {
    struct dynamodb_description made;
    if (!dynamodb_table_describe(m->client, m->wanted.name, false, &made, found->arena, err)) return false;
    if (!made.exists) return error_set(err, ERROR_TARGET, "table %s is gone right after it was made", m->wanted.name);
    return dynamodb_table_compare(&m->wanted, &made, found, err);
}

/* An engine may take a setting and drop it; on the service a setting may take a moment to be seen. */
static bool confirm(struct making *m, struct error *err) {
    struct arena *arena = arena_new();
    if (arena == NULL) return error_memory(err, "creating a table");
    struct dynamodb_notices found = {.arena = arena};
    bool ok = look(m, &found, err);
    for (int again = 0; ok && found.count > 0 && again < CONFIRM_AGAIN; again++) {
        found.count = 0;
        ok = dynamodb_client_wait(m->client, CONFIRM_POLL_NS, "settings of the table are not to be seen yet", err) &&
             look(m, &found, err);
    }
    for (int i = 0; ok && i < found.count; i++) {
        ok = dynamodb_notice(m->notices, "%s", found.lines[i]) || error_memory(err, "creating a table");
    }
    arena_free(arena);
    return ok;
}

bool dynamodb_table_begin(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct error *err) {
    struct error own; /* errors are looked into */
    struct buffer body;
    if (err == NULL) err = &own;
    buffer_init(&body, REQUEST_MAX);
    bool ok = dynamodb_table_create_body(schema, &body, err) && dynamodb_call(c, "CreateTable", body.data, body.len, NULL, err);
    /* Sent more than once, the first may have made the table though its answer was lost. The comparison at
     * the end decides. */
    if (!ok && strcmp(err->code, "ResourceInUseException") == 0) ok = dynamodb_client_attempts(c) > 1;
    buffer_free(&body);
    return ok;
}

bool dynamodb_table_finish(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct dynamodb_notices *notices,
                           struct error *err) {
    struct error own;
    if (err == NULL) err = &own;
    struct making m = {.client = c, .wanted = *schema, .notices = notices};
    buffer_init(&m.body, REQUEST_MAX);
    bool ok = dynamodb_table_wait(c, schema->name, err) && (schema->time_to_live == NULL || set_time_to_live(&m, err)) &&
              (!schema->point_in_time_recovery || set_recovery(&m, err)) && confirm(&m, err);
    buffer_free(&m.body);
    return ok;
}

bool dynamodb_table_create(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct dynamodb_notices *notices,
                           struct error *err) {
    return dynamodb_table_begin(c, schema, err) && dynamodb_table_finish(c, schema, notices, err);
}
