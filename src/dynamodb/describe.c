/* Asking DynamoDB what stands: DescribeTable and its companions (tables.h). */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dynamodb/fields.h"
#include "dynamodb/tables.h"

#define RESPONSE_MAX (4 * 1024 * 1024)
#define REQUEST_MAX (16 * 1024)
#define TAG_PAGES_MAX 100 /* a resource has at most 50 tags: more pages than this is an endpoint that turns in circles */
#define POLL_FIRST_NS (50 * CLOCK_MS)
#define POLL_MOST_NS (5 * CLOCK_SECOND)
/* DescribeTable is eventually consistent: a new table may be unknown for a moment. */
#define APPEAR_NS (20 * CLOCK_SECOND)

/* A conversation about one table. */
struct asking {
    struct dynamodb_client *client;
    struct buffer request, response;
    struct arena *arena;
};

static void start(struct asking *a, struct dynamodb_client *c, struct arena *arena) {
    *a = (struct asking){.client = c, .arena = arena};
    buffer_init(&a->request, REQUEST_MAX);
    buffer_init(&a->response, RESPONSE_MAX);
}

static bool finish(struct asking *a, bool ok) {
    buffer_free(&a->request);
    buffer_free(&a->response);
    return ok;
}

/* {"<field>":"<value>"<more>} into a->request; `more` is JSON that follows, or "". */
static bool put_question(struct asking *a, const char *field, const char *value, const char *more) {
    struct buffer *b = &a->request;
    b->len = 0;
    return buffer_printf(b, "{\"%s\":", field) && json_append_string(b, value, strlen(value)) && buffer_printf(b, "%s}", more);
}

/* Calls with that. */
static bool ask(struct asking *a, const char *operation, const char *field, const char *value, const char *more,
                struct error *err) {
    if (!put_question(a, field, value, more)) return error_memory(err, "asking DynamoDB about a table");
    return dynamodb_call(a->client, operation, a->request.data, a->request.len, &a->response, err);
}

/* Sends ahead what ask() will ask. */
static void ask_ahead(struct asking *a, const char *operation, const char *field, const char *value, const char *more) {
    if (put_question(a, field, value, more)) dynamodb_call_ahead(a->client, operation, a->request.data, a->request.len);
}

/* --- settings that have operations of their own --- */

/* A consistent look for one item; of an empty table as well it takes half a read unit. */
static const char ask_for_items[] = "Scan", ask_for_one_item[] = ",\"Limit\":1,\"ConsistentRead\":true,\"Select\":\"COUNT\"";

static const char ask_for_time_to_live[] = "DescribeTimeToLive", ask_for_recovery[] = "DescribeContinuousBackups",
                  ask_for_tags[] = "ListTagsOfResource";

struct time_to_live {
    const char *status, *attribute;
};
struct time_to_live_answer {
    struct time_to_live description;
};
static const struct dynamodb_field time_to_live_fields[] = {
    FIELD_TEXT("TimeToLiveStatus", time_to_live, status),
    FIELD_TEXT("AttributeName", time_to_live, attribute),
    FIELDS_END,
};
static const struct dynamodb_field time_to_live_answer_fields[] = {
    FIELD_OBJECT("TimeToLiveDescription", time_to_live_answer, description, time_to_live_fields),
    FIELDS_END,
};

struct recovery {
    const char *status;
};
struct backups {
    struct recovery recovery;
};
struct backups_answer {
    struct backups backups;
};
static const struct dynamodb_field recovery_fields[] = {
    FIELD_TEXT("PointInTimeRecoveryStatus", recovery, status),
    FIELDS_END,
};
static const struct dynamodb_field backups_fields[] = {
    FIELD_OBJECT("PointInTimeRecoveryDescription", backups, recovery, recovery_fields),
    FIELDS_END,
};
static const struct dynamodb_field backups_answer_fields[] = {
    FIELD_OBJECT("ContinuousBackupsDescription", backups_answer, backups, backups_fields),
    FIELDS_END,
};

struct tags_answer {
    struct dynamodb_list tags; /* of struct dynamodb_tag */
    const char *next;
};
static const struct dynamodb_field tag_fields[] = {
    FIELD_TEXT("Key", dynamodb_tag, key),
    FIELD_TEXT("Value", dynamodb_tag, value),
    FIELDS_END,
};
static const struct dynamodb_field tags_answer_fields[] = {
    FIELD_OBJECTS("Tags", tags_answer, tags, dynamodb_tag, tag_fields),
    FIELD_TEXT("NextToken", tags_answer, next),
    FIELDS_END,
};

static bool is_on(const char *status) {
    return status && (strcmp(status, "ENABLED") == 0 || strcmp(status, "ENABLING") == 0);
}

