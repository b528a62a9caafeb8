/* The compiler of mappings: which columns are read, how keys are bound, what is refused and in which words, what is shared. */
#include "logs_mapping.h"

#include "mapping/program_ops.h"

static struct arena *arena;
static struct logs l;
static struct error err;

static const struct program *program(void) {
    const struct program *p = logs_compile(&l, arena, &err);
    if (p == NULL) fail_msg("%s", err.text);
    return p;
}

/* Its first item. */
static const struct item_program *compiled(void) {
    return &program()->items[0];
}

static void refused(const char *text, const char *hint) {
    err = (struct error){0};
    if (logs_compile(&l, arena, &err)) fail_msg("taken, not: %s", text);
    assert_int_equal(err.kind, ERROR_PLAN);
    if (!strstr(err.text, text) || !strstr(err.hint, hint)) fail_msg("%s (%s)", err.text, err.hint);
}

static const struct op *op_named(const struct item_program *p, const char *name) {
    for (int i = 0; i < p->op_count; i++) {
        if (strcmp(p->ops[i].name, name) == 0) return &p->ops[i];
    }
    return NULL;
}

/* --- which columns are read --- */

static void columns_in_use(void **state) {
    (void)state;
    bool used[COLUMN_COUNT];
    l.spec.columns = (struct columns_spec){0};
    l.spec.attributes = l.attributes;
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i == ID || i == SERVICE || i == APPLICATION || i == AT);

    static const char *const except[] = {"Body", "Raw"}, *const only[] = {"Amount", "Score"};
    l.spec.columns = (struct columns_spec){.present = true, .except = except, .except_count = 2};
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i != BODY && i != RAW);
    l.spec.columns = (struct columns_spec){.present = true, .only = only, .only_count = 2};
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i <= AT || i == AMOUNT || i == SCORE);

    /* an attribute of the column's name wins: the column itself is not read */
    l.attributes[5] = (struct attribute_spec){.name = "Body", .index = -1, .value = TEMPLATE("{Id}")};
    l.spec.attribute_count = 6;
    l.spec.columns = (struct columns_spec){.present = true};
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i != BODY);
}

static void unknown_columns(void **state) {
    (void)state;
    bool used[COLUMN_COUNT];
    static const char *const lists[] = {"Amuont"};
    static const struct rename_spec renames[] = {{"Bdoy", "text"}};
    const struct columns_spec wrong[] = {{.present = true, .only = lists, .only_count = 1},
                                         {.present = true, .except = lists, .except_count = 1},
                                         {.present = true, .rename = renames, .rename_count = 1}};
    l.spec.attributes = l.attributes;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        l.spec.columns = wrong[i];
        l.spec.columns.place = (struct plan_place){"plan.lua", 12, "tables[1].attributes[1]"};
        assert_false(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
        const char *name = i == 2 ? "Bdoy" : "Amuont";
        char wanted[200];
        snprintf(wanted, sizeof wanted, "plan.lua:12: tables[1].attributes[1]: dbo.\"Logs\" has no column \"%s\"", name);
        assert_string_equal(err.text, wanted);
        assert_non_null(strstr(err.hint, i == 2 ? "did you mean \"Body\"?" : "did you mean \"Amount\"?"));
        assert_int_equal(err.kind, ERROR_PLAN);
    }
    l.spec.columns = (struct columns_spec){0};
    const struct value_spec column = COLUMN("servise");
    const struct value_spec values[] = {
        column,
        TEMPLATE("x{servise:upper}"),
        {.kind = VALUE_JSON, .text = "servise", .len = 7},
        {.kind = VALUE_EPOCH, .text = "servise", .len = 7},
        {.kind = VALUE_WHEN, .text = "servise", .len = 7, .inner = &column},
    };
    for (size_t i = 0; i < COUNT(values); i++) {
        l.attributes[4] = (struct attribute_spec){.name = "x", .index = -1, .value = values[i]};
        err = (struct error){0};
        assert_false(program_columns(&l.spec, columns, COLUMN_COUNT, "the query", used, &err));
        assert_string_equal(err.text, "the query has no column \"servise\"");
        assert_non_null(strstr(err.hint, "did you mean \"Service\"?"));
        refused("no column \"servise\"", "did you mean \"Service\"?");
    }
}

