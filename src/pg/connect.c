/* Connections and small statements. Whether a connection string is sound is asked first, because libpq's own
 * message about a broken one repeats it, password included. */
#include "pg/connect.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "pg/libpq.h"

#define LOOK_MS 100 /* a long statement's caller is asked that often whether it is still wanted; a signal is noticed at once */

struct pg_connection {
    PGconn *pg;
    struct pg_server server;
    PGresult *identity; /* holds the texts of server */
    PGresult *snapshot; /* holds the texts of the exported snapshot */
};

struct pg_result {
    PGresult *res;
};

PGconn *pg_handle(const struct pg_connection *c) {
    return c->pg;
}

/* --- the connection string --- */

static bool is_uri(const char *text) {
    return strncmp(text, "postgresql://", 13) == 0 || strncmp(text, "postgres://", 11) == 0;
}

/* An unescaped @ or / in the password makes libpq take the rest of it for a host, which its messages name. */
static bool has_stray_at(const char *uri) {
    const char *start = strstr(uri, "://") + 3;
    const char *first = strchr(start, '@'), *slash = strchr(start, '/'), *query = strchr(start, '?');
    if (first == NULL || (query && first > query)) return false;
    if (slash && slash < first) return true;
    const char *second = strchr(first + 1, '@');
    return second && (query == NULL || second < query);
}

/* Ports are numbers, several with commas; anything else may be a piece of the password. */
static bool ports_are_sound(const PQconninfoOption *options) {
    for (const PQconninfoOption *o = options; o->keyword; o++) {
        if (strcmp(o->keyword, "port") != 0 || o->val == NULL) continue;
        if (o->val[strspn(o->val, "0123456789, ")] != '\0') return false;
    }
    return true;
}

static bool check_uri(const char *uri, struct error *err) {
    if (uri == NULL) return true;
    PQconninfoOption *options = PQconninfoParse(uri, NULL);
    bool sound = options && ports_are_sound(options) && !(is_uri(uri) && has_stray_at(uri));
    PQconninfoFree(options);
    if (sound) return true;
    error_set(err, ERROR_SOURCE,
              "the connection string of the source cannot be read (it is not shown, since it may "
              "hold a password)");
    error_code(err, "08001");
    return error_hint(err, "write postgresql://user@host:5432/database or \"host=... dbname=... user=...\"; in a URI, "
                           "write @ : / ? %% of a user or password as %%40 %%3A %%2F %%3F %%25");
}

/* --- connecting --- */

/* A time-out that a server or role sets would end a long read; settings that change texts or the order of
 * rows are made ours. Cursors are always read to the end, so plans are made for whole results; row_security =
 * off makes a policy that would hide rows an error. */
static const char session_settings[] =
    "SET statement_timeout = 0; SET lock_timeout = 0; SET idle_in_transaction_session_timeout = 0;"
    "SET default_transaction_read_only = on; SET row_security = off;"
    "SET datestyle = 'ISO, YMD'; SET timezone = 'UTC'; SET intervalstyle = iso_8601; SET extra_float_digits "
    "= 1;"
    "SET bytea_output = hex; SET xmloption = content; SET standard_conforming_strings = on;"
    "SET synchronize_seqscans = off; SET cursor_tuple_fraction = 1.0; SET jit = off";

static bool set_session(struct pg_connection *c, struct error *err) {
    if (!pg_run(c, err, session_settings)) return false;
    if (c->server.version >= 140000 && !pg_run(c, err, "SET idle_session_timeout = 0")) return false;
    if (c->server.version >= 170000 && !pg_run(c, err, "SET transaction_timeout = 0")) return false;
    return true;
}

/* Some services deny pg_control_system() to ordinary roles: then the database's name alone tells sources
 * apart. */
