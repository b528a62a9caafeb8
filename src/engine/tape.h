/* The writes of a migration, recorded so that they can be played: for each item the table that it goes to and its parts (units and
 * partition key, in the table and in each index), packed. Items lie in chunks, in the order in which they were read.
 *
 * For: rehearsals. An item takes 3 bytes, and 11 for each of its parts. Not for: the items themselves. */
#ifndef ENGINE_TAPE_H
#define ENGINE_TAPE_H

#include "base/buffer.h"
#include "dynamodb/parts.h"

struct tape_chunk {
    size_t begin, end;   /* of its items in the tape */
    int place;           /* among all chunks, in the order of the source's keys */
    int64_t rows, items; /* rows: those that become no item included */
};

struct tape {
    struct buffer bytes;
    struct tape_chunk *chunks;
    int count, room;
};

/* Holds at most `max` bytes of items. */
void tape_init(struct tape *t, size_t max);
void tape_free(struct tape *t);

/* Begins the next chunk: what is added goes into it. False when memory is out. */
bool tape_begin(struct tape *t, int place);
/* An item for target table `target` (0 to 65,535). False when it finds no room. */
bool tape_add(struct tape *t, int target, const struct parts *parts);

/* The item at `at`: fills *target and *out; returns where the next one is. */
size_t tape_read(const struct tape *t, size_t at, int *target, struct parts *out);

#endif
