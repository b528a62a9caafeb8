/* The machine's values that are made of others, or by the plan's functions, and rows that become several items or none. */
#include "machine_rig.h"

#include "base/clock.h"

/* --- the plan's functions, by a script --- */

/* What function number i does. */
struct script {
    enum map_result result;
    struct function_value value;
};

static struct {
    struct functions functions;
    const struct script *script;
    int count, calls, begins;
} scripted;

static void script_begin(struct functions *self) {
    assert_ptr_equal(self, &scripted.functions);
    scripted.begins++;
}

static enum map_result script_call(struct functions *self, int table, int function, const struct pg_row *row,
                                   struct function_value *out, struct map_reject *reject) {
    assert_ptr_equal(self, &scripted.functions);
    assert_int_equal(table, LOGS_TABLE);
    assert_int_equal(row->count, COLUMN_COUNT);
    assert_in_range(function, 0, scripted.count - 1);
    assert_int_equal(scripted.begins, 1);
    scripted.calls++;
    *out = scripted.script[function].value;
    if (scripted.script[function].result == MAP_REJECT) {
        *reject = (struct map_reject){.reason = REJECT_FUNCTION, .message = "plan.lua:3: broken"};
    }
    return scripted.script[function].result;
}

static enum map_result script_map(struct functions *self, int table, int function, const struct pg_row *row,
                                  struct item_sink *sink, struct map_reject *reject) {
    (void)self, (void)row, (void)sink, (void)reject;
    assert_int_equal(table, LOGS_TABLE);
    assert_int_equal(scripted.begins, 1);
    scripted.calls++;
    return scripted.script[function].result;
}

static void script(const struct script *script, int count) {
    scripted.functions = (struct functions){.begin = script_begin, .call = script_call, .map = script_map};
    scripted.script = script;
    scripted.count = count;
    rig.functions = &scripted.functions;
}

#define GIVES(t, data)                                                                                                           \
    {                                                                                                                            \
        .result = MAP_ITEM, .value = {.type = t, .text = data, .len = sizeof(data) - 1 }                                         \
    }
#define NIL                                                                                                                      \
    { .result = MAP_ITEM }
#define FUNCTION(t, number)                                                                                                      \
    { .kind = VALUE_FUNCTION, .type = t, .function = number }

/* --- an item of the two keys and some attributes --- */

#define KEYS "{\"PK\":{\"S\":\"Bank-2024-02-29\"},\"SK\":{\"S\":\"2024-02-29T23:05:07.008Z#"

static void attributes(const struct attribute_spec *extra, int count) {
    rig.logs.schema.index_count = 0;
    rig.logs.spec.columns.present = false;
    rig.logs.spec.attribute_count = 2 + count;
    for (int i = 0; i < count; i++) {
        rig.logs.attributes[2 + i] = extra[i];
        rig.logs.attributes[2 + i].index = -1;
    }
    rig_compile();
}

/* One attribute "x". */
static void attribute(const struct value_spec *value) {
    attributes(&(struct attribute_spec){.name = "x", .value = *value}, 1);
}

/* The row with this text as its body, number 1, and success or not. */
static void becomes(bool success, const char *amount, const char *body, const char *rest) {
    struct row r;
    char json[2000];
    int id = success ? 1 : 2;
    scripted.begins = scripted.calls = 0;
    logs_row(&r, id, "Bank", success ? 12 : -1, amount, body);
    snprintf(json, sizeof json, KEYS "%d\"}%s}", id, rest);
    rig_becomes(&r, json, 1);
}

static void rejects(const char *body, const char *reason, const char *message) {
    struct row r;
    scripted.begins = scripted.calls = 0;
    logs_row(&r, 1, "Bank", 12, "10.50", body);
    rig_rejects(&r, reason, message);
}

/* --- functions --- */

