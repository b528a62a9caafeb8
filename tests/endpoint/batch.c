#include "endpoint/batch.h"

#include "endpoint/refusal.h"

#include <string.h>

static bool misshapen(const struct json *j, struct error *err) {
    return refuse(err, "SerializationException", "%s", j->problem ? j->problem : "the request is not shaped as BatchWriteItem");
}

/* {"PutRequest":{"Item":{...}}} or {"DeleteRequest":{"Key":{...}}}, its brace already read. */
static bool read_operation(struct json *j, struct batch *b, struct error *err) {
    if (b->count == BATCH_MAX) return refuse_value(err, "Too many items requested for the BatchWriteItem call");
    struct batch_operation *o = &b->operations[b->count];
    *o = (struct batch_operation){.table = b->table_count - 1, .whole.data = j->at - 1};
    if (json_next(j) != JSON_KEY) return misshapen(j, err);
    o->put = json_is(j, "PutRequest");
    if ((!o->put && !json_is(j, "DeleteRequest")) || json_next(j) != JSON_OBJECT || json_next(j) != JSON_KEY ||
        !json_is(j, o->put ? "Item" : "Key") || json_next(j) != JSON_OBJECT || !doc_value(j, JSON_OBJECT, &o->item) ||
        json_next(j) != JSON_OBJECT_END || json_next(j) != JSON_OBJECT_END)
        return misshapen(j, err);
    o->whole.len = (size_t)(j->at - o->whole.data);
    b->count++;
    return true;
}

/* The tables and their lists, the brace of RequestItems already read. */
static bool read_tables(struct json *j, struct batch *b, struct error *err) {
    enum json_token token;
    while ((token = json_next(j)) == JSON_KEY) {
        if (b->table_count == BATCH_MAX || !json_copy(j, b->tables[b->table_count], DOC_NAME))
            return refuse_value(err, "Too many tables, or a table name of more than 255 bytes");
        b->table_count++;
        int before = b->count;
        if (json_next(j) != JSON_ARRAY) return misshapen(j, err);
        while ((token = json_next(j)) == JSON_OBJECT) {
            if (!read_operation(j, b, err)) return false;
        }
        if (token != JSON_ARRAY_END) return misshapen(j, err);
        if (b->count == before) return refuse_value(err, "The batch write request list for a table cannot be null or empty");
    }
    return token == JSON_OBJECT_END || misshapen(j, err);
}

bool batch_read(struct slice body, struct batch *b, struct error *err) {
    struct json j;
    enum json_token token;
    b->count = b->table_count = 0;
    b->consumed[0] = '\0';
    json_init(&j, body.data, body.len);
    if (json_next(&j) != JSON_OBJECT) return misshapen(&j, err);
    while ((token = json_next(&j)) == JSON_KEY) {
        bool items = json_is(&j, "RequestItems"), consumed = json_is(&j, "ReturnConsumedCapacity");
        token = json_next(&j);
        if (consumed && (token != JSON_STRING || !json_copy(&j, b->consumed, sizeof b->consumed))) return misshapen(&j, err);
        if (items && (token != JSON_OBJECT || b->table_count)) return misshapen(&j, err);
        if (items ? !read_tables(&j, b, err) : !json_skip(&j, token)) return items ? false : misshapen(&j, err);
    }
    if (token != JSON_OBJECT_END || json_next(&j) != JSON_END) return misshapen(&j, err);
    if (b->count == 0) return refuse_value(err, "1 validation error detected: RequestItems must not be empty");
    return true;
}

bool batch_print(const struct batch *b, const bool flags[BATCH_MAX], bool value, struct buffer *out) {
    bool ok = buffer_append_text(out, "{"), any = false;
    for (int table = 0; ok && table < b->table_count; table++) {
        bool open = false;
        for (int i = 0; ok && i < b->count; i++) {
            const struct batch_operation *o = &b->operations[i];
            if (o->table != table || flags[i] != value) continue;
            if (!open) {
                const char *name = b->tables[table];
                ok = buffer_append_text(out, any ? "," : "") && json_append_string(out, name, strlen(name)) &&
                     buffer_append_text(out, ":[");
            }
            ok = ok && buffer_append_text(out, open ? "," : "") && buffer_append(out, o->whole.data, o->whole.len);
            open = any = true;
        }
        if (open) ok = ok && buffer_append_text(out, "]");
    }
    return ok && buffer_append_text(out, "}");
}
