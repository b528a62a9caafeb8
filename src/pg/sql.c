#include "pg/sql.h"

#include <stdarg.h>
#include <stdio.h>

#define SQL_MAX ((size_t)64 << 20)

void sql_init(struct sql *s) {
    buffer_init(&s->text, SQL_MAX);
    s->failed = false;
}

void sql_free(struct sql *s) {
    buffer_free(&s->text);
}

void sql_add(struct sql *s, const char *text) {
    if (!buffer_append_text(&s->text, text)) s->failed = true;
}

void sql_printf(struct sql *s, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !buffer_reserve(&s->text, (size_t)n + 1)) {
        s->failed = true;
    } else {
        vsnprintf(s->text.data + s->text.len, (size_t)n + 1, format, again);
        s->text.len += (size_t)n;
    }
    va_end(again);
}

static void add_quoted(struct sql *s, const char *text, char quote) {
    char pair[3] = {quote, quote, '\0'};
    bool ok = buffer_append(&s->text, &quote, 1);
    for (; ok && *text; text++) ok = *text == quote ? buffer_append_text(&s->text, pair) : buffer_append(&s->text, text, 1);
    if (!ok || !buffer_append(&s->text, &quote, 1)) s->failed = true;
}

void sql_literal(struct sql *s, const char *text) {
    add_quoted(s, text, '\'');
}

void sql_name(struct sql *s, const char *name) {
    add_quoted(s, name, '"');
}

const char *sql_text(struct sql *s) {
    return s->failed || !buffer_terminate(&s->text) ? NULL : s->text.data;
}

char *sql_take(struct sql *s, struct arena *a) {
    const char *text = sql_text(s);
    char *copy = text ? arena_copy(a, text, s->text.len) : NULL;
    sql_free(s);
    return copy;
}
