/* The plan's own functions, as the mapping sees them: no Lua here. src/lua/mapper.c is what stands behind it.
 *
 * A worker opens one `struct functions` (one Lua state), and only if the plan has functions. What a call gives back stays valid until the
 * next call. Opened and used on one thread; freed there, or when that thread has ended. */
#ifndef MAPPING_FUNCTIONS_H
#define MAPPING_FUNCTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "dynamodb/schema.h"
#include "mapping/mapper.h"
#include "pg/row.h"

/* A value that a function gave. */
struct function_value {
    enum dynamodb_type type; /* DYNAMODB_ANY: nil, the attribute is absent */
    /* S: UTF-8 text; N: decimal text; B: raw bytes. Any other type: the whole value as DynamoDB JSON, {"M":{...}}. */
    const char *text;
    size_t len;
    size_t size; /* other types: bytes by DynamoDB's rule */
};

/* A row that cannot be mapped, as on_reject hears of it. */
struct function_reject {
    const char *table, *key; /* the plan table's name; the row's key as text */
    const char *reason, *message;
    const char *item; /* DynamoDB JSON as far as it got, its first 16 KB; item_len 0: nothing */
    size_t item_len;
    bool stop; /* out: the function asks for the run's end */
};

struct functions {
    bool always; /* for the caller to set: no call is left out because its columns are what they were in an earlier row */
    /* Says once which columns the rows of plan table `table` (from 0) hold, and the table's schema with its key types, before any call for
     * it. Both must stay. A table that is only written to (hlua.to) may be bound without columns (NULL, 0); one that never is has the
     * plan's own schema. False: ERROR_PLAN or ERROR_LOCAL. */
    bool (*bind)(struct functions *self, int table, const struct pg_column *columns, int count,
                 const struct dynamodb_schema *schema, struct error *err);
    /* A new row begins: what was converted of the last one is forgotten. A caller that never says so gets every call a row of its own,
     * which is right but slower; one that does must say it before each row's first call. */
    void (*begin)(struct functions *self);
    /* Calls function number `function` (from 0, as in the mapping's value_spec) for a row of `table`. MAP_ITEM: *out is set; MAP_REJECT:
     * *reject says why (file:line and what the function said); MAP_MEMORY. */
    enum map_result (*call)(struct functions *self, int table, int function, const struct pg_row *row, struct function_value *out,
                            struct map_reject *reject);
    /* Calls a whole-row `map` function; each item it returns goes to `sink` in turn. MAP_FILTERED: it returned none. An item that cannot be
     * written ends in MAP_REJECT. */
    enum map_result (*map)(struct functions *self, int table, int function, const struct pg_row *row, struct item_sink *sink,
                           struct map_reject *reject);
    /* Calls an on_reject function. MAP_ITEM: the items that it returned went to `sink`, as map's do; MAP_FILTERED: it returned none;
     * MAP_REJECT: it failed, or an item cannot be, *reject says why; MAP_STOP: the sink said so, or the function did (why->stop; then
     * reject->message is its word). The row need not have begun. */
    enum map_result (*mend)(struct functions *self, int table, int function, const struct pg_row *row,
                            struct function_reject *why, struct item_sink *sink, struct map_reject *reject);
    void (*free)(struct functions *self);
};

/* How pairs() goes through names in a state. In a run's nobody may lean on it; two whose results are compared go opposite ways. */
enum names_order { NAMES_ANY, NAMES_RISING, NAMES_FALLING };

/* Made by the plan loader, in struct plan: opens the plan's functions for one worker. */
struct function_source {
    void *context;
    /* `started`: the run's frozen time, microseconds since 1970, which is hlua.started; 0: the time when the plan was read. NULL with
     * ERROR_PLAN (not deterministic, ...) or ERROR_LOCAL. */
    struct functions *(*open)(void *context, int64_t started, enum names_order order, struct error *err);
    int count; /* 0: the plan has no functions, and nothing is opened */
};

#endif
