/* Answers of a PostgreSQL server: the first byte says in what pieces the rest comes; 0: at once, in memory of exactly that size. */
#include "pg/wire.h"
#include "require.h"

#define COLUMNS_MAX (1 << 15)

/* Every field lies in its row, and fills it with the others, or the row is said to be broken; the rows one after another in what has come. */
static void check_rows(const struct wire_rows *s) {
    static struct pg_field fields[COLUMNS_MAX];
    const char *past = s->bytes, *end = s->bytes + s->len;
    require(s->columns < COLUMNS_MAX);
    for (int row = 0; row < s->count; row++) {
        const char *at = s->bytes + s->starts[row];
        const char *message = at - WIRE_ROW_AT, *over = message + 1 + read_int32(message + 1);
        require(message >= past && over <= end);
        past = over;
        if (!wire_row(s, row, fields)) continue;
        for (int i = 0; i < s->columns; i++) {
            require(fields[i].len >= -1 && fields[i].data == at + 4);
            at = fields[i].data + (fields[i].len > 0 ? fields[i].len : 0);
        }
        require(at == over);
    }
}

static size_t length(const char *text) {
    return text ? strlen(text) : 0;
}

static void check_failure(const struct wire_failure *f) {
    require(f->text != NULL);
    volatile size_t n = length(f->text) + length(f->code) + length(f->detail) + length(f->where) + length(f->hint);
    (void)n;
}

/* False: no more is to be given. */
static bool take(struct wire *w, struct wire_rows *rows, int *now) {
    for (;;) {
        switch (wire_next(w)) {
        case WIRE_MORE: return true;
        case WIRE_READY: break;
        case WIRE_ERROR: check_failure(&w->failure); break;
        case WIRE_ROWS:
            check_rows(w->rows);
            *now = !*now;
            rows[*now].len = 0;
            rows[*now].count = 0;
            require(wire_move(w, &rows[*now]));
            break;
        case WIRE_BAD: require(w->problem != NULL); return false;
        case WIRE_MEMORY: return false;
        }
        require(w->at <= w->rows->len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    size_t each = data[0], room;
    struct wire_rows rows[2] = {{0}};
    struct wire w;
    int now = 0;
    data++, size--;
    wire_init(&w, &rows[0]);
    if (each == 0) {
        rows[0] = (struct wire_rows){.bytes = exact_copy(data, size), .len = size, .room = size};
        size = 0;
    }
    for (bool more = take(&w, rows, &now); more && size > 0; more = take(&w, rows, &now)) {
        char *to = wire_room(&w, &room);
        require(to && room > 0);
        size_t n = each < size ? each : size;
        if (n > room) n = room;
        memcpy(to, data, n);
        wire_received(&w, n);
        data += n, size -= n;
    }
    wire_rows_free(&rows[0]);
    wire_rows_free(&rows[1]);
    return 0;
}
