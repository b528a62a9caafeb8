/* DynamoDB's rules for values: numbers and their sizes, base64, the size of items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/schema.h"
#include "dynamodb/value.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define TEN_ONES "1111111111"
#define DIGITS_38 TEN_ONES TEN_ONES TEN_ONES "11111111"

static void type_names(void **state) {
    (void)state;
    assert_string_equal(dynamodb_type_name(DYNAMODB_ANY), "?");
    assert_string_equal(dynamodb_type_name(DYNAMODB_S), "S");
    assert_string_equal(dynamodb_type_name(DYNAMODB_N), "N");
    assert_string_equal(dynamodb_type_name(DYNAMODB_B), "B");
    assert_string_equal(dynamodb_type_name(DYNAMODB_BOOL), "BOOL");
    assert_string_equal(dynamodb_type_name(DYNAMODB_NULL), "NULL");
    assert_string_equal(dynamodb_type_name(DYNAMODB_L), "L");
    assert_string_equal(dynamodb_type_name(DYNAMODB_M), "M");
}

/* --- numbers --- */

static void number_sizes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } table[] = {
        {"3.14159", 5}, /* measured against the service, as are the next two */
        {"123456", 4},
        {"1E125", 2},
        {"0", 1},
        {"-0", 1},
        {"000", 1},
        {"0.000", 1},
        {"1", 2},
        {"-1", 3},
        {"+1", 2},
        {"12", 2},
        {"123", 3},
        {"-123", 4},
        {"1200", 2},
        {"-1200", 3},
        {"0012", 2},
        {"10203", 4},
        {"0.5", 2},
        {".5", 2},
        {"0.001", 2},
        {"0.0012345", 4},
        {"10.05", 3},
        {"100.5", 4},
        {"5.", 2},
        {"5.00", 2},
        {"1.5E1", 2},  /* 15 */
        {"1.5E-1", 2}, /* 0.15 */
        {"-12.5", 4},
        {"99999999999999999999999999999999999999", 20},
        {"1E-130", 2},
        {"-9.99E125", 4},
        {"123456789012345.678", 11},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t size = dynamodb_number_size(table[i].text, strlen(table[i].text));
        if (size != table[i].size) fail_msg("%s: %zu bytes, not %zu", table[i].text, size, table[i].size);
    }
}

static void number_limits(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum dynamodb_number_fault fault;
    } table[] = {
        {"0", DYNAMODB_NUMBER_OK},
        {"-12", DYNAMODB_NUMBER_OK},
        {"+12", DYNAMODB_NUMBER_OK},
        {"1.", DYNAMODB_NUMBER_OK},
        {".5", DYNAMODB_NUMBER_OK},
        {"1e5", DYNAMODB_NUMBER_OK},
        {"1E+05", DYNAMODB_NUMBER_OK},
        {"", DYNAMODB_NUMBER_SYNTAX},
        {"-", DYNAMODB_NUMBER_SYNTAX},
        {"+", DYNAMODB_NUMBER_SYNTAX},
        {".", DYNAMODB_NUMBER_SYNTAX},
        {"--1", DYNAMODB_NUMBER_SYNTAX},
        {"1-", DYNAMODB_NUMBER_SYNTAX},
        {"1..2", DYNAMODB_NUMBER_SYNTAX},
        {"1e", DYNAMODB_NUMBER_SYNTAX},
        {"1e+", DYNAMODB_NUMBER_SYNTAX},
        {"e5", DYNAMODB_NUMBER_SYNTAX},
        {"1e5.5", DYNAMODB_NUMBER_SYNTAX},
        {" 1", DYNAMODB_NUMBER_SYNTAX},
        {"1 ", DYNAMODB_NUMBER_SYNTAX},
        {"0x1", DYNAMODB_NUMBER_SYNTAX},
        {"1,5", DYNAMODB_NUMBER_SYNTAX},
        {"NaN", DYNAMODB_NUMBER_SYNTAX},
        {"Infinity", DYNAMODB_NUMBER_SYNTAX},
        {DIGITS_38, DYNAMODB_NUMBER_OK},
        {"-" DIGITS_38, DYNAMODB_NUMBER_OK},
        {DIGITS_38 "1", DYNAMODB_NUMBER_DIGITS},
        {"-" DIGITS_38 "1", DYNAMODB_NUMBER_DIGITS},
        {DIGITS_38 "0000", DYNAMODB_NUMBER_OK},
        {"0000" DIGITS_38, DYNAMODB_NUMBER_OK},
        {"0.0000" DIGITS_38, DYNAMODB_NUMBER_OK},
        {"1." DIGITS_38, DYNAMODB_NUMBER_DIGITS},
        {"1." DIGITS_38 "0", DYNAMODB_NUMBER_DIGITS},
        {"0." DIGITS_38 "000", DYNAMODB_NUMBER_OK},
        {"1E125", DYNAMODB_NUMBER_OK},
        {"9.9999999999999999999999999999999999999E+125", DYNAMODB_NUMBER_OK},
        {"1E126", DYNAMODB_NUMBER_LARGE},
        {"-1E126", DYNAMODB_NUMBER_LARGE},
        {"10E125", DYNAMODB_NUMBER_LARGE},
        {"0.1E126", DYNAMODB_NUMBER_OK},
        {"1E-130", DYNAMODB_NUMBER_OK},
        {"-1E-130", DYNAMODB_NUMBER_OK},
        {"9.9E-131", DYNAMODB_NUMBER_SMALL},
        {"0.1E-130", DYNAMODB_NUMBER_SMALL},
        {"1E-131", DYNAMODB_NUMBER_SMALL},
        {"1E999999999999999999999", DYNAMODB_NUMBER_LARGE},
        {"1E-999999999999999999999", DYNAMODB_NUMBER_SMALL},
        {"0E125", DYNAMODB_NUMBER_OK},
        {"0E126", DYNAMODB_NUMBER_LARGE},
        {"0.00E126", DYNAMODB_NUMBER_LARGE},
        {"0E-130", DYNAMODB_NUMBER_OK},
        {"0E-131", DYNAMODB_NUMBER_SMALL},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        enum dynamodb_number_fault fault = dynamodb_number_check(table[i].text, strlen(table[i].text));
        if (fault != table[i].fault) {
            fail_msg("%s: %s, not %s", table[i].text, dynamodb_number_fault_text(fault),
                     dynamodb_number_fault_text(table[i].fault));
        }
        assert_true(dynamodb_number_size(table[i].text, strlen(table[i].text)) >= 1);
    }
}

