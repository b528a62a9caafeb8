#include "dynamodb/parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"

/* An attribute that the schema names: a key, or one that an index includes. */
struct named {
    const char *name;
    const char *json; /* its value in the item under way; NULL: absent */
    size_t len;
};

/* The attributes of one index, as places in `named`. */
struct index_names {
    int partition[DYNAMODB_INDEX_KEYS_MAX], sort[DYNAMODB_INDEX_KEYS_MAX];
    int *projected; /* beside ALL: every attribute that is in the index, once */
    int projected_count;
};

struct parts_reader {
    const struct dynamodb_schema *schema;
    struct named *named;
    int count;
    int partition; /* of the table */
    struct index_names *indexes;
    int index_count;
};

uint32_t parts_units(const struct parts *p) {
    uint32_t units = 0;
    for (int i = 0; i < p->count; i++) units += p->at[i].units;
    return units;
}

uint64_t parts_bucket(int table, const struct part *part) {
    uint64_t place = (uint64_t)(unsigned)table << 32 | (uint64_t)(unsigned)part->resource;
    uint64_t mixed = (part->key ^ (place + 1) * UINT64_C(0x9e3779b97f4a7c15)) * UINT64_C(0xff51afd7ed558ccd);
    mixed ^= mixed >> 32;
    return mixed ? mixed : 1;
}

/* --- what to look for --- */

/* The place of a name, added when it is new; there is room for it. */
static int place_of(struct parts_reader *r, const char *name) {
    for (int i = 0; i < r->count; i++) {
        if (strcmp(r->named[i].name, name) == 0) return i;
    }
    r->named[r->count].name = name;
    return r->count++;
}

static void project(struct index_names *x, int place) {
    for (int i = 0; i < x->projected_count; i++) {
        if (x->projected[i] == place) return;
    }
    x->projected[x->projected_count++] = place;
}

/* An index holds its own keys, the table's, and what it includes. */
static bool read_index(struct parts_reader *r, const struct dynamodb_index *index, struct index_names *x) {
    const struct dynamodb_schema *s = r->schema;
    for (int k = 0; k < index->partition_count; k++) x->partition[k] = place_of(r, index->partition[k].name);
    for (int k = 0; k < index->sort_count; k++) x->sort[k] = place_of(r, index->sort[k].name);
    if (index->projection == DYNAMODB_PROJECT_ALL) return true;
    x->projected = calloc((size_t)index->include_count + 2 * DYNAMODB_INDEX_KEYS_MAX + 2, sizeof *x->projected);
    if (x->projected == NULL) return false;
    project(x, r->partition);
    if (s->sort.name) project(x, place_of(r, s->sort.name));
    for (int k = 0; k < index->partition_count; k++) project(x, x->partition[k]);
    for (int k = 0; k < index->sort_count; k++) project(x, x->sort[k]);
    for (int k = 0; k < index->include_count && index->projection == DYNAMODB_PROJECT_INCLUDE; k++)
        project(x, place_of(r, index->include[k]));
    return true;
}

struct parts_reader *parts_reader_new(const struct dynamodb_schema *schema) {
    struct parts_reader *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    size_t names = 2;
    r->schema = schema;
    r->index_count = schema->index_count < PARTS_MAX ? schema->index_count : PARTS_MAX - 1;
    for (int i = 0; i < r->index_count; i++) names += 2 * DYNAMODB_INDEX_KEYS_MAX + (size_t)schema->indexes[i].include_count;
    r->named = calloc(names, sizeof *r->named);
    r->indexes = calloc((size_t)r->index_count + 1, sizeof *r->indexes);
    bool ok = r->named && r->indexes;
    if (ok) r->partition = place_of(r, schema->partition.name);
    for (int i = 0; ok && i < r->index_count; i++) ok = read_index(r, &schema->indexes[i], &r->indexes[i]);
    if (ok) return r;
    parts_reader_free(r);
    return NULL;
}

