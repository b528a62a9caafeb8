#include "endpoint/refusal.h"

#include <stdarg.h>
#include <stdio.h>

bool refuse(struct error *err, const char *type, const char *format, ...) {
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    error_set(err, ERROR_TARGET, "%s", text);
    return error_code(err, type);
}
