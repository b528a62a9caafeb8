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
#define DATA_MAX ((int32_t)sizeof((struct moment *)0)->data)

static const char
    metatable; /* its address is the key of the metatable in the registry, by which it is found faster than by its name */

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
    lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable);
    lua_setmetatable(L, -2);
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

/* The moment at index 1. What it pushes stays. */
static const struct moment *self(lua_State *L, const void *identity) {
    const struct moment *m = lua_touserdata(L, 1);
    if (m && lua_getmetatable(L, 1) && lua_topointer(L, -1) == identity) return m;
    return luaL_checkudata(L, 1, MOMENT_TYPE); /* which says what is wrong */
}

/* The formats that were parsed last: a plan has a few. Of each the last result, if it is short (a day, an hour): the next is often the same
 * text, and of the same moment where several functions of a row ask for it. */
#define KNOWN_FORMATS 4
#define KNOWN_TEXT 48
#define KNOWN_MADE 16
#define KNOWN_ROOM ((size_t)KNOWN_TEXT * 12) /* format_room's, at most */

struct known_format {
    char text[KNOWN_TEXT];
    struct format format; /* its text is `text` */
    int32_t data_len;     /* 0: no result is kept */
    char data[DATA_MAX];  /* the moment that it is of */
    size_t made_len;
    char made[KNOWN_MADE];
};

struct known_formats {
    const void *identity; /* of the metatable */
    struct known_format all[KNOWN_FORMATS];
    unsigned next;
};

static struct known_format *find_known(struct known_formats *known, enum pg_type type, const char *text, size_t len) {
    for (int i = 0; i < KNOWN_FORMATS && len <= KNOWN_TEXT; i++) {
        struct known_format *k = &known->all[i];
        if (k->format.len == len && k->format.type == type && memcmp(k->text, text, len) == 0) return k;
    }
    return NULL;
}

/* Parses a format. NULL: it is too long to be known, and is in *other. */
static struct known_format *learn(lua_State *L, struct known_formats *known, enum pg_type type, const char *text, size_t len,
                                  struct format *other) {
    struct format_problem problem = {0};
    if (!format_parse(text, len, &type, other, &problem))
        luaL_error(L, "%s%s%s", problem.message, problem.hint ? "; " : "", problem.hint ? problem.hint : "");
    if (len > KNOWN_TEXT || format_room(other, DATA_MAX) > KNOWN_ROOM) return NULL;
    if (other->len != len || other->text != text || other->type != type) return NULL;
    struct known_format *k = &known->all[known->next++ % KNOWN_FORMATS];
    *k = (struct known_format){.format = *other};
    memcpy(k->text, text, len);
    k->format.text = k->text;
    return k;
}

static size_t run_format(lua_State *L, const struct format *format, const struct moment *m, char *room) {
    const char *why = "";
    const char *end = format_run(format, field_of(m), room, &why);
    if (end == NULL) luaL_error(L, "a time that %s", why);
    return (size_t)(end - room);
}

/* Upvalue 2: the last results, in a list. */
static int push_known(lua_State *L, struct known_format *k, lua_Integer place, const struct moment *m) {
    char room[FORMAT_BOUNDED + KNOWN_ROOM];
    if (k->data_len == m->len && memcmp(k->data, m->data, (size_t)m->len) == 0) {
        lua_rawgeti(L, lua_upvalueindex(2), place);
        return 1;
    }
    size_t n = run_format(L, &k->format, m, room);
    if (k->data_len == 0 || n != k->made_len || memcmp(k->made, room, n) != 0) {
        k->data_len = 0;
        lua_pushlstring(L, room, n);
        if (n > KNOWN_MADE) return 1;
        lua_pushvalue(L, -1);
        lua_rawseti(L, lua_upvalueindex(2), place);
        memcpy(k->made, room, n);
        k->made_len = n;
    } else {
        lua_rawgeti(L, lua_upvalueindex(2), place);
    }
    k->data_len = m->len;
    memcpy(k->data, m->data, (size_t)m->len);
    return 1;
}

/* t:format(text). Upvalue 1: struct known_formats. */
static int moment_format(lua_State *L) {
    struct known_formats *known = lua_touserdata(L, lua_upvalueindex(1));
    const struct moment *m = self(L, known->identity);
    size_t len;
    const char *text = luaL_checklstring(L, 2, &len);
    struct format other;
    struct known_format *k = find_known(known, m->type, text, len);
    if (k == NULL) k = learn(L, known, m->type, text, len, &other);
    if (k != NULL) return push_known(L, k, k - known->all + 1, m);
    luaL_Buffer out;
    char *room = luaL_buffinitsize(L, &out, FORMAT_BOUNDED + format_room(&other, m->len));
    luaL_pushresultsize(&out, run_format(L, &other, m, room));
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

/* t.name. Upvalue 1: struct known_formats, 2: the method `format`, which looks itself whose it is. */
static int moment_index(lua_State *L) {
    const char *name = luaL_checkstring(L, 2);
    if (strcmp(name, "format") == 0) {
        lua_pushvalue(L, lua_upvalueindex(2));
        return 1;
    }
    const struct known_formats *known = lua_touserdata(L, lua_upvalueindex(1));
    const struct moment *m = self(L, known->identity);
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
        lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable);
        struct known_formats *known = lua_newuserdatauv(L, sizeof *known, 0);
        *known = (struct known_formats){.identity = lua_topointer(L, -2)};
        lua_pushvalue(L, -1);
        lua_createtable(L, KNOWN_FORMATS, 0);
        lua_pushcclosure(L, moment_format, 2);
        lua_pushcclosure(L, moment_index, 2);
        lua_setfield(L, -2, "__index");
        lua_pushboolean(L, 0);
        lua_setfield(L, -2, "__metatable");
    }
    lua_pop(L, 1);
}
