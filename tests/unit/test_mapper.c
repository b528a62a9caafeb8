/* A plan's functions in a worker's state: what a column is in Lua, what becomes of what a function returns, limits. */
#include "mapper_bench.h"

#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "dynamodb/value.h"
#include "lua/decimal.h"

/* A plan whose attribute A is the function. */
static void begin_function(struct bench *b, const char *before, const char *function) {
    size_t room = strlen(function) + 200;
    char *table = malloc(room);
    assert_non_null(table);
    snprintf(table, room, "%s, attributes = { A = %s }", keys, function);
    begin(b, before, table, "");
    free(table);
}

/* The size that is told is the size that the bytes have. */
static void check_size(const struct function_value *v) {
    struct buffer json;
    struct error err = {0};
    size_t size = 0;
    bool ok = true;
    buffer_init(&json, 64 << 20);
    if (v->type == DYNAMODB_B) {
        ok = buffer_append_text(&json, "{\"A\":{\"B\":\"") && buffer_reserve(&json, DYNAMODB_BASE64_ROOM(v->len));
        if (ok) json.len += dynamodb_base64(json.data + json.len, v->text, v->len);
        ok = ok && buffer_append_text(&json, "\"}}");
    } else if (v->type == DYNAMODB_S || v->type == DYNAMODB_N) {
        ok = buffer_printf(&json, "{\"A\":{\"%s\":\"%.*s\"}}", dynamodb_type_name(v->type), (int)v->len, v->text);
    } else {
        ok = buffer_printf(&json, "{\"A\":%.*s}", (int)v->len, v->text);
    }
    assert_true(ok);
    if (!dynamodb_item_size(json.data, json.len, &size, &err)) fail_msg("%s in %.*s", err.text, (int)json.len, json.data);
    assert_int_equal(size, v->size + 1);
    buffer_free(&json);
}

/* What a function gives: type and text. */
static void expect(const char *function, enum dynamodb_type type, const char *text) {
    struct bench b;
    struct function_value v;
    struct map_reject reject = {0};
    begin_function(&b, "", function);
    if (b.functions->call(b.functions, 0, 0, &row, &v, &reject) != MAP_ITEM) fail_msg("%s: %s", function, reject.message);
    if (v.type != type) fail_msg("%s: is %s", function, dynamodb_type_name(v.type));
    if (type != DYNAMODB_ANY) {
        if (v.len != strlen(text) || memcmp(v.text, text, v.len) != 0) fail_msg("%s: is %.*s", function, (int)v.len, v.text);
        check_size(&v);
    }
    end(&b);
}

/* Many small expressions of the row r in one plan: each gives a text. */
static void expect_texts(const char *const (*pairs)[2], size_t count) {
    for (size_t i = 0; i < count; i++) {
        char function[600];
        snprintf(function, sizeof function, "function(r) return hlua.S(tostring(%s)) end", pairs[i][0]);
        expect(function, DYNAMODB_S, pairs[i][1]);
    }
}

#define TEXTS(...)                                                                                                               \
    do {                                                                                                                         \
        static const char *const pairs[][2] = {__VA_ARGS__};                                                                     \
        expect_texts(pairs, sizeof pairs / sizeof pairs[0]);                                                                     \
    } while (0)

static void expect_reject(const char *before, const char *function, const char *reason, const char *part) {
    struct bench b;
    struct function_value v;
    struct map_reject reject = {0};
    begin_function(&b, before, function);
    for (int again = 0; again < 2; again++) { /* the state goes on */
        if (b.functions->call(b.functions, 0, 0, &row, &v, &reject) != MAP_REJECT) fail_msg("%s: not rejected", function);
        if (strcmp(reject.reason, reason) != 0) fail_msg("%s: %s: %s", function, reject.reason, reject.message);
        if (!strstr(reject.message, part)) fail_msg("%s: says: %s", function, reject.message);
        if (!strstr(reject.message, "plan.lua:")) fail_msg("%s: no place: %s", function, reject.message);
    }
    end(&b);
}

/* --- columns in Lua --- */

