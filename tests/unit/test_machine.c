/* The machine: rows in binary form become items. Of every item, size and key agree with what is read back from its JSON. */
#include "machine_rig.h"

#define KEYS "{\"PK\":{\"S\":\"Bank-2024-02-29\"},\"SK\":{\"S\":\"2024-02-29T23:05:07.008Z#"
#define REST "\"Raw\":{\"B\":\"AAH+\"},\"Score\":{\"N\":\"0.1\"}}"

static void whole_rows(void **state) {
    (void)state;
    struct row r;
    rig_compile();
    logs_row(&r, 7, "Bank", 12, "10.50", "line\n\"q\" \xc3\xa4");
    rig_becomes(&r,
                KEYS
                "7\"},\"GPK\":{\"S\":\"APP#12\"},\"GSK\":{\"S\":\"2024-02-29T23:05:07.008Z#7\"},\"TTL\":{\"N\":\"1709334307\"},"
                "\"Id\":{\"N\":\"7\"},\"Service\":{\"S\":\"Bank\"},\"Application\":{\"N\":\"12\"},\"At\":{\"S\":\"2024-02-29T23:"
                "05:07.008009\"},"
                "\"Success\":{\"BOOL\":true},\"Amount\":{\"N\":\"10.50\"},\"Body\":{\"S\":\"line\\n\\\"q\\\" \xc3\xa4\"}," REST,
                2);
    /* NULL: absent, and the index stays sparse as a whole */
    logs_row(&r, 8, "Bank", -1, NULL, NULL);
    rig_becomes(&r,
                KEYS "8\"},\"TTL\":{\"N\":\"1709334307\"},\"Id\":{\"N\":\"8\"},\"Service\":{\"S\":\"Bank\"},"
                     "\"At\":{\"S\":\"2024-02-29T23:05:07.008009\"},\"Success\":{\"BOOL\":false}," REST,
                1);
    rig.logs.spec.keep_nulls = true;
    rig_compile();
    logs_row(&r, 8, "Bank", -1, NULL, "");
    rig_becomes(
        &r,
        KEYS
        "8\"},\"TTL\":{\"N\":\"1709334307\"},\"Id\":{\"N\":\"8\"},\"Service\":{\"S\":\"Bank\"},\"Application\":{\"NULL\":true},"
        "\"At\":{\"S\":\"2024-02-29T23:05:07.008009\"},\"Success\":{\"BOOL\":false},\"Amount\":{\"NULL\":true},\"Body\":{\"S\":"
        "\"\"}," REST,
        1);
}

static void rejected_rows(void **state) {
    (void)state;
    struct row r;
    rig_compile();
    logs_row(&r, 1, NULL, 1, NULL, NULL);
    rig_rejects(&r, REJECT_KEY_MISSING, "attribute PK");
    char *long_text = malloc(500001);
    memset(long_text, 'x', 500000);
    long_text[500000] = '\0';
    long_text[2048] = '\0';
    logs_row(&r, 1, long_text, 1, NULL, NULL);
    rig_rejects(&r, REJECT_KEY_SIZE, "2059 bytes is over the limit of 2048");
    long_text[2048] = 'x';
    logs_row(&r, 1, "Bank", 1, NULL, long_text);
    rig_rejects(&r, REJECT_ITEM_SIZE, "attribute Body");
    long_text[409600] = '\0'; /* the value alone would fit */
    logs_row(&r, 1, "Bank", 1, NULL, long_text);
    rig_rejects(&r, REJECT_ITEM_SIZE, "over 409,600 bytes");
    free(long_text);
    logs_row(&r, 1, "Bank", 1, "123456789012345678901234567890123456789", NULL);
    rig_rejects(&r, REJECT_NUMBER, "attribute Amount: the number 123456789012345678901234567890123456789: more than 38");
    logs_row(&r, 1, "Bank", 1, NULL, NULL);
    r.fields[AT].len = 4;
    rig_rejects(&r, REJECT_VALUE, "At is not a value of its type");
    logs_row(&r, 1, "Bank", 1, NULL, NULL);
    r.fields[SUCCESS].len = 0;
    rig_rejects(&r, REJECT_VALUE, "attribute Success");
    logs_row(&r, 1, "Bank", 1, NULL, NULL);
    memset(r.memory[SCORE], 0xff, 8);
    rig_rejects(&r, REJECT_NUMBER, "attribute Score: the value is NaN");
    rig.logs.attributes[0].value = (struct value_spec)TEMPLATE("{Service}");
    rig_compile();
    logs_row(&r, 1, "", 1, NULL, NULL);
    rig_rejects(&r, REJECT_KEY_EMPTY, "attribute PK");
    logs_row(&r, 1, "\xff", 1, NULL, NULL); /* the server vouches for its text, unless it says that it does not */
    rig.logs.check_utf8 = true;
    rig_compile();
    rig_rejects(&r, REJECT_TEXT, "not UTF-8");
}

