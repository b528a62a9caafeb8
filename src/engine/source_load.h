/* Spares the source: asks the server something trivial all the time, and while it answers slowly makes the workers leave gaps between
 * their FETCHes.
 *
 * The gap doubles at each look while the answers are slow and shrinks by an eighth while they are not, so that the load settles where
 * the server just answers in time. Not for: how many connections there are (run.c), or DynamoDB's limits. */
#ifndef ENGINE_SOURCE_LOAD_H
#define ENGINE_SOURCE_LOAD_H

#include "engine/job.h"
#include "pg/connect.h"

struct source_load;

/* Starts the thread that asks over `source`, which nobody else may use until source_load_end. It keeps job->source_gap. A source that
 * fails ends the run through the coordinator. */
struct source_load *source_load_start(struct job *job, struct pg_connection *source, struct error *err);
void source_load_end(struct source_load *l); /* NULL is fine */

/* The next gap, in nanoseconds, after a look at which the answers were slow or not. */
int64_t source_load_gap(int64_t gap, bool slow);

#endif
