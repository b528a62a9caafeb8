/* Tables: the request that creates one, the description that is read back, and the two compared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/tables.h"

#define S(name)                                                                                                                  \
    { name, DYNAMODB_S }
#define N(name)                                                                                                                  \
    { name, DYNAMODB_N }
#define COUNT(a) (int)(sizeof(a) / sizeof(a)[0])

/* The loan application's log table. */
static struct dynamodb_index log_indexes[] = {
    {.name = "GSI1", .partition = {S("GSI1PK")}, .partition_count = 1, .sort = {S("GSI1SK")}, .sort_count = 1},
    {.name = "GSI2", .partition = {S("GSI2PK")}, .partition_count = 1, .sort = {S("SK")}, .sort_count = 1},
};
static const struct dynamodb_tag log_tags[] = {{"Environment", "dev"}, {"Component", "Integration\"Logs"}};
static const struct dynamodb_schema logs = {
    .name = "Logs-dev",
    .partition = S("PK"),
    .sort = S("SK"),
    .indexes = log_indexes,
    .index_count = COUNT(log_indexes),
    .point_in_time_recovery = true,
    .stream = "NEW_AND_OLD_IMAGES",
    .tags = log_tags,
    .tag_count = COUNT(log_tags),
    .deletion_protection = true,
    .table_class = "STANDARD_INFREQUENT_ACCESS",
    .time_to_live = "TTL",
};

/* The rest of what a table can have: provisioned, a local index, an index of several keys, the other
 * projections. */
static const char *const included[] = {"Amount", "Status"};
static struct dynamodb_index payment_indexes[] = {
    {.name = "ByStatus",
     .partition = {S("PaymentStatus"), N("LoanId")},
     .partition_count = 2,
     .sort = {S("PaymentDate"), N("PaymentId")},
     .sort_count = 2,
     .projection = DYNAMODB_PROJECT_INCLUDE,
     .include = included,
     .include_count = COUNT(included),
     .write_units = 7},
    {.name = "ByAmount", .local = true, .sort = {N("Amount")}, .sort_count = 1, .projection = DYNAMODB_PROJECT_KEYS_ONLY},
};
static const struct dynamodb_schema payments = {
    .name = "Payments-dev",
    .partition = N("CustomerId"),
    .indexes = payment_indexes,
    .index_count = COUNT(payment_indexes),
    .provisioned = true,
    .read_units = 5,
    .write_units = 6,
};

/* --- the request --- */

static void expect_body(const struct dynamodb_schema *schema, const char *expected) {
    struct buffer b;
    struct error err = {0};
    buffer_init(&b, 1 << 20);
    if (!dynamodb_table_create_body(schema, &b, &err)) fail_msg("%s", err.text);
    assert_true(buffer_terminate(&b));
    assert_string_equal(b.data, expected);
    buffer_free(&b);
}

static void body_of_logs(void **state) {
    (void)state;
    expect_body(&logs, "{\"TableName\":\"Logs-dev\",\"AttributeDefinitions\":["
                       "{\"AttributeName\":\"PK\",\"AttributeType\":\"S\"},{\"AttributeName\":\"SK\",\"AttributeType\":"
                       "\"S\"},"
                       "{\"AttributeName\":\"GSI1PK\",\"AttributeType\":\"S\"},{\"AttributeName\":\"GSI1SK\","
                       "\"AttributeType\":\"S\"},"
                       "{\"AttributeName\":\"GSI2PK\",\"AttributeType\":\"S\"}],"
                       "\"KeySchema\":[{\"AttributeName\":\"PK\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"SK\","
                       "\"KeyType\":\"RANGE\"}],"
                       "\"GlobalSecondaryIndexes\":["
                       "{\"IndexName\":\"GSI1\",\"KeySchema\":[{\"AttributeName\":\"GSI1PK\",\"KeyType\":\"HASH\"},"
                       "{\"AttributeName\":\"GSI1SK\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}},"
                       "{\"IndexName\":\"GSI2\",\"KeySchema\":[{\"AttributeName\":\"GSI2PK\",\"KeyType\":\"HASH\"},"
                       "{\"AttributeName\":\"SK\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}}],"
                       "\"BillingMode\":\"PAY_PER_REQUEST\","
                       "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},"
                       "\"Tags\":[{\"Key\":\"Environment\",\"Value\":\"dev\"},{\"Key\":\"Component\",\"Value\":"
                       "\"Integration\\\"Logs\"}],"
                       "\"DeletionProtectionEnabled\":true,\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"}");
}

