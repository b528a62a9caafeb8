/* Connections to PostgreSQL: libpq's own rules (URI, environment, service and password files), our session settings.
 *
 * For: one connection and small statements that wait for their answer. Not for: streaming rows (pg/reader.h). */
#ifndef PG_CONNECT_H
#define PG_CONNECT_H

#include "base/error.h"

struct pg_connection;
struct pg_result;

/* Connects (uri may be NULL: all from the environment) and sets the session: read only, no time-outs of the role,
 * ISO dates in UTC, client_encoding UTF8 (SQL_ASCII databases: SQL_ASCII). NULL on failure; ERROR_SOURCE. Messages never hold a password. */
struct pg_connection *pg_connect(const char *uri, struct error *err);
void pg_close(struct pg_connection *c); /* NULL is fine */

/* Runs statements and gives the last result in text form; NULL on failure, with SQLSTATE in err->code. */
struct pg_result *pg_query(struct pg_connection *c, struct error *err, const char *sql);
bool pg_run(struct pg_connection *c, struct error *err, const char *sql); /* the same, result dropped */

int pg_rows(const struct pg_result *r);
const char *pg_text(const struct pg_result *r, int row, int column); /* NULL for SQL's NULL */
void pg_result_free(struct pg_result *r);                            /* NULL is fine */

/* What is behind the connection, for the run's identity and for `status`. Valid until pg_close. */
struct pg_server {
    int version;                   /* as server_version_num: 150018 */
    bool utf8;                     /* false: bytes of text must be checked (SQL_ASCII) */
    const char *system_identifier; /* pg_control_system() */
    const char *database;
    const char *user, *host, *port; /* as libpq connected; host is a folder for a unix socket */
};
const struct pg_server *pg_server(const struct pg_connection *c);

/* Begins the transaction whose snapshot others import: REPEATABLE READ, READ ONLY. The id and pg_current_snapshot()
 * (txid_current_snapshot() on 12) are valid until pg_close. */
struct pg_snapshot {
    const char *id;
    const char *horizon;
};
bool pg_snapshot_export(struct pg_connection *c, struct pg_snapshot *out, struct error *err);

#endif
