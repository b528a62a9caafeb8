#include "endpoint/condition.h"

#include "endpoint/refusal.h"

#include <string.h>

static bool add_value(struct conditions *c, const struct catalog_table *t, struct condition *n, int which, struct expression *e,
                      struct error *err) {
    struct value value;
    if (!expression_value(e, &value, err)) return false;
    if (value.type[0] != t->attributes[n->attribute].type || value.type[1] != '\0')
        return refuse_value(err, "One or more parameter values were invalid: Condition parameter type does not match "
                                 "schema type");
    n->at[which] = c->bytes.len;
    if (!value_append_key(&c->bytes, &value, err)) return false;
    n->len[which] = c->bytes.len - n->at[which];
    return true;
}

static bool find_attribute(const struct catalog_table *t, const char *name, int *at, struct error *err) {
    for (*at = 0; *at < t->attribute_count; ++*at) {
        if (strcmp(t->attributes[*at].name, name) == 0) return true;
    }
    return refuse_value(err, "Query condition missed key schema element: %s is no key", name);
}

static bool read_comparison(struct conditions *c, const struct catalog_table *t, struct expression *e, struct error *err) {
    static const struct {
        const char *mark;
        enum condition_kind kind;
    } marks[] = {{"=", EQUAL}, {"<", LESS}, {"<=", LESS_EQUAL}, {">", GREATER}, {">=", GREATER_EQUAL}};
    char name[DOC_NAME];
    if (c->count == CONDITIONS_MAX) return refuse_value(err, "Too many key conditions");
    struct condition *n = &c->list[c->count++];
    if (expression_take(e, "begins_with")) {
        n->kind = BEGINS_WITH;
        if (!expression_take(e, "(")) return expression_refuse(e, err);
        if (!expression_name(e, name, err) || !find_attribute(t, name, &n->attribute, err)) return false;
        if (t->attributes[n->attribute].type == 'N')
            return refuse_value(err, "Invalid KeyConditionExpression: begins_with does not take a number");
        if (!expression_take(e, ",")) return expression_refuse(e, err);
        return add_value(c, t, n, 0, e, err) && (expression_take(e, ")") || expression_refuse(e, err));
    }
    if (!expression_name(e, name, err) || !find_attribute(t, name, &n->attribute, err)) return false;
    if (expression_take(e, "BETWEEN")) {
        n->kind = BETWEEN;
        return add_value(c, t, n, 0, e, err) && (expression_take(e, "AND") || expression_refuse(e, err)) &&
               add_value(c, t, n, 1, e, err);
    }
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (!expression_take(e, marks[i].mark)) continue;
        n->kind = marks[i].kind;
        return add_value(c, t, n, 0, e, err);
    }
    return expression_refuse(e, err);
}

/* Comparisons joined by AND, any of them in parentheses; `depth` keeps a hostile text from the end of the stack. */
static bool read_all(struct conditions *c, const struct catalog_table *t, struct expression *e, int depth, struct error *err) {
    do {
        if (expression_take(e, "(")) {
            if (depth == 32) return expression_refuse(e, err);
            if (!read_all(c, t, e, depth + 1, err)) return false;
            if (!expression_take(e, ")")) return expression_refuse(e, err);
        } else if (!read_comparison(c, t, e, err)) {
            return false;
        }
    } while (expression_take(e, "AND"));
    return true;
}

static const struct condition *find(const struct conditions *c, int attribute) {
    for (int i = 0; i < c->count; i++) {
        if (c->list[i].attribute == attribute) return &c->list[i];
    }
    return NULL;
}

/* Every partition attribute by `=`; sort attributes from the left, only the last by anything else; nothing besides. */
static bool check_against_key(const struct conditions *c, const struct catalog_table *t, const struct catalog_key *key,
                              struct error *err) {
    int used = 0;
    for (int i = 0; i < key->partitions; i++, used++) {
        const struct condition *n = find(c, key->partition[i]);
        if (n == NULL)
            return refuse_value(err, "Query condition missed key schema element: %s", t->attributes[key->partition[i]].name);
        if (n->kind != EQUAL) return refuse_value(err, "Query key condition not supported");
    }
    for (int i = 0; i < key->sorts; i++, used++) {
        const struct condition *n = find(c, key->sort[i]);
        if (n == NULL) break;
        if (n->kind == EQUAL) continue;
        used++;
        break;
    }
    if (used != c->count) return refuse_value(err, "Query key condition not supported");
    return true;
}

bool conditions_read(struct conditions *c, const struct catalog_table *t, const struct catalog_key *key, struct slice body,
                     struct error *err) {
    struct expression e;
    c->count = 0;
    buffer_init(&c->bytes, (size_t)32 << 20);
    if (!expression_begin(&e, body, "KeyConditionExpression"))
        return refuse_value(err, "Either the KeyConditions or KeyConditionExpression parameter must be specified in "
                                 "the request.");
    if (!read_all(c, t, &e, 0, err)) return false;
    if (!expression_ended(&e)) return expression_refuse(&e, err);
    return check_against_key(c, t, key, err);
}

void conditions_free(struct conditions *c) {
    buffer_free(&c->bytes);
}

struct slice conditions_equal(const struct conditions *c, int attribute) {
    const struct condition *n = find(c, attribute);
    if (n == NULL || n->kind != EQUAL) return (struct slice){"", 0};
    return (struct slice){c->bytes.data + n->at[0], n->len[0]};
}

static int compare(const char *a, size_t a_len, const char *b, size_t b_len) {
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return order ? order : (a_len > b_len) - (a_len < b_len);
}

static bool meets_one(const struct conditions *c, const struct condition *n, const char *bytes, size_t len) {
    const char *low = c->bytes.data + n->at[0];
    int order = compare(bytes, len, low, n->len[0]);
    switch (n->kind) {
    case EQUAL: return order == 0;
    case LESS: return order < 0;
    case LESS_EQUAL: return order <= 0;
    case GREATER: return order > 0;
    case GREATER_EQUAL: return order >= 0;
    case BETWEEN: return order >= 0 && compare(bytes, len, c->bytes.data + n->at[1], n->len[1]) <= 0;
    case BEGINS_WITH: return len >= n->len[0] && memcmp(bytes, low, n->len[0]) == 0;
    }
    return false;
}

bool conditions_meet(const struct conditions *c, const struct view *v, struct buffer *scratch, bool *meets, struct error *err) {
    *meets = true;
    for (int i = 0; i < c->count && *meets; i++) {
        scratch->len = 0;
        if (!value_append_key(scratch, &v->keys[c->list[i].attribute], err)) return false;
        *meets = meets_one(c, &c->list[i], scratch->data, scratch->len);
    }
    return true;
}