static void body_of_payments(void **state) {
    (void)state;
    expect_body(&payments, "{\"TableName\":\"Payments-dev\",\"AttributeDefinitions\":["
                           "{\"AttributeName\":\"CustomerId\",\"AttributeType\":\"N\"},"
                           "{\"AttributeName\":\"PaymentStatus\",\"AttributeType\":\"S\"},{\"AttributeName\":\"LoanId\","
                           "\"AttributeType\":\"N\"},"
                           "{\"AttributeName\":\"PaymentDate\",\"AttributeType\":\"S\"},{\"AttributeName\":\"PaymentId\","
                           "\"AttributeType\":\"N\"},"
                           "{\"AttributeName\":\"Amount\",\"AttributeType\":\"N\"}],"
                           "\"KeySchema\":[{\"AttributeName\":\"CustomerId\",\"KeyType\":\"HASH\"}],"
                           "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ByStatus\",\"KeySchema\":["
                           "{\"AttributeName\":\"PaymentStatus\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"LoanId\","
                           "\"KeyType\":\"HASH\"},"
                           "{\"AttributeName\":\"PaymentDate\",\"KeyType\":\"RANGE\"},{\"AttributeName\":\"PaymentId\","
                           "\"KeyType\":\"RANGE\"}],"
                           "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"Amount\",\"Status\"]},"
                           "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":7}}],"
                           "\"LocalSecondaryIndexes\":[{\"IndexName\":\"ByAmount\",\"KeySchema\":["
                           "{\"AttributeName\":\"CustomerId\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"Amount\",\"KeyType\":"
                           "\"RANGE\"}],"
                           "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"
                           "\"BillingMode\":\"PROVISIONED\","
                           "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":6}}");
}

static void body_refused(void **state) {
    (void)state;
    struct buffer b;
    struct error err = {0};
    buffer_init(&b, 1 << 20);
    struct dynamodb_schema wrong = logs;
    wrong.sort = (struct dynamodb_key)N("GSI1PK");
    assert_false(dynamodb_table_create_body(&wrong, &b, &err));
    assert_int_equal(err.kind, ERROR_PLAN);
    assert_string_equal(err.text, "key attribute GSI1PK is N in one key and S in another");
    wrong.sort = (struct dynamodb_key){"SK", DYNAMODB_ANY};
    assert_false(dynamodb_table_create_body(&wrong, &b, &err));
    assert_string_equal(err.text, "key attribute SK has type ?, and a key is S, N or B");
    buffer_free(&b);

    buffer_init(&b, 300); /* a body that does not fit is a local failure, not a cut request */
    assert_false(dynamodb_table_create_body(&logs, &b, &err));
    assert_int_equal(err.kind, ERROR_LOCAL);
    buffer_free(&b);
}

/* --- the description --- */

