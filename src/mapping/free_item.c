#include "mapping/free_item.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"

#define TABLE_KEYS 2

/* An attribute that the schema names: a key of the table or of an index, or one that an index includes. */
struct known {
    const char *name;
    size_t name_len;
    enum dynamodb_type type; /* of a key; ANY: any that a key can have (the schema is not bound to columns yet) */
    bool key;
    bool partition;    /* of the table or of an index: a longer value is allowed */
    bool sort;         /* likewise; an attribute can be both, and then has the shorter limit */
    const char *index; /* whose key it is; NULL: the table's */
    uint32_t size;     /* in the item under way: name and value; 0: absent */
};

struct index_parts {
    int keys[2 * DYNAMODB_INDEX_KEYS_MAX + TABLE_KEYS]; /* in `known` */
    int key_count;
    bool all;
    int *parts; /* what the index holds, each once */
    int part_count;
};

struct free_item {
    const struct dynamodb_schema *schema;
    struct known *known; /* the table's keys first */
    int known_count;
    struct index_parts *indexes;
    struct buffer *out;
    size_t start;
    uint64_t size;
    /* The table's key values, as dynamodb_key_hash takes them: raw, or base64. */
    char keys[TABLE_KEYS][DYNAMODB_BASE64_ROOM(DYNAMODB_PARTITION_KEY_MAX)];
    size_t key_lengths[TABLE_KEYS];
    enum dynamodb_type key_types[TABLE_KEYS];
};

/* --- the schema --- */

/* The place of a name in `known`, which gets it if it is new. */
static int know(struct free_item *f, const char *name) {
    for (int i = 0; i < f->known_count; i++) {
        if (strcmp(f->known[i].name, name) == 0) return i;
    }
    f->known[f->known_count] = (struct known){.name = name, .name_len = strlen(name)};
    return f->known_count++;
}

static int know_key(struct free_item *f, const struct dynamodb_key *key, bool sort, const char *index) {
    int before = f->known_count, i = know(f, key->name);
    struct known *k = &f->known[i];
    if (i == before) k->index = index;
    k->key = true;
    if (k->type == DYNAMODB_ANY) k->type = key->type;
    if (sort) {
        k->sort = true;
    } else {
        k->partition = true;
    }
    return i;
}

static void add_part(struct index_parts *p, int part) {
    for (int i = 0; i < p->part_count; i++) {
        if (p->parts[i] == part) return;
    }
    p->parts[p->part_count++] = part;
}

static bool know_index(struct free_item *f, const struct dynamodb_index *index, struct index_parts *p) {
    p->all = index->projection == DYNAMODB_PROJECT_ALL;
    p->parts = calloc((size_t)(2 * DYNAMODB_INDEX_KEYS_MAX + TABLE_KEYS + index->include_count), sizeof *p->parts);
    if (p->parts == NULL) return false;
    for (int i = 0; i < index->partition_count; i++)
        p->keys[p->key_count++] = know_key(f, &index->partition[i], false, index->name);
    for (int i = 0; i < index->sort_count; i++) p->keys[p->key_count++] = know_key(f, &index->sort[i], true, index->name);
    for (int i = 0; i < p->key_count; i++) add_part(p, p->keys[i]);
    add_part(p, 0);
    if (f->schema->sort.name) add_part(p, 1);
    for (int i = 0; i < index->include_count && index->projection == DYNAMODB_PROJECT_INCLUDE; i++) {
        add_part(p, know(f, index->include[i]));
    }
    return true;
}

struct free_item *free_item_new(const struct dynamodb_schema *schema) {
    struct free_item *f = calloc(1, sizeof *f);
    if (f == NULL) return NULL;
    size_t names = TABLE_KEYS;
    for (int i = 0; i < schema->index_count; i++) {
        names += 2 * DYNAMODB_INDEX_KEYS_MAX + (size_t)schema->indexes[i].include_count;
    }
    f->schema = schema;
    f->known = calloc(names, sizeof *f->known);
    f->indexes = calloc((size_t)schema->index_count + 1, sizeof *f->indexes);
    bool ok = f->known && f->indexes;
    if (ok) know_key(f, &schema->partition, false, NULL);
    if (ok && schema->sort.name) know_key(f, &schema->sort, true, NULL);
    for (int i = 0; ok && i < schema->index_count; i++) ok = know_index(f, &schema->indexes[i], &f->indexes[i]);
    if (ok) return f;
    free_item_free(f);
    return NULL;
}

