/* ConditionExpression of a PutItem and FilterExpression of a Scan: what is asked of one item.
 *
 * Terms, each perhaps after NOT, joined by AND and OR, of which AND binds closer: attribute_exists(a), attribute_not_exists(a), attribute_type(a, :t), begins_with(a, :v),
 * a (= | < | <= | > | >=) :v. Anything else is refused, never ignored. */
#ifndef ENDPOINT_PREDICATE_H
#define ENDPOINT_PREDICATE_H

#include "endpoint/expression.h"

#define PREDICATE_TERMS_MAX 100

enum term_kind {
    TERM_EXISTS,
    TERM_NOT_EXISTS,
    TERM_TYPE,
    TERM_BEGINS,
    TERM_EQUAL,
    TERM_LESS,
    TERM_UP_TO,
    TERM_GREATER,
    TERM_FROM
};

struct term {
    enum term_kind kind;
    bool negated, joined; /* NOT stands before it; AND, and not OR, stands between it and the one before */
    char name[DOC_NAME];
    struct value value; /* slices of the request */
};

struct predicate {
    struct term terms[PREDICATE_TERMS_MAX];
    int count; /* 0: the request asks nothing, and every item holds */
};

/* Reads a member of the request, which must stay. */
bool predicate_read(struct predicate *p, struct slice body, const char *member, struct error *err);

/* Whether an item holds; an empty slice: there is none. */
bool predicate_holds(const struct predicate *p, struct slice item, bool *holds, struct error *err);

#endif
