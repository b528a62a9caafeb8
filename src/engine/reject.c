/* The rejected rows of a worker: what the plan's on_reject makes of them, and their record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/worker_parts.h"

/* As much of a rejected row's item is kept as shows what it is: a thousand rejects of half a megabyte must not fill memory and ledger. */
#define REJECT_ITEM_MAX (16 * 1024)
#define REJECT_KEY_MAX 600
/* A row's key as a boundary. A key of an index has 2,712 bytes at most, but its texts may be compressed there. */
#define REJECT_BOUND_MAX (64 * 1024)

/* --- the record --- */

static bool too_many(const struct worker *w, const struct open_chunk *c, struct error *err) {
    const struct job_table *table = c->work.table;
    int64_t all = table->live.rows_rejected + w->delta[table - w->job->tables].rows_rejected;
    if (w->job->retrying || all <= table->plan->max_rejects) return false;
    error_set(err, ERROR_REJECTS, "table %s: more than %lld rows were rejected", table->plan->name,
              (long long)table->plan->max_rejects);
    error_hint(err, "see why with: hlua %s rejects; then mend the plan or the rows, or raise max_rejects", w->job->plan->file);
    return true;
}

static bool make_room(struct open_chunk *c) {
    if (c->reject_count < c->reject_room) return true;
    int room = c->reject_room ? c->reject_room * 2 : 8;
    struct chunk_reject *more = realloc(c->rejects, (size_t)room * sizeof *more);
    if (more == NULL) return false;
    c->rejects = more;
    c->reject_room = room;
    return true;
}

/* Copies a text behind those that are there; returns where the next one goes. */
static char *put(char *to, const char *text, size_t n, const char **out) {
    if (n) memcpy(to, text, n);
    to[n] = '\0';
    *out = to;
    return to + n + 1;
}

static size_t item_length(const char *json, size_t len) {
    if (len <= REJECT_ITEM_MAX) return len;
    len = REJECT_ITEM_MAX;
    while (len && ((unsigned char)json[len] & 0xc0) == 0x80) len--; /* no character is cut in two */
    return len;
}

bool reject_record(struct worker *w, struct open_chunk *c, const struct ledger_reject *r, size_t item_len, struct error *err) {
    size_t key = strlen(r->key), reason = strlen(r->reason), message = strlen(r->message),
           bound = r->bound ? strlen(r->bound) : 0;
    item_len = item_length(r->item, item_len);
    char *memory = make_room(c) ? malloc(key + reason + message + bound + item_len + 5) : NULL;
    if (memory == NULL) return error_memory(err, "recording a rejected row");
    struct chunk_reject *kept = &c->rejects[c->reject_count++];
    kept->memory = memory;
    char *at = put(memory, r->key, key, &kept->texts.key);
    at = put(at, r->reason, reason, &kept->texts.reason);
    at = put(at, r->message, message, &kept->texts.message);
    at = put(at, r->item, item_len, &kept->texts.item);
    put(at, r->bound, bound, &kept->texts.bound);
    if (r->bound == NULL) kept->texts.bound = NULL;
    c->counts.rows_rejected++;
    w->delta[c->work.table - w->job->tables].rows_rejected++;
    return !too_many(w, c, err);
}

/* The key of a row; in fields of its own, since another one may be half mapped while an item of this one is refused. */
static struct pg_row view_of(struct worker *w, const struct fetched *f, int row) {
    struct pg_row view = {.fields = w->key_fields};
    pg_source_selected(f->chunk->work.table->source, &view.count);
    keys_find(f, row, w->key_fields);
    return view;
}

static void row_key(struct worker *w, const struct fetched *f, int row, char key[REJECT_KEY_MAX]) {
    struct pg_row view = view_of(w, f, row);
    pg_source_key_text(f->chunk->work.table->source, &view, key, REJECT_KEY_MAX);
}

bool reject_row(struct worker *w, const struct fetched *f, int row, const char *reason, const char *message, const char *json,
                size_t len, struct error *err) {
    char key[REJECT_KEY_MAX];
    struct buffer bound;
    struct pg_row view = view_of(w, f, row);
    const struct pg_source *source = f->chunk->work.table->source;
    buffer_init(&bound, REJECT_BOUND_MAX);
    pg_source_key_text(source, &view, key, sizeof key);
    bool known = pg_source_key_bound(source, &view, &bound);
    struct ledger_reject r = {.key = key, .reason = reason, .message = message, .item = json, .bound = known ? bound.data : NULL};
    bool ok = reject_record(w, f->chunk, &r, len, err);
    buffer_free(&bound);
    return ok;
}