/* A setting that the service refuses to tell is unknown, with the reason; no answer at all is a failure. */
static bool unknown(struct asking *a, const char *operation, const char **why, struct error *err) {
    if (err->kind != ERROR_TARGET || err->retryable || err->code[0] == '\0') return false;
    bool strange = strcmp(err->code, "UnknownOperationException") == 0;
    *why = strange ? arena_printf(a->arena, "this endpoint does not know %s", operation) : arena_text(a->arena, err->text);
    return *why != NULL || error_memory(err, "describing a table");
}

static bool ask_time_to_live(struct asking *a, const char *name, struct dynamodb_description *out, struct error *err) {
    const char *operation = ask_for_time_to_live;
    if (!ask(a, operation, "TableName", name, "", err)) return unknown(a, operation, &out->time_to_live_unknown, err);
    struct time_to_live_answer answer = {0};
    if (!dynamodb_read_fields(a->response.data, a->response.len, time_to_live_answer_fields, &answer, a->arena, operation, err)) {
        return false;
    }
    if (is_on(answer.description.status)) out->schema.time_to_live = answer.description.attribute;
    return true;
}

static bool ask_recovery(struct asking *a, const char *name, struct dynamodb_description *out, struct error *err) {
    const char *operation = ask_for_recovery;
    if (!ask(a, operation, "TableName", name, "", err)) return unknown(a, operation, &out->point_in_time_unknown, err);
    struct backups_answer answer = {0};
    if (!dynamodb_read_fields(a->response.data, a->response.len, backups_answer_fields, &answer, a->arena, operation, err)) {
        return false;
    }
    out->schema.point_in_time_recovery = is_on(answer.backups.recovery.status);
    return true;
}

/* `,"NextToken":"..."`, or nothing. */
static bool next_page(struct buffer *more, const char *token) {
    more->len = 0;
    return (token == NULL || (buffer_append_text(more, ",\"NextToken\":") && json_append_string(more, token, strlen(token)))) &&
           buffer_terminate(more);
}

/* Adds a page of tags to those of the pages before it; a tag without a key or value is none. */
static bool add_tags(struct asking *a, const struct dynamodb_list *page, struct dynamodb_schema *schema, struct error *err) {
    size_t count = (size_t)schema->tag_count + (size_t)page->count;
    struct dynamodb_tag *tags = arena_array(a->arena, count, sizeof *tags);
    if (tags == NULL) return error_memory(err, "describing a table");
    if (schema->tag_count) memcpy(tags, schema->tags, (size_t)schema->tag_count * sizeof *tags);
    const struct dynamodb_tag *from = page->items;
    for (int i = 0; i < page->count; i++) {
        if (from[i].key && from[i].value) tags[schema->tag_count++] = from[i];
    }
    schema->tags = tags;
    return true;
}

static bool ask_tags_by_page(struct asking *a, struct buffer *more, struct dynamodb_description *out, struct error *err) {
    const char *operation = ask_for_tags, *token = NULL;
    for (int page = 0; page < TAG_PAGES_MAX; page++) {
        struct tags_answer answer = {0};
        if (!next_page(more, token)) return error_memory(err, "describing a table");
        if (!ask(a, operation, "ResourceArn", out->arn, more->data, err)) return unknown(a, operation, &out->tags_unknown, err);
        if (!dynamodb_read_fields(a->response.data, a->response.len, tags_answer_fields, &answer, a->arena, operation, err) ||
            !add_tags(a, &answer.tags, &out->schema, err)) {
            return false;
        }
        token = answer.next;
        if (token == NULL) return true;
    }
    return error_set(err, ERROR_TARGET, "%s: %d pages of tags and no end", operation, TAG_PAGES_MAX);
}

static bool ask_tags(struct asking *a, struct dynamodb_description *out, struct error *err) {
    if (out->arn == NULL) {
        out->tags_unknown = "the endpoint does not say the table's ARN";
        return true;
    }
    struct buffer more;
    buffer_init(&more, REQUEST_MAX / 2);
    bool ok = ask_tags_by_page(a, &more, out, err);
    buffer_free(&more);
    return ok;
}

/* --- the table --- */

/* DescribeTable alone. */
static bool ask_table(struct asking *a, const char *name, struct dynamodb_description *out, struct error *err) {
    *out = (struct dynamodb_description){.exists = false};
    if (!ask(a, "DescribeTable", "TableName", name, "", err)) return strcmp(err->code, "ResourceNotFoundException") == 0;
    return dynamodb_description_parse(a->response.data, a->response.len, out, a->arena, err);
}

/* Its settings, which have operations of their own: all at once, since a `to` that is a template may have hundreds of tables. */
static bool ask_settings(struct asking *a, const char *name, bool scan_follows, struct dynamodb_description *out,
                         struct error *err) {
    ask_ahead(a, ask_for_time_to_live, "TableName", name, "");
    ask_ahead(a, ask_for_recovery, "TableName", name, "");
    if (out->arn) ask_ahead(a, ask_for_tags, "ResourceArn", out->arn, "");
    /* Only of one that is ACTIVE: of any other the answer would be from before a wait of minutes. */
    if (scan_follows && dynamodb_table_active(out, NULL)) ask_ahead(a, ask_for_items, "TableName", name, ask_for_one_item);
    if (ask_time_to_live(a, name, out, err) && ask_recovery(a, name, out, err) && ask_tags(a, out, err)) return true;
    dynamodb_forget_ahead(a->client);
    return false;
}

