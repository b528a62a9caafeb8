/* The ledger's part in rejects --retry: which rows are listed, what became of them when they were read again. */
#include <sqlite3.h>

#include "engine/ledger_sql.h"
#include "mapping/mapper.h"

static bool read_listed(struct sqlite3_stmt *s, struct ledger_listed *r, struct arena *a, struct error *err) {
    r->chunk = sqlite3_column_int(s, 1);
    r->number = sqlite3_column_int(s, 2);
    r->chunk_done = sqlite3_column_int(s, 3) != 0;
    return ledger_text(s, 4, a, &r->part, err) && ledger_text(s, 5, a, &r->key, err) && ledger_text(s, 6, a, &r->bound, err);
}

bool ledger_listed(struct ledger *l, int64_t run, int table, struct arena *a, struct ledger_listed **out, int *count,
                   struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), r.chunk, r.number, c.done, c.part, r.key, r.bound FROM reject r "
                              "JOIN chunk c ON c.run = r.run AND c.run_table = r.run_table AND c.number = r.chunk "
                              "WHERE r.run = ?1 AND r.run_table = ?2 ORDER BY r.chunk, r.number";
    enum ledger_step step;
    *out = NULL;
    *count = 0;
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run), L_INT(table)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (*out == NULL) *out = ledger_list_array(s, sizeof **out, a, err);
        if (*out && read_listed(s, &(*out)[*count], a, err)) {
            ++*count;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

/* ---- the retries themselves */

bool ledger_retry_begin(struct ledger *l, int64_t run, bool mapping_changed, int *number, struct error *err) {
    static const char count[] = "SELECT count(*) FROM retry WHERE run = ?1";
    static const char insert[] = "INSERT INTO retry (run, number, began, mapping_changed) VALUES (?1, ?2, ?3, ?4)";
    char time[LEDGER_TIME];
    struct sqlite3_stmt *s = ledger_start(l, count, L_VALUES(L_INT(run)), err);
    if (s == NULL || ledger_step(l, s, err) != LEDGER_ROW) return false;
    *number = sqlite3_column_int(s, 0);
    ledger_end(s);
    return ledger_do(l, insert, L_VALUES(L_INT(run), L_INT(*number), L_TEXT(ledger_now(time)), L_INT(mapping_changed)), NULL,
                     err);
}

bool ledger_retry_end(struct ledger *l, int64_t run, int number, struct error *err) {
    static const char sql[] = "UPDATE retry SET ended = ?3 WHERE run = ?1 AND number = ?2";
    char time[LEDGER_TIME];
    int changed;
    bool ok = ledger_do(l, sql, L_VALUES(L_INT(run), L_INT(number), L_TEXT(ledger_now(time))), &changed, err);
    return ledger_must_be_one(l, ok, changed, "retry", number, err);
}

static bool read_retry(struct sqlite3_stmt *s, struct ledger_retry *r, struct arena *a, struct error *err) {
    r->mapping_changed = sqlite3_column_int(s, 3) != 0;
    r->rows_read = sqlite3_column_int64(s, 4);
    r->rows_written = sqlite3_column_int64(s, 5);
    r->rows_rejected = sqlite3_column_int64(s, 6);
    r->rows_filtered = sqlite3_column_int64(s, 7);
    r->rows_superseded = sqlite3_column_int64(s, 8);
    r->rows_gone = sqlite3_column_int64(s, 9);
    return ledger_text(s, 1, a, &r->began, err) && ledger_text(s, 2, a, &r->ended, err);
}

bool ledger_retries(struct ledger *l, int64_t run, struct arena *a, struct ledger_retry **out, int *count, struct error *err) {
    static const char sql[] = "SELECT count(*) OVER (), began, ended, mapping_changed, rows_read, rows_written, rows_rejected, "
                              "rows_filtered, rows_superseded, rows_gone FROM retry WHERE run = ?1 ORDER BY number";
    enum ledger_step step;
    *out = NULL;
    *count = 0;
    if (l->version < 2) return true; /* read only, and older than retries */
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run)), err);
    if (s == NULL) return false;
    while ((step = ledger_step(l, s, err)) == LEDGER_ROW) {
        if (*out == NULL) *out = ledger_list_array(s, sizeof **out, a, err);
        if (*out && read_retry(s, &(*out)[*count], a, err)) {
            ++*count;
            continue;
        }
        ledger_end(s);
        return false;
    }
    return step == LEDGER_END;
}

/* ---- what became of some rejects */

