/* How fast the run writes: one governor and one view of hot keys for all workers, and what was refused for want of capacity.
 *
 * A table of the governor is a table in DynamoDB: several of the plan may share one. Not for: what rate is asked for (pace.h), when a
 * writer asks and what it does with what is refused (writer_parts.h), how the report words it. */
#ifndef ENGINE_PACING_H
#define ENGINE_PACING_H

#include "dynamodb/failure.h"
#include "dynamodb/governor.h"
#include "dynamodb/heat.h"
#include "engine/job.h"

struct pacing {
    struct governor *governor;
    struct heat *heat;
    int table_count;
    double rate; /* as the governor was told; of the main thread */
    bool paused;
    _Atomic bool no_probes; /* a probe has failed otherwise than for want of capacity: PutItem may not be allowed */
};

/* Makes job->pacing and numbers the targets, which must be all there. ERROR_LOCAL when memory is out. */
bool pacing_start(struct job *job, struct error *err);
void pacing_end(struct job *job);

/* Tells the governor what the job is asked for: its rate, and whether it is paused. For the main thread, again and again. */
void pacing_follow(struct job *job);

/* Counts units that were refused: with a reason (`f`), or as UnprocessedItems; `hot` of them a hot key explains. Any thread. */
void pacing_count(struct job_target *target, const struct dynamodb_failure *f, uint32_t units, uint32_t hot);
/* Notes the key that limits, of an item in DynamoDB JSON: one that a reason has told, or one that is known by what was sent to it, which
 * counts as long as no reason told any. Any thread. */
void pacing_note_key(struct job *job, struct job_target *target, const struct part *part, bool told, const char *json,
                     size_t len);
bool pacing_knows_key(struct job *job, const struct job_target *target);

/* Counts units as the service did, and as they were computed. Any thread. */
void pacing_count_consumed(struct job_target *target, double consumed, uint32_t computed);

/* Fills in what of a table was refused, the pace at which it is written, and what was consumed. */
void pacing_read(struct job *job, const struct job_table *t, struct run_table *out);

#endif
