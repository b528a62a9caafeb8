#include "dynamodb/key.h"

#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "dynamodb/value.h"

uint64_t dynamodb_key_hash(uint64_t hash, enum dynamodb_type type, const char *text, size_t len) {
    if (type != DYNAMODB_N) return hash_64(text, len, hash + (uint64_t)type);
    char canonical[DYNAMODB_NUMBER_CANONICAL_MAX];
    size_t n = dynamodb_number_canonical(text, len, canonical);
    return hash_64(canonical, n, hash + (uint64_t)type);
}

struct found_key {
    const struct dynamodb_key *key;
    bool found;
    char text[DYNAMODB_PARTITION_KEY_MAX * 2]; /* base64 is a third longer; escapes are taken off */
    size_t len;
};

/* Reads {"S":"text"} of a key attribute. */
static bool read_value(struct json *j, struct found_key *k) {
    if (json_next(j) != JSON_OBJECT || json_next(j) != JSON_KEY) return false;
    if (!json_is(j, dynamodb_type_name(k->key->type)) || json_next(j) != JSON_STRING) return false;
    /* a key of 2,048 bytes may be up to six times that long while escaped */
    char wide[DYNAMODB_PARTITION_KEY_MAX * 6 + 1];
    if (j->len >= sizeof wide) return false;
    size_t n = j->len;
    if (j->escaped) {
        n = json_unescape(wide, j->text, j->len);
        if (n == (size_t)-1) return false;
    } else {
        memcpy(wide, j->text, n);
    }
    if (n > sizeof k->text) return false;
    memcpy(k->text, wide, n);
    k->len = n;
    k->found = true;
    return json_next(j) == JSON_OBJECT_END;
}

bool dynamodb_key_hash_item(const struct dynamodb_schema *schema, const char *json, size_t len, uint64_t *hash) {
    struct found_key keys[2] = {{.key = &schema->partition}, {.key = &schema->sort}};
    int count = schema->sort.name ? 2 : 1;
    struct json j;
    json_init(&j, json, len);
    if (json_next(&j) != JSON_OBJECT) return false;
    for (enum json_token t = json_next(&j); t == JSON_KEY; t = json_next(&j)) {
        struct found_key *k = NULL;
        for (int i = 0; i < count; i++) {
            if (json_is(&j, keys[i].key->name)) k = &keys[i];
        }
        if (k ? !read_value(&j, k) : !json_skip(&j, json_next(&j))) return false;
    }
    *hash = 0;
    for (int i = 0; i < count; i++) {
        if (!keys[i].found) return false;
        *hash = dynamodb_key_hash(*hash, keys[i].key->type, keys[i].text, keys[i].len);
    }
    return true;
}

bool dynamodb_key_owned(const struct dynamodb_schema *schema, const char *text, size_t len) {
    for (int i = 0; i < schema->owns_count; i++) {
        size_t n = strlen(schema->owns[i]);
        if (n <= len && memcmp(schema->owns[i], text, n) == 0) return true;
    }
    return schema->owns_count == 0;
}
