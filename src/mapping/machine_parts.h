/* The inside of the machine that runs a compiled mapping, for machine.c (items) and machine_value.c (values) alone. */
#ifndef MAPPING_MACHINE_PARTS_H
#define MAPPING_MACHINE_PARTS_H

#include "mapping/program_ops.h"

/* Where an attribute's value was written, for copies and sizes. */
struct slot {
    size_t at, len;
    uint32_t size; /* name and value by DynamoDB's rule; 0: absent */
};

struct machine {
    struct row_mapper mapper;
    const struct program *program;
    struct functions *functions;
    struct buffer scratch; /* a template's or a column's text, before it is escaped */
    struct buffer keys;    /* of json_value_write; hashes of a set's elements */
    struct slot *slots;
    /* the row under way */
    const struct pg_row *row;
    struct buffer *out;
    struct map_reject *reject;
    uint64_t key;
};

enum outcome { DONE, ABSENT, REJECTED, NO_MEMORY };

/* A column that must be true (boolean) or not NULL. */
bool machine_holds(const struct machine *m, int column, bool is_bool);

/* Refuses the row for an attribute; returns REJECTED. */
enum outcome machine_refuse(struct machine *m, const struct op *op, const char *reason, const char *what, const char *why);

/* Appends an op's value, {"S":"..."} and so on; *size gets its bytes by DynamoDB's rule, without the name. On anything but DONE what was
 * appended is the caller's to take back. */
enum outcome machine_value(struct machine *m, const struct op *op, uint32_t *size);

#endif