/* --- keys --- */

static void key_types(void **state) {
    (void)state;
    compiled();
    assert_int_equal(l.schema.partition.type, DYNAMODB_S);
    assert_int_equal(l.indexes[0].partition[0].type, DYNAMODB_S);
    l.attributes[0].value = (struct value_spec)COLUMN("Id");
    l.attributes[1].value = (struct value_spec)COLUMN("Raw");
    l.schema.partition.type = l.schema.sort.type = DYNAMODB_ANY;
    const struct item_program *p = compiled();
    assert_int_equal(l.schema.partition.type, DYNAMODB_N);
    assert_int_equal(l.schema.sort.type, DYNAMODB_B);
    assert_int_equal(p->ops[0].table_key, KEY_PARTITION);
    assert_int_equal(p->ops[1].table_key, KEY_SORT);
    assert_int_equal(op_named(p, "GPK")->table_key, KEY_NONE);
    assert_int_equal(op_named(p, "GPK")->key, KEY_PARTITION);
    l.schema.sort.type = DYNAMODB_S;
    refused("the sort key \"SK\" is declared S, but its value is B", "");
    l.attributes[1].value = (struct value_spec)COLUMN("Success");
    l.schema.sort.type = DYNAMODB_ANY;
    refused("the sort key \"SK\" would be BOOL, and keys are S, N or B", "");
}

static void keys_that_are_mapped_elsewhere(void **state) {
    (void)state;
    l.indexes[1] = (struct dynamodb_index){.name = "H",
                                           .partition = {{.name = "Amount"}, {.name = "Service"}},
                                           .partition_count = 2,
                                           .sort = {{.name = "TTL"}},
                                           .sort_count = 1};
    l.indexes[2] = (struct dynamodb_index){.name = "L",
                                           .local = true,
                                           .partition = {{.name = "PK"}},
                                           .partition_count = 1,
                                           .sort = {{.name = "Score"}},
                                           .sort_count = 1};
    l.schema.index_count = 3;
    const struct item_program *p = compiled();
    assert_int_equal(l.indexes[1].partition[0].type, DYNAMODB_N);
    assert_int_equal(l.indexes[1].partition[1].type, DYNAMODB_S);
    assert_int_equal(l.indexes[1].sort[0].type, DYNAMODB_N);
    assert_int_equal(p->indexes[1].key_count, 3);
    assert_int_equal(p->indexes[2].key_count, 2);
    assert_string_equal(p->ops[p->indexes[2].keys[0]].name, "PK");
    assert_int_equal(op_named(p, "Score")->key, KEY_SORT);
    assert_int_equal(op_named(p, "Service")->key, KEY_PARTITION);

    l.indexes[1].partition[0] = (struct dynamodb_key){.name = "Amuont"};
    refused("the key of index H is the attribute \"Amuont\", which the plan does not map", "");
    /* a key that is declared by its type alone need not be mapped: no item of this plan is in that index */
    l.indexes[1].partition[0].type = DYNAMODB_S;
    p = compiled();
    assert_int_equal(p->index_count, 2);
    assert_int_equal(op_named(p, "Service")->key, KEY_PARTITION);
    /* of two limits the narrower one holds: a sort key's */
    l.indexes[1].partition[0] = (struct dynamodb_key){.name = "Score"};
    assert_int_equal(op_named(compiled(), "Score")->key, KEY_SORT);
}

/* --- values --- */

