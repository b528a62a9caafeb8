/* An item's key: its hash, and whether it is ours.
 *
 * The hash is equal for equal keys, however they are spelled. Used to keep two operations on one key apart, and
 * to find an item again that DynamoDB sends back. Not stable across versions: never stored. */
#ifndef DYNAMODB_KEY_H
#define DYNAMODB_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynamodb/schema.h"

/* Adds one key value to a hash (start with 0: partition key first, then sort key). S: the text, unescaped; B:
 * its base64 text; N: its decimal text, of which 1, 1.0 and 1E0 are the same number. */
uint64_t dynamodb_key_hash(uint64_t hash, enum dynamodb_type type, const char *text, size_t len);

/* The hash of an item in DynamoDB JSON, by the schema's keys. False when a key is missing or malformed. */
bool dynamodb_key_hash_item(const struct dynamodb_schema *schema, const char *json, size_t len, uint64_t *hash);

/* Whether a partition key, unescaped, begins with one of the texts that the schema owns; one that lists none owns all. */
bool dynamodb_key_owned(const struct dynamodb_schema *schema, const char *text, size_t len);

#endif
