/* The key of a source and the parts it is read in. A key is a unique index's columns, all NOT NULL; for
 * views, foreign tables and queries it is the plan's word, checked for NULLs when ranges are made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg/source_parts.h"

static PGresult *ask(struct pg_connection *c, struct error *err, struct sql *q) {
    const char *text = sql_text(q);
    PGresult *res = NULL;
    if (text == NULL)
        error_memory(err, "looking up a key");
    else
        res = pg_execute(c, text, err);
    sql_free(q);
    return res;
}

/* --- parts --- */

/* The leaves of a partitioned table; a table and all its inheritance children, each read with ONLY. A diamond
 * of inheritance gives a child once. The last column: may the role read all of them by themselves? */
static const char leaves_sql[] =
    "SELECT c.oid, c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname),"
    " bool_and(has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')) OVER ()"
    " FROM pg_catalog.pg_partition_tree(%u) l JOIN pg_catalog.pg_class c ON c.oid = l.relid"
    " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " WHERE l.isleaf AND c.relkind <> 'p' ORDER BY 3";
static const char children_sql[] =
    "WITH RECURSIVE t(oid) AS (SELECT %u::oid UNION"
    " SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN t ON i.inhparent = t.oid)"
    " SELECT c.oid, c.relkind, quote_ident(n.nspname) || '.' || quote_ident(c.relname),"
    " bool_and(has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE')) OVER ()"
    " FROM t JOIN pg_catalog.pg_class c ON c.oid = t.oid JOIN pg_catalog.pg_namespace n ON n.oid = "
    "c.relnamespace"
    " ORDER BY c.oid <> %u, 3";

static bool one_part(struct pg_source *s, struct error *err) {
    s->parts = arena_alloc(s->arena, sizeof *s->parts);
    if (s->parts == NULL) return error_memory(err, "describing a source");
    s->parts[0] = (struct source_part){.name = s->oid ? s->name : "", .oid = s->oid, .kind = s->kind};
    s->part_count = 1;
    return true;
}

static bool take_parts(struct pg_source *s, const PGresult *res, struct error *err) {
    int count = PQntuples(res);
    /* Rights on the leaves are not needed to read the whole: then it is read as one. So is a table without
     * partitions. */
    if (count == 0 || PQgetvalue(res, 0, 3)[0] != 't') {
        s->whole = s->kind == 'p' || count > 1;
        return one_part(s, err);
    }
    s->parts = arena_array(s->arena, (size_t)count, sizeof *s->parts);
    if (s->parts == NULL) return error_memory(err, "describing a source");
    for (int i = 0; i < count; i++) {
        struct source_part *part = &s->parts[i];
        part->oid = (Oid)strtoul(PQgetvalue(res, i, 0), NULL, 10);
        part->kind = PQgetvalue(res, i, 1)[0];
        part->name = arena_text(s->arena, PQgetvalue(res, i, 2));
        if (part->name == NULL) return error_memory(err, "describing a source");
    }
    s->part_count = count;
    return true;
}

bool source_find_parts(struct pg_connection *c, struct pg_source *s, struct error *err) {
    if (s->kind != 'p' && s->kind != 'r') return one_part(s, err);
    struct sql q;
    sql_init(&q);
    if (s->kind == 'p')
        sql_printf(&q, leaves_sql, s->oid);
    else
        sql_printf(&q, children_sql, s->oid, s->oid);
    PGresult *res = ask(c, err, &q);
    if (res == NULL) return error_context(err, "listing the parts of %s", s->name);
    bool ok = take_parts(s, res, err);
    PQclear(res);
    return ok;
}

/* --- keys --- */

static bool set_key(struct pg_source *s, int place, int base, struct error *err) {
    if (base < 0) return error_set(err, ERROR_SOURCE, "a key column of %s is not among its columns", s->name);
    s->key[place] = (struct source_key){
        .shown = s->base.shown[base],
        .sql = s->base.value[base],
        .read = s->base.read[base],
        .cast = s->base.cast[base],
        .base = base,
    };
    return true;
}

static bool set_ctid(struct pg_source *s, struct error *err) {
    s->key = arena_alloc(s->arena, sizeof *s->key);
    if (s->key == NULL) return error_memory(err, "describing a source");
    s->key[0] = (struct source_key){
        .shown = {.name = "ctid", .type = PG_SERVER_TEXT, .sql_type = "tid", .not_null = true},
        .sql = "ctid",
        .read = "ctid::text",
        .cast = "tid",
        .base = -1,
    };
    s->key_kind = PG_KEY_CTID;
    s->key_count = 1;
    s->key_checked = true;
    return true;
}

/* Unique, immediate, whole, valid indexes over plain columns that are NOT NULL; `extra` narrows. The best one
 * first: the primary key, else the fewest columns. */
static void add_unique_indexes(struct sql *q, const char *relation, const char *extra) {
    sql_printf(q,
               " FROM pg_catalog.pg_index i WHERE i.indrelid = %s AND i.indisunique AND i.indimmediate AND "
               "i.indisvalid"
               " AND i.indpred IS NULL AND i.indexprs IS NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"
               " WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1]) AND NOT "
               "a.attnotnull)%s",
               relation, extra);
}

