#include "base/clock.h"

#include <stdatomic.h>
#include <time.h>

int64_t clock_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

int64_t clock_unix(void) {
    return (int64_t)time(NULL);
}

void clock_iso(int64_t unix_seconds, char *out, size_t size) {
    time_t t = (time_t)unix_seconds;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(out, size, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) out[0] = '\0';
}

double clock_jitter(void) {
    /* splitmix64 over a shared counter: no lock, and no two calls see the same state */
    static _Atomic uint64_t state;
    uint64_t z = atomic_fetch_add(&state, UINT64_C(0x9e3779b97f4a7c15)) ^ (uint64_t)clock_now();
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (double)((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
}
