/* Messages of PostgreSQL's protocol 3.0, put together as a server would: for the tests of pg/wire.h and of the reader. */
#ifndef UNIT_WIRE_BYTES_H
#define UNIT_WIRE_BYTES_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

struct bytes {
    struct buffer b;
    size_t message; /* where the last one begins */
};

static inline void bytes_init(struct bytes *m) {
    *m = (struct bytes){0};
    buffer_init(&m->b, (size_t)1 << 24);
}

static inline void bytes_free(struct bytes *m) {
    buffer_free(&m->b);
}

static inline void bytes_add(struct bytes *m, const void *data, size_t n) {
    assert_true(buffer_append(&m->b, data, n));
}

static inline void bytes_int16(struct bytes *m, int value) {
    uint16_t v = htobe16((uint16_t)value);
    bytes_add(m, &v, sizeof v);
}

static inline void bytes_int32(struct bytes *m, int32_t value) {
    uint32_t v = htobe32((uint32_t)value);
    bytes_add(m, &v, sizeof v);
}

static inline void bytes_text(struct bytes *m, const char *text) { /* with its NUL */
    bytes_add(m, text, strlen(text) + 1);
}

static inline void bytes_begin(struct bytes *m, char type) {
    bytes_add(m, &type, 1);
    m->message = m->b.len;
    bytes_int32(m, 0);
}

static inline void bytes_end(struct bytes *m) {
    uint32_t n = htobe32((uint32_t)(m->b.len - m->message));
    memcpy(m->b.data + m->message, &n, sizeof n);
}

/* A RowDescription of columns in binary form. */
static inline void bytes_description(struct bytes *m, int columns) {
    bytes_begin(m, 'T');
    bytes_int16(m, columns);
    for (int i = 0; i < columns; i++) {
        bytes_text(m, "column");
        bytes_int32(m, 0);
        bytes_int16(m, 0);
        bytes_int32(m, 25);
        bytes_int16(m, -1);
        bytes_int32(m, -1);
        bytes_int16(m, 1);
    }
    bytes_end(m);
}

/* A DataRow of texts; NULL for SQL's. */
static inline void bytes_row(struct bytes *m, int columns, const char *const *fields) {
    bytes_begin(m, 'D');
    bytes_int16(m, columns);
    for (int i = 0; i < columns; i++) {
        bytes_int32(m, fields[i] ? (int32_t)strlen(fields[i]) : -1);
        if (fields[i]) bytes_add(m, fields[i], strlen(fields[i]));
    }
    bytes_end(m);
}

/* A message of one text: CommandComplete, and others that a reader passes over. */
static inline void bytes_one(struct bytes *m, char type, const char *text) {
    bytes_begin(m, type);
    bytes_text(m, text);
    bytes_end(m);
}

static inline void bytes_ready(struct bytes *m, char state) {
    bytes_begin(m, 'Z');
    bytes_add(m, &state, 1);
    bytes_end(m);
}

/* An ErrorResponse or NoticeResponse; fields as "SERROR", "C22012", ... up to NULL. */
static inline void bytes_failure(struct bytes *m, char type, const char *const *fields) {
    bytes_begin(m, type);
    for (; *fields; fields++) bytes_text(m, *fields);
    bytes_add(m, "", 1);
    bytes_end(m);
}

#endif
