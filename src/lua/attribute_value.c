#include "lua/attribute_value.h"

#include <lauxlib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "base/json.h"
#include "lua/column_value.h"
#include "lua/decimal.h"
#include "lua/moment.h"

/* JSON is at most six times as long as what it holds, and what is added around each part is bounded by the part's own size. */
#define JSON_MAX ((size_t)DYNAMODB_ITEM_MAX * 12)
#define KEYS_MAX ((size_t)64 * 1024 * 1024)
#define BOOL_TRUE "{\"BOOL\":true}"
#define BOOL_FALSE "{\"BOOL\":false}"
#define SORTED_BY_HAND 24 /* keys; more go to qsort, which may allocate */

void attribute_writer_init(struct attribute_writer *w) {
    memset(w, 0, sizeof *w);
    buffer_init(&w->json, JSON_MAX);
    buffer_init(&w->keys, KEYS_MAX);
    buffer_init(&w->text, JSON_MAX);
}

void attribute_writer_free(struct attribute_writer *w) {
    buffer_free(&w->json);
    buffer_free(&w->keys);
    buffer_free(&w->text);
}

void attribute_writer_begin(struct attribute_writer *w, const char *where) {
    w->where = where;
    w->reason = NULL;
    w->depth = 0;
    w->keys.len = 0;
}

/* --- refusals --- */

/* The path as text: Address.lines[2]; without a name, what a function returned: its value[2] */
static void write_path(const struct attribute_writer *w, char *out, size_t size) {
    bool named = w->depth > 0 && w->path[0].name != NULL;
    size_t n = (size_t)snprintf(out, size, "%s", named ? "" : "its value");
    for (int i = 0; i < w->depth && n < size; i++) {
        int added = w->path[i].name ? snprintf(out + n, size - n, "%s%.80s", i ? "." : "", w->path[i].name)
                                    : snprintf(out + n, size - n, "[%lld]", (long long)w->path[i].place);
        n += added > 0 ? (size_t)added : 0;
    }
}

void attribute_refuse(lua_State *L, struct attribute_writer *w, const char *reason, const char *format, ...) {
    char why[400], path[240];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    write_path(w, path, sizeof path);
    w->reason = reason;
    lua_pushfstring(L, "%s: %s %s", w->where, path, why);
    lua_error(L);
    __builtin_unreachable(); /* lua_error never returns, but is not declared so */
}

#define REFUSE(...) attribute_refuse(L, w, REJECT_FUNCTION, __VA_ARGS__)

static void add_size(lua_State *L, struct attribute_writer *w, size_t bytes) {
    w->size += bytes;
    if (w->size > DYNAMODB_ITEM_MAX) attribute_refuse(L, w, REJECT_ITEM_SIZE, "is over the 409,600 bytes that an item can have");
}

static void no_memory(lua_State *L) {
    luaL_error(L, "not enough memory");
}

static void put(lua_State *L, struct attribute_writer *w, const char *text, size_t n) {
    if (!buffer_append(&w->json, text, n)) no_memory(L);
}

#define PUT(literal) put(L, w, literal, sizeof(literal) - 1)

/* --- what a value is --- */

static enum node_kind kind_of_name(const char *name) {
    static const struct {
        const char *name;
        enum node_kind kind;
    } kinds[] = {{"S", NODE_S},   {"N", NODE_N},   {"B", NODE_B}, {"bool", NODE_BOOL}, {"null", NODE_NULL}, {"SS", NODE_SS},
                 {"NS", NODE_NS}, {"BS", NODE_BS}, {"L", NODE_L}, {"M", NODE_M},       {"to", NODE_TO},     {"stop", NODE_STOP}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].name, name) == 0) return kinds[i].kind;
    }
    return NODE_OTHER;
}

enum node_kind attribute_node(lua_State *L, int index, const struct attribute_writer *w) {
    if (!lua_getmetatable(L, index)) return NODE_NONE;
    bool ours = w->node != NULL && lua_topointer(L, -1) == w->node;
    lua_pop(L, 1);
    if (!ours) return NODE_NONE;
    lua_pushliteral(L, "kind");
    lua_rawget(L, index);
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    lua_pop(L, 1); /* the table holds it */
    return kind_of_name(name);
}

/* Whether the table at an index was decoded from JSON as `type`. */
static bool decoded_as(lua_State *L, int index, const char *type) {
    if (!lua_getmetatable(L, index)) return false;
    luaL_getmetatable(L, type);
    bool same = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
    return same;
}

