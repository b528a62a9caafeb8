/* Which of its table's targets a row goes to: a worker's own, for a table whose `to` is a template.
 * Not for: what the targets are (listing.h). */
#ifndef ENGINE_ROUTE_H
#define ENGINE_ROUTE_H

#include "engine/job.h"

struct route;

/* For a table whose `to` is a template. NULL when memory is out. */
struct route *route_new(const struct job_table *table);
void route_free(struct route *r); /* NULL is fine */

/* MAP_ITEM with the name that the template gives for a row, valid until the next call; MAP_REJECT: *why says why it gives none; MAP_MEMORY. */
enum map_result route_name(struct route *r, const struct pg_row *row, const char **name, struct map_reject *why);

/* MAP_ITEM with the target of a row, for a table that has its targets; MAP_REJECT: *why says why it has none; MAP_MEMORY. */
enum map_result route_find(struct route *r, const struct pg_row *row, struct job_target **target, struct map_reject *why);

#endif
