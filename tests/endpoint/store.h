/* The operations on items, over tables that keep them in memory and judge them as DynamoDB does.
 *
 * For: PutItem, GetItem, DeleteItem, BatchWriteItem, BatchGetItem, Scan, Query.
 * Not for: conditions and updates; a request with one is refused. */
#ifndef ENDPOINT_STORE_H
#define ENDPOINT_STORE_H

#include "endpoint/catalog.h"
#include "endpoint/server.h"

/* Answers an operation on items. The last `held_back` operations of a BatchWriteItem are judged but not applied: they
 * come back as UnprocessedItems. */
bool store_handle(struct catalog *c, const struct request *request, int held_back, struct answer *answer, struct error *err);

#endif
