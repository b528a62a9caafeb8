/* Compiles a mapping: the plan's items against the source's columns. Runs once a table; machine.c runs the result. */
#include "mapping/program.h"

#include <stdio.h>
#include <string.h>

#include "mapping/program_ops.h"

/* --- which columns a mapping reads --- */

struct search {
    const struct pg_column *columns;
    int count;
    const char *from;
    const struct plan_place *place;
    bool *used;
    bool ok;
    struct error *err;
};

static void mark(void *context, const char *text, size_t n) {
    struct search *s = context;
    char name[256];
    if (!s->ok) return;
    snprintf(name, sizeof name, "%.*s", (int)n, text);
    int i = program_find_column(s->columns, s->count, name);
    if (i >= 0) {
        if (s->used) s->used[i] = true; /* NULL: only that it is there is asked */
    } else {
        s->ok = program_no_column(s->err, s->place, name, s->from, s->columns, s->count);
    }
}

/* A function that gets the row may touch any column of it. */
static void mark_function(struct search *s, const struct value_spec *v) {
    for (int i = 0; v->columns && i < v->column_count; i++) mark(s, v->columns[i], strlen(v->columns[i]));
    for (int i = 0; v->columns == NULL && i < s->count; i++) s->used[i] = true;
}

static void mark_value(struct search *s, const struct value_spec *v) {
    s->place = &v->place;
    switch (v->kind) {
    case VALUE_TEMPLATE: template_columns(v->text, v->len, mark, s); break;
    case VALUE_COLUMN:
    case VALUE_JSON:
    case VALUE_EPOCH: mark(s, v->text, v->len); break;
    case VALUE_WHEN:
        mark(s, v->text, v->len);
        if (s->ok) mark_value(s, v->inner);
        break;
    case VALUE_SET:
    case VALUE_LIST:
    case VALUE_MAP:
        for (int i = 0; s->ok && i < v->part_count; i++) mark_value(s, &v->parts[i]);
        break;
    case VALUE_FUNCTION: mark_function(s, v); break;
    case VALUE_CONSTANT:
    case VALUE_NULL: break;
    }
    if (s->ok && v->fallback) mark_value(s, v->fallback);
}

static const char *renamed(const struct columns_spec *c, const char *name) {
    for (int i = 0; i < c->rename_count; i++) {
        if (strcmp(c->rename[i].from, name) == 0) return c->rename[i].to;
    }
    return name;
}

/* Whether hlua.columns takes a column: by its lists, and unless the plan says an attribute of that name itself. */
static bool column_taken(const struct item_spec *spec, const char *name) {
    const struct columns_spec *c = &spec->columns;
    if (!c->present || (c->only && !program_listed(c->only, c->only_count, name)) ||
        program_listed(c->except, c->except_count, name))
        return false;
    const char *attribute = renamed(c, name);
    for (int i = 0; i < spec->attribute_count; i++) {
        if (strcmp(spec->attributes[i].name, attribute) == 0) return false;
    }
    return true;
}

/* The columns that hlua.columns lists are there, though what it leaves out is not therefore read. */
static void check_lists(struct search *s, const struct columns_spec *c) {
    bool *used = s->used;
    s->used = NULL;
    s->place = &c->place;
    for (int i = 0; i < c->only_count; i++) mark(s, c->only[i], strlen(c->only[i]));
    for (int i = 0; i < c->except_count; i++) mark(s, c->except[i], strlen(c->except[i]));
    for (int i = 0; i < c->rename_count; i++) mark(s, c->rename[i].from, strlen(c->rename[i].from));
    s->used = used;
}

static void mark_item(struct search *s, const struct item_spec *spec) {
    check_lists(s, &spec->columns);
    for (int i = 0; i < s->count; i++) s->used[i] = s->used[i] || column_taken(spec, s->columns[i].name);
    s->place = &spec->place;
    if (spec->when) mark(s, spec->when, strlen(spec->when));
    for (int i = 0; i < spec->attribute_count; i++) mark_value(s, &spec->attributes[i].value);
}