static void columns_are_values(void **state) {
    (void)state;
    TEXTS({"r.Flag == true", "true"}, {"math.type(r.I2) .. r.I2", "integer-2"}, {"r.I4 + 1", "8"},
          {"r.I8 == math.maxinteger", "true"}, {"math.type(r.F4) .. r.F4", "float0.1"}, {"r.F8 * 2", "5.0"}, {"r.Num", "12.50"},
          {"r.Text .. #r.Text", "h\xC3\xA9llo6"}, {"#r.Bytes .. r.Bytes:byte(2)", "3255"},
          {"r.Uuid", "12345678-9abc-def0-1234-56789abcdef0"}, {"r.Day", "2026-06-30"}, {"r.Clock", "00:00:01.000001"},
          {"r.Stamp", "2026-07-01T12:34:56.000000"}, {"r.Zoned", "2026-07-01T12:34:56.000000Z"}, {"r.Other", "127.0.0.1"},
          {"r.Nothing", "nil"}, {"r.Nothing == nil and r.Text == r.Text", "true"});
    TEXTS({"r.Json.a", "x\xC3\xA9"}, {"r.Json.b[1] + 1", "2"}, {"r.Json.b[2]", "2.50"},
          {"r.Json.b[3] == require 'cjson'.null", "true"}, {"r.Json.n", "12345678901234567890"}, {"#r.Jsonb .. r.Jsonb[3]", "3y"},
          {"r.Arr[2]", "2"}, {"r.Json == r.Json", "true"});
    TEXTS({"(function() local n = {}; for name, value in pairs(r) do n[#n + 1] = name; if #n == 4 then break end end;"
           " return table.concat(n, ',') end)()",
           "Flag,I2,I4,I8"});
}

static void decimals_are_exact(void **state) {
    (void)state;
    TEXTS({"r.Num == r.Json.b[2]", "false"}, {"r.Num:eq(12.5)", "true"}, {"r.Num:eq(12)", "false"}, {"r.Num:eq(nil)", "false"},
          {"r.Num < 13", "true"}, {"13 < r.Num", "false"}, {"r.Num <= 12.5 and 12.5 <= r.Num", "true"},
          {"r.Num > 12.4999", "true"}, {"r.Num < math.huge and r.Num > -math.huge", "true"},
          {"r.Num < 0/0 or r.Num >= 0/0", "false"}, {"r.Num:tonumber() + 1", "13.5"}, {"math.type(r.Json.n:tonumber())", "float"},
          {"r.Num .. '€'", "12.50\xE2\x82\xAC"}, {"r.Num ~= r.Num", "false"}, {"r.Json.n > math.maxinteger", "true"},
          {"r.Num == r.Stamp", "false"});
    const struct {
        const char *a, *b;
        int order;
    } orders[] = {{"1", "1.0", 0},
                  {"1E2", "100", 0},
                  {"-0", "0.00", 0},
                  {"-1", "1", -1},
                  {"-2", "-1", -1},
                  {"0.1", "0.09", 1},
                  {"1E-5", "0.00001", 0},
                  {"10", "9", 1},
                  {"123.456", "123.4560001", -1},
                  {"1E400", "2", 1},
                  {"-1E400", "2", -1},
                  {"0", "-1", 1},
                  {"000.5", ".5", 0},
                  {"99999999999999999999", "1e20", -1}};
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        int order = decimal_order(orders[i].a, strlen(orders[i].a), orders[i].b, strlen(orders[i].b));
        int back = decimal_order(orders[i].b, strlen(orders[i].b), orders[i].a, strlen(orders[i].a));
        if ((order > 0) - (order < 0) != orders[i].order || (back > 0) - (back < 0) != -orders[i].order) {
            fail_msg("%s %s: %d %d", orders[i].a, orders[i].b, order, back);
        }
    }
    expect_reject("", "function(r) return r.Num + 1 end", REJECT_FUNCTION, "tonumber");
    expect_reject("", "function(r) return r.Num < 'x' end", REJECT_FUNCTION, "attempt to compare");
    expect_reject("", "function(r) return r.Num:eq('x') end", REJECT_FUNCTION, "number or decimal expected");
}

static void moments_have_parts(void **state) {
    (void)state;
    TEXTS({"r.Stamp:format '%Y-%m-%d %L'", "2026-07-01 000"}, {"r.Stamp.epoch", "1782909296"}, {"r.Day.epoch", "1782777600"},
          {"r.Clock.microsecond", "1"}, {"r.Stamp.hour .. ':' .. r.Stamp.minute", "12:34"}, {"'at ' .. r.Day", "at 2026-06-30"},
          {"r.Stamp == r.Zoned", "true"}, {"r.Day < r.Stamp", "true"}, {"r.Stamp <= r.Zoned", "true"},
          {"r.Day == r.Num", "false"}, {"hlua.started > r.Stamp or hlua.started <= r.Stamp", "true"},
          {"hlua.started == hlua.started", "true"});
    expect_reject("", "function(r) return r.Clock.epoch end", REJECT_FUNCTION, "has no epoch");
    expect_reject("", "function(r) return r.Stamp:format '%Q' end", REJECT_FUNCTION, "unknown format");
    expect_reject("", "function(r) return r.Stamp.Year end", REJECT_FUNCTION, "no field Year");
    expect_reject("", "function(r) return r.Stamp < r.Clock end", REJECT_FUNCTION, "attempt to compare");
    expect_reject("", "function(r) return r.Stamp < 5 end", REJECT_FUNCTION, "attempt to compare");
}

