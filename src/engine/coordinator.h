/* The coordinator: it hands out chunks in the run's shuffled order, and a thread that alone owns the ledger while a run goes on records
 * their ends. Workers send it those, and never wait for the disk.
 *
 * Not for: reading or writing rows. */
#ifndef ENGINE_COORDINATOR_H
#define ENGINE_COORDINATOR_H

#include "engine/job.h"

/* Takes over the ledger (NULL: a dry run) until coordinator_finish. `order` are the chunks to do, in the order to do them. */
struct coordinator *coordinator_start(struct job *job, struct ledger *ledger, int64_t run, struct job_chunk *order, int count,
                                      struct error *err);

/* Takes the next chunk; false when all are handed out. Any thread. */
bool coordinator_next(struct coordinator *c, struct job_chunk *out);

/* Ends a chunk. The rejects (and their texts, one malloc'd block each: key, reason, message, item, bound point into `memory`) become
 * the coordinator's. */
struct chunk_reject {
    struct ledger_reject texts;
    char *memory;
};
struct chunk_result {
    struct job_chunk work;
    struct run_counts counts;
    double seconds;
    struct chunk_reject *rejects; /* malloc'd */
    int reject_count;
    bool done; /* false: stopped on the way; only its rejects are kept, to be looked at */
};
void coordinator_end(struct coordinator *c, const struct chunk_result *result);

/* Reports a failure that ends the run: the first one is kept, and everybody is told to stop. */
void coordinator_fail(struct coordinator *c, const struct error *err);

/* Waits until all messages are dealt with, ends the thread and frees it. Returns false with the first failure, if any. */
bool coordinator_finish(struct coordinator *c, struct error *err);

#endif
