/* Scan and Query.
 *
 * For: tests that look at what was written. A query reads the whole table and sorts what it finds: simple, and quick
 * enough for a test's table. */
#ifndef ENDPOINT_QUERY_H
#define ENDPOINT_QUERY_H

#include "endpoint/catalog.h"

bool query_scan(const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err);
bool query_query(const struct catalog_table *t, struct slice body, struct buffer *out, struct error *err);

#endif
