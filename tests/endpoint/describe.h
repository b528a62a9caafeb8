/* What is said of a table, as DynamoDB's JSON. Only for catalog.c, which is about what a table is. */
#ifndef ENDPOINT_DESCRIBE_H
#define ENDPOINT_DESCRIBE_H

#include "base/buffer.h"
#include "base/error.h"
#include "endpoint/catalog.h"

/* {"member": {TableDescription}}; member is "Table" or "TableDescription". */
bool describe_table(const struct catalog_table *t, const char *member, const char *status, struct buffer *out, struct error *err);
/* ListTables, with Limit and ExclusiveStartTableName. */
bool describe_list(const struct catalog *c, struct slice body, struct buffer *out, struct error *err);
bool describe_tags(const struct catalog_table *t, struct buffer *out, struct error *err);
bool describe_ttl(const struct catalog_table *t, struct buffer *out, struct error *err);
bool describe_backups(const struct catalog_table *t, struct buffer *out, struct error *err);

#endif
