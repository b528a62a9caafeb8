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

char *machine_refuse(struct machine *m, const struct op *op, const char *reason, const char *what, const char *why) {
    m->reject->reason = reason;
    snprintf(m->reject->message, sizeof m->reject->message, "attribute %s: %s%s%s", op->name, what, *what ? " " : "", why);
    return machine_fail(m, REJECTED);
}

static char *too_large(struct machine *m, const struct op *op) {
    return machine_refuse(m, op, REJECT_ITEM_SIZE, "", "its value alone is over the 409,600 bytes of an item");
}

/* --- texts --- */

static char *not_owned(struct machine *m, const struct op *op, const char *text, size_t len) {
    char what[140];
    snprintf(what, sizeof what, "%.*s%s", (int)(len > 100 ? 100 : len), text, len > 100 ? "..." : "");
    return machine_refuse(m, op, REJECT_OWNS, what, "begins with nothing that the plan owns");
}

static char *key_too_long(struct machine *m, const struct op *op, size_t len, size_t max) {
    char why[80];
    snprintf(why, sizeof why, "a key of %zu bytes is over the limit of %zu", len, max);
    return machine_refuse(m, op, REJECT_KEY_SIZE, "", why);
}

/* The rules of keys, and the hash of the table's; false after a refusal. */
static bool key_allowed(struct machine *m, const struct op *op, enum dynamodb_type type, const char *text, size_t len) {
    size_t max = op->key == KEY_PARTITION ? DYNAMODB_PARTITION_KEY_MAX : DYNAMODB_SORT_KEY_MAX;
    if (type != DYNAMODB_N && len == 0) return machine_refuse(m, op, REJECT_KEY_EMPTY, "", "a key must not be empty");
    if (type != DYNAMODB_N && len > max) return key_too_long(m, op, len, max); /* every number is short enough */
    if (op->table_key == KEY_PARTITION && !dynamodb_key_owned(m->program->schema, text, len)) return not_owned(m, op, text, len);
    if (op->table_key && type != DYNAMODB_B) m->key = dynamodb_key_hash(m->key, type, text, len);
    return true;
}

static bool text_checked(struct machine *m, const struct op *op, enum dynamodb_type type, const char *text, size_t len) {
    if (len > DYNAMODB_ITEM_MAX) return too_large(m, op);
    if (len == 0 && op->empty_absent && type != DYNAMODB_N) return machine_fail(m, ABSENT);
    return op->key == KEY_NONE || key_allowed(m, op, type, text, len);
}

/* Whether a text may be the op's value: asked before it is written. */
static inline bool text_allowed(struct machine *m, const struct op *op, enum dynamodb_type type, const char *text, size_t len) {
    bool harmless = op->key == KEY_NONE && len - 1 < DYNAMODB_ITEM_MAX; /* the empty one is not */
    return harmless || text_checked(m, op, type, text, len);
}

/* {"X":" and "} around a text; room for both is reserved with the text's. */
#define AROUND 16

static inline char *open_text(char *to, char type) {
    char open[8] = {'{', '"', type, '"', ':', '"'};
    memcpy(to, open, sizeof open);
    return to + 6;
}

static inline char *close_text(char *to) {
    memcpy(to, "\"}", 2);
    return to + 2;
}

static char *put_string(struct machine *m, const struct op *op, const char *text, size_t len, char *to, uint32_t *size) {
    if (m->program->check_utf8 && !utf8_valid(text, len)) return machine_refuse(m, op, REJECT_TEXT, "", "its text is not UTF-8");
    to = machine_room(m, to, JSON_ESCAPED_MAX(len) + AROUND);
    if (to == NULL) return NULL;
    *size = (uint32_t)len;
    to = open_text(to, 'S');
    return close_text(to + json_escape(to, text, len));
}

static char *put_bytes(struct machine *m, const struct op *op, const char *data, size_t len, char *to, uint32_t *size) {
    to = machine_room(m, to, DYNAMODB_BASE64_ROOM(len) + AROUND);
    if (to == NULL) return NULL;
    *size = (uint32_t)len;
    to = open_text(to, 'B');
    size_t n = dynamodb_base64(to, data, len);
    if (op->table_key) m->key = dynamodb_key_hash(m->key, DYNAMODB_B, to, n);
    return close_text(to + n);
}

