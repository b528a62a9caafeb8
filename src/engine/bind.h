/* Ties a plan to a source: columns and keys are looked up, mappings compiled, key types known, ranges cut, the run's identity told.
 * Not for: the target (targets.h). */
#ifndef ENGINE_BIND_H
#define ENGINE_BIND_H

#include "engine/job.h"
#include "pg/connect.h"

/* Describes every table's source through c and compiles its mapping, into job->tables. ERROR_PLAN for what the source does not have. */
bool bind_tables(struct job *job, struct pg_connection *c, const struct run_options *options, struct error *err);

/* Opens the plan's functions for one worker, in a state of its own, and binds every table, since an item may go to another one's target.
 * NULL on failure: ERROR_PLAN, ERROR_LOCAL. */
struct functions *bind_functions(const struct job *job, enum names_order order, struct error *err);

/* The run's identity as sorted lines "path = value": the plan's, the source's (system, database, relations, used columns with their
 * types; not its address), the target's (endpoint, region). In the job's arena; NULL when memory is out. */
const char *bind_identity(const struct job *job, const struct pg_server *server);

/* Whether a run that began with the identity `was` may go on as `is`; ERROR_PLAN with what has changed if not. */
bool bind_goes_on(const char *was, const char *is, struct arena *a, struct error *err);

/* What differs between two identities, for people: a few lines "path: was X, is Y". In arena a. */
const char *bind_difference(const char *was, const char *is, struct arena *a);

/* An identity without the lines that say what a row becomes: what must be the same for rejected rows to be mapped again. In arena a; NULL
 * when memory is out. */
const char *bind_without_mapping(const char *identity, struct arena *a);

/* The key under which the ledger keeps a run: "" for the full one. */
const char *bind_run_key(const struct run_options *options, struct arena *a);

#endif
