/* Tables: describe what stands, create what a plan wants, compare the two.
 *
 * For: the steps before the first item is written. Not for: items, or changing a table that exists (hlua
 * never does). */
#ifndef DYNAMODB_TABLES_H
#define DYNAMODB_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/client.h"
#include "dynamodb/schema.h"

/* Lines for the user about what is not as the plan says, though the table can be used. */
struct dynamodb_notices {
    struct arena *arena; /* set by the caller; owns the lines */
    const char **lines;
    int count, room;
};

/* Adds a line; false when memory is out. */
bool dynamodb_notice(struct dynamodb_notices *notices, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- describe.c --- */

/* Write units a second on demand, where the service tells them. */
struct dynamodb_writes {
    int64_t warm; /* that are there at once (WarmThroughput); 0: not told */
    int64_t most; /* that its owner allows (OnDemandThroughput); 0: no such limit */
};

/* A table as it stands. Texts live in the arena given. */
struct dynamodb_description {
    bool exists;                   /* false: nothing else is set */
    struct dynamodb_schema schema; /* key types known; the settings below may be unknown */
    const char *status;            /* CREATING, UPDATING, DELETING, ACTIVE, ... */
    const char **index_status;     /* for each of schema.indexes; a local index has the table's */
    struct dynamodb_writes writes;
    struct dynamodb_writes *index_writes; /* for each of schema.indexes */
    const char *id, *arn, *stream_arn;    /* may be NULL: not every local engine says them */
    int64_t item_count, bytes;            /* as of up to six hours ago */
    /* Settings that have operations of their own; NULL: known. Otherwise why not, e.g. an engine's
     * UnknownOperationException, or a user who may not read them. */
    const char *time_to_live_unknown, *point_in_time_unknown, *tags_unknown;
};

/* Describes a table with all its settings. A table that does not exist is an answer, not an error. scan_follows: of one that does,
 * dynamodb_table_is_empty will be asked next, so its question goes with those for the settings, if it is ACTIVE. */
bool dynamodb_table_describe(struct dynamodb_client *c, const char *name, bool scan_follows, struct dynamodb_description *out,
                             struct arena *arena, struct error *err);

/* Reads the body of a DescribeTable response (no settings). ERROR_TARGET when it is not one. */
bool dynamodb_description_parse(const char *body, size_t n, struct dynamodb_description *out, struct arena *arena,
                                struct error *err);

/* Whether the table and all its indexes are ACTIVE; if not, *index (NULL: nobody asks) is the first index that is not, -1 the table. */
bool dynamodb_table_active(const struct dynamodb_description *d, int *index);

/* Waits until the table and all its indexes are ACTIVE, for as long as the client's patience. ERROR_TARGET
 * when it does not exist (or ceases to: DELETING), or is not ready in time. */
bool dynamodb_table_wait(struct dynamodb_client *c, const char *name, struct error *err);

/* Whether a consistent read of the table finds no item. */
bool dynamodb_table_is_empty(struct dynamodb_client *c, const char *name, bool *empty, struct error *err);

/* --- owned.c --- */

/* Which items are looked for: those whose partition key begins with one of `owns` (none: any), and with none of `except`; of
 * these each begins with one of `owns`, if there are any. Not both empty. */
struct dynamodb_owned {
    const char *const *owns, *const *except;
    int owns_count, except_count;
};
/* Whether the table has such an item. Reads the table, a page of 1 MB
 * after the other, until one is found: of a large table full of others' items, all of it, and says so to the client's patience, which
 * can also stop it. */
bool dynamodb_table_has_owned(struct dynamodb_client *c, const struct dynamodb_schema *schema,
                              const struct dynamodb_owned *wanted, bool *has, struct error *err);

/* --- create.c --- */

/* Appends the body of the CreateTable request. ERROR_PLAN when the schema gives one attribute two types, or
 * none. */
bool dynamodb_table_create_body(const struct dynamodb_schema *schema, struct buffer *out, struct error *err);

/* Creates a table, waits until it is ACTIVE, and sets what CreateTable cannot (time to live, point-in-time
 * recovery). What the endpoint does not know (local engines) becomes a notice; everything else that fails is
 * an error. */
bool dynamodb_table_create(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct dynamodb_notices *notices,
                           struct error *err);

/* The same in two steps, so that several tables can be in the making at once: asks for the table; waits for it and sets the rest. */
bool dynamodb_table_begin(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct error *err);
bool dynamodb_table_finish(struct dynamodb_client *c, const struct dynamodb_schema *schema, struct dynamodb_notices *notices,
                           struct error *err);

/* --- compare.c --- */

/* Compares a plan's table with the one that stands. Other keys, key types, projections, or an index that is
 * missing: ERROR_TARGET, whose text shows both sides. Other settings, and indexes that the plan does not
 * have, become notices. All key types of the schema must be bound (no DYNAMODB_ANY). */
bool dynamodb_table_compare(const struct dynamodb_schema *plan, const struct dynamodb_description *table,
                            struct dynamodb_notices *notices, struct error *err);

#endif
