/* Fields of the table at the top of the stack, as C's own modules fill them; and options read from a table.
 * Not for: rows and items of a plan (column_value.h, attribute_value.h), or a lowered plan (lowered.h). */
#ifndef LUA_FIELD_H
#define LUA_FIELD_H

#include <lauxlib.h>
#include <stdbool.h>
#include <stdint.h>

/* NULL: the field stays absent. */
static inline void field_text(lua_State *L, const char *name, const char *text) {
    lua_pushstring(L, text);
    lua_setfield(L, -2, name);
}

static inline void field_integer(lua_State *L, const char *name, int64_t value) {
    lua_pushinteger(L, value);
    lua_setfield(L, -2, name);
}

static inline void field_number(lua_State *L, const char *name, double value) {
    lua_pushnumber(L, value);
    lua_setfield(L, -2, name);
}

static inline void field_boolean(lua_State *L, const char *name, bool value) {
    lua_pushboolean(L, value);
    lua_setfield(L, -2, name);
}

/* A text of the options at an index, which must stay on the stack while it is used; NULL: not given. Raises when it is no text. */
static inline const char *field_option_text(lua_State *L, int options, const char *name) {
    lua_getfield(L, options, name);
    const char *text = lua_tostring(L, -1);
    if (!text && !lua_isnil(L, -1)) luaL_error(L, "option %s must be a string", name);
    lua_pop(L, 1);
    return text;
}

#endif
