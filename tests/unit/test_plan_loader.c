/* The plan loader: what a script returns, as plain structs. The Lua files are read from lua/ under the folder the test runs in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>
#include <lualib.h>

#include "lua/plan_loader.h"

/* A new state with the plan language, and the value that `script` returns on its stack. */
static lua_State *state_with(const char *script) {
    lua_State *L = luaL_newstate();
    assert_non_null(L);
    luaL_openlibs(L);
    assert_int_equal(luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
                                      "arg = {[0] = 'dir/plan.lua'}\n"
                                      "package.loaded['hlua.core'] = {sha256 = function(b) return #b .. ' bytes' end}"),
                     LUA_OK);
    if (luaL_loadbuffer(L, script, strlen(script), "@plan.lua") != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
        fail_msg("%s", lua_tostring(L, -1));
    }
    return L;
}

static const char whole[] =
    "local hlua = require 'hlua'\n"
    "return hlua.plan {\n"
    "  name = 'p', allow_http = true,\n"
    "  source = hlua.postgres { uri = 'postgresql:///x' },\n"
    "  target = hlua.dynamodb { region = 'r', endpoint = 'http://127.0.0.1:8000', profile = 'q' },\n"
    "  hlua.table {\n"
    "    name = 'n', query = 'SELECT 1 WHERE {range}', key = { 'a', 'b' }, where = 'w', columns = { c = 'sql' },\n"
    "    to = 'Target', partition_key = { PK = hlua.N '{id}' }, sort_key = { SK = '{x}' },\n"
    "    global_secondary_indexes = {\n"
    "      hlua.index { 'GSI1', partition_key = { G = '{g}' }, sort_key = { 'SK', 'Col' }, projection = { 'X', 'Y' },\n"
    "        provisioned = { read = 3, write = 4 } },\n"
    "    },\n"
    "    local_secondary_indexes = { hlua.index { 'LSI1', sort_key = { L = hlua.B(hlua.column 'l') }, projection = 'KEYS_ONLY' } "
    "},\n"
    "    attributes = { hlua.columns { except = { 'e' }, rename = { f = 'F' } },\n"
    "      Zero = hlua.B 'a\\0b', Flag = true, J = hlua.json('j', { invalid = 'absent' }),\n"
    "      W = hlua.when('w', hlua.column 'v') },\n"
    "    time_to_live = { TTL = hlua.epoch('t', { days = 2 }) },\n"
    "    billing_mode = 'PROVISIONED', provisioned = { read = 1, write = 2 }, point_in_time_recovery = true,\n"
    "    stream = 'KEYS_ONLY', tags = { k = 'v' }, deletion_protection = true, table_class = 'STANDARD',\n"
    "    nulls = 'keep', existing = 'replace', max_rejects = 7,\n"
    "  },\n"
    "}\n";

static const struct attribute_spec *find(const struct mapping_spec *mapping, const char *name) {
    for (int i = 0; i < mapping->attribute_count; i++) {
        if (strcmp(mapping->attributes[i].name, name) == 0) return &mapping->attributes[i];
    }
    fail_msg("no attribute %s", name);
    return NULL;
}

static void check_source(const struct plan *plan) {
    const struct pg_source_spec *source = &plan->tables[0].source;
    assert_string_equal(plan->name, "p");
    assert_string_equal(plan->file, "dir/plan.lua");
    assert_string_equal(plan->source_uri, "postgresql:///x");
    assert_string_equal(plan->target.region, "r");
    assert_string_equal(plan->target.endpoint, "http://127.0.0.1:8000");
    assert_string_equal(plan->target.profile, "q");
    assert_true(plan->target.allow_http);
    assert_null(source->from);
    assert_string_equal(source->query, "SELECT 1 WHERE {range}");
    assert_string_equal(source->where, "w");
    assert_int_equal(source->key_count, 2);
    assert_string_equal(source->key[1], "b");
    assert_int_equal(source->expression_count, 1);
    assert_string_equal(source->expressions[0].name, "c");
    assert_string_equal(source->expressions[0].sql, "sql");
    assert_non_null(strstr(plan->identity, "tables.n.attributes.PK = N template \"{id}\"\n"));
}

