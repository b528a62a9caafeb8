/* An item whose attributes are known only when it is there (a plan's `map` gave it): written attribute by attribute, its keys held against
 * the table's schema, its size and write units counted.
 *
 * Not for: items of a compiled mapping (program.h), which knows its attributes beforehand. */
#ifndef MAPPING_FREE_ITEM_H
#define MAPPING_FREE_ITEM_H

#include "base/buffer.h"
#include "dynamodb/schema.h"
#include "mapping/functions.h"
#include "mapping/mapper.h"

struct free_item; /* scratch memory for the items of one table; one a worker */

/* The schema must stay. NULL when memory is out. */
struct free_item *free_item_new(const struct dynamodb_schema *schema);
void free_item_free(struct free_item *f); /* NULL is fine */

/* Begins an item at the end of `out`. */
void free_item_begin(struct free_item *f, struct buffer *out);

/* Appends one attribute; a name comes once in an item. The value's size must be set, and be right; DYNAMODB_ANY is left out. MAP_ITEM;
 * MAP_REJECT: a rule of keys or names is broken, or the item is too large; MAP_MEMORY. */
enum map_result free_item_add(struct free_item *f, const char *name, size_t name_len, const struct function_value *value,
                              struct map_reject *reject);

/* Ends the item. MAP_REJECT: a key of the table is missing. */
enum map_result free_item_end(struct free_item *f, struct mapped_item *item, struct map_reject *reject);

#endif