static char *put_number(struct machine *m, const struct op *op, const char *text, size_t len, char *to, uint32_t *size) {
    enum dynamodb_number_fault fault = dynamodb_number_check(text, len);
    if (fault != DYNAMODB_NUMBER_OK) {
        char what[120];
        snprintf(what, sizeof what, "the number %.*s%s:", (int)(len > 60 ? 60 : len), text, len > 60 ? "..." : "");
        return machine_refuse(m, op, REJECT_NUMBER, what, dynamodb_number_fault_text(fault));
    }
    to = machine_room(m, to, len + AROUND);
    if (to == NULL) return NULL;
    *size = (uint32_t)dynamodb_number_size(text, len);
    to = open_text(to, 'N');
    memcpy(to, text, len);
    return close_text(to + len);
}

/* A text (or bytes) as S, N or B. */
static char *put_as(struct machine *m, const struct op *op, enum dynamodb_type type, const char *text, size_t len, char *to,
                    uint32_t *size) {
    if (!text_allowed(m, op, type, text, len)) return NULL;
    if (type == DYNAMODB_S) return put_string(m, op, text, len, to, size);
    return type == DYNAMODB_N ? put_number(m, op, text, len, to, size) : put_bytes(m, op, text, len, to, size);
}

static char *put_word(struct machine *m, const char *json, size_t len, uint32_t bytes, char *to, uint32_t *size) {
    to = machine_room(m, to, len);
    if (to == NULL) return NULL;
    *size = bytes;
    memcpy(to, json, len);
    return to + len;
}

#define PUT_WORD(m, json, bytes, to, size) put_word(m, json, sizeof(json) - 1, bytes, to, size)

static char *put_bool(struct machine *m, bool truth, char *to, uint32_t *size) {
    return truth ? PUT_WORD(m, "{\"BOOL\":true}", DYNAMODB_SIZE_BOOL, to, size)
                 : PUT_WORD(m, "{\"BOOL\":false}", DYNAMODB_SIZE_BOOL, to, size);
}

char *machine_null(struct machine *m, char *to, uint32_t *size) {
    return PUT_WORD(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, to, size);
}

/* --- texts that are made of columns --- */

/* Where such a text is made: in scratch, or, when it is plain, where it stays, in *to, behind what opens it. NULL: no memory. */
static inline char *text_place(struct machine *m, const struct op *op, size_t room, char **to) {
    if (!op->plain) {
        m->scratch.len = 0;
        return buffer_reserve(&m->scratch, room) ? m->scratch.data : machine_fail(m, NO_MEMORY);
    }
    *to = machine_room(m, *to, room + AROUND);
    return *to ? open_text(*to, op->type == DYNAMODB_N ? 'N' : 'S') : NULL;
}

/* The text that was made there becomes the value. */
static inline char *text_made(struct machine *m, const struct op *op, char *text, size_t len, char *to, uint32_t *size) {
    if (!op->plain) return put_as(m, op, op->type, text, len, to, size);
    if (!text_allowed(m, op, op->type, text, len)) return NULL;
    *size = (uint32_t)(op->type == DYNAMODB_N ? dynamodb_integer_size(text, len) : len);
    return close_text(text + len);
}

static char *run_template(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    size_t room = template_room(op->template, m->row), len = 0;
    if (room > TEXT_MAX) return too_large(m, op);
    char *text = text_place(m, op, room, &to);
    if (text == NULL) return NULL;
    struct template_fault fault;
    switch (template_run(op->template, m->row, text, &len, &fault)) {
    case TEMPLATE_OK: break;
    case TEMPLATE_NULL: return machine_fail(m, ABSENT);
    case TEMPLATE_BAD: return machine_refuse(m, op, REJECT_VALUE, fault.column, fault.why);
    }
    return text_made(m, op, text, len, to, size);
}

