/* Plays a tape on a simulated clock: workers with open chunks and connections, the governor and heat of a real run, and between them and the
 * answers, which take 5 to 15 ms, the model of the service's limits. One thread, no waiting; the same tape and setting give the same.
 *
 * A tape may be a thinned one, each of whose items stands for many. Then each is played with as many times its units (up to
 * PLAY_WEIGHT_MOST, beyond which the clock is stretched): what a limit takes a second is then as many times fewer of them, so it all
 * takes as long as the whole would. What of a key is on the tape is its share, so a heavy key stays as heavy.
 *
 * For: rehearsals. Pure: no I/O, no clock. Not for: the source (rehearse.h). */
#ifndef ENGINE_PLAY_H
#define ENGINE_PLAY_H

#include "base/error.h"
#include "dynamodb/capacity.h"
#include "engine/tape.h"
#include "engine/watch.h"

#define PLAY_WEIGHT_MOST 200 /* units: a partition takes five such items a second, which is fine enough to steer by */
#define PLAY_STRETCH_MOST 25 /* of the clock, so that what is half an hour on demand stays longer than a minute */
#define PLAY_PERIODS 8
#define PLAY_WORKERS_MAX 64

struct play_target {
    const struct capacity_given *given; /* of the table, then of its indexes */
    int resources;
    int batch; /* items of one request */
};

/* A change of the plan that is tried: a partition key gets a suffix of so many values. */
struct play_shards {
    int count; /* 0: no change */
    int target, resource;
};

struct play_setting {
    const struct play_target *targets;
    int target_count;
    struct capacity_rules rules;
    double units;  /* the rate asked for, write units a second; 0: none */
    double rows;   /* that all workers together can read and map in a second; 0: any */
    double weight; /* how many each item stands for, at least 1 */
    int workers;   /* at most PLAY_WORKERS_MAX */
    int open_max;  /* chunks that a worker has open while nothing throttles: reading_open_max */
    bool in_order; /* chunks in the order of the source's keys, not shuffled, one open at a time */
    uint64_t seed;
    struct play_shards shards;
    const volatile int *stop; /* may be NULL */
};

struct play_outcome {
    double seconds;        /* until the last item was written */
    double units, refused; /* written; sent in vain */
    struct watch_period periods[PLAY_PERIODS];
    int period_count;
};

/* False with ERROR_LOCAL when memory is out, ERROR_INTERRUPTED when *stop was set. */
bool play_run(const struct tape *tape, const struct play_setting *setting, struct play_outcome *out, struct error *err);

#endif
