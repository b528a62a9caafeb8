/* Sources, ranges and the reader on a real server: HLUA_TEST_PG_URI names a database in which the schema
 * hlua_test may be made and dropped. TAP with CMOCKA_MESSAGE_OUTPUT=TAP. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "pg/connect.h"
#include "pg/reader.h"
#include "pg/source.h"
#include "pg/types.h"

static struct pg_connection *writer; /* makes the tables */
static const char *uri;

static void run(const char *sql) {
    struct error err = {0};
    if (!pg_run(writer, &err, sql)) fail_msg("%s: %s", sql, err.text);
}

static int64_t ask(const char *sql) {
    struct error err = {0};
    struct pg_result *r = pg_query(writer, &err, sql);
    if (r == NULL) fail_msg("%s: %s", sql, err.text);
    int64_t value = strtoll(pg_text(r, 0, 0), NULL, 10);
    pg_result_free(r);
    return value;
}

/* --- a source under test: exporter, snapshot, reader --- */

struct fixture {
    struct arena *arena;
    struct pg_connection *exporter;
    struct pg_snapshot snapshot;
    struct pg_source *source;
    struct pg_reader *reader;
    struct pg_range *ranges;
    int range_count, column_count;
};

static void open_fixture(struct fixture *f, const struct pg_source_spec *spec, int64_t rows) {
    struct error err = {0};
    *f = (struct fixture){.arena = arena_new()};
    if ((f->exporter = pg_connect(uri, &err)) == NULL) fail_msg("%s", err.text);
    if (!pg_snapshot_export(f->exporter, &f->snapshot, &err)) fail_msg("%s", err.text);
    if ((f->source = pg_source_describe(f->exporter, spec, f->arena, &err)) == NULL)
        fail_msg("%s: %s (%s) hint: %s", spec->from ? spec->from : spec->query, err.text, err.code, err.hint);
    if (!pg_source_ranges(f->exporter, f->source, rows, 32 << 20, f->arena, &f->ranges, &f->range_count, &err))
        fail_msg("%s", err.text);
    if ((f->reader = pg_reader_new(uri, f->snapshot.id, &err)) == NULL) fail_msg("%s", err.text);
    pg_source_selected(f->source, &f->column_count);
}

static void close_fixture(struct fixture *f) {
    pg_reader_free(f->reader);
    pg_close(f->exporter);
    arena_free(f->arena);
}

/* Polls until something comes. */
static enum pg_reader_state next(struct pg_reader *r, int *cursor, struct pg_rowset **out, bool *end, struct error *err) {
    enum pg_reader_state state;
    assert_true(pg_reader_send(r, err));
    while ((state = pg_reader_step(r, cursor, out, end, err)) == PG_READER_WAIT) {
        struct pollfd p = {.fd = pg_reader_fd(r), .events = POLLIN};
        if (pg_reader_wants_write(r)) p.events |= POLLOUT;
        assert_true(poll(&p, 1, 20000) > 0);
    }
    return state;
}

struct keys {
    char **text;
    int count, room;
};