static void keys_that_are_not_owned(void **state) {
    (void)state;
    static const char *const owns[] = {"Card-", "Bank-2024"};
    struct row r;
    struct error err = {0};
    rig.logs.schema.owns = owns;
    rig.logs.schema.owns_count = 2;
    rig_compile();
    logs_row(&r, 1, "Bank", 1, NULL, NULL);
    assert_int_equal(rig_map(&r), MAP_ITEM);
    logs_row(&r, 1, "bank", 1, NULL, NULL);
    rig_rejects(&r, REJECT_OWNS, "attribute PK: bank-2024-02-29 begins with nothing that the plan owns");
    rig.logs.attributes[0].value = (struct value_spec)TEMPLATE("A#{Application}"); /* whose text needs no escaping */
    rig_compile();
    logs_row(&r, 1, "Bank", 1, NULL, NULL);
    rig_rejects(&r, REJECT_OWNS, "attribute PK: A#1 begins with nothing that the plan owns");
    rig.logs.schema.partition.type = DYNAMODB_ANY; /* asked of strings alone */
    rig.logs.attributes[0].value = (struct value_spec){.kind = VALUE_COLUMN, .text = "Id", .len = 2};
    assert_null(logs_compile(&rig.logs, rig.arena, &err));
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_non_null(strstr(err.text, "the partition key \"PK\" is N, no string"));
}

static void json_bodies(void **state) {
    (void)state;
    struct row r;
    rig.logs.spec.columns.present = false;
    rig.logs.spec.attribute_count = 3;
    rig.logs.schema.index_count = 0;
    rig.logs.attributes[2] =
        (struct attribute_spec){.name = "Body", .index = -1, .value = {.kind = VALUE_JSON, .text = "Body", .len = 4}};
    rig_compile();
    logs_row(&r, 1, "Bank", 1, NULL, "{\"a\": [1.50, \"\\u00e4\"]}");
    rig_becomes(&r, KEYS "1\"},\"Body\":{\"M\":{\"a\":{\"L\":[{\"N\":\"1.50\"},{\"S\":\"\\u00e4\"}]}}}}", 1);
    logs_row(&r, 1, "Bank", 1, NULL, "{\"a\": ");
    rig_rejects(&r, REJECT_JSON, "attribute Body: this is no JSON: the text ends too early");
    rig.logs.attributes[2].value.invalid = JSON_INVALID_STRING;
    rig_compile();
    logs_row(&r, 1, "Bank", 1, NULL, "{\"a\": ");
    rig_becomes(&r, KEYS "1\"},\"Body\":{\"S\":\"{\\\"a\\\": \"}}", 1);
    rig.logs.attributes[2].value.invalid = JSON_INVALID_ABSENT;
    rig_compile();
    logs_row(&r, 1, "Bank", 1, NULL, "{\"a\": ");
    rig_becomes(&r, KEYS "1\"}}", 1);
}

static void sparse_attributes_and_constants(void **state) {
    (void)state;
    static const struct value_spec open = TEMPLATE("OPEN#{Id}"), raw = COLUMN("Raw");
    const struct attribute_spec extra[] = {
        {.name = "b", .index = -1, .value = CONSTANT(DYNAMODB_B, "\x00\xff")},
        {.name = "n", .index = -1, .value = CONSTANT(DYNAMODB_N, "1.0")},
        {.name = "nil", .index = -1, .value = CONSTANT(DYNAMODB_NULL, "")},
        {.name = "no", .index = -1, .value = CONSTANT(DYNAMODB_BOOL, "false")},
        {.name = "s", .index = -1, .value = CONSTANT(DYNAMODB_S, "a\"b")},
        {.name = "text", .index = -1, .value = {.kind = VALUE_COLUMN, .type = DYNAMODB_S, .text = "Amount", .len = 6}},
        {.name = "w1", .index = -1, .value = {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &open}},
        {.name = "w2", .index = -1, .value = {.kind = VALUE_WHEN, .text = "Application", .len = 11, .inner = &raw}},
    };
    struct row r;
    rig.logs.spec.columns.present = false;
    rig.logs.schema.index_count = 0;
    memcpy(&rig.logs.attributes[2], extra, sizeof extra);
    rig.logs.spec.attribute_count = 2 + COUNT(extra);
    rig_compile();
#define CONSTANTS                                                                                                                \
    "\"b\":{\"B\":\"AP8=\"},\"n\":{\"N\":\"1.0\"},\"nil\":{\"NULL\":true},\"no\":{\"BOOL\":false},\"s\":{\"S\":\"a\\\"b\"}"
    logs_row(&r, 1, "Bank", 3, "0.00", NULL);
    rig_becomes(&r, KEYS "1\"}," CONSTANTS ",\"text\":{\"S\":\"0.00\"},\"w1\":{\"S\":\"OPEN#1\"},\"w2\":{\"B\":\"AAH+\"}}", 1);
    logs_row(&r, 2, "Bank", -1, NULL, NULL);
    rig_becomes(&r, KEYS "2\"}," CONSTANTS "}", 1);
}

