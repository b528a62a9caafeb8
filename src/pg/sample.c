#include "pg/sample.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "pg/rowset.h"
#include "pg/source_parts.h"

#define PLACES 10    /* of the key that a sample comes from */
#define TRIED_MAX 50 /* ranges that are looked at when many are empty */
#define BYTES_WANTED (8.0 * 1024 * 1024)
#define BYTES_MAX (32 * 1024 * 1024) /* guesses of a row's size may be wrong */

/* What one call works with. */
struct sampler {
    struct pg_connection *c;
    const struct pg_source *s;
    struct arena *arena;
    struct pg_sample *out;
    int range;
    struct error *err;
};

/* --- statements --- */

/* The rows of a SELECT in binary form; NULL on failure. */
static struct pg_rowset *fetch(struct pg_connection *c, const char *sql, struct error *err) {
    PGresult *res = PQexecParams(pg_handle(c), sql, 0, NULL, NULL, NULL, NULL, 1);
    if (PQresultStatus(res) != PGRES_TUPLES_OK) {
        pg_error(err, pg_handle(c), res);
        PQclear(res);
        return NULL;
    }
    struct pg_rowset *rows = pg_rowset_new(res);
    if (rows) return rows;
    PQclear(res);
    error_memory(err, "reading a sample");
    return NULL;
}

/* ORDER BY the key, where it has an index. */
static void add_order(struct sql *q, const struct pg_source *s, int64_t limit) {
    if (s->key_kind == PG_KEY_COLUMNS) {
        sql_add(q, " ORDER BY ");
        source_add_key(q, s, false);
    }
    sql_printf(q, " LIMIT %lld", (long long)limit);
}

static const char *rows_sql(const struct sampler *k, const struct pg_range *range, int64_t limit) {
    struct sql q;
    char *all = pg_source_sql(k->s, range, -1, k->arena);
    if (all == NULL) return NULL;
    sql_init(&q);
    sql_add(&q, all);
    add_order(&q, k->s, limit);
    return sql_take(&q, k->arena);
}

/* --- what is kept --- */

static bool add_row(struct sampler *k, struct pg_sample_row row) {
    struct pg_sample *out = k->out;
    struct pg_sample_row *more = realloc(out->rows, (size_t)(out->count + 1) * sizeof *more);
    if (more == NULL) return error_memory(k->err, "reading a sample");
    out->rows = more;
    row.range = k->range;
    out->rows[out->count++] = row;
    return true;
}

/* Takes the rows over. */
static bool add_rows(struct sampler *k, struct pg_rowset *rows) {
    struct pg_sample *out = k->out;
    struct pg_rowset **more = realloc(out->sets, (size_t)(out->set_count + 1) * sizeof *more);
    if (more == NULL) {
        pg_rowset_free(rows);
        return error_memory(k->err, "reading a sample");
    }
    out->sets = more;
    out->sets[out->set_count++] = rows;
    out->bytes += pg_rowset_bytes(rows);
    int count = pg_rowset_count(rows);
    for (int i = 0; i < count; i++) {
        if (!add_row(k, (struct pg_sample_row){.rows = rows, .row = i})) return false;
    }
    return true;
}

static bool add_failed(struct sampler *k, const char *key, const struct error *why) {
    struct pg_sample_row row = {
        .key = arena_text(k->arena, key), .why = arena_text(k->arena, why->text), .code = arena_text(k->arena, why->code)};
    if (row.key == NULL || row.why == NULL || row.code == NULL) return error_memory(k->err, "reading a sample");
    return add_row(k, row);
}

/* --- one range --- */

/* One row of a part by its boundary: what it is, or why the server cannot give it. */
static bool read_point(struct sampler *k, const char *part, const char *boundary) {
    struct error why;
    struct pg_range point = {.part = part, .lower = boundary, .single = true};
    const char *sql = rows_sql(k, &point, 1), *key = NULL;
    if (sql == NULL) return error_memory(k->err, "reading a sample");
    struct pg_rowset *rows = fetch(k->c, sql, &why);
    if (rows) return add_rows(k, rows);
    if (!pg_error_is_data(&why)) {
        *k->err = why;
        return false;
    }
    if (!pg_source_first_key(k->c, k->s, &point, k->arena, &key, NULL, k->err)) return false;
    return add_failed(k, key ? key : "", &why);
}