static void add_keys(struct fixture *f, const struct pg_rowset *rows, struct keys *keys) {
    struct pg_field *fields = malloc(((size_t)f->column_count + 1) * sizeof *fields);
    struct pg_row row = {.fields = fields, .count = f->column_count};
    for (int i = 0; i < pg_rowset_count(rows); i++) {
        char text[300];
        struct error err;
        assert_true(pg_rowset_row(rows, i, fields, &err));
        pg_source_key_text(f->source, &row, text, sizeof text);
        if (keys->count == keys->room) {
            keys->room = keys->room ? 2 * keys->room : 1024;
            keys->text = realloc(keys->text, (size_t)keys->room * sizeof *keys->text);
        }
        keys->text[keys->count++] = strdup(text);
    }
    free(fields);
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads up to 40 ranges at a time, fetching in turn, all of them to the end. */
static void read_all(struct fixture *f, struct keys *keys, int fetch) {
    struct error err = {0};
    int opened = 0;
    bool is_open[40] = {0};
    for (int live = 0; opened < f->range_count || live;) {
        for (int slot = 0; slot < 40; slot++) {
            bool sent;
            if (is_open[slot]) {
                sent = pg_reader_fetch(f->reader, slot, fetch, &err);
            } else if (opened < f->range_count) {
                char *sql = pg_source_sql(f->source, &f->ranges[opened++], -1, f->arena);
                assert_non_null(sql);
                sent = pg_reader_open(f->reader, slot, sql, fetch, &err);
                is_open[slot] = true;
                live++;
            } else {
                continue;
            }
            int cursor;
            bool end;
            struct pg_rowset *rows;
            if (!sent || next(f->reader, &cursor, &rows, &end, &err) != PG_READER_ROWS) fail_msg("%s", err.text);
            assert_int_equal(cursor, slot);
            add_keys(f, rows, keys);
            pg_rowset_free(rows);
            if (end) is_open[slot] = false, live--;
        }
    }
}

/* Every row in exactly one range: as many rows as expected, and all keys different. Returns the number of
 * ranges. */
static int cover(const struct pg_source_spec *spec, int64_t rows, int64_t expected, enum pg_key_kind kind) {
    struct fixture f;
    struct keys keys = {0};
    open_fixture(&f, spec, rows);
    assert_int_equal(pg_source_key_kind(f.source), kind);
    read_all(&f, &keys, 64);
    assert_int_equal(keys.count, expected);
    if (keys.count) qsort(keys.text, (size_t)keys.count, sizeof *keys.text, by_text);
    for (int i = 0; i < keys.count; i++) {
        if (i && kind == PG_KEY_COLUMNS && strcmp(keys.text[i], keys.text[i - 1]) == 0) fail_msg("twice: %s", keys.text[i]);
    }
    for (int i = 0; i < keys.count; i++) free(keys.text[i]);
    free(keys.text);
    int count = f.range_count;
    close_fixture(&f);
    return count;
}

#define NAMES(...)                                                                                                               \
    (const char *const[]) {                                                                                                      \
        __VA_ARGS__                                                                                                              \
    }

/* --- keys and ranges --- */

static void test_integers(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.even (id int PRIMARY KEY, t text); INSERT INTO hlua_test.even SELECT i, "
        "repeat('x', 50) "
        "FROM generate_series(1, 20000) i; ANALYZE hlua_test.even");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.even"}, 1000, 20000, PG_KEY_COLUMNS), 20);
    run("CREATE TABLE hlua_test.gaps (id bigint PRIMARY KEY, t text); INSERT INTO hlua_test.gaps SELECT i * "
        "i * i * i - 5000,"
        " 'x' FROM generate_series(1, 5000::bigint) i");
    int ranges = cover(&(struct pg_source_spec){.from = "hlua_test.gaps"}, 500, 5000, PG_KEY_COLUMNS);
    assert_in_range(ranges, 9, 11);
    run("CREATE TABLE hlua_test.edges (id bigint PRIMARY KEY); INSERT INTO hlua_test.edges VALUES "
        "(-9223372036854775808),"
        " (9223372036854775807), (0), (1)");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.edges"}, 1, 4, PG_KEY_COLUMNS), 4);
}

static void test_few_rows(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.empty (id int PRIMARY KEY); CREATE TABLE hlua_test.one (id int PRIMARY KEY);"
        "INSERT INTO hlua_test.one VALUES (7)");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.empty"}, 50000, 0, PG_KEY_COLUMNS), 1);
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.one"}, 50000, 1, PG_KEY_COLUMNS), 1);
}

static void test_odd_names(void **state) {
    (void)state;
    /* a server may be built without ICU (tests/pg/run asks it) */
    if (getenv("HLUA_TEST_NO_ICU")) {
        run("CREATE COLLATION hlua_test.odd (locale = 'C')");
    } else {
        run("CREATE COLLATION hlua_test.odd (provider = icu, locale = 'en')");
    }
    run("CREATE TABLE hlua_test.\"Ta\"\"ble é\" (\"K ey\"\"1\" text COLLATE hlua_test.odd, \"ключ\" "
        "timestamptz NOT NULL,"
        " \"select\" int, PRIMARY KEY (\"K ey\"\"1\", \"ключ\"));"
        "INSERT INTO hlua_test.\"Ta\"\"ble é\" SELECT (ARRAY['a''b', 'B\\', 'é\"', '', E'tab\\t\\n', '日本', "
        "'A', 'a'])[1 + i % 8],"
        " timestamptz '1999-12-31 23:00+01' + i * interval '1.000001 second', i FROM generate_series(1, "
        "4000) i;"
        "INSERT INTO hlua_test.\"Ta\"\"ble é\" VALUES ('a', 'infinity', 0), ('a', '-infinity', 0)");
    int ranges = cover(&(struct pg_source_spec){.from = "hlua_test.\"Ta\"\"ble é\""}, 300, 4002, PG_KEY_COLUMNS);
    assert_in_range(ranges, 13, 15);
}

