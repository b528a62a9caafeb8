/* Which writes of a request are not done, and what is then answered: a fault holds back the last ones, the model of the capacity
 * (limits.h) those that find no room.
 *
 * As the service answers: what is held back of a batch comes back as UnprocessedItems, without reasons; when the capacity takes nothing of
 * a call, the call fails, with reasons. ConsumedCapacity is told when it is asked for and there is a model. */
#ifndef ENDPOINT_HOLD_H
#define ENDPOINT_HOLD_H

#include "endpoint/batch.h"
#include "endpoint/limits.h"
#include "endpoint/server.h"

struct hold {
    int last;              /* so many of a batch's last operations */
    struct limits *limits; /* may be NULL */
};

/* A batch that is right: says which operations are held back, counts, answers. When all are refused they are all held back. `there` has
 * what each operation finds (limits.h); NULL: nobody knows. */
bool hold_batch(const struct hold *hold, struct catalog *c, const struct batch *b, const struct slice *there,
                bool held[BATCH_MAX], struct answer *a, struct error *err);

/* One PutItem or DeleteItem that is right. answer->applied says whether it is to be done. */
bool hold_one(const struct hold *hold, struct catalog *c, enum operation op, struct slice body, struct slice there,
              struct answer *a, struct error *err);

#endif
