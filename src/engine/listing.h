/* The target tables of a plan's table whose `to` is a template: the texts that it gives in the source when a run begins, kept in
 * the ledger, so that a resumed run has the same. Not for: which of them a row goes to (route.h), or making them (targets.h). */
#ifndef ENGINE_LISTING_H
#define ENGINE_LISTING_H

#include "engine/job.h"
#include "pg/connect.h"

/* The most tables that one `to` may name: DynamoDB's own quota of tables a region and account (developer guide, "Quotas"). */
#define LISTING_MAX 2500

/* Gives every such table of the job its targets: asked of the source, through c in the run's snapshot, and written to the ledger
 * (NULL: a dry run, or create); or, unless the run is fresh, read from there. ERROR_PLAN for a text that is no table's name, and
 * for too many. */
bool listing_make(struct job *job, struct pg_connection *c, struct ledger *ledger, int64_t run, bool fresh,
                  const struct run_listener *listener, struct error *err);

#endif
