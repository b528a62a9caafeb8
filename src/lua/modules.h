/* The C modules that Lua sees, and what they share.
 *
 * A module's functions raise on misuse and return nil and an error for a failure from outside. `hlua.core` serves the program's
 * own Lua files and gives errors as tables; modules for scripts give `nil, message, code`. */
#ifndef LUA_MODULES_H
#define LUA_MODULES_H

#include <lua.h>

#include "base/error.h"

struct plan;
struct preview;

int module_open_core(lua_State *L);     /* hlua.core: core_module.c, with limited_, run_, preview_ and rehearse_module.c */
int module_open_dynamodb(lua_State *L); /* hlua.core.dynamodb: dynamodb_module.c */

/* Each adds functions to the table at the top of the stack: limited; create, migrate, status, rejects, examine; preview; rehearse. */
void module_add_limited(lua_State *L);
void module_add_run(lua_State *L);
void module_add_preview(lua_State *L);
void module_add_rehearsal(lua_State *L);

/* Makes coroutines and xpcall of the main state such that `limited` can end what runs in them; before any script runs. May raise (memory). */
void module_limit(lua_State *L);

/* The plan in the userdata at `index`; raises when it is something else. */
const struct plan *module_check_plan(lua_State *L, int index);
struct preview *module_check_preview(lua_State *L, int index); /* likewise, of preview_module.c */

/* Pushes {kind, exit, text, hint, code, retryable}; hint and code are absent when empty. */
void module_push_error(lua_State *L, const struct error *err);

/* Pushes nil and the error's table; returns 2, so that a function can `return module_fail(L, &err)`. */
int module_fail(lua_State *L, const struct error *err);

#endif
