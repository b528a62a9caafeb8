#include "dynamodb/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/key.h"

#define ITEM_BEGIN "{\"PutRequest\":{\"Item\":"
#define ITEM_END "}}"
#define BODY_END "]}}"

/* Bytes beyond the 25 items: the largest item is 409,600 bytes of values, whose JSON may be six times as long. */
#define BODY_MAX (DYNAMODB_BATCH_BYTES_MAX * 2)

/* Units: of 25 items of 400 KB, each in the table and changed in 31 indexes, with room. */
#define CONSUMED_MOST 1e6

void batch_init(struct batch *b) {
    memset(b, 0, sizeof *b);
    buffer_init(&b->body, BODY_MAX);
}

void batch_free(struct batch *b) {
    buffer_free(&b->body);
}

static void empty(struct batch *b, const struct dynamodb_schema *schema, const struct put_condition *condition) {
    b->schema = schema;
    b->condition = condition;
    b->count = 0;
    b->units = 0;
    b->body.len = 0;
}

bool batch_begin(struct batch *b, const struct dynamodb_schema *schema) {
    empty(b, schema, NULL);
    return buffer_append_text(&b->body, "{") && put_ask_consumed(&b->body, b->ask_consumed) &&
           buffer_append_text(&b->body, "\"RequestItems\":{") &&
           json_append_string(&b->body, schema->name, strlen(schema->name)) && buffer_append_text(&b->body, ":[");
}

bool batch_begin_put(struct batch *b, const struct dynamodb_schema *schema, const struct put_condition *condition) {
    empty(b, schema, condition);
    return put_begin(&b->body, schema, b->ask_consumed);
}

const char *batch_operation(const struct batch *b) {
    return b->condition ? "PutItem" : "BatchWriteItem";
}

/* What stands around an item in the body. */
static size_t before_item(const struct batch *b) {
    return b->condition ? 0 : sizeof ITEM_BEGIN - 1;
}

static size_t after_item(const struct batch *b) {
    return b->condition ? 0 : sizeof ITEM_END - 1;
}

bool batch_open_item(struct batch *b, size_t *mark) {
    *mark = b->body.len;
    if (b->condition) return true;
    if (!buffer_reserve(&b->body, sizeof ITEM_BEGIN + 1)) return false;
    if (b->count) b->body.data[b->body.len++] = ',';
    memcpy(b->body.data + b->body.len, ITEM_BEGIN, sizeof ITEM_BEGIN - 1);
    b->body.len += sizeof ITEM_BEGIN - 1;
    return true;
}

bool batch_close_item(struct batch *b, size_t mark, const struct batch_item *like) {
    size_t at = mark + (b->count ? 1 : 0);
    if (!buffer_append(&b->body, ITEM_END, after_item(b))) {
        batch_cancel_item(b, mark);
        return false;
    }
    struct batch_item *item = &b->items[b->count++];
    *item = *like;
    item->at = at;
    item->len = b->body.len - at;
    item->item_at = at + before_item(b);
    b->units += like->units;
    return true;
}

void batch_cancel_item(struct batch *b, size_t mark) {
    b->body.len = mark;
}

bool batch_add(struct batch *b, const struct batch_item *like, const char *json, size_t len) {
    size_t mark;
    if (!batch_open_item(b, &mark)) return false;
    if (!buffer_append(&b->body, json, len)) {
        batch_cancel_item(b, mark);
        return false;
    }
    return batch_close_item(b, mark, like);
}

bool batch_full(const struct batch *b) {
    if (b->condition) return b->count == 1;
    return b->count == DYNAMODB_BATCH_ITEMS_MAX || b->body.len >= BATCH_BYTES_FULL;
}

bool batch_finish(struct batch *b) {
    if (b->condition) return put_finish(&b->body, b->items[0].item_at, b->schema, b->condition);
    return buffer_append(&b->body, BODY_END, sizeof BODY_END - 1);
}

const char *batch_item_json(const struct batch *b, int i, size_t *len) {
    const struct batch_item *item = &b->items[i];
    *len = item->len - before_item(b) - after_item(b);
    return b->body.data + item->item_at;
}

/* --- the answer: UnprocessedItems --- */

/* The bytes of the value that comes next in j; false on an error. */
static bool value_slice(struct json *j, const char **from, size_t *len) {
    enum json_token token = json_next(j);
    if (token != JSON_OBJECT) return false;
    *from = j->at - 1;
    if (!json_skip(j, token)) return false;
    *len = (size_t)(j->at - *from);
    return true;
}

