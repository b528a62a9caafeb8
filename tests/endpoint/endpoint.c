#include "endpoint/endpoint.h"

#include "endpoint/refusal.h"
#include "endpoint/sink.h"
#include "endpoint/store.h"

#include <stdio.h>
#include <string.h>

/* --- errors as answers --- */

/* The namespace of a type, as the service has it; clients keep what follows the '#'. */
static const char *namespace_of(const char *type) {
    return strcmp(type, "ValidationException") == 0 ? "com.amazon.coral.validate"
           : strcmp(type, "SerializationException") == 0 || strcmp(type, "UnknownOperationException") == 0 ||
                   strcmp(type, "AccessDeniedException") == 0 || strcmp(type, "MissingAuthenticationTokenException") == 0
               ? "com.amazon.coral.service"
               : "com.amazonaws.dynamodb.v20120810";
}

static int status_of(const char *type) {
    if (strcmp(type, "InternalServerError") == 0) return 500;
    return strcmp(type, "ServiceUnavailable") == 0 ? 503 : 400;
}

/* status 0: the type's own. If memory is out even here the body stays empty, and a client takes it as transient. */
static void answer_error(struct answer *a, const struct error *err, int status) {
    const char *type = err->code[0] ? err->code : "InternalServerError";
    a->status = status ? status : status_of(type);
    a->body.len = 0;
    if (!buffer_printf(&a->body, "{\"__type\":\"%s#%s\",\"message\":", namespace_of(type), type) ||
        !json_append_string(&a->body, err->text, strlen(err->text)) || !buffer_append_text(&a->body, "}"))
        a->body.len = 0;
}

static void answer_throttle(struct answer *a, const struct fault *f) {
    const char *reason = f->reason[0] ? f->reason : "TableWriteProvisionedThroughputExceeded";
    a->status = 400;
    if (!buffer_printf(&a->body, "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\","
                                 "\"message\":\"The level of configured provisioned throughput for the table was "
                                 "exceeded.\",\"ThrottlingReasons\":[{\"reason\":") ||
        !json_append_string(&a->body, reason, strlen(reason)) ||
        !buffer_append_text(&a->body, ",\"resource\":\"arn:aws:dynamodb:us-east-1:000000000000:table/any\"}]}"))
        a->body.len = 0;
}

/* --- the modes --- */

static bool handle_tables_or_items(struct endpoint *e, const struct request *r, int held_back, struct answer *a,
                                   struct error *err) {
    bool handled;
    struct hold hold = {.last = held_back, .limits = e->limits};
    /* The two writes are not read here: a sink does not look at them, and the store's reader of a batch judges all. */
    bool unread = r->op == OPERATION_BATCH_WRITE_ITEM || (r->op == OPERATION_PUT_ITEM && e->mode == MODE_SINK);
    if (!unread && !doc_is_object(r->body)) return refuse(err, "SerializationException", "the request is not a JSON object");
    if (!catalog_handle(&e->catalog, r->op, r->body, &a->body, &handled, err)) return false;
    if (handled) return true;
    return e->mode == MODE_SINK ? sink_handle(&e->catalog, r, &hold, a, err) : store_handle(&e->catalog, r, &hold, a, err);
}

/* Does what the request asks, but for the last `held_back` operations of a batch. */
static void serve(struct endpoint *e, const struct request *r, int held_back, struct answer *a) {
    struct error err = {.kind = ERROR_NONE};
    bool ok = e->mode == MODE_FORWARD ? forward_handle(e->forward, r, held_back, a, &err)
                                      : handle_tables_or_items(e, r, held_back, a, &err);
    if (!ok) answer_error(a, &err, 0);
    if (ok && a->body.len == 0 && !buffer_append_text(&a->body, "{}")) a->status = 500;
}

static void answer_made_up(struct answer *a, const struct fault *f, const char *type, const char *text) {
    struct error err = {.kind = ERROR_NONE};
    refuse(&err, type, "%s", text);
    answer_error(a, &err, (int)f->status);
}

static void do_fault(struct endpoint *e, const struct fault *f, const struct request *r, struct answer *a) {
    switch (f->kind) {
    case FAULT_UNPROCESSED: serve(e, r, f->keep > INT32_MAX ? INT32_MAX : (int)f->keep, a); break;
    case FAULT_THROTTLE: answer_throttle(a, f); break;
    case FAULT_5XX:
        answer_made_up(a, f, f->status == 503 ? "ServiceUnavailable" : "InternalServerError", "a fault was asked for");
        break;
    case FAULT_DELAY:
        a->delay_ms += f->ms;
        serve(e, r, 0, a);
        break;
    case FAULT_CUT:
        a->cut = true;
        serve(e, r, 0, a);
        break;
    case FAULT_CUT_BEFORE: a->drop = true; break;
    case FAULT_CRC:
        a->wrong_crc = true;
        serve(e, r, 0, a);
        break;
    case FAULT_REFUSE:
        answer_made_up(a, f, "ValidationException", "One or more parameter values were invalid: an item that was to be refused");
        break;
    case FAULT_ERROR: answer_made_up(a, f, f->type, "a fault was asked for"); break;
    }
}

