/* The ledger: what a run has done, in one SQLite file, so that it outlives every process. Used by one thread at a time.
 *
 * For: identity, owner, tables, chunks, counters, rejects. Not for: handing out chunks (coordinator), or meaning (run.c).
 * What ends a chunk (its counters, its rejects, its state) is one transaction, durable when the call returns. */
#ifndef ENGINE_LEDGER_H
#define ENGINE_LEDGER_H

#include "base/arena.h"
#include "base/error.h"
#include "engine/run.h"
#include "pg/source.h"

struct ledger;

enum ledger_mode {
    LEDGER_WRITE, /* makes folder (0700) and file (0600), takes the lock: one process at a time */
    LEDGER_READ,  /* also while another process writes; NULL with err->code "absent" when there is no file */
};

/* ERROR_LOCAL, with a code: busy (names the owner: pid, host, since when), unwritable, full, not-a-ledger, newer (made by a newer
 * hlua), older, damaged, io; absent (LEDGER_READ). Every verb may say full, unwritable, damaged, io, and refused (a fault of ours: a
 * chunk that is not planned, a table planned twice); what it was to change is then as before. The lock is a flock on PATH.lock,
 * so a killed owner leaves none. LEDGER_WRITE makes the file's folder, not its parents; LEDGER_READ makes no file. */
struct ledger *ledger_open(const char *path, enum ledger_mode mode, struct error *err);
void ledger_close(struct ledger *l); /* NULL is fine */

/* Who holds the lock now, for `status`. */
struct ledger_owner {
    bool alive;
    long pid;
    char host[128];
    char since[32];
};
bool ledger_owner(struct ledger *l, struct ledger_owner *out, struct error *err);

/* A run: the full one has key "", one narrowed by --where or --limit a key of its own. */
struct ledger_run {
    int64_t id;
    const char *identity; /* canonical lines, as it began */
    const char *started, *updated;
    bool finished;
    int resumes;
    uint64_t seed; /* of the shuffle */
};
/* *found false when there is none yet. */
bool ledger_run_find(struct ledger *l, const char *key, struct ledger_run *out, bool *found, struct arena *a, struct error *err);
bool ledger_run_create(struct ledger *l, const char *key, const char *plan, const char *identity, uint64_t seed, int64_t *id,
                       struct error *err);
/* Forgets chunks and rejects of a run and the run itself; what targets are ours stays. */
bool ledger_run_forget(struct ledger *l, int64_t run, struct error *err);
bool ledger_run_resumed(struct ledger *l, int64_t run, struct error *err); /* counts one more resume, finished = false */
bool ledger_run_finish(struct ledger *l, int64_t run, struct error *err);

/* One table of a run and its chunks, written at once. `number` is its place in the plan, from 0. */
struct ledger_table {
    int number;
    const char *name, *from, *to; /* from NULL: a query */
    double rows_estimated;
    bool resumable; /* false: no key; a resume reads it again from the beginning */
};
bool ledger_table_plan(struct ledger *l, int64_t run, const struct ledger_table *t, const struct pg_range *ranges, int count,
                       struct error *err);
/* Removes a table's plan, chunks and rejects (a table without a key starts over). */
bool ledger_table_forget(struct ledger *l, int64_t run, int table, struct error *err);
/* The tables planned so far, in order. */
bool ledger_tables(struct ledger *l, int64_t run, struct arena *a, struct ledger_table **out, int *count, struct error *err);

/* The names of the target tables of a plan's table whose `to` is a template, written at once before its chunks are planned. */
bool ledger_targets_list(struct ledger *l, int64_t run, int table, const char *const *names, int count, struct error *err);
/* The same, in the order of strcmp; *count 0 when there are none. */
bool ledger_targets(struct ledger *l, int64_t run, int table, struct arena *a, const char ***out, int *count, struct error *err);

struct ledger_chunk {
    int number; /* within the table, from 0, in key order */
    struct pg_range range;
    bool done;
};
bool ledger_chunks(struct ledger *l, int64_t run, int table, struct arena *a, struct ledger_chunk **out, int *count,
                   struct error *err);

