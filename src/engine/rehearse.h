/* A rehearsal: the source's real keys and sizes, played against the model of the service's limits (play.h). How long the migration will
 * take, what limits it when, and what one change would save. Nothing is written anywhere, neither a table nor a ledger.
 *
 * The rows are read as a run reads them: the same chunks of one snapshot, mapped by the plan's own program, functions included. Of each
 * item only its target, units and the hashes of its partition keys are kept. When the source has more rows than were asked for, a part of
 * each chunk is read, at several places of it, and each row stands for as many as it takes.
 *
 * Not for: what it costs, or how it is shown (Lua). */
#ifndef ENGINE_REHEARSE_H
#define ENGINE_REHEARSE_H

#include "engine/run.h"
#include "engine/watch.h"

#define REHEARSE_ROWS 200000 /* that are read unless said otherwise */

struct rehearse_options {
    const char *where; /* as run_options */
    int jobs;
    int64_t rows; /* of all tables together, about; 0: REHEARSE_ROWS */
    double units; /* the rate asked for, write units a second; 0: none */
};

struct rehearsed_table {
    const char *name, *from, *to; /* from NULL: a query */
    int chunks;
    int64_t rows_read, rows_rejected, rows_filtered;
    double rows, items, bytes, units; /* of the whole table: computed from what was read */
};

/* A table of DynamoDB, as it is taken to be. */
struct rehearsed_target {
    const char *name;
    bool exists;
    double provisioned, warm; /* of the table itself, write units a second; 0: on demand; as a new one */
};

/* What limits, and where. */
struct rehearsed_limit {
    enum watch_cause cause;
    const char *table, *index; /* NULL: of no table; of the table itself */
    const char *key;           /* WATCH_PARTITION: the heaviest one, as text; NULL: not known */
    int keys;                  /* how many were told apart */
};

struct rehearsed_period {
    double from, to; /* seconds */
    struct rehearsed_limit limit;
};

enum rehearsed_change {
    REHEARSED_ORDER,       /* chunks in the order of the source's keys: slower, for comparison */
    REHEARSED_WARM,        /* tables warmed before the run: `units` a second */
    REHEARSED_PROVISIONED, /* twice the provisioned units */
    REHEARSED_SHARDS,      /* ten values of a suffix to the partition key of limit.table, limit.index */
    REHEARSED_ASKED,       /* without the rate asked for */
    REHEARSED_QUOTA,       /* twice the account's quota */
    REHEARSED_ALL,         /* all that are told, but for the order */
};
#define REHEARSED_CHANGES 7
#define REHEARSED_SHARD_COUNT 10

struct rehearsed_variant {
    enum rehearsed_change change;
    double seconds;
    struct rehearsed_limit limit; /* REHEARSED_SHARDS */
    double units;                 /* REHEARSED_WARM: what the busiest table or index then takes a second */
};

struct rehearsal {
    struct rehearsed_table *tables; /* the plan's */
    int table_count;
    struct rehearsed_target *targets;
    int target_count;
    const char *target_unknown; /* why the target could not be looked at: its tables are taken to be new; NULL: it was */
    bool sampled;               /* not all rows were read */
    bool full;                  /* there was no room to keep more of them */
    double client_rows;         /* that the client can do in a second, as measured while reading */
    double seconds, refused;    /* of the migration; units sent in vain */
    double together_seconds;    /* with the quota read the other way: of a table together with its indexes */
    struct rehearsed_period *periods;
    int period_count;
    struct rehearsed_variant changes[REHEARSED_CHANGES]; /* those that make a difference of over 5 %, alone or as part of all */
    int change_count;
    double took; /* seconds that the rehearsal itself took */
    struct arena *arena;
};

/* Rehearses a plan. Fills `out` as far as known in any case; rehearsal_free it. */
bool rehearse(const struct plan *plan, const struct rehearse_options *options, const struct run_listener *listener,
              struct rehearsal *out, struct error *err);
void rehearsal_free(struct rehearsal *out);

#endif
