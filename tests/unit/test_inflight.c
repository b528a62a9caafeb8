/* The keys in flight: never two holders of one key, from whatever threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "engine/inflight.h"

#define THREADS 4
#define ROUNDS 60000
#define KEYS 6

static struct inflight *table;
static _Atomic int holders[KEYS];
static _Atomic int violations, taken;

/* Few keys, of one part of the table or of several, so that threads meet. */
static uint64_t key_of(int i) {
    return ((uint64_t)(i % 2) << 52 | (uint64_t)(i / 2 + 1) << 8 | 1) << 8;
}

static void *work(void *context) {
    int worker = (int)(intptr_t)context;
    uint32_t seed = (uint32_t)worker * 77777u;
    for (int i = 0; i < ROUNDS; i++) {
        seed = seed * 1664525u + 1013904223u;
        int k = (int)(seed >> 16) % KEYS;
        if (!inflight_take(table, key_of(k), worker)) continue;
        if (atomic_fetch_add(&holders[k], 1) != 0) atomic_fetch_add(&violations, 1);
        if (inflight_take(table, key_of(k), worker)) atomic_fetch_add(&violations, 1); /* not even the holder a second time */
        atomic_fetch_add(&taken, 1);
        atomic_fetch_sub(&holders[k], 1);
        inflight_give(table, key_of(k), worker);
    }
    return NULL;
}

static void one_holder_at_a_time(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    for (intptr_t i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    assert_int_equal(violations, 0);
    assert_true(taken > ROUNDS);
    for (int i = 0; i < KEYS; i++) { /* all was given back */
        assert_true(inflight_take(table, key_of(i), 1));
        inflight_give(table, key_of(i), 1);
    }
}

static void taking_and_giving(void **state) {
    (void)state;
    uint64_t key = UINT64_C(0x123456789abcdef0);
    assert_true(inflight_take(table, key, 1));
    assert_false(inflight_take(table, key, 1) || inflight_take(table, key, 2));
    assert_false(inflight_take(table, key ^ 0x0f, 2)); /* the lowest bits do not count: it waits, which is right as well */
    inflight_give(table, key, 2);                      /* not his */
    assert_false(inflight_take(table, key, 2));
    inflight_give(table, key, 1);
    assert_true(inflight_take(table, key, INFLIGHT_WORKERS_MAX));
    inflight_give(table, key, INFLIGHT_WORKERS_MAX);
    inflight_give(table, key, 1);            /* nothing to give */
    assert_true(inflight_take(table, 0, 1)); /* a key of zeros is a key */
    assert_false(inflight_take(table, 0, 2));
    inflight_give(table, 0, 1);
}

/* A part of the table that is full refuses, and takes again when there is room. */
static void a_full_part(void **state) {
    (void)state;
    int count = 0;
    while (count < 100 && inflight_take(table, (uint64_t)(count + 1) << 40 | 0x500, 1)) count++;
    assert_true(count >= 8 && count < 100);
    inflight_give(table, UINT64_C(1) << 40 | 0x500, 1);
    assert_true(inflight_take(table, UINT64_C(99) << 40 | 0x500, 2));
    assert_false(inflight_take(table, UINT64_C(98) << 40 | 0x500, 2));
    inflight_give(table, UINT64_C(99) << 40 | 0x500, 2);
    for (int i = 0; i < count; i++) inflight_give(table, (uint64_t)(i + 1) << 40 | 0x500, 1);
    inflight_free(NULL);
}

int main(void) {
    table = inflight_new(4);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(taking_and_giving),
        cmocka_unit_test(a_full_part),
        cmocka_unit_test(one_holder_at_a_time),
    };
    int failed = cmocka_run_group_tests_name("inflight", tests, NULL, NULL);
    inflight_free(table);
    return failed;
}