static void odd_columns_reject(void **state) {
    (void)state;
    expect_reject("", "function(r) return r.Textt end", REJECT_FUNCTION, "did you mean \"Text\"?");
    expect_reject("", "function(r) return r[5] end", REJECT_FUNCTION, "no column 5");
    expect_reject("", "function(r) r.Text = 'x' end", REJECT_FUNCTION, "read-only");
    expect_reject("", "function(r) return r.Bad end", REJECT_FUNCTION, "column Bad is infinity");
    expect_reject("", "function(r) return r.NaN end", REJECT_FUNCTION, "column NaN is NaN");
    expect_reject("", "function(r) return r.Broken end", REJECT_FUNCTION, "column Broken is not JSON");
    expect_reject("", "function(r) return r.Short end", REJECT_FUNCTION, "not a value of its type");
    expect_reject("", "hlua.fn({ 'Text', 'Bad' }, function(t, u) return t, u end)", REJECT_FUNCTION, "column Bad is infinity");
}

/* --- what functions return --- */

static void values_become_attributes(void **state) {
    (void)state;
    expect("function(r) return r.Text end", DYNAMODB_S, "h\xC3\xA9llo");
    expect("function(r) return r.I8 end", DYNAMODB_N, "9223372036854775807");
    expect("function() return math.mininteger end", DYNAMODB_N, "-9223372036854775808");
    expect("function() return 0.1 + 0.2 end", DYNAMODB_N, "0.30000000000000004");
    expect("function(r) return r.F4 end", DYNAMODB_N, "0.1");
    expect("function() return 1e100 end", DYNAMODB_N, "1E100");
    expect("function() return 3.0 end", DYNAMODB_N, "3");
    expect("function(r) return r.Num end", DYNAMODB_N, "12.50");
    expect("function(r) return r.Zoned end", DYNAMODB_S, "2026-07-01T12:34:56.000000Z");
    expect("function() return '' end", DYNAMODB_S, "");
    expect("function(r) return r.Nothing end", DYNAMODB_ANY, "");
    expect("function() end", DYNAMODB_ANY, "");
    expect("function() return false end", DYNAMODB_BOOL, "{\"BOOL\":false}");
    expect("function() return hlua.null end", DYNAMODB_NULL, "{\"NULL\":true}");
    expect("function() return require 'cjson'.null end", DYNAMODB_NULL, "{\"NULL\":true}");
    expect("function() return { 'a', 2, { true } } end", DYNAMODB_L,
           "{\"L\":[{\"S\":\"a\"},{\"N\":\"2\"},{\"L\":[{\"BOOL\":true}]}]}");
    expect("function() return { b = 1, a = 2, ['\\\"'] = 3 } end", DYNAMODB_M,
           "{\"M\":{\"\\\"\":{\"N\":\"3\"},\"a\":{\"N\":\"2\"},\"b\":{\"N\":\"1\"}}}");
    expect("function(r) return r.Json end", DYNAMODB_M,
           "{\"M\":{\"a\":{\"S\":\"x\xC3\xA9\"},\"b\":{\"L\":[{\"N\":\"1\"},{\"N\":\"2.50\"},{\"NULL\":true},{\"M\":{}}]},\"e\":{"
           "\"L\":[]},"
           "\"n\":{\"N\":\"12345678901234567890\"}}}");
    expect("hlua.fn({ 'Text', 'Nothing', 'I4' }, function(...) return select('#', ...) .. tostring(select(2, ...)) .. select(3, "
           "...) end)",
           DYNAMODB_S, "3nil7");
}

static void constructors_say_types(void **state) {
    (void)state;
    expect("function(r) return hlua.S(r.I4) end", DYNAMODB_S, "7");
    expect("function(r) return hlua.S(r.Num) end", DYNAMODB_S, "12.50");
    expect("function(r) return hlua.S(true) end", DYNAMODB_S, "true");
    expect("function(r) return hlua.S(r.Nothing) end", DYNAMODB_ANY, "");
    expect("function(r) return hlua.N '1.50' end", DYNAMODB_N, "1.50");
}

