/* One synchronous DynamoDB client: any operation by name, signed, checked, tried again by aws/retry.h.
 *
 * For: the small calls of a run (tables, settings, a look whether a table is empty) and scripts.
 * Not for: writing items at speed (the batch writer), and not shared between threads. */
#ifndef DYNAMODB_CLIENT_H
#define DYNAMODB_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "aws/http.h"
#include "base/buffer.h"
#include "base/error.h"

struct dynamodb_client;

/* Settles keys, region and endpoint; connects at the first call. NULL with ERROR_TARGET (nothing found),
 * ERROR_PLAN (plain http to an address that is not loopback, unless allow_http) or ERROR_LOCAL. */
struct dynamodb_client *dynamodb_client_new(const struct aws_wish *wish, bool allow_http, struct error *err);
void dynamodb_client_free(struct dynamodb_client *c); /* NULL is fine */

/* How the client waits, the same for every call until it is changed. */
struct dynamodb_patience {
    int64_t retry_ns;         /* a call that still fails after this long is given up; 0: 60 s */
    int64_t table_ns;         /* a table that is not ready after this long is given up; 0: 15 min */
    const volatile int *stop; /* may be NULL; when *stop is set, waiting ends with ERROR_INTERRUPTED */
    /* May be NULL. Called before each wait, with one line, e.g. "DescribeTable: throttled (...), trying again
     * in 0.8 s". */
    void (*say)(void *arg, const char *text);
    void *arg;
};
void dynamodb_client_set_patience(struct dynamodb_client *c, const struct dynamodb_patience *patience);
const struct dynamodb_patience *dynamodb_client_patience(const struct dynamodb_client *c); /* no 0 in it */

/* Where keys, region and endpoint come from, and the endpoint taken apart. */
const struct aws_setting *dynamodb_client_setting(const struct dynamodb_client *c);
const struct http_endpoint *dynamodb_client_endpoint(const struct dynamodb_client *c);

/* Calls an operation with a JSON body. The response's body replaces what `response` holds (may be NULL); its
 * max should allow for 1 MB pages and their escapes. On failure: ERROR_TARGET with err->code the AWS type
 * (empty when there was no answer), err->retryable when time may heal it, text "Operation: Type: message";
 * ERROR_INTERRUPTED; ERROR_LOCAL. */
bool dynamodb_call(struct dynamodb_client *c, const char *operation, const char *body, size_t n, struct buffer *response,
                   struct error *err);

/* Sends the request of a call that will be made soon, on a connection of its own: that dynamodb_call, of the same operation and body, then
 * waits for the answer to it. A few at once; one too many, or one that fails, is as if it had not been. Only for what changes nothing. */
void dynamodb_call_ahead(struct dynamodb_client *c, const char *operation, const char *body, size_t n);
/* What was sent ahead and not called is not waited for any more. */
void dynamodb_forget_ahead(struct dynamodb_client *c);
/* Nothing will be sent ahead for a while: the connections for it are closed. */
void dynamodb_close_ahead(struct dynamodb_client *c);

/* How often the last call was sent: more than once means that an earlier one may have had its effect. */
int dynamodb_client_attempts(const struct dynamodb_client *c);

/* Waits for `ns`, after saying `text` (may be NULL); false with ERROR_INTERRUPTED when told to stop. */
bool dynamodb_client_wait(const struct dynamodb_client *c, int64_t ns, const char *text, struct error *err);

#endif
