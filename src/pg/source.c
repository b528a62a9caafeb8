/* Describing a source: what the plan names is looked up in the server's catalog, and every piece of the
 * plan's SQL is prepared (never run), so that a mistake in it is found before anything is read. */
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "pg/source_parts.h"

#define NEAR_RELATIONS_MAX 20000

/* --- mistakes of the plan --- */

/* The name between the first pair of double quotes of a server's message; false when there is none. */
static bool quoted_in(const char *message, char *out, size_t size) {
    const char *start = strchr(message, '"');
    const char *end = start ? strchr(start + 1, '"') : NULL;
    if (end == NULL || (size_t)(end - start) > size) return false;
    memcpy(out, start + 1, (size_t)(end - start - 1));
    out[end - start - 1] = '\0';
    return true;
}

static bool hint_relations(struct pg_connection *c, const char *wanted, struct error *err) {
    struct error ignored;
    struct sql q;
    sql_init(&q);
    sql_printf(&q,
               "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), quote_ident(c.relname)"
               " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
               " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^(pg_|information_schema$)'"
               " ORDER BY 1 LIMIT %d",
               NEAR_RELATIONS_MAX);
    const char *text = sql_text(&q);
    PGresult *res = text ? pg_execute(c, text, &ignored) : NULL;
    sql_free(&q);
    int count = PQntuples(res);
    const char **names = res ? malloc(((size_t)count + 1) * sizeof *names) : NULL;
    if (names) {
        /* A wanted name without its schema is compared with names without theirs, and shown with it. */
        for (int i = 0; i < count; i++) names[i] = PQgetvalue(res, i, strchr(wanted, '.') ? 0 : 1);
        int near = nearest_find(wanted, names, count);
        for (int i = 0; i < count; i++) names[i] = PQgetvalue(res, i, 0);
        nearest_hint(near >= 0 ? names[near] : "", names, count, "relations", err->hint, sizeof err->hint);
    }
    free(names);
    PQclear(res);
    return false;
}

bool source_plan_error(struct pg_connection *c, const struct pg_source *s, struct error *err) {
    if (err == NULL || !pg_error_is_statement(err)) return false;
    err->kind = ERROR_PLAN;
    char name[200];
    if (err->hint[0] || !quoted_in(err->text, name, sizeof name)) return false;
    if (strcmp(err->code, "42P01") == 0) return hint_relations(c, name, err);
    if (strcmp(err->code, "42703") == 0 && s->base.count) return source_columns_hint(&s->base, name, err);
    return false;
}

/* --- the relation --- */

static bool wrong_kind(const struct pg_source *s, struct error *err) {
    const char *what = s->kind == 'i' || s->kind == 'I' ? "an index" : s->kind == 'S' ? "a sequence" : "not a relation of rows";
    error_set(err, ERROR_PLAN, "%s is %s", s->spec->from, what);
    return error_hint(err, "from names a table, a view, a materialized view or a foreign table");
}

static bool take_relation(struct pg_connection *c, struct pg_source *s, const PGresult *res, struct error *err) {
    if (PQntuples(res) == 0) {
        error_set(err, ERROR_PLAN, "the source has no relation %s", s->spec->from);
        error_code(err, "42P01");
        return hint_relations(c, s->spec->from, err);
    }
    s->oid = (Oid)strtoul(PQgetvalue(res, 0, 0), NULL, 10);
    s->kind = PQgetvalue(res, 0, 1)[0];
    s->name = arena_text(s->arena, PQgetvalue(res, 0, 2));
    s->alias = arena_text(s->arena, PQgetvalue(res, 0, 3));
    if (s->name == NULL || s->alias == NULL) return error_memory(err, "describing a source");
    return strchr("rpvmf", s->kind) ? true : wrong_kind(s, err);
}

