/* The writing half of a worker: requests being filled, sent at the governor's pace, waited for, sent again, split. Items of a table
 * with a condition go alone, each in a PutItem, many at once.
 *
 * One thread, no locks, never blocks. It keeps an item until it is written, refused for a reason, or the run stops. Not for: the
 * connections (lines.h), what an item is made of, or which keys are in flight (items.c). */
#ifndef ENGINE_WRITER_H
#define ENGINE_WRITER_H

#include "dynamodb/batch.h"
#include "engine/job.h"

struct writer;

enum settled {
    SETTLED_WRITTEN,
    SETTLED_SUPERSEDED, /* another item with its key stays, by the table's policy */
    SETTLED_REFUSED,    /* by DynamoDB, for good: message says why */
    SETTLED_DROPPED,    /* the run stops: the item may or may not be there */
};

/* Told of every item exactly once. `batch` and `i` are valid during the call. */
typedef void writer_settled(void *context, struct job_target *target, const struct batch *batch, int i, enum settled how,
                            const char *message);

/* Told of items that go out while keys throttle: `hot` is the key of item i that must be waited for longest (heat_wait). */
typedef void writer_hot(void *context, const struct batch *batch, int i, uint64_t hot);

struct writer_caller {
    writer_settled *settled;
    writer_hot *hot;
    void *context;
};

/* NULL with ERROR_LOCAL when memory or file descriptors are out. */
struct writer *writer_new(struct job *job, struct writer_caller caller, struct error *err);
void writer_free(struct writer *w);

/* Whether more items may be made: false is the back-pressure. */
bool writer_ready(const struct writer *w);
/* Whether so many requests to a table wait for its pace that no more should be made; other tables are not concerned. */
bool writer_held(const struct writer *w, const struct job_target *target);
/* The batch that is being filled for a target, with room for one more item; NULL when memory is out. */
struct batch *writer_batch(struct writer *w, struct job_target *target);
/* To be called after each item: makes the batch ready when it is full, and sends when several are. */
bool writer_added(struct writer *w, struct job_target *target, struct error *err);
/* Makes ready what is being filled, though it is not full. */
bool writer_flush(struct writer *w, struct error *err);
/* Sends everything that is ready and finds a connection: to be called before anything is waited for. */
bool writer_send(struct writer *w, struct error *err);

/* Takes the answers that writer_wake has found, and sends when several requests are ready. False with the failure that ends the
 * run. */
bool writer_step(struct writer *w, struct error *err);
/* Readable when an answer comes: to be polled, before writer_wake. */
int writer_fd(const struct writer *w);
/* Lowers *until (clock_now) to when writer_wake and writer_step must be called in any case. */
void writer_until(const struct writer *w, int64_t *until);
/* Finds out what has come. */
void writer_wake(struct writer *w);

/* Nothing is being filled, sent or waited for. */
bool writer_idle(const struct writer *w);
/* Drops everything that is not on the wire at this moment. */
void writer_drop(struct writer *w);

#endif
