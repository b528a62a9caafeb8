/* What a run looks like while it goes on: rates of the last seconds, shares, time to go; from the counters that workers keep. */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include "engine/job.h"

struct progress;

/* NULL when memory is out. `listener` may be NULL: then nobody is told. */
struct progress *progress_new(struct job *job, const struct run_listener *listener);
void progress_free(struct progress *p); /* NULL is fine */

/* What was found at the last look, which progress_tell takes four times a second. Its state is progress_state's of that moment. */
const struct run_progress *progress_last(const struct progress *p);

/* What the run is doing now, in a word or two: migrating, paused, throttled, ... */
const char *progress_state(const struct job *j);

/* Tells the listener, at most four times a second unless `now`. `state` NULL: found from the counters. */
void progress_tell(struct progress *p, const char *state, bool now);

#endif
