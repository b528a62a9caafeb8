/* The response of DescribeTable, read as it is written and turned into the shape of a plan's schema
 * (tables.h). */
#include <string.h>

#include "dynamodb/fields.h"
#include "dynamodb/tables.h"

/* --- the response of DescribeTable, as it is written --- */

struct raw_key {
    const char *name, *kind; /* AttributeName, and KeyType or AttributeType */
};

struct raw_projection {
    const char *type;
    struct dynamodb_list include;
};

struct raw_throughput {
    int64_t read, write;
};

struct raw_write {
    int64_t write;
};

struct raw_index {
    const char *name, *status;
    struct dynamodb_list keys;
    struct raw_projection projection;
    struct raw_throughput throughput;
    struct raw_write warm, most;
};

struct raw_billing {
    const char *mode;
};

struct raw_stream {
    bool enabled;
    const char *view;
};

struct raw_class {
    const char *name;
};

struct raw_table {
    const char *name, *status, *id, *arn, *stream_arn;
    struct dynamodb_list attributes, keys, global, local;
    struct raw_throughput throughput;
    struct raw_write warm, most;
    struct raw_billing billing;
    struct raw_stream stream;
    struct raw_class class;
    bool deletion_protection;
    int64_t item_count, bytes;
};

struct raw_answer {
    struct raw_table table;
};

static const struct dynamodb_field definition_fields[] = {
    FIELD_TEXT("AttributeName", raw_key, name),
    FIELD_TEXT("AttributeType", raw_key, kind),
    FIELDS_END,
};

static const struct dynamodb_field key_fields[] = {
    FIELD_TEXT("AttributeName", raw_key, name),
    FIELD_TEXT("KeyType", raw_key, kind),
    FIELDS_END,
};

static const struct dynamodb_field projection_fields[] = {
    FIELD_TEXT("ProjectionType", raw_projection, type),
    FIELD_TEXTS("NonKeyAttributes", raw_projection, include),
    FIELDS_END,
};

static const struct dynamodb_field throughput_fields[] = {
    FIELD_INTEGER("ReadCapacityUnits", raw_throughput, read),
    FIELD_INTEGER("WriteCapacityUnits", raw_throughput, write),
    FIELDS_END,
};

static const struct dynamodb_field warm_fields[] = {
    FIELD_INTEGER("WriteUnitsPerSecond", raw_write, write),
    FIELDS_END,
};

static const struct dynamodb_field most_fields[] = {
    FIELD_INTEGER("MaxWriteRequestUnits", raw_write, write), /* -1: no such limit */
    FIELDS_END,
};

static const struct dynamodb_field index_fields[] = {
    FIELD_TEXT("IndexName", raw_index, name),
    FIELD_TEXT("IndexStatus", raw_index, status),
    FIELD_OBJECTS("KeySchema", raw_index, keys, raw_key, key_fields),
    FIELD_OBJECT("Projection", raw_index, projection, projection_fields),
    FIELD_OBJECT("ProvisionedThroughput", raw_index, throughput, throughput_fields),
    FIELD_OBJECT("WarmThroughput", raw_index, warm, warm_fields),
    FIELD_OBJECT("OnDemandThroughput", raw_index, most, most_fields),
    FIELDS_END,
};

static const struct dynamodb_field billing_fields[] = {
    FIELD_TEXT("BillingMode", raw_billing, mode),
    FIELDS_END,
};

static const struct dynamodb_field stream_fields[] = {
    FIELD_BOOL("StreamEnabled", raw_stream, enabled),
    FIELD_TEXT("StreamViewType", raw_stream, view),
    FIELDS_END,
};

static const struct dynamodb_field class_fields[] = {
    FIELD_TEXT("TableClass", raw_class, name),
    FIELDS_END,
};

