/* The inside of a worker, for its own files alone (see worker.h). */
#ifndef ENGINE_WORKER_PARTS_H
#define ENGINE_WORKER_PARTS_H

#include "engine/reading.h"
#include "engine/route.h"
#include "engine/worker.h"
#include "engine/writer.h"
#include "pg/reader.h"

/* A chunk that was taken and has not ended. It is one range, until a row in it cannot be read and it is cut around that row. */
struct open_chunk {
    bool taken;
    struct job_chunk work;
    struct arena *arena; /* ranges and their SQL */
    struct pg_range *ranges;
    int range_count, range; /* `range`: the one being read */
    bool opened;            /* its cursor is open on the server */
    int fetch_rows;         /* rows a FETCH, from its rows' own size */
    int64_t range_rows;     /* rows fetched of that range */
    int64_t came;           /* rows fetched, and those that cannot be: what counts against --limit */
    bool ended;             /* all rows were fetched */
    bool broken;            /* rows or items of it were given up: it cannot be done before it is read again */
    int fetched;            /* FETCHes whose rows are not all mapped */
    int64_t pending;        /* items that are not settled */
    struct run_counts counts;
    struct chunk_reject *rejects;
    int reject_count, reject_room, kept_rejects; /* kept: rows that the server cannot give; they outlive a reset */
    int64_t began;
    uint64_t hot[ASIDE_KEYS]; /* keys of its items that throttle, the newest first; 0: none */
};

/* The rows of one FETCH and how many items come from them. */
struct fetched {
    struct pg_rowset *rows; /* NULL: all are mapped, or given up */
    struct buffer keys;     /* of those that are mapped, or under way (keys.c); until all of their items are settled */
    struct open_chunk *chunk;
    int64_t bytes; /* memory of the rows; once they are gone, of their keys */
    int refs;      /* items not settled, and one while it is being mapped */
};

/* A row that may become other than one item: it is counted once, when the last of its items is settled. */
struct row_track {
    struct fetched *from;
    int row;
    int pending; /* items not settled, and one while the row is being mapped */
    int written, superseded;
    bool rejected; /* it was counted already */
    int next_free;
};

/* Where a mapper's items go: the worker's batches. */
struct worker_sink {
    struct item_sink sink;
    struct worker *worker;
    struct job_table *table;   /* of the row under way */
    struct job_target *routed; /* where its items go, unless they say another table */
    struct job_target *target; /* of the item that is open */
    struct batch *batch;
    size_t mark, start;
    int track;      /* of the row under way; -1: it becomes just one item */
    bool cancelled; /* the item that was open is kept in the batch until its reject is recorded */
    struct error *err;
};

/* An item whose key is in flight: it waits, as a copy. */
struct deferred {
    struct deferred *next;
    struct job_target *target;
    struct batch_item item;
    size_t len;
    char json[];
};

struct worker {
    struct job *job;
    int number;
    pthread_t thread;
    _Atomic bool ended;
    struct pg_reader *reader;
    struct writer *writer;
    struct functions *functions; /* NULL: the plan has none */
    struct row_mapper **mappers; /* by table */
    struct route **routes;       /* by table; NULL: it has one target */
    struct worker_sink sink;     /* where they all put their items */
    struct row_track *tracks;    /* rows that may become other than one item, until they are counted */
    int track_count, track_free; /* track_free: the first free one; -1 */
    struct run_counts *delta;    /* by table: not yet added to the live counts */
    struct pg_field *fields;     /* of the row under way */
    struct pg_field *key_fields; /* of a row whose key is told */
    struct open_chunk chunks[OPEN_CHUNKS_MAX];
    int open_count, turn;
    int open_max;                   /* reading_open_max; each row that the server cannot give halves it (narrow.c) */
    bool no_more;                   /* all chunks are handed out */
    struct fetched *current, *next; /* being mapped; fetched meanwhile */
    int row;                        /* of current */
    int64_t fetch_after;            /* clock_now() before which no FETCH is sent, to spare the source; 0: none was held back */
    int64_t aside_until;            /* clock_now() when the next chunk need no longer wait for its keys; 0: none waits */
    int64_t held;                   /* bytes of all rows in memory */
    struct deferred *deferred, **deferred_end;
    int deferred_count;
    int failed_chunk;       /* whose rows the server could not give; -1 */
    struct error row_error; /* what it said */
};

