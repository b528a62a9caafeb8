#include "engine/source_load.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "engine/coordinator.h"

/* Between two questions. One costs the server some 30 us. */
#define EVERY (50 * CLOCK_MS)
/* The server is slow when two of so many answers were: one may have met a moment of anything. */
#define ANSWERS 4
#define GAP_FIRST (2 * CLOCK_MS)
/* A FETCH of up to 128 rows every half second a worker: the run still creeps on. */
#define GAP_MOST (CLOCK_SECOND / 2)

struct source_load {
    struct job *job;
    struct pg_connection *source;
    pthread_t thread;
    _Atomic bool end;
    bool slow[ANSWERS];
    int next;
};

int64_t source_load_gap(int64_t gap, bool slow) {
    if (!slow) return gap < GAP_FIRST / 4 ? 0 : gap - gap / 8;
    if (gap < GAP_FIRST) return GAP_FIRST;
    return gap > GAP_MOST / 2 ? GAP_MOST : gap * 2;
}

static bool look(struct source_load *l, struct error *err) {
    int64_t began = clock_now();
    if (!pg_run(l->source, err, "SELECT 1")) return false;
    int64_t took = clock_now() - began;
    l->slow[l->next] = took / CLOCK_MS >= l->job->plan->source_latency_ms; /* a plan may say any number */
    l->next = (l->next + 1) % ANSWERS;
    int slow = 0;
    for (int i = 0; i < ANSWERS; i++) slow += l->slow[i];
    atomic_store(&l->job->source_took, took);
    atomic_store(&l->job->source_gap, source_load_gap(atomic_load(&l->job->source_gap), slow >= 2));
    return true;
}

static void *run(void *context) {
    struct source_load *l = context;
    struct error err;
    while (!atomic_load(&l->end) && !atomic_load(&l->job->stop)) {
        if (!look(l, &err)) {
            coordinator_fail(l->job->coordinator, &err);
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = EVERY}, NULL);
    }
    return NULL;
}

struct source_load *source_load_start(struct job *job, struct pg_connection *source, struct error *err) {
    struct source_load *l = calloc(1, sizeof *l);
    if (l == NULL) {
        error_memory(err, "watching the source");
        return NULL;
    }
    l->job = job;
    l->source = source;
    if (pthread_create(&l->thread, NULL, run, l) == 0) return l;
    free(l);
    error_set(err, ERROR_LOCAL, "the thread that watches the source could not be started");
    error_hint(err, "raise the limit of `ulimit -u`");
    return NULL;
}

void source_load_end(struct source_load *l) {
    if (l == NULL) return;
    atomic_store(&l->end, true);
    pthread_join(l->thread, NULL);
    free(l);
}