static void values_of_functions(void **state) {
    (void)state;
    static const struct script gives[] = {
        GIVES(DYNAMODB_S, "a\"b\n"),
        GIVES(DYNAMODB_N, "-12.50"),
        GIVES(DYNAMODB_B, "\x00\x01\xfe"),
        NIL,
        {.result = MAP_ITEM,
         .value = {.type = DYNAMODB_M, .text = "{\"M\":{\"k\":{\"L\":[{\"BOOL\":true}]}}}", .len = 33, .size = 10}},
        GIVES(DYNAMODB_S, ""),
        {.result = MAP_ITEM, .value = {.type = DYNAMODB_BOOL, .text = "{\"BOOL\":false}", .len = 14, .size = 1}},
    };
    static const struct attribute_spec extra[] = {
        {.name = "any", .value = FUNCTION(DYNAMODB_ANY, 0)},   {.name = "bool", .value = FUNCTION(DYNAMODB_BOOL, 6)},
        {.name = "bytes", .value = FUNCTION(DYNAMODB_ANY, 2)}, {.name = "map", .value = FUNCTION(DYNAMODB_ANY, 4)},
        {.name = "n", .value = FUNCTION(DYNAMODB_N, 1)},       {.name = "n_as_s", .value = FUNCTION(DYNAMODB_S, 1)},
        {.name = "nil", .value = FUNCTION(DYNAMODB_ANY, 3)},   {.name = "nil_n", .value = FUNCTION(DYNAMODB_N, 3)},
        {.name = "none", .value = FUNCTION(DYNAMODB_ANY, 5)},  {.name = "s_as_b", .value = FUNCTION(DYNAMODB_B, 0)},
    };
    script(gives, COUNT(gives));
    attributes(extra, COUNT(extra));
    assert_false(rig.mapper->many);
#define FUNCTIONS                                                                                                                \
    ",\"any\":{\"S\":\"a\\\"b\\n\"},\"bool\":{\"BOOL\":false},\"bytes\":{\"B\":\"AAH+\"},\"map\":{\"M\":{\"k\":{\"L\":[{"        \
    "\"BOOL\":true}]}}},\"n\":"                                                                                                  \
    "{\"N\":\"-12.50\"},\"n_as_s\":{\"S\":\"-12.50\"}"
    becomes(true, "1", "x", FUNCTIONS ",\"none\":{\"S\":\"\"},\"s_as_b\":{\"B\":\"YSJiCg==\"}");
    assert_int_equal(scripted.calls, COUNT(extra));
    rig.logs.spec.empty_strings_absent = true;
    rig.logs.spec.keep_nulls = true; /* of columns; nil is absent */
    rig_compile();
    becomes(true, "1", "x", FUNCTIONS ",\"s_as_b\":{\"B\":\"YSJiCg==\"}");
}

static void functions_that_fail(void **state) {
    (void)state;
    static const struct script gives[] = {
        GIVES(DYNAMODB_B, "x"),
        GIVES(DYNAMODB_BOOL, "{\"BOOL\":true}"),
        GIVES(DYNAMODB_S, "12a"),
        {.result = MAP_REJECT},
        {.result = MAP_ITEM, .value = {.type = DYNAMODB_L, .text = "{\"L\":[]}", .len = 8, .size = 500000}},
    };
    static const struct {
        struct value_spec value;
        const char *reason, *message;
    } table[] = {
        {FUNCTION(DYNAMODB_S, 0), REJECT_FUNCTION, "attribute x: its function returned B where S is needed"},
        {FUNCTION(DYNAMODB_N, 0), REJECT_FUNCTION, "returned B where N is needed"},
        {FUNCTION(DYNAMODB_N, 1), REJECT_FUNCTION, "returned BOOL where N is needed"},
        {FUNCTION(DYNAMODB_BOOL, 2), REJECT_FUNCTION, "returned S where BOOL is needed"},
        {FUNCTION(DYNAMODB_N, 2), REJECT_NUMBER, "attribute x: the number 12a"},
        {FUNCTION(DYNAMODB_ANY, 3), REJECT_FUNCTION, "plan.lua:3: broken"},
        {FUNCTION(DYNAMODB_ANY, 4), REJECT_ITEM_SIZE, "over the 409,600 bytes"},
    };
    script(gives, COUNT(gives));
    for (size_t i = 0; i < COUNT(table); i++) {
        attribute(&table[i].value);
        rejects("x", table[i].reason, table[i].message);
    }
    static const struct script memory[] = {{.result = MAP_MEMORY}};
    struct row r;
    script(memory, 1);
    attribute(&(struct value_spec)FUNCTION(DYNAMODB_ANY, 0));
    logs_row(&r, 1, "Bank", 12, "1", "x");
    scripted.begins = 0;
    assert_int_equal(rig_map(&r), MAP_MEMORY);
    assert_int_equal(rig.cancelled, 1);
}

