/* Time: a clock that never goes back for waits, and the civil time for signatures and reports.
 * Not for: times that come from the database (pg/types.h). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_SECOND INT64_C(1000000000)
#define CLOCK_MS INT64_C(1000000)

int64_t clock_now(void);  /* monotonic, nanoseconds */
int64_t clock_unix(void); /* seconds since 1970, UTC */

/* `unix_seconds` as YYYY-MM-DDTHH:MM:SSZ into out (at least 21 bytes). */
void clock_iso(int64_t unix_seconds, char *out, size_t size);

/* A random number in [0, 1), for jitter only; safe to call from any thread. */
double clock_jitter(void);

#endif
