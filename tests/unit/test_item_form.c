/* The canonical form of an item: what is the same, what is not, what is no item. And of a number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/item_form.h"
#include "dynamodb/value.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct item_form a, b;

static bool same(const char *left, const char *right) {
    struct error err = {0};
    if (!item_form_make(&a, left, strlen(left), &err)) fail_msg("%s: %s", left, err.text);
    if (!item_form_make(&b, right, strlen(right), &err)) fail_msg("%s: %s", right, err.text);
    assert_true(item_form_same(&a, &b) == item_form_same(&b, &a));
    return item_form_same(&a, &b);
}

/* The form is stable: it may be stored. 'M' and a count; each member 'K' and a name, then the value. */
static void bytes_of_a_form(void **state) {
    (void)state;
    static const char json[] =
        "{\"b\":{\"NS\":[\"-0.50\",\"12e1\"]},\"a\":{\"L\":[{\"NULL\":true},{\"BOOL\":false},{\"B\":\"AP8=\"}]}}";
    static const char form[] = "M\0\0\0\2"
                               "K\0\0\0\1aL\0\0\0\3"
                               "0FB\0\0\0\2\0\xff"
                               "K\0\0\0\1bn\0\0\0\2N\0\0\0\4-\xff\xff"
                               "5N\0\0\0\5+\0\1"
                               "12";
    struct error err = {0};
    assert_true(item_form_make(&a, json, sizeof json - 1, &err));
    assert_int_equal(a.bytes.len, sizeof form - 1);
    assert_memory_equal(a.bytes.data, form, sizeof form - 1);
}

