/* The rehearsal in hlua.core. What is shown of it is for lua/hlua/report. */
#include <lauxlib.h>
#include <string.h>

#include "engine/rehearse.h"
#include "lua/field.h"
#include "lua/host.h"
#include "lua/interrupt.h"
#include "lua/modules.h"

#define REHEARSAL_TYPE "hlua.core.rehearsal"

struct rehearsal_box {
    struct rehearsal rehearsal;
    bool filled;
};

static int rehearsal_gc(lua_State *L) {
    struct rehearsal_box *box = luaL_checkudata(L, 1, REHEARSAL_TYPE);
    bool filled = box->filled;
    box->filled = false;
    if (filled) rehearsal_free(&box->rehearsal);
    return 0;
}

/* --- into tables --- */

static void push_table(lua_State *L, const struct rehearsed_table *t) {
    lua_createtable(L, 0, 12);
    field_text(L, "name", t->name);
    field_text(L, "from", t->from);
    field_text(L, "to", t->to);
    field_integer(L, "chunks", t->chunks);
    field_integer(L, "rows_read", t->rows_read);
    field_integer(L, "rows_rejected", t->rows_rejected);
    field_integer(L, "rows_filtered", t->rows_filtered);
    field_number(L, "rows", t->rows);
    field_number(L, "items", t->items);
    field_number(L, "bytes", t->bytes);
    field_number(L, "write_units", t->units);
}

static void push_target(lua_State *L, const struct rehearsed_target *t) {
    lua_createtable(L, 0, 4);
    field_text(L, "name", t->name);
    field_boolean(L, "exists", t->exists);
    if (t->provisioned > 0) field_number(L, "provisioned", t->provisioned);
    if (t->warm > 0) field_number(L, "warm", t->warm);
}

/* Sets the fields of a limit in the table at the top. */
static void set_limit(lua_State *L, const struct rehearsed_limit *limit) {
    static const char *const names[] = {
        [WATCH_NOTHING] = "nothing",         [WATCH_CLIENT] = "client",         [WATCH_ASKED] = "rate asked for",
        [WATCH_REQUESTS] = "answers",        [WATCH_PARTITION] = "partition",   [WATCH_WARM] = "warm throughput",
        [WATCH_PROVISIONED] = "provisioned", [WATCH_ACCOUNT] = "account quota", [WATCH_MAXIMUM] = "table maximum",
    };
    field_text(L, "limit", names[limit->cause]);
    field_text(L, "table", limit->table);
    field_text(L, "index", limit->index);
    field_text(L, "key", limit->key);
    if (limit->keys > 0) field_integer(L, "keys", limit->keys);
}

static void push_period(lua_State *L, const struct rehearsed_period *p) {
    lua_createtable(L, 0, 7);
    field_number(L, "from", p->from);
    field_number(L, "to", p->to);
    set_limit(L, &p->limit);
}

static void push_change(lua_State *L, const struct rehearsed_variant *v) {
    static const char *const names[] = {
        [REHEARSED_ORDER] = "key order", [REHEARSED_WARM] = "warm",  [REHEARSED_PROVISIONED] = "provisioned",
        [REHEARSED_SHARDS] = "shards",   [REHEARSED_ASKED] = "rate", [REHEARSED_QUOTA] = "quota",
        [REHEARSED_ALL] = "all",
    };
    lua_createtable(L, 0, 6);
    field_text(L, "change", names[v->change]);
    field_number(L, "seconds", v->seconds);
    if (v->change == REHEARSED_SHARDS) set_limit(L, &v->limit);
    if (v->change == REHEARSED_SHARDS) field_integer(L, "shards", REHEARSED_SHARD_COUNT);
    if (v->change == REHEARSED_WARM) field_number(L, "write_units", v->units);
}

/* A list of `count` elements, in the table at the top. */
#define SET_LIST(L, name, push, from, count)                                                                                     \
    do {                                                                                                                         \
        lua_createtable(L, count, 0);                                                                                            \
        for (int i_ = 0; i_ < (count); i_++) {                                                                                   \
            push(L, &(from)[i_]);                                                                                                \
            lua_seti(L, -2, i_ + 1);                                                                                             \
        }                                                                                                                        \
        lua_setfield(L, -2, name);                                                                                               \
    } while (0)

static void push_rehearsal(lua_State *L, const struct rehearsal *r) {
    lua_createtable(L, 0, 14);
    SET_LIST(L, "tables", push_table, r->tables, r->table_count);
    SET_LIST(L, "targets", push_target, r->targets, r->target_count);
    SET_LIST(L, "periods", push_period, r->periods, r->period_count);
    SET_LIST(L, "changes", push_change, r->changes, r->change_count);
    field_text(L, "target_unknown", r->target_unknown);
    field_boolean(L, "sampled", r->sampled);
    field_boolean(L, "full", r->full);
    field_number(L, "client_rows", r->client_rows);
    field_number(L, "seconds", r->seconds);
    field_number(L, "refused", r->refused);
    field_number(L, "together_seconds", r->together_seconds);
    field_number(L, "took", r->took);
}

/* --- the function --- */

struct listening {
    lua_State *L;
    bool failed; /* a callback raised: the error's value is at the top */
};

static int notice_body(lua_State *L) {
    if (lua_getfield(L, 1, "notice") == LUA_TNIL) return 0;
    lua_pushstring(L, lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    return 0;
}

/* Enters Lua protected: nothing jumps through the engine's frames. */
static void on_notice(void *context, const char *text) {
    struct listening *l = context;
    if (l->failed || !lua_checkstack(l->L, LUA_MINSTACK)) return;
    lua_pushcfunction(l->L, notice_body);
    lua_pushvalue(l->L, 3);
    lua_pushlightuserdata(l->L, (void *)text);
    l->failed = !host_call(l->L, 2, 0);
    if (l->failed) run_stop();
}

static struct rehearse_options check_options(lua_State *L, int index) {
    struct rehearse_options o = {0};
    luaL_checktype(L, index, LUA_TTABLE);
    lua_getfield(L, index, "where");
    o.where = lua_tostring(L, -1); /* the options stay on the stack */
    lua_getfield(L, index, "jobs");
    o.jobs = (int)lua_tointeger(L, -1);
    lua_getfield(L, index, "sample");
    o.rows = lua_tointeger(L, -1);
    lua_getfield(L, index, "units");
    o.units = lua_tonumber(L, -1);
    lua_pop(L, 4);
    return o;
}

/* rehearse(plan, options, listener) -> what it found | nil, error. Options: where, jobs, sample (rows), units (write units a second). */
static int core_rehearse(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct rehearse_options options = check_options(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_settop(L, 3);
    struct rehearsal_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, REHEARSAL_TYPE);
    struct listening l = {.L = L};
    struct run_listener listener = {.context = &l, .notice = on_notice};
    struct error err = {0};
    interrupt_engine(true);
    bool ok = rehearse(plan, &options, &listener, &box->rehearsal, &err);
    interrupt_engine(false);
    box->filled = true;
    if (l.failed) return lua_error(L);
    if (!ok) return module_fail(L, &err);
    push_rehearsal(L, &box->rehearsal);
    return 1;
}

void module_add_rehearsal(lua_State *L) {
    static const luaL_Reg functions[] = {{"rehearse", core_rehearse}, {NULL, NULL}};
    static const luaL_Reg own[] = {{"__gc", rehearsal_gc}, {NULL, NULL}};
    luaL_newmetatable(L, REHEARSAL_TYPE);
    luaL_setfuncs(L, own, 0);
    lua_pop(L, 1);
    luaL_setfuncs(L, functions, 0);
}
