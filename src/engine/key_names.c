#include "engine/key_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/value.h"

#define SETS 4096
#define WAYS 8
#define TEXT_BYTES 104
#define PLAIN_MAX (DYNAMODB_PARTITION_KEY_MAX * 6 + 1) /* a key's text may be six times as long while escaped */

struct named_key {
    uint64_t bucket; /* 0: free */
    double units;
    char text[TEXT_BYTES];
};

struct key_names {
    struct named_key keys[SETS][WAYS];
};

struct key_names *key_names_new(void) {
    return calloc(1, sizeof(struct key_names));
}

void key_names_free(struct key_names *k) {
    free(k);
}

/* Appends the value of a key attribute, {"S":"text"}. */
static void add_value(char text[TEXT_BYTES], const struct json *at) {
    struct json j = *at;
    char plain[PLAIN_MAX];
    size_t used = strlen(text);
    if (json_next(&j) != JSON_OBJECT || json_next(&j) != JSON_KEY || json_next(&j) != JSON_STRING || j.len >= sizeof plain)
        return;
    size_t n = json_unescape(plain, j.text, j.len), room = TEXT_BYTES - 1 - used;
    if (n == (size_t)-1) return;
    if (n > room) {
        n = room;
        while (n && ((unsigned char)plain[n] & 0xC0) == 0x80) n--; /* not within a character */
    }
    memcpy(text + used, plain, n);
    text[used + n] = '\0';
}

/* Appends name=value of one key attribute. */
static void add_attribute(char text[TEXT_BYTES], const char *name, const char *json, size_t len) {
    struct json j;
    json_init(&j, json, len);
    if (json_next(&j) != JSON_OBJECT) return;
    while (json_next(&j) == JSON_KEY) {
        if (json_is(&j, name)) {
            size_t used = strlen(text);
            snprintf(text + used, TEXT_BYTES - used, "%s%s=", used ? ", " : "", name);
            add_value(text, &j);
            return;
        }
        enum json_token first = json_next(&j);
        if (!json_skip(&j, first)) return;
    }
}

static void name_key(char text[TEXT_BYTES], const struct dynamodb_schema *schema, int resource, const char *json, size_t len) {
    text[0] = '\0';
    if (resource == PARTS_TABLE) {
        add_attribute(text, schema->partition.name, json, len);
        return;
    }
    const struct dynamodb_index *index = &schema->indexes[resource - 1];
    for (int i = 0; i < index->partition_count; i++) add_attribute(text, index->partition[i].name, json, len);
}

void key_names_add(struct key_names *k, int target, const struct dynamodb_schema *schema, const struct parts *parts,
                   const char *json, size_t len) {
    for (int i = 0; i < parts->count; i++) {
        const struct part *part = &parts->at[i];
        uint64_t bucket = parts_bucket(target, part);
        struct named_key *set = k->keys[bucket % SETS], *least = set, *mine = NULL;
        for (int w = 0; w < WAYS; w++) {
            if (set[w].bucket == bucket) mine = &set[w];
            if (set[w].units < least->units) least = &set[w];
        }
        if (mine) {
            mine->units += part->units;
            continue;
        }
        least->units -= part->units;
        if (least->units > 0) continue;
        least->bucket = bucket;
        least->units = part->units;
        name_key(least->text, schema, part->resource, json, len);
    }
}

const char *key_names_find(const struct key_names *k, uint64_t bucket) {
    const struct named_key *set = k->keys[bucket % SETS];
    for (int w = 0; w < WAYS; w++) {
        if (set[w].bucket == bucket) return set[w].text;
    }
    return NULL;
}