static void bytes_and_sets(void **state) {
    (void)state;
    struct bench b;
    struct function_value v;
    struct map_reject reject = {0};
    begin_function(&b, "", "function(r) return hlua.B(r.Bytes) end");
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    assert_int_equal(v.type, DYNAMODB_B);
    assert_int_equal(v.len, 3);
    assert_memory_equal(v.text, "\x00\xFF\x01", 3);
    check_size(&v);
    end(&b);
    expect("function() return hlua.SS { 'b', 'a', 'c' } end", DYNAMODB_SS, "{\"SS\":[\"a\",\"b\",\"c\"]}");
    expect("function(r) return hlua.NS { 10, 9, r.Num, -1.5, '3' } end", DYNAMODB_NS,
           "{\"NS\":[\"-1.5\",\"3\",\"9\",\"10\",\"12.50\"]}");
    expect("function(r) return hlua.BS { 'b', '\\0\\255' } end", DYNAMODB_BS, "{\"BS\":[\"AP8=\",\"Yg==\"]}");
    expect("function(r) return hlua.L {} end", DYNAMODB_L, "{\"L\":[]}");
    expect("function(r) return hlua.M {} end", DYNAMODB_M, "{\"M\":{}}");
    expect("function(r) return hlua.L { 1, nil, hlua.S(nil), 2 } end", DYNAMODB_L,
           "{\"L\":[{\"N\":\"1\"},{\"NULL\":true},{\"NULL\":true},{\"N\":\"2\"}]}");
    expect("function(r) return hlua.M { a = hlua.B 'x', b = hlua.SS { 'y' }, c = hlua.N(nil), d = hlua.bool(true), e = hlua.null "
           "} end",
           DYNAMODB_M, "{\"M\":{\"a\":{\"B\":\"eA==\"},\"b\":{\"SS\":[\"y\"]},\"d\":{\"BOOL\":true},\"e\":{\"NULL\":true}}}");
    expect("function(r) table.remove(r.Arr); table.remove(r.Arr); return r.Arr end", DYNAMODB_L, "{\"L\":[]}");
}

static void rubbish_rejects(void **state) {
    (void)state;
    static const char *const list[][2] = {
        {"function() return print end", "is a function"},
        {"function() return { print } end", "its value[1] is a function"},
        {"function() return coroutine.create(print) end", "is a thread"},
        {"function() return io.stdout end", "is a FILE*"},
        {"function(r) return r end", "is a row"},
        {"function() return 0/0 end", "is NaN"},
        {"function() return { a = { -1/0 } } end", "a[1] is infinity"},
        {"function() return 1e300 end", "1E+126"},
        {"function() return '\\xff' end", "hlua.B"},
        {"function() return { x = '\\xff' } end", "x is a string that is not UTF-8"},
        {"function() return { ['\\xff'] = 1 } end", "key that is not UTF-8"},
        {"function() return {} end", "hlua.L{} or hlua.M{}"},
        {"function() return { 1, a = 2 } end", "neither 1 to n nor all strings"},
        {"function() return { a = 2, 1 } end", "is a table"},
        {"function() return { 1, nil, 3 } end", "holes"},
        {"function() return { [1.5] = 3 } end", "is a table"},
        {"function() return { [true] = 3 } end", "is a table"},
        {"function() return { [math.maxinteger] = 3 } end", "is a table"},
        {"function() local t = {}; t[1] = t; return t end", "holds itself"},
        {"function() local t = {}; t.x = t; return t end", "holds itself"},
        {"function() return hlua.SS {} end", "empty hlua.SS"},
        {"function() return hlua.SS { 'a', 'b', 'a' } end", "with a twice"},
        {"function() return hlua.NS { 1, 2, '1.0' } end", "twice"},
        {"function() return hlua.BS { 'a', 'a' } end", "the same bytes twice"},
        {"function() return hlua.NS { 1, 'x' } end", "not a number in decimal digits"},
        {"function() return hlua.SS { {} } end", "hlua.S of a table"},
        {"function() return hlua.SS 'a' end", "something else than a list"},
        {"function() return hlua.N 'abc' end", "not a number in decimal digits"},
        {"function(r) return hlua.N(r.Stamp) end", "hlua.N of a"},
        {"function(r) return hlua.B(5) end", "hlua.B of a number"},
        {"function(r) return hlua.bool(5) end", "hlua.bool of a number"},
        {"function(r) return hlua.M(5) end", "hlua.M of a number"},
        {"function(r) return hlua.L(5) end", "hlua.L of a number"},
        {"function(r) return hlua.M { 5 } end", "a key that is a number"},
        {"function(r) return hlua.column 'x' end", "say how a column is mapped"},
        {"function(r) return hlua.to('Other', {}) end", "only what map returns"},
        {"function(r) return { hlua.to('Other', {}) } end", "only what map returns"},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) expect_reject("", list[i][0], REJECT_FUNCTION, list[i][1]);
}

