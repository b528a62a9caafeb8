/* The answer of a Scan or a Query: what is to be shown of an item, and when a page is full.
 *
 * For: Limit, Select, ProjectionExpression (top-level names), an index's projection, DynamoDB's page of 1 MB.
 * Not for: what a filter says of an item (predicate.h). */
#ifndef ENDPOINT_PAGE_H
#define ENDPOINT_PAGE_H

#include "endpoint/catalog.h"

#define PAGE_NAMES_MAX 128

struct page {
    const struct catalog_table *table;
    const struct catalog_index *index; /* NULL: the table itself */
    bool count_only;
    bool all; /* every attribute; otherwise those named */
    char names[PAGE_NAMES_MAX][DOC_NAME];
    int name_count;
    int64_t limit;          /* of items that are looked at */
    int64_t count, scanned; /* items shown, and all */
    size_t bytes;           /* of JSON, shown or not */
    struct buffer *out;
};

/* Reads what the request says of its page, the index included, and begins the answer. */
bool page_begin(struct page *p, const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err);

/* Whether another item of this many bytes still belongs to the page. */
bool page_has_room(const struct page *p, size_t bytes);
/* `shown`: the filter lets it through. */
bool page_add(struct page *p, struct slice item, bool shown, struct error *err);

/* Ends the answer; last is the item to go on after, or NULL when the end was reached. */
bool page_end(struct page *p, const struct item *last, struct error *err);

#endif
