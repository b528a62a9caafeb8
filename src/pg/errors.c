/* The source's failures as our error values. */
#include <stdio.h>
#include <string.h>

#include "pg/libpq.h"
#include "pg/wire.h"

/* Copies a message on one line, every occurrence of the secret replaced. libpq ends its messages with a line
 * feed and puts one between the addresses it has tried. */
static void copy_message(char *out, size_t size, const char *message, const char *secret) {
    size_t used = 0, secret_len = secret ? strlen(secret) : 0;
    for (const char *p = message; *p && used + 4 < size;) {
        if (secret_len && strncmp(p, secret, secret_len) == 0) {
            memcpy(out + used, "***", 3);
            used += 3;
            p += secret_len;
        } else if (*p == '\n' || *p == '\t' || *p == '\r') {
            if (used && out[used - 1] != ' ') out[used++] = *p == '\n' && p[1] ? ';' : ' ';
            p++;
        } else {
            if (used && out[used - 1] == ';') out[used++] = ' ';
            out[used++] = *p++;
        }
    }
    while (used && (out[used - 1] == ' ' || out[used - 1] == ';')) used--;
    out[used] = '\0';
}

bool pg_error_connection(struct error *err, const PGconn *pg) {
    char message[1000];
    copy_message(message, sizeof message, pg ? PQerrorMessage(pg) : "out of memory", pg ? PQpass(pg) : NULL);
    return pg_error_lost(err, message);
}

bool pg_error_lost(struct error *err, const char *why) {
    error_set(err, ERROR_SOURCE, "%s", why);
    error_code(err, "08006");
    if (err) err->retryable = true;
    return error_hint(err, "see whether the server runs and can be reached; a run that had begun goes on when it is "
                           "started again");
}

static bool starts(const char *code, const char *class) {
    return strncmp(code, class, strlen(class)) == 0;
}

/* Connection trouble, lost races (among them "conflict with recovery" of a standby), short resources, and a
 * server that is stopped or starting. */
static bool retryable(const char *code) {
    return starts(code, "08") || starts(code, "40") || starts(code, "53") || starts(code, "57");
}

static void add_hint(struct error *err, const char *code, const char *text, const char *servers) {
    if (strcmp(code, "42501") == 0 && strstr(text, "row-level security")) {
        error_hint(err, "row_security is off, so that no row is left out in silence: connect as the owner or as a role "
                        "with BYPASSRLS");
    } else if (strcmp(code, "42501") == 0) {
        error_hint(err, "grant the role what it lacks (SELECT on the table, USAGE on its schema), or connect as another");
    } else if (servers) {
        error_hint(err, "%s", servers);
    } else if (starts(code, "40")) {
        error_hint(err, "a standby cancels long reads: raise max_standby_streaming_delay or set "
                        "hot_standby_feedback there");
    }
}

bool pg_error_wire(struct error *err, const struct wire_failure *f) {
    const char *code = f->code ? f->code : "";
    char line[400];
    copy_message(line, sizeof line, f->detail ? f->detail : f->where ? f->where : "", NULL);
    size_t n = strlen(line);
    if (n && line[n - 1] == '.') line[n - 1] = '\0';
    error_set(err, ERROR_SOURCE, "%s%s%s%s", f->text, line[0] ? " (" : "", line, line[0] ? ")" : "");
    error_code(err, code);
    if (err == NULL) return false;
    for (char *p = err->text; (p = strchr(p, '\n')) != NULL;) *p = ' '; /* "at or near" quotes the statement */
    err->retryable = retryable(code);
    add_hint(err, code, f->text, f->hint);
    return false;
}

bool pg_error(struct error *err, const PGconn *pg, const PGresult *res) {
    struct wire_failure f = {.text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL};
    if (f.text == NULL) return pg_error_connection(err, pg);
    f.code = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    f.detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
    f.where = PQresultErrorField(res, PG_DIAG_CONTEXT);
    f.hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);
    return pg_error_wire(err, &f);
}

bool pg_error_is_statement(const struct error *err) {
    if (strcmp(err->code, "42501") == 0) return false; /* insufficient_privilege is not the plan's fault */
    return starts(err->code, "42") || starts(err->code, "22") || starts(err->code, "0A") || starts(err->code, "3F");
}

bool pg_error_is_data(const struct error *err) {
    return starts(err->code, "22");
}
