#include "pg/rowset.h"

#include <stdlib.h>

struct pg_rowset {
    PGresult *res;
    int rows, columns;
};

struct pg_rowset *pg_rowset_new(PGresult *res) {
    struct pg_rowset *s = malloc(sizeof *s);
    if (s) *s = (struct pg_rowset){.res = res, .rows = PQntuples(res), .columns = PQnfields(res)};
    return s;
}

int pg_rowset_count(const struct pg_rowset *s) {
    return s->rows;
}

int64_t pg_rowset_bytes(const struct pg_rowset *s) {
    return (int64_t)(sizeof *s + PQresultMemorySize(s->res));
}

void pg_rowset_row(const struct pg_rowset *s, int row, struct pg_field *fields) {
    for (int i = 0; i < s->columns; i++) {
        int len = PQgetlength(s->res, row, i);
        /* libpq says 0 for NULL as well; the second question is asked of empty fields only. */
        fields[i].len = len == 0 && PQgetisnull(s->res, row, i) ? -1 : len;
        fields[i].data = PQgetvalue(s->res, row, i);
    }
}

void pg_rowset_free(struct pg_rowset *s) {
    if (s == NULL) return;
    PQclear(s->res);
    free(s);
}
