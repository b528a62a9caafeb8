#include "endpoint/operation.h"

static const char *const names[OPERATION_COUNT] = {
    [OPERATION_OTHER] = "other",
    [OPERATION_BATCH_WRITE_ITEM] = "BatchWriteItem",
    [OPERATION_PUT_ITEM] = "PutItem",
    [OPERATION_DELETE_ITEM] = "DeleteItem",
    [OPERATION_GET_ITEM] = "GetItem",
    [OPERATION_BATCH_GET_ITEM] = "BatchGetItem",
    [OPERATION_SCAN] = "Scan",
    [OPERATION_QUERY] = "Query",
    [OPERATION_CREATE_TABLE] = "CreateTable",
    [OPERATION_DESCRIBE_TABLE] = "DescribeTable",
    [OPERATION_DELETE_TABLE] = "DeleteTable",
    [OPERATION_LIST_TABLES] = "ListTables",
    [OPERATION_UPDATE_TIME_TO_LIVE] = "UpdateTimeToLive",
    [OPERATION_DESCRIBE_TIME_TO_LIVE] = "DescribeTimeToLive",
    [OPERATION_UPDATE_CONTINUOUS_BACKUPS] = "UpdateContinuousBackups",
    [OPERATION_DESCRIBE_CONTINUOUS_BACKUPS] = "DescribeContinuousBackups",
    [OPERATION_TAG_RESOURCE] = "TagResource",
    [OPERATION_LIST_TAGS_OF_RESOURCE] = "ListTagsOfResource",
};

const char *operation_name(enum operation op) {
    return names[op];
}

enum operation operation_find(struct slice name) {
    for (int i = 1; i < OPERATION_COUNT; i++) {
        if (slice_is(name, names[i])) return (enum operation)i;
    }
    return OPERATION_OTHER;
}
