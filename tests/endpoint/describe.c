#include "endpoint/describe.h"

#include <string.h>

#define ARN "arn:aws:dynamodb:us-east-1:000000000000:table/%s"

static bool print_member(struct buffer *out, struct slice from, const char *name) {
    struct slice value;
    if (!doc_get(from, name, &value)) return true;
    return buffer_printf(out, ",\"%s\":", name) && buffer_append(out, value.data, value.len);
}

/* ProvisionedThroughput as it is described: zeros for a table that is billed by request. */
static bool print_throughput(struct buffer *out, struct slice owner) {
    struct slice value;
    int64_t read = 0, write = 0;
    if (doc_get(owner, "ProvisionedThroughput", &value)) {
        doc_get_integer(value, "ReadCapacityUnits", &read);
        doc_get_integer(value, "WriteCapacityUnits", &write);
    }
    return buffer_printf(out,
                         ",\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":%lld,"
                         "\"WriteCapacityUnits\":%lld}",
                         (long long)read, (long long)write);
}

/* What a table or an index that is billed by request was given. */
static bool print_on_demand(struct buffer *out, struct slice owner) {
    return print_member(out, owner, "WarmThroughput") && print_member(out, owner, "OnDemandThroughput");
}

static bool print_indexes(struct buffer *out, const struct catalog_table *t, bool local) {
    bool any = false, ok = true;
    for (int i = 0; i < t->index_count && ok; i++) {
        const struct catalog_index *index = &t->indexes[i];
        if (index->local != local) continue;
        if (!any) ok = buffer_printf(out, ",\"%sSecondaryIndexes\":[", local ? "Local" : "Global");
        ok = ok &&
             buffer_printf(out, "%s{\"IndexName\":\"%s\",\"IndexArn\":\"" ARN "/index/%s\"", any ? "," : "", index->name, t->name,
                           index->name) &&
             (local || buffer_append_text(out, ",\"IndexStatus\":\"ACTIVE\"")) &&
             print_member(out, index->definition, "KeySchema") && print_member(out, index->definition, "Projection") &&
             (local || (print_throughput(out, index->definition) && print_on_demand(out, index->definition))) &&
             buffer_append_text(out, ",\"IndexSizeBytes\":0,\"ItemCount\":0}");
        any = true;
    }
    return ok && (!any || buffer_append_text(out, "]"));
}

/* Settings that are described under another shape than they were sent in. */
static bool print_settings(struct buffer *out, struct slice definition, const char *table) {
    char text[64];
    struct slice value;
    if (doc_get_text(definition, "BillingMode", text, sizeof text) && strcmp(text, "PAY_PER_REQUEST") == 0 &&
        !buffer_append_text(out, ",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"}"))
        return false;
    if (doc_get_text(definition, "TableClass", text, sizeof text) &&
        !buffer_printf(out, ",\"TableClassSummary\":{\"TableClass\":\"%s\"}", text))
        return false;
    if (doc_get(definition, "StreamSpecification", &value) && doc_get_true(value, "StreamEnabled") &&
        !buffer_printf(out,
                       ",\"LatestStreamLabel\":\"2026-01-01T00:00:00.000\",\"LatestStreamArn\":\"" ARN
                       "/stream/2026-01-01T00:00:00.000\"",
                       table))
        return false;
    bool guarded = doc_get_true(definition, "DeletionProtectionEnabled");
    return print_member(out, definition, "StreamSpecification") &&
           buffer_printf(out, ",\"DeletionProtectionEnabled\":%s", guarded ? "true" : "false");
}

bool describe_table(const struct catalog_table *t, const char *member, const char *status, struct buffer *out,
                    struct error *err) {
    struct slice definition = {t->definition, t->definition_len};
    bool ok = buffer_printf(out,
                            "{\"%s\":{\"TableName\":\"%s\",\"TableStatus\":\"%s\",\"TableArn\":\"" ARN "\","
                            "\"TableId\":\"00000000-0000-0000-0000-%012llx\",\"CreationDateTime\":%lld,"
                            "\"ItemCount\":%zu,\"TableSizeBytes\":%llu",
                            member, t->name, status, t->name, (unsigned long long)t->created, (long long)t->created,
                            t->items.count, (unsigned long long)t->items.bytes) &&
              print_member(out, definition, "AttributeDefinitions") && print_member(out, definition, "KeySchema") &&
              print_throughput(out, definition) && print_on_demand(out, definition) && print_indexes(out, t, false) &&
              print_indexes(out, t, true) && print_settings(out, definition, t->name) && buffer_append_text(out, "}}");
    return ok || error_memory(err, "describing a table");
}

bool describe_list(const struct catalog *c, struct slice body, struct buffer *out, struct error *err) {
    char after[DOC_NAME] = "";
    int64_t limit = 100, count = 0;
    doc_get_text(body, "ExclusiveStartTableName", after, sizeof after);
    doc_get_integer(body, "Limit", &limit);
    const struct catalog_table *t = c->first, *last = NULL;
    bool ok = buffer_append_text(out, "{\"TableNames\":[");
    while (t && strcmp(t->name, after) <= 0) t = t->next;
    for (; ok && t && count < limit; t = t->next, count++) {
        ok = buffer_printf(out, "%s\"%s\"", count ? "," : "", t->name);
        last = t;
    }
    ok = ok && buffer_append_text(out, "]");
    if (ok && t && last) ok = buffer_printf(out, ",\"LastEvaluatedTableName\":\"%s\"", last->name);
    return (ok && buffer_append_text(out, "}")) || error_memory(err, "listing tables");
}

bool describe_tags(const struct catalog_table *t, struct buffer *out, struct error *err) {
    bool ok = buffer_append_text(out, "{\"Tags\":[");
    for (int i = 0; ok && i < t->tag_count; i++) {
        const struct catalog_tag *tag = &t->tags[i];
        ok = buffer_append_text(out, i ? ",{\"Key\":" : "{\"Key\":") && json_append_string(out, tag->key, strlen(tag->key)) &&
             buffer_append_text(out, ",\"Value\":") && json_append_string(out, tag->value, strlen(tag->value)) &&
             buffer_append_text(out, "}");
    }
    return (ok && buffer_append_text(out, "]}")) || error_memory(err, "listing tags");
}

bool describe_ttl(const struct catalog_table *t, struct buffer *out, struct error *err) {
    bool enabled = t->ttl_attribute[0] != '\0';
    bool ok = buffer_printf(out, "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"%s\"", enabled ? "ENABLED" : "DISABLED");
    if (ok && enabled)
        ok =
            buffer_append_text(out, ",\"AttributeName\":") && json_append_string(out, t->ttl_attribute, strlen(t->ttl_attribute));
    return (ok && buffer_append_text(out, "}}")) || error_memory(err, "describing time to live");
}

bool describe_backups(const struct catalog_table *t, struct buffer *out, struct error *err) {
    return buffer_printf(out,
                         "{\"ContinuousBackupsDescription\":{\"ContinuousBackupsStatus\":\"ENABLED\","
                         "\"PointInTimeRecoveryDescription\":{\"PointInTimeRecoveryStatus\":\"%s\"}}}",
                         t->point_in_time_recovery ? "ENABLED" : "DISABLED") ||
           error_memory(err, "describing backups");
}