static void test_other_keys(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.uuids (id uuid PRIMARY KEY, n int); INSERT INTO hlua_test.uuids SELECT "
        "md5(i::text)::uuid, i"
        " FROM generate_series(1, 3000) i;"
        "CREATE TABLE hlua_test.floats (id float8 UNIQUE NOT NULL, n int); INSERT INTO hlua_test.floats "
        "SELECT i / 7.0, i FROM"
        " generate_series(-1000, 1000) i UNION ALL SELECT 'NaN', 0 UNION ALL SELECT 'Infinity', 0;"
        "CREATE TABLE hlua_test.bytes (id bytea, b bpchar(8), d numeric, PRIMARY KEY (id, b, d));"
        "INSERT INTO hlua_test.bytes SELECT decode(md5(i::text), 'hex'), 'a' || i % 3, i / 10.0 FROM "
        "generate_series(1, 2000) i;"
        "CREATE TYPE hlua_test.\"Mo'od\" AS ENUM ('b', 'a''c'); CREATE DOMAIN hlua_test.dom AS varchar(30);"
        "CREATE TABLE hlua_test.enums (m hlua_test.\"Mo'od\", d hlua_test.dom, i inet, PRIMARY KEY (m, d, "
        "i));"
        "INSERT INTO hlua_test.enums SELECT (enum_range(NULL::hlua_test.\"Mo'od\"))[1 + i % 2], 'd' || i % "
        "10,"
        " inet '10.0.0.0' + i FROM generate_series(1, 2000) i");
    assert_in_range(cover(&(struct pg_source_spec){.from = "hlua_test.uuids"}, 100, 3000, PG_KEY_COLUMNS), 25, 35);
    assert_in_range(cover(&(struct pg_source_spec){.from = "hlua_test.floats"}, 100, 2003, PG_KEY_COLUMNS), 18, 24);
    assert_in_range(cover(&(struct pg_source_spec){.from = "hlua_test.bytes"}, 100, 2000, PG_KEY_COLUMNS), 18, 22);
    assert_in_range(cover(&(struct pg_source_spec){.from = "hlua_test.enums"}, 100, 2000, PG_KEY_COLUMNS), 18, 22);
}

/* Large enough that the boundaries come from pages of a sample; small enough to be cut into more ranges than 10,000 rows make. */
static void test_sample(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.large (id uuid PRIMARY KEY, n int); INSERT INTO hlua_test.large"
        " SELECT md5(i::text)::uuid, i FROM generate_series(1, 300000) i; ANALYZE hlua_test.large");
    assert_in_range(cover(&(struct pg_source_spec){.from = "hlua_test.large"}, 10000, 300000, PG_KEY_COLUMNS), 100, 150);
    struct pg_source_spec query = {
        .query = "SELECT id, n FROM hlua_test.large WHERE {range}", .key = NAMES("id"), .key_count = 1};
    assert_in_range(cover(&query, 10000, 300000, PG_KEY_COLUMNS), 100, 150);
}

static void test_parts(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.p (id int, r text, v int, PRIMARY KEY (id, r)) PARTITION BY LIST (r);"
        "CREATE TABLE hlua_test.p_a PARTITION OF hlua_test.p FOR VALUES IN ('a') PARTITION BY RANGE (id);"
        "CREATE TABLE hlua_test.p_a1 PARTITION OF hlua_test.p_a FOR VALUES FROM (0) TO (500);"
        "CREATE TABLE hlua_test.p_a2 (v int, r text NOT NULL, dropped int, id int NOT NULL);"
        "ALTER TABLE hlua_test.p_a2 DROP COLUMN dropped;"
        "ALTER TABLE hlua_test.p_a ATTACH PARTITION hlua_test.p_a2 FOR VALUES FROM (500) TO (100000);"
        "CREATE TABLE hlua_test.\"p rest\" PARTITION OF hlua_test.p DEFAULT;"
        "INSERT INTO hlua_test.p SELECT i, (ARRAY['a', 'b', 'c'])[1 + i % 3], i FROM generate_series(1, "
        "3000) i");
    struct pg_source_spec p = {.from = "hlua_test.p", .where = "p.v >= 0"};
    assert_in_range(cover(&p, 200, 3000, PG_KEY_COLUMNS), 14, 20);
    run("CREATE TABLE hlua_test.none (id int PRIMARY KEY) PARTITION BY RANGE (id)");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.none"}, 200, 0, PG_KEY_COLUMNS), 1);
    run("CREATE TABLE hlua_test.parent (id int PRIMARY KEY, v text); CREATE TABLE hlua_test.child (x int, "
        "PRIMARY KEY (id))"
        " INHERITS (hlua_test.parent); INSERT INTO hlua_test.parent SELECT i FROM generate_series(1, 100) i;"
        " INSERT INTO hlua_test.child SELECT i FROM generate_series(101, 1000) i");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.parent"}, 100, 1000, PG_KEY_COLUMNS), 10);
    run("CREATE TABLE hlua_test.child2 () INHERITS (hlua_test.parent); INSERT INTO hlua_test.child2 SELECT i "
        "FROM"
        " generate_series(1, 50) i");
    cover(&(struct pg_source_spec){.from = "hlua_test.parent"}, 100, 1050, PG_KEY_CTID);
}

