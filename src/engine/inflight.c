#include "engine/inflight.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "dynamodb/value.h"
#include "engine/growth.h"

/* A worker has LINES_MAX requests of 25 keys in flight at the most, usually far fewer: 2,048 buckets of one cache line each for it (128 KB,
 * which stay in the cache) are full once in some thousand takes at the worst, which costs a short wait. */
#define BUCKETS_A_WORKER 2048
#define SLOTS 8
_Static_assert(BUCKETS_A_WORKER *SLOTS >= 5 * LINES_MAX * DYNAMODB_BATCH_ITEMS_MAX, "the table would be too full");

struct bucket {
    _Alignas(64) _Atomic uint64_t slots[SLOTS]; /* 0: free */
};

struct inflight {
    uint64_t count;
    struct bucket buckets[];
};

struct inflight *inflight_new(int workers) {
    uint64_t count = (uint64_t)(workers > 0 ? workers : 1) * BUCKETS_A_WORKER;
    struct inflight *t = aligned_alloc(64, sizeof *t + count * sizeof(struct bucket));
    if (t == NULL) return NULL;
    t->count = count;
    for (uint64_t i = 0; i < count; i++) {
        for (int k = 0; k < SLOTS; k++) atomic_init(&t->buckets[i].slots[k], 0);
    }
    return t;
}

void inflight_free(struct inflight *t) {
    free(t);
}

/* A slot holds the key's upper 56 bits and the number of the worker that took it, so that nobody gives back what is another's. */
#define OWNER UINT64_C(0xff)

/* By the key's upper bits; without a division, which would cost more than the rest of a take. */
static struct bucket *bucket_of(struct inflight *t, uint64_t key) {
    return &t->buckets[(uint64_t)((unsigned __int128)key * t->count >> 64)];
}

void inflight_expect(struct inflight *t, uint64_t key) {
#ifdef __x86_64__
    /* The builtin asks for a copy to read, unless compiled for newer processors; the write then waits for the line as before. Where the
     * instruction is not known it does nothing (Intel 64 manual, volume 2, PREFETCHW). */
    __asm__ volatile("prefetchw %0" : : "m"(*bucket_of(t, key)));
#else
    __builtin_prefetch(bucket_of(t, key), 1);
#endif
}

/* Whether a slot other than `mine` holds the key. */
static bool held(struct bucket *b, uint64_t key, int mine) {
    for (int i = 0; i < SLOTS; i++) {
        uint64_t seen = atomic_load(&b->slots[i]);
        if (i != mine && seen != 0 && (seen | OWNER) == (key | OWNER)) return true;
    }
    return false;
}

bool inflight_take(struct inflight *t, uint64_t key, int worker) {
    struct bucket *b = bucket_of(t, key);
    uint64_t mark = (key & ~OWNER) | (uint64_t)worker;
    int mine = -1;
    for (int i = 0; i < SLOTS && mine < 0; i++) {
        uint64_t empty = 0;
        if (atomic_load_explicit(&b->slots[i], memory_order_relaxed) != 0) continue;
        if (atomic_compare_exchange_strong(&b->slots[i], &empty, mark)) mine = i;
    }
    if (mine < 0) return false;
    /* Somebody may hold the key already; or two workers have put it into two slots at once: at least one of them sees the other here and
     * steps back; both may, and then both try again later. Looked at after the slot was taken, once is enough. */
    if (!held(b, key, mine)) return true;
    atomic_store(&b->slots[mine], 0);
    return false;
}

void inflight_give(struct inflight *t, uint64_t key, int worker) {
    struct bucket *b = bucket_of(t, key);
    uint64_t mark = (key & ~OWNER) | (uint64_t)worker;
    for (int i = 0; i < SLOTS; i++) {
        if (atomic_load_explicit(&b->slots[i], memory_order_relaxed) != mark) continue;
        /* what was written of the key is before it; nothing need be after */
        atomic_store_explicit(&b->slots[i], 0, memory_order_release);
        return;
    }
}
