/* One request that writes items to one table, straight in the body that is sent: a BatchWriteItem of up to 25 puts or, since a
 * condition goes with one item alone, a PutItem of one; so does a refusal's reason (PUT_ALWAYS).
 *
 * For: filling, sending again what came back, splitting. Not for: connections (engine/lines.h), sending, what became of it, waits
 * (engine/sending.c, answers.c, throttled.c).
 * Source: DynamoDB API reference, BatchWriteItem, PutItem; limits in dynamodb/value.h. */
#ifndef DYNAMODB_BATCH_H
#define DYNAMODB_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "dynamodb/put.h"
#include "dynamodb/schema.h"
#include "dynamodb/value.h"

/* A batch is closed when it holds this much, though DynamoDB takes 16 MB: in-flight bytes are memory. */
#define BATCH_BYTES_FULL (1024 * 1024)

struct batch_item {
    size_t at, len; /* of {"PutRequest":{"Item":{...}}} in the body; of a PutItem, the item alone */
    size_t item_at; /* of the item itself in the body */
    uint64_t key;   /* dynamodb_key_hash */
    uint32_t size, units;
    void *origin;  /* the caller's: where the item comes from */
    int64_t place; /* the caller's: which row there */
};

struct batch {
    const struct dynamodb_schema *schema;
    const struct put_condition *condition; /* a PutItem's; NULL: a BatchWriteItem */
    bool ask_consumed; /* the answer is to tell what was consumed. For the caller to set before the batch is begun; stays */
    struct buffer body;
    struct batch_item items[DYNAMODB_BATCH_ITEMS_MAX];
    int count;
    uint32_t units; /* of the items, together */
};

void batch_init(struct batch *b);
void batch_free(struct batch *b);

/* Empties the batch and begins the body for a table; false when memory is out. */
bool batch_begin(struct batch *b, const struct dynamodb_schema *schema) __attribute__((warn_unused_result));
/* The same for a PutItem under a condition (PUT_ALWAYS: none), which must stay. It is full with one item, and cannot be split. */
bool batch_begin_put(struct batch *b, const struct dynamodb_schema *schema, const struct put_condition *condition)
    __attribute__((warn_unused_result));
/* "BatchWriteItem" or "PutItem". */
const char *batch_operation(const struct batch *b);

/* Opens the next item: the caller appends its JSON to b->body, then calls batch_close_item or batch_cancel_item. *mark is theirs.
 * False when memory is out. */
bool batch_open_item(struct batch *b, size_t *mark) __attribute__((warn_unused_result));
/* Keeps the item, with the key, size, units, origin and place of `like`. False when memory is out (then it is cancelled). */
bool batch_close_item(struct batch *b, size_t mark, const struct batch_item *like) __attribute__((warn_unused_result));
void batch_cancel_item(struct batch *b, size_t mark);

/* Appends an item that is JSON already, with its entry's key, size, units, origin and place. */
bool batch_add(struct batch *b, const struct batch_item *like, const char *json, size_t len) __attribute__((warn_unused_result));

/* Whether nothing more should go in. */
bool batch_full(const struct batch *b);

/* Ends the body, which may then be sent. */
bool batch_finish(struct batch *b) __attribute__((warn_unused_result));

const char *batch_item_json(const struct batch *b, int i, size_t *len);

/* What a 200 answer says. */
struct batch_answer {
    int left_count; /* items that it sends back (UnprocessedItems; a PutItem's never does). -1: it cannot be read, then all count as sent back:
                     * a put may be repeated */
    bool left[DYNAMODB_BATCH_ITEMS_MAX];
    double consumed; /* write units of those that it does not, indexes included (ConsumedCapacity); below 0: not told */
};

/* Always fills *out. */
void batch_read_answer(const struct batch *b, const char *answer, size_t n, struct batch_answer *out);

/* Drops the items whose flag is false and takes the body's end off (call batch_finish again). */
void batch_keep(struct batch *b, const bool keep[DYNAMODB_BATCH_ITEMS_MAX]);

#endif