static void keys_by_functions(void **state) {
    (void)state;
    static const struct script texts[] = {GIVES(DYNAMODB_S, "p\"q"), GIVES(DYNAMODB_N, "7")};
    static const struct script numbers[] = {GIVES(DYNAMODB_S, "p\"q"), GIVES(DYNAMODB_N, "7.0")};
    static const struct script nil[] = {NIL, GIVES(DYNAMODB_N, "7")}, empty[] = {GIVES(DYNAMODB_S, ""), GIVES(DYNAMODB_N, "7")};
    struct row r;
    rig.logs.attributes[0].value = (struct value_spec)FUNCTION(DYNAMODB_ANY, 0);
    rig.logs.attributes[1].value = (struct value_spec)FUNCTION(DYNAMODB_ANY, 1);
    rig.logs.schema.partition.type = DYNAMODB_S;
    rig.logs.schema.sort.type = DYNAMODB_N;
    rig.logs.spec.empty_strings_absent = true; /* which is for attributes; an empty key is a mistake */
    script(texts, 2);
    attributes(NULL, 0);
    scripted.begins = 0;
    logs_row(&r, 1, "Bank", 12, "1", "x");
    rig_becomes(&r, "{\"PK\":{\"S\":\"p\\\"q\"},\"SK\":{\"N\":\"7\"}}", 1);
    uint64_t key = rig.items[0].key;
    scripted.script = numbers;
    scripted.begins = 0;
    logs_row(&r, 1, "Bank", 12, "1", "x");
    rig_becomes(&r, "{\"PK\":{\"S\":\"p\\\"q\"},\"SK\":{\"N\":\"7.0\"}}", 1);
    assert_true(rig.items[0].key == key);
    scripted.script = nil;
    rejects("x", REJECT_KEY_MISSING, "attribute PK: a key of the table is missing");
    scripted.script = empty;
    rejects("x", REJECT_KEY_EMPTY, "attribute PK");
}

static void a_map_function(void **state) {
    (void)state;
    static const enum map_result results[] = {MAP_ITEM, MAP_FILTERED, MAP_REJECT, MAP_MEMORY, MAP_STOP};
    rig.logs.spec.map = 0;
    for (size_t i = 0; i < COUNT(results); i++) {
        const struct script one[] = {{.result = results[i]}};
        struct row r;
        script(one, 1);
        rig_compile();
        assert_true(rig.mapper->many);
        scripted.begins = scripted.calls = 0;
        logs_row(&r, 1, "Bank", 12, "1", "x");
        assert_int_equal(rig_run(&r.row), results[i]);
        assert_int_equal(scripted.calls, 1);
        row_free(&r);
    }
}

/* --- sets --- */

static void sets(void **state) {
    (void)state;
    static const struct value_spec inner = CONSTANT(DYNAMODB_S, "open");
    static const struct value_spec texts[] = {
        COLUMN("Service"),     TEMPLATE("B{Body}"),
        TEMPLATE("{Service}"), CONSTANT(DYNAMODB_S, "q\"\\"),
        COLUMN("Body"),        {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &inner},
    };
    attribute(&(struct value_spec)SET(DYNAMODB_SS, texts));
    becomes(true, "1", "ank", ",\"x\":{\"SS\":[\"Bank\",\"q\\\"\\\\\",\"ank\",\"open\"]}");
    becomes(false, "1", NULL, ",\"x\":{\"SS\":[\"Bank\",\"q\\\"\\\\\"]}");
    becomes(true, "1", "", ",\"x\":{\"SS\":[\"Bank\",\"B\",\"q\\\"\\\\\",\"\",\"open\"]}");
    rig.logs.spec.empty_strings_absent = true;
    rig_compile();
    becomes(false, "1", "", ",\"x\":{\"SS\":[\"Bank\",\"B\",\"q\\\"\\\\\"]}");

    static const struct value_spec one[] = {COLUMN("Body")};
    attribute(&(struct value_spec)SET(DYNAMODB_SS, one)); /* DynamoDB has no empty sets */
    becomes(true, "1", "x", ",\"x\":{\"SS\":[\"x\"]}");
    becomes(true, "1", NULL, "");
    becomes(true, "1", "", "");
}