void free_item_free(struct free_item *f) {
    if (f == NULL) return;
    for (int i = 0; f->indexes && i < f->schema->index_count; i++) free(f->indexes[i].parts);
    free(f->indexes);
    free(f->known);
    free(f);
}

/* --- an item --- */

void free_item_begin(struct free_item *f, struct buffer *out) {
    f->out = out;
    f->start = out->len;
    f->size = 0;
    for (int i = 0; i < f->known_count; i++) f->known[i].size = 0;
}

static enum map_result refuse(struct map_reject *reject, const char *reason, const char *name, size_t name_len, const char *why) {
    reject->reason = reason;
    snprintf(reject->message, sizeof reject->message, "attribute %.*s: %s", (int)(name_len > 200 ? 200 : name_len), name, why);
    return MAP_REJECT;
}

static size_t key_max(const struct known *k) {
    return k->sort ? DYNAMODB_SORT_KEY_MAX : DYNAMODB_PARTITION_KEY_MAX;
}

/* The rules of keys: type, length. */
static bool key_fits(const struct known *k, const struct function_value *value) {
    bool scalar = value->type == DYNAMODB_S || value->type == DYNAMODB_N || value->type == DYNAMODB_B;
    if (!scalar || (k->type != DYNAMODB_ANY && value->type != k->type) || value->len == 0) return false;
    return value->type == DYNAMODB_N || value->len <= key_max(k);
}

/* Which of them a key breaks. */
static enum map_result refuse_key(const struct known *k, const struct function_value *value, struct map_reject *reject) {
    char why[400], of[300];
    snprintf(of, sizeof of, "%s%.255s", k->index ? "index " : "the table", k->index ? k->index : "");
    bool scalar = value->type == DYNAMODB_S || value->type == DYNAMODB_N || value->type == DYNAMODB_B;
    if (!scalar || (k->type != DYNAMODB_ANY && value->type != k->type)) {
        snprintf(why, sizeof why, "a key of %s is declared as %s and the item has %s", of,
                 k->type == DYNAMODB_ANY ? "S, N or B" : dynamodb_type_name(k->type), dynamodb_type_name(value->type));
        return refuse(reject, REJECT_VALUE, k->name, k->name_len, why);
    }
    if (value->len == 0) {
        snprintf(why, sizeof why, "a key of %s must not be empty", of);
        return refuse(reject, REJECT_KEY_EMPTY, k->name, k->name_len, why);
    }
    snprintf(why, sizeof why, "a key of %s of %zu bytes is over the limit of %zu", of, value->len, key_max(k));
    return refuse(reject, REJECT_KEY_SIZE, k->name, k->name_len, why);
}

/* Keeps the value of a key of the table for its hash. */
static void keep_key(struct free_item *f, int i, const struct function_value *value) {
    f->key_types[i] = value->type;
    if (value->type == DYNAMODB_B) {
        f->key_lengths[i] = dynamodb_base64(f->keys[i], value->text, value->len);
        return;
    }
    f->key_lengths[i] = value->len < sizeof f->keys[i] ? value->len : sizeof f->keys[i];
    memcpy(f->keys[i], value->text, f->key_lengths[i]);
}

/* Takes note of an attribute that the schema names. */
static enum map_result note(struct free_item *f, const char *name, size_t name_len, const struct function_value *value,
                            struct map_reject *reject) {
    for (int i = 0; i < f->known_count; i++) {
        struct known *k = &f->known[i];
        if (k->name_len != name_len || memcmp(k->name, name, name_len) != 0) continue;
        if (k->key && !key_fits(k, value)) return refuse_key(k, value, reject);
        k->size = (uint32_t)(name_len + value->size);
        if (i == 0 && !dynamodb_key_owned(f->schema, value->text, value->len))
            return refuse(reject, REJECT_OWNS, name, name_len, "the key begins with nothing that the plan owns");
        if (i == 0 || (i == 1 && f->schema->sort.name)) keep_key(f, i, value);
        break;
    }
    return MAP_ITEM;
}

