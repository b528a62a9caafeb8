/* The tables: what CreateTable said of them, and the operations that concern tables rather than items.
 *
 * For: sink and store, which answer these operations alike. A table is ACTIVE as soon as it is created.
 * Not for: items, which hang on a table (items.h) but are the store's business. */
#ifndef ENDPOINT_CATALOG_H
#define ENDPOINT_CATALOG_H

#include "base/buffer.h"
#include "base/error.h"
#include "endpoint/items.h"
#include "endpoint/operation.h"

/* A table's or index's key may have four partition and four sort attributes (indexes only; a table has one each). */
#define CATALOG_KEY_PARTS 4
#define CATALOG_ATTRIBUTES_MAX 64
#define CATALOG_INDEXES_MAX 30
#define CATALOG_TAGS_MAX 50

struct catalog_key {
    int partition[CATALOG_KEY_PARTS], partitions; /* positions in the table's attributes */
    int sort[CATALOG_KEY_PARTS], sorts;
};

struct catalog_index {
    char name[DOC_NAME];
    bool local;
    struct catalog_key key;
    struct slice definition; /* as sent */
};

struct catalog_tag {
    char key[129], value[257]; /* AWS's limits are 128 and 256 characters */
};

struct catalog_table {
    struct catalog_table *next;
    char name[DOC_NAME];
    struct {
        char name[DOC_NAME];
        char type; /* 'S', 'N' or 'B' */
    } attributes[CATALOG_ATTRIBUTES_MAX];
    int attribute_count;
    struct catalog_key key;
    struct catalog_index indexes[CATALOG_INDEXES_MAX];
    int index_count;
    struct catalog_tag tags[CATALOG_TAGS_MAX];
    int tag_count;
    char ttl_attribute[DOC_NAME]; /* empty: disabled */
    bool point_in_time_recovery;
    int64_t created;             /* unix seconds */
    struct limits_table *limits; /* what it may take (limits.h); NULL: not asked yet */
    struct items items;
    char *definition; /* the CreateTable request; the slices point into it */
    size_t definition_len;
};

struct catalog {
    struct catalog_table *first; /* in the order of their names */
};

void catalog_free(struct catalog *c);

/* The table, or NULL with ResourceNotFoundException. */
struct catalog_table *catalog_find(struct catalog *c, const char *name, struct error *err);

/* The same for the request's TableName. */
struct catalog_table *catalog_named(struct catalog *c, struct slice body, struct error *err);

/* The index of a table, or NULL with ValidationException. */
const struct catalog_index *catalog_find_index(const struct catalog_table *t, const char *name, struct error *err);

/* Answers an operation on tables. *handled is false when the operation is none of them. */
bool catalog_handle(struct catalog *c, enum operation op, struct slice body, struct buffer *out, bool *handled,
                    struct error *err);

#endif
