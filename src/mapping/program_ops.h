/* The compiled form of a mapping, shared by its compiler (program*.c) and its machine (machine*.c) alone. */
#ifndef MAPPING_PROGRAM_OPS_H
#define MAPPING_PROGRAM_OPS_H

#include "base/arena.h"
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
    OP_FUNCTION, /* as op.type; DYNAMODB_ANY: as what it returns */
    OP_SET,      /* op.type is SS, NS or BS */
    OP_LIST,
    OP_MAP,
};

/* What most attributes of a row are: a column and nothing else, so that there is nothing to ask but of the value. Only a shorter way:
 * where it does not lead (NULL, empty, too large), the op is run like any other. */
enum direct_kind {
    DIRECT_NONE,
    DIRECT_TEXT,    /* OP_BYTES as S */
    DIRECT_INTEGER, /* OP_TEXT of an integer as N */
};

enum key_limit { KEY_NONE, KEY_PARTITION, KEY_SORT };

struct op {
    const char *name;
    size_t name_len;
    const char *label; /* ,"NAME": as JSON, for copy_steps */
    size_t label_len;
    enum direct_kind direct;
    const char *opening; /* of a direct one: the label, and {"S":" or {"N":" after it, for copy_steps */
    size_t opening_len;
    enum op_kind kind;
    enum dynamodb_type type;
    int column; /* -1: none */
    enum pg_type column_type;
    struct format format;            /* OP_TEXT */
    const struct template *template; /* OP_TEMPLATE */
    bool plain;                      /* both: the text needs no escaping, and is N only as an integer */
    const char *constant;
    size_t constant_len;
    enum json_invalid invalid;
    int64_t epoch_add;
    bool expired_skip;
    int function;
    struct op *parts; /* OP_SET, OP_LIST, OP_MAP */
    int part_count;
    struct op *fallback; /* written when the column is NULL; or NULL */
    bool null_value;     /* a NULL column becomes NULL, not absent */
    bool empty_absent;   /* an empty S or B is left out */
    int when;            /* a column that must be true or not NULL; -1 */
    bool when_bool;
    int same;                 /* an earlier op with the same value: its bytes are copied; -1 */
    int leader;               /* the op of the index partition key without which this sort key is left out; -1 */
    bool always;              /* none of when, same and leader is set */
    bool repeated;            /* a later op is the same */
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

/* One of the items that a row becomes. */
struct item_program {
    struct op *ops;
    int op_count;
    int last_key; /* the op after which both keys of the table are known */
    struct index_op *indexes;
    int index_count;
    int when; /* a column that must be true or not NULL; -1: always */
    bool when_bool;
};

struct program {
    int table; /* of the plan, from 0 */
    struct item_program *items;
    int item_count;
    int map;                              /* a function takes the place of the items; -1: none */
    const struct dynamodb_schema *schema; /* whose table key `owns` is about */
    bool check_utf8;
    bool functions; /* any of its ops calls one */
};

/* --- program_value.c --- */

#define PROGRAM_COLUMNS_MAX 1664 /* the most columns that a query can give (PostgreSQL manual, appendix K) */

struct compiler {
    struct arena *arena;
    const struct pg_column *columns;
    int count;
    bool empty_absent, check_utf8;
    bool several;   /* a row becomes several items: not each of them has every index's keys */
    bool functions; /* set when a value calls one */
    const struct index_place *index_places;
    struct error *err;
};

/* "plan.lua:12: tables[1].attributes.X: text" as ERROR_PLAN; returns false. */
bool program_wrong(struct error *err, const struct plan_place *place, const char *text);
bool program_no_memory(struct error *err);
bool program_listed(const char *const *names, int count, const char *name);
int program_find_column(const struct pg_column *columns, int count, const char *name);
bool program_no_column(struct error *err, const struct plan_place *place, const char *name, const char *from,
                       const struct pg_column *columns, int count);

/* Fills in an op's name and label, and leaves the rest empty. */
bool program_name_op(struct compiler *c, const char *name, struct op *op);
/* Compiles a value into an op that is named. */
bool program_compile_value(struct compiler *c, const struct value_spec *v, struct op *op);
/* A `when` column; false when it is not there. */
bool program_compile_when(struct compiler *c, const struct plan_place *place, const char *name, int *when, bool *is_bool);

/* --- program_keys.c --- */

/* Ties the keys of table and indexes to the ops of their names, and types to each other. */
bool program_bind_keys(struct compiler *c, struct item_program *p, const struct item_spec *spec, struct dynamodb_schema *schema);

#endif
