/* The ledger's own layer over SQLite: statements that are prepared once, typed values, transactions, failures
 * as errors. For ledger*.c alone; sqlite3.h is not included here, so that it stays in those files. */
#ifndef ENGINE_LEDGER_SQL_H
#define ENGINE_LEDGER_SQL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/ledger.h"

struct sqlite3;
struct sqlite3_stmt;

#define LEDGER_PATH 4096     /* bytes, suffix included (PATH_MAX of Linux) */
#define LEDGER_STATEMENTS 48 /* more than there are distinct ones in ledger*.c */

struct ledger {
    struct sqlite3 *db;
    int lock;      /* the lock file, held by a writer; -1: none */
    int version;   /* of its schema; a writer has brought it to the newest */
    bool together; /* within ledger_together */
    char path[LEDGER_PATH];
    struct {
        const char *sql; /* compared by address: each statement is one static text */
        struct sqlite3_stmt *handle;
    } statements[LEDGER_STATEMENTS];
};

/* What a statement's ?1, ?2, ... stand for. Text must live until the statement ends; NULL binds NULL. */
struct ledger_value {
    enum { LEDGER_INTEGER, LEDGER_REAL, LEDGER_TEXT } type;
    union {
        int64_t integer;
        double real;
        const char *text;
    };
};
#define L_INT(v)                                                                                                                 \
    { .type = LEDGER_INTEGER, .integer = (v) }
#define L_REAL(v)                                                                                                                \
    { .type = LEDGER_REAL, .real = (v) }
#define L_TEXT(v)                                                                                                                \
    { .type = LEDGER_TEXT, .text = (v) }
#define L_VALUES(...)                                                                                                            \
    (const struct ledger_value[]){__VA_ARGS__}, (int)(sizeof((struct ledger_value[]){__VA_ARGS__}) / sizeof(struct ledger_value))

/* Binds and is ready to step; NULL on failure. Every start is followed by steps until the end, or by
 * ledger_end. */
struct sqlite3_stmt *ledger_start(struct ledger *l, const char *sql, const struct ledger_value *values, int count,
                                  struct error *err);
enum ledger_step { LEDGER_ROW, LEDGER_END, LEDGER_FAILED }; /* the last two have reset the statement */
enum ledger_step ledger_step(struct ledger *l, struct sqlite3_stmt *s, struct error *err);
void ledger_end(struct sqlite3_stmt *s);

/* Runs a statement that gives no rows. `changed` (or NULL) gets how many rows it changed. */
bool ledger_do(struct ledger *l, const char *sql, const struct ledger_value *values, int count, int *changed, struct error *err);

/* The time now as an ISO text. */
#define LEDGER_TIME 32
const char *ledger_now(char out[LEDGER_TIME]);

/* A change that must have met one row: what it names came from this ledger, so its absence is a fault of ours, and is told. */
bool ledger_must_be_one(struct ledger *l, bool ok, int changed, const char *what, int64_t number, struct error *err);

/* A text column of the present row, copied into the arena (NULL stays NULL). False when memory is out. */
bool ledger_text(struct sqlite3_stmt *s, int column, struct arena *a, const char **out, struct error *err);

/* An array for a list whose first column is its length: one statement gives both, and the array is made once. NULL: memory is out. */
void *ledger_list_array(struct sqlite3_stmt *s, size_t size, struct arena *a, struct error *err);

/* ledger.c. Notes when a run last changed; records rejects of a chunk, numbered from `first` on. Within a transaction. */
bool ledger_touch_run(struct ledger *l, int64_t run, const char *time, struct error *err);
bool ledger_add_rejects(struct ledger *l, int64_t run, int table, int chunk, int first, const struct ledger_reject *r, int count,
                        const char *time, struct error *err);

/* A transaction that writes. ledger_finish commits when ok, else rolls back and leaves err; it returns
 * whether all is saved. */
bool ledger_begin(struct ledger *l, struct error *err);
bool ledger_finish(struct ledger *l, bool ok, struct error *err);

/* SQLite's last failure on this ledger as an error; returns false. */
bool ledger_failed(struct ledger *l, struct error *err);
/* The same for a failed system call (`number` an errno) on `path`; `action` as in "cannot be made". */
bool ledger_failed_file(const char *path, const char *action, int number, struct error *err);
bool ledger_failed_damaged(const char *path, const char *why, struct error *err);

#endif