static void check_target(const struct plan_table *table) {
    const struct dynamodb_schema *target = &table->target;
    assert_string_equal(target->name, "Target");
    assert_string_equal(target->partition.name, "PK");
    assert_int_equal(target->partition.type, DYNAMODB_N);
    assert_string_equal(target->sort.name, "SK");
    assert_int_equal(target->index_count, 2);
    const struct dynamodb_index *index = &target->indexes[0];
    assert_string_equal(index->name, "GSI1");
    assert_false(index->local);
    assert_int_equal(index->partition_count, 1);
    assert_int_equal(index->sort_count, 2);
    assert_string_equal(index->sort[1].name, "Col");
    assert_int_equal(index->sort[1].type, DYNAMODB_ANY);
    assert_int_equal(index->projection, DYNAMODB_PROJECT_INCLUDE);
    assert_int_equal(index->include_count, 2);
    assert_string_equal(index->include[1], "Y");
    assert_int_equal(index->read_units, 3);
    assert_int_equal(index->write_units, 4);
    index = &target->indexes[1];
    assert_true(index->local);
    assert_string_equal(index->partition[0].name, "PK");
    assert_int_equal(index->sort[0].type, DYNAMODB_B);
    assert_int_equal(index->projection, DYNAMODB_PROJECT_KEYS_ONLY);
    assert_true(target->provisioned && target->point_in_time_recovery && target->deletion_protection);
    assert_int_equal(target->read_units, 1);
    assert_int_equal(target->write_units, 2);
    assert_string_equal(target->stream, "KEYS_ONLY");
    assert_int_equal(target->tag_count, 1);
    assert_string_equal(target->tags[0].key, "k");
    assert_string_equal(target->table_class, "STANDARD");
    assert_string_equal(target->time_to_live, "TTL");
}

static void check_mapping(const struct plan_table *table) {
    static const char *const order[] = {"PK", "SK", "G", "L", "Flag", "J", "W", "Zero", "TTL"};
    const struct mapping_spec *mapping = &table->mapping;
    assert_int_equal(mapping->attribute_count, 9);
    for (int i = 0; i < 9; i++) assert_string_equal(mapping->attributes[i].name, order[i]);
    assert_int_equal(find(mapping, "PK")->role, ROLE_TABLE_KEY);
    assert_int_equal(find(mapping, "PK")->index, -1);
    assert_int_equal(find(mapping, "G")->role, ROLE_INDEX_KEY);
    assert_int_equal(find(mapping, "G")->index, 0);
    assert_int_equal(find(mapping, "L")->index, 1);
    assert_true(find(mapping, "L")->sort);
    const struct value_spec *zero = &find(mapping, "Zero")->value;
    assert_int_equal(zero->kind, VALUE_CONSTANT);
    assert_int_equal(zero->type, DYNAMODB_B);
    assert_int_equal(zero->len, 3);
    assert_memory_equal(zero->text, "a\0b", 3);
    assert_string_equal(find(mapping, "Flag")->value.text, "true");
    assert_int_equal(find(mapping, "Flag")->value.type, DYNAMODB_BOOL);
    assert_int_equal(find(mapping, "J")->value.invalid, JSON_INVALID_ABSENT);
    const struct value_spec *when = &find(mapping, "W")->value;
    assert_int_equal(when->kind, VALUE_WHEN);
    assert_string_equal(when->text, "w");
    assert_int_equal(when->inner->kind, VALUE_COLUMN);
    assert_string_equal(when->inner->text, "v");
    assert_int_equal(when->place.line, 16);
    assert_string_equal(when->place.file, "plan.lua");
    assert_string_equal(when->place.path, "tables[1].attributes.W");
    assert_int_equal(find(mapping, "TTL")->role, ROLE_TTL);
    assert_int_equal(find(mapping, "TTL")->value.epoch_add, 172800);
    assert_true(mapping->columns.present);
    assert_null(mapping->columns.only);
    assert_int_equal(mapping->columns.except_count, 1);
    assert_string_equal(mapping->columns.rename[0].to, "F");
    assert_true(mapping->keep_nulls);
}

