#include "lua/row.h"

#include <lauxlib.h>
#include <string.h>

#include "base/nearest.h"
#include "lua/column_value.h"
#include "pg/types.h"

#define NOT_KEPT (-2)   /* a length that no field has */
#define SHORT_STRING 40 /* bytes; of longer ones Lua may have several that are equal */

/* The object in Lua. */
struct row_box {
    struct row_shape *shape;
    uint64_t serial;
};

/* The row at index 1. Upvalue 2 of each function here: the shape. */
static const struct row_box *check_row(lua_State *L) {
    const struct row_shape *shape = lua_touserdata(L, lua_upvalueindex(2));
    const struct row_box *box = lua_touserdata(L, 1);
    if (box != NULL && box == shape->now->object && box->shape == shape && box->serial == shape->now->serial) return box;
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

/* --- columns --- */

/* Tables that were JSON are not kept: a function may have changed them. */
static bool is_keepable(const struct pg_column *column, struct pg_field field) {
    bool json = column->type == PG_JSON || column->type == PG_JSONB || column->type == PG_SERVER_JSON;
    return !json && field.len <= ROW_KEPT_BYTES;
}

/* The field of a column, once it is known whether it is the one of the rows before. */
static struct pg_field look(struct row_shape *shape, int column) {
    const struct row_now *now = shape->now;
    const struct pg_field null = {.len = -1};
    const struct pg_field field = column < now->row->count ? now->row->fields[column] : null;
    struct row_column *c = &shape->known[column];
    if (c->seen == now->serial) return field;
    c->seen = now->serial;
    if (c->len == field.len && (field.len <= 0 || memcmp(c->data, field.data, (size_t)field.len) == 0)) return field;
    c->since = now->serial;
    c->len = is_keepable(&shape->columns[column], field) ? field.len : NOT_KEPT;
    if (c->len > 0) memcpy(c->data, field.data, (size_t)c->len);
    return field;
}

uint64_t row_since(struct row_shape *shape, int column) {
    look(shape, column);
    return shape->known[column].since;
}

void row_push_kept(lua_State *L, const struct row_shape *shape) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, shape->kept);
}

/* Booleans and integers are made faster than found. */
static bool push_ready(lua_State *L, const struct row_shape *shape, struct pg_field field, int kept, int column) {
    const struct row_column *c = &shape->known[column];
    enum pg_type type = shape->columns[column].type;
    bool truth;
    int64_t value;
    if (field.len < 0) {
        lua_pushnil(L);
    } else if (c->made == c->since) {
        lua_rawgeti(L, kept, column + 1);
    } else if (type == PG_BOOL && pg_bool(field, &truth)) {
        lua_pushboolean(L, truth);
    } else if ((type == PG_INT2 || type == PG_INT4 || type == PG_INT8) && pg_integer(type, field, &value)) {
        lua_pushinteger(L, value);
    } else {
        return false;
    }
    return true;
}

bool row_push_ready(lua_State *L, struct row_shape *shape, int kept, int column) {
    return push_ready(L, shape, look(shape, column), kept, column);
}

void row_push_column(lua_State *L, struct row_shape *shape, int kept, int column) {
    struct pg_field field = look(shape, column);
    struct row_column *c = &shape->known[column];
    if (push_ready(L, shape, field, kept, column)) return;
    column_value_push(L, &shape->columns[column], field, shape->now->scratch);
    lua_pushvalue(L, -1);
    lua_rawseti(L, kept, column + 1);
    c->made = c->since;
}

/* --- in Lua --- */

#define KEPT lua_upvalueindex(3) /* of each function here: the table of the values kept */

static int no_column(lua_State *L, const struct row_shape *shape) {
    char hint[400];
    const char *name = luaL_tolstring(L, 2, NULL);
    nearest_hint(name, shape->names, shape->count, "columns", hint, sizeof hint);
    return luaL_error(L, "the row has no column %s; %s", name, hint);
}

/* Where a name's entry is, or would be. */
static struct row_name *find_name(const struct row_shape *shape, const void *string) {
    size_t at = ((uintptr_t)string >> 4) * 0x9E3779B1u;
    for (at ^= at >> 16;; at++) {
        struct row_name *entry = &shape->found[at & (shape->slots - 1)];
        if (entry->string == string || entry->string == NULL) return entry;
    }
}

/* row.name. Upvalue 1: name -> place of the column, from 1, for names that are long strings; and it keeps the others. */
static int row_index(lua_State *L) {
    const struct row_box *box = check_row(L);
    const struct row_name *entry = find_name(box->shape, lua_topointer(L, 2));
    if (entry->string != NULL) {
        row_push_column(L, box->shape, KEPT, entry->column);
        return 1;
    }
    lua_settop(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) == LUA_TNIL) return no_column(L, box->shape);
    row_push_column(L, box->shape, KEPT, (int)lua_tointeger(L, -1) - 1);
    return 1;
}

static int row_newindex(lua_State *L) {
    return luaL_error(L, "a row is read-only: return the value instead");
}

/* The iterator of pairs(row). Upvalue 4: the row, 5: the columns seen. */
static int row_next(lua_State *L) {
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(4));
    const struct row_box *box = check_row(L);
    int i = (int)lua_tointeger(L, lua_upvalueindex(5)) + 1;
    if (i > box->shape->count) return 0;
    lua_pushinteger(L, i);
    lua_replace(L, lua_upvalueindex(5));
    lua_pushstring(L, box->shape->names[i - 1]);
    row_push_column(L, box->shape, KEPT, i - 1);
    return 2;
}

static int row_pairs(lua_State *L) {
    check_row(L);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, row_next, 5);
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
        lua_pushstring(L, shape->names[i - 1]);
        const void *string = lua_topointer(L, -1);
        if (strlen(shape->names[i - 1]) <= SHORT_STRING) {
            *find_name(shape, string) = (struct row_name){.string = string, .column = i - 1};
        }
        lua_pushinteger(L, i);
        lua_rawset(L, -3);
    }
    lua_pushlightuserdata(L, shape);
    lua_createtable(L, shape->count, 0);
    lua_pushvalue(L, -1);
    shape->kept = luaL_ref(L, LUA_REGISTRYINDEX);
    luaL_setfuncs(L, meta, 3);
    shape->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
    for (int i = 0; i < shape->count; i++) shape->known[i] = (struct row_column){.len = NOT_KEPT};
}

void row_push(lua_State *L, struct row_shape *shape) {
    struct row_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->shape = shape;
    box->serial = shape->now->serial;
    lua_rawgeti(L, LUA_REGISTRYINDEX, shape->metatable);
    lua_setmetatable(L, -2);
}
