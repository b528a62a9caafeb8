#include "engine/claim.h"

#include <string.h>

static bool begins(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether one of the claimed texts claims all keys that begin with `prefix`. */
static bool covered(const struct ledger_claim *claim, const char *prefix) {
    for (int i = 0; i < claim->owns_count; i++) {
        if (begins(prefix, claim->owns[i])) return true;
    }
    return claim->table_id && claim->owns_count == 0;
}

/* Whether a claimed text is about keys that are asked for. */
static bool asked(const struct claim_question *q, const char *claimed) {
    for (int i = 0; i < q->owns_count; i++) {
        if (begins(claimed, q->owns[i])) return true;
    }
    return q->owns_count == 0;
}

bool claim_ask(const struct ledger_claim *claim, const struct dynamodb_schema *schema, struct arena *a,
               struct claim_question *out) {
    *out = (struct claim_question){
        .owns = arena_array(a, (size_t)schema->owns_count + 1, sizeof *out->owns),
        .except = arena_array(a, (size_t)claim->owns_count + 1, sizeof *out->except),
    };
    if (out->owns == NULL || out->except == NULL) return false;
    for (int i = 0; i < schema->owns_count; i++) {
        if (!covered(claim, schema->owns[i])) out->owns[out->owns_count++] = schema->owns[i];
    }
    out->nothing = schema->owns_count ? out->owns_count == 0 : covered(claim, "");
    for (int i = 0; !out->nothing && i < claim->owns_count; i++) {
        if (asked(out, claim->owns[i])) out->except[out->except_count++] = claim->owns[i];
    }
    return true;
}
