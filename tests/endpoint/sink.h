/* Says yes to writes and keeps nothing: the other side of a benchmark.
 *
 * A write's body is not read, only its items are counted, so that what is measured is the client. Reads find the table empty. */
#ifndef ENDPOINT_SINK_H
#define ENDPOINT_SINK_H

#include "endpoint/catalog.h"
#include "endpoint/server.h"

/* As store_handle. Only with held_back is a batch read. */
bool sink_handle(struct catalog *c, const struct request *request, int held_back, struct answer *answer, struct error *err);

#endif
