/* JSON text from a column, as a DynamoDB value: objects become M, arrays L, numbers N with their own digits.
 *
 * Refused, beside malformed text: what DynamoDB cannot hold (numbers beyond its range or 38 digits, over 32 levels) and what is
 * ambiguous (a key twice in one object). */
#ifndef MAPPING_JSON_VALUE_H
#define MAPPING_JSON_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"

enum json_value_result { JSON_VALUE_OK, JSON_VALUE_INVALID, JSON_VALUE_MEMORY };

/* What is wrong with a text. */
struct json_value_fault {
    bool malformed; /* it is no JSON; else it is, and cannot be stored */
    const char *why;
    size_t at; /* the byte where that is, from 0; the text's length: its end */
};

/* Appends {"M":{...}} and so on to `out`, and gives the value's size by DynamoDB's rule. On JSON_VALUE_INVALID *fault says what is wrong,
 * and `out` is as before. `keys` is scratch memory that the caller keeps from row to row (max: JSON_VALUE_KEYS_BYTES). */
#define JSON_VALUE_KEYS_BYTES (64 * 1024 * 8)
enum json_value_result json_value_write(const char *text, size_t len, struct buffer *out, struct buffer *keys, size_t *size,
                                        struct json_value_fault *fault);

#endif