/* An integer of 126 digits is the largest; written with trailing zeros it needs no exponent. */
static void number_long_forms(void **state) {
    (void)state;
    char text[400];
    memset(text, '0', sizeof text);
    text[0] = '1';
    assert_int_equal(dynamodb_number_check(text, 126), DYNAMODB_NUMBER_OK);
    assert_int_equal(dynamodb_number_size(text, 126), 2);
    assert_int_equal(dynamodb_number_check(text, 127), DYNAMODB_NUMBER_LARGE);
    text[0] = '0';
    assert_int_equal(dynamodb_number_check(text, sizeof text), DYNAMODB_NUMBER_OK);
    text[1] = '.';
    text[131] = '1'; /* the 130th place after the point */
    assert_int_equal(dynamodb_number_check(text, 132), DYNAMODB_NUMBER_OK);
    assert_int_equal(dynamodb_number_size(text, 132), 2);
    text[131] = '0';
    text[132] = '1';
    assert_int_equal(dynamodb_number_check(text, 133), DYNAMODB_NUMBER_SMALL);
}

/* Any byte at any place of a number: never a crash, and a size at least 1. Exact allocations let the
 * sanitizer see a read past the end. */
static void number_nonsense(void **state) {
    (void)state;
    static const char number[] = "-12.034E+12";
    size_t n = sizeof number - 1;
    for (size_t at = 0; at <= n; at++) {
        char *cut = malloc(at ? at : 1);
        assert_non_null(cut);
        memcpy(cut, number, at);
        dynamodb_number_check(cut, at);
        assert_true(dynamodb_number_size(cut, at) >= 1);
        for (int byte = 0; at > 0 && byte < 256; byte++) {
            cut[at - 1] = (char)byte;
            dynamodb_number_check(cut, at);
            assert_true(dynamodb_number_size(cut, at) >= 1);
        }
        free(cut);
    }
}

static void number_reasons(void **state) {
    (void)state;
    assert_non_null(strstr(dynamodb_number_fault_text(DYNAMODB_NUMBER_DIGITS), "38 significant digits"));
    assert_non_null(strstr(dynamodb_number_fault_text(DYNAMODB_NUMBER_LARGE), "1E+126"));
    assert_non_null(strstr(dynamodb_number_fault_text(DYNAMODB_NUMBER_SMALL), "1E-130"));
    assert_non_null(strstr(dynamodb_number_fault_text(DYNAMODB_NUMBER_SYNTAX), "not a number"));
}

