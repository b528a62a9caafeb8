#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dynamodb/tables.h"

#define NOTICE_MAX 1600 /* an error's text fits */

bool dynamodb_notice(struct dynamodb_notices *notices, const char *format, ...) {
    if (notices->count == notices->room) {
        int room = notices->room ? notices->room * 2 : 8;
        const char **lines = arena_array(notices->arena, (size_t)room, sizeof *lines);
        if (lines == NULL) return false;
        if (notices->count) memcpy(lines, notices->lines, (size_t)notices->count * sizeof *lines);
        notices->lines = lines;
        notices->room = room;
    }
    char text[NOTICE_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *line = arena_text(notices->arena, text);
    if (line == NULL) return false;
    notices->lines[notices->count++] = line;
    return true;
}
