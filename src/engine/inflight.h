/* The keys that are being written now, by any worker: two operations on one key are never in flight together.
 *
 * A fixed-size table of 64-bit hashes, shared by all workers without a lock. Two different keys with the same hash wait for each other,
 * which costs time and nothing else. */
#ifndef ENGINE_INFLIGHT_H
#define ENGINE_INFLIGHT_H

#include <stdbool.h>
#include <stdint.h>

struct inflight;

/* Sized for a number of workers. NULL when memory is out. */
struct inflight *inflight_new(int workers);
void inflight_free(struct inflight *t);

/* Workers are numbered from 1. */
#define INFLIGHT_WORKERS_MAX 255

/* The key will soon be taken: its part of the table, which other processors write, is asked for. (0.15 us a row without, 0.01 with.) */
void inflight_expect(struct inflight *t, uint64_t key);
/* Takes a key for a worker; false when somebody holds it, or its part of the table is full: try again later. */
bool inflight_take(struct inflight *t, uint64_t key, int worker);
/* Gives back a key that this worker took. */
void inflight_give(struct inflight *t, uint64_t key, int worker);

#endif
