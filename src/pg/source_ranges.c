/* Cuts a source into half-open ranges: [nothing, b1) [b1, b2) ... [bn, nothing). Both neighbours hold the
 * same text of a boundary, so that every row is in exactly one range, whatever the boundary is. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pg/source_parts.h"

/* A table has this many ranges, unless they would hold too few or too many rows. Many of them are open at once when partitions of DynamoDB
 * throttle, and rows that lie together share a partition; with twenty, workers ended up to a tenth of the run apart. */
#define RANGES_LEAST 800
#define ROWS_FEW 2500
#define EVEN_MAX 1.3 /* integers are evenly filled when their span is at most this many times the rows */

struct cutter {
    struct pg_connection *c;
    struct pg_source *s;
    double rows, bytes; /* what a range should hold */
    struct arena *arena;
    struct pg_range *ranges;
    int count, room;
    struct error *err;
};

static bool add_range(struct cutter *k, struct pg_range range) {
    if (k->count == k->room) {
        int room = k->room ? 2 * k->room : 64;
        struct pg_range *more = arena_array(k->arena, (size_t)room, sizeof *more);
        if (more == NULL) return error_memory(k->err, "cutting the source into ranges");
        if (k->count) memcpy(more, k->ranges, (size_t)k->count * sizeof *more);
        k->ranges = more;
        k->room = room;
    }
    k->ranges[k->count++] = range;
    return true;
}

static bool add_whole(struct cutter *k, const char *part) {
    return add_range(k, (struct pg_range){.part = part});
}

static bool add_between(struct cutter *k, const char *part, const char *const *boundaries, int count) {
    for (int i = 0; i <= count; i++) {
        struct pg_range range = {
            .part = part,
            .lower = i ? boundaries[i - 1] : NULL,
            .upper = i < count ? boundaries[i] : NULL,
        };
        if (!add_range(k, range)) return false;
    }
    return true;
}

/* Rows of a range, for rows of this width. */
static double rows_a_range(const struct cutter *k, const struct source_size *size) {
    double share = fmax(ROWS_FEW, size->rows / RANGES_LEAST);
    return fmax(1, floor(fmin(fmin(k->rows, share), k->bytes / size->width)));
}

/* --- integers --- */

static bool is_integer_key(const struct pg_source *s) {
    enum pg_type type = s->key[0].shown.type;
    return s->key_count == 1 && (type == PG_INT2 || type == PG_INT4 || type == PG_INT8);
}

static bool read_span(struct cutter *k, const struct source_part *part, int64_t *least, int64_t *most, bool *found) {
    struct sql q;
    sql_init(&q);
    sql_printf(&q, "SELECT min(%s), max(%s) FROM ", k->s->key[0].sql, k->s->key[0].sql);
    source_add_from(&q, k->s, part->name, "true");
    const char *text = sql_text(&q);
    PGresult *res = NULL;
    if (text == NULL)
        error_memory(k->err, "cutting the source into ranges");
    else if ((res = pg_execute(k->c, text, k->err)) == NULL)
        error_context(k->err, "reading the key of %s", part->name);
    bool ok = res != NULL;
    *found = ok && PQntuples(res) == 1 && !PQgetisnull(res, 0, 0) && !PQgetisnull(res, 0, 1);
    if (*found) {
        *least = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
        *most = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
    }
    PQclear(res);
    sql_free(&q);
    return ok;
}

/* Evenly filled: boundaries at equal distances. *done says whether it was. */
static bool cut_integers(struct cutter *k, const struct source_part *part, const struct source_size *size, bool *done) {
    int64_t least = 0, most = 0;
    bool found;
    *done = false;
    if (!read_span(k, part, &least, &most, &found)) return false;
    double span = (double)most - (double)least + 1;
    if (!found || span > EVEN_MAX * size->rows) return true;
    uint64_t width = (uint64_t)fmax(1, rows_a_range(k, size) * span / fmax(1, size->rows));
    uint64_t count = ((uint64_t)most - (uint64_t)least) / width;
    const char **boundaries = arena_array(k->arena, (size_t)count + 1, sizeof *boundaries);
    if (boundaries == NULL) return error_memory(k->err, "cutting the source into ranges");
    for (uint64_t i = 0; i < count; i++) {
        boundaries[i] = arena_printf(k->arena, "[\"%lld\"]", (long long)(least + (int64_t)(width * (i + 1))));
        if (boundaries[i] == NULL) return error_memory(k->err, "cutting the source into ranges");
    }
    *done = true;
    k->s->estimate += size->rows;
    return add_between(k, part->name, boundaries, (int)count);
}

/* --- the other kinds --- */