/* The items of a mapping; one that is said without `items` is made of the mapping itself. */
static const struct item_spec *items_of(const struct mapping_spec *spec, struct item_spec *single, int *count) {
    *single = (struct item_spec){
        .attributes = spec->attributes, .attribute_count = spec->attribute_count, .columns = spec->columns, .place = spec->place};
    *count = spec->item_count ? spec->item_count : 1;
    return spec->item_count ? spec->items : single;
}

bool program_columns(const struct mapping_spec *spec, const struct pg_column *columns, int count, const char *from, bool *used,
                     struct error *err) {
    struct search s = {columns, count, from, &spec->place, used, true, err};
    struct item_spec single;
    int items;
    for (int i = 0; i < count; i++) used[i] = spec->map >= 0;
    if (spec->map >= 0) return true;
    const struct item_spec *item = items_of(spec, &single, &items);
    for (int i = 0; i < items; i++) mark_item(&s, &item[i]);
    return s.ok;
}

#define DIRECT_OPENING 6 /* bytes of {"S":" */

/* --- compiling --- */

/* The columns that hlua.columns adds. */
static bool add_columns(struct compiler *c, const struct item_spec *spec, bool keep_nulls, struct item_program *p) {
    for (int i = 0; i < c->count; i++) {
        if (!column_taken(spec, c->columns[i].name)) continue;
        struct value_spec v = {
            .kind = VALUE_COLUMN, .text = c->columns[i].name, .len = strlen(c->columns[i].name), .place = spec->columns.place};
        struct op *op = &p->ops[p->op_count];
        if (!program_name_op(c, renamed(&spec->columns, v.text), op) || !program_compile_value(c, &v, op)) return false;
        for (int k = 0; k < p->op_count; k++) {
            if (strcmp(p->ops[k].name, op->name) != 0) continue;
            char text[300];
            snprintf(text, sizeof text, "two columns become the attribute \"%s\"", op->name);
            return program_wrong(c->err, &spec->columns.place, text);
        }
        op->null_value = keep_nulls;
        p->op_count++;
    }
    return true;
}

/* The same template, or the same function of the same columns: functions are deterministic, so it is called once a row. */
static bool same_value(const struct value_spec *a, const struct value_spec *b) {
    if (a->kind == VALUE_FUNCTION && b->kind == VALUE_FUNCTION) return a->function == b->function && a->type == b->type;
    return a->kind == VALUE_TEMPLATE && b->kind == VALUE_TEMPLATE && a->type == b->type && a->len == b->len &&
           memcmp(a->text, b->text, a->len) == 0;
}

/* An attribute whose value stands already in an earlier one is copied from there: index keys often repeat the sort key. */
static void share_values(struct item_program *p, const struct item_spec *spec) {
    for (int i = 0; i < spec->attribute_count; i++) {
        struct op *op = &p->ops[i];
        if (op->table_key || op->when >= 0) continue;
        for (int k = 0; k < i && op->same < 0; k++) {
            const struct op *from = &p->ops[k];
            bool checked = op->key == KEY_NONE || from->key == op->key || from->key == KEY_SORT;
            bool always = from->leader < 0 && from->when < 0 && !from->empty_absent; /* absent only if its own columns are NULL */
            if (checked && always && from->type == op->type && same_value(&spec->attributes[k].value, &spec->attributes[i].value))
                op->same = k;
        }
    }
    for (int i = 0; i < p->op_count; i++) {
        struct op *op = &p->ops[i];
        op->always = op->when < 0 && op->leader < 0 && op->same < 0;
        if (op->same >= 0) p->ops[op->same].repeated = true;
    }
}

/* DynamoDB ignores a time to live that is not a number, without a word: so it is refused here. */
static bool check_ttl(struct compiler *c, const struct value_spec *v, struct op *op) {
    char text[200];
    if (op->kind == OP_FUNCTION && op->type == DYNAMODB_ANY) op->type = DYNAMODB_N;
    if (op->type == DYNAMODB_N) return true;
    snprintf(text, sizeof text, "the time to live must be N, in seconds since 1970, and would be %s",
             dynamodb_type_name(op->type));
    program_wrong(c->err, &v->place, text);
    return error_hint(c->err, "use hlua.epoch(\"Column\", { days = 365 }), or hlua.N");
}

