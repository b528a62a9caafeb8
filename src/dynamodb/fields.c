#include "dynamodb/fields.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

/* A list longer than this is nonsense: no table has so many keys, indexes or tags. */
#define LIST_MAX 10000

struct reading {
    struct json json;
    struct arena *arena;
    bool out_of_memory;
};

static bool read_object(struct reading *r, const struct dynamodb_field *fields, void *target);

static bool no_memory(struct reading *r) {
    r->out_of_memory = true;
    return false;
}

static bool read_text(struct reading *r, const char **out) {
    const struct json *j = &r->json;
    char *text = arena_alloc(r->arena, j->len + 1);
    if (text == NULL) return no_memory(r);
    if (json_copy(j, text, j->len + 1)) *out = text;
    return true;
}

static void read_integer(const struct json *j, int64_t *out) {
    char text[24];
    if (j->len >= sizeof text) return;
    memcpy(text, j->text, j->len);
    text[j->len] = '\0';
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno == 0 && *end == '\0') *out = value;
}

/* Room for one more element of `size` bytes, zeroed; NULL when memory is out or the list is nonsense. */
static void *grow(struct reading *r, struct dynamodb_list *list, size_t size) {
    if (list->count == list->room) {
        int room = list->room ? list->room * 2 : 4;
        char *items = room > LIST_MAX ? NULL : arena_array(r->arena, (size_t)room, size);
        if (items == NULL) return NULL;
        if (list->count) memcpy(items, list->items, (size_t)list->count * size);
        list->items = items;
        list->room = room;
    }
    return (char *)list->items + (size_t)list->count++ * size;
}

static bool read_list(struct reading *r, const struct dynamodb_field *field, struct dynamodb_list *list) {
    bool objects = field->kind == DYNAMODB_FIELD_OBJECTS;
    for (;;) {
        enum json_token token = json_next(&r->json);
        if (token == JSON_ARRAY_END) return true;
        if (token != (objects ? JSON_OBJECT : JSON_STRING)) {
            if (!json_skip(&r->json, token)) return false;
            continue;
        }
        void *element = grow(r, list, objects ? field->size : sizeof(const char *));
        if (element == NULL) return no_memory(r);
        if (!(objects ? read_object(r, field->fields, element) : read_text(r, element))) return false;
    }
}

static bool read_value(struct reading *r, const struct dynamodb_field *field, void *at, enum json_token token) {
    switch (field->kind) {
    case DYNAMODB_FIELD_TEXT:
        if (token == JSON_STRING) return read_text(r, at);
        break;
    case DYNAMODB_FIELD_INTEGER:
        if (token == JSON_NUMBER) read_integer(&r->json, at);
        break;
    case DYNAMODB_FIELD_BOOL:
        if (token == JSON_TRUE || token == JSON_FALSE) *(bool *)at = token == JSON_TRUE;
        break;
    case DYNAMODB_FIELD_OBJECT:
        if (token == JSON_OBJECT) return read_object(r, field->fields, at);
        break;
    case DYNAMODB_FIELD_OBJECTS:
    case DYNAMODB_FIELD_TEXTS:
        if (token == JSON_ARRAY) return read_list(r, field, at);
        break;
    }
    return json_skip(&r->json, token);
}

/* The members of an object that is open. */
static bool read_object(struct reading *r, const struct dynamodb_field *fields, void *target) {
    for (;;) {
        enum json_token token = json_next(&r->json);
        if (token == JSON_OBJECT_END) return true;
        if (token != JSON_KEY) return false;
        const struct dynamodb_field *field = fields;
        while (field->name && !json_is(&r->json, field->name)) field++;
        token = json_next(&r->json);
        bool ok = field->name ? read_value(r, field, (char *)target + field->offset, token) : json_skip(&r->json, token);
        if (!ok) return false;
    }
}

bool dynamodb_read_fields(const char *json, size_t n, const struct dynamodb_field *fields, void *target, struct arena *arena,
                          const char *what, struct error *err) {
    struct reading r = {.arena = arena};
    if (n == 0) return error_set(err, ERROR_TARGET, "%s: the response is empty", what);
    json_init(&r.json, json, n);
    if (json_next(&r.json) == JSON_OBJECT && read_object(&r, fields, target) && json_next(&r.json) == JSON_END) return true;
    if (r.out_of_memory) return error_memory(err, "reading a response of DynamoDB");
    return error_set(err, ERROR_TARGET, "%s: the response is not the JSON it should be: %s, at byte %zu", what,
                     r.json.problem ? r.json.problem : "not one object", (size_t)(r.json.at - r.json.start));
}