static bool cut_pages(struct cutter *k, const struct source_part *part, const struct source_size *size) {
    double step = size->rows < 1 ? size->pages : floor(rows_a_range(k, size) * size->pages / size->rows);
    step = fmax(1, step);
    int count = k->s->ctid_ranges ? (int)fmax(0, ceil(size->pages / step) - 1) : 0;
    const char **boundaries = arena_array(k->arena, (size_t)count + 1, sizeof *boundaries);
    if (boundaries == NULL) return error_memory(k->err, "cutting the source into ranges");
    for (int i = 0; i < count; i++) {
        boundaries[i] = arena_printf(k->arena, "[\"(%.0f,0)\"]", step * (i + 1));
        if (boundaries[i] == NULL) return error_memory(k->err, "cutting the source into ranges");
    }
    k->s->estimate += size->rows;
    return add_between(k, part->name, boundaries, count);
}

static bool cut_sample(struct cutter *k, const struct source_part *part, const struct source_size *size) {
    struct source_boundaries sample = {.rows = -1};
    struct source_size filtered = *size;
    double apart = rows_a_range(k, size);
    if (size->rows > apart && !source_sample(k->c, k->s, part, size, apart, k->arena, &sample, k->err)) return false;
    /* Not sampled, or too few rows: with `where` the planner's guess is nearer than the size of the whole. */
    if (sample.rows < 0 && k->s->spec->where && k->s->oid && !source_size_query(k->c, k->s, &filtered, k->err)) return false;
    k->s->estimate += sample.rows >= 0 ? sample.rows : fmin(filtered.rows, size->rows);
    return sample.count ? add_between(k, part->name, sample.texts, sample.count) : add_whole(k, part->name);
}

static bool cut_part(struct cutter *k, const struct source_part *part) {
    struct source_size size;
    bool done = false;
    if (!source_size_part(k->c, k->s, part, &size, k->err)) return false;
    if (k->s->key_kind == PG_KEY_CTID) return cut_pages(k, part, &size);
    if (k->s->key_kind == PG_KEY_NONE) {
        k->s->estimate += size.rows;
        return add_whole(k, part->name);
    }
    bool even = is_integer_key(k->s) && size.pages > 0 && k->s->spec->where == NULL && size.rows > rows_a_range(k, &size);
    if (even && !cut_integers(k, part, &size, &done)) return false;
    return done || cut_sample(k, part, &size);
}

/* A row without a key would be in no range at all: it must not be lost in silence. *split says whether ranges
 * may be made: not when the rows cannot be looked at (a condition of the query fails on one). */
static bool check_nulls(struct cutter *k, bool *split) {
    struct pg_source *s = k->s;
    *split = true;
    if (s->key_kind != PG_KEY_COLUMNS || s->key_checked) return true;
    struct sql q, null;
    sql_init(&q);
    sql_init(&null);
    for (int i = 0; i < s->key_count; i++) sql_printf(&null, "%s%s IS NULL", i ? " OR " : "", s->key[i].sql);
    const char *condition = sql_text(&null), *text = NULL;
    if (condition) {
        sql_add(&q, "SELECT 1 FROM ");
        source_add_from(&q, s, s->oid ? s->name : "", condition);
        sql_printf(&q, " WHERE (%s)", condition);
        if (s->spec->where) sql_printf(&q, " AND (%s\n)", s->spec->where);
        sql_add(&q, " LIMIT 1");
        text = sql_text(&q);
    }
    PGresult *res = NULL;
    bool ok = text ? source_try(k->c, text, &res, k->err) : error_memory(k->err, "checking the key");
    *split = res != NULL;
    if (ok && PQntuples(res) > 0) {
        ok = error_set(k->err, ERROR_PLAN, "the key of %s is NULL in some row", s->name);
        error_hint(k->err, "choose a key that every row has, or leave such rows out with where");
    }
    PQclear(res);
    sql_free(&q);
    sql_free(&null);
    return ok;
}

bool pg_source_ranges(struct pg_connection *c, struct pg_source *s, int64_t rows, int64_t bytes, struct arena *a,
                      struct pg_range **out, int *count, struct error *err) {
    struct cutter k = {.c = c, .s = s, .rows = (double)rows, .bytes = (double)bytes, .arena = a, .err = err};
    bool split;
    s->estimate = 0;
    if (!check_nulls(&k, &split)) return error_context(err, "cutting %s into ranges", s->name);
    for (int i = 0; i < s->part_count; i++) {
        bool ok = split ? cut_part(&k, &s->parts[i]) : add_whole(&k, s->parts[i].name);
        if (!ok) return false;
    }
    *out = k.ranges;
    *count = k.count;
    return true;
}
