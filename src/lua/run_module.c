/* The runs in hlua.core: create, migrate, status, rejects, retry; what a run would find at its target. Numbers go from the engine's
 * structs into Lua tables of the same field names; what is shown of them is for lua/hlua/report.
 *
 * The engine calls back on this thread. A callback enters Lua protected; when it fails, the run is asked to stop, and the
 * error is raised once the engine has returned: nothing jumps through the engine's frames. */
#include <lauxlib.h>
#include <string.h>

#include "base/buffer.h"
#include "engine/preview.h"
#include "engine/run.h"
#include "lua/field.h"
#include "lua/host.h"
#include "lua/interrupt.h"
#include "lua/modules.h"

#define SUMMARY_TYPE "hlua.core.summary"
#define RETRY_TYPE "hlua.core.retry"
#define CONTROL_ANSWER_MAX (1024 * 1024)

/* --- numbers into tables --- */

static void set_row_counts(lua_State *L, const struct run_counts *n) {
    field_integer(L, "rows_read", n->rows_read);
    field_integer(L, "rows_written", n->rows_written);
    field_integer(L, "rows_rejected", n->rows_rejected);
    field_integer(L, "rows_filtered", n->rows_filtered);
    field_integer(L, "rows_superseded", n->rows_superseded);
}

static void set_counts(lua_State *L, const struct run_counts *n) {
    set_row_counts(L, n);
    field_integer(L, "items_written", n->items_written);
    field_integer(L, "bytes", n->bytes);
    field_integer(L, "write_units", n->write_units);
}

/* Sets `throttling`, if anything was refused: units by reason, and the key that limits; and `pace`. */
static void set_throttling(lua_State *L, const struct run_throttling *t) {
    int64_t all = 0;
    for (int i = 0; i < RUN_REFUSALS; i++) all += t->refused[i];
    if (t->pace > 0) field_number(L, "pace", t->pace);
    if (all == 0) return;
    lua_createtable(L, 0, 4);
    field_integer(L, "refused_units", all);
    lua_createtable(L, 0, 2);
    for (int i = 0; i < RUN_REFUSALS; i++) {
        if (t->refused[i]) field_integer(L, run_refusal_name(i), t->refused[i]);
    }
    lua_setfield(L, -2, "reasons");
    if (t->key.known) {
        field_text(L, "key", t->key.value);
        if (t->key.index[0]) field_text(L, "index", t->key.index);
    }
    lua_setfield(L, -2, "throttling");
}

/* Sets `consumed`, if the service has said anything. */
static void set_consumed(lua_State *L, const struct run_consumed *c) {
    if (c->computed == 0) return;
    lua_createtable(L, 0, 2);
    field_integer(L, "units", c->units);
    field_integer(L, "computed", c->computed);
    lua_setfield(L, -2, "consumed");
}

/* Sets `this_time`, if this process has written anything. */
static void set_this_time(lua_State *L, const struct run_this_time *n) {
    if (n->items == 0) return;
    lua_createtable(L, 0, 3);
    field_integer(L, "items_written", n->items);
    field_integer(L, "write_units", n->units);
    field_integer(L, "items_unfinished", n->unfinished);
    lua_setfield(L, -2, "this_time");
}