static void sets_of_numbers_and_bytes(void **state) {
    (void)state;
    static const struct script gives[] = {GIVES(DYNAMODB_S, "1.0e1"), GIVES(DYNAMODB_B, "no number")};
    static const struct value_spec numbers[] = {
        COLUMN("Amount"),
        CONSTANT(DYNAMODB_N, "10"),
        FUNCTION(DYNAMODB_ANY, 0),
        COLUMN("Application"),
        COLUMN("Id"),
        {.kind = VALUE_TEMPLATE, .type = DYNAMODB_N, .text = "{Body}", .len = 6},
    };
    script(gives, COUNT(gives));
    attribute(&(struct value_spec)SET(DYNAMODB_NS, numbers)); /* however they are spelled: the first stands */
    becomes(true, "10.00", "0012", ",\"x\":{\"NS\":[\"10.00\",\"12\",\"1\"]}");
    becomes(false, NULL, "2.5", ",\"x\":{\"NS\":[\"10\",\"2\",\"2.5\"]}");
    rejects("ten", REJECT_NUMBER, "attribute x: the number ten");
    rejects("", REJECT_NUMBER, "attribute x: the number");

    static const struct value_spec wrong[] = {FUNCTION(DYNAMODB_ANY, 1)};
    attribute(&(struct value_spec)SET(DYNAMODB_NS, wrong));
    rejects("x", REJECT_FUNCTION, "returned B where N is needed");

    static const struct value_spec bytes[] = {COLUMN("Raw"), CONSTANT(DYNAMODB_B, "\x00\xff"), FUNCTION(DYNAMODB_B, 1),
                                              CONSTANT(DYNAMODB_B, "\x00\x01\xfe")};
    attribute(&(struct value_spec)SET(DYNAMODB_BS, bytes));
    becomes(true, "1", "x", ",\"x\":{\"BS\":[\"AAH+\",\"AP8=\",\"bm8gbnVtYmVy\"]}");
}

/* --- lists, maps --- */

static void nested_parts(void **state) {
    (void)state;
    static const struct script gives[] = {
        NIL, {.result = MAP_ITEM, .value = {.type = DYNAMODB_NULL, .text = "{\"NULL\":true}", .len = 13, .size = 1}}};
    static const struct value_spec amount = COLUMN("Amount"), texts[] = {COLUMN("Body"), COLUMN("Service")};
    static const struct value_spec elements[] = {
        COLUMN("Amount"),          {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &amount},
        {.kind = VALUE_NULL},      COLUMN("Success"),
        FUNCTION(DYNAMODB_ANY, 0), SET(DYNAMODB_SS, texts),
        FUNCTION(DYNAMODB_ANY, 1),
    };
    static const struct value_spec list = LIST(elements);
    static const char *const names[] = {"amount", "a\"b", "json", "list", "never", "none", "when"};
    static const struct value_spec values[] = {
        COLUMN("Amount"),
        CONSTANT(DYNAMODB_N, "1.0"),
        {.kind = VALUE_JSON, .text = "Body", .len = 4, .invalid = JSON_INVALID_ABSENT},
        LIST(elements),
        FUNCTION(DYNAMODB_ANY, 0),
        {.kind = VALUE_NULL},
        {.kind = VALUE_WHEN, .text = "Application", .len = 11, .inner = &list},
    };
    script(gives, COUNT(gives));
    attribute(&(struct value_spec)MAP(names, values));
#define NOTHING "{\"NULL\":true}"
#define FULL_LIST                                                                                                                \
    "{\"L\":[{\"N\":\"5.0\"},{\"N\":\"5.0\"}," NOTHING ",{\"BOOL\":true}," NOTHING ",{\"SS\":[\"[1, {}]\",\"Bank\"]}," NOTHING   \
    "]}"
#define BARE_LIST "{\"L\":[" NOTHING "," NOTHING "," NOTHING ",{\"BOOL\":false}," NOTHING ",{\"SS\":[\"Bank\"]}," NOTHING "]}"
    becomes(true, "5.0", "[1, {}]",
            ",\"x\":{\"M\":{\"amount\":{\"N\":\"5.0\"},\"a\\\"b\":{\"N\":\"1.0\"},\"json\":{\"L\":[{\"N\":\"1\"},{\"M\":{}}]},"
            "\"list\":" FULL_LIST ",\"none\":" NOTHING ",\"when\":" FULL_LIST "}}");
    becomes(false, NULL, NULL, ",\"x\":{\"M\":{\"a\\\"b\":{\"N\":\"1.0\"},\"list\":" BARE_LIST ",\"none\":" NOTHING "}}");
}

