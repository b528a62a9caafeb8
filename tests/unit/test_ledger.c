/* The ledger: its verbs, and what it must hold under other processes, kills, full disks and foreign files.
 * Whatever a second process does, a forked child does: its body returns 0, or the line of the check that
 * failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/ledger.h"

#define NOBODY 65534
#define CHECK(x)                                                                                                                 \
    do {                                                                                                                         \
        if (!(x)) return __LINE__;                                                                                               \
    } while (0)
#define OK(call)                                                                                                                 \
    do {                                                                                                                         \
        if (!(call)) fail_msg("%s: %s", #call, e.text);                                                                          \
    } while (0)

static char folder[64], home[80], path[128]; /* the test's own folder, .hlua in it, the ledger in that */
static struct error e;
static struct arena *arena;

/* ---- the place of a test */

static int set_up(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test-ledger-XXXXXX");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(home, sizeof home, "%s/.hlua", folder);
    snprintf(path, sizeof path, "%s/plan.db", home);
    arena = arena_new();
    e = (struct error){0};
    return arena ? 0 : -1;
}

static int remove_one(const char *name, const struct stat *st, int type, struct FTW *at) {
    (void)st, (void)type, (void)at;
    return remove(name);
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *beside(const char *suffix) {
    static char name[256];
    snprintf(name, sizeof name, "%s%s", path, suffix);
    return name;
}

static int mode_of(const char *name) {
    struct stat st;
    return stat(name, &st) == 0 ? (int)(st.st_mode & 07777) : -1;
}

static int files_in(const char *name) {
    DIR *d = opendir(name);
    if (d == NULL) return -1;
    int n = 0;
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2;
}

static void write_file(const char *name, const void *data, size_t n) {
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* Sets a big-endian number in the header of the database (SQLite's file format, 1.3). */
static void patch(long offset, unsigned value) {
    unsigned char bytes[4] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16), (unsigned char)(value >> 8),
                              (unsigned char)value};
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, offset, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 4, f), 4);
    assert_int_equal(fclose(f), 0);
}

static struct ledger *open_or_fail(enum ledger_mode mode) {
    struct ledger *l = ledger_open(path, mode, &e);
    if (l == NULL) fail_msg("open: %s", e.text);
    return l;
}

/* ---- other processes */

static pid_t start_child(int (*body)(void)) {
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int line = body();
        if (line) fprintf(stderr, "the check in line %d failed: %s (%s)\n", line, e.text, e.code);
        _exit(line ? 1 : 0);
    }
    return pid;
}

