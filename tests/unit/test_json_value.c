/* JSON columns as DynamoDB values (mapping/json_value.h). Of everything that is taken, the size agrees with that of the written item. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/value.h"
#include "mapping/json_value.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct buffer out, keys;
static size_t size;
static struct json_value_fault fault;

/* Writes the value as the attribute "a" of an item, from memory of exactly its size. */
static enum json_value_result write_value(const char *text, size_t n) {
    char *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    if (n) memcpy(exact, text, n);
    out.len = 0;
    fault = (struct json_value_fault){0};
    assert_true(buffer_append_text(&out, "{\"a\":"));
    size_t before = out.len;
    enum json_value_result result = json_value_write(exact, n, &out, &keys, &size, &fault);
    free(exact);
    if (result != JSON_VALUE_OK) {
        assert_int_equal(out.len, before);
        assert_true(result == JSON_VALUE_MEMORY || (fault.why && *fault.why));
        return result;
    }
    assert_true(buffer_append_text(&out, "}") && buffer_terminate(&out));
    size_t item = 0;
    struct error err;
    if (!dynamodb_item_size(out.data, out.len, &item, &err)) fail_msg("%.*s: %s", (int)n, text, err.text);
    if (item != size + 1) fail_msg("%.*s: %zu bytes, not %zu", (int)n, text, size, item - 1);
    return result;
}

static void known_values(void **state) {
    (void)state;
    static const struct {
        const char *text, *value;
        size_t size;
    } table[] = {
        {"{}", "{\"M\":{}}", 3},
        {"[]", "{\"L\":[]}", 3},
        {" \"x\" ", "{\"S\":\"x\"}", 1},
        {"\"\"", "{\"S\":\"\"}", 0},
        {"true", "{\"BOOL\":true}", 1},
        {"false", "{\"BOOL\":false}", 1},
        {"null", "{\"NULL\":true}", 1},
        {"-12.50", "{\"N\":\"-12.50\"}", 4},
        {"9007199254740993", "{\"N\":\"9007199254740993\"}", 9}, /* no double holds it */
        {"0.1000000000000000055511151231257827021", "{\"N\":\"0.1000000000000000055511151231257827021\"}", 20},
        {"1e2", "{\"N\":\"1e2\"}", 2},
        {"1E125", "{\"N\":\"1E125\"}", 2},
        {"{\"a\":1,\"b\":[\"x\",null]}", "{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"L\":[{\"S\":\"x\"},{\"NULL\":true}]}}}", 16},
        {"[[],{},[{}]]", "{\"L\":[{\"L\":[]},{\"M\":{}},{\"L\":[{\"M\":{}}]}]}", 19},
        {"[1,[2],3]", "{\"L\":[{\"N\":\"1\"},{\"L\":[{\"N\":\"2\"}]},{\"N\":\"3\"}]}", 16},
        {"\"\\u00e9\\ud83d\\ude00\\n\"", "{\"S\":\"\\u00e9\\ud83d\\ude00\\n\"}", 7},
        {"{\"\\u00e9\":\"\"}", "{\"M\":{\"\\u00e9\":{\"S\":\"\"}}}", 6},
        {"{\"\":1}", "{\"M\":{\"\":{\"N\":\"1\"}}}", 6},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        if (write_value(table[i].text, strlen(table[i].text)) != JSON_VALUE_OK) fail_msg("%s: %s", table[i].text, fault.why);
        char wanted[400];
        snprintf(wanted, sizeof wanted, "{\"a\":%s}", table[i].value);
        assert_string_equal(out.data, wanted);
        if (size != table[i].size) fail_msg("%s: %zu bytes, not %zu", table[i].text, size, table[i].size);
    }
}

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
    } table[] = {
        {"", "too early"},
        {"{", "too early"},
        {"{\"a\":1", "too early"},
        {"[1,2", "too early"},
        {"x", "not a JSON value"},
        {"{} {}", "follows"},
        {"1 2", "follows"},
        {"'a'", "not a JSON value"},
        {"{\"a\":1,\"a\":2}", "same key twice"},
        {"{\"a\":1,\"b\":{\"c\":1,\"c\":2}}", "same key twice"},
        {"{\"a\":{\"a\":1},\"a\":2}", "same key twice"},
        {"{\"a\":1,\"\\u0061\":2}", "same key twice"},
        {"{\"\\n\":1,\"\\u000a\":2}", "same key twice"},
        {"\"\\ud83d\"", "surrogate"},
        {"{\"\\ude00\":1}", "surrogate"},
        {"[\"a\",\"\\ud83dx\"]", "surrogate"},
        {"1e126", "1E+126"},
        {"1e-131", "1E-130"},
        {"1e99999999999999999999", "1E+126"},
        {"[123456789012345678901234567890123456789]", "38 significant"},
        {"NaN", "not a JSON value"},
        {"01", "malformed"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        enum json_value_result result = write_value(table[i].text, strlen(table[i].text));
        if (result != JSON_VALUE_INVALID || !strstr(fault.why, table[i].why))
            fail_msg("%s: %s", table[i].text, fault.why ? fault.why : "taken");
    }
}

