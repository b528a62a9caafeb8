/* The compiled mapping: templates, columns, constants, JSON, TTL and what is made of them, as instructions that C runs for each row.
 *
 * Compiled once for a source and shared by all workers. The plan's own functions are called through mapping/functions.h. */
#ifndef MAPPING_PROGRAM_H
#define MAPPING_PROGRAM_H

#include "base/arena.h"
#include "base/error.h"
#include "mapping/functions.h"
#include "mapping/mapper.h"
#include "mapping/spec.h"
#include "mapping/template.h"

/* Marks the columns that a mapping reads (one flag for each of `columns`). ERROR_PLAN, with the nearest names, when it names one
 * that is not there. `from` names the source in messages. */
bool program_columns(const struct mapping_spec *spec, const struct pg_column *columns, int count, const char *from, bool *used,
                     struct error *err);

/* Compiles a template that stands at `place` in the plan against columns. ERROR_PLAN shows where it is wrong. */
bool program_template(struct arena *a, const char *text, size_t len, const struct plan_place *place,
                      const struct pg_column *columns, int count, const struct template **out, struct error *err);

struct program;

/* Compiles the mapping of plan table `table` (from 0) against the selected columns. Key types of `schema` that were DYNAMODB_ANY get the type of their column; a key
 * whose value is of another type than declared is ERROR_PLAN, as is anything that does not suit a column's type. `check_utf8`: the
 * server does not vouch for its texts (SQL_ASCII). */
struct program *program_compile(struct arena *a, const struct mapping_spec *spec, int table, struct dynamodb_schema *schema,
                                const struct pg_column *columns, int count, bool check_utf8, struct error *err);

/* Whether a mapper of it needs functions. */
bool program_calls_functions(const struct program *p);

/* A mapper that runs the program, for one worker. `functions` (bound to the columns) may be NULL when it calls none; they stay the
 * caller's. NULL when memory is out. */
struct row_mapper *program_mapper(const struct program *p, struct functions *functions);

#endif
