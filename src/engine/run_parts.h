/* The inside of a command that works on rows, for run.c (migrate, create), retry.c and the rehearsal alone. */
#ifndef ENGINE_RUN_PARTS_H
#define ENGINE_RUN_PARTS_H

#include "dynamodb/client.h"
#include "engine/job.h"
#include "engine/pace.h"
#include "engine/progress.h"
#include "pg/connect.h"

/* What one command holds. */
struct session {
    struct job job;
    const struct run_options *options;
    const struct run_listener *listener;
    struct run_summary *summary;  /* of migrate */
    struct ledger *ledger;        /* NULL: a dry run */
    struct pg_connection *source; /* exports the snapshot: open until the last chunk is done */
    struct dynamodb_client *client;
    struct ledger_run run;
    struct pace pace;
    struct control *control; /* NULL: nobody can talk to this run */
    bool ran;                /* its workers were started */
    bool fresh;              /* no chunk of this run was done before */
    int64_t began;
};

void session_notice(const struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Whether the user has asked to stop; then err says so. */
bool session_stopped(struct error *err);

/* The job, in an arena that outlives the session. */
bool session_open_job(struct session *s, const struct plan *plan, struct arena *arena, struct error *err);
/* Connects, exports the snapshot and ties the plan to its source. */
bool session_open_source(struct session *s, struct error *err);
/* Lines that say where the session reads and writes: server, database, user; region and endpoint. Never a password. */
void session_tell_source(const struct session *s);
void session_tell_target(const struct session *s);
/* Cuts a table's source into the ranges that are its chunks, and estimates its rows. */
bool session_ranges(struct session *s, struct job_table *t, struct pg_range **ranges, int *count, struct error *err);
/* When the run began, as the ledger has it: what hlua.started is, also after a resume. Microseconds since 1970. */
int64_t session_started(const struct ledger_run *run);

/* Runs workers until all of `order` is done, or the run stops, and shows the progress. False with why it stopped. */
bool session_run(struct session *s, struct job_chunk *order, int count, struct error *err);

/* Ends everything but the arena. */
void session_close(struct session *s);

#endif
