#include "engine/ledger_path.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* A folder that was misspelt is not made, nor taken for one without a ledger. */
static bool folder_there(const char *path, struct error *err) {
    char copy[4096];
    struct stat st;
    snprintf(copy, sizeof copy, "%s", path);
    const char *folder = dirname(copy);
    if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode)) return true;
    error_set(err, ERROR_LOCAL, "there is no folder %s for the ledger %s", folder, path);
    return error_hint(err, "make it, or name another file with --ledger; only .hlua beside the plan is made when it is missing");
}

bool ledger_path(const struct plan *plan, const char *given, char *out, size_t size, struct error *err) {
    const char *slash = plan->file ? strrchr(plan->file, '/') : NULL;
    int folder = slash ? (int)(slash - plan->file + 1) : 0;
    int n = given ? snprintf(out, size, "%s", given)
                  : snprintf(out, size, "%.*s.hlua/%s.db", folder, folder ? plan->file : "", plan->name);
    if (n > 0 && (size_t)n < size) return given == NULL || folder_there(out, err);
    error_set(err, ERROR_LOCAL, "the ledger's path is too long");
    return error_hint(err, "name a shorter one with --ledger");
}
