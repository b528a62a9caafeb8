#include "mapping/json_value.h"

#include <stdint.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "dynamodb/value.h"

struct writer {
    struct json json;
    struct buffer *out;
    size_t size;
    struct json_value_fault fault; /* why: NULL, nothing is wrong */
    bool memory;
    struct buffer *keys;                   /* the keys of all open objects, as hashes, to find one that stands twice */
    size_t level_keys[JSON_DEPTH_MAX + 1]; /* where each open object's keys begin */
};

/* What is wrong, at `at` in the text. */
static bool invalid(struct writer *w, const char *why, const char *at) {
    w->fault = (struct json_value_fault){.why = why, .at = (size_t)(at - w->json.start)};
    return false;
}

static bool malformed(struct writer *w) {
    invalid(w, w->json.problem ? w->json.problem : "not a JSON value", w->json.at);
    w->fault.malformed = true;
    return false;
}

static bool put(struct writer *w, const char *text, size_t n) {
    if (buffer_append(w->out, text, n)) return true;
    w->memory = true;
    return false;
}

#define PUT(w, literal) put(w, literal, sizeof(literal) - 1)

/* The bytes of the current string once unescaped; the text itself is written as it stands, escapes and all. */
static bool string_size(struct writer *w, size_t *n) {
    const struct json *j = &w->json;
    *n = j->len;
    if (!j->escaped) return true;
    size_t room = w->out->len;
    /* measured in the room behind what is written */
    if (!buffer_reserve(w->out, j->len)) {
        w->memory = true;
        return false;
    }
    *n = json_unescape(w->out->data + room, j->text, j->len);
    if (*n == (size_t)-1) return invalid(w, "it has half of a surrogate pair", j->text);
    return true;
}

static bool put_string(struct writer *w) {
    size_t n;
    if (!string_size(w, &n)) return false;
    w->size += n;
    return PUT(w, "\"") && put(w, w->json.text, w->json.len) && PUT(w, "\"");
}

/* Whether the key just read is new in its object. */
static bool key_is_new(struct writer *w, int depth) {
    const struct json *j = &w->json;
    uint64_t hash = hash_64(j->text, j->len, 0);
    if (j->escaped) {
        if (!buffer_reserve(w->out, j->len)) {
            w->memory = true;
            return false;
        }
        size_t n = json_unescape(w->out->data + w->out->len, j->text, j->len);
        hash = hash_64(w->out->data + w->out->len, n, 0);
    }
    const uint64_t *seen = (const uint64_t *)(void *)w->keys->data;
    size_t count = w->keys->len / sizeof hash;
    for (size_t i = w->level_keys[depth]; i < count; i++) {
        if (seen[i] == hash) return invalid(w, "an object has the same key twice", j->text);
    }
    if (buffer_append(w->keys, &hash, sizeof hash)) return true;
    return invalid(w, "an object has too many keys", j->text);
}

static bool put_number(struct writer *w) {
    const struct json *j = &w->json;
    enum dynamodb_number_fault fault = dynamodb_number_check(j->text, j->len);
    if (fault != DYNAMODB_NUMBER_OK) return invalid(w, dynamodb_number_fault_text(fault), j->text);
    w->size += dynamodb_number_size(j->text, j->len);
    return PUT(w, "{\"N\":\"") && put(w, j->text, j->len) && PUT(w, "\"}");
}

/* A scalar, or the opening of a container. Each is a level of its own. */
static bool put_value(struct writer *w, enum json_token token) {
    bool opens = token == JSON_OBJECT || token == JSON_ARRAY;
    if (w->json.depth + !opens > DYNAMODB_NESTING_MAX && token != JSON_ERROR)
        return invalid(w, "it is nested over 32 levels", w->json.at);
    switch (token) {
    case JSON_STRING: return PUT(w, "{\"S\":") && put_string(w) && PUT(w, "}");
    case JSON_NUMBER: return put_number(w);
    case JSON_TRUE: w->size += DYNAMODB_SIZE_BOOL; return PUT(w, "{\"BOOL\":true}");
    case JSON_FALSE: w->size += DYNAMODB_SIZE_BOOL; return PUT(w, "{\"BOOL\":false}");
    case JSON_NULL: w->size += DYNAMODB_SIZE_NULL; return PUT(w, "{\"NULL\":true}");
    case JSON_OBJECT:
    case JSON_ARRAY:
        w->level_keys[w->json.depth] = w->keys->len / sizeof(uint64_t);
        w->size += DYNAMODB_SIZE_CONTAINER;
        return token == JSON_OBJECT ? PUT(w, "{\"M\":{") : PUT(w, "{\"L\":[");
    default: return malformed(w);
    }
}

static bool put_document(struct writer *w) {
    bool first = true; /* of the container that is open: no comma before it */
    enum json_token token = json_next(&w->json);
    if (!put_value(w, token)) return false;
    if (w->json.depth == 0) {
        return json_next(&w->json) == JSON_END || malformed(w);
    }
    for (;;) {
        token = json_next(&w->json);
        if (token == JSON_END) return true;
        if (token == JSON_OBJECT_END || token == JSON_ARRAY_END) {
            w->keys->len = w->level_keys[w->json.depth + 1] * sizeof(uint64_t);
            if (!(token == JSON_OBJECT_END ? PUT(w, "}}") : PUT(w, "]}"))) return false;
            first = false;
            continue;
        }
        if (token != JSON_ERROR && !first && !PUT(w, ",")) return false;
        first = true;
        if (token == JSON_KEY) {
            int depth = w->json.depth;
            if (!put_string(w) || !key_is_new(w, depth) || !PUT(w, ":")) return false;
            token = json_next(&w->json);
        }
        w->size += DYNAMODB_SIZE_ELEMENT;
        if (w->size > DYNAMODB_ITEM_MAX) return invalid(w, "it is larger than an item can be", w->json.at);
        if (!put_value(w, token)) return false;
        if (token != JSON_OBJECT && token != JSON_ARRAY) first = false;
    }
}

enum json_value_result json_value_write(const char *text, size_t len, struct buffer *out, struct buffer *keys, size_t *size,
                                        struct json_value_fault *fault) {
    struct writer w = {.out = out, .keys = keys};
    size_t before = out->len;
    json_init(&w.json, text, len);
    keys->len = 0;
    if (put_document(&w)) {
        *size = w.size;
        return JSON_VALUE_OK;
    }
    out->len = before;
    *fault = w.fault;
    return w.memory ? JSON_VALUE_MEMORY : JSON_VALUE_INVALID;
}
