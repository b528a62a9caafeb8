/* Simple-query statements over one connection, several at a time: "CLOSE c3; DECLARE c5 ...; FETCH FORWARD 128 FROM c5;
 * FETCH FORWARD 100 FROM c6". Each FETCH is a result of its own, which libpq gives as soon as it is whole, so the server fills
 * the next one while the rows of this one are mapped. A cursor that is done is closed by the next statement that is sent
 * anyway, so closing costs no round trip. */
#include "pg/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "pg/libpq.h"
#include "pg/rowset.h"

#define CURSORS_MAX 4096
#define STATEMENT_MAX ((size_t)64 << 20) /* a plan's query; far beyond any that a person writes */
#define TRY_ROWS 200                     /* a FETCH of pg_reader_try: bounded memory, few round trips */

/* A FETCH that was asked for and has not been answered. */
struct asked {
    short cursor;
    bool over; /* an earlier one has found its cursor's end: it brings nothing */
    int rows;
};

struct pg_reader {
    struct pg_connection *c;
    char *uri, *snapshot;
    struct buffer statement;
    bool is_open[CURSORS_MAX];
    short closing[CURSORS_MAX]; /* done, but still open on the server */
    int closing_count;
    struct asked asked[PG_READER_ASKED_MAX]; /* in the order of their results */
    int asked_count, answered;
    bool busy, unsent; /* a statement is under way; libpq still holds bytes of it */
    bool dead;         /* the transaction failed: pg_reader_restart */
    bool failed;
    struct error failure;
};

/* --- the transaction --- */

static bool begin(struct pg_reader *r, struct error *err) {
    r->statement.len = 0;
    char *id = PQescapeLiteral(pg_handle(r->c), r->snapshot, strlen(r->snapshot));
    bool made =
        id && buffer_printf(&r->statement, PG_BEGIN "; SET TRANSACTION SNAPSHOT %s", id) && buffer_terminate(&r->statement);
    PQfreemem(id);
    if (!made) return error_memory(err, "importing the snapshot");
    if (!pg_run(r->c, err, r->statement.data)) {
        error_context(err, "importing the run's snapshot");
        return err && err->hint[0] ? false
                                   : error_hint(err, "the snapshot lives as long as the connection that exported it; "
                                                     "start the run again to take a new one");
    }
    r->dead = false;
    return true;
}

static bool connect_reader(struct pg_reader *r, struct error *err) {
    pg_close(r->c);
    r->c = pg_connect(r->uri, err);
    if (r->c == NULL) return false;
    if (PQsetnonblocking(pg_handle(r->c), 1) != 0) return pg_error_connection(err, pg_handle(r->c));
    return begin(r, err);
}

static char *copy_text(const char *text) {
    return text ? strdup(text) : NULL;
}

struct pg_reader *pg_reader_new(const char *uri, const char *snapshot_id, struct error *err) {
    struct pg_reader *r = calloc(1, sizeof *r);
    if (r) {
        buffer_init(&r->statement, STATEMENT_MAX);
        r->uri = copy_text(uri);
        r->snapshot = copy_text(snapshot_id);
    }
    if (r == NULL || (uri && r->uri == NULL) || r->snapshot == NULL)
        error_memory(err, "making a reader");
    else if (connect_reader(r, err))
        return r;
    pg_reader_free(r);
    return NULL;
}

void pg_reader_free(struct pg_reader *r) {
    if (r == NULL) return;
    pg_close(r->c);
    buffer_free(&r->statement);
    free(r->uri);
    free(r->snapshot);
    free(r);
}

bool pg_reader_restart(struct pg_reader *r, struct error *err) {
    pg_reader_drain(r);
    memset(r->is_open, 0, sizeof r->is_open);
    r->closing_count = 0;
    r->dead = true;
    if (PQstatus(pg_handle(r->c)) != CONNECTION_OK) return connect_reader(r, err);
    return pg_run(r->c, err, "ROLLBACK") && begin(r, err);
}

/* --- sending --- */

static void forget_cursor(struct pg_reader *r, int cursor) {
    r->is_open[cursor] = false;
    r->closing[r->closing_count++] = (short)cursor;
}

static bool flush(struct pg_reader *r, struct error *err) {
    int state = PQflush(pg_handle(r->c));
    r->unsent = state > 0;
    return state >= 0 || pg_error_connection(err, pg_handle(r->c));
}