#define DESCRIBED_LOGS                                                                                                           \
    "{\"Table\":{\"AttributeDefinitions\":[{\"AttributeName\":\"PK\",\"AttributeType\":\"S\"},"                                  \
    "{\"AttributeName\":\"SK\",\"AttributeType\":\"S\"},{\"AttributeName\":\"GSI1PK\",\"AttributeType\":"                        \
    "\"S\"},"                                                                                                                    \
    "{\"AttributeName\":\"GSI1SK\",\"AttributeType\":\"S\"},{\"AttributeName\":\"GSI2PK\","                                      \
    "\"AttributeType\":\"S\"}],"                                                                                                 \
    "\"TableName\":\"Logs-dev\",\"KeySchema\":[{\"AttributeName\":\"PK\",\"KeyType\":\"HASH\"},"                                 \
    "{\"AttributeName\":\"SK\",\"KeyType\":\"RANGE\"}],\"TableStatus\":\"ACTIVE\",\"CreationDateTime\":1."                       \
    "7E9,"                                                                                                                       \
    "\"ProvisionedThroughput\":{\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":0,"                                           \
    "\"WriteCapacityUnits\":0},"                                                                                                 \
    "\"TableSizeBytes\":1234,\"ItemCount\":56,\"TableArn\":\"arn:aws:dynamodb:eu-west-1:123456789012:table/"                     \
    "Logs-dev\","                                                                                                                \
    "\"TableId\":\"00000000-1111\",\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},"                                \
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"GSI2\",\"KeySchema\":[{\"AttributeName\":\"GSI2PK\","                          \
    "\"KeyType\":\"HASH\"},{\"AttributeName\":\"SK\",\"KeyType\":\"RANGE\"}],\"Projection\":{"                                   \
    "\"ProjectionType\":\"ALL\"},"                                                                                               \
    "\"IndexStatus\":\"CREATING\",\"Backfilling\":true,\"ProvisionedThroughput\":{}},"                                           \
    "{\"IndexName\":\"GSI1\",\"KeySchema\":[{\"AttributeName\":\"GSI1PK\",\"KeyType\":\"HASH\"},"                                \
    "{\"AttributeName\":\"GSI1SK\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"},"                         \
    "\"WarmThroughput\":{\"ReadUnitsPerSecond\":12000,\"WriteUnitsPerSecond\":8000,\"Status\":\"ACTIVE\"},"                      \
    "\"OnDemandThroughput\":{\"MaxReadRequestUnits\":-1,\"MaxWriteRequestUnits\":500},"                                          \
    "\"IndexStatus\":\"ACTIVE\",\"ItemCount\":3}],\"WarmThroughput\":{\"WriteUnitsPerSecond\":40000},"                           \
    "\"StreamSpecification\":{\"StreamEnabled\":true,\"StreamViewType\":\"NEW_AND_OLD_IMAGES\"},"                                \
    "\"LatestStreamArn\":\"arn:stream\",\"DeletionProtectionEnabled\":true,"                                                     \
    "\"TableClassSummary\":{\"TableClass\":\"STANDARD_INFREQUENT_ACCESS\"},\"OnDemandThroughput\":null,"                         \
    "\"SomethingNew\":[{\"a\":[1,2]}]}}"

#define DESCRIBED_PAYMENTS                                                                                                       \
    "{\"Table\":{\"TableName\":\"Payments-dev\",\"TableStatus\":\"UPDATING\",\"AttributeDefinitions\":["                         \
    "{\"AttributeName\":\"CustomerId\",\"AttributeType\":\"N\"},{\"AttributeName\":\"PaymentStatus\","                           \
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"LoanId\",\"AttributeType\":\"N\"},{\"AttributeName\":"                        \
    "\"PaymentDate\","                                                                                                           \
    "\"AttributeType\":\"S\"},{\"AttributeName\":\"PaymentId\",\"AttributeType\":\"N\"},"                                        \
    "{\"AttributeName\":\"Amount\",\"AttributeType\":\"N\"}],"                                                                   \
    "\"KeySchema\":[{\"AttributeName\":\"CustomerId\",\"KeyType\":\"HASH\"}],"                                                   \
    "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":6},"                                              \
    "\"LocalSecondaryIndexes\":[{\"IndexName\":\"ByAmount\",\"KeySchema\":[{\"AttributeName\":"                                  \
    "\"CustomerId\","                                                                                                            \
    "\"KeyType\":\"HASH\"},{\"AttributeName\":\"Amount\",\"KeyType\":\"RANGE\"}],"                                               \
    "\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}],"                                                                       \
    "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"ByStatus\",\"IndexStatus\":\"ACTIVE\",\"KeySchema\":["                         \
    "{\"AttributeName\":\"PaymentStatus\",\"KeyType\":\"HASH\"},{\"AttributeName\":\"LoanId\",\"KeyType\":"                      \
    "\"HASH\"},"                                                                                                                 \
    "{\"AttributeName\":\"PaymentDate\",\"KeyType\":\"RANGE\"},{\"AttributeName\":\"PaymentId\","                                \
    "\"KeyType\":\"RANGE\"}],"                                                                                                   \
    "\"Projection\":{\"ProjectionType\":\"INCLUDE\",\"NonKeyAttributes\":[\"Status\",\"Amount\"]},"                              \
    "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":7}}]}}"

