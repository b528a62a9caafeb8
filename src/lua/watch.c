#include "lua/watch.h"

#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* older C libraries lack the name */
#endif

#define TICKS 4 /* in the time limit */
#define TICK_SIGNAL (SIGRTMIN + 5)
#define IDLE_TICKS 8 /* without a call: the timer rests */

/* A signal of a timer that is deleted may still come (a sanitizer delays them): only a watch that is in this list is touched. */
static _Thread_local struct watch *watches;

/* Stays set, so that a pcall of the function's own does not swallow it: whatever runs next raises again. */
static void raise_timeout(lua_State *L, lua_Debug *where) {
    (void)where;
    luaL_error(L, "ran longer than mapping_timeout allows");
}

static void set_timer(struct watch *w, int64_t tick_ms) {
    struct timespec tick = {.tv_sec = tick_ms / 1000, .tv_nsec = tick_ms % 1000 * 1000000};
    struct itimerspec spec = {.it_interval = tick, .it_value = tick};
    timer_settime(w->timer, 0, &spec, NULL);
}

/* Async-signal-safe: timer_settime is by POSIX, lua_sethook by Lua's manual. */
static void tick(struct watch *w) {
    if (w->seen == w->calls) {
        w->ticks++;
    } else {
        w->seen = w->calls;
        w->ticks = 1;
    }
    if (!w->inside) {
        if (w->ticks < IDLE_TICKS) return;
        w->armed = 0;
        set_timer(w, 0);
        return;
    }
    if (w->ticks <= TICKS) return;
    const int mask = LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT;
    w->fired = 1;
    lua_sethook(w->L, raise_timeout, mask, 1);
    if (w->running != w->L) lua_sethook(w->running, raise_timeout, mask, 1);
}

static void on_tick(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)context;
    int saved = errno;
    for (struct watch *w = watches; w; w = w->next) {
        if (w == info->si_value.sival_ptr) tick(w);
    }
    errno = saved;
}

static void install(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_tick;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(TICK_SIGNAL, &action, NULL);
}

bool watch_open(struct watch *w, lua_State *L, int64_t limit_ms, struct error *err) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    *w = (struct watch){.L = L, .running = L, .limit_ms = limit_ms};
    pthread_once(&once, install);
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, TICK_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = TICK_SIGNAL;
    event.sigev_value.sival_ptr = w;
    event.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_MONOTONIC, &event, &w->timer) != 0) {
        return error_set(err, ERROR_LOCAL, "the timer of mapping_timeout: %s", strerror(errno));
    }
    w->next = watches;
    watches = w;
    return true;
}

void watch_close(struct watch *w) {
    for (struct watch **at = &watches; *at; at = &(*at)->next) {
        if (*at != w) continue;
        *at = w->next;
        break;
    }
    timer_delete(w->timer);
}

/* In this order: once `inside` is set a tick does not put the timer to rest. */
void watch_enter(struct watch *w) {
    w->running = w->L;
    w->calls = (sig_atomic_t)((unsigned)w->calls + 1u);
    w->inside = 1;
    if (w->armed) return;
    w->armed = 1;
    set_timer(w, w->limit_ms < TICKS ? 1 : w->limit_ms / TICKS);
}

bool watch_leave(struct watch *w) {
    w->inside = 0;
    if (!w->fired) return false;
    w->fired = 0;
    w->ticks = 0;
    lua_sethook(w->L, NULL, 0, 0);
    return true;
}

/* --- coroutines --- */

/* coroutine.resume: runs Lua's own (upvalue 2), and tells the watch which coroutine runs. Lua's own does not raise once its
 * arguments are right. Upvalue 1: the watch. A coroutine between the stopped one and the main thread is stopped by the next tick. */
static int resume(lua_State *L) {
    struct watch *w = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, 1, LUA_TTHREAD);
    lua_State *before = w->running;
    lua_State *co = lua_tothread(L, 1);
    int nargs = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    w->running = co;
    lua_call(L, nargs, LUA_MULTRET);
    w->running = before;
    return lua_gettop(L);
}

/* What coroutine.wrap gives. Upvalues 1, 2: as resume's; 3: the coroutine. */
static int wrapped(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_pushcclosure(L, resume, 2);
    lua_insert(L, 1);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_insert(L, 2);
    lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
    if (lua_toboolean(L, 1)) return lua_gettop(L) - 1;
    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TSTRING) {
        luaL_where(L, 1);
        lua_insert(L, 2);
        lua_concat(L, 2);
    }
    return lua_error(L);
}

/* coroutine.wrap(f) */
static int wrap(lua_State *L) {
    luaL_checktype(L, 1, LUA_TFUNCTION);
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_pushcclosure(L, wrapped, 3);
    return 1;
}

/* --- xpcall --- */

/* A message handler (upvalue 2) that does not run once the call is stopped: no hook is run in a handler that a hook's error has called,
 * so that nothing could end it. Upvalue 1: the watch. */
static int handler(lua_State *L) {
    const struct watch *w = lua_touserdata(L, lua_upvalueindex(1));
    if (w->fired) return 1;
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    return 1;
}

static int called(lua_State *L, int status, lua_KContext context) {
    (void)status;
    (void)context;
    return lua_gettop(L);
}

/* xpcall(f, handler, ...): Lua's own (upvalue 2), with such a handler; outside of a watched call with the one given, whose traceback
 * then is as ever. Upvalue 1: the watch. */
static int guarded(lua_State *L) {
    const struct watch *w = lua_touserdata(L, lua_upvalueindex(1));
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (w->inside) {
        lua_pushvalue(L, lua_upvalueindex(1));
        lua_pushvalue(L, 2);
        lua_pushcclosure(L, handler, 2);
        lua_replace(L, 2);
    }
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, called);
    return lua_gettop(L);
}

void watch_functions(struct watch *w, lua_State *L) {
    static const luaL_Reg functions[] = {{"resume", resume}, {"wrap", wrap}, {NULL, NULL}};
    lua_getglobal(L, "coroutine");
    lua_pushlightuserdata(L, w);
    lua_getfield(L, -2, "resume");
    luaL_setfuncs(L, functions, 2);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, w);
    lua_getglobal(L, "xpcall");
    lua_pushcclosure(L, guarded, 2);
    lua_setglobal(L, "xpcall");
}
