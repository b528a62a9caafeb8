/* Binds a plan's functions to its tables, and runs what they need protected and watched: everything that may raise is inside, and what it
 * fills belongs to the mapper, so that nothing is lost when it does. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "lua/mapper_parts.h"

/* --- tables --- */

void mapper_table_free(struct mapper *m, struct mapper_table *t) {
    for (int i = 0; t->arguments && i < m->plan->functions.count; i++) free(t->arguments[i]);
    free(t->arguments);
    free((void *)t->names);
    free(t->shape.known);
    free(t->shape.found);
    free_item_free(t->item);
}

/* The places of a function's columns among the table's; NULL when one is missing: then it is another table's function. */
static bool find_arguments(const struct mapper_function *f, const struct row_shape *shape, int **out) {
    int *places = f->columns ? calloc((size_t)f->column_count + 1, sizeof *places) : NULL;
    *out = NULL;
    if (f->columns == NULL) return true;
    if (places == NULL) return false;
    for (int a = 0; a < f->column_count; a++) {
        int c = 0;
        while (c < shape->count && strcmp(shape->names[c], f->columns[a]) != 0) c++;
        if (c == shape->count) {
            free(places);
            return true;
        }
        places[a] = c;
    }
    *out = places;
    return true;
}

static int shape_body(lua_State *L) {
    row_shape_open(L, lua_touserdata(L, 1));
    return 0;
}

bool mapper_bind(struct functions *self, int table, const struct pg_column *columns, int count,
                 const struct dynamodb_schema *schema, struct error *err) {
    struct mapper *m = (struct mapper *)self;
    struct mapper_table *t = &m->tables[table];
    int functions = m->plan->functions.count;
    mapper_table_free(m, t);
    for (int i = 0; i < functions; i++) m->list[i].repeat.count = 0;
    *t = (struct mapper_table){.schema = schema};
    t->names = calloc((size_t)count + 1, sizeof *t->names);
    t->arguments = calloc((size_t)functions + 1, sizeof *t->arguments);
    t->shape = (struct row_shape){.columns = columns, .names = t->names, .count = count, .now = &m->now};
    t->shape.known = calloc((size_t)count + 1, sizeof *t->shape.known);
    for (t->shape.slots = 2; t->shape.slots < 2 * (size_t)count; t->shape.slots *= 2) continue;
    t->shape.found = calloc(t->shape.slots, sizeof *t->shape.found);
    bool ok = t->names && t->arguments && t->shape.known && t->shape.found;
    for (int i = 0; ok && i < count; i++) t->names[i] = columns[i].name;
    for (int i = 0; ok && i < functions; i++) ok = find_arguments(&m->list[i], &t->shape, &t->arguments[i]);
    lua_settop(m->L, MAPPER_HANDLER);
    lua_pushcfunction(m->L, shape_body);
    lua_pushlightuserdata(m->L, &t->shape);
    ok = ok && lua_pcall(m->L, 1, 0, 0) == LUA_OK;
    return ok || error_memory(err, "the plan's functions are bound to a table");
}

void mapper_begin(struct functions *self) {
    struct mapper *m = (struct mapper *)self;
    m->begins = true;
    m->now.serial++;
}

/* --- calling --- */

/* Pushes the object of the row under way, which its calls share. */
static void push_row(lua_State *L, struct mapper *m) {
    if (m->row_serial == m->now.serial) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, m->row_reference);
        return;
    }
    row_push(L, &m->table->shape);
    lua_pushvalue(L, -1);
    lua_rawseti(L, LUA_REGISTRYINDEX, m->row_reference);
    m->now.object = lua_touserdata(L, -1);
    m->row_serial = m->now.serial;
}

int mapper_push_call(lua_State *L, struct mapper *m) {
    const struct mapper_function *f = m->function;
    if (m->table->arguments == NULL) luaL_error(L, "its table is not bound");
    lua_rawgeti(L, LUA_REGISTRYINDEX, f->reference);
    if (f->columns == NULL) {
        push_row(L, m);
        return 1;
    }
    const int *places = m->table->arguments[f - m->list];
    if (places == NULL) luaL_error(L, "its columns are not among those that were read");
    luaL_checkstack(L, f->column_count + LUA_MINSTACK, "too many columns");
    row_push_kept(L, &m->table->shape);
    lua_insert(L, -2);
    int kept = lua_gettop(L) - 1;
    for (int i = 0; i < f->column_count; i++) row_push_column(L, &m->table->shape, kept, places[i]);
    lua_remove(L, kept);
    return f->column_count;
}

