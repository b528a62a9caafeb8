/* A batch: filling, keeping, splitting, and finding again what DynamoDB sends back. And the hash of a key, however it is spelled. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "dynamodb/batch.h"
#include "dynamodb/key.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static const struct dynamodb_schema schema = {
    .name = "T\"1", .partition = {.name = "PK", .type = DYNAMODB_S}, .sort = {.name = "N", .type = DYNAMODB_N}};

static struct batch b;

static void put(int i, const char *extra) {
    char json[400];
    int n = snprintf(json, sizeof json, "{\"PK\":{\"S\":\"k%d\"},\"N\":{\"N\":\"%d\"}%s}", i, i * 10, extra);
    struct batch_item like = {.size = (uint32_t)i, .units = 2, .origin = &b, .place = i};
    assert_true(dynamodb_key_hash_item(&schema, json, (size_t)n, &like.key));
    assert_true(batch_add(&b, &like, json, (size_t)n));
}

static void fill(int count) {
    assert_true(batch_begin(&b, &schema));
    for (int i = 0; i < count; i++) put(i, "");
}

/* The items that are in the batch, by place: "0 3 7". The body is whole JSON, the entries point into it. */
static const char *places(void) {
    static char text[200];
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < b.count; i++) {
        const struct batch_item *item = &b.items[i];
        size_t len;
        const char *json = batch_item_json(&b, i, &len);
        uint64_t key;
        assert_true(json == b.body.data + item->item_at);
        assert_true(dynamodb_key_hash_item(&schema, json, len, &key) && key == item->key);
        assert_memory_equal(b.body.data + item->at, "{\"PutRequest\":{\"Item\":{", 23);
        assert_memory_equal(json + len, "}}", 2);
        assert_true(item->origin == &b && item->units == 2 && item->size == item->place);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%d", i ? " " : "", (int)item->place);
    }
    size_t len = b.body.len;
    assert_true(batch_finish(&b));
    struct json j;
    json_init(&j, b.body.data, b.body.len);
    assert_true(json_skip(&j, json_next(&j)));
    assert_int_equal(json_next(&j), JSON_END);
    b.body.len = len;
    return text;
}

static void filling(void **state) {
    (void)state;
    fill(2);
    assert_true(batch_finish(&b) && buffer_terminate(&b.body));
    assert_string_equal(b.body.data,
                        "{\"RequestItems\":{\"T\\\"1\":[{\"PutRequest\":{\"Item\":{\"PK\":{\"S\":\"k0\"},\"N\":{\"N\":\"0\"}}}},"
                        "{\"PutRequest\":{\"Item\":{\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"10\"}}}}]}}");
    fill(0);
    size_t mark;
    assert_true(batch_open_item(&b, &mark));
    assert_true(buffer_append_text(&b.body, "{\"half"));
    batch_cancel_item(&b, mark);
    put(0, "");
    assert_true(batch_open_item(&b, &mark));
    batch_cancel_item(&b, mark);
    put(1, "");
    assert_string_equal(places(), "0 1");
}

static void full(void **state) {
    (void)state;
    fill(24);
    assert_false(batch_full(&b));
    put(24, "");
    assert_true(batch_full(&b));
    fill(1);
    assert_false(batch_full(&b));
    char *large = malloc(BATCH_BYTES_FULL);
    assert_non_null(large);
    memset(large, ' ', BATCH_BYTES_FULL);
    memcpy(large, "{\"PK\":{\"S\":\"k\"},\"N\":{\"N\":\"1\"}", 30);
    large[BATCH_BYTES_FULL - 200] = '}';
    struct batch_item like = {.key = 1};
    assert_true(batch_add(&b, &like, large, BATCH_BYTES_FULL - 199));
    assert_false(b.body.len < BATCH_BYTES_FULL && batch_full(&b));
    put(2, ",\"x\":{\"S\":\""
           "....................................................................................................\"}");
    assert_true(batch_full(&b));
    free(large);
}

static void keeping(void **state) {
    (void)state;
    static const struct {
        const char *keep, *left;
    } table[] = {{"11111", "0 1 2 3 4"}, {"00000", ""},    {"10000", "0"},       {"00001", "4"},
                 {"01010", "1 3"},       {"10001", "0 4"}, {"01111", "1 2 3 4"}, {"11110", "0 1 2 3"}};
    for (size_t i = 0; i < COUNT(table); i++) {
        for (int finished = 0; finished < 2; finished++) {
            bool keep[DYNAMODB_BATCH_ITEMS_MAX] = {false};
            for (int k = 0; k < 5; k++) keep[k] = table[i].keep[k] == '1';
            fill(5);
            if (finished) assert_true(batch_finish(&b)); /* as it was sent */
            batch_keep(&b, keep);
            assert_string_equal(places(), table[i].left);
            put(9, ""); /* and it goes on */
            assert_true(strstr(places(), "9") != NULL);
        }
    }
}