static void write_units(void **state) {
    (void)state;
    assert_int_equal(dynamodb_write_units(0), 1);
    assert_int_equal(dynamodb_write_units(1024), 1);
    assert_int_equal(dynamodb_write_units(1025), 2);
    assert_int_equal(dynamodb_write_units(DYNAMODB_ITEM_MAX), 400);
}

/* --- base64 --- */

static void base64_vectors(void **state) {
    (void)state;
    static const char *const table[][2] = {/* RFC 4648, section 10 */
                                           {"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        char text[16];
        size_t n = strlen(table[i][0]);
        assert_true(DYNAMODB_BASE64_ROOM(n) <= sizeof text);
        assert_int_equal(dynamodb_base64(text, table[i][0], n), strlen(table[i][1]));
        assert_string_equal(text, table[i][1]);
        unsigned char back[16];
        assert_int_equal(dynamodb_base64_decode(back, text, strlen(text)), n);
        assert_memory_equal(back, table[i][0], n);
    }
}

/* Exactly the room that is promised, also past one piece of the library's. */
static void base64_long(void **state) {
    (void)state;
    static const size_t sizes[] = {1000, 3u << 20, (3u << 20) + 1, (6u << 20) + 2};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        size_t n = sizes[i];
        unsigned char *data = malloc(n), *back = malloc(n + 3);
        char *text = malloc(DYNAMODB_BASE64_ROOM(n));
        assert_true(data && back && text);
        for (size_t k = 0; k < n; k++) data[k] = (unsigned char)(k * 31 + k / 7);
        size_t written = dynamodb_base64(text, data, n);
        assert_int_equal(written, (n + 2) / 3 * 4);
        assert_int_equal(text[written], '\0');
        assert_int_equal(dynamodb_base64_decode(back, text, written), n);
        assert_memory_equal(back, data, n);
        free(data);
        free(back);
        free(text);
    }
}

static void base64_nonsense(void **state) {
    (void)state;
    static const char *const wrong[] = {"Z",     "Zg",   "Zg=",  "Z===", "====", "Zg==Zg==", "Zm9v\n",
                                        "Zm 9v", "Zm9-", "Zm9_", "=m9v", "Z=9v", "Zm=v"};
    unsigned char out[32];
    for (size_t i = 0; i < COUNT(wrong); i++) {
        if (dynamodb_base64_decode(out, wrong[i], strlen(wrong[i])) != (size_t)-1) fail_msg("%s is taken", wrong[i]);
    }
    for (size_t at = 0; at < 8; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char *text = malloc(8);
            unsigned char *exact = malloc(DYNAMODB_BASE64_DECODE_ROOM(8));
            assert_true(text && exact);
            memcpy(text, "Zm9vYmFy", 8);
            text[at] = (char)byte;
            size_t n = dynamodb_base64_decode(exact, text, 8);
            assert_true(n == (size_t)-1 || n <= 6);
            free(text);
            free(exact);
        }
    }
}

/* --- items --- */

static void item_sizes(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t size;
    } table[] = {
        {"{}", 0},
        {"{\"a\":{\"S\":\"\"}}", 1},
        {"{\"PK\":{\"S\":\"abc\"}}", 5},
        {"{\"n\":{\"N\":\"3.14159\"}}", 6},
        {"{\"b\":{\"B\":\"Zm9vYg==\"}}", 5},
        {"{\"b\":{\"B\":\"\"}}", 1},
        {"{\"t\":{\"BOOL\":true}, \"f\":{\"BOOL\":false}}", 4},
        {"{\"x\":{\"NULL\":true}}", 2},
        {"{\"l\":{\"L\":[]}}", 4},
        {"{\"m\":{\"M\":{}}}", 4},
        {"{\"l\":{\"L\":[{\"S\":\"ab\"},{\"N\":\"1\"}]}}", 1 + 3 + (1 + 2) + (1 + 2)},
        {"{\"m\":{\"M\":{\"key\":{\"S\":\"v\"}}}}", 1 + 3 + (1 + 3 + 1)},
        {"{\"m\":{\"M\":{\"k\":{\"L\":[{\"BOOL\":true}]}}}}", 1 + 3 + (1 + 1 + 3 + (1 + 1))},
        {"{\"s\":{\"SS\":[\"a\",\"bc\"]}}", 1 + 3},
        {"{\"s\":{\"NS\":[\"1\",\"-200\"]}}", 1 + 2 + 3},
        {"{\"s\":{\"BS\":[\"Zg==\",\"Zm9v\"]}}", 1 + 1 + 3},
        {"{\"\\u00e9\":{\"S\":\"\\\"\\n\\u0041\\u20ac\\ud83d\\ude00\"}}", 2 + 1 + 1 + 1 + 3 + 4},
        {"{\"\xc3\xa9\":{\"S\":\"\xe2\x82\xac\"}}", 2 + 3},
        {"{\"\\u0053\":{\"S\":\"\\u007f\\u0080\\u07ff\\u0800\"}}", 1 + 1 + 2 + 2 + 3},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct error err = {0};
        size_t size = 999999;
        if (!dynamodb_item_size(table[i].json, strlen(table[i].json), &size, &err)) {
            fail_msg("%s: %s", table[i].json, err.text);
        }
        if (size != table[i].size) fail_msg("%s: %zu bytes, not %zu", table[i].json, size, table[i].size);
    }
}

