#include "engine/conditional.h"

#include <stdlib.h>

#include "dynamodb/item_form.h"

struct put_condition conditional_of(const struct plan_table *table) {
    if (table->existing == PLAN_EXISTING_KEEP) return (struct put_condition){.rule = PUT_IF_ABSENT};
    /* Both at once name one attribute (policy_rules.lua): an item that was there and another row's are told apart by nothing. */
    const char *attribute = table->existing == PLAN_EXISTING_NEWER ? table->newer : table->keep;
    if (attribute) return (struct put_condition){.rule = PUT_IF_GREATER, .attribute = attribute};
    return (struct put_condition){.rule = PUT_ALWAYS};
}

struct conditional {
    struct item_form ours, theirs;
};

struct conditional *conditional_new(void) {
    struct conditional *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    item_form_init(&c->ours);
    item_form_init(&c->theirs);
    return c;
}

void conditional_free(struct conditional *c) {
    if (c == NULL) return;
    item_form_free(&c->ours);
    item_form_free(&c->theirs);
    free(c);
}

bool conditional_judge(struct conditional *c, const char *item, size_t item_len, const char *answer, size_t n,
                       enum conditional_end *end, struct error *err) {
    const char *old;
    size_t old_len;
    *end = CONDITIONAL_UNREADABLE;
    if (!put_found(answer, n, &old, &old_len)) return true;
    *end = CONDITIONAL_LOST;
    if (old_len == 0) return true; /* an engine that does not show it */
    if (!item_form_make(&c->theirs, old, old_len, err)) {
        *end = CONDITIONAL_UNREADABLE;
        return err->kind != ERROR_LOCAL;
    }
    /* Ours was judged by the mapping and by DynamoDB; if it has no form all the same, it is not what is there. */
    if (!item_form_make(&c->ours, item, item_len, err)) return err->kind != ERROR_LOCAL;
    if (item_form_same(&c->ours, &c->theirs)) *end = CONDITIONAL_OURS;
    return true;
}
