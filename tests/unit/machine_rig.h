/* A compiled mapping of logs_mapping.h that runs: rows go in, items come out in a sink. Of every item, size and key agree with what is read
 * back from its JSON. For the tests of the machine. */
#ifndef UNIT_MACHINE_RIG_H
#define UNIT_MACHINE_RIG_H

#include "logs_mapping.h"

#include "dynamodb/key.h"

#define RIG_ITEMS 8

struct rig {
    struct item_sink sink;
    struct arena *arena;
    struct logs logs;
    struct functions *functions; /* or NULL; the test's own */
    struct row_mapper *mapper;
    struct map_reject reject;
    struct buffer out; /* the items in turn, behind the word "before", each with a NUL at its end */
    struct mapped_item items[RIG_ITEMS];
    size_t starts[RIG_ITEMS]; /* where in out they begin */
    int count, stop_at;       /* the sink says stop when it has so many items */
    int cancelled;
    bool open;
    int keyed; /* how often the open item's key was told */
    uint64_t key;
};

static struct rig rig;

static struct buffer *rig_open(struct item_sink *self, int table) {
    struct rig *r = (struct rig *)self;
    assert_int_equal(table, LOGS_TABLE);
    assert_true(!r->open && r->count < RIG_ITEMS);
    r->open = true;
    r->keyed = 0;
    r->starts[r->count] = r->out.len;
    return &r->out;
}

static void rig_keyed(struct item_sink *self, uint64_t key) {
    struct rig *r = (struct rig *)self;
    assert_true(r->open);
    r->keyed++;
    r->key = key;
}

/* What every item must hold. */
static void rig_check(const char *json, size_t len, const struct mapped_item *item) {
    size_t size = 0;
    uint64_t key = 0;
    struct error err;
    if (!dynamodb_item_size(json, len, &size, &err)) fail_msg("%s: %s", json, err.text);
    if (size != item->size) fail_msg("%s: %u bytes, not %zu", json, item->size, size);
    if (!dynamodb_key_hash_item(&rig.logs.schema, json, len, &key) || key != item->key) fail_msg("%s: another key", json);
    assert_true(item->size <= DYNAMODB_ITEM_MAX && item->units >= dynamodb_write_units(size));
}

static bool rig_close(struct item_sink *self, const struct mapped_item *item) {
    struct rig *r = (struct rig *)self;
    size_t start = r->starts[r->count], len = r->out.len - start;
    assert_true(r->open && r->keyed == 1 && r->key == item->key);
    r->open = false;
    if (!buffer_append(&r->out, "", 1)) return false;
    rig_check(r->out.data + start, len, item);
    r->items[r->count++] = *item;
    return r->stop_at == 0 || r->count < r->stop_at;
}

static void rig_cancel(struct item_sink *self) {
    struct rig *r = (struct rig *)self;
    assert_true(r->open);
    r->open = false;
    r->cancelled++;
    r->out.len = r->starts[r->count];
}

static inline void rig_compile(void) {
    struct error err = {0};
    const struct program *p = logs_compile(&rig.logs, rig.arena, &err);
    if (p == NULL) fail_msg("%s", err.text);
    if (rig.mapper) rig.mapper->free(rig.mapper);
    rig.mapper = program_mapper(p, rig.functions);
    assert_non_null(rig.mapper);
}

static inline enum map_result rig_run(const struct pg_row *row) {
    rig.count = rig.cancelled = 0;
    rig.open = false;
    rig.out.len = 0;
    rig.reject = (struct map_reject){0};
    if (!buffer_append_text(&rig.out, "before")) return MAP_MEMORY;
    return rig.mapper->map(rig.mapper, row, &rig.sink, &rig.reject);
}

/* Maps a row, and frees it. */
static inline enum map_result rig_map(struct row *r) {
    enum map_result result = rig_run(&r->row);
    row_free(r);
    assert_false(rig.open);
    assert_memory_equal(rig.out.data, "before", 6);
    if (result == MAP_REJECT) assert_true(rig.cancelled == 1 && rig.reject.reason && *rig.reject.message);
    if (result == MAP_ITEM) assert_true(rig.cancelled == 0 && rig.count > 0);
    if (result == MAP_FILTERED) assert_true(rig.cancelled == 0 && rig.count == 0);
    return result;
}

static inline const char *rig_json(int i) {
    return rig.out.data + rig.starts[i];
}

/* The row becomes this one item, of so many write units. */
static inline void rig_becomes(struct row *r, const char *json, unsigned units) {
    enum map_result result = rig_map(r);
    if (result != MAP_ITEM) fail_msg("%d: %s: %s", result, rig.reject.reason, rig.reject.message);
    assert_int_equal(rig.count, 1);
    assert_string_equal(rig_json(0), json);
    assert_int_equal(rig.items[0].units, units);
}

static inline void rig_rejects(struct row *r, const char *reason, const char *message) {
    enum map_result result = rig_map(r);
    if (result == MAP_ITEM) fail_msg("taken: %s", rig_json(0));
    assert_int_equal(result, MAP_REJECT);
    if (strcmp(rig.reject.reason, reason) != 0 || !strstr(rig.reject.message, message)) {
        fail_msg("%s: %s", rig.reject.reason, rig.reject.message);
    }
}

static int rig_set_up(void **state) {
    (void)state;
    rig = (struct rig){.sink = {rig_open, rig_keyed, rig_close, rig_cancel}, .arena = arena_new()};
    buffer_init(&rig.out, 32 * 1024 * 1024);
    logs_begin(&rig.logs);
    return rig.arena ? 0 : -1;
}

static int rig_tear_down(void **state) {
    (void)state;
    if (rig.mapper) rig.mapper->free(rig.mapper);
    buffer_free(&rig.out);
    arena_free(rig.arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_set_up, rig_tear_down)

#endif
