/* Calls a plan's functions for rows. One protected call each: everything that may raise is inside, and what it fills belongs to the
 * mapper, so that nothing is lost when it does. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "lua/mapper_parts.h"

/* --- tables --- */

void mapper_table_free(struct mapper *m, struct mapper_table *t) {
    for (int i = 0; t->arguments && i < m->plan->functions.count; i++) free(t->arguments[i]);
    free(t->arguments);
    free((void *)t->names);
    free(t->shape.known);
    free_item_free(t->item);
}

/* The places of a function's columns among the table's; NULL when one is missing: then it is another table's function. */
static bool find_arguments(const struct mapper_function *f, const struct row_shape *shape, int **out) {
    int *places = f->columns ? calloc((size_t)f->column_count + 1, sizeof *places) : NULL;
    *out = NULL;
    if (f->columns == NULL) return true;
    if (places == NULL) return false;
    for (int a = 0; a < f->column_count; a++) {
        int c = 0;
        while (c < shape->count && strcmp(shape->names[c], f->columns[a]) != 0) c++;
        if (c == shape->count) {
            free(places);
            return true;
        }
        places[a] = c;
    }
    *out = places;
    return true;
}

static int shape_body(lua_State *L) {
    row_shape_open(L, lua_touserdata(L, 1));
    return 0;
}

bool mapper_bind(struct functions *self, int table, const struct pg_column *columns, int count,
                 const struct dynamodb_schema *schema, struct error *err) {
    struct mapper *m = (struct mapper *)self;
    struct mapper_table *t = &m->tables[table];
    int functions = m->plan->functions.count;
    mapper_table_free(m, t);
    *t = (struct mapper_table){.schema = schema};
    t->names = calloc((size_t)count + 1, sizeof *t->names);
    t->arguments = calloc((size_t)functions + 1, sizeof *t->arguments);
    t->shape = (struct row_shape){.columns = columns, .names = t->names, .count = count, .now = &m->now};
    t->shape.known = calloc((size_t)count + 1, sizeof *t->shape.known);
    bool ok = t->names && t->arguments && t->shape.known;
    for (int i = 0; ok && i < count; i++) t->names[i] = columns[i].name;
    for (int i = 0; ok && i < functions; i++) ok = find_arguments(&m->list[i], &t->shape, &t->arguments[i]);
    lua_settop(m->L, 0);
    lua_pushcfunction(m->L, shape_body);
    lua_pushlightuserdata(m->L, &t->shape);
    ok = ok && lua_pcall(m->L, 1, 0, 0) == LUA_OK;
    lua_settop(m->L, 0);
    return ok || error_memory(err, "the plan's functions are bound to a table");
}

void mapper_begin(struct functions *self) {
    struct mapper *m = (struct mapper *)self;
    m->begins = true;
    m->now.serial++;
}

/* --- calling --- */

/* Pushes the object of the row under way, which its calls share. */
static void push_row(lua_State *L, struct mapper *m) {
    if (m->row_serial == m->now.serial) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, m->row_reference);
        return;
    }
    row_push(L, &m->table->shape);
    lua_pushvalue(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, m->row_reference);
    m->row_serial = m->now.serial;
}

int mapper_push_call(lua_State *L, struct mapper *m) {
    const struct mapper_function *f = m->function;
    if (m->table->arguments == NULL) luaL_error(L, "its table is not bound");
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->reference);
    if (f->columns == NULL) {
        push_row(L, m);
        return 1;
    }
    const int *places = m->table->arguments[f - m->list];
    if (places == NULL) luaL_error(L, "its columns are not among those that were read");
    luaL_checkstack(L, f->column_count + LUA_MINSTACK, "too many columns");
    for (int i = 0; i < f->column_count; i++) row_push_column(L, &m->table->shape, places[i]);
    return f->column_count;
}

/* Argument: struct mapper. Returns what the function returned, which holds the value's text. */
static int call_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 1);
    lua_call(L, mapper_push_call(L, m), 1);
    attribute_value_read(L, -1, &m->writer, m->value);
    return 1;
}