/* A range with a row that the server cannot give: its first rows one by one, by their keys. */
static bool read_singly(struct sampler *k, const struct pg_range *range, int64_t limit, const struct error *why) {
    if (k->s->key_kind == PG_KEY_NONE) return add_failed(k, "", why);
    struct sql q;
    sql_init(&q);
    sql_add(&q, "SELECT ");
    for (int i = 0; i < k->s->key_count; i++) sql_printf(&q, "%s(%s)::text", i ? ", " : "", k->s->key[i].sql);
    source_add_body(&q, k->s, range, false);
    add_order(&q, k->s, limit);
    const char *sql = sql_take(&q, k->arena);
    struct error failure;
    PGresult *res = sql ? pg_execute(k->c, sql, &failure) : NULL;
    if (sql == NULL) return error_memory(k->err, "reading a sample");
    if (res == NULL && pg_error_is_data(&failure)) return add_failed(k, "", why); /* a condition of the query itself fails */
    if (res == NULL) *k->err = failure;
    bool ok = res != NULL;
    int count = PQntuples(res);
    for (int i = 0; ok && i < count; i++) {
        const char *boundary = source_boundary(k->s, res, i, k->arena);
        if (boundary) ok = read_point(k, range->part, boundary);
    }
    PQclear(res);
    return ok;
}

static bool read_range(struct sampler *k, const struct pg_range *range, int64_t limit) {
    struct error why;
    const char *sql = rows_sql(k, range, limit);
    if (sql == NULL) return error_memory(k->err, "reading a sample");
    struct pg_rowset *rows = fetch(k->c, sql, &why);
    if (rows) return add_rows(k, rows);
    if (pg_error_is_data(&why)) return read_singly(k, range, limit, &why);
    *k->err = why;
    return false;
}

/* --- a sample --- */

static bool size_parts(struct sampler *k, struct source_size *all) {
    double bytes = 0;
    *all = (struct source_size){0};
    for (int i = 0; i < k->s->part_count; i++) {
        struct source_size size;
        if (!source_size_part(k->c, k->s, &k->s->parts[i], &size, k->err)) return false;
        all->rows += size.rows;
        bytes += size.rows * size.width;
    }
    all->width = all->rows >= 1 ? fmax(1, bytes / all->rows) : 1;
    return true;
}

/* The order in which ranges are looked at: `places` of them at equal distances, then the others. */
static int *spread(int count, int places, struct arena *a) {
    int *order = arena_array(a, (size_t)count + 1, sizeof *order);
    bool *seen = arena_array(a, (size_t)count + 1, sizeof *seen);
    if (order == NULL || seen == NULL) return NULL;
    int n = 0;
    for (int i = 0; i < places; i++) {
        int at = places > 1 ? (int)((int64_t)i * (count - 1) / (places - 1)) : 0;
        seen[at] = true;
        order[n++] = at;
    }
    for (int i = 0; i < count; i++) {
        if (!seen[i]) order[n++] = i;
    }
    return order;
}

static int by_range(const void *a, const void *b) {
    const struct pg_sample_row *x = a, *y = b;
    if (x->range != y->range) return x->range < y->range ? -1 : 1;
    return x->row - y->row;
}

bool pg_sample_read(struct pg_connection *c, struct pg_source *s, int wanted, const volatile int *stop, struct arena *a,
                    struct pg_sample *out, struct error *err) {
    struct sampler k = {.c = c, .s = s, .arena = a, .out = out, .err = err};
    struct source_size size;
    struct pg_range *ranges;
    int count;
    *out = (struct pg_sample){0};
    if (!size_parts(&k, &size)) return false;
    int64_t apart = (int64_t)fmax(1, floor(size.rows / PLACES));
    if (!pg_source_ranges(c, s, apart, INT64_MAX, a, &ranges, &count, err)) return false;
    if (wanted > PLACES && wanted > BYTES_WANTED / size.width) wanted = (int)fmax(PLACES, BYTES_WANTED / size.width);
    int places = wanted < PLACES ? wanted : PLACES;
    if (places > count) places = count;
    int *order = spread(count, places, a);
    if (order == NULL) return error_memory(err, "reading a sample");
    for (int i = 0; i < count && i < TRIED_MAX && out->count < wanted && out->bytes < BYTES_MAX; i++) {
        if (stop && *stop) return error_set(err, ERROR_INTERRUPTED, "interrupted");
        int64_t each = (wanted + places - 1) / places, left = wanted - out->count;
        k.range = order[i];
        if (!read_range(&k, &ranges[order[i]], each < left ? each : left)) return error_context(err, "reading %s", s->name);
    }
    if (out->count) qsort(out->rows, (size_t)out->count, sizeof *out->rows, by_range);
    return true;
}

void pg_sample_free(struct pg_sample *sample) {
    for (int i = 0; i < sample->set_count; i++) pg_rowset_free(sample->sets[i]);
    free(sample->sets);
    free(sample->rows);
    *sample = (struct pg_sample){0};
}

