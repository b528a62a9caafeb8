#include "endpoint/sink.h"

#include "endpoint/batch.h"
#include "endpoint/store.h"

static bool take_batch(struct catalog *c, struct slice body, const struct hold *hold, struct answer *a, struct error *err) {
    struct batch b;
    bool held[BATCH_MAX];
    if (!hold->last && !hold->limits)
        return buffer_append_text(&a->body, "{\"UnprocessedItems\":{}}") || error_memory(err, "answering");
    return batch_read(body, &b, err) && hold_batch(hold, c, &b, held, a, err);
}

bool sink_handle(struct catalog *c, const struct request *r, const struct hold *hold, struct answer *a, struct error *err) {
    switch (r->op) {
    case OPERATION_BATCH_WRITE_ITEM: return take_batch(c, r->body, hold, a, err);
    case OPERATION_PUT_ITEM:
    case OPERATION_DELETE_ITEM:
        return !hold->limits || hold_one(hold, c, r->op, r->body, a, err); /* without: the dispatcher's empty answer */
    default: return store_handle(c, r, hold, a, err);                      /* finds the tables empty */
    }
}
