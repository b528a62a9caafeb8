/* Memory that is allocated piece by piece and freed at once.
 *
 * For: plain structs that live as long as a plan, a described source, a list of chunks.
 * Not for: anything a single row causes to grow. Allocations return NULL when memory is out. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* NULL is fine */

/* `size` zeroed bytes, aligned for any type; NULL when memory is out. */
void *arena_alloc(struct arena *a, size_t size);

/* An array of `count` zeroed elements; NULL when memory is out or the product overflows. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* A terminated copy of `n` bytes, or of a terminated text; NULL when memory is out. */
char *arena_copy(struct arena *a, const char *data, size_t n);
char *arena_text(struct arena *a, const char *text);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
