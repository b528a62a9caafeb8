#include "lua/plan_loader.h"

#include <lauxlib.h>
#include <string.h>

/* What load_body works on. The arena is owned outside of the protected call: a Lua error cannot lose it. */
struct loader {
    struct arena *arena;
    struct plan *plan;
    bool out_of_memory;
    bool refused; /* err says why */
    struct error *err;
};

/* A word of the lowered form and what it means; ends with a NULL word. */
struct word {
    const char *text;
    int value;
};

static const struct word type_words[] = {
    {"S", DYNAMODB_S}, {"N", DYNAMODB_N}, {"B", DYNAMODB_B}, {"BOOL", DYNAMODB_BOOL}, {NULL, 0},
};
static const struct word kind_words[] = {
    {"template", VALUE_TEMPLATE},
    {"column", VALUE_COLUMN},
    {"constant", VALUE_CONSTANT},
    {"json", VALUE_JSON},
    {"epoch", VALUE_EPOCH},
    {"when", VALUE_WHEN},
    {NULL, 0},
};
static const struct word role_words[] = {
    {"plain", ROLE_PLAIN}, {"table_key", ROLE_TABLE_KEY}, {"index_key", ROLE_INDEX_KEY}, {"ttl", ROLE_TTL}, {NULL, 0},
};
static const struct word invalid_words[] = {
    {"reject", JSON_INVALID_REJECT},
    {"string", JSON_INVALID_STRING},
    {"absent", JSON_INVALID_ABSENT},
    {NULL, 0},
};
static const struct word projection_words[] = {
    {"ALL", DYNAMODB_PROJECT_ALL},
    {"KEYS_ONLY", DYNAMODB_PROJECT_KEYS_ONLY},
    {"INCLUDE", DYNAMODB_PROJECT_INCLUDE},
    {NULL, 0},
};
static const struct word existing_words[] = {{"replace", PLAN_EXISTING_REPLACE}, {NULL, 0}};

/* All functions below run inside the protected call and read fields of the table on top. A form that does not
 * fit is a fault of ours (lua/hlua/lower.lua and this file disagree): it raises. */

static void *checked(lua_State *L, struct loader *ld, void *memory) {
    if (memory == NULL) {
        ld->out_of_memory = true;
        luaL_error(L, "out of memory");
    }
    return memory;
}

static void *new_array(lua_State *L, struct loader *ld, size_t count, size_t size) {
    return checked(L, ld, arena_array(ld->arena, count > 0 ? count : 1, size));
}

/* A text with its length; NULL when the field is nil. */
static const char *read_bytes(lua_State *L, struct loader *ld, const char *field, size_t *len) {
    const char *copy = NULL;
    *len = 0;
    int type = lua_getfield(L, -1, field);
    if (type == LUA_TSTRING) {
        const char *text = lua_tolstring(L, -1, len);
        copy = checked(L, ld, arena_copy(ld->arena, text, *len));
    } else if (type != LUA_TNIL) {
        luaL_error(L, "%s of the lowered plan is not a string", field);
    }
    lua_pop(L, 1);
    return copy;
}

static const char *read_text(lua_State *L, struct loader *ld, const char *field) {
    size_t len;
    return read_bytes(L, ld, field, &len);
}

static const char *read_required(lua_State *L, struct loader *ld, const char *field) {
    const char *text = read_text(L, ld, field);
    if (text == NULL) luaL_error(L, "%s of the lowered plan is missing", field);
    return text;
}

/* `absent` when the field is nil. */
static int read_word(lua_State *L, const char *field, const struct word *words, int absent) {
    int value = absent;
    if (lua_getfield(L, -1, field) != LUA_TNIL) {
        const char *text = lua_tostring(L, -1);
        const struct word *w = words;
        while (w->text != NULL && (text == NULL || strcmp(w->text, text) != 0)) w++;
        if (w->text == NULL) luaL_error(L, "%s of the lowered plan is not a known word", field);
        value = w->value;
    }
    lua_pop(L, 1);
    return value;
}

