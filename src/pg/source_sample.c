/* How large a part is, and boundaries from a sample of its keys. Boundaries may be anywhere: every row is in
 * exactly one range whatever they are, so a sample of some pages, or a pass over a fraction of the rows, is
 * good enough. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/source_parts.h"

#define WHOLE_ROWS 200000.0 /* up to here all keys are read: some 100 ms */
#define PASS_ROWS 200000.0  /* rows of a source that cannot be sampled by pages which are sorted */
#define PAGES_A_RANGE 20.0  /* rows of one page are often neighbours, so pages count, not rows */
#define PAGES_MIN 300.0
#define ROWS_A_RANGE 20.0
#define COUNTED_PAGES 4096.0 /* a table without statistics is counted up to here (32 MB), beyond it sampled */

static double larger(double a, double b) {
    return a > b ? a : b;
}

static double number(const PGresult *res, int row, int column) {
    return PQgetisnull(res, row, column) ? 0 : strtod(PQgetvalue(res, row, column), NULL);
}

static PGresult *ask(struct pg_connection *c, struct sql *q, struct error *err) {
    const char *text = sql_text(q);
    PGresult *res = NULL;
    if (text == NULL)
        error_memory(err, "sampling the source");
    else
        res = pg_execute(c, text, err);
    sql_free(q);
    return res;
}

bool source_try(struct pg_connection *c, const char *sql, PGresult **out, struct error *err) {
    struct error failure;
    bool inside = PQtransactionStatus(pg_handle(c)) == PQTRANS_INTRANS;
    *out = NULL;
    if (inside && !pg_run(c, err, "SAVEPOINT attempt")) return false;
    *out = pg_execute(c, sql, &failure);
    if (*out) return !inside || pg_run(c, err, "RELEASE attempt");
    if (!pg_error_is_data(&failure) && strcmp(failure.code, "42501") != 0) {
        if (err) *err = failure;
        return false;
    }
    return !inside || pg_run(c, err, "ROLLBACK TO attempt; RELEASE attempt");
}

/* --- sizes --- */

/* The planner's guess: "... (cost=0.00..18.50 rows=850 width=68)". */
static bool explain(struct pg_connection *c, const struct pg_source *s, const char *part, struct source_size *out,
                    struct error *err) {
    struct sql q;
    struct pg_range all = {.part = part};
    sql_init(&q);
    sql_add(&q, "EXPLAIN SELECT *");
    source_add_body(&q, s, &all, true);
    PGresult *res = ask(c, &q, err);
    if (res == NULL) return error_context(err, "estimating the size of %s", s->name);
    const char *line = PQntuples(res) ? PQgetvalue(res, 0, 0) : "";
    const char *rows = strstr(line, "rows="), *width = strstr(line, "width=");
    *out = (struct source_size){
        .rows = rows ? strtod(rows + 5, NULL) : 0,
        .width = width ? larger(strtod(width + 6, NULL), 1) : 1,
    };
    PQclear(res);
    return true;
}

bool source_size_query(struct pg_connection *c, const struct pg_source *s, struct source_size *out, struct error *err) {
    return explain(c, s, s->oid ? s->name : "", out, err);
}

/* Rows of a table that was never analyzed. */
static bool count_rows(struct pg_connection *c, const struct source_part *part, struct source_size *size, struct error *err) {
    double fraction = size->pages > COUNTED_PAGES ? PAGES_MIN / size->pages : 1;
    struct sql q;
    sql_init(&q);
    sql_printf(&q, "SELECT count(*) FROM ONLY %s", part->name);
    if (fraction < 1) sql_printf(&q, " TABLESAMPLE SYSTEM (%.8f) REPEATABLE (0)", 100 * fraction);
    PGresult *res = ask(c, &q, err);
    if (res == NULL) return error_context(err, "counting the rows of %s", part->name);
    size->rows = number(res, 0, 0) / fraction;
    PQclear(res);
    return true;
}

/* A heap's rows: the density of the last analyze on the pages of now. */
static bool size_heap(struct pg_connection *c, const struct source_part *part, struct source_size *out, struct error *err) {
    struct sql q;
    sql_init(&q);
    sql_printf(&q,
               "SELECT reltuples, relpages, pg_relation_size(oid) / current_setting('block_size')::int,"
               " pg_table_size(oid) FROM pg_catalog.pg_class WHERE oid = %u",
               part->oid);
    PGresult *res = ask(c, &q, err);
    if (res == NULL || PQntuples(res) == 0) {
        PQclear(res);
        return res ? error_set(err, ERROR_SOURCE, "%s is gone", part->name) : error_context(err, "measuring %s", part->name);
    }
    double tuples = number(res, 0, 0), pages = number(res, 0, 1), bytes = number(res, 0, 3);
    *out = (struct source_size){.pages = number(res, 0, 2)};
    PQclear(res);
    if (tuples > 0 && pages > 0)
        out->rows = tuples / pages * out->pages;
    else if (out->pages > 0 && !count_rows(c, part, out, err))
        return false;
    out->width = out->rows >= 1 ? larger(bytes / out->rows, 1) : 1;
    return true;
}

