/* Answers of a PostgreSQL server as bytes: in any pieces, in any disorder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "memory_faults.h"
#include "pg/wire.h"
#include "wire_bytes.h"

#define FIELDS(...)                                                                                                              \
    (const char *const[]) {                                                                                                      \
        __VA_ARGS__                                                                                                              \
    }

static void put(char *out, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void put(char *out, size_t size, const char *format, ...) {
    size_t used = strlen(out);
    va_list args;
    va_start(args, format);
    vsnprintf(out + used, size - used, format, args);
    va_end(args);
}

static void put_rows(const struct wire_rows *s, char *out, size_t size) {
    struct pg_field fields[8];
    assert_in_range(s->columns, 0, 8);
    for (int row = 0; row < s->count; row++) {
        if (!wire_row(s, row, fields)) {
            put(out, size, "broken / ");
            continue;
        }
        for (int i = 0; i < s->columns; i++) {
            if (fields[i].len == -1) put(out, size, "- ");
            if (fields[i].len >= 0) put(out, size, "'%.*s' ", fields[i].len, fields[i].data);
        }
        put(out, size, "/ ");
    }
}

static void put_event(const struct wire *w, enum wire_event event, char *out, size_t size) {
    const struct wire_failure *f = &w->failure;
    switch (event) {
    case WIRE_MORE: put(out, size, "more"); break;
    case WIRE_ROWS:
        put(out, size, "rows: ");
        put_rows(w->rows, out, size);
        break;
    case WIRE_ERROR:
        put(out, size, "error %s: %s (%s, %s) %s; ", f->code, f->text, f->detail ? f->detail : "-", f->where ? f->where : "-",
            f->hint ? f->hint : "-");
        break;
    case WIRE_READY: put(out, size, "ready; "); break;
    case WIRE_BAD: put(out, size, "bad: %s", w->problem); break;
    case WIRE_MEMORY: put(out, size, "no memory"); break;
    }
}

/* What the bytes mean, as text, when they come in pieces that end at the offsets first, first + each, first + 2 * each, ... */
static void read_in_pieces(const struct buffer *b, size_t first, size_t each, char *out, size_t size) {
    struct wire_rows rows[2] = {{0}};
    struct wire w;
    enum wire_event event;
    int now = 0;
    size_t sent = 0, until = first, room;
    *out = '\0';
    wire_init(&w, &rows[0]);
    for (;;) {
        event = wire_next(&w);
        if (event == WIRE_MORE && sent < b->len) {
            char *to = wire_room(&w, &room);
            assert_true(to && room > 0);
            size_t n = (until < b->len ? until : b->len) - sent;
            if (n > room) n = room;
            memcpy(to, b->data + sent, n);
            wire_received(&w, n);
            sent += n;
            if (sent >= until) until += each;
            continue;
        }
        put_event(&w, event, out, size);
        if (event == WIRE_MORE || event == WIRE_BAD || event == WIRE_MEMORY) break;
        if (event != WIRE_ROWS) continue;
        now = !now;
        rows[now].len = 0, rows[now].count = rows[now].columns = 0;
        assert_true(wire_move(&w, &rows[now]));
    }
    wire_rows_free(&rows[0]);
    wire_rows_free(&rows[1]);
}

static void expect(const struct bytes *m, const char *expected) {
    char found[2000];
    read_in_pieces(&m->b, m->b.len, 1, found, sizeof found);
    assert_string_equal(found, expected);
    read_in_pieces(&m->b, 0, 1, found, sizeof found);
    assert_string_equal(found, expected);
}

/* Two FETCHes, with all that may come between. */
static void answer_of_two(struct bytes *m) {
    bytes_init(m);
    bytes_one(m, 'C', "CLOSE CURSOR");
    bytes_one(m, 'C', "DECLARE CURSOR");
    bytes_description(m, 3);
    bytes_row(m, 3, FIELDS("one", NULL, ""));
    bytes_failure(m, 'N', FIELDS("SNOTICE", "C00000", "Mby the way", NULL));
    bytes_row(m, 3, FIELDS("a longer text", "x", NULL));
    bytes_begin(m, 'S');
    bytes_text(m, "TimeZone");
    bytes_text(m, "UTC");
    bytes_end(m);
    bytes_one(m, 'C', "FETCH 2");
    bytes_one(m, 'I', "");
    m->b.data[m->b.len - 2] = 4; /* EmptyQueryResponse holds nothing: the NUL is taken back */
    m->b.len--;
    bytes_description(m, 0);
    bytes_row(m, 0, NULL);
    bytes_one(m, 'C', "FETCH 1");
    bytes_one(m, 'A', "pid and channel");
    bytes_description(m, 1);
    bytes_one(m, 'C', "FETCH 0");
    bytes_ready(m, 'T');
}

