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

/* Makes the buffer larger when what was reserved before is not enough. */
char *machine_grow(struct machine *m, const char *to, size_t n) {
    m->out->len = (size_t)(to - m->out->data);
    return buffer_reserve(m->out, n) ? m->out->data + m->out->len : machine_fail(m, NO_MEMORY);
}

/* Whether the op's conditions hold: its `when` column, the partition key that a sort key belongs to, the value that it repeats. */
static bool wanted(const struct machine *m, const struct op *op) {
    if (op->leader >= 0 && m->slots[op->leader].size == 0) return false;
    if (op->same >= 0 && m->slots[op->same].size == 0) return false;
    return op->when < 0 || machine_holds(m, op->when, op->when_bool);
}

#define COPIED_BY_STEPS 128 /* bytes: a key; what is longer is worth a call */

/* The value of an op that is the same as an earlier one: its bytes again. */
static char *copy_value(struct machine *m, const struct slot *from, size_t name_len, char *to, uint32_t *size) {
    to = machine_room(m, to, COPY_ROOM(from->len));
    if (to == NULL) return NULL;
    *size = from->size - (uint32_t)name_len;
    if (from->len <= COPIED_BY_STEPS) return copy_steps(to, m->out->data + from->at, from->len);
    memcpy(to, m->out->data + from->at, from->len);
    return to + from->len;
}

/* Appends one attribute, with its label. */
static char *run_op(struct machine *m, const struct item_program *p, const struct op *op, struct slot *slot, char *to) {
    uint32_t size = 0;
    if (op->direct) {
        char *end = machine_direct(m, op, to, &size);
        slot->size = size + (uint32_t)op->name_len;
        if (end) return end;
    }
    slot->size = 0;
    if (!op->always && !wanted(m, op)) return machine_fail(m, ABSENT);
    to = machine_room(m, to, COPY_ROOM(op->label_len));
    if (to == NULL) return NULL;
    to = copy_steps(to, op->label, op->label_len);
    if (op->repeated) slot->at = (size_t)(to - m->out->data);
    to =
        op->same < 0 ? machine_value(m, op, to, &size) : copy_value(m, &m->slots[op->same], p->ops[op->same].name_len, to, &size);
    if (to == NULL) return NULL;
    if (op->repeated) slot->len = (size_t)(to - m->out->data) - slot->at;
    slot->size = size + (uint32_t)op->name_len;
    return to;
}

/* Write units of the table and of every index whose keys are all there. */
static uint32_t write_units(const struct machine *m, const struct item_program *p, uint32_t size) {
    int64_t whole = dynamodb_write_units(size), units = whole;
    for (const struct index_op *index = p->indexes, *end = index + p->index_count; index < end; index++) {
        bool present = true;
        for (int k = 0; k < index->key_count; k++) present = present && m->slots[index->keys[k]].size > 0;
        if (!present) continue;
        uint32_t part = 0;
        for (int k = 0; k < index->part_count; k++) part += m->slots[index->part[k]].size;
        units += index->all ? whole : dynamodb_write_units(part);
    }
    return (uint32_t)units;
}

static enum map_result too_large(struct machine *m, const struct op *op, uint64_t total) {
    m->reject->reason = REJECT_ITEM_SIZE;
    snprintf(m->reject->message, sizeof m->reject->message, "the item is over 409,600 bytes (%llu at attribute %s)",
             (unsigned long long)total, op->name);
    return MAP_REJECT;
}

/* What it means that an op has written nothing; MAP_ITEM: the item goes on without the attribute. */
static enum map_result nothing(struct machine *m, const struct op *op) {
    if (m->outcome == NO_MEMORY) return MAP_MEMORY;
    if (m->outcome == ABSENT && op->table_key) {
        machine_refuse(m, op, REJECT_KEY_MISSING, "",
                       "a key of the table is missing: a column it is made of is NULL, or its function returned nil");
    }
    return m->outcome == REJECTED ? MAP_REJECT : MAP_ITEM;
}

/* Appends the attributes of one item, each with a comma before it; *total gets their size. */
static enum map_result run_ops(struct machine *m, const struct item_program *p, struct item_sink *sink, uint64_t *total) {
    struct slot *slot = m->slots;
    const struct op *last_key = p->ops + p->last_key;
    char *to = m->out->data + m->out->len;
    for (const struct op *op = p->ops, *end = op + p->op_count; op < end; op++, slot++) {
        size_t before = (size_t)(to - m->out->data);
        to = run_op(m, p, op, slot, to);
        *total += slot->size;
        if (to == NULL || *total > DYNAMODB_ITEM_MAX) {
            m->out->len = before; /* what a reject shows */
            enum map_result result = to ? too_large(m, op, *total) : nothing(m, op);
            if (result != MAP_ITEM) return result;
            to = m->out->data + before;
        }
        if (op == last_key && sink->keyed) sink->keyed(sink, m->key);
    }
    m->out->len = (size_t)(to - m->out->data);
    return MAP_ITEM;
}

/* Appends one item to m->out. */
static enum map_result run_item(struct machine *m, const struct item_program *p, struct item_sink *sink,
                                struct mapped_item *item) {
    size_t start = m->out->len;
    uint64_t total = 0;
    m->key = 0;
    if (!buffer_reserve(m->out, 1)) return MAP_MEMORY; /* a buffer without memory has no place to write at */
    enum map_result result = run_ops(m, p, sink, &total);
    if (m->out->len > start) m->out->data[start] = '{'; /* in place of the first comma */
    if (result != MAP_ITEM) return result;
    if (!buffer_reserve(m->out, 1)) return MAP_MEMORY;
    m->out->data[m->out->len++] = '}';
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
