/* The ledger: its files and its verbs. What it holds under other processes and faults is in test_ledger_faults.c. */
#include "ledger_place.h"

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
    for (int i = 0; i < n; i++) assert_true(chunks[i].number == i && !chunks[i].done);
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

/* Three rejects of a done chunk: one is mended, one rejected anew, one gone. */
static void rejects_are_mended(void **state) {
    (void)state;
    const struct ledger_reject r[3] = {{"Id=1", "number", "one", NULL, "[\"1\"]"},
                                       {"Id=2", "number", "two", NULL, NULL},
                                       {"Id=3", "number", "three", NULL, "[\"3\"]"}};
    const struct ledger_reject again = {"Id=1", "json", "anew", NULL, "[\"1\"]"};
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct run_counts c = counts_of(0, 3),
                      n = {.rows_read = 2, .rows_written = 1, .rows_rejected = 1, .items_written = 2, .bytes = 50};
    struct ledger_listed *listed;
    struct ledger_retry *retries;
    struct ledger_totals t;
    int64_t run;
    int count, number;
    assert_true(plan_run(l, 2, &run));
    OK(ledger_chunk_rejects(l, run, 0, 0, r, 1, &e));
    OK(ledger_chunk_done(l, run, 0, 1, &c, "1:1:", 1, r, 3, &e));
    OK(ledger_listed(l, run, 0, arena, &listed, &count, &e));
    assert_int_equal(count, 4);
    assert_true(!listed[0].chunk_done && listed[1].chunk_done && listed[1].chunk == 1 && listed[3].number == 2);
    assert_string_equal(listed[3].bound, "[\"3\"]");
    assert_string_equal(listed[3].part, "dbo.\"Logs\"");
    assert_null(listed[2].bound);

    OK(ledger_retry_begin(l, run, true, &number, &e));
    const bool gone[3] = {false, false, true};
    struct ledger_mending m = {.retry = number,
                               .chunk = 1,
                               .rows = &listed[1],
                               .gone = gone,
                               .count = 3,
                               .counts = &n,
                               .rejects = &again,
                               .reject_count = 1};
    OK(ledger_mend(l, run, &m, &e));
    OK(ledger_totals(l, run, 0, &t, &e));
    assert_int_equal(t.counts.rows_read, c.rows_read);
    assert_int_equal(t.counts.rows_written, c.rows_written + 1);
    assert_int_equal(t.counts.rows_rejected, 2);
    assert_int_equal(t.counts.items_written, c.items_written + 2);
    assert_string_equal(all_rejects(l, run).keys, "logs:Id=1 logs:Id=3 logs:Id=1 ");

    assert_false(ledger_mend(l, run, &m, &e)); /* those rejects are no more: nothing of it is kept */
    assert_string_equal(e.code, "refused");
    m.chunk = 0;
    assert_false(ledger_mend(l, run, &m, &e)); /* a chunk that is not done has no counters to correct */
    assert_string_equal(all_rejects(l, run).keys, "logs:Id=1 logs:Id=3 logs:Id=1 ");
    OK(ledger_retries(l, run, arena, &retries, &count, &e));
    assert_int_equal(count, 1);
    assert_true(retries[0].mapping_changed && retries[0].ended == NULL && retries[0].rows_read == 2 && retries[0].rows_gone == 1);
    OK(ledger_retry_end(l, run, number, &e));
    OK(ledger_retry_begin(l, run, false, &number, &e));
    assert_int_equal(number, 1);
    OK(ledger_retries(l, run, arena, &retries, &count, &e));
    assert_true(count == 2 && retries[0].ended != NULL && !retries[1].mapping_changed);
    OK(ledger_run_forget(l, run, &e));
    OK(ledger_retries(l, run, arena, &retries, &count, &e));
    assert_int_equal(count, 0);
    ledger_close(l);
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

static void target_tables_are_listed(void **state) {
    (void)state;
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    static const char *const names[] = {"Logs-2024-01", "Logs-2024-02", "logs"};
    const char **found;
    int64_t run;
    int count;
    assert_true(plan_run(l, 1, &run));
    OK(ledger_targets(l, run, 0, arena, &found, &count, &e));
    assert_int_equal(count, 0);
    OK(ledger_targets_list(l, run, 0, names, 3, &e));
    OK(ledger_targets_list(l, run, 1, names, 0, &e));
    OK(ledger_table_forget(l, run, 0, &e)); /* read again from the beginning, into the same tables */
    OK(ledger_targets(l, run, 0, arena, &found, &count, &e));
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) assert_string_equal(found[i], names[i]);
    assert_false(ledger_targets_list(l, run, 0, names, 1, &e)); /* listed twice */
    OK(ledger_run_forget(l, run, &e));
    OK(ledger_targets(l, run, 0, arena, &found, &count, &e));
    assert_int_equal(count, 0);
    ledger_close(l);
}

static bool claim(struct ledger *l, const char *target, const char *id, const char *first, const char *second) {
    const char *owns[] = {first, second};
    return ledger_target_claim(l, target, &(struct ledger_claim){id, owns, second ? 2 : 1}, &e);
}

static void targets_outlive_runs(void **state) {
    (void)state;
    struct ledger *l = open_or_fail(LEDGER_WRITE);
    struct ledger_claim found;
    int64_t run;
    assert_true(plan_run(l, 1, &run));
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &found, &e));
    assert_null(found.table_id);
    OK(claim(l, "123/eu-west-1/Logs", "uuid-1", "K#", NULL));
    OK(claim(l, "http://127.0.0.1:1/x/T'2", NULL, "", ""));
    OK(ledger_run_forget(l, run, &e));
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &found, &e));
    assert_string_equal(found.table_id, "uuid-1");
    assert_int_equal(found.owns_count, 1);
    assert_string_equal(found.owns[0], "K#");
    OK(claim(l, "123/eu-west-1/Logs", "uuid-2", "M", "L'")); /* deleted and made again */
    ledger_close(l);
    l = open_or_fail(LEDGER_READ);
    OK(ledger_target_find(l, "123/eu-west-1/Logs", arena, &found, &e));
    assert_string_equal(found.table_id, "uuid-2");
    assert_int_equal(found.owns_count, 2);
    assert_string_equal(found.owns[0], "L'");
    assert_string_equal(found.owns[1], "M");
    OK(ledger_target_find(l, "http://127.0.0.1:1/x/T'2", arena, &found, &e));
    assert_string_equal(found.table_id, "");
    assert_int_equal(found.owns_count, 1);
    assert_false(claim(l, "x", "y", "", NULL)); /* a reader does not write */
    assert_int_equal(e.kind, ERROR_LOCAL);
    ledger_close(l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(makes_its_files),
        TEST(makes_no_parents),
        TEST(names_of_any_kind),
        TEST(reads_nothing_where_nothing_is),
        TEST(keeps_runs),
        TEST(keeps_tables_and_chunks),
        TEST(totals_are_sums),
        TEST(rejects_are_replaced),
        TEST(a_reject_is_whole),
        TEST(targets_outlive_runs),
        TEST(target_tables_are_listed),
        TEST(rejects_are_mended),
    };
    return cmocka_run_group_tests_name("ledger", tests, NULL, NULL);
}
