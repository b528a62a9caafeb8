/* The ledger's verbs. Each that writes is one transaction; the connection writes with synchronous = FULL, so
 * it is durable when the verb returns. Opening is in ledger_open.c, SQLite's manners in ledger_sql.c, the
 * schema in ledger.sql. */
#include "engine/ledger.h"

#include <sqlite3.h>

#include "engine/ledger_sql.h"

static const char *or_empty(const char *text) {
    return text ? text : "";
}

/* ---- runs */

bool ledger_run_find(struct ledger *l, const char *key, struct ledger_run *out, bool *found, struct arena *a, struct error *err) {
    static const char sql[] = "SELECT id, identity, started, updated, finished, resumes, seed FROM run WHERE key = ?1";
    *out = (struct ledger_run){0};
    *found = false;
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_TEXT(key)), err);
    if (s == NULL) return false;
    enum ledger_step step = ledger_step(l, s, err);
    if (step != LEDGER_ROW) return step == LEDGER_END;
    out->id = sqlite3_column_int64(s, 0);
    bool ok = ledger_text(s, 1, a, &out->identity, err) && ledger_text(s, 2, a, &out->started, err) &&
              ledger_text(s, 3, a, &out->updated, err);
    out->finished = sqlite3_column_int(s, 4) != 0;
    out->resumes = sqlite3_column_int(s, 5);
    out->seed = (uint64_t)sqlite3_column_int64(s, 6);
    ledger_end(s);
    *found = ok;
    return ok;
}

bool ledger_run_create(struct ledger *l, const char *key, const char *plan, const char *identity, uint64_t seed, int64_t *id,
                       struct error *err) {
    static const char sql[] = "INSERT INTO run (key, plan, identity, seed, started, updated) VALUES (?1, ?2, ?3, ?4, ?5, ?5)";
    char time[LEDGER_TIME];
    if (!ledger_do(l, sql, L_VALUES(L_TEXT(key), L_TEXT(plan), L_TEXT(identity), L_INT((int64_t)seed), L_TEXT(ledger_now(time))),
                   NULL, err)) {
        return false;
    }
    *id = sqlite3_last_insert_rowid(l->db);
    return true;
}

bool ledger_run_forget(struct ledger *l, int64_t run, struct error *err) {
    static const char sql[] = "DELETE FROM run WHERE id = ?1"; /* the rest goes by cascade */
    return ledger_do(l, sql, L_VALUES(L_INT(run)), NULL, err);
}

bool ledger_run_resumed(struct ledger *l, int64_t run, struct error *err) {
    static const char sql[] = "UPDATE run SET resumes = resumes + 1, finished = 0, updated = ?2 WHERE id = ?1";
    char time[LEDGER_TIME];
    int changed;
    bool ok = ledger_do(l, sql, L_VALUES(L_INT(run), L_TEXT(ledger_now(time))), &changed, err);
    return ledger_must_be_one(l, ok, changed, "run", run, err);
}

bool ledger_run_finish(struct ledger *l, int64_t run, struct error *err) {
    /* the last net: a run with a chunk that is not done is not finished, whatever the caller believes */
    static const char sql[] = "UPDATE run SET finished = 1, updated = ?2 WHERE id = ?1 "
                              "AND NOT EXISTS (SELECT 1 FROM chunk WHERE run = ?1 AND NOT done)";
    char time[LEDGER_TIME];
    int changed;
    bool ok = ledger_do(l, sql, L_VALUES(L_INT(run), L_TEXT(ledger_now(time))), &changed, err);
    return ledger_must_be_one(l, ok, changed, "run", run, err);
}

bool ledger_touch_run(struct ledger *l, int64_t run, const char *time, struct error *err) {
    static const char sql[] = "UPDATE run SET updated = ?2 WHERE id = ?1";
    int changed;
    bool ok = ledger_do(l, sql, L_VALUES(L_INT(run), L_TEXT(time)), &changed, err);
    return ledger_must_be_one(l, ok, changed, "run", run, err);
}

/* ---- tables and their chunks */

static bool insert_table(struct ledger *l, int64_t run, const struct ledger_table *t, struct error *err) {
    static const char sql[] = "INSERT INTO run_table (run, number, name, source, target, rows_estimated, resumable) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    return ledger_do(l, sql,
                     L_VALUES(L_INT(run), L_INT(t->number), L_TEXT(t->name), L_TEXT(t->from), L_TEXT(t->to),
                              L_REAL(t->rows_estimated), L_INT(t->resumable)),
                     NULL, err);
}