static const struct dynamodb_field table_fields[] = {
    FIELD_TEXT("TableName", raw_table, name),
    FIELD_TEXT("TableStatus", raw_table, status),
    FIELD_TEXT("TableId", raw_table, id),
    FIELD_TEXT("TableArn", raw_table, arn),
    FIELD_TEXT("LatestStreamArn", raw_table, stream_arn),
    FIELD_OBJECTS("AttributeDefinitions", raw_table, attributes, raw_key, definition_fields),
    FIELD_OBJECTS("KeySchema", raw_table, keys, raw_key, key_fields),
    FIELD_OBJECTS("GlobalSecondaryIndexes", raw_table, global, raw_index, index_fields),
    FIELD_OBJECTS("LocalSecondaryIndexes", raw_table, local, raw_index, index_fields),
    FIELD_OBJECT("ProvisionedThroughput", raw_table, throughput, throughput_fields),
    FIELD_OBJECT("WarmThroughput", raw_table, warm, warm_fields),
    FIELD_OBJECT("OnDemandThroughput", raw_table, most, most_fields),
    FIELD_OBJECT("BillingModeSummary", raw_table, billing, billing_fields),
    FIELD_OBJECT("StreamSpecification", raw_table, stream, stream_fields),
    FIELD_OBJECT("TableClassSummary", raw_table, class, class_fields),
    FIELD_BOOL("DeletionProtectionEnabled", raw_table, deletion_protection),
    FIELD_INTEGER("ItemCount", raw_table, item_count),
    FIELD_INTEGER("TableSizeBytes", raw_table, bytes),
    FIELDS_END,
};

static const struct dynamodb_field answer_fields[] = {
    FIELD_OBJECT("Table", raw_answer, table, table_fields),
    FIELDS_END,
};

/* --- into the shape of a schema --- */

/* What the building needs, and whether the response made sense. */
struct building {
    const struct raw_table *raw;
    struct dynamodb_schema *schema;
    struct arena *arena;
    bool out_of_memory;
};

static enum dynamodb_type key_type(const struct raw_table *raw, const char *name) {
    const struct raw_key *definitions = raw->attributes.items;
    for (int i = 0; i < raw->attributes.count; i++) {
        const struct raw_key *d = &definitions[i];
        if (d->name == NULL || d->kind == NULL || strcmp(d->name, name) != 0) continue;
        if (strcmp(d->kind, "S") == 0) return DYNAMODB_S;
        if (strcmp(d->kind, "N") == 0) return DYNAMODB_N;
        if (strcmp(d->kind, "B") == 0) return DYNAMODB_B;
    }
    return DYNAMODB_ANY;
}

/* Takes the attributes of one kind (HASH, RANGE) from a key schema, in order; how many, or -1 when they are
 * too many or without a known type. */
static int take_keys(const struct building *b, const struct dynamodb_list *from, const char *kind, struct dynamodb_key *out,
                     int most) {
    const struct raw_key *keys = from->items;
    int count = 0;
    for (int i = 0; i < from->count; i++) {
        if (keys[i].name == NULL || keys[i].kind == NULL) return -1;
        if (strcmp(keys[i].kind, kind) != 0) continue;
        if (count == most) return -1;
        out[count] = (struct dynamodb_key){keys[i].name, key_type(b->raw, keys[i].name)};
        if (out[count++].type == DYNAMODB_ANY) return -1;
    }
    return count;
}

static bool build_index(struct building *b, const struct raw_index *raw, bool local, struct dynamodb_index *out) {
    *out = (struct dynamodb_index){.name = raw->name, .local = local};
    out->partition_count = take_keys(b, &raw->keys, "HASH", out->partition, DYNAMODB_INDEX_KEYS_MAX);
    out->sort_count = take_keys(b, &raw->keys, "RANGE", out->sort, DYNAMODB_INDEX_KEYS_MAX);
    if (raw->name == NULL || out->partition_count < 1 || out->sort_count < 0) return false;
    const char *projection = raw->projection.type ? raw->projection.type : "ALL";
    if (strcmp(projection, "KEYS_ONLY") == 0) {
        out->projection = DYNAMODB_PROJECT_KEYS_ONLY;
    } else if (strcmp(projection, "INCLUDE") == 0) {
        out->projection = DYNAMODB_PROJECT_INCLUDE;
        out->include = (const char *const *)raw->projection.include.items;
        out->include_count = raw->projection.include.count;
        for (int i = 0; i < out->include_count; i++) {
            if (out->include[i] == NULL) return false;
        }
    } else if (strcmp(projection, "ALL") != 0) {
        return false;
    }
    if (b->schema->provisioned && !local) {
        out->read_units = raw->throughput.read;
        out->write_units = raw->throughput.write;
    }
    return true;
}

