/* When a request may be sent: the rate that was asked for, and the rate that each table takes.
 *
 * For: all workers of a run together; thread-safe, one lock a call, and a few calls a request, none a row. Pure: on the caller's
 * clock (nanoseconds, never back). Not for: how often and when a failed request is sent again (aws/retry.h), which keys are hot
 * (heat.h), the service's own rules (capacity.h models them).
 *
 * Units are write units, those of indexes included, as computed before sending.
 *
 * The rate asked for is one of units written: over any 10 seconds the units that were written are within 5 % of it, if there is as
 * much to write and the service takes it. It never bursts: neither at the start, nor after a pause, nor to make up for a stall
 * (GOVERNOR_SLACK is all that is made up for). Units that come back refused were not spent; ConsumedCapacity, where it is reported,
 * replaces what was computed: a put over a larger item costs as much as that one did, a changed index key costs two writes, an
 * index that stays as it is none. What a table's units cost of late is what its next requests are expected to cost, and they are
 * cut by it. A request whose answer was lost counts as spent.
 *
 * Beside it, and without it, each table's own limit is found. Until the table first refuses there is none. Then the rate at which
 * it accepted is the limit, and what is sent is paced a little below it; while that pace is what holds us back and nothing is
 * refused, the pace grows, faster the longer it goes well; a refusal sets it back. After refusals it doubles up to most of what was
 * accepted before them. A pace that was set far back, as the first one is, may be much too low: it grows fast until that is
 * refused. Units that a hot key explains do not count as refused. Refusals that a lower pace does not lessen (a partition that moves,
 * a proxy that fails) do not hold it down: a pace that sank far is tried again as it was, and what comes back at any pace is borne.
 * This pace is one of computed units, whatever they cost: it needs to be told of refusals alone. */
#ifndef DYNAMODB_GOVERNOR_H
#define DYNAMODB_GOVERNOR_H

#include <stdbool.h>
#include <stdint.h>

struct governor;

/* For tables numbered from 0. NULL when memory is out. */
struct governor *governor_new(int tables);
void governor_free(struct governor *g); /* NULL is fine */

/* The units a second that all tables together may be sent; 0: no such limit. May be called at any time, from any thread. */
void governor_set_rate(struct governor *g, int64_t now, double units);
double governor_rate(struct governor *g);

/* While it is paused nothing may be sent. */
void governor_pause(struct governor *g);
void governor_resume(struct governor *g, int64_t now);
bool governor_paused(struct governor *g);

/* May a request of so many units be sent now? 0: yes, and *taken of the rate asked for is taken: governor_answered must follow.
 * Otherwise when to ask again (always later than now). A table number must be one of governor_new's. */
int64_t governor_ask(struct governor *g, int64_t now, int table, uint32_t units, double *taken);

/* The units that one request should have at most, so that a low rate is kept evenly: a batch is sent on when it has as many, and
 * one that was filled before the rate fell, or whose items come back, is cut before it is sent. One item is always allowed.
 * UINT32_MAX: as many as fit. */
uint32_t governor_request_units(struct governor *g, int table);

struct governor_answer {
    int table;
    int64_t sent;     /* when governor_ask said yes */
    uint32_t units;   /* as asked */
    double taken;     /* as governor_ask said */
    uint32_t refused; /* of them: came back unprocessed or throttled */
    uint32_t hot;     /* of those: explained by a hot key (heat_refused) */
    double consumed;  /* as ConsumedCapacity says of the rest; below 0: not reported */
};

/* Every request that was let through is told of once, also when its answer was lost (then refused is 0). */
void governor_answered(struct governor *g, int64_t now, const struct governor_answer *answer);

/* How long refused items should rest before they are sent again; the pace then spreads them. `attempt` from 1, `jitter` 0 to 1.
 * Short, unlike the back-off of clients that know nothing else: it is the governor that slows down. */
int64_t governor_rest(int attempt, double jitter);

/* The pace at which a table is sent to, units a second: for progress. 0: it was never refused, and has none. */
double governor_pace(struct governor *g, int table);

#endif
