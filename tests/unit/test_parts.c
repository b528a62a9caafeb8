/* Where an item's write goes: units and partition keys of the table and of each index. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynamodb/parts.h"
#include "dynamodb/value.h"

static const char *const INCLUDED[] = {"note"};

static struct dynamodb_index indexes[] = {
    {.name = "ByOwner",
     .partition = {{"Owner", DYNAMODB_S}},
     .partition_count = 1,
     .sort = {{"At", DYNAMODB_N}},
     .sort_count = 1},
    {.name = "Keys",
     .partition = {{"A", DYNAMODB_S}, {"B", DYNAMODB_N}},
     .partition_count = 2,
     .projection = DYNAMODB_PROJECT_KEYS_ONLY},
    {.name = "Local",
     .local = true,
     .partition = {{"PK", DYNAMODB_S}},
     .partition_count = 1,
     .sort = {{"LSK", DYNAMODB_S}},
     .sort_count = 1,
     .projection = DYNAMODB_PROJECT_KEYS_ONLY},
    {.name = "Notes",
     .partition = {{"Owner", DYNAMODB_S}},
     .partition_count = 1,
     .projection = DYNAMODB_PROJECT_INCLUDE,
     .include = INCLUDED,
     .include_count = 1},
};
static const struct dynamodb_schema schema = {
    .name = "T", .partition = {"PK", DYNAMODB_S}, .sort = {"SK", DYNAMODB_N}, .indexes = indexes, .index_count = 4};

static struct parts_reader *reader;
static struct parts parts;

static bool read_item(const char *json) {
    return parts_read(reader, json, strlen(json), &parts);
}

static int begin(void **state) {
    (void)state;
    reader = parts_reader_new(&schema);
    return reader == NULL;
}

static int end(void **state) {
    (void)state;
    parts_reader_free(reader);
    return 0;
}

static void test_an_item_in_no_index(void **state) {
    (void)state;
    assert_true(read_item("{\"PK\":{\"S\":\"a\"},\"SK\":{\"N\":\"1\"},\"Owner2\":{\"S\":\"x\"}}"));
    assert_int_equal(parts.count, 2 - 1);
    assert_int_equal(parts.at[0].resource, PARTS_TABLE);
    assert_int_equal(parts.at[0].units, 1);
}

static void test_sizes_and_projections(void **state) {
    (void)state;
    char big[8000], json[9000];
    memset(big, 'x', 5000);
    big[5000] = '\0';
    snprintf(json, sizeof json,
             "{\"PK\":{\"S\":\"a\"},\"SK\":{\"N\":\"1\"},\"Owner\":{\"S\":\"me\"},\"At\":{\"N\":\"5\"},\"A\":{\"S\":\"q\"},"
             "\"B\":{\"N\":\"7\"},\"LSK\":{\"S\":\"l\"},\"data\":{\"M\":{\"t\":{\"S\":\"%s\"}}},\"note\":{\"S\":\"%.1100s\"}}",
             big, big);
    assert_true(read_item(json));
    assert_int_equal(parts.count, 4);
    assert_int_equal(parts.at[0].units, 6 + 1); /* 6,1xx bytes, and the local index's own */
    assert_int_equal(parts.at[1].resource, 1);
    assert_int_equal(parts.at[1].units, 6);
    assert_int_equal(parts.at[2].resource, 2);
    assert_int_equal(parts.at[2].units, 1); /* keys only */
    assert_int_equal(parts.at[3].resource, 4);
    assert_int_equal(parts.at[3].units, 2); /* keys and the note */
    assert_int_equal(parts_units(&parts), 7 + 6 + 1 + 2);
    assert_true(parts.at[1].key == parts.at[3].key);                             /* the same value ... */
    assert_true(parts_bucket(0, &parts.at[1]) != parts_bucket(0, &parts.at[3])); /* ... in two indexes, and in two tables */
    assert_true(parts_bucket(0, &parts.at[1]) != parts_bucket(1, &parts.at[1]));
}

static void test_equal_keys_however_spelled(void **state) {
    (void)state;
    assert_true(read_item("{\"PK\":{\"S\":\"é/\"},\"SK\":{\"N\":\"1\"},\"A\":{\"S\":\"q\"},\"B\":{\"N\":\"70\"}}"));
    struct parts before = parts;
    assert_true(read_item("{\"B\":{\"N\":\"7.0E1\"},\"A\":{\"S\":\"q\"},\"PK\":{\"S\":\"\\u00e9\\/\"},\"SK\":{\"N\":\"2\"}}"));
    assert_int_equal(parts.count, 2);
    assert_true(parts.at[0].key == before.at[0].key && parts.at[1].key == before.at[1].key);
    assert_true(read_item("{\"PK\":{\"S\":\"e\"},\"SK\":{\"N\":\"1\"},\"A\":{\"S\":\"q\"},\"B\":{\"N\":\"71\"}}"));
    assert_true(parts.at[0].key != before.at[0].key && parts.at[1].key != before.at[1].key);
}

static void test_what_is_no_item(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "[]",
                                      "{}",
                                      "{\"SK\":{\"N\":\"1\"}}",
                                      "{\"PK\":\"a\"}",
                                      "{\"PK\":{\"S\":\"a\"}",
                                      "{\"PK\":{\"L\":[]}}",
                                      "{\"PK\":{\"S\":\"a\"}} x",
                                      "{\"PK\":{\"M\":{}},\"SK\":{\"N\":\"1\"}}"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(read_item(bad[i]));
}

static void test_the_size_of_a_value(void **state) {
    (void)state;
    size_t size = 0;
    const char *value = "{\"S\":\"h\\u00e9llo\"}";
    assert_true(dynamodb_value_size(value, strlen(value), &size));
    assert_int_equal(size, 6);
    assert_false(dynamodb_value_size("{\"S\":\"a\"} ,", 11, &size));
    assert_false(dynamodb_value_size("\"a\"", 3, &size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_item_in_no_index, begin, end),
        cmocka_unit_test_setup_teardown(test_sizes_and_projections, begin, end),
        cmocka_unit_test_setup_teardown(test_equal_keys_however_spelled, begin, end),
        cmocka_unit_test_setup_teardown(test_what_is_no_item, begin, end),
        cmocka_unit_test(test_the_size_of_a_value),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
