/* Says yes to writes and keeps nothing: the other side of a benchmark.
 *
 * A write's body is not read, only its items are counted, so that what is measured is the client. Reads find the table empty. */
#ifndef ENDPOINT_SINK_H
#define ENDPOINT_SINK_H

#include "endpoint/hold.h"

/* As store_handle. A write is read only when something may be held back. */
bool sink_handle(struct catalog *c, const struct request *request, const struct hold *hold, struct answer *answer,
                 struct error *err);

#endif
