#include "lua/row.h"

#include <lauxlib.h>

#include "base/nearest.h"
#include "lua/column_value.h"

/* The object in Lua. */
struct row_box {
    struct row_shape *shape;
    uint64_t serial;
};

/* The row at index 1. Upvalue 2 of each function here: the shape. */
static const struct row_box *check_row(lua_State *L) {
    const struct row_shape *shape = lua_touserdata(L, lua_upvalueindex(2));
    const struct row_box *box = lua_touserdata(L, 1);
    bool ours = box != NULL && lua_getmetatable(L, 1);
    if (ours) {
        ours = lua_topointer(L, -1) == shape->identity;
        lua_pop(L, 1);
    }
    if (!ours) luaL_argerror(L, 1, "a row expected");
    if (box->serial != shape->now->serial)
        luaL_error(L, "this row is gone: a row cannot be kept after its function has returned");
    return box;
}

void row_push_column(lua_State *L, struct row_shape *shape, int column) {
    const struct row_now *now = shape->now;
    const struct pg_column *c = &shape->columns[column];
    const struct pg_field null = {.len = -1};
    const struct pg_field field = column < now->row->count ? now->row->fields[column] : null;
    if (field.len < 0 || c->type <= PG_INT8) { /* booleans and integers are made faster than found */
        column_value_push(L, c, field, now->scratch);
        return;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, shape->kept);
    if (shape->known[column] == now->serial) {
        lua_rawgeti(L, -1, column + 1);
    } else {
        column_value_push(L, c, field, now->scratch);
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, column + 1);
        shape->known[column] = now->serial;
    }
    lua_remove(L, -2);
}

static int no_column(lua_State *L, const struct row_shape *shape) {
    char hint[400];
    const char *name = luaL_tolstring(L, 2, NULL);
    nearest_hint(name, shape->names, shape->count, "columns", hint, sizeof hint);
    return luaL_error(L, "the row has no column %s; %s", name, hint);
}

/* row.name. Upvalue 1: name -> place of the column, from 1. */
static int row_index(lua_State *L) {
    const struct row_box *box = check_row(L);
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return no_column(L, box->shape);
    row_push_column(L, box->shape, (int)lua_tointeger(L, -1) - 1);
    return 1;
}

static int row_newindex(lua_State *L) {
    return luaL_error(L, "a row is read-only: return the value instead");
}

/* The iterator of pairs(row). Upvalue 3: the row, 4: the columns seen. */
static int row_next(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(3));
    const struct row_box *box = check_row(L);
    int i = (int)lua_tointeger(L, lua_upvalueindex(4)) + 1;
    if (i > box->shape->count) return 0;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(4));
    lua_pushstring(L, box->shape->names[i - 1]);
    row_push_column(L, box->shape, i - 1);
    return 2;
}

static int row_pairs(lua_State *L) {
    check_row(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, row_next, 4);
    return 1;
}

void row_shape_open(lua_State *L, struct row_shape *shape) {
    static const luaL_Reg meta[] = {{"__index", row_index}, {"__newindex", row_newindex}, {"__pairs", row_pairs}, {NULL, NULL}};
    lua_newtable(L);
    shape->identity = lua_topointer(L, -1);
    lua_pushliteral(L, "row");
    lua_setfield(L, -2, "__name");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_createtable(L, 0, shape->count);
    for (int i = shape->count; i > 0; i--) { /* of two columns of one name the first counts */
        lua_pushinteger(L, i);
        lua_setfield(L, -2, shape->names[i - 1]);
    }
    lua_pushlightuserdata(L, shape);
    luaL_setfuncs(L, meta, 2);
    shape->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_createtable(L, shape->count, 0);
    shape->kept = luaL_ref(L, LUA_REGISTRYINDEX);
}

void row_push(lua_State *L, struct row_shape *shape) {
    struct row_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->shape = shape;
    box->serial = shape->now->serial;
    lua_rawgeti(L, LUA_REGISTRYINDEX, shape->metatable);
    lua_setmetatable(L, -2);
}
