/* A FETCH's rows: as they came from the socket (pg/wire.h), or as libpq has them. Made by the reader and by samples. Only inside src/pg;
 * others use pg/reader.h. */
#ifndef PG_ROWSET_H
#define PG_ROWSET_H

#include <libpq-fe.h>

#include "pg/reader.h"
#include "pg/wire.h"

/* Takes the result over; NULL when memory is out (the result is then the caller's still). */
struct pg_rowset *pg_rowset_new(PGresult *res);

/* Where rowsets come from and go back to, with their memory: a FETCH needs none that is new to the process. One thread's, that of its
 * rowsets too. */
struct rowset_pool;
struct rowset_pool *rowset_pool_new(void);     /* NULL: out of memory */
void rowset_pool_close(struct rowset_pool *p); /* rowsets that are out live on; NULL is fine */

/* An empty one, to be filled through rowset_wire; given back by pg_rowset_free. NULL: out of memory. */
struct pg_rowset *rowset_take(struct rowset_pool *p);
struct wire_rows *rowset_wire(struct pg_rowset *s);

#endif
