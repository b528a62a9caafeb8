#include "pg/rowset.h"

#include <stdlib.h>

#include "pg/libpq.h"

/* A worker has one that it maps, one that waits, and one that is being filled. */
#define SPARE_MAX 4

struct pg_rowset {
    PGresult *res;         /* libpq's rows; NULL: those in wire */
    struct wire_rows wire; /* as they came */
    struct rowset_pool *pool;
    struct pg_rowset *next; /* while it is spare */
};

struct rowset_pool {
    struct pg_rowset *spare;
    int spare_count, out;
    bool closed; /* ends with the last rowset that is out */
};

/* --- the pool --- */

struct rowset_pool *rowset_pool_new(void) {
    return calloc(1, sizeof(struct rowset_pool));
}

static void destroy(struct pg_rowset *s) {
    wire_rows_free(&s->wire);
    free(s);
}

void rowset_pool_close(struct rowset_pool *p) {
    if (p == NULL) return;
    for (struct pg_rowset *s; (s = p->spare);) {
        p->spare = s->next;
        destroy(s);
    }
    p->closed = true;
    if (p->out == 0) free(p);
}

struct pg_rowset *rowset_take(struct rowset_pool *p) {
    struct pg_rowset *s = p->spare;
    if (s) {
        p->spare = s->next;
        p->spare_count--;
    } else if ((s = calloc(1, sizeof *s))) {
        s->pool = p;
    }
    if (s) p->out++;
    return s;
}

static void give_back(struct rowset_pool *p, struct pg_rowset *s) {
    p->out--;
    if (p->closed || p->spare_count == SPARE_MAX || s->wire.room > WIRE_LARGE) {
        destroy(s);
    } else {
        s->wire.len = 0;
        s->wire.count = s->wire.columns = 0;
        s->next = p->spare;
        p->spare = s;
        p->spare_count++;
    }
    if (p->closed && p->out == 0) free(p);
}

struct wire_rows *rowset_wire(struct pg_rowset *s) {
    return &s->wire;
}

/* --- rows --- */

struct pg_rowset *pg_rowset_new(PGresult *res) {
    struct pg_rowset *s = calloc(1, sizeof *s);
    if (s) s->res = res;
    return s;
}

int pg_rowset_count(const struct pg_rowset *s) {
    return s->res ? PQntuples(s->res) : s->wire.count;
}

int pg_rowset_columns(const struct pg_rowset *s) {
    return s->res ? PQnfields(s->res) : s->wire.columns;
}

bool pg_rowset_fits(const struct pg_rowset *s, int columns, struct error *err) {
    int found = pg_rowset_columns(s);
    return found == columns || error_set(err, ERROR_SOURCE, "the server sent rows of %d columns instead of %d", found, columns);
}

int64_t pg_rowset_bytes(const struct pg_rowset *s) {
    if (s->res) return (int64_t)(sizeof *s + PQresultMemorySize(s->res));
    return (int64_t)(sizeof *s + s->wire.room + (size_t)s->wire.starts_room * sizeof *s->wire.starts);
}

int64_t pg_rowset_length(const struct pg_rowset *s) {
    return s->res ? (int64_t)PQresultMemorySize(s->res) : (int64_t)s->wire.len;
}

static void result_row(const PGresult *res, int row, struct pg_field *fields) {
    int columns = PQnfields(res);
    for (int i = 0; i < columns; i++) {
        int len = PQgetlength(res, row, i);
        /* libpq says 0 for NULL as well; the second question is asked of empty fields only. */
        fields[i].len = len == 0 && PQgetisnull(res, row, i) ? -1 : len;
        fields[i].data = PQgetvalue(res, row, i);
    }
}

bool pg_rowset_row(const struct pg_rowset *s, int row, struct pg_field *fields, struct error *err) {
    if (s->res) {
        result_row(s->res, row, fields);
        return true;
    }
    if (wire_row(&s->wire, row, fields)) return true;
    return pg_error_lost(err, "the server's answer cannot be understood: a row that its fields do not fill");
}

void pg_rowset_free(struct pg_rowset *s) {
    if (s == NULL) return;
    if (s->res == NULL) {
        give_back(s->pool, s);
        return;
    }
    PQclear(s->res);
    free(s);
}
