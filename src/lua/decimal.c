#include "lua/decimal.h"

#include <endian.h>
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define DECIMAL_TYPE "decimal"

/* An exponent beyond this orders like any other that is as large. */
#define EXPONENT_CLAMP INT64_C(1000000000000)

/* --- order --- */

struct digits {
    int sign;             /* -1, 0, 1 */
    int64_t power;        /* of ten, of the first digit that is not 0 */
    const char *at, *end; /* from that digit to the end of the mantissa; a point may be among them */
};

static int64_t read_exponent(const char *at, const char *end) {
    int64_t value = 0;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    for (; at < end && value < EXPONENT_CLAMP; at++) value = value * 10 + (*at - '0');
    return negative ? -value : value;
}

static struct digits read_digits(const char *text, size_t len) {
    const char *at = text, *end = text + len;
    struct digits d = {.sign = 1, .at = NULL};
    if (at < end && (*at == '-' || *at == '+')) d.sign = *at++ == '-' ? -1 : 1;
    int64_t before = 0, first = 0, seen = 0; /* digits before the point, before the first one that counts, in all */
    bool point = false;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        if (d.at == NULL && *at != '0') d.at = at, first = seen;
        seen++;
        if (!point) before++;
    }
    if (d.at == NULL) return (struct digits){.sign = 0};
    d.end = at;
    d.power = before - 1 - first + (at < end ? read_exponent(at + 1, end) : 0);
    return d;
}

/* The next digit of a mantissa; 0 when it has ended. */
static char next_digit(struct digits *d) {
    if (d->at < d->end && *d->at == '.') d->at++;
    return d->at < d->end ? *d->at++ : '0';
}

int decimal_order(const char *a, size_t a_len, const char *b, size_t b_len) {
    struct digits x = read_digits(a, a_len), y = read_digits(b, b_len);
    if (x.sign != y.sign) return x.sign - y.sign;
    if (x.sign == 0) return 0;
    if (x.power != y.power) return x.power > y.power ? x.sign : -x.sign;
    while (x.at < x.end || y.at < y.end) {
        char p = next_digit(&x), q = next_digit(&y);
        if (p != q) return p > q ? x.sign : -x.sign;
    }
    return 0;
}

size_t decimal_of_float(lua_Number value, char out[PG_NUMBER_MAX]) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits = htobe64(bits);
    char sent[sizeof bits];
    memcpy(sent, &bits, sizeof bits);
    size_t len = 0;
    pg_number_text(PG_FLOAT8, (struct pg_field){.data = sent, .len = sizeof sent}, out, &len);
    return len;
}

/* --- in Lua --- */

void decimal_push(lua_State *L, const char *text, size_t len) {
    struct decimal *d = lua_newuserdatauv(L, sizeof *d + len + 1, 0);
    d->len = len;
    memcpy(d->text, text, len);
    d->text[len] = '\0';
    luaL_setmetatable(L, DECIMAL_TYPE);
}

const struct decimal *decimal_test(lua_State *L, int index) {
    return luaL_testudata(L, index, DECIMAL_TYPE);
}

/* One side of a comparison. */
struct operand {
    const char *text;
    size_t len;
    int infinite; /* -1 or 1: beyond every decimal */
    bool nan;
    char room[PG_NUMBER_MAX];
};

/* False when the value is neither a decimal nor a number. */
static bool read_operand(lua_State *L, int index, struct operand *o) {
    const struct decimal *d = decimal_test(L, index);
    o->infinite = 0;
    o->nan = false;
    if (d != NULL) {
        o->text = d->text;
        o->len = d->len;
        return true;
    }
    if (lua_type(L, index) != LUA_TNUMBER) return false;
    o->text = o->room;
    if (lua_isinteger(L, index)) {
        o->len = (size_t)snprintf(o->room, sizeof o->room, "%lld", (long long)lua_tointeger(L, index));
        return true;
    }
    lua_Number value = lua_tonumber(L, index);
    o->nan = isnan(value);
    if (isinf(value)) o->infinite = value > 0 ? 1 : -1;
    o->len = isfinite(value) ? decimal_of_float(value, o->room) : 0;
    return true;
}

enum order { LESS, EQUAL, GREATER, UNORDERED };

static enum order order_of(const struct operand *a, const struct operand *b) {
    if (a->nan || b->nan) return UNORDERED;
    int sign = a->infinite - b->infinite;
    if (a->infinite == 0 && b->infinite == 0) sign = decimal_order(a->text, a->len, b->text, b->len);
    return sign < 0 ? LESS : sign > 0 ? GREATER : EQUAL;
}

