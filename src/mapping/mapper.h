/* What the engine sees of a mapping: a row in, the bytes of its items out.
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
#define REJECT_VALUE "value"             /* a value cannot be what the plan makes of it: an infinite time, a wrong year, ... */
#define REJECT_JSON "json"               /* not JSON, or not JSON that DynamoDB can hold */
#define REJECT_TEXT "text"               /* not UTF-8 */
#define REJECT_FUNCTION "function"       /* a function of the plan failed, ran too long, or returned what no item can be */
#define REJECT_TABLE_MISSING "table-missing"   /* the name of its table comes from a NULL */
#define REJECT_TABLE_UNLISTED "table-unlisted" /* its table was not among the source's when the run began */
#define REJECT_ITEM_SIZE "item-size"           /* over 409,600 bytes */
#define REJECT_OWNS "owns"                     /* its partition key is not one that the plan owns in a shared table */
#define REJECT_SOURCE "source"                 /* the server could not give the row (SQLSTATE class 22) */
#define REJECT_TARGET "target"                 /* DynamoDB refused the item */
#define REJECT_GONE "gone"                     /* read again: the source has the row no more */

enum map_result {
    MAP_ITEM,
    MAP_FILTERED, /* the row becomes no item */
    MAP_REJECT,   /* the sink was told to cancel the item as far as it got */
    MAP_MEMORY,   /* out could not grow */
    MAP_STOP,     /* the sink said so: the run ends */
};

/* Where the items of a row go, one after the other. */
struct item_sink {
    /* The buffer that the next item's JSON is to be appended to, for the target of plan table `table` (from 0); NULL: memory is out. */
    struct buffer *(*open)(struct item_sink *self, int table);
    /* NULL, or told of the item's key as soon as it is known, mostly long before `close`: what will be looked up by it can be fetched into
     * the processor's cache meanwhile. A map's items are not told of. */
    void (*keyed)(struct item_sink *self, uint64_t key);
    /* The item is whole. False: the run must stop. */
    bool (*close)(struct item_sink *self, const struct mapped_item *item);
    /* The item cannot be: what was appended since open is taken back (it is what a reject shows). */
    void (*cancel)(struct item_sink *self);
};

struct row_mapper {
    bool many; /* a row may become other than one item: the caller must keep count by row */
    /* Maps one row to its items. MAP_ITEM: at least one was closed. MAP_REJECT: *reject says why; items closed before stay written, and the
     * row counts as rejected. */
    enum map_result (*map)(struct row_mapper *self, const struct pg_row *row, struct item_sink *sink, struct map_reject *reject);
    void (*free)(struct row_mapper *self);
};

#endif