static void nesting_and_size(void **state) {
    (void)state;
    static const char deep[] = "function() local t = 'x'; for i = 1, %d do t = { t } end; return t end";
    char text[200];
    struct bench b;
    struct function_value v;
    struct map_reject reject = {0};
    snprintf(text, sizeof text, deep, 31); /* the text is level 32 */
    begin_function(&b, "", text);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    check_size(&v);
    end(&b);
    snprintf(text, sizeof text, deep, 32);
    expect_reject("", text, REJECT_FUNCTION, "nested over 32 levels");
    expect_reject("", "function() return ('x'):rep(409601) end", REJECT_ITEM_SIZE, "409,600");
    expect_reject("", "function() return { ('x'):rep(409599) } end", REJECT_ITEM_SIZE, "409,600");
    expect_reject("", "function() local t = { '' }; for i = 1, 30 do t = { t, t } end; return t end", REJECT_ITEM_SIZE,
                  "409,600");
    expect_reject("", "function() return hlua.L { [1 << 60] = 1 } end", REJECT_ITEM_SIZE, "409,600");
    begin_function(&b, "", "function() local t = {}; for i = 1, 5000 do t['k' .. i] = i end; return t end");
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    check_size(&v);
    end(&b);
}

/* --- errors and limits --- */

static void errors_reject(void **state) {
    (void)state;
    expect_reject("", "function(r)\n return r.Text.x.y end", REJECT_FUNCTION, "plan.lua:5: attempt to index a nil value");
    expect_reject("", "function() error 'my words' end", REJECT_FUNCTION, "plan.lua:4: my words");
    expect_reject("", "function() error('my words', 0) end", REJECT_FUNCTION, "plan.lua:4: my words");
    expect_reject("", "function() error { code = 5 } end", REJECT_FUNCTION, "an error that is a table");
    expect_reject("", "function() error() end", REJECT_FUNCTION, "an error without a message");
    expect_reject("", "function() error(setmetatable({}, { __tostring = function() return 'told' end })) end", REJECT_FUNCTION,
                  "told");
    expect_reject("", "function() error(setmetatable({}, { __tostring = function() error 'again' end })) end", REJECT_FUNCTION,
                  "plan.lua:4");
    expect_reject("", "function() error('a\\nb\\xff' .. ('\\u{20AC}'):rep(300)) end", REJECT_FUNCTION, "a b?");
    expect_reject("", "function() local function f() return f() + 1 end return f() end", REJECT_FUNCTION, "");
}

static void time_is_limited(void **state) {
    (void)state;
#ifdef __SANITIZE_THREAD__
    skip(); /* this sanitizer holds signals back until the program waits, which a loop never does */
#endif
    static const char *const loops[] = {
        "function() while true do end end",
        "function() while true do pcall(function() while true do end end) end end",
        "function() local co = coroutine.wrap(function() while true do end end); co() end",
        "function() local co = coroutine.create(function() while true do coroutine.yield() end end)\n"
        "  while true do coroutine.resume(co) end end",
        "function() return coroutine.wrap(function() local inner = coroutine.wrap(function() while true do end end)\n"
        "  pcall(inner); while true do end end)() end",
    };
    for (size_t i = 0; i < sizeof loops / sizeof loops[0]; i++) {
        int64_t start = clock_now();
        expect_reject("", loops[i], REJECT_FUNCTION, "longer than mapping_timeout");
        assert_true(clock_now() - start >= 400 * CLOCK_MS);
    }
    /* the timer rests and comes back */
    struct bench b;
    struct function_value v;
    struct map_reject reject;
    begin_function(&b, "local n = 0", "function() n = n + 1; while n == 2 do end; return n end");
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    struct timespec rest = {.tv_nsec = 600 * 1000000};
    while (nanosleep(&rest, &rest) != 0) {
    }
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_REJECT);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    assert_memory_equal(v.text, "3", 1);
    end(&b);
}

static void coroutines_work(void **state) {
    (void)state;
    expect("function() local t = {}; for x in coroutine.wrap(function(a) for i = a, 3 do coroutine.yield(i) end end), 1 do\n"
           "  t[#t + 1] = x end; return table.concat(t, ',') end",
           DYNAMODB_S, "1,2,3");
    expect("function() local co = coroutine.create(function(a) local b = coroutine.yield(a + 1); error { b } end)\n"
           "  local _, x = coroutine.resume(co, 1); local ok, e = coroutine.resume(co, 5)\n"
           "  return x .. tostring(ok) .. e[1] .. tostring(coroutine.resume(co)) end",
           DYNAMODB_S, "2false5false");
    expect_reject("", "function() coroutine.wrap(function() error 'inside' end)() end", REJECT_FUNCTION, "inside");
}