static enum direct_kind direct_kind(const struct op *op, bool check_utf8) {
    if (!op->always || op->repeated || op->key != KEY_NONE) return DIRECT_NONE;
    if (op->kind == OP_BYTES && op->type == DYNAMODB_S && !check_utf8) return DIRECT_TEXT;
    bool integer = op->kind == OP_TEXT && op->plain && op->type == DYNAMODB_N && op->format.kind == FORMAT_INTEGER;
    return integer ? DIRECT_INTEGER : DIRECT_NONE;
}

/* Once all is known of the ops: which of them are direct. */
static bool find_direct(struct compiler *c, struct item_program *p) {
    for (struct op *op = p->ops; op < p->ops + p->op_count; op++) {
        op->direct = direct_kind(op, c->check_utf8);
        if (!op->direct) continue;
        op->opening_len = op->label_len + DIRECT_OPENING;
        char *opening = arena_alloc(c->arena, COPY_ROOM(op->opening_len));
        if (opening == NULL) return program_no_memory(c->err);
        memcpy(opening, op->label, op->label_len);
        memcpy(opening + op->label_len, op->type == DYNAMODB_N ? "{\"N\":\"" : "{\"S\":\"", DIRECT_OPENING);
        op->opening = opening;
    }
    return true;
}

static bool compile_item(struct compiler *c, const struct mapping_spec *mapping, const struct item_spec *spec,
                         struct dynamodb_schema *schema, struct item_program *p) {
    p->when = -1;
    if (spec->when && !program_compile_when(c, &spec->place, spec->when, &p->when, &p->when_bool)) return false;
    p->ops = arena_array(c->arena, (size_t)(spec->attribute_count + c->count), sizeof *p->ops);
    if (p->ops == NULL) return program_no_memory(c->err);
    for (; p->op_count < spec->attribute_count; p->op_count++) {
        const struct attribute_spec *attribute = &spec->attributes[p->op_count];
        struct op *op = &p->ops[p->op_count];
        if (!program_name_op(c, attribute->name, op) || !program_compile_value(c, &attribute->value, op)) return false;
        op->null_value = mapping->keep_nulls && attribute->role == ROLE_PLAIN;
        if (attribute->role == ROLE_TTL && !check_ttl(c, &attribute->value, op)) return false;
    }
    if (!add_columns(c, spec, mapping->keep_nulls, p) || !program_bind_keys(c, p, spec, schema)) return false;
    share_values(p, spec);
    return find_direct(c, p);
}

struct program *program_compile(struct arena *a, const struct mapping_spec *spec, int table, struct dynamodb_schema *schema,
                                const struct pg_column *columns, int count, bool check_utf8, struct error *err) {
    struct compiler c = {.arena = a,
                         .columns = columns,
                         .count = count,
                         .empty_absent = spec->empty_strings_absent,
                         .check_utf8 = check_utf8,
                         .index_places = spec->index_places,
                         .err = err};
    struct program *p = arena_alloc(a, sizeof *p);
    struct item_spec single;
    int items;
    const struct item_spec *item = items_of(spec, &single, &items);
    if (p) p->items = arena_array(a, (size_t)items, sizeof *p->items);
    if (p == NULL || p->items == NULL) {
        program_no_memory(err);
        return NULL;
    }
    c.several = items > 1;
    p->table = table;
    p->schema = schema;
    p->check_utf8 = check_utf8;
    p->map = spec->map;
    p->functions = spec->map >= 0;
    if (spec->map >= 0) return p;
    for (; p->item_count < items; p->item_count++) {
        if (!compile_item(&c, spec, &item[p->item_count], schema, &p->items[p->item_count])) return NULL;
    }
    p->functions = c.functions;
    return p;
}

bool program_calls_functions(const struct program *p) {
    return p->functions;
}
