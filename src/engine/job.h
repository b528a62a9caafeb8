/* What the threads of one run share. It is set before the first worker starts and read-only afterwards, but for the atomics, what
 * told_lock guards, and a job_retry's results, each of which one thread sets (they are read once all have ended). Not for: what
 * belongs to one worker (worker.h) or to the ledger (coordinator.h). */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "aws/credentials.h"
#include "aws/http.h"
#include "dynamodb/put.h"
#include "engine/inflight.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/run.h"
#include "mapping/program.h"
#include "mapping/template.h"

/* Counts of one table as they happen, for progress: done chunks of earlier runs are in them from the start. */
struct live_counts {
    _Atomic int64_t rows_read, rows_written, rows_rejected, rows_filtered, rows_superseded;
    _Atomic int64_t items_written, bytes, write_units;
    _Atomic int64_t in_flight, retries;
    _Atomic int64_t items_this_time, units_this_time; /* by this process; a chunk that begins again takes nothing back */
};

struct job_table;

/* A table in DynamoDB that a plan table's rows go to. */
struct job_target {
    struct job_table *table;
    int number;                    /* among all of the run, from 0 */
    struct dynamodb_schema schema; /* the table's, under this name */
    uint64_t seed;                 /* of the keys' hashes: each name has its own */
    int paced;                     /* the table in DynamoDB, among all of the run, from 0 (pacing.h) */
};

struct job_table {
    const struct plan_table *plan;
    struct pg_source_spec spec; /* the plan's, narrowed by --where */
    struct pg_source *source;
    struct dynamodb_schema schema;  /* the plan's, key types bound; what all its targets are like */
    struct put_condition condition; /* under which its items are written */
    const struct template *to;      /* the name of a row's target; NULL: there is one */
    struct job_target *targets;     /* by name, in the order of strcmp */
    int target_count;
    const struct program *program;
    int mapped_columns; /* the first ones of those selected: what the mapping sees */
    bool resumable;
    double rows_estimated;
    struct ledger_chunk *chunks;
    int chunk_count;
    struct live_counts live;
    _Atomic int64_t refused[RUN_REFUSALS]; /* write units, for want of capacity */
    _Atomic int64_t consumed, consumed_of; /* write units, as in struct run_consumed */
    struct run_limiting_key limiting;      /* guarded by the job's told_lock */
    _Atomic int chunks_done;
};

/* Some rejected rows of a chunk that is done, to be read again (retry.c). */
struct job_retry {
    const struct ledger_listed *rows; /* of one part; their bounds are all different texts in memory */
    int count;
    bool *gone;               /* for each, set by the worker: the source has it no more */
    bool done;                /* set by the coordinator: it is in the ledger, with these counts */
    struct run_counts counts; /* rows_read: those that are there */
};

/* One chunk of work, as the coordinator hands it out. */
struct job_chunk {
    struct job_table *table;
    const struct ledger_chunk *chunk;
    struct job_retry *retry; /* NULL: the whole chunk */
};

struct coordinator;
struct pacing;

struct job {
    const struct plan *plan;
    struct arena *arena;
    const char *snapshot_id, *horizon;
    int64_t exported; /* clock_now() when the snapshot was exported: it holds back vacuum since then */
    int64_t started;  /* hlua.started: microseconds since 1970, when the run began */
    int64_t limit;    /* rows of each table; 0: all */
    bool dry_run;
    bool retrying; /* rejected rows are read again: max_rejects does not count */
    int retry;     /* the ledger's number of that */
    int workers;
    int lines_most; /* connections to the target that each of them may have */
    struct aws_setting setting;
    struct http_endpoint endpoint;
    struct job_table *tables;
    int table_count;
    int target_count; /* of all tables */
    struct inflight *inflight;
    struct coordinator *coordinator;
    struct pacing *pacing;
    int bell; /* an eventfd: a worker that ends rings it, for the main thread */

    _Atomic bool stop;             /* wind down: no more reading, finish what is in flight */
    _Atomic int chunks_left;       /* that no worker has been given */
    _Atomic bool paused;           /* by control: nothing new is sent until it says resume */
    _Atomic int64_t write_units;   /* asked for, a second, of the whole run, indexes included; 0: none, the run finds the limit */
    _Atomic int64_t control_units; /* what `control wcu` said; 0: nothing */
    _Atomic int64_t source_gap;    /* ns that a worker waits between two FETCHes, to spare the source */
    _Atomic int64_t source_took;   /* ns that the source's last answer to a trivial query took */
    _Atomic int64_t clock_offset;  /* seconds to add to our clock for signatures */
    _Atomic int waiting;           /* requests that wait to be sent again */
    _Atomic int throttled;         /* those of them that were throttled */
    pthread_mutex_t told_lock;     /* guards wait_text and the tables' `limiting`: what people are told of failures */
    char wait_text[400];           /* what is being waited for, for people */
};

/* Gives a table its targets, under `names` (in order, each once), once its schema is bound. ERROR_LOCAL when memory is out. */
bool job_set_targets(struct job *j, struct job_table *t, const char *const *names, int count, struct error *err);

/* Says, for progress, what requests are waiting for. */
void job_wait_text(struct job *j, const char *text);

/* Adds (sign 1) or takes back (sign -1) a chunk's counts. */
void job_live_add(struct live_counts *live, const struct run_counts *counts, int sign);
void job_live_read(const struct live_counts *live, struct run_counts *out);
/* Adds what was just done: job_live_add, and to what this process has written. */
void job_live_done(struct live_counts *live, const struct run_counts *counts);

/* Whether what became of the rows adds up to the rows read. */
bool job_sum_holds(const struct run_counts *counts);

#endif
