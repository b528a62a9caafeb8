/* Where one item's write goes: the table, and each global index that holds the item, with the units and the partition key of each.
 * The unit in which DynamoDB throttles, so capacity and heat count by it.
 *
 * For: the model of the service's limits, and finding out what throttles. One pass over an item's JSON: for items that were refused and
 * for rehearsals. Not for: the row path, whose mapping adds up an item's units itself. */
#ifndef DYNAMODB_PARTS_H
#define DYNAMODB_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynamodb/schema.h"

/* The table and 31 indexes: AWS's quota is 20 global and 5 local ones. Further indexes are not looked at. */
#define PARTS_MAX 32

struct part {
    int resource;   /* PARTS_TABLE, or the index at schema->indexes[resource - 1] */
    uint32_t units; /* write units; those of local indexes are the table's */
    uint64_t key;   /* hash of the partition key's value there: equal keys, equal hashes, however they are spelled */
};

#define PARTS_TABLE 0

struct parts {
    struct part at[PARTS_MAX]; /* the table's first */
    int count;
};

/* All units of a write. */
uint32_t parts_units(const struct parts *p);

/* A number for one partition key of one table or index among all tables: what buckets and counters are kept by. Never 0. */
uint64_t parts_bucket(int table, const struct part *part);

/* Reads items of one table; has scratch memory, so each thread needs its own. */
struct parts_reader;

/* The schema, whose key types are bound, must outlive it. NULL when memory is out. */
struct parts_reader *parts_reader_new(const struct dynamodb_schema *schema);
void parts_reader_free(struct parts_reader *r); /* NULL is fine */

/* The parts of an item in DynamoDB JSON. False when it is none, or lacks the table's partition key. */
bool parts_read(struct parts_reader *r, const char *json, size_t len, struct parts *out);

#endif
