/* Writes values: what one attribute, or a part of one, becomes for a row. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"
#include "mapping/json_value.h"
#include "mapping/machine_parts.h"
#include "pg/types.h"

/* DynamoDB ignores a time to live that is further past than five years (Developer Guide, "Time to Live"). */
#define EXPIRED_SECONDS (INT64_C(5) * 365 * 86400)

#define TEXT_MAX (DYNAMODB_ITEM_MAX * 4)

enum outcome machine_refuse(struct machine *m, const struct op *op, const char *reason, const char *what, const char *why) {
    m->reject->reason = reason;
    snprintf(m->reject->message, sizeof m->reject->message, "attribute %s: %s%s%s", op->name, what, *what ? " " : "", why);
    return REJECTED;
}

static enum outcome too_large(struct machine *m, const struct op *op) {
    return machine_refuse(m, op, REJECT_ITEM_SIZE, "", "its value alone is over the 409,600 bytes of an item");
}

/* The rules of keys; false after a refusal. */
static bool key_allowed(struct machine *m, const struct op *op, size_t len) {
    size_t max = op->key == KEY_PARTITION ? DYNAMODB_PARTITION_KEY_MAX : DYNAMODB_SORT_KEY_MAX;
    if (len == 0) {
        machine_refuse(m, op, REJECT_KEY_EMPTY, "", "a key must not be empty");
        return false;
    }
    if (len > max) {
        char why[80];
        snprintf(why, sizeof why, "a key of %zu bytes is over the limit of %zu", len, max);
        machine_refuse(m, op, REJECT_KEY_SIZE, "", why);
        return false;
    }
    return true;
}

static enum outcome not_owned(struct machine *m, const struct op *op, const char *text, size_t len) {
    char what[140];
    snprintf(what, sizeof what, "%.*s%s", (int)(len > 100 ? 100 : len), text, len > 100 ? "..." : "");
    return machine_refuse(m, op, REJECT_OWNS, what, "begins with nothing that the plan owns");
}

#define ADD(b, literal) (memcpy((b)->data + (b)->len, literal, sizeof(literal) - 1), (b)->len += sizeof(literal) - 1)

static enum outcome put_string(struct machine *m, const struct op *op, const char *text, size_t len, uint32_t *size) {
    if (m->program->check_utf8 && !utf8_valid(text, len)) return machine_refuse(m, op, REJECT_TEXT, "", "its text is not UTF-8");
    if (!buffer_reserve(m->out, JSON_ESCAPED_MAX(len) + 16)) return NO_MEMORY;
    ADD(m->out, "{\"S\":\"");
    m->out->len += json_escape(m->out->data + m->out->len, text, len);
    ADD(m->out, "\"}");
    *size = (uint32_t)len;
    return DONE;
}

static enum outcome put_bytes(struct machine *m, const struct op *op, const char *data, size_t len, uint32_t *size) {
    if (!buffer_reserve(m->out, DYNAMODB_BASE64_ROOM(len) + 16)) return NO_MEMORY;
    ADD(m->out, "{\"B\":\"");
    char *text = m->out->data + m->out->len;
    size_t n = dynamodb_base64(text, data, len);
    m->out->len += n;
    ADD(m->out, "\"}");
    if (op->table_key) m->key = dynamodb_key_hash(m->key, DYNAMODB_B, text, n);
    *size = (uint32_t)len;
    return DONE;
}

static enum outcome put_number(struct machine *m, const struct op *op, const char *text, size_t len, uint32_t *size) {
    enum dynamodb_number_fault fault = dynamodb_number_check(text, len);
    if (fault != DYNAMODB_NUMBER_OK) {
        char what[120];
        snprintf(what, sizeof what, "the number %.*s%s:", (int)(len > 60 ? 60 : len), text, len > 60 ? "..." : "");
        return machine_refuse(m, op, REJECT_NUMBER, what, dynamodb_number_fault_text(fault));
    }
    if (!buffer_reserve(m->out, len + 16)) return NO_MEMORY;
    ADD(m->out, "{\"N\":\"");
    memcpy(m->out->data + m->out->len, text, len);
    m->out->len += len;
    ADD(m->out, "\"}");
    *size = (uint32_t)dynamodb_number_size(text, len);
    return DONE;
}

