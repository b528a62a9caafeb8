/* A column of a row, as Lua has it:
 *
 *   boolean; int2, int4, int8: an integer; float4, float8: a float of the same shortest digits; numeric: a decimal (decimal.h);
 *   text, uuid and every type read as text: a string; bytea: a string of its raw bytes; dates and times: moment.h;
 *   json, jsonb, arrays, composites: tables, decoded exactly (numbers: an integer when a 64-bit one holds them, else a decimal; null:
 *   cjson.null, as in hlua.dynamodb); NULL: nil.
 *
 * Not for: the way back (attribute_value.h). */
#ifndef LUA_COLUMN_VALUE_H
#define LUA_COLUMN_VALUE_H

#include <lua.h>

#include "base/buffer.h"
#include "pg/row.h"

/* The metatables of decoded arrays and objects, in the registry: what tells an empty list from an empty map. */
#define COLUMN_VALUE_LIST "JSON array"
#define COLUMN_VALUE_MAP "JSON object"

/* Makes those known to a state; once is enough. */
void column_value_open(lua_State *L);

/* Pushes a field's value. Raises, naming the column, when Lua cannot have it: NaN, infinity, malformed JSON. `scratch` is kept by the
 * caller from call to call. */
void column_value_push(lua_State *L, const struct pg_column *column, struct pg_field field, struct buffer *scratch);

#endif