static bool insert_chunk(struct ledger *l, int64_t run, int table, int number, const struct pg_range *r, struct error *err) {
    static const char sql[] = "INSERT INTO chunk (run, run_table, number, part, lower, upper, lower_exclusive) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    return ledger_do(l, sql,
                     L_VALUES(L_INT(run), L_INT(table), L_INT(number), L_TEXT(or_empty(r->part)), L_TEXT(r->lower),
                              L_TEXT(r->upper), L_INT(r->lower_exclusive)),
                     NULL, err);
}

bool ledger_table_plan(struct ledger *l, int64_t run, const struct ledger_table *t, const struct pg_range *ranges, int count,
                       struct error *err) {
    char time[LEDGER_TIME];
    if (!ledger_begin(l, err)) return false;
    bool ok = ledger_touch_run(l, run, ledger_now(time), err) && insert_table(l, run, t, err);
    for (int i = 0; ok && i < count; i++) ok = insert_chunk(l, run, t->number, i, &ranges[i], err);
    return ledger_finish(l, ok, err);
}

bool ledger_table_forget(struct ledger *l, int64_t run, int table, struct error *err) {
    static const char sql[] = "DELETE FROM run_table WHERE run = ?1 AND number = ?2"; /* the rest goes by cascade */
    return ledger_do(l, sql, L_VALUES(L_INT(run), L_INT(table)), NULL, err);
}

void *ledger_list_array(struct sqlite3_stmt *s, size_t size, struct arena *a, struct error *err) {
    void *array = arena_array(a, (size_t)sqlite3_column_int(s, 0), size);
    if (array == NULL) error_memory(err, "reading the ledger");
    return array;
}

static bool read_table(struct sqlite3_stmt *s, struct ledger_table *t, struct arena *a, struct error *err) {
    t->number = sqlite3_column_int(s, 1);
    t->rows_estimated = sqlite3_column_double(s, 5);
    t->resumable = sqlite3_column_int(s, 6) != 0;
    return ledger_text(s, 2, a, &t->name, err) && ledger_text(s, 3, a, &t->from, err) && ledger_text(s, 4, a, &t->to, err);
}

bool ledger_tables(struct ledger *l, int64_t run, struct arena *a, struct ledger_table **out, int *count, struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), number, name, source, target, rows_estimated, resumable "
                              "FROM run_table WHERE run = ?1 ORDER BY number";
    enum ledger_step step;
    *out = NULL;
    *count = 0;
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (*out == NULL) *out = ledger_list_array(s, sizeof **out, a, err);
        if (*out && read_table(s, &(*out)[*count], a, err)) {
            ++*count;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

bool ledger_targets_list(struct ledger *l, int64_t run, int table, const char *const *names, int count, struct error *err) {
    static const char sql[] = "INSERT INTO run_target (run, run_table, name) VALUES (?1, ?2, ?3)";
    bool ok = true;
    if (!ledger_begin(l, err)) return false;
    for (int i = 0; ok && i < count; i++) {
        ok = ledger_do(l, sql, L_VALUES(L_INT(run), L_INT(table), L_TEXT(names[i])), NULL, err);
    }
    return ledger_finish(l, ok, err);
}

bool ledger_targets(struct ledger *l, int64_t run, int table, struct arena *a, const char ***out, int *count, struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), name FROM run_target WHERE run = ?1 AND run_table = ?2 ORDER BY name";
    enum ledger_step step;
    *out = NULL;
    *count = 0;
    if (l->version < 2) return true; /* read only, and older than templates */
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run), L_INT(table)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (*out == NULL) *out = ledger_list_array(s, sizeof **out, a, err);
        if (*out && ledger_text(s, 1, a, &(*out)[*count], err)) {
            ++*count;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

static bool read_chunk(struct sqlite3_stmt *s, struct ledger_chunk *c, struct arena *a, struct error *err) {
    c->number = sqlite3_column_int(s, 1);
    c->range.lower_exclusive = sqlite3_column_int(s, 5) != 0;
    c->done = sqlite3_column_int(s, 6) != 0;
    return ledger_text(s, 2, a, &c->range.part, err) && ledger_text(s, 3, a, &c->range.lower, err) &&
           ledger_text(s, 4, a, &c->range.upper, err);
}

bool ledger_chunks(struct ledger *l, int64_t run, int table, struct arena *a, struct ledger_chunk **out, int *count,
                   struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), number, part, lower, upper, lower_exclusive, done "
                              "FROM chunk WHERE run = ?1 AND run_table = ?2 ORDER BY number";
    enum ledger_step step;
    *out = NULL;
    *count = 0;
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run), L_INT(table)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (*out == NULL) *out = ledger_list_array(s, sizeof **out, a, err);
        if (*out && read_chunk(s, &(*out)[*count], a, err)) {
            ++*count;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

/* ---- what ends a chunk */

static bool end_chunk(struct ledger *l, int64_t run, int table, int chunk, const struct run_counts *n, const char *snapshot,
                      double seconds, const char *time, struct error *err) {
    static const char sql[] = "UPDATE chunk SET done = 1, rows_read = ?4, rows_written = ?5, rows_rejected = "
                              "?6, rows_filtered = ?7, "
                              "rows_superseded = ?8, items_written = ?9, bytes = ?10, write_units = ?11, "
                              "snapshot = ?12, seconds = ?13, ended = ?14 "
                              "WHERE run = ?1 AND run_table = ?2 AND number = ?3";
    int changed;
    bool ok =
        ledger_do(l, sql,
                  L_VALUES(L_INT(run), L_INT(table), L_INT(chunk), L_INT(n->rows_read), L_INT(n->rows_written),
                           L_INT(n->rows_rejected), L_INT(n->rows_filtered), L_INT(n->rows_superseded), L_INT(n->items_written),
                           L_INT(n->bytes), L_INT(n->write_units), L_TEXT(snapshot), L_REAL(seconds), L_TEXT(time)),
                  &changed, err);
    return ledger_must_be_one(l, ok, changed, "chunk", chunk, err);
}

bool ledger_add_rejects(struct ledger *l, int64_t run, int table, int chunk, int first, const struct ledger_reject *r, int count,
                        const char *time, struct error *err) {
    static const char sql[] = "INSERT INTO reject (run, run_table, chunk, number, key, reason, message, item, at, bound) "
                              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        ok = ledger_do(l, sql,
                       L_VALUES(L_INT(run), L_INT(table), L_INT(chunk), L_INT(first + i), L_TEXT(or_empty(r[i].key)),
                                L_TEXT(or_empty(r[i].reason)), L_TEXT(or_empty(r[i].message)), L_TEXT(or_empty(r[i].item)),
                                L_TEXT(time), L_TEXT(r[i].bound)),
                       NULL, err);
    }
    return ok;
}

