/* Makes an allocation of ours fail: the n-th from now on, that one alone or all that follow. The libraries' are not touched.
 *
 * A test that includes this is linked so that our objects, and itself, call what is here (Makefile). Allocations are counted in the order
 * in which one thread makes them: what is tested must be one thread, or the same every time. */
#ifndef TESTS_MEMORY_FAULTS_H
#define TESTS_MEMORY_FAULTS_H

#include <stdbool.h>
#include <stddef.h>

static struct {
    int left; /* allocations until one fails; 0: none does */
    bool on;  /* and those that follow */
    int failed;
} memory_faults;

/* The n-th allocation from now on fails, from 1; `on`: all later ones too. 0: none. */
static inline void memory_faults_set(int n, bool on) {
    memory_faults.left = n;
    memory_faults.on = on;
    memory_faults.failed = 0;
}

static bool memory_fails(void) {
    if (memory_faults.left == 0) return false;
    if (--memory_faults.left > 0) return false;
    if (memory_faults.on) memory_faults.left = 1;
    memory_faults.failed++;
    return true;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *block, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *block, size_t n);

__attribute__((used)) void *__wrap_malloc(size_t n) {
    return memory_fails() ? NULL : __real_malloc(n);
}

__attribute__((used)) void *__wrap_calloc(size_t count, size_t n) {
    return memory_fails() ? NULL : __real_calloc(count, n);
}

__attribute__((used)) void *__wrap_realloc(void *block, size_t n) {
    return memory_fails() ? NULL : __real_realloc(block, n);
}

#endif
