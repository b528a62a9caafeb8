/* What every Lua state of the program has: Lua's libraries, lua-cjson, and the modules inside the program. The main state and the
 * workers' states are made alike.
 *
 * Not for: running anything in them (host.h, mapper.h). */
#ifndef LUA_STATE_H
#define LUA_STATE_H

#include <lua.h>

/* Opens all that in a new state. `scripts`: the folder of --scripts, from which the embedded Lua files are read instead; or NULL.
 * Raises; the text of `scripts` is copied. */
void state_open(lua_State *L, const char *scripts);

/* The folder that state_open was given, or NULL; valid as long as the state. */
const char *state_scripts(lua_State *L);

#endif
