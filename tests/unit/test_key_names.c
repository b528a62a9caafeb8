/* The texts of heavy keys, among many that are light. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/key_names.h"

static struct dynamodb_index indexes[] = {
    {.name = "ByState", .partition = {{"State", DYNAMODB_S}}, .partition_count = 1},
    {.name = "ByPair", .partition = {{"State", DYNAMODB_S}, {"Year", DYNAMODB_N}}, .partition_count = 2},
};
static const struct dynamodb_schema schema = {
    .name = "Logs", .partition = {"PK", DYNAMODB_S}, .indexes = indexes, .index_count = 2};

static struct parts add(struct key_names *k, struct parts_reader *r, const char *json) {
    struct parts parts;
    assert_true(parts_read(r, json, strlen(json), &parts));
    key_names_add(k, 0, &schema, &parts, json, strlen(json));
    return parts;
}

static const char *name_of(const struct key_names *k, const struct parts *p, int part) {
    const char *name = key_names_find(k, parts_bucket(0, &p->at[part]));
    return name ? name : "(unknown)";
}

static void test_names(void **state) {
    (void)state;
    struct key_names *k = key_names_new();
    struct parts_reader *r = parts_reader_new(&schema);
    assert_non_null(k);
    assert_non_null(r);
    struct parts p = add(k, r, "{\"State\":{\"S\":\"a \\\"b\\\"\"},\"PK\":{\"S\":\"one\"},\"Year\":{\"N\":\"2024\"}}");
    assert_string_equal(name_of(k, &p, 0), "PK=one");
    assert_string_equal(name_of(k, &p, 1), "State=a \"b\"");
    assert_string_equal(name_of(k, &p, 2), "State=a \"b\", Year=2024");
    assert_null(key_names_find(k, 12345));
    key_names_free(k);
    parts_reader_free(r);
}

/* What is cut off is not cut within a character. */
static void test_long_key(void **state) {
    (void)state;
    struct key_names *k = key_names_new();
    struct parts_reader *r = parts_reader_new(&schema);
    char json[2000] = "{\"PK\":{\"S\":\"x", *end = json + strlen(json);
    for (int i = 0; i < 500; i++) end = stpcpy(end, "\xC3\xA9");
    stpcpy(end, "\"}}");
    struct parts p = add(k, r, json);
    const char *name = name_of(k, &p, 0);
    size_t n = strlen(name);
    assert_true(n > 80 && n < 104 && memcmp(name, "PK=x\xC3\xA9", 6) == 0);
    assert_int_equal((n - 4) % 2, 0);
    key_names_free(k);
    parts_reader_free(r);
}

static void test_heavy_among_light(void **state) {
    (void)state;
    struct key_names *k = key_names_new();
    struct parts_reader *r = parts_reader_new(&schema);
    struct parts heavy[10];
    char json[200], wanted[40];
    for (int i = 0; i < 300000; i++) {
        int h = i / 100 % 10;
        snprintf(json, sizeof json, "{\"PK\":{\"S\":\"p%d\"},\"State\":{\"S\":\"%s%d\"}}", i, i % 100 < 20 ? "heavy" : "light",
                 i % 100 < 20 ? h : i);
        struct parts p = add(k, r, json);
        if (i % 100 < 20) heavy[h] = p;
    }
    for (int h = 0; h < 10; h++) {
        snprintf(wanted, sizeof wanted, "State=heavy%d", h);
        assert_string_equal(name_of(k, &heavy[h], 1), wanted);
    }
    key_names_free(k);
    parts_reader_free(r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_key),
        cmocka_unit_test(test_heavy_among_light),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