/* A value with text: S, N, B. Its text lies in Lua's memory or in w->number. */
struct scalar {
    enum dynamodb_type type;
    const char *text;
    size_t len;
};

/* The digits of an integer, ending before `end`. */
static const char *write_integer(lua_Integer value, char *end, size_t *len) {
    lua_Unsigned rest = value < 0 ? 0 - (lua_Unsigned)value : (lua_Unsigned)value;
    char *at = digits_before(end, rest);
    if (value < 0) *--at = '-';
    *len = (size_t)(end - at);
    return at;
}

/* Reads what has an exact text; type ANY when it has none. */
static struct scalar read_scalar(lua_State *L, int index, struct attribute_writer *w) {
    struct scalar s = {.text = w->number};
    const struct decimal *decimal;
    const struct moment *moment;
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        s.type = DYNAMODB_S;
        s.text = lua_tolstring(L, index, &s.len);
        break;
    case LUA_TNUMBER:
        s.type = DYNAMODB_N;
        if (lua_isinteger(L, index)) {
            s.text = write_integer(lua_tointeger(L, index), w->number + sizeof w->number, &s.len);
        } else {
            lua_Number value = lua_tonumber(L, index);
            if (!isfinite(value)) REFUSE("is %s, which DynamoDB does not have", isnan(value) ? "NaN" : "infinity");
            s.len = decimal_of_float(value, w->number);
        }
        break;
    case LUA_TUSERDATA:
        if ((decimal = decimal_test(L, index)) != NULL) {
            s = (struct scalar){.type = DYNAMODB_N, .text = decimal->text, .len = decimal->len};
        } else if ((moment = moment_test(L, index)) != NULL) {
            s.type = DYNAMODB_S;
            s.len = pg_time_iso(moment->type, &moment->time, w->number);
        }
        break;
    default: break;
    }
    return s;
}

/* The rules of each type, and the size. */
static void check_scalar(lua_State *L, struct attribute_writer *w, const struct scalar *s) {
    if (s->type == DYNAMODB_N) {
        enum dynamodb_number_fault fault = dynamodb_number_check(s->text, s->len);
        if (fault != DYNAMODB_NUMBER_OK) {
            REFUSE("is %.60s%s as a number: %s", s->text, s->len > 60 ? "..." : "", dynamodb_number_fault_text(fault));
        }
        add_size(L, w, dynamodb_number_size(s->text, s->len));
        return;
    }
    add_size(L, w, s->len);
    if (s->type == DYNAMODB_S && !utf8_valid(s->text, s->len)) REFUSE("is a string that is not UTF-8; bytes are hlua.B(value)");
}

static void put_scalar(lua_State *L, struct attribute_writer *w, const struct scalar *s) {
    if (s->type == DYNAMODB_B) {
        PUT("\"");
        if (!buffer_reserve(&w->json, DYNAMODB_BASE64_ROOM(s->len))) no_memory(L);
        w->json.len += dynamodb_base64(w->json.data + w->json.len, s->text, s->len);
        PUT("\"");
    } else if (!json_append_string(&w->json, s->text, s->len)) {
        no_memory(L);
    }
}

/* --- hlua.S, N, B and the sets --- */

/* The value on top, as what hlua.S, hlua.N or hlua.B was given. */
static struct scalar read_typed(lua_State *L, struct attribute_writer *w, enum dynamodb_type type) {
    struct scalar s = read_scalar(L, lua_gettop(L), w);
    bool fits = s.type != DYNAMODB_ANY;
    if (type == DYNAMODB_B) fits = lua_type(L, -1) == LUA_TSTRING;
    if (type == DYNAMODB_N && s.type == DYNAMODB_S) fits = lua_type(L, -1) == LUA_TSTRING; /* digits, but no time */
    if (!fits && type == DYNAMODB_S && lua_isboolean(L, -1)) {
        fits = true;
        s.text = lua_toboolean(L, -1) ? "true" : "false";
        s.len = strlen(s.text);
    }
    if (!fits)
        REFUSE("is %s of a %s", type == DYNAMODB_S ? "hlua.S" : type == DYNAMODB_N ? "hlua.N" : "hlua.B", luaL_typename(L, -1));
    s.type = type;
    return s;
}