static void any_pieces(void **state) {
    (void)state;
    static const char expected[] = "rows: 'one' - '' / 'a longer text' 'x' - / rows: / rows: ready; more";
    char found[2000];
    struct bytes m;
    answer_of_two(&m);
    expect(&m, expected);
    for (size_t cut = 0; cut <= m.b.len; cut++) {
        read_in_pieces(&m.b, cut, m.b.len, found, sizeof found);
        assert_string_equal(found, expected);
    }
    for (size_t each = 2; each < 40; each++) {
        read_in_pieces(&m.b, each, each, found, sizeof found);
        assert_string_equal(found, expected);
    }
    bytes_free(&m);
}

/* Larger than any room at first, and more of them than starts at first. */
static void large_rows(void **state) {
    (void)state;
    enum { LONG = 300000, MANY = 1000 };
    char *text = malloc(LONG + 1), field[20];
    struct wire_rows rows = {0};
    struct pg_field f;
    struct wire w;
    struct bytes m;
    size_t room;
    memset(text, 'x', LONG);
    text[LONG] = '\0';
    bytes_init(&m);
    bytes_description(&m, 1);
    bytes_row(&m, 1, FIELDS(text));
    for (int i = 0; i < MANY; i++) {
        snprintf(field, sizeof field, "%d", i);
        bytes_row(&m, 1, FIELDS(field));
    }
    bytes_one(&m, 'C', "FETCH 1001");
    wire_init(&w, &rows);
    for (size_t sent = 0; wire_next(&w) == WIRE_MORE;) {
        char *to = wire_room(&w, &room);
        assert_non_null(to);
        size_t n = m.b.len - sent < room ? m.b.len - sent : room;
        assert_true(n > 0);
        memcpy(to, m.b.data + sent, n);
        wire_received(&w, n);
        sent += n;
    }
    assert_int_equal(rows.count, MANY + 1);
    assert_true(rows.room < 2 * m.b.len);
    assert_true(wire_row(&rows, 0, &f));
    assert_int_equal(f.len, LONG);
    assert_memory_equal(f.data, text, LONG);
    for (int i = 0; i < MANY; i++) {
        assert_true(wire_row(&rows, i + 1, &f));
        assert_int_equal(snprintf(field, sizeof field, "%d", i), f.len);
        assert_memory_equal(f.data, field, (size_t)f.len);
    }
    wire_rows_free(&rows);
    bytes_free(&m);
    free(text);
}

static void failures(void **state) {
    (void)state;
    struct bytes m;
    bytes_init(&m);
    bytes_description(&m, 1);
    bytes_row(&m, 1, FIELDS("dropped"));
    bytes_failure(&m, 'E', FIELDS("SERROR", "VERROR", "C22012", "Mdivision by zero", "Ddetail", "Wwhere", "Hhint", "L1", NULL));
    bytes_ready(&m, 'E');
    bytes_description(&m, 1);
    bytes_row(&m, 1, FIELDS("kept"));
    bytes_one(&m, 'C', "FETCH 1");
    bytes_failure(&m, 'E', FIELDS("SFATAL", "C57P01", "Mgoing down", NULL));
    expect(&m,
           "error 22012: division by zero (detail, where) hint; ready; rows: 'kept' / error 57P01: going down (-, -) -; more");
    bytes_free(&m);
}

/* One message of a type with any body, after a description of two columns. */
static void expect_bad(char type, const void *body, size_t n, int32_t length, const char *expected) {
    struct bytes m;
    char text[200];
    bytes_init(&m);
    bytes_description(&m, 2);
    bytes_begin(&m, type);
    if (n) bytes_add(&m, body, n);
    bytes_end(&m);
    uint32_t v = htobe32((uint32_t)length);
    if (length != INT32_MAX) memcpy(m.b.data + m.message, &v, sizeof v);
    snprintf(text, sizeof text, "bad: %s", expected);
    expect(&m, text);
    bytes_free(&m);
}

#define BAD(type, body, expected) expect_bad(type, body, sizeof body - 1, INT32_MAX, expected)

static void bad_messages(void **state) {
    (void)state;
    BAD('D', "", "a row that is not as it was described");
    BAD('D', "\0", "a row that is not as it was described");
    BAD('D', "\0\1\0\0\0\0", "a row that is not as it was described");
    BAD('D', "\377\377", "a row that is not as it was described");
    BAD('D', "\0\2", "a row that is cut short");
    BAD('D', "\0\2\0\0\0\0\0\0\0", "a row that is cut short");
    BAD('T', "\0\1", "a broken description of rows");
    BAD('E', "", "a failure that is cut short");
    BAD('E', "\0", "a failure that is cut short");
    BAD('E', "M", "a failure that is cut short");
    BAD('E', "Mtext", "a failure that is cut short");
    BAD('E', "Mtext\0C", "a failure that is cut short");
    BAD('E', "C22012\0\0", "a failure that is cut short");
    BAD('Z', "T", "rows without an end");
    BAD('G', "\0\0\0", "a message of a type that was not asked for");
    BAD('\0', "", "a message of a type that was not asked for");
}