static void item_refused(void **state) {
    (void)state;
    static const char *const table[] = {
        "",
        "[]",
        "1",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":{\"S\":1}}",
        "{\"a\":{\"X\":\"\"}}",
        "{\"a\":{\"N\":\"one\"}}",
        "{\"a\":{\"B\":\"Zg=\"}}",
        "{\"a\":{\"BOOL\":1}}",
        "{\"a\":{\"NULL\":false}}",
        "{\"a\":{\"L\":{}}}",
        "{\"a\":{\"M\":[]}}",
        "{\"a\":{\"SS\":\"a\"}}",
        "{\"a\":{\"SS\":[1]}}",
        "{\"a\":{\"S\":\"x\",\"N\":\"1\"}}",
        "{\"a\":{\"S\":\"x\"}} {}",
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct error err = {0};
        size_t size;
        if (dynamodb_item_size(table[i], strlen(table[i]), &size, &err)) fail_msg("%s is taken", table[i]);
        assert_int_equal(err.kind, ERROR_TARGET);
        assert_true(err.text[0] != '\0');
    }
}

/* The value of an attribute within `levels` - 1 lists. */
static size_t nested(char *out, int levels) {
    size_t n = 0;
    n += (size_t)snprintf(out + n, 8, "{\"a\":");
    for (int i = 1; i < levels; i++) n += (size_t)snprintf(out + n, 8, "{\"L\":[");
    n += (size_t)snprintf(out + n, 16, "{\"NULL\":true}");
    for (int i = 1; i < levels; i++) n += (size_t)snprintf(out + n, 8, "]}");
    n += (size_t)snprintf(out + n, 8, "}");
    return n;
}

static void item_nesting(void **state) {
    (void)state;
    char json[2000];
    size_t size;
    struct error err;
    size_t n = nested(json, DYNAMODB_NESTING_MAX);
    assert_true(dynamodb_item_size(json, n, &size, &err));
    assert_int_equal(size, 1 + 31 * (3 + 1) + 1);
    n = nested(json, DYNAMODB_NESTING_MAX + 1);
    assert_false(dynamodb_item_size(json, n, &size, &err));
    assert_non_null(strstr(err.text, "32 levels"));
}

static void item_nonsense(void **state) {
    (void)state;
    static const char item[] =
        "{\"m\":{\"M\":{\"k\":{\"L\":[{\"BOOL\":true},{\"B\":\"Zg==\"}]},\"\\u00e9\":{\"SS\":[\"a\\n\"]}}},"
        "\"n\":{\"N\":\"-1.5E2\"}}";
    size_t n = sizeof item - 1, size;
    for (size_t at = 0; at < n; at++) {
        char *cut = malloc(at ? at : 1);
        assert_non_null(cut);
        memcpy(cut, item, at);
        assert_false(dynamodb_item_size(cut, at, &size, NULL));
        free(cut);
        for (int byte = 0; byte < 256; byte++) {
            char whole[sizeof item];
            memcpy(whole, item, sizeof item);
            whole[at] = (char)byte;
            if (dynamodb_item_size(whole, n, &size, NULL)) assert_true(size < n);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(type_names),        cmocka_unit_test(number_sizes),    cmocka_unit_test(number_limits),
        cmocka_unit_test(number_long_forms), cmocka_unit_test(number_nonsense), cmocka_unit_test(number_reasons),
        cmocka_unit_test(write_units),       cmocka_unit_test(base64_vectors),  cmocka_unit_test(base64_long),
        cmocka_unit_test(base64_nonsense),   cmocka_unit_test(item_sizes),      cmocka_unit_test(item_refused),
        cmocka_unit_test(item_nesting),      cmocka_unit_test(item_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
