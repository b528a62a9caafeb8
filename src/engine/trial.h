/* What a plan makes of one row, caught in memory: the mapper, the table that `to` names, on_reject; as a worker has them.
 *
 * For: the preview. Not for: writing, counting, recording (items.c, reject.c). */
#ifndef ENGINE_TRIAL_H
#define ENGINE_TRIAL_H

#include "engine/job.h"
#include "engine/preview.h"

#define TRIAL_KEY_MAX 600 /* of a row's key as text: as rejects have it */

struct trial;

/* Whether rows of a table may be shown to functions of the plan. */
bool trial_calls_functions(const struct job_table *t);

/* A fresh state of a table's mapping. A table whose `to` is a template takes rows for any table while it has no targets. NULL on failure. */
struct trial *trial_open(const struct job *j, const struct job_table *t, struct error *err);
void trial_free(struct trial *t); /* NULL is fine */

/* Maps a row. *out stays until the next row. False when memory is out. */
bool trial_run(struct trial *t, const struct pg_row *row, struct preview_outcome *out, struct error *err);

/* A copy of an outcome; false when memory is out. */
bool trial_keep(const struct preview_outcome *from, struct arena *a, struct preview_outcome *to);

/* Whether two outcomes are the same bytes. The message of a reject may differ: it may name an address. */
bool trial_same(const struct preview_outcome *a, const struct preview_outcome *b);

#endif