/* --- one row by its key --- */

/* The names of the key, as people write them: LoanId=...,PaymentNumber=... */
static const char *key_form(const struct pg_source *s, struct arena *a) {
    const char *text = "";
    for (int i = 0; text && i < s->key_count; i++) text = arena_printf(a, "%s%s%s=...", text, i ? "," : "", s->key[i].shown.name);
    return text ? text : "";
}

static bool no_key(const struct pg_source *s, const char *key, struct arena *a, struct error *err) {
    error_set(err, ERROR_USAGE, "%.200s is no key of %s", key, s->name);
    return error_hint(err, "write it as rejects lists it: %s", key_form(s, a));
}

/* Takes name=value,name=value apart; values[i] gets the text of key column i. The name of the next column ends a value. */
static bool split_key(const struct pg_source *s, const char *key, const char **values, struct arena *a) {
    const char *at = key;
    for (int i = 0; i < s->key_count; i++) {
        const char *name = s->key[i].shown.name, *end = NULL;
        size_t n = strlen(name);
        bool named = strncmp(at, name, n) == 0 && at[n] == '=';
        if (!named && s->key_count > 1) return false;
        if (named) at += n + 1;
        if (i + 1 < s->key_count) {
            const char *next = arena_printf(a, ",%s=", s->key[i + 1].shown.name);
            end = next ? strstr(at, next) : NULL;
            if (end == NULL) return false;
        }
        values[i] = end ? arena_copy(a, at, (size_t)(end - at)) : arena_text(a, at);
        if (values[i] == NULL) return false;
        if (end) at = end + 1;
    }
    return s->key_count > 0;
}

/* Asks the server whether the texts are values of the key's types, and makes a boundary of them. */
static bool check_values(struct pg_connection *c, const struct pg_source *s, const char *const *values, bool *good,
                         struct error *err) {
    struct sql q;
    struct error failure;
    sql_init(&q);
    sql_add(&q, "SELECT ");
    for (int i = 0; i < s->key_count; i++) {
        if (i) sql_add(&q, ", ");
        sql_literal(&q, values[i]);
        sql_printf(&q, "::%s", s->key[i].cast);
    }
    const char *sql = sql_text(&q);
    PGresult *res = sql ? pg_execute(c, sql, &failure) : NULL;
    *good = res != NULL;
    bool ok = sql ? res || pg_error_is_data(&failure) || pg_error_is_statement(&failure) : error_memory(err, "reading a row");
    if (sql && !ok && err) *err = failure;
    PQclear(res);
    sql_free(&q);
    return ok;
}

static const char *boundary_of(const struct pg_source *s, const char *const *values, struct arena *a) {
    struct buffer b;
    buffer_init(&b, (size_t)16 << 20);
    bool ok = buffer_append(&b, "[", 1);
    for (int i = 0; ok && i < s->key_count; i++) {
        size_t n = strlen(values[i]);
        ok = utf8_valid(values[i], n) && (i == 0 || buffer_append(&b, ",", 1)) && json_append_string(&b, values[i], n);
    }
    ok = ok && buffer_append(&b, "]", 1);
    const char *boundary = ok ? arena_copy(a, b.data, b.len) : NULL;
    buffer_free(&b);
    return boundary;
}

bool pg_sample_find(struct pg_connection *c, const struct pg_source *s, const char *key, struct arena *a, struct pg_sample *out,
                    struct error *err) {
    struct sampler k = {.c = c, .s = s, .arena = a, .out = out, .err = err};
    bool good;
    *out = (struct pg_sample){0};
    if (s->key_kind == PG_KEY_NONE) {
        error_set(err, ERROR_PLAN, "%s has no key, so that a row of it cannot be found again", s->name);
        return error_hint(err, "name its key in the plan");
    }
    const char **values = arena_array(a, (size_t)s->key_count, sizeof *values);
    if (values == NULL) return error_memory(err, "reading a row");
    if (!split_key(s, key, values, a)) return no_key(s, key, a, err);
    if (!check_values(c, s, values, &good, err)) return error_context(err, "reading a row of %s", s->name);
    const char *boundary = good ? boundary_of(s, values, a) : NULL, *there = NULL;
    if (boundary == NULL) return no_key(s, key, a, err);
    if (!read_point(&k, "", boundary)) return error_context(err, "reading a row of %s", s->name);
    if (out->count || s->spec->where == NULL) return true;
    struct pg_range point = {.part = "", .lower = boundary, .single = true};
    if (!pg_source_first_key(c, s, &point, a, &there, NULL, err)) return false;
    out->left_out = there != NULL;
    return true;
}
