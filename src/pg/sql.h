/* Statements put together piece by piece: one check at the end instead of one a piece. Only inside src/pg. */
#ifndef PG_SQL_H
#define PG_SQL_H

#include "base/arena.h"
#include "base/buffer.h"

struct sql {
    struct buffer text;
    bool failed; /* memory ran out, or a piece could not be made; stays */
};

void sql_init(struct sql *s);
void sql_free(struct sql *s);

void sql_add(struct sql *s, const char *text);
void sql_printf(struct sql *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 'text' as a literal (standard_conforming_strings is on: only quotes are doubled) and "name" as an
 * identifier. */
void sql_literal(struct sql *s, const char *text);
void sql_name(struct sql *s, const char *name);

/* The whole statement, terminated, until the next call; NULL when anything failed. */
const char *sql_text(struct sql *s);
/* The same as a copy in the arena, and frees s. */
char *sql_take(struct sql *s, struct arena *a);

#endif
