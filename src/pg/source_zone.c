/* Timestamps without a zone as moments of the plan's time zone: the server converts them, with its own zone tables. */
#include <stdlib.h>
#include <strings.h>

#include "base/nearest.h"
#include "pg/source_parts.h"

/* AT TIME ZONE would also take a zone in POSIX form, which almost any misspelt name with a digit is: so the names decide. */
static bool zone_known(const PGresult *names, const char *zone) {
    for (int i = 0; i < PQntuples(names); i++) {
        if (strcasecmp(PQgetvalue(names, i, 0), zone) == 0) return true;
    }
    return false;
}

static bool unknown_zone(const PGresult *names, const char *zone, struct error *err) {
    int count = PQntuples(names);
    const char **list = malloc(((size_t)count + 1) * sizeof *list);
    error_set(err, ERROR_PLAN, "the source knows no time zone \"%s\"", zone);
    for (int i = 0; list && i < count; i++) list[i] = PQgetvalue(names, i, 0);
    int near = list ? nearest_find(zone, list, count) : -1;
    if (near >= 0) error_hint(err, "did you mean \"%s\"?", list[near]);
    free(list);
    return false;
}

static bool check_zone(struct pg_connection *c, const char *zone, struct error *err) {
    PGresult *names = pg_execute(c, "SELECT name FROM pg_catalog.pg_timezone_names ORDER BY 1", err);
    if (names == NULL) return error_context(err, "looking up the time zone %s", zone);
    bool ok = zone_known(names, zone) || unknown_zone(names, zone, err);
    PQclear(names);
    return ok;
}

static char *converted(const char *value, const char *zone, struct arena *a) {
    struct sql q;
    sql_init(&q);
    sql_printf(&q, "(%s AT TIME ZONE ", value);
    sql_literal(&q, zone);
    sql_add(&q, ")");
    return sql_take(&q, a);
}

bool source_columns_zone(struct pg_connection *c, const struct pg_source *s, struct source_columns *columns, struct error *err) {
    const char *zone = s->spec->time_zone;
    if (zone == NULL) return true;
    if (!check_zone(c, zone, err)) return false;
    for (int i = 0; i < columns->count; i++) {
        if (columns->shown[i].type != PG_TIMESTAMP) continue;
        columns->read[i] = converted(columns->value[i], zone, s->arena);
        if (columns->read[i] == NULL) return error_memory(err, "describing columns");
        columns->shown[i].type = PG_TIMESTAMPTZ;
    }
    return true;
}
