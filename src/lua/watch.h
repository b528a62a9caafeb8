/* A time limit on Lua calls of one thread, that costs a call nothing: a timer ticks while calls go on, and the same call seen on five
 * ticks in a row has run for longer than the limit; then a hook raises in it. What ends it is between the limit and 1.25 of it.
 *
 * A loop inside one C function (a pattern match) or a finalizer cannot be stopped that way. Not for: interrupts of the user (interrupt.h). */
#ifndef LUA_WATCH_H
#define LUA_WATCH_H

#include <lua.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

#include "base/error.h"

/* Opened and used on one thread; closed there too, or when that thread has ended. */
struct watch {
    struct watch *next;          /* of the thread's */
    lua_State *volatile L;       /* the state's main thread */
    lua_State *volatile running; /* the coroutine that runs; the same as L outside of coroutines */
    timer_t timer;
    int64_t limit_ms;
    volatile sig_atomic_t inside; /* a call goes on */
    volatile sig_atomic_t calls;  /* counts calls, and comes round */
    volatile sig_atomic_t seen;   /* the call that the last tick saw */
    volatile sig_atomic_t ticks;  /* how many ticks have seen it */
    volatile sig_atomic_t armed;
    volatile sig_atomic_t fired; /* the call was stopped */
};

/* The watch must stay where it is until watch_close. ERROR_LOCAL. */
bool watch_open(struct watch *w, lua_State *L, int64_t limit_ms, struct error *err);
void watch_close(struct watch *w);

/* Puts functions that the watch knows of in the place of coroutine.resume and wrap (a hook is a coroutine's own) and of xpcall (no hook runs
 * in a handler that a hook has called). May raise (memory). */
void watch_functions(struct watch *w, lua_State *L);

/* Around a call. watch_leave says whether the call was stopped. */
void watch_enter(struct watch *w);
bool watch_leave(struct watch *w);

#endif
