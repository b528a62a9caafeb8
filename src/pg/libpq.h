/* What the files of src/pg share about libpq: handles and errors. Included by nobody else. */
#ifndef PG_LIBPQ_H
#define PG_LIBPQ_H

#include <libpq-fe.h>

#include "base/error.h"
#include "pg/connect.h"

PGconn *pg_handle(const struct pg_connection *c);

/* The result of a statement that returned rows, as libpq has it; NULL on failure. The caller clears it. */
PGresult *pg_execute(struct pg_connection *c, const char *sql, struct error *err);

/* The same of one statement that may take long: when *stop is set (it may be NULL), the server is asked to cancel it, and the failure is
 * ERROR_INTERRUPTED. The transaction is aborted then. */
PGresult *pg_execute_until(struct pg_connection *c, const char *sql, const volatile int *stop, struct error *err);

/* What the columns of a SELECT would be, without running it; NULL on failure. The caller clears it. */
PGresult *pg_describe(struct pg_connection *c, const char *sql, struct error *err);

/* The transaction that readers share (pg_snapshot_export, pg_reader_new). */
#define PG_BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

/* Sets err from a failed result: the server's message, detail and hint, SQLSTATE, retryable or not. res may
 * be NULL (no memory, or the connection is lost). Returns false. */
bool pg_error(struct error *err, const PGconn *pg, const PGresult *res);

/* The same from an ErrorResponse that libpq has not seen. */
struct wire_failure;
bool pg_error_wire(struct error *err, const struct wire_failure *f);

/* Sets err from libpq's own message about the connection, with the password masked. Returns false. */
bool pg_error_connection(struct error *err, const PGconn *pg);

/* The connection is lost or of no use any more, and this is why. Returns false. */
bool pg_error_lost(struct error *err, const char *why);

/* Whether the error says that the statement itself is wrong (unknown name, syntax, types): a mistake of the
 * plan. */
bool pg_error_is_statement(const struct error *err);

/* Whether a row could not be converted (SQLSTATE class 22). */
bool pg_error_is_data(const struct error *err);

#endif