/* A text (or bytes) as S, N or B. */
static enum outcome put_as(struct machine *m, const struct op *op, enum dynamodb_type type, const char *text, size_t len,
                           uint32_t *size) {
    if (len > DYNAMODB_ITEM_MAX) return too_large(m, op);
    if (len == 0 && op->empty_absent && type != DYNAMODB_N) return ABSENT;
    if (op->key && type != DYNAMODB_N && !key_allowed(m, op, len)) return REJECTED; /* every number is short enough */
    if (op->table_key == KEY_PARTITION && !dynamodb_key_owned(m->program->schema, text, len)) return not_owned(m, op, text, len);
    if (type == DYNAMODB_B) return put_bytes(m, op, text, len, size);
    if (op->table_key) m->key = dynamodb_key_hash(m->key, type, text, len);
    return type == DYNAMODB_N ? put_number(m, op, text, len, size) : put_string(m, op, text, len, size);
}

/* The same as the op's own type. */
static enum outcome put_typed(struct machine *m, const struct op *op, const char *text, size_t len, uint32_t *size) {
    return put_as(m, op, op->type, text, len, size);
}

static enum outcome put_word(struct machine *m, const char *json, uint32_t bytes, uint32_t *size) {
    *size = bytes;
    return buffer_append_text(m->out, json) ? DONE : NO_MEMORY;
}

/* Room for a text in scratch, and one byte behind it. */
static bool scratch_room(struct machine *m, size_t room) {
    m->scratch.len = 0;
    return buffer_reserve(&m->scratch, room + 1);
}

/* Where a value's text is made: in scratch, or, when it is plain, where it stays, behind what opens it. NULL: no memory. */
static char *text_place(struct machine *m, const struct op *op, size_t room) {
    if (!op->plain) return scratch_room(m, room) ? m->scratch.data : NULL;
    if (!buffer_reserve(m->out, room + 16)) return NULL;
    if (op->type == DYNAMODB_N) {
        ADD(m->out, "{\"N\":\"");
    } else {
        ADD(m->out, "{\"S\":\"");
    }
    return m->out->data + m->out->len;
}

/* The text that was made there becomes the value. */
static enum outcome text_made(struct machine *m, const struct op *op, char *text, size_t len, uint32_t *size) {
    if (!op->plain) {
        text[len] = '\0';
        return put_typed(m, op, text, len, size);
    }
    if (len > DYNAMODB_ITEM_MAX) return too_large(m, op);
    if (len == 0 && op->empty_absent) return ABSENT;
    if (op->key && !key_allowed(m, op, len)) return REJECTED;
    if (op->table_key) m->key = dynamodb_key_hash(m->key, op->type, text, len);
    *size = (uint32_t)(op->type == DYNAMODB_N ? dynamodb_integer_size(text, len) : len);
    m->out->len += len;
    ADD(m->out, "\"}");
    return DONE;
}

static enum outcome run_template(struct machine *m, const struct op *op, uint32_t *size) {
    size_t room = template_room(op->template, m->row), len = 0;
    if (room > TEXT_MAX) return too_large(m, op);
    char *text = text_place(m, op, room);
    if (text == NULL) return NO_MEMORY;
    struct template_fault fault;
    switch (template_run(op->template, m->row, text, &len, &fault)) {
    case TEMPLATE_OK: break;
    case TEMPLATE_NULL: return ABSENT;
    case TEMPLATE_BAD: return machine_refuse(m, op, REJECT_VALUE, fault.column, fault.why);
    }
    return text_made(m, op, text, len, size);
}

static enum outcome run_text(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    size_t room = FORMAT_BOUNDED + format_room(&op->format, field.len), len = 0;
    if (room > TEXT_MAX) return too_large(m, op);
    char *text = text_place(m, op, room);
    if (text == NULL) return NO_MEMORY;
    const char *why = "";
    if (!format_run(&op->format, field, text, &len, &why)) {
        const char *reason = op->type == DYNAMODB_N ? REJECT_NUMBER : REJECT_VALUE; /* NaN, infinity, hundreds of digits */
        return machine_refuse(m, op, reason, "the value", why);
    }
    return text_made(m, op, text, len, size);
}

static enum outcome refuse_json(struct machine *m, const struct op *op, const struct json_value_fault *fault, size_t len) {
    char why[160];
    int n = snprintf(why, sizeof why, "%s", fault->why);
    if (fault->at < len) snprintf(why + n, sizeof why - (size_t)n, ", at byte %zu", fault->at + 1);
    return machine_refuse(m, op, REJECT_JSON, fault->malformed ? "this is no JSON:" : "the JSON cannot be stored:", why);
}

