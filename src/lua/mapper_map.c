/* Calls a plan's `map` for whole rows, and writes the items that a function returned. */
#include <lauxlib.h>
#include <string.h>

#include "base/nearest.h"
#include "lua/mapper_parts.h"

/* --- where an item goes --- */

/* Which of the tables of a template an item would go to, only a row of its own source says. */
static int check_table(lua_State *L, struct mapper *m, int table, const char *name) {
    if (m->plan->tables[table].to_template == NULL || table == (int)(m->table - m->tables)) return table;
    return luaL_error(L, "hlua.to cannot name the table %s: its `to` is a template, so its own rows alone say where they go",
                      name);
}

/* The number of the table that hlua.to names: by its name in the plan, else by its target; raises when there is none. */
static int find_table(lua_State *L, struct mapper *m, const char *name) {
    const char *names[32];
    int count = m->plan->table_count;
    for (int i = 0; i < count; i++) {
        if (strcmp(m->plan->tables[i].name, name) == 0) return check_table(L, m, i, name);
    }
    for (int i = 0; i < count; i++) {
        if (strcmp(m->plan->tables[i].target.name, name) == 0) return check_table(L, m, i, name);
    }
    char hint[300];
    for (int i = 0; i < count && i < 32; i++) names[i] = m->plan->tables[i].name;
    nearest_hint(name, names, count < 32 ? count : 32, "tables", hint, sizeof hint);
    return luaL_error(L, "the plan has no table %s for hlua.to; %s", name, hint);
}

/* Looks through hlua.to: replaces the item at `index` by the plain table inside; returns the plan table that it goes to. */
static int destination(lua_State *L, struct mapper *m, int index) {
    int own = (int)(m->table - m->tables);
    enum node_kind kind = lua_istable(L, index) ? attribute_node(L, index, &m->writer) : NODE_NONE;
    if (kind == NODE_TO) {
        lua_getfield(L, index, "table");
        if (lua_type(L, -1) != LUA_TSTRING) luaL_error(L, "hlua.to needs the name of a table, not a %s", luaL_typename(L, -1));
        own = find_table(L, m, lua_tostring(L, -1));
        lua_getfield(L, index, "item");
        lua_replace(L, index);
        kind = lua_istable(L, index) ? attribute_node(L, index, &m->writer) : NODE_NONE;
    }
    if (!lua_istable(L, index) || kind != NODE_NONE) {
        luaL_error(L, "%s returned a %s where an item { name = value, ... } is needed", m->makes,
                   kind == NODE_NONE ? luaL_typename(L, index) : "hlua value");
    }
    if (lua_rawgeti(L, index, 1) != LUA_TNIL) {
        luaL_error(L, "%s returned a list where an item is needed: return items one by one, return table.unpack(items)",
                   m->makes);
    }
    lua_pop(L, 1);
    return own;
}

/* Ends the body after a failure that is not Lua's. */
static int give_up(lua_State *L, struct mapper *m, enum map_result result) {
    m->result = result;
    if (result != MAP_REJECT) return 0;
    char why[sizeof m->reject->message];
    snprintf(why, sizeof why, "%s", m->reject->message);
    m->writer.reason = m->reject->reason;
    return luaL_error(L, "%s: %s", m->function->where, why);
}

/* Writes the item at `index`; MAP_ITEM, or what went wrong. */
static enum map_result put_item(lua_State *L, struct mapper *m, int index) {
    int table = destination(L, m, index);
    struct mapper_table *t = &m->tables[table];
    if (t->item == NULL) t->item = free_item_new(t->schema ? t->schema : &m->plan->tables[table].target);
    struct buffer *out = t->item ? m->sink->open(m->sink, table) : NULL;
    if (out == NULL) return MAP_MEMORY;
    m->item_open = true;
    free_item_begin(t->item, out);
    m->writer.size = 0;
    size_t base = m->writer.keys.len;
    int count = attribute_keys(L, index, &m->writer);
    for (int i = 0; i < count; i++) {
        struct attribute_key key;
        struct function_value value;
        memcpy(&key, m->writer.keys.data + base + (size_t)i * sizeof key, sizeof key);
        m->writer.path[0].name = key.text;
        m->writer.depth = 1;
        attribute_value_read(L, key.index + 1, &m->writer, &value);
        m->writer.depth = 0;
        enum map_result added = free_item_add(t->item, key.text, key.len, &value, m->reject);
        if (added != MAP_ITEM) return added;
    }
    m->writer.keys.len = base;
    struct mapped_item item;
    enum map_result ended = free_item_end(t->item, &item, m->reject);
    if (ended != MAP_ITEM) return ended;
    m->item_open = false;
    return m->sink->close(m->sink, &item) ? MAP_ITEM : MAP_STOP;
}

int mapper_put_items(lua_State *L, struct mapper *m, int first) {
    int last = lua_gettop(L);
    m->result = MAP_FILTERED;
    for (int i = first; i <= last; i++) {
        if (lua_isnil(L, i)) continue;
        enum map_result put = put_item(L, m, i);
        if (put != MAP_ITEM) return give_up(L, m, put);
        m->result = MAP_ITEM;
        lua_settop(L, last);
    }
    return 0;
}

enum map_result mapper_run_items(struct mapper *m, lua_CFunction body, const char *makes, int table, int function,
                                 const struct pg_row *row, struct item_sink *sink, struct map_reject *reject) {
    m->makes = makes;
    m->sink = sink;
    m->item_open = false;
    enum map_result result = mapper_run(m, body, table, function, row, reject);
    if (m->item_open) sink->cancel(sink);
    m->item_open = false;
    return result;
}

/* Argument: struct mapper. */
static int map_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 1);
    lua_call(L, mapper_push_call(L, m), LUA_MULTRET);
    return mapper_put_items(L, m, 2);
}

enum map_result mapper_map(struct functions *self, int table, int function, const struct pg_row *row, struct item_sink *sink,
                           struct map_reject *reject) {
    return mapper_run_items((struct mapper *)self, map_body, "map", table, function, row, sink, reject);
}
