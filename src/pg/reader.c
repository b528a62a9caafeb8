/* Simple-query statements over one connection, several at a time: "CLOSE c3; DECLARE c5 ...; FETCH FORWARD 128 FROM c5;
 * FETCH FORWARD 100 FROM c6". Each FETCH is an answer of its own, which is given as soon as it is whole, so the server fills
 * the next one while the rows of this one are mapped. A cursor that is done is closed by the next statement that is sent
 * anyway, so closing costs no round trip. */
#include "pg/reader.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "pg/answers.h"
#include "pg/libpq.h"

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
    struct answers answers;
    bool by_libpq;
    bool busy; /* a statement is under way */
    bool dead; /* the transaction failed: pg_reader_restart */
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
    if (!answers_open(&r->answers, pg_handle(r->c), r->by_libpq)) return error_memory(err, "making a reader");
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
    answers_close(&r->answers);
    pg_close(r->c);
    buffer_free(&r->statement);
    free(r->uri);
    free(r->snapshot);
    free(r);
}

void pg_reader_use_libpq(struct pg_reader *r) {
    r->by_libpq = r->answers.by_libpq = true;
}

bool pg_reader_restart(struct pg_reader *r, struct error *err) {
    pg_reader_drain(r);
    memset(r->is_open, 0, sizeof r->is_open);
    r->closing_count = 0;
    r->dead = true;
    if (r->c == NULL || !answers_usable(&r->answers)) return connect_reader(r, err);
    return pg_run(r->c, err, "ROLLBACK") && begin(r, err);
}

/* --- sending --- */

static void forget_cursor(struct pg_reader *r, int cursor) {
    r->is_open[cursor] = false;
    r->closing[r->closing_count++] = (short)cursor;
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
    if (!answers_send(&r->answers, r->statement.data, r->statement.len, err)) {
        r->dead = true;
        return false;
    }
    r->closing_count = 0;
    r->busy = true;
    r->failed = false;
    r->answered = 0;
    return true;
}

int pg_reader_fd(const struct pg_reader *r) {
    return PQsocket(pg_handle(r->c));
}

bool pg_reader_wants_write(const struct pg_reader *r) {
    return answers_wants_write(&r->answers);
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
    r->busy = false;
    r->asked_count = r->answered = 0;
}

static enum pg_reader_state fail(struct pg_reader *r, struct error *err) {
    settle(r);
    r->dead = true;
    if (err) *err = r->failure;
    return PG_READER_FAILED;
}

/* The statement's first error is told when the server has ended it. */
static void note(struct pg_reader *r, const struct error *why) {
    if (!r->failed) r->failure = *why;
    r->failed = true;
}

/* Takes the rows of the FETCH that is next. False when they are not wanted, since its cursor has ended before. */
static bool deliver(struct pg_reader *r, struct pg_rowset *rows, int *cursor, struct pg_rowset **out, bool *end) {
    const struct asked *a = &r->asked[r->answered];
    bool wanted = !r->failed && r->answered < r->asked_count;
    if (wanted) r->answered++;
    if (!wanted || a->over) {
        pg_rowset_free(rows);
        return false;
    }
    *out = rows;
    *cursor = a->cursor;
    *end = pg_rowset_count(rows) < a->rows;
    if (!*end) return true;
    forget_cursor(r, a->cursor);
    for (int i = r->answered; i < r->asked_count; i++) r->asked[i].over |= r->asked[i].cursor == a->cursor;
    return true;
}

/* The server's word that it is ready comes with the last rows: then the next statement can be sent before they are mapped. */
static void end_early(struct pg_reader *r) {
    struct pg_rowset *rows = NULL;
    struct error why;
    if (r->answered < r->asked_count || r->failed) return;
    switch (answers_next(&r->answers, true, &rows, &why)) {
    case ANSWER_READY: settle(r); break;
    case ANSWER_ERROR:
    case ANSWER_LOST: note(r, &why); break;
    case ANSWER_ROWS: pg_rowset_free(rows); break;
    case ANSWER_WAIT: break;
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
    struct pg_rowset *rows = NULL;
    struct error why;
    if (!r->busy) return PG_READER_WAIT;
    *cursor = r->asked[r->answered < r->asked_count ? r->answered : r->asked_count - 1].cursor;
    *out = NULL;
    *end = false;
    for (;;) {
        switch (answers_next(&r->answers, false, &rows, &why)) {
        case ANSWER_WAIT: return PG_READER_WAIT;
        case ANSWER_READY: return end_statement(r, err);
        case ANSWER_ERROR: note(r, &why); break;
        case ANSWER_LOST: note(r, &why); return fail(r, err);
        case ANSWER_ROWS:
            if (!deliver(r, rows, cursor, out, end)) break;
            end_early(r);
            return PG_READER_ROWS;
        }
    }
}

/* Whether more is to come; what has come is dropped. */
static bool drain_some(struct pg_reader *r) {
    struct pg_rowset *rows = NULL;
    struct error why;
    struct pollfd p = {.fd = pg_reader_fd(r)};
    switch (answers_next(&r->answers, false, &rows, &why)) {
    case ANSWER_READY: return false;
    case ANSWER_LOST: r->dead = true; return false;
    case ANSWER_ERROR: r->dead = true; return true;
    case ANSWER_ROWS: pg_rowset_free(rows); return true;
    case ANSWER_WAIT: break;
    }
    p.events = (short)(POLLIN | (pg_reader_wants_write(r) ? POLLOUT : 0));
    poll(&p, 1, -1);
    return true;
}

void pg_reader_drain(struct pg_reader *r) {
    while (r->busy && drain_some(r)) continue;
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
