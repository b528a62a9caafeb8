#include "dynamodb/schema.h"

#include <string.h>

const char *dynamodb_type_name(enum dynamodb_type type) {
    switch (type) {
    case DYNAMODB_ANY: return "?";
    case DYNAMODB_S: return "S";
    case DYNAMODB_N: return "N";
    case DYNAMODB_B: return "B";
    case DYNAMODB_BOOL: return "BOOL";
    case DYNAMODB_NULL: return "NULL";
    case DYNAMODB_L: return "L";
    case DYNAMODB_M: return "M";
    case DYNAMODB_SS: return "SS";
    case DYNAMODB_NS: return "NS";
    case DYNAMODB_BS: return "BS";
    }
    return "?";
}

bool dynamodb_table_name_ok(const char *text, size_t len) {
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.";
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0' || strchr(allowed, text[i]) == NULL) return false;
    }
    return len >= DYNAMODB_TABLE_NAME_LEAST && len <= DYNAMODB_TABLE_NAME_MOST;
}
