/* Looking for items of ours in a table that others use as well (tables.h). */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dynamodb/tables.h"

#define REQUEST_MAX (1024 * 1024)
#define RESPONSE_MAX (1024 * 1024)
#define TELL_EVERY (5 * CLOCK_SECOND)

/* What a page of the scan says. */
struct page {
    int64_t count, scanned;
    const char *last; /* LastEvaluatedKey, as JSON; NULL: there are no more pages */
    size_t last_len;
};

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* AND NOT begins_with(#k,:p7) for each exception to a prefix; to none: for each of them. Parentheses are not needed, and DynamoDB refuses
 * those that are redundant. */
static bool append_except(struct buffer *b, const struct dynamodb_owned *wanted, const char *prefix) {
    bool ok = true, any = prefix != NULL;
    for (int i = 0; ok && i < wanted->except_count; i++) {
        if (prefix && !begins(wanted->except[i], prefix)) continue;
        ok = buffer_printf(b, "%sNOT begins_with(#k,:p%d)", any ? " AND " : "", wanted->owns_count + i);
        any = true;
    }
    return ok;
}

static bool append_condition(struct buffer *b, const struct dynamodb_owned *wanted) {
    bool ok = wanted->owns_count > 0 || append_except(b, wanted, NULL);
    for (int i = 0; ok && i < wanted->owns_count; i++) {
        ok = buffer_printf(b, "%sbegins_with(#k,:p%d)", i ? " OR " : "", i) && append_except(b, wanted, wanted->owns[i]);
    }
    return ok;
}

static bool append_values(struct buffer *b, int first, const char *const *texts, int count) {
    bool ok = true;
    for (int i = 0; ok && i < count; i++) {
        ok = buffer_printf(b, "%s\":p%d\":{\"S\":", first + i ? "," : "", first + i) &&
             json_append_string(b, texts[i], strlen(texts[i])) && buffer_append_text(b, "}");
    }
    return ok;
}

static bool append_filter(struct buffer *b, const struct dynamodb_schema *schema, const struct dynamodb_owned *wanted) {
    return buffer_append_text(b, ",\"FilterExpression\":\"") && append_condition(b, wanted) &&
           buffer_append_text(b, "\",\"ExpressionAttributeNames\":{\"#k\":") &&
           json_append_string(b, schema->partition.name, strlen(schema->partition.name)) &&
           buffer_append_text(b, "},\"ExpressionAttributeValues\":{") && append_values(b, 0, wanted->owns, wanted->owns_count) &&
           append_values(b, wanted->owns_count, wanted->except, wanted->except_count) && buffer_append_text(b, "}");
}

/* The request but for its end and where the page begins. */
static bool append_scan(struct buffer *b, const struct dynamodb_schema *schema, const struct dynamodb_owned *wanted) {
    return buffer_append_text(b, "{\"TableName\":") && json_append_string(b, schema->name, strlen(schema->name)) &&
           buffer_append_text(b, ",\"ConsistentRead\":true,\"Select\":\"COUNT\"") && append_filter(b, schema, wanted);
}

static bool read_count(const struct json *j, enum json_token token, int64_t *count) {
    if (token != JSON_NUMBER || j->len > 15) return false;
    *count = 0;
    for (size_t i = 0; i < j->len; i++) {
        if (j->text[i] < '0' || j->text[i] > '9') return false;
        *count = *count * 10 + (j->text[i] - '0');
    }
    return true;
}

static bool read_page(const struct buffer *answer, struct page *page) {
    struct json j;
    enum json_token token;
    *page = (struct page){.count = -1};
    json_init(&j, answer->data, answer->len);
    if (json_next(&j) != JSON_OBJECT) return false;
    while ((token = json_next(&j)) == JSON_KEY) {
        bool count = json_is(&j, "Count"), scanned = json_is(&j, "ScannedCount"), last = json_is(&j, "LastEvaluatedKey");
        token = json_next(&j);
        const char *from = j.at - 1; /* an object's brace was just read */
        if ((count && !read_count(&j, token, &page->count)) || (scanned && !read_count(&j, token, &page->scanned))) return false;
        if (!json_skip(&j, token)) return false;
        if (!last || token != JSON_OBJECT) continue;
        page->last = from;
        page->last_len = (size_t)(j.at - from);
    }
    return token == JSON_OBJECT_END && page->count >= 0;
}

static bool ask_page(struct dynamodb_client *c, struct buffer *request, struct buffer *answer, struct page *page,
                     struct error *err) {
    if (!buffer_append_text(request, "}")) return error_memory(err, "looking into a table");
    if (!dynamodb_call(c, "Scan", request->data, request->len, answer, err)) return false;
    return read_page(answer, page) || error_set(err, ERROR_TARGET, "Scan: the response has no Count, or is no JSON");
}

/* Between two pages: tells now and then how far it is, and heeds an interrupt. */
static bool pause(struct dynamodb_client *c, const char *table, int64_t seen, int64_t *told, struct error *err) {
    char text[400];
    snprintf(text, sizeof text, "%s: looking for items that the plan owns; none among the first %lld", table, (long long)seen);
    int64_t now = clock_now();
    bool tell = now - *told >= TELL_EVERY;
    if (tell) *told = now;
    return dynamodb_client_wait(c, 0, tell ? text : NULL, err);
}

static bool look(struct dynamodb_client *c, const struct dynamodb_schema *schema, const struct dynamodb_owned *wanted,
                 struct buffer *request, struct buffer *answer, bool *has, struct error *err) {
    struct page page;
    int64_t seen = 0, told = clock_now();
    *has = false;
    if (!append_scan(request, schema, wanted)) return error_memory(err, "looking into a table");
    for (size_t head = request->len;;) {
        if (!ask_page(c, request, answer, &page, err)) return false;
        *has = page.count > 0;
        if (*has || page.last == NULL) return true;
        seen += page.scanned;
        request->len = head;
        if (!buffer_append_text(request, ",\"ExclusiveStartKey\":") || !buffer_append(request, page.last, page.last_len)) {
            return error_memory(err, "looking into a table");
        }
        if (!pause(c, schema->name, seen, &told, err)) return false;
    }
}

bool dynamodb_table_has_owned(struct dynamodb_client *c, const struct dynamodb_schema *schema,
                              const struct dynamodb_owned *wanted, bool *has, struct error *err) {
    struct buffer request, answer;
    buffer_init(&request, REQUEST_MAX);
    buffer_init(&answer, RESPONSE_MAX);
    bool ok = look(c, schema, wanted, &request, &answer, has, err);
    buffer_free(&request);
    buffer_free(&answer);
    return ok;
}
