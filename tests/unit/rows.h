/* Rows built by hand in PostgreSQL's binary form, for the tests of the mapping. Each field lies in memory of exactly its size, so
 * that a sanitizer sees a byte too many. Source of the forms: the comments of pg/types*.c. */
#ifndef UNIT_ROWS_H
#define UNIT_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg/row.h"

#define ROW_FIELDS 32
#define US_SECOND INT64_C(1000000)
#define US_DAY (INT64_C(86400) * US_SECOND)

struct row {
    struct pg_field fields[ROW_FIELDS];
    void *memory[ROW_FIELDS];
    struct pg_row row;
};

static inline void row_begin(struct row *r) {
    *r = (struct row){.row = {.fields = r->fields}};
}

static inline void row_free(struct row *r) {
    for (int i = 0; i < r->row.count; i++) free(r->memory[i]);
    r->row.count = 0;
}

static inline void row_bytes(struct row *r, const void *data, size_t n) {
    void *copy = malloc(n ? n : 1);
    assert_true(copy && r->row.count < ROW_FIELDS);
    if (n) memcpy(copy, data, n);
    r->memory[r->row.count] = copy;
    r->fields[r->row.count++] = (struct pg_field){.data = copy, .len = (int32_t)n};
}

static inline void row_null(struct row *r) {
    assert_true(r->row.count < ROW_FIELDS);
    r->fields[r->row.count++] = (struct pg_field){.data = NULL, .len = -1};
}

static inline void row_text(struct row *r, const char *text) {
    if (text) {
        row_bytes(r, text, strlen(text));
    } else {
        row_null(r);
    }
}

/* An integer, a date or a time: `width` bytes in network order. */
static inline void row_int(struct row *r, int64_t value, size_t width) {
    char b[8];
    for (size_t i = 0; i < width; i++) b[i] = (char)((uint64_t)value >> (8 * (width - 1 - i)));
    row_bytes(r, b, width);
}

static inline void row_bool(struct row *r, bool value) {
    row_int(r, value, 1);
}

static inline void row_double(struct row *r, double value) {
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    row_int(r, bits, 8);
}

/* A numeric from decimal text such as -12.50: groups of four digits on both sides of the point. */
static inline void row_numeric(struct row *r, const char *text) {
    char b[2000], groups[1600];
    bool negative = *text == '-';
    text += negative;
    const char *point = strchr(text, '.');
    size_t whole = point ? (size_t)(point - text) : strlen(text), scale = point ? strlen(point + 1) : 0;
    size_t lead = (4 - whole % 4) % 4, tail = (4 - scale % 4) % 4, n = 0;
    for (size_t i = 0; i < lead; i++) groups[n++] = '0';
    memcpy(groups + n, text, whole), n += whole;
    if (scale) memcpy(groups + n, point + 1, scale), n += scale;
    for (size_t i = 0; i < tail; i++) groups[n++] = '0';
    int count = (int)(n / 4), header[4] = {count, (int)((whole + lead) / 4) - 1, negative ? 0x4000 : 0, (int)scale};
    size_t at = 0;
    for (int i = 0; i < 4; i++) b[at++] = (char)(header[i] >> 8), b[at++] = (char)header[i];
    for (int i = 0; i < count; i++) {
        const char *g = groups + 4 * i;
        int digit = (g[0] - '0') * 1000 + (g[1] - '0') * 100 + (g[2] - '0') * 10 + (g[3] - '0');
        b[at++] = (char)(digit >> 8), b[at++] = (char)digit;
    }
    row_bytes(r, b, at);
}

/* Microseconds since 2000-01-01, as timestamps are sent. */
static inline int64_t us(int days, int hour, int minute, int second, int microsecond) {
    return days * US_DAY + ((hour * 60 + minute) * INT64_C(60) + second) * US_SECOND + microsecond;
}

#endif
