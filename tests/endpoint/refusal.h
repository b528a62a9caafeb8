/* What DynamoDB says when it refuses: an error value whose `code` is the AWS type and whose text is the message.
 *
 * An error without a code (memory) is answered as InternalServerError. */
#ifndef ENDPOINT_REFUSAL_H
#define ENDPOINT_REFUSAL_H

#include "base/error.h"

/* Sets the error and returns false. */
bool refuse(struct error *err, const char *type, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The commonest one. */
#define refuse_value(err, ...) refuse(err, "ValidationException", __VA_ARGS__)

#endif
