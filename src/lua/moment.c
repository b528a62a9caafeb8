#include "lua/moment.h"

#include <endian.h>
#include <lauxlib.h>
#include <string.h>
#include <time.h>

#include "lua/decimal.h"
#include "mapping/format.h"

#define MOMENT_TYPE "time"
#define SECOND_US INT64_C(1000000)
#define UNIX_TO_2000_US (INT64_C(10957) * 86400 * SECOND_US) /* PostgreSQL counts from 2000-01-01 */
#define ISO_MAX 32

static const char *problem_of(enum pg_moment state) {
    switch (state) {
    case PG_MOMENT_INFINITE: return "is infinity, which no time of an item can be";
    case PG_MOMENT_RANGE: return "is before the year 1 or after 9999";
    default: return "is not a value of its type";
    }
}

bool moment_push(lua_State *L, enum pg_type type, struct pg_field field, const char **why) {
    struct moment m = {.type = type, .len = field.len};
    enum pg_moment state = pg_moment(type, field, &m.time); /* which has checked the length: 4 or 8 */
    if (state != PG_MOMENT_OK || field.len > (int32_t)sizeof m.data) {
        *why = problem_of(state);
        return false;
    }
    memcpy(m.data, field.data, (size_t)field.len);
    struct moment *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = m;
    luaL_setmetatable(L, MOMENT_TYPE);
    return true;
}

const struct moment *moment_test(lua_State *L, int index) {
    return luaL_testudata(L, index, MOMENT_TYPE);
}

static struct pg_field field_of(const struct moment *m) {
    return (struct pg_field){.data = m->data, .len = m->len};
}

void moment_push_unix(lua_State *L, int64_t microseconds) {
    uint64_t sent = htobe64((uint64_t)(microseconds - UNIX_TO_2000_US));
    const char *why;
    char data[sizeof sent];
    memcpy(data, &sent, sizeof sent);
    if (!moment_push(L, PG_TIMESTAMPTZ, (struct pg_field){.data = data, .len = sizeof data}, &why))
        luaL_error(L, "a time that %s", why);
}

int64_t moment_unix(lua_State *L, int index) {
    const struct moment *m = moment_test(L, index);
    int64_t seconds = 0;
    if (m == NULL || pg_epoch(m->type, field_of(m), &seconds) != PG_MOMENT_OK) return 0;
    return seconds * SECOND_US + m->time.microsecond;
}

int moment_open_started(lua_State *L) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    moment_open(L);
    moment_push_unix(L, (int64_t)now.tv_sec * SECOND_US + now.tv_nsec / 1000);
    return 1;
}

/* --- methods and fields --- */

/* The moment at index 1. Upvalue 1 of each function that asks: the metatable, by which it is found faster than by its name. */
static const struct moment *self(lua_State *L) {
    const struct moment *m = lua_touserdata(L, 1);
    if (m && lua_getmetatable(L, 1)) {
        bool ours = lua_rawequal(L, -1, lua_upvalueindex(1));
        lua_pop(L, 1);
        if (ours) return m;
    }
    return luaL_checkudata(L, 1, MOMENT_TYPE); /* which says what is wrong */
}

/* The formats that were parsed last: a plan has a few. */
#define KNOWN_FORMATS 4
#define KNOWN_TEXT 48

struct known_formats {
    struct known_format {
        char text[KNOWN_TEXT];
        struct format format; /* its text is the caller's */
    } all[KNOWN_FORMATS];
    unsigned next;
};

static void parse(lua_State *L, enum pg_type type, const char *text, size_t len, struct format *out) {
    struct known_formats *known = lua_touserdata(L, lua_upvalueindex(2));
    for (int i = 0; i < KNOWN_FORMATS; i++) {
        const struct known_format *k = &known->all[i];
        if (k->format.len != len || k->format.type != type || len > KNOWN_TEXT || memcmp(k->text, text, len) != 0) continue;
        *out = k->format;
        out->text = text;
        return;
    }
    struct format_problem problem = {0};
    if (!format_parse(text, len, &type, out, &problem))
        luaL_error(L, "%s%s%s", problem.message, problem.hint ? "; " : "", problem.hint ? problem.hint : "");
    if (len > KNOWN_TEXT || out->len != len || out->text != text || out->type != type) return;
    struct known_format *k = &known->all[known->next++ % KNOWN_FORMATS];
    k->format = *out;
    memcpy(k->text, text, len);
}

