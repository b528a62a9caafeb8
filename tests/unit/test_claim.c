/* What is left to ask of a target that the ledger has claimed, by how keys begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "engine/claim.h"

/* Texts separated by blanks; "." is the empty one. */
static int split(const char *text, char memory[40], const char **out) {
    int n = 0;
    snprintf(memory, 40, "%s", text);
    for (char *at = memory; *at;) {
        size_t len = strcspn(at, " ");
        char *next = at[len] ? at + len + 1 : at + len;
        at[len] = '\0';
        out[n++] = strcmp(at, ".") == 0 ? "" : at;
        at = next;
    }
    return n;
}

static void joined(const char *const *texts, int count, char *out, size_t size) {
    size_t n = 0;
    out[0] = '\0';
    for (int i = 0; i < count; i++) n += (size_t)snprintf(out + n, size - n, "%s%s", i ? " " : "", texts[i]);
}

static void questions(void **state) {
    (void)state;
    static const struct {
        const char *claimed, *owns; /* claimed NULL: the table is not ours; empty: by an older ledger */
        bool nothing;
        const char *asked, *except;
    } table[] = {
        {NULL, "", false, "", ""},             /* any item is a stranger's */
        {NULL, "A B", false, "A B", ""},       /* any with these keys */
        {"", "A B", true, "", ""},             /* an older ledger does not know what it claimed */
        {"", "", true, "", ""},                /* likewise */
        {".", "", true, "", ""},               /* all keys, and all again */
        {".", "A B", true, "", ""},            /* fewer */
        {"A B", "A B", true, "", ""},          /* the same */
        {"A B", "B", true, "", ""},            /* fewer */
        {"A", "A#1 A#2", true, "", ""},        /* parts of it */
        {"A", "A B", false, "B", ""},          /* one more: ours are not asked about */
        {"A#1 C", "A B", false, "A B", "A#1"}, /* a wider one, without what is ours of it */
        {"A B", "", false, "", "A B"},         /* all keys now */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char memory[2][40], asked[80], except[80];
        const char *claimed[8], *owns[8];
        struct arena *a = arena_new();
        struct ledger_claim claim = {.table_id = table[i].claimed ? "id" : NULL, .owns = claimed};
        claim.owns_count = split(table[i].claimed ? table[i].claimed : "", memory[0], claimed);
        struct dynamodb_schema schema = {.owns = owns, .owns_count = split(table[i].owns, memory[1], owns)};
        struct claim_question q;
        assert_true(claim_ask(&claim, &schema, a, &q));
        joined(q.owns, q.owns_count, asked, sizeof asked);
        joined(q.except, q.except_count, except, sizeof except);
        if (q.nothing != table[i].nothing || strcmp(asked, table[i].asked) != 0 || strcmp(except, table[i].except) != 0) {
            fail_msg("row %zu: nothing %d, asks %s without %s", i, q.nothing, asked, except);
        }
        arena_free(a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(questions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
