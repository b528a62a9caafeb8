/* The operations that the endpoint knows by name. Others are counted together as OPERATION_OTHER. */
#ifndef ENDPOINT_OPERATION_H
#define ENDPOINT_OPERATION_H

#include "endpoint/doc.h"

enum operation {
    OPERATION_OTHER,
    OPERATION_BATCH_WRITE_ITEM,
    OPERATION_PUT_ITEM,
    OPERATION_DELETE_ITEM,
    OPERATION_GET_ITEM,
    OPERATION_BATCH_GET_ITEM,
    OPERATION_SCAN,
    OPERATION_QUERY,
    OPERATION_CREATE_TABLE,
    OPERATION_DESCRIBE_TABLE,
    OPERATION_DELETE_TABLE,
    OPERATION_LIST_TABLES,
    OPERATION_UPDATE_TIME_TO_LIVE,
    OPERATION_DESCRIBE_TIME_TO_LIVE,
    OPERATION_UPDATE_CONTINUOUS_BACKUPS,
    OPERATION_DESCRIBE_CONTINUOUS_BACKUPS,
    OPERATION_TAG_RESOURCE,
    OPERATION_LIST_TAGS_OF_RESOURCE,
    OPERATION_COUNT,
};

/* The name as in x-amz-target after the dot; "other" for OPERATION_OTHER. */
const char *operation_name(enum operation op);
enum operation operation_find(struct slice name);

#endif
