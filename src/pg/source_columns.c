/* What columns a source has, and how each is read: in binary if we decode its type, else through the server's
 * text. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "pg/source_parts.h"

/* The oids of pg_type.dat; they never change. The server describes a domain as its base type. */
static const struct {
    Oid oid;
    enum pg_type type;
} builtin[] = {
    {16, PG_BOOL},          {17, PG_BYTEA},     {19, PG_TEXT},   {20, PG_INT8},    {21, PG_INT2},
    {23, PG_INT4},          {25, PG_TEXT},      {114, PG_JSON},  {700, PG_FLOAT4}, {701, PG_FLOAT8},
    {1042, PG_TEXT},        {1043, PG_TEXT},    {1082, PG_DATE}, {1083, PG_TIME},  {1114, PG_TIMESTAMP},
    {1184, PG_TIMESTAMPTZ}, {1700, PG_NUMERIC}, {2950, PG_UUID}, {3802, PG_JSONB},
};

static bool builtin_type(Oid oid, enum pg_type *out) {
    for (size_t i = 0; i < sizeof builtin / sizeof builtin[0]; i++) {
        if (builtin[i].oid == oid) {
            *out = builtin[i].type;
            return true;
        }
    }
    return false;
}

/* One row a column, in order: how it is called, what family it is of, the function that makes hstore JSON,
 * not null. */
static const char catalog_sql[] =
    "SELECT format_type(w.type, w.modifier), format_type(w.type, -1), t.typtype = 'e',"
    " t.typcategory = 'A' OR t.typtype = 'c' OR t.oid = 2249,"
    " (SELECT quote_ident(n.nspname) || '.hstore_to_jsonb' FROM pg_proc p JOIN pg_namespace n ON n.oid = "
    "p.pronamespace"
    "  WHERE t.typname = 'hstore' AND p.proname = 'hstore_to_jsonb' AND p.pronamespace = t.typnamespace"
    "  AND p.proargtypes[0] = t.oid),"
    " coalesce(a.attnotnull AND c.relkind IN ('r', 'p'), false) AND w.tab = %u"
    " FROM unnest('{%s}'::oid[], '{%s}'::int[], '{%s}'::oid[], '{%s}'::int[]) WITH ORDINALITY"
    " AS w(type, modifier, tab, num, place)"
    " JOIN pg_catalog.pg_type t ON t.oid = w.type LEFT JOIN pg_catalog.pg_class c ON c.oid = w.tab"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = w.tab AND a.attnum = w.num ORDER BY place";

static PGresult *read_catalog(struct pg_connection *c, Oid relation, const PGresult *described, struct error *err) {
    struct sql list[4], q;
    for (int i = 0; i < 4; i++) sql_init(&list[i]);
    for (int i = 0; i < PQnfields(described); i++) {
        const char *comma = i ? "," : "";
        sql_printf(&list[0], "%s%u", comma, PQftype(described, i));
        sql_printf(&list[1], "%s%d", comma, PQfmod(described, i));
        sql_printf(&list[2], "%s%u", comma, PQftable(described, i));
        sql_printf(&list[3], "%s%d", comma, PQftablecol(described, i));
    }
    sql_init(&q);
    const char *l[4];
    bool ok = true;
    for (int i = 0; i < 4; i++) ok = (l[i] = sql_text(&list[i])) != NULL && ok;
    if (ok) sql_printf(&q, catalog_sql, relation, l[0], l[1], l[2], l[3]);
    const char *text = ok ? sql_text(&q) : NULL;
    PGresult *res = NULL;
    if (text == NULL)
        error_memory(err, "describing columns");
    else
        res = pg_execute(c, text, err);
    for (int i = 0; i < 4; i++) sql_free(&list[i]);
    sql_free(&q);
    return res;
}

/* How a value of a type is read: `value` as it is, or wrapped. */
static bool set_reading(struct source_columns *columns, int at, Oid type, const PGresult *catalog, int row, struct arena *a) {
    struct pg_column *column = &columns->shown[at];
    const char *value = columns->value[at];
    bool is_enum = PQgetvalue(catalog, row, 2)[0] == 't', is_tree = PQgetvalue(catalog, row, 3)[0] == 't';
    const char *hstore = PQgetisnull(catalog, row, 4) ? NULL : PQgetvalue(catalog, row, 4);
    column->sql_type = arena_text(a, PQgetvalue(catalog, row, 0));
    columns->cast[at] = arena_text(a, PQgetvalue(catalog, row, 1));
    if (builtin_type(type, &column->type)) {
        columns->read[at] = value;
    } else if (is_enum) {
        column->type = PG_TEXT;
        columns->read[at] = value;
    } else if (is_tree || hstore) {
        column->type = PG_SERVER_JSON;
        columns->read[at] = arena_printf(a, "%s(%s)::text", hstore ? hstore : "pg_catalog.to_jsonb", value);
    } else {
        column->type = PG_SERVER_TEXT;
        columns->read[at] = arena_printf(a, "(%s)::text", value);
    }
    return column->name && column->sql_type && columns->cast[at] && value && columns->read[at];
}