static void test_keyless(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.keyless (a int, t text); INSERT INTO hlua_test.keyless SELECT i % 10, "
        "repeat('x', 200)"
        " FROM generate_series(1, 5000) i; CREATE UNIQUE INDEX ON hlua_test.keyless (a) WHERE a > 100");
    int ranges = cover(&(struct pg_source_spec){.from = "hlua_test.keyless"}, 200, 5000, PG_KEY_CTID);
    assert_in_range(ranges, 20, 30);
    run("CREATE VIEW hlua_test.v AS SELECT * FROM hlua_test.even; CREATE MATERIALIZED VIEW hlua_test.m AS"
        " SELECT * FROM hlua_test.even");
    assert_int_equal(cover(&(struct pg_source_spec){.from = "hlua_test.v"}, 1000, 20000, PG_KEY_NONE), 1);
    assert_true(cover(&(struct pg_source_spec){.from = "hlua_test.m"}, 1000, 20000, PG_KEY_CTID) > 10);
    struct pg_source_spec keyed = {.from = "hlua_test.v", .key = NAMES("id"), .key_count = 1};
    assert_in_range(cover(&keyed, 1000, 20000, PG_KEY_COLUMNS), 19, 21);
    keyed.from = "hlua_test.m";
    assert_in_range(cover(&keyed, 1000, 20000, PG_KEY_COLUMNS), 19, 21);
}

static void test_queries(void **state) {
    (void)state;
    struct pg_source_spec q = {.query = "SELECT e.id, e.t, g.id AS other FROM hlua_test.even e LEFT JOIN "
                                        "hlua_test.gaps g USING (id) ; \n ",
                               .key = NAMES("id"),
                               .key_count = 1};
    assert_int_equal(ask("SELECT count(*) FROM hlua_test.even"), 20000);
    assert_in_range(cover(&q, 1000, 20000, PG_KEY_COLUMNS), 15, 45);
    q.query = "SELECT e.* FROM hlua_test.even e WHERE e.id > 10 AND {range} -- with a comment";
    assert_in_range(cover(&q, 1000, 19990, PG_KEY_COLUMNS), 15, 25);
    q.query = "SELECT id % 100 AS a, id / 100 AS b, max(t) AS t FROM hlua_test.even GROUP BY 1, 2";
    q.key = NAMES("a", "b");
    q.key_count = 2;
    assert_in_range(cover(&q, 1000, 20000, PG_KEY_COLUMNS), 15, 25);
    q.where = "b < 10";
    assert_in_range(cover(&q, 100, 999, PG_KEY_COLUMNS), 9, 12);
    q.key_count = 0;
    assert_int_equal(cover(&q, 100, 999, PG_KEY_NONE), 1);
}

static void test_where(void **state) {
    (void)state;
    struct pg_source_spec s = {.from = "hlua_test.even", .where = "id % 10 = 3 -- a tenth"};
    assert_in_range(cover(&s, 100, 2000, PG_KEY_COLUMNS), 18, 22);
    /* where itself fails on a row: ranges are made all the same */
    struct fixture f;
    s.where = "1 / (id - 500) < 5";
    open_fixture(&f, &s, 1000);
    assert_in_range(f.range_count, 18, 22);
    close_fixture(&f);
}

/* --- mistakes of the plan --- */

static void refuse(const struct pg_source_spec *spec, const char *text, const char *hint) {
    struct error err = {0};
    struct arena *a = arena_new();
    struct pg_connection *c = pg_connect(uri, &err);
    assert_non_null(c);
    struct pg_source *s = pg_source_describe(c, spec, a, &err);
    struct pg_range *ranges;
    int count;
    if (s) assert_false(pg_source_ranges(c, s, 100, 32 << 20, a, &ranges, &count, &err));
    if (err.kind != ERROR_PLAN || !strstr(err.text, text) || !strstr(err.hint, hint))
        fail_msg("kind %d: %s (%s) hint: %s", err.kind, err.text, err.code, err.hint);
    pg_close(c);
    arena_free(a);
}

