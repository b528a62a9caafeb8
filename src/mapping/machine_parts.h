/* The inside of the machine that runs a compiled mapping: shared by machine.c (items), machine_value.c (values) and machine_nested.c (sets,
 * lists and maps) alone. */
#ifndef MAPPING_MACHINE_PARTS_H
#define MAPPING_MACHINE_PARTS_H

#include "mapping/program_ops.h"

/* An attribute that was written. */
struct slot {
    uint32_t size;  /* name and value by DynamoDB's rule; 0: absent */
    size_t at, len; /* of its value in the buffer, if it is repeated */
};

enum outcome { ABSENT, REJECTED, NO_MEMORY };

struct machine {
    struct row_mapper mapper;
    const struct program *program;
    struct functions *functions;
    struct buffer scratch; /* a template's or a column's text, before it is escaped */
    struct buffer keys;    /* of json_value_write; hashes of a set's elements */
    struct slot *slots;
    /* the row under way */
    const struct pg_row *row;
    struct buffer *out; /* its len is not kept up while an item is written: what is written ends where a `char *to` says */
    struct map_reject *reject;
    enum outcome outcome; /* why nothing was written */
    uint64_t key;
};

/* A column that must be true (boolean) or not NULL. */
bool machine_holds(const struct machine *m, int column, bool is_bool);

/* What follows appends to m->out at `to` and returns the new end. NULL: nothing is appended, for m->outcome; what was there stays, though
 * perhaps elsewhere, since the buffer may have grown. */

static inline char *machine_fail(struct machine *m, enum outcome outcome) {
    m->outcome = outcome;
    return NULL;
}

/* Refuses the row for an attribute. */
char *machine_refuse(struct machine *m, const struct op *op, const char *reason, const char *what, const char *why);

char *machine_grow(struct machine *m, const char *to, size_t n); /* for machine_room alone */

/* Makes room for n bytes; returns where `to` is now. */
static inline char *machine_room(struct machine *m, char *to, size_t n) {
    return n <= (size_t)(m->out->data + m->out->cap - to) ? to : machine_grow(m, to, n);
}

/* A direct op with its label. NULL: nothing is written, whyever; run it like any other. */
char *machine_direct(struct machine *m, const struct op *op, char *to, uint32_t *size);

char *machine_null(struct machine *m, char *to, uint32_t *size);

/* A set, list or map. */
char *machine_nested(struct machine *m, const struct op *op, char *to, uint32_t *size);

/* A value within another, which is absent where its own `when` does not hold. */
char *machine_inner(struct machine *m, const struct op *op, char *to, uint32_t *size);

/* An op's value, {"S":"..."} and so on; *size gets its bytes by DynamoDB's rule, without the name. */
char *machine_value(struct machine *m, const struct op *op, char *to, uint32_t *size);

#endif