/* All rows that are there were among the rejected ones; those that are again are added anew. */
static bool correct_chunk(struct ledger *l, int64_t run, const struct ledger_mending *m, struct error *err) {
    static const char sql[] = "UPDATE chunk SET rows_written = rows_written + ?4, rows_rejected = rows_rejected + ?5, "
                              "rows_filtered = rows_filtered + ?6, rows_superseded = rows_superseded + ?7, "
                              "items_written = items_written + ?8, bytes = bytes + ?9, write_units = write_units + ?10 "
                              "WHERE run = ?1 AND run_table = ?2 AND number = ?3 AND done";
    const struct run_counts *n = m->counts;
    int changed;
    bool ok = ledger_do(l, sql,
                        L_VALUES(L_INT(run), L_INT(m->table), L_INT(m->chunk), L_INT(n->rows_written),
                                 L_INT(n->rows_rejected - n->rows_read), L_INT(n->rows_filtered), L_INT(n->rows_superseded),
                                 L_INT(n->items_written), L_INT(n->bytes), L_INT(n->write_units)),
                        &changed, err);
    return ledger_must_be_one(l, ok, changed, "chunk that is done, number", m->chunk, err);
}

static bool replace_row(struct ledger *l, int64_t run, const struct ledger_mending *m, int i, const char *time,
                        struct error *err) {
    static const char forget[] = "DELETE FROM reject WHERE run = ?1 AND run_table = ?2 AND chunk = ?3 AND number = ?4";
    static const char gone[] = "UPDATE reject SET at = ?5, reason = ?6, message = CASE WHEN reason = ?6 THEN message ELSE "
                               "'the source does not have this row any more; it was rejected before: ' || message END "
                               "WHERE run = ?1 AND run_table = ?2 AND chunk = ?3 AND number = ?4";
    const struct ledger_listed *r = &m->rows[i];
    int changed;
    bool ok = m->gone[i]
                  ? ledger_do(l, gone,
                              L_VALUES(L_INT(run), L_INT(m->table), L_INT(m->chunk), L_INT(r->number), L_TEXT(time),
                                       L_TEXT(REJECT_GONE)),
                              &changed, err)
                  : ledger_do(l, forget, L_VALUES(L_INT(run), L_INT(m->table), L_INT(m->chunk), L_INT(r->number)), &changed, err);
    return ledger_must_be_one(l, ok, changed, "rejected row number", r->number, err);
}

/* The number that the next reject of a chunk gets. */
static bool next_number(struct ledger *l, int64_t run, const struct ledger_mending *m, int *out, struct error *err) {
    static const char sql[] = "SELECT coalesce(max(number), -1) + 1 FROM reject WHERE run = ?1 AND run_table = ?2 AND chunk = ?3";
    struct sqlite3_stmt *s = ledger_start(l, sql, L_VALUES(L_INT(run), L_INT(m->table), L_INT(m->chunk)), err);
    if (s == NULL || ledger_step(l, s, err) != LEDGER_ROW) return false;
    *out = sqlite3_column_int(s, 0);
    ledger_end(s);
    return true;
}

static bool count_retry(struct ledger *l, int64_t run, const struct ledger_mending *m, struct error *err) {
    static const char sql[] = "UPDATE retry SET rows_read = rows_read + ?3, rows_written = rows_written + ?4, "
                              "rows_rejected = rows_rejected + ?5, rows_filtered = rows_filtered + ?6, "
                              "rows_superseded = rows_superseded + ?7, rows_gone = rows_gone + ?8 WHERE run = ?1 AND number = ?2";
    const struct run_counts *n = m->counts;
    int changed;
    bool ok =
        ledger_do(l, sql,
                  L_VALUES(L_INT(run), L_INT(m->retry), L_INT(n->rows_read), L_INT(n->rows_written), L_INT(n->rows_rejected),
                           L_INT(n->rows_filtered), L_INT(n->rows_superseded), L_INT(m->count - n->rows_read)),
                  &changed, err);
    return ledger_must_be_one(l, ok, changed, "retry", m->retry, err);
}

bool ledger_mend(struct ledger *l, int64_t run, const struct ledger_mending *m, struct error *err) {
    char time[LEDGER_TIME];
    int next = 0;
    ledger_now(time);
    if (!ledger_begin(l, err)) return false;
    bool ok = correct_chunk(l, run, m, err) && next_number(l, run, m, &next, err);
    for (int i = 0; ok && i < m->count; i++) ok = replace_row(l, run, m, i, time, err);
    ok = ok && ledger_add_rejects(l, run, m->table, m->chunk, next, m->rejects, m->reject_count, time, err) &&
         count_retry(l, run, m, err) && ledger_touch_run(l, run, time, err);
    return ledger_finish(l, ok, err);
}