static void values_that_do_not_suit(void **state) {
    (void)state;
    static const struct {
        struct value_spec value;
        const char *text, *hint;
    } table[] = {
        {{.kind = VALUE_COLUMN, .type = DYNAMODB_N, .text = "At", .len = 2},
         "column \"At\" is timestamp without time zone and cannot be N",
         "hlua.epoch"},
        {{.kind = VALUE_COLUMN, .type = DYNAMODB_N, .text = "Success", .len = 7}, "cannot be N", ""},
        {{.kind = VALUE_COLUMN, .type = DYNAMODB_B, .text = "Id", .len = 2}, "cannot be B", "bytea"},
        {{.kind = VALUE_COLUMN, .type = DYNAMODB_BOOL, .text = "Id", .len = 2}, "cannot be BOOL", "boolean columns"},
        {{.kind = VALUE_COLUMN, .type = DYNAMODB_S, .text = "Raw", .len = 3}, "cannot be S", ""},
        {{.kind = VALUE_JSON, .text = "Id", .len = 2}, "cannot be read as JSON", ""},
        {{.kind = VALUE_EPOCH, .text = "Body", .len = 4}, "cannot be epoch seconds", "::timestamp"},
        {TEMPLATE("ab{Id:upper}{At:%q}"), "unknown format \"%q\"", "times have"},
        {TEMPLATE("{Raw}"), "bytea", ""},
        {TEMPLATE("{Body:%Y}"), "does not suit", "for times"},
    };
    l.attributes[4] = (struct attribute_spec){.name = "x", .index = -1};
    for (size_t i = 0; i < COUNT(table); i++) {
        l.attributes[4].value = table[i].value;
        l.attributes[4].value.place = (struct plan_place){"p.lua", 3, "x"};
        refused(table[i].text, table[i].hint);
        assert_memory_equal(err.text, "p.lua:3: x: ", 12);
    }
    l.attributes[4].value = (struct value_spec)TEMPLATE("ab{Id:upper}{At:%q}");
    refused("\n  \"ab{Id:upper}{At:%q}\"\n                   ^", ""); /* the mark stands under the character */
    const struct value_spec inner = COLUMN("Id"), when = {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &inner};
    l.attributes[4].value = (struct value_spec){.kind = VALUE_WHEN, .text = "Id", .len = 2, .inner = &when};
    refused("hlua.when inside hlua.when", "");
}

static void names_that_collide(void **state) {
    (void)state;
    static const struct rename_spec renames[] = {{"Body", "Service"}};
    l.spec.columns.rename = renames;
    l.spec.columns.rename_count = 1;
    refused("two columns become the attribute \"Service\"", "");
    static const char *const except[] = {"Service"};
    l.spec.columns.except = except;
    l.spec.columns.except_count = 1;
    assert_non_null(op_named(compiled(), "Service"));
    assert_null(op_named(compiled(), "Body"));
}

/* --- values of parts, functions --- */

static void columns_of_parts(void **state) {
    (void)state;
    bool used[COLUMN_COUNT];
    static const struct value_spec body = COLUMN("Body"), other = COLUMN("Application");
    static const struct value_spec parts[] = {{.kind = VALUE_COLUMN, .text = "Amount", .len = 6, .fallback = &other},
                                              {.kind = VALUE_NULL},
                                              {.kind = VALUE_WHEN, .text = "Success", .len = 7, .inner = &body}};
    static const char *const arguments[] = {"Raw"};
    l.spec.columns.present = false;
    l.spec.attributes = l.attributes;
    l.spec.attribute_count = 7;
    l.attributes[5] = (struct attribute_spec){.name = "x", .index = -1, .value = LIST(parts)};
    l.attributes[6] = (struct attribute_spec){
        .name = "y", .index = -1, .value = {.kind = VALUE_FUNCTION, .columns = arguments, .column_count = 1}};
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i != SCORE);
    assert_true(program_calls_functions(program()));
    l.attributes[6].value.columns = NULL; /* it gets the row */
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_true(used[i]);
    l.spec.attribute_count = 6;
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i != SCORE && i != RAW);
    assert_false(program_calls_functions(program()));
    l.spec.map = 0;
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "dbo.\"Logs\"", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_true(used[i]);
    assert_true(program_calls_functions(program()));
}