static bool read_identity(struct pg_connection *c, struct error *err) {
    struct error denied;
    c->identity = pg_execute(c, "SELECT system_identifier::text, current_database() FROM pg_control_system()", &denied);
    if (c->identity == NULL && strcmp(denied.code, "42501") == 0)
        c->identity = pg_execute(c, "SELECT 'unknown', current_database()", &denied);
    if (c->identity == NULL || PQntuples(c->identity) != 1) {
        if (err) *err = denied;
        return false;
    }
    c->server.system_identifier = PQgetvalue(c->identity, 0, 0);
    c->server.database = PQgetvalue(c->identity, 0, 1);
    return true;
}

/* What a server that answered says of itself when it will take connections again. Messages may be translated:
 * then the failure counts as lasting, and the user starts the run again. */
static bool is_passing(const char *message) {
    static const char *const signs[] = {"starting up", "shutting down", "recovery", "too many", "connection slots"};
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strstr(message, signs[i])) return true;
    }
    return false;
}

static bool refused(const struct pg_connection *c, struct error *err) {
    pg_error_connection(err, c->pg);
    /* "FATAL" is the server's own word: it was reached, and does not want this user, password or database. */
    if (err == NULL || strstr(err->text, "FATAL") == NULL || is_passing(err->text)) return false;
    error_code(err, "28000");
    err->retryable = false;
    return error_hint(err, "check the user, the database and the password: they come from the connection string, PGUSER, "
                           "PGDATABASE, PGPASSWORD, ~/.pgpass or a service file");
}

static bool open_session(struct pg_connection *c, const char *uri, struct error *err) {
    const char *names[] = {"dbname", "fallback_application_name", NULL};
    const char *values[] = {uri, "hlua", NULL};
    int skip = uri == NULL; /* no dbname: all from the environment */
    c->pg = PQconnectdbParams(names + skip, values + skip, 1);
    if (c->pg == NULL) return error_memory(err, "connecting to PostgreSQL");
    if (PQstatus(c->pg) != CONNECTION_OK) return refused(c, err);
    c->server.version = PQserverVersion(c->pg);
    c->server.user = PQuser(c->pg);
    c->server.host = PQhost(c->pg);
    c->server.port = PQport(c->pg);
    if (c->server.version < 120000) {
        error_set(err, ERROR_SOURCE, "the server is PostgreSQL %d.%d", c->server.version / 10000, c->server.version % 10000);
        return error_hint(err, "hlua reads from PostgreSQL 12 and newer");
    }
    const char *encoding = PQparameterStatus(c->pg, "server_encoding");
    c->server.utf8 = encoding == NULL || strcmp(encoding, "SQL_ASCII") != 0;
    if (PQsetClientEncoding(c->pg, c->server.utf8 ? "UTF8" : "SQL_ASCII") != 0) return pg_error_connection(err, c->pg);
    return set_session(c, err) && read_identity(c, err);
}

/* Notices would go to standard error, where the progress is. */
static void drop_notice(void *context, const PGresult *res) {
    (void)context;
    (void)res;
}

/* Nobody chose the server then, and most likely a variable that the plan reads is not set. */
static void tell_no_uri(struct error *err) {
    struct error was = *err;
    error_hint(err,
               "the plan gives no uri (is the variable that it reads, such as HLUA_SOURCE, set?), so libpq's environment and "
               "defaults were used%s%s",
               was.hint[0] ? "; " : "", was.hint);
}

struct pg_connection *pg_connect(const char *uri, struct error *err) {
    if (!check_uri(uri, err)) return NULL;
    struct pg_connection *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_memory(err, "connecting to PostgreSQL");
        return NULL;
    }
    if (!open_session(c, uri, err)) {
        error_context(err, "connecting to PostgreSQL");
        if (uri == NULL && err) tell_no_uri(err);
        pg_close(c);
        return NULL;
    }
    PQsetNoticeReceiver(c->pg, drop_notice, NULL);
    return c;
}

void pg_close(struct pg_connection *c) {
    if (c == NULL) return;
    PQclear(c->identity);
    PQclear(c->snapshot);
    PQfinish(c->pg);
    free(c);
}

const struct pg_server *pg_server(const struct pg_connection *c) {
    return &c->server;
}