static enum dynamodb_type scalar_type(enum node_kind kind) {
    if (kind == NODE_S || kind == NODE_SS) return DYNAMODB_S;
    return kind == NODE_N || kind == NODE_NS ? DYNAMODB_N : DYNAMODB_B;
}

/* An element of a set: `at` from the beginning of w->text. */
struct element {
    enum dynamodb_type type;
    size_t at, len;
    const char *text; /* set once w->text no longer grows */
};

static int compare_texts(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : a_len < b_len ? -1 : a_len > b_len;
}

static int compare_elements(const void *a, const void *b) {
    const struct element *x = a, *y = b;
    if (x->type == DYNAMODB_N) return decimal_order(x->text, x->len, y->text, y->len);
    return compare_texts(x->text, x->len, y->text, y->len);
}

static int compare_keys(const void *a, const void *b) {
    const struct attribute_key *x = a, *y = b;
    return compare_texts(x->text, x->len, y->text, y->len);
}

/* Keys of a table are few as a rule: no call out, no memory. */
static void sort(void *items, size_t count, size_t size, int (*compare)(const void *, const void *)) {
    char *list = items,
         held[sizeof(struct element) > sizeof(struct attribute_key) ? sizeof(struct element) : sizeof(struct attribute_key)];
    if (count > SORTED_BY_HAND) {
        qsort(items, count, size, compare);
        return;
    }
    for (size_t i = 1; i < count; i++) {
        size_t at = i;
        while (at > 0 && compare(list + i * size, list + (at - 1) * size) < 0) at--;
        if (at == i) continue;
        memcpy(held, list + i * size, size);
        memmove(list + (at + 1) * size, list + at * size, (i - at) * size);
        memcpy(list + at * size, held, size);
    }
}

/* Copies the elements of the list at an index into w->text and w->keys; returns their number. */
static size_t collect_elements(lua_State *L, int list, struct attribute_writer *w, enum dynamodb_type type) {
    size_t base = w->keys.len;
    lua_Integer count = (lua_Integer)lua_rawlen(L, list);
    w->text.len = 0;
    for (lua_Integer i = 1; i <= count; i++) {
        w->path[w->depth].name = NULL;
        w->path[w->depth++].place = i;
        lua_rawgeti(L, list, i);
        struct scalar s = read_typed(L, w, type);
        check_scalar(L, w, &s);
        struct element e = {.type = type, .at = w->text.len, .len = s.len};
        if (!buffer_append(&w->text, s.text, s.len) || !buffer_append(&w->keys, &e, sizeof e)) no_memory(L);
        lua_pop(L, 1);
        w->depth--;
    }
    return (w->keys.len - base) / sizeof(struct element);
}

/* The keys of a list are 1 to n and nothing else. */
static bool is_list(lua_State *L, int index, lua_Integer *count) {
    lua_Integer keys = 0, most = 0;
    for (lua_pushnil(L); lua_next(L, index); keys++) {
        lua_pop(L, 1);
        lua_Integer key = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
        if (key < 1) {
            lua_pop(L, 1);
            return false;
        }
        if (key > most) most = key;
    }
    *count = most;
    return keys == most;
}

static void put_set(lua_State *L, struct attribute_writer *w, int list, enum dynamodb_type type) {
    const char *name = type == DYNAMODB_S ? "SS" : type == DYNAMODB_N ? "NS" : "BS";
    lua_Integer length;
    if (!lua_istable(L, list) || !is_list(L, list, &length)) REFUSE("is hlua.%s of something else than a list", name);
    if (length == 0) REFUSE("is an empty hlua.%s, which DynamoDB does not have; return nil instead", name);
    size_t base = w->keys.len;
    size_t count = collect_elements(L, list, w, type);
    struct element *elements = (struct element *)(void *)(w->keys.data + base);
    for (size_t i = 0; i < count; i++) elements[i].text = w->text.len ? w->text.data + elements[i].at : "";
    sort(elements, count, sizeof *elements, compare_elements);
    put(L, w, "{\"", 2);
    put(L, w, name, 2);
    PUT("\":[");
    for (size_t i = 0; i < count; i++) {
        const struct scalar s = {.type = type, .text = elements[i].text, .len = elements[i].len};
        if (i > 0 && compare_elements(&elements[i - 1], &elements[i]) == 0) {
            REFUSE("is an hlua.%s with %.60s twice", name,
                   type == DYNAMODB_B ? "the same bytes" : lua_pushlstring(L, s.text, s.len));
        }
        if (i > 0) PUT(",");
        put_scalar(L, w, &s);
    }
    PUT("]}");
    w->keys.len = base;
}

