/* How much a worker reads at once: rules that a run (reading.c, aside.c), a rehearsal's reader and a play keep alike, so that a play takes
 * the time that the run will. Not for: how it is read (worker_parts.h). */
#ifndef ENGINE_READING_H
#define ENGINE_READING_H

#include <stdbool.h>

/* Cursors open at once. Measured: 48 shuffled chunks reach the table's own limit where key order reaches 0.03 of it. */
#define OPEN_CHUNKS_MAX 48
/* Keys that a chunk waits for at once; older ones are forgotten. */
#define ASIDE_KEYS 4
/* Bytes of rows that one FETCH should bring. Measured: about 64 KB is best; larger results outgrow the cache, smaller ones cost
 * round trips. */
#define FETCH_BYTES (64 * 1024)
/* Rows of any FETCH: after a thousand small rows may come as many of half a megabyte, and a FETCH is held whole. */
#define FETCH_ROWS_MAX 128

/* How many chunks each of so many workers has open while nothing throttles. */
int reading_open_max(int chunks, int workers);

/* How many it may read just now: `open_max` of them, fewer near the end (`left`: chunks that no worker has been given), and as many as
 * there can be while keys throttle (`throttled`: heat_active). */
int reading_open_now(int open_max, int left, int workers, bool throttled);

#endif
