#include "endpoint/query.h"

#include "endpoint/condition.h"
#include "endpoint/page.h"
#include "endpoint/predicate.h"
#include "endpoint/refusal.h"

#include <stdlib.h>
#include <string.h>

/* --- Scan --- */

/* A segment is a range of hashes: first .. last. */
struct range {
    uint64_t first, last;
};

static bool read_segment(struct slice body, struct range *range, struct error *err) {
    int64_t segment = 0, total = 1;
    bool has = doc_get_integer(body, "Segment", &segment), has_total = doc_get_integer(body, "TotalSegments", &total);
    *range = (struct range){0, UINT64_MAX};
    if (!has && !has_total) return true;
    if (!has || !has_total || total < 1 || total > 1000000 || segment >= total)
        return refuse_value(err, "The Segment parameter is zero-based and must be less than parameter TotalSegments "
                                 "(at most 1000000)");
    unsigned __int128 whole = (unsigned __int128)1 << 64;
    range->first = (uint64_t)(whole * (uint64_t)segment / (uint64_t)total);
    range->last = (uint64_t)(whole * (uint64_t)(segment + 1) / (uint64_t)total - 1);
    return true;
}

/* The table key in ExclusiveStartKey; *has is false when the request starts at the beginning. The map of an index's
 * page holds the index's key as well. */
static bool read_start(const struct catalog_table *t, const struct catalog_index *index, struct slice body, struct view *v,
                       struct buffer *bytes, struct item_key *key, bool *has, struct error *err) {
    struct slice start;
    *has = doc_get(body, "ExclusiveStartKey", &start);
    if (!*has) return true;
    if (!view_read(t, start, v, err)) return false;
    if (!view_has(v, &t->key) || (index && !view_has(v, &index->key)))
        return refuse_value(err, "The provided starting key is invalid");
    return view_check_item(t, v, err) && view_append_key(t, v, bytes, key, err);
}

static bool in_index(const struct catalog_table *t, const struct catalog_index *index, const struct item *item, bool *in,
                     struct error *err) {
    struct view v;
    *in = true;
    if (index == NULL) return true;
    if (!view_read(t, item_json(item), &v, err)) return false;
    *in = view_has(&v, &index->key);
    return true;
}

static bool scan_page(struct page *p, struct slice body, struct buffer *bytes, struct error *err) {
    struct view v;
    struct range range;
    struct item_key start;
    struct predicate filter;
    bool has_start;
    if (!predicate_read(&filter, body, "FilterExpression", err)) return false;
    if (!read_segment(body, &range, err) || !read_start(p->table, p->index, body, &v, bytes, &start, &has_start, err))
        return false;
    const struct items *items = &p->table->items;
    const struct item *item = has_start ? items_after(items, start) : items_from(items, range.first);
    const struct item *last = NULL;
    while (item && item->hash <= range.last && page_has_room(p, item->json_len)) {
        bool in, shown = false;
        if (!in_index(p->table, p->index, item, &in, err)) return false;
        if (in && !predicate_holds(&filter, item_json(item), &shown, err)) return false;
        if (in && !page_add(p, item_json(item), shown, err)) return false;
        if (in) last = item;
        item = items_next(items, item);
    }
    bool more = (item && item->hash <= range.last) || p->scanned == p->limit;
    return page_end(p, more ? last : NULL, err);
}

bool query_scan(const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err) {
    struct page page;
    struct buffer bytes;
    buffer_init(&bytes, 1 << 20);
    bool ok = page_begin(&page, t, body, out, err) && scan_page(&page, body, &bytes, err);
    buffer_free(&bytes);
    return ok;
}

/* --- Query --- */

struct match {
    const struct item *item;
    size_t at, len; /* its sort key, in `sorts` */
};

struct query {
    struct page page;
    const struct catalog_key *key;
    struct conditions conditions;
    struct match *matches;
    size_t count, cap;
    struct buffer sorts, scratch;
};

static bool add_match(struct query *q, const struct view *v, const struct item *item, struct error *err) {
    if (q->count == q->cap) {
        size_t cap = q->cap ? q->cap * 2 : 64;
        struct match *matches = realloc(q->matches, cap * sizeof *matches);
        if (matches == NULL) return error_memory(err, "answering a query");
        q->matches = matches;
        q->cap = cap;
    }
    size_t at = q->sorts.len;
    if (!view_append_sort(v, q->key, &q->sorts, err)) return false;
    q->matches[q->count++] = (struct match){item, at, q->sorts.len - at};
    return true;
}