static enum outcome run_json(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    struct pg_field text;
    struct json_value_fault fault;
    size_t bytes = 0;
    if (op->column_type == PG_TEXT) {
        text = field;
    } else if (!pg_json(op->column_type, field, &text)) {
        return machine_refuse(m, op, REJECT_VALUE, "", "the value is not of its type");
    }
    switch (json_value_write(text.data, (size_t)text.len, m->out, &m->keys, &bytes, &fault)) {
    case JSON_VALUE_OK: *size = (uint32_t)bytes; return DONE;
    case JSON_VALUE_MEMORY: return text.len > TEXT_MAX ? too_large(m, op) : NO_MEMORY;
    case JSON_VALUE_INVALID: break;
    }
    if (op->invalid == JSON_INVALID_ABSENT) return ABSENT;
    if (op->invalid == JSON_INVALID_REJECT) return refuse_json(m, op, &fault, (size_t)text.len);
    return put_as(m, op, DYNAMODB_S, text.data, (size_t)text.len, size);
}

static enum outcome run_epoch(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    int64_t seconds;
    enum pg_moment moment = pg_epoch(op->column_type, field, &seconds);
    if (moment == PG_MOMENT_INFINITE) return machine_refuse(m, op, REJECT_VALUE, "the time", "is infinity");
    if (moment == PG_MOMENT_RANGE) return machine_refuse(m, op, REJECT_VALUE, "the time", "is before the year 1 or after 9999");
    if (moment == PG_MOMENT_BAD || __builtin_add_overflow(seconds, op->epoch_add, &seconds)) {
        return machine_refuse(m, op, REJECT_VALUE, "the time", "is not a value of its type");
    }
    if (op->expired_skip && seconds < clock_unix() - EXPIRED_SECONDS) return ABSENT;
    char text[24], *end = text + sizeof text - 1, *at = end;
    uint64_t left = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
    *end = '\0';
    do *--at = (char)('0' + left % 10);
    while (left /= 10);
    if (seconds < 0) *--at = '-';
    return put_typed(m, op, at, (size_t)(end - at), size);
}

static enum outcome run_bool(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    bool truth;
    if (!pg_bool(field, &truth)) return machine_refuse(m, op, REJECT_VALUE, "the value", "is not of its type");
    return put_word(m, truth ? "{\"BOOL\":true}" : "{\"BOOL\":false}", DYNAMODB_SIZE_BOOL, size);
}

static enum outcome run_constant(struct machine *m, const struct op *op, uint32_t *size) {
    if (op->type == DYNAMODB_BOOL) {
        return put_word(m, op->constant[0] == 't' ? "{\"BOOL\":true}" : "{\"BOOL\":false}", DYNAMODB_SIZE_BOOL, size);
    }
    if (op->type == DYNAMODB_NULL) return put_word(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, size);
    return put_typed(m, op, op->constant, op->constant_len, size);
}

/* --- functions --- */

static enum outcome run_function(struct machine *m, const struct op *op, uint32_t *size) {
    struct function_value v;
    switch (m->functions->call(m->functions, m->program->table, op->function, m->row, &v, m->reject)) {
    case MAP_ITEM: break;
    case MAP_MEMORY: return NO_MEMORY;
    default: return REJECTED;
    }
    if (v.type == DYNAMODB_ANY) return ABSENT;
    bool text = v.type == DYNAMODB_S || v.type == DYNAMODB_N || v.type == DYNAMODB_B;
    bool free_type = op->type == DYNAMODB_ANY;
    bool bytes = (v.type == DYNAMODB_B) != (op->type == DYNAMODB_B); /* one of them: bytes are no text, but a text has bytes */
    bool fits = op->type != DYNAMODB_BOOL && (!bytes || v.type == DYNAMODB_S);
    if (text && (free_type || fits)) return put_as(m, op, free_type ? v.type : op->type, v.text, v.len, size);
    if (!text && (free_type || op->type == v.type)) {
        if (v.size > DYNAMODB_ITEM_MAX) return too_large(m, op);
        *size = (uint32_t)v.size;
        return buffer_append(m->out, v.text, v.len) ? DONE : NO_MEMORY;
    }
    char why[100];
    snprintf(why, sizeof why, "returned %s where %s is needed", dynamodb_type_name(v.type), dynamodb_type_name(op->type));
    return machine_refuse(m, op, REJECT_FUNCTION, "its function", why);
}

/* --- values made of parts --- */

/* A value within another, which is absent where its own `when` does not hold. */
static enum outcome inner_value(struct machine *m, const struct op *op, uint32_t *size) {
    if (op->when >= 0 && !machine_holds(m, op->when, op->when_bool)) return ABSENT;
    return machine_value(m, op, size);
}