bool dynamodb_table_describe(struct dynamodb_client *c, const char *name, bool scan_follows, struct dynamodb_description *out,
                             struct arena *arena, struct error *err) {
    struct error own; /* errors are looked into */
    if (err == NULL) err = &own;
    struct asking a;
    start(&a, c, arena);
    return finish(&a, ask_table(&a, name, out, err) && (!out->exists || ask_settings(&a, name, scan_follows, out, err)));
}

/* --- waiting --- */

bool dynamodb_table_active(const struct dynamodb_description *d, int *index) {
    int at = -1;
    while (at < d->schema.index_count && strcmp(at < 0 ? d->status : d->index_status[at], "ACTIVE") == 0) at++;
    if (index) *index = at;
    return at == d->schema.index_count;
}

/* The first thing that is not ACTIVE, as a text; NULL: all are. */
static bool find_not_ready(struct arena *arena, const struct dynamodb_description *d, const char **state, struct error *err) {
    int i;
    *state = NULL;
    if (dynamodb_table_active(d, &i)) return true;
    if (i < 0) {
        *state = arena_printf(arena, "table %s is %s", d->schema.name, d->status);
    } else {
        *state = arena_printf(arena, "index %s of table %s is %s", d->schema.indexes[i].name, d->schema.name, d->index_status[i]);
    }
    return *state != NULL || error_memory(err, "waiting for a table");
}

/* Looks once. `state` says what is not ready, NULL when all is. */
static bool look(struct asking *a, const char *name, int64_t begun, const char **state, struct error *err) {
    struct dynamodb_description d;
    if (!ask_table(a, name, &d, err)) return false;
    if (!d.exists) {
        if (clock_now() - begun > APPEAR_NS) {
            error_set(err, ERROR_TARGET, "table %s does not exist", name);
            return error_code(err, "ResourceNotFoundException");
        }
        *state = "the table is not to be seen yet";
        return true;
    }
    if (strcmp(d.status, "DELETING") == 0) {
        error_set(err, ERROR_TARGET, "table %s is being deleted", name);
        return error_hint(err, "run the same command when it is gone");
    }
    return find_not_ready(a->arena, &d, state, err);
}

static bool wait_ready(struct asking *a, const char *name, struct error *err) {
    int64_t begun = clock_now(), wait = POLL_FIRST_NS;
    int64_t most = dynamodb_client_patience(a->client)->table_ns;
    for (;;) {
        /* Each look's texts are dropped with its own arena: the wait may be long. */
        a->arena = arena_new();
        if (a->arena == NULL) return error_memory(err, "waiting for a table");
        const char *state = NULL;
        bool ok = look(a, name, begun, &state, err), done = ok && state == NULL;
        if (ok && !done && clock_now() - begun > most) {
            ok = error_set(err, ERROR_TARGET, "%s, after %lld s", state, (long long)(most / CLOCK_SECOND));
            error_hint(err, "the same command goes on when it is ACTIVE");
        }
        if (ok && !done) ok = dynamodb_client_wait(a->client, wait, state, err);
        arena_free(a->arena);
        a->arena = NULL;
        if (!ok || done) return ok;
        wait = wait * 2 < POLL_MOST_NS ? wait * 2 : POLL_MOST_NS;
    }
}

bool dynamodb_table_wait(struct dynamodb_client *c, const char *name, struct error *err) {
    struct error own;
    if (err == NULL) err = &own;
    struct asking a;
    start(&a, c, NULL);
    return finish(&a, wait_ready(&a, name, err));
}

/* --- empty or not --- */

struct scan_answer {
    int64_t count;
};

bool dynamodb_table_is_empty(struct dynamodb_client *c, const char *name, bool *empty, struct error *err) {
    static const struct dynamodb_field fields[] = {FIELD_INTEGER("Count", scan_answer, count), FIELDS_END};
    struct asking a;
    start(&a, c, arena_new());
    struct scan_answer answer = {.count = -1};
    bool ok = a.arena != NULL || error_memory(err, "looking into a table");
    ok = ok && ask(&a, ask_for_items, "TableName", name, ask_for_one_item, err) &&
         dynamodb_read_fields(a.response.data, a.response.len, fields, &answer, a.arena, "Scan", err);
    if (ok && answer.count < 0) ok = error_set(err, ERROR_TARGET, "Scan: the response has no Count");
    if (ok) *empty = answer.count == 0;
    arena_free(a.arena);
    return finish(&a, ok);
}
