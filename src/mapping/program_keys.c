/* Keys: the attributes that table and indexes are keyed by, tied to the ops that write them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "mapping/program_ops.h"

static int find_op(const struct item_program *p, const char *name) {
    for (int i = 0; i < p->op_count; i++) {
        if (strcmp(p->ops[i].name, name) == 0) return i;
    }
    return -1;
}

static bool key_type(enum dynamodb_type type) {
    return type == DYNAMODB_S || type == DYNAMODB_N || type == DYNAMODB_B;
}

/* What is written in a key's place when its column is NULL is as much a key. */
static void mark_key(struct op *op, enum key_limit limit, enum key_limit table_key) {
    for (; op; op = op->fallback) {
        op->null_value = op->empty_absent = false; /* a key is there or absent, never NULL; an empty one is a mistake */
        if (limit == KEY_SORT || op->key == KEY_NONE) op->key = limit;
        if (table_key) op->table_key = table_key;
    }
}

/* The key that `place` names is none of the item's attributes: says which are. */
static bool not_mapped(struct compiler *c, const struct item_program *p, const struct plan_place *place, const char *text,
                       const char *name) {
    program_wrong(c->err, place, text);
    const char **names = malloc(((size_t)p->op_count + 1) * sizeof *names);
    if (names == NULL) return false;
    for (int i = 0; i < p->op_count; i++) names[i] = p->ops[i].name;
    nearest_hint(name, names, p->op_count, "attributes", c->err->hint, sizeof c->err->hint);
    free(names);
    return false;
}

/* Ties a key to the attribute of its name: the type agrees or is taken over, the limits of keys hold. *place is -1 for a key that this item
 * does not have, where it need not. */
static bool bind_key(struct compiler *c, struct item_program *p, const struct plan_place *said, struct dynamodb_key *key,
                     enum key_limit limit, bool needed, const char *what, int *place) {
    char text[400];
    int i = find_op(p, key->name);
    *place = i;
    if (i < 0) {
        if (!needed) return true;
        snprintf(text, sizeof text, "%s is the attribute \"%s\", which the plan does not map", what, key->name);
        return not_mapped(c, p, said, text, key->name);
    }
    struct op *op = &p->ops[i];
    if (op->kind == OP_FUNCTION && op->type == DYNAMODB_ANY) op->type = key->type;
    if (!key_type(op->type)) {
        snprintf(text, sizeof text, "%s \"%s\" would be %s, and keys are S, N or B", what, key->name,
                 dynamodb_type_name(op->type));
        return program_wrong(c->err, said, text);
    }
    if (key->type != DYNAMODB_ANY && key->type != op->type) {
        snprintf(text, sizeof text, "%s \"%s\" is declared %s, but its value is %s", what, key->name,
                 dynamodb_type_name(key->type), dynamodb_type_name(op->type));
        return program_wrong(c->err, said, text);
    }
    key->type = op->type;
    mark_key(op, limit, KEY_NONE);
    return true;
}

/* The same for a key of an index, which an item may be without: where others are that have it, and where the plan declares it by its type
 * alone. */
static bool bind_index_key(struct compiler *c, struct item_program *p, const struct plan_place *said, struct dynamodb_key *key,
                           enum key_limit limit, const char *index, int *place) {
    char what[300];
    bool needed = p->when < 0 && !c->several && key->type == DYNAMODB_ANY;
    snprintf(what, sizeof what, "the key of index %s", index);
    return bind_key(c, p, said, key, limit, needed, what, place);
}

/* The ops that an index projects; the table's keys are always among them. */
static bool bind_projection(struct compiler *c, const struct item_program *p, const struct dynamodb_schema *schema,
                            const struct dynamodb_index *index, struct index_op *out) {
    out->all = index->projection == DYNAMODB_PROJECT_ALL;
    if (out->all) return true;
    out->part = arena_array(c->arena, (size_t)(p->op_count), sizeof *out->part);
    if (out->part == NULL) return program_no_memory(c->err);
    for (int i = 0; i < p->op_count; i++) {
        bool key = i == find_op(p, schema->partition.name) || (schema->sort.name && i == find_op(p, schema->sort.name));
        for (int k = 0; k < out->key_count; k++) key = key || out->keys[k] == i;
        if (key || program_listed(index->include, index->include_count, p->ops[i].name)) out->part[out->part_count++] = i;
    }
    return true;
}

