#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, enum error_kind kind, const char *format, ...) {
    if (err == NULL) return false;
    /* The arguments may point into err itself, so the text is made before the struct is touched. */
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    *err = (struct error){.kind = kind};
    memcpy(err->text, text, sizeof text);
    return false;
}

bool error_hint(struct error *err, const char *format, ...) {
    if (err == NULL) return false;
    va_list args;
    va_start(args, format);
    vsnprintf(err->hint, sizeof err->hint, format, args);
    va_end(args);
    return false;
}

bool error_code(struct error *err, const char *code) {
    if (err == NULL) return false;
    snprintf(err->code, sizeof err->code, "%s", code ? code : "");
    return false;
}

bool error_context(struct error *err, const char *format, ...) {
    if (err == NULL) return false;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used < 0 || (size_t)used >= sizeof text) used = 0;
    snprintf(text + used, sizeof text - (size_t)used, "%s%s", used ? ": " : "", err->text);
    memcpy(err->text, text, sizeof text);
    return false;
}

bool error_memory(struct error *err, const char *what) {
    error_set(err, ERROR_LOCAL, "out of memory while %s", what);
    return error_hint(err, "free some memory, or run with fewer jobs");
}

int error_exit_code(enum error_kind kind) {
    switch (kind) {
    case ERROR_NONE: return 0;
    case ERROR_PLAN: return 1;
    case ERROR_USAGE: return 2;
    case ERROR_SOURCE: return 3;
    case ERROR_TARGET: return 4;
    case ERROR_REJECTS: return 5;
    case ERROR_LOCAL: return 8;
    case ERROR_INTERRUPTED: return 130;
    }
    return 8;
}
