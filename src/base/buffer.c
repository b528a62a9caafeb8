#include "base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buffer_init(struct buffer *b, size_t max) {
    *b = (struct buffer){.max = max};
}

void buffer_free(struct buffer *b) {
    free(b->data);
    *b = (struct buffer){.max = b->max};
}

bool buffer_grow(struct buffer *b, size_t extra) {
    if (extra > b->max || b->len > b->max - extra) return false;
    size_t need = b->len + extra;
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need) cap *= 2;
    if (cap > b->max) cap = b->max;
    char *data = realloc(b->data, cap);
    if (data == NULL) return false;
    b->data = data;
    b->cap = cap;
    return true;
}

bool buffer_append(struct buffer *b, const void *data, size_t n) {
    if (n == 0) return true;
    if (!buffer_reserve(b, n)) return false;
    memcpy(b->data + b->len, data, n);
    b->len += n;
    return true;
}

bool buffer_append_text(struct buffer *b, const char *text) {
    return buffer_append(b, text, strlen(text));
}

bool buffer_printf(struct buffer *b, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    bool ok = n >= 0 && buffer_reserve(b, (size_t)n + 1);
    if (ok) {
        vsnprintf(b->data + b->len, (size_t)n + 1, format, again);
        b->len += (size_t)n;
    }
    va_end(again);
    return ok;
}

bool buffer_terminate(struct buffer *b) {
    if (!buffer_reserve(b, 1)) return false;
    b->data[b->len] = '\0';
    return true;
}