static void empty_containers(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b"};
    static const struct value_spec absent[] = {COLUMN("Body"), COLUMN("Amount")};
    attribute(&(struct value_spec)MAP(names, absent));
    becomes(true, NULL, NULL, ",\"x\":{\"M\":{}}");
    becomes(true, NULL, "", ",\"x\":{\"M\":{\"a\":{\"S\":\"\"}}}");
    attribute(&(struct value_spec){.kind = VALUE_LIST});
    becomes(true, NULL, NULL, ",\"x\":{\"L\":[]}");
    rig.logs.spec.empty_strings_absent = true;
    attribute(&(struct value_spec)LIST(absent));
    becomes(true, NULL, "", ",\"x\":{\"L\":[" NOTHING "," NOTHING "]}");
}

static void parts_that_reject(void **state) {
    (void)state;
    static const struct value_spec parts[] = {COLUMN("Id"), {.kind = VALUE_COLUMN, .type = DYNAMODB_N, .text = "Body", .len = 4}};
    static const struct value_spec outer[] = {LIST(parts)};
    static const char *const names[] = {"inner"};
    attribute(&(struct value_spec)LIST(parts));
    becomes(true, NULL, "2", ",\"x\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}");
    rejects("two", REJECT_NUMBER, "attribute x: the number two");
    attribute(&(struct value_spec)MAP(names, outer));
    rejects("two", REJECT_NUMBER, "attribute inner: the number two");
}

/* --- NULL, defaults, empty texts, the past --- */

static void nulls_and_defaults(void **state) {
    (void)state;
    static const struct value_spec none = CONSTANT(DYNAMODB_S, "none"), zero = CONSTANT(DYNAMODB_N, "0");
    static const struct value_spec body = {.kind = VALUE_COLUMN, .text = "Body", .len = 4, .fallback = &none};
    static const struct value_spec open = {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &none};
    static const struct attribute_spec extra[] = {
        {.name = "amount", .value = {.kind = VALUE_COLUMN, .text = "Amount", .len = 6, .fallback = &zero}},
        {.name = "application",
         .value = {.kind = VALUE_COLUMN, .type = DYNAMODB_S, .text = "Application", .len = 11, .fallback = &body}},
        {.name = "body", .value = body},
        {.name = "null", .value = {.kind = VALUE_NULL}},
        {.name = "open", .value = {.kind = VALUE_COLUMN, .text = "Body", .len = 4, .fallback = &open}},
    };
    attributes(extra, COUNT(extra));
    becomes(true, "1.50", "x",
            ",\"amount\":{\"N\":\"1.50\"},\"application\":{\"S\":\"12\"},\"body\":{\"S\":\"x\"},\"null\":" NOTHING
            ",\"open\":{\"S\":\"x\"}");
    becomes(false, NULL, "x",
            ",\"amount\":{\"N\":\"0\"},\"application\":{\"S\":\"x\"},\"body\":{\"S\":\"x\"},\"null\":" NOTHING
            ",\"open\":{\"S\":\"x\"}");
    becomes(false, NULL, NULL,
            ",\"amount\":{\"N\":\"0\"},\"application\":{\"S\":\"none\"},\"body\":{\"S\":\"none\"},\"null\":" NOTHING);
    becomes(true, NULL, NULL,
            ",\"amount\":{\"N\":\"0\"},\"application\":{\"S\":\"12\"},\"body\":{\"S\":\"none\"},\"null\":" NOTHING
            ",\"open\":{\"S\":\"none\"}");
}