/* --- lists and maps --- */

/* Writes the value on top, which is popped. False: it is absent, and nothing was written. */
static bool put_value(lua_State *L, struct attribute_writer *w, int level);

/* hlua.L keeps the places of what is absent as NULLs; so does a list that was JSON. */
static void put_list(lua_State *L, struct attribute_writer *w, int list, lua_Integer count, int level) {
    PUT("{\"L\":[");
    add_size(L, w, DYNAMODB_SIZE_CONTAINER);
    for (lua_Integer i = 1; i <= count; i++) {
        if (i > 1) PUT(",");
        add_size(L, w, DYNAMODB_SIZE_ELEMENT);
        w->path[w->depth].name = NULL;
        w->path[w->depth++].place = i;
        lua_rawgeti(L, list, i);
        if (!put_value(L, w, level + 1)) {
            add_size(L, w, DYNAMODB_SIZE_NULL);
            PUT("{\"NULL\":true}");
        }
        w->depth--;
    }
    PUT("]}");
}

static bool is_sorted(const struct attribute_key *keys, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (compare_keys(&keys[i - 1], &keys[i]) > 0) return false;
    }
    return true;
}

/* In the order of the last table with as many keys, which is most often right; else from there by comparing. */
static void sort_keys(struct attribute_writer *w, struct attribute_key *keys, size_t count) {
    struct attribute_key found[ATTRIBUTE_ORDER_MAX];
    if (count < 2) return;
    if (count > ATTRIBUTE_ORDER_MAX) {
        sort(keys, count, sizeof *keys, compare_keys);
        return;
    }
    uint8_t *order = w->order[count];
    memcpy(found, keys, count * sizeof *keys);
    for (size_t i = 0; i < count && order[0] != order[1]; i++) keys[i] = found[order[i]]; /* all zero: none so far */
    if (is_sorted(keys, count)) return;
    sort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 0; i < count; i++) order[i] = (uint8_t)((keys[i].index - found[0].index) / 2);
}

int attribute_keys(lua_State *L, int index, struct attribute_writer *w) {
    size_t base = w->keys.len, bytes = w->size;
    lua_pushnil(L);
    while (lua_next(L, index)) {
        if (lua_type(L, -2) != LUA_TSTRING)
            REFUSE("is a table with a key that is a %s beside or instead of strings", luaL_typename(L, -2));
        struct attribute_key key = {.index = lua_gettop(L) - 1};
        key.text = lua_tolstring(L, -2, &key.len);
        bytes += key.len + 2; /* no value is smaller than a byte, and it counts as an element */
        if (bytes > DYNAMODB_ITEM_MAX * 2) add_size(L, w, bytes);
        if (!utf8_valid(key.text, key.len)) REFUSE("is a table with a key that is not UTF-8");
        if (!lua_checkstack(L, 8) || !buffer_append(&w->keys, &key, sizeof key)) no_memory(L);
        lua_pushvalue(L, -2);
    }
    size_t count = (w->keys.len - base) / sizeof(struct attribute_key);
    sort_keys(w, (struct attribute_key *)(void *)(w->keys.data + base), count);
    return (int)count;
}

static void put_map(lua_State *L, struct attribute_writer *w, int map, int level) {
    int top = lua_gettop(L);
    size_t base = w->keys.len;
    PUT("{\"M\":{");
    add_size(L, w, DYNAMODB_SIZE_CONTAINER);
    int count = attribute_keys(L, map, w);
    bool first = true;
    for (int i = 0; i < count; i++) {
        struct attribute_key key;
        memcpy(&key, w->keys.data + base + (size_t)i * sizeof key, sizeof key);
        size_t before = w->json.len;
        if (!first) PUT(",");
        if (!json_append_string(&w->json, key.text, key.len)) no_memory(L);
        PUT(":");
        w->path[w->depth++].name = key.text;
        lua_pushvalue(L, key.index + 1);
        if (put_value(L, w, level + 1)) {
            add_size(L, w, key.len + DYNAMODB_SIZE_ELEMENT);
            first = false;
        } else {
            w->json.len = before;
        }
        w->depth--;
    }
    PUT("}}");
    w->keys.len = base;
    lua_settop(L, top);
}