static void loads_a_whole_plan(void **unused) {
    (void)unused;
    lua_State *L = state_with(whole);
    struct plan *plan = NULL;
    struct error err = {0};
    int top = lua_gettop(L);
    bool ok = plan_load(L, -1, &plan, &err);
    assert_string_equal(err.text, "");
    assert_true(ok);
    assert_int_equal(lua_gettop(L), top);
    lua_close(L); /* the plan lives on */
    assert_int_equal(plan->table_count, 1);
    const struct plan_table *table = &plan->tables[0];
    assert_string_equal(table->name, "n");
    assert_int_equal(table->existing, PLAN_EXISTING_REPLACE);
    assert_int_equal(table->max_rejects, 7);
    assert_int_equal(table->place.line, 6);
    assert_string_equal(table->place.path, "tables[1]");
    check_source(plan);
    check_target(table);
    check_mapping(table);
    plan_free(plan);
}

static const char many[] =
    "local hlua = require 'hlua'\n"
    "return hlua.plan { name = 'p', source = hlua.postgres {}, time_zone = 'Europe/Madrid',\n"
    "  mapping_timeout = 0.25, mapping_memory = 2097152,\n"
    "  hlua.table { from = 'a', to = 'Values', partition_key = { PK = hlua.S(hlua.fn({ 'a', 'b' }, function(a, b) return a .. b "
    "end)) },\n"
    "    attributes = { At = hlua.N '{at}', D = hlua.column('d', { default = 0 }), F = function(row) return row.f end,\n"
    "      M = hlua.M { l = hlua.L { 'x', hlua.null }, s = hlua.NS { 1, hlua.column 'n' } },\n"
    "      T = hlua.epoch('t', { expired = 'skip' }) },\n"
    "    existing = 'replace', owns = { 'A#', 'B' }, empty_strings = 'absent' },\n"
    "  hlua.table { from = 'b', to = 'Items', partition_key = { PK = hlua.S }, time_zone = 'UTC',\n"
    "    global_secondary_indexes = { hlua.index { 'GSI1', partition_key = { G = hlua.B } } },\n"
    "    items = { hlua.item { partition_key = { PK = '{id}' }, attributes = { hlua.columns {}, G = hlua.B '{g}' } },\n"
    "      hlua.item { when = 'e', partition_key = { PK = '{e}' } } } },\n"
    "  hlua.table { from = 'c', to = 'Map', partition_key = { PK = hlua.N }, map = function(row) return { PK = row.id } end } "
    "}\n";

static void check_values(const struct plan_table *table) {
    const struct mapping_spec *mapping = &table->mapping;
    assert_int_equal(mapping->map, -1);
    assert_int_equal(mapping->item_count, 0);
    assert_true(mapping->empty_strings_absent);
    const struct value_spec *v = &find(mapping, "PK")->value;
    assert_int_equal(v->kind, VALUE_FUNCTION);
    assert_int_equal(v->type, DYNAMODB_S);
    assert_int_equal(v->function, 0);
    assert_int_equal(v->column_count, 2);
    assert_string_equal(v->columns[1], "b");
    v = &find(mapping, "F")->value;
    assert_int_equal(v->type, DYNAMODB_ANY);
    assert_int_equal(v->function, 1);
    assert_null(v->columns);
    v = &find(mapping, "D")->value;
    assert_int_equal(v->kind, VALUE_COLUMN);
    assert_int_equal(v->fallback->kind, VALUE_CONSTANT);
    assert_int_equal(v->fallback->type, DYNAMODB_N);
    v = &find(mapping, "M")->value;
    assert_int_equal(v->kind, VALUE_MAP);
    assert_int_equal(v->part_count, 2);
    assert_string_equal(v->names[1], "s");
    assert_int_equal(v->parts[0].kind, VALUE_LIST);
    assert_int_equal(v->parts[0].parts[1].kind, VALUE_NULL);
    assert_int_equal(v->parts[0].parts[1].type, DYNAMODB_NULL);
    assert_int_equal(v->parts[1].kind, VALUE_SET);
    assert_int_equal(v->parts[1].type, DYNAMODB_NS);
    assert_int_equal(v->parts[1].parts[1].type, DYNAMODB_N);
    assert_string_equal(v->parts[1].place.path, "tables[1].attributes.M");
    assert_true(find(mapping, "T")->value.expired_skip);
}

