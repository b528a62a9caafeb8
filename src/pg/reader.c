/* Simple-query statements over one connection, several at a time: "CLOSE c3; DECLARE c5 ...; FETCH FORWARD
 * 128 FROM c5". A cursor that is done is closed by the next statement that is sent anyway, so closing costs
 * no round trip. */
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

struct pg_reader {
    struct pg_connection *c;
    char *uri, *snapshot;
    struct buffer statement;
    bool is_open[CURSORS_MAX];
    short closing[CURSORS_MAX]; /* done, but still open on the server */
    int closing_count;
    bool busy, unsent; /* a statement is under way; libpq still holds bytes of it */
    bool dead;         /* the transaction failed: pg_reader_restart */
    int cursor, asked; /* of the FETCH under way */
    PGresult *rows;    /* its rows, until the server is ready for the next statement */
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
    PQclear(r->rows);
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

/* Starts the statement with the CLOSE of what is done. */
static bool start_statement(struct pg_reader *r, int cursor, int rows, bool open, struct error *err) {
    if (cursor < 0 || cursor >= CURSORS_MAX || rows < 1 || r->is_open[cursor] != open || r->busy)
        return error_set(err, ERROR_LOCAL, "cursor %d is used out of turn", cursor);
    if (r->dead) return error_set(err, ERROR_SOURCE, "the reader's transaction has failed and was not restarted");
    r->statement.len = 0;
    for (int i = 0; i < r->closing_count; i++) {
        if (!buffer_printf(&r->statement, "CLOSE c%d;", r->closing[i])) return error_memory(err, "closing cursors");
    }
    return true;
}

static bool send_fetch(struct pg_reader *r, int cursor, int rows, struct error *err) {
    if (!buffer_printf(&r->statement, "FETCH FORWARD %d FROM c%d", rows, cursor) || !buffer_terminate(&r->statement))
        return error_memory(err, "asking for rows");
    if (!PQsendQuery(pg_handle(r->c), r->statement.data)) {
        r->dead = true;
        return pg_error_connection(err, pg_handle(r->c));
    }
    r->closing_count = 0;
    r->is_open[cursor] = true;
    r->busy = true;
    r->failed = false;
    r->cursor = cursor;
    r->asked = rows;
    return flush(r, err);
}

bool pg_reader_open(struct pg_reader *r, int cursor, const char *sql, int rows, struct error *err) {
    if (!start_statement(r, cursor, rows, false, err)) return false;
    if (!buffer_printf(&r->statement, "DECLARE c%d BINARY NO SCROLL CURSOR FOR ", cursor) ||
        !buffer_append_text(&r->statement, sql) || !buffer_append_text(&r->statement, "\n;"))
        return error_memory(err, "opening a cursor");
    return send_fetch(r, cursor, rows, err);
}

bool pg_reader_fetch(struct pg_reader *r, int cursor, int rows, struct error *err) {
    return start_statement(r, cursor, rows, true, err) && send_fetch(r, cursor, rows, err);
}

int pg_reader_fd(const struct pg_reader *r) {
    return PQsocket(pg_handle(r->c));
}

bool pg_reader_wants_write(const struct pg_reader *r) {
    return r->unsent;
}

bool pg_reader_idle(const struct pg_reader *r) {
    return !r->busy;
}

struct pg_connection *pg_reader_connection(struct pg_reader *r) {
    return r->c;
}

/* --- receiving --- */

/* Keeps the rows or the first error of one result of the statement. */
static void take_result(struct pg_reader *r, PGresult *res) {
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK && r->rows == NULL) {
        r->rows = res;
        return;
    }
    if (status != PGRES_COMMAND_OK && !r->failed) {
        r->failed = true;
        pg_error(&r->failure, pg_handle(r->c), res);
    }
    PQclear(res);
}

static enum pg_reader_state fail(struct pg_reader *r, struct error *err) {
    r->busy = r->unsent = false;
    r->dead = true;
    PQclear(r->rows);
    r->rows = NULL;
    if (err) *err = r->failure;
    return PG_READER_FAILED;
}

static enum pg_reader_state deliver(struct pg_reader *r, struct pg_rowset **out, bool *end, struct error *err) {
    if (!r->failed && r->rows == NULL) {
        r->failed = true;
        error_set(&r->failure, ERROR_SOURCE, "the server answered a FETCH without rows");
    }
    if (r->failed) return fail(r, err);
    *out = pg_rowset_new(r->rows);
    if (*out == NULL) {
        error_memory(&r->failure, "reading rows");
        return fail(r, err);
    }
    r->rows = NULL;
    r->busy = false;
    *end = pg_rowset_count(*out) < r->asked;
    if (*end) forget_cursor(r, r->cursor);
    return PG_READER_ROWS;
}

enum pg_reader_state pg_reader_step(struct pg_reader *r, int *cursor, struct pg_rowset **out, bool *end, struct error *err) {
    PGconn *pg = pg_handle(r->c);
    if (!r->busy) return PG_READER_WAIT;
    *cursor = r->cursor;
    *out = NULL;
    *end = false;
    if (r->unsent && !flush(r, &r->failure)) return fail(r, err);
    if (!PQconsumeInput(pg)) {
        pg_error_connection(&r->failure, pg);
        return fail(r, err);
    }
    while (!PQisBusy(pg)) {
        PGresult *res = PQgetResult(pg);
        if (res == NULL) return deliver(r, out, end, err);
        take_result(r, res);
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
    PQclear(r->rows);
    r->rows = NULL;
    r->busy = r->unsent = false;
}

bool pg_reader_try(struct pg_reader *r, const char *sql, struct error *err) {
    if (r->busy || r->dead) return error_set(err, ERROR_LOCAL, "the reader is not ready to try a range");
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
