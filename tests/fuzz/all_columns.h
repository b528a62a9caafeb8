/* Columns of every type, and a row of them out of any bytes: each field is a byte for its length (0xff: NULL) and so many bytes. */
#ifndef FUZZ_ALL_COLUMNS_H
#define FUZZ_ALL_COLUMNS_H

#include "pg/row.h"
#include "require.h"

#define ALL_COLUMNS 18

static const struct pg_column all_columns[ALL_COLUMNS] = {
    {.name = "b", .type = PG_BOOL, .sql_type = "b"},        {.name = "i2", .type = PG_INT2, .sql_type = "i"},
    {.name = "i4", .type = PG_INT4, .sql_type = "i"},       {.name = "i8", .type = PG_INT8, .sql_type = "i"},
    {.name = "f4", .type = PG_FLOAT4, .sql_type = "f"},     {.name = "f8", .type = PG_FLOAT8, .sql_type = "f"},
    {.name = "n", .type = PG_NUMERIC, .sql_type = "n"},     {.name = "s", .type = PG_TEXT, .sql_type = "s"},
    {.name = "y", .type = PG_BYTEA, .sql_type = "y"},       {.name = "u", .type = PG_UUID, .sql_type = "u"},
    {.name = "d", .type = PG_DATE, .sql_type = "d"},        {.name = "t", .type = PG_TIME, .sql_type = "t"},
    {.name = "ts", .type = PG_TIMESTAMP, .sql_type = "ts"}, {.name = "tz", .type = PG_TIMESTAMPTZ, .sql_type = "tz"},
    {.name = "j", .type = PG_JSON, .sql_type = "j"},        {.name = "jb", .type = PG_JSONB, .sql_type = "jb"},
    {.name = "x", .type = PG_SERVER_TEXT, .sql_type = "x"}, {.name = "l", .type = PG_SERVER_JSON, .sql_type = "l"},
};

static inline void read_row(const uint8_t *data, size_t n, struct pg_field fields[ALL_COLUMNS]) {
    for (int i = 0; i < ALL_COLUMNS; i++) {
        fields[i] = (struct pg_field){.len = -1};
        if (n == 0) continue;
        size_t len = *data++;
        n--;
        if (len == 0xff) continue;
        if (len > n) len = n;
        fields[i] = (struct pg_field){.data = exact_copy(data, len), .len = (int32_t)len};
        data += len;
        n -= len;
    }
}

static inline void free_row(struct pg_field fields[ALL_COLUMNS]) {
    for (int i = 0; i < ALL_COLUMNS; i++) free((void *)(uintptr_t)fields[i].data);
}

#endif
