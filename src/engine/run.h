/* What a command asks of the engine: make the targets, migrate, tell where a run stands. Called from the main thread; workers and
 * the coordinator are the engine's own. Not for: reports (Lua writes them from these numbers). */
#ifndef ENGINE_RUN_H
#define ENGINE_RUN_H

#include <stdint.h>

#include "base/error.h"
#include "engine/plan.h"

struct run_options {
    const char *ledger; /* a file; NULL: .hlua/<plan name>.db beside the plan */
    const char *where;  /* an SQL condition that narrows every table: a run of its own; or NULL */
    int64_t limit;      /* rows of each table: a run of its own; 0: all */
    int jobs;           /* workers; 0: as many as processors */
    bool restart;       /* forget the chunks of an earlier run of this plan and begin again */
    bool dry_run;       /* read and map everything, write nothing, keep nothing in the ledger */
};

/* Counts of one table over all resumes of the run. In rows:
 * read = written + rejected + filtered + superseded. */
struct run_counts {
    int64_t rows_read, rows_written, rows_rejected, rows_filtered, rows_superseded;
    int64_t items_written;
    int64_t bytes;       /* of the items written, by DynamoDB's size rule */
    int64_t write_units; /* by the size rule, indexes included */
};

/* For which want of capacity write units were refused. */
enum run_refusal {
    RUN_REFUSED_UNSAID,    /* came back unprocessed, which tells no reason */
    RUN_REFUSED_HOT_KEY,   /* the same, and a key had been sent as much as its partition takes */
    RUN_REFUSED_OTHER,     /* another reason than those below */
    RUN_REFUSED_BY_REASON, /* DynamoDB's ThrottlingReasons: for each limit the table's, then an index's */
};
#define RUN_REFUSAL_LIMITS 4
#define RUN_REFUSALS (RUN_REFUSED_BY_REASON + 2 * RUN_REFUSAL_LIMITS)
/* UnprocessedItems, HotKey, Other, TableWriteKeyRangeThroughputExceeded, ... */
const char *run_refusal_name(enum run_refusal kind);

/* The partition key that limits: the last one that a reason has told, else one that was sent as much as its partition takes. */
struct run_limiting_key {
    bool known, told;
    char index[256]; /* empty: the table's own key */
    char value[256]; /* its beginning, if it is longer */
};

struct run_throttling {
    int64_t refused[RUN_REFUSALS]; /* write units; sent again since */
    double pace;                   /* units a second, while the table's own limit is known; 0: it is not */
    struct run_limiting_key key;
};

/* What DynamoDB counted, in write units. It is asked while a rate is asked for. */
struct run_consumed {
    int64_t units;    /* as it said */
    int64_t computed; /* of the same writes, as computed; 0: it has said nothing */
};

/* What this process has written, whatever became of the chunks. */
struct run_this_time {
    int64_t items, units;
    int64_t unfinished; /* items of chunks that are not done: written again when the run goes on; 0 before its end */
};

struct run_table {
    const char *name, *from, *to; /* from NULL: a query */
    bool templated;               /* `to` is a template, and `targets` are its tables; not told while a run goes on */
    const char *const *targets;
    int target_count;
    struct run_counts counts;
    double seconds;        /* of this process; 0 in a status */
    double rows_estimated; /* of the whole source, as the server guesses */
    int chunks, chunks_done;
    int snapshots;                    /* how many snapshots its chunks were read in */
    struct run_throttling throttling; /* of this process; none in a status */
    struct run_consumed consumed;     /* the same */
    struct run_this_time this_time;   /* the same */
};

/* What is shown while a run goes on. Rates are of the last seconds. */
struct run_table_progress {
    struct run_table table; /* counts include the chunks under way */
    double done;            /* 0..1 */
    double items_per_second, units_per_second;
    double eta_seconds; /* negative: unknown */
    int64_t in_flight;  /* items sent and not yet answered */
    int64_t retries;    /* items sent again */
};

struct run_progress {
    const char
        *state; /* migrating, retrying, sparing the source, paused, throttled, waiting for the target, stopping; at the end done
                         * or stopped */
    const char *detail; /* e.g. the last error that is being retried and for how long; may be empty */
    double write_units; /* asked for, a second, of all tables together; 0: no rate is */
    double elapsed_seconds;
    double snapshot_age_seconds;
    const struct run_table_progress *tables;
    int table_count;
};

/* What the caller wants to hear, on the thread that called. Each may be NULL. */
struct run_listener {
    void *context;
    void (*notice)(void *context, const char *text); /* a warning, or a fact worth a line */
    /* How many write units a second to write at most; asked before the first write and then every second. 0: find the limit. False: the
     * plan's own function failed, and the run is to stop. */
    bool (*write_units)(void *context, int64_t *out, struct error *err);
    void (*progress)(void *context, const struct run_progress *p); /* about four times a second */
};

