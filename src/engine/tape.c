#include "engine/tape.h"

#include <stdlib.h>
#include <string.h>

#define HEAD_BYTES 3         /* target: 2, parts: 1 */
#define PART_BYTES 11        /* key: 8, units: 2, resource: 1 */
#define UNITS_MAX UINT16_MAX /* an item is 400 units at most, and as much again for each of 5 local indexes */

void tape_init(struct tape *t, size_t max) {
    *t = (struct tape){0};
    buffer_init(&t->bytes, max);
}

void tape_free(struct tape *t) {
    buffer_free(&t->bytes);
    free(t->chunks);
    *t = (struct tape){0};
}

bool tape_begin(struct tape *t, int place) {
    if (t->count == t->room) {
        int room = t->room ? 2 * t->room : 64;
        struct tape_chunk *more = realloc(t->chunks, (size_t)room * sizeof *more);
        if (more == NULL) return false;
        t->chunks = more;
        t->room = room;
    }
    t->chunks[t->count++] = (struct tape_chunk){.begin = t->bytes.len, .end = t->bytes.len, .place = place};
    return true;
}

bool tape_add(struct tape *t, int target, const struct parts *parts) {
    struct tape_chunk *c = &t->chunks[t->count - 1];
    if (!buffer_reserve(&t->bytes, HEAD_BYTES + (size_t)parts->count * PART_BYTES)) return false;
    char *to = t->bytes.data + t->bytes.len;
    uint16_t number = (uint16_t)target;
    memcpy(to, &number, sizeof number);
    to[2] = (char)parts->count;
    to += HEAD_BYTES;
    for (int i = 0; i < parts->count; i++, to += PART_BYTES) {
        const struct part *p = &parts->at[i];
        uint16_t units = p->units < UNITS_MAX ? (uint16_t)p->units : UNITS_MAX;
        memcpy(to, &p->key, sizeof p->key);
        memcpy(to + 8, &units, sizeof units);
        to[10] = (char)p->resource;
    }
    t->bytes.len = (size_t)(to - t->bytes.data);
    c->end = t->bytes.len;
    c->items++;
    return true;
}

size_t tape_read(const struct tape *t, size_t at, int *target, struct parts *out) {
    const char *from = t->bytes.data + at;
    uint16_t number, units;
    memcpy(&number, from, sizeof number);
    *target = number;
    out->count = from[2];
    from += HEAD_BYTES;
    for (int i = 0; i < out->count; i++, from += PART_BYTES) {
        struct part *p = &out->at[i];
        memcpy(&p->key, from, sizeof p->key);
        memcpy(&units, from + 8, sizeof units);
        p->units = units;
        p->resource = from[10];
    }
    return (size_t)(from - t->bytes.data);
}
