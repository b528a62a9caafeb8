#include "engine/ledger_path.h"

#include <stdio.h>
#include <string.h>

bool ledger_path(const struct plan *plan, const char *given, char *out, size_t size, struct error *err) {
    const char *slash = plan->file ? strrchr(plan->file, '/') : NULL;
    int folder = slash ? (int)(slash - plan->file + 1) : 0;
    int n = given ? snprintf(out, size, "%s", given)
                  : snprintf(out, size, "%.*s.hlua/%s.db", folder, folder ? plan->file : "", plan->name);
    if (n > 0 && (size_t)n < size) return true;
    error_set(err, ERROR_LOCAL, "the ledger's path is too long");
    return error_hint(err, "name a shorter one with --ledger");
}