static void test_mistakes(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.\"IntegrationLogs\" (\"LogId\" int, \"LogTimestamp\" text, n int NOT NULL "
        "UNIQUE)");
    refuse(&(struct pg_source_spec){.from = "hlua_test.IntegrationLogs"}, "no relation hlua_test.IntegrationLogs",
           "did you mean hlua_test.\"IntegrationLogs\"?");
    refuse(&(struct pg_source_spec){.from = "hlua_test.a b"}, "hlua_test.a b", "");
    refuse(&(struct pg_source_spec){.from = "hlua_test.even_pkey"}, "is an index", "");
    struct pg_source_spec s = {.from = "hlua_test.\"IntegrationLogs\"", .key = NAMES("logid"), .key_count = 1};
    refuse(&s, "no key column \"logid\"", "did you mean \"LogId\"?");
    s.key = NAMES("LogId");
    refuse(&s, "can be NULL", "");
    s = (struct pg_source_spec){.from = "hlua_test.p", .key = NAMES("id"), .key_count = 1};
    refuse(&s, "not unique", "");
    s = (struct pg_source_spec){.from = "hlua_test.\"IntegrationLogs\"", .where = "\"LogTimestmp\" > ''"};
    refuse(&s, "where: column \"LogTimestmp\" does not exist", "LogTimestamp");
    s.where = "n +";
    refuse(&s, "syntax error", "where is a condition in SQL on the columns of hlua_test.\"IntegrationLogs\"");
    struct pg_expression e = {.name = "n", .sql = "\"Nothing\" + 1"};
    s = (struct pg_source_spec){.from = "hlua_test.\"IntegrationLogs\"", .expressions = &e, .expression_count = 1};
    refuse(&s, "the expression of column \"n\": column \"Nothing\" does not exist", "(columns: LogId");
    s = (struct pg_source_spec){.query = "SELECT * FROM hlua_test.evn"};
    refuse(&s, "does not exist", "hlua_test.even");
    s.query = "SELECT 1 AS a; -- one";
    refuse(&s, "the query: syntax error", "semicolon");
    s = (struct pg_source_spec){.query = "SELECT 1 AS a, 2 AS a"};
    refuse(&s, "twice", "AS");
    s = (struct pg_source_spec){.query = "SELECT nullif(id, 5) AS id FROM hlua_test.even", .key = NAMES("id"), .key_count = 1};
    refuse(&s, "NULL in some row", "");
    s = (struct pg_source_spec){
        .query = "SELECT a.id AS x FROM hlua_test.even a, hlua_test.one b WHERE {range}", .key = NAMES("x"), .key_count = 1};
    refuse(&s, "{range}", "wrapped");
    refuse(&(struct pg_source_spec){0}, "either", "");
}

static void test_passwords(void **state) {
    (void)state;
    static const char *const uris[] = {"postgresql://u:sec ret@/x?sslmode=zz",
                                       "host=/nowhere password=secret junk",
                                       "postgresql://u:p@secret@host/db",
                                       "postgresql://u:secret/x@host/db",
                                       "postgresql://u:secret@127.0.0.1:1/secret",
                                       "postgresql://h:secret/db",
                                       "u:secret@host/db",
                                       "secret"};
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        struct error err = {0};
        assert_null(pg_connect(uris[i], &err));
        assert_int_equal(err.kind, ERROR_SOURCE);
        if (strstr(err.text, "secret") || strstr(err.text, "sec ret") || strstr(err.hint, "secret")) fail_msg("%s", err.text);
    }
}

/* --- values --- */

struct expected {
    const char *sql, *name;
    enum pg_type type;
    const char *text; /* of numbers, times and texts */
};

