/* Where a plan's ledger is. Not for: opening it (ledger.h). */
#ifndef ENGINE_LEDGER_PATH_H
#define ENGINE_LEDGER_PATH_H

#include "engine/run.h"

/* The given path, or .hlua/<plan name>.db beside the plan's file; ERROR_LOCAL when it is too long, or the given one's folder is not there. */
bool ledger_path(const struct plan *plan, const char *given, char *out, size_t size, struct error *err);

#endif
