/* Times in Lua: what a date, time or timestamp column is to a plan's function, and hlua.started.
 *
 * tostring(t) and `..` give the ISO text that templates give; t:format("%Y-%m-%d") has the formats of templates; t.epoch is whole
 * seconds since 1970 (as hlua.epoch counts them); t.year, .month, .day, .hour, .minute, .second, .microsecond. Moments are ordered
 * and compared by value; a time of day only with its like.
 * Not for: arithmetic of times (say .epoch), or time zones (the source's business). */
#ifndef LUA_MOMENT_H
#define LUA_MOMENT_H

#include <lua.h>
#include <stdint.h>

#include "pg/types.h"

struct moment {
    struct pg_time time;
    enum pg_type type;
    int32_t len; /* of data, PostgreSQL's own bytes */
    char data[8];
};

/* Makes the type known to a state; once is enough. */
void moment_open(lua_State *L);

/* Pushes a time column's value. False, with nothing pushed and *why in words that fit after the column's name, when it is infinite, out
 * of the years 1 to 9999, or not a value of its type. */
bool moment_push(lua_State *L, enum pg_type type, struct pg_field field, const char **why);

/* Pushes a moment of UTC, from microseconds since 1970 (of the years 1 to 9999). */
void moment_push_unix(lua_State *L, int64_t microseconds);

/* Microseconds since 1970 of the moment at an index; 0 when something else is there. */
int64_t moment_unix(lua_State *L, int index);

/* The moment at a stack index, or NULL when something else is there. */
const struct moment *moment_test(lua_State *L, int index);

/* The module "hlua.started": the time at which this state first asked for it, frozen. A worker's state has the run's instead. */
int moment_open_started(lua_State *L);

#endif
