/* The size of an item in DynamoDB JSON (value.h): one pass over the tokens, nothing copied. */
#include <string.h>

#include "base/json.h"
#include "dynamodb/value.h"

/* Why an item cannot be measured; NULL: it can. json.problem goes before it. */
struct sizing {
    struct json json;
    const char *problem;
};

static bool refuse(struct sizing *s, const char *problem) {
    if (s->problem == NULL) s->problem = problem;
    return false;
}

/* The bytes of the current key or string in UTF-8, escapes undone. Half a surrogate pair counts 2, a pair 4.
 */
static size_t text_bytes(const struct json *j) {
    if (!j->escaped) return j->len;
    size_t bytes = 0;
    for (const char *s = j->text, *end = s + j->len; s < end;) {
        if (s[0] != '\\') {
            bytes++;
            s++;
        } else if (s[1] != 'u') {
            bytes++;
            s += 2;
        } else {
            bool below_800 = s[2] == '0' && s[3] < '8';
            bool below_80 = below_800 && s[3] == '0' && s[4] < '8';
            bool surrogate = (s[2] == 'd' || s[2] == 'D') && s[3] >= '8';
            bytes += below_80 ? 1 : below_800 || surrogate ? 2 : 3;
            s += 6;
        }
    }
    return bytes;
}

/* The raw bytes that base64 text stands for. */
static size_t base64_bytes(const char *text, size_t n) {
    size_t padding = n > 0 && text[n - 1] == '=' ? (text[n - 2] == '=' ? 2 : 1) : 0;
    return n / 4 * 3 - padding;
}

/* Adds one scalar of the kind 'S', 'N' or 'B'. */
static bool add_scalar(struct sizing *s, enum json_token token, char kind, size_t *size) {
    const struct json *j = &s->json;
    if (token != JSON_STRING) return refuse(s, "a value that is not a string where S, N or B has one");
    if (kind == 'S') {
        *size += text_bytes(j);
    } else if (kind == 'N') {
        if (dynamodb_number_check(j->text, j->len) != DYNAMODB_NUMBER_OK) return refuse(s, "a malformed N");
        *size += dynamodb_number_size(j->text, j->len);
    } else {
        if (j->escaped || j->len % 4 != 0) return refuse(s, "a B that is not base64");
        *size += base64_bytes(j->text, j->len);
    }
    return true;
}

static bool add_set(struct sizing *s, char kind, size_t *size) {
    if (json_next(&s->json) != JSON_ARRAY) return refuse(s, "a set that is not an array");
    for (;;) {
        enum json_token token = json_next(&s->json);
        if (token == JSON_ARRAY_END) return true;
        if (!add_scalar(s, token, kind, size)) return false;
    }
}

static bool add_value(struct sizing *s, enum json_token first, int level, size_t *size);

static bool add_list(struct sizing *s, int level, size_t *size) {
    struct json *j = &s->json;
    if (json_next(j) != JSON_ARRAY) return refuse(s, "an L that is not an array");
    *size += DYNAMODB_SIZE_CONTAINER;
    for (;;) {
        enum json_token token = json_next(j);
        if (token == JSON_ARRAY_END) return true;
        *size += DYNAMODB_SIZE_ELEMENT;
        if (!add_value(s, token, level + 1, size)) return false;
    }
}

/* The members of an object that is open: an item (each costs nothing beside name and value) or an M. */
static bool add_members(struct sizing *s, int level, size_t each, size_t *size) {
    struct json *j = &s->json;
    for (;;) {
        enum json_token token = json_next(j);
        if (token == JSON_OBJECT_END) return true;
        if (token != JSON_KEY) return refuse(s, "an attribute without a name");
        *size += each + text_bytes(j);
        if (!add_value(s, json_next(j), level, size)) return false;
    }
}

static bool add_map(struct sizing *s, int level, size_t *size) {
    if (json_next(&s->json) != JSON_OBJECT) return refuse(s, "an M that is not an object");
    *size += DYNAMODB_SIZE_CONTAINER;
    return add_members(s, level + 1, DYNAMODB_SIZE_ELEMENT, size);
}

static bool add_flag(struct sizing *s, bool null, size_t *size) {
    enum json_token token = json_next(&s->json);
    if (token != JSON_TRUE && (null || token != JSON_FALSE)) return refuse(s, "a BOOL or NULL of another value");
    *size += null ? DYNAMODB_SIZE_NULL : DYNAMODB_SIZE_BOOL;
    return true;
}

/* What follows the type's name. */
static bool add_typed(struct sizing *s, int level, size_t *size) {
    struct json *j = &s->json;
    if (j->len == 1 && memchr("SNB", j->text[0], 3)) {
        char kind = j->text[0];
        return add_scalar(s, json_next(j), kind, size);
    }
    if (json_is(j, "BOOL")) return add_flag(s, false, size);
    if (json_is(j, "NULL")) return add_flag(s, true, size);
    if (json_is(j, "M")) return add_map(s, level, size);
    if (json_is(j, "L")) return add_list(s, level, size);
    if (json_is(j, "SS") || json_is(j, "NS") || json_is(j, "BS")) return add_set(s, j->text[0], size);
    return refuse(s, "a value of an unknown type");
}

static bool add_value(struct sizing *s, enum json_token first, int level, size_t *size) {
    if (first != JSON_OBJECT) return refuse(s, "a value without its type");
    if (level > DYNAMODB_NESTING_MAX) return refuse(s, "more than 32 levels of nesting");
    if (json_next(&s->json) != JSON_KEY) return refuse(s, "a value without its type");
    if (!add_typed(s, level, size)) return false;
    return json_next(&s->json) == JSON_OBJECT_END || refuse(s, "a value with two types");
}

bool dynamodb_item_size(const char *json, size_t n, size_t *size, struct error *err) {
    struct sizing s = {.problem = NULL};
    json_init(&s.json, json, n);
    *size = 0;
    bool ok = json_next(&s.json) == JSON_OBJECT ? add_members(&s, 1, 0, size) : refuse(&s, "not an object");
    if (ok && json_next(&s.json) == JSON_END) return true;
    const char *problem = s.json.problem ? s.json.problem : s.problem ? s.problem : "something follows it";
    return error_set(err, ERROR_TARGET, "an item that is not DynamoDB JSON: %s, at byte %zu", problem,
                     (size_t)(s.json.at - s.json.start));
}

bool dynamodb_value_size(const char *json, size_t n, size_t *size) {
    struct sizing s = {.problem = NULL};
    json_init(&s.json, json, n);
    *size = 0;
    return add_value(&s, json_next(&s.json), 1, size) && json_next(&s.json) == JSON_END;
}
