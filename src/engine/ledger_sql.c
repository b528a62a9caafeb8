#include "engine/ledger_sql.h"

#include <assert.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "base/clock.h"

static bool is_full(int number) {
    return number == ENOSPC || number == EFBIG || number == EDQUOT;
}

static bool fail_full(const char *path, const char *why, struct error *err) {
    error_set(err, ERROR_LOCAL, "the ledger %s cannot grow: %s", path, why);
    error_code(err, "full");
    return error_hint(err, "free space where it is (or raise the limit of `ulimit -f`), then run the same command again: "
                           "what is saved stays, and it resumes");
}

static bool fail_access(const char *path, const char *action, const char *why, struct error *err) {
    error_set(err, ERROR_LOCAL, "the ledger %s %s: %s", path, action, why);
    error_code(err, "unwritable");
    return error_hint(err, "let this user read and write the file and its folder, or name another file with --ledger");
}

bool ledger_failed_file(const char *path, const char *action, int number, struct error *err) {
    if (is_full(number)) return fail_full(path, strerror(number), err);
    return fail_access(path, action, strerror(number), err);
}

bool ledger_failed_damaged(const char *path, const char *why, struct error *err) {
    error_set(err, ERROR_LOCAL, "the ledger %s is damaged: %s", path, why);
    error_code(err, "damaged");
    return error_hint(err, "put a copy of it back, or move it away and start over with an empty target table");
}

