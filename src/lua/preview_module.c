/* The preview in hlua.core: real rows and what a plan makes of them, for check and for rejects --explain. What is shown of it is
 * for lua/hlua/report. */
#include <lauxlib.h>
#include <string.h>

#include "base/json.h"
#include "engine/preview.h"
#include "lua/field.h"
#include "lua/interrupt.h"
#include "lua/modules.h"

#define PREVIEW_TYPE "hlua.core.preview"
#define ROWS_TYPE "hlua.core.preview_rows"
#define NAME_MAX_BYTES 65535 /* of an attribute */

/* --- owners --- */

struct preview_box {
    struct preview *preview; /* NULL until it is open, and again once it is closed */
    struct run_options options;
};

struct rows_box {
    struct preview_rows rows;
    bool filled;
};

static int preview_gc(lua_State *L) {
    struct preview_box *box = luaL_checkudata(L, 1, PREVIEW_TYPE);
    struct preview *preview = box->preview;
    box->preview = NULL;
    preview_close(preview);
    return 0;
}

static int rows_gc(lua_State *L) {
    struct rows_box *box = luaL_checkudata(L, 1, ROWS_TYPE);
    bool filled = box->filled;
    box->filled = false;
    if (filled) preview_rows_free(&box->rows);
    return 0;
}

struct preview *module_check_preview(lua_State *L, int index) {
    struct preview_box *box = luaL_checkudata(L, index, PREVIEW_TYPE);
    luaL_argcheck(L, box->preview != NULL, index, "the preview is closed");
    return box->preview;
}

/* --- rows into tables --- */

/* An item's attributes in their order, { name =, json = }: json is DynamoDB's, {"S":"..."}. What is no whole attribute ends the list. */
static void push_attributes(lua_State *L, const char *data, size_t n) {
    struct json j;
    luaL_Buffer name;
    json_init(&j, data, n);
    lua_newtable(L);
    if (n == 0 || json_next(&j) != JSON_OBJECT) return;
    for (lua_Integer count = 1; json_next(&j) == JSON_KEY; count++) {
        char *text = j.len <= NAME_MAX_BYTES * 6 ? luaL_buffinitsize(L, &name, j.len + 1) : NULL;
        size_t len = text ? json_unescape(text, j.text, j.len) : (size_t)-1;
        if (text) luaL_pushresultsize(&name, len == (size_t)-1 ? 0 : len);
        if (len == (size_t)-1) {
            if (text) lua_pop(L, 1);
            return;
        }
        enum json_token first = json_next(&j);
        /* the value begins at its first token, a brace */
        const char *from = j.at - 1;
        if (first != JSON_OBJECT || !json_skip(&j, first)) {
            lua_pop(L, 1);
            return;
        }
        lua_createtable(L, 0, 2);
        lua_insert(L, -2);
        lua_setfield(L, -2, "name");
        lua_pushlstring(L, from, (size_t)(j.at - from));
        lua_setfield(L, -2, "json");
        lua_seti(L, -2, count);
    }
}

static void push_item(lua_State *L, const struct preview_item *item) {
    lua_createtable(L, 0, 6);
    field_integer(L, "table", item->table + 1);
    field_text(L, "target", item->target);
    lua_pushlstring(L, item->json, item->len);
    lua_setfield(L, -2, "json");
    push_attributes(L, item->json, item->len);
    lua_setfield(L, -2, "attributes");
    field_integer(L, "size", item->size);
    field_integer(L, "write_units", item->units);
}

static const char *result_name(enum map_result result) {
    return result == MAP_ITEM ? "item" : result == MAP_FILTERED ? "filtered" : "rejected";
}

