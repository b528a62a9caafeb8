#include "lua/column_value.h"

#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "base/json.h"
#include "lua/decimal.h"
#include "lua/moment.h"
#include "pg/types.h"

/* What a JSON column's decoder works on. */
struct decoder {
    struct json json;
    const struct pg_column *column;
    struct buffer *scratch; /* a string without its escapes */
};

void column_value_open(lua_State *L) {
    luaL_newmetatable(L, COLUMN_VALUE_LIST);
    luaL_newmetatable(L, COLUMN_VALUE_MAP);
    lua_pop(L, 2);
}

static void refuse(lua_State *L, const struct pg_column *column, const char *why) {
    luaL_error(L, "column %s %s", column->name, why);
}

static const char *number_problem(enum pg_number state) {
    switch (state) {
    case PG_NUMBER_NAN: return "is NaN, which DynamoDB does not have";
    case PG_NUMBER_INFINITE: return "is infinity, which DynamoDB does not have";
    case PG_NUMBER_LONG: return "has more digits than DynamoDB can hold";
    default: return "is not a value of its type";
    }
}

/* --- JSON --- */

static void refuse_json(lua_State *L, const struct decoder *d, const char *why) {
    luaL_error(L, "column %s is not JSON that Lua can hold: %s", d->column->name, why);
}

static void push_string(lua_State *L, struct decoder *d) {
    const struct json *j = &d->json;
    if (!j->escaped) {
        lua_pushlstring(L, j->text, j->len);
        return;
    }
    d->scratch->len = 0;
    if (!buffer_reserve(d->scratch, j->len)) luaL_error(L, "not enough memory");
    size_t n = json_unescape(d->scratch->data, j->text, j->len);
    if (n == (size_t)-1) refuse_json(L, d, "half of a surrogate pair");
    lua_pushlstring(L, d->scratch->data, n);
}

/* An integer when a 64-bit one has these very digits. */
static void push_number(lua_State *L, const struct decoder *d) {
    const struct json *j = &d->json;
    char text[24];
    if (j->len < sizeof text) {
        memcpy(text, j->text, j->len);
        text[j->len] = '\0';
        if (text[strspn(text, "-0123456789")] == '\0' && lua_stringtonumber(L, text) != 0) {
            if (lua_isinteger(L, -1)) return;
            lua_pop(L, 1);
        }
    }
    decimal_push(L, j->text, j->len);
}

static void push_value(lua_State *L, struct decoder *d, enum json_token token);

static void push_array(lua_State *L, struct decoder *d) {
    lua_newtable(L);
    luaL_setmetatable(L, COLUMN_VALUE_LIST);
    for (lua_Integer i = 1;; i++) {
        enum json_token token = json_next(&d->json);
        if (token == JSON_ARRAY_END) return;
        push_value(L, d, token);
        lua_rawseti(L, -2, i);
    }
}

static void push_object(lua_State *L, struct decoder *d) {
    lua_newtable(L);
    luaL_setmetatable(L, COLUMN_VALUE_MAP);
    for (;;) {
        enum json_token token = json_next(&d->json);
        if (token == JSON_OBJECT_END) return;
        if (token != JSON_KEY) refuse_json(L, d, d->json.problem);
        push_string(L, d);
        lua_pushvalue(L, -1);
        if (lua_rawget(L, -3) != LUA_TNIL) refuse_json(L, d, "an object has the same key twice");
        lua_pop(L, 1);
        push_value(L, d, json_next(&d->json));
        lua_rawset(L, -3);
    }
}

/* Not deeper than JSON_DEPTH_MAX: the reader refuses what is. */
static void push_value(lua_State *L, struct decoder *d, enum json_token token) {
    luaL_checkstack(L, 6, "JSON that is nested too deep");
    switch (token) {
    case JSON_OBJECT: push_object(L, d); break;
    case JSON_ARRAY: push_array(L, d); break;
    case JSON_STRING: push_string(L, d); break;
    case JSON_NUMBER: push_number(L, d); break;
    case JSON_TRUE: lua_pushboolean(L, 1); break;
    case JSON_FALSE: lua_pushboolean(L, 0); break;
    case JSON_NULL: lua_pushlightuserdata(L, NULL); break; /* cjson.null */
    default: refuse_json(L, d, d->json.problem ? d->json.problem : "a value is missing");
    }
}

static void push_json(lua_State *L, const struct pg_column *column, struct pg_field field, struct buffer *scratch) {
    struct decoder d = {.column = column, .scratch = scratch};
    struct pg_field text;
    if (!pg_json(column->type, field, &text)) refuse(L, column, "is not a value of its type");
    json_init(&d.json, text.data, (size_t)text.len);
    push_value(L, &d, json_next(&d.json));
    if (json_next(&d.json) != JSON_END) refuse_json(L, &d, d.json.problem ? d.json.problem : "something follows it");
}

/* --- the other types --- */

static void push_numeric(lua_State *L, const struct pg_column *column, struct pg_field field) {
    char text[PG_NUMBER_MAX];
    size_t len = 0;
    enum pg_number state = pg_number_text(column->type, field, text, &len);
    if (state != PG_NUMBER_OK) refuse(L, column, number_problem(state));
    decimal_push(L, text, len);
}

/* A float4 becomes the float of the same shortest digits: 0.1 stays 0.1. NaN and infinity are floats in Lua as well. */
static void push_float(lua_State *L, const struct pg_column *column, struct pg_field field) {
    char text[PG_NUMBER_MAX + 1];
    size_t len = 0;
    double value;
    if (!pg_float(column->type, field, &value)) refuse(L, column, "is not a value of its type");
    if (column->type == PG_FLOAT4 && isfinite(value) && pg_number_text(PG_FLOAT4, field, text, &len) == PG_NUMBER_OK) {
        text[len] = '\0';
        if (lua_stringtonumber(L, text) != 0) {
            value = lua_tonumber(L, -1);
            lua_pop(L, 1);
        }
    }
    lua_pushnumber(L, value);
}

void column_value_push(lua_State *L, const struct pg_column *column, struct pg_field field, struct buffer *scratch) {
    const char *why;
    if (field.len < 0) {
        lua_pushnil(L);
        return;
    }
    switch (column->type) {
    case PG_BOOL: {
        bool truth;
        if (!pg_bool(field, &truth)) refuse(L, column, "is not a value of its type");
        lua_pushboolean(L, truth);
        return;
    }
    case PG_INT2:
    case PG_INT4:
    case PG_INT8: {
        int64_t value;
        if (!pg_integer(column->type, field, &value)) refuse(L, column, "is not a value of its type");
        lua_pushinteger(L, value);
        return;
    }
    case PG_FLOAT4:
    case PG_FLOAT8: push_float(L, column, field); return;
    case PG_NUMERIC: push_numeric(L, column, field); return;
    case PG_UUID: {
        char text[PG_UUID_TEXT];
        if (!pg_uuid_text(field, text)) refuse(L, column, "is not a value of its type");
        lua_pushlstring(L, text, sizeof text);
        return;
    }
    case PG_DATE:
    case PG_TIME:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ:
        if (!moment_push(L, column->type, field, &why)) refuse(L, column, why);
        return;
    case PG_JSON:
    case PG_JSONB:
    case PG_SERVER_JSON: push_json(L, column, field, scratch); return;
    case PG_TEXT:
    case PG_BYTEA:
    case PG_SERVER_TEXT: break;
    }
    lua_pushlstring(L, field.data, (size_t)field.len);
}