/* ,"name": */
static bool put_name(struct buffer *out, char before, const char *name, size_t name_len) {
    if (!buffer_reserve(out, JSON_ESCAPED_MAX(name_len) + 4)) return false;
    char *at = out->data + out->len;
    *at++ = before;
    *at++ = '"';
    at += json_escape(at, name, name_len);
    *at++ = '"';
    *at++ = ':';
    out->len = (size_t)(at - out->data);
    return true;
}

/* {"S":"text"} */
static bool put_value(struct buffer *out, const struct function_value *value) {
    bool text = value->type == DYNAMODB_S, bytes = value->type == DYNAMODB_B;
    if (!text && !bytes && value->type != DYNAMODB_N) return buffer_append(out, value->text, value->len);
    size_t room = text ? JSON_ESCAPED_MAX(value->len) : bytes ? DYNAMODB_BASE64_ROOM(value->len) : value->len;
    if (!buffer_reserve(out, room + 8)) return false;
    char *at = out->data + out->len;
    memcpy(at, text ? "{\"S\":\"" : bytes ? "{\"B\":\"" : "{\"N\":\"", 6);
    at += 6;
    if (text) {
        at += json_escape(at, value->text, value->len);
    } else if (bytes) {
        at += dynamodb_base64(at, value->text, value->len);
    } else {
        memcpy(at, value->text, value->len);
        at += value->len;
    }
    *at++ = '"';
    *at++ = '}';
    out->len = (size_t)(at - out->data);
    return true;
}

enum map_result free_item_add(struct free_item *f, const char *name, size_t name_len, const struct function_value *value,
                              struct map_reject *reject) {
    if (value->type == DYNAMODB_ANY) return MAP_ITEM;
    if (name_len == 0) return refuse(reject, REJECT_FUNCTION, "\"\"", 2, "a name must not be empty");
    if (name_len > DYNAMODB_NAME_MAX) return refuse(reject, REJECT_FUNCTION, name, name_len, "a name has at most 65,535 bytes");
    f->size += name_len + value->size;
    if (f->size > DYNAMODB_ITEM_MAX) {
        char why[80];
        snprintf(why, sizeof why, "with it the item has %llu bytes, over the limit of 409,600", (unsigned long long)f->size);
        return refuse(reject, REJECT_ITEM_SIZE, name, name_len, why);
    }
    if (note(f, name, name_len, value, reject) != MAP_ITEM) return MAP_REJECT;
    struct buffer *out = f->out;
    bool ok = put_name(out, out->len == f->start ? '{' : ',', name, name_len) && put_value(out, value);
    return ok ? MAP_ITEM : MAP_MEMORY;
}

/* Write units of the table, and of every index whose keys are all there. */
static int64_t write_units(const struct free_item *f) {
    int64_t units = dynamodb_write_units((size_t)f->size);
    for (int i = 0; i < f->schema->index_count; i++) {
        const struct index_parts *p = &f->indexes[i];
        bool present = true;
        for (int k = 0; k < p->key_count; k++) present = present && f->known[p->keys[k]].size > 0;
        if (!present) continue;
        size_t size = p->all ? (size_t)f->size : 0;
        for (int k = 0; k < p->part_count && !p->all; k++) size += f->known[p->parts[k]].size;
        units += dynamodb_write_units(size);
    }
    return units;
}

enum map_result free_item_end(struct free_item *f, struct mapped_item *item, struct map_reject *reject) {
    uint64_t hash = 0;
    for (int i = 0; i < (f->schema->sort.name ? 2 : 1); i++) {
        const struct known *k = &f->known[i];
        if (k->size == 0)
            return refuse(reject, REJECT_KEY_MISSING, k->name, k->name_len, "a key of the table is missing in the item");
        hash = dynamodb_key_hash(hash, f->key_types[i], f->keys[i], f->key_lengths[i]);
    }
    if (!buffer_append(f->out, "}", 1)) return MAP_MEMORY;
    *item = (struct mapped_item){.key = hash, .size = (uint32_t)f->size, .units = (uint32_t)write_units(f)};
    return MAP_ITEM;
}