static void memory_is_limited(void **state) {
    (void)state;
    expect_reject("", "function() return ('x'):rep(1 << 30) end", REJECT_FUNCTION, "mapping_memory");
    expect_reject("", "function() local t = {}; while true do t[#t + 1] = {} end end", REJECT_FUNCTION, "mapping_memory");
    struct bench b;
    struct function_value v;
    struct map_reject reject;
    begin_function(&b, "local n = 0",
                   "function() n = n + 1; local t = {}; while n < 3 do t[#t + 1] = { n } end; return 'ok' end");
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_REJECT);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_REJECT);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    end(&b);
}

/* Wherever memory ends, it is told, and nothing is lost. */
static void memory_may_end_anywhere(void **state) {
    (void)state;
    struct bench b;
    struct error err = {0};
    char table[300];
    int opened = 0, refused = 0;
    snprintf(table, sizeof table,
             "%s, attributes = { A = function(r) return { r.Json, tostring(r.Num), hlua.SS { r.Text } } end }", keys);
    char *plan = plan_text("", table, "");
    load(&b, plan);
    free(plan);
    for (int64_t limit = 30000; opened < 12; limit += refused < 6 ? 40000 : 2500 + limit / 25) {
        struct function_value v;
        struct map_reject reject = {0};
        b.plan->mapping_memory = limit;
        struct functions *f = b.plan->functions.open(b.plan->functions.context, 0, NAMES_ANY, &err);
        if (f == NULL) {
            assert_true(err.kind == ERROR_PLAN || err.kind == ERROR_LOCAL);
            refused++;
            continue;
        }
        opened++;
        if (f->bind(f, 0, columns, COLUMNS, &b.plan->tables[0].target, &err)) {
            for (int i = 0; i < 50; i++) {
                f->begin(f);
                enum map_result result = f->call(f, 0, 0, &row, &v, &reject);
                if (result != MAP_ITEM) assert_non_null(strstr(reject.message, "mapping_memory"));
            }
        }
        f->free(f);
    }
    assert_true(refused > 6);
    end(&b);
}

/* The row with another text in a column, in `out`. */
static struct pg_row other_row(struct pg_field out[COLUMNS], const char *column, const char *text) {
    memcpy(out, fields, sizeof fields);
    for (int i = 0; i < COLUMNS; i++) {
        if (strcmp(columns[i].name, column) == 0)
            out[i] = (struct pg_field){.data = text, .len = text ? (int32_t)strlen(text) : -1};
    }
    return (struct pg_row){.fields = out, .count = COLUMNS};
}

/* Rows that differ in one column from the row of every type, and what a function gives that counts its calls: n. */
static void expect_calls(const char *function, const char *column, const char *const (*pairs)[2], size_t count) {
    struct bench b;
    struct map_reject reject = {0};
    begin_function(&b, "local n = 0; local function count() n = n + 1; return '#' .. n end", function);
    for (size_t i = 0; i < count; i++) {
        struct function_value v;
        struct pg_field others[COLUMNS];
        char *text = pairs[i][0] ? strdup(pairs[i][0]) : NULL; /* at an address of its own */
        const struct pg_row next = other_row(others, column, text);
        b.functions->begin(b.functions);
        bool item = b.functions->call(b.functions, 0, 0, &next, &v, &reject) == MAP_ITEM;
        const char *is = !item ? "refused" : v.type == DYNAMODB_ANY ? "nil" : v.text;
        size_t len = item && v.type != DYNAMODB_ANY ? v.len : strlen(is);
        if (len != strlen(pairs[i][1]) || memcmp(is, pairs[i][1], len) != 0)
            fail_msg("%s, row %zu: is %.*s", function, i, (int)len, is);
        free(text);
    }
    end(&b);
}

#define EXPECT_CALLS(function, column, ...)                                                                                      \
    do {                                                                                                                         \
        static const char *const rows[][2] = {__VA_ARGS__};                                                                      \
        expect_calls(function, column, rows, sizeof rows / sizeof rows[0]);                                                      \
    } while (0)

