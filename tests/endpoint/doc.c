#include "endpoint/doc.h"

#include <string.h>
#include <strings.h>

bool slice_is(struct slice s, const char *text) {
    return s.len == strlen(text) && memcmp(s.data, text, s.len) == 0;
}

bool slice_is_nocase(struct slice s, const char *text) {
    return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

bool doc_value(struct json *j, enum json_token first, struct slice *value) {
    const char *start;
    switch (first) {
    case JSON_OBJECT:
    case JSON_ARRAY: start = j->at - 1; break;
    case JSON_STRING: start = j->text - 1; break;
    case JSON_NUMBER: start = j->text; break;
    case JSON_TRUE:
    case JSON_NULL: start = j->at - 4; break;
    case JSON_FALSE: start = j->at - 5; break;
    default: return false;
    }
    if (!json_skip(j, first)) return false;
    *value = (struct slice){start, (size_t)(j->at - start)};
    return true;
}

bool doc_is_object(struct slice text) {
    struct json j;
    json_init(&j, text.data, text.len);
    return json_next(&j) == JSON_OBJECT && json_skip(&j, JSON_OBJECT) && json_next(&j) == JSON_END;
}

void doc_each(struct doc_each *e, struct slice container) {
    json_init(&e->j, container.data, container.len);
    enum json_token first = json_next(&e->j);
    e->object = first == JSON_OBJECT;
    e->open = e->object || first == JSON_ARRAY;
    e->name[0] = '\0';
}

bool doc_next(struct doc_each *e, struct slice *value) {
    if (!e->open) return false;
    enum json_token token = json_next(&e->j);
    if (e->object && token == JSON_KEY) {
        if (!json_copy(&e->j, e->name, sizeof e->name)) e->name[0] = '\0'; /* too long to be any name we know */
        token = json_next(&e->j);
    }
    e->open = token != JSON_OBJECT_END && token != JSON_ARRAY_END && doc_value(&e->j, token, value);
    return e->open;
}

bool doc_get(struct slice object, const char *name, struct slice *value) {
    struct doc_each e;
    doc_each(&e, object);
    while (doc_next(&e, value)) {
        if (e.object && strcmp(e.name, name) == 0) return !slice_is(*value, "null");
    }
    return false;
}

bool doc_text(struct slice value, char *dst, size_t size) {
    struct json j;
    json_init(&j, value.data, value.len);
    return json_next(&j) == JSON_STRING && json_copy(&j, dst, size);
}

bool doc_get_text(struct slice object, const char *name, char *dst, size_t size) {
    struct slice value;
    return doc_get(object, name, &value) && doc_text(value, dst, size);
}

bool doc_get_integer(struct slice object, const char *name, int64_t *value) {
    struct slice text;
    if (!doc_get(object, name, &text) || text.len == 0 || text.len > 18) return false;
    *value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *value = *value * 10 + (text.data[i] - '0');
    }
    return true;
}

bool doc_get_true(struct slice object, const char *name) {
    struct slice value;
    return doc_get(object, name, &value) && slice_is(value, "true");
}
