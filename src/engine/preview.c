#include "engine/preview.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "engine/bind.h"
#include "engine/capture.h"
#include "engine/ledger_path.h"
#include "engine/listing.h"
#include "pg/field_text.h"
#include "pg/sample.h"

#define KEY_MAX 600 /* as rejects have it */

struct preview {
    struct job job;
    const struct run_options *options;
    struct pg_connection *source;
    struct dynamodb_client *client;
    struct ledger_run run; /* what the ledger has begun, if it has */
    bool begun;            /* its chunks are planned */
    bool listed;           /* it has listed the targets of these templates: its rows go to no others */
};

/* --- what became of a row --- */

static bool keep(const struct preview_outcome *from, struct arena *a, struct preview_outcome *to) {
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
        to->items[i].json = arena_copy(a, from->items[i].json, from->items[i].len);
        if (from->items[i].target) to->items[i].target = arena_text(a, from->items[i].target);
        ok = to->items[i].json && (to->items[i].target || from->items[i].target == NULL);
    }
    return ok && to->items;
}

/* Whether two outcomes are the same bytes. The message of a reject may differ: it may name an address. */
static bool same(const struct preview_outcome *a, const struct preview_outcome *b) {
    if (a->result != b->result || a->item_count != b->item_count) return false;
    if (a->result == MAP_REJECT && strcmp(a->reason, b->reason) != 0) return false;
    for (int i = 0; i < a->item_count; i++) {
        const struct preview_item *x = &a->items[i], *y = &b->items[i];
        if (x->table != y->table || x->len != y->len || memcmp(x->json, y->json, x->len) != 0) return false;
    }
    return true;
}

/* --- rows --- */

/* What one table's preview works with. */
struct look {
    struct preview *p;
    const struct job_table *table;
    struct pg_sample sample;
    struct pg_field *fields; /* of the row under way */
    struct preview_rows *out;
    struct error *err;
};

/* A field in UTF-8: bytes of a database in SQL_ASCII that are none are shown as what they are. */
static bool field_text(const struct pg_column *column, struct pg_field f, struct arena *a, struct preview_field *out) {
    char text[PREVIEW_TEXT_MAX + 1];
    *out = (struct preview_field){0};
    if (f.len < 0) return true;
    out->whole = pg_field_text(column->type, f, text, sizeof text);
    if (!utf8_valid(text, strlen(text))) out->whole = pg_field_text(PG_BYTEA, f, text, sizeof text);
    out->text = arena_text(a, text);
    return out->text != NULL;
}

/* The row as the mapper sees it. */
static bool row_of(const struct look *k, int i, struct pg_row *out) {
    const struct pg_sample_row *from = &k->sample.rows[i];
    *out = (struct pg_row){.fields = k->fields, .count = k->out->column_count};
    return pg_rowset_row(from->rows, from->row, k->fields, k->err);
}

static bool show_failed(const struct pg_sample_row *from, struct arena *a, struct preview_row *out) {
    out->key = from->key;
    out->outcome = (struct preview_outcome){
        .result = MAP_REJECT,
        .reason = REJECT_SOURCE,
        .message = arena_printf(a, "the server cannot give this row: %.400s (SQLSTATE %.5s)", from->why, from->code),
        .partial = ""};
    return out->outcome.message != NULL;
}

static bool show_row(const struct look *k, const struct pg_row *row, struct preview_row *out) {
    struct arena *a = k->out->arena;
    char key[KEY_MAX];
    pg_source_key_text(k->table->source, row, key, sizeof key);
    struct preview_field *fields = arena_array(a, (size_t)k->out->column_count + 1, sizeof *fields);
    out->key = arena_text(a, key);
    out->fields = fields;
    for (int i = 0; fields && i < k->out->column_count; i++) {
        if (!field_text(&k->out->columns[i], row->fields[i], a, &fields[i])) return false;
    }
    return fields && out->key;
}

static bool interrupted(struct error *err) {
    return run_stopping && !error_set(err, ERROR_INTERRUPTED, "interrupted");
}

static bool map_all(struct look *k, struct capture *c) {
    for (int i = 0; i < k->sample.count; i++) {
        struct preview_row *out = &k->out->rows[i];
        if (interrupted(k->err)) return false;
        if (k->sample.rows[i].rows == NULL) {
            if (!show_failed(&k->sample.rows[i], k->out->arena, out)) return error_memory(k->err, "mapping rows");
            continue;
        }
        struct pg_row row;
        struct preview_outcome outcome;
        if (!row_of(k, i, &row)) return false;
        if (!show_row(k, &row, out)) return error_memory(k->err, "mapping rows");
        if (!capture_row(c, &row, &outcome, k->err)) return false;
        if (!keep(&outcome, k->out->arena, &out->outcome)) return error_memory(k->err, "mapping rows");
    }
    return true;
}

