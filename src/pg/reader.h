/* The chunk reader: many binary cursors open at once on one connection and one snapshot, fetched in turn, without blocking.
 * A cursor that is not fetched costs nothing: that is how a chunk is put aside.
 *
 * FETCHes are put together and sent as one statement; the next may be sent as soon as the last one's rows are all taken, before they
 * are mapped. Not thread-safe: one reader a worker. */
#ifndef PG_READER_H
#define PG_READER_H

#include "base/error.h"
#include "pg/row.h"

struct pg_reader;
struct pg_rowset; /* the rows of one FETCH; the caller's, once it has them; used and freed by the reader's thread */

/* Connects and imports the snapshot (id from pg_snapshot_export). Blocks. */
struct pg_reader *pg_reader_new(const char *uri, const char *snapshot_id, struct error *err);
void pg_reader_free(struct pg_reader *r);

/* Rolls back (all cursors are gone) and imports the snapshot again: after an error of class 22. Connects anew if the
 * connection is lost. Blocks. A failure here is the source's, never a row's, whatever its code. */
bool pg_reader_restart(struct pg_reader *r, struct error *err);

/* The most FETCHes of one statement. */
#define PG_READER_ASKED_MAX 8

/* Whether one more FETCH may be asked for: nothing is under way, and the statement has room. */
bool pg_reader_takes(const struct pg_reader *r);
/* Asks for the DECLARE of a cursor for `sql` together with its first FETCH of `rows` rows. `cursor` is a small number that the
 * caller chooses (0 .. 4095) and that is not open. */
bool pg_reader_open(struct pg_reader *r, int cursor, const char *sql, int rows, struct error *err);
/* Asks for the next FETCH of an open cursor. It may be asked for several in one statement. */
bool pg_reader_fetch(struct pg_reader *r, int cursor, int rows, struct error *err);
/* Sends what was asked for, if anything was. */
bool pg_reader_send(struct pg_reader *r, struct error *err);

int pg_reader_fd(const struct pg_reader *r);
bool pg_reader_wants_write(const struct pg_reader *r); /* poll for POLLOUT as well */
bool pg_reader_idle(const struct pg_reader *r);        /* nothing is asked for or under way */

enum pg_reader_state {
    PG_READER_WAIT,   /* poll the fd and call again */
    PG_READER_ROWS,   /* *out holds the rows of *cursor, the next FETCH in the order they were asked for; *end: it gave fewer than
                       * asked, and is closed on the server. More may be there already: call again before polling */
    PG_READER_FAILED, /* err; code 22xxx: narrow down and restart; anything else is the source's failure. *cursor is set */
};
/* Takes what has arrived. Never blocks. *end with 0 rows is possible. Memory for one whole FETCH is the reader's. After the rows
 * of the last FETCH it may take another step until the reader is idle. */
enum pg_reader_state pg_reader_step(struct pg_reader *r, int *cursor, struct pg_rowset **out, bool *end, struct error *err);

int pg_rowset_count(const struct pg_rowset *s);
int pg_rowset_columns(const struct pg_rowset *s);
/* Whether its rows have so many columns, as they were asked for; if not, the server's word is not to be trusted with room for them. */
bool pg_rowset_fits(const struct pg_rowset *s, int columns, struct error *err);
int64_t pg_rowset_bytes(const struct pg_rowset *s);  /* memory it holds, roughly */
int64_t pg_rowset_length(const struct pg_rowset *s); /* bytes of its rows, roughly: how large others like them will be */
/* Points `fields` (room for pg_rowset_columns) at row `row`; valid until pg_rowset_free. False (ERROR_SOURCE): the server has sent a broken
 * row; no other one of it can be trusted. */
bool pg_rowset_row(const struct pg_rowset *s, int row, struct pg_field *fields, struct error *err);
void pg_rowset_free(struct pg_rowset *s); /* NULL is fine */

/* Reads a whole SELECT on the reader's connection and drops the rows: does it fail with class 22? Blocks. Used while
 * narrowing a failure down: the transaction must be alive; it is dead after a failure. */
bool pg_reader_try(struct pg_reader *r, const char *sql, struct error *err);
/* Waits until nothing is under way and drops what comes. */
void pg_reader_drain(struct pg_reader *r);

/* From now on answers are read through libpq, as they are where GSSAPI encrypts the connection: for the tests of that. Only while idle. */
void pg_reader_use_libpq(struct pg_reader *r);

struct pg_connection;
/* The reader's connection, for pg_source_middle. Only while idle. */
struct pg_connection *pg_reader_connection(struct pg_reader *r);

#endif
