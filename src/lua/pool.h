/* Memory for the small blocks of a Lua state, which makes and drops dozens a row: lists of free blocks by size, out of one region. What
 * finds no room there is malloc's.
 *
 * Not for: more than one thread; limits (mapper_open.c). */
#ifndef LUA_POOL_H
#define LUA_POOL_H

#include <stddef.h>

#define POOL_BLOCK_MAX 256 /* bytes of a block that is worth it */

struct pool {
    char *region, *unused, *end;         /* unused: never given out so far */
    void *free[POOL_BLOCK_MAX / 16 + 1]; /* by size in 16 bytes; each begins with the address of the next */
};

/* All zero is a pool that has not begun; it begins at the first block. */
void pool_free(struct pool *p);

/* As realloc, or free when `wanted` is 0 (then NULL). `old` is the size that the block was asked for; 0 without a block. A block
 * can always become smaller. */
void *pool_change(struct pool *p, void *block, size_t old, size_t wanted);

#endif
