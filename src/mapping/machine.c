/* Runs a compiled mapping: one row in, the DynamoDB JSON of its items out. The row path: no allocation per row, sizes added up while
 * writing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynamodb/value.h"
#include "mapping/json_value.h"
#include "mapping/machine_parts.h"
#include "pg/types.h"

#define SCRATCH_MAX (64 * 1024 * 1024)

bool machine_holds(const struct machine *m, int column, bool is_bool) {
    struct pg_field field = m->row->fields[column];
    bool truth = field.len >= 0;
    return truth && (!is_bool || (pg_bool(field, &truth) && truth));
}

/* Whether the op's conditions hold: its `when` column, the partition key that a sort key belongs to. */
static bool wanted(const struct machine *m, const struct op *op) {
    if (op->leader >= 0 && m->slots[op->leader].size == 0) return false;
    return op->when < 0 || machine_holds(m, op->when, op->when_bool);
}

/* The value of an op that is the same as an earlier one: its bytes again. */
static void copy_value(struct machine *m, const struct op *op, const struct op *source, size_t start, uint32_t *size) {
    const struct slot *from = &m->slots[op->same];
    memcpy(m->out->data + m->out->len, m->out->data + start + from->at, from->len);
    m->out->len += from->len;
    *size = from->size - (uint32_t)source->name_len;
}

/* Labels are short: copied in steps of fixed size, of which the last may go too far, they cost no call. */
static void put_label(struct buffer *out, const struct op *op) {
    char *to = out->data + out->len;
    for (size_t done = 0; done < op->label_len; done += OP_LABEL_STEP) memcpy(to + done, op->label + done, OP_LABEL_STEP);
    out->len += op->label_len;
}

/* Writes one attribute, with its label, unless it is absent. */
static enum outcome run_op(struct machine *m, const struct item_program *p, int i, size_t start) {
    const struct op *op = &p->ops[i];
    struct slot *slot = &m->slots[i];
    slot->size = 0;
    if (!wanted(m, op) || (op->same >= 0 && m->slots[op->same].size == 0)) return ABSENT;
    struct buffer *out = m->out;
    size_t before = out->len;
    size_t copy = op->same >= 0 ? m->slots[op->same].len : 0;
    if (!buffer_reserve(out, op->label_len + OP_LABEL_STEP + copy + 2)) return NO_MEMORY;
    out->data[out->len++] = i ? ',' : '{';
    put_label(out, op);
    slot->at = out->len - start;
    uint32_t size = 0;
    enum outcome result = DONE;
    if (op->same >= 0) {
        copy_value(m, op, &p->ops[op->same], start, &size);
    } else {
        result = machine_value(m, op, &size);
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
static uint32_t write_units(const struct machine *m, const struct item_program *p, uint32_t size) {
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

/* Appends one item to m->out. */
static enum map_result run_item(struct machine *m, const struct item_program *p, struct item_sink *sink,
                                struct mapped_item *item) {
    size_t start = m->out->len;
    uint64_t total = 0;
    m->key = 0;
    for (int i = 0; i < p->op_count; i++) {
        switch (run_op(m, p, i, start)) {
        case DONE: total += m->slots[i].size; break;
        case ABSENT:
            if (!p->ops[i].table_key) break;
            machine_refuse(m, &p->ops[i], REJECT_KEY_MISSING, "",
                           "a key of the table is missing: a column it is made of is NULL, or its function returned nil");
            return MAP_REJECT;
        case REJECTED: return MAP_REJECT;
        case NO_MEMORY: return MAP_MEMORY;
        }
        if (total > DYNAMODB_ITEM_MAX) {
            m->reject->reason = REJECT_ITEM_SIZE;
            snprintf(m->reject->message, sizeof m->reject->message, "the item is over 409,600 bytes (%llu at attribute %s)",
                     (unsigned long long)total, p->ops[i].name);
            return MAP_REJECT;
        }
        if (i == p->last_key && sink->keyed) sink->keyed(sink, m->key);
    }
    if (!buffer_append(m->out, "}", 1)) return MAP_MEMORY;
    item->key = m->key;
    item->size = (uint32_t)total;
    item->units = write_units(m, p, item->size);
    return MAP_ITEM;
}

static enum map_result machine_map(struct row_mapper *self, const struct pg_row *row, struct item_sink *sink,
                                   struct map_reject *reject) {
    struct machine *m = (struct machine *)self;
    const struct program *p = m->program;
    enum map_result all = MAP_FILTERED;
    m->row = row;
    m->reject = reject;
    if (m->functions) m->functions->begin(m->functions);
    if (p->map >= 0) return m->functions->map(m->functions, p->table, p->map, row, sink, reject);
    for (int i = 0; i < p->item_count; i++) {
        const struct item_program *item = &p->items[i];
        struct mapped_item mapped;
        if (item->when >= 0 && !machine_holds(m, item->when, item->when_bool)) continue;
        m->out = sink->open(sink, p->table);
        if (m->out == NULL) return MAP_MEMORY;
        enum map_result result = run_item(m, item, sink, &mapped);
        if (result != MAP_ITEM) {
            sink->cancel(sink);
            return result;
        }
        if (!sink->close(sink, &mapped)) return MAP_STOP;
        all = MAP_ITEM;
    }
    return all;
}

static void machine_free(struct row_mapper *self) {
    struct machine *m = (struct machine *)self;
    buffer_free(&m->scratch);
    buffer_free(&m->keys);
    free(m->slots);
    free(m);
}

struct row_mapper *program_mapper(const struct program *p, struct functions *functions) {
    int widest = 1;
    struct machine *m = calloc(1, sizeof *m);
    if (m == NULL) return NULL;
    for (int i = 0; i < p->item_count; i++) {
        if (p->items[i].op_count > widest) widest = p->items[i].op_count;
    }
    bool one = p->map < 0 && p->item_count == 1 && p->items[0].when < 0;
    m->mapper = (struct row_mapper){.many = !one, .map = machine_map, .free = machine_free};
    m->program = p;
    m->functions = functions;
    m->slots = calloc((size_t)widest, sizeof *m->slots);
    buffer_init(&m->scratch, SCRATCH_MAX);
    buffer_init(&m->keys, JSON_VALUE_KEYS_BYTES);
    if (m->slots == NULL) {
        machine_free(&m->mapper);
        return NULL;
    }
    return &m->mapper;
}