static void push_table(lua_State *L, const struct run_table *t) {
    lua_createtable(L, 0, 24);
    field_text(L, "name", t->name);
    field_text(L, "from", t->from);
    field_text(L, "to", t->to);
    set_counts(L, &t->counts);
    field_number(L, "seconds", t->seconds);
    field_number(L, "rows_estimated", t->rows_estimated);
    field_integer(L, "chunks", t->chunks);
    field_integer(L, "chunks_done", t->chunks_done);
    field_integer(L, "snapshots", t->snapshots);
    set_throttling(L, &t->throttling);
    set_consumed(L, &t->consumed);
    set_this_time(L, &t->this_time);
    if (!t->templated) return;
    lua_createtable(L, t->target_count, 0);
    for (int i = 0; i < t->target_count; i++) {
        lua_pushstring(L, t->targets[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "targets");
}

static const char *outcome_name(enum run_outcome outcome) {
    switch (outcome) {
    case RUN_DONE: return "done";
    case RUN_ALREADY_DONE: return "already done";
    case RUN_STOPPED: return "stopped";
    }
    return "unknown";
}

static void push_summary(lua_State *L, const struct run_summary *s) {
    lua_createtable(L, 0, 5);
    field_text(L, "outcome", outcome_name(s->outcome));
    field_integer(L, "rejects", s->rejects);
    field_integer(L, "resumes", s->resumes);
    field_boolean(L, "sum_holds", s->sum_holds);
    lua_createtable(L, s->table_count, 0);
    for (int i = 0; i < s->table_count; i++) {
        push_table(L, &s->tables[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "tables");
}

static void push_retry_table(lua_State *L, const struct run_retry_table *t) {
    lua_createtable(L, 0, 16);
    field_text(L, "name", t->name);
    set_counts(L, &t->counts);
    field_integer(L, "listed", t->listed);
    field_integer(L, "gone", t->gone);
    field_integer(L, "open", t->open);
    field_integer(L, "unknown", t->unknown);
}

static void push_retry(lua_State *L, const struct run_retry *r) {
    lua_createtable(L, 0, 4);
    field_boolean(L, "mapping_changed", r->mapping_changed);
    field_integer(L, "left", r->left);
    field_number(L, "seconds", r->seconds);
    lua_createtable(L, r->table_count, 0);
    for (int i = 0; i < r->table_count; i++) {
        push_retry_table(L, &r->tables[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "tables");
}

static void push_retries(lua_State *L, const struct run_status *s) {
    lua_createtable(L, s->retry_count, 0);
    for (int i = 0; i < s->retry_count; i++) {
        const struct run_retried *r = &s->retries[i];
        lua_createtable(L, 0, 10);
        field_text(L, "began", r->began);
        field_text(L, "ended", r->ended);
        field_boolean(L, "mapping_changed", r->mapping_changed);
        set_row_counts(L, &r->counts);
        field_integer(L, "gone", r->gone);
        lua_seti(L, -2, i + 1);
    }
}

static void push_progress(lua_State *L, const struct run_progress *p) {
    lua_createtable(L, 0, 5);
    field_text(L, "state", p->state);
    field_text(L, "detail", p->detail && p->detail[0] ? p->detail : NULL);
    if (p->write_units > 0) field_number(L, "write_units_asked", p->write_units);
    field_number(L, "elapsed_seconds", p->elapsed_seconds);
    field_number(L, "snapshot_age_seconds", p->snapshot_age_seconds);
    lua_createtable(L, p->table_count, 0);
    for (int i = 0; i < p->table_count; i++) {
        const struct run_table_progress *t = &p->tables[i];
        push_table(L, &t->table);
        field_number(L, "done", t->done);
        field_number(L, "items_per_second", t->items_per_second);
        field_number(L, "units_per_second", t->units_per_second);
        if (t->eta_seconds >= 0) field_number(L, "eta_seconds", t->eta_seconds);
        field_integer(L, "in_flight", t->in_flight);
        field_integer(L, "retries", t->retries);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "tables");
}

static void push_reject(lua_State *L, const struct run_reject *r) {
    lua_createtable(L, 0, 6);
    field_text(L, "table", r->table);
    field_text(L, "key", r->key);
    field_text(L, "reason", r->reason);
    field_text(L, "message", r->message);
    field_text(L, "item", r->item);
    field_text(L, "at", r->at);
}

/* --- a run's summary, freed with its userdata --- */

struct summary_box {
    struct run_summary summary; /* zeroed until a run fills it */
    bool filled;
};

static int summary_close(lua_State *L) {
    struct summary_box *box = luaL_checkudata(L, 1, SUMMARY_TYPE);
    bool filled = box->filled;
    box->filled = false;
    if (filled) run_summary_free(&box->summary);
    return 0;
}

static struct summary_box *new_summary(lua_State *L) {
    struct summary_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, SUMMARY_TYPE);
    return box;
}

/* Likewise what became of a retry. */
struct retry_box {
    struct run_retry retry;
    bool filled;
};

static int retry_close(lua_State *L) {
    struct retry_box *box = luaL_checkudata(L, 1, RETRY_TYPE);
    bool filled = box->filled;
    box->filled = false;
    if (filled) run_retry_free(&box->retry);
    return 0;
}

/* --- from the engine into Lua --- */

struct listening {
    lua_State *L;
    int target;  /* stack index of the listener's table, or of the function for rejects */
    bool failed; /* a callback raised: its error value lies at index `error` */
    int error;
};

/* Runs `body` (protected) with the target and the data as its arguments. */
static bool enter(struct listening *l, lua_CFunction body, const void *data) {
    if (l->failed || !lua_checkstack(l->L, LUA_MINSTACK)) return false;
    lua_pushcfunction(l->L, body);
    lua_pushvalue(l->L, l->target);
    lua_pushlightuserdata(l->L, (void *)data);
    if (host_call(l->L, 2, 1)) {
        bool more = lua_toboolean(l->L, -1);
        lua_pop(l->L, 1);
        return more;
    }
    l->failed = true;
    lua_replace(l->L, l->error);
    return false;
}

static int notice_body(lua_State *L) {
    if (lua_getfield(L, 1, "notice") == LUA_TNIL) return 0;
    lua_pushstring(L, lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    return 0;
}

/* What listener.write_units gave. */
struct units {
    int64_t value;
    bool failed;
    struct error *err;
};

static int progress_body(lua_State *L) {
    if (lua_getfield(L, 1, "progress") == LUA_TNIL) return 0;
    push_progress(L, lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    return 0;
}

static int reject_body(lua_State *L) {
    lua_pushvalue(L, 1);
    push_reject(L, lua_touserdata(L, 2));
    lua_call(L, 1, 0);
    lua_pushboolean(L, 1);
    return 1;
}

static void on_notice(void *context, const char *text) {
    struct listening *l = context;
    enter(l, notice_body, text);
    if (l->failed) run_stop();
}

/* Calls listener.write_units() -> units | nil, text, where it is. */
static int write_units_body(lua_State *L) {
    struct units *out = lua_touserdata(L, 2);
    if (lua_getfield(L, 1, "write_units") == LUA_TNIL) return 0;
    lua_call(L, 0, 2);
    if (!lua_isnil(L, -2)) {
        out->value = luaL_checkinteger(L, -2);
        return 0;
    }
    const char *text = luaL_tolstring(L, -1, NULL);
    out->failed = true;
    error_set(out->err, ERROR_PLAN, "%s", text);
    error_hint(out->err, "mend the plan's write_units and run the same command again: it goes on where it stopped");
    return 0;
}

static bool on_write_units(void *context, int64_t *value, struct error *err) {
    struct listening *l = context;
    struct units out = {.err = err};
    enter(l, write_units_body, &out);
    if (l->failed) run_stop();
    *value = out.value;
    return !out.failed;
}

static void on_progress(void *context, const struct run_progress *p) {
    struct listening *l = context;
    enter(l, progress_body, p);
    if (l->failed) run_stop();
}

static bool on_reject(void *context, const struct run_reject *r) {
    return enter(context, reject_body, r);
}

/* Starts to listen: `target` is where the listener is; a place for an error is pushed. */
static struct listening listen(lua_State *L, int target) {
    lua_pushnil(L);
    return (struct listening){.L = L, .target = target, .error = lua_gettop(L)};
}

/* After the engine has returned: raises what a callback raised. */
static void heard(struct listening *l) {
    if (!l->failed) return;
    lua_pushvalue(l->L, l->error);
    lua_error(l->L);
}

/* --- functions --- */

static int64_t option_integer(lua_State *L, int options, const char *name) {
    lua_getfield(L, options, name);
    int whole = 0;
    int64_t value = lua_tointegerx(L, -1, &whole);
    if (!whole && !lua_isnil(L, -1)) luaL_error(L, "option %s must be an integer", name);
    lua_pop(L, 1);
    return value;
}

static bool option_boolean(lua_State *L, int options, const char *name) {
    lua_getfield(L, options, name);
    bool value = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return value;
}

static struct run_options check_options(lua_State *L, int index) {
    luaL_checktype(L, index, LUA_TTABLE);
    return (struct run_options){
        .ledger = field_option_text(L, index, "ledger"),
        .where = field_option_text(L, index, "where"),
        .limit = option_integer(L, index, "limit"),
        .jobs = (int)option_integer(L, index, "jobs"),
        .restart = option_boolean(L, index, "restart"),
        .dry_run = option_boolean(L, index, "dry_run"),
    };
}

/* create(plan, listener) -> how many tables were made | nil, error */
static int core_create(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct listening l = listen(L, 2);
    struct run_listener listener = {.context = &l, .notice = on_notice, .progress = on_progress};
    struct error err = {0};
    int created = 0;
    interrupt_engine(true);
    bool ok = run_create(plan, &listener, &created, &err);
    interrupt_engine(false);
    heard(&l);
    if (!ok) return module_fail(L, &err);
    lua_pushinteger(L, created);
    return 1;
}

/* migrate(plan, options, listener) -> summary, error or nil: the summary is there in any case */
static int core_migrate(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct run_options options = check_options(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    struct listening l = listen(L, 3);
    struct summary_box *box = new_summary(L);
    struct run_listener listener = {.context = &l, .notice = on_notice, .write_units = on_write_units, .progress = on_progress};
    struct error err = {0};
    interrupt_engine(true);
    bool ok = run_migrate(plan, &options, &listener, &box->summary, &err);
    interrupt_engine(false);
    box->filled = true;
    heard(&l);
    push_summary(L, &box->summary);
    if (ok) return 1;
    module_push_error(L, &err);
    return 2;
}

/* status(plan, options) -> table | nil, error */
static int core_status(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct run_options options = check_options(L, 2);
    struct summary_box *box = new_summary(L);
    struct run_status status = {0};
    struct error err = {0};
    bool ok = run_status_read(plan, &options, &status, &err);
    box->summary = status.summary;
    box->filled = true; /* also after a failure: what was read is freed with it */
    if (!ok) return module_fail(L, &err);
    lua_createtable(L, 0, 8);
    field_boolean(L, "found", status.found);
    field_boolean(L, "running", status.running);
    field_integer(L, "owner_pid", status.owner_pid);
    field_text(L, "owner_host", status.owner_host);
    field_text(L, "started", status.started);
    field_text(L, "updated", status.updated);
    field_boolean(L, "finished", status.finished);
    push_retries(L, &status);
    lua_setfield(L, -2, "retries");
    push_summary(L, &box->summary);
    lua_setfield(L, -2, "summary");
    return 1;
}

/* retry(plan, options, listener) -> what became of the rejected rows, error or nil: the first is there in any case */
static int core_retry(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct run_options options = check_options(L, 2);
    luaL_checktype(L, 3, LUA_TTABLE);
    struct listening l = listen(L, 3);
    struct retry_box *box = lua_newuserdatauv(L, sizeof *box, 0);
    memset(box, 0, sizeof *box);
    luaL_setmetatable(L, RETRY_TYPE);
    struct run_listener listener = {.context = &l, .notice = on_notice, .write_units = on_write_units, .progress = on_progress};
    struct error err = {0};
    interrupt_engine(true);
    bool ok = run_retry(plan, &options, &listener, &box->retry, &err);
    interrupt_engine(false);
    box->filled = true;
    heard(&l);
    push_retry(L, &box->retry);
    if (ok) return 1;
    module_push_error(L, &err);
    return 2;
}

/* rejects(plan, options, each) -> true | nil, error; each(reject) hears every rejected row */
static int core_rejects(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct run_options options = check_options(L, 2);
    luaL_checktype(L, 3, LUA_TFUNCTION);
    struct listening l = listen(L, 3);
    struct error err = {0};
    bool ok = run_rejects(plan, &options, on_reject, &l, &err);
    heard(&l);
    if (!ok) return module_fail(L, &err);
    lua_pushboolean(L, 1);
    return 1;
}

static void push_found(lua_State *L, const struct target_found *found) {
    lua_createtable(L, 0, 8);
    field_boolean(L, "seen", found->seen);
    field_integer(L, "targets", found->targets);
    field_integer(L, "existing", found->exists);
    field_boolean(L, "exists", found->targets > 0 && found->exists == found->targets);
    field_boolean(L, "ours", found->ours);
    field_integer(L, "item_count", found->item_count);
    field_text(L, "status", found->status);
    field_text(L, "arn", found->arn);
}

/* examine(preview, listener) -> what is known of the target, error or nil: it is there in any case */
static int core_examine(lua_State *L) {
    struct preview *p = module_check_preview(L, 1);
    luaL_checktype(L, 2, LUA_TTABLE);
    struct listening l = listen(L, 2);
    struct run_listener listener = {.context = &l, .notice = on_notice};
    struct preview_target target;
    struct error err = {0};
    interrupt_engine(true);
    bool ok = preview_examine(p, &listener, &target, &err);
    interrupt_engine(false);
    heard(&l);
    lua_createtable(L, 0, 7);
    field_text(L, "region", target.region);
    field_text(L, "region_from", target.region_from);
    field_text(L, "endpoint", target.endpoint);
    field_text(L, "endpoint_from", target.endpoint_from);
    field_text(L, "keys_from", target.keys_from);
    if (target.change.kind) {
        module_push_error(L, &target.change);
        lua_setfield(L, -2, "change");
    }
    lua_createtable(L, target.table_count, 0);
    for (int i = 0; target.tables && i < target.table_count; i++) {
        push_found(L, &target.tables[i]);
        lua_seti(L, -2, i + 1);
    }
    lua_setfield(L, -2, "tables");
    if (ok) return 1;
    module_push_error(L, &err);
    return 2;
}

/* control(plan, options, request) -> answer (JSON text) | nil, error */
static int core_control(lua_State *L) {
    const struct plan *plan = module_check_plan(L, 1);
    struct run_options options = check_options(L, 2);
    const char *request = luaL_checkstring(L, 3);
    struct buffer answer;
    struct error err = {0};
    buffer_init(&answer, CONTROL_ANSWER_MAX);
    if (run_control(plan, &options, request, &answer, &err)) {
        lua_pushlstring(L, answer.data, answer.len); /* if this fails for want of memory, the program ends */
        buffer_free(&answer);
        return 1;
    }
    buffer_free(&answer);
    return module_fail(L, &err);
}

void module_add_run(lua_State *L) {
    static const luaL_Reg functions[] = {
        {"create", core_create}, {"migrate", core_migrate}, {"status", core_status},   {"rejects", core_rejects},
        {"retry", core_retry},   {"control", core_control}, {"examine", core_examine}, {NULL, NULL},
    };
    static const luaL_Reg summary_methods[] = {{"__gc", summary_close}, {"__close", summary_close}, {NULL, NULL}};
    static const luaL_Reg retry_methods[] = {{"__gc", retry_close}, {"__close", retry_close}, {NULL, NULL}};
    luaL_newmetatable(L, SUMMARY_TYPE);
    luaL_setfuncs(L, summary_methods, 0);
    luaL_newmetatable(L, RETRY_TYPE);
    luaL_setfuncs(L, retry_methods, 0);
    lua_pop(L, 2);
    luaL_setfuncs(L, functions, 0);
}