static void check_items(const struct plan_table *table) {
    const struct mapping_spec *mapping = &table->mapping;
    assert_int_equal(table->target.partition.type, DYNAMODB_S);
    assert_int_equal(table->target.indexes[0].partition[0].type, DYNAMODB_B);
    assert_int_equal(mapping->attribute_count, 0);
    assert_int_equal(mapping->item_count, 2);
    const struct item_spec *item = &mapping->items[0];
    assert_null(item->when);
    assert_true(item->columns.present);
    assert_int_equal(item->attribute_count, 2);
    assert_string_equal(item->attributes[1].name, "G");
    assert_int_equal(item->attributes[1].role, ROLE_INDEX_KEY);
    assert_int_equal(item->attributes[1].index, 0);
    item = &mapping->items[1];
    assert_string_equal(item->when, "e");
    assert_false(item->columns.present);
    assert_int_equal(item->place.line, 12);
}

static void loads_functions_and_items(void **unused) {
    (void)unused;
    lua_State *L = state_with(many);
    struct plan *plan = NULL;
    struct error err = {0};
    bool ok = plan_load(L, -1, &plan, &err);
    assert_string_equal(err.text, "");
    assert_true(ok);
    lua_close(L);
    assert_int_equal(plan->functions.count, 3);
    assert_int_equal(plan->mapping_timeout_ms, 250);
    assert_int_equal(plan->mapping_memory, 2097152);
    assert_int_equal(plan->table_count, 3);
    const struct plan_table *table = &plan->tables[0];
    assert_int_equal(table->existing, PLAN_EXISTING_REPLACE);
    assert_string_equal(table->source.time_zone, "Europe/Madrid");
    assert_int_equal(table->target.owns_count, 2);
    assert_string_equal(table->target.owns[0], "A#");
    assert_string_equal(table->target.owns[1], "B");
    check_values(table);
    table = &plan->tables[1];
    assert_int_equal(table->existing, PLAN_EXISTING_REFUSE);
    assert_int_equal(table->target.owns_count, 0);
    assert_string_equal(table->source.time_zone, "UTC");
    check_items(table);
    table = &plan->tables[2];
    assert_int_equal(table->mapping.map, 2);
    assert_int_equal(table->mapping.item_count, 0);
    assert_int_equal(table->target.partition.type, DYNAMODB_N);
    assert_non_null(strstr(plan->identity, "tables.Map.map = function "));
    plan_free(plan);
}

static void loads_a_small_plan(void **unused) {
    (void)unused;
    lua_State *L = state_with("local hlua = require 'hlua'\n"
                              "return hlua.plan { name = 'p', source = hlua.postgres {},\n"
                              "  hlua.table { from = 't', to = 'Target', partition_key = { PK = '{id}' } } }");
    struct plan *plan = NULL;
    struct error err = {0};
    assert_true(plan_load(L, 1, &plan, &err));
    assert_null(plan->source_uri);
    assert_null(plan->target.region);
    assert_null(plan->tables[0].target.sort.name);
    assert_null(plan->tables[0].to_template);
    assert_int_equal(plan->tables[0].source.key_count, 0);
    assert_int_equal(plan->tables[0].existing, PLAN_EXISTING_REFUSE);
    assert_int_equal(plan->tables[0].max_rejects, 1000);
    assert_int_equal(plan->functions.count, 0);
    assert_int_equal(plan->mapping_timeout_ms, 1000);
    assert_int_equal(plan->mapping_memory, 64 << 20);
    assert_null(plan->tables[0].source.time_zone);
    assert_int_equal(plan->tables[0].mapping.map, -1);
    assert_false(plan->tables[0].mapping.columns.present);
    plan_free(plan);
    lua_close(L);
}

