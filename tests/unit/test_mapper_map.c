/* A plan's whole-row `map` functions: the items that they give, what of them is refused. */
#include "mapper_bench.h"

#include "base/buffer.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"

struct sink {
    struct item_sink sink;
    struct buffer out;
    size_t start;
    int tables[8], count, cancelled;
    struct mapped_item items[8];
    size_t at[8], ends[8];
    int most; /* items until close says stop */
};

static struct buffer *sink_open(struct item_sink *self, int table) {
    struct sink *s = (struct sink *)self;
    s->start = s->out.len;
    s->tables[s->count] = table;
    return &s->out;
}

static bool sink_close(struct item_sink *self, const struct mapped_item *item) {
    struct sink *s = (struct sink *)self;
    s->items[s->count] = *item;
    s->at[s->count] = s->start;
    s->ends[s->count++] = s->out.len;
    return s->count < s->most;
}

static void sink_cancel(struct item_sink *self) {
    struct sink *s = (struct sink *)self;
    s->out.len = s->start;
    s->cancelled++;
}

static const char map_keys[] =
    "partition_key = { PK = hlua.S }, sort_key = { SK = hlua.N },\n"
    " global_secondary_indexes = { hlua.index { 'GSI1', partition_key = { G = hlua.S }, sort_key = 'SK' },\n"
    "   hlua.index { 'GSI2', partition_key = { H = hlua.B }, projection = { 'Big' } } }, map = ";
static const char other[] =
    ", hlua.table { from = 'u', to = 'Target2', name = 'Other', partition_key = { K = hlua.S }, map = function() end }";

static void begin_map(struct bench *b, const char *function) {
    char table[2000];
    snprintf(table, sizeof table, "%s%s", map_keys, function);
    begin(b, "", table, other);
}

static enum map_result run_map(struct bench *b, struct sink *s, struct map_reject *reject) {
    *s = (struct sink){.sink = {.open = sink_open, .close = sink_close, .cancel = sink_cancel}, .most = 100};
    buffer_init(&s->out, 64 << 20);
    return b->functions->map(b->functions, 0, b->plan->tables[0].mapping.map, &row, &s->sink, reject);
}

static void check_items(struct bench *b, struct sink *s) {
    for (int i = 0; i < s->count; i++) {
        const char *json = s->out.data + s->at[i];
        size_t len = s->ends[i] - s->at[i], size = 0;
        uint64_t hash = 0;
        struct error err = {0};
        if (!dynamodb_item_size(json, len, &size, &err)) fail_msg("%s: %.*s", err.text, (int)len, json);
        assert_int_equal(size, s->items[i].size);
        assert_true(dynamodb_key_hash_item(&b->plan->tables[s->tables[i]].target, json, len, &hash));
        assert_true(hash == s->items[i].key);
    }
}

static void map_gives_items(void **state) {
    (void)state;
    struct bench b;
    struct sink s;
    struct map_reject reject = {0};
    begin_map(&b, "function(r) return { SK = 1, PK = r.Text, x = { 1 } }, nil, hlua.to('Other', { K = 'k' }),\n"
                  "  { PK = 'p', SK = r.Num, G = 'g', H = hlua.B 'h', Big = ('x'):rep(3000), n = hlua.S(nil) } end");
    if (run_map(&b, &s, &reject) != MAP_ITEM) fail_msg("%s", reject.message);
    assert_int_equal(s.count, 3);
    assert_int_equal(s.cancelled, 0);
    assert_int_equal(s.tables[1], 1);
    check_items(&b, &s);
    static const char first[] = "{\"PK\":{\"S\":\"h\xC3\xA9llo\"},\"SK\":{\"N\":\"1\"},\"x\":{\"L\":[{\"N\":\"1\"}]}}";
    assert_int_equal(s.ends[0], sizeof first - 1);
    assert_memory_equal(s.out.data, first, sizeof first - 1);
    assert_int_equal(s.items[0].units, 1);
    assert_int_equal(s.items[2].units, 3 + 3 + 3); /* the table, all of it in GSI1, keys and Big in GSI2 */
    buffer_free(&s.out);
    s = (struct sink){.sink = {.open = sink_open, .close = sink_close, .cancel = sink_cancel}, .most = 1};
    buffer_init(&s.out, 1 << 20);
    assert_int_equal(b.functions->map(b.functions, 0, 0, &row, &s.sink, &reject), MAP_STOP);
    buffer_free(&s.out);
    buffer_init(&s.out, 8); /* memory is out */
    s.count = 0;
    assert_int_equal(b.functions->map(b.functions, 0, 0, &row, &s.sink, &reject), MAP_MEMORY);
    assert_int_equal(s.cancelled, 1);
    buffer_free(&s.out);
    end(&b);
    begin_map(&b, "function(r) return nil end");
    assert_int_equal(run_map(&b, &s, &reject), MAP_FILTERED);
    buffer_free(&s.out);
    end(&b);
}