/* Index number n of the schema; *there is false when this item can never be in it. */
static bool bind_index(struct compiler *c, struct item_program *p, const struct item_spec *spec, struct dynamodb_schema *schema,
                       int n, struct index_op *out, bool *there) {
    struct dynamodb_index *index = &schema->indexes[n];
    const struct index_place *said = c->index_places ? &c->index_places[n] : NULL;
    int place;
    *there = true;
    if (index->local) out->keys[out->key_count++] = find_op(p, schema->partition.name);
    for (int i = 0; !index->local && i < index->partition_count; i++) {
        if (!bind_index_key(c, p, said ? &said->partition : &spec->place, &index->partition[i], KEY_PARTITION, index->name,
                            &place))
            return false;
        *there = *there && place >= 0;
        out->keys[out->key_count++] = place;
    }
    for (int i = 0; i < index->sort_count; i++) {
        if (!bind_index_key(c, p, said ? &said->sort : &spec->place, &index->sort[i], KEY_SORT, index->name, &place))
            return false;
        *there = *there && place >= 0;
        out->keys[out->key_count++] = place;
    }
    return !*there || bind_projection(c, p, schema, index, out);
}

/* A sort key that an index declares itself is left out where the index's partition key is absent. */
static void tie_sort_keys(struct item_program *p, const struct item_spec *spec, int index, const struct index_op *op) {
    for (int i = 0; i < spec->attribute_count; i++) {
        const struct attribute_spec *a = &spec->attributes[i];
        if (a->role == ROLE_INDEX_KEY && a->sort && a->index == index && op->keys[0] < i) p->ops[i].leader = op->keys[0];
    }
}

/* How a partition key begins is asked of strings; the type of a column is known only now. */
static bool check_owns(struct compiler *c, const struct item_spec *spec, const struct dynamodb_schema *schema) {
    char text[400];
    if (schema->owns_count == 0 || schema->partition.type == DYNAMODB_S) return true;
    snprintf(text, sizeof text, "owns lists how keys begin, and the partition key \"%s\" is %s, no string",
             schema->partition.name, dynamodb_type_name(schema->partition.type));
    return program_wrong(c->err, &spec->place, text);
}

bool program_bind_keys(struct compiler *c, struct item_program *p, const struct item_spec *spec, struct dynamodb_schema *schema) {
    int place;
    if (!bind_key(c, p, &spec->place, &schema->partition, KEY_PARTITION, true, "the partition key", &place)) return false;
    mark_key(&p->ops[place], KEY_PARTITION, KEY_PARTITION);
    p->last_key = place;
    if (!check_owns(c, spec, schema)) return false;
    if (schema->sort.name) {
        if (!bind_key(c, p, &spec->place, &schema->sort, KEY_SORT, true, "the sort key", &place)) return false;
        mark_key(&p->ops[place], KEY_SORT, KEY_SORT);
        if (place > p->last_key) p->last_key = place;
    }
    p->indexes = arena_array(c->arena, (size_t)schema->index_count + 1, sizeof *p->indexes);
    if (p->indexes == NULL) return program_no_memory(c->err);
    for (int i = 0; i < schema->index_count; i++) {
        bool there;
        struct index_op *op = &p->indexes[p->index_count];
        *op = (struct index_op){0};
        if (!bind_index(c, p, spec, schema, i, op, &there)) return false;
        if (!there) continue;
        if (!schema->indexes[i].local) tie_sort_keys(p, spec, i, op);
        p->index_count++;
    }
    return true;
}
