#include "engine/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX (64 * 1024 * 1024)

struct route {
    const struct job_table *table;
    struct buffer text;
    struct job_target *last; /* the last row's: the next one's most often */
};

struct route *route_new(const struct job_table *table) {
    struct route *r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->table = table;
    buffer_init(&r->text, TEXT_MAX);
    return r;
}

void route_free(struct route *r) {
    if (r == NULL) return;
    buffer_free(&r->text);
    free(r);
}

/* A terminated text against a name. */
static int by_name(const void *text, const void *target) {
    return strcmp(text, ((const struct job_target *)target)->schema.name);
}

static enum map_result reject(struct map_reject *why, const char *reason) {
    why->reason = reason;
    return MAP_REJECT;
}

enum map_result route_name(struct route *r, const struct pg_row *row, const char **name, struct map_reject *why) {
    const struct job_table *t = r->table;
    struct template_fault fault = {0};
    size_t len = 0;
    r->text.len = 0;
    if (!buffer_reserve(&r->text, template_room(t->to, row) + 1)) return MAP_MEMORY;
    *name = r->text.data;
    switch (template_run(t->to, row, r->text.data, &len, &fault)) {
    case TEMPLATE_OK: break;
    case TEMPLATE_NULL:
        snprintf(why->message, sizeof why->message, "to: a column that names its table is NULL");
        return reject(why, REJECT_TABLE_MISSING);
    case TEMPLATE_BAD:
        snprintf(why->message, sizeof why->message, "to: column %s %s", fault.column, fault.why);
        return reject(why, REJECT_VALUE);
    }
    r->text.data[len] = '\0';
    return MAP_ITEM;
}

enum map_result route_find(struct route *r, const struct pg_row *row, struct job_target **target, struct map_reject *why) {
    const struct job_table *t = r->table;
    const char *text;
    enum map_result named = route_name(r, row, &text, why);
    if (named != MAP_ITEM) return named;
    if (r->last == NULL || strcmp(text, r->last->schema.name) != 0) {
        r->last = bsearch(text, t->targets, (size_t)t->target_count, sizeof *t->targets, by_name);
    }
    *target = r->last;
    if (r->last) return MAP_ITEM;
    bool allowed = dynamodb_table_name_ok(text, strlen(text));
    snprintf(why->message, sizeof why->message, "to: the table%s%s was not in the source when the run began", allowed ? " " : "",
             allowed ? text : "");
    return reject(why, REJECT_TABLE_UNLISTED);
}
