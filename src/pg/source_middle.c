/* The middle of a range: a row that fails is found by halves. */
#include <stdlib.h>
#include <string.h>

#include "pg/source_parts.h"

/* The first key after the middle that is greater than the first key, and the number of rows, even when there
 * are none. */
static char *middle_sql(const struct pg_source *s, const struct pg_range *r, struct arena *a) {
    struct sql q;
    sql_init(&q);
    sql_add(&q, "WITH s AS MATERIALIZED (SELECT r.*, row_number() OVER (ORDER BY ");
    source_add_key(&q, s, true);
    sql_add(&q, ") AS n FROM (SELECT ");
    for (int i = 0; i < s->key_count; i++) sql_printf(&q, "%s%s AS k%d", i ? ", " : "", s->key[i].sql, i + 1);
    source_add_body(&q, s, r, false);
    sql_add(&q, ") AS r) SELECT ");
    source_add_key_texts(&q, s);
    sql_add(&q, ", total FROM (SELECT count(*) AS total FROM s) AS t LEFT JOIN LATERAL"
                " (SELECT * FROM s WHERE n > total / 2 AND (");
    source_add_key(&q, s, true);
    sql_add(&q, ") > (SELECT ");
    source_add_key(&q, s, true);
    sql_add(&q, " FROM s WHERE n = 1) ORDER BY n LIMIT 1) AS m ON true");
    return sql_take(&q, a);
}

bool pg_source_middle(struct pg_connection *c, const struct pg_source *s, const struct pg_range *r, struct arena *a,
                      const char **middle, int64_t *rows, struct error *err) {
    *middle = NULL;
    *rows = 0;
    if (s->key_kind == PG_KEY_NONE) {
        error_set(err, ERROR_SOURCE, "%s has no key, so the row that fails cannot be found", s->name);
        return error_hint(err, "name its key in the plan");
    }
    char *sql = middle_sql(s, r, a);
    if (sql == NULL) return error_memory(err, "narrowing a failure down");
    PGresult *res;
    if (!source_try(c, sql, &res, err)) return error_context(err, "narrowing a failure down in %s", s->name);
    if (res == NULL) {
        error_set(err, ERROR_SOURCE, "the key of %s cannot be read where a row fails", s->name);
        return error_hint(err, "a condition of the query fails on a row: correct the query, or that row");
    }
    *rows = strtoll(PQgetvalue(res, 0, s->key_count), NULL, 10);
    bool found = !PQgetisnull(res, 0, 0);
    if (found) *middle = source_boundary(s, res, 0, a);
    PQclear(res);
    if (!found || *middle) return true;
    return error_set(err, ERROR_SOURCE, "a key of %s is no text in UTF-8: the row that fails cannot be found", s->name);
}

/* The texts of a row as a boundary; NULL when they are none. */
static const char *bound_of(const struct pg_result *res, int count, struct arena *a) {
    struct buffer b;
    buffer_init(&b, SOURCE_BOUND_MAX);
    bool ok = buffer_append(&b, "[", 1);
    for (int i = 0; ok && i < count; i++) {
        const char *text = pg_text(res, 0, i);
        ok = text && source_add_bound_text(&b, i, text, strlen(text));
    }
    const char *bound = ok && buffer_append(&b, "]", 1) ? arena_copy(a, b.data, b.len) : NULL;
    buffer_free(&b);
    return bound;
}

bool pg_source_first_key(struct pg_connection *c, const struct pg_source *s, const struct pg_range *r, struct arena *a,
                         const char **key, const char **bound, struct error *err) {
    struct sql q;
    *key = NULL;
    if (bound) *bound = NULL;
    sql_init(&q);
    sql_add(&q, "SELECT ");
    for (int i = 0; i < s->key_count; i++) sql_printf(&q, "%s(%s)::text", i ? ", " : "", s->key[i].sql);
    source_add_body(&q, s, r, false);
    sql_add(&q, " ORDER BY ");
    source_add_key(&q, s, false);
    sql_add(&q, " LIMIT 1");
    char *sql = sql_take(&q, a);
    if (sql == NULL) return error_memory(err, "narrowing a failure down");
    struct pg_result *res = pg_query(c, err, sql);
    if (res == NULL) return error_context(err, "reading a key of %s", s->name);
    char *text = arena_text(a, "");
    for (int i = 0; text && pg_rows(res) && i < s->key_count; i++) {
        const char *value = pg_text(res, 0, i);
        text = arena_printf(a, "%s%s%s=%s", text, i ? "," : "", s->key[i].shown.name, value ? value : "NULL");
    }
    if (text && pg_rows(res)) *key = text;
    if (*key && bound && s->key_kind == PG_KEY_COLUMNS) *bound = bound_of(res, s->key_count, a);
    pg_result_free(res);
    return text != NULL || error_memory(err, "narrowing a failure down");
}
