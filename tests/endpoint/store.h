/* The operations on items, over tables that keep them in memory and judge them as DynamoDB does.
 *
 * For: PutItem, GetItem, DeleteItem, BatchWriteItem, BatchGetItem, Scan, Query.
 * Not for: conditions and updates; a request with one is refused. */
#ifndef ENDPOINT_STORE_H
#define ENDPOINT_STORE_H

#include "endpoint/hold.h"

/* Answers an operation on items. Writes that are held back are judged but not applied: those of a BatchWriteItem come back as
 * UnprocessedItems. */
bool store_handle(struct catalog *c, const struct request *request, const struct hold *hold, struct answer *answer,
                  struct error *err);

#endif