/* --- statements --- */

PGresult *pg_execute(struct pg_connection *c, const char *sql, struct error *err) {
    PGresult *res = PQexec(c->pg, sql);
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return res;
    pg_error(err, c->pg, res);
    PQclear(res);
    return NULL;
}

static void cancel(PGconn *pg) {
    char ignored[256];
    PGcancel *c = PQgetCancel(pg);
    if (c) PQcancel(c, ignored, sizeof ignored);
    PQfreeCancel(c);
}

/* Waits until the next result can be taken without blocking. *cancelled: the server was asked to stop. */
static void wait_result(PGconn *pg, const volatile int *stop, bool *cancelled) {
    while (PQisBusy(pg)) {
        struct pollfd fd = {.fd = PQsocket(pg), .events = POLLIN};
        int ready = poll(&fd, 1, LOOK_MS);
        if (stop && *stop && !*cancelled) {
            cancel(pg);
            *cancelled = true;
        }
        if (ready > 0 && !PQconsumeInput(pg)) return; /* the connection is lost: the result says so */
    }
}

PGresult *pg_execute_until(struct pg_connection *c, const char *sql, const volatile int *stop, struct error *err) {
    PGresult *res = NULL, *more;
    bool cancelled = false;
    if (PQsendQuery(c->pg, sql)) {
        for (wait_result(c->pg, stop, &cancelled); (more = PQgetResult(c->pg)); wait_result(c->pg, stop, &cancelled)) {
            PQclear(res);
            res = more;
        }
    }
    ExecStatusType status = PQresultStatus(res);
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return res;
    if (cancelled) {
        error_set(err, ERROR_INTERRUPTED, "interrupted");
    } else {
        pg_error(err, c->pg, res);
    }
    PQclear(res);
    return NULL;
}

PGresult *pg_describe(struct pg_connection *c, const char *sql, struct error *err) {
    PGresult *res = PQprepare(c->pg, "", sql, 0, NULL);
    if (PQresultStatus(res) == PGRES_COMMAND_OK) {
        PQclear(res);
        res = PQdescribePrepared(c->pg, "");
        if (PQresultStatus(res) == PGRES_COMMAND_OK) return res;
    }
    pg_error(err, c->pg, res);
    PQclear(res);
    return NULL;
}

struct pg_result *pg_query(struct pg_connection *c, struct error *err, const char *sql) {
    struct pg_result *r = calloc(1, sizeof *r);
    if (r == NULL) {
        error_memory(err, "asking PostgreSQL");
        return NULL;
    }
    r->res = pg_execute(c, sql, err);
    if (r->res) return r;
    free(r);
    return NULL;
}

bool pg_run(struct pg_connection *c, struct error *err, const char *sql) {
    PGresult *res = pg_execute(c, sql, err);
    PQclear(res);
    return res != NULL;
}

int pg_rows(const struct pg_result *r) {
    return PQntuples(r->res);
}

const char *pg_text(const struct pg_result *r, int row, int column) {
    return PQgetisnull(r->res, row, column) ? NULL : PQgetvalue(r->res, row, column);
}

void pg_result_free(struct pg_result *r) {
    if (r == NULL) return;
    PQclear(r->res);
    free(r);
}

/* --- the shared snapshot --- */

bool pg_snapshot_export(struct pg_connection *c, struct pg_snapshot *out, struct error *err) {
    const char *sql = c->server.version >= 130000 ? "SELECT pg_export_snapshot(), pg_current_snapshot()::text"
                                                  : "SELECT pg_export_snapshot(), txid_current_snapshot()::text";
    if (!pg_run(c, err, PG_BEGIN)) return error_context(err, "beginning the snapshot");
    PGresult *res = pg_execute(c, sql, err);
    if (res == NULL) return error_context(err, "exporting the snapshot");
    PQclear(c->snapshot);
    c->snapshot = res;
    out->id = PQgetvalue(res, 0, 0);
    out->horizon = PQgetvalue(res, 0, 1);
    return true;
}