static struct dynamodb_description describe(const char *json, struct arena *arena) {
    struct dynamodb_description d;
    struct error err = {0};
    if (!dynamodb_description_parse(json, strlen(json), &d, arena, &err)) fail_msg("%s", err.text);
    return d;
}

static void description_of_logs(void **state) {
    struct dynamodb_description d = describe(DESCRIBED_LOGS, *state);
    assert_true(d.exists);
    assert_string_equal(d.status, "ACTIVE");
    assert_string_equal(d.id, "00000000-1111");
    assert_string_equal(d.arn, "arn:aws:dynamodb:eu-west-1:123456789012:table/Logs-dev");
    assert_string_equal(d.stream_arn, "arn:stream");
    assert_int_equal(d.item_count, 56);
    assert_int_equal(d.bytes, 1234);
    assert_string_equal(d.schema.name, "Logs-dev");
    assert_string_equal(d.schema.partition.name, "PK");
    assert_int_equal(d.schema.partition.type, DYNAMODB_S);
    assert_string_equal(d.schema.sort.name, "SK");
    assert_false(d.schema.provisioned);
    assert_true(d.schema.deletion_protection);
    assert_string_equal(d.schema.stream, "NEW_AND_OLD_IMAGES");
    assert_string_equal(d.schema.table_class, "STANDARD_INFREQUENT_ACCESS");
    assert_int_equal(d.schema.index_count, 2);
    assert_string_equal(d.schema.indexes[0].name, "GSI2");
    assert_string_equal(d.schema.indexes[0].sort[0].name, "SK");
    assert_string_equal(d.index_status[0], "CREATING");
    assert_string_equal(d.index_status[1], "ACTIVE");
    assert_int_equal(d.writes.warm, 40000);
    assert_int_equal(d.writes.most, 0);
    assert_int_equal(d.index_writes[0].warm, 0);
    assert_int_equal(d.index_writes[1].warm, 8000);
    assert_int_equal(d.index_writes[1].most, 500);
}

static void description_of_payments(void **state) {
    struct dynamodb_description d = describe(DESCRIBED_PAYMENTS, *state);
    assert_true(d.schema.provisioned); /* no billing summary: it has always been */
    assert_int_equal(d.schema.read_units, 5);
    assert_int_equal(d.schema.write_units, 6);
    assert_null(d.schema.sort.name);
    assert_null(d.schema.stream);
    const struct dynamodb_index *global = &d.schema.indexes[0], *local = &d.schema.indexes[1];
    assert_int_equal(global->partition_count, 2);
    assert_int_equal(global->sort_count, 2);
    assert_int_equal(global->sort[1].type, DYNAMODB_N);
    assert_int_equal(global->projection, DYNAMODB_PROJECT_INCLUDE);
    assert_int_equal(global->include_count, 2);
    assert_int_equal(global->write_units, 7);
    assert_true(local->local);
    assert_int_equal(local->projection, DYNAMODB_PROJECT_KEYS_ONLY);
    assert_string_equal(d.index_status[1], "UPDATING");
}

