/* The decoders of pg/types.h, without a server: known values, and refusal of what is truncated or senseless. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/nearest.h"
#include "pg/types.h"

static struct pg_field field(const void *data, int32_t len) {
    return (struct pg_field){.data = data, .len = len};
}

/* An integer of `width` bytes in network order. */
static struct pg_field integer(char buffer[8], int64_t value, int width) {
    for (int i = 0; i < width; i++) buffer[i] = (char)((uint64_t)value >> (8 * (width - 1 - i)));
    return field(buffer, width);
}

static void check_number(enum pg_type type, struct pg_field f, const char *expected) {
    char out[PG_NUMBER_MAX];
    size_t len = 0;
    assert_int_equal(pg_number_text(type, f, out, &len), PG_NUMBER_OK);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
}

static void check_float8(double value, const char *expected) {
    char bytes[8];
    int64_t bits;
    memcpy(&bits, &value, sizeof bits);
    check_number(PG_FLOAT8, integer(bytes, bits, 8), expected);
}

static void check_float4(float value, const char *expected) {
    char bytes[8];
    int32_t bits;
    memcpy(&bits, &value, sizeof bits);
    check_number(PG_FLOAT4, integer(bytes, bits, 4), expected);
}

static void test_integers(void **state) {
    (void)state;
    char b[8];
    check_number(PG_INT2, integer(b, -32768, 2), "-32768");
    check_number(PG_INT4, integer(b, 2147483647, 4), "2147483647");
    check_number(PG_INT4, integer(b, 0, 4), "0");
    check_number(PG_INT8, integer(b, INT64_MIN, 8), "-9223372036854775808");
    check_number(PG_INT8, integer(b, INT64_MAX, 8), "9223372036854775807");
    int64_t value;
    for (int len = -1; len < 10; len++) {
        assert_int_equal(pg_integer(PG_INT8, field("\0\0\0\0\0\0\0\7\0\0", len), &value), len == 8);
        assert_int_equal(pg_integer(PG_INT4, field("\0\0\0\7\0\0\0\0\0\0", len), &value), len == 4);
        assert_int_equal(pg_integer(PG_INT2, field("\0\7\0\0\0\0\0\0\0\0", len), &value), len == 2);
    }
    assert_false(pg_integer(PG_TEXT, field("\0\7", 2), &value));
}

static void test_floats(void **state) {
    (void)state;
    check_float8(0, "0");
    check_float8(-0.0, "0");
    check_float8(0.1, "0.1");
    check_float8(0.1 + 0.2, "0.30000000000000004");
    check_float8(-1.5, "-1.5");
    check_float8(123456789, "123456789");
    check_float8(1e15, "1000000000000000");
    check_float8(1e20, "100000000000000000000");
    check_float8(1e21, "1E21");
    check_float8(1.5e300, "1.5E300");
    check_float8(-2.5e-7, "-2.5E-7");
    check_float8(0.000001, "0.000001");
    check_float8(0.00012345, "0.00012345");
    check_float8(5e-324, "5E-324");
    check_float8(1.7976931348623157e308, "1.7976931348623157E308");
    check_float8(9007199254740993.0, "9007199254740992");
    check_float8(12345.678, "12345.678");
    check_float4(0.1f, "0.1");
    check_float4(16777216.0f, "16777216");
    check_float4(3.4028235e38f, "3.4028235E38");
    check_float4(1e-45f, "1E-45");
    check_float4(1.1f, "1.1");
    char out[PG_NUMBER_MAX];
    size_t len;
    assert_int_equal(pg_number_text(PG_FLOAT8, field("\x7f\xf8\0\0\0\0\0\0", 8), out, &len), PG_NUMBER_NAN);
    assert_int_equal(pg_number_text(PG_FLOAT8, field("\xff\xf0\0\0\0\0\0\0", 8), out, &len), PG_NUMBER_INFINITE);
    assert_int_equal(pg_number_text(PG_FLOAT4, field("\x7f\x80\0\0", 4), out, &len), PG_NUMBER_INFINITE);
    assert_int_equal(pg_number_text(PG_FLOAT8, field("\0\0\0\0", 4), out, &len), PG_NUMBER_BAD);
}

/* Any double reads back as the same double. */
static void test_floats_round_trip(void **state) {
    (void)state;
    uint64_t seed = 42;
    for (int i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        double value;
        memcpy(&value, &seed, sizeof value);
        if (!isfinite(value)) continue;
        char bytes[8], out[PG_NUMBER_MAX + 1];
        size_t len;
        assert_int_equal(pg_number_text(PG_FLOAT8, integer(bytes, (int64_t)seed, 8), out, &len), PG_NUMBER_OK);
        out[len] = '\0';
        assert_true(len < 40 && strtod(out, NULL) == value);
    }
}

