#include "engine/capture.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/bind.h"
#include "engine/route.h"

#define ITEMS_MAX ((size_t)256 << 20) /* bytes of the items of one row */
#define KEY_MAX 600                   /* as rejects have it */

struct capture {
    struct item_sink sink;
    const struct job *job;
    const struct job_table *table;
    struct functions *functions; /* NULL: the table has none */
    struct row_mapper *mapper;
    struct route *route; /* NULL: `to` is no template */
    const char *routed;  /* the row's table, by the route; or NULL */
    /* of the row under way */
    struct buffer body;         /* its items, one behind the other */
    struct buffer partial;      /* the item that could not be finished */
    struct preview_item *items; /* json is set when the row is done: body moves until then */
    int count, room;
    size_t start; /* of the item that is open */
    int open_table;
    bool cancelled, memory;
    bool rejected; /* by the mapping; on_reject may have mended it */
    struct map_reject reject;
    char message[2 * sizeof(((struct map_reject *)NULL)->message) + 40];
};

/* --- the sink --- */

static struct buffer *capture_open(struct item_sink *self, int table) {
    struct capture *c = (struct capture *)self;
    c->start = c->body.len;
    c->open_table = table;
    c->cancelled = false;
    return buffer_reserve(&c->body, 1) ? &c->body : NULL;
}

static bool capture_close(struct item_sink *self, const struct mapped_item *item) {
    struct capture *c = (struct capture *)self;
    if (c->count == c->room) {
        int room = c->room ? 2 * c->room : 8;
        struct preview_item *more = realloc(c->items, (size_t)room * sizeof *more);
        if (more == NULL) {
            c->memory = true;
            return false;
        }
        c->items = more;
        c->room = room;
    }
    c->items[c->count++] =
        (struct preview_item){.table = c->open_table, .len = c->body.len - c->start, .size = item->size, .units = item->units};
    return true;
}

static void capture_cancel(struct item_sink *self) {
    ((struct capture *)self)->cancelled = true;
}

/* --- a row that cannot be mapped --- */

/* Takes what was cancelled out of the items; it stays as the partial item if `kept`. */
static bool take_item(struct capture *c, bool kept) {
    if (!c->cancelled) return true;
    size_t len = c->body.len - c->start;
    bool ok =
        !kept || len == 0 || (buffer_append(&c->partial, c->body.data + c->start, len) && buffer_append(&c->partial, "}", 1));
    c->body.len = c->start;
    c->cancelled = false;
    return ok;
}

/* What on_reject makes of the row; c->message is what the row would be rejected with. */
static enum map_result mend(struct capture *c, const struct pg_row *row) {
    char key[KEY_MAX];
    struct map_reject again;
    int function = c->table->plan->on_reject;
    pg_source_key_text(c->table->source, row, key, sizeof key);
    struct function_reject told = {.table = c->table->plan->name,
                                   .key = key,
                                   .reason = c->reject.reason,
                                   .message = c->reject.message,
                                   .item = c->partial.data,
                                   .item_len = c->partial.len};
    enum map_result result =
        c->functions->mend(c->functions, (int)(c->table - c->job->tables), function, row, &told, &c->sink, &again);
    take_item(c, false);
    if (result == MAP_STOP && told.stop) {
        snprintf(c->message, sizeof c->message, "%s; on_reject would stop the run: %s", c->reject.message, again.message);
        return MAP_REJECT;
    }
    if (result == MAP_REJECT) snprintf(c->message, sizeof c->message, "%s; on_reject: %s", c->reject.message, again.message);
    return result == MAP_FILTERED ? MAP_REJECT : result;
}

/* --- the row --- */

/* The name of its table. A template without targets takes rows for any: what it lists is not known yet. */
static enum map_result route(struct capture *c, const struct pg_row *row) {
    struct job_target *target;
    if (c->route == NULL) return MAP_ITEM;
    if (c->table->targets == NULL) return route_name(c->route, row, &c->routed, &c->reject);
    enum map_result result = route_find(c->route, row, &target, &c->reject);
    if (result == MAP_ITEM) c->routed = target->schema.name;
    return result;
}

static enum map_result map(struct capture *c, const struct pg_row *row) {
    enum map_result result = route(c, row);
    bool has_table = result == MAP_ITEM;
    if (has_table) result = c->mapper->map(c->mapper, row, &c->sink, &c->reject);
    c->rejected = result == MAP_REJECT;
    if (!c->rejected) return result;
    snprintf(c->message, sizeof c->message, "%s", c->reject.message);
    if (!take_item(c, true)) return MAP_MEMORY;
    /* a row without a table has nowhere to be mended to */
    return has_table && c->table->plan->on_reject >= 0 ? mend(c, row) : MAP_REJECT;
}

bool capture_row(struct capture *c, const struct pg_row *row, struct preview_outcome *out, struct error *err) {
    c->body.len = c->partial.len = 0;
    c->count = 0;
    c->cancelled = false;
    enum map_result result = map(c, row);
    if (result == MAP_MEMORY || result == MAP_STOP || c->memory) return error_memory(err, "mapping a row");
    *out = (struct preview_outcome){.result = result, .items = c->items, .item_count = c->count, .partial = ""};
    if (c->rejected) {
        out->reason = c->reject.reason;
        out->message = c->message;
        if (c->partial.len) out->partial = c->partial.data;
        out->partial_len = c->partial.len;
    }
    const char *at = c->body.data;
    int own = (int)(c->table - c->job->tables);
    for (int i = 0; i < c->count; at += c->items[i++].len) {
        c->items[i].json = at;
        c->items[i].target = c->items[i].table == own ? c->routed : NULL;
    }
    return true;
}

/* --- opening --- */

bool capture_calls_functions(const struct job_table *table) {
    return program_calls_functions(table->program) || table->plan->on_reject >= 0;
}

struct capture *capture_new(const struct job *job, int table, bool other, struct error *err) {
    const struct job_table *t = &job->tables[table];
    struct capture *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_memory(err, "mapping rows");
        return NULL;
    }
    c->sink = (struct item_sink){.open = capture_open, .close = capture_close, .cancel = capture_cancel};
    c->job = job;
    c->table = t;
    buffer_init(&c->body, ITEMS_MAX);
    buffer_init(&c->partial, ITEMS_MAX);
    bool ok = !capture_calls_functions(t) || (c->functions = bind_functions(job, other ? NAMES_FALLING : NAMES_RISING, err));
    if (ok) {
        if (c->functions) c->functions->always = other;
        c->mapper = program_mapper(t->program, program_calls_functions(t->program) ? c->functions : NULL);
        if (t->to) c->route = route_new(t);
        ok = (c->mapper && (c->route || t->to == NULL)) || error_memory(err, "mapping rows");
    }
    if (ok) return c;
    capture_free(c);
    return NULL;
}

void capture_free(struct capture *c) {
    if (c == NULL) return;
    if (c->mapper) c->mapper->free(c->mapper);
    if (c->functions) c->functions->free(c->functions);
    route_free(c->route);
    buffer_free(&c->body);
    buffer_free(&c->partial);
    free(c->items);
    free(c);
}
