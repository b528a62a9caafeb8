/* Reads a JSON response into structs by a table of fields: which key goes where, and as what.
 *
 * For: DynamoDB's answers about tables, which are deep, optional in every part, and grow new fields.
 * Not for: items, and not for judging input: unknown keys, nulls and values of another type are passed over,
 * so that what is missing stays zero. Texts and lists are copied into an arena. */
#ifndef DYNAMODB_FIELDS_H
#define DYNAMODB_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"

enum dynamodb_field_kind {
    DYNAMODB_FIELD_TEXT,    /* const char *: a string */
    DYNAMODB_FIELD_INTEGER, /* int64_t: an integer */
    DYNAMODB_FIELD_BOOL,    /* bool */
    DYNAMODB_FIELD_OBJECT,  /* a struct: an object, read by `fields` */
    DYNAMODB_FIELD_OBJECTS, /* struct dynamodb_list of structs of `size` bytes: an array of objects, each read
                               by `fields` */
    DYNAMODB_FIELD_TEXTS,   /* struct dynamodb_list of const char *: an array of strings */
};

struct dynamodb_list {
    void *items;
    int count, room;
};

struct dynamodb_field {
    const char *name;
    enum dynamodb_field_kind kind;
    size_t offset; /* in the struct that the object is read into */
    size_t size;
    const struct dynamodb_field *fields;
};

/* The lines of a table of fields: the JSON key, the struct (without the word), its member. FIELDS_END is the
 * last. */
#define FIELD_TEXT(key, type, member)                                                                                            \
    { key, DYNAMODB_FIELD_TEXT, offsetof(struct type, member), 0, NULL }
#define FIELD_INTEGER(key, type, member)                                                                                         \
    { key, DYNAMODB_FIELD_INTEGER, offsetof(struct type, member), 0, NULL }
#define FIELD_BOOL(key, type, member)                                                                                            \
    { key, DYNAMODB_FIELD_BOOL, offsetof(struct type, member), 0, NULL }
#define FIELD_TEXTS(key, type, member)                                                                                           \
    { key, DYNAMODB_FIELD_TEXTS, offsetof(struct type, member), 0, NULL }
#define FIELD_OBJECT(key, type, member, fields)                                                                                  \
    { key, DYNAMODB_FIELD_OBJECT, offsetof(struct type, member), 0, fields }
#define FIELD_OBJECTS(key, type, member, element, fields)                                                                        \
    { key, DYNAMODB_FIELD_OBJECTS, offsetof(struct type, member), sizeof(struct element), fields }
#define FIELDS_END                                                                                                               \
    { NULL, DYNAMODB_FIELD_TEXT, 0, 0, NULL }

/* Reads a document that is one object into the zeroed struct at `target`. False with ERROR_TARGET when it is
 * not JSON or not an object (`what` names it), or ERROR_LOCAL when memory is out. */
bool dynamodb_read_fields(const char *json, size_t n, const struct dynamodb_field *fields, void *target, struct arena *arena,
                          const char *what, struct error *err);

#endif
