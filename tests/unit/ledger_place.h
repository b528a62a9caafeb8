/* The place of a ledger's test: a folder of its own, names in it, runs to fill a ledger with. For test_ledger*.c. */
#ifndef UNIT_LEDGER_PLACE_H
#define UNIT_LEDGER_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/ledger.h"

#define OK(call)                                                                                                                 \
    do {                                                                                                                         \
        if (!(call)) fail_msg("%s: %s", #call, e.text);                                                                          \
    } while (0)

static char folder[64], home[80], path[128]; /* the test's own folder, .hlua in it, the ledger in that */
static struct error e;
static struct arena *arena;

/* ---- the place of a test */

static inline int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test-ledger-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(home, sizeof home, "%s/.hlua", folder);
    snprintf(path, sizeof path, "%s/plan.db", home);
    arena = arena_new();
    e = (struct error){0};
    return arena ? 0 : -1;
}

static inline int remove_one(const char *name, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(name);
}

static inline int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *beside(const char *suffix) {
    static char name[256];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return name;
}

static inline int mode_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static inline int files_in(const char *name) {
    DIR *d = opendir(name);
    if (d == NULL) return -1;
    int n = 0;
    while (readdir(d)) n++;
    closedir(d);
    return n - 2;
}

static inline void write_file(const char *name, const void *data, size_t n) {
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Sets a big-endian number in the header of the database (SQLite's file format, 1.3). */
static inline void patch(long offset, unsigned value) {
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                              (unsigned char)value};
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 4, f), 4);
    assert_int_equal(fclose(f), 0);
}

static inline struct ledger *open_or_fail(enum ledger_mode mode) {
    struct ledger *l = ledger_open(path, mode, &e);
    if (l == NULL) fail_msg("open: %s", e.text);
    return l;
}

/* ---- data */

static const struct ledger_table logs = {
    .number = 0, .name = "logs", .from = "dbo.\"Logs\"", .to = "Logs", .rows_estimated = 30, .resumable = true};

/* Counters of a chunk, different in each place and adding up. */
static inline struct run_counts counts_of(int i, int rejected) {
    return (struct run_counts){.rows_read = 100 + 7 * i,
                               .rows_written = 90 + 7 * i - rejected,
                               .rows_rejected = rejected,
                               .rows_filtered = 6,
                               .rows_superseded = 4,
                               .items_written = 200 + i,
                               .bytes = INT64_C(5000000000) + i,
                               .write_units = 300 + i};
}

static inline bool plan_run(struct ledger *l, int chunks, int64_t *run) {
    struct pg_range ranges[64] = {{0}};
    for (int i = 0; i < chunks; i++) ranges[i].part = "dbo.\"Logs\"";
    return ledger_run_create(l, "", "plan", "identity", 1, run, &e) && ledger_table_plan(l, *run, &logs, ranges, chunks, &e);
}

static inline bool totals_are(struct ledger *l, int64_t run, int done, int64_t rows) {
    struct ledger_totals t;
    return ledger_totals(l, run, 0, &t, &e) && t.chunks_done == done && t.counts.rows_read == rows;
}

struct seen {
    int count, stop_after;
    size_t longest;
    char keys[400];
};

static inline bool see(void *context, const struct run_reject *r) {
    struct seen *s = context;
    size_t used = strlen(s->keys);
    snprintf(s->keys + used, sizeof s->keys - used, "%s:%s ", r->table, r->key);
    if (strlen(r->item) > s->longest) s->longest = strlen(r->item);
    return ++s->count != s->stop_after;
}

static inline struct seen all_rejects(struct ledger *l, int64_t run) {
    struct seen s = {0};
    OK(ledger_rejects(l, run, see, &s, &e));
    return s;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