/* An hlua.fn depends on its columns alone: it is not called again while they stay what they were. */
static void unchanged_columns_repeat(void **state) {
    (void)state;
    const char *of_text = "hlua.fn({ 'Text' }, function(text) return (text or 'none') .. count() end)";
    EXPECT_CALLS(of_text, "Text", {"a", "a#1"}, {"a", "a#1"}, {"b", "b#2"}, {"b", "b#2"}, {"a", "a#3"}, {NULL, "none#4"},
                 {NULL, "none#4"}, {"", "#5"}, {"", "#5"}, {"a", "a#6"});
    EXPECT_CALLS(of_text, "I2", {"\1\1", "h\xC3\xA9llo#1"}, {"\1\2", "h\xC3\xA9llo#1"});
    EXPECT_CALLS("hlua.fn({ 'I2', 'Text' }, function(n, text) return n .. count() end)", "I2", {"\1\1", "257#1"},
                 {"\1\1", "257#1"}, {"\1\2", "258#2"});
    EXPECT_CALLS("hlua.fn({ 'Text' }, function(text) count() if text == 'a' then return nil end return text .. count() end)",
                 "Text", {"a", "nil"}, {"a", "nil"}, {"b", "b#3"});
    /* times that are kept are the same times, and give the same texts */
    EXPECT_CALLS("function(row) return row.Stamp:format('%H') .. row.Stamp:format('%d') .. row.Text end", "Text", {"a", "1201a"},
                 {"b", "1201b"});
}

/* The texts of formats that are kept are those of their times, however these come after each other. */
static void formats_follow_their_times(void **state) {
    (void)state;
    static const struct pg_field days[] = {B("\x00\x00\x25\xCD"), B("\x00\x00\x25\xCD"), B("\x00\x00\x25\xCE"),
                                           B("\x00\x00\x25\xEC"), B("\x00\x00\x25\xCD")};
    static const char *const texts[] = {"2026-06 30", "2026-06 30", "2026-07 01", "2026-07 31", "2026-06 30"};
    struct bench b;
    struct function_value v;
    struct map_reject reject = {0};
    begin_function(&b, "", "function(row) return row.Day:format('%Y-%m') .. ' ' .. row.Day:format('%d') end");
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct pg_field others[COLUMNS];
        const struct pg_row next = other_row(others, "", NULL);
        for (int c = 0; c < COLUMNS; c++) {
            if (strcmp(columns[c].name, "Day") == 0) others[c] = days[i];
        }
        b.functions->begin(b.functions);
        assert_int_equal(b.functions->call(b.functions, 0, 0, &next, &v, &reject), MAP_ITEM);
        assert_int_equal(v.len, strlen(texts[i]));
        assert_memory_equal(v.text, texts[i], v.len);
    }
    end(&b);
}

/* What is not kept: anything but texts, errors, what depends on no column or on many, long columns, JSON (which a function can change); and
 * what a function that gets the row returned, since it may use what another one has left for the row. */
static void other_results_do_not_repeat(void **state) {
    (void)state;
    static const char lorem[] = "a text of more bytes than are kept to tell whether the next row has the same";
    EXPECT_CALLS("hlua.fn({ 'Text' }, function(text) count() return n end)", "Text", {"a", "1"}, {"a", "2"});
    EXPECT_CALLS("hlua.fn({ 'Text' }, function(text) if count() == '#1' then error('no') end return text end)", "Text",
                 {"a", "refused"}, {"a", "a"});
    EXPECT_CALLS("function(row) return count() end", "Text", {"a", "#1"}, {"a", "#2"});
    EXPECT_CALLS("function(row) return row.Text .. count() end", "Text", {"a", "a#1"}, {"a", "a#2"});
    EXPECT_CALLS(
        "function(row) for name, value in pairs { 1, 2 } do count() end for name in pairs(row) do if name == 'Zoned' then "
        "break end end return count() end",
        "Text", {"a", "#3"}, {"a", "#6"});
    EXPECT_CALLS("function(row) return #row.Text .. count() end", "Text", {lorem, "76#1"}, {lorem, "76#2"});
    EXPECT_CALLS("function(row) local t = row.Json; t.a = (t.a or '') .. 'x'; return t.a .. count() end", "Json",
                 {"{\"a\":\"y\"}", "yx#1"}, {"{\"a\":\"y\"}", "yx#2"});
}

static void a_kept_row_is_gone(void **state) {
    (void)state;
    struct bench b;
    struct function_value v;
    struct map_reject reject;
    begin_function(&b, "local kept", "function(r) kept = kept or r; return kept.Text end");
    b.functions->begin(b.functions);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM); /* the same row still */
    struct pg_field others[COLUMNS];
    const struct pg_row next = other_row(others, "Text", "other");
    b.functions->begin(b.functions);
    assert_int_equal(b.functions->call(b.functions, 0, 0, &next, &v, &reject), MAP_REJECT);
    assert_non_null(strstr(reject.message, "this row is gone"));
    end(&b);
    begin_function(&b, "local kept; setmetatable({}, { __gc = function() pcall(function() return kept.Text end) end })",
                   "function(r) kept = r; return r.Text end");
    assert_int_equal(b.functions->call(b.functions, 0, 0, &row, &v, &reject), MAP_ITEM);
    end(&b); /* the finalizer touches the row */
    expect_reject("", "function(r) return getmetatable('').__index.rep and r.__index end", REJECT_FUNCTION, "no column __index");
}

