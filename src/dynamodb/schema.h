/* A DynamoDB table as a plan declares it: plain data, made by the plan loader, used to create, compare and size.
 * Not for: what a row becomes (mapping/spec.h). Names follow DynamoDB's API reference (CreateTable). */
#ifndef DYNAMODB_SCHEMA_H
#define DYNAMODB_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dynamodb_type {
    DYNAMODB_ANY = 0, /* not said yet: a column's own type, known when the source is */
    DYNAMODB_S,
    DYNAMODB_N,
    DYNAMODB_B,
    DYNAMODB_BOOL,
    DYNAMODB_NULL,
    DYNAMODB_L,
    DYNAMODB_M,
    DYNAMODB_SS,
    DYNAMODB_NS,
    DYNAMODB_BS,
};

/* "S", "N", ... as on the wire; "?" for DYNAMODB_ANY. */
const char *dynamodb_type_name(enum dynamodb_type type);

/* Whether DynamoDB takes a text as the name of a table (developer guide, "Naming rules"): 3 to 255 of a-z A-Z 0-9 _ - . */
#define DYNAMODB_TABLE_NAME_LEAST 3
#define DYNAMODB_TABLE_NAME_MOST 255
bool dynamodb_table_name_ok(const char *text, size_t len);

struct dynamodb_key {
    const char *name;
    enum dynamodb_type type; /* S, N or B once the mapping is bound */
};

enum dynamodb_projection { DYNAMODB_PROJECT_ALL, DYNAMODB_PROJECT_KEYS_ONLY, DYNAMODB_PROJECT_INCLUDE };

#define DYNAMODB_INDEX_KEYS_MAX 4 /* multi-attribute index keys: up to four of each (Developer Guide) */

struct dynamodb_index {
    const char *name;
    bool local;
    struct dynamodb_key partition[DYNAMODB_INDEX_KEYS_MAX];
    int partition_count; /* a local index: the table's own */
    struct dynamodb_key sort[DYNAMODB_INDEX_KEYS_MAX];
    int sort_count;
    enum dynamodb_projection projection;
    const char *const *include;
    int include_count;
    int64_t read_units, write_units; /* provisioned; 0: as the table's */
};

struct dynamodb_tag {
    const char *key, *value;
};

struct dynamodb_schema {
    const char *name; /* of the table in DynamoDB */
    struct dynamodb_key partition;
    struct dynamodb_key sort;       /* name NULL: none */
    struct dynamodb_index *indexes; /* global and local, in the plan's order */
    int index_count;
    bool provisioned; /* else PAY_PER_REQUEST */
    int64_t read_units, write_units;
    bool point_in_time_recovery;
    const char *stream; /* a StreamViewType, or NULL: off */
    const struct dynamodb_tag *tags;
    int tag_count;
    bool deletion_protection;
    const char *table_class;  /* STANDARD, STANDARD_INFREQUENT_ACCESS, or NULL: not said */
    const char *time_to_live; /* the attribute's name, or NULL */
    const char *const
        *owns; /* how the partition keys (S) begin that are ours in a table that others use as well; none: all are */
    int owns_count;
};

#endif
