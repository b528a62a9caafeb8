/* A plan's functions at work on rows: struct functions (mapping/functions.h) over a Lua state of a worker's own.
 *
 * The state is made of the same bytes as the main one (lua/hlua/sources.lua keeps them), and must come to the same plan. In it
 * clocks and chance are errors (lua/hlua/guard.lua). A call that takes longer than mapping_timeout, or needs more than
 * mapping_memory, rejects its row; the state goes on.
 * Not for: plans without functions, whose workers have no Lua state at all. */
#ifndef LUA_MAPPER_H
#define LUA_MAPPER_H

#include <lua.h>

#include "base/error.h"
#include "engine/plan.h"

/* Fills plan->functions.context and .open for a plan that was just loaded in L (plan->functions.count says how many functions it has; 0:
 * nothing is done). What was read is copied into the plan's arena: nothing refers to L afterwards. A plan whose script was not read by
 * hlua.sources cannot be opened, which is told when it is tried. ERROR_LOCAL: memory. */
bool mapper_source(lua_State *L, struct plan *plan, struct error *err);

#endif
