/* What a failed answer of DynamoDB says: the error's type, its message, why it throttles, and what to do
 * about it.
 *
 * For: the client of small calls and the batch writer, which share these rules.
 * Not for: connections that fail (aws/http.h says that), or how long to wait (aws/retry.h). */
#ifndef DYNAMODB_FAILURE_H
#define DYNAMODB_FAILURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/retry.h"

/* Whose limit a throttle speaks of, by ThrottlingReasons[].reason: Table or Index, Read or Write, then
 * ProvisionedThroughput, AccountLimit, KeyRangeThroughput or MaxOnDemandThroughput, then Exceeded. */
enum {
    DYNAMODB_LIMIT_PARTITION = 1,   /* KeyRangeThroughput: one hot partition; the rest of the table has room */
    DYNAMODB_LIMIT_PROVISIONED = 2, /* the capacity that the table or index was given */
    DYNAMODB_LIMIT_ACCOUNT = 4,
    DYNAMODB_LIMIT_ON_DEMAND = 8, /* the most that the table's owner allows on demand */
    DYNAMODB_LIMIT_INDEX = 16,    /* it is an index's limit, not the table's */
};

struct dynamodb_failure {
    int status;         /* HTTP */
    char type[80];      /* what follows '#', e.g. ValidationException; empty when the body has none */
    char message[1000]; /* as the service says it, on one line; never empty */
    char reasons[200];  /* ThrottlingReasons, joined by ", "; empty: none */
    unsigned limits;    /* DYNAMODB_LIMIT_* of all the reasons */
    char index[256];    /* the index that the first reason's resource names; empty: the table, or no reason */
    enum retry_class class;
};

/* Reads the body of a response whose status is not 200. Takes any bytes: from what is not JSON, or ends too
 * early, it takes what it can, and the class then follows from the status. */
void dynamodb_failure_parse(int status, const char *body, size_t n, struct dynamodb_failure *out);

/* How far the service's clock is ahead of ours, in seconds, by the Date header of its answer (IMF-fixdate,
 * RFC 9110) and our own time `now` (seconds since 1970). False when the text is no such date. */
bool dynamodb_clock_offset(const char *date, int64_t now, int64_t *offset);

#endif
