/* A field as people read it (pg/field_text.h): every type, what no text of its own has, and cutting. */
#include "pg/field_text.h"
#include "unit/rows.h"

/* The text of the only field, in room that is just large enough and byte by byte in memory of its own. */
static void check(struct row *r, enum pg_type type, const char *wanted) {
    size_t n = strlen(wanted);
    char *out = malloc(n + 1);
    assert_int_equal(pg_field_text(type, r->fields[0], out, n + 1), n);
    assert_string_equal(out, wanted);
    free(out);
    row_free(r);
}

static void test_types(void **state) {
    (void)state;
    struct row r;
    const char jsonb[] = "\1{\"a\": 1}";
    row_begin(&r), row_bool(&r, true), check(&r, PG_BOOL, "true");
    row_begin(&r), row_int(&r, -5, 2), check(&r, PG_INT2, "-5");
    row_begin(&r), row_int(&r, INT64_MIN, 8), check(&r, PG_INT8, "-9223372036854775808");
    row_begin(&r), row_double(&r, 0.1), check(&r, PG_FLOAT8, "0.1");
    row_begin(&r), row_numeric(&r, "-12.50"), check(&r, PG_NUMERIC, "-12.50");
    row_begin(&r), row_text(&r, "é\n"), check(&r, PG_TEXT, "é\n");
    row_begin(&r), row_text(&r, "[1,5)"), check(&r, PG_SERVER_TEXT, "[1,5)");
    row_begin(&r), row_text(&r, "[1]"), check(&r, PG_SERVER_JSON, "[1]");
    row_begin(&r), row_bytes(&r, jsonb, sizeof jsonb - 1), check(&r, PG_JSONB, "{\"a\": 1}");
    row_begin(&r), row_bytes(&r, "\x00\xff", 2), check(&r, PG_BYTEA, "\\x00ff");
    row_begin(&r), row_bytes(&r, "", 0), check(&r, PG_BYTEA, "\\x");
    row_begin(&r), row_bytes(&r, "0123456789abcdef", 16), check(&r, PG_UUID, "30313233-3435-3637-3839-616263646566");
    row_begin(&r), row_int(&r, 0, 4), check(&r, PG_DATE, "2000-01-01");
    row_begin(&r), row_int(&r, us(0, 10, 30, 0, 5), 8), check(&r, PG_TIMESTAMPTZ, "2000-01-01T10:30:00.000005Z");
}

/* What cannot be written is shown all the same. */
static void test_values_without_a_form(void **state) {
    (void)state;
    struct row r;
    const char nan[] = {0, 0, 0, 0, (char)0xC0, 0, 0, 0}, more[] = {0, 0, 0, 0, (char)0xD0, 0, 0, 0},
               less[] = {0, 0, 0, 0, (char)0xF0, 0, 0, 0};
    row_begin(&r), row_bytes(&r, nan, 8), check(&r, PG_NUMERIC, "NaN");
    row_begin(&r), row_bytes(&r, more, 8), check(&r, PG_NUMERIC, "Infinity");
    row_begin(&r), row_bytes(&r, less, 8), check(&r, PG_NUMERIC, "-Infinity");
    row_begin(&r), row_double(&r, -1.0 / 0.0), check(&r, PG_FLOAT8, "-Infinity");
    row_begin(&r), row_int(&r, INT64_MAX, 8), check(&r, PG_TIMESTAMP, "infinity");
    row_begin(&r), row_int(&r, INT64_MIN, 8), check(&r, PG_TIMESTAMPTZ, "-infinity");
    row_begin(&r), row_int(&r, INT32_MIN, 4), check(&r, PG_DATE, "-infinity");
    row_begin(&r), row_int(&r, -1000000, 4), check(&r, PG_DATE, "\\xfff0bdc0"); /* a year before 1 */
    row_begin(&r), row_bytes(&r, "ab", 2), check(&r, PG_INT4, "\\x6162");       /* no value of its type */
    row_begin(&r), row_bytes(&r, "", 0), check(&r, PG_BOOL, "\\x");
}

/* Never inside a character, nor inside a pair of digits; the length is that of the whole. */
static void test_cut(void **state) {
    (void)state;
    struct row r;
    char out[16];
    row_begin(&r);
    row_text(&r, "aéé");
    for (size_t size = 1; size <= 7; size++) {
        static const char *const wanted[] = {"", "a", "a", "aé", "aé", "aéé", "aéé"};
        memset(out, 'x', sizeof out);
        assert_int_equal(pg_field_text(PG_TEXT, r.fields[0], out, size), 5);
        assert_string_equal(out, wanted[size - 1]);
        assert_int_equal(out[size], 'x');
    }
    for (size_t size = 1; size <= 12; size++) {
        memset(out, 'x', sizeof out);
        assert_int_equal(pg_field_text(PG_BYTEA, r.fields[0], out, size), 12);
        assert_true(strlen(out) < size && (strlen(out) < 2 || strlen(out) % 2 == 0));
        assert_int_equal(out[size], 'x');
    }
    row_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_types), cmocka_unit_test(test_values_without_a_form),
                                       cmocka_unit_test(test_cut)};
    return cmocka_run_group_tests_name("field text", tests, NULL, NULL);
}