static int wait_child(pid_t pid) {
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void in_child(int (*body)(void)) {
    assert_int_equal(wait_child(start_child(body)), 0);
}

static int ready[2]; /* a pipe on which a child says that it has come so far */

static void say_ready(void) {
    if (write(ready[1], "x", 1) != 1) _exit(2);
}

static void wait_ready(void) {
    char x;
    assert_int_equal(read(ready[0], &x, 1), 1);
}

/* ---- data */

static const struct ledger_table logs = {
    .number = 0, .name = "logs", .from = "dbo.\"Logs\"", .to = "Logs", .rows_estimated = 30, .resumable = true};

/* Counters of a chunk, different in each place and adding up. */
static struct run_counts counts_of(int i, int rejected) {
    return (struct run_counts){.rows_read = 100 + 7 * i,
                               .rows_written = 90 + 7 * i - rejected,
                               .rows_rejected = rejected,
                               .rows_filtered = 6,
                               .rows_superseded = 4,
                               .items_written = 200 + i,
                               .bytes = INT64_C(5000000000) + i,
                               .write_units = 300 + i};
}

static bool plan_run(struct ledger *l, int chunks, int64_t *run) {
    struct pg_range ranges[64] = {{0}};
    for (int i = 0; i < chunks; i++)
        ranges[i].part = "dbo.\"Logs\"";
    return ledger_run_create(l, "", "plan", "identity", 1, run, &e) && ledger_table_plan(l, *run, &logs, ranges, chunks, &e);
}

static bool totals_are(struct ledger *l, int64_t run, int done, int64_t rows) {
    struct ledger_totals t;
    return ledger_totals(l, run, 0, &t, &e) && t.chunks_done == done && t.counts.rows_read == rows;
}

struct seen {
    int count, stop_after;
    size_t longest;
    char keys[400];
};

static bool see(void *context, const struct run_reject *r) {
    struct seen *s = context;
    size_t used = strlen(s->keys);
    snprintf(s->keys + used, sizeof s->keys - used, "%s:%s ", r->table, r->key);
    if (strlen(r->item) > s->longest) s->longest = strlen(r->item);
    return ++s->count != s->stop_after;
}

static struct seen all_rejects(struct ledger *l, int64_t run) {
    struct seen s = {0};
    OK(ledger_rejects(l, run, see, &s, &e));
    return s;
}

/* ---- the verbs */

static void makes_its_files(void **state) {
    (void)state;
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    assert_int_equal(mode_of(home), 0700);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(mode_of(beside("-wal")), 0600);
    assert_int_equal(mode_of(beside("-shm")), 0600);
    assert_int_equal(mode_of(beside(".lock")), 0600);
    ledger_close(l);
    assert_int_equal(mode_of(path), 0600);
    ledger_close(NULL);

    assert_int_equal(chmod(home, 0750), 0); /* a folder that is there stays as it is */
    ledger_close(open_or_fail(LEDGER_WRITE));
    assert_int_equal(mode_of(home), 0750);
}

static void makes_no_parents(void **state) {
    (void)state;
    char deep[128];
    snprintf(deep, sizeof deep, "%s/no/such/plan.db", folder);
    assert_null(ledger_open(deep, LEDGER_WRITE, &e));
    assert_int_equal(e.kind, ERROR_LOCAL);
    assert_non_null(strstr(e.text, deep));
    assert_non_null(strstr(e.hint, "/no/such"));
    assert_int_equal(files_in(folder), 0);
}

static void names_of_any_kind(void **state) {
    (void)state;
    static const char *const names[] = {":memory:", "a b%20?x=1#é'\".db", "plan.db"};
    char was[256];
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(folder), 0);
    for (int i = 0; i < 3; i++) {
        struct ledger *l = ledger_open(names[i], LEDGER_WRITE, &e);
        assert_non_null(l);
        ledger_close(l);
        assert_int_equal(mode_of(names[i]), 0600);
        for (int alone = 0; alone < 2; alone++) {
            l = ledger_open(names[i], LEDGER_READ, &e);
            if (l == NULL) fail_msg("%s", e.text);
            ledger_close(l);
            snprintf(path, sizeof path, "%s", names[i]);
            if (!alone) assert_int_equal(unlink(beside("-wal")) | unlink(beside("-shm")), 0);
        }
    }
    assert_int_equal(chdir(was), 0);
    assert_null(ledger_open("", LEDGER_WRITE, &e));
    char long_name[5000];
    memset(long_name, 'x', sizeof long_name);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = 0;
    assert_null(ledger_open(long_name, LEDGER_READ, &e));
    assert_int_equal(e.kind, ERROR_LOCAL);
}

static void reads_nothing_where_nothing_is(void **state) {
    (void)state;
    assert_null(ledger_open(path, LEDGER_READ, &e));
    assert_string_equal(e.code, "absent");
    assert_int_equal(files_in(folder), 0);
    snprintf(path, sizeof path, "%s/plan.db", folder);
    write_file(path, "", 0); /* a run that was killed at once */
    assert_null(ledger_open(path, LEDGER_READ, &e));
    assert_string_equal(e.code, "absent");
    assert_int_equal(files_in(folder), 1);
    ledger_close(open_or_fail(LEDGER_WRITE));
    ledger_close(open_or_fail(LEDGER_READ));
}

