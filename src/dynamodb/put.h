/* The body of one PutItem request with a condition, and the item that was in its way.
 *
 * For: batch.c, which gives such a request the shape of a batch of one item. Not for: what a plan's policies mean
 * (engine/conditional.h). Source: DynamoDB API reference, PutItem; Developer Guide, "Condition expressions". */
#ifndef DYNAMODB_PUT_H
#define DYNAMODB_PUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "dynamodb/schema.h"

enum put_rule {
    PUT_ALWAYS,    /* no condition: BatchWriteItem does it, unless the reason of a refusal is wanted */
    PUT_IF_ABSENT, /* no item has the key */
    PUT_IF_GREATER, /* that, or the attribute is greater than there. Absent, or NULL, is less than anything; values of two types are not
                       compared: what is there stays */
};

struct put_condition {
    enum put_rule rule;
    const char *attribute; /* PUT_IF_GREATER */
};

/* Appends the member that asks what a write consumed, with a comma after it, if that is wanted. In total: that of a table holds that of its
 * indexes, and their shares tell us nothing more. */
bool put_ask_consumed(struct buffer *body, bool wanted) __attribute__((warn_unused_result));

/* Appends the beginning of a body, up to where the item's JSON goes. */
bool put_begin(struct buffer *body, const struct dynamodb_schema *schema, bool ask_consumed) __attribute__((warn_unused_result));

/* Ends a body whose item goes from `item` to the end: its condition, and the wish to be shown what is in its way. False when memory is
 * out. */
bool put_finish(struct buffer *body, size_t item, const struct dynamodb_schema *schema, const struct put_condition *condition)
    __attribute__((warn_unused_result));

/* Finds the item that a ConditionalCheckFailedException shows; *len is 0 when it shows none (not every local engine does). False when
 * the answer cannot be read. */
bool put_found(const char *answer, size_t n, const char **item, size_t *len);

#endif