static void clocks_and_chance_are_errors(void **state) {
    (void)state;
    static const char *const calls[] = {"os.time()",    "os.clock()",    "os.date()",
                                        "os.date '%Y'", "math.random()", "math.randomseed(1)"};
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char function[100];
        snprintf(function, sizeof function, "function() return %s end", calls[i]);
        expect_reject("", function, REJECT_FUNCTION, i < 4 ? "hlua.started" : "the row's own values");
    }
    expect("function() return os.date('!%Y-%m-%d', 0) end", DYNAMODB_S, "1970-01-01");
    expect_reject("", "function() return misspelt end", REJECT_FUNCTION, "no global variable misspelt");
    expect("function() return arg[1] end", DYNAMODB_S, "word");
}

/* --- the state of a worker --- */

static void a_worker_reads_the_same_bytes(void **state) {
    (void)state;
    char folder[] = "/tmp/hlua-mapper.XXXXXX", path[64], text[400];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/helper.lua", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("return { word = function() return 'as it was' end }", file);
    fclose(file);
    snprintf(text, sizeof text, "package.path = '%s/?.lua'; local helper = require 'helper'; print 'loading'", folder);
    struct bench b;
    struct function_value v;
    struct map_reject reject;
    struct error err = {0};
    char table[200];
    snprintf(table, sizeof table, "%s, attributes = { A = function() return helper.word() end }", keys);
    char *plan = plan_text(text, table, "");
    load(&b, plan);
    free(plan);
    unlink(path);
    rmdir(folder);
    open_bench(&b);
    if (b.functions->call(b.functions, 0, 0, &row, &v, &reject) != MAP_ITEM) fail_msg("%s", reject.message);
    assert_memory_equal(v.text, "as it was", 9);
    b.functions->free(b.functions);
    b.functions = b.plan->functions.open(b.plan->functions.context, INT64_C(1782909296000000), NAMES_ANY, &err);
    assert_non_null(b.functions);
    end(&b);
}

static void a_plan_that_changes_is_refused(void **state) {
    (void)state;
    struct bench b;
    struct error err = {0};
    char table[200];
    snprintf(table, sizeof table, "%s, attributes = { A = function() return 1 end, C = os.getenv 'HLUA_TEST_C' or 'none' }",
             keys);
    char *plan = plan_text("", table, "");
    unsetenv("HLUA_TEST_C");
    load(&b, plan);
    setenv("HLUA_TEST_C", "some", 1);
    assert_null(b.plan->functions.open(b.plan->functions.context, 0, NAMES_ANY, &err));
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_non_null(strstr(err.text, "\"some\" was "));
    unsetenv("HLUA_TEST_C");
    end(&b);
    plan[0] = '\0';
    free(plan);
    plan = plan_text("local at = (package.loaded['hlua.started'] and 'x') or os.time()", table, "");
    load(&b, plan);
    free(plan);
    b.plan->mapping_memory = 1 << 18;
    assert_null(b.plan->functions.open(b.plan->functions.context, 0, NAMES_ANY, &err));
    assert_non_null(strstr(err.text, "mapping_memory"));
    end(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_values),
        cmocka_unit_test(decimals_are_exact),
        cmocka_unit_test(moments_have_parts),
        cmocka_unit_test(odd_columns_reject),
        cmocka_unit_test(values_become_attributes),
        cmocka_unit_test(constructors_say_types),
        cmocka_unit_test(bytes_and_sets),
        cmocka_unit_test(rubbish_rejects),
        cmocka_unit_test(nesting_and_size),
        cmocka_unit_test(errors_reject),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test(coroutines_work),
        cmocka_unit_test(memory_is_limited),
        cmocka_unit_test(memory_may_end_anywhere),
        cmocka_unit_test(unchanged_columns_repeat),
        cmocka_unit_test(formats_follow_their_times),
        cmocka_unit_test(other_results_do_not_repeat),
        cmocka_unit_test(a_kept_row_is_gone),
        cmocka_unit_test(clocks_and_chance_are_errors),
        cmocka_unit_test(a_worker_reads_the_same_bytes),
        cmocka_unit_test(a_plan_that_changes_is_refused),
    };
    return cmocka_run_group_tests_name("mapper", tests, NULL, NULL);
}
