/* What a ledger has claimed of a target: which keys, by how they begin. A claim of all keys is the empty text, with which every key
 * begins; a claim that lists none is of a ledger older than such lists, and counts as one of all.
 *
 * Pure. Not for: asking DynamoDB what stands there (targets.c), or keeping claims (ledger.h). */
#ifndef ENGINE_CLAIM_H
#define ENGINE_CLAIM_H

#include "base/arena.h"
#include "dynamodb/schema.h"
#include "engine/ledger.h"

/* What has to be looked for in a target before a plan's table may write to it: items whose keys begin with one of `owns` (none: any
 * items), but with none of `except`, which are ours already. */
struct claim_question {
    bool nothing; /* all is ours */
    const char **owns, **except;
    int owns_count, except_count;
};

/* `claim`: the ledger's, of this very table (table_id NULL: there is none). False when memory is out. */
bool claim_ask(const struct ledger_claim *claim, const struct dynamodb_schema *schema, struct arena *a,
               struct claim_question *out);

#endif