/* --- numeric --- */

/* Builds a numeric's bytes: header, then `count` digits. */
static struct pg_field numeric(char *b, int count, int weight, int sign, int scale, const int *digits) {
    const int head[] = {count, weight, sign, scale};
    for (int i = 0; i < 4; i++) integer(b + 2 * i, head[i], 2);
    for (int i = 0; i < count; i++) integer(b + 8 + 2 * i, digits[i], 2);
    return field(b, 8 + 2 * count);
}
#define DIGITS(...) (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))
#define NUMERIC(b, weight, sign, scale, ...) numeric(b, DIGITS(__VA_ARGS__), weight, sign, scale, (int[]){__VA_ARGS__})

static void test_numeric(void **state) {
    (void)state;
    char b[600];
    check_number(PG_NUMERIC, numeric(b, 0, 0, 0, 0, NULL), "0");
    check_number(PG_NUMERIC, numeric(b, 0, 0, 0, 2, NULL), "0.00");
    check_number(PG_NUMERIC, NUMERIC(b, 0, 0, 2, 1, 5000), "1.50");
    check_number(PG_NUMERIC, NUMERIC(b, 1, 0x4000, 0, 1, 2345), "-12345");
    check_number(PG_NUMERIC, NUMERIC(b, 2, 0, 0, 5), "500000000");
    check_number(PG_NUMERIC, NUMERIC(b, -1, 0, 4, 7), "0.0007");
    check_number(PG_NUMERIC, NUMERIC(b, -2, 0, 8, 1200), "0.00001200");
    check_number(PG_NUMERIC, NUMERIC(b, -3, 0x4000, 10, 1200), "-0.0000000012");
    check_number(PG_NUMERIC, NUMERIC(b, 0, 0, 6, 9999, 9999, 9900), "9999.999999");
    check_number(PG_NUMERIC, NUMERIC(b, 1, 0, 0, 0, 12), "12");       /* a zero in front is no harm */
    check_number(PG_NUMERIC, NUMERIC(b, 0, 0x4000, 1, 0), "0.0");     /* nor is a negative zero */
    check_number(PG_NUMERIC, NUMERIC(b, 0, 0, 1000, 1, 5000), "1.5"); /* a scale that does not fit loses its zeros */
    char out[PG_NUMBER_MAX];
    size_t len;
    assert_int_equal(pg_number_text(PG_NUMERIC, NUMERIC(b, 100, 0, 0, 1), out, &len), PG_NUMBER_LONG);
    assert_int_equal(pg_number_text(PG_NUMERIC, NUMERIC(b, -90, 0, 400, 1), out, &len), PG_NUMBER_LONG);
    assert_int_equal(pg_number_text(PG_NUMERIC, numeric(b, 0, 0, 0xC000, 0, NULL), out, &len), PG_NUMBER_NAN);
    assert_int_equal(pg_number_text(PG_NUMERIC, numeric(b, 0, 0, 0xD000, 0, NULL), out, &len), PG_NUMBER_INFINITE);
    assert_int_equal(pg_number_text(PG_NUMERIC, numeric(b, 0, 0, 0xF000, 0, NULL), out, &len), PG_NUMBER_INFINITE);
}

static void check_bad(struct pg_field f) {
    char out[PG_NUMBER_MAX];
    size_t len;
    assert_int_equal(pg_number_text(PG_NUMERIC, f, out, &len), PG_NUMBER_BAD);
}

static void test_numeric_nonsense(void **state) {
    (void)state;
    char b[64];
    struct pg_field whole = NUMERIC(b, 0, 0, 4, 1, 2345);
    for (int32_t len = -1; len < whole.len; len++) check_bad(field(b, len));
    check_bad(field(b, whole.len + 1));
    check_bad(NUMERIC(b, 0, 0, 0, 10000));
    check_bad(NUMERIC(b, 0, 0, 0, -1));
    check_bad(NUMERIC(b, 0, 0x2000, 0, 1));
    check_bad(NUMERIC(b, 0, 0, 0x4000, 1));
    check_bad(NUMERIC(b, 0, 0, 1, 1, 2345)); /* more places than it says */
    NUMERIC(b, 0, 0, 0, 1);
    integer(b, -1, 2);
    check_bad(field(b, 10));
    check_bad(field(b, 6));
}

