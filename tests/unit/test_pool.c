/* The small blocks of a Lua state: what is in them stays, they do not overlap, and nothing is lost when the region is full or memory is out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lua/pool.h"
#include "memory_faults.h"

#define BLOCKS 20000 /* of 128 bytes on average: more than the region holds */

struct block {
    unsigned char *at;
    size_t size;
    unsigned char mark;
};

static struct pool pool;
static struct block blocks[BLOCKS];
static uint64_t seed = 1;

static uint64_t chance(uint64_t most) {
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (seed >> 33) % most;
}

static void fill(struct block *b, unsigned char mark) {
    b->mark = mark;
    if (b->size) memset(b->at, mark, b->size);
}

static void check(const struct block *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        if (b->at[i] != b->mark) fail_msg("byte %zu of %zu is another block's", i, b->size);
    }
}

/* Another size, 0 included; the bytes that both have must stay. */
static void change(struct block *b, size_t size) {
    unsigned char *at = pool_change(&pool, b->at, b->size, size);
    assert_true((at != NULL) == (size > 0));
    assert_int_equal((uintptr_t)at % 16, 0);
    size_t both = b->size < size ? b->size : size;
    *b = (struct block){at, size, b->mark};
    check(b, both);
    fill(b, (unsigned char)chance(256));
}

static size_t some_size(void) {
    return chance(4) ? chance(POOL_BLOCK_MAX + 2) : chance(4 * POOL_BLOCK_MAX);
}

static void blocks_keep_what_is_theirs(void **state) {
    (void)state;
    for (int i = 0; i < 10 * BLOCKS; i++) {
        struct block *b = &blocks[chance(BLOCKS)];
        check(b, b->size);
        change(b, some_size());
    }
    for (int i = 0; i < BLOCKS; i++) {
        check(&blocks[i], blocks[i].size);
        change(&blocks[i], 0);
    }
    assert_non_null(pool.region);
    pool_free(&pool);
    assert_null(pool.region);
}

static void every_size_at_the_edges(void **state) {
    (void)state;
    for (size_t from = 1; from <= POOL_BLOCK_MAX + 40; from++) {
        for (size_t to = 0; to <= POOL_BLOCK_MAX + 40; to += 7) {
            struct block b = {0};
            change(&b, from);
            change(&b, to);
            change(&b, 0);
        }
    }
    assert_null(pool_change(&pool, NULL, 0, 0));
    pool_free(&pool);
    pool_free(&pool); /* one that has not begun */
}

/* A freed block is given again: the garbage of millions of rows stays in the region. */
static void blocks_are_used_again(void **state) {
    (void)state;
    for (int i = 0; i < 100000; i++) {
        struct block b = {0};
        change(&b, 1 + chance(POOL_BLOCK_MAX));
        change(&b, 0);
    }
    assert_true(pool.unused - pool.region <= (POOL_BLOCK_MAX / 16) * POOL_BLOCK_MAX);
    pool_free(&pool);
}

/* As realloc: a block that cannot become larger stays as it is; one that is to be smaller can always. */
static void memory_is_out(void **state) {
    (void)state;
    for (int began = 0; began < 2; began++) {
        struct block small = {0}, large = {0};
        if (began) change(&small, 16);
        memory_faults_set(1, true);
        if (!began) assert_null(pool_change(&pool, NULL, 0, 16));
        assert_null(pool_change(&pool, NULL, 0, 1000));
        memory_faults_set(0, false);
        if (!began) continue;
        change(&large, 1000);
        struct block full = {0};
        while ((size_t)(pool.end - pool.unused) >= POOL_BLOCK_MAX) {
            full = (struct block){0}; /* not given back: the region is full */
            change(&full, POOL_BLOCK_MAX);
        }
        memory_faults_set(1, true);
        assert_null(pool_change(&pool, small.at, small.size, POOL_BLOCK_MAX));
        check(&small, small.size);
        assert_null(pool_change(&pool, large.at, large.size, 2000));
        check(&large, large.size);
        change(&large, POOL_BLOCK_MAX);
        change(&full, POOL_BLOCK_MAX / 2);
        memory_faults_set(0, false);
        change(&large, 2000); /* and it may grow again */
        change(&full, POOL_BLOCK_MAX);
        change(&large, 0);
        change(&small, 0);
        change(&full, 0);
        pool_free(&pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_keep_what_is_theirs),
        cmocka_unit_test(every_size_at_the_edges),
        cmocka_unit_test(blocks_are_used_again),
        cmocka_unit_test(memory_is_out),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
