/* What came back for want of capacity: the governor and the view of hot keys are told, one item may be sent alone to learn the reason, and
 * the rest is sent again in pieces that suit the pace, once its keys have cooled. */
#include <string.h>

#include "base/clock.h"
#include "engine/writer_parts.h"

/* --- parts of items --- */

/* Where the items' writes go; an item that cannot be read has none. */
static void read_parts(struct writer *w, const struct request *r, struct parts *out) {
    struct job_table *t = r->target->table;
    struct parts_reader **reader = &w->readers[t - w->job->tables];
    if (*reader == NULL) *reader = parts_reader_new(&t->schema); /* without memory they have none either */
    for (int i = 0; i < r->batch.count; i++) {
        size_t len;
        const char *json = batch_item_json(&r->batch, i, &len);
        if (*reader == NULL || !parts_read(*reader, json, len, &out[i])) out[i].count = 0;
    }
}

void writer_count_keys(struct writer *w, struct request *r, int64_t now) {
    struct parts parts[DYNAMODB_BATCH_ITEMS_MAX];
    uint64_t hot[DYNAMODB_BATCH_ITEMS_MAX];
    if (!heat_active(w->job->pacing->heat)) return;
    read_parts(w, r, parts);
    heat_sent(w->job->pacing->heat, now, r->target->paced, parts, r->batch.count, r->reserved, hot);
    for (int i = 0; i < r->batch.count; i++) {
        if (hot[i]) w->caller.hot(w->caller.context, &r->batch, i, hot[i]);
    }
}

/* --- the governor --- */

int writer_fitting(const struct writer *w, const struct request *r) {
    uint32_t most = governor_request_units(w->job->pacing->governor, r->target->paced), units = 0;
    int count = 0;
    if (r->batch.units <= most) return r->batch.count;
    while (count < r->batch.count && (count == 0 || units < most)) units += r->batch.items[count++].units;
    return count;
}

static void tell(struct writer *w, const struct request *r, uint32_t refused, uint32_t hot, double consumed) {
    if (consumed >= 0) pacing_count_consumed(r->target, consumed, r->asked - refused);
    governor_answered(w->job->pacing->governor, clock_now(),
                      &(struct governor_answer){.table = r->target->paced,
                                                .sent = r->sent,
                                                .units = r->asked,
                                                .taken = r->taken,
                                                .refused = refused,
                                                .hot = hot,
                                                .consumed = consumed});
}

void writer_taken(struct writer *w, const struct request *r, double consumed) {
    tell(w, r, 0, 0, consumed);
}

/* --- the reason --- */

/* The table or index whose limit it was, as struct part numbers them; -1: not known. */
static int resource_of(const struct request *r, const struct dynamodb_failure *f) {
    const struct dynamodb_schema *s = &r->target->schema;
    if (f->index[0] == '\0') return f->limits & DYNAMODB_LIMIT_INDEX ? -1 : PARTS_TABLE;
    for (int i = 0; i < s->index_count; i++) {
        if (strcmp(s->indexes[i].name, f->index) == 0) return i + 1;
    }
    return -1;
}

static void note_key(struct writer *w, const struct request *r, int i, const struct part *part, bool told) {
    size_t len;
    const char *json = batch_item_json(&r->batch, i, &len);
    pacing_note_key(w->job, r->target, part, told, json, len);
}

/* What the reason says of the keys of an item that was refused with it. Nothing came through: it is the same for all. */
static void learn(struct writer *w, const struct request *r, const struct parts *parts, const struct dynamodb_failure *f) {
    struct heat *heat = w->job->pacing->heat;
    int64_t now = clock_now();
    if (f->limits == 0 || (!r->probe && !heat_wants_probe(heat, now))) return;
    for (int i = 0; i < r->batch.count; i++) {
        struct part part;
        if (heat_probed(heat, now, r->target->paced, &parts[i], f->limits, resource_of(r, f), &part) != HEAT_KEY) continue;
        note_key(w, r, i, &part, true);
        return;
    }
}

/* Without a reason: the key of an item that must wait longest. */
static void guess(struct writer *w, const struct request *r, const struct parts *parts) {
    int64_t now = clock_now(), longest = 0;
    int item = -1;
    struct part part = {0};
    for (int i = 0; i < r->batch.count; i++) {
        for (int k = 0; k < parts[i].count; k++) {
            int64_t wait = heat_wait(w->job->pacing->heat, now, parts_bucket(r->target->paced, &parts[i].at[k]));
            if (wait <= longest) continue;
            longest = wait;
            part = parts[i].at[k];
            item = i;
        }
    }
    if (item >= 0) note_key(w, r, item, &part, false);
}

/* --- again --- */

static void wait_again(struct writer *w, struct request *r, const struct parts *parts, int64_t rest, const char *text) {
    int64_t turn = heat_reserve(w->job->pacing->heat, clock_now(), r->target->paced, parts, r->batch.count);
    r->reserved = true;
    writer_push_waiting(w, r, rest > turn ? rest : turn, true, text);
}

/* Sends the first item alone, if that is due; the rest stays. NULL: nothing stays. */
static struct request *probe(struct writer *w, struct request *r, const char *text) {
    if (r->batch.count == 1 || atomic_load(&w->job->pacing->no_probes)) return r;
    if (!heat_wants_probe(w->job->pacing->heat, clock_now())) return r;
    struct request *rest = writer_divide(w, r, 1);
    if (rest == NULL) return r;
    struct request *one = writer_alone(w, r);
    if (one == NULL) one = r;
    one->probe = one != r;
    writer_push_waiting(w, one, 0, true, text);
    return rest;
}

void writer_throttled(struct writer *w, struct request *r, const struct dynamodb_failure *f, double consumed,
                      int64_t retry_after_ms, const char *text) {
    struct parts all[DYNAMODB_BATCH_ITEMS_MAX], *parts = all;
    struct pacing *p = w->job->pacing;
    read_parts(w, r, all);
    uint32_t units = r->batch.units;
    uint32_t hot =
        heat_refused(p->heat, clock_now(), r->sent, r->target->paced, all, r->batch.count, r->reserved, f ? f->limits : 0);
    if (hot > units) hot = units;
    pacing_count(r->target, f, units, hot);
    tell(w, r, units, hot, consumed);
    if (f) learn(w, r, all, f);
    if (hot && !pacing_knows_key(w->job, r->target)) guess(w, r, all);
    if (atomic_load(&w->job->stop)) {
        writer_settle_all(w, r, SETTLED_DROPPED, text);
        return;
    }
    r->attempt++;
    r->probe = false;
    struct request *rest = probe(w, r, text);
    if (rest != r) parts++;
    int64_t least = retry_after_ms > 0 && retry_after_ms < 60000 ? retry_after_ms * CLOCK_MS : 0;
    while (rest) {
        int fitting = writer_fitting(w, rest);
        struct request *more = fitting < rest->batch.count ? writer_divide(w, rest, fitting) : NULL;
        int64_t wait = governor_rest(rest->attempt, clock_jitter());
        int count = rest->batch.count;
        wait_again(w, rest, parts, wait > least ? wait : least, text);
        parts += count;
        rest = more;
    }
}
