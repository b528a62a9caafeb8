/* From what a plan script returned to struct plan. The judging and the filling in of defaults is Lua's
 * (lua/hlua/load.lua); here the flat form that it gives is copied into plain structs.
 *
 * Not for: running scripts (lua/host.h). */
#ifndef LUA_PLAN_LOADER_H
#define LUA_PLAN_LOADER_H

#include <lua.h>

#include "base/error.h"
#include "engine/plan.h"

/* The plan at a stack index. Nothing of it refers to Lua afterwards; plan_free it. The stack is left as it was, and
 * no Lua error leaves this function. ERROR_PLAN: all that is wrong with the plan, one or more lines each, with file
 * and line; ERROR_LOCAL: memory. */
bool plan_load(lua_State *L, int index, struct plan **out, struct error *err);

/* NULL is fine. */
void plan_free(struct plan *plan);

#endif
