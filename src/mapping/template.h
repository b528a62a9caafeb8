/* Templates: "{ServiceName}-{LogTimestamp:%Y-%m-%d}" compiled once to instructions that C runs for each row.
 *
 * {column} or {column:format}; {{ and }} are literal braces. The format is strftime for times (%Y %m %d %H %M %S %j %L
 * milliseconds, %f microseconds, %s epoch seconds, %%), printf for numbers (%d, %012d, ...), or a name: lower, upper, hex, shard(n).
 * shard(n) is the CRC-32 (zlib) of the value's text modulo n, in decimal.
 * Not for: values of other kinds (mapping/program.h). */
#ifndef MAPPING_TEMPLATE_H
#define MAPPING_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "pg/row.h"
#include "pg/types.h"

struct template_problem {
    size_t at;         /* byte of the template that is wrong, from 0 */
    char message[240]; /* lower case, no full stop */
    char hint[240];    /* may be empty */
};

struct template; /* lives in the arena it was compiled in */

/* Syntax alone, without columns: what `check --offline` can know. */
bool template_check(const char *source, size_t len, struct template_problem *problem);

/* Calls `each` with every column that a correct template names, in order; for the columns in use. */
void template_columns(const char *source, size_t len, void (*each)(void *context, const char *name, size_t n), void *context);

/* Whether the template names no column. */
bool template_constant(const char *source, size_t len);

/* Compiles against columns: names must be there, formats must suit their types. NULL: problem says why. */
struct template *template_compile(struct arena *a, const char *source, size_t len, const struct pg_column *columns, int count,
                                  struct template_problem *problem);

/* How finely each of the columns must be read for a row to give the text that it gives now: sets grains[i] for those it names. */
void template_grains(const struct template *t, enum pg_grain *grains);

/* What a row's columns become in it, for people: ServiceName = "loans", LogTimestamp = "2026-07"; into out, cut at size. */
void template_tell(const struct template *t, const struct pg_row *row, char *out, size_t size);

enum template_result {
    TEMPLATE_OK,
    TEMPLATE_NULL, /* a column it names is NULL */
    TEMPLATE_BAD,  /* *fault says so: infinity, a negative or too wide number for its padding, ... */
};

/* What a template that cannot run says: the column's name, and words that fit after it. */
struct template_fault {
    const char *column, *why;
};

/* Runs it for a row: plain UTF-8 text, not escaped, into out, which holds template_room(). */
enum template_result template_run(const struct template *t, const struct pg_row *row, char *out, size_t *len,
                                  struct template_fault *fault);

/* Whether what template_run writes stands in a JSON string as it is, whatever the row. */
bool template_plain(const struct template *t);

/* The most bytes that template_run writes for this row. */
size_t template_room(const struct template *t, const struct pg_row *row);

#endif
