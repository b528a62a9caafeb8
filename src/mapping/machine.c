/* Runs a compiled mapping: one row in, one item's DynamoDB JSON out. The row path: no allocation per row, sizes added up while
 * writing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/key.h"
#include "dynamodb/value.h"
#include "mapping/json_value.h"
#include "mapping/program_ops.h"
#include "pg/types.h"

/* Where an attribute's value was written, for copies and sizes. */
struct slot {
    size_t at, len;
    uint32_t size; /* name and value by DynamoDB's rule; 0: absent */
};

struct machine {
    struct row_mapper mapper;
    const struct program *program;
    struct buffer scratch; /* a template's or a column's text, before it is escaped */
    struct buffer keys;    /* of json_value_write */
    struct slot *slots;
    /* the row under way */
    const struct pg_row *row;
    struct buffer *out;
    struct map_reject *reject;
    uint64_t key;
};

enum outcome { DONE, ABSENT, REJECTED, NO_MEMORY };

#define TEXT_MAX (DYNAMODB_ITEM_MAX * 4)
#define SCRATCH_MAX (64 * 1024 * 1024)

static enum outcome refuse(struct machine *m, const struct op *op, const char *reason, const char *what, const char *why) {
    m->reject->reason = reason;
    snprintf(m->reject->message, sizeof m->reject->message, "attribute %s: %s%s%s", op->name, what, *what ? " " : "", why);
    return REJECTED;
}

static enum outcome too_large(struct machine *m, const struct op *op) {
    return refuse(m, op, REJECT_ITEM_SIZE, "", "its value alone is over the 409,600 bytes of an item");
}

/* The rules of keys; false after a refusal. */
static bool key_allowed(struct machine *m, const struct op *op, size_t len) {
    size_t max = op->key == KEY_PARTITION ? DYNAMODB_PARTITION_KEY_MAX : DYNAMODB_SORT_KEY_MAX;
    if (len == 0) {
        refuse(m, op, REJECT_KEY_EMPTY, "", "a key must not be empty");
        return false;
    }
    if (len > max) {
        char why[80];
        snprintf(why, sizeof why, "a key of %zu bytes is over the limit of %zu", len, max);
        refuse(m, op, REJECT_KEY_SIZE, "", why);
        return false;
    }
    return true;
}

#define ADD(b, literal) (memcpy((b)->data + (b)->len, literal, sizeof(literal) - 1), (b)->len += sizeof(literal) - 1)

static enum outcome put_string(struct machine *m, const struct op *op, const char *text, size_t len, uint32_t *size) {
    if (m->program->check_utf8 && !utf8_valid(text, len)) return refuse(m, op, REJECT_TEXT, "", "its text is not UTF-8");
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
        snprintf(what, sizeof what, "the number %.60s%s:", text, len > 60 ? "..." : "");
        return refuse(m, op, REJECT_NUMBER, what, dynamodb_number_fault_text(fault));
    }
    if (!buffer_reserve(m->out, len + 16)) return NO_MEMORY;
    ADD(m->out, "{\"N\":\"");
    memcpy(m->out->data + m->out->len, text, len);
    m->out->len += len;
    ADD(m->out, "\"}");
    *size = (uint32_t)dynamodb_number_size(text, len);
    return DONE;
}

