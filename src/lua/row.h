/* The row that a plan's function gets: row.Column, each converted when it is touched, and once for all functions of a row. pairs(row) goes
 * through the columns in their order.
 *
 * A row is read-only, and lives as long as it is being mapped: one that was kept raises when it is touched. A column that is not there
 * raises with the nearest name. Not for: how values are converted (column_value.h). */
#ifndef LUA_ROW_H
#define LUA_ROW_H

#include <lua.h>
#include <stdint.h>

#include "base/buffer.h"
#include "pg/row.h"

/* The row under way, of one state. */
struct row_now {
    const struct pg_row *row;
    uint64_t serial; /* grows with each row; 0: none is under way */
    struct buffer *scratch;
};

/* The columns of one plan table. It stays where it is as long as the state. */
struct row_shape {
    const struct pg_column *columns;
    const char *const *names; /* of the columns */
    uint64_t *known;          /* of each: the serial of the row whose value is kept; 0 at first */
    int count;
    struct row_now *now;
    int metatable, kept;  /* set by row_shape_open: references in the registry, of the rows' metatable and the values kept, */
    const void *identity; /* and what tells its rows */
};

/* Makes the shape's metatable. May raise (memory). */
void row_shape_open(lua_State *L, struct row_shape *shape);

/* Pushes a new row object for the row under way. May raise (memory). */
void row_push(lua_State *L, struct row_shape *shape);

/* Pushes the value of a column (from 0) of the row under way. Raises, naming the column, when Lua cannot have it. */
void row_push_column(lua_State *L, struct row_shape *shape, int column);

#endif
