/* What the threads of one run share. Everything but the atomics is set before the first worker starts and read-only afterwards.
 * Not for: what belongs to one worker (worker.h) or to the ledger (coordinator.h). */
#ifndef ENGINE_JOB_H
#define ENGINE_JOB_H

#include <pthread.h>
#include <stdatomic.h>

#include "aws/credentials.h"
#include "aws/http.h"
#include "engine/inflight.h"
#include "engine/ledger.h"
#include "engine/plan.h"
#include "engine/run.h"
#include "mapping/program.h"

/* Counts of one table as they happen, for progress: done chunks of earlier runs are in them from the start. */
struct live_counts {
    _Atomic int64_t rows_read, rows_written, rows_rejected, rows_filtered, rows_superseded;
    _Atomic int64_t items_written, bytes, write_units;
    _Atomic int64_t in_flight, retries;
};

struct job_table {
    const struct plan_table *plan;
    struct pg_source_spec spec; /* the plan's, narrowed by --where */
    struct pg_source *source;
    struct dynamodb_schema schema; /* the plan's, key types bound */
    const struct program *program;
    int mapped_columns; /* the first ones of those selected: what the mapping sees */
    bool resumable;
    double rows_estimated;
    uint64_t seed; /* of the keys' hashes: a target has its own */
    struct ledger_chunk *chunks;
    int chunk_count;
    struct live_counts live;
    _Atomic int chunks_done;
};

/* One chunk of work, as the coordinator hands it out. */
struct job_chunk {
    struct job_table *table;
    const struct ledger_chunk *chunk;
};

struct coordinator;

struct job {
    const struct plan *plan;
    struct arena *arena;
    const char *snapshot_id, *horizon;
    int64_t exported; /* clock_now() when the snapshot was exported: it holds back vacuum since then */
    int64_t started;  /* hlua.started: microseconds since 1970, when the run began */
    int64_t limit;    /* rows of each table; 0: all */
    bool dry_run;
    int workers;
    struct aws_setting setting;
    struct http_endpoint endpoint;
    struct job_table *tables;
    int table_count;
    struct inflight *inflight;
    struct coordinator *coordinator;

    _Atomic bool stop;             /* wind down: no more reading, finish what is in flight */
    _Atomic bool paused;           /* by control: nothing new is sent until it says resume */
    _Atomic int64_t write_units;   /* asked for, a second, of the whole run, indexes included; 0: none, the run finds the limit */
    _Atomic int64_t control_units; /* what `control wcu` said; 0: nothing */
    _Atomic int64_t source_gap;    /* ns that a worker waits between two FETCHes, to spare the source */
    _Atomic int64_t source_took;   /* ns that the source's last answer to a trivial query took */
    _Atomic int64_t clock_offset;  /* seconds to add to our clock for signatures */
    _Atomic int waiting;           /* requests that wait to be sent again */
    _Atomic int throttled;         /* those of them that were throttled */
    pthread_mutex_t wait_lock;     /* guards the text, written at failures only */
    char wait_text[400];           /* what is being waited for, for people */
};

/* Says, for progress, what requests are waiting for. */
void job_wait_text(struct job *j, const char *text);

/* Adds (sign 1) or takes back (sign -1) a chunk's counts. */
void job_live_add(struct live_counts *live, const struct run_counts *counts, int sign);
void job_live_read(const struct live_counts *live, struct run_counts *out);

/* Whether what became of the rows adds up to the rows read. */
bool job_sum_holds(const struct run_counts *counts);

#endif
