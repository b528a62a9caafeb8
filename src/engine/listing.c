#include "engine/listing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "pg/source.h"

#define SLOTS 8192 /* a power of two, more than twice LISTING_MAX: probes are short */
#define TEXT_MAX (64 * 1024 * 1024)

struct list {
    const struct job_table *table;
    struct arena *arena;
    struct buffer text;
    const char **names;
    int count;
    int slots[SLOTS]; /* place in names, plus one; 0: free */
};

/* The slot of a text: where it is, or where it is to be. */
static int *find_slot(struct list *l, const char *text, size_t len) {
    uint64_t at = hash_64(text, len, 0);
    for (;; at++) {
        int *slot = &l->slots[at & (SLOTS - 1)];
        if (*slot == 0) return slot;
        const char *name = l->names[*slot - 1];
        if (strlen(name) == len && memcmp(name, text, len) == 0) return slot;
    }
}

/* A text for a message: as much as is UTF-8 and no control character. */
static void printable(char *text) {
    size_t n = strlen(text);
    while (n && !utf8_valid(text, n)) text[--n] = '\0';
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 127) text[i] = '?';
    }
}

static bool wrong_name(const struct list *l, const struct pg_row *row, struct error *err) {
    char name[300], rows[600];
    snprintf(name, sizeof name, "%.*s", (int)(l->text.len < 280 ? l->text.len : 280), l->text.data);
    template_tell(l->table->to, row, rows, sizeof rows);
    printable(name);
    printable(rows);
    error_set(err, ERROR_PLAN, "table %s: to gives \"%s\", which is no name of a DynamoDB table, for rows where %s",
              l->table->plan->name, name, rows);
    return error_hint(err,
                      "a name has %d to %d letters, digits, underscores, hyphens and dots: use a format or an expression in "
                      "columns, or leave these rows out with where",
                      DYNAMODB_TABLE_NAME_LEAST, DYNAMODB_TABLE_NAME_MOST);
}

static bool too_many(const struct list *l, struct error *err) {
    error_set(err, ERROR_PLAN, "table %s: to gives more than %d tables: %s, %s, ...", l->table->plan->name, LISTING_MAX,
              l->names[0], l->names[1]);
    return error_hint(err, "DynamoDB has %d tables in a region: use a coarser format, or take a part of the rows with where",
                      LISTING_MAX);
}

/* A row whose text is NULL or cannot be has no table: it is rejected when it comes. */
static bool add_row(void *context, const struct pg_row *row, struct error *err) {
    struct list *l = context;
    struct template_fault fault;
    l->text.len = 0;
    if (!buffer_reserve(&l->text, template_room(l->table->to, row))) return error_memory(err, "listing target tables");
    if (template_run(l->table->to, row, l->text.data, &l->text.len, &fault) != TEMPLATE_OK) return true;
    int *slot = find_slot(l, l->text.data, l->text.len);
    if (*slot) return true;
    if (!dynamodb_table_name_ok(l->text.data, l->text.len)) return wrong_name(l, row, err);
    if (l->count == LISTING_MAX) return too_many(l, err);
    l->names[l->count] = arena_copy(l->arena, l->text.data, l->text.len);
    if (l->names[l->count] == NULL) return error_memory(err, "listing target tables");
    *slot = ++l->count;
    return true;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool ask_source(struct job *job, struct job_table *t, struct pg_connection *c, const char ***names, int *count,
                       struct error *err) {
    int columns;
    pg_source_selected(t->source, &columns);
    enum pg_grain *grains = arena_array(job->arena, (size_t)columns + 1, sizeof *grains);
    struct list *l = arena_alloc(job->arena, sizeof *l);
    if (l) l->names = arena_array(job->arena, LISTING_MAX, sizeof *l->names);
    if (grains == NULL || l == NULL || l->names == NULL) return error_memory(err, "listing target tables");
    l->table = t;
    l->arena = job->arena;
    buffer_init(&l->text, TEXT_MAX);
    template_grains(t->to, grains);
    bool ok = pg_source_distinct(c, t->source, grains, add_row, l, &run_stopping, err);
    buffer_free(&l->text);
    if (ok) qsort(l->names, (size_t)l->count, sizeof *l->names, by_text);
    *names = l->names;
    *count = l->count;
    return ok;
}

static void tell(const struct run_listener *listener, const struct job_table *t) {
    char text[900];
    if (listener == NULL || listener->notice == NULL) return;
    if (t->target_count == 0) {
        snprintf(text, sizeof text, "table %s: no row of its source names a table", t->plan->name);
    } else if (t->target_count == 1) {
        snprintf(text, sizeof text, "table %s: its rows go to one table, %s", t->plan->name, t->targets[0].schema.name);
    } else {
        snprintf(text, sizeof text, "table %s: its rows go to %d tables, %s to %s", t->plan->name, t->target_count,
                 t->targets[0].schema.name, t->targets[t->target_count - 1].schema.name);
    }
    listener->notice(listener->context, text);
}

bool listing_make(struct job *job, struct pg_connection *c, struct ledger *ledger, int64_t run, bool fresh,
                  const struct run_listener *listener, struct error *err) {
    for (int i = 0; i < job->table_count; i++) {
        struct job_table *t = &job->tables[i];
        const char **names;
        int count;
        if (t->to == NULL) continue;
        if (ledger && !fresh) {
            if (!ledger_targets(ledger, run, i, job->arena, &names, &count, err)) return false;
        } else {
            if (!ask_source(job, t, c, &names, &count, err)) return false;
            if (ledger && !ledger_targets_list(ledger, run, i, names, count, err)) return false;
        }
        if (!job_set_targets(job, t, names, count, err)) return false;
        if (fresh) tell(listener, t);
    }
    return true;
}