static bool replace_rejects(struct ledger *l, int64_t run, int table, int chunk, const struct ledger_reject *r, int count,
                            const char *time, struct error *err) {
    static const char forget[] = "DELETE FROM reject WHERE run = ?1 AND run_table = ?2 AND chunk = ?3";
    return ledger_do(l, forget, L_VALUES(L_INT(run), L_INT(table), L_INT(chunk)), NULL, err) &&
           ledger_add_rejects(l, run, table, chunk, 0, r, count, time, err);
}

bool ledger_chunk_done(struct ledger *l, int64_t run, int table, int chunk, const struct run_counts *counts, const char *snapshot,
                       double seconds, const struct ledger_reject *rejects, int count, struct error *err) {
    char time[LEDGER_TIME];
    ledger_now(time);
    if (!ledger_begin(l, err)) return false;
    bool ok = end_chunk(l, run, table, chunk, counts, snapshot, seconds, time, err) &&
              replace_rejects(l, run, table, chunk, rejects, count, time, err) && ledger_touch_run(l, run, time, err);
    return ledger_finish(l, ok, err);
}

bool ledger_chunk_rejects(struct ledger *l, int64_t run, int table, int chunk, const struct ledger_reject *rejects, int count,
                          struct error *err) {
    char time[LEDGER_TIME];
    ledger_now(time);
    if (!ledger_begin(l, err)) return false;
    bool ok = replace_rejects(l, run, table, chunk, rejects, count, time, err) && ledger_touch_run(l, run, time, err);
    return ledger_finish(l, ok, err);
}

/* ---- what is asked of it */

