/* DynamoDB's rules for values: limits, numbers, base64, sizes. Pure functions: no allocation, no state.
 *
 * For: the row path (numbers, base64), and the size of an item that is already JSON (the reading side,
 * tests). Not for: making items out of rows (mapping), which adds up sizes as it writes, by the rules and
 * constants here. Sources: AWS Developer Guide, "Quotas in Amazon DynamoDB" and "Constraints in Amazon
 * DynamoDB"; the size of a number was measured against the service (the guide's own formula is off). */
#ifndef DYNAMODB_VALUE_H
#define DYNAMODB_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Limits; sizes are bytes. Those of names and indexes are the plan's affair (lua/hlua/types.lua, rules.lua). */
#define DYNAMODB_ITEM_MAX 409600                    /* an item, attribute names included */
#define DYNAMODB_PARTITION_KEY_MAX 2048             /* a partition key's value; at least 1; the same for index keys */
#define DYNAMODB_SORT_KEY_MAX 1024                  /* a sort key's value; at least 1; the same for index keys */
#define DYNAMODB_NAME_MAX 65535                     /* an attribute's name; at least 1 */
#define DYNAMODB_NESTING_MAX 32                     /* levels; an attribute's own value is the first */
#define DYNAMODB_BATCH_ITEMS_MAX 25                 /* operations in one BatchWriteItem */
#define DYNAMODB_BATCH_BYTES_MAX (16 * 1024 * 1024) /* one BatchWriteItem request */
#define DYNAMODB_NUMBER_DIGITS_MAX 38               /* significant digits */
#define DYNAMODB_NUMBER_POWER_MIN (-130)            /* magnitudes from 1E-130 ... */
#define DYNAMODB_NUMBER_POWER_MAX 125               /* ... to 9.99E+125 */

/* Sizes of values that do not depend on their bytes. S counts its UTF-8 bytes, B its raw bytes, a set its
 * elements; each attribute adds its name. */
#define DYNAMODB_SIZE_BOOL 1
#define DYNAMODB_SIZE_NULL 1
#define DYNAMODB_SIZE_CONTAINER 3 /* an L or M, before its elements */
#define DYNAMODB_SIZE_ELEMENT 1   /* each element of an L or M, beside its name and value */

/* Write units of one item of `size` bytes in one table or index. */
#define DYNAMODB_WRITE_UNIT 1024
static inline int64_t dynamodb_write_units(size_t size) {
    return size <= DYNAMODB_WRITE_UNIT ? 1 : (int64_t)((size + DYNAMODB_WRITE_UNIT - 1) / DYNAMODB_WRITE_UNIT);
}

/* --- numbers --- */

enum dynamodb_number_fault {
    DYNAMODB_NUMBER_OK = 0,
    DYNAMODB_NUMBER_SYNTAX, /* not: sign, digits, point, digits, exponent, with a digit before the exponent */
    DYNAMODB_NUMBER_DIGITS,
    DYNAMODB_NUMBER_LARGE,
    DYNAMODB_NUMBER_SMALL,
};

/* Whether DynamoDB takes this text as an N. Leading and trailing zeros are not significant; a zero is
 * range-checked by the exponent it is written with. */
enum dynamodb_number_fault dynamodb_number_check(const char *text, size_t n);

/* The fault as a reason that follows "<what>: ", e.g. "more than 38 significant digits". */
const char *dynamodb_number_fault_text(enum dynamodb_number_fault fault);

/* The bytes that a number adds to its item. The text must be one that dynamodb_number_check takes (else: 1).
 */
size_t dynamodb_number_size(const char *text, size_t n);
/* The same of an optional minus and 1 to 38 digits. */
size_t dynamodb_integer_size(const char *text, size_t n);
/* The same of so many significant digits, all of them before the point: two to a byte, one byte more, and one for a minus. */
static inline size_t dynamodb_digits_size(size_t digits, bool negative) {
    return 1 + (digits + 1) / 2 + negative;
}

/* Writes a number in its one canonical form, the same for 1, 1.0 and 1E0: bytes to compare and to hash, not to read. Returns how many;
 * 0 for zero, however it is written. The text must be one that dynamodb_number_check takes (else: something). */
#define DYNAMODB_NUMBER_CANONICAL_MAX (DYNAMODB_NUMBER_DIGITS_MAX + 3)
size_t dynamodb_number_canonical(const char *text, size_t n, char out[DYNAMODB_NUMBER_CANONICAL_MAX]);

/* --- binary --- */

/* The room that dynamodb_base64 needs for `n` bytes. */
#define DYNAMODB_BASE64_ROOM(n) (((size_t)(n) + 2) / 3 * 4 + 1)

/* Writes `n` bytes as base64 (RFC 4648, padded, no line breaks); returns the characters written. A NUL
 * follows them, which is not counted. */
size_t dynamodb_base64(char *dst, const void *src, size_t n);

/* The room that dynamodb_base64_decode needs for `n` characters. */
#define DYNAMODB_BASE64_DECODE_ROOM(n) ((size_t)(n) / 4 * 3)

/* Reads padded base64; returns the bytes written, or (size_t)-1 when the text is not base64. */
size_t dynamodb_base64_decode(unsigned char *dst, const char *src, size_t n);

/* --- items --- */

/* The size of an item in DynamoDB JSON, `{"name":{"S":"..."},...}`. False, with ERROR_TARGET, when the text
 * is not such an item or nests more than DYNAMODB_NESTING_MAX levels; the total is not held against
 * DYNAMODB_ITEM_MAX. */
bool dynamodb_item_size(const char *json, size_t n, size_t *size, struct error *err);

/* The size of one attribute's value, {"S":"..."}, without its name. False when the text is no such value. */
bool dynamodb_value_size(const char *json, size_t n, size_t *size);

#endif
