/* Rows for people to look at (pg/sample.h) on a real server: HLUA_TEST_PG_URI names a database in which the schema
 * hlua_sample may be made and dropped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg/sample.h"

static const char *uri;
static struct pg_connection *writer;

static void run(const char *sql) {
    struct error err = {0};
    if (!pg_run(writer, &err, sql)) fail_msg("%s: %s", sql, err.text);
}

struct fixture {
    struct arena *arena;
    struct pg_connection *c;
    struct pg_source *source;
    struct pg_sample sample;
    struct error err;
};

static void open_fixture(struct fixture *f, const struct pg_source_spec *spec) {
    *f = (struct fixture){.arena = arena_new()};
    f->c = pg_connect(uri, &f->err);
    if (f->c == NULL) fail_msg("%s", f->err.text);
    f->source = pg_source_describe(f->c, spec, f->arena, &f->err);
    if (f->source == NULL) fail_msg("%s", f->err.text);
}

static void close_fixture(struct fixture *f) {
    pg_sample_free(&f->sample);
    pg_close(f->c);
    arena_free(f->arena);
}

static void sample(struct fixture *f, int wanted) {
    pg_sample_free(&f->sample);
    if (!pg_sample_read(f->c, f->source, wanted, NULL, f->arena, &f->sample, &f->err)) fail_msg("%s", f->err.text);
}

static bool find(struct fixture *f, const char *key) {
    pg_sample_free(&f->sample);
    return pg_sample_find(f->c, f->source, key, f->arena, &f->sample, &f->err);
}

/* The key of a row of the sample, in a static place. */
static const char *key_of(const struct fixture *f, int i) {
    static char text[300];
    struct pg_field fields[20];
    struct pg_row row = {.fields = fields};
    const struct pg_sample_row *r = &f->sample.rows[i];
    if (r->rows == NULL) return r->key;
    pg_source_selected(f->source, &row.count);
    struct error err;
    assert_true(pg_rowset_row(r->rows, r->row, fields, &err));
    pg_source_key_text(f->source, &row, text, sizeof text);
    return text;
}

static long number_of(const struct fixture *f, int i) {
    return strtol(strchr(key_of(f, i), '=') + 1, NULL, 10);
}

/* From ten places, in the order of the key, each row once; the same every time. */
static void test_spread(void **state) {
    (void)state;
    struct fixture f;
    run("CREATE TABLE hlua_sample.many AS SELECT i AS id, 'v' || i AS v FROM generate_series(1, 20000) i;"
        "ALTER TABLE hlua_sample.many ADD PRIMARY KEY (id); ANALYZE hlua_sample.many");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.many"});
    long first[100];
    sample(&f, 100);
    assert_int_equal(f.sample.count, 100);
    int places = 0;
    for (int i = 0; i < 100; i++) {
        first[i] = number_of(&f, i);
        if (i) assert_true(first[i] > first[i - 1]);
        places += i == 0 || first[i] > first[i - 1] + 100;
    }
    assert_int_equal(places, 10);
    assert_true(first[0] == 1 && first[99] > 17000);
    sample(&f, 100);
    for (int i = 0; i < 100; i++) assert_int_equal(number_of(&f, i), first[i]);
    sample(&f, 3);
    assert_int_equal(f.sample.count, 3);
    close_fixture(&f);
}

static void test_small_and_empty(void **state) {
    (void)state;
    struct fixture f;
    run("CREATE TABLE hlua_sample.few (k text PRIMARY KEY, v int); INSERT INTO hlua_sample.few VALUES ('a', 1), ('b', 2)");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.few"});
    sample(&f, 100);
    assert_int_equal(f.sample.count, 2);
    close_fixture(&f);
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.few", .where = "v > 5"});
    sample(&f, 100);
    assert_int_equal(f.sample.count, 0);
    close_fixture(&f);
    open_fixture(&f, &(struct pg_source_spec){.query = "SELECT v FROM hlua_sample.few"}); /* no key */
    sample(&f, 100);
    assert_int_equal(f.sample.count, 2);
    assert_false(find(&f, "v=1"));
    assert_int_equal(f.err.kind, ERROR_PLAN);
    close_fixture(&f);
}