/* Any bytes at all: never a crash, never more than the promise. */
static void test_numeric_any_bytes(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 200000; i++) {
        unsigned char b[24];
        for (size_t j = 0; j < sizeof b; j++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            b[j] = (unsigned char)(seed >> 56);
            if (j < 8 && j % 2 == 0 && seed >> 55 & 1) b[j] = 0; /* small headers get further */
        }
        int count = (int)(seed >> 40 & 7);
        if (seed >> 44 & 1) b[0] = 0, b[1] = (unsigned char)count;
        char *out = malloc(PG_NUMBER_MAX);
        size_t len = 0;
        if (pg_number_text(PG_NUMERIC, field(b, 8 + 2 * count), out, &len) == PG_NUMBER_OK)
            assert_true(len > 0 && len <= PG_NUMBER_MAX);
        free(out);
    }
}

/* --- times --- */

static void check_time(enum pg_type type, int64_t value, const char *expected) {
    char b[8], out[32];
    struct pg_time t;
    assert_int_equal(pg_moment(type, integer(b, value, type == PG_DATE ? 4 : 8), &t), PG_MOMENT_OK);
    size_t n = pg_time_iso(type, &t, out);
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(out, expected, n);

    const char *text;
    assert_int_equal(pg_moment_text(type, integer(b, value, type == PG_DATE ? 4 : 8), &text), PG_MOMENT_OK);
    assert_memory_equal(text + (type == PG_TIME ? PG_MOMENT_CLOCK : 0), expected, n);
    if (type == PG_DATE) assert_memory_equal(text + n, "T00:00:00.000000Z", sizeof "T00:00:00.000000Z" - 1);
    if (type == PG_TIME) assert_memory_equal(text, "0000-00-00T", PG_MOMENT_CLOCK);
}

static void test_times(void **state) {
    (void)state;
    check_time(PG_DATE, 0, "2000-01-01");
    check_time(PG_DATE, 59, "2000-02-29");
    check_time(PG_DATE, -1, "1999-12-31");
    check_time(PG_DATE, -730119, "0001-01-01");
    check_time(PG_DATE, 2921939, "9999-12-31");
    check_time(PG_TIME, 0, "00:00:00.000000");
    check_time(PG_TIME, 86399999999, "23:59:59.999999");
    check_time(PG_TIME, 86400000000, "24:00:00.000000");
    check_time(PG_TIMESTAMP, -1, "1999-12-31T23:59:59.999999");
    check_time(PG_TIMESTAMP, 758629800123456, "2024-01-15T10:30:00.123456");
    check_time(PG_TIMESTAMPTZ, 758629800123000, "2024-01-15T10:30:00.123000Z");
}

/* Every day from year 1 to 9999, against a calendar that counts. */
static void test_calendar(void **state) {
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = -730119;
    for (int year = 1; year <= 9999; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (int month = 1; month <= 12; month++) {
            for (int d = 1; d <= lengths[month - 1] + (month == 2 && leap); d++, day++) {
                char b[8];
                struct pg_time t;
                if (pg_moment(PG_DATE, integer(b, day, 4), &t) != PG_MOMENT_OK || t.year != year || t.month != month ||
                    t.day != d)
                    fail_msg("day %lld is not %d-%d-%d", (long long)day, year, month, d);
            }
        }
    }
    assert_int_equal(day, 2921940);
}

static void check_moment(enum pg_type type, int64_t value, int width, enum pg_moment expected) {
    char b[8];
    struct pg_time t;
    int64_t epoch;
    assert_int_equal(pg_moment(type, integer(b, value, width), &t), expected);
    assert_int_equal(pg_epoch(type, integer(b, value, width), &epoch), type == PG_TIME ? PG_MOMENT_BAD : expected);
}

static void test_times_outside(void **state) {
    (void)state;
    check_moment(PG_DATE, INT32_MAX, 4, PG_MOMENT_INFINITE);
    check_moment(PG_DATE, INT32_MIN, 4, PG_MOMENT_INFINITE);
    check_moment(PG_DATE, -730120, 4, PG_MOMENT_RANGE);
    check_moment(PG_DATE, 2921940, 4, PG_MOMENT_RANGE);
    check_moment(PG_TIMESTAMP, INT64_MAX, 8, PG_MOMENT_INFINITE);
    check_moment(PG_TIMESTAMPTZ, INT64_MIN, 8, PG_MOMENT_INFINITE);
    check_moment(PG_TIMESTAMP, INT64_MAX - 1, 8, PG_MOMENT_RANGE);
    check_moment(PG_TIMESTAMP, INT64_MIN + 1, 8, PG_MOMENT_RANGE);
    check_moment(PG_TIMESTAMP, -63082281600000000, 8, PG_MOMENT_OK);
    check_moment(PG_TIMESTAMP, -63082281600000001, 8, PG_MOMENT_RANGE);
    check_moment(PG_TIMESTAMP, 252455615999999999, 8, PG_MOMENT_OK);
    check_moment(PG_TIMESTAMP, 252455616000000000, 8, PG_MOMENT_RANGE);
    check_moment(PG_TIME, -1, 8, PG_MOMENT_BAD);
    check_moment(PG_TIME, 86400000001, 8, PG_MOMENT_BAD);
    for (int width = 0; width < 8; width++) {
        check_moment(PG_TIMESTAMP, 0, width, PG_MOMENT_BAD);
        check_moment(PG_TIME, 0, width, PG_MOMENT_BAD);
        if (width != 4) check_moment(PG_DATE, 0, width, PG_MOMENT_BAD);
    }
    check_moment(PG_TEXT, 0, 8, PG_MOMENT_BAD);
}

