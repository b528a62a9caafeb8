/* The policies of a table about items that are there already, as conditions of its puts; and what it means when one does not hold.
 *
 * For: the writer, which sends the puts. Not for: tables that hold items before the run begins (targets.h). */
#ifndef ENGINE_CONDITIONAL_H
#define ENGINE_CONDITIONAL_H

#include "dynamodb/put.h"
#include "engine/plan.h"

/* The condition under which a table's items are written; PUT_ALWAYS for a table without such a policy. */
struct put_condition conditional_of(const struct plan_table *table);

enum conditional_end {
    CONDITIONAL_OURS,       /* the very same item is there: an earlier sending, or an earlier run, has written it */
    CONDITIONAL_LOST,       /* another item stays */
    CONDITIONAL_UNREADABLE, /* the answer makes no sense */
};

/* Scratch memory for comparing; one a writer. */
struct conditional;
struct conditional *conditional_new(void); /* NULL when memory is out */
void conditional_free(struct conditional *c);

/* Reads the answer to a put whose condition did not hold. False with ERROR_LOCAL when memory is out. */
bool conditional_judge(struct conditional *c, const char *item, size_t item_len, const char *answer, size_t n,
                       enum conditional_end *end, struct error *err);

#endif