/* Room for one more FETCH in the statement that is being put together; it begins with the CLOSE of what is done. */
static bool begin_fetch(struct pg_reader *r, int cursor, int rows, bool open, struct error *err) {
    if (cursor < 0 || cursor >= CURSORS_MAX || rows < 1 || r->is_open[cursor] != open || !pg_reader_takes(r))
        return error_set(err, ERROR_LOCAL, "cursor %d is used out of turn", cursor);
    if (r->dead) return error_set(err, ERROR_SOURCE, "the reader's transaction has failed and was not restarted");
    if (r->asked_count > 0) return buffer_append(&r->statement, ";", 1) || error_memory(err, "asking for rows");
    r->statement.len = 0;
    for (int i = 0; i < r->closing_count; i++) {
        if (!buffer_printf(&r->statement, "CLOSE c%d;", r->closing[i])) return error_memory(err, "closing cursors");
    }
    return true;
}

static bool add_fetch(struct pg_reader *r, int cursor, int rows, struct error *err) {
    if (!buffer_printf(&r->statement, "FETCH FORWARD %d FROM c%d", rows, cursor)) return error_memory(err, "asking for rows");
    r->is_open[cursor] = true;
    r->asked[r->asked_count++] = (struct asked){.cursor = (short)cursor, .rows = rows};
    return true;
}

bool pg_reader_open(struct pg_reader *r, int cursor, const char *sql, int rows, struct error *err) {
    if (!begin_fetch(r, cursor, rows, false, err)) return false;
    if (!buffer_printf(&r->statement, "DECLARE c%d BINARY NO SCROLL CURSOR FOR ", cursor) ||
        !buffer_append_text(&r->statement, sql) || !buffer_append_text(&r->statement, "\n;"))
        return error_memory(err, "opening a cursor");
    return add_fetch(r, cursor, rows, err);
}

bool pg_reader_fetch(struct pg_reader *r, int cursor, int rows, struct error *err) {
    return begin_fetch(r, cursor, rows, true, err) && add_fetch(r, cursor, rows, err);
}

bool pg_reader_takes(const struct pg_reader *r) {
    return !r->busy && r->asked_count < PG_READER_ASKED_MAX;
}

bool pg_reader_send(struct pg_reader *r, struct error *err) {
    if (r->busy || r->asked_count == 0) return true;
    if (!buffer_terminate(&r->statement)) return error_memory(err, "asking for rows");
    if (!PQsendQuery(pg_handle(r->c), r->statement.data)) {
        r->dead = true;
        return pg_error_connection(err, pg_handle(r->c));
    }
    r->closing_count = 0;
    r->busy = true;
    r->failed = false;
    r->answered = 0;
    return flush(r, err);
}

int pg_reader_fd(const struct pg_reader *r) {
    return PQsocket(pg_handle(r->c));
}

bool pg_reader_wants_write(const struct pg_reader *r) {
    return r->unsent;
}

bool pg_reader_idle(const struct pg_reader *r) {
    return !r->busy && r->asked_count == 0;
}

struct pg_connection *pg_reader_connection(struct pg_reader *r) {
    return r->c;
}

/* --- receiving --- */

/* Nothing is under way any more. */
static void settle(struct pg_reader *r) {
    r->busy = r->unsent = false;
    r->asked_count = r->answered = 0;
}

static enum pg_reader_state fail(struct pg_reader *r, struct error *err) {
    settle(r);
    r->dead = true;
    if (err) *err = r->failure;
    return PG_READER_FAILED;
}

/* The rows of the FETCH that is next; PG_READER_WAIT when they are not wanted, since its cursor has ended before. */
static enum pg_reader_state deliver(struct pg_reader *r, PGresult *res, int *cursor, struct pg_rowset **out, bool *end) {
    const struct asked *a = &r->asked[r->answered++];
    if (a->over) {
        PQclear(res);
        return PG_READER_WAIT;
    }
    *out = pg_rowset_new(res);
    if (*out == NULL) {
        PQclear(res);
        r->failed = true;
        error_memory(&r->failure, "reading rows");
        return PG_READER_WAIT;
    }
    *cursor = a->cursor;
    *end = pg_rowset_count(*out) < a->rows;
    if (!*end) return PG_READER_ROWS;
    forget_cursor(r, a->cursor);
    for (int i = r->answered; i < r->asked_count; i++) r->asked[i].over |= r->asked[i].cursor == a->cursor;
    return PG_READER_ROWS;
}