static bool find_relation(struct pg_connection *c, struct pg_source *s, struct error *err) {
    struct sql q;
    sql_init(&q);
    sql_add(&q, "SELECT c.oid, c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname), "
                "quote_ident(c.relname)"
                " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                " WHERE c.oid = pg_catalog.to_regclass(");
    sql_literal(&q, s->spec->from);
    sql_add(&q, ")");
    const char *text = sql_text(&q);
    PGresult *res = NULL;
    bool ok = false;
    if (text == NULL) {
        error_memory(err, "describing a source");
    } else if ((res = pg_execute(c, text, err)) == NULL) {
        source_plan_error(c, s, err);
        error_context(err, "looking up the relation %s", s->spec->from);
    } else {
        ok = take_relation(c, s, res, err);
    }
    PQclear(res);
    sql_free(&q);
    return ok;
}

/* --- the plan's SQL --- */

static bool read_columns(struct pg_connection *c, struct pg_source *s, struct source_columns *out, struct error *err) {
    struct sql q;
    sql_init(&q);
    source_add_from(&q, s, s->oid ? s->name : "", "true");
    const char *from = sql_text(&q);
    bool ok = from ? source_columns_read(c, s, from, out, err) : error_memory(err, "describing a source");
    sql_free(&q);
    return ok;
}

/* The columns get arrays of their own, because the base stays as it is: the key is compared in its original
 * form. */
static bool apply_expressions(struct pg_connection *c, struct pg_source *s, struct error *err) {
    s->columns = s->base;
    if (s->spec->expression_count == 0 && s->spec->time_zone == NULL) return true;
    if (!read_columns(c, s, &s->columns, err)) return false;
    for (int i = 0; i < s->spec->expression_count; i++) {
        const struct pg_expression *e = &s->spec->expressions[i];
        int at = source_columns_find(&s->columns, e->name);
        if (!source_columns_express(c, s, e, at < 0 ? s->columns.count : at, &s->columns, err)) return false;
    }
    return source_columns_zone(c, s, &s->columns, err);
}

bool pg_source_check_where(struct pg_connection *c, struct pg_source *s, const char *called, struct error *err) {
    if (s->spec->where == NULL) return true;
    struct sql q;
    sql_init(&q);
    struct pg_range all = {.part = s->oid ? s->name : ""};
    sql_add(&q, "SELECT 1");
    source_add_body(&q, s, &all, true);
    const char *text = sql_text(&q);
    PGresult *res = NULL;
    if (text == NULL) {
        error_memory(err, "describing a source");
    } else if ((res = pg_describe(c, text, err)) == NULL) {
        source_plan_error(c, s, err);
        error_context(err, "%s", called);
        if (err && err->kind == ERROR_PLAN && err->hint[0] == '\0')
            error_hint(err,
                       "%s is a condition in SQL on the columns of %s, as it stands after WHERE; the message is PostgreSQL's",
                       called, s->oid ? s->name : "the query");
    }
    bool ok = res != NULL;
    PQclear(res);
    sql_free(&q);
    return ok;
}

/* A query with {range} gets the condition inside: the key's names must mean something there. */
static bool check_range(struct pg_connection *c, struct pg_source *s, struct error *err) {
    if (s->oid || s->key_kind != PG_KEY_COLUMNS || strstr(s->spec->query, "{range}") == NULL) return true;
    struct sql q, null;
    sql_init(&q);
    sql_init(&null);
    for (int i = 0; i < s->key_count; i++) sql_printf(&null, "%s%s IS NULL", i ? " OR " : "", s->key[i].sql);
    const char *is_null = sql_text(&null);
    sql_add(&q, "SELECT 1 FROM ");
    if (is_null) source_add_from(&q, s, "", is_null);
    const char *text = sql_text(&q);
    PGresult *res = NULL;
    if (text == NULL || is_null == NULL) {
        error_memory(err, "describing a source");
    } else if ((res = pg_describe(c, text, err)) == NULL) {
        source_plan_error(c, s, err);
        error_context(err, "the key at {range} of the query");
        if (err && err->kind == ERROR_PLAN)
            error_hint(err, "the key's names must be plain there; without {range} the query is wrapped and the key "
                            "is that of its result");
    }
    bool ok = res != NULL;
    PQclear(res);
    sql_free(&null);
    sql_free(&q);
    return ok;
}

static bool wrong_query(const struct pg_source *s, struct error *err) {
    error_context(err, "the query");
    if (err && strcmp(err->code, "42601") == 0 && err->hint[0] == '\0' && strchr(s->spec->query, ';'))
        error_hint(err, "it becomes part of a larger statement: one SELECT, without a semicolon");
    return false;
}

static bool describe(struct pg_connection *c, struct pg_source *s, struct error *err) {
    if (s->spec->from && !find_relation(c, s, err)) return false;
    if (!read_columns(c, s, &s->base, err)) return s->oid ? false : wrong_query(s, err);
    if (s->base.count == 0) return error_set(err, ERROR_PLAN, "%s has no columns", s->name);
    return apply_expressions(c, s, err) && pg_source_check_where(c, s, "where", err) && source_find_parts(c, s, err) &&
           source_find_key(c, s, err) && check_range(c, s, err);
}

struct pg_source *pg_source_describe(struct pg_connection *c, const struct pg_source_spec *spec, struct arena *a,
                                     struct error *err) {
    struct pg_source *s = arena_alloc(a, sizeof *s);
    if (s == NULL) {
        error_memory(err, "describing a source");
        return NULL;
    }
    *s = (struct pg_source){.arena = a, .spec = spec, .name = "query", .ctid_ranges = pg_server(c)->version >= 140000};
    if ((spec->from == NULL) == (spec->query == NULL)) {
        error_set(err, ERROR_PLAN, "a table reads either from a relation or from a query");
        return NULL;
    }
    if (!describe(c, s, err)) return NULL;
    bool *all = arena_array(a, (size_t)s->columns.count, sizeof *all);
    if (all == NULL) {
        error_memory(err, "describing a source");
        return NULL;
    }
    memset(all, true, (size_t)s->columns.count);
    return pg_source_select(s, all, err) ? s : NULL; /* all of them, until the mapping says what it needs */
}

const struct pg_column *pg_source_columns(const struct pg_source *s, int *count) {
    *count = s->columns.count;
    return s->columns.shown;
}

enum pg_key_kind pg_source_key_kind(const struct pg_source *s) {
    return s->key_kind;
}

const char *pg_source_name(const struct pg_source *s) {
    return s->name;
}

double pg_source_estimate(const struct pg_source *s) {
    return s->estimate;
}
