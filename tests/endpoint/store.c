#include "endpoint/store.h"

#include "endpoint/batch.h"
#include "endpoint/predicate.h"
#include "endpoint/query.h"
#include "endpoint/refusal.h"
#include "endpoint/view.h"

#include <string.h>

enum { GET_MAX = 100 }; /* keys in a BatchGetItem */

/* An answer that ignored one of these would be wrong. */
static bool check_supported(enum operation op, struct slice body, struct error *err) {
    static const char *const unknown[] = {"Expected", "KeyConditions", "QueryFilter", "ScanFilter", "AttributesToGet"};
    struct slice value;
    if (op != OPERATION_PUT_ITEM && doc_get(body, "ConditionExpression", &value))
        return refuse_value(err, "this endpoint does not know ConditionExpression here");
    if (op != OPERATION_SCAN && doc_get(body, "FilterExpression", &value))
        return refuse_value(err, "this endpoint does not know FilterExpression here");
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        if (doc_get(body, unknown[i], &value)) return refuse_value(err, "this endpoint does not know %s", unknown[i]);
    }
    return true;
}

/* What is written or read, judged, with its key in `bytes`. */
static bool read_item(const struct catalog_table *t, struct slice item, bool put, struct buffer *bytes, struct item_key *key,
                      struct error *err) {
    struct view v;
    return view_read(t, item, &v, err) && (put ? view_check_item(t, &v, err) : view_check_key(t, &v, err)) &&
           view_append_key(t, &v, bytes, key, err);
}

/* What is there; data NULL: nothing. */
static struct slice json_of(const struct item *found) {
    return found ? item_json(found) : (struct slice){0};
}

static bool apply(struct catalog_table *t, bool put, struct item_key key, struct slice item, struct error *err) {
    if (put) return items_put(&t->items, key, item) || error_memory(err, "storing an item");
    items_delete(&t->items, key);
    return true;
}

/* Answers a put whose condition does not hold, with what is there if the request wants to see it. */
static bool answer_condition(struct slice body, const struct item *found, struct answer *a, struct error *err) {
    char wish[16] = "";
    struct slice json = found ? item_json(found) : (struct slice){"", 0};
    bool show =
        found && doc_get_text(body, "ReturnValuesOnConditionCheckFailure", wish, sizeof wish) && strcmp(wish, "ALL_OLD") == 0;
    a->status = 400;
    a->applied = 0;
    a->body.len = 0; /* what was consumed is consumed, but not told here */
    return (buffer_append_text(&a->body, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException\"") &&
            (!show || (buffer_append_text(&a->body, ",\"Item\":") && buffer_append(&a->body, json.data, json.len))) &&
            buffer_append_text(&a->body, ",\"message\":\"The conditional request failed\"}")) ||
           error_memory(err, "answering");
}

/* Whether what is there lets the put be. */
static bool meets_condition(struct slice body, const struct item *found, bool *meets, struct error *err) {
    struct predicate p;
    struct slice none = {"", 0};
    return predicate_read(&p, body, "ConditionExpression", err) &&
           predicate_holds(&p, found ? item_json(found) : none, meets, err);
}

/* PutItem, DeleteItem, GetItem: the table, and the key of the request's Item or Key. */
static bool handle_one(struct catalog *c, enum operation op, struct slice body, const struct hold *hold, struct answer *a,
                       struct buffer *bytes, struct error *err) {
    bool put = op == OPERATION_PUT_ITEM;
    struct slice item;
    struct item_key key;
    struct catalog_table *t = catalog_named(c, body, err);
    if (t == NULL) return false;
    if (!doc_get(body, put ? "Item" : "Key", &item))
        return refuse_value(err, "The parameter '%s' is required but was not present in the request", put ? "Item" : "Key");
    if (!read_item(t, item, put, bytes, &key, err)) return false;
    a->items = 1;
    const struct item *found = items_get(&t->items, key);
    if (op != OPERATION_GET_ITEM) {
        bool meets;
        if (!hold_one(hold, c, op, body, json_of(found), a, err)) return false;
        if (!a->applied) return true;
        if (!meets_condition(body, found, &meets, err)) return false;
        return meets ? apply(t, put, key, item, err) : answer_condition(body, found, a, err);
    }
    if (found == NULL) return true;
    struct slice json = item_json(found);
    return (buffer_append_text(&a->body, "{\"Item\":") && buffer_append(&a->body, json.data, json.len) &&
            buffer_append_text(&a->body, "}")) ||
           error_memory(err, "answering");
}

/* --- BatchWriteItem --- */

struct target {
    struct catalog_table *table;
    struct item_key key;
    size_t at; /* of the key, while `bytes` may still move */
};

static bool same_key(const struct target *a, const struct target *b) {
    return a->table == b->table && item_key_compare(a->key, b->key) == 0;
}

