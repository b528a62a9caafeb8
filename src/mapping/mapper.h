/* What the engine sees of a mapping: a row in, an item's bytes out.
 *
 * A row_mapper belongs to one worker (it has scratch memory of its own); what it was made from is shared and read-only. The
 * compiled one is mapping/program.h. Not for: where items go (dynamodb's batch writer). */
#ifndef MAPPING_MAPPER_H
#define MAPPING_MAPPER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "pg/row.h"

/* An item whose DynamoDB JSON, {"PK":{"S":"..."},...}, was just appended to a buffer. */
struct mapped_item {
    uint64_t key;   /* hash of the table key's values, whatever their spelling (dynamodb/key.h) */
    uint32_t size;  /* bytes by DynamoDB's rule */
    uint32_t units; /* write units: the table's and those of every index whose keys are present */
};

/* Why a row is rejected. */
struct map_reject {
    const char *reason; /* a stable word: see REJECT_ below */
    char message[600];  /* names the attribute and what is wrong with it */
};

#define REJECT_KEY_MISSING "key-missing" /* a table key comes from a NULL */
#define REJECT_KEY_EMPTY "key-empty"     /* a key of table or index is empty */
#define REJECT_KEY_SIZE "key-size"       /* a key of table or index is too long */
#define REJECT_NUMBER "number"           /* DynamoDB cannot hold the number */
#define REJECT_VALUE "value"             /* a value cannot be what the plan makes of it: infinity, a wrong year, ... */
#define REJECT_JSON "json"               /* not JSON, or not JSON that DynamoDB can hold */
#define REJECT_TEXT "text"               /* not UTF-8 */
#define REJECT_ITEM_SIZE "item-size"     /* over 409,600 bytes */
#define REJECT_SOURCE "source"           /* the server could not give the row (SQLSTATE class 22) */
#define REJECT_TARGET "target"           /* DynamoDB refused the item */

enum map_result {
    MAP_ITEM,
    MAP_REJECT, /* out holds the item as far as it got */
    MAP_MEMORY, /* out could not grow */
};

struct row_mapper {
    /* Maps one row: appends one item to `out` and describes it. On MAP_REJECT and MAP_MEMORY the caller takes back what was appended. */
    enum map_result (*map)(struct row_mapper *self, const struct pg_row *row, struct buffer *out, struct mapped_item *item,
                           struct map_reject *reject);
    void (*free)(struct row_mapper *self);
};

#endif
