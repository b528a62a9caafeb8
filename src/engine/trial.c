#include "engine/trial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/bind.h"
#include "engine/route.h"

#define CAPTURE_MAX ((size_t)256 << 20) /* the items of one row */

struct trial {
    struct item_sink sink;
    const struct job *job;
    const struct job_table *table;
    struct functions *functions; /* NULL: none are called */
    struct row_mapper *mapper;
    struct route *route; /* NULL: the table has one target */
    const char *routed;  /* the name of the row's target */
    struct buffer body, partial;
    struct preview_item *items; /* json is set when the row is done */
    int count, room;
    size_t start; /* of the item that is open */
    int to;       /* the plan table that it goes to */
    bool cancelled, memory;
    char message[2 * sizeof((struct map_reject *)0)->message + 32];
};

/* --- the sink --- */

static struct buffer *sink_open(struct item_sink *self, int table) {
    struct trial *t = (struct trial *)self;
    t->start = t->body.len;
    t->to = table;
    t->cancelled = false;
    return buffer_reserve(&t->body, 1) ? &t->body : NULL;
}

static bool sink_close(struct item_sink *self, const struct mapped_item *item) {
    struct trial *t = (struct trial *)self;
    if (t->count == t->room) {
        int room = t->room ? 2 * t->room : 8;
        struct preview_item *more = realloc(t->items, (size_t)room * sizeof *more);
        if (more == NULL) {
            t->memory = true;
            return false;
        }
        t->items = more;
        t->room = room;
    }
    const struct job_table *to = &t->job->tables[t->to];
    t->items[t->count++] = (struct preview_item){.table = t->to,
                                                 .to = to == t->table ? t->routed : to->schema.name,
                                                 .len = t->body.len - t->start,
                                                 .size = item->size,
                                                 .units = item->units};
    return true;
}

static void sink_cancel(struct item_sink *self) {
    ((struct trial *)self)->cancelled = true;
}

/* Takes back the item that was cancelled. */
static void take_back(struct trial *t) {
    if (t->cancelled) t->body.len = t->start;
    t->cancelled = false;
}

/* --- opening --- */

bool trial_calls_functions(const struct job_table *t) {
    return program_calls_functions(t->program) || t->plan->on_reject >= 0;
}

struct trial *trial_open(const struct job *j, const struct job_table *table, struct error *err) {
    struct trial *t = calloc(1, sizeof *t);
    if (t == NULL) {
        error_memory(err, "mapping rows");
        return NULL;
    }
    t->sink = (struct item_sink){.open = sink_open, .close = sink_close, .cancel = sink_cancel};
    t->job = j;
    t->table = table;
    buffer_init(&t->body, CAPTURE_MAX);
    buffer_init(&t->partial, CAPTURE_MAX);
    if (trial_calls_functions(table) && (t->functions = bind_functions(j, err)) == NULL) {
        trial_free(t);
        return NULL;
    }
    t->mapper = program_mapper(table->program, program_calls_functions(table->program) ? t->functions : NULL);
    t->route = table->to ? route_new(table) : NULL;
    if (t->mapper && (t->route || table->to == NULL)) return t;
    error_memory(err, "mapping rows");
    trial_free(t);
    return NULL;
}

void trial_free(struct trial *t) {
    if (t == NULL) return;
    if (t->mapper) t->mapper->free(t->mapper);
    route_free(t->route);
    if (t->functions) t->functions->free(t->functions);
    buffer_free(&t->body);
    buffer_free(&t->partial);
    free(t->items);
    free(t);
}

/* --- a row --- */

static enum map_result route(struct trial *t, const struct pg_row *row, struct map_reject *why) {
    struct job_target *target;
    if (t->route == NULL) {
        t->routed = t->table->schema.name;
        return MAP_ITEM;
    }
    t->routed = NULL;
    if (t->table->targets == NULL) return route_name(t->route, row, &t->routed, why);
    enum map_result result = route_find(t->route, row, &target, why);
    if (result == MAP_ITEM) t->routed = target->schema.name;
    return result;
}

