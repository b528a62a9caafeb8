/* The compiled form of a mapping, shared by its compiler (program.c) and its machine (machine.c) alone. */
#ifndef MAPPING_PROGRAM_OPS_H
#define MAPPING_PROGRAM_OPS_H

#include "mapping/format.h"
#include "mapping/program.h"
#include "mapping/template.h"

enum op_kind {
    OP_TEXT,     /* a column's text form, as op.type */
    OP_BYTES,    /* a column's raw bytes, as op.type: text as S, bytea and uuid as B */
    OP_BOOL,     /* a boolean column as BOOL */
    OP_TEMPLATE, /* as op.type */
    OP_CONSTANT, /* as op.type */
    OP_JSON,
    OP_EPOCH,
};

enum key_limit { KEY_NONE, KEY_PARTITION, KEY_SORT };

struct op {
    const char *name;
    size_t name_len;
    const char *label; /* "NAME": as JSON */
    size_t label_len;
    enum op_kind kind;
    enum dynamodb_type type;
    int column; /* -1: none */
    enum pg_type column_type;
    struct format format;            /* OP_TEXT */
    const struct template *template; /* OP_TEMPLATE */
    const char *constant;
    size_t constant_len;
    enum json_invalid invalid;
    int64_t epoch_add;
    bool null_value; /* a NULL column becomes NULL, not absent */
    int when;        /* a column that must be true or not NULL; -1 */
    bool when_bool;
    int same;                 /* an earlier op with the same value: its bytes are copied; -1 */
    int leader;               /* the op of the index partition key without which this sort key is left out; -1 */
    enum key_limit table_key; /* a key of the table: must be there */
    enum key_limit key;       /* a key of the table or of an index: its size is limited */
};

struct index_op {
    int keys[2 * DYNAMODB_INDEX_KEYS_MAX + 1];
    int key_count;
    bool all;  /* projects the whole item */
    int *part; /* otherwise the ops it projects */
    int part_count;
};

struct program {
    struct op *ops;
    int op_count;
    struct index_op *indexes;
    int index_count;
    bool check_utf8;
};

#endif
