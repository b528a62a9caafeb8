/* Calls a plan's on_reject for a row that cannot be mapped. */
#include <lauxlib.h>
#include <stdio.h>

#include "lua/field.h"
#include "lua/mapper_parts.h"

/* Pushes what the function is told of the reject. */
static void push_reject(lua_State *L, const struct function_reject *why) {
    lua_createtable(L, 0, 5);
    field_text(L, "table", why->table);
    field_text(L, "key", why->key);
    field_text(L, "reason", why->reason);
    field_text(L, "message", why->message);
    if (why->item_len == 0) return;
    lua_pushlstring(L, why->item, why->item_len);
    lua_setfield(L, -2, "item");
}

/* hlua.stop(why) at an index: the run is to end. */
static int stop(lua_State *L, struct mapper *m, int index) {
    size_t len;
    lua_getfield(L, index, "why");
    if (lua_type(L, -1) != LUA_TSTRING)
        return luaL_error(L, "hlua.stop needs a text that says why, got a %s", luaL_typename(L, -1));
    const char *text = lua_tolstring(L, -1, &len);
    snprintf(m->reject->message, sizeof m->reject->message, "%.*s", (int)(len < 500 ? len : 500), text);
    m->mending->stop = true;
    m->result = MAP_STOP;
    return 0;
}

/* Argument: struct mapper. */
static int mend_body(lua_State *L) {
    struct mapper *m = lua_touserdata(L, 1);
    int arguments = mapper_push_call(L, m);
    push_reject(L, m->mending);
    lua_call(L, arguments + 1, LUA_MULTRET);
    for (int i = 2; i <= lua_gettop(L); i++) {
        if (lua_istable(L, i) && attribute_node(L, i, &m->writer) == NODE_STOP) return stop(L, m, i);
    }
    return mapper_put_items(L, m, 2);
}

enum map_result mapper_mend(struct functions *self, int table, int function, const struct pg_row *row,
                            struct function_reject *why, struct item_sink *sink, struct map_reject *reject) {
    struct mapper *m = (struct mapper *)self;
    m->now.serial++; /* nothing that is known of another row is this one's */
    m->mending = why;
    why->stop = false;
    return mapper_run_items(m, mend_body, "on_reject", table, function, row, sink, reject);
}
