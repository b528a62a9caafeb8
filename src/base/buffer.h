/* A growable run of bytes with a declared maximum.
 *
 * For: requests, responses, texts. The row path reserves once and writes through `data + len`.
 * Not for: small fixed texts (use an array), or data that must not move (use an arena). */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct buffer {
    char *data; /* NULL until something is reserved; not terminated unless buffer_terminate is called */
    size_t len;
    size_t cap;
    size_t max; /* bytes; beyond it buffer_reserve fails */
};

void buffer_init(struct buffer *b, size_t max);
void buffer_free(struct buffer *b);

bool buffer_grow(struct buffer *b, size_t extra) __attribute__((warn_unused_result)); /* for buffer_reserve alone */

/* Makes room for `extra` bytes after len. False when that passes max or memory is out; the buffer is unchanged then. */
static inline bool __attribute__((warn_unused_result)) buffer_reserve(struct buffer *b, size_t extra) {
    return extra <= b->cap - b->len || buffer_grow(b, extra);
}

/* Appends bytes; false as buffer_reserve. */
bool buffer_append(struct buffer *b, const void *data, size_t n) __attribute__((warn_unused_result));
bool buffer_append_text(struct buffer *b, const char *text) __attribute__((warn_unused_result));
bool buffer_printf(struct buffer *b, const char *format, ...) __attribute__((warn_unused_result, format(printf, 2, 3)));

/* Copies a short text in whole steps, which costs no call: of both, up to COPY_STEP - 1 bytes more are touched. Those after the source may
 * be the target's first. Returns its end. */
#define COPY_STEP 16
static inline char *copy_steps(char *to, const char *from, size_t n) {
    for (size_t done = 0; done < n; done += COPY_STEP) memmove(to + done, from + done, COPY_STEP);
    return to + n;
}
/* The room for a text that copy_steps takes from or to. */
#define COPY_ROOM(n) (((size_t)(n) + COPY_STEP - 1) / COPY_STEP * COPY_STEP)

/* Puts a NUL after the last byte, which len does not count. */
bool buffer_terminate(struct buffer *b) __attribute__((warn_unused_result));

#endif