static const struct expected values[] = {
    {"true", "bool", PG_BOOL, "true"},
    {"(-5)::int2", "int2", PG_INT2, "-5"},
    {"2147483647::int4", "int4", PG_INT4, "2147483647"},
    {"(-9223372036854775808)::int8", "int8", PG_INT8, "-9223372036854775808"},
    {"1.1::float4", "float4", PG_FLOAT4, "1.1"},
    {"1e-7::float8", "float8", PG_FLOAT8, "1E-7"},
    {"1234567890.1200::numeric", "numeric", PG_NUMERIC, "1234567890.1200"},
    {"0.00001::numeric", "numeric2", PG_NUMERIC, "0.00001"},
    {"1e30::numeric", "numeric3", PG_NUMERIC, "1000000000000000000000000000000"},
    {"'é'::text", "text", PG_TEXT, "é"},
    {"'a'::varchar(5)", "varchar", PG_TEXT, "a"},
    {"'a'::bpchar(3)", "bpchar", PG_TEXT, "a  "},
    {"'n'::name", "name", PG_TEXT, "n"},
    {"'a''c'::hlua_test.\"Mo'od\"", "enum", PG_TEXT, "a'c"},
    {"'x'::hlua_test.dom", "domain", PG_TEXT, "x"},
    {"'\\x00ff'::bytea", "bytea", PG_BYTEA, "\\x00ff"},
    {"'550e8400-e29b-41d4-a716-446655440000'::uuid", "uuid", PG_UUID, "550e8400-e29b-41d4-a716-446655440000"},
    {"'2024-02-29'::date", "date", PG_DATE, "2024-02-29"},
    {"'10:30:00.5'::time", "time", PG_TIME, "10:30:00.500000"},
    {"'0001-01-01 00:00:01'::timestamp", "timestamp", PG_TIMESTAMP, "0001-01-01T00:00:01.000000"},
    {"'2024-01-15 10:30:00.123456+02'::timestamptz", "timestamptz", PG_TIMESTAMPTZ, "2024-01-15T08:30:00.123456Z"},
    {"'{\"a\": 1.50 }'::json", "json", PG_JSON, "{\"a\": 1.50 }"},
    {"'{\"a\": 1.50 }'::jsonb", "jsonb", PG_JSONB, "{\"a\": 1.50}"},
    {"ARRAY[1, 2, NULL]", "array", PG_SERVER_JSON, "[1, 2, null]"},
    {"ARRAY['x']::hlua_test.dom[]", "domains", PG_SERVER_JSON, "[\"x\"]"},
    {"ROW(1, 'b')::hlua_test.pair", "composite", PG_SERVER_JSON, "{\"x\": 1, \"y\": \"b\"}"},
    {"'{1,2}'::hlua_test.numbers", "domain_array", PG_SERVER_JSON, "[1, 2]"},
    {"'1 day 02:00'::interval", "interval", PG_SERVER_TEXT, "P1DT2H"},
    {"'10.0.0.1/8'::inet", "inet", PG_SERVER_TEXT, "10.0.0.1/8"},
    {"'10:00+02'::timetz", "timetz", PG_SERVER_TEXT, "10:00:00+02"},
    {"B'101'", "bit", PG_SERVER_TEXT, "101"},
    {"'[1,5)'::int4range", "range", PG_SERVER_TEXT, "[1,5)"},
    {"point(1, 2)", "point", PG_SERVER_TEXT, "(1,2)"},
    {"'<a/>'::xml", "xml", PG_SERVER_TEXT, "<a/>"},
    {"'c'::\"char\"", "char", PG_SERVER_TEXT, "c"},
    {"7::oid", "oid", PG_SERVER_TEXT, "7"},
    {"'a b'::tsvector", "tsvector", PG_SERVER_TEXT, "'a' 'b'"},
    {"'08:00:2b:01:02:03'::macaddr", "macaddr", PG_SERVER_TEXT, "08:00:2b:01:02:03"},
    {"NULL::int", "null", PG_INT4, "NULL"},
};
#define VALUES ((int)(sizeof values / sizeof values[0]))

/* Each value is a key of its own source, so that its decoding is seen through the row's key text as well. */
/* A server may be built without xml: then a text stands in its place (tests/pg/run asks the server). */
static bool not_built(int i) {
    return strcmp(values[i].name, "xml") == 0 && getenv("HLUA_TEST_NO_XML") != NULL;
}

static void test_types(void **state) {
    (void)state;
    run("CREATE TYPE hlua_test.pair AS (x int, y text); CREATE DOMAIN hlua_test.numbers AS int[]");
    char *query = malloc(20000);
    size_t used = (size_t)snprintf(query, 20000, "SELECT 1 AS id");
    for (int i = 0; i < VALUES; i++)
        used += (size_t)snprintf(query + used, 20000 - used, ", %s AS \"%s\"", not_built(i) ? "'<a/>'::text" : values[i].sql,
                                 values[i].name);
    char *view = malloc(21000);
    snprintf(view, 21000, "CREATE VIEW hlua_test.types AS %s", query);
    run(view);
    struct fixture f;
    for (int i = 0; i < VALUES - 1; i++) {
        struct pg_source_spec s = {.from = "hlua_test.types", .key = NAMES(values[i].name), .key_count = 1};
        if (strcmp(values[i].name, "json") == 0 || strcmp(values[i].name, "xml") == 0 || strcmp(values[i].name, "point") == 0)
            continue; /* they have no order */
        open_fixture(&f, &s, 100);
        int count;
        const struct pg_column *columns = pg_source_selected(f.source, &count);
        assert_int_equal(count, VALUES + 1);
        assert_string_equal(columns[i + 1].name, values[i].name);
        assert_int_equal(columns[i + 1].type, not_built(i) ? PG_TEXT : values[i].type);
        struct keys keys = {0};
        read_all(&f, &keys, 10);
        assert_int_equal(keys.count, 1);
        assert_string_equal(strchr(keys.text[0], '=') + 1, values[i].text);
        free(keys.text[0]);
        free(keys.text);
        close_fixture(&f);
    }
    free(query);
    free(view);
}