static void what_is_the_same(void **state) {
    (void)state;
    static const char *const table[][2] = {
        {"{}", " { } "},
        {"{\"a\":{\"S\":\"x\"},\"b\":{\"N\":\"1\"}}", "{\"b\":{\"N\":\"1\"},\"a\":{\"S\":\"x\"}}"},
        {"{\"a\":{\"N\":\"100\"}}", "{\"a\":{\"N\":\"1E2\"}}"},
        {"{\"a\":{\"N\":\"-0\"}}", "{\"a\":{\"N\":\"0.000\"}}"},
        {"{\"a\":{\"S\":\"\\u00e4\\/\\n\"}}", "{\"a\":{\"S\":\"\xc3\xa4/\\u000a\"}}"},
        {"{\"\\u0061\":{\"S\":\"\"}}", "{\"a\":{\"S\":\"\"}}"},
        {"{\"a\":{\"SS\":[\"x\",\"yy\",\"z\"]}}", "{\"a\":{\"SS\":[\"z\",\"x\",\"y\\u0079\"]}}"},
        {"{\"a\":{\"NS\":[\"10\",\"2.0\"]}}", "{\"a\":{\"NS\":[\"2\",\"1E1\"]}}"},
        {"{\"a\":{\"BS\":[\"AA==\",\"AQ==\"]}}", "{\"a\":{\"BS\":[\"AQ==\",\"AA==\"]}}"},
        {"{\"a\":{\"M\":{\"y\":{\"M\":{}},\"x\":{\"L\":[]}}}}", "{\"a\":{\"M\":{\"x\":{\"L\":[]},\"y\":{\"M\":{}}}}}"},
        {"{\"a\":{\"L\":[{\"M\":{\"q\":{\"N\":\"1\"},\"p\":{\"SS\":[\"b\",\"a\"]}}}]}}",
         "{\"a\":{\"L\":[{\"M\":{\"p\":{\"SS\":[\"a\",\"b\"]},\"q\":{\"N\":\"1.0\"}}}]}}"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (!same(table[i][0], table[i][1])) fail_msg("%s and %s", table[i][0], table[i][1]);
    }
}

static void what_is_not(void **state) {
    (void)state;
    static const char *const all[] = {
        "{}",
        "{\"a\":{\"S\":\"1\"}}",
        "{\"a\":{\"N\":\"1\"}}",
        "{\"a\":{\"N\":\"-1\"}}",
        "{\"a\":{\"N\":\"10\"}}",
        "{\"a\":{\"N\":\"0\"}}",
        "{\"a\":{\"B\":\"MQ==\"}}",
        "{\"a\":{\"BOOL\":true}}",
        "{\"a\":{\"BOOL\":false}}",
        "{\"a\":{\"NULL\":true}}",
        "{\"a\":{\"L\":[]}}",
        "{\"a\":{\"M\":{}}}",
        "{\"a\":{\"L\":[{\"S\":\"x\"},{\"S\":\"y\"}]}}",
        "{\"a\":{\"L\":[{\"S\":\"y\"},{\"S\":\"x\"}]}}",
        "{\"a\":{\"SS\":[\"x\",\"y\"]}}",
        "{\"a\":{\"SS\":[\"xy\"]}}",
        "{\"a\":{\"SS\":[\"x\"]}}",
        "{\"a\":{\"NS\":[\"1\"]}}",
        "{\"a\":{\"BS\":[\"MQ==\"]}}",
        "{\"a\":{\"L\":[{\"L\":[{\"S\":\"x\"}]},{\"L\":[]}]}}",
        "{\"a\":{\"L\":[{\"L\":[]},{\"L\":[{\"S\":\"x\"}]}]}}",
        "{\"a\":{\"S\":\"1\"},\"b\":{\"S\":\"1\"}}",
        "{\"b\":{\"S\":\"1\"}}",
        "{\"aS\":{\"S\":\"1\"}}",
    };
    for (size_t i = 0; i < COUNT(all); i++) {
        for (size_t k = 0; k < COUNT(all); k++) {
            if (same(all[i], all[k]) != (i == k)) fail_msg("%s and %s", all[i], all[k]);
        }
    }
}

static void no_items(void **state) {
    (void)state;
    static const char *const all[] = {"",
                                      "[]",
                                      "{",
                                      "{}x",
                                      "{\"a\":1}",
                                      "{\"a\":{}}",
                                      "{\"a\":{\"S\":1}}",
                                      "{\"a\":{\"Q\":\"x\"}}",
                                      "{\"a\":{\"S\":\"x\",\"N\":\"1\"}}",
                                      "{\"a\":{\"N\":\"one\"}}",
                                      "{\"a\":{\"B\":\"*\"}}",
                                      "{\"a\":{\"B\":\"\\u0041A==\"}}",
                                      "{\"a\":{\"S\":\"\\ud800\"}}",
                                      "{\"a\":{\"NULL\":false}}",
                                      "{\"a\":{\"SS\":{}}}",
                                      "{\"a\":{\"SS\":[1]}}",
                                      "{\"a\":{\"L\":{}}}",
                                      "{\"a\":{\"L\":[\"x\"]}}",
                                      "{\"a\":{\"M\":[]}}"};
    for (size_t i = 0; i < COUNT(all); i++) {
        struct error err = {0};
        if (item_form_make(&a, all[i], strlen(all[i]), &err)) fail_msg("taken: %s", all[i]);
        assert_int_equal(err.kind, ERROR_TARGET);
    }
}

/* Nesting as deep as the reader goes, and deeper; many members in every order. */
static void depth_and_width(void **state) {
    (void)state;
    struct error err;
    struct buffer text;
    buffer_init(&text, 1 << 20);
    for (int depth = 1; depth < 200; depth += 3) {
        text.len = 0;
        assert_true(buffer_append_text(&text, "{\"a\":"));
        for (int i = 0; i < depth; i++) assert_true(buffer_append_text(&text, "{\"L\":["));
        for (int i = 0; i < depth; i++) assert_true(buffer_append_text(&text, "]}"));
        assert_true(buffer_append_text(&text, "}"));
        assert_int_equal(item_form_make(&a, text.data, text.len, &err), depth < 64);
    }
    for (int i = 0; i < 2; i++) {
        text.len = 0;
        assert_true(buffer_append_text(&text, "{\"s\":{\"NS\":["));
        for (int k = 0; k < 2000; k++) assert_true(buffer_printf(&text, "%s\"%d\"", k ? "," : "", i ? k : (k * 7) % 2000));
        assert_true(buffer_append_text(&text, "]}}"));
        assert_true(item_form_make(i ? &a : &b, text.data, text.len, &err));
    }
    assert_true(item_form_same(&a, &b));
    buffer_free(&text);
}

static void numbers(void **state) {
    (void)state;
    static const struct {
        const char *text, *form;
        size_t len;
    } table[] = {{"0", "", 0},
                 {"-0.0E7", "", 0},
                 {"1", "+\0\0001", 4},
                 {"+1.0", "+\0\0001", 4},
                 {"0001000e-3", "+\0\0001", 4},
                 {"-120", "-\0\00112", 5},
                 {".05",
                  "+\xff\xfe"
                  "5",
                  4},
                 {"10203.040",
                  "+\xff\xfe"
                  "1020304",
                  10},
                 {"1E-130",
                  "+\xff\x7e"
                  "1",
                  4},
                 {"9e125",
                  "+\0\x7d"
                  "9",
                  4}};
    char out[DYNAMODB_NUMBER_CANONICAL_MAX], again[DYNAMODB_NUMBER_CANONICAL_MAX];
    for (size_t i = 0; i < COUNT(table); i++) {
        size_t n = dynamodb_number_canonical(table[i].text, strlen(table[i].text), out);
        if (n != table[i].len || memcmp(out, table[i].form, n) != 0) fail_msg("%s", table[i].text);
    }
    char zeros[3000]; /* 1 with more zeros than anything holds */
    memset(zeros, '0', sizeof zeros);
    zeros[1000] = '1';
    zeros[1001] = '.';
    size_t n = dynamodb_number_canonical(zeros, sizeof zeros, out);
    assert_int_equal(n, dynamodb_number_canonical("1", 1, again));
    assert_memory_equal(out, again, n);
    memset(zeros, '7', sizeof zeros); /* not a number that DynamoDB takes: something, within bounds */
    assert_int_equal(dynamodb_number_canonical(zeros, sizeof zeros, out), DYNAMODB_NUMBER_CANONICAL_MAX);
}

int main(void) {
    item_form_init(&a);
    item_form_init(&b);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_of_a_form), cmocka_unit_test(what_is_the_same), cmocka_unit_test(what_is_not),
        cmocka_unit_test(no_items),        cmocka_unit_test(depth_and_width),  cmocka_unit_test(numbers),
    };
    int failed = cmocka_run_group_tests_name("item_form", tests, NULL, NULL);
    item_form_free(&a);
    item_form_free(&b);
    return failed;
}
