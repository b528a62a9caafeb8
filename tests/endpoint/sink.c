#include "endpoint/sink.h"

#include "endpoint/batch.h"
#include "endpoint/store.h"

static bool hold_back(struct slice body, int held_back, struct answer *a, struct error *err) {
    struct batch b;
    if (!batch_read(body, &b, err)) return false;
    int take = held_back < b.count ? b.count - held_back : 0;
    a->items = (size_t)b.count;
    a->applied = (size_t)take;
    return (buffer_append_text(&a->body, "{\"UnprocessedItems\":") && batch_print(&b, take, b.count, &a->body) &&
            buffer_append_text(&a->body, "}")) ||
           error_memory(err, "answering");
}

bool sink_handle(struct catalog *c, const struct request *r, int held_back, struct answer *a, struct error *err) {
    switch (r->op) {
    case OPERATION_BATCH_WRITE_ITEM:
        if (held_back) return hold_back(r->body, held_back, a, err);
        return buffer_append_text(&a->body, "{\"UnprocessedItems\":{}}") || error_memory(err, "answering");
    case OPERATION_PUT_ITEM:
    case OPERATION_DELETE_ITEM: return true;       /* the dispatcher's empty answer */
    default: return store_handle(c, r, 0, a, err); /* finds the tables empty */
    }
}
