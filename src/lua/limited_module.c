/* Of hlua.core: calls of the plan's own functions on the main state, with a time limit. Those of rows have the mapper's. */
#include <lauxlib.h>

#include "lua/modules.h"
#include "lua/watch.h"

/* The main state's, for as long as it lives: its coroutine functions know the watch by its address. It is open during a call only. */
static struct watch limit;

void module_limit(lua_State *L) {
    watch_functions(&limit, L);
}

/* limited(ms, f, ...) -> true, the first result | false, what was raised, whether it was for the time. Does not nest. */
static int core_limited(lua_State *L) {
    lua_Integer ms = luaL_checkinteger(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    struct error err = {0};
    if (!watch_open(&limit, L, ms, &err)) return luaL_error(L, "%s", err.text);
    watch_enter(&limit);
    bool ok = lua_pcall(L, lua_gettop(L) - 2, 1, 0) == LUA_OK;
    bool stopped = watch_leave(&limit);
    watch_close(&limit);
    lua_pushboolean(L, ok && !stopped);
    lua_insert(L, -2);
    lua_pushboolean(L, stopped);
    return 3;
}

void module_add_limited(lua_State *L) {
    lua_pushcfunction(L, core_limited);
    lua_setfield(L, -2, "limited");
}