enum run_outcome {
    RUN_DONE,         /* every chunk is done */
    RUN_ALREADY_DONE, /* it was finished before: nothing was written */
    RUN_STOPPED,      /* by an error or an interrupt: err says which; resumable */
};

struct run_summary {
    enum run_outcome outcome;
    struct run_table *tables; /* in the plan's order; in the arena */
    int table_count;
    int64_t rejects; /* rows that `rejects` lists; those of chunks that are not done among them */
    int resumes;     /* how often the run was taken up again before */
    bool sum_holds;  /* every table's sum adds up */
    struct arena *arena;
};

/* Makes the tables that are not there and compares those that are. *created gets how many were made. */
bool run_create(const struct plan *plan, const struct run_listener *listener, int *created, struct error *err);

/* Creates what is missing, reads, maps, writes. True when every chunk is done (rows may have been rejected: see rejects).
 * The summary is filled as far as known in any case (outcome, tables may be 0); run_summary_free it. */
bool run_migrate(const struct plan *plan, const struct run_options *options, const struct run_listener *listener,
                 struct run_summary *summary, struct error *err);
void run_summary_free(struct run_summary *summary);

/* Asks a run to stop: it finishes what is in flight, saves and returns ERROR_INTERRUPTED. Safe in a signal handler. */
void run_stop(void);
/* The same, asked by `control`: the error says so. */
void run_stop_by_control(void);
/* The flag that both set; for waits elsewhere (dynamodb client). */
extern volatile int run_stopping;

/* What became of a table's rejected rows that were read again. In rows: listed = read + gone + open + unknown, and
 * read = written + rejected + filtered + superseded; only when the retry was stopped are some of neither. */
struct run_retry_table {
    const char *name;
    struct run_counts counts; /* rows_read: those that the source still has */
    int64_t listed;           /* rejects before */
    int64_t gone;             /* the source has them no more: they stay listed, and say so */
    int64_t open;             /* of chunks that are not done: a resume reads those again */
    int64_t unknown;          /* whose key cannot be asked for: the source has none, or the ledger is older than retries */
};

struct run_retry {
    struct run_retry_table *tables; /* in the plan's order; 0: nothing was rejected */
    int table_count;
    bool mapping_changed; /* since the run began */
    int64_t left;         /* rows that are rejected now */
    double seconds;
    struct arena *arena;
};

/* Reads the rejected rows of a run's done chunks again, in a new snapshot, maps them as the plan says today and writes them; what became
 * of them corrects the run's counts. The mapping may have changed, source and target must be the same. True when all that could be asked
 * for were read (some may be rejected again); otherwise what is done stays done. Fills `out` as far as known in any case;
 * run_retry_free it. */
bool run_retry(const struct plan *plan, const struct run_options *options, const struct run_listener *listener,
               struct run_retry *out, struct error *err);
void run_retry_free(struct run_retry *out);

/* Asks the migration that runs this plan now: "status", "pause", "resume", "stop", "wcu 2000". Appends its answer, a JSON object (engine/control.h).
 * ERROR_LOCAL, code "absent": none listens. */
struct buffer;
bool run_control(const struct plan *plan, const struct run_options *options, const char *request, struct buffer *answer,
                 struct error *err);

/* What the ledger says of a run, also while another process runs it. */
struct run_retried {
    const char *began, *ended; /* ISO, UTC; ended NULL: it was stopped on the way */
    bool mapping_changed;      /* since the run began */
    struct run_counts counts;  /* of the rows that the source still had */
    int64_t gone;
};
struct run_status {
    bool found;   /* there is a ledger and a run in it */
    bool running; /* a live process holds it */
    long owner_pid;
    char owner_host[128];
    char started[32], updated[32]; /* ISO, UTC */
    bool finished;
    struct run_retried *retries; /* each time that rejected rows were read again; in the summary's arena */
    int retry_count;
    struct run_summary summary;
};
bool run_status_read(const struct plan *plan, const struct run_options *options, struct run_status *out, struct error *err);

/* The rejected rows of a plan's run, in order of table and chunk; `each` returns false to stop. */
struct run_reject {
    const char *table;  /* the plan table's name */
    const char *key;    /* of the source row: LogId=17 */
    const char *reason; /* a stable word: one of REJECT_ in mapping/mapper.h */
    const char *message;
    const char *item; /* DynamoDB JSON as far as it got, its first 16 KB; may be empty */
    const char *at;   /* when, ISO UTC */
};
bool run_rejects(const struct plan *plan, const struct run_options *options,
                 bool (*each)(void *context, const struct run_reject *r), void *context, struct error *err);

#endif
