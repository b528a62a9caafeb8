/* What becomes of one row, caught instead of sent. As a worker does it (items.c, reject.c): the row's table is told first, then the row is
 * mapped, and what cannot be mapped is shown to the plan's on_reject.
 *
 * Not for: which rows are looked at, or what is kept of them (preview.h). */
#ifndef ENGINE_CAPTURE_H
#define ENGINE_CAPTURE_H

#include "engine/job.h"
#include "engine/preview.h"

struct capture;

/* A state of the mapping of table `table` (from 0), as a worker has it: with functions of its own, if the table has any. `other`: the second
 * of two whose results are compared. There functions are called for each row, also where a worker has their results from an earlier
 * one, and pairs() goes through names the other way round. The job must stay. NULL on failure. */
struct capture *capture_new(const struct job *job, int table, bool other, struct error *err);
void capture_free(struct capture *c); /* NULL is fine */

/* Whether a function of the plan has a part in what becomes of the table's rows. */
bool capture_calls_functions(const struct job_table *table);

/* What becomes of a row. *out points into the capture, until its next row. Which tables a `to` that is a template comes to is not asked
 * here: a row whose table has a name has one. */
bool capture_row(struct capture *c, const struct pg_row *row, struct preview_outcome *out, struct error *err);

#endif
