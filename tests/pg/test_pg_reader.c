/* The reader on a real server, each test in every way that answers come: from the socket, through libpq, and over TLS.
 * HLUA_TEST_PG_URI names a database in which the schema hlua_reader may be made and dropped; HLUA_TEST_PG_TLS: it takes TLS as well. TAP
 * with CMOCKA_MESSAGE_OUTPUT=TAP. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "pg/connect.h"
#include "pg/reader.h"

static struct pg_connection *writer; /* makes the tables */
static char plain_uri[500], tls_uri[500];

/* How the tests that run now read. */
static struct {
    const char *uri;
    bool by_libpq;
} way;

static void run(const char *sql) {
    struct error err = {0};
    if (!pg_run(writer, &err, sql)) fail_msg("%s: %s", sql, err.text);
}

struct fixture {
    struct pg_connection *exporter;
    struct pg_snapshot snapshot;
    struct pg_reader *reader;
    struct error err;
    /* of the last step */
    int cursor;
    bool end;
    struct pg_rowset *rows;
};

static void open_fixture(struct fixture *f) {
    *f = (struct fixture){0};
    if ((f->exporter = pg_connect(way.uri, &f->err)) == NULL) fail_msg("%s", f->err.text);
    if (!pg_snapshot_export(f->exporter, &f->snapshot, &f->err)) fail_msg("%s", f->err.text);
    if ((f->reader = pg_reader_new(way.uri, f->snapshot.id, &f->err)) == NULL) fail_msg("%s", f->err.text);
    if (way.by_libpq) pg_reader_use_libpq(f->reader);
}

static void close_fixture(struct fixture *f) {
    pg_reader_free(f->reader);
    pg_close(f->exporter);
}

/* Polls until something comes, or the statement has ended. */
static enum pg_reader_state next(struct fixture *f) {
    enum pg_reader_state state;
    assert_true(pg_reader_send(f->reader, &f->err));
    while ((state = pg_reader_step(f->reader, &f->cursor, &f->rows, &f->end, &f->err)) == PG_READER_WAIT) {
        struct pollfd p = {.fd = pg_reader_fd(f->reader), .events = POLLIN};
        if (pg_reader_idle(f->reader)) break;
        if (pg_reader_wants_write(f->reader)) p.events |= POLLOUT;
        assert_true(poll(&p, 1, 20000) > 0);
    }
    return state;
}

/* The server's word that it is ready may come after the last rows: only then may the next statement be asked for. */
static void until_idle(struct fixture *f) {
    struct fixture last = *f;
    while (!pg_reader_idle(f->reader)) assert_int_equal(next(f), PG_READER_WAIT);
    f->cursor = last.cursor, f->rows = last.rows, f->end = last.end;
}

static void expect_rows(struct fixture *f, int cursor, int count, bool end) {
    if (next(f) != PG_READER_ROWS) fail_msg("%s", f->err.text);
    assert_int_equal(f->cursor, cursor);
    assert_int_equal(pg_rowset_count(f->rows), count);
    assert_int_equal(f->end, end);
    pg_rowset_free(f->rows);
}

static void end_backend(struct fixture *f, bool under_way) {
    char sql[80];
    struct pg_result *pid = pg_query(pg_reader_connection(f->reader), &f->err, "SELECT pg_backend_pid()");
    assert_non_null(pid);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%s)", pg_text(pid, 0, 0));
    pg_result_free(pid);
    if (under_way) {
        assert_true(pg_reader_open(f->reader, 0, "SELECT i, pg_sleep(i / 100) FROM generate_series(1, 1000) i", 1000, &f->err));
        assert_true(pg_reader_send(f->reader, &f->err));
    }
    run(sql);
}

/* --- rows --- */

/* All that the ways must agree on: as text, row by row. */
static char *read_all(struct fixture *f, const char *sql, int fetch) {
    char *text;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    struct pg_field fields[8];
    assert_non_null(out);
    f->end = false;
    for (bool opened = false; !f->end; opened = true) {
        bool asked = opened ? pg_reader_fetch(f->reader, 3, fetch, &f->err) : pg_reader_open(f->reader, 3, sql, fetch, &f->err);
        if (!asked || next(f) != PG_READER_ROWS) fail_msg("%s", f->err.text);
        until_idle(f);
        int columns = pg_rowset_columns(f->rows);
        assert_in_range(columns, 0, 8);
        assert_true(pg_rowset_bytes(f->rows) > 0);
        for (int row = 0; row < pg_rowset_count(f->rows); row++) {
            assert_true(pg_rowset_row(f->rows, row, fields, &f->err));
            for (int i = 0; i < columns; i++) {
                fprintf(out, "%d:", fields[i].len);
                if (fields[i].len > 0) fwrite(fields[i].data, 1, (size_t)fields[i].len, out);
            }
            fputc('\n', out);
        }
        pg_rowset_free(f->rows);
    }
    fclose(out);
    return text;
}

