#include "lua/host.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "aws/http.h"
#include "base/error.h"
#include "lua/interrupt.h"
#include "lua/modules.h"
#include "lua/state.h"

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

/* --- the process --- */

/* Everything that may raise, from the libraries to the command's exit code. */
static int start(lua_State *L) {
    const struct start *s = lua_touserdata(L, 1);
    state_open(L, s->scripts);
    module_limit(L);
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

/* Whether nobody reads standard output any more: errno is long lost when an earlier write failed of it. */
static bool reader_gone(void) {
    struct pollfd out = {.fd = STDOUT_FILENO};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLERR);
}

int host_main(int argc, char **argv) {
    /* A closed pipe and a file at its size limit are errors of a write, not the end of the process. */
    struct error err;
    if (!http_global_init(&err)) return fail(error_exit_code(err.kind), err.text); /* ignores SIGPIPE */
    signal(SIGXFSZ, SIG_IGN);
    struct start s = {.argc = argc, .argv = argv};
    if (!take_scripts(&s)) return fail(error_exit_code(ERROR_USAGE), "--scripts needs a folder");
    if (s.scripts && !scripts_there(s.scripts))
        return fail(error_exit_code(ERROR_USAGE), "the folder of --scripts has no hlua/cli.lua");
    int code = run(&s);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        if (errno != EPIPE && !reader_gone()) /* a reader that has seen enough is no failure to tell of */
            fprintf(stderr, "hlua: cannot write to standard output%s%s\n", errno ? ": " : "", errno ? strerror(errno) : "");
        if (code == 0) code = error_exit_code(ERROR_LOCAL);
    }
    return code;
}
