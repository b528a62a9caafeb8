/* The Lua interpreter around everything: makes the state, gives it the modules that live inside the program, and hands the
 * command line to lua/hlua/cli.lua.
 *
 * For: the start and the end of the process, and the one way by which C enters Lua.
 * Not for: what a command does (lua/hlua/commands), or what a module offers (one *_module.c each). */
#ifndef LUA_HOST_H
#define LUA_HOST_H

#include <lua.h>
#include <stdbool.h>

/* Runs the command line; returns the exit code. */
int host_main(int argc, char **argv);

/* Calls the function below its `nargs` arguments on the stack, protected. True: its `nresults` results are on the stack.
 * False: one error value is, a text with a traceback, or whatever else was raised, as it was. */
bool host_call(lua_State *L, int nargs, int nresults) __attribute__((warn_unused_result));

#endif