/* Reads one {"PutRequest":{"Item":{...}}} whose first token was read, and finds the item among ours. */
static bool read_request(struct json *j, const struct batch *b, struct batch_answer *out) {
    const char *item;
    size_t len;
    uint64_t key;
    if (json_next(j) != JSON_KEY || !json_is(j, "PutRequest") || json_next(j) != JSON_OBJECT) return false;
    if (json_next(j) != JSON_KEY || !json_is(j, "Item") || !value_slice(j, &item, &len)) return false;
    if (json_next(j) != JSON_OBJECT_END || json_next(j) != JSON_OBJECT_END) return false;
    if (!dynamodb_key_hash_item(b->schema, item, len, &key)) return false;
    for (int i = 0; i < b->count; i++) {
        if (b->items[i].key != key) continue;
        out->left_count += !out->left[i];
        out->left[i] = true;
        return true;
    }
    return false;
}

static bool read_tables(struct json *j, const struct batch *b, struct batch_answer *out) {
    enum json_token token;
    if (json_next(j) != JSON_OBJECT) return false;
    while ((token = json_next(j)) == JSON_KEY) {
        if (json_next(j) != JSON_ARRAY) return false;
        while ((token = json_next(j)) == JSON_OBJECT) {
            if (!read_request(j, b, out)) return false;
        }
        if (token != JSON_ARRAY_END) return false;
    }
    return token == JSON_OBJECT_END;
}

/* --- the answer: ConsumedCapacity --- */

/* The number that was just read; more than any request can consume is none. */
static double units_of(const struct json *j) {
    char text[32];
    if (j->len >= sizeof text) return -1;
    memcpy(text, j->text, j->len);
    text[j->len] = '\0';
    double units = strtod(text, NULL);
    return units >= 0 && units <= CONSUMED_MOST ? units : -1;
}

/* One table's, whose brace was read: its CapacityUnits, which hold those of its indexes. A shape that is not known tells nothing. */
static bool read_consumed_table(struct json *j, double *sum) {
    enum json_token token;
    double units = -1;
    while ((token = json_next(j)) == JSON_KEY) {
        bool wanted = json_is(j, "CapacityUnits");
        token = json_next(j);
        if (wanted && token == JSON_NUMBER) units = units_of(j);
        if (!json_skip(j, token)) return false;
    }
    *sum = *sum >= 0 && units >= 0 ? *sum + units : -1;
    return token == JSON_OBJECT_END;
}

/* An object, or, of a BatchWriteItem, a list of them, one for each table. */
static bool read_consumed(struct json *j, double *consumed) {
    enum json_token token = json_next(j);
    double sum = 0;
    if (token == JSON_OBJECT) {
        if (!read_consumed_table(j, &sum)) return false;
    } else if (token == JSON_ARRAY) {
        int tables = 0;
        for (; (token = json_next(j)) == JSON_OBJECT; tables++) {
            if (!read_consumed_table(j, &sum)) return false;
        }
        if (token != JSON_ARRAY_END) return false;
        if (tables == 0) sum = -1;
    } else {
        return json_skip(j, token);
    }
    *consumed = sum <= CONSUMED_MOST ? sum : -1;
    return true;
}

/* --- the answer --- */

static bool read_answer(const struct batch *b, const char *answer, size_t n, struct batch_answer *out) {
    struct json j;
    json_init(&j, answer, n);
    if (json_next(&j) != JSON_OBJECT) return false;
    for (;;) {
        enum json_token token = json_next(&j);
        if (token == JSON_OBJECT_END) return json_next(&j) == JSON_END;
        if (token != JSON_KEY) return false;
        bool ok;
        if (b->condition == NULL && json_is(&j, "UnprocessedItems"))
            ok = read_tables(&j, b, out);
        else if (json_is(&j, "ConsumedCapacity"))
            ok = read_consumed(&j, &out->consumed);
        else
            ok = json_skip(&j, json_next(&j));
        if (!ok) return false;
    }
}

void batch_read_answer(const struct batch *b, const char *answer, size_t n, struct batch_answer *out) {
    static const char none[] = "{\"UnprocessedItems\":{}}"; /* nearly every answer that was not asked for more */
    *out = (struct batch_answer){.consumed = -1};
    if (n == sizeof none - 1 && memcmp(answer, none, n) == 0) return;
    if (read_answer(b, answer, n, out)) return;
    for (int i = 0; i < b->count; i++) out->left[i] = true;
    out->left_count = -1;
    out->consumed = -1;
}

void batch_keep(struct batch *b, const bool keep[DYNAMODB_BATCH_ITEMS_MAX]) {
    size_t to = b->items[0].at;
    int count = 0;
    b->units = 0;
    for (int i = 0; i < b->count; i++) {
        if (!keep[i]) continue;
        struct batch_item item = b->items[i];
        if (count) b->body.data[to++] = ',';
        memmove(b->body.data + to, b->body.data + item.at, item.len);
        item.item_at = to + (item.item_at - item.at);
        item.at = to;
        to += item.len;
        b->units += item.units;
        b->items[count++] = item;
    }
    b->count = count;
    b->body.len = to;
}