static void description_refused(void **state) {
    static const char *const table[] = {
        "",
        "[]",
        "{}",
        "{\"Table\":null}",
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\"}}",
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"k\","
        "\"KeyType\":\"HASH\"}]}}",
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"KeySchema\":[{\"KeyType\":\"HASH\"}]}}",
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"AttributeDefinitions\":[{"
        "\"AttributeName\":\"k\","
        "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"},"
        "{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}]}}",
        "{\"Table\":{\"TableName\":\"t\",\"TableStatus\":\"ACTIVE\",\"AttributeDefinitions\":[{"
        "\"AttributeName\":\"k\","
        "\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}],"
        "\"GlobalSecondaryIndexes\":[{}]}}",
    };
    for (int i = 0; i < COUNT(table); i++) {
        struct dynamodb_description d;
        struct error err = {0};
        if (dynamodb_description_parse(table[i], strlen(table[i]), &d, *state, &err)) fail_msg("%s is taken", table[i]);
        assert_int_equal(err.kind, ERROR_TARGET);
        assert_false(d.exists);
    }
}

/* Cut anywhere, or with any byte made another: refused or read, never a crash. */
static void description_nonsense(void **state) {
    (void)state;
    static const char *const bodies[] = {DESCRIBED_LOGS, DESCRIBED_PAYMENTS};
    static const char bytes[] = "\"\\{}[],:x0-\x01\xff";
    for (int b = 0; b < COUNT(bodies); b++) {
        size_t n = strlen(bodies[b]);
        for (size_t at = 0; at < n; at++) {
            struct arena *arena = arena_new();
            char *body = malloc(n);
            assert_true(arena && body);
            struct dynamodb_description d;
            char *cut = malloc(at ? at : 1);
            assert_non_null(cut);
            memcpy(cut, bodies[b], at);
            assert_false(dynamodb_description_parse(cut, at, &d, arena, NULL));
            free(cut);
            for (int i = 0; i < COUNT(bytes); i++) {
                memcpy(body, bodies[b], n);
                body[at] = bytes[i];
                dynamodb_description_parse(body, n, &d, arena, NULL);
            }
            free(body);
            arena_free(arena);
        }
    }
}

/* --- the comparison --- */

static struct dynamodb_description as_planned(const struct dynamodb_schema *schema) {
    return (struct dynamodb_description){.exists = true, .status = "ACTIVE", .schema = *schema};
}

static void expect_notices(const struct dynamodb_schema *plan, const struct dynamodb_description *table, const char *const *lines,
                           int count, struct arena *arena) {
    struct dynamodb_notices notices = {.arena = arena};
    struct error err = {0};
    if (!dynamodb_table_compare(plan, table, &notices, &err)) fail_msg("%s", err.text);
    for (int i = 0; i < notices.count && i < count; i++) assert_string_equal(notices.lines[i], lines[i]);
    assert_int_equal(notices.count, count);
}

static void same_tables(void **state) {
    struct dynamodb_description d = as_planned(&logs);
    expect_notices(&logs, &d, NULL, 0, *state);
    d = describe(DESCRIBED_PAYMENTS, *state);
    expect_notices(&payments, &d, NULL, 0, *state);
    d = describe(DESCRIBED_LOGS, *state);
    d.schema.time_to_live = "TTL";
    d.schema.point_in_time_recovery = true;
    d.schema.tags = log_tags;
    d.schema.tag_count = COUNT(log_tags);
    expect_notices(&logs, &d, NULL, 0, *state);
}

static void expect_difference(const struct dynamodb_schema *plan, const struct dynamodb_description *table, const char *text,
                              struct arena *arena) {
    struct dynamodb_notices notices = {.arena = arena};
    struct error err = {0};
    assert_false(dynamodb_table_compare(plan, table, &notices, &err));
    assert_int_equal(err.kind, ERROR_TARGET);
    assert_string_equal(err.text, text);
    assert_true(err.hint[0] != '\0');
    assert_int_equal(notices.count, 0);
}