bool ledger_totals(struct ledger *l, int64_t run, int table, struct ledger_totals *out, struct error *err) {
    /* counters of a chunk are 0 until it is done, and its snapshot is NULL, which count leaves out */
    static const char sql[] = "SELECT count(*), coalesce(sum(done), 0), count(DISTINCT snapshot), coalesce(sum(rows_read), 0), "
                              "coalesce(sum(rows_written), 0), coalesce(sum(rows_rejected), 0), coalesce(sum(rows_filtered), 0), "
                              "coalesce(sum(rows_superseded), 0), coalesce(sum(items_written), 0), coalesce(sum(bytes), 0), "
                              "coalesce(sum(write_units), 0) FROM chunk WHERE run = ?1 AND run_table = ?2";
    *out = (struct ledger_totals){0};
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run), L_INT(table)), err);
    if (s == NULL) return false;
    if (ledger_step(l, s, err) != LEDGER_ROW) return false; /* a sum always gives a row: anything else has failed */
    out->chunks = sqlite3_column_int(s, 0);
    out->chunks_done = sqlite3_column_int(s, 1);
    out->snapshots = sqlite3_column_int(s, 2);
    out->counts = (struct run_counts){
        .rows_read = sqlite3_column_int64(s, 3),
        .rows_written = sqlite3_column_int64(s, 4),
        .rows_rejected = sqlite3_column_int64(s, 5),
        .rows_filtered = sqlite3_column_int64(s, 6),
        .rows_superseded = sqlite3_column_int64(s, 7),
        .items_written = sqlite3_column_int64(s, 8),
        .bytes = sqlite3_column_int64(s, 9),
        .write_units = sqlite3_column_int64(s, 10),
    };
    ledger_end(s);
    return true;
}

bool ledger_reject_count(struct ledger *l, int64_t run, int64_t *count, struct error *err) {
    struct sqlite3_stmt *s = ledger_start(l, "SELECT count(*) FROM reject WHERE run = ?1", L_VALUES(L_INT(run)), err);
    *count = 0;
    if (s == NULL || ledger_step(l, s, err) != LEDGER_ROW) return false;
    *count = sqlite3_column_int64(s, 0);
    ledger_end(s);
    return true;
}

bool ledger_rejects(struct ledger *l, int64_t run, bool (*each)(void *context, const struct run_reject *r), void *context,
                    struct error *err) {
    /* CROSS JOIN keeps rejects outermost, read in the order of their index: nothing is sorted, so nothing
     * large is held */
    static const char sql[] = "SELECT t.name, r.key, r.reason, r.message, r.item, r.at FROM reject r "
                              "CROSS JOIN run_table t ON t.run = r.run AND t.number = r.run_table WHERE r.run = ?1 "
                              "ORDER BY r.run_table, r.chunk, r.number";
    enum ledger_step step;
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        const char *text[6];
        bool ok = true;
        for (int i = 0; i < 6; i++) ok = (text[i] = (const char *)sqlite3_column_text(s, i)) != NULL && ok;
        if (!ok) error_memory(err, "reading the ledger"); /* no column is NULL */
        struct run_reject r = {text[0], text[1], text[2], text[3], text[4], text[5]};
        if (ok && each(context, &r)) continue;
        ledger_end(s);
        return ok;
    }
    return step == LEDGER_END;
}

/* ---- targets */

bool ledger_target_claim(struct ledger *l, const char *target, const struct ledger_claim *claim, struct error *err) {
    static const char sql[] =
        "INSERT OR REPLACE INTO target (name, table_id, claimed) VALUES (?1, ?2, ?3)"; /* target_owns cascades */
    static const char owns[] = "INSERT OR IGNORE INTO target_owns (name, prefix) VALUES (?1, ?2)";
    char time[LEDGER_TIME];
    if (!ledger_begin(l, err)) return false;
    bool ok = ledger_do(l, sql, L_VALUES(L_TEXT(target), L_TEXT(or_empty(claim->table_id)), L_TEXT(ledger_now(time))), NULL, err);
    for (int i = 0; ok && i < claim->owns_count; i++) {
        ok = ledger_do(l, owns, L_VALUES(L_TEXT(target), L_TEXT(claim->owns[i])), NULL, err);
    }
    return ledger_finish(l, ok, err);
}

static bool find_owns(struct ledger *l, const char *target, struct arena *a, struct ledger_claim *out, struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), prefix FROM target_owns WHERE name = ?1 ORDER BY prefix";
    enum ledger_step step;
    if (l->version < 3) return true; /* read only, and older than these lists */
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_TEXT(target)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (out->owns == NULL) out->owns = ledger_list_array(s, sizeof *out->owns, a, err);
        if (out->owns && ledger_text(s, 1, a, &out->owns[out->owns_count], err)) {
            out->owns_count++;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

bool ledger_target_find(struct ledger *l, const char *target, struct arena *a, struct ledger_claim *out, struct error *err) {
    static const char sql[] = "SELECT table_id FROM target WHERE name = ?1";
    *out = (struct ledger_claim){0};
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_TEXT(target)), err);
    if (s == NULL) return false;
    enum ledger_step step = ledger_step(l, s, err);
    if (step != LEDGER_ROW) return step == LEDGER_END;
    bool ok = ledger_text(s, 0, a, &out->table_id, err);
    ledger_end(s);
    return ok && find_owns(l, target, a, out, err);
}
