#include "pg/wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HEADER 5                          /* the type's byte and the length, which counts itself but not the type */
#define LONGEST (((uint32_t)1 << 30) + 4) /* bytes: what PostgreSQL can hold in one piece (MaxAllocSize), and the length */
#define LONGEST_SHORT ((uint32_t)1000)    /* a command's tag, of 64 bytes at the most; a state */
#define ROOM_FIRST ((size_t)64 << 10)     /* bytes: about a FETCH */
#define RECEIVE ((size_t)32 << 10) /* bytes to ask the socket for, beyond what is needed: more is only copied to the next rows */
#define BELIEVED ((size_t)1 << 20) /* bytes: a longer message gets its memory as it comes, not because it says so */
#define STARTS_FIRST 128

/* --- memory --- */

static void free_room(char *bytes, size_t room) {
    if (room > WIRE_LARGE) {
        munmap(bytes, room);
    } else {
        free(bytes);
    }
}

/* NULL: out of memory, and nothing has changed. */
static char *grow_room(struct wire_rows *s, size_t room) {
    void *bytes;
    if (room <= WIRE_LARGE) return realloc(s->bytes, room);
    if (s->room > WIRE_LARGE) {
        bytes = mremap(s->bytes, s->room, room, MREMAP_MAYMOVE);
        return bytes == MAP_FAILED ? NULL : bytes;
    }
    bytes = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) return NULL;
    if (s->len) memcpy(bytes, s->bytes, s->len);
    free(s->bytes);
    return bytes;
}

void wire_rows_free(struct wire_rows *s) {
    free_room(s->bytes, s->room);
    free(s->starts);
    *s = (struct wire_rows){0};
}

/* By half at the least, so that a FETCH of large rows is not moved for each of them. */
static bool make_room(struct wire_rows *s, size_t least) {
    if (least <= s->room) return true;
    size_t room = s->room + s->room / 2;
    if (room < ROOM_FIRST) room = ROOM_FIRST;
    if (room < least) room = least;
    char *bytes = grow_room(s, room);
    if (bytes == NULL) return false;
    s->bytes = bytes;
    s->room = room;
    return true;
}

static bool make_start(struct wire_rows *s) {
    if (s->count < s->starts_room) return true;
    if (s->starts_room > INT32_MAX / 2) return false;
    int room = s->starts_room ? s->starts_room * 2 : STARTS_FIRST;
    size_t *starts = realloc(s->starts, (size_t)room * sizeof *starts);
    if (starts == NULL) return false;
    s->starts = starts;
    s->starts_room = room;
    return true;
}

void wire_init(struct wire *w, struct wire_rows *rows) {
    *w = (struct wire){.rows = rows, .need = HEADER};
}

char *wire_room(struct wire *w, size_t *room) {
    struct wire_rows *s = w->rows;
    if (s->count == 0 && w->at > 0) { /* no row holds its place */
        s->len -= w->at;
        memmove(s->bytes, s->bytes + w->at, s->len);
        w->at = 0;
    }
    size_t most = s->len + BELIEVED, end = w->at + w->need;
    if (end > most) end = most;
    if (end < s->len + RECEIVE) end = s->len + RECEIVE;
    if (!make_room(s, end)) return NULL;
    *room = end - s->len;
    return s->bytes + s->len;
}

void wire_received(struct wire *w, size_t n) {
    w->rows->len += n;
}

bool wire_move(struct wire *w, struct wire_rows *next) {
    struct wire_rows *s = w->rows;
    size_t rest = s->len - w->at;
    if (!make_room(next, rest)) return false;
    if (rest) memcpy(next->bytes, s->bytes + w->at, rest);
    next->len = rest;
    s->len = w->at;
    w->rows = next;
    w->at = 0;
    return true;
}

/* --- messages --- */

static enum wire_event bad(struct wire *w, const char *problem) {
    w->problem = problem;
    return WIRE_BAD;
}

