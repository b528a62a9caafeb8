/* Which partition keys throttle, as the writer sees it: so that one hot key neither slows the whole table down nor stops a chunk's
 * reader from reading elsewhere.
 *
 * UnprocessedItems carry no reason, and an item lies in several partitions (the table's, each index's). What decides is arithmetic:
 * a partition takes 1,000 units a second (Developer Guide), so a refused item one of whose keys was sent about that much of late
 * was refused for it, and any other item was refused for the table. A key so found is hot: what may be sent to it is paced, a
 * little below the limit, and its pace falls further if that is still too much (many keys may share a partition).
 *
 * A fixed table of counters, not exact: the coldest keys are forgotten first. Counts only while something throttles: the first
 * refusal switches it on, a minute without one switches it off, so that a run below the limits pays one atomic load a request.
 * Thread-safe: one lock a call. While it counts there is a call for each request that is sent, for each item that was refused, and
 * for each hot key of a chunk whose turn it is; none for a row that is mapped. On the caller's clock (nanoseconds). Not for: how
 * fast the table may be written (governor.h). */
#ifndef DYNAMODB_HEAT_H
#define DYNAMODB_HEAT_H

#include "dynamodb/parts.h"

struct heat;

/* NULL when memory is out (about 300 KB). */
struct heat *heat_new(void);
void heat_free(struct heat *h); /* NULL is fine */

/* Whether the parts of what is sent are to be told (heat_sent). */
bool heat_active(const struct heat *h);

/* Items go out, again or for the first time: counts their keys and, unless that was done for them before (`reserved`: heat_reserve),
 * spends from those that are hot. hot[i] (may be NULL) is the hot key of item i that must wait longest, 0: none. A caller that reads
 * by chunks keeps it with the item's chunk (heat_wait). */
void heat_sent(struct heat *h, int64_t now, int table, const struct parts *items, int count, bool reserved, uint64_t *hot);

/* Items came back: what was spent for them is given back, but not what was spent for a turn that has passed. Returns the units of those that a hot key explains; the rest are the
 * table's affair (governor_answered). `sent`: when they went out; what went out before a key was paced says nothing about that pace.
 * `limits`: DYNAMODB_LIMIT_* of the answer, 0 when it gave no reason. Switches the counting on. */
uint32_t heat_refused(struct heat *h, int64_t now, int64_t sent, int table, const struct parts *items, int count, bool reserved,
                      unsigned limits);

/* How long to leave a key alone (nanoseconds; 0: not at all): a chunk that brings rows for it is put aside for so long. */
int64_t heat_wait(struct heat *h, int64_t now, uint64_t hot);

/* Items that came back are to be sent again: how long they must wait for their hot keys. Spends for them at once, so that each
 * request has its turn: when all of a hot key's waited for the same moment, they would come back together once more. */
int64_t heat_reserve(struct heat *h, int64_t now, int table, const struct parts *items, int count);

/* --- asking the service: one item alone --- */

/* Whether one of the items that were just refused without a reason should be sent alone, by PutItem, whose refusal has a reason.
 * True at most once in two seconds. */
bool heat_wants_probe(struct heat *h, int64_t now);

enum heat_verdict {
    HEAT_NOTHING, /* it was accepted, or the reason tells nothing */
    HEAT_KEY,     /* *part says which: it is hot now */
    HEAT_TABLE,   /* the table or index as a whole */
};

/* What the answer to it says: `limits` as above, `resource` the one that it names (struct part), -1: none. */
enum heat_verdict heat_probed(struct heat *h, int64_t now, int table, const struct parts *item, unsigned limits, int resource,
                              struct part *part);

#endif
