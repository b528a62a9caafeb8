/* Compiles a mapping: the plan's values against the source's columns. Runs once a table; machine.c runs the result. */
#include "mapping/program.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "dynamodb/value.h"
#include "mapping/program_ops.h"

#define COLUMNS_MAX 1664 /* the most columns that a query can give (PostgreSQL manual, appendix K) */

/* --- messages --- */

/* "plan.lua:12: tables[1].attributes.X: " before a text. */
static bool wrong(struct error *err, const struct plan_place *place, const char *text) {
    char where[700] = "";
    if (place->file && place->line) {
        snprintf(where, sizeof where, "%s:%d: %s", place->file, place->line, place->path ? place->path : "");
    } else if (place->path) {
        snprintf(where, sizeof where, "%s", place->path);
    }
    return error_set(err, ERROR_PLAN, "%s%s%s", where, *where ? ": " : "", text);
}

static bool no_memory(struct error *err) {
    return error_memory(err, "compiling the mapping");
}

static int find_name(const struct pg_column *columns, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0) return i;
    }
    return -1;
}

static bool no_column(struct error *err, const struct plan_place *place, const char *name, const char *from,
                      const struct pg_column *columns, int count) {
    const char *names[COLUMNS_MAX];
    int n = 0;
    for (int i = 0; i < count && n < COLUMNS_MAX; i++) names[n++] = columns[i].name;
    char text[400], hint[sizeof err->hint];
    snprintf(text, sizeof text, "%s has no column \"%s\"", from, name);
    wrong(err, place, text);
    nearest_hint(name, names, n, "columns", hint, sizeof hint);
    return error_hint(err, "%s", hint);
}

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
    int i = find_name(s->columns, s->count, name);
    if (i >= 0) {
        s->used[i] = true;
    } else {
        s->ok = no_column(s->err, s->place, name, s->from, s->columns, s->count);
    }
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
    case VALUE_CONSTANT: break;
    }
}