static void keeps_runs(void **state) {
    (void)state;
    static const char identity[] = "a = 'it''s'\nb = \"ключ\"; DROP TABLE run; --\nc = %s ?1 \xf0\x9f\x98\x80";
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct ledger_run r;
    bool found = true;
    int64_t full, part;
    OK(ledger_run_find(l, "", &r, &found, arena, &e));
    assert_false(found);
    OK(ledger_run_create(l, "", "plan", identity, UINT64_MAX - 5, &full, &e));
    OK(ledger_run_create(l, "where \"A\" = 'x'", "plan", "other", 7, &part, &e));
    assert_false(ledger_run_create(l, "", "plan", identity, 1, &full, &e)); /* one run a key */
    assert_int_equal(e.kind, ERROR_LOCAL);
    OK(ledger_run_resumed(l, full, &e));
    OK(ledger_run_finish(l, full, &e));
    ledger_close(l);

    l = open_or_fail(LEDGER_WRITE);
    OK(ledger_run_find(l, "", &r, &found, arena, &e));
    assert_true(found && r.finished && r.id == full && r.resumes == 1 && r.seed == UINT64_MAX - 5);
    assert_string_equal(r.identity, identity);
    assert_int_equal(strlen(r.started), strlen("2025-01-01T00:00:00Z"));
    assert_true(strcmp(r.started, r.updated) <= 0);
    OK(ledger_run_resumed(l, full, &e));
    OK(ledger_run_find(l, "", &r, &found, arena, &e));
    assert_true(!r.finished && r.resumes == 2);
    OK(ledger_run_forget(l, full, &e));
    OK(ledger_run_find(l, "", &r, &found, arena, &e));
    assert_false(found);
    OK(ledger_run_find(l, "where \"A\" = 'x'", &r, &found, arena, &e));
    assert_true(found && r.id == part && r.seed == 7);
    assert_false(ledger_run_resumed(l, 999, &e));
    assert_false(ledger_run_finish(l, 999, &e));
    ledger_close(l);
}

static void keeps_tables_and_chunks(void **state) {
    (void)state;
    const struct pg_range ranges[] = {{.part = "\"a\".\"b'c\"", .lower = NULL, .upper = "[\"10\"]"},
                                      {.part = "\"p\"", .lower = "[\"10\",\"é\"]", .upper = NULL, .lower_exclusive = true},
                                      {.part = NULL}};
    const struct ledger_table query = {.number = 1, .name = "a query", .from = NULL, .to = "T2", .rows_estimated = 1e12};
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct ledger_table *tables;
    struct ledger_chunk *chunks;
    int64_t run;
    int n;
    OK(ledger_run_create(l, "", "plan", "i", 1, &run, &e));
    OK(ledger_tables(l, run, arena, &tables, &n, &e));
    assert_int_equal(n, 0);
    OK(ledger_table_plan(l, run, &query, NULL, 0, &e));
    OK(ledger_table_plan(l, run, &logs, ranges, 3, &e));
    assert_false(ledger_table_plan(l, run, &logs, ranges, 2, &e)); /* twice: refused whole */
    assert_false(ledger_table_plan(l, run + 1, &query, ranges, 1, &e));
    OK(ledger_tables(l, run, arena, &tables, &n, &e));
    assert_int_equal(n, 2);
    assert_string_equal(tables[0].name, "logs");
    assert_string_equal(tables[0].from, "dbo.\"Logs\"");
    assert_string_equal(tables[0].to, "Logs");
    assert_true(tables[0].resumable && !tables[1].resumable && tables[1].from == NULL && tables[1].number == 1);
    assert_true(tables[1].rows_estimated == 1e12);

    OK(ledger_chunks(l, run, 0, arena, &chunks, &n, &e));
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++)
        assert_true(chunks[i].number == i && !chunks[i].done);
    assert_string_equal(chunks[0].range.part, "\"a\".\"b'c\"");
    assert_string_equal(chunks[0].range.upper, "[\"10\"]");
    assert_true(chunks[0].range.lower == NULL && !chunks[0].range.lower_exclusive);
    assert_string_equal(chunks[1].range.lower, "[\"10\",\"é\"]");
    assert_true(chunks[1].range.upper == NULL && chunks[1].range.lower_exclusive);
    assert_string_equal(chunks[2].range.part, "");

    const struct run_counts c = counts_of(1, 1);
    const struct ledger_reject bad = {.key = "Id=1"};
    OK(ledger_chunk_done(l, run, 0, 2, &c, "1:1:", 0.5, &bad, 1, &e));
    OK(ledger_table_forget(l, run, 0, &e));
    OK(ledger_chunks(l, run, 0, arena, &chunks, &n, &e));
    assert_int_equal(n, 0);
    assert_int_equal(all_rejects(l, run).count, 0);
    OK(ledger_table_plan(l, run, &logs, ranges, 1, &e)); /* starts over */
    assert_true(totals_are(l, run, 0, 0));
    ledger_close(l);
}