static void test_epoch(void **state) {
    (void)state;
    char b[8];
    int64_t epoch;
    assert_int_equal(pg_epoch(PG_TIMESTAMPTZ, integer(b, 0, 8), &epoch), PG_MOMENT_OK);
    assert_int_equal(epoch, 946684800);
    assert_int_equal(pg_epoch(PG_DATE, integer(b, -10957, 4), &epoch), PG_MOMENT_OK);
    assert_int_equal(epoch, 0);
    assert_int_equal(pg_epoch(PG_TIMESTAMP, integer(b, -946684800000001, 8), &epoch), PG_MOMENT_OK);
    assert_int_equal(epoch, -1); /* the floor */
}

/* --- the rest --- */

static void test_bool_uuid_json(void **state) {
    (void)state;
    bool yes = false;
    assert_true(pg_bool(field("\1", 1), &yes) && yes);
    assert_true(pg_bool(field("\0", 1), &yes) && !yes);
    assert_false(pg_bool(field("\2", 1), &yes));
    assert_false(pg_bool(field("", 0), &yes));
    assert_false(pg_bool(field("", -1), &yes));

    char uuid[PG_UUID_TEXT];
    const char *bytes = "\x55\x0e\x84\x00\xe2\x9b\x41\xd4\xa7\x16\x44\x66\x55\x44\x00\xff";
    assert_true(pg_uuid_text(field(bytes, 16), uuid));
    assert_memory_equal(uuid, "550e8400-e29b-41d4-a716-4466554400ff", PG_UUID_TEXT);
    assert_false(pg_uuid_text(field(bytes, 15), uuid));

    struct pg_field text;
    assert_true(pg_json(PG_JSONB, field("\1{}", 3), &text) && text.len == 2 && text.data[0] == '{');
    assert_false(pg_json(PG_JSONB, field("\2{}", 3), &text));
    assert_false(pg_json(PG_JSONB, field("\1", 1), &text));
    assert_false(pg_json(PG_JSONB, field("", -1), &text));
    assert_true(pg_json(PG_JSON, field("[]", 2), &text) && text.len == 2);
    assert_true(pg_json(PG_SERVER_JSON, field("[]", 2), &text));
    assert_false(pg_json(PG_TEXT, field("[]", 2), &text));
}

static void test_nearest(void **state) {
    (void)state;
    const char *names[] = {"LogId", "LogTimestamp", "UserId", "dbo.\"IntegrationLogs\""};
    assert_int_equal(nearest_find("logid", names, 4), 0);
    assert_int_equal(nearest_find("LogTimestmp", names, 4), 1);
    assert_int_equal(nearest_find("dbo.IntegrationLog", names, 4), 3);
    assert_int_equal(nearest_find("Amount", names, 4), -1);
    assert_int_equal(nearest_find("x", names, 0), -1);
    char out[200];
    nearest_hint("LogID", names, 3, "columns", out, sizeof out);
    assert_string_equal(out, "did you mean \"LogId\"? (columns: LogId, LogTimestamp, UserId)");
    nearest_hint("Amount", names, 3, "columns", out, sizeof out);
    assert_string_equal(out, "(columns: LogId, LogTimestamp, UserId)");
    nearest_hint("Amount", names, 0, "columns", out, sizeof out);
    assert_string_equal(out, "(columns: none)");
    for (size_t size = 0; size < 80; size++) {
        memset(out, 'x', sizeof out);
        nearest_hint("LogID", names, 4, "columns", out, size);
        if (size) assert_non_null(memchr(out, '\0', size));
        assert_int_equal(out[size], 'x');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_floats),           cmocka_unit_test(test_floats_round_trip),
        cmocka_unit_test(test_numeric),  cmocka_unit_test(test_numeric_nonsense), cmocka_unit_test(test_numeric_any_bytes),
        cmocka_unit_test(test_times),    cmocka_unit_test(test_calendar),         cmocka_unit_test(test_times_outside),
        cmocka_unit_test(test_epoch),    cmocka_unit_test(test_bool_uuid_json),   cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests_name("pg types", tests, NULL, NULL);
}
