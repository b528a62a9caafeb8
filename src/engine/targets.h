/* The tables in DynamoDB before the first item: made when absent, compared when present, refused when they hold items not ours. */
#ifndef ENGINE_TARGETS_H
#define ENGINE_TARGETS_H

#include "dynamodb/client.h"
#include "engine/job.h"

/* Connects a client for small calls and settles job->setting and job->endpoint; its waits are told to the
 * listener, which must outlive it. */
struct dynamodb_client *targets_connect(struct job *job, const struct run_listener *listener, struct error *err);

/* Makes and compares all tables. With a ledger, a table that is not its own must be empty (or the plan says existing), and is its own
 * afterwards; unless the run is fresh, it must be the very table that was written before. *created counts the tables made; notices
 * go to the listener. ERROR_TARGET. */
bool targets_prepare(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, int *created, struct error *err);

/* What was found where the items of a plan's table are to go. Texts are in the job's arena. */
struct target_found {
    bool seen;                /* false: an earlier table failed */
    int targets;              /* how many DynamoDB tables it has: one, unless its `to` is a template */
    int exists;               /* how many of them are there */
    bool ours;                /* this ledger has written one */
    int64_t item_count;       /* of all, as of up to six hours ago */
    const char *status, *arn; /* of the last one that is there; may be NULL */
};

/* Judges all tables as targets_prepare does, and makes, claims and writes nothing. `ledger` is open for reading; NULL: there is none yet.
 * `found` has room for all of the job's tables, and is filled up to the first that a run would refuse: ERROR_TARGET. */
bool targets_examine(struct job *job, struct dynamodb_client *client, struct ledger *ledger, bool fresh,
                     const struct run_listener *listener, struct target_found *found, struct error *err);

#endif
