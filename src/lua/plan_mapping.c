/* The part of the lowered plan that says what a row becomes: mapping/spec.h. */
#include <lauxlib.h>

#include "lua/lowered.h"

static const struct lowered_word kind_words[] = {
    {"template", VALUE_TEMPLATE}, {"column", VALUE_COLUMN},     {"constant", VALUE_CONSTANT}, {"json", VALUE_JSON},
    {"epoch", VALUE_EPOCH},       {"function", VALUE_FUNCTION}, {"set", VALUE_SET},           {"list", VALUE_LIST},
    {"map", VALUE_MAP},           {"null", VALUE_NULL},         {"when", VALUE_WHEN},         {NULL, 0},
};
static const struct lowered_word role_words[] = {
    {"plain", ROLE_PLAIN}, {"table_key", ROLE_TABLE_KEY}, {"index_key", ROLE_INDEX_KEY}, {"ttl", ROLE_TTL}, {NULL, 0},
};
static const struct lowered_word invalid_words[] = {
    {"reject", JSON_INVALID_REJECT},
    {"string", JSON_INVALID_STRING},
    {"absent", JSON_INVALID_ABSENT},
    {NULL, 0},
};

static void read_value(lua_State *L, struct loader *ld, struct value_spec *v);

/* A value in a field, or NULL when the field is nil. */
static const struct value_spec *read_inner(lua_State *L, struct loader *ld, const char *field) {
    struct value_spec *inner = NULL;
    if (lua_getfield(L, -1, field) == LUA_TTABLE) {
        inner = lowered_array(L, ld, 1, sizeof *inner);
        read_value(L, ld, inner);
    }
    lua_pop(L, 1);
    return inner;
}

static void read_parts(lua_State *L, struct loader *ld, struct value_spec *v) {
    if (!lowered_open_list(L, "parts", &v->part_count)) return;
    struct value_spec *parts = lowered_array(L, ld, (size_t)v->part_count, sizeof *parts);
    for (int i = 0; i < v->part_count; i++) {
        lowered_open_entry(L, i);
        read_value(L, ld, &parts[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    v->parts = parts;
}

/* Values nest as deep as hlua.value_types allows: a few more levels than DynamoDB's 32. */
static void read_value(lua_State *L, struct loader *ld, struct value_spec *v) {
    int names = 0;
    luaL_checkstack(L, 8, "a value in too many others");
    v->kind = (enum value_kind)lowered_word(L, "kind", kind_words, -1);
    v->type = (enum dynamodb_type)lowered_word(L, "type", lowered_type_words, DYNAMODB_ANY);
    v->text = lowered_bytes(L, ld, "text", &v->len);
    v->invalid = (enum json_invalid)lowered_word(L, "invalid", invalid_words, JSON_INVALID_REJECT);
    v->epoch_add = lowered_integer(L, "add", 0);
    v->expired_skip = lowered_flag(L, "expired_skip");
    v->function = (int)lowered_integer(L, "function", -1);
    v->columns = lowered_texts(L, ld, "columns", &v->column_count);
    v->inner = read_inner(L, ld, "inner");
    v->fallback = read_inner(L, ld, "fallback");
    read_parts(L, ld, v);
    v->names = lowered_texts(L, ld, "names", &names);
    lowered_place(L, ld, &v->place);
    bool whole = (v->kind != VALUE_WHEN || v->inner != NULL) && (v->kind != VALUE_FUNCTION || v->function >= 0) &&
                 (v->kind != VALUE_MAP || names == v->part_count);
    if (!whole || (int)v->kind < 0) luaL_error(L, "a value of the lowered plan is not whole");
}

static const struct attribute_spec *read_attributes(lua_State *L, struct loader *ld, int *count) {
    lowered_open_list(L, "attributes", count);
    struct attribute_spec *list = lowered_array(L, ld, (size_t)*count, sizeof *list);
    for (int i = 0; i < *count; i++) {
        lowered_open_entry(L, i);
        list[i].name = lowered_required(L, ld, "name");
        list[i].role = (enum attribute_role)lowered_word(L, "role", role_words, ROLE_PLAIN);
        list[i].index = (int)lowered_integer(L, "index", -1);
        list[i].sort = lowered_flag(L, "sort");
        lowered_open_table(L, "value");
        read_value(L, ld, &list[i].value);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return list;
}

static void read_columns(lua_State *L, struct loader *ld, struct columns_spec *columns) {
    if (lua_getfield(L, -1, "columns") == LUA_TTABLE) {
        columns->present = true;
        columns->only = lowered_texts(L, ld, "only", &columns->only_count);
        columns->except = lowered_texts(L, ld, "except", &columns->except_count);
        lowered_open_list(L, "rename", &columns->rename_count);
        struct rename_spec *list = lowered_array(L, ld, (size_t)columns->rename_count, sizeof *list);
        for (int i = 0; i < columns->rename_count; i++) {
            lowered_open_entry(L, i);
            list[i] = (struct rename_spec){lowered_required(L, ld, "from"), lowered_required(L, ld, "to")};
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        columns->rename = list;
        lowered_place(L, ld, &columns->place);
    }
    lua_pop(L, 1);
}

static const struct item_spec *read_items(lua_State *L, struct loader *ld, int *count) {
    if (!lowered_open_list(L, "items", count)) return NULL;
    struct item_spec *list = lowered_array(L, ld, (size_t)*count, sizeof *list);
    for (int i = 0; i < *count; i++) {
        lowered_open_entry(L, i);
        list[i].when = lowered_text(L, ld, "when");
        list[i].attributes = read_attributes(L, ld, &list[i].attribute_count);
        read_columns(L, ld, &list[i].columns);
        lowered_place(L, ld, &list[i].place);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

static const struct index_place *read_index_places(lua_State *L, struct loader *ld) {
    int count;
    lowered_open_list(L, "index_places", &count);
    struct index_place *list = lowered_array(L, ld, (size_t)count, sizeof *list);
    for (int i = 0; i < count; i++) {
        lowered_open_entry(L, i);
        lowered_open_table(L, "partition");
        lowered_place(L, ld, &list[i].partition);
        lua_pop(L, 1);
        lowered_open_table(L, "sort");
        lowered_place(L, ld, &list[i].sort);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    return list;
}

void lowered_mapping(lua_State *L, struct loader *ld, struct mapping_spec *mapping) {
    mapping->map = (int)lowered_integer(L, "map", -1);
    mapping->items = read_items(L, ld, &mapping->item_count);
    mapping->attributes = read_attributes(L, ld, &mapping->attribute_count);
    read_columns(L, ld, &mapping->columns);
    mapping->keep_nulls = lowered_flag(L, "keep_nulls");
    mapping->empty_strings_absent = lowered_flag(L, "empty_strings_absent");
    mapping->index_places = read_index_places(L, ld);
    lowered_place(L, ld, &mapping->place);
}