static void same_as_libpq(const char *sql, int fetch) {
    struct fixture f, by_libpq;
    open_fixture(&f);
    open_fixture(&by_libpq);
    pg_reader_use_libpq(by_libpq.reader);
    char *found = read_all(&f, sql, fetch), *expected = read_all(&by_libpq, sql, fetch);
    assert_true(strlen(expected) > 0);
    if (strcmp(found, expected) != 0) fail_msg("%s: the rows differ", sql);
    free(found);
    free(expected);
    close_fixture(&f);
    close_fixture(&by_libpq);
}

static void test_rows(void **state) {
    (void)state;
    same_as_libpq(
        "SELECT i, NULLIF(i % 3, 0), repeat('x', i % 100), NULL::text, ''::text, i * 1.5 FROM generate_series(1, 5000) i", 128);
    same_as_libpq("SELECT repeat('y', i * 7000) FROM generate_series(1, 100) i", 16); /* up to 700 KB */
    same_as_libpq("SELECT repeat('z', 20000000)", 8);
    same_as_libpq("SELECT FROM generate_series(1, 10)", 4);
    same_as_libpq("SELECT i FROM generate_series(1, 20000) i", 1);
}

/* What else the server says meanwhile. */
static void test_between_rows(void **state) {
    (void)state;
    run("CREATE FUNCTION hlua_reader.talk(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', i;"
        " PERFORM set_config('application_name', 'row ' || i, false); RETURN i; END $$");
    same_as_libpq("SELECT hlua_reader.talk(i), repeat('x', 50) FROM generate_series(1, 3000) i", 100);
}

/* A statement that does not fit in the socket's buffers. */
static void test_long_statement(void **state) {
    (void)state;
    enum { LONG = 12000000 };
    struct fixture f;
    char *sql = malloc(LONG + 100);
    assert_non_null(sql);
    open_fixture(&f);
    int n = snprintf(sql, LONG, "SELECT length('");
    memset(sql + n, 'x', LONG);
    snprintf(sql + n + LONG, 3, "')");
    assert_true(pg_reader_open(f.reader, 0, sql, 10, &f.err));
    expect_rows(&f, 0, 1, true);
    until_idle(&f);
    assert_true(pg_reader_open(f.reader, 0, sql, 10, &f.err));
    assert_true(pg_reader_send(f.reader, &f.err));
    pg_reader_drain(f.reader);
    free(sql);
    close_fixture(&f);
}

/* Several FETCHes in one statement come in their order; what is asked of a cursor beyond its end brings nothing. */
static void test_several_asked(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_true(pg_reader_open(f.reader, 0, "SELECT generate_series(1, 10)", 4, &f.err));
    assert_true(pg_reader_open(f.reader, 1, "SELECT generate_series(1, 2)", 4, &f.err));
    for (int i = 2; i < PG_READER_ASKED_MAX; i++) assert_true(pg_reader_fetch(f.reader, 0, 4, &f.err));
    assert_false(pg_reader_takes(f.reader));
    assert_false(pg_reader_fetch(f.reader, 0, 4, &f.err)); /* it is full */
    expect_rows(&f, 0, 4, false);
    expect_rows(&f, 1, 2, true);
    expect_rows(&f, 0, 4, false);
    expect_rows(&f, 0, 2, true);
    until_idle(&f);
    assert_true(pg_reader_open(f.reader, 1, "SELECT 1", 4, &f.err)); /* closed on the server as well */
    expect_rows(&f, 1, 1, true);
    close_fixture(&f);
}

