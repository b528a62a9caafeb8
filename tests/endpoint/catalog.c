#include "endpoint/catalog.h"

#include "base/clock.h"
#include "endpoint/describe.h"
#include "endpoint/refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void table_free(struct catalog_table *t) {
    if (t == NULL) return;
    items_free(&t->items);
    free(t->definition);
    free(t);
}

void catalog_free(struct catalog *c) {
    while (c->first) {
        struct catalog_table *t = c->first;
        c->first = t->next;
        table_free(t);
    }
}

struct catalog_table *catalog_find(struct catalog *c, const char *name, struct error *err) {
    for (struct catalog_table *t = c->first; t; t = t->next) {
        if (strcmp(t->name, name) == 0) return t;
    }
    refuse(err, "ResourceNotFoundException", "Requested resource not found: Table: %s not found", name);
    return NULL;
}

struct catalog_table *catalog_named(struct catalog *c, struct slice body, struct error *err) {
    char name[DOC_NAME];
    if (doc_get_text(body, "TableName", name, sizeof name)) return catalog_find(c, name, err);
    refuse_value(err, "The parameter 'TableName' is required but was not present in the request");
    return NULL;
}

const struct catalog_index *catalog_find_index(const struct catalog_table *t, const char *name, struct error *err) {
    for (int i = 0; i < t->index_count; i++) {
        if (strcmp(t->indexes[i].name, name) == 0) return &t->indexes[i];
    }
    refuse_value(err, "The table does not have the specified index: %s", name);
    return NULL;
}

/* --- CreateTable --- */

static bool read_attributes(struct catalog_table *t, struct slice body, struct error *err) {
    struct slice list, element;
    struct doc_each each;
    if (!doc_get(body, "AttributeDefinitions", &list)) list = (struct slice){"[]", 2};
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        char type[4];
        int at = t->attribute_count;
        if (at == CATALOG_ATTRIBUTES_MAX) return refuse_value(err, "Too many AttributeDefinitions");
        if (!doc_get_text(element, "AttributeName", t->attributes[at].name, DOC_NAME) ||
            !doc_get_text(element, "AttributeType", type, sizeof type) || type[0] == '\0' || type[1] != '\0' ||
            strchr("SNB", type[0]) == NULL)
            return refuse_value(err, "an attribute definition needs an AttributeName and a type of S, N or B");
        t->attributes[at].type = type[0];
        t->attribute_count++;
    }
    return true;
}

static int attribute_position(const struct catalog_table *t, const char *name) {
    for (int i = 0; i < t->attribute_count; i++) {
        if (strcmp(t->attributes[i].name, name) == 0) return i;
    }
    return -1;
}

/* A KeySchema: partition attributes first, then sort attributes, `parts` of each at most. */
static bool read_key(const struct catalog_table *t, struct slice owner, int parts, struct catalog_key *key, struct error *err) {
    struct slice list, element;
    struct doc_each each;
    char name[DOC_NAME], type[8];
    if (!doc_get(owner, "KeySchema", &list)) list = (struct slice){"[]", 2};
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        bool ok =
            doc_get_text(element, "AttributeName", name, sizeof name) && doc_get_text(element, "KeyType", type, sizeof type);
        int position = ok ? attribute_position(t, name) : -1;
        if (position < 0)
            return refuse_value(err,
                                "One or more parameter values were invalid: Some index key attributes are not "
                                "defined in AttributeDefinitions. Keys: [%s]",
                                ok ? name : "");
        if (strcmp(type, "HASH") == 0 && key->sorts == 0 && key->partitions < parts)
            key->partition[key->partitions++] = position;
        else if (strcmp(type, "RANGE") == 0 && key->partitions > 0 && key->sorts < parts)
            key->sort[key->sorts++] = position;
        else
            return refuse_value(err, "Invalid KeySchema: at most %d HASH, then at most %d RANGE", parts, parts);
    }
    if (key->partitions == 0) return refuse_value(err, "Invalid KeySchema: there is no HASH key");
    return true;
}

/* What a table or an index may be called: nothing that JSON would have to escape. */
static bool name_is_legal(const char *name) {
    size_t n = strlen(name);
    return n >= 3 && n == strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
}

