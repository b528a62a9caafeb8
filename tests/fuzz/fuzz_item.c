/* A row of any bytes (all_columns.h) through a mapping of every kind of value: of each item that is made, size and key agree with what is
 * read back from its JSON. */
#include "all_columns.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"
#include "mapping/program.h"

#define TEMPLATE(source)                                                                                                         \
    { .kind = VALUE_TEMPLATE, .text = source, .len = sizeof(source) - 1 }

#define COLUMN(name)                                                                                                             \
    { .kind = VALUE_COLUMN, .text = name, .len = sizeof(name) - 1 }
#define TEXT_OF(name)                                                                                                            \
    { .kind = VALUE_COLUMN, .type = DYNAMODB_S, .text = name, .len = sizeof(name) - 1 }
#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const struct value_spec inner = TEMPLATE("{x}{u}"), number = COLUMN("i4"), text = TEXT_OF("d");
static const struct value_spec texts[] = {TEXT_OF("s"), TEXT_OF("x"), TEMPLATE("{s}"), TEXT_OF("i2")};
static const struct value_spec numbers[] = {COLUMN("i2"), COLUMN("i4"),
                                            COLUMN("n"),  COLUMN("f4"),
                                            COLUMN("f8"), {.kind = VALUE_TEMPLATE, .type = DYNAMODB_N, .text = "{i8}", .len = 4}};
static const struct value_spec bytes[] = {COLUMN("y"), {.kind = VALUE_COLUMN, .type = DYNAMODB_B, .text = "u", .len = 1}};
static const struct value_spec parts[] = {
    {.kind = VALUE_SET, .type = DYNAMODB_SS, .parts = texts, .part_count = COUNT(texts)},
    {.kind = VALUE_JSON, .text = "jb", .len = 2, .invalid = JSON_INVALID_ABSENT},
    {.kind = VALUE_WHEN, .text = "b", .len = 1, .inner = &inner},
    {.kind = VALUE_NULL},
    {.kind = VALUE_COLUMN, .text = "n", .len = 1, .fallback = &number},
    COLUMN("b"),
};
static const char *const names[] = {"set", "json", "when", "null", "fallback", "flag"};
static const struct value_spec nested[] = {{.kind = VALUE_LIST, .parts = parts, .part_count = COUNT(parts)}, TEMPLATE("{t}")};
static const char *const nested_names[] = {"list", "time"};

static const struct attribute_spec attributes[] = {
    {.name = "P", .role = ROLE_TABLE_KEY, .index = -1, .value = TEMPLATE("{s}#{i4}")},
    {.name = "N",
     .role = ROLE_TABLE_KEY,
     .index = -1,
     .sort = true,
     .value = {.kind = VALUE_COLUMN, .text = "i8", .len = 2, .fallback = &number}},
    {.name = "G", .role = ROLE_INDEX_KEY, .index = 0, .value = TEMPLATE("{n}{b}")},
    {.name = "H", .role = ROLE_INDEX_KEY, .index = 0, .sort = true, .value = TEMPLATE("{ts:%F %f}")},
    {.name = "j", .index = -1, .value = {.kind = VALUE_JSON, .text = "j", .len = 1, .invalid = JSON_INVALID_STRING}},
    {.name = "jb", .index = -1, .value = {.kind = VALUE_JSON, .text = "jb", .len = 2, .invalid = JSON_INVALID_ABSENT}},
    {.name = "l", .index = -1, .value = {.kind = VALUE_JSON, .text = "l", .len = 1, .invalid = JSON_INVALID_ABSENT}},
    {.name = "w", .index = -1, .value = {.kind = VALUE_WHEN, .text = "b", .len = 1, .inner = &inner}},
    {.name = "TTL", .role = ROLE_TTL, .index = -1, .value = {.kind = VALUE_EPOCH, .text = "tz", .len = 2, .epoch_add = 86400}},
};
static const struct attribute_spec second[] = {
    {.name = "P",
     .role = ROLE_TABLE_KEY,
     .index = -1,
     .value = {.kind = VALUE_COLUMN, .type = DYNAMODB_S, .text = "u", .len = 1, .fallback = &text}},
    {.name = "N", .role = ROLE_TABLE_KEY, .index = -1, .sort = true, .value = COLUMN("n")},
    {.name = "ns",
     .index = -1,
     .value = {.kind = VALUE_SET, .type = DYNAMODB_NS, .parts = numbers, .part_count = COUNT(numbers)}},
    {.name = "bs", .index = -1, .value = {.kind = VALUE_SET, .type = DYNAMODB_BS, .parts = bytes, .part_count = COUNT(bytes)}},
    {.name = "m", .index = -1, .value = {.kind = VALUE_MAP, .names = names, .parts = parts, .part_count = COUNT(parts)}},
    {.name = "nested",
     .index = -1,
     .value = {.kind = VALUE_MAP, .names = nested_names, .parts = nested, .part_count = COUNT(nested)}},
    {.name = "TTL", .role = ROLE_TTL, .index = -1, .value = {.kind = VALUE_EPOCH, .text = "ts", .len = 2, .expired_skip = true}},
};
static const struct item_spec items[] = {
    {.attributes = attributes, .attribute_count = COUNT(attributes), .columns = {.present = true}},
    {.when = "b", .attributes = second, .attribute_count = COUNT(second)},
};