/* The rows of an earlier FETCH stay while later ones come; some are freed after the reader. */
static void test_rows_stay(void **state) {
    (void)state;
    struct fixture f;
    struct pg_rowset *kept[10];
    struct pg_field field;
    open_fixture(&f);
    for (int i = 0; i < 10; i++) {
        bool asked = i ? pg_reader_fetch(f.reader, 0, 500, &f.err)
                       : pg_reader_open(f.reader, 0, "SELECT i::text FROM generate_series(1000, 9999) i", 500, &f.err);
        if (!asked || next(&f) != PG_READER_ROWS) fail_msg("%s", f.err.text);
        until_idle(&f);
        kept[i] = f.rows;
    }
    for (int i = 0; i < 10; i++) {
        if (i == 5) close_fixture(&f);
        for (int row = 0; row < 500; row++) {
            char expected[20];
            snprintf(expected, sizeof expected, "%d", 1000 + 500 * i + row);
            assert_true(pg_rowset_row(kept[i], row, &field, &f.err));
            assert_int_equal(field.len, 4);
            assert_memory_equal(field.data, expected, 4);
        }
        pg_rowset_free(kept[i]);
    }
}

/* --- failures --- */

/* The failure arrives at the cursor that met it; the others are gone with the transaction. */
static void test_failure(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    assert_true(pg_reader_open(f.reader, 0, "SELECT generate_series(1, 100)", 10, &f.err));
    assert_false(pg_reader_idle(f.reader));
    assert_true(pg_reader_send(f.reader, &f.err));
    assert_false(pg_reader_takes(f.reader));
    assert_false(pg_reader_fetch(f.reader, 0, 10, &f.err)); /* a statement is under way */
    assert_int_equal(next(&f), PG_READER_ROWS);
    struct pg_rowset *old = f.rows;
    until_idle(&f);
    assert_true(pg_reader_idle(f.reader));
    assert_false(f.end);
    assert_false(pg_reader_open(f.reader, 0, "SELECT 1", 10, &f.err)); /* it is open */
    assert_false(pg_reader_fetch(f.reader, 9, 10, &f.err));            /* it is not */
    assert_true(pg_reader_open(f.reader, 1, "SELECT 1 / (3 - i) FROM generate_series(1, 5) i", 10, &f.err));
    assert_int_equal(next(&f), PG_READER_FAILED);
    assert_int_equal(pg_rowset_count(old), 10); /* the old rows stay */
    pg_rowset_free(old);
    assert_string_equal(f.err.code, "22012");
    assert_string_equal(f.err.text, "division by zero");
    assert_false(f.err.retryable);
    assert_int_equal(f.cursor, 1);
    assert_false(pg_reader_open(f.reader, 2, "SELECT 1", 10, &f.err));
    assert_true(pg_reader_restart(f.reader, &f.err));
    assert_true(pg_reader_open(f.reader, 0, "SELECT 1", 10, &f.err));
    assert_true(pg_reader_send(f.reader, &f.err));
    pg_reader_drain(f.reader);
    assert_true(pg_reader_idle(f.reader));
    assert_true(pg_reader_restart(f.reader, &f.err));
    assert_true(pg_reader_open(f.reader, 0, "SELECT 1 FROM nowhere", 10, &f.err));
    assert_true(pg_reader_open(f.reader, 1, "SELECT 1", 10, &f.err));
    assert_int_equal(next(&f), PG_READER_FAILED);
    assert_string_equal(f.err.code, "42P01");
    assert_int_equal(f.cursor, 0);
    close_fixture(&f);
}

/* Detail, context and hint of the server's message are told in the same way by all. */
static void test_failure_text(void **state) {
    (void)state;
    static const char sql[] = "SELECT hlua_reader.fail(i) FROM generate_series(1, 300) i";
    struct fixture f, by_libpq;
    run("CREATE FUNCTION hlua_reader.fail(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN IF i = 250 THEN RAISE 'row %', i USING"
        " ERRCODE = '22999', DETAIL = E'two\\nlines.', HINT = 'mend it'; END IF; RETURN i; END $$");
    open_fixture(&f);
    open_fixture(&by_libpq);
    pg_reader_use_libpq(by_libpq.reader);
    assert_true(pg_reader_open(f.reader, 0, sql, 1000, &f.err));
    assert_true(pg_reader_open(by_libpq.reader, 0, sql, 1000, &by_libpq.err));
    assert_int_equal(next(&f), PG_READER_FAILED);
    assert_int_equal(next(&by_libpq), PG_READER_FAILED);
    assert_string_equal(f.err.text, "row 250 (two; lines)");
    assert_string_equal(f.err.text, by_libpq.err.text);
    assert_string_equal(f.err.hint, by_libpq.err.hint);
    assert_string_equal(f.err.code, by_libpq.err.code);
    close_fixture(&f);
    close_fixture(&by_libpq);
}