/* A batch that is refused is cut in two until one item is left. */
static void splitting(void **state) {
    (void)state;
    struct batch other;
    batch_init(&other);
    for (int count = 25; count > 1; count /= 2) {
        fill(count);
        assert_true(batch_begin(&other, &schema));
        bool keep[DYNAMODB_BATCH_ITEMS_MAX] = {false};
        for (int i = 0; i < count; i++) {
            size_t len;
            const char *json = batch_item_json(&b, i, &len);
            keep[i] = i < count / 2;
            if (!keep[i]) assert_true(batch_add(&other, &b.items[i], json, len));
        }
        batch_keep(&b, keep);
        assert_int_equal(b.count + other.count, count);
        assert_int_equal(other.items[0].place, count / 2);
        places();
    }
    batch_free(&other);
}

/* --- UnprocessedItems --- */

static int sent_back(const char *answer, size_t n, char flags[32]) {
    char *exact = malloc(n ? n : 1);
    struct batch_answer read;
    assert_non_null(exact);
    memcpy(exact, answer, n);
    batch_read_answer(&b, exact, n, &read);
    free(exact);
    for (int i = 0; i < b.count; i++) flags[i] = read.left[i] ? '1' : '0';
    flags[b.count] = '\0';
    return read.left_count;
}

#define BACK(items) "{\"UnprocessedItems\":{\"T\\\"1\":[" items "]}}"
#define ITEM(attributes) "{\"PutRequest\":{\"Item\":{" attributes "}}}"

static const char all_back[] =
    BACK(ITEM("\"N\":{\"N\":\"0\"},\"PK\":{\"S\":\"k0\"}") "," ITEM("\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"1E1\"}") "," ITEM(
        "\"x\":{\"M\":{\"PK\":{\"S\":\"k0\"}}},\"PK\":{\"S\":\"\\u006b2\"},\"N\":{\"N\":\"20.00\"}"));

static void answers(void **state) {
    (void)state;
    static const struct {
        const char *answer, *flags;
        int count;
    } table[] = {
        {"{}", "000", 0},
        {"{\"UnprocessedItems\":{}}", "000", 0},
        {" {\"ConsumedCapacity\": [{\"UnprocessedItems\":[1]}], \"UnprocessedItems\" : { } } ", "000", 0},
        {BACK(""), "000", 0},
        {all_back, "111", 3},
        {BACK(ITEM("\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"10\"}")), "010", 1},
        {BACK(ITEM("\"N\":{\"N\":\"+2.0e+1\"},\"PK\":{\"S\":\"k2\"}")), "001", 1},
        {BACK(ITEM("\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"10\"}") "," ITEM("\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"10\"}")), "010",
         1},
        {"{\"UnprocessedItems\":{\"T\\\"1\":[" ITEM(
             "\"PK\":{\"S\":\"k0\"},\"N\":{\"N\":\"0\"}") "]},\"ItemCollectionMetrics\":{}}",
         "100", 1},
        /* what cannot be read: all of them, since a put may be repeated */
        {"", "111", -1},
        {"[]", "111", -1},
        {"{\"UnprocessedItems\":[]}", "111", -1},
        {"{\"UnprocessedItems\":{}} x", "111", -1},
        {BACK(ITEM("\"PK\":{\"S\":\"k7\"},\"N\":{\"N\":\"0\"}")), "111", -1},
        {BACK(ITEM("\"PK\":{\"S\":\"k0\"}")), "111", -1},
        {BACK(ITEM("\"PK\":{\"N\":\"0\"},\"N\":{\"N\":\"0\"}")), "111", -1},
        {BACK(ITEM("\"PK\":\"k0\",\"N\":{\"N\":\"0\"}")), "111", -1},
        {BACK("{\"DeleteRequest\":{\"Key\":{\"PK\":{\"S\":\"k0\"},\"N\":{\"N\":\"0\"}}}}"), "111", -1},
        {BACK("1"), "111", -1},
    };
    char flags[32];
    fill(3);
    for (size_t i = 0; i < COUNT(table); i++) {
        int count = sent_back(table[i].answer, strlen(table[i].answer), flags);
        if (count != table[i].count || strcmp(flags, table[i].flags) != 0) fail_msg("%s: %d, %s", table[i].answer, count, flags);
    }
}