static void other_keys(void **state) {
    struct dynamodb_description d = as_planned(&logs);
    d.schema.partition.name = "Pk";
    d.schema.sort = (struct dynamodb_key){0};
    expect_difference(&logs, &d,
                      "table Logs-dev has other keys or indexes than the plan\n"
                      "  partition key  plan   PK (S)\n"
                      "                 table  Pk (S)\n"
                      "  sort key       plan   SK (S)\n"
                      "                 table  none",
                      *state);
    d = as_planned(&logs);
    d.schema.sort.type = DYNAMODB_N;
    expect_difference(&logs, &d,
                      "table Logs-dev has other keys or indexes than the plan\n"
                      "  sort key  plan   SK (S)\n"
                      "            table  SK (N)",
                      *state);
}

static void other_indexes(void **state) {
    struct dynamodb_index indexes[] = {payment_indexes[0], log_indexes[0]};
    indexes[0].projection = DYNAMODB_PROJECT_ALL;
    struct dynamodb_description d = as_planned(&payments);
    d.schema.indexes = indexes;
    expect_difference(&payments, &d,
                      "table Payments-dev has other keys or indexes than the plan\n"
                      "  index ByStatus  plan   partition PaymentStatus (S) + LoanId (N), sort PaymentDate "
                      "(S) + PaymentId (N), INCLUDE "
                      "(Amount, Status)\n"
                      "                  table  partition PaymentStatus (S) + LoanId (N), sort PaymentDate "
                      "(S) + PaymentId (N), ALL\n"
                      "  index ByAmount  plan   local, sort Amount (N), KEYS_ONLY\n"
                      "                  table  missing",
                      *state);

    static const char *const other_list[] = {"Amount", "Method"};
    struct dynamodb_index changed[] = {payment_indexes[0], payment_indexes[1]};
    changed[0].include = other_list;
    d.schema.indexes = changed;
    struct error err;
    struct dynamodb_notices notices = {.arena = *state};
    assert_false(dynamodb_table_compare(&payments, &d, &notices, &err));
    assert_non_null(strstr(err.text, "INCLUDE (Amount, Method)"));
    changed[0] = payment_indexes[0];
    changed[1].local = false;
    assert_false(dynamodb_table_compare(&payments, &d, &notices, &err));
    assert_non_null(strstr(err.text, "index ByAmount"));
}

/* More differences than an error can show are counted. */
static void many_differences(void **state) {
    struct dynamodb_index indexes[20];
    char names[20][200];
    for (int i = 0; i < 20; i++) {
        snprintf(names[i], sizeof names[i], "Index%d-%0*d", i, 150, 0);
        indexes[i] = log_indexes[0];
        indexes[i].name = names[i];
    }
    struct dynamodb_schema plan = logs;
    plan.indexes = indexes;
    plan.index_count = 20;
    struct dynamodb_description d = as_planned(&logs);
    struct dynamodb_notices notices = {.arena = *state};
    struct error err;
    assert_false(dynamodb_table_compare(&plan, &d, &notices, &err));
    assert_non_null(strstr(err.text, "Index0-"));
    assert_non_null(strstr(err.text, "\n  and "));
    assert_string_equal(err.text + strlen(err.text) - 5, " more");
}

static void other_settings(void **state) {
    struct dynamodb_index more[] = {log_indexes[1], log_indexes[0], payment_indexes[0]};
    struct dynamodb_tag tags[] = {{"aws:cloudformation:stack-name", "x"}, {"Environment", "prod"}};
    struct dynamodb_description d = as_planned(&logs);
    d.schema.indexes = more;
    d.schema.index_count = COUNT(more);
    d.schema.provisioned = true;
    d.schema.stream = NULL;
    d.schema.deletion_protection = false;
    d.schema.table_class = NULL;
    d.schema.time_to_live = "expires";
    d.schema.point_in_time_recovery = false;
    d.schema.tags = tags;
    d.schema.tag_count = COUNT(tags);
    static const char *const lines[] = {
        "table Logs-dev has an index that the plan does not: ByStatus (partition PaymentStatus (S) + LoanId "
        "(N), sort "
        "PaymentDate (S) + PaymentId (N), INCLUDE (Amount, Status)); each item with its keys costs write "
        "units there too",
        "table Logs-dev, billing_mode: the plan says PAY_PER_REQUEST, the table has PROVISIONED",
        "table Logs-dev, stream: the plan says NEW_AND_OLD_IMAGES, the table has off",
        "table Logs-dev, deletion_protection: the plan says on, the table has off",
        "table Logs-dev, table_class: the plan says STANDARD_INFREQUENT_ACCESS, the table has STANDARD",
        "table Logs-dev, time_to_live: the plan says TTL, the table has expires",
        "table Logs-dev, point_in_time_recovery: the plan says on, the table has off",
        "table Logs-dev, tag Environment: the plan says dev, the table has prod",
        "table Logs-dev, tag Component: the plan says Integration\"Logs, the table has none",
    };
    expect_notices(&logs, &d, lines, COUNT(lines), *state);
}