/* Whether a text is no JSON, or JSON that cannot be stored; and where that is. */
static void places(void **state) {
    (void)state;
    static const struct {
        const char *text, *why;
        bool malformed;
        size_t at;
    } table[] = {
        {"not json", "not a JSON value", true, 0},
        {"{a: 1}", "a key in double quotes is missing", true, 1},
        {"{\"a\": 1,}", "a key in double quotes is missing", true, 8},
        {"{\"a\" 1}", "a colon is missing", true, 5},
        {" [1 2]", "a comma is missing", true, 4},
        {"[1,", "the text ends too early", true, 3},
        {"[\"ab", "the text ends inside a string", true, 1},
        {"[\"a\\x\"]", "an unknown escape in a string", true, 3},
        {"{} {}", "something follows the value", true, 3},
        {"[1e200]", "1E+126", false, 1},
        {"{\"a\":1,\"a\":2}", "an object has the same key twice", false, 8},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        assert_int_equal(write_value(table[i].text, strlen(table[i].text)), JSON_VALUE_INVALID);
        if (strstr(fault.why, table[i].why) && fault.malformed == table[i].malformed && fault.at == table[i].at) continue;
        fail_msg("%s: %s, at %zu, malformed %d", table[i].text, fault.why, fault.at, fault.malformed);
    }
}

/* The same key in different objects is fine. */
static void keys_of_other_objects(void **state) {
    (void)state;
    static const char *const texts[] = {"{\"a\":{\"a\":{\"a\":1}}}", "[{\"a\":1},{\"a\":2}]",
                                        "{\"x\":{\"a\":1},\"y\":{\"a\":1},\"a\":3}",
                                        "{\"a\":1,\"b\":[{\"a\":1,\"b\":2}],\"c\":[[{\"c\":1}]]}"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        if (write_value(texts[i], strlen(texts[i])) != JSON_VALUE_OK) fail_msg("%s: %s", texts[i], fault.why);
    }
}

/* An attribute's value is the first level; a scalar in 31 lists is on the 32nd. */
static void nesting(void **state) {
    (void)state;
    for (size_t levels = 30; levels <= 34; levels++) {
        char text[100];
        memset(text, '[', levels);
        memset(text + levels, ']', levels);
        assert_int_equal(write_value(text, 2 * levels) == JSON_VALUE_OK, levels <= 32);
        text[levels] = '1';
        memset(text + levels + 1, ']', levels);
        assert_int_equal(write_value(text, 2 * levels + 1) == JSON_VALUE_OK, levels + 1 <= 32);
        if (levels > 32) assert_non_null(strstr(fault.why, "32 levels"));
    }
}

static void truncated_anywhere(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1,-2.5e3,\"\\u00e9\",{\"b\":null,\"c\":[true,false]}],\"\\ud83d\\ude00\":\"x\"}";
    assert_int_equal(write_value(text, sizeof text - 1), JSON_VALUE_OK);
    for (size_t n = 0; n < sizeof text - 1; n++) assert_int_equal(write_value(text, n), JSON_VALUE_INVALID);
}

/* A key with escapes at every place of the output: what is measured there has its own room. */
static void escaped_keys_at_every_place(void **state) {
    (void)state;
    char text[2000], key[64];
    for (size_t before = 0; before < 600; before++) {
        struct buffer fresh = out;
        buffer_init(&out, fresh.max);
        memset(key, 'k', sizeof key);
        snprintf(text, sizeof text, "[\"%*s\",{\"\\u0041%.50s\":1}]", (int)before, "", key);
        assert_int_equal(write_value(text, strlen(text)), JSON_VALUE_OK);
        buffer_free(&out);
        out = fresh;
    }
}

static void limits_of_memory(void **state) {
    (void)state;
    static const char text[] = "{\"abc\":[1,2,3,\"\\u0041\"],\"d\\n\":\"text\"}";
    assert_int_equal(write_value(text, sizeof text - 1), JSON_VALUE_OK);
    size_t needed = out.len;
    struct buffer large = out, all_keys = keys;
    for (size_t max = 6; max < needed + 20; max++) {
        buffer_init(&out, max);
        buffer_init(&keys, JSON_VALUE_KEYS_BYTES);
        assert_true(buffer_append_text(&out, "{\"a\":"));
        enum json_value_result result = json_value_write(text, sizeof text - 1, &out, &keys, &size, &fault);
        assert_true(result == JSON_VALUE_MEMORY ? out.len == 5 : result == JSON_VALUE_OK && max + 1 >= needed);
        buffer_free(&out);
        buffer_free(&keys);
    }
    out = large;
    keys = all_keys;
}

static void large_values(void **state) {
    (void)state;
    size_t n = 500000;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, '1', n);
    for (size_t i = 1; i < n; i += 2) text[i] = ',';
    text[0] = '[';
    text[1] = '1';
    text[n - 1] = ']';
    assert_int_equal(write_value(text, n), JSON_VALUE_INVALID); /* over 409,600 bytes: not all of it is even written */
    assert_non_null(strstr(fault.why, "larger"));
    free(text);
}

int main(void) {
    buffer_init(&out, 8 * 1024 * 1024);
    buffer_init(&keys, JSON_VALUE_KEYS_BYTES);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(refusals),
        cmocka_unit_test(places),
        cmocka_unit_test(keys_of_other_objects),
        cmocka_unit_test(nesting),
        cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(escaped_keys_at_every_place),
        cmocka_unit_test(limits_of_memory),
        cmocka_unit_test(large_values),
    };
    int failed = cmocka_run_group_tests_name("json_value", tests, NULL, NULL);
    buffer_free(&out);
    buffer_free(&keys);
    return failed;
}
