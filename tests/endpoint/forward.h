/* Passes requests on to a real engine, over one blocking keep-alive connection.
 *
 * For: putting faults and the log before an engine that has none. Not for: speed; while the engine works, all wait.
 * Signatures are passed as they came: the local engines check none. */
#ifndef ENDPOINT_FORWARD_H
#define ENDPOINT_FORWARD_H

#include "base/error.h"
#include "endpoint/server.h"

struct forward;

/* `url` is http://127.0.0.1:PORT (or another numeric address). Nothing connects yet. */
struct forward *forward_new(const char *url, struct error *err);
void forward_free(struct forward *f); /* NULL is fine */

/* As store_handle; an engine that cannot be reached is answered with 503. */
bool forward_handle(struct forward *f, const struct request *request, int held_back, struct answer *answer, struct error *err);

#endif
