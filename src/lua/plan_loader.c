#include "lua/plan_loader.h"

#include <lauxlib.h>
#include <string.h>

#include "lua/lowered.h"

static const struct lowered_word projection_words[] = {
    {"ALL", DYNAMODB_PROJECT_ALL},
    {"KEYS_ONLY", DYNAMODB_PROJECT_KEYS_ONLY},
    {"INCLUDE", DYNAMODB_PROJECT_INCLUDE},
    {NULL, 0},
};
static const struct lowered_word existing_words[] = {
    {"replace", PLAN_EXISTING_REPLACE},
    {"keep", PLAN_EXISTING_KEEP},
    {"newer", PLAN_EXISTING_NEWER},
    {NULL, 0},
};

static void read_source(lua_State *L, struct loader *ld, struct pg_source_spec *source) {
    source->from = lowered_text(L, ld, "from");
    source->query = lowered_text(L, ld, "query");
    source->key = lowered_texts(L, ld, "key", &source->key_count);
    source->where = lowered_text(L, ld, "where");
    source->time_zone = lowered_text(L, ld, "time_zone");
    lowered_open_list(L, "expressions", &source->expression_count);
    struct pg_expression *list = lowered_array(L, ld, (size_t)source->expression_count, sizeof *list);
    for (int i = 0; i < source->expression_count; i++) {
        lowered_open_entry(L, i);
        list[i] = (struct pg_expression){lowered_required(L, ld, "name"), lowered_required(L, ld, "sql")};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    source->expressions = list;
}

static struct dynamodb_key read_key(lua_State *L, struct loader *ld) {
    return (struct dynamodb_key){lowered_required(L, ld, "name"),
                                 (enum dynamodb_type)lowered_word(L, "type", lowered_type_words, DYNAMODB_ANY)};
}

/* The keys of an index: at most DYNAMODB_INDEX_KEYS_MAX. */
static int read_keys(lua_State *L, struct loader *ld, const char *field, struct dynamodb_key *keys) {
    int count;
    if (!lowered_open_list(L, field, &count)) return 0;
    if (count > DYNAMODB_INDEX_KEYS_MAX) luaL_error(L, "%s of the lowered plan is too long", field);
    for (int i = 0; i < count; i++) {
        lowered_open_entry(L, i);
        keys[i] = read_key(L, ld);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static void read_index(lua_State *L, struct loader *ld, struct dynamodb_index *index) {
    index->name = lowered_required(L, ld, "name");
    index->local = lowered_flag(L, "is_local");
    index->partition_count = read_keys(L, ld, "partition", index->partition);
    index->sort_count = read_keys(L, ld, "sort", index->sort);
    index->projection = (enum dynamodb_projection)lowered_word(L, "projection", projection_words, DYNAMODB_PROJECT_ALL);
    index->include = lowered_texts(L, ld, "include", &index->include_count);
    index->read_units = lowered_integer(L, "read_units", 0);
    index->write_units = lowered_integer(L, "write_units", 0);
}

static void read_tags(lua_State *L, struct loader *ld, struct dynamodb_schema *target) {
    lowered_open_list(L, "tags", &target->tag_count);
    struct dynamodb_tag *list = lowered_array(L, ld, (size_t)target->tag_count, sizeof *list);
    for (int i = 0; i < target->tag_count; i++) {
        lowered_open_entry(L, i);
        list[i] = (struct dynamodb_tag){lowered_required(L, ld, "key"), lowered_required(L, ld, "value")};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    target->tags = list;
}

static void read_target(lua_State *L, struct loader *ld, struct dynamodb_schema *target) {
    lowered_open_table(L, "target");
    target->name = lowered_required(L, ld, "name");
    lowered_open_table(L, "partition");
    target->partition = read_key(L, ld);
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "sort") == LUA_TTABLE) target->sort = read_key(L, ld);
    lua_pop(L, 1);
    lowered_open_list(L, "indexes", &target->index_count);
    target->indexes = lowered_array(L, ld, (size_t)target->index_count, sizeof *target->indexes);
    for (int i = 0; i < target->index_count; i++) {
        lowered_open_entry(L, i);
        read_index(L, ld, &target->indexes[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    target->provisioned = lowered_flag(L, "provisioned");
    target->read_units = lowered_integer(L, "read_units", 0);
    target->write_units = lowered_integer(L, "write_units", 0);
    target->point_in_time_recovery = lowered_flag(L, "point_in_time_recovery");
    target->stream = lowered_text(L, ld, "stream");
    read_tags(L, ld, target);
    target->deletion_protection = lowered_flag(L, "deletion_protection");
    target->table_class = lowered_text(L, ld, "table_class");
    target->time_to_live = lowered_text(L, ld, "time_to_live");
    lua_pop(L, 1);
}

static void read_table(lua_State *L, struct loader *ld, struct plan_table *table) {
    table->name = lowered_required(L, ld, "name");
    read_source(L, ld, &table->source);
    read_target(L, ld, &table->target);
    if (lua_getfield(L, -1, "to_template") == LUA_TTABLE) {
        table->to_template = table->target.name;
        lowered_place(L, ld, &table->to_place);
    }
    lua_pop(L, 1);
    lowered_mapping(L, ld, &table->mapping);
    table->existing = (enum plan_existing)lowered_word(L, "existing", existing_words, PLAN_EXISTING_REFUSE);
    table->newer = lowered_text(L, ld, "newer");
    table->keep = lowered_text(L, ld, "keep");
    table->target.owns = lowered_texts(L, ld, "owns", &table->target.owns_count);
    table->max_rejects = lowered_integer(L, "max_rejects", 0);
    table->on_reject = (int)lowered_integer(L, "on_reject", -1);
    lowered_place(L, ld, &table->place);
}

/* The lowered plan on top of the stack. */
static void read_plan(lua_State *L, struct loader *ld) {
    struct plan *plan = ld->plan;
    plan->name = lowered_required(L, ld, "name");
    plan->file = lowered_text(L, ld, "file");
    plan->identity = lowered_required(L, ld, "identity");
    plan->source_connections = lowered_integer(L, "source_connections", 0);
    plan->source_latency_ms = lowered_integer(L, "source_latency_ms", 0);
    plan->mapping_timeout_ms = lowered_integer(L, "mapping_timeout_ms", 0);
    plan->mapping_memory = lowered_integer(L, "mapping_memory", 0);
    /* Only how many there are: what opens them is the host's to say. */
    if (lowered_open_list(L, "functions", &plan->functions.count)) lua_pop(L, 1);
    lowered_open_table(L, "source");
    plan->source_uri = lowered_text(L, ld, "uri");
    lua_pop(L, 1);
    lowered_open_table(L, "target");
    plan->target.region = lowered_text(L, ld, "region");
    plan->target.endpoint = lowered_text(L, ld, "endpoint");
    plan->target.profile = lowered_text(L, ld, "profile");
    plan->target.allow_http = lowered_flag(L, "allow_http");
    lua_pop(L, 1);
    lowered_open_list(L, "tables", &plan->table_count);
    plan->tables = lowered_array(L, ld, (size_t)plan->table_count, sizeof *plan->tables);
    for (int i = 0; i < plan->table_count; i++) {
        lowered_open_entry(L, i);
        read_table(L, ld, &plan->tables[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

/* Protected. Arguments: struct loader, what the script returned. */
static int load_body(lua_State *L) {
    struct loader *ld = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hlua.load");
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_pushinteger(L, (lua_Integer)sizeof ld->err->text - 1);
    lua_call(L, 2, 2);
    if (lua_isnil(L, -2)) {
        const char *text = lua_tostring(L, -1);
        error_set(ld->err, ERROR_PLAN, "%s", text != NULL ? text : "the plan is wrong");
        ld->refused = true;
        return 0;
    }
    lua_pop(L, 1);
    read_plan(L, ld);
    return 0;
}

bool plan_load(lua_State *L, int index, struct plan **out, struct error *err) {
    *out = NULL;
    index = lua_absindex(L, index);
    struct loader ld = {.arena = arena_new(), .err = err};
    if (ld.arena == NULL) return error_memory(err, "the plan is loaded");
    ld.plan = arena_alloc(ld.arena, sizeof *ld.plan);
    if (ld.plan == NULL || !lua_checkstack(L, 8)) {
        arena_free(ld.arena);
        return error_memory(err, "the plan is loaded");
    }
    ld.plan->arena = ld.arena;
    int top = lua_gettop(L);
    lua_pushcfunction(L, load_body);
    lua_pushlightuserdata(L, &ld);
    lua_pushvalue(L, index);
    int status = lua_pcall(L, 2, 0, 0);
    bool ok = status == LUA_OK && !ld.refused;
    if (status == LUA_ERRMEM || ld.out_of_memory) {
        error_memory(err, "the plan is loaded");
    } else if (status != LUA_OK) {
        const char *text = lua_tostring(L, -1);
        error_set(err, ERROR_PLAN, "the plan cannot be read: %s", text != NULL ? text : "no reason was given");
    }
    lua_settop(L, top);
    if (ok) {
        *out = ld.plan;
    } else {
        arena_free(ld.arena);
    }
    return ok;
}

void plan_free(struct plan *plan) {
    if (plan != NULL) arena_free(plan->arena);
}