static bool read_indexes(struct catalog_table *t, struct slice body, bool local, struct error *err) {
    struct slice list, element;
    struct doc_each each;
    if (!doc_get(body, local ? "LocalSecondaryIndexes" : "GlobalSecondaryIndexes", &list)) return true;
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        if (t->index_count == CATALOG_INDEXES_MAX) return refuse_value(err, "Too many secondary indexes");
        struct catalog_index *index = &t->indexes[t->index_count];
        struct slice projection;
        *index = (struct catalog_index){.local = local, .definition = element};
        if (!doc_get_text(element, "IndexName", index->name, sizeof index->name) || !name_is_legal(index->name) ||
            !doc_get(element, "Projection", &projection))
            return refuse_value(err, "a secondary index needs a Projection and an IndexName of 3 to 255 letters, "
                                     "digits, '_', '-' or '.'");
        if (!read_key(t, element, local ? 1 : CATALOG_KEY_PARTS, &index->key, err)) return false;
        t->index_count++;
    }
    return true;
}

static bool uses(const struct catalog_key *key, int position) {
    for (int i = 0; i < key->partitions; i++) {
        if (key->partition[i] == position) return true;
    }
    for (int i = 0; i < key->sorts; i++) {
        if (key->sort[i] == position) return true;
    }
    return false;
}

static bool check_all_used(const struct catalog_table *t, struct error *err) {
    for (int i = 0; i < t->attribute_count; i++) {
        bool used = uses(&t->key, i);
        for (int k = 0; k < t->index_count && !used; k++) used = uses(&t->indexes[k].key, i);
        if (!used)
            return refuse_value(err,
                                "One or more parameter values were invalid: Some AttributeDefinitions are not "
                                "used. AttributeDefinitions: [%s]",
                                t->attributes[i].name);
    }
    return true;
}

static bool check_settings(struct slice body, struct error *err) {
    char mode[32] = "PROVISIONED", class[64] = "STANDARD";
    struct slice provisioned;
    doc_get_text(body, "TableClass", class, sizeof class);
    if (strcmp(class, "STANDARD") != 0 && strcmp(class, "STANDARD_INFREQUENT_ACCESS") != 0)
        return refuse_value(err, "TableClass must be STANDARD or STANDARD_INFREQUENT_ACCESS");
    doc_get_text(body, "BillingMode", mode, sizeof mode);
    bool has = doc_get(body, "ProvisionedThroughput", &provisioned);
    if (strcmp(mode, "PROVISIONED") == 0 && !has)
        return refuse_value(err, "One or more parameter values were invalid: ReadCapacityUnits and WriteCapacityUnits "
                                 "must both be specified when BillingMode is PROVISIONED");
    if (strcmp(mode, "PAY_PER_REQUEST") == 0 && has)
        return refuse_value(err, "One or more parameter values were invalid: Neither ReadCapacityUnits nor "
                                 "WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST");
    return true;
}

static bool add_tags(struct catalog_table *t, struct slice body, struct error *err) {
    struct slice list, element;
    struct doc_each each;
    struct catalog_tag tag;
    if (!doc_get(body, "Tags", &list)) return true;
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        if (!doc_get_text(element, "Key", tag.key, sizeof tag.key) ||
            !doc_get_text(element, "Value", tag.value, sizeof tag.value))
            return refuse_value(err, "a tag needs a Key and a Value");
        int at = 0;
        while (at < t->tag_count && strcmp(t->tags[at].key, tag.key) != 0) at++;
        if (at == CATALOG_TAGS_MAX) return refuse_value(err, "Too many tags");
        t->tags[at] = tag;
        if (at == t->tag_count) t->tag_count++;
    }
    return true;
}

static bool define(struct catalog_table *t, struct slice body, struct error *err) {
    t->created = clock_unix();
    t->definition = malloc(body.len);
    if (t->definition == NULL) return error_memory(err, "creating a table");
    memcpy(t->definition, body.data, body.len);
    t->definition_len = body.len;
    body.data = t->definition;
    if (!doc_get_text(body, "TableName", t->name, sizeof t->name) || !name_is_legal(t->name))
        return refuse_value(err, "TableName must be 3 to 255 letters, digits, '_', '-' or '.'");
    return read_attributes(t, body, err) && read_key(t, body, 1, &t->key, err) && read_indexes(t, body, false, err) &&
           read_indexes(t, body, true, err) && check_all_used(t, err) && check_settings(body, err) && add_tags(t, body, err);
}

static bool create(struct catalog *c, struct slice body, struct buffer *out, struct error *err) {
    struct catalog_table *t = calloc(1, sizeof *t);
    if (t == NULL) return error_memory(err, "creating a table");
    bool ok = define(t, body, err);
    struct catalog_table **link = &c->first;
    while (ok && *link && strcmp((*link)->name, t->name) < 0) link = &(*link)->next;
    if (ok && *link && strcmp((*link)->name, t->name) == 0)
        ok = refuse(err, "ResourceInUseException", "Table already exists: %s", t->name);
    if (!ok) {
        table_free(t);
        return false;
    }
    t->next = *link;
    *link = t;
    return describe_table(t, "TableDescription", "ACTIVE", out, err);
}

