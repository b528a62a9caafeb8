/* A plan as plain structs: what the engine needs to know, with nothing of Lua in it.
 * Made by src/lua/plan_loader.c; read-only afterwards. All text lives in the plan's arena. */
#ifndef ENGINE_PLAN_H
#define ENGINE_PLAN_H

#include "base/arena.h"
#include "dynamodb/schema.h"
#include "mapping/functions.h"
#include "mapping/spec.h"
#include "pg/source.h"

struct plan_target {
    const char *region;   /* NULL: by the environment's rules */
    const char *endpoint; /* NULL: by the environment's rules */
    const char *profile;
    bool allow_http; /* plain http to an address that is not loopback */
};

enum plan_existing {
    PLAN_EXISTING_REFUSE, /* not said: a target that holds items that are not ours is refused */
    PLAN_EXISTING_REPLACE,
    PLAN_EXISTING_KEEP,  /* a conditional put: the item that is there stays */
    PLAN_EXISTING_NEWER, /* a conditional put: the greater value of the attribute `newer` stays */
};

struct plan_table {
    const char *name; /* for reports: the plan's name field, by default the target's name */
    struct pg_source_spec source;
    struct dynamodb_schema target;
    const char *to_template; /* `to` names columns: target.name as a template, whose text is each row's table; NULL: one table */
    struct plan_place to_place;
    struct mapping_spec mapping;
    enum plan_existing existing;
    const char *newer; /* PLAN_EXISTING_NEWER: hlua.newer "UpdatedAt": an attribute */
    const char *keep;  /* hlua.greatest "UpdatedAt": of two rows with one key, the one with the greater attribute; or NULL */
    int64_t max_rejects;
    int on_reject; /* number of the function that is asked about a row that cannot be mapped; -1: none */
    struct plan_place place;
};

struct plan {
    struct arena *arena;
    const char *name;
    const char *file;       /* the script, as the user gave it */
    const char *source_uri; /* NULL: libpq's environment */
    struct plan_target target;
    struct plan_table *tables;
    int table_count;
    struct function_source functions;
    int64_t source_connections; /* at most so many connections to the source; 0: one a worker and one more */
    int64_t source_latency_ms;  /* the source is spared while it answers more slowly; 0: it is not watched */
    int64_t mapping_timeout_ms; /* a function call that takes longer rejects the row */
    int64_t mapping_memory;     /* bytes that a worker's Lua state may hold */
    /* The mapping as canonical lines "path = value", sorted, one a line, without secrets and pacing: the plan's part of the
     * run's identity. */
    const char *identity;
};

#endif