/* What was raised becomes a text. */
int mapper_message(lua_State *L) {
    if (lua_type(L, 1) == LUA_TSTRING) return 1;
    if (lua_isnil(L, 1)) {
        lua_pushliteral(L, "an error without a message");
    } else if (luaL_getmetafield(L, 1, "__tostring") != LUA_TNIL) {
        luaL_tolstring(L, 1, NULL);
    } else {
        lua_pushfstring(L, "an error that is a %s", luaL_typename(L, 1));
    }
    return 1;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Whether a message begins with file:line: (and not with 12:30:59) */
static bool has_place(const char *text) {
    for (const char *s = text; *s && *s != '\n' && s - text < 200; s++) {
        if (*s != ':' || !is_digit(s[1]) || s == text || is_digit(s[-1])) continue;
        size_t digits = strspn(s + 1, "0123456789");
        if (s[1 + digits] == ':') return true;
    }
    return false;
}

/* The message is kept as one line of UTF-8: half a character at its end, where it was cut, and odd bytes would spoil the reports. */
static void clean(char *text) {
    size_t n = strlen(text);
    for (size_t cut = 1; cut <= 3 && cut < n && !utf8_valid(text, n); cut++) {
        if (utf8_valid(text, n - cut)) text[n -= cut] = '\0';
    }
    bool valid = utf8_valid(text, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < ' ' || c == 127) text[i] = ' ';
        if (c >= 128 && !valid) text[i] = '?';
    }
}

static int collect_body(lua_State *L) {
    lua_gc(L, LUA_GCCOLLECT);
    return 0;
}

/* After LUA_ERRMEM: finalizers may run, so it is a call like any other. */
static void collect(struct mapper *m) {
    watch_enter(&m->watch);
    lua_settop(m->L, MAPPER_HANDLER);
    lua_pushcfunction(m->L, collect_body);
    if (lua_pcall(m->L, 0, 0, 0) != LUA_OK) lua_settop(m->L, MAPPER_HANDLER);
    watch_leave(&m->watch);
}

/* Why the call failed, whose error value is on top. */
static enum map_result failed(struct mapper *m, int status, bool stopped) {
    struct map_reject *reject = m->reject;
    const char *text = lua_type(m->L, -1) == LUA_TSTRING ? lua_tostring(m->L, -1) : "an error in an error";
    reject->reason = m->writer.reason ? m->writer.reason : REJECT_FUNCTION;
    if (stopped) {
        reject->reason = REJECT_FUNCTION;
        snprintf(reject->message, sizeof reject->message, "%s: it ran longer than mapping_timeout allows (%lld ms)",
                 m->function->where, (long long)m->watch.limit_ms);
    } else if (status == LUA_ERRMEM) {
        reject->reason = REJECT_FUNCTION;
        snprintf(reject->message, sizeof reject->message, "%s: it needs more than mapping_memory allows (%zu bytes)",
                 m->function->where, m->memory.limit);
        collect(m);
    } else {
        snprintf(reject->message, sizeof reject->message, "%s%s%s", has_place(text) ? "" : m->function->where,
                 has_place(text) ? "" : ": ", text);
    }
    clean(reject->message);
    return MAP_REJECT;
}

void mapper_enter(struct mapper *m, int table, int function, const struct pg_row *row, struct map_reject *reject) {
    if (!m->begins) m->now.serial++;
    m->now.row = row;
    m->table = &m->tables[table];
    m->function = &m->list[function];
    m->reject = reject;
    m->result = MAP_ITEM;
    attribute_writer_begin(&m->writer, m->function->where);
    lua_settop(m->L, MAPPER_HANDLER);
}

int mapper_protected(struct mapper *m, lua_CFunction body) {
    lua_pushcfunction(m->L, body);
    lua_pushlightuserdata(m->L, m);
    return lua_pcall(m->L, 1, 1, MAPPER_HANDLER);
}

enum map_result mapper_leave(struct mapper *m, int status) {
    bool stopped = watch_leave(&m->watch);
    return status == LUA_OK && !stopped ? m->result : failed(m, status, stopped);
}

enum map_result mapper_run(struct mapper *m, lua_CFunction body, int table, int function, const struct pg_row *row,
                           struct map_reject *reject) {
    mapper_enter(m, table, function, row, reject);
    watch_enter(&m->watch);
    return mapper_leave(m, mapper_protected(m, body));
}
