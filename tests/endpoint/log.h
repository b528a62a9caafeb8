/* The log: one JSON line a request, from which another implementation can check signatures and writes.
 *
 * Not for: benchmarks. Every line is one write(2), so that a reader sees whole lines. */
#ifndef ENDPOINT_LOG_H
#define ENDPOINT_LOG_H

#include "base/error.h"
#include "endpoint/server.h"

struct log;

/* Appends to the file. With `bodies` each line carries the request's body in base64. */
struct log *log_new(const char *path, bool bodies, struct error *err);
void log_free(struct log *l); /* NULL is fine */

/* `fault` is the name of the fault that was done, or NULL. False when the line could not be written. */
bool log_request(struct log *l, uint64_t number, const struct request *request, const struct answer *answer, const char *fault,
                 struct error *err);

#endif
