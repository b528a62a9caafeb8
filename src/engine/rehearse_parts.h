/* The inside of a rehearsal, for its own files alone: rehearse.c (the whole), rehearse_read.c (the source onto the tape),
 * rehearse_targets.c (what the targets take), rehearse_changes.c (what one change would save). */
#ifndef ENGINE_REHEARSE_PARTS_H
#define ENGINE_REHEARSE_PARTS_H

#include "engine/key_names.h"
#include "engine/play.h"
#include "engine/rehearse.h"
#include "engine/run_parts.h"

/* A table of DynamoDB; several tables of the plan, and of their targets, may share it. */
struct rehearsal_target {
    const struct dynamodb_schema *schema;
    struct parts_reader *reader;
    struct capacity_given *given; /* of the table, then of its indexes */
    double *units;                /* read, likewise */
    int resources;
};

struct rehearsing {
    struct session session;
    struct run_options run_options;
    const struct rehearse_options *options;
    struct rehearsal *out;
    struct rehearsal_target *targets;
    int target_count;
    int *target_of; /* by job_target.number */
    struct tape tape;
    struct key_names *names;
    double rows_estimated, weight;
    int64_t rows_read;
};

/* Lists the tables of DynamoDB and what each takes; asks the service, where it can. */
bool rehearse_targets(struct rehearsing *r, struct error *err);
void rehearse_targets_free(struct rehearsing *r);

/* Reads the source onto the tape; sums up each table. */
bool rehearse_read(struct rehearsing *r, struct error *err);

/* Plays the tape as the plan stands, and with changes. */
bool rehearse_play(struct rehearsing *r, struct error *err);

#endif
