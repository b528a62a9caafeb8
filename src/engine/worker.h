/* A worker: one thread with its own PostgreSQL connection, mappers and HTTP connections, in one event loop. It is given chunks, reads
 * them by many cursors at once, maps each row into a request, and ends a chunk when every item of it is settled.
 *
 * Files: worker.c (thread and loop), reading.c (chunks, cursors, rows), aside.c (chunks whose keys throttle), items.c (rows into batches,
 * counts), reject.c (rejected rows), narrow.c (rows that the server cannot give); writer.h (batches on their way). */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "engine/coordinator.h"
#include "engine/job.h"

struct worker;

/* Starts worker `number` (from 1): its thread connects to the source itself. NULL with ERROR_LOCAL. */
struct worker *worker_start(struct job *job, int number, struct error *err);

/* Whether its thread has come to an end. Failures were told to the coordinator. */
bool worker_ended(const struct worker *w);

/* Waits for the thread. */
void worker_join(struct worker *w);
void worker_free(struct worker *w); /* NULL is fine */

#endif
