#include "endpoint/hold.h"

#include "endpoint/refusal.h"

#include <string.h>

/* What a request has consumed of one table and of its indexes. */
struct consumed {
    const struct catalog_table *table;
    double table_units, index_units[CATALOG_INDEXES_MAX];
    bool indexed[CATALOG_INDEXES_MAX];
};

/* Why nothing of a call was accepted, each reason once. */
struct refusals {
    struct {
        const struct catalog_table *table;
        struct capacity_refusal why;
    } list[BATCH_MAX];
    int count;
};

/* --- counting --- */

static void consume(struct consumed *c, const struct parts *parts) {
    for (int i = 0; i < parts->count; i++) {
        const struct part *p = &parts->at[i];
        if (p->resource == PARTS_TABLE) {
            c->table_units += p->units;
        } else {
            c->index_units[p->resource - 1] += p->units;
            c->indexed[p->resource - 1] = true;
        }
    }
}

static void add_refusal(struct refusals *r, const struct catalog_table *t, const struct capacity_refusal *why) {
    for (int i = 0; i < r->count; i++) {
        const struct capacity_refusal *known = &r->list[i].why;
        if (r->list[i].table == t && known->resource == why->resource &&
            strcmp(capacity_reason(known), capacity_reason(why)) == 0)
            return;
    }
    r->list[r->count].table = t;
    r->list[r->count++].why = *why;
}

/* --- answers --- */

static bool print_refusals(const struct refusals *r, struct answer *a) {
    struct buffer *out = &a->body;
    const char *error = capacity_error(&r->list[0].why);
    bool provisioned = strcmp(error, "ProvisionedThroughputExceededException") == 0;
    a->status = 400;
    out->len = 0;
    bool ok = buffer_printf(
        out, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#%s\",\"message\":\"%s\",\"ThrottlingReasons\":[", error,
        provisioned ? "The level of configured provisioned throughput for one or more tables or indexes was exceeded."
                    : "Throughput exceeds the current capacity of one or more tables or indexes.");
    for (int i = 0; ok && i < r->count; i++) {
        const struct capacity_refusal *why = &r->list[i].why;
        const struct catalog_table *t = r->list[i].table;
        bool index = why->resource != PARTS_TABLE;
        ok = buffer_printf(out, "%s{\"reason\":\"%s\",\"resource\":\"arn:aws:dynamodb:us-east-1:000000000000:table/%s%s%s\"}",
                           i ? "," : "", capacity_reason(why), t->name, index ? "/index/" : "",
                           index ? t->indexes[why->resource - 1].name : "");
    }
    return ok && buffer_append_text(out, "]}");
}

static bool print_indexes(struct buffer *out, const struct consumed *c) {
    bool any = false, ok = true;
    for (int i = 0; ok && i < c->table->index_count; i++) {
        if (!c->indexed[i]) continue;
        ok = any || buffer_append_text(out, ",\"GlobalSecondaryIndexes\":{");
        ok = ok && buffer_printf(out, "%s\"%s\":{\"CapacityUnits\":%.1f}", any ? "," : "", c->table->indexes[i].name,
                                 c->index_units[i]);
        any = true;
    }
    return ok && (!any || buffer_append_text(out, "}"));
}

/* One ConsumedCapacity. The units of local indexes are in the table's: the model does not tell them apart. */
static bool print_consumed(struct buffer *out, const struct consumed *c, bool indexes) {
    double all = c->table_units;
    for (int i = 0; i < c->table->index_count; i++) all += c->index_units[i];
    bool ok = buffer_printf(out, "{\"TableName\":\"%s\",\"CapacityUnits\":%.1f", c->table->name, all);
    if (indexes) ok = ok && buffer_printf(out, ",\"Table\":{\"CapacityUnits\":%.1f}", c->table_units) && print_indexes(out, c);
    return ok && buffer_append_text(out, "}");
}

static bool wants(const char *consumed) {
    return strcmp(consumed, "INDEXES") == 0 || strcmp(consumed, "TOTAL") == 0;
}

