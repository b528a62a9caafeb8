/* The operations of a BatchWriteItem request, as slices of it.
 *
 * For: applying them, holding some back, counting them. Judges the request's shape, not its items. */
#ifndef ENDPOINT_BATCH_H
#define ENDPOINT_BATCH_H

#include "base/buffer.h"
#include "base/error.h"
#include "endpoint/doc.h"

#define BATCH_MAX 25 /* operations in a request */

struct batch_operation {
    int table;          /* position in `tables` */
    bool put;           /* or a delete */
    struct slice whole; /* {"PutRequest":{"Item":{...}}} */
    struct slice item;  /* the Item, or the Key of a delete */
};

struct batch {
    char tables[BATCH_MAX][DOC_NAME];
    int table_count;
    struct batch_operation operations[BATCH_MAX];
    int count;
    char consumed[16]; /* ReturnConsumedCapacity: "INDEXES", "TOTAL"; empty or "NONE": not wanted */
};

/* Reads a whole request. */
bool batch_read(struct slice body, struct batch *b, struct error *err);

/* Appends the operations whose flag is `value` as the object that RequestItems and UnprocessedItems hold. */
bool batch_print(const struct batch *b, const bool flags[BATCH_MAX], bool value, struct buffer *out)
    __attribute__((warn_unused_result));

#endif