static void other_capacity(void **state) {
    struct dynamodb_description d = describe(DESCRIBED_PAYMENTS, *state);
    d.schema.write_units = 60;
    d.schema.indexes[0].write_units = 70;
    static const char *const lines[] = {
        "table Payments-dev, provisioned: the plan says 5 read and 6 write units, the table has 5 read and "
        "60 write units",
        "table Payments-dev, provisioned of index ByStatus: the plan says 5 read and 7 write units, the "
        "table has 5 read and 70 "
        "write units",
    };
    expect_notices(&payments, &d, lines, COUNT(lines), *state);
}

static void unknown_settings(void **state) {
    struct dynamodb_description d = as_planned(&logs);
    d.schema.tag_count = 0;
    d.schema.time_to_live = NULL;
    d.schema.point_in_time_recovery = false;
    d.time_to_live_unknown = "DescribeTimeToLive: UnknownOperationException: no message (HTTP 400)";
    d.point_in_time_unknown = "DescribeContinuousBackups: AccessDeniedException: not authorized";
    d.tags_unknown = "the endpoint does not say the table's ARN";
    static const char *const lines[] = {
        "table Logs-dev, time_to_live: cannot be compared with the plan: DescribeTimeToLive: "
        "UnknownOperationException: no "
        "message (HTTP 400)",
        "table Logs-dev, point_in_time_recovery: cannot be compared with the plan: "
        "DescribeContinuousBackups: "
        "AccessDeniedException: not authorized",
        "table Logs-dev, tags: cannot be compared with the plan: the endpoint does not say the table's ARN",
    };
    expect_notices(&logs, &d, lines, COUNT(lines), *state);
    struct dynamodb_description plain = describe(DESCRIBED_PAYMENTS, *state);
    plain.time_to_live_unknown = plain.point_in_time_unknown = plain.tags_unknown = "refused";
    expect_notices(&payments, &plain, NULL, 0, *state); /* what the plan does not ask for need not be known */
}

static int open_arena(void **state) {
    *state = arena_new();
    return *state ? 0 : -1;
}

static int close_arena(void **state) {
    arena_free(*state);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

static void names_of_tables(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } table[] = {
        {"abc", true},    {"a.b-c_D9", true},       {"...", true}, {"ab", false}, {"", false}, {"a b", false}, {"a/b", false},
        {"abc\n", false}, {"Logs-\xc3\xa4", false}, {"a:b", false}};
    for (int i = 0; i < COUNT(table); i++) {
        assert_int_equal(dynamodb_table_name_ok(table[i].name, strlen(table[i].name)), table[i].ok);
    }
    char text[256];
    memset(text, 'x', sizeof text);
    assert_true(dynamodb_table_name_ok(text, 255));
    assert_false(dynamodb_table_name_ok(text, 256));
    assert_false(dynamodb_table_name_ok("ab\0c", 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(names_of_tables),     TEST(body_of_logs),         TEST(body_of_payments),
        TEST(body_refused),        TEST(description_of_logs),  TEST(description_of_payments),
        TEST(description_refused), TEST(description_nonsense), TEST(same_tables),
        TEST(other_keys),          TEST(other_indexes),        TEST(many_differences),
        TEST(other_settings),      TEST(other_capacity),       TEST(unknown_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
