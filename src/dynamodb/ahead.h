/* Requests that are sent before their answers are needed, each on a connection of its own: for client.c alone. */
#ifndef DYNAMODB_AHEAD_H
#define DYNAMODB_AHEAD_H

#include "aws/http.h"
#include "base/buffer.h"

#define AHEAD_MOST 4

struct ahead_request {
    struct http_connection *connection; /* stays, for the next request */
    struct buffer head, body;
    char operation[40];
    bool sent; /* and its answer is still wanted */
};

struct ahead {
    struct ahead_request requests[AHEAD_MOST];
};

void ahead_init(struct ahead *a);
void ahead_free(struct ahead *a);

/* One for a request of an operation: its head and body are empty, to be filled, and sent by ahead_send. NULL: all are in use, or memory is
 * out. */
struct ahead_request *ahead_begin(struct ahead *a, const struct http_endpoint *endpoint, struct http_timeouts timeouts,
                                  const char *operation);
void ahead_send(struct ahead_request *r);

/* The answer to this very request, waited for, until the next ahead_begin; each is given once. NULL: it was not sent, or had no answer, or
 * *stop is set. */
const struct http_response *ahead_take(struct ahead *a, const char *operation, const char *body, size_t n,
                                       const volatile int *stop);

/* What was sent and not taken is wanted no more. */
void ahead_forget(struct ahead *a);
/* Nor are the connections. */
void ahead_close(struct ahead *a);

#endif
