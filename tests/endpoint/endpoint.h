/* What a request meets: the counters, a fault if one is due, the mode that answers, the log.
 *
 * Besides DynamoDB's operations it has two of its own, for tests: Endpoint.Faults and Endpoint.Counts (README.md). */
#ifndef ENDPOINT_ENDPOINT_H
#define ENDPOINT_ENDPOINT_H

#include "endpoint/catalog.h"
#include "endpoint/faults.h"
#include "endpoint/forward.h"
#include "endpoint/limits.h"
#include "endpoint/log.h"
#include "endpoint/server.h"

enum endpoint_mode { MODE_SINK, MODE_STORE, MODE_FORWARD };

struct endpoint_counter {
    uint64_t requests, bytes, items, applied, faults;
};

struct endpoint {
    enum endpoint_mode mode;
    int64_t latency_ms;      /* added to every answer of an operation */
    struct forward *forward; /* MODE_FORWARD only */
    struct log *log;         /* may be NULL */
    struct limits *limits;   /* may be NULL */
    struct faults faults;
    struct catalog catalog;
    uint64_t number; /* of requests so far */
    struct endpoint_counter counters[OPERATION_COUNT];
};

/* The handler of a server; the endpoint must outlive it. */
struct server_handler endpoint_handler(struct endpoint *e);

#endif
