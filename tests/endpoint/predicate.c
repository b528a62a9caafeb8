#include "endpoint/predicate.h"

#include "endpoint/refusal.h"

#include <string.h>

static bool is_ordered(const struct value *v) {
    return v->type[1] == '\0' && strchr("SNB", v->type[0]);
}

static bool refuse_operand(const struct value *v, const char *operator, struct error * err) {
    return refuse_value(err,
                        "Invalid ConditionExpression: Incorrect operand type for operator or function; operator or function: %s, "
                        "operand type: %s",
                        operator, v->type);
}

/* `(name)` or `(name, :value)` of a function. */
static bool read_call(struct expression *e, struct term *t, bool has_value, struct error *err) {
    if (!expression_take(e, "(")) return expression_refuse(e, err);
    if (!expression_name(e, t->name, err)) return false;
    if (has_value && !expression_take(e, ",")) return expression_refuse(e, err);
    if (has_value && !expression_value(e, &t->value, err)) return false;
    if (has_value && strcmp(t->value.type, "S") != 0) return refuse_operand(&t->value, "a function", err);
    return expression_take(e, ")") || expression_refuse(e, err);
}

static bool read_term(struct expression *e, struct term *t, struct error *err) {
    static const struct {
        const char *word;
        enum term_kind kind;
    } calls[] = {{"attribute_exists", TERM_EXISTS},
                 {"attribute_not_exists", TERM_NOT_EXISTS},
                 {"attribute_type", TERM_TYPE},
                 {"begins_with", TERM_BEGINS}},
      marks[] = {{"=", TERM_EQUAL}, {"<=", TERM_UP_TO}, {"<", TERM_LESS}, {">=", TERM_FROM}, {">", TERM_GREATER}};
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!expression_take(e, calls[i].word)) continue;
        t->kind = calls[i].kind;
        return read_call(e, t, t->kind == TERM_TYPE || t->kind == TERM_BEGINS, err);
    }
    if (!expression_name(e, t->name, err)) return false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!expression_take(e, marks[i].word)) continue;
        t->kind = marks[i].kind;
        return expression_value(e, &t->value, err) && (is_ordered(&t->value) || refuse_operand(&t->value, marks[i].word, err));
    }
    return expression_refuse(e, err);
}

bool predicate_read(struct predicate *p, struct slice body, const char *member, struct error *err) {
    struct expression e;
    p->count = 0;
    if (!expression_begin(&e, body, member)) return true;
    bool joined = false;
    do {
        if (p->count == PREDICATE_TERMS_MAX) return refuse_value(err, "Invalid %s: too many terms", member);
        struct term *t = &p->terms[p->count++];
        t->joined = joined;
        t->negated = expression_take(&e, "NOT");
        if (!read_term(&e, t, err)) return false;
        joined = expression_take(&e, "AND");
    } while (joined || expression_take(&e, "OR"));
    return expression_ended(&e) || expression_refuse(&e, err);
}

static int compare(const struct buffer *bytes, size_t first) {
    size_t a = first, b = bytes->len - first;
    int order = memcmp(bytes->data, bytes->data + first, a < b ? a : b);
    return order ? order : (a > b) - (a < b);
}

/* Values of two types are not compared: no term of two holds. */
static bool compare_values(const struct term *t, const struct value *found, bool *holds, struct error *err) {
    struct buffer bytes; /* both, one after the other */
    buffer_init(&bytes, (size_t)1 << 20);
    bool ok = value_append_key(&bytes, found, err);
    size_t first = bytes.len;
    ok = ok && value_append_key(&bytes, &t->value, err);
    int order = ok ? compare(&bytes, first) : 0;
    size_t len = bytes.len - first;
    switch (t->kind) {
    case TERM_EQUAL: *holds = order == 0; break;
    case TERM_LESS: *holds = order < 0; break;
    case TERM_UP_TO: *holds = order <= 0; break;
    case TERM_GREATER: *holds = order > 0; break;
    case TERM_FROM: *holds = order >= 0; break;
    default: *holds = ok && first >= len && memcmp(bytes.data, bytes.data + first, len) == 0; break;
    }
    buffer_free(&bytes);
    return ok;
}

static bool term_holds(const struct term *t, struct slice item, bool *holds, struct error *err) {
    struct slice whole;
    struct value found;
    char type[sizeof found.type];
    bool there = item.len > 0 && doc_get(item, t->name, &whole);
    *holds = t->kind == TERM_EXISTS ? there : t->kind == TERM_NOT_EXISTS && !there;
    if (!there || t->kind == TERM_EXISTS || t->kind == TERM_NOT_EXISTS) return true;
    if (!value_of(whole, &found, err)) return false;
    if (t->kind == TERM_TYPE) {
        *holds = doc_text((struct slice){t->value.text.data - 1, t->value.text.len + 2}, type, sizeof type) &&
                 strcmp(type, found.type) == 0;
        return true;
    }
    return strcmp(found.type, t->value.type) != 0 || compare_values(t, &found, holds, err);
}

bool predicate_holds(const struct predicate *p, struct slice item, bool *holds, struct error *err) {
    *holds = p->count == 0;
    for (int i = 0; i < p->count; i++) {
        bool one;
        if (!p->terms[i].joined && *holds) return true; /* one of those that OR joins */
        if (!term_holds(&p->terms[i], item, &one, err)) return false;
        one = one != p->terms[i].negated;
        *holds = p->terms[i].joined ? *holds && one : one;
    }
    return true;
}