/* The server ends the connection: the failure is retryable, and a restart connects anew. */
static void test_lost_connection(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    end_backend(&f, false);
    usleep(100000);
    if (pg_reader_open(f.reader, 0, "SELECT 1", 10, &f.err)) assert_int_equal(next(&f), PG_READER_FAILED);
    assert_true(f.err.retryable);
    bool last_word = strcmp(f.err.code, "57P01") == 0;
    assert_true(last_word || (way.by_libpq && strcmp(f.err.code, "08006") == 0)); /* libpq may find the connection gone first */
    assert_true(pg_reader_restart(f.reader, &f.err));
    assert_true(pg_reader_try(f.reader, "SELECT 1", &f.err));
    close_fixture(&f);
}

static void test_lost_under_way(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    end_backend(&f, true);
    assert_int_equal(next(&f), PG_READER_FAILED);
    assert_string_equal(f.err.code, "57P01");
    assert_string_equal(f.err.text, "terminating connection due to administrator command");
    assert_true(f.err.retryable);
    assert_false(pg_reader_open(f.reader, 0, "SELECT 1", 10, &f.err));
    assert_true(pg_reader_restart(f.reader, &f.err));
    end_backend(&f, true);
    pg_reader_drain(f.reader);
    assert_true(pg_reader_idle(f.reader));
    assert_true(pg_reader_restart(f.reader, &f.err));
    assert_true(pg_reader_open(f.reader, 0, "SELECT 1", 10, &f.err));
    expect_rows(&f, 0, 1, true);
    close_fixture(&f);
}

/* Left in the midst of an answer. */
static void test_dropped(void **state) {
    (void)state;
    struct fixture f;
    open_fixture(&f);
    for (int i = 0; i < 8; i++)
        assert_true(pg_reader_open(f.reader, i, "SELECT repeat('x', 1000) FROM generate_series(1, 2000)", 2000, &f.err));
    expect_rows(&f, 0, 2000, false);
    pg_reader_drain(f.reader);
    assert_true(pg_reader_restart(f.reader, &f.err));
    for (int i = 0; i < 8; i++)
        assert_true(pg_reader_open(f.reader, i, "SELECT repeat('x', 1000) FROM generate_series(1, 2000)", 2000, &f.err));
    expect_rows(&f, 0, 2000, false);
    close_fixture(&f);
}

static int set_up(void **state) {
    (void)state;
    struct error err = {0};
    writer = pg_connect(plain_uri, &err);
    if (writer == NULL) print_error("%s\n", err.text);
    if (writer == NULL) return -1;
    run("SET default_transaction_read_only = off; SET client_min_messages = error");
    run("DROP SCHEMA IF EXISTS hlua_reader CASCADE; CREATE SCHEMA hlua_reader");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    run("DROP SCHEMA hlua_reader CASCADE");
    pg_close(writer);
    return 0;
}

static int run_all(const char *name, const char *uri, bool by_libpq) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),          cmocka_unit_test(test_between_rows),    cmocka_unit_test(test_long_statement),
        cmocka_unit_test(test_several_asked), cmocka_unit_test(test_rows_stay),       cmocka_unit_test(test_failure),
        cmocka_unit_test(test_failure_text),  cmocka_unit_test(test_lost_connection), cmocka_unit_test(test_lost_under_way),
        cmocka_unit_test(test_dropped),
    };
    way.uri = uri;
    way.by_libpq = by_libpq;
    return cmocka_run_group_tests_name(name, tests, set_up, tear_down);
}

int main(void) {
    const char *uri = getenv("HLUA_TEST_PG_URI");
    if (uri == NULL) {
        printf("1..0 # SKIP HLUA_TEST_PG_URI is not set\n");
        return 0;
    }
    snprintf(plain_uri, sizeof plain_uri, "%s?sslmode=disable", uri);
    snprintf(tls_uri, sizeof tls_uri, "%s?sslmode=require", uri);
    int failed = run_all("pg reader", plain_uri, false) + run_all("pg reader through libpq", plain_uri, true);
    if (getenv("HLUA_TEST_PG_TLS")) {
        failed += run_all("pg reader over TLS", tls_uri, false) + run_all("pg reader through libpq over TLS", tls_uri, true);
    } else {
        printf("1..1\nok 1 - over TLS # SKIP the server has none\n");
    }
    return failed;
}