/* The statement's first error is told when the server has ended it. */
static void take_status(struct pg_reader *r, PGresult *res) {
    if (PQresultStatus(res) != PGRES_COMMAND_OK && !r->failed) {
        r->failed = true;
        pg_error(&r->failure, pg_handle(r->c), res);
    }
    PQclear(res);
}

static enum pg_reader_state take_result(struct pg_reader *r, PGresult *res, int *cursor, struct pg_rowset **out, bool *end) {
    if (PQresultStatus(res) == PGRES_TUPLES_OK && !r->failed && r->answered < r->asked_count)
        return deliver(r, res, cursor, out, end);
    take_status(r, res);
    return PG_READER_WAIT;
}

/* The server's word that it is ready comes with the last rows: then the next statement can be sent before they are mapped. */
static void end_early(struct pg_reader *r) {
    if (r->answered < r->asked_count || PQisBusy(pg_handle(r->c))) return;
    PGresult *res = PQgetResult(pg_handle(r->c));
    if (res) {
        take_status(r, res);
    } else {
        settle(r);
    }
}

/* The server is ready for the next statement. */
static enum pg_reader_state end_statement(struct pg_reader *r, struct error *err) {
    if (!r->failed && r->answered < r->asked_count) {
        r->failed = true;
        error_set(&r->failure, ERROR_SOURCE, "the server answered a FETCH without rows");
    }
    if (r->failed) return fail(r, err);
    settle(r);
    return PG_READER_WAIT;
}

enum pg_reader_state pg_reader_step(struct pg_reader *r, int *cursor, struct pg_rowset **out, bool *end, struct error *err) {
    PGconn *pg = pg_handle(r->c);
    if (!r->busy) return PG_READER_WAIT;
    *cursor = r->asked[r->answered < r->asked_count ? r->answered : r->asked_count - 1].cursor;
    *out = NULL;
    *end = false;
    if (r->unsent && !flush(r, &r->failure)) return fail(r, err);
    if (PQisBusy(pg) && !PQconsumeInput(pg)) {
        pg_error_connection(&r->failure, pg);
        return fail(r, err);
    }
    while (!PQisBusy(pg)) {
        PGresult *res = PQgetResult(pg);
        if (res == NULL) return end_statement(r, err);
        if (take_result(r, res, cursor, out, end) == PG_READER_WAIT) continue;
        end_early(r);
        return PG_READER_ROWS;
    }
    return PG_READER_WAIT;
}

void pg_reader_drain(struct pg_reader *r) {
    /* PQgetResult sends what is unsent and waits. */
    for (PGresult *res; r->busy && (res = PQgetResult(pg_handle(r->c))) != NULL;) {
        bool failed = PQresultStatus(res) == PGRES_FATAL_ERROR;
        PQclear(res);
        if (!failed) continue;
        r->dead = true;
        if (PQstatus(pg_handle(r->c)) != CONNECTION_OK) break;
    }
    settle(r);
}

bool pg_reader_try(struct pg_reader *r, const char *sql, struct error *err) {
    if (!pg_reader_idle(r) || r->dead) return error_set(err, ERROR_LOCAL, "the reader is not ready to try a range");
    r->statement.len = 0;
    if (!buffer_append_text(&r->statement, "DECLARE attempt BINARY NO SCROLL CURSOR FOR ") ||
        !buffer_append_text(&r->statement, sql) || !buffer_terminate(&r->statement))
        return error_memory(err, "trying a range");
    char fetch[64];
    snprintf(fetch, sizeof fetch, "FETCH FORWARD %d FROM attempt", TRY_ROWS);
    bool ok = pg_run(r->c, err, r->statement.data);
    for (int rows = TRY_ROWS; ok && rows == TRY_ROWS;) {
        PGresult *res = pg_execute(r->c, fetch, err);
        ok = res != NULL;
        rows = PQntuples(res);
        PQclear(res);
    }
    if (ok) ok = pg_run(r->c, err, "CLOSE attempt");
    if (!ok) r->dead = true;
    return ok;
}
