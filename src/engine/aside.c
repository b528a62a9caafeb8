/* Chunks put aside: while the keys of a chunk's rows throttle, others are read. */
#include <string.h>

#include "base/clock.h"
#include "engine/pacing.h"
#include "engine/worker_parts.h"

/* How long a chunk is left alone whose table has enough requests that wait for its pace. */
#define TABLE_WAIT (10 * CLOCK_MS)

void aside_note(void *context, const struct batch *batch, int i, uint64_t hot) {
    struct open_chunk *c = ((struct fetched *)batch->items[i].origin)->chunk;
    (void)context;
    for (int k = 0; k < ASIDE_KEYS; k++) {
        if (c->hot[k] == hot) return;
    }
    memmove(c->hot + 1, c->hot, sizeof c->hot - sizeof *c->hot);
    c->hot[0] = hot;
}

int64_t aside_wait(struct worker *w, struct open_chunk *c, int64_t now) {
    const struct job_table *t = c->work.table;
    int64_t longest = 0;
    if (w->job->pacing->table_count > 1 && t->target_count == 1 && writer_held(w->writer, &t->targets[0])) longest = TABLE_WAIT;
    for (int i = 0; i < ASIDE_KEYS; i++) {
        if (c->hot[i] == 0) continue;
        int64_t wait = heat_wait(w->job->pacing->heat, now, c->hot[i]);
        if (wait == 0) c->hot[i] = 0;
        if (wait > longest) longest = wait;
    }
    return longest;
}

bool aside_limited(const struct worker *w) {
    return heat_active(w->job->pacing->heat);
}
