/* The items of a worker: from the mapper into batches, put aside while their keys are in flight, settled, counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/worker_parts.h"

static struct run_counts *delta_of(struct worker *w, const struct open_chunk *c) {
    return &w->delta[c->work.table - w->job->tables];
}

/* --- rows that may become other than one item --- */

int items_take_track(struct worker *w, struct fetched *f, int row) {
    if (w->track_free < 0) {
        int count = w->track_count ? w->track_count * 2 : 64;
        struct row_track *more = realloc(w->tracks, (size_t)count * sizeof *more);
        if (more == NULL) return -1;
        for (int i = w->track_count; i < count; i++) more[i].next_free = i + 1 < count ? i + 1 : -1;
        w->track_free = w->track_count;
        w->tracks = more;
        w->track_count = count;
    }
    int i = w->track_free;
    w->track_free = w->tracks[i].next_free;
    w->tracks[i] = (struct row_track){.from = f, .row = row, .pending = 1};
    return i;
}

static void count_written_row(struct worker *w, struct open_chunk *c) {
    c->counts.rows_written++;
    delta_of(w, c)->rows_written++;
}

static void count_superseded_row(struct worker *w, struct open_chunk *c) {
    c->counts.rows_superseded++;
    delta_of(w, c)->rows_superseded++;
}

/* One thing less is pending of a row: when it was the last, the row is counted, unless it was as rejected. */
static void release_track(struct worker *w, int i) {
    struct row_track *t = &w->tracks[i];
    if (--t->pending > 0) return;
    struct open_chunk *c = t->from->chunk;
    if (!t->rejected && t->written > 0) count_written_row(w, c);
    if (!t->rejected && t->written == 0 && t->superseded > 0) count_superseded_row(w, c);
    t->next_free = w->track_free;
    w->track_free = i;
}

/* A batch item's `place` is the row in its FETCH, or, for a tracked row, the track: below 0. */
static int64_t track_place(int track) {
    return -1 - (int64_t)track;
}

/* --- the sink --- */

