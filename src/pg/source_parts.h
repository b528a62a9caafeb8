/* The inside of struct pg_source, for the files source*.c only.
 *
 * source.c           describes: relation or query, expressions, where
 * source_columns.c   what columns a SELECT has and how each is read
 * source_zone.c      timestamps without a zone as moments of the plan's
 * source_key.c       the key, and the parts (leaves) of a relation
 * source_select.c    which columns rows hold, and the key of a row as text
 * source_bound.c     the key of a row as a boundary
 * source_sql.c       the SELECT of a range
 * source_ranges.c    cuts a source into ranges
 * source_sample.c    sizes, and boundaries from a sample
 * source_middle.c    the middle of a range
 * source_distinct.c  the distinct values of columns
 * sample.c           rows for people to look at (pg/sample.h) */
#ifndef PG_SOURCE_PARTS_H
#define PG_SOURCE_PARTS_H

#include "pg/libpq.h"
#include "pg/source.h"
#include "pg/sql.h"

struct source_columns {
    struct pg_column *shown; /* what others see */
    const char **value;      /* SQL of the value: "name" or (expression) */
    const char **read;       /* SQL of what is read: the value, or its ::text or to_jsonb(...)::text */
    const char **cast;       /* the type for literals, without a length, e.g. bpchar */
    Oid *table;              /* where the value comes from, if it is a plain column of a table; else 0 */
    int *number;             /* its attribute number there */
    int count;
};

/* A key column: `sql` is compared and ordered, `read` gives it to rows. */
struct source_key {
    struct pg_column shown;
    const char *sql, *read, *cast;
    int base; /* its place in the base columns; -1 is ctid */
};

struct source_part {
    const char *name; /* quoted for SQL */
    Oid oid;
    char kind; /* pg_class.relkind */
};

struct pg_source {
    struct arena *arena;
    const struct pg_source_spec *spec;
    const char *name;              /* pg_source_name */
    const char *alias;             /* a relation's own name, quoted: leaves are read under it, so that expressions may use it */
    Oid oid;                       /* 0: a query */
    char kind;                     /* relkind; 0: a query */
    bool whole;                    /* read through the relation itself: its leaves may not be read, or it has none */
    struct source_columns base;    /* as the relation or query has them */
    struct source_columns columns; /* after the plan's expressions */
    enum pg_key_kind key_kind;
    struct source_key *key;
    int key_count;
    bool key_checked; /* the server promises that no key column is NULL */
    struct source_part *parts;
    int part_count;
    bool ctid_ranges; /* the server scans ctid ranges (14) */
    double estimate;

    struct pg_column *selected;
    const char **selected_read;
    int selected_count;
    int *key_places;
};

/* source_columns.c. The columns of `SELECT * FROM from`; names are unique, else ERROR_PLAN. */
bool source_columns_read(struct pg_connection *c, const struct pg_source *s, const char *from, struct source_columns *out,
                         struct error *err);
/* Replaces a column by an expression, or appends it, in place `at` (== out->count: appends; there is room).
 */
bool source_columns_express(struct pg_connection *c, const struct pg_source *s, const struct pg_expression *e, int at,
                            struct source_columns *out, struct error *err);
/* The place of a name; -1. */
int source_columns_find(const struct source_columns *columns, const char *name);
/* Writes the hint for a column that is not there. Returns false. */
bool source_columns_hint(const struct source_columns *columns, const char *wanted, struct error *err);

/* source_zone.c. Reads each column of type timestamp as a moment of the plan's time zone. ERROR_PLAN when the server does not
 * know the zone. Without one nothing changes. */
bool source_columns_zone(struct pg_connection *c, const struct pg_source *s, struct source_columns *columns, struct error *err);

/* source_key.c */
bool source_find_parts(struct pg_connection *c, struct pg_source *s, struct error *err);
bool source_find_key(struct pg_connection *c, struct pg_source *s, struct error *err);

/* source.c. A failed statement of the describing as a mistake of the plan, if it is one: with near names. */
bool source_plan_error(struct pg_connection *c, const struct pg_source *s, struct error *err);

/* source_sql.c. The FROM of a part ("" is the query) with `range` as the condition of its {range}, if it has
 * that. */
void source_add_from(struct sql *q, const struct pg_source *s, const char *part, const char *range);
/* FROM and WHERE of a range, with the plan's where or without. */
void source_add_body(struct sql *q, const struct pg_source *s, const struct pg_range *r, bool where);
/* The key columns, e.g. "a", "b"; prefix k1, k2 aliases when `aliased`. */
void source_add_key(struct sql *q, const struct pg_source *s, bool aliased);
/* k1::text, k2::text: the aliased key as the texts of a boundary. */
void source_add_key_texts(struct sql *q, const struct pg_source *s);
/* A boundary from the first columns of a row of texts; NULL when it is no boundary (NULL, not UTF-8) or
 * memory is out. */
const char *source_boundary(const struct pg_source *s, const PGresult *res, int row, struct arena *a);

/* source_bound.c. Appends text number i of a boundary, with the comma before it; false when it is not UTF-8 or does not fit. */
#define SOURCE_BOUND_MAX (64 * 1024) /* a key of an index has 2,712 bytes, but its texts may be compressed there */
bool source_add_bound_text(struct buffer *b, int i, const char *text, size_t n);

/* source_sample.c */
struct source_size {
    double rows;  /* guessed */
    double width; /* bytes a row */
    double pages; /* 0: not a heap */
};
bool source_size_part(struct pg_connection *c, const struct pg_source *s, const struct source_part *part, struct source_size *out,
                      struct error *err);
bool source_size_query(struct pg_connection *c, const struct pg_source *s, struct source_size *out, struct error *err);

struct source_boundaries {
    const char **texts; /* ascending, all different */
    int count;
    double rows; /* as the sample says; -1: it does not */
};
/* Boundaries about `rows` rows apart in one part (the query: a part named ""). */
bool source_sample(struct pg_connection *c, const struct pg_source *s, const struct source_part *part,
                   const struct source_size *size, double rows, struct arena *a, struct source_boundaries *out,
                   struct error *err);
/* Runs a SELECT that may fail with class 22 without ending c's transaction: then true with *out NULL. */
bool source_try(struct pg_connection *c, const char *sql, PGresult **out, struct error *err);

#endif