static bool is_heap(const struct pg_source *s, const struct source_part *part) {
    return !s->whole && (part->kind == 'r' || part->kind == 'm');
}

bool source_size_part(struct pg_connection *c, const struct pg_source *s, const struct source_part *part, struct source_size *out,
                      struct error *err) {
    return is_heap(s, part) ? size_heap(c, part, out, err) : explain(c, s, part->name, out, err);
}

/* --- boundaries --- */

/* SELECT of every step-th key, in order, and the sample's size. `keys` is "x AS k1, y AS k2", `source` what
 * follows it. */
static void add_picks(struct sql *q, const struct pg_source *s, const char *keys, const char *source, double step) {
    sql_add(q, "SELECT ");
    source_add_key_texts(q, s);
    sql_add(q, ", total FROM (SELECT r.*, row_number() OVER (ORDER BY ");
    source_add_key(q, s, true);
    sql_printf(q, ") AS n, count(*) OVER () AS total FROM (SELECT %s%s) AS r) AS s", keys, source);
    sql_printf(q, " WHERE n > 1 AND (n - 1) %% %.0f = 0 ORDER BY n", step);
}

static bool take_boundaries(const struct pg_source *s, const PGresult *res, double fraction, struct arena *a,
                            struct source_boundaries *out, struct error *err) {
    int rows = PQntuples(res);
    *out = (struct source_boundaries){.texts = arena_array(a, (size_t)rows + 1, sizeof *out->texts), .rows = -1};
    if (out->texts == NULL) return error_memory(err, "sampling the source");
    for (int i = 0; i < rows; i++) {
        const char *text = source_boundary(s, res, i, a);
        if (text == NULL || (out->count && strcmp(text, out->texts[out->count - 1]) == 0)) continue;
        out->texts[out->count++] = text;
    }
    if (rows) out->rows = number(res, 0, s->key_count) / fraction;
    return true;
}

static bool pick(struct pg_connection *c, const struct pg_source *s, const char *keys, struct sql *source, double fraction,
                 double rows, struct arena *a, struct source_boundaries *out, bool *failed, struct error *err) {
    struct sql q;
    sql_init(&q);
    const char *text = sql_text(source);
    if (text && keys) add_picks(&q, s, keys, text, larger(1, floor(rows * fraction)));
    const char *picks = text && keys ? sql_text(&q) : NULL;
    PGresult *res = NULL;
    bool ok = picks ? source_try(c, picks, &res, err) : error_memory(err, "sampling the source");
    *failed = ok && res == NULL;
    if (res && ok) ok = take_boundaries(s, res, fraction, a, out, err);
    PQclear(res);
    sql_free(&q);
    sql_free(source);
    return ok;
}

/* The share of a heap's pages that gives each range enough of them. */
static double page_fraction(const struct source_size *size, double rows) {
    if (size->rows <= WHOLE_ROWS || size->pages <= PAGES_MIN) return 1;
    double pages = larger(PAGES_MIN, PAGES_A_RANGE * size->rows / rows);
    return fmin(1, larger(pages / size->pages, ROWS_A_RANGE / rows));
}

static char *aliased_keys(const struct pg_source *s, struct arena *a) {
    struct sql q;
    sql_init(&q);
    for (int i = 0; i < s->key_count; i++) sql_printf(&q, "%s%s AS k%d", i ? ", " : "", s->key[i].sql, i + 1);
    return sql_take(&q, a);
}

/* Pages of a heap, or a share of a view's, query's or foreign table's rows. */
static bool sample_part(struct pg_connection *c, const struct pg_source *s, const struct source_part *part,
                        const struct source_size *size, double rows, bool where, struct arena *a, struct source_boundaries *out,
                        bool *failed, struct error *err) {
    struct sql q;
    struct pg_range all = {.part = part->name};
    double fraction = 1;
    where = where && s->spec->where;
    sql_init(&q);
    if (is_heap(s, part)) {
        fraction = page_fraction(size, rows);
        sql_add(&q, " FROM ");
        source_add_from(&q, s, part->name, "true");
        if (fraction < 1) sql_printf(&q, " TABLESAMPLE SYSTEM (%.8f) REPEATABLE (0)", 100 * fraction);
        if (where) sql_printf(&q, " WHERE (%s\n)", s->spec->where);
    } else {
        if (size->rows > PASS_ROWS) fraction = fmin(1, larger(PASS_ROWS / size->rows, ROWS_A_RANGE / rows));
        source_add_body(&q, s, &all, where);
        if (fraction < 1) sql_printf(&q, " %s random() < %.10f", where ? "AND" : "WHERE", fraction);
    }
    return pick(c, s, aliased_keys(s, a), &q, fraction, rows, a, out, failed, err);
}