/* One key in two tables is two keys. The odd factor (2^64 / golden ratio) spreads what the seed has changed. */
static uint64_t inflight_key(const struct job_target *t, uint64_t key) {
    return (key ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Whether an item with this key waits already, before `end`: of the rows of one key the last one read is to be written last. */
static bool waits_already(const struct worker *w, uint64_t key, const struct deferred *end) {
    for (const struct deferred *d = w->deferred; d != end; d = d->next) {
        if (inflight_key(d->target, d->item.key) == key) return true;
    }
    return false;
}

/* Puts an item aside whose key is in flight. Rare, so it may allocate. */
static bool defer(struct worker *w, struct job_target *target, const struct batch_item *item, const char *json, size_t len,
                  struct error *err) {
    struct deferred *d = malloc(sizeof *d + len);
    if (d == NULL) return error_memory(err, "putting an item aside");
    *d = (struct deferred){.target = target, .item = *item, .len = len};
    memcpy(d->json, json, len);
    *w->deferred_end = d;
    w->deferred_end = &d->next;
    w->deferred_count++;
    return true;
}

static struct buffer *sink_open(struct item_sink *self, int table) {
    struct worker_sink *s = (struct worker_sink *)self;
    struct job_table *t = &s->worker->job->tables[table];
    s->target = t == s->table ? s->routed : &t->targets[0];
    s->batch = writer_batch(s->worker->writer, s->target);
    s->cancelled = false;
    if (s->batch == NULL || !batch_open_item(s->batch, &s->mark)) return NULL;
    s->start = s->batch->body.len;
    return &s->batch->body;
}

/* Counts an item that was written; in a dry run, one that would be. */
static void count_item(struct worker *w, struct open_chunk *c, uint32_t size, uint32_t units) {
    struct run_counts *both[] = {&c->counts, delta_of(w, c)};
    for (int i = 0; i < 2; i++) {
        both[i]->items_written++;
        both[i]->bytes += size;
        both[i]->write_units += units;
    }
}

/* An item of these rows is under way, until it is settled. */
static void hold_rows(struct worker *w, struct fetched *f, int track) {
    f->refs++;
    f->chunk->pending++;
    if (track >= 0) w->tracks[track].pending++;
}

static void sink_keyed(struct item_sink *self, uint64_t key) {
    struct worker_sink *s = (struct worker_sink *)self;
    inflight_expect(s->worker->job->inflight, inflight_key(s->target, key));
}

static bool sink_close(struct item_sink *self, const struct mapped_item *mapped) {
    struct worker_sink *s = (struct worker_sink *)self;
    struct worker *w = s->worker;
    struct fetched *f = w->current;
    struct batch_item entry = {.key = mapped->key,
                               .size = mapped->size,
                               .units = mapped->units,
                               .origin = f,
                               .place = s->track < 0 ? w->row : track_place(s->track)};
    if (w->job->dry_run) {
        count_item(w, f->chunk, mapped->size, mapped->units);
        batch_cancel_item(s->batch, s->mark);
        return true;
    }
    uint64_t key = inflight_key(s->target, mapped->key);
    if (waits_already(w, key, NULL) || !inflight_take(w->job->inflight, key, w->number)) {
        bool ok = defer(w, s->target, &entry, s->batch->body.data + s->start, s->batch->body.len - s->start, s->err);
        batch_cancel_item(s->batch, s->mark);
        if (ok) hold_rows(w, f, s->track);
        return ok;
    }
    if (!batch_close_item(s->batch, s->mark, &entry)) {
        inflight_give(w->job->inflight, key, w->number);
        return error_memory(s->err, "adding an item");
    }
    hold_rows(w, f, s->track);
    return writer_added(w->writer, s->target, s->err);
}

static void sink_cancel(struct item_sink *self) {
    ((struct worker_sink *)self)->cancelled = true; /* taken back once its reject is recorded */
}

void items_prepare(struct worker *w) {
    w->sink = (struct worker_sink){.sink = {.open = sink_open, .keyed = sink_keyed, .close = sink_close, .cancel = sink_cancel},
                                   .worker = w};
    w->track_free = -1;
}

/* --- one row --- */

/* A row that became other than one item is counted here when nothing of it is pending; a dry run counts every row here. */
static void count_row(struct worker *w, enum map_result result) {
    struct open_chunk *c = w->current->chunk;
    struct run_counts *both[] = {&c->counts, delta_of(w, c)};
    for (int i = 0; i < 2; i++) {
        if (result == MAP_FILTERED) both[i]->rows_filtered++;
        if (result == MAP_ITEM && w->job->dry_run) both[i]->rows_written++;
    }
}

/* Tells the row's target, then maps it. */
static enum map_result map_row(struct worker *w, struct row_mapper *mapper, const struct pg_row *row, struct map_reject *why) {
    struct worker_sink *s = &w->sink;
    s->table = w->current->chunk->work.table;
    struct route *route = w->routes[s->table - w->job->tables];
    enum map_result found = MAP_ITEM;
    if (route == NULL) {
        s->routed = &s->table->targets[0];
    } else {
        found = route_find(route, row, &s->routed, why);
        if (found != MAP_ITEM) s->routed = NULL;
    }
    return found == MAP_ITEM ? mapper->map(mapper, row, &s->sink, why) : found;
}

bool items_map_row(struct worker *w, struct row_mapper *mapper, const struct pg_row *row, struct error *err) {
    struct open_chunk *c = w->current->chunk;
    struct map_reject why;
    w->sink.err = err;
    w->sink.cancelled = false;
    w->sink.track = mapper->many && !w->job->dry_run ? items_take_track(w, w->current, w->row) : -1;
    if (mapper->many && !w->job->dry_run && w->sink.track < 0) return error_memory(err, "mapping a row");
    c->counts.rows_read++;
    delta_of(w, c)->rows_read++;
    enum map_result result = map_row(w, mapper, row, &why);
    if (result == MAP_MEMORY) return error_memory(err, "mapping a row");
    if (result == MAP_STOP) return false;
    bool ok = true;
    if (result == MAP_REJECT) ok = reject_mapped(w, row, &why, &result, err);
    count_row(w, result);
    if (w->sink.track >= 0) release_track(w, w->sink.track);
    return ok;
}

/* --- later --- */

bool items_deferred(struct worker *w, struct error *err) {
    struct deferred **link = &w->deferred;
    while (*link) {
        struct deferred *d = *link;
        if (!writer_ready(w->writer)) return true;
        uint64_t key = inflight_key(d->target, d->item.key);
        if (waits_already(w, key, d) || !inflight_take(w->job->inflight, key, w->number)) {
            link = &d->next;
            continue;
        }
        struct batch *batch = writer_batch(w->writer, d->target);
        struct job_target *target = d->target;
        if (batch == NULL || !batch_add(batch, &d->item, d->json, d->len)) {
            inflight_give(w->job->inflight, key, w->number);
            return error_memory(err, "adding an item"); /* it stays, for items_drop */
        }
        *link = d->next;
        if (*link == NULL) w->deferred_end = link;
        w->deferred_count--;
        free(d);
        if (!writer_added(w->writer, target, err)) return false;
    }
    return true;
}

void items_drop(struct worker *w) {
    while (w->deferred) {
        struct deferred *d = w->deferred;
        struct fetched *f = d->item.origin;
        w->deferred = d->next;
        f->chunk->pending--;
        f->chunk->broken = true;
        reading_unref(w, f);
        free(d);
    }
    w->deferred_end = &w->deferred;
    w->deferred_count = 0;
}

static void refused(struct worker *w, const struct batch *batch, int i, int row, const char *message) {
    size_t len;
    struct error err;
    struct fetched *f = batch->items[i].origin;
    const char *json = batch_item_json(batch, i, &len);
    if (reject_row(w, f, row, REJECT_TARGET, message, json, len, &err)) return;
    f->chunk->broken = true; /* perhaps it was not recorded */
    coordinator_fail(w->job->coordinator, &err);
}

#define SETTLED_NEXT 8 /* the place of the key of the item so many behind is asked for already: they all are settled in one go */

void items_settled(void *context, struct job_target *target, const struct batch *batch, int i, enum settled how,
                   const char *message) {
    struct worker *w = context;
    const struct batch_item *item = &batch->items[i];
    struct fetched *f = item->origin;
    struct open_chunk *c = f->chunk;
    int track = item->place < 0 ? (int)(-1 - item->place) : -1;
    if (i + SETTLED_NEXT < batch->count) inflight_expect(w->job->inflight, inflight_key(target, item[SETTLED_NEXT].key));
    inflight_give(w->job->inflight, inflight_key(target, item->key), w->number);
    switch (how) {
    case SETTLED_WRITTEN:
        count_item(w, c, item->size, item->units);
        if (track >= 0) {
            w->tracks[track].written++;
            break;
        }
        count_written_row(w, c);
        break;
    case SETTLED_SUPERSEDED:
        if (track >= 0) {
            w->tracks[track].superseded++;
            break;
        }
        count_superseded_row(w, c);
        break;
    case SETTLED_REFUSED:
        if (track >= 0 && w->tracks[track].rejected) break;
        refused(w, batch, i, track < 0 ? (int)item->place : w->tracks[track].row, message);
        if (track >= 0) w->tracks[track].rejected = true;
        break;
    case SETTLED_DROPPED: c->broken = true; break;
    }
    if (track >= 0) release_track(w, track);
    c->pending--;
    reading_unref(w, f);
}