/* Once more in the other state, from the last row to the first. The 1st, 2nd, 4th, 8th, ... come twice there, as a row does after a crash:
 * so what one row leaves for the next shows in a table of one row too, and a counter that goes round shows whatever the number of rows. */
static bool map_again(struct look *k, struct capture *c) {
    int seen = 0;
    for (int i = k->sample.count - 1; i >= 0; i--) {
        struct preview_row *out = &k->out->rows[i];
        if (interrupted(k->err)) return false;
        if (out->fields == NULL) continue;
        struct pg_row row;
        struct preview_outcome outcome, *kept;
        if (!row_of(k, i, &row)) return false;
        if (!capture_row(c, &row, &outcome, k->err)) return false;
        bool again = (seen & (seen + 1)) == 0; /* seen + 1 is a power of two */
        seen++;
        if (again && !capture_row(c, &row, &outcome, k->err)) return false;
        if (same(&out->outcome, &outcome)) continue;
        kept = arena_alloc(k->out->arena, sizeof *kept);
        if (kept == NULL || !keep(&outcome, k->out->arena, kept)) return error_memory(k->err, "mapping rows");
        out->again = kept;
    }
    return true;
}

/* Maps what was read. Both states are open at once: what lies at other addresses must make no difference either. The first calls functions
 * as seldom as a run does, the other for every row: what they leave for a later call shows, and so does a result that a run would
 * keep for too long. */
static bool map_sample(struct look *k, bool twice) {
    struct preview_rows *out = k->out;
    const struct job *j = &k->p->job;
    int table = (int)(k->table - j->tables);
    out->rows = arena_array(out->arena, (size_t)k->sample.count + 1, sizeof *out->rows);
    k->fields = arena_array(out->arena, (size_t)out->column_count + 1, sizeof *k->fields);
    if (out->rows == NULL || k->fields == NULL) return error_memory(k->err, "mapping rows");
    out->count = k->sample.count;
    out->twice = twice && capture_calls_functions(k->table);
    struct capture *one = capture_new(j, table, false, k->err);
    struct capture *other = one && out->twice ? capture_new(j, table, true, k->err) : NULL;
    bool ok = one && (other || !out->twice) && map_all(k, one) && (other == NULL || map_again(k, other));
    capture_free(other);
    capture_free(one);
    return ok;
}

static bool begin(struct preview *p, int table, struct look *k, struct preview_rows *out, struct error *err) {
    struct job_table *t = &p->job.tables[table];
    *k = (struct look){.p = p, .table = t, .out = out, .err = err};
    *out = (struct preview_rows){.arena = arena_new(), .source = pg_source_name(t->source)};
    out->columns = pg_source_selected(t->source, &out->column_count);
    if (pg_source_key_kind(t->source) == PG_KEY_COLUMNS) out->key = pg_source_key(t->source, &out->key_count);
    return out->arena != NULL || error_memory(err, "reading rows");
}

bool preview_sample(struct preview *p, int table, int wanted, struct preview_rows *out, struct error *err) {
    struct look k;
    if (!begin(p, table, &k, out, err)) return false;
    bool ok = pg_sample_read(p->source, p->job.tables[table].source, wanted, &run_stopping, out->arena, &k.sample, err) &&
              map_sample(&k, true);
    pg_sample_free(&k.sample);
    return ok;
}

bool preview_find(struct preview *p, int table, const char *key, struct preview_rows *out, struct error *err) {
    struct look k;
    if (!begin(p, table, &k, out, err)) return false;
    bool ok = pg_sample_find(p->source, p->job.tables[table].source, key, out->arena, &k.sample, err) && map_sample(&k, false);
    out->left_out = k.sample.left_out;
    pg_sample_free(&k.sample);
    return ok;
}

void preview_rows_free(struct preview_rows *rows) {
    arena_free(rows->arena);
    *rows = (struct preview_rows){0};
}

/* --- the target --- */

/* A run that the ledger has begun with another mapping, source or target would be refused. */
static bool note_run(const struct preview *p, struct preview_target *out, struct error *err) {
    const struct job *j = &p->job;
    const char *identity = bind_identity(j, pg_server(p->source));
    if (identity == NULL) return error_memory(err, "reading the ledger");
    if (p->begun) bind_goes_on(p->run.identity, identity, j->arena, &out->change);
    return true;
}

