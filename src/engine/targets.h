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

#endif