/* A table that no constructor made. */
static void put_table(lua_State *L, struct attribute_writer *w, int table, int level) {
    lua_Integer count = 0;
    if (decoded_as(L, table, COLUMN_VALUE_MAP)) {
        put_map(L, w, table, level);
        return;
    }
    bool list = decoded_as(L, table, COLUMN_VALUE_LIST);
    lua_pushnil(L);
    if (!list && !lua_next(L, table)) REFUSE("is an empty table, which may be a list or a map: say hlua.L{} or hlua.M{}");
    bool map = !list && lua_type(L, -2) == LUA_TSTRING;
    lua_settop(L, table);
    if (map) {
        put_map(L, w, table, level);
    } else if (is_list(L, table, &count)) {
        put_list(L, w, table, count, level);
    } else {
        REFUSE("is a table whose keys are neither 1 to n nor all strings; hlua.L keeps holes as NULLs");
    }
}

/* hlua.L{...}: its holes are NULLs. */
static void put_node_list(lua_State *L, struct attribute_writer *w, int list, int level) {
    lua_Integer count = 0;
    if (!lua_istable(L, list)) REFUSE("is hlua.L of a %s", luaL_typename(L, list));
    if (!is_list(L, list, &count) && count == 0) REFUSE("is hlua.L of a table whose keys are not whole numbers from 1 on");
    put_list(L, w, list, count, level);
}

/* --- any value --- */

static bool put_scalar_value(lua_State *L, struct attribute_writer *w, struct scalar s) {
    check_scalar(L, w, &s);
    PUT("{\"");
    put(L, w, dynamodb_type_name(s.type), 1);
    PUT("\":");
    put_scalar(L, w, &s);
    PUT("}");
    return true;
}

static void put_flag(lua_State *L, struct attribute_writer *w, const char *json, size_t size) {
    add_size(L, w, size);
    put(L, w, json, strlen(json));
}

static void put_boolean(lua_State *L, struct attribute_writer *w, bool value) {
    put_flag(L, w, value ? BOOL_TRUE : BOOL_FALSE, DYNAMODB_SIZE_BOOL);
}

/* What a constructor made; its argument is on top. */
static void put_node(lua_State *L, struct attribute_writer *w, enum node_kind kind, int level) {
    int argument = lua_gettop(L);
    switch (kind) {
    case NODE_S:
    case NODE_N:
    case NODE_B: put_scalar_value(L, w, read_typed(L, w, scalar_type(kind))); break;
    case NODE_SS:
    case NODE_NS:
    case NODE_BS: put_set(L, w, argument, scalar_type(kind)); break;
    case NODE_L: put_node_list(L, w, argument, level); break;
    case NODE_M:
        if (!lua_istable(L, argument)) REFUSE("is hlua.M of a %s", luaL_typename(L, argument));
        put_map(L, w, argument, level);
        break;
    case NODE_BOOL:
        if (!lua_isboolean(L, argument)) REFUSE("is hlua.bool of a %s", luaL_typename(L, argument));
        put_boolean(L, w, lua_toboolean(L, argument));
        break;
    case NODE_TO: REFUSE("is hlua.to(...): only what map returns can go to another table"); break;
    case NODE_STOP: REFUSE("is hlua.stop(...): only on_reject can stop the run"); break;
    default:
        REFUSE("is one of hlua's values that say how a column is mapped; functions return hlua.S, N, B, SS, NS, BS, L, M, bool, "
               "null");
    }
}

static bool put_table_value(lua_State *L, struct attribute_writer *w, int level) {
    int table = lua_gettop(L);
    enum node_kind kind = attribute_node(L, table, w);
    if (kind == NODE_NULL) {
        put_flag(L, w, "{\"NULL\":true}", DYNAMODB_SIZE_NULL);
        return true;
    }
    if (kind == NODE_NONE) {
        put_table(L, w, table, level);
        return true;
    }
    bool absent = lua_rawgeti(L, table, 1) == LUA_TNIL && kind != NODE_TO && kind != NODE_STOP && kind != NODE_OTHER;
    if (!absent) put_node(L, w, kind, level);
    return !absent;
}

static const char *type_name(lua_State *L, int index) {
    return luaL_getmetafield(L, index, "__name") == LUA_TSTRING ? lua_tostring(L, -1) : luaL_typename(L, index);
}

