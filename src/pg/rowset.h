/* A FETCH's rows around libpq's result: made by the reader. Only inside src/pg; others use pg/reader.h. */
#ifndef PG_ROWSET_H
#define PG_ROWSET_H

#include <libpq-fe.h>

#include "pg/reader.h"

/* Takes the result over; NULL when memory is out (the result is then the caller's still). */
struct pg_rowset *pg_rowset_new(PGresult *res);

#endif