/* --- a query whose key is one table's --- */

/* The table, and its columns under the key's aliases; *keys NULL when the key comes from elsewhere. */
static bool find_key_table(struct pg_connection *c, const struct pg_source *s, struct source_part *table, char **keys,
                           struct arena *a, struct error *err) {
    *keys = NULL;
    Oid oid = s->base.table[s->key[0].base];
    for (int i = 0; i < s->key_count; i++) {
        if (s->base.table[s->key[i].base] != oid) return true;
    }
    if (oid == 0) return true;
    struct sql q, columns;
    sql_init(&q);
    sql_printf(&q,
               "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind FROM pg_catalog.pg_class c"
               " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %u AND c.relkind IN ('r', "
               "'m')"
               " AND NOT c.relhassubclass",
               oid);
    PGresult *res = ask(c, &q, err);
    if (res == NULL) return error_context(err, "looking up the key's table");
    sql_init(&columns);
    if (PQntuples(res) == 1) {
        *table = (struct source_part){.name = arena_text(a, PQgetvalue(res, 0, 0)), .oid = oid, .kind = PQgetvalue(res, 0, 1)[0]};
        sql_init(&q);
        sql_printf(&q, "SELECT quote_ident(attname) FROM unnest('{");
        for (int i = 0; i < s->key_count; i++) sql_printf(&q, "%s%d", i ? "," : "", s->base.number[s->key[i].base]);
        sql_printf(&q,
                   "}'::int[]) WITH ORDINALITY AS k(number, place) JOIN pg_catalog.pg_attribute"
                   " ON attrelid = %u AND attnum = number ORDER BY place",
                   oid);
        PQclear(res);
        res = ask(c, &q, err);
        if (res == NULL) return error_context(err, "looking up the key's table");
        for (int i = 0; i < PQntuples(res); i++) sql_printf(&columns, "%s%s AS k%d", i ? ", " : "", PQgetvalue(res, i, 0), i + 1);
        if (PQntuples(res) == s->key_count && table->name) *keys = sql_take(&columns, a);
    }
    PQclear(res);
    sql_free(&columns);
    return true;
}

static bool sample_key_table(struct pg_connection *c, const struct pg_source *s, const struct source_size *size, double rows,
                             struct arena *a, struct source_boundaries *out, bool *failed, struct error *err) {
    struct source_part table;
    struct source_size base;
    char *keys;
    *failed = true;
    if (!find_key_table(c, s, &table, &keys, a, err)) return false;
    if (keys == NULL) return true;
    if (!size_heap(c, &table, &base, err)) return false;
    /* As many ranges as the larger of the two needs, counted in rows of the table. */
    double ranges = larger(1, larger(base.rows, size->rows) / rows);
    double apart = larger(1, base.rows / ranges), fraction = page_fraction(&base, apart);
    struct sql q;
    sql_init(&q);
    sql_printf(&q, " FROM ONLY %s", table.name);
    if (fraction < 1) sql_printf(&q, " TABLESAMPLE SYSTEM (%.8f) REPEATABLE (0)", 100 * fraction);
    if (!pick(c, s, keys, &q, fraction, apart, a, out, failed, err)) return false;
    out->rows = -1; /* the table's rows are not the query's */
    return true;
}

bool source_sample(struct pg_connection *c, const struct pg_source *s, const struct source_part *part,
                   const struct source_size *size, double rows, struct arena *a, struct source_boundaries *out,
                   struct error *err) {
    bool failed = true;
    *out = (struct source_boundaries){.rows = -1};
    if (s->oid == 0 && !sample_key_table(c, s, size, rows, a, out, &failed, err)) goto failure;
    if (failed && !sample_part(c, s, part, size, rows, true, a, out, &failed, err)) goto failure;
    /* A row on which `where` itself fails must not end the run: it will be found, and rejected, while
     * reading. */
    if (failed && s->spec->where && !sample_part(c, s, part, size, rows, false, a, out, &failed, err)) goto failure;
    return true;
failure:
    return error_context(err, "sampling the key of %s", s->name);
}
