/* Calls a plan's function for one value, as seldom and with as little around it as can be.
 *
 * An hlua.fn depends on the columns that it gets alone: when they are what they were for the row that it was called for last, its result is
 * that row's. One that gets the row is called for each row, whatever it touches: it may use what another has left for the same row, such as
 * a body that was parsed once. Where all its arguments are at hand it is called from here itself, since pushing
 * them cannot raise; else by a body that makes them within the protected call. */
#include <lauxlib.h>

#include "lua/mapper_parts.h"

#define REPEAT_MAX 2048 /* bytes of a text that is kept: a partition key */
#define FEW_COLUMNS 8   /* that fit into the room which Lua gives anyhow */

/* --- results kept --- */

/* Whether the function's last result is this row's, too. */
static bool repeats(const struct mapper *m, const struct mapper_function *f) {
    const struct mapper_repeat *r = &f->repeat;
    if (r->count == 0 || r->table != m->table) return false;
    for (int i = 0; i < r->count; i++) {
        if (row_since(&m->table->shape, r->columns[i]) > r->serial) return false;
    }
    return true;
}

/* Keeps the result on top, if it is a text or nil. What depends on no column is none of a row's own, so that is called again. */
static void keep(lua_State *L, struct mapper *m, struct mapper_function *f) {
    bool text = m->value->type == DYNAMODB_S && lua_type(L, -1) == LUA_TSTRING && m->value->len <= REPEAT_MAX;
    if (f->column_count == 0 || f->column_count > FEW_COLUMNS || (!text && m->value->type != DYNAMODB_ANY)) return;
    struct mapper_repeat *r = &f->repeat;
    if (text) lua_rawseti(L, LUA_REGISTRYINDEX, r->reference); /* which is there: nothing is allocated */
    r->columns = m->table->arguments[f - m->list];
    r->count = f->column_count;
    r->table = m->table;
    r->serial = m->now.serial;
    r->value = *m->value;
}

/* --- calling --- */

/* Argument: struct mapper. Returns what the function returned, which holds the value's text. */
static int call_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 1);
    lua_call(L, mapper_push_call(L, m), 1);
    attribute_value_read(L, -1, &m->writer, m->value);
    return 1;
}

/* Arguments: a value, struct mapper. Returns the value. */
static int read_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 2);
    lua_settop(L, 1);
    attribute_value_read(L, 1, &m->writer, m->value);
    lua_settop(L, 1);
    return 1;
}

/* Pushes the function and its arguments, whose number is returned; -1: something has to be made for that, and what was pushed is no use. */
static int push_ready(lua_State *L, struct mapper *m) {
    const struct mapper_function *f = m->function;
    const int *places = m->table->arguments ? m->table->arguments[f - m->list] : NULL;
    if (f->columns == NULL) {
        if (m->row_serial != m->now.serial) return -1;
        lua_rawgeti(L, LUA_REGISTRYINDEX, f->reference);
        lua_rawgeti(L, LUA_REGISTRYINDEX, m->row_reference);
        return 1;
    }
    if (places == NULL || f->column_count > FEW_COLUMNS) return -1;
    row_push_kept(L, &m->table->shape);
    int kept = lua_gettop(L);
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->reference);
    for (int i = 0; i < f->column_count; i++) {
        if (!row_push_ready(L, &m->table->shape, kept, places[i])) return -1;
    }
    return f->column_count;
}

/* Calls the function under way and reads what it returns, which stays on top. */
static int call(lua_State *L, struct mapper *m) {
    int arguments = push_ready(L, m);
    if (arguments < 0) {
        lua_settop(L, MAPPER_HANDLER);
        return mapper_protected(m, call_body);
    }
    int status = lua_pcall(L, arguments, 1, MAPPER_HANDLER);
    if (status != LUA_OK || attribute_value_ready(L, -1, &m->writer, m->value)) return status;
    lua_pushcfunction(L, read_body);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, m);
    return lua_pcall(L, 2, 1, MAPPER_HANDLER);
}

enum map_result mapper_call(struct functions *self, int table, int function, const struct pg_row *row, struct function_value *out,
                            struct map_reject *reject) {
    struct mapper *m = (struct mapper *)self;
    struct mapper_function *f = &m->list[function];
    mapper_enter(m, table, function, row, reject);
    if (!self->always && repeats(m, f)) {
        *out = f->repeat.value;
        return MAP_ITEM;
    }
    m->value = out;
    watch_enter(&m->watch);
    enum map_result result = mapper_leave(m, call(m->L, m));
    if (result == MAP_ITEM && f->columns) keep(m->L, m, f);
    return result;
}
