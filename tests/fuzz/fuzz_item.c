/* A row of any bytes (all_columns.h) through a mapping of every kind of value: of each item that is made, size and key agree with what is
 * read back from its JSON. */
#include "all_columns.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"
#include "mapping/program.h"

#define TEMPLATE(source)                                                                                                         \
    { .kind = VALUE_TEMPLATE, .text = source, .len = sizeof(source) - 1 }

static const struct value_spec inner = TEMPLATE("{x}{u}");
static const struct attribute_spec attributes[] = {
    {.name = "P", .role = ROLE_TABLE_KEY, .index = -1, .value = TEMPLATE("{s}#{i4}")},
    {.name = "N", .role = ROLE_TABLE_KEY, .index = -1, .sort = true, .value = {.kind = VALUE_COLUMN, .text = "i8", .len = 2}},
    {.name = "G", .role = ROLE_INDEX_KEY, .index = 0, .value = TEMPLATE("{n}{b}")},
    {.name = "H", .role = ROLE_INDEX_KEY, .index = 0, .sort = true, .value = TEMPLATE("{ts:%F %f}")},
    {.name = "j", .index = -1, .value = {.kind = VALUE_JSON, .text = "j", .len = 1, .invalid = JSON_INVALID_STRING}},
    {.name = "jb", .index = -1, .value = {.kind = VALUE_JSON, .text = "jb", .len = 2, .invalid = JSON_INVALID_ABSENT}},
    {.name = "l", .index = -1, .value = {.kind = VALUE_JSON, .text = "l", .len = 1, .invalid = JSON_INVALID_ABSENT}},
    {.name = "w", .index = -1, .value = {.kind = VALUE_WHEN, .text = "b", .len = 1, .inner = &inner}},
    {.name = "TTL", .role = ROLE_TTL, .index = -1, .value = {.kind = VALUE_EPOCH, .text = "tz", .len = 2, .epoch_add = 86400}},
};

/* One row through a mapping that is compiled for it, so that a failure stands on its own. */
static void try_row(const struct pg_row *row) {
    struct dynamodb_index index = {
        .name = "I", .partition = {{.name = "G"}}, .partition_count = 1, .sort = {{.name = "H"}}, .sort_count = 1};
    struct dynamodb_schema schema = {
        .name = "T", .partition = {.name = "P"}, .sort = {.name = "N"}, .indexes = &index, .index_count = 1};
    const struct mapping_spec spec = {
        .attributes = attributes, .attribute_count = sizeof attributes / sizeof attributes[0], .columns = {.present = true}};
    struct arena *a = arena_new();
    struct error err = {0};
    const struct program *p = program_compile(a, &spec, &schema, all_columns, ALL_COLUMNS, true, &err);
    require(p != NULL);
    struct row_mapper *mapper = program_mapper(p);
    require(mapper != NULL);
    struct buffer out;
    struct mapped_item item;
    struct map_reject reject = {0};
    buffer_init(&out, 1 << 24);
    enum map_result result = mapper->map(mapper, row, &out, &item, &reject);
    require(result != MAP_MEMORY);
    if (result == MAP_ITEM) {
        size_t size;
        uint64_t key;
        require(dynamodb_item_size(out.data, out.len, &size, NULL) && size == item.size);
        require(dynamodb_key_hash_item(&schema, out.data, out.len, &key) && key == item.key);
    } else {
        require(reject.reason && *reject.message);
    }
    buffer_free(&out);
    mapper->free(mapper);
    arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct pg_field fields[ALL_COLUMNS];
    read_row(data, size, fields);
    try_row(&(struct pg_row){.fields = fields, .count = ALL_COLUMNS});
    free_row(fields);
    return 0;
}
