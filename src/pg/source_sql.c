/* SELECTs over a range. Boundaries are texts of the key columns, compared row by row on the server, each as a
 * literal of its column's type; text therefore compares in the column's own collation. */
#include <string.h>

#include "base/json.h"
#include "pg/source_parts.h"

/* The query with every {range} replaced; without trailing semicolons, which end no subquery. */
static void add_query(struct sql *q, const char *query, const char *range) {
    size_t end = strlen(query);
    while (end && strchr("; \t\r\n", query[end - 1])) end--;
    sql_add(q, "(");
    for (const char *at = query, *stop = query + end; at < stop;) {
        const char *mark = strstr(at, "{range}");
        if (mark == NULL || mark >= stop) mark = stop;
        if (!buffer_append(&q->text, at, (size_t)(mark - at))) q->failed = true;
        if (mark == stop) break;
        sql_printf(q, "(%s)", range);
        at = mark + strlen("{range}");
    }
    sql_add(q, "\n) AS q"); /* the line feed ends a comment, should the query end with one */
}

void source_add_from(struct sql *q, const struct pg_source *s, const char *part, const char *range) {
    if (s->oid == 0) {
        add_query(q, s->spec->query, range);
        return;
    }
    if (*part == '\0') {
        sql_add(q, s->name);
        return;
    }
    bool is_leaf = strcmp(part, s->name) != 0;
    bool only = !s->whole && (s->kind == 'r' || (s->kind == 'p' && is_leaf));
    sql_printf(q, "%s%s", only ? "ONLY " : "", part);
    if (is_leaf) sql_printf(q, " AS %s", s->alias);
}

void source_add_key(struct sql *q, const struct pg_source *s, bool aliased) {
    for (int i = 0; i < s->key_count; i++) {
        if (aliased)
            sql_printf(q, "%sk%d", i ? ", " : "", i + 1);
        else
            sql_printf(q, "%s%s", i ? ", " : "", s->key[i].sql);
    }
}

void source_add_key_texts(struct sql *q, const struct pg_source *s) {
    for (int i = 0; i < s->key_count; i++) sql_printf(q, "%sk%d::text", i ? ", " : "", i + 1);
}

/* One side of a range: ("a", "b") >= ('1'::integer, 'x'::text). */
static void add_bound(struct sql *q, const struct pg_source *s, const char *operator, const char * boundary) {
    struct json j;
    size_t n = strlen(boundary);
    json_init(&j, boundary, n);
    char *value = NULL;
    struct arena *scratch = arena_new();
    if (scratch == NULL || (value = arena_alloc(scratch, n + 1)) == NULL || json_next(&j) != JSON_ARRAY) {
        q->failed = true;
        arena_free(scratch);
        return;
    }
    sql_add(q, "(");
    source_add_key(q, s, false);
    sql_printf(q, ") %s (", operator);
    for (int i = 0; i < s->key_count; i++) {
        if (json_next(&j) != JSON_STRING || !json_copy(&j, value, n + 1)) {
            q->failed = true;
            break;
        }
        if (i) sql_add(q, ", ");
        sql_literal(q, value);
        sql_printf(q, "::%s", s->key[i].cast);
    }
    sql_add(q, ")");
    if (json_next(&j) != JSON_ARRAY_END || json_next(&j) != JSON_END) q->failed = true;
    arena_free(scratch);
}

/* What the range says, e.g. ("a", "b") >= ('1'::integer, 'x'::text); "true" when open at both ends. */
static void add_range(struct sql *q, const struct pg_source *s, const struct pg_range *r) {
    if (r->single) {
        add_bound(q, s, "=", r->lower);
        return;
    }
    if (r->lower == NULL && r->upper == NULL) sql_add(q, "true");
    if (r->lower) add_bound(q, s, r->lower_exclusive ? ">" : ">=", r->lower);
    if (r->lower && r->upper) sql_add(q, " AND ");
    if (r->upper) add_bound(q, s, "<", r->upper);
}

void source_add_body(struct sql *q, const struct pg_source *s, const struct pg_range *r, bool where) {
    struct sql range;
    sql_init(&range);
    add_range(&range, s, r);
    const char *condition = sql_text(&range);
    if (condition == NULL) {
        q->failed = true;
        return sql_free(&range);
    }
    bool inside = s->oid == 0 && strstr(s->spec->query, "{range}");
    bool outside = !inside && strcmp(condition, "true") != 0;
    where = where && s->spec->where;
    sql_add(q, " FROM ");
    source_add_from(q, s, r->part ? r->part : "", condition);
    if (outside || where) sql_add(q, " WHERE ");
    if (outside) sql_add(q, condition);
    if (where) sql_printf(q, "%s(%s\n)", outside ? " AND " : "", s->spec->where);
    sql_free(&range);
}

char *pg_source_sql(const struct pg_source *s, const struct pg_range *r, int64_t limit, struct arena *a) {
    struct sql q;
    sql_init(&q);
    sql_add(&q, "SELECT ");
    for (int i = 0; i < s->selected_count; i++) sql_printf(&q, "%s%s", i ? ", " : "", s->selected_read[i]);
    source_add_body(&q, s, r, true);
    if (limit >= 0) sql_printf(&q, " LIMIT %lld", (long long)limit);
    return sql_take(&q, a);
}

const char *source_boundary(const struct pg_source *s, const PGresult *res, int row, struct arena *a) {
    struct buffer b;
    buffer_init(&b, (size_t)16 << 20);
    bool ok = buffer_append(&b, "[", 1);
    for (int i = 0; ok && i < s->key_count; i++) {
        const char *text = PQgetvalue(res, row, i);
        size_t n = (size_t)PQgetlength(res, row, i);
        ok = !PQgetisnull(res, row, i) && source_add_bound_text(&b, i, text, n);
    }
    ok = ok && buffer_append(&b, "]", 1);
    const char *boundary = ok ? arena_copy(a, b.data, b.len) : NULL;
    buffer_free(&b);
    return boundary;
}
