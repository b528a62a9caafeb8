/* The items of one table: a hash table whose buckets are in the order of the hash, so that a scan can stop anywhere
 * and go on later, even when the table has grown meanwhile.
 *
 * For: a million items of a kilobyte. An item is the JSON bytes that were sent, and its key as bytes that sort.
 * Not for: order by sort key; a query sorts what it finds. */
#ifndef ENDPOINT_ITEMS_H
#define ENDPOINT_ITEMS_H

#include "endpoint/doc.h"

#include <stdint.h>

/* The bytes of a table's key: first those of the partition key, then those of the sort key (value.h makes them). */
struct item_key {
    const char *bytes;
    size_t partition_len, len; /* len: of both */
};

struct item {
    struct item *next;
    uint64_t hash;
    uint32_t partition_len, key_len, json_len;
    char bytes[]; /* the key, then the JSON */
};

struct items {
    struct item **buckets; /* 1 << bits of them; an item is in the bucket of its hash's highest bits */
    int bits;              /* 0: no buckets yet */
    size_t count;
    uint64_t bytes; /* of JSON */
};

void items_free(struct items *items);

uint64_t items_hash(struct item_key key);
struct item_key item_key(const struct item *item);
struct slice item_json(const struct item *item);
int item_key_compare(struct item_key a, struct item_key b); /* by partition key, then by sort key */

const struct item *items_get(const struct items *items, struct item_key key);

/* Adds or replaces; false when memory is out. */
bool items_put(struct items *items, struct item_key key, struct slice json) __attribute__((warn_unused_result));
void items_delete(struct items *items, struct item_key key);

/* The first item whose hash is at least this, and the first after a key; NULL at the end. */
const struct item *items_from(const struct items *items, uint64_t hash);
const struct item *items_after(const struct items *items, struct item_key key);
const struct item *items_next(const struct items *items, const struct item *item);

#endif