/* --- the endpoint's own operations --- */

/* {"clear": true, "add": ["what=...", ...]}: clears first. All are checked before any is changed. */
static bool change_faults(struct endpoint *e, struct slice body, struct error *err) {
    struct faults faults = e->faults;
    struct slice list, element;
    struct doc_each each;
    char spec[1024];
    if (!doc_is_object(body)) return refuse_value(err, "the request is not a JSON object");
    if (doc_get_true(body, "clear")) faults_clear(&faults);
    if (!doc_get(body, "add", &list)) list = (struct slice){"[]", 2};
    doc_each(&each, list);
    while (doc_next(&each, &element)) {
        if (!doc_text(element, spec, sizeof spec)) return refuse_value(err, "a fault is a text of at most 1,023 bytes");
        if (!faults_add(&faults, spec, err)) return error_code(err, "ValidationException");
    }
    e->faults = faults;
    return true;
}

static bool print_counts(const struct endpoint *e, struct buffer *out, struct error *err) {
    bool ok = buffer_printf(out, "{\"requests\":%llu,\"operations\":{", (unsigned long long)e->number), any = false;
    for (int i = 0; ok && i < OPERATION_COUNT; i++) {
        const struct endpoint_counter *c = &e->counters[i];
        if (c->requests == 0) continue;
        ok = buffer_printf(out,
                           "%s\"%s\":{\"requests\":%llu,\"bytes\":%llu,\"items\":%llu,\"applied\":%llu,"
                           "\"faults\":%llu}",
                           any ? "," : "", operation_name((enum operation)i), (unsigned long long)c->requests,
                           (unsigned long long)c->bytes, (unsigned long long)c->items, (unsigned long long)c->applied,
                           (unsigned long long)c->faults);
        any = true;
    }
    ok = ok && buffer_append_text(out, "}") && (!e->limits || limits_print(e->limits, out));
    return (ok && buffer_append_text(out, "}")) || error_memory(err, "counting");
}

static void control(struct endpoint *e, const struct request *r, struct answer *a) {
    struct error err = {.kind = ERROR_NONE};
    bool ok;
    if (slice_is(r->name, "Faults"))
        ok = change_faults(e, r->body, &err) && (buffer_append_text(&a->body, "{}") || error_memory(&err, "answering"));
    else if (slice_is(r->name, "Counts"))
        ok = print_counts(e, &a->body, &err);
    else
        ok = refuse(&err, "UnknownOperationException", "the endpoint's own operations are Faults and Counts");
    if (!ok) answer_error(a, &err, 0);
}

/* --- the handler --- */

/* What DynamoDB says before it looks at the body; false when the request goes no further. */
static bool check_head(const struct request *r, struct answer *a) {
    struct error err = {.kind = ERROR_NONE};
    if (!slice_is(r->head.words[0], "POST") || !r->has_target || r->name.len == 0)
        refuse(&err, "UnknownOperationException", "a request is a POST with an x-amz-target");
    else if (!r->control && http_header(&r->head, "authorization").len == 0)
        refuse(&err, "MissingAuthenticationTokenException", "Request is missing Authentication Token");
    if (err.kind == ERROR_NONE) return true;
    answer_error(a, &err, 0);
    return false;
}

static void handle(void *context, const struct request *r, struct answer *a) {
    struct endpoint *e = context;
    if (!check_head(r, a)) return;
    if (r->control) {
        control(e, r, a);
        return;
    }
    struct endpoint_counter *c = &e->counters[r->op];
    const struct fault *fault = e->faults.count ? faults_next(&e->faults, r) : NULL;
    e->number++;
    a->delay_ms = e->latency_ms + (e->limits ? limits_latency(e->limits) : 0);
    if (fault)
        do_fault(e, fault, r, a);
    else
        serve(e, r, 0, a);
    c->requests++;
    c->bytes += r->body.len;
    c->items += a->items;
    c->applied += a->applied;
    c->faults += fault != NULL;
    struct error err;
    if (e->log && !log_request(e->log, e->number, r, a, fault ? fault_name(fault) : NULL, &err))
        fprintf(stderr, "endpoint: %s\n", err.text);
}

struct server_handler endpoint_handler(struct endpoint *e) {
    return (struct server_handler){.context = e, .handle = handle};
}
