#include "endpoint/view.h"

#include "endpoint/refusal.h"

#include <string.h>

/* DynamoDB's limits of key values, in bytes. */
enum { PARTITION_MAX = 2048, SORT_MAX = 1024 };

static int find_attribute(const struct catalog_table *t, const struct json *j) {
    for (int i = 0; i < t->attribute_count; i++) {
        if (json_is(j, t->attributes[i].name)) return i;
    }
    return -1;
}

bool view_read(const struct catalog_table *t, struct slice item, struct view *v, struct error *err) {
    struct json j;
    enum json_token token;
    v->count = v->size = 0;
    for (int i = 0; i < t->attribute_count; i++) v->keys[i].type[0] = '\0';
    json_init(&j, item.data, item.len);
    if (json_next(&j) != JSON_OBJECT) return refuse(err, "SerializationException", "an item is not a map");
    while ((token = json_next(&j)) == JSON_KEY) {
        struct value value;
        size_t name_len = j.len;
        int at = find_attribute(t, &j);
        if (!value_read(&j, &value, err)) return false;
        if (at >= 0) v->keys[at] = value;
        v->size += name_len + value.size;
        v->count++;
    }
    if (token == JSON_OBJECT_END && json_next(&j) == JSON_END) return true;
    return refuse(err, "SerializationException", "%s", j.problem ? j.problem : "an item is not a map");
}

static bool check_table_key(const struct catalog_table *t, int at, const struct view *v, size_t max, struct error *err) {
    const struct value *value = &v->keys[at];
    const char *name = t->attributes[at].name;
    if (value->type[0] == '\0')
        return refuse_value(err, "One or more parameter values were invalid: Missing the key %s in the item", name);
    if (value->type[0] != t->attributes[at].type || value->type[1] != '\0')
        return refuse_value(err,
                            "One or more parameter values were invalid: Type mismatch for key %s expected: %c "
                            "actual: %s",
                            name, t->attributes[at].type, value->type);
    if (value->text.len == 0)
        return refuse_value(err,
                            "One or more parameter values are not valid. The AttributeValue for a key attribute "
                            "cannot contain an empty %s value. Key: %s",
                            value->type[0] == 'S' ? "string" : "binary", name);
    if (value->type[0] != 'N' && value->size > max)
        return refuse_value(err, max == PARTITION_MAX
                                     ? "One or more parameter values were invalid: Size of hashkey has exceeded the "
                                       "maximum size limit of2048 bytes"
                                     : "One or more parameter values were invalid: Aggregated size of all range keys "
                                       "has exceeded the size limit of 1024 bytes");
    return true;
}

/* An index key that is absent keeps the item out of the index; one that is there must be right. */
static bool check_index_key(const struct catalog_table *t, const struct catalog_index *index, int at, const struct view *v,
                            size_t max, struct error *err) {
    const struct value *value = &v->keys[at];
    const char *name = t->attributes[at].name;
    if (value->type[0] == '\0') return true;
    if (value->type[0] != t->attributes[at].type || value->type[1] != '\0')
        return refuse_value(err,
                            "One or more parameter values were invalid: Type mismatch for Index Key %s Expected: "
                            "%c Actual: %s IndexName: %s",
                            name, t->attributes[at].type, value->type, index->name);
    if (value->text.len == 0)
        return refuse_value(err,
                            "One or more parameter values are not valid. A value specified for a secondary index "
                            "key is not supported. The AttributeValue for a key attribute cannot contain an "
                            "empty %s value. IndexName: %s, IndexKey: %s",
                            value->type[0] == 'S' ? "string" : "binary", index->name, name);
    if (value->type[0] != 'N' && value->size > max)
        return refuse_value(err,
                            "One or more parameter values were invalid: Size of the index key %s has exceeded "
                            "the maximum size limit of %zu bytes. IndexName: %s",
                            name, max, index->name);
    return true;
}

static bool check_keys(const struct catalog_table *t, const struct view *v, struct error *err) {
    return check_table_key(t, t->key.partition[0], v, PARTITION_MAX, err) &&
           (t->key.sorts == 0 || check_table_key(t, t->key.sort[0], v, SORT_MAX, err));
}

bool view_check_item(const struct catalog_table *t, const struct view *v, struct error *err) {
    if (!check_keys(t, v, err)) return false;
    for (int i = 0; i < t->index_count; i++) {
        const struct catalog_index *index = &t->indexes[i];
        for (int k = 0; k < index->key.partitions; k++) {
            if (!check_index_key(t, index, index->key.partition[k], v, PARTITION_MAX, err)) return false;
        }
        for (int k = 0; k < index->key.sorts; k++) {
            if (!check_index_key(t, index, index->key.sort[k], v, SORT_MAX, err)) return false;
        }
    }
    if (v->size > VIEW_ITEM_MAX) return refuse_value(err, "Item size has exceeded the maximum allowed size");
    return true;
}

bool view_check_key(const struct catalog_table *t, const struct view *v, struct error *err) {
    if (v->count != (size_t)(1 + t->key.sorts) || !view_has(v, &t->key))
        return refuse_value(err, "The provided key element does not match the schema");
    return check_keys(t, v, err);
}

bool view_append_key(const struct catalog_table *t, const struct view *v, struct buffer *out, struct item_key *key,
                     struct error *err) {
    size_t start = out->len;
    if (!value_append_key(out, &v->keys[t->key.partition[0]], err)) return false;
    size_t partition = out->len - start;
    if (t->key.sorts && !value_append_key(out, &v->keys[t->key.sort[0]], err)) return false;
    *key = (struct item_key){out->data + start, partition, out->len - start};
    return true;
}

bool view_has(const struct view *v, const struct catalog_key *key) {
    for (int i = 0; i < key->partitions; i++) {
        if (v->keys[key->partition[i]].type[0] == '\0') return false;
    }
    for (int i = 0; i < key->sorts; i++) {
        if (v->keys[key->sort[i]].type[0] == '\0') return false;
    }
    return true;
}

/* With several attributes each is closed by 00 01, and a 00 within becomes 00 FF, so that no value runs into the next. */
static bool close_part(struct buffer *out, size_t start) {
    size_t zeros = 0;
    for (size_t i = start; i < out->len; i++) zeros += out->data[i] == '\0';
    if (!buffer_reserve(out, zeros + 2)) return false;
    size_t from = out->len, to = out->len + zeros;
    out->len = to;
    while (from > start) {
        char c = out->data[--from];
        if (c == '\0') out->data[--to] = (char)0xff;
        out->data[--to] = c;
    }
    out->data[out->len++] = '\0';
    out->data[out->len++] = '\1';
    return true;
}

bool view_append_sort(const struct view *v, const struct catalog_key *key, struct buffer *out, struct error *err) {
    for (int i = 0; i < key->sorts; i++) {
        size_t start = out->len;
        if (!value_append_key(out, &v->keys[key->sort[i]], err)) return false;
        if (key->sorts > 1 && !close_part(out, start)) return error_memory(err, "reading a sort key");
    }
    return true;
}