static void keys_of_every_type(void **state) {
    (void)state;
    struct row r;
    rig.logs.schema.index_count = 0;
    rig.logs.spec.columns.present = false;
    rig.logs.spec.attribute_count = 2;
    rig.logs.attributes[0].value = (struct value_spec)COLUMN("Amount");
    rig.logs.attributes[1].value = (struct value_spec)COLUMN("Raw");
    rig_compile();
    static const char *const same[] = {"1", "1.0", "1.00", "0001.0000"};
    uint64_t key = 0;
    for (size_t i = 0; i < COUNT(same); i++) {
        logs_row(&r, 1, "x", 1, same[i], NULL);
        assert_int_equal(rig_map(&r), MAP_ITEM);
        assert_true(i == 0 || rig.items[0].key == key); /* however the number is spelled */
        key = rig.items[0].key;
    }
    logs_row(&r, 1, "x", 1, "10", NULL);
    assert_int_equal(rig_map(&r), MAP_ITEM);
    assert_true(rig.items[0].key != key);
}

/* A value that an earlier attribute has is copied from there, be it as short as can be. */
static void repeated_values(void **state) {
    (void)state;
    struct row r;
    rig.logs.spec.columns.present = false;
    rig.logs.spec.attribute_count = 6;
    rig.logs.schema.index_count = 0;
    for (int i = 2; i < 6; i++) {
        static const char *const names[] = {"a", "b", "c", "d"};
        rig.logs.attributes[i] = (struct attribute_spec){.name = names[i - 2], .index = -1};
        rig.logs.attributes[i].value = (struct value_spec)TEMPLATE("{Id}");
        if (i > 3) rig.logs.attributes[i].value = (struct value_spec)TEMPLATE("{Id}-{Id}-{Id}-{Id}-{Id}");
    }
    rig_compile();
    logs_row(&r, 7, "Bank", 1, NULL, NULL);
    rig_becomes(&r, KEYS "7\"},\"a\":{\"S\":\"7\"},\"b\":{\"S\":\"7\"},\"c\":{\"S\":\"7-7-7-7-7\"},\"d\":{\"S\":\"7-7-7-7-7\"}}",
                1);
}

/* Write units: the table's, and of each index whose keys are there, by what it projects. */
static void write_units(void **state) {
    (void)state;
    static const char *const include[] = {"Body"};
    static const enum dynamodb_projection projections[] = {DYNAMODB_PROJECT_ALL, DYNAMODB_PROJECT_KEYS_ONLY,
                                                           DYNAMODB_PROJECT_INCLUDE};
    char body[5001];
    memset(body, 'x', 5000);
    body[5000] = '\0';
    for (size_t i = 0; i < COUNT(projections); i++) {
        struct row r;
        rig.logs.indexes[0].projection = projections[i];
        rig.logs.indexes[0].include = include;
        rig.logs.indexes[0].include_count = projections[i] == DYNAMODB_PROJECT_INCLUDE;
        rig_compile();
        logs_row(&r, 1, "Bank", 1, NULL, body);
        assert_int_equal(rig_map(&r), MAP_ITEM);
        assert_int_equal(dynamodb_write_units(rig.items[0].size), 6);
        assert_int_equal(rig.items[0].units, i == 0 ? 12 : i == 1 ? 7 : 11);
        logs_row(&r, 1, "Bank", -1, NULL, body);
        assert_int_equal(rig_map(&r), MAP_ITEM);
        assert_int_equal(rig.items[0].units, 6);
    }
}

/* --- rows of any kind --- */

static uint64_t seed = 11;

static uint64_t next_random(void) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 11;
}

static const char *random_text(char *text, size_t max, const char *alphabet) {
    size_t n = next_random() % max, kinds = strlen(alphabet);
    for (size_t i = 0; i < n; i++) text[i] = alphabet[next_random() % kinds];
    text[n] = '\0';
    return text;
}

