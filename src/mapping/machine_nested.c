/* Writes values that are made of others: sets, lists and maps. */
#include <stdio.h>
#include <string.h>

#include "dynamodb/key.h"
#include "dynamodb/value.h"
#include "mapping/machine_parts.h"

/* Appends one element of a set as it stands in the set: ,"text" without the {"S": around it. One that the set has already is absent. */
static char *set_element(struct machine *m, const struct op *part, char *to, uint32_t *size) {
    size_t before = (size_t)(to - m->out->data);
    char *end = machine_inner(m, part, to, size);
    if (end == NULL) return NULL;
    char *text = m->out->data + before;
    size_t len = (size_t)(end - text) - 6;
    memmove(text + 1, text + 5, len);
    *text = ',';
    uint64_t hash = dynamodb_key_hash(0, part->type, text + 2, len - 2);
    const uint64_t *seen = (const uint64_t *)(void *)m->keys.data;
    for (size_t i = 0; i < m->keys.len / sizeof hash; i++) {
        if (seen[i] == hash) return machine_fail(m, ABSENT);
    }
    return buffer_append(&m->keys, &hash, sizeof hash) ? text + 1 + len : machine_fail(m, NO_MEMORY);
}

/* Appends one element of a list: one that is absent keeps its place. */
static char *list_element(struct machine *m, const struct op *part, char *to, uint32_t *size) {
    to = machine_room(m, to, 1);
    if (to == NULL) return NULL;
    *to++ = ',';
    size_t before = (size_t)(to - m->out->data);
    to = machine_inner(m, part, to, size);
    return to || m->outcome != ABSENT ? to : machine_null(m, m->out->data + before, size);
}

static char *map_element(struct machine *m, const struct op *part, char *to, uint32_t *size) {
    to = machine_room(m, to, COPY_ROOM(part->label_len));
    if (to == NULL) return NULL;
    to = machine_inner(m, part, copy_steps(to, part->label, part->label_len), size);
    *size += (uint32_t)part->name_len;
    return to;
}

/* Appends the elements that are there, each with a comma before it. */
static char *run_elements(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    m->keys.len = 0;
    *size = op->kind == OP_SET ? 0 : DYNAMODB_SIZE_CONTAINER;
    for (const struct op *part = op->parts, *end = part + op->part_count; part < end; part++) {
        size_t before = (size_t)(to - m->out->data);
        uint32_t bytes = 0;
        to = op->kind == OP_SET    ? set_element(m, part, to, &bytes)
             : op->kind == OP_LIST ? list_element(m, part, to, &bytes)
                                   : map_element(m, part, to, &bytes);
        if (to) {
            *size += bytes + (op->kind == OP_SET ? 0 : DYNAMODB_SIZE_ELEMENT);
        } else if (m->outcome == ABSENT) {
            to = m->out->data + before;
        } else {
            return NULL;
        }
    }
    return to;
}

char *machine_nested(struct machine *m, const struct op *op, char *to, uint32_t *size) {
    const char *type = dynamodb_type_name(op->type);
    bool map = op->kind == OP_MAP;
    to = machine_room(m, to, sizeof "{\"SS\":");
    if (to == NULL) return NULL;
    to += snprintf(to, sizeof "{\"SS\":", "{\"%s\":", type);
    size_t first = (size_t)(to - m->out->data);
    to = run_elements(m, op, to, size);
    if (to) to = machine_room(m, to, 3);
    if (to == NULL) return NULL;
    bool empty = (size_t)(to - m->out->data) == first;
    if (empty && op->kind == OP_SET) return machine_fail(m, ABSENT); /* DynamoDB has no empty sets */
    if (empty) to++;
    m->out->data[first] = map ? '{' : '['; /* in place of the first comma */
    *to++ = map ? '}' : ']';
    *to++ = '}';
    return to;
}
