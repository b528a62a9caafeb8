/* SIGINT and SIGTERM: the first asks to stop, the second leaves at once with 130.
 *
 * While the engine runs, the first finishes what is in flight (run_stop); while a script runs, it raises "interrupted" in it, as
 * the stand-alone interpreter does. A loop inside one C function (a pattern match) ends only by the second.
 * Not for: other signals (host.c ignores SIGPIPE and SIGXFSZ). */
#ifndef LUA_INTERRUPT_H
#define LUA_INTERRUPT_H

#include <lua.h>
#include <stdbool.h>

/* Installs the handlers for the process; L is the state of the main thread. */
void interrupt_install(lua_State *L);

/* The state is about to close: a signal no longer touches it. */
void interrupt_forget(void);

/* Tells who has the thread: the engine (true) or Lua (false). Does not nest. */
void interrupt_engine(bool inside);

/* Whether a signal has come. */
bool interrupt_pending(void);

#endif
