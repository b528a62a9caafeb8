/* The inside of a play, for its own files alone: play.c (time, the service), play_worker.c (what a worker sends). */
#ifndef ENGINE_PLAY_PARTS_H
#define ENGINE_PLAY_PARTS_H

#include "base/clock.h"
#include "dynamodb/governor.h"
#include "dynamodb/heat.h"
#include "dynamodb/value.h"
#include "engine/growth.h"
#include "engine/play.h"
#include "engine/reading.h"

#define PLAY_BEGIN CLOCK_SECOND /* a clock does not begin at 0 */

struct play_item {
    size_t at; /* on the tape */
    int chunk;
};

struct play_request {
    struct play_request *next, *made; /* made: the one that was made before, wherever it is now */
    int worker, target, count, attempt;
    uint32_t units;
    double taken; /* by the governor */
    int64_t due, sent;
    bool reserved, probe;
    struct watch_reason why; /* while it waits */
    struct play_item items[DYNAMODB_BATCH_ITEMS_MAX];
    struct capacity_refusal refusals[DYNAMODB_BATCH_ITEMS_MAX];
};

struct play_chunk {
    size_t at, end;
    double rows;                         /* that each of its items stands for */
    struct watch_reason hot[ASIDE_KEYS]; /* the keys to wait for, the newest first; bucket 0: none */
};

struct play_worker {
    int open[OPEN_CHUNKS_MAX], open_count, turn;
    int current, left;      /* the chunk whose rows are in memory, -1: none; how many */
    int64_t client_at;      /* when the next rows can be there */
    int lines, busy, waits; /* connections; requests on their way; those that wait to be sent again */
    struct growth growth;
    int64_t wake;                                    /* the wake that is on its way; 0: none */
    struct play_request *ready, *waiting, **filling; /* filling: by target */
    struct watch_reason why;                         /* what it waits for, and since when */
    int64_t since;
};

enum play_event_kind { PLAY_WAKE, PLAY_ARRIVES, PLAY_ANSWERED };

struct play_event {
    int64_t at;
    uint64_t order; /* events of one moment happen in the order in which they were made */
    enum play_event_kind kind;
    int worker;
    struct play_request *request;
};

struct play {
    const struct tape *tape;
    const struct play_setting *s;
    double stretch;  /* seconds of a run for each of the play's */
    uint32_t weight; /* units that are played for each of the tape's */
    struct capacity *capacity;
    struct governor *governor;
    struct heat *heat;
    struct watch *watch;
    struct play_chunk *chunks;
    int chunk_count, next_chunk;
    struct watch_reason *paced; /* by target: what set its pace back last */
    struct play_worker workers[PLAY_WORKERS_MAX];
    struct play_request *spare, *made; /* made: all of them */
    struct play_event *heap;
    int heap_count, heap_room;
    uint64_t random, order;
    int64_t now, last_written;
    double written, refused;
    bool memory; /* is out */
};

double play_share(struct play *p); /* a random number, 0 to 1 */
void play_push(struct play *p, struct play_event e);
void play_wake(struct play *p, int worker, int64_t at); /* INT64_MAX: never */

/* The item's parts as they are played; returns where the next item is. */
size_t play_read(const struct play *p, size_t at, int *target, struct parts *out);
uint32_t play_units(const struct play *p, size_t at);

/* An empty request; NULL: memory is out, which p->memory says. */
struct play_request *play_request(struct play *p, int worker, int target);
void play_spare(struct play *p, struct play_request *r);
void play_add(struct play *p, struct play_request *r, struct play_item item);
/* Puts a request among those that wait. */
void play_wait(struct play *p, struct play_request *r);

/* What a refusal has to wait for. */
struct watch_reason play_reason(int target, const struct capacity_refusal *why);

/* --- play_worker.c --- */

/* Sends what can be sent. */
void play_work(struct play *p, int worker);

#endif
