/* Makes and ends the Lua state of a worker. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/column_value.h"
#include "lua/decimal.h"
#include "lua/mapper_parts.h"
#include "lua/moment.h"
#include "lua/state.h"

#define DEFAULT_TIMEOUT_MS 1000
#define DEFAULT_MEMORY ((size_t)64 << 20)
/* Of the state's memory: how much of it rows make until what they have dropped is collected. So little that it stays in the
 * processor's cache; what was there before the rows is not gone through again. */
#define MINOR_PERCENT 10
#define SCRATCH_MAX ((size_t)1 << 30) /* a column's text without its escapes */

/* What a worker's state is made of. In the plan's arena. */
struct frozen {
    const struct plan *plan;
    const char *bytes; /* of hlua.sources; NULL: there are none */
    size_t len;
    const char *scripts; /* of --scripts, or NULL */
    int64_t started;
};

/* --- in the main state --- */

/* Arguments: struct frozen. Pushes what sources.freeze gives; its caller copies it. */
static int freeze_body(lua_State *L) {
    struct frozen *f = lua_touserdata(L, 1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hlua.started");
    lua_call(L, 1, 1);
    f->started = moment_unix(L, -1);
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hlua.sources");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, "freeze");
    lua_call(L, 0, 1);
    return 1;
}

static struct functions *open_functions(void *context, int64_t started, enum names_order order, struct error *err);

bool mapper_source(lua_State *L, struct plan *plan, struct error *err) {
    if (plan->functions.count == 0) return true;
    struct frozen *f = arena_alloc(plan->arena, sizeof *f);
    if (f == NULL || !lua_checkstack(L, 4)) return error_memory(err, "the plan's functions are kept");
    f->plan = plan;
    const char *scripts = state_scripts(L);
    f->scripts = scripts ? arena_text(plan->arena, scripts) : NULL;
    lua_pushcfunction(L, freeze_body);
    lua_pushlightuserdata(L, f);
    int status = lua_pcall(L, 1, 1, 0);
    const char *bytes = status == LUA_OK ? lua_tolstring(L, -1, &f->len) : NULL;
    if (bytes) f->bytes = arena_copy(plan->arena, bytes, f->len);
    lua_pop(L, 1);
    if (status == LUA_ERRMEM || (bytes && !f->bytes) || (scripts && !f->scripts)) {
        return error_memory(err, "the plan's functions are kept");
    }
    plan->functions.context = f;
    plan->functions.open = open_functions;
    return true;
}

/* --- in the worker's --- */

/* A lua_Alloc that keeps to a limit. Refused, Lua collects its garbage and asks again. */
static void *allocate(void *context, void *block, size_t old, size_t wanted) {
    struct memory *memory = context;
    if (block == NULL) old = 0; /* then it says what is made */
    if (wanted > old && memory->used - old + wanted > memory->limit) return NULL;
    void *given = pool_change(&memory->pool, block, old, wanted);
    if (given != NULL || wanted == 0) memory->used += wanted - old;
    return given;
}

/* The names of an hlua.fn's columns: the list on top. */
static void take_columns(lua_State *L, struct mapper_function *f) {
    int count = (int)lua_rawlen(L, -1);
    f->columns = calloc((size_t)count + 1, sizeof *f->columns);
    for (int i = 0; f->columns && i < count; i++) {
        lua_rawgeti(L, -1, i + 1);
        f->columns[i] = strdup(luaL_checkstring(L, -1));
        lua_pop(L, 1);
        if (f->columns[i]) f->column_count++;
    }
    if (f->column_count < count || f->columns == NULL) luaL_error(L, "not enough memory");
}

/* Takes the functions out of the lowered plan at `low`. */
static void take_functions(lua_State *L, struct mapper *m, int low) {
    lua_getfield(L, low, "functions");
    lua_getfield(L, low, "function_columns");
    int count = m->plan->functions.count;
    if (!lua_istable(L, -2) || (int)lua_rawlen(L, -2) != count) luaL_error(L, "it has not the functions that it had");
    for (int i = 0; i < count; i++) {
        struct mapper_function *f = &m->list[i];
        lua_Debug where;
        lua_rawgeti(L, -2, i + 1);
        lua_pushvalue(L, -1);
        lua_getinfo(L, ">S", &where);
        if (where.linedefined > 0) {
            snprintf(f->where, sizeof f->where, "%s:%d", where.short_src, where.linedefined);
        } else {
            snprintf(f->where, sizeof f->where, "%s", where.short_src);
        }
        f->reference = luaL_ref(L, LUA_REGISTRYINDEX);
        lua_pushboolean(L, 0);
        f->repeat.reference = luaL_ref(L, LUA_REGISTRYINDEX);
        if (lua_istable(L, -1) && lua_rawgeti(L, -1, i + 1) == LUA_TTABLE) take_columns(L, f);
        lua_settop(L, low + 2);
    }
    lua_settop(L, low);
}

static const char *const order_names[] = {[NAMES_ANY] = NULL, [NAMES_RISING] = "rising", [NAMES_FALLING] = "falling"};

/* Arguments: struct mapper, struct frozen, the run's time, the order of names. Returns the plan's identity. */
static int open_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 1);
    const struct frozen *f = lua_touserdata(L, 2);
    state_open(L, f->scripts);
    decimal_open(L);
    moment_open(L);
    column_value_open(L);
    watch_functions(&m->watch, L);
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    moment_push_unix(L, lua_tointeger(L, 3));
    lua_setfield(L, -2, "hlua.started");
    lua_getglobal(L, "require");
    lua_pushliteral(L, "hlua.worker");
    lua_call(L, 1, 1);
    lua_pushlstring(L, f->bytes, f->len);
    lua_pushvalue(L, 4);
    lua_call(L, 2, 2);
    m->writer.node = lua_topointer(L, -1); /* hlua.node holds it */
    lua_pop(L, 1);
    take_functions(L, m, lua_gettop(L));
    lua_pushboolean(L, 0);
    m->row_reference = luaL_ref(L, LUA_REGISTRYINDEX);
    lua_getfield(L, -1, "identity");
    return 1;
}