/* Where the items go, one at a time. */
struct check {
    struct item_sink sink;
    const struct dynamodb_schema *schema;
    struct buffer out;
    int closed, cancelled;
};

static struct buffer *check_open(struct item_sink *self, int table) {
    struct check *c = (struct check *)self;
    require(table == 0);
    c->out.len = 0;
    return &c->out;
}

static bool check_close(struct item_sink *self, const struct mapped_item *item) {
    struct check *c = (struct check *)self;
    size_t size;
    uint64_t key;
    require(dynamodb_item_size(c->out.data, c->out.len, &size, NULL) && size == item->size);
    require(dynamodb_key_hash_item(c->schema, c->out.data, c->out.len, &key) && key == item->key);
    c->closed++;
    return true;
}

static void check_cancel(struct item_sink *self) {
    ((struct check *)self)->cancelled++;
}

/* One row through a mapping that is compiled for it, so that a failure stands on its own. */
static void try_row(const struct pg_row *row, const struct item_spec *item, int count, bool empty_absent) {
    struct dynamodb_index index = {
        .name = "I", .partition = {{.name = "G"}}, .partition_count = 1, .sort = {{.name = "H"}}, .sort_count = 1};
    struct dynamodb_schema schema = {
        .name = "T", .partition = {.name = "P"}, .sort = {.name = "N"}, .indexes = &index, .index_count = 1};
    const struct mapping_spec spec = {.items = item, .item_count = count, .map = -1, .empty_strings_absent = empty_absent};
    struct check check = {.sink = {.open = check_open, .close = check_close, .cancel = check_cancel}, .schema = &schema};
    struct arena *a = arena_new();
    struct error err = {0};
    const struct program *p = program_compile(a, &spec, 0, &schema, all_columns, ALL_COLUMNS, true, &err);
    require(p != NULL);
    struct row_mapper *mapper = program_mapper(p, NULL);
    require(mapper != NULL);
    struct map_reject reject = {0};
    buffer_init(&check.out, 1 << 24);
    enum map_result result = mapper->map(mapper, row, &check.sink, &reject);
    require(result == MAP_ITEM || result == MAP_FILTERED || result == MAP_REJECT);
    require((result == MAP_REJECT) == (check.cancelled == 1));
    if (result == MAP_REJECT) {
        require(reject.reason && *reject.message);
    } else {
        require((check.closed > 0) == (result == MAP_ITEM));
    }
    buffer_free(&check.out);
    mapper->free(mapper);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pg_field fields[ALL_COLUMNS];
    read_row(data, size, fields);
    const struct pg_row row = {.fields = fields, .count = ALL_COLUMNS};
    try_row(&row, items, 2, false);
    try_row(&row, items + 1, 1, true); /* alone: the first item rejects most rows of any bytes */
    free_row(fields);
    return 0;
}