static void truncated_answers(void **state) {
    (void)state;
    char flags[32];
    fill(3);
    for (size_t n = 0; n < sizeof all_back - 1; n++) {
        assert_int_equal(sent_back(all_back, n, flags), -1);
        assert_string_equal(flags, "111");
    }
}

/* --- ConsumedCapacity --- */

static void consumed(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        double units;
    } table[] = {
        {"{}", -1},
        {"{\"UnprocessedItems\":{}}", -1},
        {"{\"UnprocessedItems\":{},\"ConsumedCapacity\":[{\"TableName\":\"T\",\"CapacityUnits\":75.0}]}", 75},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":7,\"TableName\":\"T\"}],\"UnprocessedItems\":{}}", 7},
        /* several tables; what is within a table is in its sum already */
        {"{\"ConsumedCapacity\":[{\"Table\":{\"CapacityUnits\":1.0},\"CapacityUnits\":3.5,\"GlobalSecondaryIndexes\":"
         "{\"I\":{\"CapacityUnits\":2.5}}},{\"CapacityUnits\":4e1}]}",
         43.5},
        {"{\"ConsumedCapacity\":{\"CapacityUnits\":2.0}}", 2}, /* a PutItem's */
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":0}]}", 0},
        /* what is not known tells nothing, and is no failure */
        {"{\"ConsumedCapacity\":[]}", -1},
        {"{\"ConsumedCapacity\":null}", -1},
        {"{\"ConsumedCapacity\":7}", -1},
        {"{\"ConsumedCapacity\":[{}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1},{\"Table\":{\"CapacityUnits\":1}}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":\"9\"}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":[9]}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":-1}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1e300}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1e999}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1000000},{\"CapacityUnits\":1}]}", -1},
        {"{\"ConsumedCapacity\":[{\"CapacityUnits\":1.000000000000000000000000000000000000000000}]}", -1},
    };
    fill(3);
    for (size_t i = 0; i < COUNT(table); i++) {
        struct batch_answer read;
        batch_read_answer(&b, table[i].answer, strlen(table[i].answer), &read);
        if (read.left_count != 0 || read.consumed != table[i].units) fail_msg("%s: %g", table[i].answer, read.consumed);
    }
    /* what was consumed is of the items that did not come back */
    static const char part[] = "{\"ConsumedCapacity\":[{\"CapacityUnits\":4}],\"UnprocessedItems\":{\"T\\\"1\":[" ITEM(
        "\"PK\":{\"S\":\"k1\"},\"N\":{\"N\":\"10\"}") "]}}";
    struct batch_answer read;
    batch_read_answer(&b, part, sizeof part - 1, &read);
    assert_true(read.left_count == 1 && read.left[1] && read.consumed == 4);
    batch_read_answer(&b, part, sizeof part - 2, &read);
    assert_true(read.left_count == -1 && read.consumed == -1);
}

static void asking_what_is_consumed(void **state) {
    (void)state;
    b.ask_consumed = true;
    fill(1);
    assert_true(batch_finish(&b) && buffer_terminate(&b.body));
    assert_string_equal(b.body.data, "{\"ReturnConsumedCapacity\":\"TOTAL\",\"RequestItems\":{\"T\\\"1\":[{\"PutRequest\":"
                                     "{\"Item\":{\"PK\":{\"S\":\"k0\"},\"N\":{\"N\":\"0\"}}}}]}}");
    b.ask_consumed = false;
}

/* --- the hash of a key --- */

static bool same_key(enum dynamodb_type type, const char *x, const char *y) {
    return dynamodb_key_hash(0, type, x, strlen(x)) == dynamodb_key_hash(0, type, y, strlen(y));
}

static void spellings_of_numbers(void **state) {
    (void)state;
    static const char *const same[][6] = {
        {"0", "-0", "0.0", "0E10", "000", "+0"},
        {"1", "1.0", "1E0", "+1", "01", "10e-1"},
        {"-120", "-1.2E2", "-120.00", "-0120", "-12e1", "-0.12E+3"},
        {"0.05", ".05", "5E-2", "0.0500", "500e-4", "0.5E-1"},
        {"1E125", "10E124", "0.1E126", "1.0E125", "1e+125", "100e123"},
        {"12345678901234567890123456789012345678", "1.2345678901234567890123456789012345678E37",
         "12345678901234567890123456789012345678.0", "+12345678901234567890123456789012345678",
         "012345678901234567890123456789012345678", "1234567890123456789012345678901234567.8e1"},
    };
    for (size_t i = 0; i < COUNT(same); i++) {
        for (size_t k = 1; k < 6; k++) {
            if (!same_key(DYNAMODB_N, same[i][0], same[i][k])) fail_msg("%s and %s", same[i][0], same[i][k]);
        }
        for (size_t k = 0; k < i; k++) assert_false(same_key(DYNAMODB_N, same[i][0], same[k][0]));
    }
    static const char *const other[][2] = {{"1", "-1"}, {"1", "10"}, {"1", "0.1"}, {"12", "21"}, {"1E1", "1E2"}, {"101", "11"}};
    for (size_t i = 0; i < COUNT(other); i++) assert_false(same_key(DYNAMODB_N, other[i][0], other[i][1]));
    assert_false(same_key(DYNAMODB_S, "1", "1.0")); /* texts are as they are */
    assert_true(dynamodb_key_hash(0, DYNAMODB_S, "MQ==", 4) != dynamodb_key_hash(0, DYNAMODB_B, "MQ==", 4));
}