/* Writes one element of a set as it stands in the set: "text" without the {"S": around it. *fresh is false when the set has it already. */
static enum outcome set_element(struct machine *m, const struct op *part, uint32_t *size, bool *fresh) {
    size_t before = m->out->len;
    enum outcome result = inner_value(m, part, size);
    if (result != DONE) return result;
    size_t len = m->out->len - before - 6;
    char *text = m->out->data + before;
    memmove(text, text + 5, len);
    m->out->len = before + len;
    uint64_t hash = dynamodb_key_hash(0, part->type, text + 1, len - 2);
    const uint64_t *seen = (const uint64_t *)(void *)m->keys.data;
    *fresh = true;
    for (size_t i = 0; i < m->keys.len / sizeof hash; i++) *fresh = *fresh && seen[i] != hash;
    if (!*fresh) m->out->len = before;
    return buffer_append(&m->keys, &hash, sizeof hash) ? DONE : NO_MEMORY;
}

static enum outcome run_set(struct machine *m, const struct op *op, uint32_t *size) {
    size_t start = m->out->len;
    m->keys.len = 0;
    *size = 0;
    if (!buffer_printf(m->out, "{\"%s\":[", dynamodb_type_name(op->type))) return NO_MEMORY;
    size_t first = m->out->len;
    for (int i = 0; i < op->part_count; i++) {
        uint32_t bytes = 0;
        bool fresh = false;
        size_t before = m->out->len;
        if (before > first && !buffer_append(m->out, ",", 1)) return NO_MEMORY;
        enum outcome result = set_element(m, &op->parts[i], &bytes, &fresh);
        if (result == REJECTED || result == NO_MEMORY) return result;
        if (result == ABSENT || !fresh) m->out->len = before;
        if (result == DONE && fresh) *size += bytes;
    }
    if (m->out->len == first) {
        m->out->len = start; /* DynamoDB has no empty sets */
        return ABSENT;
    }
    return buffer_append(m->out, "]}", 2) ? DONE : NO_MEMORY;
}

/* One part of a list or map, with what stands before it. */
static enum outcome run_part(struct machine *m, const struct op *op, const struct op *part, bool first, uint32_t *size) {
    size_t before = m->out->len;
    uint32_t bytes = 0;
    if (!first && !buffer_append(m->out, ",", 1)) return NO_MEMORY;
    if (op->kind == OP_MAP && !buffer_append(m->out, part->label, part->label_len)) return NO_MEMORY;
    enum outcome result = inner_value(m, part, &bytes);
    if (result == ABSENT && op->kind == OP_LIST) result = put_word(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, &bytes);
    if (result != DONE) {
        m->out->len = before;
        return result;
    }
    *size += bytes + DYNAMODB_SIZE_ELEMENT + (op->kind == OP_MAP ? (uint32_t)part->name_len : 0);
    return DONE;
}

static enum outcome run_parts(struct machine *m, const struct op *op, uint32_t *size) {
    bool map = op->kind == OP_MAP, first = true;
    *size = DYNAMODB_SIZE_CONTAINER;
    if (!buffer_append(m->out, map ? "{\"M\":{" : "{\"L\":[", 6)) return NO_MEMORY;
    for (int i = 0; i < op->part_count; i++) {
        enum outcome result = run_part(m, op, &op->parts[i], first, size);
        if (result == REJECTED || result == NO_MEMORY) return result;
        if (result == DONE) first = false;
    }
    return buffer_append(m->out, map ? "}}" : "]}", 2) ? DONE : NO_MEMORY;
}

/* --- any value --- */

static enum outcome run_null(struct machine *m, const struct op *op, uint32_t *size) {
    if (op->fallback) return inner_value(m, op->fallback, size);
    return op->null_value ? put_word(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, size) : ABSENT;
}

enum outcome machine_value(struct machine *m, const struct op *op, uint32_t *size) {
    switch (op->kind) {
    case OP_TEMPLATE: return run_template(m, op, size);
    case OP_CONSTANT: return run_constant(m, op, size);
    case OP_FUNCTION: return run_function(m, op, size);
    case OP_SET: return run_set(m, op, size);
    case OP_LIST:
    case OP_MAP: return run_parts(m, op, size);
    default: break;
    }
    struct pg_field field = m->row->fields[op->column];
    if (field.len < 0) return run_null(m, op, size);
    switch (op->kind) {
    case OP_TEXT: return run_text(m, op, field, size);
    case OP_BOOL: return run_bool(m, op, field, size);
    case OP_JSON: return run_json(m, op, field, size);
    case OP_EPOCH: return run_epoch(m, op, field, size);
    default: return put_typed(m, op, field.data, (size_t)field.len, size);
    }
}