static void totals_are_sums(void **state) {
    (void)state;
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct run_counts want = {0};
    struct ledger_totals t;
    int64_t run;
    assert_true(plan_run(l, 40, &run));
    for (int i = 0; i < 40; i += 2) {
        struct run_counts wrong = counts_of(500 + i, 0), c = counts_of(i, 3);
        OK(ledger_chunk_done(l, run, 0, i, &wrong, "9:9:", 1, NULL, 0, &e)); /* ended again: replaced, not added */
        OK(ledger_chunk_done(l, run, 0, i, &c, i < 10 ? "1:1:" : "2:2:", 1, NULL, 0, &e));
        want.rows_read += c.rows_read;
        want.rows_written += c.rows_written;
        want.rows_rejected += c.rows_rejected;
        want.rows_filtered += c.rows_filtered;
        want.rows_superseded += c.rows_superseded;
        want.items_written += c.items_written;
        want.bytes += c.bytes;
        want.write_units += c.write_units;
    }
    OK(ledger_totals(l, run, 0, &t, &e));
    assert_memory_equal(&t.counts, &want, sizeof want);
    assert_true(t.counts.rows_read ==
                t.counts.rows_written + t.counts.rows_rejected + t.counts.rows_filtered + t.counts.rows_superseded);
    assert_true(t.chunks == 40 && t.chunks_done == 20 && t.snapshots == 2);
    OK(ledger_totals(l, run, 5, &t, &e));
    assert_true(t.chunks == 0 && t.counts.rows_read == 0);
    struct run_counts none = {0};
    assert_false(ledger_chunk_done(l, run, 0, 40, &none, NULL, 0, NULL, 0, &e));
    assert_false(ledger_chunk_rejects(l, run, 0, 40, &(struct ledger_reject){.key = "k"}, 1, &e));
    assert_true(totals_are(l, run, 20, want.rows_read));
    ledger_close(l);
}

static void rejects_are_replaced(void **state) {
    (void)state;
    const struct ledger_table second = {.number = 1, .name = "Zahlungen", .to = "T"};
    const struct pg_range range = {0};
    struct ledger_reject r[3] = {{"Id=1", "key-empty", "the key \"PK\" is ''", "{\"PK\":{\"S\":\"\"}}"},
                                 {"Name=O'Neil,Ort=Köln", "target-refused", NULL, NULL},
                                 {"Id=3", "item-size", "too large", NULL}};
    char *large = malloc(400 * 1024 + 1);
    assert_non_null(large);
    memset(large, 'x', 400 * 1024);
    large[400 * 1024] = 0;
    r[2].item = large;

    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct run_counts c = counts_of(0, 2);
    int64_t run;
    assert_true(plan_run(l, 3, &run));
    OK(ledger_table_plan(l, run, &second, &range, 1, &e));
    OK(ledger_chunk_done(l, run, 1, 0, &c, "1:1:", 1, &r[0], 1, &e));
    OK(ledger_chunk_rejects(l, run, 0, 2, r, 3, &e));
    OK(ledger_chunk_done(l, run, 0, 1, &c, "1:1:", 1, &r[1], 2, &e));
    struct seen s = all_rejects(l, run);
    assert_string_equal(s.keys, "logs:Name=O'Neil,Ort=Köln logs:Id=3 logs:Id=1 logs:Name=O'Neil,Ort=Köln logs:Id=3 "
                                "Zahlungen:Id=1 ");
    assert_int_equal(s.longest, 400 * 1024);
    assert_true(totals_are(l, run, 1, 100)); /* kept rejects of a chunk that could not be ended do not end it */

    OK(ledger_chunk_done(l, run, 0, 2, &c, "1:1:", 1, r, 2, &e));
    OK(ledger_chunk_done(l, run, 0, 1, &c, "1:1:", 1, NULL, 0, &e));
    s = all_rejects(l, run);
    assert_string_equal(s.keys, "logs:Id=1 logs:Name=O'Neil,Ort=Köln Zahlungen:Id=1 ");
    s = (struct seen){.stop_after = 2};
    OK(ledger_rejects(l, run, see, &s, &e));
    assert_int_equal(s.count, 2);
    assert_int_equal(all_rejects(l, run + 1).count, 0);
    assert_int_equal(all_rejects(l, run).count, 3); /* a walk that was stopped leaves nothing open */
    ledger_close(l);
    free(large);
}

static bool see_whole(void *context, const struct run_reject *r) {
    *(bool *)context = strcmp(r->reason, "a-b") == 0 && strcmp(r->message, "m \"1\" 'ü'") == 0 &&
                       strcmp(r->item, "{\"A\":{\"S\":\"\\n\"}}") == 0 && strlen(r->at) == 20 && r->at[19] == 'Z';
    return true;
}