static void parts_that_do_not_suit(void **state) {
    (void)state;
    static const struct value_spec numbers[] = {COLUMN("Id"), COLUMN("Body")}, fraction = CONSTANT(DYNAMODB_N, "0.5");
    static const struct value_spec nothing[] = {COLUMN("Nothing")};
    l.attributes[5] = (struct attribute_spec){.name = "x", .index = -1, .value = SET(DYNAMODB_NS, numbers)};
    l.spec.attribute_count = 6;
    refused("an element of a set NS is S", "put hlua.N around it");
    l.attributes[5].value.type = DYNAMODB_BS;
    refused("an element of a set BS is N", "put hlua.B around it");
    l.attributes[5].value = (struct value_spec)LIST(nothing);
    refused("no column \"Nothing\"", "");
    l.attributes[5].value = (struct value_spec){.kind = VALUE_COLUMN, .text = "Body", .len = 4, .fallback = &fraction};
    refused("cannot be its default's type", "a default has the type");
    l.attributes[5].name = "Body"; /* and as a time to live nothing but a number is of use */
    l.attributes[4].value = (struct value_spec)SET(DYNAMODB_NS, numbers);
    l.attributes[4].value.part_count = 1;
    refused("the time to live must be N, in seconds since 1970, and would be NS", "hlua.epoch");
    l.attributes[4].value = (struct value_spec){.kind = VALUE_FUNCTION};
    l.spec.attribute_count = 5;
    assert_int_equal(op_named(compiled(), "TTL")->type, DYNAMODB_N);
}

/* What stands in for a NULL in a key is under the rules of keys, too. */
static void keys_with_a_fallback(void **state) {
    (void)state;
    static const struct value_spec body = COLUMN("Body"),
                                   service = {.kind = VALUE_COLUMN, .text = "Service", .len = 7, .fallback = &body};
    l.spec.empty_strings_absent = true;
    l.attributes[1].value = service;
    const struct op *fallback = compiled()->ops[1].fallback;
    assert_int_equal(fallback->table_key, KEY_SORT);
    assert_int_equal(fallback->key, KEY_SORT);
    assert_false(fallback->empty_absent);
}

static void keys_by_functions(void **state) {
    (void)state;
    l.attributes[0].value = (struct value_spec){.kind = VALUE_FUNCTION};
    refused("the partition key \"PK\" would be ?, and keys are S, N or B", "");
    l.schema.partition.type = DYNAMODB_N;
    assert_int_equal(compiled()->ops[0].type, DYNAMODB_N);
    l.attributes[0].value.type = DYNAMODB_S;
    refused("declared N, but its value is S", "");
}

/* --- several items --- */

static void items(void **state) {
    (void)state;
    struct attribute_spec second[] = {l.attributes[0], l.attributes[1]};
    const struct item_spec both[] = {
        {.attributes = l.attributes, .attribute_count = 5},
        {.when = "Success", .attributes = second, .attribute_count = 2, .columns = {.present = true}},
    };
    bool used[COLUMN_COUNT];
    l.spec = (struct mapping_spec){.map = -1, .items = both, .item_count = 1};
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "t", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_int_equal(used[i], i <= AT);
    l.spec.item_count = 2;
    assert_true(program_columns(&l.spec, columns, COLUMN_COUNT, "t", used, &err));
    for (int i = 0; i < COLUMN_COUNT; i++) assert_true(used[i]);
    const struct program *p = program();
    assert_int_equal(p->item_count, 2);
    assert_int_equal(p->items[0].index_count, 1);
    assert_int_equal(p->items[1].index_count, 0); /* it has no key of the index */
    assert_int_equal(p->items[0].when, -1);
    assert_int_equal(p->items[1].when, SUCCESS);
    assert_true(p->items[1].when_bool);
    second[1].value = (struct value_spec)COLUMN("Id"); /* one table, one type of key */
    refused("the sort key \"SK\" is declared S, but its value is N", "");
    second[1].name = "other";
    refused("the sort key is the attribute \"SK\", which the plan does not map", "");
}

