/* "Did you mean": which of the names that exist is nearest to a name that does not.
 *
 * For: hints of errors about columns, relations, attributes. Letters' case and double quotes do not count.
 * Not for: matching anything that a program then acts on. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

/* The index of the nearest name, or -1 when none is near (more than a third of the letters differ). Of several that are as near, the
 * one that shares most letters at its beginning and end: "colums" has lost a letter of "columns" rather than got a wrong one for "column". */
int nearest_find(const char *wanted, const char *const *names, int count);

/* Writes a hint into out, cut at size: `did you mean "LogId"? (columns: LogId, UserId)`. `what` says what the
 * names are, in the plural; without a near name only the list is written, and a long list ends in "...". */
void nearest_hint(const char *wanted, const char *const *names, int count, const char *what, char *out, size_t size);

#endif
