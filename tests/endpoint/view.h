/* An item as a table sees it: its size, and the attributes that are keys of the table or of its indexes.
 *
 * For: judging what is written by the table's rules, and making keys. One pass over the item's JSON. */
#ifndef ENDPOINT_VIEW_H
#define ENDPOINT_VIEW_H

#include "endpoint/catalog.h"
#include "endpoint/value.h"

#define VIEW_ITEM_MAX 409600 /* bytes of an item, by the size rule */

struct view {
    struct value keys[CATALOG_ATTRIBUTES_MAX]; /* as the table's attributes; type "" when absent */
    size_t count, size;                        /* of all attributes; bytes */
};

/* Reads an item or a key map. */
bool view_read(const struct catalog_table *t, struct slice item, struct view *v, struct error *err);

/* Judges what is to be written: the table's key, the indexes' keys, the size. */
bool view_check_item(const struct catalog_table *t, const struct view *v, struct error *err);

/* Judges a key map, which holds the table's key and nothing else. */
bool view_check_key(const struct catalog_table *t, const struct view *v, struct error *err);

/* Appends the table's key to `out` and points at it; the key is good until `out` changes. */
bool view_append_key(const struct catalog_table *t, const struct view *v, struct buffer *out, struct item_key *key,
                     struct error *err);

/* Whether the item has all of the key's attributes. */
bool view_has(const struct view *v, const struct catalog_key *key);

/* Appends the sort attributes of a key so that memcmp, shorter first, orders the tuples. */
bool view_append_sort(const struct view *v, const struct catalog_key *key, struct buffer *out, struct error *err);

#endif
