/* What the ledger must hold under other processes, kills, full disks, closed folders and foreign files. Whatever a second process
 * does, a forked child does: its body returns 0, or the line of the check that failed. */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "ledger_place.h"

#define NOBODY 65534
#define CHECK(x)                                                                                                                 \
    do {                                                                                                                         \
        if (!(x)) return __LINE__;                                                                                               \
    } while (0)

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
    for (int i = 0; i < rounds; i++) CHECK(ledger_chunk_done(l, 1, 0, i % 50, &c, "1:1:", 1, &r, 1, &e));
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
            while (read(ready[0], &x, 1) == 1) continue;
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
    for (int i = 0; i < 4; i++) assert_int_equal(chmod(beside(suffixes[i]), 0444), 0);
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
            while (done < 10 && ledger_chunk_done(l, run, 0, done, &c, "1:1:", 1, &r, 1, &e)) done++;
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
    patch(60, 4);
    assert_refused("newer");
    assert_non_null(strstr(e.text, "version 4"));
    patch(60, 3);
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
    const struct CMUnitTest tests[] = {
        TEST(one_writer_at_a_time), TEST(readers_see_whole_transactions),
        TEST(survives_kills),       TEST(readers_make_no_files),
        TEST(read_only_folder),     TEST(full_disk),
        TEST(foreign_files),        TEST(truncated_files),
    };
    return cmocka_run_group_tests_name("ledger_faults", tests, NULL, NULL);
}
