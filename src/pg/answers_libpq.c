/* Answers through libpq, for connections whose bytes only libpq can read. It holds a whole FETCH in memory of its own. */
#include "pg/answers.h"
#include "pg/libpq.h"

static bool flush(struct answers *a, struct error *err) {
    int state = PQflush(a->pg);
    a->unsent = state > 0;
    return state >= 0 || pg_error_connection(err, a->pg);
}

bool answers_libpq_send(struct answers *a, const char *text, struct error *err) {
    if (PQsendQuery(a->pg, text)) return flush(a, err);
    return pg_error_connection(err, a->pg);
}

/* What a result is; ANSWER_WAIT: of a command that gives no rows. */
static enum answer judge(struct answers *a, PGresult *res, struct pg_rowset **out, struct error *err) {
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK) {
        *out = pg_rowset_new(res);
        if (*out) return ANSWER_ROWS;
        error_memory(err, "reading rows");
    } else if (status != PGRES_COMMAND_OK) {
        pg_error(err, a->pg, res);
    }
    PQclear(res);
    return status == PGRES_COMMAND_OK ? ANSWER_WAIT : ANSWER_ERROR;
}

static enum answer lost(struct answers *a) {
    a->unsent = false;
    a->lost = true;
    return ANSWER_LOST;
}

enum answer answers_libpq_next(struct answers *a, bool arrived, struct pg_rowset **out, struct error *err) {
    if (!arrived && a->unsent && !flush(a, err)) return lost(a);
    if (!arrived && PQisBusy(a->pg) && !PQconsumeInput(a->pg)) {
        pg_error_connection(err, a->pg);
        return lost(a);
    }
    while (!PQisBusy(a->pg)) {
        PGresult *res = PQgetResult(a->pg);
        if (res == NULL) return ANSWER_READY;
        enum answer answer = judge(a, res, out, err);
        if (answer != ANSWER_WAIT) return answer;
    }
    return ANSWER_WAIT;
}
