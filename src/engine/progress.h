/* What a run looks like while it goes on: rates of the last seconds, shares, time to go; from the counters that workers keep. */
#ifndef ENGINE_PROGRESS_H
#define ENGINE_PROGRESS_H

#include "engine/job.h"

struct progress;

/* NULL when memory is out. `listener` may be NULL: then nothing is told. */
struct progress *progress_new(struct job *job, const struct run_listener *listener);
void progress_free(struct progress *p); /* NULL is fine */

/* Tells the listener, at most four times a second unless `now`. `state` NULL: found from the counters. */
void progress_tell(struct progress *p, const char *state, bool now);

#endif
