#include "lua/interrupt.h"

#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "engine/run.h"

#define EXIT_INTERRUPTED 130

static lua_State *volatile state;
static volatile sig_atomic_t in_engine;
static volatile sig_atomic_t signals;
static volatile sig_atomic_t on_terminal; /* standard error is one: ^C was echoed, so the text needs a line of its own */

static void raise_interrupted(lua_State *L, lua_Debug *where) {
    (void)where;
    lua_sethook(L, NULL, 0, 0);
    luaL_error(L, "interrupted");
}

/* Async-signal-safe: write, _exit, flags, and lua_sethook, which Lua allows here by name. */
static void on_signal(int number) {
    (void)number;
    int saved = errno;
    if (signals) _exit(EXIT_INTERRUPTED);
    signals = 1;
    run_stop();
    if (in_engine) {
        static const char text[] = "\nhlua: finishing what is in flight; press Ctrl-C again to leave at once\n";
        size_t skip = on_terminal ? 0 : 1;
        ssize_t ignored = write(STDERR_FILENO, text + skip, sizeof text - 1 - skip);
        (void)ignored;
    } else if (state) {
        lua_sethook(state, raise_interrupted, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
    }
    errno = saved;
}

void interrupt_install(lua_State *L) {
    state = L;
    on_terminal = isatty(STDERR_FILENO) ? 1 : 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaddset(&action.sa_mask, SIGINT);
    sigaddset(&action.sa_mask, SIGTERM);
    /* No SA_RESTART: a wait must wake up. */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void interrupt_forget(void) {
    state = NULL;
}

void interrupt_engine(bool inside) {
    in_engine = inside ? 1 : 0;
}

bool interrupt_pending(void) {
    return signals != 0;
}