/* A text (or bytes) as the op's type, S, N or B. The text is terminated or in a buffer with room behind it. */
static enum outcome put_typed(struct machine *m, const struct op *op, const char *text, size_t len, uint32_t *size) {
    if (len > DYNAMODB_ITEM_MAX) return too_large(m, op);
    if (op->key && !key_allowed(m, op, len)) return REJECTED;
    if (op->type == DYNAMODB_B) return put_bytes(m, op, text, len, size);
    if (op->table_key) m->key = dynamodb_key_hash(m->key, op->type, text, len);
    return op->type == DYNAMODB_N ? put_number(m, op, text, len, size) : put_string(m, op, text, len, size);
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

static enum outcome run_template(struct machine *m, const struct op *op, uint32_t *size) {
    size_t room = template_room(op->template, m->row), len = 0;
    if (room > TEXT_MAX) return too_large(m, op);
    if (!scratch_room(m, room)) return NO_MEMORY;
    struct template_fault fault;
    switch (template_run(op->template, m->row, m->scratch.data, &len, &fault)) {
    case TEMPLATE_OK: break;
    case TEMPLATE_NULL: return ABSENT;
    case TEMPLATE_BAD: return refuse(m, op, REJECT_VALUE, fault.column, fault.why);
    }
    m->scratch.data[len] = '\0';
    return put_typed(m, op, m->scratch.data, len, size);
}

static enum outcome run_text(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    size_t room = FORMAT_BOUNDED + format_room(&op->format, field.len), len = 0;
    if (room > TEXT_MAX) return too_large(m, op);
    if (!scratch_room(m, room)) return NO_MEMORY;
    const char *why = "";
    if (!format_run(&op->format, field, m->scratch.data, &len, &why)) return refuse(m, op, REJECT_VALUE, "the value", why);
    m->scratch.data[len] = '\0';
    return put_typed(m, op, m->scratch.data, len, size);
}

static enum outcome run_json(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    struct pg_field text;
    const char *why = "";
    size_t bytes = 0;
    if (op->column_type == PG_TEXT) {
        text = field;
    } else if (!pg_json(op->column_type, field, &text)) {
        return refuse(m, op, REJECT_VALUE, "", "the value is not of its type");
    }
    switch (json_value_write(text.data, (size_t)text.len, m->out, &m->keys, &bytes, &why)) {
    case JSON_VALUE_OK: *size = (uint32_t)bytes; return DONE;
    case JSON_VALUE_MEMORY: return text.len > TEXT_MAX ? too_large(m, op) : NO_MEMORY;
    case JSON_VALUE_INVALID: break;
    }
    if (op->invalid == JSON_INVALID_ABSENT) return ABSENT;
    if (op->invalid == JSON_INVALID_REJECT) return refuse(m, op, REJECT_JSON, "the JSON cannot be stored:", why);
    if (text.len > DYNAMODB_ITEM_MAX) return too_large(m, op);
    return put_string(m, op, text.data, (size_t)text.len, size);
}

static enum outcome run_epoch(struct machine *m, const struct op *op, struct pg_field field, uint32_t *size) {
    int64_t seconds;
    enum pg_moment moment = pg_epoch(op->column_type, field, &seconds);
    if (moment == PG_MOMENT_INFINITE) return refuse(m, op, REJECT_VALUE, "the time", "is infinity");
    if (moment == PG_MOMENT_RANGE) return refuse(m, op, REJECT_VALUE, "the time", "is before the year 1 or after 9999");
    if (moment == PG_MOMENT_BAD || __builtin_add_overflow(seconds, op->epoch_add, &seconds)) {
        return refuse(m, op, REJECT_VALUE, "the time", "is not a value of its type");
    }
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
    if (!pg_bool(field, &truth)) return refuse(m, op, REJECT_VALUE, "the value", "is not of its type");
    return put_word(m, truth ? "{\"BOOL\":true}" : "{\"BOOL\":false}", DYNAMODB_SIZE_BOOL, size);
}

static enum outcome run_constant(struct machine *m, const struct op *op, uint32_t *size) {
    if (op->type == DYNAMODB_BOOL) {
        return put_word(m, op->constant[0] == 't' ? "{\"BOOL\":true}" : "{\"BOOL\":false}", DYNAMODB_SIZE_BOOL, size);
    }
    if (op->type == DYNAMODB_NULL) return put_word(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, size);
    return put_typed(m, op, op->constant, op->constant_len, size);
}

/* Writes an op's value; *size gets its bytes by DynamoDB's rule, without the name. */
static enum outcome run_value(struct machine *m, const struct op *op, uint32_t *size) {
    if (op->kind == OP_TEMPLATE) return run_template(m, op, size);
    if (op->kind == OP_CONSTANT) return run_constant(m, op, size);
    struct pg_field field = m->row->fields[op->column];
    if (field.len < 0) return op->null_value ? put_word(m, "{\"NULL\":true}", DYNAMODB_SIZE_NULL, size) : ABSENT;
    switch (op->kind) {
    case OP_TEXT: return run_text(m, op, field, size);
    case OP_BOOL: return run_bool(m, op, field, size);
    case OP_JSON: return run_json(m, op, field, size);
    case OP_EPOCH: return run_epoch(m, op, field, size);
    default: return put_typed(m, op, field.data, (size_t)field.len, size);
    }
}

/* Whether the op's conditions hold: its `when` column, the partition key that a sort key belongs to. */
static bool wanted(const struct machine *m, const struct op *op) {
    if (op->leader >= 0 && m->slots[op->leader].size == 0) return false;
    if (op->when < 0) return true;
    struct pg_field field = m->row->fields[op->when];
    bool truth = field.len >= 0;
    return truth && (!op->when_bool || (pg_bool(field, &truth) && truth));
}

/* The value of an op that is the same as an earlier one: its bytes again. */
static void copy_value(struct machine *m, const struct op *op, size_t start, uint32_t *size) {
    const struct slot *from = &m->slots[op->same];
    memcpy(m->out->data + m->out->len, m->out->data + start + from->at, from->len);
    m->out->len += from->len;
    *size = from->size - (uint32_t)m->program->ops[op->same].name_len;
}

/* Writes one attribute, with its label, unless it is absent. */
static enum outcome run_op(struct machine *m, int i, size_t start) {
    const struct op *op = &m->program->ops[i];
    struct slot *slot = &m->slots[i];
    slot->size = 0;
    if (!wanted(m, op) || (op->same >= 0 && m->slots[op->same].size == 0)) return ABSENT;
    struct buffer *out = m->out;
    size_t before = out->len;
    size_t copy = op->same >= 0 ? m->slots[op->same].len : 0;
    if (!buffer_reserve(out, op->label_len + copy + 2)) return NO_MEMORY;
    out->data[out->len++] = i ? ',' : '{';
    memcpy(out->data + out->len, op->label, op->label_len);
    out->len += op->label_len;
    slot->at = out->len - start;
    uint32_t size = 0;
    enum outcome result = DONE;
    if (op->same >= 0) {
        copy_value(m, op, start, &size);
    } else {
        result = run_value(m, op, &size);
    }
    if (result != DONE) {
        out->len = before;
        return result;
    }
    slot->len = out->len - start - slot->at;
    slot->size = size + (uint32_t)op->name_len;
    return DONE;
}

/* Write units of the table and of every index whose keys are all there. */
static uint32_t write_units(const struct machine *m, uint32_t size) {
    const struct program *p = m->program;
    int64_t units = dynamodb_write_units(size);
    for (int i = 0; i < p->index_count; i++) {
        const struct index_op *index = &p->indexes[i];
        bool present = true;
        for (int k = 0; k < index->key_count; k++) present = present && m->slots[index->keys[k]].size > 0;
        if (!present) continue;
        uint32_t part = index->all ? size : 0;
        for (int k = 0; k < index->part_count; k++) part += m->slots[index->part[k]].size;
        units += dynamodb_write_units(part);
    }
    return (uint32_t)units;
}

static enum map_result machine_map(struct row_mapper *self, const struct pg_row *row, struct buffer *out,
                                   struct mapped_item *item, struct map_reject *reject) {
    struct machine *m = (struct machine *)self;
    size_t start = out->len;
    uint64_t total = 0;
    m->row = row;
    m->out = out;
    m->reject = reject;
    m->key = 0;
    for (int i = 0; i < m->program->op_count; i++) {
        switch (run_op(m, i, start)) {
        case DONE: total += m->slots[i].size; break;
        case ABSENT:
            if (!m->program->ops[i].table_key) break;
            refuse(m, &m->program->ops[i], REJECT_KEY_MISSING, "",
                   "a key of the table is missing: a column it is made of is NULL");
            return MAP_REJECT;
        case REJECTED: return MAP_REJECT;
        case NO_MEMORY: return MAP_MEMORY;
        }
        if (total > DYNAMODB_ITEM_MAX) {
            reject->reason = REJECT_ITEM_SIZE;
            snprintf(reject->message, sizeof reject->message, "the item is over 409,600 bytes (%llu at attribute %s)",
                     (unsigned long long)total, m->program->ops[i].name);
            return MAP_REJECT;
        }
    }
    if (!buffer_append(out, "}", 1)) return MAP_MEMORY;
    item->key = m->key;
    item->size = (uint32_t)total;
    item->units = write_units(m, item->size);
    return MAP_ITEM;
}

static void machine_free(struct row_mapper *self) {
    struct machine *m = (struct machine *)self;
    buffer_free(&m->scratch);
    buffer_free(&m->keys);
    free(m->slots);
    free(m);
}

struct row_mapper *program_mapper(const struct program *p) {
    struct machine *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    m->mapper = (struct row_mapper){.map = machine_map, .free = machine_free};
    m->program = p;
    m->slots = calloc((size_t)p->op_count, sizeof *m->slots);
    buffer_init(&m->scratch, SCRATCH_MAX);
    buffer_init(&m->keys, JSON_VALUE_KEYS_BYTES);
    if (m->slots == NULL) {
        machine_free(&m->mapper);
        return NULL;
    }
    return &m->mapper;
}
