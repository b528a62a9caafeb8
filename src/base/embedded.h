/* The Lua and SQL files inside the program (made by scripts/embed at build). */
#ifndef BASE_EMBEDDED_H
#define BASE_EMBEDDED_H

#include <stdint.h>

struct embedded_file {
    const char *name; /* hlua/init.lua, src/engine/ledger.sql */
    const char *data; /* a NUL follows the last byte */
    uint64_t len;
};

/* Ends with a name of NULL. */
extern const struct embedded_file embedded_files[];

/* By name; NULL when there is none. */
const struct embedded_file *embedded_find(const char *name);

#endif
