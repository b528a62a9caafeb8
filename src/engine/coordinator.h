/* The coordinator: a thread that alone owns the ledger while a run goes on. Workers send it messages and never wait for the disk.
 *
 * It hands out chunks in the run's shuffled order and ends them in the ledger. Not for: reading or writing rows. */
#ifndef ENGINE_COORDINATOR_H
#define ENGINE_COORDINATOR_H

#include "engine/job.h"

/* Where a worker finds what the coordinator gave it. `wake` is an eventfd to poll. */
#define MAILBOX_CHUNKS 64 /* no worker asks for more at once (worker_parts.h proves it) */
struct mailbox {
    pthread_mutex_t lock;
    int wake;
    struct job_chunk chunks[MAILBOX_CHUNKS];
    int count;
    bool no_more; /* all chunks are handed out */
};
bool mailbox_init(struct mailbox *m, struct error *err);
void mailbox_free(struct mailbox *m);
/* Takes one chunk; false when none is there. *no_more tells whether any will come. */
bool mailbox_take(struct mailbox *m, struct job_chunk *out, bool *no_more);

/* Takes over the ledger (NULL: a dry run) until coordinator_finish. `order` are the chunks to do, in the order to do them. */
struct coordinator *coordinator_start(struct job *job, struct ledger *ledger, int64_t run, struct job_chunk *order, int count,
                                      struct error *err);

/* Asks for one more chunk, which comes to the mailbox. */
void coordinator_want(struct coordinator *c, struct mailbox *m);

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