static void a_reject_is_whole(void **state) {
    (void)state;
    const struct ledger_reject r = {"k", "a-b", "m \"1\" 'ü'", "{\"A\":{\"S\":\"\\n\"}}"};
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    bool whole = false;
    int64_t run;
    assert_true(plan_run(l, 1, &run));
    OK(ledger_chunk_rejects(l, run, 0, 0, &r, 1, &e));
    OK(ledger_rejects(l, run, see_whole, &whole, &e));
    assert_true(whole);
    ledger_close(l);
}

static void targets_outlive_runs(void **state) {
    (void)state;
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    const char *id;
    int64_t run;
    assert_true(plan_run(l, 1, &run));
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &id, &e));
    assert_null(id);
    OK(ledger_target_claim(l, "123/eu-west-1/Logs", "uuid-1", &e));
    OK(ledger_target_claim(l, "http://127.0.0.1:1/x/T'2", NULL, &e));
    OK(ledger_run_forget(l, run, &e));
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &id, &e));
    assert_string_equal(id, "uuid-1");
    OK(ledger_target_claim(l, "123/eu-west-1/Logs", "uuid-2", &e)); /* deleted and made again */
    ledger_close(l);
    l = open_or_fail(LEDGER_READ);
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &id, &e));
    assert_string_equal(id, "uuid-2");
    OK(ledger_target_find(l, "http://127.0.0.1:1/x/T'2", arena, &id, &e));
    assert_string_equal(id, "");
    assert_false(ledger_target_claim(l, "x", "y", &e)); /* a reader does not write */
    assert_int_equal(e.kind, ERROR_LOCAL);
    ledger_close(l);
}

/* ---- other processes */

static int hold_and_write(void) {
    struct ledger *l = ledger_open(path, LEDGER_WRITE, &e);
    struct run_counts c = counts_of(0, 0);
    int64_t run;
    CHECK(l && plan_run(l, 3, &run));
    CHECK(ledger_chunk_done(l, run, 0, 0, &c, "1:1:", 1, NULL, 0, &e));
    say_ready();
    pause();
    return __LINE__;
}

static void one_writer_at_a_time(void **state) {
    (void)state;
    struct ledger_owner o;
    char host[128], pid_text[32];
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(gethostname(host, sizeof host), 0);
    pid_t pid = start_child(hold_and_write);
    snprintf(pid_text, sizeof pid_text, "process %d on ", (int)pid);
    wait_ready();

    assert_null(ledger_open(path, LEDGER_WRITE, &e));
    assert_int_equal(e.kind, ERROR_LOCAL);
    assert_string_equal(e.code, "busy");
    assert_non_null(strstr(e.text, path));
    assert_non_null(strstr(e.text, pid_text));
    assert_non_null(strstr(e.text, host));
    assert_non_null(strstr(e.hint, "status"));

    struct ledger *reader = open_or_fail(LEDGER_READ);
    OK(ledger_owner(reader, &o, &e));
    assert_true(o.alive && o.pid == pid && strlen(o.since) == 20);
    assert_string_equal(o.host, host);

    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(WIFSIGNALED(wait_child(pid)));
    OK(ledger_owner(reader, &o, &e));
    assert_true(!o.alive && o.pid == pid);
    assert_true(totals_are(reader, 1, 1, 100)); /* what was saved is there, with the log of the killed owner */
    ledger_close(reader);
    int before = files_in(home);
    reader = open_or_fail(LEDGER_READ);
    assert_true(totals_are(reader, 1, 1, 100));
    assert_int_equal(files_in(home), before);

    struct ledger *l = open_or_fail(LEDGER_WRITE);
    OK(ledger_owner(l, &o, &e));
    assert_true(o.alive && o.pid == getpid());
    assert_true(totals_are(l, 1, 1, 100));
    OK(ledger_owner(reader, &o, &e));
    assert_true(o.alive && o.pid == getpid());
    ledger_close(l);
    ledger_close(reader);
    close(ready[0]);
    close(ready[1]);
}

static int rounds; /* how many chunks write_chunks ends */

static int write_chunks(void) {
    struct ledger *l = ledger_open(path, LEDGER_WRITE, &e);
    struct run_counts c = {.rows_read = 10, .rows_written = 9, .rows_rejected = 1};
    static char item[8000];
    memset(item, 'i', sizeof item - 1);
    const struct ledger_reject r = {"Id=1", "reason", "message", item};
    CHECK(l);
    say_ready();
    for (int i = 0; i < rounds; i++)
        CHECK(ledger_chunk_done(l, 1, 0, i % 50, &c, "1:1:", 1, &r, 1, &e));
    ledger_close(l);
    return 0;
}