static void random_rows(void **state) {
    (void)state;
    rig.logs.attributes[5] = (struct attribute_spec){
        .name = "Body", .index = -1, .value = {.kind = VALUE_JSON, .text = "Body", .len = 4, .invalid = JSON_INVALID_STRING}};
    rig.logs.spec.attribute_count = 6;
    rig_compile();
    int items = 0;
    for (int i = 0; i < 20000; i++) {
        struct row r;
        char service[40], amount[60], body[400];
        random_text(service, sizeof service, "abc\x01\n\"\\ \x7f");
        snprintf(amount, sizeof amount, "%s%llu.%0*d", next_random() % 2 ? "-" : "", (unsigned long long)next_random(),
                 (int)(next_random() % 20) + 1, (int)(next_random() % 1000));
        random_text(body, sizeof body, next_random() % 2 ? "[]" : "{}[]:,1\"\\");
        bool none = next_random() % 8 == 0;
        logs_row(&r, (int64_t)(next_random() << 12), none ? NULL : service, (int64_t)(next_random() % 3) - 1,
                 none ? NULL : amount, body);
        if (next_random() % 2) {
            int64_t bits = (int64_t)(next_random() << 12);
            memcpy(r.memory[SCORE], &bits, 8);
        }
        for (int k = 0; k < 3 && next_random() % 4 == 0; k++) { /* damage: lengths and bytes */
            int column = (int)(next_random() % COLUMN_COUNT);
            if (r.fields[column].len > 0 && next_random() % 2)
                r.fields[column].len = (int32_t)(next_random() % (uint64_t)r.fields[column].len);
            if (r.fields[column].len > 0)
                ((char *)r.memory[column])[next_random() % (uint64_t)r.fields[column].len] ^= (char)next_random();
        }
        enum map_result result = MAP_REJECT;
        for (int column = 0; column < COLUMN_COUNT; column++) { /* the server never sends bytes that are not UTF-8 */
            if (columns[column].type != PG_TEXT || r.fields[column].len < 0) continue;
            for (int32_t k = 0; k < r.fields[column].len; k++) ((char *)r.memory[column])[k] &= 0x7f;
        }
        result = rig_map(&r);
        items += result == MAP_ITEM;
        assert_true(result != MAP_MEMORY);
    }
    assert_true(items > 5000);
}

/* A column's value that is not of its type, wherever the buffer has to grow for it: behind so much that asks for little room that nothing is
 * left of what the keys have asked for. */
static void damaged_integers(void **state) {
    (void)state;
    char names[10][121] = {{0}}, service[400];
    rig.logs.attributes[2].value = (struct value_spec)TEMPLATE("{Service}");
    for (size_t i = 0; i < COUNT(names); i++) {
        memset(names[i], (int)('A' + i), sizeof names[i] - 1);
        rig.logs.attributes[5 + i] = (struct attribute_spec){.name = names[i], .index = -1, .value = COLUMN("Id")};
    }
    rig.logs.attributes[15] = (struct attribute_spec){.name = "Damaged", .index = -1, .value = COLUMN("Application")};
    rig.logs.spec.attribute_count = 16;
    rig_compile();
    for (size_t n = 1; n < sizeof service; n++) {
        struct row r;
        memset(service, 'x', n);
        service[n] = '\0';
        buffer_free(&rig.out);
        logs_row(&r, 7, service, 12, NULL, NULL);
        r.fields[APPLICATION].len = 3;
        rig_rejects(&r, REJECT_NUMBER, "attribute Damaged");
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    rig_compile();
    int items = 0;
    for (size_t max = 1; max < 3000; max += 7) {
        struct row r;
        buffer_free(&rig.out);
        buffer_init(&rig.out, max);
        logs_row(&r, 7, "Bank", 12, "10.50", "body");
        enum map_result result = rig_run(&r.row);
        assert_true(result == MAP_MEMORY || result == MAP_STOP || result == MAP_ITEM);
        assert_int_equal(result == MAP_MEMORY && max > 6, rig.cancelled);
        items += result == MAP_ITEM;
        row_free(&r);
    }
    assert_true(items > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(whole_rows),
        TEST(rejected_rows),
        TEST(keys_that_are_not_owned),
        TEST(json_bodies),
        TEST(sparse_attributes_and_constants),
        TEST(keys_of_every_type),
        TEST(repeated_values),
        TEST(write_units),
        TEST(random_rows),
        TEST(damaged_integers),
        TEST(memory_runs_out),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
