/* Compiles one value of the plan into an op, against the source's columns. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/nearest.h"
#include "dynamodb/value.h"
#include "mapping/program_ops.h"

/* --- messages --- */

bool program_wrong(struct error *err, const struct plan_place *place, const char *text) {
    char where[700] = "";
    if (place->file && place->line) {
        snprintf(where, sizeof where, "%s:%d: %s", place->file, place->line, place->path ? place->path : "");
    } else if (place->path) {
        snprintf(where, sizeof where, "%s", place->path);
    }
    return error_set(err, ERROR_PLAN, "%s%s%s", where, *where ? ": " : "", text);
}

bool program_no_memory(struct error *err) {
    return error_memory(err, "compiling the mapping");
}

int program_find_column(const struct pg_column *columns, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(columns[i].name, name) == 0) return i;
    }
    return -1;
}

bool program_listed(const char *const *names, int count, const char *name) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

bool program_no_column(struct error *err, const struct plan_place *place, const char *name, const char *from,
                       const struct pg_column *columns, int count) {
    const char *names[PROGRAM_COLUMNS_MAX];
    int n = 0;
    for (int i = 0; i < count && n < PROGRAM_COLUMNS_MAX; i++) names[n++] = columns[i].name;
    char text[400], hint[sizeof err->hint];
    snprintf(text, sizeof text, "%s has no column \"%s\"", from, name);
    program_wrong(err, place, text);
    nearest_hint(name, names, n, "columns", hint, sizeof hint);
    return error_hint(err, "%s", hint);
}

static bool does_not_suit(struct compiler *c, const struct value_spec *v, const struct pg_column *column, const char *as,
                          const char *hint) {
    char text[400];
    snprintf(text, sizeof text, "column \"%s\" is %s and cannot be %s", column->name, column->sql_type, as);
    program_wrong(c->err, &v->place, text);
    return error_hint(c->err, "%s", hint);
}

/* --- ops --- */

bool program_name_op(struct compiler *c, const char *name, struct op *op) {
    struct buffer label;
    size_t len = strlen(name);
    *op = (struct op){.name = name, .name_len = len, .column = -1, .when = -1, .same = -1, .leader = -1};
    op->empty_absent = c->empty_absent;
    buffer_init(&label, JSON_ESCAPED_MAX(len) + 8);
    bool ok = buffer_append(&label, ",", 1) && json_append_string(&label, name, len) && buffer_append(&label, ":", 1);
    char *text = ok ? arena_alloc(c->arena, COPY_ROOM(label.len)) : NULL;
    if (text) memcpy(text, label.data, label.len);
    op->label = text;
    op->label_len = label.len;
    buffer_free(&label);
    return op->label != NULL || program_no_memory(c->err);
}

bool program_compile_when(struct compiler *c, const struct plan_place *place, const char *name, int *when, bool *is_bool) {
    *when = program_find_column(c->columns, c->count, name);
    if (*when < 0) return program_no_column(c->err, place, name, "the source", c->columns, c->count);
    *is_bool = c->columns[*when].type == PG_BOOL;
    return true;
}

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

/* The op of a part or a fallback: the same name in messages, and no key. */
static struct op *sub_ops(struct compiler *c, const struct op *parent, int count) {
    struct op *ops = arena_array(c->arena, (size_t)count + 1, sizeof *ops);
    for (int i = 0; ops && i < count; i++) {
        ops[i] =
            (struct op){.name = parent->name, .name_len = parent->name_len, .column = -1, .when = -1, .same = -1, .leader = -1};
        ops[i].empty_absent = c->empty_absent;
    }
    if (ops == NULL) program_no_memory(c->err);
    return ops;
}

static bool compile_column(struct compiler *c, const struct value_spec *v, struct op *op) {
    const struct pg_column *column = &c->columns[op->column];
    enum dynamodb_type natural = natural_type(column->type);
    op->type = v->type == DYNAMODB_ANY ? natural : v->type;
    op->kind = OP_TEXT;
    if (op->type == DYNAMODB_BOOL) {
        op->kind = OP_BOOL;
        if (column->type != PG_BOOL) {
            return does_not_suit(c, v, column, "BOOL",
                                 "boolean columns can; make one by SQL: columns = { Name = '\"Name\" > 0' }");
        }
    }
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
    bool integer = column->type == PG_INT2 || column->type == PG_INT4 || column->type == PG_INT8;
    op->plain = op->kind == OP_TEXT && (op->type == DYNAMODB_S ? format_plain(&op->format) : integer);
    if (v->fallback == NULL) return true;
    op->fallback = sub_ops(c, op, 1);
    if (op->fallback == NULL || !program_compile_value(c, v->fallback, op->fallback)) return false;
    bool json = op->type == DYNAMODB_M && op->fallback->type == DYNAMODB_L; /* which of them a column holds is known row by row */
    if (op->fallback->type == op->type || json) return true;
    return does_not_suit(c, v, column, "its default's type", "a default has the type that the column's value gets");
}

