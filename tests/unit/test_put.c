/* A conditional put: its body, and what its answer shows; what the engine makes of both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/batch.h"
#include "engine/conditional.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
#define ALL_OLD ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"}"

static const struct dynamodb_schema schema = {.name = "T\"1", .partition = {.name = "P\"K", .type = DYNAMODB_S}};
static const struct put_condition absent = {.rule = PUT_IF_ABSENT};
static const struct put_condition greater = {.rule = PUT_IF_GREATER, .attribute = "A\"t"};

/* The body of an item under a condition, by way of a batch. */
static const char *body_of(struct batch *b, const struct put_condition *condition, const char *item) {
    struct batch_item like = {.key = 7, .place = 3};
    size_t mark, len;
    assert_true(batch_begin_put(b, &schema, condition));
    assert_string_equal(batch_operation(b), "PutItem");
    assert_true(batch_open_item(b, &mark) && buffer_append_text(&b->body, "{\"half"));
    batch_cancel_item(b, mark);
    assert_false(batch_full(b));
    assert_true(batch_add(b, &like, item, strlen(item)));
    assert_true(batch_full(b) && b->items[0].place == 3);
    assert_true(batch_finish(b) && buffer_terminate(&b->body));
    assert_memory_equal(batch_item_json(b, 0, &len), item, strlen(item));
    assert_int_equal(len, strlen(item));
    return b->body.data;
}

static void bodies(void **state) {
    (void)state;
#define BEGIN "{\"TableName\":\"T\\\"1\",\"Item\":"
#define ABSENT ",\"ConditionExpression\":\"attribute_not_exists(#k)\",\"ExpressionAttributeNames\":{\"#k\":\"P\\\"K\"}" ALL_OLD
#define GREATER(value)                                                                                                           \
    ",\"ConditionExpression\":\"attribute_not_exists(#x) OR attribute_type(#x,:null) OR #x < :x\",\"ExpressionAttributeNames\":" \
    "{\"#x\":\"A\\\"t\"},\"ExpressionAttributeValues\":{\":null\":{\"S\":\"NULL\"},\":x\":" value "}" ALL_OLD
    static const struct {
        const struct put_condition *condition;
        const char *item, *body;
    } table[] = {
        {&absent, "{\"P\\\"K\":{\"S\":\"a\"}}", BEGIN "{\"P\\\"K\":{\"S\":\"a\"}}" ABSENT},
        {&greater, "{\"P\\\"K\":{\"S\":\"a\"},\"A\\\"t\":{\"N\":\"17\"}}",
         BEGIN "{\"P\\\"K\":{\"S\":\"a\"},\"A\\\"t\":{\"N\":\"17\"}}" GREATER("{\"N\":\"17\"}")},
        {&greater, "{\"\\u0041\\\"t\":{\"S\":\"}\\\"\"},\"z\":{\"S\":\"\"}}",
         BEGIN "{\"\\u0041\\\"t\":{\"S\":\"}\\\"\"},\"z\":{\"S\":\"\"}}" GREATER("{\"S\":\"}\\\"\"}")},
        /* nothing to compare: absent, NULL, or only within another attribute */
        {&greater, "{\"P\\\"K\":{\"S\":\"a\"}}", BEGIN "{\"P\\\"K\":{\"S\":\"a\"}}" ABSENT},
        {&greater, "{\"A\\\"t\":{\"NULL\":true}}", BEGIN "{\"A\\\"t\":{\"NULL\":true}}" ABSENT},
        {&greater, "{\"m\":{\"M\":{\"A\\\"t\":{\"N\":\"1\"}}}}", BEGIN "{\"m\":{\"M\":{\"A\\\"t\":{\"N\":\"1\"}}}}" ABSENT},
    };
    struct batch b;
    batch_init(&b);
    for (size_t i = 0; i < COUNT(table); i++) assert_string_equal(body_of(&b, table[i].condition, table[i].item), table[i].body);
    struct batch_answer answer;
    batch_read_answer(&b, "{}", 2, &answer);
    assert_true(answer.left_count == 0 && answer.consumed == -1);
    static const char more[] = "{\"ConsumedCapacity\":{\"UnprocessedItems\":[1],\"CapacityUnits\":5.0}}";
    batch_read_answer(&b, more, sizeof more - 1, &answer);
    assert_true(answer.left_count == 0 && answer.consumed == 5);
    batch_read_answer(&b, "<html>", 6, &answer);
    assert_true(answer.left_count == -1 && answer.left[0]);
    b.ask_consumed = true;
    assert_string_equal(
        body_of(&b, &absent, table[0].item),
        "{\"ReturnConsumedCapacity\":\"TOTAL\",\"TableName\":\"T\\\"1\",\"Item\":{\"P\\\"K\":{\"S\":\"a\"}}" ABSENT);
    b.ask_consumed = false;
    assert_true(batch_begin(&b, &schema)); /* and it can be a batch again */
    assert_string_equal(batch_operation(&b), "BatchWriteItem");
    batch_free(&b);
}