static void loads_a_target_that_is_a_template(void **unused) {
    (void)unused;
    lua_State *L = state_with("local hlua = require 'hlua'\n"
                              "return hlua.plan { name = 'p', source = hlua.postgres {},\n"
                              "  hlua.table { from = 't', to = 'Logs-{at:%Y-%m}', partition_key = { PK = '{id}' } } }");
    struct plan *plan = NULL;
    struct error err = {0};
    assert_true(plan_load(L, 1, &plan, &err));
    const struct plan_table *t = &plan->tables[0];
    assert_string_equal(t->name, "Logs-{at:%Y-%m}");
    assert_string_equal(t->target.name, "Logs-{at:%Y-%m}");
    assert_string_equal(t->to_template, "Logs-{at:%Y-%m}");
    assert_string_equal(t->to_place.path, "tables[1].to");
    assert_int_equal(t->to_place.line, 3);
    plan_free(plan);
    lua_close(L);
}

static void refuse(const char *script, const char *text) {
    lua_State *L = state_with(script);
    struct plan *plan = (struct plan *)L;
    struct error err = {0};
    assert_false(plan_load(L, 1, &plan, &err));
    assert_null(plan);
    assert_int_equal(err.kind, ERROR_PLAN);
    if (strstr(err.text, text) == NULL) fail_msg("\"%s\" is not in: %s", text, err.text);
    assert_int_equal(lua_gettop(L), 1);
    lua_close(L);
}

static void refuses_wrong_plans(void **unused) {
    (void)unused;
    refuse("return 1", "dir/plan.lua: the script returned 1 instead of a plan");
    refuse("local hlua = require 'hlua' return hlua.plan { nam = 'x', hlua.table {} }",
           "nam: unknown field \"nam\"\nhint: did you mean \"name\"?");
    refuse("package.loaded['hlua.load'] = function() error 'broken' end return 1", "the plan cannot be read: plan.lua:1: broken");
    refuse("package.loaded['hlua.load'] = function() return {} end return 1", "name of the lowered plan is missing");
    refuse("package.loaded['hlua.load'] = function() return 5 end return 1", "the plan cannot be read: ");
    refuse("package.loaded['hlua.load'] = function() error() end return 1", "no reason was given");
}

/* An allocator that refuses the n-th request and all after it. */
struct quota {
    long left;
};

static void *quota_alloc(void *context, void *block, size_t old, size_t size) {
    struct quota *quota = context;
    (void)old;
    if (size == 0) {
        free(block);
        return NULL;
    }
    if ((block == NULL || size > old) && quota->left-- <= 0) return NULL;
    return realloc(block, size);
}

/* Wherever Lua's memory ends, the loader says so and leaves nothing behind. */
static void survive(const char *script, long step) {
    bool done = false;
    for (long allowed = 0; !done; allowed += step) {
        struct quota quota = {.left = 1000000000};
        lua_State *L = lua_newstate(quota_alloc, &quota);
        assert_non_null(L);
        luaL_openlibs(L);
        assert_int_equal(luaL_dostring(L, "package.path = 'lua/?.lua;lua/?/init.lua;' .. package.path\n"
                                          "package.loaded['hlua.core'] = {sha256 = function(b) return #b .. ' bytes' end}"),
                         LUA_OK);
        assert_int_equal(luaL_dostring(L, script), LUA_OK);
        quota.left = allowed;
        struct plan *plan = NULL;
        struct error err = {0};
        done = plan_load(L, -1, &plan, &err);
        if (!done) {
            assert_null(plan);
            if (err.kind != ERROR_LOCAL) fail_msg("after %ld allocations: %s", allowed, err.text);
        }
        plan_free(plan);
        quota.left = 1000000000;
        lua_close(L);
    }
}

static void survives_want_of_memory(void **unused) {
    (void)unused;
    survive(whole, 37);
    survive(many, 83);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loads_a_whole_plan),  cmocka_unit_test(loads_functions_and_items),
        cmocka_unit_test(loads_a_small_plan),  cmocka_unit_test(loads_a_target_that_is_a_template),
        cmocka_unit_test(refuses_wrong_plans), cmocka_unit_test(survives_want_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