static void items_under_unknown_columns(void **state) {
    (void)state;
    bool used[COLUMN_COUNT];
    const struct item_spec one = {.when = "Sucess", .attributes = l.attributes, .attribute_count = 5};
    l.spec = (struct mapping_spec){.map = -1, .items = &one, .item_count = 1};
    assert_false(program_columns(&l.spec, columns, COLUMN_COUNT, "t", used, &err));
    assert_string_equal(err.text, "t has no column \"Sucess\"");
    refused("no column \"Sucess\"", "did you mean \"Success\"?");
}

/* --- what is shared, what is tied --- */

static void equal_templates_are_shared(void **state) {
    (void)state;
    const struct item_program *p = compiled();
    assert_int_equal(p->ops[3].same, 1); /* GSK repeats SK */
    assert_int_equal(p->ops[2].same, -1);
    assert_int_equal(p->ops[3].leader, 2); /* and is left out where GPK is absent */
    assert_int_equal(p->ops[1].leader, -1);
    l.attributes[3].value.type = DYNAMODB_B; /* another type is another value */
    l.indexes[0].sort[0].type = DYNAMODB_ANY;
    assert_int_equal(compiled()->ops[3].same, -1);
    logs_begin(&l);
    /* a sort key does not take over a partition key's value: its limit of length is narrower */
    l.attributes[3].value = l.attributes[0].value;
    assert_int_equal(compiled()->ops[3].same, -1);
    logs_begin(&l);
    /* nor does anything take over what may be absent for another reason than its columns */
    l.attributes[5] = (struct attribute_spec){.name = "copy", .index = -1, .value = TEMPLATE("APP#{Application}")};
    l.attributes[6] = (struct attribute_spec){.name = "late", .index = -1, .value = TEMPLATE("{At:%FT%T.%LZ}#{Id}")};
    l.spec.attribute_count = 7;
    p = compiled();
    assert_int_equal(op_named(p, "copy")->same, 2);
    assert_int_equal(op_named(p, "late")->same, 1);
}

/* A function that stands in several attributes is called once a row. */
static void equal_functions_are_shared(void **state) {
    (void)state;
    l.attributes[1].value = (struct value_spec){.kind = VALUE_FUNCTION, .function = 1, .type = DYNAMODB_S};
    l.attributes[3].value = l.attributes[1].value;
    assert_int_equal(compiled()->ops[3].same, 1);
    l.attributes[3].value.function = 2;
    assert_int_equal(compiled()->ops[3].same, -1);
}

static void projections(void **state) {
    (void)state;
    static const char *const include[] = {"Amount", "SK"};
    assert_true(compiled()->indexes[0].all);
    l.indexes[0].projection = DYNAMODB_PROJECT_KEYS_ONLY;
    const struct item_program *p = compiled();
    assert_false(p->indexes[0].all);
    assert_int_equal(p->indexes[0].part_count, 4);
    l.indexes[0].projection = DYNAMODB_PROJECT_INCLUDE;
    l.indexes[0].include = include;
    l.indexes[0].include_count = 2;
    assert_int_equal(compiled()->indexes[0].part_count, 5); /* a key that is named is not counted twice */
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new();
    logs_begin(&l);
    err = (struct error){0};
    return arena ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(columns_in_use),
        TEST(unknown_columns),
        TEST(key_types),
        TEST(keys_that_are_mapped_elsewhere),
        TEST(values_that_do_not_suit),
        TEST(names_that_collide),
        TEST(columns_of_parts),
        TEST(parts_that_do_not_suit),
        TEST(keys_with_a_fallback),
        TEST(keys_by_functions),
        TEST(items),
        TEST(items_under_unknown_columns),
        TEST(equal_templates_are_shared),
        TEST(equal_functions_are_shared),
        TEST(projections),
    };
    return cmocka_run_group_tests_name("program", tests, NULL, NULL);
}
