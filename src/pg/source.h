/* What a plan's table reads: a relation (partitioned and inherited ones by their leaves) or a query, its columns,
 * its key, and the key ranges it is read in. Sources: PostgreSQL manual, 9.24.5 (row-wise comparison), 13.2, 5.10-5.11.
 *
 * Not for: fetching rows (pg/reader.h; a few to look at: pg/sample.h). */
#ifndef PG_SOURCE_H
#define PG_SOURCE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "pg/connect.h"
#include "pg/row.h"
#include "pg/types.h"

/* What the plan says. All text belongs to the caller and must outlive the source. */
struct pg_expression {
    const char *name; /* the column it replaces or adds */
    const char *sql;
};
struct pg_source_spec {
    const char *from;  /* a relation as SQL names it, e.g. dbo."IntegrationLogs"; or NULL */
    const char *query; /* or a query, with or without {range} */
    const char *const *key;
    int key_count; /* 0: the relation's own */
    const char *where;
    const struct pg_expression *expressions;
    int expression_count;
    const char *time_zone; /* an IANA name: timestamps without a zone are of this one, and read as timestamptz; or NULL */
};

enum pg_key_kind {
    PG_KEY_COLUMNS, /* unique, not null: a resume is possible */
    PG_KEY_CTID,    /* physical ranges within one live snapshot: no resume; the key's one column is "ctid" */
    PG_KEY_NONE,    /* one range, no resume (views and queries without a key) */
};

struct pg_source; /* lives in the arena it was described in; read-only once chunks are made: workers share it */

/* Describes the source: its columns and key. ERROR_PLAN (with the nearest names as hint) when it or a key column is
 * not there or the key is not unique; ERROR_SOURCE otherwise. */
struct pg_source *pg_source_describe(struct pg_connection *c, const struct pg_source_spec *spec, struct arena *a,
                                     struct error *err);

/* Whether the server takes the spec's `where`, which may have changed since; `called` is what people call it. ERROR_PLAN if not. */
bool pg_source_check_where(struct pg_connection *c, struct pg_source *s, const char *called, struct error *err);

/* All columns of the source, in its order. */
const struct pg_column *pg_source_columns(const struct pg_source *s, int *count);
enum pg_key_kind pg_source_key_kind(const struct pg_source *s);
/* A text that names the relation as the system knows it, e.g. dbo."IntegrationLogs" (query: "query"). */
const char *pg_source_name(const struct pg_source *s);

/* Says which columns to read (one flag for each of pg_source_columns). Key columns are always read: they are appended
 * when not used. Returns what rows will then hold; pg_source_key gives the places of the key in it. */
bool pg_source_select(struct pg_source *s, const bool *used, struct error *err);
const struct pg_column *pg_source_selected(const struct pg_source *s, int *count);
const int *pg_source_key(const struct pg_source *s, int *count);

/* A half-open range of the key within one part (leaf) of the source. */
struct pg_range {
    const char *part;  /* the leaf relation, quoted for SQL; empty for a query, or for a relation with all its leaves */
    const char *lower; /* JSON array of the key columns' texts, e.g. ["50001"]; NULL: from the beginning */
    const char *upper; /* exclusive; NULL: to the end */
    bool lower_exclusive;
    bool single; /* no range: the one row whose key is `lower` */
};

/* Cuts the source into ranges of about `rows` rows or `bytes` bytes (whichever is smaller), in key order: evenly filled
 * integers by arithmetic, else by a sample; ctid by pages. A smaller source has smaller ones, down to 2,500 rows, so that there are enough
 * to share. One of 0 rows has one range. Runs in c's transaction. */
bool pg_source_ranges(struct pg_connection *c, struct pg_source *s, int64_t rows, int64_t bytes, struct arena *a,
                      struct pg_range **out, int *count, struct error *err);
double pg_source_estimate(const struct pg_source *s); /* rows, as the server guesses; set by pg_source_ranges */

/* The SELECT of one range, in the selected columns; in arena a. limit < 0: none. NULL when memory is out or a boundary is
 * not one of this key (a ledger that was written by something else). */
char *pg_source_sql(const struct pg_source *s, const struct pg_range *r, int64_t limit, struct arena *a);

/* Splits a range at its middle row, for narrowing a failure down. *middle is a lower bound for the second half (and the
 * upper one of the first), as in struct pg_range; NULL when the range has one row or none (*rows says which), or when all
 * its rows have one key (a key that the plan calls unique and is not). Reads key columns only; a relation's rows are
 * counted without the plan's `where`, which may be what fails. False for a source without a key: nothing can be narrowed. */
bool pg_source_middle(struct pg_connection *c, const struct pg_source *s, const struct pg_range *r, struct arena *a,
                      const char **middle, int64_t *rows, struct error *err);

/* The first key of a range as text, as pg_source_key_text gives it, and as pg_source_key_bound does (NULL: it cannot be asked for; bound itself may be NULL);
 * in arena a. *key is NULL when the range is empty. */
bool pg_source_first_key(struct pg_connection *c, const struct pg_source *s, const struct pg_range *r, struct arena *a,
                         const char **key, const char **bound, struct error *err);

/* The key of one row as text, e.g. LogId=17 or LoanId=3,PaymentNumber=4; into out, cut at size. */
void pg_source_key_text(const struct pg_source *s, const struct pg_row *row, char *out, size_t size);

/* Reads the distinct values of some of the selected columns, each as finely as grains[i] says, in c's transaction and under the
 * plan's where. `each` gets rows of all selected columns, NULL in those of grain none; two rows may be alike (the server tells 1.0
 * from 1.00). It returns false, with err set, to stop. When *stop is set (it may be NULL), the server is asked to cancel: ERROR_INTERRUPTED. */
bool pg_source_distinct(struct pg_connection *c, const struct pg_source *s, const enum pg_grain *grains,
                        bool (*each)(void *context, const struct pg_row *row, struct error *err), void *context,
                        const volatile int *stop, struct error *err);

/* The key of one row as the `lower` of a range, so that the row can be read again: out is emptied, gets it, and is terminated. False when
 * it cannot be: the source has no key, a value of it has no text that the server would read back as the same (an array, a time beyond
 * year 9999, bytes that are not UTF-8), or out cannot hold it. */
bool pg_source_key_bound(const struct pg_source *s, const struct pg_row *row, struct buffer *out);

/* Whether a range's part is still one of the source's. */
bool pg_source_has_part(const struct pg_source *s, const char *part);

#endif