void parts_reader_free(struct parts_reader *r) {
    if (r == NULL) return;
    for (int i = 0; r->indexes && i < r->index_count; i++) free(r->indexes[i].projected);
    free(r->indexes);
    free(r->named);
    free(r);
}

/* --- one item --- */

static bool find_values(struct parts_reader *r, const char *json, size_t len) {
    struct json j;
    for (int i = 0; i < r->count; i++) r->named[i].json = NULL;
    json_init(&j, json, len);
    if (json_next(&j) != JSON_OBJECT) return false;
    enum json_token token;
    while ((token = json_next(&j)) == JSON_KEY) {
        int at = 0;
        while (at < r->count && !json_is(&j, r->named[at].name)) at++;
        if ((token = json_next(&j)) != JSON_OBJECT) return false;
        const char *start = j.at - 1;
        if (!json_skip(&j, token)) return false;
        if (at == r->count) continue;
        r->named[at].json = start;
        r->named[at].len = (size_t)(j.at - start);
    }
    return token == JSON_OBJECT_END;
}

/* Adds a key attribute's value, {"S":"text"}, to a hash. */
static bool add_key(const struct named *n, enum dynamodb_type type, uint64_t *hash) {
    struct json j;
    char plain[DYNAMODB_PARTITION_KEY_MAX * 6 + 1]; /* a key of 2,048 bytes may be six times that long while escaped */
    json_init(&j, n->json, n->len);
    if (json_next(&j) != JSON_OBJECT || json_next(&j) != JSON_KEY || json_next(&j) != JSON_STRING) return false;
    const char *text = j.text;
    size_t len = j.len;
    if (j.escaped) {
        if (len >= sizeof plain) return false;
        len = json_unescape(plain, j.text, j.len);
        if (len == (size_t)-1) return false;
        text = plain;
    }
    *hash = dynamodb_key_hash(*hash, type, text, len);
    return true;
}

static bool all_there(const struct parts_reader *r, const int *places, int count) {
    for (int i = 0; i < count; i++) {
        if (r->named[places[i]].json == NULL) return false;
    }
    return true;
}

/* The size of what an index holds of the item, whose whole size is given. */
static bool projected_size(const struct parts_reader *r, const struct index_names *x, size_t whole, size_t *size) {
    *size = x->projected ? 0 : whole;
    for (int i = 0; i < x->projected_count; i++) {
        const struct named *n = &r->named[x->projected[i]];
        size_t value;
        if (n->json == NULL) continue;
        if (!dynamodb_value_size(n->json, n->len, &value)) return false;
        *size += strlen(n->name) + value;
    }
    return true;
}

static bool add_index(const struct parts_reader *r, int i, size_t whole, struct parts *out) {
    const struct dynamodb_index *index = &r->schema->indexes[i];
    const struct index_names *x = &r->indexes[i];
    size_t size;
    if (!all_there(r, x->partition, index->partition_count) || !all_there(r, x->sort, index->sort_count)) return true;
    if (!projected_size(r, x, whole, &size)) return false;
    uint32_t units = (uint32_t)dynamodb_write_units(size);
    if (index->local) {
        out->at[0].units += units;
        return true;
    }
    struct part *part = &out->at[out->count++];
    *part = (struct part){.resource = i + 1, .units = units};
    for (int k = 0; k < index->partition_count; k++) {
        if (!add_key(&r->named[x->partition[k]], index->partition[k].type, &part->key)) return false;
    }
    return true;
}

bool parts_read(struct parts_reader *r, const char *json, size_t len, struct parts *out) {
    size_t whole;
    out->count = 0;
    if (!dynamodb_item_size(json, len, &whole, NULL) || !find_values(r, json, len)) return false;
    const struct named *partition = &r->named[r->partition];
    if (partition->json == NULL) return false;
    out->at[out->count++] = (struct part){.resource = PARTS_TABLE, .units = (uint32_t)dynamodb_write_units(whole)};
    if (!add_key(partition, r->schema->partition.type, &out->at[0].key)) return false;
    for (int i = 0; i < r->index_count; i++) {
        if (!add_index(r, i, whole, out)) return false;
    }
    return true;
}