/* What holds after each transaction: as many rejects listed as counted, and 10 rows a chunk. */
static void assert_even(struct ledger *l) {
    struct ledger_totals t;
    OK(ledger_totals(l, 1, 0, &t, &e));
    assert_int_equal(t.counts.rows_read, 10 * t.chunks_done);
    assert_int_equal(t.counts.rows_rejected, t.chunks_done);
}

static void prepare_run(int chunks) {
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    int64_t run;
    assert_true(plan_run(l, chunks, &run));
    ledger_close(l);
}

static void readers_see_whole_transactions(void **state) {
    (void)state;
    prepare_run(50);
    rounds = 400;
    assert_int_equal(pipe(ready), 0);
    int status;
    pid_t pid = start_child(write_chunks);
    wait_ready();
    struct ledger *stays = open_or_fail(LEDGER_READ);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        struct ledger *again = open_or_fail(LEDGER_READ);
        assert_even(stays);
        assert_even(again);
        ledger_close(again);
    }
    assert_int_equal(status, 0);
    assert_true(totals_are(stays, 1, 50, 500));
    assert_int_equal(all_rejects(stays, 1).count, 50);
    ledger_close(stays);
    close(ready[0]);
    close(ready[1]);
}

static void survives_kills(void **state) {
    (void)state;
    prepare_run(50);
    rounds = INT32_MAX;
    assert_int_equal(pipe(ready), 0);
    for (int i = 0; i < 20; i++) {
        pid_t pid = start_child(write_chunks);
        if (i % 5) wait_ready(); /* else also while it opens */
        usleep((useconds_t)(i * 1700));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_true(WIFSIGNALED(wait_child(pid)));
        if (i % 5 == 0) { /* it may have said so before it died */
            char x;
            assert_int_equal(fcntl(ready[0], F_SETFL, O_NONBLOCK), 0);
            while (read(ready[0], &x, 1) == 1)
                continue;
            assert_int_equal(fcntl(ready[0], F_SETFL, 0), 0);
        }
        struct ledger *l = open_or_fail(i % 2 ? LEDGER_READ : LEDGER_WRITE);
        struct ledger_totals t;
        assert_even(l);
        OK(ledger_totals(l, 1, 0, &t, &e));
        assert_int_equal(all_rejects(l, 1).count, t.chunks_done);
        ledger_close(l);
    }
    close(ready[0]);
    close(ready[1]);
}

/* ---- readers leave no trace */

static void readers_make_no_files(void **state) {
    (void)state;
    prepare_run(3);
    for (int i = 0; i < 3; i++) {
        int before = files_in(home);
        struct ledger *l = open_or_fail(LEDGER_READ);
        assert_true(totals_are(l, 1, 0, 0));
        ledger_close(l);
        assert_int_equal(files_in(home), before);
        if (i == 0) unlink(beside("-wal"));
        if (i == 1) unlink(beside("-shm")), unlink(beside(".lock")); /* the file alone: a copy */
    }
    assert_int_equal(files_in(home), 1);
    write_file(beside("-wal"), "something", 9); /* a log without its index cannot be read without making one */
    assert_null(ledger_open(path, LEDGER_READ, &e));
    assert_string_equal(e.code, "damaged");
    assert_int_equal(files_in(home), 2);
}