/* Judges every operation before any is applied: one wrong item refuses the whole batch. */
static bool read_targets(struct catalog *c, const struct batch *b, struct target *targets, struct buffer *bytes,
                         struct error *err) {
    struct catalog_table *tables[BATCH_MAX];
    for (int i = 0; i < b->table_count; i++) {
        tables[i] = catalog_find(c, b->tables[i], err);
        if (tables[i] == NULL) return false;
    }
    for (int i = 0; i < b->count; i++) {
        const struct batch_operation *o = &b->operations[i];
        targets[i] = (struct target){.table = tables[o->table], .at = bytes->len};
        if (!read_item(tables[o->table], o->item, o->put, bytes, &targets[i].key, err)) return false;
    }
    for (int i = 0; i < b->count; i++) {
        targets[i].key.bytes = bytes->data + targets[i].at;
        for (int k = 0; k < i; k++) {
            if (same_key(&targets[i], &targets[k])) return refuse_value(err, "Provided list of item keys contains duplicates");
        }
    }
    return true;
}

static bool handle_batch_write(struct catalog *c, struct slice body, const struct hold *hold, struct answer *a,
                               struct buffer *bytes, struct error *err) {
    struct batch b;
    struct target targets[BATCH_MAX];
    struct slice there[BATCH_MAX];
    bool held[BATCH_MAX];
    if (!batch_read(body, &b, err)) return false;
    a->items = (size_t)b.count;
    if (!read_targets(c, &b, targets, bytes, err)) return false;
    for (int i = 0; hold->limits && i < b.count; i++) there[i] = json_of(items_get(&targets[i].table->items, targets[i].key));
    if (!hold_batch(hold, c, &b, hold->limits ? there : NULL, held, a, err)) return false;
    for (int i = 0; i < b.count; i++) {
        if (!held[i] && !apply(targets[i].table, b.operations[i].put, targets[i].key, b.operations[i].item, err)) return false;
    }
    return true;
}

/* --- BatchGetItem --- */

static bool get_from_table(const struct catalog_table *t, struct slice wanted, int *count, struct answer *a, struct buffer *bytes,
                           struct error *err) {
    struct slice keys, element;
    struct doc_each each;
    bool any = false;
    if (!check_supported(OPERATION_BATCH_GET_ITEM, wanted, err)) return false;
    if (!doc_get(wanted, "Keys", &keys)) keys = (struct slice){"[]", 2};
    doc_each(&each, keys);
    while (doc_next(&each, &element)) {
        struct item_key key;
        if (++*count > GET_MAX) return refuse_value(err, "Too many items requested for the BatchGetItem call");
        bytes->len = 0;
        if (!read_item(t, element, false, bytes, &key, err)) return false;
        const struct item *found = items_get(&t->items, key);
        if (found == NULL) continue;
        struct slice json = item_json(found);
        if (!buffer_append_text(&a->body, any ? "," : "") || !buffer_append(&a->body, json.data, json.len))
            return error_memory(err, "answering");
        any = true;
    }
    return true;
}

static bool handle_batch_get(struct catalog *c, struct slice body, struct answer *a, struct buffer *bytes, struct error *err) {
    struct slice tables, wanted;
    struct doc_each each;
    int count = 0;
    bool any = false;
    if (!doc_get(body, "RequestItems", &tables)) tables = (struct slice){"{}", 2};
    if (!buffer_append_text(&a->body, "{\"Responses\":{")) return error_memory(err, "answering");
    doc_each(&each, tables);
    while (doc_next(&each, &wanted)) {
        const struct catalog_table *t = catalog_find(c, each.name, err);
        if (t == NULL) return false;
        if (!buffer_printf(&a->body, "%s\"%s\":[", any ? "," : "", t->name)) return error_memory(err, "answering");
        if (!get_from_table(t, wanted, &count, a, bytes, err)) return false;
        if (!buffer_append_text(&a->body, "]")) return error_memory(err, "answering");
        any = true;
    }
    a->items = (size_t)count;
    return buffer_append_text(&a->body, "},\"UnprocessedKeys\":{}}") || error_memory(err, "answering");
}

/* --- */

static bool handle(struct catalog *c, const struct request *r, const struct hold *hold, struct answer *a, struct buffer *bytes,
                   struct error *err) {
    struct catalog_table *t;
    switch (r->op) {
    case OPERATION_PUT_ITEM:
    case OPERATION_DELETE_ITEM:
    case OPERATION_GET_ITEM: return handle_one(c, r->op, r->body, hold, a, bytes, err);
    case OPERATION_BATCH_WRITE_ITEM: return handle_batch_write(c, r->body, hold, a, bytes, err);
    case OPERATION_BATCH_GET_ITEM: return handle_batch_get(c, r->body, a, bytes, err);
    case OPERATION_SCAN: t = catalog_named(c, r->body, err); return t && query_scan(t, r->body, &a->body, err);
    case OPERATION_QUERY: t = catalog_named(c, r->body, err); return t && query_query(t, r->body, &a->body, err);
    default:
        return refuse(err, "UnknownOperationException", "this endpoint does not know the operation '%.*s'",
                      r->name.len > 80 ? 80 : (int)r->name.len, r->name.data);
    }
}

bool store_handle(struct catalog *c, const struct request *r, const struct hold *hold, struct answer *a, struct error *err) {
    struct buffer bytes; /* of keys */
    /* A batch of writes knows none of them, and is long to read. */
    if (r->op != OPERATION_BATCH_WRITE_ITEM && !check_supported(r->op, r->body, err)) return false;
    buffer_init(&bytes, (size_t)32 << 20);
    bool ok = handle(c, r, hold, a, &bytes, err);
    buffer_free(&bytes);
    return ok;
}
