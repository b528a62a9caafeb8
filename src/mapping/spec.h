/* What a row becomes, as the plan says it: plain data, made by the plan loader, compiled by mapping/program.h.
 * All text lives in the plan's arena. */
#ifndef MAPPING_SPEC_H
#define MAPPING_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dynamodb/schema.h"

/* Where the plan says it: messages point there. */
struct plan_place {
    const char *file; /* as the user gave it; may be NULL */
    int line;         /* 0: unknown */
    const char *path; /* e.g. tables[1].attributes.RequestData */
};

enum value_kind {
    VALUE_TEMPLATE, /* text: the template's source; S unless `type` says N or B */
    VALUE_COLUMN,   /* text: the column; its natural type unless `type` says S, N or B */
    VALUE_CONSTANT, /* text, type: S, N (decimal text), B (raw bytes), BOOL ("true"/"false"), NULL */
    VALUE_JSON,     /* text: the column; parsed into L, M and so on, numbers exact */
    VALUE_EPOCH,    /* text: the column; N, seconds since 1970 plus epoch_add */
    VALUE_FUNCTION, /* `function`; `type` ANY: what it returns; `columns`: hlua.fn's, which are its arguments; NULL: it gets the row */
    VALUE_SET,      /* type SS, NS or BS: `parts`; absent parts are left out, an empty set is absent */
    VALUE_LIST, /* L of `parts`; absent parts are NULL, so that places are kept */
    VALUE_MAP,  /* M of `parts` under their `names`; absent parts are left out */
    VALUE_NULL, /* the constant NULL */
    VALUE_WHEN, /* text: the column; `inner` is written when it is true (boolean) or not NULL (any other type) */
};

enum json_invalid { JSON_INVALID_REJECT, JSON_INVALID_STRING, JSON_INVALID_ABSENT };

struct value_spec {
    enum value_kind kind;
    enum dynamodb_type type; /* DYNAMODB_ANY: the kind's own */
    const char *text;
    size_t len;
    const struct value_spec *inner;
    enum json_invalid invalid;
    int64_t epoch_add; /* seconds */
    bool expired_skip; /* VALUE_EPOCH: absent when it is over five years past, which DynamoDB ignores */
    int function;
    const char *const *columns;
    int column_count;
    const struct value_spec *parts;
    const char *const *names; /* VALUE_MAP: of the parts */
    int part_count;
    const struct value_spec *fallback; /* VALUE_COLUMN: hlua.column's default, written when it is NULL; or NULL */
    struct plan_place place;
};

/* What an attribute is for. A key that is absent rejects the row; an index's sort keys are left out where its partition key
 * is absent, so that a sparse index is sparse as a whole. */
enum attribute_role { ROLE_PLAIN, ROLE_TABLE_KEY, ROLE_INDEX_KEY, ROLE_TTL };

struct attribute_spec {
    const char *name;
    enum attribute_role role;
    int index; /* ROLE_INDEX_KEY: place in the schema's indexes; else -1 */
    bool sort; /* ROLE_INDEX_KEY: a sort key */
    struct value_spec value;
};

struct rename_spec {
    const char *from, *to;
};

/* hlua.columns: the columns under their own names, where no attribute above has that name. */
struct columns_spec {
    bool present;
    const char *const *only; /* NULL: all */
    int only_count;
    const char *const *except;
    int except_count;
    const struct rename_spec *rename;
    int rename_count;
    struct plan_place place;
};

/* One of the items that a row becomes: hlua.item. A table without `items` and `map` has one. */
struct item_spec {
    const char *when; /* a column that must be true or not NULL; NULL: always */
    const struct attribute_spec *attributes;
    int attribute_count;
    struct columns_spec columns;
    struct plan_place place;
};

/* The keys of one of the schema's indexes. */
struct index_place {
    struct plan_place partition, sort;
};

struct mapping_spec {
    const struct item_spec *items; /* `items = { ... }`; then attributes and columns below are empty */
    int item_count;
    int map;                   /* the function number of `map`, which takes the place of everything else; -1: none */
    bool empty_strings_absent; /* empty_strings = "absent": an empty S or B is left out */
    /* Keys first (partition, sort, then each index's in order), then the plan's attributes sorted by name, then the TTL.
     * An index key that names an attribute mapped elsewhere is not repeated here. */
    const struct attribute_spec *attributes;
    int attribute_count;
    struct columns_spec columns;
    bool keep_nulls;                        /* nulls = "keep": a NULL column becomes NULL instead of absent */
    const struct index_place *index_places; /* one for each of the schema's; NULL: not known */
    struct plan_place place;
};

#endif
