/* The distinct values of columns: the server groups, so that a long table gives few rows.
 *
 * The server's equality is coarser than a value's text: 1.0 = 1.00, and 'a' = 'A' in some collations. Such values are told apart
 * by their text as well. */
#include <stdio.h>

#include "pg/source_parts.h"

#define FETCH_ROWS 1000

static const char *unit_of(enum pg_grain grain) {
    switch (grain) {
    case PG_GRAIN_YEAR: return "year";
    case PG_GRAIN_MONTH: return "month";
    case PG_GRAIN_DAY: return "day";
    case PG_GRAIN_HOUR: return "hour";
    case PG_GRAIN_MINUTE: return "minute";
    case PG_GRAIN_SECOND: return "second";
    case PG_GRAIN_MILLISECOND: return "milliseconds";
    case PG_GRAIN_NONE:
    case PG_GRAIN_VALUE: break;
    }
    return NULL;
}

/* One column, in the binary form of its type. Texts become text without a collation of their own; concat keeps the blanks of
 * char(n), which a cast would not. */
static void add_value(struct sql *q, enum pg_type type, enum pg_grain grain, const char *read) {
    bool moment = type == PG_TIMESTAMP || type == PG_TIMESTAMPTZ;
    if (moment && unit_of(grain)) {
        sql_printf(q, "pg_catalog.date_trunc('%s', %s)", unit_of(grain), read);
    } else if (type == PG_TEXT) {
        sql_printf(q, "(CASE WHEN (%s) IS NOT NULL THEN pg_catalog.concat(%s) END) COLLATE \"C\"", read, read);
    } else if (type == PG_JSON || type == PG_SERVER_TEXT || type == PG_SERVER_JSON) {
        sql_printf(q, "((%s)::text) COLLATE \"C\"", read);
    } else {
        sql_add(q, read);
    }
}

/* Types whose equal values can have different texts. */
static bool has_spellings(enum pg_type type) {
    return type == PG_NUMERIC || type == PG_JSONB;
}

static char *distinct_sql(const struct pg_source *s, const enum pg_grain *grains, struct arena *a) {
    static const struct pg_range all = {.part = ""};
    struct sql q;
    const char *comma = "";
    sql_init(&q);
    sql_add(&q, "DECLARE hlua_distinct BINARY NO SCROLL CURSOR FOR SELECT DISTINCT ");
    for (int i = 0; i < s->selected_count; i++) {
        if (grains[i] == PG_GRAIN_NONE) continue;
        sql_add(&q, comma);
        add_value(&q, s->selected[i].type, grains[i], s->selected_read[i]);
        comma = ", ";
    }
    for (int i = 0; i < s->selected_count; i++) {
        if (grains[i] != PG_GRAIN_NONE && has_spellings(s->selected[i].type))
            sql_printf(&q, ", ((%s)::text) COLLATE \"C\"", s->selected_read[i]);
    }
    source_add_body(&q, s, &all, true);
    return sql_take(&q, a);
}

/* Points the fields of the columns that were asked for at a row of the result. */
static void view_row(const struct pg_source *s, const enum pg_grain *grains, const PGresult *res, int row,
                     struct pg_field *fields) {
    int column = 0;
    for (int i = 0; i < s->selected_count; i++) {
        fields[i] = (struct pg_field){.len = -1};
        if (grains[i] == PG_GRAIN_NONE) continue;
        if (!PQgetisnull(res, row, column))
            fields[i] = (struct pg_field){PQgetvalue(res, row, column), PQgetlength(res, row, column)};
        column++;
    }
}

static bool fail(const struct pg_source *s, struct error *err) {
    if (err && err->kind == ERROR_INTERRUPTED) return false;
    error_context(err, "listing the values of %s", s->name);
    if (!pg_error_is_data(err)) return false;
    return error_hint(err,
                      "a value cannot be read where the tables of `to` are listed: mend the row, or leave it out with where");
}

bool pg_source_distinct(struct pg_connection *c, const struct pg_source *s, const enum pg_grain *grains,
                        bool (*each)(void *context, const struct pg_row *row, struct error *err), void *context,
                        const volatile int *stop, struct error *err) {
    struct arena *a = arena_new();
    char *sql = a ? distinct_sql(s, grains, a) : NULL;
    struct pg_field *fields = a ? arena_array(a, (size_t)s->selected_count + 1, sizeof *fields) : NULL;
    struct pg_row row = {fields, s->selected_count};
    char fetch[80];
    bool ok = sql && fields ? pg_run(c, err, sql) || fail(s, err) : error_memory(err, "listing values");
    snprintf(fetch, sizeof fetch, "FETCH FORWARD %d FROM hlua_distinct", FETCH_ROWS);
    for (int got = FETCH_ROWS; ok && got == FETCH_ROWS;) {
        PGresult *res = pg_execute_until(c, fetch, stop, err);
        if (res == NULL) ok = fail(s, err);
        got = res ? PQntuples(res) : 0;
        for (int i = 0; ok && i < got; i++) {
            view_row(s, grains, res, i, fields);
            ok = each(context, &row, err);
        }
        PQclear(res);
    }
    ok = ok && pg_run(c, err, "CLOSE hlua_distinct");
    arena_free(a);
    return ok;
}