/* Whether a run's tables have the names of the plan's, template by template. */
static bool same_names(const struct job *j, const struct ledger_table *tables, int count) {
    int same = 0, templated = 0;
    for (int i = 0; i < j->table_count; i++) templated += j->tables[i].to != NULL;
    for (int i = 0; i < count; i++) {
        const struct job_table *t = tables[i].number < j->table_count ? &j->tables[tables[i].number] : NULL;
        same += t && t->to && strcmp(tables[i].to, t->schema.name) == 0;
    }
    return same == templated;
}

/* The ledger of an earlier run, if there is one, and that run. */
static bool open_ledger(struct preview *p, struct ledger **l, struct error *err) {
    const struct job *j = &p->job;
    struct ledger_table *tables;
    char path[4096];
    bool found;
    int count = 0;
    p->begun = p->listed = false;
    *l = NULL;
    if (!ledger_path(j->plan, p->options->ledger, path, sizeof path, err)) return false;
    const char *key = bind_run_key(p->options, j->arena);
    if (key == NULL) return error_memory(err, "reading the ledger");
    *l = ledger_open(path, LEDGER_READ, err);
    if (*l == NULL) return strcmp(err->code, "absent") == 0;
    if (!ledger_run_find(*l, key, &p->run, &found, j->arena, err)) return false;
    if (found && !ledger_tables(*l, p->run.id, j->arena, &tables, &count, err)) return false;
    p->begun = count > 0;
    p->listed = p->begun && same_names(j, tables, count);
    return true;
}

static bool any_templated(const struct job *j) {
    for (int i = 0; i < j->table_count; i++) {
        if (j->tables[i].to) return true;
    }
    return false;
}

/* The target tables of a `to` that is a template, as the run that the ledger has begun goes on with them. */
static bool recall_targets(struct preview *p, struct error *err) {
    struct ledger *l = NULL;
    if (!any_templated(&p->job)) return true;
    bool ok = open_ledger(p, &l, err) && (!p->listed || listing_make(&p->job, NULL, l, p->run.id, false, NULL, err));
    ledger_close(l);
    return ok;
}

/* As a run that begins now would list them: in a transaction, over a connection of its own. */
static bool list_targets(struct preview *p, const struct run_listener *listener, struct error *err) {
    struct job *j = &p->job;
    struct pg_snapshot snapshot;
    if (p->listed || !any_templated(j)) return true;
    struct pg_connection *c = pg_connect(j->plan->source_uri, err);
    bool ok = c && pg_snapshot_export(c, &snapshot, err) && listing_make(j, c, NULL, 0, true, listener, err);
    pg_close(c);
    return ok;
}

bool preview_examine(struct preview *p, const struct run_listener *listener, struct preview_target *out, struct error *err) {
    struct job *j = &p->job;
    struct ledger *ledger = NULL;
    *out = (struct preview_target){.table_count = j->table_count};
    dynamodb_client_free(p->client);
    p->client = targets_connect(j, listener, err);
    if (p->client == NULL) return false;
    out->region = j->setting.region;
    out->region_from = j->setting.region_from;
    out->endpoint = j->endpoint.url;
    out->endpoint_from = j->setting.endpoint_from;
    out->keys_from = j->setting.keys_from;
    struct target_found *found = arena_array(j->arena, (size_t)j->table_count, sizeof *found);
    if (found == NULL) return error_memory(err, "looking at the target");
    out->tables = found;
    bool ok = open_ledger(p, &ledger, err) && note_run(p, out, err) && list_targets(p, listener, err) &&
              targets_examine(j, p->client, ledger, !p->begun, listener, found, err);
    ledger_close(ledger);
    return ok;
}

/* --- opening --- */

struct preview *preview_open(const struct plan *plan, const struct run_options *options, struct error *err) {
    struct preview *p = calloc(1, sizeof *p);
    if (p == NULL) {
        error_memory(err, "reading rows");
        return NULL;
    }
    p->options = options;
    p->job.plan = plan;
    p->job.arena = arena_new();
    p->job.started = clock_unix() * 1000000;
    p->source = p->job.arena ? pg_connect(plan->source_uri, err) : NULL;
    if (p->job.arena == NULL) error_memory(err, "reading rows");
    if (p->source && bind_tables(&p->job, p->source, options, err) && recall_targets(p, err)) return p;
    preview_close(p);
    return NULL;
}

void preview_close(struct preview *p) {
    if (p == NULL) return;
    dynamodb_client_free(p->client);
    pg_close(p->source);
    arena_free(p->job.arena);
    free(p);
}

const struct pg_server *preview_server(const struct preview *p) {
    return pg_server(p->source);
}

int preview_table_count(const struct preview *p) {
    return p->job.table_count;
}