bool ledger_failed(struct ledger *l, struct error *err) {
    int code = sqlite3_extended_errcode(l->db);
    int number = sqlite3_system_errno(l->db);
    if (number == 0 && (code & 0xff) == SQLITE_IOERR) number = errno; /* SQLite does not keep the one of a failed COMMIT */
    const char *text = sqlite3_errmsg(l->db);
    const char *why = number ? strerror(number) : text;
    switch (code & 0xff) {
    case SQLITE_FULL: return fail_full(l->path, number ? why : "no space is left", err);
    case SQLITE_READONLY:
    case SQLITE_PERM: return fail_access(l->path, "cannot be written", why, err);
    case SQLITE_CANTOPEN: return fail_access(l->path, "cannot be opened", why, err);
    case SQLITE_NOMEM: return error_memory(err, "working on the ledger");
    case SQLITE_IOERR:
        /* a file of shared memory that cannot be extended comes without an errno */
        if (is_full(number) || code == SQLITE_IOERR_SHMSIZE) return fail_full(l->path, why, err);
        error_set(err, ERROR_LOCAL, "the ledger %s cannot be read or written: %s (%s)", l->path, why, text);
        error_code(err, "io");
        return error_hint(err, "look at the disk it is on; the same command resumes from what is saved");
    case SQLITE_NOTADB:
        error_set(err, ERROR_LOCAL, "%s is not a ledger", l->path);
        error_code(err, "not-a-ledger");
        return error_hint(err, "name another file with --ledger, or move this one away");
    case SQLITE_CORRUPT: return ledger_failed_damaged(l->path, text, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        error_set(err, ERROR_LOCAL, "the ledger %s is locked by another program", l->path);
        error_code(err, "busy");
        return error_hint(err, "close the program that has it open (sqlite3, a backup), then run the same command again");
    default:
        error_set(err, ERROR_LOCAL, "the ledger %s refused a change: %s", l->path, text);
        error_code(err, "refused");
        return error_hint(err, "this should not happen: please report it");
    }
}

static struct sqlite3_stmt *prepared(struct ledger *l, const char *sql, struct error *err) {
    int i = 0;
    while (i < LEDGER_STATEMENTS && l->statements[i].sql && l->statements[i].sql != sql) i++;
    assert(i < LEDGER_STATEMENTS);
    if (l->statements[i].handle) return l->statements[i].handle;
    if (sqlite3_prepare_v3(l->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &l->statements[i].handle, NULL) != SQLITE_OK) {
        ledger_failed(l, err);
        return NULL;
    }
    l->statements[i].sql = sql;
    return l->statements[i].handle;
}

static int bind(struct sqlite3_stmt *s, int place, const struct ledger_value *v) {
    switch (v->type) {
    case LEDGER_INTEGER: return sqlite3_bind_int64(s, place, v->integer);
    case LEDGER_REAL: return sqlite3_bind_double(s, place, v->real);
    case LEDGER_TEXT: return sqlite3_bind_text(s, place, v->text, -1, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

struct sqlite3_stmt *ledger_start(struct ledger *l, const char *sql, const struct ledger_value *values, int count,
                                  struct error *err) {
    struct sqlite3_stmt *s = prepared(l, sql, err);
    if (s == NULL) return NULL;
    assert(!sqlite3_stmt_busy(s) && sqlite3_bind_parameter_count(s) == count);
    for (int i = 0; i < count; i++) {
        if (bind(s, i + 1, &values[i]) == SQLITE_OK) continue;
        ledger_failed(l, err);
        ledger_end(s);
        return NULL;
    }
    return s;
}

enum ledger_step ledger_step(struct ledger *l, struct sqlite3_stmt *s, struct error *err) {
    errno = 0;
    int code = sqlite3_step(s);
    if (code == SQLITE_ROW) return LEDGER_ROW;
    if (code != SQLITE_DONE) ledger_failed(l, err);
    ledger_end(s);
    return code == SQLITE_DONE ? LEDGER_END : LEDGER_FAILED;
}

void ledger_end(struct sqlite3_stmt *s) {
    sqlite3_reset(s); /* repeats the code of the last step, which has been looked at */
    sqlite3_clear_bindings(s);
}

bool ledger_do(struct ledger *l, const char *sql, const struct ledger_value *values, int count, int *changed, struct error *err) {
    struct sqlite3_stmt *s = ledger_start(l, sql, values, count, err);
    if (s == NULL) return false;
    enum ledger_step step = ledger_step(l, s, err);
    assert(step != LEDGER_ROW);
    if (changed) *changed = sqlite3_changes(l->db);
    return step == LEDGER_END;
}

bool ledger_text(struct sqlite3_stmt *s, int column, struct arena *a, const char **out, struct error *err) {
    *out = NULL;
    if (sqlite3_column_type(s, column) == SQLITE_NULL) return true;
    const char *text = (const char *)sqlite3_column_text(s, column);
    if (text) *out = arena_copy(a, text, (size_t)sqlite3_column_bytes(s, column));
    return *out ? true : error_memory(err, "reading the ledger");
}

bool ledger_begin(struct ledger *l, struct error *err) {
    static const char sql[] = "BEGIN IMMEDIATE";
    if (l->together) return true;
    return ledger_do(l, sql, NULL, 0, NULL, err);
}

bool ledger_finish(struct ledger *l, bool ok, struct error *err) {
    static const char commit[] = "COMMIT", rollback[] = "ROLLBACK";
    if (l->together) return ok;
    if (ok && ledger_do(l, commit, NULL, 0, NULL, err)) return true;
    /* SQLite itself has rolled back after some failures. A rollback writes nothing, so its own failure
     * changes nothing. */
    if (!sqlite3_get_autocommit(l->db)) ledger_do(l, rollback, NULL, 0, NULL, NULL);
    return false;
}

bool ledger_together(struct ledger *l, struct error *err) {
    l->together = ledger_begin(l, err);
    return l->together;
}

bool ledger_together_end(struct ledger *l, bool ok, struct error *err) {
    l->together = false;
    return ledger_finish(l, ok, err);
}

const char *ledger_now(char out[LEDGER_TIME]) {
    clock_iso(clock_unix(), out, LEDGER_TIME);
    return out;
}

bool ledger_must_be_one(struct ledger *l, bool ok, int changed, const char *what, int64_t number, struct error *err) {
    if (!ok || changed == 1) return ok;
    error_set(err, ERROR_LOCAL, "the ledger %s holds no %s %lld", l->path, what, (long long)number);
    error_code(err, "refused");
    return error_hint(err, "this should not happen: please report it");
}
