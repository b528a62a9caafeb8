/* The words of DynamoDB's expressions: names, #names, :values, marks.
 *
 * For: key conditions (query.c) and projections (page.c), which read them word by word. */
#ifndef ENDPOINT_EXPRESSION_H
#define ENDPOINT_EXPRESSION_H

#include "base/error.h"
#include "endpoint/value.h"

struct expression {
    char text[4096]; /* DynamoDB's limit of an expression */
    char shown[40];  /* the member it came from, for messages */
    struct slice names, values;
    struct slice word; /* the next one; empty at the end */
};

/* Starts to read a member of the request; false when the request has none. One that is too long reads as broken. */
bool expression_begin(struct expression *e, struct slice body, const char *member);

/* Steps over the next word if it is this one (in any case). */
bool expression_take(struct expression *e, const char *word);
bool expression_ended(const struct expression *e);

/* An attribute's name, put in for its #substitute; name holds DOC_NAME. */
bool expression_name(struct expression *e, char *name, struct error *err);
/* The value of a :substitute. */
bool expression_value(struct expression *e, struct value *v, struct error *err);

/* The syntax is wrong at the next word. */
bool expression_refuse(const struct expression *e, struct error *err);

#endif