/* The plan's structure must be what it was; the first line that is not is named. */
static bool same_identity(const char *is, const char *was, struct error *err) {
    if (strcmp(is, was) == 0) return true;
    size_t at = 0, line = 0;
    for (; is[at] == was[at]; at++) {
        if (is[at] == '\n') line = at + 1;
    }
    int is_len = (int)strcspn(is + line, "\n"), was_len = (int)strcspn(was + line, "\n");
    error_set(err, ERROR_PLAN, "the plan reads differently the second time: %.*s was %.*s", is_len > 500 ? 500 : is_len,
              is + line, was_len > 500 ? 500 : was_len, was + line);
    return error_hint(err,
                      "each worker reads the plan again, and must come to the same: no clocks, chance, or files that change");
}

static bool open_state(struct mapper *m, const struct frozen *f, int64_t started, enum names_order order, struct error *err) {
    lua_State *L = lua_newstate(allocate, &m->memory);
    if (L == NULL) return error_memory(err, "a worker's Lua state is made");
    m->L = L;
    m->watching =
        watch_open(&m->watch, L, m->plan->mapping_timeout_ms > 0 ? m->plan->mapping_timeout_ms : DEFAULT_TIMEOUT_MS, err);
    if (!m->watching) return false;
    lua_pushcfunction(L, open_body);
    lua_pushlightuserdata(L, m);
    lua_pushlightuserdata(L, (void *)f);
    lua_pushinteger(L, started ? started : f->started);
    lua_pushstring(L, order_names[order]);
    int status = lua_pcall(L, 4, 1, 0);
    const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "an error that is not a text was raised";
    if (status == LUA_ERRMEM) {
        error_set(err, ERROR_PLAN, "mapping_memory = %zu bytes are not enough to read the plan in", m->memory.limit);
        return error_hint(err, "raise mapping_memory; the default is %zu", DEFAULT_MEMORY);
    }
    if (status != LUA_OK) return error_set(err, ERROR_PLAN, "the plan cannot be read a second time: %s", text);
    bool same = same_identity(text, m->plan->identity, err);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT);
    lua_gc(L, LUA_GCGEN, MINOR_PERCENT, 0);
    lua_pushcfunction(L, mapper_message); /* at MAPPER_HANDLER */
    return same;
}

static void free_functions(struct functions *self) {
    struct mapper *m = (struct mapper *)self;
    m->now.serial = 0; /* rows that a finalizer touches are gone */
    if (m->L) lua_close(m->L);
    pool_free(&m->memory.pool);
    if (m->watching) watch_close(&m->watch);
    for (int i = 0; m->tables && i < m->plan->table_count; i++) mapper_table_free(m, &m->tables[i]);
    for (int i = 0; m->list && i < m->plan->functions.count; i++) {
        for (int c = 0; c < m->list[i].column_count; c++) free(m->list[i].columns[c]);
        free(m->list[i].columns);
    }
    free(m->tables);
    free(m->list);
    attribute_writer_free(&m->writer);
    buffer_free(&m->scratch);
    free(m);
}

static struct functions *open_functions(void *context, int64_t started, enum names_order order, struct error *err) {
    const struct frozen *f = context;
    if (f->bytes == NULL) {
        error_set(err, ERROR_LOCAL, "the plan's script was not kept, and its functions cannot be opened");
        return NULL;
    }
    struct mapper *m = calloc(1, sizeof *m);
    if (m == NULL) {
        error_memory(err, "a worker's Lua state is made");
        return NULL;
    }
    m->functions = (struct functions){.bind = mapper_bind,
                                      .begin = mapper_begin,
                                      .call = mapper_call,
                                      .map = mapper_map,
                                      .mend = mapper_mend,
                                      .free = free_functions};
    m->plan = f->plan;
    m->memory.limit = f->plan->mapping_memory > 0 ? (size_t)f->plan->mapping_memory : DEFAULT_MEMORY;
    m->now.scratch = &m->scratch;
    attribute_writer_init(&m->writer);
    buffer_init(&m->scratch, SCRATCH_MAX);
    m->list = calloc((size_t)f->plan->functions.count, sizeof *m->list);
    m->tables = calloc((size_t)f->plan->table_count, sizeof *m->tables);
    bool ok = m->list && m->tables ? open_state(m, f, started, order, err) : error_memory(err, "a worker's Lua state is made");
    if (ok) return &m->functions;
    free_functions(&m->functions);
    return NULL;
}
