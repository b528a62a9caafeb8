#include "lua/state.h"

#include <lauxlib.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <string.h>

#include "base/embedded.h"
#include "lua/modules.h"
#include "lua/moment.h"

#define SCRIPTS_FIELD "hlua.scripts" /* in the registry */

/* In lua-cjson's library, but not in its header. */
int luaopen_cjson_safe(lua_State *L);

/* "hlua" is hlua/init.lua, "hlua.commands.migrate" is hlua/commands/migrate.lua; NULL for any other family of names. */
static const char *module_file(lua_State *L, const char *module) {
    if (strcmp(module, "hlua") == 0) return "hlua/init.lua";
    if (strncmp(module, "hlua.", 5) != 0 || strchr(module, '/')) return NULL;
    return lua_pushfstring(L, "%s.lua", luaL_gsub(L, module, ".", "/"));
}

/* A package searcher. Upvalue 1: the folder of --scripts, or nil. */
static int find_module(lua_State *L) {
    const char *module = luaL_checkstring(L, 1);
    const char *scripts = lua_tostring(L, lua_upvalueindex(1));
    const char *name = module_file(L, module);
    if (!name) return 0;
    if (scripts) {
        const char *path = lua_pushfstring(L, "%s/%s", scripts, name);
        int status = luaL_loadfile(L, path);
        if (status == LUA_ERRFILE) return 1; /* its message says that there is no such file */
        if (status != LUA_OK) return lua_error(L);
        lua_pushstring(L, path);
        return 2;
    }
    const struct embedded_file *file = embedded_find(name);
    if (!file) {
        lua_pushfstring(L, "no module '%s' inside the program", module);
        return 1;
    }
    const char *chunk = lua_pushfstring(L, "@%s", name);
    if (luaL_loadbuffer(L, file->data, (size_t)file->len, chunk) != LUA_OK) return lua_error(L);
    lua_pushstring(L, chunk + 1);
    return 2;
}

/* Puts find_module right after the preloaded ones: nothing in package.path can take the place of our own modules. */
static void add_searcher(lua_State *L, const char *scripts) {
    lua_getglobal(L, "package");
    lua_getfield(L, -1, "searchers");
    for (lua_Integer i = luaL_len(L, -1); i >= 2; i--) {
        lua_geti(L, -1, i);
        lua_seti(L, -2, i + 1);
    }
    lua_pushstring(L, scripts);
    lua_pushcclosure(L, find_module, 1);
    lua_seti(L, -2, 2);
    lua_pop(L, 2);
}

static void preload(lua_State *L) {
    static const luaL_Reg modules[] = {
        {"cjson", luaopen_cjson},
        {"cjson.safe", luaopen_cjson_safe},
        {"hlua.core", module_open_core},
        {"hlua.core.dynamodb", module_open_dynamodb},
        {"hlua.started", moment_open_started},
        {NULL, NULL},
    };
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_pop(L, 1);
}

void state_open(lua_State *L, const char *scripts) {
    lua_pushstring(L, scripts);
    lua_setfield(L, LUA_REGISTRYINDEX, SCRIPTS_FIELD);
    luaL_openlibs(L);
    preload(L);
    add_searcher(L, scripts);
}

const char *state_scripts(lua_State *L) {
    lua_getfield(L, LUA_REGISTRYINDEX, SCRIPTS_FIELD);
    const char *scripts = lua_tostring(L, -1);
    lua_pop(L, 1);
    return scripts;
}
