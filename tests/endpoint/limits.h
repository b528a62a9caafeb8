/* DynamoDB's write capacity, played by the model that hlua itself has (dynamodb/capacity.h): what each table may take, what was refused,
 * and how long an answer takes.
 *
 * A table is on demand or provisioned as its CreateTable said, its WarmThroughput and OnDemandThroughput included. For sink and store.
 * Not for: which operations of a request are then held back (hold.h). */
#ifndef ENDPOINT_LIMITS_H
#define ENDPOINT_LIMITS_H

#include "dynamodb/capacity.h"
#include "endpoint/catalog.h"

struct limits;

/* SPEC is "documented", or fields joined by commas (README.md). NULL with ERROR_USAGE for a wrong one. */
struct limits *limits_new(const char *spec, struct error *err);
void limits_free(struct limits *l); /* NULL is fine */

/* One write, of an Item or a Key, where `there` is (data NULL: nothing, or nothing that is known of). *parts says what it costs where;
 * why->limit what refused it, CAPACITY_ACCEPTED: nothing. False when it is no item, or memory is out.
 *
 * As the service charges: the table's write is as large as the larger of the two items. A changed index key is two writes of that index, to
 * take the old entry out and to put the new one in; an entry that goes, or comes, or changes, is one; one that stays as it is none. (The
 * attributes of an INCLUDE are not looked at: when the item changes, they do.) */
bool limits_write(struct limits *l, struct catalog_table *t, struct slice item, struct slice there, struct parts *parts,
                  struct capacity_refusal *why, struct error *err);

/* Milliseconds that the answer under way takes: random, by the seed. */
int64_t limits_latency(struct limits *l);

/* Appends `,"capacity":{...}`: what was accepted and refused so far. */
bool limits_print(const struct limits *l, struct buffer *out);

#endif
