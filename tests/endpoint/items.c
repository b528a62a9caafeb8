#include "endpoint/items.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_BITS = 6 };

void items_free(struct items *items) {
    for (size_t i = 0; items->bits && i < (size_t)1 << items->bits; i++) {
        for (struct item *item = items->buckets[i], *next; item; item = next) {
            next = item->next;
            free(item);
        }
    }
    free(items->buckets);
    *items = (struct items){0};
}

uint64_t items_hash(struct item_key key) {
    return hash_64(key.bytes, key.len, key.partition_len);
}

struct item_key item_key(const struct item *item) {
    return (struct item_key){item->bytes, item->partition_len, item->key_len};
}

struct slice item_json(const struct item *item) {
    return (struct slice){item->bytes + item->key_len, item->json_len};
}

static int compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

int item_key_compare(struct item_key a, struct item_key b) {
    int order = compare_bytes(a.bytes, a.partition_len, b.bytes, b.partition_len);
    if (order) return order;
    return compare_bytes(a.bytes + a.partition_len, a.len - a.partition_len, b.bytes + b.partition_len, b.len - b.partition_len);
}

/* Where an item stands in a chain: chains are ordered by hash, then by key. */
static int compare_place(const struct item *item, uint64_t hash, struct item_key key) {
    if (item->hash != hash) return item->hash < hash ? -1 : 1;
    return item_key_compare(item_key(item), key);
}

static size_t bucket_of(const struct items *items, uint64_t hash) {
    return (size_t)(hash >> (64 - items->bits));
}

/* The link to the first item in its chain that is not before the place. */
static struct item **place(const struct items *items, uint64_t hash, struct item_key key) {
    struct item **link = &items->buckets[bucket_of(items, hash)];
    while (*link && compare_place(*link, hash, key) < 0) link = &(*link)->next;
    return link;
}

/* Twice the buckets: every chain falls into two, which keep their order. */
static bool grow(struct items *items) {
    int bits = items->bits ? items->bits + 1 : FIRST_BITS;
    struct item **buckets = calloc((size_t)1 << bits, sizeof(struct item *));
    if (buckets == NULL) return false;
    for (size_t i = 0; items->bits && i < (size_t)1 << items->bits; i++) {
        struct item **tails[2] = {&buckets[2 * i], &buckets[2 * i + 1]};
        for (struct item *item = items->buckets[i]; item; item = item->next) {
            int half = (int)(item->hash >> (64 - bits) & 1);
            *tails[half] = item;
            tails[half] = &item->next;
        }
        /* Both ends are closed only now: a link that was moved past still led to the rest of the chain. */
        *tails[0] = NULL;
        *tails[1] = NULL;
    }
    free(items->buckets);
    items->buckets = buckets;
    items->bits = bits;
    return true;
}

const struct item *items_get(const struct items *items, struct item_key key) {
    if (items->bits == 0) return NULL;
    uint64_t hash = items_hash(key);
    struct item *item = *place(items, hash, key);
    return item && compare_place(item, hash, key) == 0 ? item : NULL;
}

bool items_put(struct items *items, struct item_key key, struct slice json) {
    if ((items->bits == 0 || items->count >= (size_t)1 << items->bits) && !grow(items)) return false;
    uint64_t hash = items_hash(key);
    struct item **link = place(items, hash, key);
    struct item *old = *link;
    if (old && compare_place(old, hash, key) != 0) old = NULL;
    struct item *item = malloc(sizeof *item + key.len + json.len);
    if (item == NULL) return false;
    *item = (struct item){
        .next = old ? old->next : *link,
        .hash = hash,
        .partition_len = (uint32_t)key.partition_len,
        .key_len = (uint32_t)key.len,
        .json_len = (uint32_t)json.len,
    };
    memcpy(item->bytes, key.bytes, key.len);
    memcpy(item->bytes + key.len, json.data, json.len);
    *link = item;
    items->count += old == NULL;
    items->bytes += json.len - (old ? old->json_len : 0);
    free(old);
    return true;
}

void items_delete(struct items *items, struct item_key key) {
    if (items->bits == 0) return;
    uint64_t hash = items_hash(key);
    struct item **link = place(items, hash, key);
    struct item *item = *link;
    if (item == NULL || compare_place(item, hash, key) != 0) return;
    *link = item->next;
    items->count--;
    items->bytes -= item->json_len;
    free(item);
}

static const struct item *first_from_bucket(const struct items *items, size_t bucket) {
    for (; bucket < (size_t)1 << items->bits; bucket++) {
        if (items->buckets[bucket]) return items->buckets[bucket];
    }
    return NULL;
}

const struct item *items_from(const struct items *items, uint64_t hash) {
    if (items->bits == 0) return NULL;
    const struct item *item = first_from_bucket(items, bucket_of(items, hash));
    while (item && item->hash < hash) item = items_next(items, item);
    return item;
}

const struct item *items_after(const struct items *items, struct item_key key) {
    if (items->bits == 0) return NULL;
    uint64_t hash = items_hash(key);
    const struct item *item = *place(items, hash, key);
    if (item == NULL) return first_from_bucket(items, bucket_of(items, hash) + 1);
    return compare_place(item, hash, key) == 0 ? items_next(items, item) : item;
}

const struct item *items_next(const struct items *items, const struct item *item) {
    return item->next ? item->next : first_from_bucket(items, bucket_of(items, item->hash) + 1);
}
