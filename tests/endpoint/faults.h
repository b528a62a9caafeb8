/* Faults: what goes wrong, and with which requests.
 *
 * A fault is a text such as "op=BatchWriteItem,n=3,what=throttle". README.md lists the fields.
 * For: choosing the fault of a request. Not for: doing it (endpoint.c). */
#ifndef ENDPOINT_FAULTS_H
#define ENDPOINT_FAULTS_H

#include "base/error.h"
#include "endpoint/server.h"

#define FAULTS_MAX 64

enum fault_kind {
    FAULT_UNPROCESSED,
    FAULT_THROTTLE,
    FAULT_5XX,
    FAULT_DELAY,
    FAULT_CUT,
    FAULT_CUT_BEFORE,
    FAULT_CRC,
    FAULT_REFUSE,
    FAULT_ERROR,
};

struct fault {
    enum fault_kind kind;
    char op[64];                     /* empty: see faults_next */
    int64_t nth, every, from, count; /* 0: not said; count: times it may still happen */
    int64_t keep, ms, status;
    char type[128], reason[128], match[256];
    int64_t seen; /* requests that it looked at */
};

struct faults {
    struct fault list[FAULTS_MAX];
    int count;
};

/* Adds a fault; a wrong text is ERROR_USAGE. */
bool faults_add(struct faults *f, const char *spec, struct error *err);
void faults_clear(struct faults *f);

/* The fault of this request, or NULL. Counts the request in every fault that it concerns; the first added wins. */
const struct fault *faults_next(struct faults *f, const struct request *request);

const char *fault_name(const struct fault *f); /* as after what= */

#endif