/* t:format(text) */
static int moment_format(lua_State *L) {
    const struct moment *m = self(L);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    struct format format;
    parse(L, m->type, text, len, &format);
    luaL_Buffer out;
    char *room = luaL_buffinitsize(L, &out, FORMAT_BOUNDED + format_room(&format, m->len));
    const char *why = "";
    size_t n = 0;
    if (!format_run(&format, field_of(m), room, &n, &why)) return luaL_error(L, "a time that %s", why);
    luaL_pushresultsize(&out, n);
    return 1;
}

static int moment_tostring(lua_State *L) {
    const struct moment *m = luaL_checkudata(L, 1, MOMENT_TYPE);
    char text[ISO_MAX];
    lua_pushlstring(L, text, pg_time_iso(m->type, &m->time, text));
    return 1;
}

static int push_epoch(lua_State *L, const struct moment *m) {
    int64_t seconds;
    if (pg_epoch(m->type, field_of(m), &seconds) != PG_MOMENT_OK) return luaL_error(L, "a time of day has no epoch");
    lua_pushinteger(L, seconds);
    return 1;
}

/* t.name. Upvalue 2: the method `format`. */
static int moment_index(lua_State *L) {
    const struct moment *m = self(L);
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "format") == 0) {
        lua_pushvalue(L, lua_upvalueindex(2));
        return 1;
    }
    const struct {
        const char *name;
        int value;
    } parts[] = {{"year", m->time.year},
                 {"month", m->time.month},
                 {"day", m->time.day},
                 {"hour", m->time.hour},
                 {"minute", m->time.minute},
                 {"second", m->time.second},
                 {"microsecond", m->time.microsecond}};
    if (strcmp(name, "epoch") == 0) return push_epoch(L, m);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(name, parts[i].name) != 0) continue;
        lua_pushinteger(L, parts[i].value);
        return 1;
    }
    return luaL_error(L, "a time has no field %s; it has format, epoch, year, month, day, hour, minute, second, microsecond",
                      name);
}

/* --- order --- */

/* Times of day are an order of their own: *like is false between one and a date. */
static int order(const struct moment *a, const struct moment *b, bool *like) {
    const struct pg_time *x = &a->time, *y = &b->time;
    const int parts[][2] = {{x->year, y->year},
                            {x->month, y->month},
                            {x->day, y->day},
                            {x->hour, y->hour},
                            {x->minute, y->minute},
                            {x->second, y->second},
                            {x->microsecond, y->microsecond}};
    *like = (a->type == PG_TIME) == (b->type == PG_TIME);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i][0] != parts[i][1]) return parts[i][0] < parts[i][1] ? -1 : 1;
    }
    return 0;
}

static int compare(lua_State *L) {
    const struct moment *a = moment_test(L, 1), *b = moment_test(L, 2);
    bool like = false;
    int sign = a && b ? order(a, b, &like) : 0;
    if (!like)
        luaL_error(L, "attempt to compare %s with %s", a ? "a time" : luaL_typename(L, 1), b ? "a time" : luaL_typename(L, 2));
    return sign;
}

static int moment_lt(lua_State *L) {
    lua_pushboolean(L, compare(L) < 0);
    return 1;
}

static int moment_le(lua_State *L) {
    lua_pushboolean(L, compare(L) <= 0);
    return 1;
}

static int moment_eq(lua_State *L) {
    const struct moment *a = moment_test(L, 1), *b = moment_test(L, 2);
    bool like = false;
    lua_pushboolean(L, a && b && order(a, b, &like) == 0 && like);
    return 1;
}

void moment_open(lua_State *L) {
    static const luaL_Reg meta[] = {
        {"__tostring", moment_tostring},
        {"__concat", decimal_concat},
        {"__eq", moment_eq},
        {"__lt", moment_lt},
        {"__le", moment_le},
        {NULL, NULL},
    };
    if (luaL_newmetatable(L, MOMENT_TYPE)) {
        luaL_setfuncs(L, meta, 0);
        lua_pushvalue(L, -1);
        lua_pushvalue(L, -1);
        memset(lua_newuserdatauv(L, sizeof(struct known_formats), 0), 0, sizeof(struct known_formats));
        lua_pushcclosure(L, moment_format, 2);
        lua_pushcclosure(L, moment_index, 2);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}
