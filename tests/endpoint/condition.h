/* KeyConditionExpression: what a Query asks of the key of a table or an index.
 *
 * `k = :v [AND s (= | < | <= | > | >=) :w | BETWEEN :a AND :b | begins_with(s, :p)]`, in any order, with parentheses;
 * an index may have several partition and sort attributes. */
#ifndef ENDPOINT_CONDITION_H
#define ENDPOINT_CONDITION_H

#include "endpoint/expression.h"
#include "endpoint/view.h"

#define CONDITIONS_MAX (2 * CATALOG_KEY_PARTS)

enum condition_kind { EQUAL, LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, BETWEEN, BEGINS_WITH };

struct condition {
    int attribute; /* its place in the table's attributes */
    enum condition_kind kind;
    size_t at[2], len[2]; /* the values, as key bytes in `bytes` */
};

struct conditions {
    struct condition list[CONDITIONS_MAX];
    int count;
    struct buffer bytes;
};

/* Reads the request's expression and holds it against the key. conditions_free in any case. */
bool conditions_read(struct conditions *c, const struct catalog_table *t, const struct catalog_key *key, struct slice body,
                     struct error *err);
void conditions_free(struct conditions *c);

/* The value that the attribute must equal, or an empty slice. */
struct slice conditions_equal(const struct conditions *c, int attribute);

/* Whether an item, which has the whole key, meets all conditions; scratch is for key bytes. *meets says so. */
bool conditions_meet(const struct conditions *c, const struct view *v, struct buffer *scratch, bool *meets, struct error *err);

#endif