/* What stands in for a key is a key: its hash and its limits. */
static void keys_with_a_default(void **state) {
    (void)state;
    static const struct value_spec none = CONSTANT(DYNAMODB_S, "none"), body = COLUMN("Body");
    struct row r;
    rig.logs.attributes[0].value = (struct value_spec){.kind = VALUE_COLUMN, .text = "Service", .len = 7, .fallback = &none};
    rig.logs.attributes[1].value = (struct value_spec){.kind = VALUE_COLUMN, .text = "Service", .len = 7, .fallback = &body};
    attributes(NULL, 0);
    logs_row(&r, 1, NULL, 12, "1", "b");
    rig_becomes(&r, "{\"PK\":{\"S\":\"none\"},\"SK\":{\"S\":\"b\"}}", 1);
    logs_row(&r, 1, NULL, 12, "1", NULL);
    rig_rejects(&r, REJECT_KEY_MISSING, "attribute SK");
    logs_row(&r, 1, NULL, 12, "1", "");
    rig_rejects(&r, REJECT_KEY_EMPTY, "attribute SK");
}

static void empty_texts(void **state) {
    (void)state;
    static const struct attribute_spec extra[] = {
        {.name = "b", .value = CONSTANT(DYNAMODB_B, "")},
        {.name = "j", .value = {.kind = VALUE_JSON, .text = "Body", .len = 4, .invalid = JSON_INVALID_STRING}},
        {.name = "s", .value = COLUMN("Body")},
        {.name = "t", .value = TEMPLATE("{Body}")},
        {.name = "t2", .value = TEMPLATE("{Body}")},
    };
    attributes(extra, COUNT(extra));
    becomes(true, "1", "", ",\"b\":{\"B\":\"\"},\"j\":{\"S\":\"\"},\"s\":{\"S\":\"\"},\"t\":{\"S\":\"\"},\"t2\":{\"S\":\"\"}");
    rig.logs.spec.empty_strings_absent = true;
    rig_compile();
    becomes(true, "1", "", "");
    becomes(true, "1", "x", ",\"j\":{\"S\":\"x\"},\"s\":{\"S\":\"x\"},\"t\":{\"S\":\"x\"},\"t2\":{\"S\":\"x\"}");
    rig.logs.attributes[0].value = (struct value_spec)TEMPLATE("{Body}"); /* not for keys */
    rig_compile();
    rejects("", REJECT_KEY_EMPTY, "attribute PK");
}

static void expired(void **state) {
    (void)state;
    const int64_t then = 1709247907, years = INT64_C(5) * 365 * 86400, margin = 600; /* of the row; seconds since 1970 */
    struct value_spec ttl = {.kind = VALUE_EPOCH, .text = "At", .len = 2, .expired_skip = true};
    char rest[60];
    for (int skip = 0; skip < 2; skip++) {
        for (int past = 0; past < 2; past++) {
            ttl.expired_skip = skip;
            ttl.epoch_add = clock_unix() - years - then + (past ? -margin : margin);
            attribute(&ttl);
            snprintf(rest, sizeof rest, ",\"x\":{\"N\":\"%lld\"}", (long long)(then + ttl.epoch_add));
            becomes(true, "1", "x", skip && past ? "" : rest);
        }
    }
}

/* --- several items --- */