/* Whether every part has an index that makes the key unique there: inheritance does not hand indexes down. */
static bool unique_in_parts(struct pg_connection *c, const struct pg_source *s, bool *out, struct error *err) {
    *out = true;
    if (s->kind != 'r' || s->part_count < 2) return true;
    struct sql q;
    sql_init(&q);
    sql_add(&q, "SELECT count(*) FROM unnest('{");
    for (int i = 0; i < s->part_count; i++) sql_printf(&q, "%s%u", i ? "," : "", s->parts[i].oid);
    sql_add(&q, "}'::oid[]) AS p(part) WHERE NOT EXISTS (SELECT");
    add_unique_indexes(&q, "p.part",
                       " AND (SELECT array_agg(a.attname::text) FROM pg_catalog.pg_attribute a WHERE"
                       " a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) <@ ARRAY[");
    for (int i = 0; i < s->key_count; i++) {
        if (i) sql_add(&q, ", ");
        sql_literal(&q, s->key[i].shown.name);
    }
    sql_add(&q, "]::text[])");
    PGresult *res = ask(c, err, &q);
    if (res == NULL) return false;
    *out = strcmp(PQgetvalue(res, 0, 0), "0") == 0;
    PQclear(res);
    return true;
}

static bool all_heaps(const struct pg_source *s) {
    for (int i = 0; i < s->part_count; i++) {
        if (s->parts[i].kind != 'r' && s->parts[i].kind != 'm') return false;
    }
    return !s->whole;
}

static bool set_keyless(struct pg_source *s, struct error *err) {
    s->key_count = 0;
    if (s->oid && all_heaps(s)) return set_ctid(s, err);
    s->key_kind = PG_KEY_NONE;
    /* Without a key there is one range, so the leaves are read through their parent. */
    if (s->kind == 'p' || s->kind == 'r') s->whole = true;
    return one_part(s, err);
}

/* The relation's own key. */
static bool find_own_key(struct pg_connection *c, struct pg_source *s, struct error *err) {
    struct sql q;
    char oid[16];
    snprintf(oid, sizeof oid, "%u", s->oid);
    sql_init(&q);
    sql_add(&q, "SELECT a.attname FROM (SELECT i.indkey[0:i.indnkeyatts - 1] AS columns");
    add_unique_indexes(&q, oid,
                       " ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS k,"
                       " unnest(k.columns) WITH ORDINALITY AS u(number, place) JOIN pg_catalog.pg_attribute a"
                       " ON a.attnum = u.number AND a.attrelid = ");
    sql_printf(&q, "%u ORDER BY u.place", s->oid);
    PGresult *res = ask(c, err, &q);
    if (res == NULL) return error_context(err, "looking up the key of %s", s->name);
    int count = PQntuples(res);
    bool ok = true, unique = count > 0;
    s->key = arena_array(s->arena, (size_t)count + 1, sizeof *s->key);
    if (s->key == NULL) ok = error_memory(err, "describing a source");
    for (int i = 0; ok && i < count; i++) ok = set_key(s, i, source_columns_find(&s->base, PQgetvalue(res, i, 0)), err);
    PQclear(res);
    s->key_count = count;
    s->key_kind = PG_KEY_COLUMNS;
    s->key_checked = true;
    if (!ok || (unique && !unique_in_parts(c, s, &unique, err))) return false;
    return unique || set_keyless(s, err);
}

static bool check_plan_key(struct pg_connection *c, struct pg_source *s, struct error *err) {
    if (s->kind != 'r' && s->kind != 'p') return true; /* the user's word; NULLs are looked for later */
    for (int i = 0; i < s->key_count; i++) {
        if (s->key[i].shown.not_null) continue;
        error_set(err, ERROR_PLAN, "key column \"%s\" of %s can be NULL", s->key[i].shown.name, s->name);
        return error_hint(err, "a key needs NOT NULL columns; without key the relation's own key is used");
    }
    s->key_checked = true;
    struct sql q;
    char oid[16];
    snprintf(oid, sizeof oid, "%u", s->oid);
    sql_init(&q);
    sql_add(&q, "SELECT 1");
    add_unique_indexes(&q, oid, " AND i.indkey[0:i.indnkeyatts - 1] <@ ARRAY[");
    for (int i = 0; i < s->key_count; i++) sql_printf(&q, "%s%d", i ? ", " : "", s->base.number[s->key[i].base]);
    sql_add(&q, "]::int2[] LIMIT 1");
    PGresult *res = ask(c, err, &q);
    if (res == NULL) return error_context(err, "checking the key of %s", s->name);
    bool unique = PQntuples(res) > 0;
    PQclear(res);
    if (unique && !unique_in_parts(c, s, &unique, err)) return false;
    if (unique) return true;
    error_set(err, ERROR_PLAN, "the key of %s is not unique: no unique index covers it", s->name);
    return error_hint(err, "name the columns of a unique index, or leave key out to use the relation's own key");
}

static bool take_plan_key(struct pg_connection *c, struct pg_source *s, struct error *err) {
    s->key = arena_array(s->arena, (size_t)s->spec->key_count, sizeof *s->key);
    if (s->key == NULL) return error_memory(err, "describing a source");
    for (int i = 0; i < s->spec->key_count; i++) {
        const char *name = s->spec->key[i];
        int base = source_columns_find(&s->base, name);
        if (base < 0) {
            error_set(err, ERROR_PLAN, "%s has no key column \"%s\"", s->oid ? s->name : "the query", name);
            return source_columns_hint(&s->base, name, err);
        }
        if (!set_key(s, i, base, err)) return false;
    }
    s->key_count = s->spec->key_count;
    s->key_kind = PG_KEY_COLUMNS;
    return check_plan_key(c, s, err);
}

bool source_find_key(struct pg_connection *c, struct pg_source *s, struct error *err) {
    if (s->spec->key_count > 0) return take_plan_key(c, s, err);
    return s->kind == 'r' || s->kind == 'p' ? find_own_key(c, s, err) : set_keyless(s, err);
}
