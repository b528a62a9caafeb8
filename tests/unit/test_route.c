/* Which of its table's targets a row goes to, and the rows that have none. */
#include "rows.h"

#include "engine/route.h"

#define COUNT(a) (int)(sizeof(a) / sizeof(a)[0])

static const struct pg_column columns[] = {
    {.name = "service", .type = PG_TEXT},
    {.name = "at", .type = PG_TIMESTAMP},
};

static struct job job;
static struct job_table table;

static void open_table(const char *to, const char *const *names, int count) {
    struct template_problem problem;
    struct error err;
    job = (struct job){.arena = arena_new()};
    assert_non_null(job.arena);
    table = (struct job_table){.to = template_compile(job.arena, to, strlen(to), columns, COUNT(columns), &problem)};
    assert_non_null(table.to);
    assert_true(job_set_targets(&job, &table, names, count, &err));
}

/* Where a row goes: the name of its table, or the reason why to none. */
static const char *find(struct route *r, const char *service, int64_t at, char message[600]) {
    struct row row;
    struct job_target *target = NULL;
    struct map_reject why = {.reason = ""};
    row_begin(&row);
    service ? row_text(&row, service) : row_null(&row);
    row_int(&row, at, 8);
    enum map_result result = route_find(r, &row.row, &target, &why);
    row_free(&row);
    snprintf(message, 600, "%s", why.message);
    if (result == MAP_ITEM) return target->schema.name;
    assert_int_equal(result, MAP_REJECT);
    return why.reason;
}

static void rows_find_their_tables(void **state) {
    (void)state;
    static const char *const names[] = {"a-2000", "b-2000", "b-2001", "c-2000"};
    char message[600];
    open_table("{service}-{at:%Y}", names, COUNT(names));
    struct route *r = route_new(&table);
    assert_non_null(r);
    for (int turn = 0; turn < 2; turn++) { /* the last one is remembered: each comes after another */
        assert_string_equal(find(r, "a", 0, message), "a-2000");
        assert_string_equal(find(r, "b", 0, message), "b-2000");
        assert_string_equal(find(r, "b", 400 * US_DAY, message), "b-2001");
        assert_string_equal(find(r, "b", 401 * US_DAY, message), "b-2001");
        assert_string_equal(find(r, "c", 0, message), "c-2000");
        assert_string_equal(find(r, "a", 400 * US_DAY, message), REJECT_TABLE_UNLISTED);
        assert_string_equal(message, "to: the table a-2001 was not in the source when the run began");
        assert_string_equal(find(r, "b\n", 0, message), REJECT_TABLE_UNLISTED);
        assert_string_equal(message, "to: the table was not in the source when the run began"); /* its text is no name */
        assert_string_equal(find(r, NULL, 0, message), REJECT_TABLE_MISSING);
        assert_string_equal(find(r, "a", INT64_MAX, message), REJECT_VALUE);
        assert_string_equal(message, "to: column at is infinity, which has no text");
    }
    route_free(r);
    arena_free(job.arena);
}

static void no_tables(void **state) {
    (void)state;
    char message[600];
    open_table("{service}", NULL, 0);
    struct route *r = route_new(&table);
    assert_string_equal(find(r, "abc", 0, message), REJECT_TABLE_UNLISTED);
    route_free(r);
    route_free(NULL);
    arena_free(job.arena);
}

static void targets_are_numbered_through(void **state) {
    (void)state;
    static const char *const names[] = {"abc", "abd"};
    struct error err;
    open_table("{service}", names, 2);
    struct job_table second = {0};
    assert_true(job_set_targets(&job, &second, names, 2, &err));
    assert_int_equal(job.target_count, 4);
    assert_int_equal(second.targets[1].number, 3);
    assert_true(second.targets[1].seed == table.targets[1].seed && second.targets[0].seed != second.targets[1].seed);
    assert_ptr_equal(second.targets[0].table, &second);
    arena_free(job.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_find_their_tables),
        cmocka_unit_test(no_tables),
        cmocka_unit_test(targets_are_numbered_through),
    };
    return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