static bool put_value(lua_State *L, struct attribute_writer *w, int level) {
    int value = lua_gettop(L);
    bool there = true;
    if (level > DYNAMODB_NESTING_MAX) REFUSE("is nested over 32 levels; is it a table that holds itself?");
    if (!lua_checkstack(L, 12)) no_memory(L);
    switch (lua_type(L, value)) {
    case LUA_TNIL: there = false; break;
    case LUA_TBOOLEAN: put_boolean(L, w, lua_toboolean(L, value)); break;
    case LUA_TTABLE: there = put_table_value(L, w, level); break;
    case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(L, value) != NULL) REFUSE("is a pointer, which no attribute can be");
        put_flag(L, w, "{\"NULL\":true}", DYNAMODB_SIZE_NULL);
        break;
    default: {
        struct scalar s = read_scalar(L, value, w);
        if (s.type == DYNAMODB_ANY) REFUSE("is a %s, which no attribute can be", type_name(L, value));
        put_scalar_value(L, w, s);
    }
    }
    lua_settop(L, value - 1);
    return there;
}

/* --- the whole --- */

/* The type that JSON text begins with: {"M":... */
static enum dynamodb_type type_of_json(const char *json) {
    static const enum dynamodb_type types[] = {DYNAMODB_BOOL, DYNAMODB_NULL, DYNAMODB_L, DYNAMODB_M, DYNAMODB_SS,
                                               DYNAMODB_NS,   DYNAMODB_BS,   DYNAMODB_S, DYNAMODB_N};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *name = dynamodb_type_name(types[i]);
        size_t n = strlen(name);
        if (strncmp(json + 2, name, n) == 0 && json[2 + n] == '"') return types[i];
    }
    return DYNAMODB_B;
}

static void give_scalar(lua_State *L, struct attribute_writer *w, struct scalar s, struct function_value *out) {
    check_scalar(L, w, &s);
    *out = (struct function_value){.type = s.type, .text = s.text, .len = s.len, .size = w->size};
}

static bool give(struct function_value *out, enum dynamodb_type type, const char *text, size_t len, size_t size) {
    *out = (struct function_value){.type = type, .text = text, .len = len, .size = size};
    return true;
}

bool attribute_value_ready(lua_State *L, int index, struct attribute_writer *w, struct function_value *out) {
    size_t len;
    const char *text;
    switch (lua_type(L, index)) {
    case LUA_TNIL: return give(out, DYNAMODB_ANY, NULL, 0, 0);
    case LUA_TSTRING:
        text = lua_tolstring(L, index, &len);
        return len <= DYNAMODB_ITEM_MAX && utf8_valid(text, len) && give(out, DYNAMODB_S, text, len, len);
    case LUA_TNUMBER:
        if (!lua_isinteger(L, index)) return false;
        text = write_integer(lua_tointeger(L, index), w->number + sizeof w->number, &len);
        return give(out, DYNAMODB_N, text, len, dynamodb_number_size(text, len));
    case LUA_TBOOLEAN:
        text = lua_toboolean(L, index) ? BOOL_TRUE : BOOL_FALSE;
        return give(out, DYNAMODB_BOOL, text, strlen(text), DYNAMODB_SIZE_BOOL);
    default: return false;
    }
}

void attribute_value_read(lua_State *L, int index, struct attribute_writer *w, struct function_value *out) {
    if (attribute_value_ready(L, index, w, out)) return;
    w->size = 0;
    w->json.len = 0;
    *out = (struct function_value){.type = DYNAMODB_ANY};
    index = lua_absindex(L, index);
    struct scalar s = read_scalar(L, index, w);
    if (s.type != DYNAMODB_ANY) {
        give_scalar(L, w, s, out);
        return;
    }
    enum node_kind kind = lua_istable(L, index) ? attribute_node(L, index, w) : NODE_NONE;
    if (kind == NODE_S || kind == NODE_N || kind == NODE_B) {
        if (lua_rawgeti(L, index, 1) != LUA_TNIL) give_scalar(L, w, read_typed(L, w, scalar_type(kind)), out);
        lua_pop(L, 1); /* the node holds it */
        return;
    }
    lua_pushvalue(L, index);
    if (!put_value(L, w, 1)) return;
    *out = (struct function_value){.type = type_of_json(w->json.data), .text = w->json.data, .len = w->json.len, .size = w->size};
}