static void test_expressions(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.ex (id int PRIMARY KEY, ts text, unused text); INSERT INTO hlua_test.ex "
        "SELECT i,"
        " '2024-01-01 00:00:0' || i % 10, 'u' FROM generate_series(1, 100) i");
    struct pg_expression e[] = {{"ts", "ts::timestamp -- was text"}, {"id", "'#' || id"}, {"twice", "id * 2"}};
    struct pg_source_spec s = {.from = "hlua_test.ex", .expressions = e, .expression_count = 3};
    struct fixture f;
    open_fixture(&f, &s, 10);
    int count, keys;
    const struct pg_column *columns = pg_source_columns(f.source, &count);
    assert_int_equal(count, 4);
    assert_int_equal(columns[0].type, PG_TEXT);
    assert_int_equal(columns[1].type, PG_TIMESTAMP);
    assert_string_equal(columns[3].name, "twice");
    struct error err = {0};
    assert_true(pg_source_select(f.source, (bool[]){true, false, false, true}, &err));
    columns = pg_source_selected(f.source, &f.column_count);
    assert_int_equal(f.column_count, 3); /* id's text, twice, and the key in its own form */
    assert_int_equal(pg_source_key(f.source, &keys)[0], 2);
    assert_int_equal(columns[2].type, PG_INT4);
    struct keys read = {0};
    read_all(&f, &read, 7);
    assert_int_equal(read.count, 100);
    for (int i = 0; i < read.count; i++) free(read.text[i]);
    free(read.text);
    /* no columns at all but the key */
    assert_true(pg_source_select(f.source, (bool[]){false, false, false, false}, &err));
    pg_source_selected(f.source, &f.column_count);
    assert_int_equal(f.column_count, 1);
    close_fixture(&f);
}

/* A timestamp without a zone is a moment of the plan's zone; the key is read as it is. */
static void test_time_zone(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.zoned (at timestamp PRIMARY KEY, t text, tz timestamptz, d date);"
        "INSERT INTO hlua_test.zoned VALUES ('2024-07-01 12:00', '2024-01-01 12:00', '2024-01-01 12:00+00', '2024-01-01')");
    struct pg_expression e = {"t", "t::timestamp -- was text"};
    struct pg_source_spec s = {.from = "hlua_test.zoned", .expressions = &e, .expression_count = 1, .time_zone = "Europe/Madrid"};
    struct fixture f;
    open_fixture(&f, &s, 10);
    int count, keys;
    const struct pg_column *columns = pg_source_selected(f.source, &count);
    assert_int_equal(count, 5); /* the four columns, and the key in its own form */
    assert_int_equal(columns[0].type, PG_TIMESTAMPTZ);
    assert_int_equal(columns[1].type, PG_TIMESTAMPTZ);
    assert_int_equal(columns[2].type, PG_TIMESTAMPTZ);
    assert_int_equal(columns[3].type, PG_DATE);
    assert_int_equal(pg_source_key(f.source, &keys)[0], 4);
    assert_int_equal(columns[4].type, PG_TIMESTAMP);
    static const char *const expected[] = {"2024-07-01T10:00:00.000000Z", "2024-01-01T11:00:00.000000Z",
                                           "2024-01-01T12:00:00.000000Z"};
    struct error err = {0};
    struct pg_rowset *rows;
    struct pg_field fields[5];
    int cursor;
    bool end;
    assert_true(pg_reader_open(f.reader, 0, pg_source_sql(f.source, &f.ranges[0], -1, f.arena), 10, &err));
    assert_int_equal(next(f.reader, &cursor, &rows, &end, &err), PG_READER_ROWS);
    assert_true(pg_rowset_row(rows, 0, fields, &err));
    for (int i = 0; i < 3; i++) {
        struct pg_time t;
        char text[40];
        assert_int_equal(pg_moment(columns[i].type, fields[i], &t), PG_MOMENT_OK);
        size_t n = pg_time_iso(columns[i].type, &t, text);
        assert_int_equal(n, strlen(expected[i]));
        assert_memory_equal(text, expected[i], n);
    }
    pg_rowset_free(rows);
    close_fixture(&f);
    s.time_zone = "Europe/Madird";
    refuse(&s, "the source knows no time zone \"Europe/Madird\"", "did you mean \"Europe/Madrid\"?");
    s.time_zone = "Madrid1"; /* PostgreSQL would take it for a zone in POSIX form */
    refuse(&s, "the source knows no time zone \"Madrid1\"", "");
}

