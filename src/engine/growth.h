/* When a worker should have one more connection: its first few at once, then more while all have been busy for a while and the quickest
 * answers take long enough that more help.
 *
 * For: a writer's connections (lines.h), and those of a play. Pure: on the caller's clock (nanoseconds). */
#ifndef ENGINE_GROWTH_H
#define ENGINE_GROWTH_H

#include <stdbool.h>
#include <stdint.h>

#define LINES_MAX 128 /* connections of a worker; its requests, those included that wait to be sent again */

struct growth {
    int most;
    int64_t stalled; /* since when a line has been wanted and none was idle; 0: it has not */
    int granted;     /* lines that may be opened since that took long enough */
    /* The quickest of the answers since `since` (0: there was none), and of those of the time before. */
    int64_t quickest, quickest_before, since;
};

/* There are to be `most` at the most, 1 to LINES_MAX. */
void growth_begin(struct growth *g, int most);

/* A line is wanted: an idle one was found; or none is, of `count`: then whether there should be one more now. */
void growth_found(struct growth *g);
bool growth_one_more(struct growth *g, int count, int64_t now);
/* Lowers *until to when that is to be asked again though no line has become idle. */
void growth_until(const struct growth *g, int count, int64_t *until);

/* An answer came, and took so long. */
void growth_answered(struct growth *g, int64_t now, int64_t took);

#endif