/* Reads every item; in a table's own query the others' partition keys tell them apart without reading their JSON. */
static bool collect(struct query *q, struct error *err) {
    const struct catalog_table *t = q->page.table;
    struct slice partition = conditions_equal(&q->conditions, q->key->partition[0]);
    for (const struct item *item = items_from(&t->items, 0); item; item = items_next(&t->items, item)) {
        struct view v;
        bool meets;
        if (q->page.index == NULL &&
            (item->partition_len != partition.len || memcmp(item->bytes, partition.data, partition.len) != 0))
            continue;
        if (!view_read(t, item_json(item), &v, err)) return false;
        if (!view_has(&v, q->key)) continue;
        if (!conditions_meet(&q->conditions, &v, &q->scratch, &meets, err)) return false;
        if (meets && !add_match(q, &v, item, err)) return false;
    }
    return true;
}

/* By sort key; items of an index that are equal in it, by the table's key. */
static int compare_matches(const void *left, const void *right, void *context) {
    const struct match *a = left, *b = right;
    const struct query *q = context;
    int order = 0;
    if (a->len && b->len) order = memcmp(q->sorts.data + a->at, q->sorts.data + b->at, a->len < b->len ? a->len : b->len);
    if (order == 0) order = (a->len > b->len) - (a->len < b->len);
    return order ? order : item_key_compare(item_key(a->item), item_key(b->item));
}

/* How many matches, in the order asked for, lie at or before ExclusiveStartKey. */
static bool skip_to_start(struct query *q, struct slice body, bool backward, size_t *skipped, struct error *err) {
    struct view v;
    struct item_key key;
    bool has;
    *skipped = 0;
    q->scratch.len = 0;
    if (!read_start(q->page.table, q->page.index, body, &v, &q->scratch, &key, &has, err)) return false;
    if (!has) return true;
    /* The start need not exist any more, so it is compared as an item of its own. */
    struct item *start = calloc(1, sizeof *start + key.len);
    if (start == NULL) return error_memory(err, "answering a query");
    start->partition_len = (uint32_t)key.partition_len;
    start->key_len = (uint32_t)key.len;
    memcpy(start->bytes, key.bytes, key.len);
    size_t at = q->sorts.len;
    bool ok = view_append_sort(&v, q->key, &q->sorts, err);
    struct match match = {start, at, q->sorts.len - at};
    while (ok && *skipped < q->count) {
        size_t next = backward ? q->count - 1 - *skipped : *skipped;
        int order = compare_matches(&q->matches[next], &match, q);
        if (backward ? order < 0 : order > 0) break;
        ++*skipped;
    }
    free(start);
    return ok;
}

static bool answer_query(struct query *q, struct slice body, struct error *err) {
    struct slice forward;
    bool backward = doc_get(body, "ScanIndexForward", &forward) && slice_is(forward, "false");
    size_t i;
    if (!collect(q, err)) return false;
    if (q->count) qsort_r(q->matches, q->count, sizeof *q->matches, compare_matches, q);
    if (!skip_to_start(q, body, backward, &i, err)) return false;
    const struct item *last = NULL;
    for (; i < q->count; i++) {
        const struct item *item = q->matches[backward ? q->count - 1 - i : i].item;
        if (!page_has_room(&q->page, item->json_len)) break;
        if (!page_add(&q->page, item_json(item), true, err)) return false;
        last = item;
    }
    return page_end(&q->page, i < q->count || q->page.scanned == q->page.limit ? last : NULL, err);
}

bool query_query(const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err) {
    struct query *q = calloc(1, sizeof *q);
    if (q == NULL) return error_memory(err, "answering a query");
    buffer_init(&q->sorts, (size_t)1 << 30);
    buffer_init(&q->scratch, (size_t)1 << 20);
    bool ok = page_begin(&q->page, t, body, out, err);
    if (ok) {
        q->key = q->page.index ? &q->page.index->key : &t->key;
        ok = conditions_read(&q->conditions, t, q->key, body, err) && answer_query(q, body, err);
        conditions_free(&q->conditions);
    }
    buffer_free(&q->sorts);
    buffer_free(&q->scratch);
    free(q->matches);
    free(q);
    return ok;
}
