/* What a plan's function returned, as a DynamoDB value, with its size.
 *
 *   nil: absent; string: S (UTF-8); number: N (floats in the shortest digits that read back the same); boolean: BOOL; decimal: N, in its
 *   own digits; time: S, its ISO text; cjson.null and hlua.null: NULL; a table: L when its keys are 1 to n, M when they are strings;
 *   hlua.S, N, B, bool, SS, NS, BS, L, M: that type (hlua.L{} and hlua.M{} may be empty, a plain table not).
 *
 * The bytes do not depend on the order of pairs: a map's keys and a set's elements are sorted. Tables are read raw, no metamethod
 * runs. Not for: whole items (mapping/free_item.h). */
#ifndef LUA_ATTRIBUTE_VALUE_H
#define LUA_ATTRIBUTE_VALUE_H

#include <lua.h>
#include <stdint.h>

#include "base/buffer.h"
#include "dynamodb/value.h"
#include "mapping/functions.h"
#include "pg/types.h"

/* How many keys a table has for its order to be kept: tables of a plan mostly have the same keys, row after row. */
#define ATTRIBUTE_ORDER_MAX 48

/* Scratch memory and the state of one conversion; kept from row to row. */
struct attribute_writer {
    struct buffer json; /* the value, when it is no S, N, B */
    struct buffer keys; /* keys of the maps under way, to sort them */
    struct buffer text; /* elements of the set under way */
    char number[PG_NUMBER_MAX];
    const void *node;   /* the metatable of hlua's constructed values (lua/hlua/node.lua) */
    const char *where;  /* file:line that messages begin with */
    const char *reason; /* after a refusal: REJECT_FUNCTION, REJECT_ITEM_SIZE */
    size_t size;        /* of the value under way, by DynamoDB's rule */
    /* Of the last table of so many keys: where each of its keys came, in the order of `pairs`. A guess, which is checked. */
    uint8_t order[ATTRIBUTE_ORDER_MAX + 1][ATTRIBUTE_ORDER_MAX];
    int depth; /* of path */
    struct {
        const char *name; /* NULL: an element of a list */
        lua_Integer place;
    } path[DYNAMODB_NESTING_MAX + 4];
};

void attribute_writer_init(struct attribute_writer *w);
void attribute_writer_free(struct attribute_writer *w);

/* Before the values of a call: messages begin with `where`, which stays; the path is empty. */
void attribute_writer_begin(struct attribute_writer *w, const char *where);

/* The kinds of node.lua that a function may return. */
enum node_kind {
    NODE_NONE,
    NODE_S,
    NODE_N,
    NODE_B,
    NODE_BOOL,
    NODE_NULL,
    NODE_SS,
    NODE_NS,
    NODE_BS,
    NODE_L,
    NODE_M,
    NODE_TO,
    NODE_STOP,
    NODE_OTHER
};

/* The kind of the value at an index; NODE_NONE: it is none of hlua's. */
enum node_kind attribute_node(lua_State *L, int index, const struct attribute_writer *w);

/* The value at an index. Raises, with w->reason set, when no attribute can be that. out->text lies in the Lua string itself, or in `w`:
 * it stays valid as long as both do and until the next call. */
void attribute_value_read(lua_State *L, int index, struct attribute_writer *w, struct function_value *out);

/* The same without raising, for the plain values that functions mostly return: nil, a string, an integer, a boolean. False: it is another
 * or cannot be, and attribute_value_read must be asked. */
bool attribute_value_ready(lua_State *L, int index, struct attribute_writer *w, struct function_value *out);

/* A key of a table, as attribute_keys gives it. */
struct attribute_key {
    const char *text;
    size_t len;
    int index; /* of the stack; its value is the next */
};

/* Pushes all keys of the table at an index, which must be strings of UTF-8, each with its value, and appends them, sorted, to w->keys;
 * returns their number. Raises like attribute_value_read. */
int attribute_keys(lua_State *L, int index, struct attribute_writer *w);

/* Raises with a message that begins with where, and the path; `reason` is a REJECT_ word. */
void attribute_refuse(lua_State *L, struct attribute_writer *w, const char *reason, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#endif