/* What was raised becomes a text. */
static int message_of(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) return 1;
    if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "an error without a message");
    } else if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        luaL_tolstring(L, 1, NULL);
    } else {
        lua_pushfstring(L, "an error that is a %s", luaL_typename(L, 1));
    }
    return 1;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Whether a message begins with file:line: (and not with 12:30:59) */
static bool has_place(const char *text) {
    for (const char *s = text; *s && *s != '\n' && s - text < 200; s++) {
        if (*s != ':' || !is_digit(s[1]) || s == text || is_digit(s[-1])) continue;
        size_t digits = strspn(s + 1, "0123456789");
        if (s[1 + digits] == ':') return true;
    }
    return false;
}

/* The message is kept as one line of UTF-8: half a character at its end, where it was cut, and odd bytes would spoil the reports. */
static void clean(char *text) {
    size_t n = strlen(text);
    for (size_t cut = 1; cut <= 3 && cut < n && !utf8_valid(text, n); cut++) {
        if (utf8_valid(text, n - cut)) text[n -= cut] = '\0';
    }
    bool valid = utf8_valid(text, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < ' ' || c == 127) text[i] = ' ';
        if (c >= 128 && !valid) text[i] = '?';
    }
}

static int collect_body(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

/* After LUA_ERRMEM: finalizers may run, so it is a call like any other. */
static void collect(struct mapper *m) {
    watch_enter(&m->watch);
    lua_settop(m->L, 0);
    lua_pushcfunction(m->L, collect_body);
    if (lua_pcall(m->L, 0, 0, 0) != LUA_OK) lua_settop(m->L, 0);
    watch_leave(&m->watch);
}

/* Why the call failed, whose error value is on top. */
static enum map_result failed(struct mapper *m, int status, bool stopped) {
    struct map_reject *reject = m->reject;
    const char *text = lua_type(m->L, -1) == LUA_TSTRING ? lua_tostring(m->L, -1) : "an error in an error";
    reject->reason = m->writer.reason ? m->writer.reason : REJECT_FUNCTION;
    if (stopped) {
        reject->reason = REJECT_FUNCTION;
        snprintf(reject->message, sizeof reject->message, "%s: it ran longer than mapping_timeout allows (%lld ms)",
                 m->function->where, (long long)m->watch.limit_ms);
    } else if (status == LUA_ERRMEM) {
        reject->reason = REJECT_FUNCTION;
        snprintf(reject->message, sizeof reject->message, "%s: it needs more than mapping_memory allows (%zu bytes)",
                 m->function->where, m->memory.limit);
        collect(m);
    } else {
        snprintf(reject->message, sizeof reject->message, "%s%s%s", has_place(text) ? "" : m->function->where,
                 has_place(text) ? "" : ": ", text);
    }
    clean(reject->message);
    return MAP_REJECT;
}

enum map_result mapper_run(struct mapper *m, lua_CFunction body, int table, int function, const struct pg_row *row,
                           struct map_reject *reject) {
    lua_State *L = m->L;
    if (!m->begins) m->now.serial++;
    m->now.row = row;
    m->table = &m->tables[table];
    m->function = &m->list[function];
    m->reject = reject;
    m->result = MAP_ITEM;
    attribute_writer_begin(&m->writer, m->function->where);
    lua_settop(L, 0);
    lua_pushcfunction(L, message_of);
    lua_pushcfunction(L, body);
    lua_pushlightuserdata(L, m);
    watch_enter(&m->watch);
    int status = lua_pcall(L, 1, 1, 1);
    bool stopped = watch_leave(&m->watch);
    return status == LUA_OK && !stopped ? m->result : failed(m, status, stopped);
}

enum map_result mapper_call(struct functions *self, int table, int function, const struct pg_row *row, struct function_value *out,
                            struct map_reject *reject) {
    struct mapper *m = (struct mapper *)self;
    m->value = out;
    return mapper_run(m, call_body, table, function, row, reject);
}

/* --- whole-row map --- */

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
        lua_pushvalue(L, key.index);
        lua_rawget(L, index);
        attribute_value_read(L, -1, &m->writer, &value);
        m->writer.depth = 0;
        enum map_result added = free_item_add(t->item, key.text, key.len, &value, m->reject);
        if (added != MAP_ITEM) return added;
        lua_pop(L, 1);
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