/* The attributes come sorted, whatever the order of pairs was and whichever item came before. */
static void map_sorts_names(void **state) {
    (void)state;
    struct bench b;
    struct sink s;
    struct map_reject reject = {0};
    begin_map(&b, "function(r) local items = {}\n"
                  "  for i = 1, 7 do local item = { PK = 'p', SK = i }\n"
                  "    for k = 1, i % 4 * 20 do item['n' .. k * 7919 * i % 9973] = k end\n"
                  "    items[i] = item end\n"
                  "  return table.unpack(items) end");
    for (int round = 0; round < 2; round++) {
        if (run_map(&b, &s, &reject) != MAP_ITEM) fail_msg("%s", reject.message);
        assert_int_equal(s.count, 7);
        check_items(&b, &s);
        assert_true(buffer_terminate(&s.out));
        for (int i = 0; i < s.count; i++) {
            char last[32] = "", name[32] = "";
            for (const char *at = s.out.data + s.at[i]; at && at < s.out.data + s.ends[i]; at = strchr(at + 1, ',')) {
                assert_int_equal(sscanf(at + 1, "\"%30[^\"]", name), 1);
                assert_true(strcmp(last, name) < 0);
                memcpy(last, name, sizeof last);
            }
        }
        buffer_free(&s.out);
    }
    end(&b);
}

static void map_rejects(void **state) {
    (void)state;
    static const struct {
        const char *function, *reason, *part;
        int items, cancelled;
    } list[] = {
        {"function() return 5 end", REJECT_FUNCTION, "map returned a number", 0, 0},
        {"function() return { { PK = 'a', SK = 1 } } end", REJECT_FUNCTION, "table.unpack", 0, 0},
        {"function() return hlua.M { PK = 'a' } end", REJECT_FUNCTION, "map returned a hlua value", 0, 0},
        {"function() return hlua.to('Othr', {}) end", REJECT_FUNCTION, "did you mean \"Other\"?", 0, 0},
        {"function() return hlua.to(5, {}) end", REJECT_FUNCTION, "the name of a table", 0, 0},
        {"function() return hlua.to('Other', 5) end", REJECT_FUNCTION, "map returned a number", 0, 0},
        {"function() return {} end", REJECT_KEY_MISSING, "attribute PK", 0, 1},
        {"function() return { PK = 'a' } end", REJECT_KEY_MISSING, "attribute SK", 0, 1},
        {"function() return { PK = 'a', SK = 1 }, { PK = 'b' } end", REJECT_KEY_MISSING, "attribute SK", 1, 1},
        {"function() return { PK = '', SK = 1 } end", REJECT_KEY_EMPTY, "attribute PK", 0, 1},
        {"function() return { PK = 1, SK = 1 } end", REJECT_VALUE, "declared as S and the item has N", 0, 1},
        {"function() return { PK = ('x'):rep(2049), SK = 1 } end", REJECT_KEY_SIZE, "2049", 0, 1},
        {"function() return { PK = 'a', SK = 1, G = '' } end", REJECT_KEY_EMPTY, "index GSI1", 0, 1},
        {"function() return { PK = 'a', SK = 1, G = true } end", REJECT_VALUE, "index GSI1", 0, 1},
        {"function() return { PK = 'a', SK = 1, [''] = 1 } end", REJECT_FUNCTION, "must not be empty", 0, 1},
        {"function() return { PK = 'a', SK = 1, [('n'):rep(65536)] = 1 } end", REJECT_FUNCTION, "65,535", 0, 1},
        {"function() return { PK = 'a', SK = 1, x = 1, [1] = 2 } end", REJECT_FUNCTION, "map returned a list", 0, 0},
        {"function() return { PK = 'a', SK = 1, [2] = 2 } end", REJECT_FUNCTION, "key that is a number", 0, 1},
        {"function() return { PK = 'a', SK = 1, x = { y = { print } } } end", REJECT_FUNCTION, "x.y[1] is a function", 0, 1},
        {"function() return { PK = 'a', SK = 1, x = ('x'):rep(300000), y = ('y'):rep(300000) } end", REJECT_ITEM_SIZE, "409,600",
         0, 1},
        {"function() return { PK = 'K', SK = 1 } end, owns = { 'K#' }", REJECT_OWNS, "attribute PK: the key begins with nothing",
         0, 1},
        {"function(r) return r end", REJECT_FUNCTION, "map returned a userdata", 0, 0},
        {"function() error 'x' end", REJECT_FUNCTION, "plan.lua:6: x", 0, 0},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct bench b;
        struct sink s;
        struct map_reject reject = {0};
        begin_map(&b, list[i].function);
        if (run_map(&b, &s, &reject) != MAP_REJECT) fail_msg("%s: not rejected", list[i].function);
        if (strcmp(reject.reason, list[i].reason) != 0 || !strstr(reject.message, list[i].part) ||
            !strstr(reject.message, "plan.lua:")) {
            fail_msg("%s: %s: %s", list[i].function, reject.reason, reject.message);
        }
        assert_int_equal(s.count, list[i].items);
        assert_int_equal(s.cancelled, list[i].cancelled);
        check_items(&b, &s);
        buffer_free(&s.out);
        end(&b);
    }
}

