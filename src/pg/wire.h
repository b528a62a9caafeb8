/* The answer to a simple query, message by message, as the server sends it: bytes in; rows and failures out, where they lie.
 *
 * For: answers.c, which owns the socket. Not for: start-up, authentication, COPY, the extended protocol (libpq does those), or values
 * (pg/types.h). The bytes come from outside: no length or count is trusted.
 * Source: PostgreSQL's manual, "Frontend/Backend Protocol", 3.0: "Message Flow" (Simple Query, Asynchronous Operations), "Message
 * Formats", "Error and Notice Message Fields". */
#ifndef PG_WIRE_H
#define PG_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pg/row.h"
#include "pg/types_read.h"

/* Bytes: room beyond it is mapped, so that it grows without being copied and goes back to the system at once; it is not for keeping. */
#define WIRE_LARGE ((size_t)256 << 10)

/* Where in a row's message its first field's length is: after its type, its own length, and how many fields there are. */
#define WIRE_ROW_AT 7

/* The rows of one FETCH: the very messages, in memory that is used again for the next one. All zero: empty. */
struct wire_rows {
    char *bytes;
    size_t len, room;
    size_t *starts; /* of each row: where in bytes the length of its first field is */
    int count, starts_room;
    int columns;
};

void wire_rows_free(struct wire_rows *s); /* what it holds; all zero afterwards */

/* Points `fields` (room for s->columns) at row `row` of s->count; valid as long as the rows are. False: it is broken. Its message is whole,
 * and has room for the fields' lengths; that they fill it is seen here, where they are needed, since to go from length to length takes
 * most of the time. */
static inline bool wire_row(const struct wire_rows *s, int row, struct pg_field *fields) {
    const char *p = s->bytes + s->starts[row];
    int32_t message = read_int32(p - WIRE_ROW_AT + 1);
    /* What the fields yet to come may hold beside their lengths. */
    int32_t spare = message + 1 - WIRE_ROW_AT - 4 * s->columns;
    for (const struct pg_field *end = fields + s->columns; fields < end; fields++) {
        int32_t len = read_int32(p), data = len < 0 ? 0 : len;
        if ((uint32_t)len + 1 > (uint32_t)spare + 1) return false; /* -1 is NULL */
        p += 4;
        *fields = (struct pg_field){.data = p, .len = len};
        p += data;
        spare -= data;
    }
    return spare == 0;
}

/* The fields of an ErrorResponse, in UTF-8 or whatever client_encoding says; NULL where there is none, but for `text`. */
struct wire_failure {
    const char *text, *code, *detail, *where, *hint;
};

struct wire {
    struct wire_rows *rows; /* being filled */
    size_t at;              /* where in rows->bytes the next message begins */
    size_t need;            /* bytes of it that must be there before it can be taken */
    bool described;         /* a RowDescription has come: rows follow */
    struct wire_failure failure;
    const char *problem; /* of WIRE_BAD */
};

/* Begins with rows that are empty; they, and those of wire_move, stay the caller's. */
void wire_init(struct wire *w, struct wire_rows *rows);

/* Where the next bytes that come are to be put: *room of them at the most, at least one. NULL: out of memory. */
char *wire_room(struct wire *w, size_t *room);
void wire_received(struct wire *w, size_t n);

enum wire_event {
    WIRE_MORE,   /* more bytes are needed: wire_room */
    WIRE_ROWS,   /* w->rows are whole: wire_move */
    WIRE_ERROR,  /* w->failure, until wire_room is called; the rows that had come are dropped. Others may follow */
    WIRE_READY,  /* the server waits for the next query */
    WIRE_BAD,    /* w->problem: this is no such answer; nothing that follows can be understood */
    WIRE_MEMORY, /* out of memory: likewise */
};
/* What comes next in the bytes that are there. Notices, settings that changed, notifications and what ends a command that gives no
 * rows are passed over. */
enum wire_event wire_next(struct wire *w);

/* Goes on with other rows, which are empty: what has come after the FETCH is copied there. False: out of memory. */
bool wire_move(struct wire *w, struct wire_rows *next);

/* Puts a simple query of `len` bytes (under 1 GB: the server takes no more) into `out`, which has room for WIRE_QUERY_MORE besides. */
#define WIRE_QUERY_MORE 6 /* bytes: type, length, the text's end */
void wire_query(char *out, const char *text, size_t len);

#endif
