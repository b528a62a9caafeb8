/* What a plan makes of real rows, without writing anything: `check`, and one row for `rejects --explain`.
 *
 * For: a few rows to look at, in one thread. Not for: migrating (run.h), or how it is shown (Lua). */
#ifndef ENGINE_PREVIEW_H
#define ENGINE_PREVIEW_H

#include "engine/run.h"
#include "engine/targets.h"
#include "mapping/mapper.h"
#include "pg/connect.h"
#include "pg/row.h"

struct preview;

/* Connects to the source and ties the plan to it. Options: where, limit and ledger, which name the run; they and the plan must stay. NULL
 * on failure. */
struct preview *preview_open(const struct plan *plan, const struct run_options *options, struct error *err);
void preview_close(struct preview *p); /* NULL is fine */

const struct pg_server *preview_server(const struct preview *p);
int preview_table_count(const struct preview *p); /* the plan's */

struct preview_item {
    int table;        /* of the plan, from 0: whose target it goes to */
    const char *json; /* DynamoDB JSON */
    size_t len;
    const char *target;   /* the DynamoDB table, when it is one of those that a `to` names by a template; else NULL */
    uint32_t size, units; /* bytes by DynamoDB's rule; write units, indexes included */
};

/* What became of a row. */
struct preview_outcome {
    enum map_result result; /* MAP_ITEM, MAP_FILTERED or MAP_REJECT */
    struct preview_item *items;
    int item_count;
    const char *reason, *message; /* MAP_REJECT; or MAP_ITEM, where on_reject mended a row that was rejected for this */
    const char *partial;          /* with a reason: the item as far as it got, closed with a brace; may be empty */
    size_t partial_len;
};

struct preview_field {
    const char *text; /* UTF-8, at most the first PREVIEW_TEXT_MAX bytes of it; NULL is NULL */
    size_t whole;     /* bytes that the whole text has */
};
#define PREVIEW_TEXT_MAX 4096

struct preview_row {
    const char *key;
    const struct preview_field *fields; /* as many as columns; NULL: the server cannot give this row */
    struct preview_outcome outcome;
    const struct preview_outcome *again; /* what a second state of the plan's functions made of it, where that differs; or NULL */
};

struct preview_rows {
    struct arena *arena;             /* all of it */
    const struct pg_column *columns; /* those that the mapping reads, and the key */
    int column_count;
    const int *key; /* places among them of the source's key, when it has one that is unique */
    int key_count;
    const char *source; /* the relation as the system knows it, or "query" */
    struct preview_row *rows;
    int count;
    bool twice;    /* the functions were run in two states */
    bool left_out; /* preview_find: the row is there, but not for the plan's `where` */
};

/* Maps about `wanted` rows of plan table `table` (from 0). A mapping with functions is run in two fresh states, as two workers have them,
 * the second in reverse order. preview_rows_free it, also after a failure. */
bool preview_sample(struct preview *p, int table, int wanted, struct preview_rows *out, struct error *err);

/* Maps the row with a key, as pg_sample_find reads it; no row: out->count is 0. preview_rows_free it, also after a failure. */
bool preview_find(struct preview *p, int table, const char *key, struct preview_rows *out, struct error *err);
void preview_rows_free(struct preview_rows *rows);

/* Where the items would go, and what stands there. */
struct preview_target {
    const char *region, *region_from, *endpoint, *endpoint_from, *keys_from; /* NULL until they are settled */
    const struct target_found *tables;                                       /* as many as the plan has; NULL until then */
    int table_count;
    struct error
        change; /* why a run that the ledger has begun would not go on (bind_goes_on); ERROR_NONE: it would, or there is none */
};

/* Connects to the target and judges its tables as a run would. *out is filled as far as it is known in any case, and valid until the
 * preview is closed. Waits and differences are told to the listener. */
bool preview_examine(struct preview *p, const struct run_listener *listener, struct preview_target *out, struct error *err);

#endif
