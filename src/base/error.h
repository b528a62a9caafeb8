/* Errors as values: one struct travels up the call chain and is reported once, at the top.
 *
 * For: every failure that comes from outside (input, network, disk, memory).
 * Not for: broken invariants of our own code; those are asserts. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/* What failed. Each kind has one exit code (error_exit_code); the codes are a contract of the command line. */
enum error_kind {
    ERROR_NONE = 0,
    ERROR_PLAN,        /* 1: the plan is wrong, has changed, or names what the source does not have */
    ERROR_USAGE,       /* 2: the command line is wrong */
    ERROR_SOURCE,      /* 3: PostgreSQL failed */
    ERROR_TARGET,      /* 4: DynamoDB failed, differs from the plan, or holds items that are not ours */
    ERROR_REJECTS,     /* 5: stopped, because too many rows were rejected */
    ERROR_LOCAL,       /* 8: ledger busy, full or unwritable; memory; a sum that does not add up */
    ERROR_INTERRUPTED, /* 130: the user asked to stop */
};

struct error {
    enum error_kind kind;
    bool retryable;  /* the same call may succeed later, unchanged */
    char code[80];   /* the source's own code: a SQLSTATE, an AWS error type, an errno name; may be empty */
    char text[1400]; /* lower case, no full stop, names the thing and its value */
    char hint[600];  /* what to do; may be empty */
};

/* Sets kind and text, clears the rest (err may be NULL). Always returns false, so that a caller can
 * `return error_set(err, ERROR_PLAN, "...")`. */
bool error_set(struct error *err, enum error_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds a hint, or the source's code, to an error that is set. They return false as well. */
bool error_hint(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_code(struct error *err, const char *code);

/* Puts "context: " before the text of an error that is set; returns false. */
bool error_context(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Memory ran out while doing `what`. */
bool error_memory(struct error *err, const char *what);

/* The exit code of a kind (see enum error_kind). */
int error_exit_code(enum error_kind kind);

#endif