/* --- failures --- */

/* Halves a range down to the rows that fail; as the worker does it. */
static void narrow(struct fixture *f, struct pg_range range, char *found, size_t size, int *rejected) {
    struct error err = {0};
    char *sql = pg_source_sql(f->source, &range, -1, f->arena);
    if (pg_reader_try(f->reader, sql, &err)) return;
    assert_memory_equal(err.code, "22", 2);
    assert_true(pg_reader_restart(f->reader, &err));
    const char *middle;
    int64_t rows;
    if (!pg_source_middle(pg_reader_connection(f->reader), f->source, &range, f->arena, &middle, &rows, &err))
        fail_msg("%s", err.text);
    if (middle == NULL) {
        assert_int_equal(rows, 1);
        (*rejected)++;
        snprintf(found, size, "%s", range.lower ? range.lower : "");
        return;
    }
    struct pg_range left = range, right = range;
    left.upper = right.lower = middle;
    narrow(f, left, found, size, rejected);
    narrow(f, right, found, size, rejected);
}

static void narrow_all(const struct pg_source_spec *spec, int expected, const char *last) {
    struct fixture f;
    char found[100] = "";
    int rejected = 0;
    open_fixture(&f, spec, 200);
    for (int i = 0; i < f.range_count; i++) narrow(&f, f.ranges[i], found, sizeof found, &rejected);
    assert_int_equal(rejected, expected);
    if (last) assert_string_equal(found, last);
    close_fixture(&f);
}

static void test_class_22(void **state) {
    (void)state;
    run("CREATE TABLE hlua_test.bad (id int, k text, d int NOT NULL, PRIMARY KEY (k, id)); INSERT INTO "
        "hlua_test.bad SELECT i,"
        " 'k' || i % 7, i - 777 FROM generate_series(1, 1000) i; CREATE TABLE hlua_test.bad_keyless AS TABLE "
        "hlua_test.bad");
    struct pg_expression e = {"q", "1 / d"};
    struct pg_source_spec s = {.from = "hlua_test.bad", .expressions = &e, .expression_count = 1};
    narrow_all(&s, 1, "[\"k0\",\"777\"]");
    s.from = "hlua_test.bad_keyless";
    narrow_all(&s, 1, NULL);
    narrow_all(&(struct pg_source_spec){.from = "hlua_test.bad", .where = "1 / d < 5"}, 1, "[\"k0\",\"777\"]");
    narrow_all(&(struct pg_source_spec){.query = "SELECT id, 1 / (id % 250) AS q FROM hlua_test.bad WHERE {range}",
                                        .key = NAMES("id"),
                                        .key_count = 1},
               4, "[\"1000\"]");
}

static void test_read_only(void **state) {
    (void)state;
    struct error err = {0};
    struct pg_connection *c = pg_connect(uri, &err);
    assert_false(pg_run(c, &err, "CREATE TABLE hlua_test.written (a int)"));
    assert_string_equal(err.code, "25006");
    assert_true(pg_server(c)->version >= 120000 && pg_server(c)->utf8 && strlen(pg_server(c)->system_identifier) > 5);
    pg_close(c);
}

static int set_up(void **state) {
    (void)state;
    struct error err = {0};
    writer = pg_connect(uri, &err);
    if (writer == NULL) print_error("%s\n", err.text);
    if (writer == NULL) return -1;
    run("SET default_transaction_read_only = off");
    run("DROP SCHEMA IF EXISTS hlua_test CASCADE; CREATE SCHEMA hlua_test");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    run("DROP SCHEMA hlua_test CASCADE");
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
        cmocka_unit_test(test_integers),    cmocka_unit_test(test_few_rows),  cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_other_keys),  cmocka_unit_test(test_sample),    cmocka_unit_test(test_parts),
        cmocka_unit_test(test_keyless),     cmocka_unit_test(test_queries),   cmocka_unit_test(test_where),
        cmocka_unit_test(test_mistakes),    cmocka_unit_test(test_passwords), cmocka_unit_test(test_types),
        cmocka_unit_test(test_expressions), cmocka_unit_test(test_class_22),  cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_time_zone),
    };
    return cmocka_run_group_tests_name("pg source", tests, set_up, tear_down);
}
