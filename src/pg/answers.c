#include "pg/answers.h"

#include <stdio.h>

#include "pg/libpq.h"

#define QUERY_MAX ((size_t)128 << 20) /* a statement of the reader's, and more */

bool answers_open(struct answers *a, PGconn *pg, bool by_libpq) {
    if (a->pool == NULL) {
        buffer_init(&a->query, QUERY_MAX);
        a->pool = rowset_pool_new();
    }
    pg_rowset_free(a->filling);
    a->filling = NULL;
    a->pg = pg;
    a->unsent = a->cut_off = a->lost = false;
    a->by_libpq = by_libpq || !channel_open(&a->channel, pg);
    return a->pool != NULL;
}

void answers_close(struct answers *a) {
    pg_rowset_free(a->filling);
    rowset_pool_close(a->pool);
    buffer_free(&a->query);
    *a = (struct answers){0};
}

bool answers_wants_write(const struct answers *a) {
    return a->by_libpq ? a->unsent : a->channel.wants_write;
}

/* What came after the end of the last answer libpq will not see: a notice is no loss, but the rest of one it would take for a message of
 * its own, and the server's farewell is one. */
bool answers_usable(struct answers *a) {
    if (a->lost || PQstatus(a->pg) != CONNECTION_OK) return false;
    if (a->by_libpq || a->filling == NULL) return true;
    return wire_next(&a->wire) == WIRE_MORE && a->wire.at == a->wire.rows->len && channel_empty(&a->channel);
}

/* --- sending --- */

/* A connection that cannot be written may still hold the server's last word: receive tells. */
static void write_query(struct answers *a) {
    while (a->unsent) {
        ssize_t n = channel_write(&a->channel, a->query.data + a->sent, a->query.len - a->sent);
        if (n == CHANNEL_WAIT) return;
        a->sent += n > 0 ? (size_t)n : 0;
        a->cut_off = n <= 0;
        a->unsent = n > 0 && a->sent < a->query.len;
    }
}

static bool begin_filling(struct answers *a) {
    if (a->filling) return true;
    a->filling = rowset_take(a->pool);
    if (a->filling) wire_init(&a->wire, rowset_wire(a->filling));
    return a->filling != NULL;
}

bool answers_send(struct answers *a, const char *text, size_t len, struct error *err) {
    if (a->by_libpq) return answers_libpq_send(a, text, err);
    if (a->lost || PQstatus(a->pg) != CONNECTION_OK) return pg_error_lost(err, "the connection to the server was lost before");
    /* Takes what libpq has received, too; but of the first half of a notice nobody tells: then the second is not understood, and the
     * connection is made anew. */
    if (PQisBusy(a->pg)) return error_set(err, ERROR_LOCAL, "a statement is under way");
    a->query.len = 0;
    if (!begin_filling(a) || !buffer_reserve(&a->query, len + WIRE_QUERY_MORE)) return error_memory(err, "asking for rows");
    wire_query(a->query.data, text, len);
    a->query.len = len + WIRE_QUERY_MORE;
    a->sent = 0;
    a->unsent = true;
    a->channel.wants_write = false;
    channel_own(&a->channel, true);
    write_query(a);
    return true;
}

/* --- receiving --- */

static enum answer lost(struct answers *a) {
    a->lost = true;
    a->unsent = a->channel.wants_write = false;
    return ANSWER_LOST;
}

static enum answer no_memory(struct answers *a, struct error *err) {
    error_memory(err, "reading rows");
    return lost(a);
}

/* The rows that are whole; the next ones get other memory. */
static enum answer give_rows(struct answers *a, struct pg_rowset **out, struct error *err) {
    struct pg_rowset *next = rowset_take(a->pool);
    if (next == NULL || !wire_move(&a->wire, rowset_wire(next))) {
        pg_rowset_free(next);
        return no_memory(a, err);
    }
    *out = a->filling;
    a->filling = next;
    return ANSWER_ROWS;
}

static enum answer ready(struct answers *a) {
    a->channel.wants_write = false;
    channel_own(&a->channel, false);
    return ANSWER_READY;
}

/* What the bytes say that are there; ANSWER_WAIT: they say nothing more. */
static enum answer understand(struct answers *a, struct pg_rowset **out, struct error *err) {
    char why[120];
    switch (wire_next(&a->wire)) {
    case WIRE_MORE: return ANSWER_WAIT;
    case WIRE_ROWS: return give_rows(a, out, err);
    case WIRE_READY: return ready(a);
    case WIRE_ERROR: pg_error_wire(err, &a->wire.failure); return ANSWER_ERROR;
    case WIRE_MEMORY: return no_memory(a, err);
    case WIRE_BAD: break;
    }
    snprintf(why, sizeof why, "the server's answer cannot be understood: %s", a->wire.problem);
    pg_error_lost(err, why);
    return lost(a);
}

/* False: nothing has come, and *answer says why. */
static bool receive(struct answers *a, enum answer *answer, struct error *err) {
    size_t room;
    char *to = wire_room(&a->wire, &room);
    if (to == NULL) {
        *answer = no_memory(a, err);
        return false;
    }
    ssize_t n = channel_read(&a->channel, to, room);
    if (n > 0) {
        wire_received(&a->wire, (size_t)n);
        return true;
    }
    if (n == CHANNEL_WAIT && !a->cut_off) {
        *answer = ANSWER_WAIT;
    } else {
        const char *why = n != 0 && a->channel.problem[0] ? a->channel.problem : "server closed the connection unexpectedly";
        pg_error_lost(err, why);
        *answer = lost(a);
    }
    return false;
}

enum answer answers_next(struct answers *a, bool arrived, struct pg_rowset **out, struct error *err) {
    if (a->by_libpq) return answers_libpq_next(a, arrived, out, err);
    enum answer answer = understand(a, out, err);
    if (arrived || answer != ANSWER_WAIT) return answer;
    a->channel.wants_write = false;
    write_query(a);
    do {
        if (!receive(a, &answer, err)) return answer;
        answer = understand(a, out, err);
    } while (answer == ANSWER_WAIT && !a->channel.drained);
    return answer;
}