static int as_nobody(void) {
    if (geteuid() == 0) CHECK(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
    return 0;
}

static int write_in_closed_folder(void) {
    CHECK(as_nobody() == 0);
    CHECK(ledger_open(path, LEDGER_WRITE, &e) == NULL);
    CHECK(e.kind == ERROR_LOCAL && strcmp(e.code, "unwritable") == 0 && strstr(e.text, path) && strstr(e.hint, "--ledger"));
    snprintf(path, sizeof path, "%s/.hlua/plan.db", folder); /* nor can the folder be made */
    CHECK(ledger_open(path, LEDGER_WRITE, &e) == NULL && strcmp(e.code, "unwritable") == 0);
    CHECK(ledger_open(path, LEDGER_READ, &e) == NULL && strcmp(e.code, "absent") == 0);
    return 0;
}

static int read_in_closed_folder(void) {
    struct ledger_owner o;
    CHECK(as_nobody() == 0);
    struct ledger *l = ledger_open(path, LEDGER_READ, &e);
    CHECK(l && totals_are(l, 1, 0, 0) && ledger_owner(l, &o, &e) && !o.alive);
    ledger_close(l);
    return 0;
}

static int refused_unreadable(void) {
    CHECK(as_nobody() == 0);
    for (int mode = 0; mode < 2; mode++) {
        CHECK(ledger_open(path, mode ? LEDGER_READ : LEDGER_WRITE, &e) == NULL);
        CHECK(e.kind == ERROR_LOCAL && strcmp(e.code, "unwritable") == 0 && strstr(e.text, path));
    }
    return 0;
}

static void read_only_folder(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/plan.db", folder);
    assert_int_equal(chmod(folder, 0555), 0);
    in_child(write_in_closed_folder);

    assert_int_equal(chmod(folder, 0755), 0);
    prepare_run(2);
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (int i = 0; i < 4; i++)
        assert_int_equal(chmod(beside(suffixes[i]), 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    in_child(read_in_closed_folder);
    assert_int_equal(chmod(folder, 0755), 0);
    assert_int_equal(unlink(beside("-wal")) | unlink(beside("-shm")), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    in_child(read_in_closed_folder);
    assert_int_equal(chmod(path, 0), 0);
    in_child(refused_unreadable);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* ---- a full disk */

static void limit_files(rlim_t bytes) {
    struct rlimit r;
    getrlimit(RLIMIT_FSIZE, &r);
    r.rlim_cur = bytes < r.rlim_max ? bytes : r.rlim_max;
    setrlimit(RLIMIT_FSIZE, &r);
}

static int full_in_a_chunk(void) {
    static char item[300 * 1024];
    struct run_counts first = counts_of(0, 0), second = counts_of(1, 1);
    struct ledger_totals t;
    struct stat st;
    int64_t run;
    memset(item, 'x', sizeof item - 1);
    const struct ledger_reject r = {"Id=7", "item-size", "too large", item};
    signal(SIGXFSZ, SIG_IGN);
    struct ledger *l = ledger_open(path, LEDGER_WRITE, &e);
    CHECK(l && plan_run(l, 3, &run) && ledger_chunk_done(l, run, 0, 0, &first, "1:1:", 1, NULL, 0, &e));
    CHECK(stat(beside("-wal"), &st) == 0);
    limit_files((rlim_t)st.st_size + 100 * 1024);
    for (int i = 0; i < 3; i++) {
        CHECK(!ledger_chunk_done(l, run, 0, 1, &second, "1:1:", 1, &r, 1, &e));
        CHECK(e.kind == ERROR_LOCAL && strcmp(e.code, "full") == 0 && strstr(e.text, path) && e.hint[0]);
        CHECK(totals_are(l, run, 1, first.rows_read));
    }
    ledger_close(l);
    l = ledger_open(path, LEDGER_READ, &e); /* still limited */
    CHECK(l && totals_are(l, run, 1, first.rows_read));
    ledger_close(l);
    limit_files(RLIM_INFINITY);
    l = ledger_open(path, LEDGER_WRITE, &e);
    CHECK(l && totals_are(l, run, 1, first.rows_read));
    CHECK(ledger_chunk_done(l, run, 0, 1, &second, "1:1:", 1, &r, 1, &e));
    CHECK(ledger_totals(l, run, 0, &t, &e) && t.chunks_done == 2 && t.counts.rows_rejected == 1);
    ledger_close(l);
    return 0;
}

/* Whatever the limit, from nothing on: each call works or says "full", and what it said to be done is there
 * afterwards. */
static int full_at_each_size(void) {
    static char item[30 * 1024];
    memset(item, 'x', sizeof item - 1);
    const struct ledger_reject r = {"Id=7", "item-size", "too large", item};
    struct run_counts c = {.rows_read = 10, .rows_written = 9, .rows_rejected = 1};
    int refused = 0, complete = 0;
    signal(SIGXFSZ, SIG_IGN);
    for (int kb = 0; kb <= 900; kb += kb < 160 ? 7 : 60) {
        int64_t run = 0;
        int done = 0;
        snprintf(path, sizeof path, "%s/%d.db", folder, kb); /* a ledger of its own */
        limit_files((rlim_t)kb * 1024 + (kb % 3 ? 100 : 0));
        struct ledger *l = ledger_open(path, LEDGER_WRITE, &e);
        if (l && plan_run(l, 10, &run)) {
            while (done < 10 && ledger_chunk_done(l, run, 0, done, &c, "1:1:", 1, &r, 1, &e))
                done++;
        }
        if (done < 10) CHECK(strcmp(e.code, "full") == 0 && e.kind == ERROR_LOCAL);
        done == 10 ? complete++ : refused++;
        if (l && run) CHECK(totals_are(l, run, done, 10 * done));
        ledger_close(l);
        limit_files(RLIM_INFINITY);
        l = ledger_open(path, LEDGER_WRITE, &e);
        CHECK(l);
        if (run) CHECK(totals_are(l, run, done, 10 * done));
        ledger_close(l);
    }
    CHECK(refused > 10 && complete > 3);
    return 0;
}

static void full_disk(void **state) {
    (void)state;
    in_child(full_in_a_chunk);
    in_child(full_at_each_size);
}

/* ---- files that are not ours, or no longer whole */

static void assert_refused(const char *code) {
    for (int mode = 0; mode < 2; mode++) {
        e = (struct error){0};
        assert_null(ledger_open(path, mode ? LEDGER_READ : LEDGER_WRITE, &e));
        assert_int_equal(e.kind, ERROR_LOCAL);
        assert_string_equal(e.code, code);
        assert_non_null(strstr(e.text, path));
        assert_true(e.hint[0] != 0);
    }
}

static void foreign_files(void **state) {
    (void)state;
    char text[2000], now[2000];
    snprintf(path, sizeof path, "%s/plan.lua", folder);
    memset(text, 'a', sizeof text);
    for (size_t n = 2; n <= sizeof text; n += 37) { /* SQLite takes a file of one byte for an empty one */
        write_file(path, text, n);
        assert_refused("not-a-ledger");
        assert_int_equal(files_in(folder), 1); /* nothing is left beside it */
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(now, 1, sizeof now, f);
    assert_memory_equal(now, text, n);
    fclose(f);

    snprintf(path, sizeof path, "%s/folder", folder);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("unwritable");

    snprintf(path, sizeof path, "%s/other.db", folder);
    prepare_run(1);
    patch(68, 0x12345678); /* application_id */
    assert_refused("not-a-ledger");
    patch(68, 0);
    patch(60, 0); /* user_version: an ordinary database with tables */
    assert_refused("not-a-ledger");
    patch(68, 0x686c7561);
    patch(60, 2);
    assert_refused("newer");
    assert_non_null(strstr(e.text, "version 2"));
    patch(60, 1);
    ledger_close(open_or_fail(LEDGER_WRITE));
}

static void truncated_files(void **state) {
    (void)state;
    struct stat st;
    prepare_run(50);
    assert_int_equal(stat(path, &st), 0);
    char *whole = malloc((size_t)st.st_size);
    assert_non_null(whole);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(whole, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    for (off_t n = 2; n < st.st_size; n += n < 600 ? 41 : 997) {
        for (int mode = 0; mode < 2; mode++) {
            write_file(path, whole, (size_t)n);
            e = (struct error){0};
            if (ledger_open(path, mode ? LEDGER_READ : LEDGER_WRITE, &e))
                fail_msg("opened with %ld of %ld bytes", (long)n, (long)st.st_size);
            assert_int_equal(e.kind, ERROR_LOCAL);
            if (strcmp(e.code, "damaged") != 0 && strcmp(e.code, "not-a-ledger") != 0)
                fail_msg("%ld: %s: %s", (long)n, e.code, e.text);
        }
    }
    write_file(path, whole, (size_t)st.st_size);
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    assert_true(totals_are(l, 1, 0, 0));
    ledger_close(l);
    free(whole);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(makes_its_files),   TEST(makes_no_parents),        TEST(names_of_any_kind),    TEST(reads_nothing_where_nothing_is),
        TEST(keeps_runs),        TEST(keeps_tables_and_chunks), TEST(totals_are_sums),      TEST(rejects_are_replaced),
        TEST(a_reject_is_whole), TEST(targets_outlive_runs),    TEST(one_writer_at_a_time), TEST(readers_see_whole_transactions),
        TEST(survives_kills),    TEST(readers_make_no_files),   TEST(read_only_folder),     TEST(full_disk),
        TEST(foreign_files),     TEST(truncated_files),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
