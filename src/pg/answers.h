/* The answers to a reader's statements: sent and received past libpq, whose parsing and copying of rows cost more than the mapping; or
 * through libpq where the bytes of its connection cannot be had (pg/channel.h).
 *
 * Between two statements the connection is libpq's, as always. For: reader.c. */
#ifndef PG_ANSWERS_H
#define PG_ANSWERS_H

#include <libpq-fe.h>

#include "base/buffer.h"
#include "base/error.h"
#include "pg/channel.h"
#include "pg/rowset.h"
#include "pg/wire.h"

enum answer {
    ANSWER_WAIT,  /* nothing more has come: poll */
    ANSWER_ROWS,  /* *out: the rows of one FETCH, the caller's */
    ANSWER_ERROR, /* err: the statement has failed; its end is yet to come */
    ANSWER_READY, /* its end: the connection is libpq's again */
    ANSWER_LOST,  /* err: nothing more comes, and the connection is of no use */
};

struct answers {
    PGconn *pg;
    bool by_libpq; /* else by what follows */
    bool unsent;   /* some of the statement is */
    bool cut_off;  /* nothing can be sent any more; what has come may still be read */
    bool lost;
    struct channel channel;
    struct buffer query;
    size_t sent; /* bytes of query */
    struct wire wire;
    struct rowset_pool *pool;
    struct pg_rowset *filling; /* what wire works on; NULL: nothing yet */
};

/* All zero first; again after the connection was made anew. `by_libpq`: in any case. False: out of memory. */
bool answers_open(struct answers *a, PGconn *pg, bool by_libpq);
void answers_close(struct answers *a); /* the connection stays the caller's */

/* Sends a statement (text: len bytes and a NUL), or begins to. False with an error: it was not sent. */
bool answers_send(struct answers *a, const char *text, size_t len, struct error *err);

/* What comes next; never waits. `arrived`: only of what has been received already. To be called until it says ANSWER_WAIT before the socket
 * is polled, for POLLIN, and POLLOUT if answers_wants_write. */
enum answer answers_next(struct answers *a, bool arrived, struct pg_rowset **out, struct error *err);
bool answers_wants_write(const struct answers *a);

/* Whether libpq may go on with the connection, between two statements; if not, it has to be made anew. */
bool answers_usable(struct answers *a);

/* answers_libpq.c: the way through libpq. */
bool answers_libpq_send(struct answers *a, const char *text, struct error *err);
enum answer answers_libpq_next(struct answers *a, bool arrived, struct pg_rowset **out, struct error *err);

#endif
