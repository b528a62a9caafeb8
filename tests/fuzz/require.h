/* What every fuzz target needs: its entry, a check that aborts, and the input in memory of exactly its size. */
#ifndef FUZZ_REQUIRE_H
#define FUZZ_REQUIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void require(bool holds) {
    if (!holds) abort();
}

/* A copy that is freed by the caller; a read past its end is seen. */
static inline char *exact_copy(const void *data, size_t n) {
    char *copy = malloc(n ? n : 1);
    require(copy != NULL);
    if (n) memcpy(copy, data, n);
    return copy;
}

#endif