/* --- reading.c --- */

/* Takes and opens as many more chunks as may be read at once. */
bool reading_take(struct worker *w, struct error *err);
/* Takes rows that have arrived and sends the next FETCHes. */
bool reading_step(struct worker *w, struct error *err);
/* Whether the rows of a FETCH under way would be taken now: else its socket need not be polled. */
bool reading_has_place(const struct worker *w);
/* Maps rows until they run out or the writer is full. */
bool reading_map(struct worker *w, struct error *err);
/* Nothing can be read until something else happens: no chunk has rows left to fetch, those that have are put aside, or too many rows
 * are in memory. */
bool reading_dry(const struct worker *w);
/* Ends the chunks all of whose items are settled. */
void reading_end_chunks(struct worker *w);
/* Begins an open chunk again from its ranges: counts and items so far are forgotten. */
void reading_reset(struct open_chunk *c);
/* Lets go of rows for one item that is settled, or given up. */
void reading_unref(struct worker *w, struct fetched *f);
/* Gives up the rows that were fetched and not mapped. */
void reading_drop(struct worker *w);
/* Adds what was counted since the last time to the live counts. */
void reading_publish(struct worker *w);

/* --- aside.c --- */

/* The writer's callback: the chunk of item i brings rows for a hot key. */
void aside_note(void *context, const struct batch *batch, int i, uint64_t hot);
/* For how long a chunk is to be left alone (nanoseconds; 0: not at all): its keys throttle, or its table has enough waiting. */
int64_t aside_wait(struct worker *w, struct open_chunk *c, int64_t now);
/* Whether keys throttle, so that the service is what limits the run: then many chunks are open, and little is read ahead. */
bool aside_limited(const struct worker *w);

/* --- items.c --- */

/* Sets up the sink and the tracks. */
void items_prepare(struct worker *w);
/* Maps one row of w->current into batches, and counts it. */
bool items_map_row(struct worker *w, struct row_mapper *mapper, const struct pg_row *row, struct error *err);
/* Tries again to write the items whose keys were in flight. */
bool items_deferred(struct worker *w, struct error *err);
/* Gives them up: the run stops. */
void items_drop(struct worker *w);
/* The writer's callback. */
void items_settled(void *context, struct job_target *target, const struct batch *batch, int i, enum settled how,
                   const char *message);
/* A free track; its number, or -1 when memory is out. */
int items_take_track(struct worker *w, struct fetched *f, int row);

/* --- keys.c --- */

/* Keeps the key of the next row of a FETCH, which is to be mapped now; false when memory is out. */
bool keys_keep(struct fetched *f, const struct pg_row *row) __attribute__((warn_unused_result));
/* Points those of `fields`, which has room for a whole row, that make the key at what was kept of one. */
void keys_find(const struct fetched *f, int row, struct pg_field *fields);

/* --- reject.c --- */

/* Records a rejected row of a chunk, and counts it; its texts are copied. The item may be NULL, and needs no end. */
bool reject_record(struct worker *w, struct open_chunk *c, const struct ledger_reject *r, size_t item_len, struct error *err);
/* The same for a row of a FETCH, whose key is found out. */
bool reject_row(struct worker *w, const struct fetched *f, int row, const char *reason, const char *message, const char *json,
                size_t len, struct error *err);
/* What becomes of the row of w->current that could not be mapped: the plan's on_reject is asked, if there is one; what it does not mend is
 * recorded. *result becomes MAP_ITEM when it was mended. False with the failure that ends the run. */
bool reject_mapped(struct worker *w, const struct pg_row *row, const struct map_reject *why, enum map_result *result,
                   struct error *err);

/* --- narrow.c --- */

/* After an error of class 22, once nothing is in flight: finds the rows that the server cannot give, rejects them, cuts the chunk around
 * them and begins all open chunks again. */
bool narrow(struct worker *w, struct error *err);

#endif
