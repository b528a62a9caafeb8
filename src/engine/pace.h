/* How fast a run is asked to write, in write units a second, indexes included: by `control wcu` if that was said, else by the caller
 * (--wcu, or the plan's write_units, which may be a function of the clock and is asked again every second).
 *
 * Not for: keeping the rate (dynamodb/governor.h). Used by the main thread alone. */
#ifndef ENGINE_PACE_H
#define ENGINE_PACE_H

#include "engine/job.h"

struct pace {
    const struct run_listener *listener;
    int64_t next; /* clock_now() when the caller is asked again */
};

/* Sets job->write_units, at most once a second, and tells the governor of it and of a pause. False with what the caller's own function failed with. */
bool pace_keep(struct pace *p, struct job *job, struct error *err);

#endif