static enum map_result run_mend(struct bench *b, struct sink *s, struct function_reject *why, struct map_reject *reject) {
    *s = (struct sink){.sink = {.open = sink_open, .close = sink_close, .cancel = sink_cancel}, .most = 100};
    buffer_init(&s->out, 64 << 20);
    return b->functions->mend(b->functions, 0, b->plan->tables[0].on_reject, &row, why, &s->sink, reject);
}

static void on_reject_mends(void **state) {
    (void)state;
    static const struct {
        const char *function;
        enum map_result result;
        bool stop;
        int items, cancelled;
        const char *part; /* of the message; NULL: of the item */
        const char *item;
    } list[] = {
        {"function(r, why) return { PK = why.reason .. why.message .. why.key .. why.table .. why.item, SK = r.Num } end",
         MAP_ITEM, false, 1, 0, NULL, "jsonnot JSONId=1logs{}"},
        {"function() end", MAP_FILTERED, false, 0, 0, NULL, NULL},
        {"function() return { PK = 'a', SK = 1 }, { PK = 'b' } end", MAP_REJECT, false, 1, 1, "attribute SK", NULL},
        {"function() return 5 end", MAP_REJECT, false, 0, 0, "on_reject returned a number", NULL},
        {"function() error 'x' end", MAP_REJECT, false, 0, 0, "plan.lua:6: x", NULL},
        {"function() return hlua.stop 'enough' end", MAP_STOP, true, 0, 0, "enough", NULL},
        {"function() return { PK = 'a', SK = 1 }, hlua.stop 'enough' end", MAP_STOP, true, 0, 0, "enough", NULL},
        {"function() return hlua.stop(nil) end", MAP_REJECT, false, 0, 0, "hlua.stop needs a text", NULL},
        {"function() return { PK = hlua.stop 'x', SK = 1 } end", MAP_REJECT, false, 0, 1, "only on_reject can stop", NULL},
    };
    for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
        struct bench b;
        struct sink s;
        struct map_reject reject = {0};
        struct function_reject why = {
            .table = "logs", .key = "Id=1", .reason = "json", .message = "not JSON", .item = "{}", .item_len = 2, .stop = true};
        char function[600];
        snprintf(function, sizeof function, "function() end, on_reject = %s", list[i].function);
        begin_map(&b, function);
        if (run_mend(&b, &s, &why, &reject) != list[i].result) fail_msg("%s: %s", list[i].function, reject.message);
        assert_int_equal(why.stop, list[i].stop);
        assert_int_equal(s.count, list[i].items);
        assert_int_equal(s.cancelled, list[i].cancelled);
        if (list[i].part && !strstr(reject.message, list[i].part)) fail_msg("%s: %s", list[i].function, reject.message);
        if (list[i].item && !memmem(s.out.data, s.out.len, list[i].item, strlen(list[i].item))) fail_msg("%s", list[i].function);
        check_items(&b, &s);
        buffer_free(&s.out);
        end(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_gives_items),
        cmocka_unit_test(map_sorts_names),
        cmocka_unit_test(map_rejects),
        cmocka_unit_test(on_reject_mends),
    };
    return cmocka_run_group_tests_name("mapper_map", tests, NULL, NULL);
}
