#include "lua/pool.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define REGION ((size_t)1 << 20) /* bytes: the garbage of a plan's functions between two collections, several times */
#define UNIT 16                  /* bytes; malloc's alignment */

void pool_free(struct pool *p) {
    free(p->region);
    *p = (struct pool){0};
}

static size_t units(size_t size) {
    return (size + UNIT - 1) / UNIT;
}

static void *take(struct pool *p, size_t size) {
    void *block = p->free[units(size)];
    if (block) {
        memcpy(&p->free[units(size)], block, sizeof(void *));
        return block;
    }
    if (p->region == NULL) {
        p->region = p->unused = malloc(REGION);
        p->end = p->region ? p->region + REGION : NULL;
    }
    if ((size_t)(p->end - p->unused) < units(size) * UNIT) return malloc(units(size) * UNIT);
    block = p->unused;
    p->unused += units(size) * UNIT;
    return block;
}

static void give(struct pool *p, void *block, size_t size) {
    bool ours = (uintptr_t)block >= (uintptr_t)p->region && (uintptr_t)block < (uintptr_t)p->end;
    if (!ours) return free(block);
    memcpy(block, &p->free[units(size)], sizeof(void *));
    p->free[units(size)] = block;
}

void *pool_change(struct pool *p, void *block, size_t old, size_t wanted) {
    if (block == NULL) return wanted == 0 ? NULL : wanted <= POOL_BLOCK_MAX ? take(p, wanted) : malloc(wanted);
    if (wanted == 0) {
        give(p, block, old);
        return NULL;
    }
    if (old > POOL_BLOCK_MAX && wanted > POOL_BLOCK_MAX) return realloc(block, wanted);
    if (units(old) == units(wanted)) return block;
    void *other = wanted <= POOL_BLOCK_MAX ? take(p, wanted) : malloc(wanted);
    if (other == NULL) return wanted < old ? block : NULL; /* what is too large is large enough */
    memcpy(other, block, old < wanted ? old : wanted);
    give(p, block, old);
    return other;
}
