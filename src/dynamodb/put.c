#include "dynamodb/put.h"

#include <string.h>

#include "base/json.h"

static bool append_name(struct buffer *body, const char *name) {
    return json_append_string(body, name, strlen(name));
}

bool put_ask_consumed(struct buffer *body, bool wanted) {
    return !wanted || buffer_append_text(body, "\"ReturnConsumedCapacity\":\"TOTAL\",");
}

bool put_begin(struct buffer *body, const struct dynamodb_schema *schema, bool ask_consumed) {
    return buffer_append_text(body, "{") && put_ask_consumed(body, ask_consumed) && buffer_append_text(body, "\"TableName\":") &&
           append_name(body, schema->name) && buffer_append_text(body, ",\"Item\":");
}

/* --- the condition --- */

/* A member of the object in data[0..n): the place of its value, whose first token is an object's. False when there is none. */
static bool find_object(const char *data, size_t n, const char *name, size_t *at, size_t *len) {
    struct json j;
    json_init(&j, data, n);
    if (json_next(&j) != JSON_OBJECT) return false;
    while (json_next(&j) == JSON_KEY) {
        bool wanted = json_is(&j, name);
        enum json_token token = json_next(&j);
        const char *from = j.at - 1; /* an object's brace was just read */
        if (!json_skip(&j, token)) return false;
        if (!wanted || token != JSON_OBJECT) continue;
        *at = (size_t)(from - data);
        *len = (size_t)(j.at - from);
        return true;
    }
    return false;
}

/* The value that is compared: where it stands in the body. False when the item has none, or a NULL. */
static bool find_compared(const struct buffer *body, size_t item, const char *name, size_t *at, size_t *len) {
    static const char null[] = "{\"NULL\":";
    if (!find_object(body->data + item, body->len - item, name, at, len)) return false;
    *at += item;
    return *len < sizeof null || memcmp(body->data + *at, null, sizeof null - 1) != 0;
}

/* Without a value to compare there is but one item that ours may be written over: none. */
static bool append_absent(struct buffer *body, const char *key) {
    return buffer_append_text(body, ",\"ConditionExpression\":\"attribute_not_exists(#k)\","
                                    "\"ExpressionAttributeNames\":{\"#k\":") &&
           append_name(body, key) && buffer_append_text(body, "}");
}

/* An item that is not there has no such attribute either. */
static bool append_greater(struct buffer *body, const char *attribute, size_t at, size_t len) {
    if (!buffer_append_text(body, ",\"ConditionExpression\":\"attribute_not_exists(#x) OR attribute_type(#x,:null) OR #x < :x\","
                                  "\"ExpressionAttributeNames\":{\"#x\":") ||
        !append_name(body, attribute) ||
        !buffer_append_text(body, "},\"ExpressionAttributeValues\":{\":null\":{\"S\":\"NULL\"},\":x\":") ||
        !buffer_reserve(body, len))
        return false;
    memcpy(body->data + body->len, body->data + at, len); /* reserved before: the value has not moved */
    body->len += len;
    return buffer_append_text(body, "}");
}

bool put_finish(struct buffer *body, size_t item, const struct dynamodb_schema *schema, const struct put_condition *condition) {
    size_t at, len;
    if (condition->rule == PUT_ALWAYS) return buffer_append_text(body, "}");
    bool compares = condition->rule == PUT_IF_GREATER && find_compared(body, item, condition->attribute, &at, &len);
    bool ok = compares ? append_greater(body, condition->attribute, at, len) : append_absent(body, schema->partition.name);
    return ok && buffer_append_text(body, ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}");
}

/* --- the answer --- */

bool put_found(const char *answer, size_t n, const char **item, size_t *len) {
    struct json j;
    size_t at;
    json_init(&j, answer, n);
    *len = 0;
    if (!json_skip(&j, json_next(&j)) || json_next(&j) != JSON_END) return false;
    if (find_object(answer, n, "Item", &at, len)) *item = answer + at;
    return true;
}