static bool allocate(struct source_columns *columns, int room, struct arena *a) {
    size_t n = (size_t)room + 1; /* never empty */
    *columns = (struct source_columns){0};
    columns->shown = arena_array(a, n, sizeof *columns->shown);
    columns->value = arena_array(a, n, sizeof *columns->value);
    columns->read = arena_array(a, n, sizeof *columns->read);
    columns->cast = arena_array(a, n, sizeof *columns->cast);
    columns->table = arena_array(a, n, sizeof *columns->table);
    columns->number = arena_array(a, n, sizeof *columns->number);
    return columns->shown && columns->value && columns->read && columns->cast && columns->table && columns->number;
}

static char *quoted_name(const char *name, struct arena *a) {
    struct sql q;
    sql_init(&q);
    sql_name(&q, name);
    return sql_take(&q, a);
}

static bool fill(struct source_columns *out, const PGresult *described, const PGresult *catalog, struct arena *a,
                 struct error *err) {
    for (int i = 0; i < PQnfields(described); i++) {
        const char *name = arena_text(a, PQfname(described, i));
        if (name == NULL) return error_memory(err, "describing columns");
        if (source_columns_find(out, name) >= 0) {
            error_set(err, ERROR_PLAN, "column \"%s\" appears twice in the query", name);
            return error_hint(err, "name each column of the query once, with AS");
        }
        out->shown[i].name = name;
        out->shown[i].not_null = PQgetvalue(catalog, i, 5)[0] == 't';
        out->value[i] = quoted_name(name, a);
        out->table[i] = PQftable(described, i);
        out->number[i] = PQftablecol(described, i);
        if (!set_reading(out, i, PQftype(described, i), catalog, i, a)) return error_memory(err, "describing columns");
        out->count++;
    }
    return true;
}

bool source_columns_read(struct pg_connection *c, const struct pg_source *s, const char *from, struct source_columns *out,
                         struct error *err) {
    struct sql q;
    sql_init(&q);
    sql_printf(&q, "SELECT * FROM %s", from);
    const char *text = sql_text(&q);
    PGresult *described = NULL, *catalog = NULL;
    bool ok = false;
    if (text == NULL)
        error_memory(err, "describing columns");
    else if ((described = pg_describe(c, text, err)) == NULL)
        source_plan_error(c, s, err);
    else if ((catalog = read_catalog(c, s->oid, described, err)) == NULL)
        error_context(err, "describing columns");
    else if (PQntuples(catalog) != PQnfields(described))
        error_set(err, ERROR_SOURCE, "a column's type is not in the catalog");
    else if (!allocate(out, PQnfields(described) + s->spec->expression_count, s->arena))
        error_memory(err, "describing columns");
    else
        ok = fill(out, described, catalog, s->arena, err);
    PQclear(described);
    PQclear(catalog);
    sql_free(&q);
    return ok;
}

bool source_columns_express(struct pg_connection *c, const struct pg_source *s, const struct pg_expression *e, int at,
                            struct source_columns *out, struct error *err) {
    struct sql q;
    sql_init(&q);
    sql_printf(&q, "SELECT (%s\n) FROM ", e->sql); /* the line feed ends a comment, should it end with one */
    source_add_from(&q, s, s->name, "true");
    const char *text = sql_text(&q);
    PGresult *described = NULL, *catalog = NULL;
    bool ok = false;
    if (text == NULL) {
        error_memory(err, "describing an expression");
    } else if ((described = pg_describe(c, text, err)) == NULL) {
        source_plan_error(c, s, err);
        error_context(err, "the expression of column \"%s\"", e->name);
    } else if ((catalog = read_catalog(c, s->oid, described, err)) != NULL && PQntuples(catalog) == 1) {
        out->shown[at] = (struct pg_column){.name = e->name};
        out->value[at] = arena_printf(s->arena, "(%s\n)", e->sql);
        out->table[at] = 0;
        ok = set_reading(out, at, PQftype(described, 0), catalog, 0, s->arena);
        if (!ok)
            error_memory(err, "describing an expression");
        else if (at == out->count)
            out->count++;
    } else if (catalog) {
        error_set(err, ERROR_PLAN, "the expression of column \"%s\" is not one value", e->name);
    }
    PQclear(described);
    PQclear(catalog);
    sql_free(&q);
    return ok;
}

int source_columns_find(const struct source_columns *columns, const char *name) {
    for (int i = 0; i < columns->count; i++) {
        if (strcmp(columns->shown[i].name, name) == 0) return i;
    }
    return -1;
}

bool source_columns_hint(const struct source_columns *columns, const char *wanted, struct error *err) {
    if (err == NULL) return false;
    const char **names = malloc(((size_t)columns->count + 1) * sizeof *names);
    if (names == NULL) return false;
    for (int i = 0; i < columns->count; i++) names[i] = columns->shown[i].name;
    nearest_hint(wanted, names, columns->count, "columns", err->hint, sizeof err->hint);
    free(names);
    return false;
}