static bool print_batch(const struct batch *b, const bool held[BATCH_MAX], const struct consumed *consumed, struct buffer *out) {
    bool ok = buffer_append_text(out, "{\"UnprocessedItems\":") && batch_print(b, held, true, out), any = false;
    bool told = consumed && wants(b->consumed);
    if (told) ok = ok && buffer_append_text(out, ",\"ConsumedCapacity\":[");
    for (int i = 0; ok && told && i < b->table_count; i++) {
        if (consumed[i].table_units == 0) continue;
        ok = buffer_append_text(out, any ? "," : "") && print_consumed(out, &consumed[i], strcmp(b->consumed, "INDEXES") == 0);
        any = true;
    }
    return ok && buffer_append_text(out, told ? "]}" : "}");
}

/* --- the two kinds of request --- */

static bool judge_batch(const struct hold *hold, struct catalog *c, const struct batch *b, const struct slice *there,
                        bool held[BATCH_MAX], struct consumed *consumed, struct refusals *refusals, struct error *err) {
    struct catalog_table *tables[BATCH_MAX];
    for (int i = 0; i < b->table_count; i++) {
        tables[i] = catalog_find(c, b->tables[i], err);
        if (tables[i] == NULL) return false;
        consumed[i] = (struct consumed){.table = tables[i]};
    }
    for (int i = 0; i < b->count; i++) {
        const struct batch_operation *o = &b->operations[i];
        struct parts parts;
        struct capacity_refusal why;
        struct slice found = there ? there[i] : (struct slice){0};
        if (held[i]) continue;
        if (!limits_write(hold->limits, tables[o->table], o->item, found, &parts, &why, err)) return false;
        held[i] = why.limit != CAPACITY_ACCEPTED;
        if (held[i])
            add_refusal(refusals, tables[o->table], &why);
        else
            consume(&consumed[o->table], &parts);
    }
    return true;
}

bool hold_batch(const struct hold *hold, struct catalog *c, const struct batch *b, const struct slice *there,
                bool held[BATCH_MAX], struct answer *a, struct error *err) {
    struct consumed consumed[BATCH_MAX];
    struct refusals refusals = {.count = 0};
    for (int i = 0; i < b->count; i++) held[i] = i >= b->count - hold->last;
    if (hold->limits && !judge_batch(hold, c, b, there, held, consumed, &refusals, err)) return false;
    a->items = (size_t)b->count;
    for (int i = 0; i < b->count; i++) a->applied += !held[i];
    bool failed = refusals.count && a->applied == 0;
    bool ok = failed ? print_refusals(&refusals, a) : print_batch(b, held, hold->limits ? consumed : NULL, &a->body);
    return ok || error_memory(err, "answering");
}

bool hold_one(const struct hold *hold, struct catalog *c, enum operation op, struct slice body, struct slice there,
              struct answer *a, struct error *err) {
    struct slice item;
    struct parts parts;
    struct capacity_refusal why;
    char wanted[16] = "";
    a->items = a->applied = 1;
    if (!hold->limits) return true;
    struct catalog_table *t = catalog_named(c, body, err);
    if (t == NULL) return false;
    if (!doc_get(body, op == OPERATION_PUT_ITEM ? "Item" : "Key", &item))
        return refuse_value(err, "a write without its Item or Key");
    if (!limits_write(hold->limits, t, item, there, &parts, &why, err)) return false;
    bool ok = true;
    if (why.limit != CAPACITY_ACCEPTED) {
        struct refusals refusals = {.count = 0};
        a->applied = 0;
        add_refusal(&refusals, t, &why);
        ok = print_refusals(&refusals, a);
    } else if (doc_get_text(body, "ReturnConsumedCapacity", wanted, sizeof wanted) && wants(wanted)) {
        struct consumed consumed = {.table = t};
        consume(&consumed, &parts);
        ok = buffer_append_text(&a->body, "{\"ConsumedCapacity\":") &&
             print_consumed(&a->body, &consumed, strcmp(wanted, "INDEXES") == 0) && buffer_append_text(&a->body, "}");
    }
    return ok || error_memory(err, "answering");
}
