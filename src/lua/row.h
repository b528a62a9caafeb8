/* The row that a plan's function gets: row.Column, each converted when it is touched, and once for all functions of a row. pairs(row) goes
 * through the columns in their order. A value is kept for the rows that follow while the column's bytes stay the same.
 *
 * A row is read-only, and lives as long as it is being mapped: one that was kept raises when it is touched. A column that is not there
 * raises with the nearest name. Not for: how values are converted (column_value.h). */
#ifndef LUA_ROW_H
#define LUA_ROW_H

#include <lua.h>
#include <stdint.h>

#include "base/buffer.h"
#include "pg/row.h"

#define ROW_KEPT_BYTES 44 /* of a column, to tell whether the next row has the same: times, numbers, uuids, short texts */

/* The row under way, of one state. */
struct row_now {
    const struct pg_row *row;
    uint64_t serial; /* grows with each row; 0: none is under way */
    struct buffer *scratch;
    const void *object; /* the row object that was made last, which its owner keeps */
};

/* A column from row to row. */
struct row_column {
    uint64_t seen;  /* the row for which its bytes were last looked at */
    uint64_t since; /* the row from which on it has had these bytes */
    uint64_t made;  /* the `since` of the bytes that the kept value was made of */
    int32_t len;    /* of data; -1: NULL */
    char data[ROW_KEPT_BYTES];
};

/* A column's name as Lua has it: short strings are each there once, so that one is known by its address. */
struct row_name {
    const void *string; /* which the state keeps; NULL: no name */
    int column;
};

/* The columns of one plan table. It stays where it is as long as the state. */
struct row_shape {
    const struct pg_column *columns;
    const char *const *names; /* of the columns */
    struct row_column *known; /* one for each column; row_shape_open fills them */
    struct row_name *found;   /* `slots` of them, which row_shape_open fills: a table by address */
    size_t slots;             /* a power of 2, at least twice the columns */
    int count;
    struct row_now *now;
    int metatable, kept;  /* set by row_shape_open: references in the registry, of the rows' metatable and the values kept, */
    const void *identity; /* and what tells its rows */
};

/* Makes the shape's metatable. May raise (memory). */
void row_shape_open(lua_State *L, struct row_shape *shape);

/* Pushes a new row object for the row under way. May raise (memory). */
void row_push(lua_State *L, struct row_shape *shape);

/* The serial of the row from which on a column (from 0) has had the bytes that it has in the row under way. */
uint64_t row_since(struct row_shape *shape, int column);

/* Pushes the table of the values kept. Needs one place on the stack; does not raise. */
void row_push_kept(lua_State *L, const struct row_shape *shape);

/* Pushes the value of a column (from 0) of the row under way, if nothing has to be made for that, so that it cannot raise; false: nothing
 * is pushed. `kept`: the index of the table of the values kept. */
bool row_push_ready(lua_State *L, struct row_shape *shape, int kept, int column);

/* Pushes that value in any case. Raises, naming the column, when Lua cannot have it. */
void row_push_column(lua_State *L, struct row_shape *shape, int kept, int column);

#endif
