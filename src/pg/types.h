/* PostgreSQL's binary values, decoded: pure functions over outside bytes, defensive at every offset. No libpq here.
 * Source: PostgreSQL manual 55 (frontend/backend protocol) and the types' send functions; facts in comments beside each.
 *
 * All return false on a truncated or senseless value; a text is written without a terminator. */
#ifndef PG_TYPES_H
#define PG_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pg/row.h"

bool pg_bool(struct pg_field f, bool *out);
bool pg_integer(enum pg_type type, struct pg_field f, int64_t *out); /* PG_INT2, PG_INT4, PG_INT8 */
bool pg_float(enum pg_type type, struct pg_field f, double *out);    /* PG_FLOAT4, PG_FLOAT8 */

/* The most bytes that pg_number_text writes for a number that DynamoDB could hold; longer ones give PG_NUMBER_LONG. */
#define PG_NUMBER_MAX 340

enum pg_number {
    PG_NUMBER_OK,
    PG_NUMBER_NAN, /* also +-Infinity: DynamoDB has none */
    PG_NUMBER_INFINITE,
    PG_NUMBER_LONG, /* does not fit PG_NUMBER_MAX */
    PG_NUMBER_BAD,  /* not a value of its type */
};
/* A number of any numeric type as exact decimal text: integers, numeric with its scale (1.50 stays 1.50), floats in their
 * shortest form that reads back the same. out holds PG_NUMBER_MAX. */
enum pg_number pg_number_text(enum pg_type type, struct pg_field f, char *out, size_t *len);

/* An integer in decimal; returns how many bytes. out holds PG_INTEGER_TEXT. */
#define PG_INTEGER_TEXT 20
size_t pg_integer_text(int64_t value, char *out);

/* A moment, broken down. */
struct pg_time {
    int year, month, day; /* 0 for PG_TIME */
    int hour, minute, second, microsecond;
};
enum pg_moment {
    PG_MOMENT_OK,
    PG_MOMENT_INFINITE, /* infinity or -infinity */
    PG_MOMENT_RANGE,    /* before year 1 or after 9999 */
    PG_MOMENT_BAD,
};
/* PG_DATE, PG_TIME, PG_TIMESTAMP, PG_TIMESTAMPTZ (UTC). */
enum pg_moment pg_moment(enum pg_type type, struct pg_field f, struct pg_time *out);
/* The same as text of one form, YYYY-MM-DDTHH:MM:SS.ffffffZ, whatever the type: a date's clock is 00:00:00.000000, the date of PG_TIME
 * 0000-00-00. *text has PG_MOMENT_TEXT bytes to read, so that half of them can be copied from any place of the moment's own, and is valid
 * until the thread's next call. */
#define PG_MOMENT_TEXT 64
#define PG_MOMENT_CLOCK 11 /* where the clock begins in it */
enum pg_moment pg_moment_text(enum pg_type type, struct pg_field f, const char **text);
/* Seconds since 1970 (floor), of PG_DATE, PG_TIMESTAMP, PG_TIMESTAMPTZ. */
enum pg_moment pg_epoch(enum pg_type type, struct pg_field f, int64_t *out);

/* ISO text of fixed width, as the types' table in lua/REFERENCE.md: date YYYY-MM-DD, time HH:MM:SS.ffffff, timestamp
 * YYYY-MM-DDTHH:MM:SS.ffffff, timestamptz the same with Z. out holds 32. Returns the length. */
size_t pg_time_iso(enum pg_type type, const struct pg_time *t, char *out);

/* How finely a column's values are told apart: a moment by its unit (in UTC), anything else as it is. In order: of two needs the
 * greater one serves both. */
enum pg_grain {
    PG_GRAIN_NONE, /* not at all: the column is not looked at */
    PG_GRAIN_YEAR,
    PG_GRAIN_MONTH,
    PG_GRAIN_DAY,
    PG_GRAIN_HOUR,
    PG_GRAIN_MINUTE,
    PG_GRAIN_SECOND,
    PG_GRAIN_MILLISECOND,
    PG_GRAIN_VALUE,
};

#define PG_UUID_BYTES 16
#define PG_UUID_TEXT 36
bool pg_uuid_text(struct pg_field f, char out[PG_UUID_TEXT]);

/* The JSON text of PG_JSON, PG_JSONB (version byte taken off) and PG_SERVER_JSON. */
bool pg_json(enum pg_type type, struct pg_field f, struct pg_field *text);

#endif