static bool has_index(const struct dynamodb_index *indexes, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(indexes[i].name, name) == 0) return true;
    }
    return false;
}

static struct dynamodb_writes writes_of(const struct raw_write *warm, const struct raw_write *most) {
    return (struct dynamodb_writes){.warm = warm->write, .most = most->write > 0 ? most->write : 0};
}

static bool build_indexes(struct building *b, struct dynamodb_description *out) {
    const struct raw_table *raw = b->raw;
    size_t count = (size_t)raw->global.count + (size_t)raw->local.count;
    if (count == 0) return true;
    struct dynamodb_index *indexes = arena_array(b->arena, count, sizeof *indexes);
    out->index_status = arena_array(b->arena, count, sizeof *out->index_status);
    out->index_writes = arena_array(b->arena, count, sizeof *out->index_writes);
    if (indexes == NULL || out->index_status == NULL || out->index_writes == NULL) {
        b->out_of_memory = true;
        return false;
    }
    const struct raw_index *global = raw->global.items, *local = raw->local.items;
    for (int i = 0; i < (int)count; i++) {
        bool is_local = i >= raw->global.count;
        const struct raw_index *from = is_local ? &local[i - raw->global.count] : &global[i];
        if (!build_index(b, from, is_local, &indexes[i]) || has_index(indexes, i, from->name)) return false;
        out->index_status[i] = from->status ? from->status : out->status;
        out->index_writes[i] = writes_of(&from->warm, &from->most);
    }
    b->schema->indexes = indexes;
    b->schema->index_count = (int)count;
    return true;
}

static bool build(struct building *b, struct dynamodb_description *out) {
    const struct raw_table *raw = b->raw;
    struct dynamodb_schema *s = b->schema;
    if (raw->name == NULL || raw->status == NULL) return false;
    out->exists = true;
    out->status = raw->status;
    out->id = raw->id;
    out->arn = raw->arn;
    out->stream_arn = raw->stream_arn;
    out->item_count = raw->item_count;
    out->bytes = raw->bytes;
    out->writes = writes_of(&raw->warm, &raw->most);
    s->name = raw->name;
    /* A table that has never been on demand has no billing summary. */
    s->provisioned = raw->billing.mode == NULL || strcmp(raw->billing.mode, "PAY_PER_REQUEST") != 0;
    if (s->provisioned) {
        s->read_units = raw->throughput.read;
        s->write_units = raw->throughput.write;
    }
    s->stream = raw->stream.enabled ? raw->stream.view : NULL;
    s->deletion_protection = raw->deletion_protection;
    s->table_class = raw->class.name;
    return take_keys(b, &raw->keys, "HASH", &s->partition, 1) == 1 && take_keys(b, &raw->keys, "RANGE", &s->sort, 1) >= 0 &&
           build_indexes(b, out);
}

bool dynamodb_description_parse(const char *body, size_t n, struct dynamodb_description *out, struct arena *arena,
                                struct error *err) {
    *out = (struct dynamodb_description){.exists = false};
    struct raw_answer answer = {0};
    if (!dynamodb_read_fields(body, n, answer_fields, &answer, arena, "DescribeTable", err)) return false;
    struct building b = {.raw = &answer.table, .schema = &out->schema, .arena = arena};
    if (build(&b, out)) return true;
    *out = (struct dynamodb_description){.exists = false};
    if (b.out_of_memory) return error_memory(err, "reading a table's description");
    return error_set(err, ERROR_TARGET,
                     "DescribeTable: the response does not describe a table that hlua knows: "
                     "name, status, keys with types S, N or B, and indexes are to be there");
}