/* Large rows: fewer of them. */
static void test_large_rows(void **state) {
    (void)state;
    struct fixture f;
    run("CREATE TABLE hlua_sample.large (id int PRIMARY KEY, v text); ALTER TABLE hlua_sample.large ALTER v SET STORAGE EXTERNAL;"
        "INSERT INTO hlua_sample.large SELECT i, repeat('x', 500000) FROM generate_series(1, 60) i; ANALYZE hlua_sample.large");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.large"});
    sample(&f, 100);
    assert_true(f.sample.count >= 10 && f.sample.count <= 20 && f.sample.bytes < (16 << 20));
    close_fixture(&f);
}

/* Rows that the server cannot give are in it, with their keys and what the server says. */
static void test_class_22(void **state) {
    (void)state;
    struct fixture f;
    struct pg_expression bad = {.name = "d", .sql = "1 / d"};
    run("CREATE TABLE hlua_sample.bad AS SELECT i AS id, CASE WHEN i IN (3, 4, 30) THEN 0 ELSE 1 END AS d FROM "
        "generate_series(1, 40) i;"
        "ALTER TABLE hlua_sample.bad ADD PRIMARY KEY (id)");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.bad", .expressions = &bad, .expression_count = 1});
    sample(&f, 100);
    assert_int_equal(f.sample.count, 40);
    int failed = 0;
    for (int i = 0; i < 40; i++) {
        const struct pg_sample_row *r = &f.sample.rows[i];
        long id = number_of(&f, i);
        assert_int_equal(r->rows == NULL, id == 3 || id == 4 || id == 30);
        if (r->rows) continue;
        failed++;
        assert_string_equal(r->code, "22012");
        assert_non_null(strstr(r->why, "zero"));
    }
    assert_int_equal(failed, 3);
    assert_true(find(&f, "id=30") && f.sample.count == 1 && f.sample.rows[0].rows == NULL);
    assert_string_equal(f.sample.rows[0].key, "id=30");
    close_fixture(&f);
}

/* Leaves without a key share their ctids: the row of the right leaf fails. */
static void test_class_22_in_a_leaf(void **state) {
    (void)state;
    struct fixture f;
    struct pg_expression bad = {.name = "d", .sql = "1 / d"};
    run("CREATE TABLE hlua_sample.leaves (id int, d int) PARTITION BY RANGE (id);"
        "CREATE TABLE hlua_sample.l1 PARTITION OF hlua_sample.leaves FOR VALUES FROM (0) TO (5);"
        "CREATE TABLE hlua_sample.l2 PARTITION OF hlua_sample.leaves FOR VALUES FROM (5) TO (9);"
        "INSERT INTO hlua_sample.leaves VALUES (1, 1), (2, 1), (5, 1), (6, 0)");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.leaves", .expressions = &bad, .expression_count = 1});
    sample(&f, 100);
    assert_int_equal(f.sample.count, 4);
    int failed = 0;
    for (int i = 0; i < 4; i++) failed += f.sample.rows[i].rows == NULL;
    assert_int_equal(failed, 1);
    assert_string_equal(f.sample.rows[3].key ? f.sample.rows[3].key : f.sample.rows[2].key, "ctid=(0,2)");
    close_fixture(&f);
}

/* One row by its key, in every form that a key's text has. */
static void test_find(void **state) {
    (void)state;
    struct fixture f;
    run("CREATE TABLE hlua_sample.keyed (a text, \"b,c\" timestamptz, n numeric, u boolean, PRIMARY KEY (a, \"b,c\", n, u));"
        "INSERT INTO hlua_sample.keyed VALUES ('x', '2024-01-15 10:30:00.5+02', 1.50, true), ('it''s', 'infinity', 'NaN', false),"
        " ('', '-infinity', 0, true)");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.keyed"});
    const char *keys[3] = {"a=,b,c=-infinity,n=0,u=true", "a=it's,b,c=infinity,n=NaN,u=false",
                           "a=x,b,c=2024-01-15T08:30:00.500000Z,n=1.50,u=true"};
    for (int i = 0; i < 3; i++) {
        if (!find(&f, keys[i])) fail_msg("%s: %s", keys[i], f.err.text);
        assert_int_equal(f.sample.count, 1);
        assert_string_equal(key_of(&f, 0), keys[i]);
    }
    assert_true(find(&f, "a=y,b,c=infinity,n=1,u=true") && f.sample.count == 0);
    static const char *const wrong[] = {
        "", "x", "a=x", "a=x,n=1,b,c=infinity,u=true", "a=x,b,c=never,n=1,u=true", "z=1", "a=x,b,c=infinity,n=1,u=\xff"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(find(&f, wrong[i]));
        assert_int_equal(f.err.kind, ERROR_USAGE);
        assert_non_null(strstr(f.err.hint, "a=...,b,c=...,n=...,u=..."));
    }
    close_fixture(&f);
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.few", .where = "v = 1"});
    assert_true(find(&f, "a") && f.sample.count == 1 && !f.sample.left_out);
    assert_true(find(&f, "k=b") && f.sample.count == 0 && f.sample.left_out);
    assert_true(find(&f, "k=c") && f.sample.count == 0 && !f.sample.left_out);
    close_fixture(&f);
}