static char *run_text(struct machine *m, const struct op *op, struct pg_field field, char *to, uint32_t *size) {
    size_t room = FORMAT_BOUNDED + format_room(&op->format, field.len);
    if (room > TEXT_MAX) return too_large(m, op);
    char *text = text_place(m, op, room, &to);
    if (text == NULL) return NULL;
    const char *why = "";
    const char *end = format_run(&op->format, field, text, &why);
    if (end == NULL) {
        const char *reason = op->type == DYNAMODB_N ? REJECT_NUMBER : REJECT_VALUE; /* NaN, infinity, hundreds of digits */
        return machine_refuse(m, op, reason, "the value", why);
    }
    return text_made(m, op, text, (size_t)(end - text), to, size);
}

/* --- other values --- */

/* What appends to the buffer by itself: begins, and ends, with its len kept up. */
static struct buffer *buffer_at(struct machine *m, const char *to) {
    m->out->len = (size_t)(to - m->out->data);
    return m->out;
}

static char *refuse_json(struct machine *m, const struct op *op, const struct json_value_fault *fault, size_t len) {
    char why[160];
    int n = snprintf(why, sizeof why, "%s", fault->why);
    if (fault->at < len) snprintf(why + n, sizeof why - (size_t)n, ", at byte %zu", fault->at + 1);
    return machine_refuse(m, op, REJECT_JSON, fault->malformed ? "this is no JSON:" : "the JSON cannot be stored:", why);
}

static char *run_json(struct machine *m, const struct op *op, struct pg_field field, char *to, uint32_t *size) {
    struct pg_field text;
    struct json_value_fault fault;
    size_t bytes = 0, before = (size_t)(to - m->out->data);
    if (op->column_type == PG_TEXT) {
        text = field;
    } else if (!pg_json(op->column_type, field, &text)) {
        return machine_refuse(m, op, REJECT_VALUE, "", "the value is not of its type");
    }
    switch (json_value_write(text.data, (size_t)text.len, buffer_at(m, to), &m->keys, &bytes, &fault)) {
    case JSON_VALUE_OK: *size = (uint32_t)bytes; return m->out->data + m->out->len;
    case JSON_VALUE_MEMORY: return text.len > TEXT_MAX ? too_large(m, op) : machine_fail(m, NO_MEMORY);
    case JSON_VALUE_INVALID: break;
    }
    if (op->invalid == JSON_INVALID_ABSENT) return machine_fail(m, ABSENT);
    if (op->invalid == JSON_INVALID_REJECT) return refuse_json(m, op, &fault, (size_t)text.len);
    return put_as(m, op, DYNAMODB_S, text.data, (size_t)text.len, m->out->data + before, size);
}

static char *run_epoch(struct machine *m, const struct op *op, struct pg_field field, char *to, uint32_t *size) {
    int64_t seconds;
    enum pg_moment moment = pg_epoch(op->column_type, field, &seconds);
    if (moment == PG_MOMENT_INFINITE) return machine_refuse(m, op, REJECT_VALUE, "the time", "is infinity");
    if (moment == PG_MOMENT_RANGE) return machine_refuse(m, op, REJECT_VALUE, "the time", "is before the year 1 or after 9999");
    if (moment == PG_MOMENT_BAD || __builtin_add_overflow(seconds, op->epoch_add, &seconds)) {
        return machine_refuse(m, op, REJECT_VALUE, "the time", "is not a value of its type");
    }
    if (op->expired_skip && seconds < clock_unix() - EXPIRED_SECONDS) return machine_fail(m, ABSENT);
    to = machine_room(m, to, PG_INTEGER_TEXT + AROUND);
    if (to == NULL) return NULL;
    char *text = open_text(to, 'N');
    return text_made(m, op, text, pg_integer_text(seconds, text), to, size);
}

static char *run_bool(struct machine *m, const struct op *op, struct pg_field field, char *to, uint32_t *size) {
    bool truth;
    if (!pg_bool(field, &truth)) return machine_refuse(m, op, REJECT_VALUE, "the value", "is not of its type");
    return put_bool(m, truth, to, size);
}

static char *run_constant(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    if (op->type == DYNAMODB_BOOL) return put_bool(m, op->constant[0] == 't', to, size);
    if (op->type == DYNAMODB_NULL) return machine_null(m, to, size);
    return put_as(m, op, op->type, op->constant, op->constant_len, to, size);
}

/* --- functions --- */

