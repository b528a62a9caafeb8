/* Attribute values: their types, their size, and key values as bytes that sort as DynamoDB sorts them.
 *
 * For: judging an item as the service would, and comparing keys with memcmp.
 * Not for: changing values; what was sent is what is stored. */
#ifndef ENDPOINT_VALUE_H
#define ENDPOINT_VALUE_H

#include "base/buffer.h"
#include "base/error.h"
#include "endpoint/doc.h"

/* DynamoDB's limits (developer guide, "Service, account, and table quotas"). */
#define VALUE_DEPTH_MAX 32
#define VALUE_DIGITS_MAX 38

/* The most bytes that key_append makes of a number. */
#define VALUE_NUMBER_BYTES (4 + VALUE_DIGITS_MAX)

struct value {
    struct slice whole; /* {"S":"..."} */
    struct slice text;  /* the inside of the quotes, still escaped; for S, N and B only */
    char type[5];       /* "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS" */
    size_t size;        /* bytes by the item size rule, a few off for escaped text and for numbers */
};

/* Reads and judges the value whose first token json_next is about to return. */
bool value_read(struct json *j, struct value *v, struct error *err) __attribute__((warn_unused_result));

/* The same for a slice that holds one value. */
bool value_of(struct slice whole, struct value *v, struct error *err) __attribute__((warn_unused_result));

/* Appends a value of type S, N or B so that memcmp, shorter first, orders as DynamoDB does. */
bool value_append_key(struct buffer *out, const struct value *v, struct error *err) __attribute__((warn_unused_result));

#endif