/* A table without a key, a query with {range}, a partition. */
static void test_find_elsewhere(void **state) {
    (void)state;
    struct fixture f;
    run("CREATE TABLE hlua_sample.heap AS SELECT i AS v FROM generate_series(1, 50) i;"
        "CREATE TABLE hlua_sample.parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);"
        "CREATE TABLE hlua_sample.p1 PARTITION OF hlua_sample.parts FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE hlua_sample.p2 PARTITION OF hlua_sample.parts FOR VALUES FROM (10) TO (20);"
        "INSERT INTO hlua_sample.parts SELECT i, 'v' FROM generate_series(1, 19) i");
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.heap"});
    assert_true(find(&f, "ctid=(0,7)") && f.sample.count == 1);
    assert_string_equal(key_of(&f, 0), "ctid=(0,7)");
    assert_true(find(&f, "(0,7)") && f.sample.count == 1);
    assert_true(find(&f, "(999,7)") && f.sample.count == 0);
    assert_false(find(&f, "7"));
    close_fixture(&f);
    static const char *const key[] = {"id"};
    open_fixture(&f, &(struct pg_source_spec){
                         .query = "SELECT id, v FROM hlua_sample.parts WHERE {range} AND id <> 4;", .key = key, .key_count = 1});
    assert_true(find(&f, "15") && f.sample.count == 1 && find(&f, "4") && f.sample.count == 0);
    sample(&f, 100);
    assert_int_equal(f.sample.count, 18);
    close_fixture(&f);
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.parts"});
    assert_true(find(&f, "id=15") && f.sample.count == 1);
    sample(&f, 4);
    assert_true(number_of(&f, 0) < 10 && number_of(&f, f.sample.count - 1) >= 10); /* of both partitions */
    close_fixture(&f);
}

static void test_interrupt(void **state) {
    (void)state;
    struct fixture f;
    const volatile int stop = 1;
    open_fixture(&f, &(struct pg_source_spec){.from = "hlua_sample.few"});
    assert_false(pg_sample_read(f.c, f.source, 10, &stop, f.arena, &f.sample, &f.err));
    assert_int_equal(f.err.kind, ERROR_INTERRUPTED);
    close_fixture(&f);
}

static int set_up(void **state) {
    (void)state;
    struct error err = {0};
    writer = pg_connect(uri, &err);
    if (writer == NULL) print_error("%s\n", err.text);
    if (writer == NULL) return -1;
    run("SET default_transaction_read_only = off");
    run("DROP SCHEMA IF EXISTS hlua_sample CASCADE; CREATE SCHEMA hlua_sample");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    run("DROP SCHEMA hlua_sample CASCADE");
    pg_close(writer);
    return 0;
}

int main(void) {
    uri = getenv("HLUA_TEST_PG_URI");
    if (uri == NULL) {
        printf("1..0 # SKIP HLUA_TEST_PG_URI is not set\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spread),         cmocka_unit_test(test_small_and_empty),    cmocka_unit_test(test_large_rows),
        cmocka_unit_test(test_class_22),       cmocka_unit_test(test_class_22_in_a_leaf), cmocka_unit_test(test_find),
        cmocka_unit_test(test_find_elsewhere), cmocka_unit_test(test_interrupt),
    };
    return cmocka_run_group_tests_name("pg sample", tests, set_up, tear_down);
}
