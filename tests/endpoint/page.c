#include "endpoint/page.h"

#include "endpoint/expression.h"
#include "endpoint/refusal.h"
#include "endpoint/view.h"

#include <string.h>

enum { PAGE_BYTES = 1 << 20 };

static bool is_named(const struct page *p, const char *name) {
    for (int i = 0; i < p->name_count; i++) {
        if (strcmp(p->names[i], name) == 0) return true;
    }
    return false;
}

static bool add_name(struct page *p, const char *name, struct error *err) {
    if (is_named(p, name)) return true;
    if (p->name_count == PAGE_NAMES_MAX) return refuse_value(err, "Too many attributes in a projection");
    memcpy(p->names[p->name_count++], name, strlen(name) + 1);
    return true;
}

static bool add_key_names(struct page *p, const struct catalog_key *key, struct error *err) {
    for (int i = 0; i < key->partitions; i++) {
        if (!add_name(p, p->table->attributes[key->partition[i]].name, err)) return false;
    }
    for (int i = 0; i < key->sorts; i++) {
        if (!add_name(p, p->table->attributes[key->sort[i]].name, err)) return false;
    }
    return true;
}

/* What the index holds of an item. */
static bool read_index(struct page *p, struct slice body, struct error *err) {
    char name[DOC_NAME], kind[16] = "ALL";
    struct slice projection, list, element;
    p->all = true;
    if (!doc_get_text(body, "IndexName", name, sizeof name)) return true;
    p->index = catalog_find_index(p->table, name, err);
    if (p->index == NULL) return false;
    if (!doc_get(p->index->definition, "Projection", &projection)) return true;
    doc_get_text(projection, "ProjectionType", kind, sizeof kind);
    if (strcmp(kind, "ALL") == 0) return true;
    p->all = false;
    if (!add_key_names(p, &p->table->key, err) || !add_key_names(p, &p->index->key, err)) return false;
    if (!doc_get(projection, "NonKeyAttributes", &list)) return true;
    struct doc_each each;
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        if (doc_text(element, name, sizeof name) && !add_name(p, name, err)) return false;
    }
    return true;
}

/* ProjectionExpression narrows what the index holds: `a, #b, c`. */
static bool read_projection(struct page *p, struct slice body, struct error *err) {
    struct expression e;
    char name[DOC_NAME];
    struct page wanted = {.table = p->table};
    if (!expression_begin(&e, body, "ProjectionExpression")) return true;
    do {
        if (!expression_name(&e, name, err)) return false;
        if ((p->all || is_named(p, name)) && !add_name(&wanted, name, err)) return false;
    } while (expression_take(&e, ","));
    if (!expression_ended(&e)) return expression_refuse(&e, err);
    p->all = false;
    memcpy(p->names, wanted.names, sizeof p->names);
    p->name_count = wanted.name_count;
    return true;
}

bool page_begin(struct page *p, const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err) {
    char select[32] = "";
    struct slice value;
    p->table = t;
    p->index = NULL;
    p->name_count = 0;
    p->count = p->scanned = 0;
    p->bytes = 0;
    p->limit = INT64_MAX;
    p->out = out;
    if (doc_get(body, "Limit", &value) && (!doc_get_integer(body, "Limit", &p->limit) || p->limit == 0))
        return refuse_value(err, "Limit must be greater than or equal to 1");
    doc_get_text(body, "Select", select, sizeof select);
    p->count_only = strcmp(select, "COUNT") == 0;
    if (!read_index(p, body, err) || !read_projection(p, body, err)) return false;
    return p->count_only || buffer_append_text(out, "{\"Items\":[") || error_memory(err, "answering");
}

bool page_has_room(const struct page *p, size_t bytes) {
    return p->scanned < p->limit && (p->scanned == 0 || p->bytes + bytes <= PAGE_BYTES);
}

/* The named attributes only. */
static bool print_some(struct page *p, struct slice item) {
    struct json j;
    bool ok = buffer_append_text(p->out, "{"), any = false;
    json_init(&j, item.data, item.len);
    if (json_next(&j) != JSON_OBJECT) return false;
    while (ok && json_next(&j) == JSON_KEY) {
        const char *start = j.text - 1;
        char name[DOC_NAME];
        bool shown = json_copy(&j, name, sizeof name) && is_named(p, name);
        struct slice value;
        enum json_token token = json_next(&j);
        if (!doc_value(&j, token, &value)) return false;
        if (!shown) continue;
        ok = buffer_append_text(p->out, any ? "," : "") && buffer_append(p->out, start, (size_t)(j.at - start));
        any = true;
    }
    return ok && buffer_append_text(p->out, "}");
}

bool page_add(struct page *p, struct slice item, bool shown, struct error *err) {
    bool ok = true;
    if (shown && !p->count_only) {
        ok = buffer_append_text(p->out, p->count ? "," : "") &&
             (p->all ? buffer_append(p->out, item.data, item.len) : print_some(p, item));
    }
    p->count += shown;
    p->scanned++;
    p->bytes += item.len;
    return ok || error_memory(err, "answering");
}

/* An attribute of the item by its place in the table, as a member of LastEvaluatedKey, once. */
static bool print_key(struct page *p, const struct view *v, bool *printed, int at, bool *any) {
    if (printed[at]) return true;
    const char *name = p->table->attributes[at].name;
    printed[at] = true;
    bool ok = buffer_append_text(p->out, *any ? "," : "") && json_append_string(p->out, name, strlen(name)) &&
              buffer_append_text(p->out, ":") && buffer_append(p->out, v->keys[at].whole.data, v->keys[at].whole.len);
    *any = true;
    return ok;
}

static bool print_last(struct page *p, const struct item *last, struct error *err) {
    struct view v;
    bool printed[CATALOG_ATTRIBUTES_MAX] = {false}, any = false;
    const struct catalog_key *keys[] = {&p->table->key, p->index ? &p->index->key : NULL};
    if (!view_read(p->table, item_json(last), &v, err)) return false;
    bool ok = buffer_append_text(p->out, ",\"LastEvaluatedKey\":{");
    for (int k = 0; k < 2 && keys[k]; k++) {
        for (int i = 0; i < keys[k]->partitions; i++) ok = ok && print_key(p, &v, printed, keys[k]->partition[i], &any);
        for (int i = 0; i < keys[k]->sorts; i++) ok = ok && print_key(p, &v, printed, keys[k]->sort[i], &any);
    }
    return (ok && buffer_append_text(p->out, "}")) || error_memory(err, "answering");
}

bool page_end(struct page *p, const struct item *last, struct error *err) {
    long long count = p->count, scanned = p->scanned;
    if (!buffer_printf(p->out, "%s\"Count\":%lld,\"ScannedCount\":%lld", p->count_only ? "{" : "],", count, scanned))
        return error_memory(err, "answering");
    if (last && !print_last(p, last, err)) return false;
    return buffer_append_text(p->out, "}") || error_memory(err, "answering");
}