/* Of the two arguments of a metamethod. */
static enum order compare(lua_State *L) {
    struct operand a, b;
    if (!read_operand(L, 1, &a) || !read_operand(L, 2, &b)) {
        luaL_error(L, "attempt to compare %s with %s", luaL_typename(L, 1), luaL_typename(L, 2));
    }
    return order_of(&a, &b);
}

static int decimal_lt(lua_State *L) {
    lua_pushboolean(L, compare(L) == LESS);
    return 1;
}

static int decimal_le(lua_State *L) {
    enum order order = compare(L);
    lua_pushboolean(L, order == LESS || order == EQUAL);
    return 1;
}

/* == among userdata: something else than a decimal is just not equal. */
static int decimal_equal(lua_State *L) {
    struct operand a, b;
    lua_pushboolean(L, read_operand(L, 1, &a) && read_operand(L, 2, &b) && order_of(&a, &b) == EQUAL);
    return 1;
}

/* d:eq(x): x a number or a decimal; nil (a NULL column) equals nothing. */
static int decimal_eq(lua_State *L) {
    luaL_checkudata(L, 1, DECIMAL_TYPE);
    struct operand a, b;
    read_operand(L, 1, &a);
    if (!lua_isnoneornil(L, 2) && !read_operand(L, 2, &b)) {
        return luaL_argerror(L, 2, lua_pushfstring(L, "number or decimal expected, got %s", luaL_typename(L, 2)));
    }
    lua_pushboolean(L, !lua_isnoneornil(L, 2) && order_of(&a, &b) == EQUAL);
    return 1;
}

/* Pushes the value as an integer when it is one and Lua can hold it; else pushes nothing. */
static bool push_integer(lua_State *L, const struct decimal *d) {
    char text[24];
    const char *point = strchr(d->text, '.');
    size_t len = point ? (size_t)(point - d->text) : d->len;
    if (len == 0 || len >= sizeof text || strpbrk(d->text, "eE")) return false;
    if (point && strspn(point + 1, "0") != strlen(point + 1)) return false;
    memcpy(text, d->text, len);
    text[len] = '\0';
    if (lua_stringtonumber(L, text) == 0) return false;
    if (lua_isinteger(L, -1)) return true;
    lua_pop(L, 1);
    return false;
}

static int decimal_tonumber(lua_State *L) {
    const struct decimal *d = luaL_checkudata(L, 1, DECIMAL_TYPE);
    if (push_integer(L, d)) return 1;
    if (lua_stringtonumber(L, d->text) == 0) return luaL_error(L, "not a number: %s", d->text);
    lua_pushnumber(L, lua_tonumber(L, -1));
    return 1;
}

static int decimal_tostring(lua_State *L) {
    const struct decimal *d = luaL_checkudata(L, 1, DECIMAL_TYPE);
    lua_pushlstring(L, d->text, d->len);
    return 1;
}

int decimal_concat(lua_State *L) {
    for (int i = 1; i <= 2; i++) {
        int type = lua_type(L, i);
        if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TUSERDATA) {
            return luaL_error(L, "attempt to concatenate a %s value", luaL_typename(L, i));
        }
        luaL_tolstring(L, i, NULL);
    }
    lua_concat(L, 2);
    return 1;
}

static int no_arithmetic(lua_State *L) {
    return luaL_error(L, "exact decimals have no arithmetic: say value:tonumber(), which may round");
}

void decimal_open(lua_State *L) {
    static const luaL_Reg methods[] = {{"eq", decimal_eq}, {"tonumber", decimal_tonumber}, {NULL, NULL}};
    static const luaL_Reg meta[] = {
        {"__tostring", decimal_tostring},
        {"__concat", decimal_concat},
        {"__eq", decimal_equal},
        {"__lt", decimal_lt},
        {"__le", decimal_le},
        {"__add", no_arithmetic},
        {"__sub", no_arithmetic},
        {"__mul", no_arithmetic},
        {"__div", no_arithmetic},
        {"__mod", no_arithmetic},
        {"__unm", no_arithmetic},
        {"__idiv", no_arithmetic},
        {"__pow", no_arithmetic},
        {NULL, NULL},
    };
    if (luaL_newmetatable(L, DECIMAL_TYPE)) {
        luaL_setfuncs(L, meta, 0);
        luaL_newlib(L, methods);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable"); /* scripts see false: nothing of it can be changed */
    }
    lua_pop(L, 1);
}