/* One row of two columns whose message is whole, in memory that ends with it: its fields go beyond it, or do not fill it. */
static void expect_broken_row(const char *body, size_t n) {
    struct bytes m;
    bytes_init(&m);
    bytes_begin(&m, 'D');
    bytes_add(&m, body, n);
    bytes_end(&m);
    char *exact = malloc(m.b.len);
    size_t start = WIRE_ROW_AT;
    struct pg_field fields[2];
    assert_non_null(exact);
    memcpy(exact, m.b.data, m.b.len);
    assert_false(
        wire_row(&(struct wire_rows){.bytes = exact, .len = m.b.len, .starts = &start, .count = 1, .columns = 2}, 0, fields));
    free(exact);
    bytes_free(&m);
}

#define BROKEN(body) expect_broken_row(body, sizeof body - 1)

static void broken_rows(void **state) {
    (void)state;
    BROKEN("\0\2\0\0\0\1\0\0\0\0");
    BROKEN("\0\2\177\377\377\377\0\0\0\0");
    BROKEN("\0\2\377\377\377\376\0\0\0\0");
    BROKEN("\0\2\200\0\0\0\0\0\0\0");
    BROKEN("\0\2\0\0\0\0\0\0\0\1");
    BROKEN("\0\2\377\377\377\377\377\377\377\377x");
    BROKEN("\0\2\0\0\0\1xx\0\0\0\0");
    BROKEN("\0\2\0\0\0\3xxx\0\0\0");
}

static void bad_lengths(void **state) {
    (void)state;
    static const int32_t lengths[] = {0, 3, -1, INT32_MIN, (1 << 30) + 5, INT32_MAX - 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        expect_bad('D', "", 0, lengths[i], "a message of an impossible length");
    expect_bad('C', "", 0, 1001, "a message of an impossible length");
    expect_bad('Z', "", 0, 1 << 20, "a message of an impossible length");
}

/* Descriptions that are cut short, and rows that nothing describes. */
static void bad_order(void **state) {
    (void)state;
    struct bytes m;
    bytes_init(&m);
    bytes_row(&m, 1, FIELDS("x"));
    expect(&m, "bad: a row that is not as it was described");
    m.b.len = 0;
    bytes_one(&m, 'T', "");
    expect(&m, "bad: a broken description of rows");
    m.b.len = 0;
    bytes_description(&m, 1);
    bytes_one(&m, 'C', "FETCH 0");
    bytes_row(&m, 1, FIELDS("x"));
    expect(&m, "rows: bad: a row that is not as it was described");
    bytes_free(&m);
}

/* Every allocation in turn. */
static void no_memory(void **state) {
    (void)state;
    char found[2000];
    struct bytes m;
    answer_of_two(&m);
    int n = 0;
    for (bool failed = true; failed;) {
        struct wire_rows rows[2] = {{0}};
        struct wire w;
        size_t room;
        enum wire_event event = WIRE_MORE;
        memory_faults_set(++n, false);
        wire_init(&w, &rows[0]);
        char *to = wire_room(&w, &room);
        if (to) {
            memcpy(to, m.b.data, m.b.len);
            wire_received(&w, m.b.len);
            event = wire_next(&w);
        }
        bool moved = event == WIRE_ROWS && wire_move(&w, &rows[1]);
        failed = memory_faults.failed > 0;
        memory_faults_set(0, false);
        assert_int_equal(moved, !failed);
        if (failed) assert_true(to == NULL || event == WIRE_MEMORY || event == WIRE_ROWS);
        wire_rows_free(&rows[0]);
        wire_rows_free(&rows[1]);
    }
    assert_int_equal(n, 4); /* room, starts, the other's room; then all is well */
    read_in_pieces(&m.b, m.b.len, 1, found, sizeof found);
    bytes_free(&m);
}

static void queries(void **state) {
    (void)state;
    char out[4 + WIRE_QUERY_MORE];
    wire_query(out, "SELE", 4);
    assert_memory_equal(out, "Q\0\0\0\11SELE\0", sizeof out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_pieces),   cmocka_unit_test(large_rows),  cmocka_unit_test(failures),
        cmocka_unit_test(bad_messages), cmocka_unit_test(broken_rows), cmocka_unit_test(bad_lengths),
        cmocka_unit_test(bad_order),    cmocka_unit_test(no_memory),   cmocka_unit_test(queries),
    };
    return cmocka_run_group_tests_name("wire", tests, NULL, NULL);
}