bool program_template(struct arena *a, const char *text, size_t len, const struct plan_place *place,
                      const struct pg_column *columns, int count, const struct template **out, struct error *err) {
    struct template_problem problem = {0};
    *out = template_compile(a, text, len, columns, count, &problem);
    if (*out) return true;
    char message[800];
    snprintf(message, sizeof message, "%s\n  \"%.*s\"\n   %*s^", problem.message, (int)(len > 200 ? 200 : len), text,
             (int)problem.at, "");
    program_wrong(err, place, message);
    if (*problem.hint) error_hint(err, "%s", problem.hint);
    return false;
}

static bool compile_template(struct compiler *c, const struct value_spec *v, struct op *op) {
    op->kind = OP_TEMPLATE;
    op->type = v->type == DYNAMODB_ANY ? DYNAMODB_S : v->type;
    if (!program_template(c->arena, v->text, v->len, &v->place, c->columns, c->count, &op->template, c->err)) return false;
    op->plain = op->type == DYNAMODB_S && template_plain(op->template);
    return true;
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
    op->expired_skip = v->expired_skip;
    op->plain = true;
    if (column->type == PG_TIMESTAMP || column->type == PG_TIMESTAMPTZ || column->type == PG_DATE) return true;
    return does_not_suit(c, v, column, "epoch seconds",
                         "dates and timestamps can; read a text through SQL: columns = { Name = '\"Name\"::timestamp' }");
}

/* --- values of parts --- */

/* What the elements of a set are. */
static enum dynamodb_type element_type(enum dynamodb_type set) {
    return set == DYNAMODB_SS ? DYNAMODB_S : set == DYNAMODB_NS ? DYNAMODB_N : DYNAMODB_B;
}

static bool compile_parts(struct compiler *c, const struct value_spec *v, struct op *op) {
    op->kind = v->kind == VALUE_SET ? OP_SET : v->kind == VALUE_LIST ? OP_LIST : OP_MAP;
    op->type = v->kind == VALUE_SET ? v->type : v->kind == VALUE_LIST ? DYNAMODB_L : DYNAMODB_M;
    op->parts = sub_ops(c, op, v->part_count);
    if (op->parts == NULL) return false;
    for (; op->part_count < v->part_count; op->part_count++) {
        struct op *part = &op->parts[op->part_count];
        const struct value_spec *spec = &v->parts[op->part_count];
        if (v->kind == VALUE_MAP && !program_name_op(c, v->names[op->part_count], part)) return false;
        if (!program_compile_value(c, spec, part)) return false;
        if (v->kind != VALUE_SET || part->type == element_type(op->type)) continue;
        if (part->kind == OP_FUNCTION && part->type == DYNAMODB_ANY) {
            part->type = element_type(op->type);
            continue;
        }
        char text[200];
        snprintf(text, sizeof text, "an element of a set %s is %s", dynamodb_type_name(op->type), dynamodb_type_name(part->type));
        program_wrong(c->err, &spec->place, text);
        return error_hint(c->err, "put hlua.%s around it", dynamodb_type_name(element_type(op->type)));
    }
    return true;
}

bool program_compile_value(struct compiler *c, const struct value_spec *v, struct op *op) {
    if (v->kind == VALUE_WHEN) {
        if (v->inner->kind == VALUE_WHEN) return program_wrong(c->err, &v->place, "hlua.when inside hlua.when");
        if (!program_compile_when(c, &v->place, v->text, &op->when, &op->when_bool)) return false;
        v = v->inner;
    }
    switch (v->kind) {
    case VALUE_TEMPLATE: return compile_template(c, v, op);
    case VALUE_SET:
    case VALUE_LIST:
    case VALUE_MAP: return compile_parts(c, v, op);
    case VALUE_CONSTANT:
    case VALUE_NULL:
        op->kind = OP_CONSTANT;
        op->type = v->kind == VALUE_NULL ? DYNAMODB_NULL : v->type;
        op->constant = v->text;
        op->constant_len = v->len;
        return true;
    case VALUE_FUNCTION:
        op->kind = OP_FUNCTION;
        op->type = v->type;
        op->function = v->function;
        c->functions = true;
        return true;
    default: break;
    }
    op->column = program_find_column(c->columns, c->count, v->text);
    if (op->column < 0) return program_no_column(c->err, &v->place, v->text, "the source", c->columns, c->count);
    op->column_type = c->columns[op->column].type;
    if (v->kind == VALUE_JSON) return compile_json(c, v, op);
    return v->kind == VALUE_EPOCH ? compile_epoch(c, v, op) : compile_column(c, v, op);
}
