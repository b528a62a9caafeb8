#include "engine/growth.h"

#include "base/clock.h"

/* Lines that are opened without asking; more while all are busy for GROW_AFTER, an eighth at a time: a hundred after 20 ms. */
#define LINES_FIRST 8
#define GROW_AFTER CLOCK_MS
/* No worker sends so many requests in a millisecond, so more lines than this for each that the quickest answer takes do not help. A sink that
 * answers at once, and has not come to it for want of a processor, gets few: each costs a handshake. */
#define LINES_A_MS 16
/* The quickest answer is that of the last one to two times this long. What a busy service or a busy processor adds is in most answers, and no
 * reason for more lines: they would only wait longer (of the last 64 answers all may be slow ones: 100 TLS handshakes for nothing). */
#define REMEMBERED (5 * CLOCK_SECOND)

void growth_begin(struct growth *g, int most) {
    *g = (struct growth){.most = most, .quickest = INT64_MAX, .quickest_before = INT64_MAX};
}

void growth_found(struct growth *g) {
    g->stalled = 0;
    g->granted = 0;
}

static bool may_grow(const struct growth *g, int count) {
    int64_t quickest = g->quickest < g->quickest_before ? g->quickest : g->quickest_before;
    return count < g->most && quickest >= (count - LINES_FIRST) * (CLOCK_MS / LINES_A_MS);
}

bool growth_one_more(struct growth *g, int count, int64_t now) {
    if (count < LINES_FIRST) return count < g->most;
    if (!may_grow(g, count)) return false;
    if (g->granted > 0) return g->granted-- > 0;
    if (g->stalled == 0) g->stalled = now;
    if (now - g->stalled < GROW_AFTER) return false;
    g->stalled = now;
    g->granted = count / 8;
    return true;
}

void growth_until(const struct growth *g, int count, int64_t *until) {
    if (may_grow(g, count) && g->stalled + GROW_AFTER < *until) *until = g->stalled + GROW_AFTER;
}

void growth_answered(struct growth *g, int64_t now, int64_t took) {
    if (took < g->quickest) g->quickest = took;
    if (g->since == 0) g->since = now;
    if (now - g->since < REMEMBERED) return;
    g->quickest_before = g->quickest;
    g->quickest = INT64_MAX;
    g->since = now;
}