static bool read_flag(lua_State *L, const char *field) {
    lua_getfield(L, -1, field);
    bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

/* `absent` when the field is nil. */
static int64_t read_integer(lua_State *L, const char *field, int64_t absent) {
    int64_t value = absent;
    if (lua_getfield(L, -1, field) != LUA_TNIL) {
        int whole;
        value = lua_tointegerx(L, -1, &whole);
        if (!whole) luaL_error(L, "%s of the lowered plan is not a whole number", field);
    }
    lua_pop(L, 1);
    return value;
}

/* Pushes a list, or nothing when the field is nil; returns whether it did. */
static bool open_list(lua_State *L, const char *field, int *count) {
    *count = 0;
    int type = lua_getfield(L, -1, field);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    if (type != LUA_TTABLE) luaL_error(L, "%s of the lowered plan is not a list", field);
    lua_Unsigned length = lua_rawlen(L, -1);
    if (length > 1000000) luaL_error(L, "%s of the lowered plan is too long", field);
    *count = (int)length;
    return true;
}

/* Pushes a table field. */
static void open_table(lua_State *L, const char *field) {
    if (lua_getfield(L, -1, field) != LUA_TTABLE) {
        luaL_error(L, "%s of the lowered plan is not a table", field);
    }
}

/* Pushes entry i (from 0) of the list on top. */
static void open_entry(lua_State *L, int i) {
    if (lua_rawgeti(L, -1, i + 1) != LUA_TTABLE) luaL_error(L, "an entry of the lowered plan is not a table");
}

/* A list of texts; NULL when the field is nil. */
static const char *const *read_texts(lua_State *L, struct loader *ld, const char *field, int *count) {
    if (!open_list(L, field, count)) return NULL;
    const char **list = new_array(L, ld, (size_t)*count, sizeof *list);
    for (int i = 0; i < *count; i++) {
        lua_rawgeti(L, -1, i + 1);
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        if (text == NULL) luaL_error(L, "an entry of %s is not a string", field);
        list[i] = checked(L, ld, arena_copy(ld->arena, text, len));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

static void read_place(lua_State *L, struct loader *ld, struct plan_place *place) {
    place->file = read_text(L, ld, "file");
    place->line = (int)read_integer(L, "line", 0);
    place->path = read_text(L, ld, "path");
}

static void read_value(lua_State *L, struct loader *ld, struct value_spec *v) {
    luaL_checkstack(L, 4, "a value in too many others");
    v->kind = (enum value_kind)read_word(L, "kind", kind_words, -1);
    v->type = (enum dynamodb_type)read_word(L, "type", type_words, DYNAMODB_ANY);
    v->text = read_bytes(L, ld, "text", &v->len);
    v->invalid = (enum json_invalid)read_word(L, "invalid", invalid_words, JSON_INVALID_REJECT);
    v->epoch_add = read_integer(L, "add", 0);
    read_place(L, ld, &v->place);
    if (v->kind == VALUE_WHEN) {
        struct value_spec *inner = new_array(L, ld, 1, sizeof *inner);
        open_table(L, "inner");
        read_value(L, ld, inner); /* not deep: hlua.types allows a few levels */
        lua_pop(L, 1);
        v->inner = inner;
    }
}

static void read_attributes(lua_State *L, struct loader *ld, struct mapping_spec *mapping) {
    open_list(L, "attributes", &mapping->attribute_count);
    struct attribute_spec *list = new_array(L, ld, (size_t)mapping->attribute_count, sizeof *list);
    for (int i = 0; i < mapping->attribute_count; i++) {
        open_entry(L, i);
        list[i].name = read_required(L, ld, "name");
        list[i].role = (enum attribute_role)read_word(L, "role", role_words, ROLE_PLAIN);
        list[i].index = (int)read_integer(L, "index", -1);
        list[i].sort = read_flag(L, "sort");
        open_table(L, "value");
        read_value(L, ld, &list[i].value);
        lua_pop(L, 2);
    }
    lua_pop(L, 1);
    mapping->attributes = list;
}

static void read_columns(lua_State *L, struct loader *ld, struct columns_spec *columns) {
    if (lua_getfield(L, -1, "columns") == LUA_TTABLE) {
        columns->present = true;
        columns->only = read_texts(L, ld, "only", &columns->only_count);
        columns->except = read_texts(L, ld, "except", &columns->except_count);
        open_list(L, "rename", &columns->rename_count);
        struct rename_spec *list = new_array(L, ld, (size_t)columns->rename_count, sizeof *list);
        for (int i = 0; i < columns->rename_count; i++) {
            open_entry(L, i);
            list[i] = (struct rename_spec){read_required(L, ld, "from"), read_required(L, ld, "to")};
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
        columns->rename = list;
        read_place(L, ld, &columns->place);
    }
    lua_pop(L, 1);
}

static void read_source(lua_State *L, struct loader *ld, struct pg_source_spec *source) {
    source->from = read_text(L, ld, "from");
    source->query = read_text(L, ld, "query");
    source->key = read_texts(L, ld, "key", &source->key_count);
    source->where = read_text(L, ld, "where");
    open_list(L, "expressions", &source->expression_count);
    struct pg_expression *list = new_array(L, ld, (size_t)source->expression_count, sizeof *list);
    for (int i = 0; i < source->expression_count; i++) {
        open_entry(L, i);
        list[i] = (struct pg_expression){read_required(L, ld, "name"), read_required(L, ld, "sql")};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    source->expressions = list;
}

static struct dynamodb_key read_key(lua_State *L, struct loader *ld) {
    return (struct dynamodb_key){read_required(L, ld, "name"),
                                 (enum dynamodb_type)read_word(L, "type", type_words, DYNAMODB_ANY)};
}

/* The keys of an index: at most DYNAMODB_INDEX_KEYS_MAX. */
static int read_keys(lua_State *L, struct loader *ld, const char *field, struct dynamodb_key *keys) {
    int count;
    if (!open_list(L, field, &count)) return 0;
    if (count > DYNAMODB_INDEX_KEYS_MAX) luaL_error(L, "%s of the lowered plan is too long", field);
    for (int i = 0; i < count; i++) {
        open_entry(L, i);
        keys[i] = read_key(L, ld);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return count;
}

static void read_index(lua_State *L, struct loader *ld, struct dynamodb_index *index) {
    index->name = read_required(L, ld, "name");
    index->local = read_flag(L, "is_local");
    index->partition_count = read_keys(L, ld, "partition", index->partition);
    index->sort_count = read_keys(L, ld, "sort", index->sort);
    index->projection = (enum dynamodb_projection)read_word(L, "projection", projection_words, DYNAMODB_PROJECT_ALL);
    index->include = read_texts(L, ld, "include", &index->include_count);
    index->read_units = read_integer(L, "read_units", 0);
    index->write_units = read_integer(L, "write_units", 0);
}

static void read_tags(lua_State *L, struct loader *ld, struct dynamodb_schema *target) {
    open_list(L, "tags", &target->tag_count);
    struct dynamodb_tag *list = new_array(L, ld, (size_t)target->tag_count, sizeof *list);
    for (int i = 0; i < target->tag_count; i++) {
        open_entry(L, i);
        list[i] = (struct dynamodb_tag){read_required(L, ld, "key"), read_required(L, ld, "value")};
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    target->tags = list;
}

static void read_target(lua_State *L, struct loader *ld, struct dynamodb_schema *target) {
    open_table(L, "target");
    target->name = read_required(L, ld, "name");
    open_table(L, "partition");
    target->partition = read_key(L, ld);
    lua_pop(L, 1);
    if (lua_getfield(L, -1, "sort") == LUA_TTABLE) target->sort = read_key(L, ld);
    lua_pop(L, 1);
    open_list(L, "indexes", &target->index_count);
    target->indexes = new_array(L, ld, (size_t)target->index_count, sizeof *target->indexes);
    for (int i = 0; i < target->index_count; i++) {
        open_entry(L, i);
        read_index(L, ld, &target->indexes[i]);
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    target->provisioned = read_flag(L, "provisioned");
    target->read_units = read_integer(L, "read_units", 0);
    target->write_units = read_integer(L, "write_units", 0);
    target->point_in_time_recovery = read_flag(L, "point_in_time_recovery");
    target->stream = read_text(L, ld, "stream");
    read_tags(L, ld, target);
    target->deletion_protection = read_flag(L, "deletion_protection");
    target->table_class = read_text(L, ld, "table_class");
    target->time_to_live = read_text(L, ld, "time_to_live");
    lua_pop(L, 1);
}

static void read_table(lua_State *L, struct loader *ld, struct plan_table *table) {
    table->name = read_required(L, ld, "name");
    read_source(L, ld, &table->source);
    read_target(L, ld, &table->target);
    read_attributes(L, ld, &table->mapping);
    read_columns(L, ld, &table->mapping.columns);
    table->mapping.keep_nulls = read_flag(L, "keep_nulls");
    read_place(L, ld, &table->mapping.place);
    table->existing = (enum plan_existing)read_word(L, "existing", existing_words, PLAN_EXISTING_REFUSE);
    table->max_rejects = read_integer(L, "max_rejects", 0);
    read_place(L, ld, &table->place);
}

/* The lowered plan on top of the stack. */
static void read_plan(lua_State *L, struct loader *ld) {
    struct plan *plan = ld->plan;
    plan->name = read_required(L, ld, "name");
    plan->file = read_text(L, ld, "file");
    plan->identity = read_required(L, ld, "identity");
    open_table(L, "source");
    plan->source_uri = read_text(L, ld, "uri");
    lua_pop(L, 1);
    open_table(L, "target");
    plan->target.region = read_text(L, ld, "region");
    plan->target.endpoint = read_text(L, ld, "endpoint");
    plan->target.profile = read_text(L, ld, "profile");
    plan->target.allow_http = read_flag(L, "allow_http");
    lua_pop(L, 1);
    open_list(L, "tables", &plan->table_count);
    plan->tables = new_array(L, ld, (size_t)plan->table_count, sizeof *plan->tables);
    for (int i = 0; i < plan->table_count; i++) {
        open_entry(L, i);
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