static void push_outcome(lua_State *L, const struct preview_outcome *o) {
    lua_createtable(L, 0, 6);
    field_text(L, "result", result_name(o->result));
    lua_createtable(L, o->item_count, 0);
    for (int i = 0; i < o->item_count; i++) {
        push_item(L, &o->items[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "items");
    if (o->reason == NULL) return;
    field_text(L, "reason", o->reason);
    field_text(L, "message", o->message);
    if (o->result != MAP_REJECT) return;
    lua_pushlstring(L, o->partial, o->partial_len);
    lua_setfield(L, -2, "partial");
    push_attributes(L, o->partial, o->partial_len);
    lua_setfield(L, -2, "attributes");
}

static void push_fields(lua_State *L, const struct preview_rows *rows, const struct preview_field *fields) {
    lua_createtable(L, rows->column_count, 0);
    for (int i = 0; i < rows->column_count; i++) {
        lua_createtable(L, 0, 4);
        field_text(L, "name", rows->columns[i].name);
        field_text(L, "type", rows->columns[i].sql_type);
        field_text(L, "text", fields[i].text);
        field_integer(L, "bytes", (int64_t)fields[i].whole);
        lua_seti(L, -2, i + 1);
    }
}

static void push_row(lua_State *L, const struct preview_rows *rows, const struct preview_row *row) {
    lua_createtable(L, 0, 4);
    field_text(L, "key", row->key);
    push_outcome(L, &row->outcome);
    lua_setfield(L, -2, "outcome");
    if (row->fields) {
        push_fields(L, rows, row->fields);
        lua_setfield(L, -2, "columns");
    }
    if (row->again) {
        push_outcome(L, row->again);
        lua_setfield(L, -2, "again");
    }
}

static void push_rows(lua_State *L, const struct preview_rows *rows) {
    lua_createtable(L, 0, 5);
    field_text(L, "source", rows->source);
    lua_createtable(L, rows->key_count, 0);
    for (int i = 0; i < rows->key_count; i++) {
        lua_pushstring(L, rows->columns[rows->key[i]].name);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "source_key");
    lua_pushboolean(L, rows->twice);
    lua_setfield(L, -2, "twice");
    lua_pushboolean(L, rows->left_out);
    lua_setfield(L, -2, "left_out");
    lua_createtable(L, rows->count, 0);
    for (int i = 0; i < rows->count; i++) {
        push_row(L, rows, &rows->rows[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "rows");
}

/* --- functions --- */

/* preview(plan, options) -> handle | nil, error. Options: where, limit, ledger. */
static int core_preview(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct preview_box *box = lua_newuserdatauv(L, sizeof *box, 2);
    *box = (struct preview_box){0};
    luaL_setmetatable(L, PREVIEW_TYPE);
    for (int i = 1; i <= 2; i++) {
        lua_pushvalue(L, i);
        lua_setiuservalue(L, -2, i);
    }
    box->options.where = field_option_text(L, 2, "where");
    box->options.ledger = field_option_text(L, 2, "ledger");
    lua_getfield(L, 2, "limit");
    box->options.limit = lua_tointeger(L, -1);
    lua_pop(L, 1);
    struct error err = {0};
    interrupt_engine(true);
    box->preview = preview_open(plan, &box->options, &err);
    interrupt_engine(false);
    return box->preview ? 1 : module_fail(L, &err);
}

/* The number of a plan's table (from 1), as C counts it. */
static int check_table(lua_State *L, int index, const struct preview *p) {
    lua_Integer number = luaL_checkinteger(L, index);
    luaL_argcheck(L, number >= 1 && number <= preview_table_count(p), index, "the plan has no such table");
    return (int)number - 1;
}

static struct rows_box *new_rows(lua_State *L) {
    struct rows_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (struct rows_box){0};
    luaL_setmetatable(L, ROWS_TYPE);
    return box;
}

static int give_rows(lua_State *L, struct rows_box *box, bool ok, const struct error *err) {
    box->filled = true;
    if (!ok) return module_fail(L, err);
    push_rows(L, &box->rows);
    lua_pushcfunction(L, rows_gc); /* Lua has it all now */
    lua_pushvalue(L, -3);
    lua_call(L, 1, 0);
    return 1;
}

/* handle:sample(table, rows) -> rows | nil, error */
static int preview_method_sample(lua_State *L) {
    struct preview *p = module_check_preview(L, 1);
    int table = check_table(L, 2, p);
    lua_Integer wanted = luaL_checkinteger(L, 3);
    luaL_argcheck(L, wanted >= 1 && wanted <= 10000, 3, "a number of rows from 1 to 10000");
    struct rows_box *box = new_rows(L);
    struct error err = {0};
    interrupt_engine(true);
    bool ok = preview_sample(p, table, (int)wanted, &box->rows, &err);
    interrupt_engine(false);
    return give_rows(L, box, ok, &err);
}

/* handle:find(table, key) -> rows, none or one | nil, error */
static int preview_method_find(lua_State *L) {
    struct preview *p = module_check_preview(L, 1);
    int table = check_table(L, 2, p);
    const char *key = luaL_checkstring(L, 3);
    struct rows_box *box = new_rows(L);
    struct error err = {0};
    interrupt_engine(true);
    bool ok = preview_find(p, table, key, &box->rows, &err);
    interrupt_engine(false);
    return give_rows(L, box, ok, &err);
}

/* handle:server() -> { database =, version =, user =, host =, port = } */
static int preview_method_server(lua_State *L) {
    const struct pg_server *server = preview_server(module_check_preview(L, 1));
    lua_createtable(L, 0, 5);
    field_text(L, "database", server->database);
    field_text(L, "user", server->user);
    field_text(L, "host", server->host);
    field_text(L, "port", server->port);
    lua_pushfstring(L, "%d.%d", server->version / 10000, server->version % 10000);
    lua_setfield(L, -2, "version");
    return 1;
}

void module_add_preview(lua_State *L) {
    static const luaL_Reg functions[] = {{"preview", core_preview}, {NULL, NULL}};
    static const luaL_Reg own[] = {{"__gc", preview_gc}, {"__close", preview_gc}, {NULL, NULL}};
    static const luaL_Reg methods[] = {
        {"server", preview_method_server}, {"sample", preview_method_sample}, {"find", preview_method_find}, {NULL, NULL}};
    static const luaL_Reg of_rows[] = {{"__gc", rows_gc}, {"__close", rows_gc}, {NULL, NULL}};
    luaL_newmetatable(L, PREVIEW_TYPE);
    luaL_setfuncs(L, own, 0);
    luaL_newlib(L, methods);
    lua_setfield(L, -2, "__index");
    luaL_newmetatable(L, ROWS_TYPE);
    luaL_setfuncs(L, of_rows, 0);
    lua_pop(L, 2);
    luaL_setfuncs(L, functions, 0);
}
