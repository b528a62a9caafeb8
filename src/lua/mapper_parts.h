/* The inside of a worker's functions, for mapper.c (binding, protection), mapper_call.c (values), mapper_map.c (items), mapper_reject.c
 * (on_reject) and mapper_open.c (the state) alone. */
#ifndef LUA_MAPPER_PARTS_H
#define LUA_MAPPER_PARTS_H

#include "lua/attribute_value.h"
#include "lua/mapper.h"
#include "lua/pool.h"
#include "lua/row.h"
#include "lua/watch.h"
#include "mapping/free_item.h"

/* What the Lua state may hold. */
struct memory {
    size_t used, limit;
    struct pool pool;
};

/* The index on the stack, outside of calls, of the function that makes a text of what was raised. Nothing else stays there. */
#define MAPPER_HANDLER 1

/* What an hlua.fn gave last: nil or a text. */
struct mapper_repeat {
    const struct mapper_table *table;
    uint64_t serial; /* the row that it was called for */
    int count;       /* of the columns that it depends on; 0: nothing is kept */
    const int *columns;
    int reference; /* in the registry: what holds the text; never nil */
    struct function_value value;
};

/* One of the plan's functions. */
struct mapper_function {
    int reference;               /* in the registry */
    char where[LUA_IDSIZE + 16]; /* file:line of its definition */
    char **columns;              /* of an hlua.fn; NULL: it gets the row */
    int column_count;
    struct mapper_repeat repeat;
};

/* One of the plan's tables. */
struct mapper_table {
    const struct dynamodb_schema *schema;
    struct row_shape shape;
    const char **names;
    int **arguments; /* for each function: the places of its columns, from 0; NULL: it gets the row, or is another table's */
    struct free_item *item; /* made when first needed */
};

struct mapper {
    struct functions functions;
    const struct plan *plan;
    lua_State *L;
    struct memory memory;
    struct watch watch;
    bool watching;
    struct attribute_writer writer;
    struct buffer scratch;
    struct row_now now;
    bool begins;         /* the caller says when a row begins */
    int row_reference;   /* in the registry: the row object of the row under way */
    uint64_t row_serial; /* the row that it was made for */
    struct mapper_function *list;
    struct mapper_table *tables;
    /* the call under way */
    const struct mapper_function *function;
    struct mapper_table *table;
    struct function_value *value;
    struct item_sink *sink;
    const char *makes; /* map or on_reject */
    struct function_reject *mending;
    struct map_reject *reject;
    enum map_result result;
    bool item_open;
};

/* mapper.c and mapper_map.c, for the others */

/* Makes a call of a function for a row the one under way, and clears the stack but for MAPPER_HANDLER. */
void mapper_enter(struct mapper *m, int table, int function, const struct pg_row *row, struct map_reject *reject);
/* Runs a body (its argument: the mapper) protected; returns Lua's status. One value, its or the error's, lies on top. */
int mapper_protected(struct mapper *m, lua_CFunction body);
/* After watch_enter and a protected call of that status: what came of it. */
enum map_result mapper_leave(struct mapper *m, int status);
/* All of that for one body. */
enum map_result mapper_run(struct mapper *m, lua_CFunction body, int table, int function, const struct pg_row *row,
                           struct map_reject *reject);
/* The same for a body whose items go to a sink; `makes` is what messages call the function. */
enum map_result mapper_run_items(struct mapper *m, lua_CFunction body, const char *makes, int table, int function,
                                 const struct pg_row *row, struct item_sink *sink, struct map_reject *reject);
/* Within a body: pushes the function under way and its arguments, whose number is returned. */
int mapper_push_call(lua_State *L, struct mapper *m);
/* Within a body: writes the items that lie on the stack from `first` on; returns 0. */
int mapper_put_items(lua_State *L, struct mapper *m, int first);

/* The other files, for mapper_open.c */

/* What was raised (its argument) as a text. */
int mapper_message(lua_State *L);
bool mapper_bind(struct functions *self, int table, const struct pg_column *columns, int count,
                 const struct dynamodb_schema *schema, struct error *err);
void mapper_begin(struct functions *self);
enum map_result mapper_call(struct functions *self, int table, int function, const struct pg_row *row, struct function_value *out,
                            struct map_reject *reject);
enum map_result mapper_map(struct functions *self, int table, int function, const struct pg_row *row, struct item_sink *sink,
                           struct map_reject *reject);
enum map_result mapper_mend(struct functions *self, int table, int function, const struct pg_row *row,
                            struct function_reject *why, struct item_sink *sink, struct map_reject *reject);
void mapper_table_free(struct mapper *m, struct mapper_table *t);

#endif