/* --- rows that cannot be mapped --- */

/* The item as far as it got, taken out of its batch into `out`: what is made instead of it may go there. */
static bool take_item(struct worker_sink *s, struct buffer *out, struct error *err) {
    if (!s->cancelled) return true;
    size_t len = s->batch->body.len - s->start;
    const char *json = s->batch->body.data + s->start;
    bool ok =
        len == 0 || (buffer_append(out, json, item_length(json, len)) && (len > REJECT_ITEM_MAX || buffer_append(out, "}", 1)));
    batch_cancel_item(s->batch, s->mark);
    s->cancelled = false;
    return ok || error_memory(err, "recording a rejected row");
}

static bool counted_as_rejected(const struct worker *w) {
    return w->sink.track >= 0 && w->tracks[w->sink.track].rejected;
}

/* What on_reject makes of the row, if the table has one. MAP_ITEM: the row is mended; MAP_FILTERED: it stays rejected; MAP_REJECT: likewise,
 * and *again says why; MAP_STOP: the run ends, by the sink's failure or because it was asked to (told->stop, *again says for what). */
static enum map_result mend(struct worker *w, const struct pg_row *row, struct function_reject *told, struct map_reject *again) {
    struct job_table *table = w->current->chunk->work.table;
    if (table->plan->on_reject < 0 || counted_as_rejected(w)) return MAP_FILTERED;
    if (w->sink.routed == NULL) return MAP_FILTERED; /* a row without a target table has nowhere to be mended to */
    if (w->sink.track < 0 && !w->job->dry_run) {     /* it may make several items of the row */
        w->sink.track = items_take_track(w, w->current, w->row);
        if (w->sink.track < 0) return MAP_MEMORY;
    }
    enum map_result result =
        w->functions->mend(w->functions, (int)(table - w->job->tables), table->plan->on_reject, row, told, &w->sink.sink, again);
    if (!w->sink.cancelled) return result;
    batch_cancel_item(w->sink.batch, w->sink.mark);
    w->sink.cancelled = false;
    return result;
}

/* Records the row, unless an item of it was refused by DynamoDB already: it is counted once. */
static bool reject_told(struct worker *w, const struct function_reject *told, const char *message, struct error *err) {
    if (counted_as_rejected(w)) return true;
    if (w->sink.track >= 0) w->tracks[w->sink.track].rejected = true;
    return reject_row(w, w->current, w->row, told->reason, message, told->item, told->item_len, err);
}

static bool stop_for(const struct function_reject *told, const char *reason, struct error *err) {
    error_set(err, ERROR_REJECTS, "table %s: on_reject stopped the run at row %s: %s", told->table, told->key, reason);
    return error_hint(err, "the row was rejected (%s: %.300s); the same command goes on where it stopped", told->reason,
                      told->message);
}

static bool settle(struct worker *w, const struct pg_row *row, struct function_reject *told, enum map_result *result,
                   struct error *err) {
    struct map_reject again;
    char both[2 * sizeof again.message + 16];
    switch (mend(w, row, told, &again)) {
    case MAP_ITEM: *result = MAP_ITEM; return true;
    case MAP_MEMORY: return error_memory(err, "mapping a row");
    case MAP_STOP: return told->stop && reject_told(w, told, told->message, err) && stop_for(told, again.message, err);
    case MAP_REJECT: snprintf(both, sizeof both, "%s; on_reject: %s", told->message, again.message); break;
    case MAP_FILTERED: snprintf(both, sizeof both, "%s", told->message); break;
    }
    return reject_told(w, told, both, err);
}

bool reject_mapped(struct worker *w, const struct pg_row *row, const struct map_reject *why, enum map_result *result,
                   struct error *err) {
    struct buffer item;
    char key[REJECT_KEY_MAX];
    buffer_init(&item, REJECT_ITEM_MAX + 2);
    bool ok = take_item(&w->sink, &item, err);
    row_key(w, w->current, w->row, key);
    struct function_reject told = {.table = w->current->chunk->work.table->plan->name,
                                   .key = key,
                                   .reason = why->reason,
                                   .message = why->message,
                                   .item = item.data,
                                   .item_len = item.len};
    ok = ok && settle(w, row, &told, result, err);
    buffer_free(&item);
    return ok;
}
