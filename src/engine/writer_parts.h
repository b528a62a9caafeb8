/* The inside of a writer, for its own files alone (see writer.h): requests and their queues (writer.c), those on their way
 * (sending.c), answers (answers.c), what came back for want of capacity (throttled.c). */
#ifndef ENGINE_WRITER_PARTS_H
#define ENGINE_WRITER_PARTS_H

#include "aws/sigv4.h"
#include "base/hash.h"
#include "dynamodb/failure.h"
#include "dynamodb/parts.h"
#include "engine/conditional.h"
#include "engine/lines.h"
#include "engine/pacing.h"
#include "engine/writer.h"

/* So many requests that are hashed already go together, once there are connections for them: the other side is woken once. */
#define SENT_TOGETHER 4

struct request {
    struct request *next;
    size_t filled; /* while being filled: its bytes in the writer's count */
    uint32_t most; /* while being filled: it is sent on when it has so many units */
    struct job_target *target;
    struct batch batch;
    int attempt;    /* how often it was sent again */
    int64_t due;    /* while waiting: when to send it again */
    int64_t failed; /* when it first failed; 0: it has not */
    int64_t sent;   /* when the governor let it go */
    uint32_t asked; /* the units that it let go */
    double taken;   /* and what it took for them */
    bool throttled;
    bool reserved;    /* its turn at hot keys was waited for (heat_reserve) */
    bool probe;       /* sent alone, to be told the reason */
    bool clock_tried; /* the clock was set by an answer's date once */
    bool hashed;      /* digest is its body's: set while it is ready */
    unsigned char digest[HASH_SHA256_BYTES];
};

/* A table in DynamoDB, as the writer's queue sees it. */
struct lane {
    int64_t closed_until; /* the governor lets none of its requests go before */
    int ready;            /* how many there are */
};

struct writer {
    struct job *job;
    struct writer_caller caller;
    struct sigv4 *signer;
    struct hash_sha256 *sha;
    struct conditional *conditional;
    struct parts_reader **readers; /* by plan table; made when something throttles */
    struct request **filling;      /* by target */
    size_t filling_bytes;
    int filling_count, filling_turn; /* turn: the target to look at first when one must be sent before it is full */
    struct request *ready, **ready_end;
    struct lane *lanes; /* by job_target.paced */
    struct request *waiting;
    struct request *spare;
    size_t spare_bytes; /* that their bodies take */
    int ready_count, waiting_count, spare_count, busy;
    int together;    /* so many are hashed at once, see hash_sha256_together */
    int hashed;      /* of the ready ones: those that went along when others were */
    int held;        /* of the ready ones: those whose lane is closed; */
    int held_hashed; /* of these: those that are hashed */
    size_t bytes;    /* of ready, waiting and busy requests */
    struct lines lines;
};

static inline struct lane *writer_lane(const struct writer *w, const struct request *r) {
    return &w->lanes[r->target->paced];
}

/* The hashed ones that wait for a connection alone. */
static inline int writer_boardable(const struct writer *w) {
    return w->hashed - w->held_hashed;
}

/* Whether so many may go, and are not hashed yet, that they are hashed together. There is more to map until then. */
static inline bool writer_enough(const struct writer *w) {
    return w->ready_count - w->held - writer_boardable(w) >= w->together;
}

/* A run that stops is not paused any more: what is left of a refused batch could not be settled otherwise. */
static inline bool writer_paused(const struct writer *w) {
    return atomic_load_explicit(&w->job->paused, memory_order_relaxed) && !atomic_load(&w->job->stop);
}

/* Takes a request off its line. */
static inline struct request *writer_alight(struct writer *w, struct line *line) {
    struct request *r = line->request;
    line->request = NULL;
    w->busy--;
    w->bytes -= r->batch.body.len;
    atomic_fetch_sub_explicit(&r->target->table->live.in_flight, r->batch.count, memory_order_relaxed);
    return r;
}

/* --- writer.c --- */

void writer_push_ready(struct writer *w, struct request *r);
/* Takes a request out of the ready ones; `link` is what points to it. */
struct request *writer_unlink_ready(struct writer *w, struct request **link);
void writer_push_waiting(struct writer *w, struct request *r, int64_t wait, bool throttled, const char *text);
struct request *writer_unlink_waiting(struct writer *w, struct request **link);

/* Settles all of its items alike, and gives it back. */
void writer_settle_all(struct writer *w, struct request *r, enum settled how, const char *message);
void writer_settle(struct writer *w, struct request *r, int i, enum settled how, const char *message);

/* A request for the items of r from number `keep` on, which leave it; both are ready to be sent. NULL when memory is out: then r is
 * as it was. */
struct request *writer_divide(struct writer *w, struct request *r, int keep);
/* A PutItem without a condition for the one item of r, which is given back. NULL when memory is out: then r is as it was. */
struct request *writer_alone(struct writer *w, struct request *r);
/* The reverse: a batch of the one item. */
struct request *writer_not_alone(struct writer *w, struct request *r);

/* --- answers.c --- */

/* The line's request is answered, or has failed; false with the failure that ends the run. */
bool writer_answered(struct writer *w, struct line *line, struct error *err);
bool writer_failed(struct writer *w, struct line *line, struct error *why, struct error *err);

/* --- throttled.c --- */

/* How many of its items a request may have now. */
int writer_fitting(const struct writer *w, const struct request *r);
/* It goes out at this moment: its keys are counted while some are hot. */
void writer_count_keys(struct writer *w, struct request *r, int64_t now);
/* Tells the governor of an answer, by which nothing was refused. `consumed`: as it says; below 0: it does not. */
void writer_taken(struct writer *w, const struct request *r, double consumed);
/* What is left of it came back for want of capacity, with a reason (`f`) or, as UnprocessedItems, without: it is sent again.
 * `consumed`: by what is not left, as the answer says; below 0: it does not. */
void writer_throttled(struct writer *w, struct request *r, const struct dynamodb_failure *f, double consumed,
                      int64_t retry_after_ms, const char *text);

#endif