/* A body that just fits: the value is copied from a buffer that may move. */
static void long_values(void **state) {
    (void)state;
    struct batch b;
    char item[5000] = "{\"A\\\"t\":{\"S\":\"";
    batch_init(&b);
    for (size_t n = 3900; n < 4200; n += 7) {
        size_t head = strlen("{\"A\\\"t\":{\"S\":\"");
        memset(item + head, 'x', n);
        memcpy(item + head + n, "\"}}", 4);
        const char *body = body_of(&b, &greater, item);
        const char *value = strstr(body, ",\":x\":");
        assert_non_null(value);
        assert_memory_equal(value + 6, item + 8, n + 8);
        batch_free(&b);
        batch_init(&b);
    }
    batch_free(&b);
}

#define FAILED(item) "{\"__type\":\"x#ConditionalCheckFailedException\"," item "\"message\":\"The conditional request failed\"}"

static void answers(void **state) {
    (void)state;
    static const char ours[] = "{\"P\\\"K\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}";
    static const struct {
        const char *answer;
        enum conditional_end end;
    } table[] = {
        {FAILED("\"Item\":{\"n\":{\"N\":\"1.0\"},\"P\\\"K\":{\"S\":\"a\"}},"), CONDITIONAL_OURS},
        {FAILED("\"Item\":{\"n\":{\"N\":\"2\"},\"P\\\"K\":{\"S\":\"a\"}},"), CONDITIONAL_LOST},
        {FAILED("\"Item\":{},"), CONDITIONAL_LOST},
        {FAILED(""), CONDITIONAL_LOST},
        {FAILED("\"x\":{\"Item\":{\"n\":{\"N\":\"1\"},\"P\\\"K\":{\"S\":\"a\"}}},"), CONDITIONAL_LOST},
        {FAILED("\"Item\":{\"n\":1},"), CONDITIONAL_UNREADABLE},
        {"{\"__type\":", CONDITIONAL_UNREADABLE},
        {"", CONDITIONAL_UNREADABLE},
    };
    struct conditional *c = conditional_new();
    assert_non_null(c);
    for (size_t i = 0; i < COUNT(table); i++) {
        enum conditional_end end;
        struct error err;
        assert_true(conditional_judge(c, ours, sizeof ours - 1, table[i].answer, strlen(table[i].answer), &end, &err));
        if (end != table[i].end) fail_msg("%s: %d", table[i].answer, (int)end);
    }
    conditional_free(c);
}

static void policies(void **state) {
    (void)state;
    struct plan_table t = {.keep = NULL};
    assert_int_equal(conditional_of(&t).rule, PUT_ALWAYS);
    t.existing = PLAN_EXISTING_REPLACE;
    assert_int_equal(conditional_of(&t).rule, PUT_ALWAYS);
    t.existing = PLAN_EXISTING_KEEP;
    assert_int_equal(conditional_of(&t).rule, PUT_IF_ABSENT);
    t = (struct plan_table){.existing = PLAN_EXISTING_NEWER, .newer = "At"};
    assert_int_equal(conditional_of(&t).rule, PUT_IF_GREATER);
    assert_string_equal(conditional_of(&t).attribute, "At");
    t = (struct plan_table){.keep = "N"};
    assert_int_equal(conditional_of(&t).rule, PUT_IF_GREATER);
    assert_string_equal(conditional_of(&t).attribute, "N");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies),
        cmocka_unit_test(long_values),
        cmocka_unit_test(answers),
        cmocka_unit_test(policies),
    };
    return cmocka_run_group_tests_name("put", tests, NULL, NULL);
}