static char *run_function(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    struct function_value v;
    switch (m->functions->call(m->functions, m->program->table, op->function, m->row, &v, m->reject)) {
    case MAP_ITEM: break;
    case MAP_MEMORY: return machine_fail(m, NO_MEMORY);
    default: return machine_fail(m, REJECTED);
    }
    if (v.type == DYNAMODB_ANY) return machine_fail(m, ABSENT);
    bool text = v.type == DYNAMODB_S || v.type == DYNAMODB_N || v.type == DYNAMODB_B;
    bool free_type = op->type == DYNAMODB_ANY;
    bool bytes = (v.type == DYNAMODB_B) != (op->type == DYNAMODB_B); /* one of them: bytes are no text, but a text has bytes */
    bool fits = op->type != DYNAMODB_BOOL && (!bytes || v.type == DYNAMODB_S);
    if (text && (free_type || fits)) return put_as(m, op, free_type ? v.type : op->type, v.text, v.len, to, size);
    if (!text && (free_type || op->type == v.type)) {
        if (v.size > DYNAMODB_ITEM_MAX) return too_large(m, op);
        return put_word(m, v.text, v.len, (uint32_t)v.size, to, size);
    }
    char why[100];
    snprintf(why, sizeof why, "returned %s where %s is needed", dynamodb_type_name(v.type), dynamodb_type_name(op->type));
    return machine_refuse(m, op, REJECT_FUNCTION, "its function", why);
}

/* --- any value --- */

/* A value within another, which is absent where its own `when` does not hold. */
char *machine_inner(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    if (op->when >= 0 && !machine_holds(m, op->when, op->when_bool)) return machine_fail(m, ABSENT);
    return machine_value(m, op, to, size);
}

static char *run_null(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    if (op->fallback) return machine_inner(m, op->fallback, to, size);
    return op->null_value ? machine_null(m, to, size) : machine_fail(m, ABSENT);
}

/* A value that is made of one column. */
static char *run_column(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    struct pg_field field = m->row->fields[op->column];
    if (field.len < 0) return run_null(m, op, to, size);
    switch (op->kind) {
    case OP_TEXT: return run_text(m, op, field, to, size);
    case OP_BOOL: return run_bool(m, op, field, to, size);
    case OP_JSON: return run_json(m, op, field, to, size);
    case OP_EPOCH: return run_epoch(m, op, field, to, size);
    default: return put_as(m, op, op->type, field.data, (size_t)field.len, to, size);
    }
}

/* Of its text: most integers do not end in a zero, so that their digits need not be looked at. */
static uint32_t integer_size(int64_t value, const char *text, size_t len) {
    if (value % 10 == 0) return (uint32_t)dynamodb_integer_size(text, len);
    return (uint32_t)dynamodb_digits_size(len - (value < 0), value < 0);
}

char *machine_direct(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    struct pg_field field = m->row->fields[op->column];
    size_t len = (size_t)field.len;
    if (len - 1 >= DYNAMODB_ITEM_MAX) return NULL; /* NULL and empty as well */
    if (op->direct == DIRECT_TEXT) {
        to = machine_room(m, to, COPY_ROOM(op->opening_len) + JSON_ESCAPED_MAX(len) + AROUND);
        if (to == NULL) return NULL;
        to = copy_steps(to, op->opening, op->opening_len);
        *size = (uint32_t)len;
        return close_text(to + json_escape(to, field.data, len));
    }
    int64_t value;
    if (!pg_integer(op->column_type, field, &value)) return NULL; /* before the buffer may grow, and `to` be somewhere else */
    to = machine_room(m, to, COPY_ROOM(op->opening_len) + PG_INTEGER_TEXT + AROUND);
    if (to == NULL) return NULL;
    to = copy_steps(to, op->opening, op->opening_len);
    len = pg_integer_text(value, to);
    *size = integer_size(value, to, len);
    return close_text(to + len);
}

char *machine_value(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    switch (op->kind) {
    case OP_TEMPLATE: return run_template(m, op, to, size);
    case OP_CONSTANT: return run_constant(m, op, to, size);
    case OP_FUNCTION: return run_function(m, op, to, size);
    case OP_SET:
    case OP_LIST:
    case OP_MAP: return machine_nested(m, op, to, size);
    default: return run_column(m, op, to, size);
    }
}
