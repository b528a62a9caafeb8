/* A few rows of a source for people to look at: spread over its key, or the one that has a given key.
 *
 * For: check, rejects --explain. Not for: moving rows (pg/reader.h), or boundaries of chunks (source_sample.c). Each statement is a
 * transaction of its own, so that a row which cannot be converted ends nothing. Blocks. */
#ifndef PG_SAMPLE_H
#define PG_SAMPLE_H

#include "pg/reader.h"
#include "pg/source.h"

struct pg_sample_row {
    const struct pg_rowset *rows; /* NULL: the server cannot give this row (SQLSTATE class 22) */
    int row;                      /* its place in them */
    /* Of a row that the server cannot give, in the arena: its key, empty when it has none; what the server says, and its SQLSTATE. */
    const char *key, *why, *code;
    int range; /* where it comes from; rows are in this order */
};

struct pg_sample {
    struct pg_sample_row *rows;
    int count;
    bool left_out; /* pg_sample_find: there is such a row, but the plan's `where` does not read it */
    struct pg_rowset **sets;
    int set_count;
    int64_t bytes; /* of all sets */
};

/* Reads about `wanted` rows, in the selected columns: some from each of ten places of the key, fewer when rows are large (8 MB). While a
 * table does not change the same rows come again; a source without a key gives what it likes, and the places in a large view or query are
 * found by chance. *stop (may be NULL) is looked at between statements: ERROR_INTERRUPTED. */
bool pg_sample_read(struct pg_connection *c, struct pg_source *s, int wanted, const volatile int *stop, struct arena *a,
                    struct pg_sample *out, struct error *err);

/* Reads the row whose key is written as pg_source_key_text does; a key of one column may be its value alone. No row: out->count is 0.
 * ERROR_USAGE when the text is no key of this source. ctid is a row's place, which another may have taken. */
bool pg_sample_find(struct pg_connection *c, const struct pg_source *s, const char *key, struct arena *a, struct pg_sample *out,
                    struct error *err);

void pg_sample_free(struct pg_sample *sample);

#endif
