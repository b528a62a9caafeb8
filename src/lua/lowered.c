#include "lua/lowered.h"

#include <lauxlib.h>
#include <string.h>

const struct lowered_word lowered_type_words[] = {
    {"S", DYNAMODB_S},       {"N", DYNAMODB_N},   {"B", DYNAMODB_B}, {"BOOL", DYNAMODB_BOOL},
    {"NULL", DYNAMODB_NULL}, {"L", DYNAMODB_L},   {"M", DYNAMODB_M}, {"SS", DYNAMODB_SS},
    {"NS", DYNAMODB_NS},     {"BS", DYNAMODB_BS}, {NULL, 0},
};

static void *checked(lua_State *L, struct loader *ld, void *memory) {
    if (memory == NULL) {
        ld->out_of_memory = true;
        luaL_error(L, "out of memory");
    }
    return memory;
}

void *lowered_array(lua_State *L, struct loader *ld, size_t count, size_t size) {
    return checked(L, ld, arena_array(ld->arena, count > 0 ? count : 1, size));
}

const char *lowered_bytes(lua_State *L, struct loader *ld, const char *field, size_t *len) {
    const char *copy = NULL;
    *len = 0;
    int type = lua_getfield(L, -1, field);
    if (type == LUA_TSTRING) {
        const char *text = lua_tolstring(L, -1, len);
        copy = checked(L, ld, arena_copy(ld->arena, text, *len));
    } else if (type != LUA_TNIL) {
        luaL_error(L, "%s of the lowered plan is not a string", field);
    }
    lua_pop(L, 1);
    return copy;
}

const char *lowered_text(lua_State *L, struct loader *ld, const char *field) {
    size_t len;
    return lowered_bytes(L, ld, field, &len);
}

const char *lowered_required(lua_State *L, struct loader *ld, const char *field) {
    const char *text = lowered_text(L, ld, field);
    if (text == NULL) luaL_error(L, "%s of the lowered plan is missing", field);
    return text;
}

int lowered_word(lua_State *L, const char *field, const struct lowered_word *words, int absent) {
    int value = absent;
    if (lua_getfield(L, -1, field) != LUA_TNIL) {
        const char *text = lua_tostring(L, -1);
        const struct lowered_word *w = words;
        while (w->text != NULL && (text == NULL || strcmp(w->text, text) != 0)) w++;
        if (w->text == NULL) luaL_error(L, "%s of the lowered plan is not a known word", field);
        value = w->value;
    }
    lua_pop(L, 1);
    return value;
}

bool lowered_flag(lua_State *L, const char *field) {
    lua_getfield(L, -1, field);
    bool flag = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return flag;
}

int64_t lowered_integer(lua_State *L, const char *field, int64_t absent) {
    int64_t value = absent;
    if (lua_getfield(L, -1, field) != LUA_TNIL) {
        int whole;
        value = lua_tointegerx(L, -1, &whole);
        if (!whole) luaL_error(L, "%s of the lowered plan is not a whole number", field);
    }
    lua_pop(L, 1);
    return value;
}

bool lowered_open_list(lua_State *L, const char *field, int *count) {
    *count = 0;
    int type = lua_getfield(L, -1, field);
    if (type == LUA_TNIL) {
        lua_pop(L, 1);
        return false;
    }
    if (type != LUA_TTABLE) luaL_error(L, "%s of the lowered plan is not a list", field);
    lua_Unsigned length = lua_rawlen(L, -1);
    if (length > 1000000) luaL_error(L, "%s of the lowered plan is too long", field);
    *count = (int)length;
    return true;
}

void lowered_open_table(lua_State *L, const char *field) {
    if (lua_getfield(L, -1, field) != LUA_TTABLE) {
        luaL_error(L, "%s of the lowered plan is not a table", field);
    }
}

void lowered_open_entry(lua_State *L, int i) {
    if (lua_rawgeti(L, -1, i + 1) != LUA_TTABLE) luaL_error(L, "an entry of the lowered plan is not a table");
}

const char *const *lowered_texts(lua_State *L, struct loader *ld, const char *field, int *count) {
    if (!lowered_open_list(L, field, count)) return NULL;
    const char **list = lowered_array(L, ld, (size_t)*count, sizeof *list);
    for (int i = 0; i < *count; i++) {
        lua_rawgeti(L, -1, i + 1);
        size_t len;
        const char *text = lua_tolstring(L, -1, &len);
        if (text == NULL) luaL_error(L, "an entry of %s is not a string", field);
        list[i] = checked(L, ld, arena_copy(ld->arena, text, len));
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return list;
}

void lowered_place(lua_State *L, struct loader *ld, struct plan_place *place) {
    place->file = lowered_text(L, ld, "file");
    place->line = (int)lowered_integer(L, "line", 0);
    place->path = lowered_text(L, ld, "path");
}
