/* hlua.core: what the program's own Lua files need of C. Plans and templates, errors, terminal and clock here; runs in
 * run_module.c, calls with a time limit in limited_module.c, previews in preview_module.c, rehearsals in rehearse_module.c. */
#include <lauxlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "engine/run.h"
#include "lua/interrupt.h"
#include "lua/mapper.h"
#include "lua/modules.h"
#include "lua/plan_loader.h"
#include "mapping/template.h"

#define PLAN_TYPE "hlua.core.plan"
#define TERMINAL_WIDTH 80 /* columns, when nobody knows better */

/* --- errors --- */

static const char *kind_name(enum error_kind kind) {
    switch (kind) {
    case ERROR_NONE: return "none";
    case ERROR_PLAN: return "plan";
    case ERROR_USAGE: return "usage";
    case ERROR_SOURCE: return "source";
    case ERROR_TARGET: return "target";
    case ERROR_REJECTS: return "rejects";
    case ERROR_LOCAL: return "local";
    case ERROR_INTERRUPTED: return "interrupted";
    }
    return "unknown";
}

void module_push_error(lua_State *L, const struct error *err) {
    lua_createtable(L, 0, 6);
    lua_pushstring(L, kind_name(err->kind));
    lua_setfield(L, -2, "kind");
    lua_pushinteger(L, error_exit_code(err->kind));
    lua_setfield(L, -2, "exit");
    lua_pushstring(L, err->text);
    lua_setfield(L, -2, "text");
    if (err->hint[0]) {
        lua_pushstring(L, err->hint);
        lua_setfield(L, -2, "hint");
    }
    if (err->code[0]) {
        lua_pushstring(L, err->code);
        lua_setfield(L, -2, "code");
    }
    lua_pushboolean(L, err->retryable);
    lua_setfield(L, -2, "retryable");
}

int module_fail(lua_State *L, const struct error *err) {
    lua_pushnil(L);
    module_push_error(L, err);
    return 2;
}

/* --- plans --- */

struct plan_box {
    struct plan *plan; /* NULL until it is loaded, and again once it is closed */
};

static int plan_close(lua_State *L) {
    struct plan_box *box = luaL_checkudata(L, 1, PLAN_TYPE);
    struct plan *plan = box->plan;
    box->plan = NULL;
    if (plan) plan_free(plan);
    return 0;
}

const struct plan *module_check_plan(lua_State *L, int index) {
    struct plan_box *box = luaL_checkudata(L, index, PLAN_TYPE);
    luaL_argcheck(L, box->plan != NULL, index, "the plan is closed");
    return box->plan;
}

/* plan_load(value) -> plan | nil, error. `value` is what hlua.plan returned. */
static int core_plan_load(lua_State *L) {
    luaL_checkany(L, 1);
    lua_settop(L, 1);
    struct plan_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->plan = NULL;
    luaL_setmetatable(L, PLAN_TYPE);
    struct error err = {0};
    if (!plan_load(L, 1, &box->plan, &err) || !mapper_source(L, box->plan, &err)) return module_fail(L, &err);
    lua_settop(L, 2);
    return 1;
}

/* --- templates --- */

/* template_check(source) -> true | nil, message, position (of a byte, from 1), hint or nil */
static int core_template_check(lua_State *L) {
    size_t len;
    const char *source = luaL_checklstring(L, 1, &len);
    struct template_problem problem = {0};
    if (template_check(source, len, &problem)) {
        lua_pushboolean(L, 1);
        return 1;
    }
    lua_pushnil(L);
    lua_pushstring(L, problem.message);
    lua_pushinteger(L, (lua_Integer)problem.at + 1);
    lua_pushstring(L, problem.hint[0] ? problem.hint : NULL);
    return 4;
}

struct column_list {
    lua_State *L;
    lua_Integer count;
};

/* Only pushes into the table at the top; an out-of-memory error leaves template_columns, which owns nothing. */
static void add_column(void *context, const char *name, size_t n) {
    struct column_list *list = context;
    lua_pushlstring(list->L, name, n);
    lua_seti(list->L, -2, ++list->count);
}

/* template_columns(source) -> list of names, in order, of a correct template */
static int core_template_columns(lua_State *L) {
    size_t len;
    const char *source = luaL_checklstring(L, 1, &len);
    struct template_problem problem = {0};
    luaL_argcheck(L, template_check(source, len, &problem), 1, problem.message);
    lua_newtable(L);
    struct column_list list = {.L = L};
    template_columns(source, len, add_column, &list);
    return 1;
}

/* sha256(bytes) -> 64 hexadecimal digits */
static int core_sha256(lua_State *L) {
    size_t len;
    const char *bytes = luaL_checklstring(L, 1, &len);
    unsigned char digest[HASH_SHA256_BYTES];
    char hex[HASH_SHA256_HEX];
    struct hash_sha256 *hash = hash_sha256_new();
    bool ok = hash != NULL && hash_sha256(hash, bytes, len, digest);
    hash_sha256_free(hash);
    if (!ok) return luaL_error(L, "out of memory");
    hash_hex(digest, sizeof digest, hex);
    lua_pushstring(L, hex);
    return 1;
}

/* --- terminal, clock, interrupts --- */

/* isatty(fd) -> boolean */
static int core_isatty(lua_State *L) {
    lua_pushboolean(L, isatty((int)luaL_checkinteger(L, 1)));
    return 1;
}

/* terminal_width(fd) -> columns */
static int core_terminal_width(lua_State *L) {
    struct winsize size = {0};
    int known = ioctl((int)luaL_checkinteger(L, 1), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    lua_pushinteger(L, known ? size.ws_col : TERMINAL_WIDTH);
    return 1;
}

/* clock() -> seconds, monotonic */
static int core_clock(lua_State *L) {
    lua_pushnumber(L, (lua_Number)clock_now() / (lua_Number)CLOCK_SECOND);
    return 1;
}

/* file_kind(path) -> "file", "other" (a folder, a device, a pipe), or nil when nothing has that name */
static int core_file_kind(lua_State *L) {
    struct stat st;
    if (stat(luaL_checkstring(L, 1), &st) != 0) return 0;
    lua_pushstring(L, S_ISREG(st.st_mode) ? "file" : "other");
    return 1;
}

/* stopping() -> whether an interrupt has come */
static int core_stopping(lua_State *L) {
    lua_pushboolean(L, interrupt_pending());
    return 1;
}

static void make_plan_type(lua_State *L) {
    static const luaL_Reg methods[] = {{"__gc", plan_close}, {"__close", plan_close}, {NULL, NULL}};
    luaL_newmetatable(L, PLAN_TYPE);
    luaL_setfuncs(L, methods, 0);
    lua_pop(L, 1);
}

int module_open_core(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"plan_load", core_plan_load},
        {"template_check", core_template_check},
        {"template_columns", core_template_columns},
        {"sha256", core_sha256},
        {"isatty", core_isatty},
        {"terminal_width", core_terminal_width},
        {"clock", core_clock},
        {"file_kind", core_file_kind},
        {"stopping", core_stopping},
        {NULL, NULL},
    };
    make_plan_type(L);
    luaL_newlib(L, functions);
    module_add_limited(L);
    module_add_run(L);
    module_add_preview(L);
    module_add_rehearsal(L);
    lua_pushliteral(L, HLUA_VERSION);
    lua_setfield(L, -2, "version");
    return 1;
}
