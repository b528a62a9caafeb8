/* Reads the lowered plan (lua/hlua/lower.lua) off the Lua stack into plain structs in an arena.
 *
 * All functions run inside the loader's protected call and read fields of the table on top of the stack, which they leave as it
 * was. A form that does not fit is a fault of ours (lower.lua and this disagree): it raises. For plan_loader.c and plan_mapping.c
 * only. */
#ifndef LUA_LOWERED_H
#define LUA_LOWERED_H

#include <lua.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/plan.h"

/* What the loading works on. The arena is owned outside of the protected call: a Lua error cannot lose it. */
struct loader {
    struct arena *arena;
    struct plan *plan;
    bool out_of_memory;
    bool refused; /* err says why */
    struct error *err;
};

/* A word of the lowered form and what it means; a list of them ends with a NULL word. */
struct lowered_word {
    const char *text;
    int value;
};

extern const struct lowered_word lowered_type_words[]; /* "S", "N", ...: enum dynamodb_type */

/* An array of at least one element, zeroed. */
void *lowered_array(lua_State *L, struct loader *ld, size_t count, size_t size);

/* A text with its length; NULL when the field is nil. */
const char *lowered_bytes(lua_State *L, struct loader *ld, const char *field, size_t *len);
const char *lowered_text(lua_State *L, struct loader *ld, const char *field);
/* The same; raises when it is nil. */
const char *lowered_required(lua_State *L, struct loader *ld, const char *field);
/* A list of texts; NULL when the field is nil. */
const char *const *lowered_texts(lua_State *L, struct loader *ld, const char *field, int *count);
/* `absent` when the field is nil. */
int lowered_word(lua_State *L, const char *field, const struct lowered_word *words, int absent);
int64_t lowered_integer(lua_State *L, const char *field, int64_t absent);
bool lowered_flag(lua_State *L, const char *field);
void lowered_place(lua_State *L, struct loader *ld, struct plan_place *place);

/* Pushes a table field. */
void lowered_open_table(lua_State *L, const char *field);
/* Pushes a list, or nothing when the field is nil; returns whether it did. */
bool lowered_open_list(lua_State *L, const char *field, int *count);
/* Pushes entry i (from 0) of the list on top, a table. */
void lowered_open_entry(lua_State *L, int i);

/* plan_mapping.c: the mapping of the table on top. */
void lowered_mapping(lua_State *L, struct loader *ld, struct mapping_spec *mapping);

#endif