/* Once a row: that its message holds as many fields as were described. The fields are wire_row's. */
static enum wire_event add_row(struct wire *w, const char *body, size_t n) {
    struct wire_rows *s = w->rows;
    if (!w->described || n < 2 || read_int16(body) != s->columns) return bad(w, "a row that is not as it was described");
    if (n < 2 + 4 * (size_t)s->columns) return bad(w, "a row that is cut short");
    if (!make_start(s)) return WIRE_MEMORY;
    s->starts[s->count++] = (size_t)(body + 2 - s->bytes);
    return WIRE_MORE;
}

static enum wire_event describe(struct wire *w, const char *body, size_t n) {
    if (w->described || n < 2 || read_int16(body) < 0) return bad(w, "a broken description of rows");
    w->described = true;
    w->rows->columns = read_int16(body);
    return WIRE_MORE;
}

static enum wire_event complete(struct wire *w) {
    if (!w->described) return WIRE_MORE;
    w->described = false;
    return WIRE_ROWS;
}

static const char **failure_field(struct wire_failure *f, char name) {
    switch (name) {
    case 'M': return &f->text;
    case 'C': return &f->code;
    case 'D': return &f->detail;
    case 'W': return &f->where;
    case 'H': return &f->hint;
    default: return NULL;
    }
}

/* Fields are a letter and a text that ends with NUL each; a NUL ends them. */
static enum wire_event fail(struct wire *w, const char *body, size_t n) {
    const char *p = body, *end = body + n;
    w->failure = (struct wire_failure){0};
    w->described = false;
    w->rows->count = 0;
    while (p < end && *p != '\0') {
        const char **field = failure_field(&w->failure, *p++), *text = p;
        p = memchr(text, '\0', (size_t)(end - text));
        if (p == NULL) return bad(w, "a failure that is cut short");
        if (field) *field = text;
        p++;
    }
    if (p == end || w->failure.text == NULL) return bad(w, "a failure that is cut short");
    return WIRE_ERROR;
}

/* How long a message of a type may be; 0: it does not belong here. */
static uint32_t longest(char type) {
    if (type == 'D') return LONGEST; /* once a row */
    switch (type) {
    case 'T': /* RowDescription */
    case 'E': /* ErrorResponse */
    case 'N': /* NoticeResponse */
    case 'A': /* NotificationResponse */
    case 'S': /* ParameterStatus */ return LONGEST;
    case 'C': /* CommandComplete */
    case 'I': /* EmptyQueryResponse */
    case 'Z': /* ReadyForQuery */ return LONGEST_SHORT;
    default: return 0;
    }
}

static enum wire_event take(struct wire *w, char type, const char *body, size_t n) {
    if (type == 'D') return add_row(w, body, n);
    switch (type) {
    case 'T': return describe(w, body, n);
    case 'C': return complete(w);
    case 'E': return fail(w, body, n);
    case 'Z': return w->described ? bad(w, "rows without an end") : WIRE_READY;
    default: return WIRE_MORE;
    }
}

enum wire_event wire_next(struct wire *w) {
    struct wire_rows *s = w->rows;
    enum wire_event event = WIRE_MORE;
    while (event == WIRE_MORE) {
        size_t left = s->len - w->at;
        w->need = HEADER;
        if (left < HEADER) break;
        const char *message = s->bytes + w->at;
        uint32_t n = (uint32_t)read_int32(message + 1);
        uint32_t most = longest(*message);
        if (most == 0) return bad(w, "a message of a type that was not asked for");
        if (n < 4 || n > most) return bad(w, "a message of an impossible length");
        w->need = (size_t)n + 1;
        if (left < w->need) break;
        event = take(w, *message, message + HEADER, n - 4);
        w->at += w->need;
    }
    return event;
}

/* --- queries --- */

void wire_query(char *out, const char *text, size_t len) {
    uint32_t n = htobe32((uint32_t)len + 5);
    out[0] = 'Q';
    memcpy(out + 1, &n, sizeof n);
    memcpy(out + HEADER, text, len);
    out[HEADER + len] = '\0';
}
