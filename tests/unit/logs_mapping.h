/* A mapping like that of the integration logs, and its columns: for the tests of the compiler and of the machine. */
#ifndef UNIT_LOGS_MAPPING_H
#define UNIT_LOGS_MAPPING_H

#include "rows.h"

#include "dynamodb/value.h"
#include "mapping/program.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

#define LOGS_TABLE 2 /* the number of its table in the plan */

/* The columns, by number. */
enum { ID, SERVICE, APPLICATION, AT, SUCCESS, AMOUNT, BODY, RAW, SCORE, COLUMN_COUNT };

static const struct pg_column columns[COLUMN_COUNT] = {
    [ID] = {.name = "Id", .type = PG_INT8, .sql_type = "bigint"},
    [SERVICE] = {.name = "Service", .type = PG_TEXT, .sql_type = "text"},
    [APPLICATION] = {.name = "Application", .type = PG_INT4, .sql_type = "integer"},
    [AT] = {.name = "At", .type = PG_TIMESTAMP, .sql_type = "timestamp without time zone"},
    [SUCCESS] = {.name = "Success", .type = PG_BOOL, .sql_type = "boolean"},
    [AMOUNT] = {.name = "Amount", .type = PG_NUMERIC, .sql_type = "numeric(12,2)"},
    [BODY] = {.name = "Body", .type = PG_TEXT, .sql_type = "text"},
    [RAW] = {.name = "Raw", .type = PG_BYTEA, .sql_type = "bytea"},
    [SCORE] = {.name = "Score", .type = PG_FLOAT8, .sql_type = "double precision"},
};

#define TEMPLATE(source)                                                                                                         \
    { .kind = VALUE_TEMPLATE, .text = source, .len = sizeof(source) - 1 }
#define COLUMN(name)                                                                                                             \
    { .kind = VALUE_COLUMN, .text = name, .len = sizeof(name) - 1 }
#define CONSTANT(t, value)                                                                                                       \
    { .kind = VALUE_CONSTANT, .type = t, .text = value, .len = sizeof(value) - 1 }
#define SET(t, elements)                                                                                                         \
    { .kind = VALUE_SET, .type = t, .parts = elements, .part_count = COUNT(elements) }
#define LIST(elements)                                                                                                           \
    { .kind = VALUE_LIST, .parts = elements, .part_count = COUNT(elements) }
#define MAP(keys, values)                                                                                                        \
    { .kind = VALUE_MAP, .names = keys, .parts = values, .part_count = COUNT(values) }

/* Everything a test may change before it compiles. */
struct logs {
    struct attribute_spec attributes[16];
    struct dynamodb_index indexes[4];
    struct dynamodb_schema schema;
    struct mapping_spec spec;
    bool check_utf8;
};

/* Keys PK and SK, a sparse global index on Application, all columns, a TTL. */
static inline void logs_begin(struct logs *l) {
    *l = (struct logs){
        .attributes =
            {{.name = "PK", .role = ROLE_TABLE_KEY, .index = -1, .value = TEMPLATE("{Service}-{At:%Y-%m-%d}")},
             {.name = "SK", .role = ROLE_TABLE_KEY, .index = -1, .sort = true, .value = TEMPLATE("{At:%FT%T.%LZ}#{Id}")},
             {.name = "GPK", .role = ROLE_INDEX_KEY, .index = 0, .value = TEMPLATE("APP#{Application}")},
             {.name = "GSK", .role = ROLE_INDEX_KEY, .index = 0, .sort = true, .value = TEMPLATE("{At:%FT%T.%LZ}#{Id}")},
             {.name = "TTL",
              .role = ROLE_TTL,
              .index = -1,
              .value = {.kind = VALUE_EPOCH, .text = "At", .len = 2, .epoch_add = 86400}}},
        .indexes =
            {{.name = "G", .partition = {{.name = "GPK"}}, .partition_count = 1, .sort = {{.name = "GSK"}}, .sort_count = 1}},
        .schema = {.name = "T", .partition = {.name = "PK"}, .sort = {.name = "SK"}, .index_count = 1},
        .spec = {.map = -1, .attribute_count = 5, .columns = {.present = true}},
    };
}

static inline const struct program *logs_compile(struct logs *l, struct arena *a, struct error *err) {
    l->schema.indexes = l->indexes;
    l->spec.attributes = l->attributes;
    return program_compile(a, &l->spec, LOGS_TABLE, &l->schema, columns, COLUMN_COUNT, l->check_utf8, err);
}

/* A row with all columns: text NULL, or a number of -1 for Application, is NULL. */
static inline void logs_row(struct row *r, int64_t id, const char *service, int64_t application, const char *amount,
                            const char *body) {
    row_begin(r);
    row_int(r, id, 8);
    row_text(r, service);
    if (application < 0) {
        row_null(r);
    } else {
        row_int(r, application, 4);
    }
    row_int(r, us(8825, 23, 5, 7, 8009), 8);
    row_bool(r, id % 2);
    if (amount) {
        row_numeric(r, amount);
    } else {
        row_null(r);
    }
    row_text(r, body);
    row_bytes(r, "\x00\x01\xfe", 3);
    row_double(r, 0.1);
}

#endif