static void several_items(void **state) {
    (void)state;
    static const char *const suffix[] = {"#a", "#b", "#c"};
    struct attribute_spec lists[3][5];
    struct item_spec items[3];
    for (int i = 0; i < 3; i++) {
        memcpy(lists[i], rig.logs.attributes, sizeof lists[i]);
        lists[i][0].value = (struct value_spec){.kind = VALUE_CONSTANT, .type = DYNAMODB_S, .text = suffix[i], .len = 2};
        items[i] = (struct item_spec){.attributes = lists[i], .attribute_count = i == 0 ? 5 : 2};
    }
    items[0].when = "Success"; /* true, for a boolean; not NULL, for another */
    items[1].when = "Application";
    items[2].when = "Body";
    rig.logs.spec = (struct mapping_spec){.map = -1, .items = items, .item_count = 3};
    rig_compile();
    assert_true(rig.mapper->many);
    static const struct {
        int64_t id, application;
        const char *body, *keys;
    } table[] = {{1, 5, "x", "abc"}, {1, 5, NULL, "ab"}, {2, 5, NULL, "b"},
                 {2, -1, "", "c"},   {1, -1, "x", "ac"}, {2, -1, NULL, ""}};
    for (size_t i = 0; i < COUNT(table); i++) {
        struct row r;
        logs_row(&r, table[i].id, "Bank", table[i].application, "1", table[i].body);
        assert_int_equal(rig_map(&r), *table[i].keys ? MAP_ITEM : MAP_FILTERED);
        assert_int_equal(rig.count, strlen(table[i].keys));
        for (int k = 0; k < rig.count; k++) {
            char wanted[40];
            snprintf(wanted, sizeof wanted, "{\"PK\":{\"S\":\"#%c\"},", table[i].keys[k]);
            assert_memory_equal(rig_json(k), wanted, strlen(wanted));
            /* the index takes the first item alone, and that one where its key is there */
            assert_int_equal(rig.items[k].units, table[i].keys[k] == 'a' && table[i].application >= 0 ? 2 : 1);
        }
    }
    struct row r; /* the run ends when the sink says so */
    rig.stop_at = 2;
    logs_row(&r, 1, "Bank", 5, "1", "x");
    assert_int_equal(rig_map(&r), MAP_STOP);
    assert_int_equal(rig.count, 2);
    rig.stop_at = 0;
    lists[1][1].value = (struct value_spec)COLUMN("Body"); /* what came before a rejected item stays */
    rig_compile();
    logs_row(&r, 1, "Bank", 5, "1", NULL);
    rig_rejects(&r, REJECT_KEY_MISSING, "attribute SK");
    assert_int_equal(rig.count, 1);
}

static void one_item_under_a_condition(void **state) {
    (void)state;
    const struct item_spec one = {.when = "Success", .attributes = rig.logs.attributes, .attribute_count = 5};
    rig.logs.spec = (struct mapping_spec){.map = -1, .items = &one, .item_count = 1};
    rig_compile();
    struct row r;
    assert_true(rig.mapper->many);
    logs_row(&r, 2, "Bank", 5, "1", "x");
    assert_int_equal(rig_map(&r), MAP_FILTERED);
    logs_row(&r, 1, "Bank", 5, "1", "x");
    assert_int_equal(rig_map(&r), MAP_ITEM);
}

/* An index whose keys the plan declares by type and maps nowhere costs nothing. */
static void index_keys_of_a_type_alone(void **state) {
    (void)state;
    struct row r;
    rig.logs.spec.attribute_count = 2;
    rig.logs.spec.columns.present = false;
    rig.logs.indexes[0].partition[0].type = DYNAMODB_S;
    rig.logs.indexes[0].sort[0].type = DYNAMODB_N;
    rig_compile();
    logs_row(&r, 1, "Bank", 5, "1", "x");
    rig_becomes(&r, KEYS "1\"}}", 1);
    rig.logs.attributes[2] = (struct attribute_spec){.name = "GPK", .role = ROLE_PLAIN, .index = -1, .value = COLUMN("Body")};
    rig.logs.attributes[3] = (struct attribute_spec){.name = "GSK", .role = ROLE_PLAIN, .index = -1, .value = COLUMN("Amount")};
    rig.logs.spec.attribute_count = 4;
    rig_compile();
    becomes(true, NULL, "x", ",\"GPK\":{\"S\":\"x\"}");
    logs_row(&r, 1, "Bank", 5, "1", "x");
    rig_becomes(&r, KEYS "1\"},\"GPK\":{\"S\":\"x\"},\"GSK\":{\"N\":\"1\"}}", 2);
    rejects("", REJECT_KEY_EMPTY, "attribute GPK");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(values_of_functions),
        TEST(functions_that_fail),
        TEST(keys_by_functions),
        TEST(a_map_function),
        TEST(sets),
        TEST(sets_of_numbers_and_bytes),
        TEST(nested_parts),
        TEST(empty_containers),
        TEST(parts_that_reject),
        TEST(nulls_and_defaults),
        TEST(keys_with_a_default),
        TEST(empty_texts),
        TEST(expired),
        TEST(several_items),
        TEST(one_item_under_a_condition),
        TEST(index_keys_of_a_type_alone),
    };
    return cmocka_run_group_tests_name("machine_values", tests, NULL, NULL);
}
