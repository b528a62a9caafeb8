/* The texts of the heaviest partition keys among many, so that people are told which one limits.
 *
 * A fixed table (4 MB): of the keys that meet in one place of it the lightest are forgotten first, so that heavy ones stay. For: rehearsals.
 * Not for: finding out which keys are hot (dynamodb/heat.h, whose numbers, parts_bucket, are looked up here). */
#ifndef ENGINE_KEY_NAMES_H
#define ENGINE_KEY_NAMES_H

#include "dynamodb/parts.h"

struct key_names;

/* NULL when memory is out. */
struct key_names *key_names_new(void);
void key_names_free(struct key_names *k); /* NULL is fine */

/* Counts the keys of an item, given in DynamoDB JSON. */
void key_names_add(struct key_names *k, int target, const struct dynamodb_schema *schema, const struct parts *parts,
                   const char *json, size_t len);

/* A key as text, e.g. GSI3PK=ERROR#true#2024-03-01, its end cut off when it is long; NULL when it is not known. */
const char *key_names_find(const struct key_names *k, uint64_t bucket);

#endif