/* Asks the plan's on_reject about a row, and says in *out what it makes of it. */
static enum map_result mend(struct trial *t, const struct pg_row *row, struct preview_outcome *out) {
    char key[TRIAL_KEY_MAX];
    struct map_reject again;
    size_t whole = out->partial_len ? out->partial_len - 1 : 0; /* without the brace that closes it */
    pg_source_key_text(t->table->source, row, key, sizeof key);
    struct function_reject told = {.table = t->table->plan->name,
                                   .key = key,
                                   .reason = out->reason,
                                   .message = out->message,
                                   .item = out->partial,
                                   .item_len =
                                       whole > JOB_REJECT_ITEM_MAX ? job_reject_item(out->partial, whole) : out->partial_len};
    int number = (int)(t->table - t->job->tables);
    enum map_result result = t->functions->mend(t->functions, number, t->table->plan->on_reject, row, &told, &t->sink, &again);
    take_back(t);
    const char *format = result == MAP_REJECT              ? "%s; on_reject: %s"
                         : result == MAP_STOP && told.stop ? "%s; on_reject would stop the run: %s"
                                                           : NULL;
    if (format) {
        char before[sizeof again.message];
        snprintf(before, sizeof before, "%s", out->message);
        snprintf(t->message, sizeof t->message, format, before, again.message);
        out->message = t->message;
        return MAP_REJECT;
    }
    return result == MAP_FILTERED ? MAP_REJECT : result;
}

/* Fills in why a row is rejected, and the item as far as it got. */
static bool tell_reject(struct trial *t, const struct map_reject *why, struct preview_outcome *out) {
    size_t len = t->cancelled ? t->body.len - t->start : 0;
    snprintf(t->message, sizeof t->message, "%s", why->message);
    out->reason = why->reason;
    out->message = t->message;
    t->partial.len = 0;
    if (!buffer_reserve(&t->partial, len + 1)) return false;
    if (len && (!buffer_append(&t->partial, t->body.data + t->start, len) || !buffer_append(&t->partial, "}", 1))) return false;
    out->partial = len ? t->partial.data : "";
    out->partial_len = t->partial.len;
    take_back(t);
    return true;
}

bool trial_run(struct trial *t, const struct pg_row *row, struct preview_outcome *out, struct error *err) {
    struct map_reject why;
    t->body.len = 0;
    t->count = 0;
    t->cancelled = false;
    *out = (struct preview_outcome){.partial = ""};
    enum map_result result = route(t, row, &why);
    bool routed = result == MAP_ITEM;
    if (routed) result = t->mapper->map(t->mapper, row, &t->sink, &why);
    if (result == MAP_REJECT) {
        if (!tell_reject(t, &why, out)) return error_memory(err, "mapping a row");
        if (routed && t->table->plan->on_reject >= 0) result = mend(t, row, out);
    }
    if (result == MAP_MEMORY || result == MAP_STOP || t->memory) return error_memory(err, "mapping a row");
    out->result = result;
    out->items = t->items;
    out->item_count = t->count;
    const char *at = t->body.data;
    for (int i = 0; i < t->count; at += t->items[i++].len) t->items[i].json = at;
    return true;
}

/* --- outcomes --- */

bool trial_keep(const struct preview_outcome *from, struct arena *a, struct preview_outcome *to) {
    *to = *from;
    bool ok = true;
    if (from->reason) {
        to->message = arena_text(a, from->message);
        to->partial = arena_copy(a, from->partial, from->partial_len);
        ok = to->message && to->partial;
    }
    to->items = arena_array(a, (size_t)from->item_count + 1, sizeof *to->items);
    for (int i = 0; ok && to->items && i < from->item_count; i++) {
        to->items[i] = from->items[i];
        to->items[i].to = arena_text(a, from->items[i].to);
        to->items[i].json = arena_copy(a, from->items[i].json, from->items[i].len);
        ok = to->items[i].to && to->items[i].json;
    }
    return ok && to->items;
}

bool trial_same(const struct preview_outcome *a, const struct preview_outcome *b) {
    if (a->result != b->result || a->item_count != b->item_count) return false;
    if (a->result == MAP_REJECT && strcmp(a->reason, b->reason) != 0) return false;
    for (int i = 0; i < a->item_count; i++) {
        const struct preview_item *x = &a->items[i], *y = &b->items[i];
        if (x->table != y->table || x->len != y->len || memcmp(x->json, y->json, x->len) != 0) return false;
    }
    return true;
}