static void hashes_of_items(void **state) {
    (void)state;
    static const struct {
        const char *json;
        bool whole;
    } table[] = {
        {"{\"PK\":{\"S\":\"a\"},\"N\":{\"N\":\"1\"}}", true},
        {"{\"x\":{\"L\":[{\"N\":\"9\"}]},\"N\":{\"N\":\"1.0\"},\"PK\":{\"S\":\"\\u0061\"}}", true},
        {" { \"P\\u004b\" : { \"S\" : \"a\" } , \"N\" : { \"N\" : \"1\" } } ", true},
        {"{\"PK\":{\"S\":\"a\"}}", false},
        {"{\"PK\":{\"S\":\"a\"},\"N\":{\"S\":\"1\"}}", false},
        {"{\"PK\":{\"S\":\"a\"},\"N\":{}}", false},
        {"{\"PK\":{\"S\":\"\\ud83d\"},\"N\":{\"N\":\"1\"}}", false},
        {"{\"PK\":{\"S\":\"a\",\"B\":\"\"},\"N\":{\"N\":\"1\"}}", false},
        {"{}", false},
        {"", false},
    };
    uint64_t first = 0, key;
    for (size_t i = 0; i < COUNT(table); i++) {
        key = 0;
        bool whole = dynamodb_key_hash_item(&schema, table[i].json, strlen(table[i].json), &key);
        if (whole != table[i].whole || (whole && i && key != first)) fail_msg("%s", table[i].json);
        if (i == 0) first = key;
    }
    /* the longest key, each byte an escape of six */
    char json[DYNAMODB_PARTITION_KEY_MAX * 6 + 100];
    for (int length = DYNAMODB_PARTITION_KEY_MAX - 1; length <= DYNAMODB_PARTITION_KEY_MAX + 1; length++) {
        size_t n = (size_t)snprintf(json, sizeof json, "{\"N\":{\"N\":\"1\"},\"PK\":{\"S\":\"");
        for (int i = 0; i < length; i++) n += (size_t)snprintf(json + n, 8, "\\u0001");
        n += (size_t)snprintf(json + n, 8, "\"}}");
        assert_int_equal(dynamodb_key_hash_item(&schema, json, n, &key), length <= DYNAMODB_PARTITION_KEY_MAX);
    }
}

static void owned_keys(void **state) {
    (void)state;
    static const char *const owns[] = {"CUST#", "O", "ä"};
    struct dynamodb_schema mine = {.name = "T"};
    assert_true(dynamodb_key_owned(&mine, "anything", 8)); /* it lists none: all are its own */
    mine.owns = owns;
    mine.owns_count = 3;
    assert_true(dynamodb_key_owned(&mine, "CUST#", 5) && dynamodb_key_owned(&mine, "CUST#1", 6));
    assert_true(dynamodb_key_owned(&mine, "O", 1) && dynamodb_key_owned(&mine, "\xc3\xa4x", 3));
    assert_false(dynamodb_key_owned(&mine, "CUST#", 4) || dynamodb_key_owned(&mine, "cust#1", 6));
    assert_false(dynamodb_key_owned(&mine, "", 0) || dynamodb_key_owned(&mine, "XCUST#", 6));
}

int main(void) {
    batch_init(&b);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filling),
        cmocka_unit_test(full),
        cmocka_unit_test(keeping),
        cmocka_unit_test(splitting),
        cmocka_unit_test(answers),
        cmocka_unit_test(truncated_answers),
        cmocka_unit_test(consumed),
        cmocka_unit_test(asking_what_is_consumed),
        cmocka_unit_test(spellings_of_numbers),
        cmocka_unit_test(hashes_of_items),
        cmocka_unit_test(owned_keys),
    };
    int failed = cmocka_run_group_tests_name("batch", tests, NULL, NULL);
    batch_free(&b);
    return failed;
}