static bool drop(struct catalog *c, struct catalog_table *t, struct buffer *out, struct error *err) {
    if (doc_get_true((struct slice){t->definition, t->definition_len}, "DeletionProtectionEnabled"))
        return refuse_value(err, "Resource cannot be deleted as it is currently protected against deletion. "
                                 "Disable deletion protection first.");
    bool ok = describe_table(t, "TableDescription", "DELETING", out, err);
    struct catalog_table **link = &c->first;
    while (*link != t) link = &(*link)->next;
    *link = t->next;
    table_free(t);
    return ok;
}

/* --- the settings of a table --- */

static bool set_ttl(struct catalog_table *t, struct slice body, struct buffer *out, struct error *err) {
    struct slice spec;
    char name[DOC_NAME];
    if (!doc_get(body, "TimeToLiveSpecification", &spec) || !doc_get_text(spec, "AttributeName", name, sizeof name))
        return refuse_value(err, "TimeToLiveSpecification needs an AttributeName");
    bool enable = doc_get_true(spec, "Enabled"), enabled = t->ttl_attribute[0] != '\0';
    if (enable && enabled) return refuse_value(err, "TimeToLive is already enabled");
    if (!enable && !enabled) return refuse_value(err, "TimeToLive is already disabled");
    snprintf(t->ttl_attribute, sizeof t->ttl_attribute, "%s", enable ? name : "");
    bool ok = buffer_append_text(out, "{\"TimeToLiveSpecification\":") && buffer_append(out, spec.data, spec.len) &&
              buffer_append_text(out, "}");
    return ok || error_memory(err, "answering");
}

static bool set_backups(struct catalog_table *t, struct slice body, struct buffer *out, struct error *err) {
    struct slice spec;
    if (!doc_get(body, "PointInTimeRecoverySpecification", &spec))
        return refuse_value(err, "PointInTimeRecoverySpecification is required");
    t->point_in_time_recovery = doc_get_true(spec, "PointInTimeRecoveryEnabled");
    return describe_backups(t, out, err);
}

/* The table of a ResourceArn: what follows "table/". */
static struct catalog_table *resource(struct catalog *c, struct slice body, struct error *err) {
    char arn[1024] = "";
    doc_get_text(body, "ResourceArn", arn, sizeof arn);
    const char *name = strstr(arn, ":table/");
    if (name) return catalog_find(c, name + strlen(":table/"), err);
    refuse_value(err, "Invalid TableArn: Invalid ResourceArn provided as input %s", arn);
    return NULL;
}

bool catalog_handle(struct catalog *c, enum operation op, struct slice body, struct buffer *out, bool *handled,
                    struct error *err) {
    *handled = true;
    struct catalog_table *t;
    switch (op) {
    case OPERATION_CREATE_TABLE: return create(c, body, out, err);
    case OPERATION_LIST_TABLES: return describe_list(c, body, out, err);
    case OPERATION_TAG_RESOURCE: t = resource(c, body, err); return t && add_tags(t, body, err);
    case OPERATION_LIST_TAGS_OF_RESOURCE: t = resource(c, body, err); return t && describe_tags(t, out, err);
    case OPERATION_DESCRIBE_TABLE:
    case OPERATION_DELETE_TABLE:
    case OPERATION_UPDATE_TIME_TO_LIVE:
    case OPERATION_DESCRIBE_TIME_TO_LIVE:
    case OPERATION_UPDATE_CONTINUOUS_BACKUPS:
    case OPERATION_DESCRIBE_CONTINUOUS_BACKUPS: t = catalog_named(c, body, err); break;
    default: *handled = false; return true;
    }
    if (t == NULL) return false;
    switch (op) {
    case OPERATION_DESCRIBE_TABLE: return describe_table(t, "Table", "ACTIVE", out, err);
    case OPERATION_DELETE_TABLE: return drop(c, t, out, err);
    case OPERATION_UPDATE_TIME_TO_LIVE: return set_ttl(t, body, out, err);
    case OPERATION_DESCRIBE_TIME_TO_LIVE: return describe_ttl(t, out, err);
    case OPERATION_UPDATE_CONTINUOUS_BACKUPS: return set_backups(t, body, out, err);
    default: return describe_backups(t, out, err);
    }
}
