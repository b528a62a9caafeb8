/* Small helpers over base/json.h: slices of a JSON document, and looking things up in them.
 *
 * For: requests, where a part is found by name and kept as the bytes that were sent.
 * Not for: items (item.h reads those in one pass). A lookup reads the object again: fine for small ones.
 * A slice of a document is whole JSON text (a string keeps its quotes) and lives as long as the document. */
#ifndef ENDPOINT_DOC_H
#define ENDPOINT_DOC_H

#include "base/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest name or text that is copied out of a document, with its NUL (table, index and key names: 255). */
#define DOC_NAME 256

struct slice {
    const char *data;
    size_t len;
};

bool slice_is(struct slice s, const char *text);
bool slice_is_nocase(struct slice s, const char *text);

/* The value whose first token json_next has just returned, read to its end. False on an error of the text. */
bool doc_value(struct json *j, enum json_token first, struct slice *value) __attribute__((warn_unused_result));

/* Whether the bytes are one JSON object and nothing else. */
bool doc_is_object(struct slice text);

/* The members of an object (name set) or the elements of an array (name empty), one call each.
 * doc_next is false at the end, for other values, and for broken text. */
struct doc_each {
    struct json j;
    bool object, open;
    char name[DOC_NAME];
};
void doc_each(struct doc_each *e, struct slice container);
bool doc_next(struct doc_each *e, struct slice *value);

/* A member by its name; false when there is none (JSON null counts as none). */
bool doc_get(struct slice object, const char *name, struct slice *value);

/* A string, unescaped and terminated; false when it is another type or does not fit. */
bool doc_text(struct slice value, char *dst, size_t size);
bool doc_get_text(struct slice object, const char *name, char *dst, size_t size);

/* A whole number; false when it is another type, negative, or beyond 18 digits. */
bool doc_get_integer(struct slice object, const char *name, int64_t *value);

/* Whether a member is the literal true. */
bool doc_get_true(struct slice object, const char *name);

#endif