static bool listed(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

static const char *renamed(const struct columns_spec *c, const char *name) {
    for (int i = 0; i < c->rename_count; i++) {
        if (strcmp(c->rename[i].from, name) == 0) return c->rename[i].to;
    }
    return name;
}

/* Whether hlua.columns takes a column: by its lists, and unless the plan says an attribute of that name itself. */
static bool column_taken(const struct mapping_spec *spec, const char *name) {
    const struct columns_spec *c = &spec->columns;
    if (!c->present || (c->only && !listed(c->only, c->only_count, name)) || listed(c->except, c->except_count, name))
        return false;
    const char *attribute = renamed(c, name);
    for (int i = 0; i < spec->attribute_count; i++) {
        if (strcmp(spec->attributes[i].name, attribute) == 0) return false;
    }
    return true;
}

bool program_columns(const struct mapping_spec *spec, const struct pg_column *columns, int count, const char *from, bool *used,
                     struct error *err) {
    struct search s = {columns, count, from, &spec->columns.place, used, true, err};
    bool scrap[COLUMNS_MAX];
    s.used = scrap; /* the lists are checked, but what they name is not therefore read */
    for (int i = 0; i < spec->columns.only_count; i++) mark(&s, spec->columns.only[i], strlen(spec->columns.only[i]));
    for (int i = 0; i < spec->columns.except_count; i++) mark(&s, spec->columns.except[i], strlen(spec->columns.except[i]));
    for (int i = 0; i < spec->columns.rename_count; i++)
        mark(&s, spec->columns.rename[i].from, strlen(spec->columns.rename[i].from));
    s.used = used;
    for (int i = 0; i < count; i++) used[i] = column_taken(spec, columns[i].name);
    for (int i = 0; i < spec->attribute_count; i++) mark_value(&s, &spec->attributes[i].value);
    return s.ok;
}

/* --- compiling one value --- */

struct compiler {
    struct arena *arena;
    const struct pg_column *columns;
    int count;
    struct error *err;
};

/* What a column becomes when the plan does not say. */
static enum dynamodb_type natural_type(enum pg_type type) {
    switch (type) {
    case PG_BOOL: return DYNAMODB_BOOL;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_FLOAT4:
    case PG_FLOAT8:
    case PG_NUMERIC: return DYNAMODB_N;
    case PG_BYTEA: return DYNAMODB_B;
    case PG_SERVER_JSON: return DYNAMODB_M;
    default: return DYNAMODB_S;
    }
}

static bool does_not_suit(struct compiler *c, const struct value_spec *v, const struct pg_column *column, const char *as,
                          const char *hint) {
    char text[400];
    snprintf(text, sizeof text, "column \"%s\" is %s and cannot be %s", column->name, column->sql_type, as);
    wrong(c->err, &v->place, text);
    return error_hint(c->err, "%s", hint);
}

static bool compile_column(struct compiler *c, const struct value_spec *v, struct op *op) {
    const struct pg_column *column = &c->columns[op->column];
    enum dynamodb_type natural = natural_type(column->type);
    op->type = v->type == DYNAMODB_ANY ? natural : v->type;
    op->kind = OP_TEXT;
    if (op->type == DYNAMODB_BOOL) op->kind = OP_BOOL;
    if (op->type == DYNAMODB_M) op->kind = OP_JSON;
    if (op->type == DYNAMODB_N && natural != DYNAMODB_N && column->type != PG_TEXT && column->type != PG_SERVER_TEXT) {
        return does_not_suit(c, v, column, "N", "numbers and texts can be N; for a time see hlua.epoch");
    }
    if (op->type == DYNAMODB_B) {
        op->kind = OP_BYTES;
        if (column->type != PG_BYTEA && column->type != PG_UUID && column->type != PG_TEXT && column->type != PG_SERVER_TEXT) {
            return does_not_suit(c, v, column, "B", "bytea, uuid and text columns can be B");
        }
    }
    if (op->type == DYNAMODB_S && (column->type == PG_TEXT || column->type == PG_SERVER_TEXT)) op->kind = OP_BYTES;
    struct format_problem problem;
    if (op->kind == OP_TEXT && !format_parse(NULL, 0, &column->type, &op->format, &problem)) {
        return does_not_suit(c, v, column, "S", "leave hlua.S out for its natural type, or use a template with a format");
    }
    return true;
}

static bool compile_template(struct compiler *c, const struct value_spec *v, struct op *op) {
    struct template_problem problem = {0};
    op->kind = OP_TEMPLATE;
    op->type = v->type == DYNAMODB_ANY ? DYNAMODB_S : v->type;
    op->template = template_compile(c->arena, v->text, v->len, c->columns, c->count, &problem);
    if (op->template) return true;
    char text[800];
    snprintf(text, sizeof text, "%s\n  \"%.*s\"\n   %*s^", problem.message, (int)(v->len > 200 ? 200 : v->len), v->text,
             (int)problem.at, "");
    wrong(c->err, &v->place, text);
    if (*problem.hint) error_hint(c->err, "%s", problem.hint);
    return false;
}

static bool compile_json(struct compiler *c, const struct value_spec *v, struct op *op) {
    const struct pg_column *column = &c->columns[op->column];
    op->kind = OP_JSON;
    op->type = DYNAMODB_M;
    op->invalid = v->invalid;
    if (column->type == PG_TEXT || column->type == PG_JSON || column->type == PG_JSONB || column->type == PG_SERVER_JSON)
        return true;
    return does_not_suit(c, v, column, "read as JSON", "json, jsonb, text, arrays and composites can");
}

static bool compile_epoch(struct compiler *c, const struct value_spec *v, struct op *op) {
    const struct pg_column *column = &c->columns[op->column];
    op->kind = OP_EPOCH;
    op->type = DYNAMODB_N;
    op->epoch_add = v->epoch_add;
    if (column->type == PG_TIMESTAMP || column->type == PG_TIMESTAMPTZ || column->type == PG_DATE) return true;
    return does_not_suit(c, v, column, "epoch seconds",
                         "dates and timestamps can; read a text through SQL: columns = { Name = '\"Name\"::timestamp' }");
}

static bool compile_value(struct compiler *c, const struct value_spec *v, struct op *op) {
    if (v->kind == VALUE_WHEN) {
        if (v->inner->kind == VALUE_WHEN) return wrong(c->err, &v->place, "hlua.when inside hlua.when");
        op->when = find_name(c->columns, c->count, v->text);
        if (op->when < 0) return no_column(c->err, &v->place, v->text, "the source", c->columns, c->count);
        op->when_bool = c->columns[op->when].type == PG_BOOL;
        v = v->inner;
    }
    if (v->kind == VALUE_TEMPLATE) return compile_template(c, v, op);
    if (v->kind == VALUE_CONSTANT) {
        op->kind = OP_CONSTANT;
        op->type = v->type;
        op->constant = v->text;
        op->constant_len = v->len;
        return true;
    }
    op->column = find_name(c->columns, c->count, v->text);
    if (op->column < 0) return no_column(c->err, &v->place, v->text, "the source", c->columns, c->count);
    op->column_type = c->columns[op->column].type;
    if (v->kind == VALUE_JSON) return compile_json(c, v, op);
    return v->kind == VALUE_EPOCH ? compile_epoch(c, v, op) : compile_column(c, v, op);
}

/* --- attributes --- */

static bool name_op(struct compiler *c, const char *name, struct op *op) {
    struct buffer label;
    size_t len = strlen(name);
    *op = (struct op){.name = name, .name_len = len, .column = -1, .when = -1, .same = -1, .leader = -1};
    buffer_init(&label, JSON_ESCAPED_MAX(len) + 8);
    bool ok = json_append_string(&label, name, len) && buffer_append(&label, ":", 1);
    op->label = ok ? arena_copy(c->arena, label.data, label.len) : NULL;
    op->label_len = label.len;
    buffer_free(&label);
    return op->label != NULL || no_memory(c->err);
}

/* The columns that hlua.columns adds. */
static bool add_columns(struct compiler *c, const struct mapping_spec *spec, struct program *p) {
    for (int i = 0; i < c->count; i++) {
        if (!column_taken(spec, c->columns[i].name)) continue;
        struct value_spec v = {
            .kind = VALUE_COLUMN, .text = c->columns[i].name, .len = strlen(c->columns[i].name), .place = spec->columns.place};
        struct op *op = &p->ops[p->op_count];
        if (!name_op(c, renamed(&spec->columns, v.text), op) || !compile_value(c, &v, op)) return false;
        for (int k = 0; k < p->op_count; k++) {
            if (strcmp(p->ops[k].name, op->name) != 0) continue;
            char text[300];
            snprintf(text, sizeof text, "two columns become the attribute \"%s\"", op->name);
            return wrong(c->err, &spec->columns.place, text);
        }
        op->null_value = spec->keep_nulls;
        p->op_count++;
    }
    return true;
}

/* --- keys --- */

static int find_op(const struct program *p, const char *name) {
    for (int i = 0; i < p->op_count; i++) {
        if (strcmp(p->ops[i].name, name) == 0) return i;
    }
    return -1;
}

/* Ties a key to the attribute of its name: the type agrees or is taken over, the limits of keys hold. */
static bool bind_key(struct compiler *c, struct program *p, const struct mapping_spec *spec, struct dynamodb_key *key,
                     enum key_limit limit, const char *what, int *place) {
    char text[400];
    int i = find_op(p, key->name);
    *place = i;
    if (i < 0) {
        snprintf(text, sizeof text, "%s is the attribute \"%s\", which the plan does not map", what, key->name);
        return wrong(c->err, &spec->place, text);
    }
    struct op *op = &p->ops[i];
    if (op->type != DYNAMODB_S && op->type != DYNAMODB_N && op->type != DYNAMODB_B) {
        snprintf(text, sizeof text, "%s \"%s\" would be %s, and keys are S, N or B", what, key->name,
                 dynamodb_type_name(op->type));
        return wrong(c->err, &spec->place, text);
    }
    if (key->type != DYNAMODB_ANY && key->type != op->type) {
        snprintf(text, sizeof text, "%s \"%s\" is declared %s, but its value is %s", what, key->name,
                 dynamodb_type_name(key->type), dynamodb_type_name(op->type));
        return wrong(c->err, &spec->place, text);
    }
    key->type = op->type;
    op->null_value = false; /* a key is there or absent, never NULL */
    if (limit == KEY_SORT || op->key == KEY_NONE) op->key = limit;
    return true;
}

/* The ops that an index projects beside its keys; the table's keys are always among them. */
static bool bind_projection(struct compiler *c, const struct program *p, const struct dynamodb_schema *schema,
                            const struct dynamodb_index *index, struct index_op *out) {
    out->all = index->projection == DYNAMODB_PROJECT_ALL;
    if (out->all) return true;
    out->part = arena_array(c->arena, (size_t)(p->op_count), sizeof *out->part);
    if (out->part == NULL) return no_memory(c->err);
    for (int i = 0; i < p->op_count; i++) {
        bool key = i == find_op(p, schema->partition.name) || (schema->sort.name && i == find_op(p, schema->sort.name));
        for (int k = 0; k < out->key_count; k++) key = key || out->keys[k] == i;
        if (key || listed(index->include, index->include_count, p->ops[i].name)) out->part[out->part_count++] = i;
    }
    return true;
}

static bool bind_index(struct compiler *c, struct program *p, const struct mapping_spec *spec, struct dynamodb_schema *schema,
                       struct dynamodb_index *index, struct index_op *out) {
    char what[300];
    snprintf(what, sizeof what, "the key of index %s", index->name);
    if (index->local) out->keys[out->key_count++] = find_op(p, schema->partition.name);
    for (int i = 0; !index->local && i < index->partition_count; i++) {
        if (!bind_key(c, p, spec, &index->partition[i], KEY_PARTITION, what, &out->keys[out->key_count++])) return false;
    }
    for (int i = 0; i < index->sort_count; i++) {
        if (!bind_key(c, p, spec, &index->sort[i], KEY_SORT, what, &out->keys[out->key_count++])) return false;
    }
    return bind_projection(c, p, schema, index, out);
}

static bool bind_keys(struct compiler *c, struct program *p, const struct mapping_spec *spec, struct dynamodb_schema *schema) {
    int place;
    if (!bind_key(c, p, spec, &schema->partition, KEY_PARTITION, "the partition key", &place)) return false;
    p->ops[place].table_key = KEY_PARTITION;
    if (schema->sort.name) {
        if (!bind_key(c, p, spec, &schema->sort, KEY_SORT, "the sort key", &place)) return false;
        p->ops[place].table_key = KEY_SORT;
    }
    p->indexes = arena_array(c->arena, (size_t)schema->index_count + 1, sizeof *p->indexes);
    if (p->indexes == NULL) return no_memory(c->err);
    for (; p->index_count < schema->index_count; p->index_count++) {
        int i = p->index_count;
        if (!bind_index(c, p, spec, schema, &schema->indexes[i], &p->indexes[i])) return false;
    }
    return true;
}

/* A sort key that an index declares itself is left out where the index's partition key is absent. */
static void tie_sort_keys(struct program *p, const struct mapping_spec *spec, const struct dynamodb_schema *schema) {
    for (int i = 0; i < spec->attribute_count; i++) {
        const struct attribute_spec *a = &spec->attributes[i];
        if (a->role != ROLE_INDEX_KEY || !a->sort || schema->indexes[a->index].local) continue;
        int leader = p->indexes[a->index].keys[0];
        if (leader < i) p->ops[i].leader = leader;
    }
}

static bool same_value(const struct value_spec *a, const struct value_spec *b) {
    return a->kind == VALUE_TEMPLATE && b->kind == VALUE_TEMPLATE && a->type == b->type && a->len == b->len &&
           memcmp(a->text, b->text, a->len) == 0;
}

/* An attribute whose template stands already in an earlier one is copied from there: index keys often repeat the sort key. */
static void share_values(struct program *p, const struct mapping_spec *spec) {
    for (int i = 0; i < spec->attribute_count; i++) {
        struct op *op = &p->ops[i];
        if (op->table_key || op->when >= 0) continue;
        for (int k = 0; k < i && op->same < 0; k++) {
            const struct op *from = &p->ops[k];
            bool checked = op->key == KEY_NONE || from->key == op->key || from->key == KEY_SORT;
            bool always = from->leader < 0 && from->when < 0; /* absent only if its own columns are NULL */
            if (checked && always && same_value(&spec->attributes[k].value, &spec->attributes[i].value)) op->same = k;
        }
    }
}

/* DynamoDB ignores a time to live that is not a number, without a word: so it is refused here. */
static bool check_ttl(struct compiler *c, const struct value_spec *v, const struct op *op) {
    char text[200];
    if (op->type == DYNAMODB_N) return true;
    snprintf(text, sizeof text, "the time to live must be N, in seconds since 1970, and would be %s",
             dynamodb_type_name(op->type));
    wrong(c->err, &v->place, text);
    return error_hint(c->err, "use hlua.epoch(\"Column\", { days = 365 }), or hlua.N");
}

struct program *program_compile(struct arena *a, const struct mapping_spec *spec, struct dynamodb_schema *schema,
                                const struct pg_column *columns, int count, bool check_utf8, struct error *err) {
    struct compiler c = {a, columns, count, err};
    struct program *p = arena_alloc(a, sizeof *p);
    if (p) p->ops = arena_array(a, (size_t)(spec->attribute_count + count), sizeof *p->ops);
    if (p == NULL || p->ops == NULL) {
        no_memory(err);
        return NULL;
    }
    p->check_utf8 = check_utf8;
    for (; p->op_count < spec->attribute_count; p->op_count++) {
        const struct attribute_spec *attribute = &spec->attributes[p->op_count];
        struct op *op = &p->ops[p->op_count];
        if (!name_op(&c, attribute->name, op) || !compile_value(&c, &attribute->value, op)) return NULL;
        op->null_value = spec->keep_nulls && attribute->role == ROLE_PLAIN;
        if (attribute->role == ROLE_TTL && !check_ttl(&c, &attribute->value, op)) return NULL;
    }
    if (!add_columns(&c, spec, p) || !bind_keys(&c, p, spec, schema)) return NULL;
    tie_sort_keys(p, spec, schema);
    share_values(p, spec);
    return p;
}
