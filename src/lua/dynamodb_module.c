/* hlua.core.dynamodb: the synchronous DynamoDB client as a userdata. JSON text in, JSON text out: what is nicer than that is
 * lua/hlua/dynamodb.lua. */
#include <lauxlib.h>

#include "base/buffer.h"
#include "dynamodb/client.h"
#include "engine/run.h"
#include "lua/modules.h"

#define CLIENT_TYPE "hlua.dynamodb.client"
#define RESPONSE_TYPE "hlua.dynamodb.response"
#define RESPONSE_MAX                                                                                                             \
    ((size_t)64 << 20) /* bytes; a page or a batch is at most 16 MB before escapes (API reference, BatchGetItem) */

struct client_box {
    struct dynamodb_client *client; /* NULL: closed */
};

struct response_box {
    struct buffer body;
};

static int client_close(lua_State *L) {
    struct client_box *box = luaL_checkudata(L, 1, CLIENT_TYPE);
    struct dynamodb_client *client = box->client;
    box->client = NULL;
    if (client) dynamodb_client_free(client);
    return 0;
}

static int response_close(lua_State *L) {
    struct response_box *box = luaL_checkudata(L, 1, RESPONSE_TYPE);
    buffer_free(&box->body);
    return 0;
}

/* nil, message, code: a failure as scripts get it, the hint on a line of its own */
static int fail(lua_State *L, const struct error *err) {
    lua_pushnil(L);
    if (err->hint[0])
        lua_pushfstring(L, "%s\nhint: %s", err->text, err->hint);
    else
        lua_pushstring(L, err->text);
    lua_pushstring(L, err->code);
    return 3;
}

/* connect(region, endpoint, profile, allow_http) -> client | nil, message, code; the first three may be nil */
static int client_connect(lua_State *L) {
    struct aws_wish wish = {
        .region = luaL_optstring(L, 1, NULL),
        .endpoint = luaL_optstring(L, 2, NULL),
        .profile = luaL_optstring(L, 3, NULL),
    };
    bool allow_http = lua_toboolean(L, 4);
    struct client_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    box->client = NULL;
    luaL_setmetatable(L, CLIENT_TYPE);
    struct error err = {0};
    box->client = dynamodb_client_new(&wish, allow_http, &err);
    if (!box->client) return fail(L, &err);
    struct dynamodb_patience patience = *dynamodb_client_patience(box->client);
    patience.stop = &run_stopping;
    dynamodb_client_set_patience(box->client, &patience);
    return 1;
}

/* client:call(operation, body) -> response's JSON | nil, message, code */
static int client_call(lua_State *L) {
    struct client_box *box = luaL_checkudata(L, 1, CLIENT_TYPE);
    if (!box->client) return luaL_error(L, "the client is closed");
    const char *operation = luaL_checkstring(L, 2);
    size_t n;
    const char *body = luaL_checklstring(L, 3, &n);
    struct response_box *response = lua_newuserdatauv(L, sizeof *response, 0);
    buffer_init(&response->body, RESPONSE_MAX);
    luaL_setmetatable(L, RESPONSE_TYPE);
    struct error err = {0};
    if (!dynamodb_call(box->client, operation, body, n, &response->body, &err)) return fail(L, &err);
    lua_pushlstring(L, response->body.data, response->body.len);
    buffer_free(&response->body);
    return 1;
}

static void make_type(lua_State *L, const char *name, lua_CFunction close, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, close);
    lua_setfield(L, -2, "__close");
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

int module_open_dynamodb(lua_State *L) {
    static const luaL_Reg methods[] = {{"call", client_call}, {"close", client_close}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"connect", client_connect}, {NULL, NULL}};
    make_type(L, CLIENT_TYPE, client_close, methods);
    make_type(L, RESPONSE_TYPE, response_close, NULL);
    luaL_newlib(L, functions);
    return 1;
}
