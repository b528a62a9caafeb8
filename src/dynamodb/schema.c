#include "dynamodb/schema.h"

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