struct ledger_reject {
    const char *key, *reason, *message, *item; /* as in struct run_reject */
    const char *bound;                         /* pg_source_key_bound; NULL: the row cannot be asked for */
};
/* Several of the verbs below in one transaction: between these two they are neither durable nor final on return. ledger_together_end with ok
 * makes them so; without, as after the first verb that fails, none of them has been (err stays that verb's). Not for verbs that read. */
bool ledger_together(struct ledger *l, struct error *err);
bool ledger_together_end(struct ledger *l, bool ok, struct error *err);

/* Ends a chunk: counters and rejects replace what the chunk had. Durable (synchronous = FULL) on return. */
bool ledger_chunk_done(struct ledger *l, int64_t run, int table, int chunk, const struct run_counts *counts, const char *snapshot,
                       double seconds, const struct ledger_reject *rejects, int count, struct error *err);
/* Keeps the rejects of a chunk that could not be ended, so that they can be looked at; the next attempt replaces them. */
bool ledger_chunk_rejects(struct ledger *l, int64_t run, int table, int chunk, const struct ledger_reject *rejects, int count,
                          struct error *err);

/* Sums over the done chunks of a table. */
struct ledger_totals {
    struct run_counts counts;
    int chunks, chunks_done, snapshots;
};
bool ledger_totals(struct ledger *l, int64_t run, int table, struct ledger_totals *out, struct error *err);

/* How many rejects ledger_rejects would tell: those of chunks that are not done among them. */
bool ledger_reject_count(struct ledger *l, int64_t run, int64_t *count, struct error *err);
/* In order of table, chunk and arrival, those of chunks not yet done included. `each` must not use the ledger. */
bool ledger_rejects(struct ledger *l, int64_t run, bool (*each)(void *context, const struct run_reject *r), void *context,
                    struct error *err);

/* --- rejected rows read again (ledger_retry.c) --- */

/* A reject as a retry sees it. In order of chunk and number. */
struct ledger_listed {
    int chunk, number;
    bool chunk_done;
    const char *part; /* of the chunk */
    const char *key, *bound;
};
bool ledger_listed(struct ledger *l, int64_t run, int table, struct arena *a, struct ledger_listed **out, int *count,
                   struct error *err);

/* What became of all rows of a retry: rows_read of them the source still had. */
struct ledger_retry {
    const char *began, *ended; /* ISO; ended NULL: it was stopped on the way */
    bool mapping_changed;
    int64_t rows_read, rows_written, rows_rejected, rows_filtered, rows_superseded, rows_gone;
};
bool ledger_retry_begin(struct ledger *l, int64_t run, bool mapping_changed, int *number, struct error *err);
bool ledger_retry_end(struct ledger *l, int64_t run, int number, struct error *err);
bool ledger_retries(struct ledger *l, int64_t run, struct arena *a, struct ledger_retry **out, int *count, struct error *err);

/* What became of some rejects of one done chunk, which were read again. */
struct ledger_mending {
    int retry; /* ledger_retry_begin's number */
    int table, chunk;
    const struct ledger_listed *rows; /* those rejects */
    const bool *gone;                 /* for each: the source has the row no more. It stays listed, and says so */
    int count;
    const struct run_counts *counts; /* of the rows that are there */
    const struct ledger_reject *rejects;
    int reject_count;
};
/* Corrects the chunk's counters and replaces its rejects, in one transaction. Durable on return. */
bool ledger_mend(struct ledger *l, int64_t run, const struct ledger_mending *m, struct error *err);

/* Targets that this ledger has written or made. `target` names it whole (endpoint or account, region, table); `table_id` is
 * DynamoDB's TableId, which changes when a table is deleted and made again (empty: not told). `owns`: how the keys begin that are
 * claimed (claim.h); it takes the place of what was claimed before. */
struct ledger_claim {
    const char *table_id; /* NULL: the target is not ours */
    const char **owns;
    int owns_count;
};
bool ledger_target_claim(struct ledger *l, const char *target, const struct ledger_claim *claim, struct error *err);
bool ledger_target_find(struct ledger *l, const char *target, struct arena *a, struct ledger_claim *out, struct error *err);

#endif
