#include "dynamodb/key.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "dynamodb/value.h"

/* The digits of a decimal without zeros at either end, its sign and its power of ten. The text is one that
 * dynamodb_number_check takes (of another one: something). `out` holds NUMBER_TAIL bytes beyond `size`. */
#define NUMBER_TAIL 32
static size_t canonical_number(const char *text, size_t len, char *out, size_t size) {
    bool negative = false, point = false;
    long power = 0;
    size_t n = 0;
    const char *s = text, *end = text + len;
    if (s < end && (*s == '-' || *s == '+')) negative = *s++ == '-';
    for (; s < end && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.') {
            point = true;
            continue;
        }
        if (point) power--;
        if (n == 0 && *s == '0') continue;
        if (n < size) out[n++] = *s;
    }
    if (s < end) {
        long exponent = 0;
        bool down = false;
        s++;
        if (s < end && (*s == '-' || *s == '+')) down = *s++ == '-';
        for (; s < end && *s >= '0' && *s <= '9' && exponent < 10000; s++) exponent = exponent * 10 + (*s - '0');
        power += down ? -exponent : exponent;
    }
    while (n > 0 && out[n - 1] == '0') n--, power++;
    if (n == 0) return 0; /* zero has no sign and no power */
    int tail = snprintf(out + n, NUMBER_TAIL, "%c%ld", negative ? '-' : '+', power);
    return n + (tail > 0 ? (size_t)tail : 0);
}

uint64_t dynamodb_key_hash(uint64_t hash, enum dynamodb_type type, const char *text, size_t len) {
    if (type != DYNAMODB_N) return hash_64(text, len, hash + (uint64_t)type);
    char digits[DYNAMODB_NUMBER_DIGITS_MAX + 400];
    size_t n = canonical_number(text, len, digits, sizeof digits - NUMBER_TAIL);
    return hash_64(digits, n, hash + (uint64_t)type);
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
