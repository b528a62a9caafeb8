/* Rows as they come from PostgreSQL in binary form: what the mapping sees of a source. No libpq here.
 * Not for: decoding (pg/types.h), or fetching (pg/reader.h). */
#ifndef PG_ROW_H
#define PG_ROW_H

#include <stdbool.h>
#include <stdint.h>

/* How a column's bytes are to be read. Domains are their base type. */
enum pg_type {
    PG_BOOL,
    PG_INT2,
    PG_INT4,
    PG_INT8,
    PG_FLOAT4,
    PG_FLOAT8,
    PG_NUMERIC,
    PG_TEXT, /* text, varchar, bpchar, name, enums: the label's bytes */
    PG_BYTEA,
    PG_UUID,
    PG_DATE,
    PG_TIME,
    PG_TIMESTAMP,
    PG_TIMESTAMPTZ,
    PG_JSON,
    PG_JSONB,
    PG_SERVER_TEXT, /* any other type, read through the server's ::text; bytes are text */
    PG_SERVER_JSON, /* arrays and composites, read through to_jsonb(...)::text; bytes are JSON text */
};

struct pg_column {
    const char *name;
    enum pg_type type;
    const char *sql_type; /* as format_type() says it, e.g. "numeric(10,2)": for messages and the identity */
    bool not_null;
};

struct pg_field {
    const char *data;
    int32_t len; /* bytes; -1 is NULL */
};

struct pg_row {
    const struct pg_field *fields; /* in the order of the selected columns */
    int count;
};

#endif
