/* A plan's functions, opened as a worker opens them, and a row of every type for them: for the tests of src/lua/mapper*.c. */
#ifndef UNIT_MAPPER_BENCH_H
#define UNIT_MAPPER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <lauxlib.h>

#include "lua/mapper.h"
#include "lua/plan_loader.h"
#include "lua/state.h"

/* --- a row of every type --- */

#define B(literal)                                                                                                               \
    { .data = literal, .len = sizeof(literal) - 1 }
#define STAMP "\x00\x02\xF8\x8A\xB0\x09\x5C\x00" /* 2026-07-01T12:34:56.000000 */

static const struct pg_column columns[] = {
    {"Flag", PG_BOOL, "boolean", false},
    {"I2", PG_INT2, "smallint", false},
    {"I4", PG_INT4, "integer", false},
    {"I8", PG_INT8, "bigint", false},
    {"F4", PG_FLOAT4, "real", false},
    {"F8", PG_FLOAT8, "double precision", false},
    {"Num", PG_NUMERIC, "numeric", false},
    {"Text", PG_TEXT, "text", false},
    {"Bytes", PG_BYTEA, "bytea", false},
    {"Uuid", PG_UUID, "uuid", false},
    {"Day", PG_DATE, "date", false},
    {"Clock", PG_TIME, "time", false},
    {"Stamp", PG_TIMESTAMP, "timestamp", false},
    {"Zoned", PG_TIMESTAMPTZ, "timestamptz", false},
    {"Json", PG_JSON, "json", false},
    {"Jsonb", PG_JSONB, "jsonb", false},
    {"Arr", PG_SERVER_JSON, "integer[]", false},
    {"Other", PG_SERVER_TEXT, "inet", false},
    {"Nothing", PG_TEXT, "text", false},
    {"Bad", PG_TIMESTAMP, "timestamp", false},
    {"NaN", PG_NUMERIC, "numeric", false},
    {"Broken", PG_JSON, "json", false},
    {"Odd", PG_TEXT, "text", false},
    {"Short", PG_INT8, "bigint", false},
};
#define COLUMNS ((int)(sizeof columns / sizeof columns[0]))

static const struct pg_field fields[] = {
    B("\x01"),
    B("\xFF\xFE"),
    B("\x00\x00\x00\x07"),
    B("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
    B("\x3D\xCC\xCC\xCD"),                                 /* 0.1 as a float4 */
    B("\x40\x04\x00\x00\x00\x00\x00\x00"),                 /* 2.5 */
    B("\x00\x02\x00\x00\x00\x00\x00\x02\x00\x0C\x13\x88"), /* 12.50 */
    B("h\xC3\xA9llo"),
    B("\x00\xFF\x01"),
    B("\x12\x34\x56\x78\x9A\xBC\xDE\xF0\x12\x34\x56\x78\x9A\xBC\xDE\xF0"),
    B("\x00\x00\x25\xCD"),                 /* 9677 days after 2000-01-01: 2026-06-30 */
    B("\x00\x00\x00\x00\x00\x0F\x42\x41"), /* 00:00:01.000001 */
    B(STAMP),
    B(STAMP),
    B("{\"b\":[1,2.50,null,{}],\"a\":\"x\\u00e9\",\"n\":12345678901234567890,\"e\":[]}"),
    B("\x01[true,false,\"y\"]"),
    B("[1,2]"),
    B("127.0.0.1"),
    {.data = NULL, .len = -1},
    B("\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), /* infinity */
    B("\x00\x00\x00\x00\xC0\x00\x00\x00"),
    B("{\"a\":1,"),
    B("\xC3("),
    B("\x00"),
};
static const struct pg_row row = {.fields = fields, .count = COLUMNS};

/* --- a plan and its functions --- */

struct bench {
    lua_State *L;
    struct plan *plan;
    struct functions *functions;
};

/* Seconds; under the thread sanitizer, where no test waits for their end, more than its slowness needs. */
#ifdef __SANITIZE_THREAD__
#define TIMEOUT "20"
#else
#define TIMEOUT "0.2"
#endif

static const char frame[] = "local hlua = require 'hlua'\n"
                            "%s\n"
                            "return hlua.plan { name = 'p', source = hlua.postgres { uri = 'postgresql:///x' }, mapping_timeout "
                            "= " TIMEOUT ", mapping_memory = 8 << 20,\n"
                            "  hlua.table { from = 't', to = 'Target', %s }%s }\n";

static const char keys[] = "partition_key = { PK = '{I8}' }, sort_key = { SK = '{Text}' }";

static inline void load(struct bench *b, const char *text) {
    struct error err = {0};
    *b = (struct bench){.L = luaL_newstate()};
    assert_non_null(b->L);
    state_open(b->L, NULL);
    lua_pushstring(b->L, text);
    lua_setglobal(b->L, "text");
    if (luaL_dostring(b->L, "local sources = require 'hlua.sources'; arg = { [0] = 'plan.lua', 'word' }\n"
                            "local given = text; text = nil; sources.watch()\n"
                            "return assert(sources.text(given, '@plan.lua'))('word')") != LUA_OK) {
        fail_msg("%s", lua_tostring(b->L, -1));
    }
    if (!plan_load(b->L, -1, &b->plan, &err) || !mapper_source(b->L, b->plan, &err)) fail_msg("%s", err.text);
    lua_pop(b->L, 1);
}

static inline void open_bench(struct bench *b) {
    struct error err = {0};
    b->functions = b->plan->functions.open(b->plan->functions.context, 0, NAMES_ANY, &err);
    if (b->functions == NULL) fail_msg("%s", err.text);
    for (int i = 0; i < b->plan->table_count; i++) {
        assert_true(b->functions->bind(b->functions, i, columns, COLUMNS, &b->plan->tables[i].target, &err));
    }
}

static inline char *plan_text(const char *before, const char *table, const char *after) {
    size_t room = sizeof frame + strlen(before) + strlen(table) + strlen(after);
    char *text = malloc(room);
    assert_non_null(text);
    snprintf(text, room, frame, before, table, after);
    return text;
}

static inline void begin(struct bench *b, const char *before, const char *table, const char *after) {
    char *text = plan_text(before, table, after);
    load(b, text);
    free(text);
    open_bench(b);
}

static inline void end(struct bench *b) {
    if (b->functions) b->functions->free(b->functions);
    plan_free(b->plan);
    lua_close(b->L);
}

#endif
