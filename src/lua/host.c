#include "lua/host.h"

#include <errno.h>
#include <lauxlib.h>
#include <lua-cjson.h>
#include <lualib.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/embedded.h"
#include "base/error.h"
#include "lua/interrupt.h"
#include "lua/modules.h"

/* In lua-cjson's library, but not in its header. */
int luaopen_cjson_safe(lua_State *L);

/* What the protected start needs. */
struct start {
    int argc; /* without --scripts and its folder */
    char **argv;
    const char *scripts; /* --scripts: read the embedded Lua files from here; NULL: they are in the program */
};

/* Texts get a traceback; anything else that was raised (an error table) stays what it is. */
static int add_traceback(lua_State *L) {
    const char *text = lua_tostring(L, 1);
    if (text) luaL_traceback(L, L, text, 1);
    return 1;
}

bool host_call(lua_State *L, int nargs, int nresults) {
    int handler = lua_gettop(L) - nargs;
    lua_pushcfunction(L, add_traceback);
    lua_insert(L, handler);
    int status = lua_pcall(L, nargs, nresults, handler);
    lua_remove(L, handler);
    return status == LUA_OK;
}

/* --- modules inside the program --- */

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
        {NULL, NULL},
    };
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
    luaL_setfuncs(L, modules, 0);
    lua_pop(L, 1);
}

/* --- the process --- */

/* Everything that may raise, from the libraries to the command's exit code. */
static int start(lua_State *L) {
    const struct start *s = lua_touserdata(L, 1);
    luaL_openlibs(L);
    preload(L);
    add_searcher(L, s->scripts);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hlua.cli");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "main");
    lua_createtable(L, s->argc, 1);
    for (int i = 0; i < s->argc; i++) {
        lua_pushstring(L, s->argv[i]);
        lua_seti(L, -2, i); /* as in Lua's own `arg`: the program is 0, the first argument 1 */
    }
    lua_call(L, 1, 1);
    return 1;
}

static int fail(int code, const char *text) {
    fprintf(stderr, "hlua: %s\n", text);
    return code;
}

/* Takes a leading --scripts DIR or --scripts=DIR out of argv; false when no folder is said. */
static bool take_scripts(struct start *s) {
    if (s->argc < 2) return true;
    int taken = 0;
    if (strncmp(s->argv[1], "--scripts=", 10) == 0) {
        s->scripts = s->argv[1] + 10;
        taken = 1;
    } else if (strcmp(s->argv[1], "--scripts") == 0) {
        if (s->argc < 3) return false;
        s->scripts = s->argv[2];
        taken = 2;
    }
    if (!taken) return true;
    s->argv[taken] = s->argv[0];
    s->argv += taken;
    s->argc -= taken;
    return s->scripts[0] != '\0';
}

/* Whether the folder of --scripts holds our files. */
static bool scripts_there(const char *folder) {
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/hlua/cli.lua", folder);
    return n > 0 && (size_t)n < sizeof path && access(path, R_OK) == 0;
}

static int run(const struct start *s) {
    lua_State *L = luaL_newstate();
    if (!L) return fail(error_exit_code(ERROR_LOCAL), "out of memory while starting Lua");
    interrupt_install(L);
    lua_pushcfunction(L, start);
    lua_pushlightuserdata(L, (void *)s);
    int code;
    if (host_call(L, 1, 1)) {
        code = (int)lua_tointeger(L, -1);
    } else if (interrupt_pending()) {
        code = fail(error_exit_code(ERROR_INTERRUPTED), "interrupted");
    } else {
        const char *text = lua_tostring(L, -1);
        code = fail(error_exit_code(ERROR_PLAN), text ? text : "an error that is not a text was raised");
    }
    interrupt_forget();
    lua_close(L);
    return code;
}

int host_main(int argc, char **argv) {
    /* A closed pipe and a file at its size limit are errors of a write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    struct start s = {.argc = argc, .argv = argv};
    if (!take_scripts(&s)) return fail(error_exit_code(ERROR_USAGE), "--scripts needs a folder");
    if (s.scripts && !scripts_there(s.scripts))
        return fail(error_exit_code(ERROR_USAGE), "the folder of --scripts has no hlua/cli.lua");
    int code = run(&s);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE) /* a reader that has seen enough is no failure to tell of */
            fprintf(stderr, "hlua: cannot write to standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
        if (code == 0) code = error_exit_code(ERROR_LOCAL);
    }
    return code;
}
