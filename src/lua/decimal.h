/* Exact decimals in Lua: what a numeric column, or a number of a JSON column that is no 64-bit integer, is to a plan's function.
 *
 * A decimal keeps the digits it was made of: it prints them, and passes through unchanged. Decimals are compared by value:
 * == among themselves, < and <= also with numbers, :eq(x) with both. A Lua float stands for the shortest decimal that reads
 * back as it, so that d:eq(0.1) is what it looks like.
 * Not for: arithmetic, which would need a precision; :tonumber() gives an integer when it is one, else a float. */
#ifndef LUA_DECIMAL_H
#define LUA_DECIMAL_H

#include <lua.h>
#include <stddef.h>

#include "pg/types.h"

struct decimal {
    size_t len;
    char text[]; /* as dynamodb_number_check reads numbers (its range aside), terminated */
};

/* Makes the type known to a state; once is enough. */
void decimal_open(lua_State *L);

/* Pushes a decimal. The text must be a number: an optional sign, digits, a point, an exponent. */
void decimal_push(lua_State *L, const char *text, size_t len);

/* The decimal at a stack index, or NULL when something else is there. */
const struct decimal *decimal_test(lua_State *L, int index);

/* Orders two numbers in decimal text by value: below 0, 0, above 0. */
int decimal_order(const char *a, size_t a_len, const char *b, size_t b_len);

/* A finite float as its shortest decimal text, as float columns have it; returns the length. */
size_t decimal_of_float(lua_Number value, char out[PG_NUMBER_MAX]);

/* The metamethod `..` of decimals and moments: both sides as text. */
int decimal_concat(lua_State *L);

#endif
