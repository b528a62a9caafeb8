#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES 8192

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *blocks; /* the first is the one with room */
};

struct arena *arena_new(void) {
    return calloc(1, sizeof(struct arena));
}

void arena_free(struct arena *a) {
    if (a == NULL) return;
    for (struct block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    free(a);
}

static struct block *add_block(struct arena *a, size_t size) {
    struct block *b = calloc(1, sizeof *b + size);
    if (b == NULL) return NULL;
    b->size = size;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

void *arena_alloc(struct arena *a, size_t size) {
    const size_t align = alignof(max_align_t);
    if (size > SIZE_MAX / 2) return NULL;
    size = (size + align - 1) / align * align;
    struct block *b = a->blocks;
    if (b == NULL || b->size - b->used < size) {
        b = add_block(a, size > BLOCK_BYTES ? size : BLOCK_BYTES);
        if (b == NULL) return NULL;
    }
    void *p = b->bytes + b->used;
    b->used += size;
    return p;
}

void *arena_array(struct arena *a, size_t count, size_t size) {
    if (size && count > SIZE_MAX / size) return NULL;
    return arena_alloc(a, count * size);
}

char *arena_copy(struct arena *a, const char *data, size_t n) {
    char *p = arena_alloc(a, n + 1);
    if (p && n) memcpy(p, data, n);
    return p;
}

char *arena_text(struct arena *a, const char *text) {
    return arena_copy(a, text, strlen(text));
}

char *arena_printf(struct arena *a, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p) vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}
