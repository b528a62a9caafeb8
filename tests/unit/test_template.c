/* Templates and formats: errors with their positions, every format on every type, NULL, padding, room, shards. */
#include "rows.h"

#include "mapping/template.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct arena *arena;

/* A column of each type, under the names that the templates below use. */
static const struct pg_column columns[] = {
    {.name = "bool", .type = PG_BOOL},           {.name = "int2", .type = PG_INT2},
    {.name = "int4", .type = PG_INT4},           {.name = "int8", .type = PG_INT8},
    {.name = "float4", .type = PG_FLOAT4},       {.name = "float8", .type = PG_FLOAT8},
    {.name = "numeric", .type = PG_NUMERIC},     {.name = "text", .type = PG_TEXT},
    {.name = "bytea", .type = PG_BYTEA},         {.name = "uuid", .type = PG_UUID},
    {.name = "date", .type = PG_DATE},           {.name = "time", .type = PG_TIME},
    {.name = "timestamp", .type = PG_TIMESTAMP}, {.name = "timestamptz", .type = PG_TIMESTAMPTZ},
    {.name = "json", .type = PG_JSON},           {.name = "jsonb", .type = PG_JSONB},
    {.name = "inet", .type = PG_SERVER_TEXT},    {.name = "list", .type = PG_SERVER_JSON},
    {.name = "null", .type = PG_TEXT},
};

/* 2024-02-29T23:05:07.008009 */
#define LEAP (us(8825, 23, 5, 7, 8009))

static void make_row(struct row *r) {
    row_begin(r);
    row_bool(r, true);
    row_int(r, -7, 2);
    row_int(r, 42, 4);
    row_int(r, INT64_MAX, 8);
    row_int(r, 0x3fc00000, 4); /* 1.5 */
    row_double(r, -0.25);
    row_numeric(r, "1234.50");
    row_text(r, "Ab\xc3\x84z");
    row_bytes(r, "\x00\xff", 2);
    row_bytes(r, "\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", 16);
    row_int(r, 8825, 4);
    row_int(r, us(0, 1, 2, 3, 4), 8);
    row_int(r, LEAP, 8);
    row_int(r, LEAP, 8);
    row_text(r, "{\"a\": 1}");
    row_text(r, "\x01[1, 2]");
    row_text(r, "10.0.0.1/8");
    row_text(r, "[1,2]");
    row_null(r);
}

/* Runs a template in memory of exactly the room that it asks for. */
static enum template_result run(const struct template *t, const struct pg_row *row, char *out, struct template_fault *fault) {
    char *room = malloc(template_room(t, row) + 1);
    assert_non_null(room);
    size_t len = 0;
    enum template_result result = template_run(t, row, room, &len, fault);
    assert_true(len <= template_room(t, row));
    if (result == TEMPLATE_OK) memcpy(out, room, len);
    out[result == TEMPLATE_OK ? len : 0] = '\0';
    free(room);
    return result;
}

static struct template *compile(const char *source) {
    struct template_problem problem;
    struct template *t = template_compile(arena, source, strlen(source), columns, COUNT(columns), &problem);
    if (t == NULL) fail_msg("%s: %s", source, problem.message);
    // cppcheck-suppress CastIntegerToAddressAtReturn ; it takes `struct template` for something of C++
    return t;
}

/* --- errors --- */

static void syntax_errors(void **state) {
    (void)state;
    static const struct {
        const char *source;
        size_t at;
        const char *message;
    } table[] = {
        {"{", 0, "not closed"},
        {"abc{def", 3, "not closed"},
        {"a}b", 1, "closing brace"},
        {"{a}}", 3, "closing brace"},
        {"{{}", 2, "closing brace"},
        {"{}", 0, "name is missing"},
        {"x{:%Y}", 1, "name is missing"},
        {"{a:}", 2, "empty format"},
        {"{a{b}", 2, "brace inside"},
        {"{a:%Y{b}", 5, "brace inside"},
        {"{a:%}", 3, "ends in %"},
        {"{a:%Y-%q}", 6, "unknown format"},
        {"{a:%5}", 3, "unknown format"},
        {"{a:%301d}", 3, "unknown format"},
        {"{a:%-5d}", 3, "unknown format"},
        {"{a:%.39f}", 3, "unknown format"},
        {"{a:%.f}", 3, "unknown format"},
        {"ab{a:uper}", 5, "unknown format"},
        {"{a:shard}", 3, "unknown format"},
        {"{a:shard()}", 3, "unknown format"},
        {"{a:shard(0)}", 9, "shards"},
        {"{a:shard(1000001)}", 9, "shards"},
        {"{a:shard(x)}", 9, "shards"},
        {"{a:shard(99999999999999)}", 15, "shards"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        struct template_problem p = {.at = 999};
        size_t n = strlen(table[i].source);
        if (template_check(table[i].source, n, &p)) fail_msg("taken: %s", table[i].source);
        if (p.at != table[i].at || !strstr(p.message, table[i].message) || !*p.hint)
            fail_msg("%s: at %zu: %s (%s)", table[i].source, p.at, p.message, p.hint);
        assert_false(template_check(table[i].source, n, NULL));
    }
    static const char *const fine[] = {"",          "a",         "{{}}",     "{{{a}}}",   "{a}",
                                       "{a b}",     "{a:%d}",    "{a:%Y%%}", "{a:upper}", "{a:shard(1000000)}",
                                       "{a:%.38f}", "{a:%300d}", "{a:%H:%M}"};
    for (size_t i = 0; i < COUNT(fine); i++) {
        struct template_problem p;
        if (!template_check(fine[i], strlen(fine[i]), &p)) fail_msg("%s: %s", fine[i], p.message);
    }
}

/* A template that is right is refused at each place where it may be cut, or is one itself; nothing is read beyond it. */
static void truncated_anywhere(void **state) {
    (void)state;
    static const char source[] = "x{{{text:upper}-{timestamp:%Y-%m-%dT%H}#{int4:%012d}}}{text:shard(16)}";
    for (size_t n = 0; n < sizeof source; n++) {
        char *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, source, n);
        struct template_problem p;
        bool right = template_check(exact, n, &p);
        struct template *t = template_compile(arena, exact, n, columns, COUNT(columns), &p);
        assert_int_equal(right, t != NULL);
        if (!right) assert_true(p.at <= n && *p.message);
        free(exact);
    }
}

static void unknown_columns(void **state) {
    (void)state;
    struct template_problem p;
    assert_null(template_compile(arena, "a-{txet}", 8, columns, COUNT(columns), &p));
    assert_int_equal(p.at, 3);
    assert_string_equal(p.message, "the source has no column \"txet\"");
    assert_non_null(strstr(p.hint, "did you mean \"text\"?"));
    char long_name[400] = "{";
    memset(long_name + 1, 'n', 300);
    strncat(long_name, "}", 2);
    assert_null(template_compile(arena, long_name, strlen(long_name), columns, COUNT(columns), &p));
    assert_null(template_compile(arena, "{a}", 3, columns, 0, &p));
}

/* --- what each format makes of each type --- */

/* NULL: refused. In the order of the columns. */
static const struct {
    const char *format;
    const char *made[18];
} formats[] = {
    /*          bool int2 int4 int8 float4 float8 numeric text bytea uuid date time timestamp timestamptz json jsonb inet list */
    {"",
     {"true", "-7", "42", "9223372036854775807", "1.5", "-0.25", "1234.50", "Ab\xc3\x84z", NULL,
      "123e4567-e89b-12d3-a456-426614174000", "2024-02-29", "01:02:03.000004", "2024-02-29T23:05:07.008009",
      "2024-02-29T23:05:07.008009Z", "{\"a\": 1}", "[1, 2]", "10.0.0.1/8", "[1,2]"}},
    {":upper",
     {"TRUE", "-7", "42", "9223372036854775807", "1.5", "-0.25", "1234.50", "AB\xc3\x84Z", NULL,
      "123E4567-E89B-12D3-A456-426614174000", "2024-02-29", "01:02:03.000004", "2024-02-29T23:05:07.008009",
      "2024-02-29T23:05:07.008009Z", "{\"A\": 1}", "[1, 2]", "10.0.0.1/8", "[1,2]"}},
    {":lower",
     {"true", "-7", "42", "9223372036854775807", "1.5", "-0.25", "1234.50", "ab\xc3\x84z", NULL,
      "123e4567-e89b-12d3-a456-426614174000", "2024-02-29", "01:02:03.000004", "2024-02-29t23:05:07.008009",
      "2024-02-29t23:05:07.008009z", "{\"a\": 1}", "[1, 2]", "10.0.0.1/8", "[1,2]"}},
    {":hex", {[7] = "4162c3847a", [8] = "00ff", [9] = "123e4567e89b12d3a456426614174000"}},
    {":shard(1)", {"0", "0", "0", "0", "0", "0", "0", "0", NULL, "0", "0", "0", "0", "0", "0", "0", "0", "0"}},
    {":%Y/%m/%d", {[10] = "2024/02/29", [12] = "2024/02/29", [13] = "2024/02/29"}},
    {":%H%M%S.%L %f%%",
     {[10] = "000000.000 000000%", [11] = "010203.000 000004%", [12] = "230507.008 008009%", [13] = "230507.008 008009%"}},
    {":%F %j", {[10] = "2024-02-29 060", [12] = "2024-02-29 060", [13] = "2024-02-29 060"}},
    {":%T", {[10] = "00:00:00", [11] = "01:02:03", [12] = "23:05:07", [13] = "23:05:07"}},
    {":%s", {[10] = "1709164800", [12] = "1709247907", [13] = "1709247907"}},
    {":%d", {[1] = "-7", [2] = "42", [3] = "9223372036854775807", [6] = "!", [10] = "29", [12] = "29", [13] = "29"}},
    {":%5d", {[1] = "   -7", [2] = "   42", [3] = "9223372036854775807", [6] = "!"}},
    {":%05d", {[1] = "!", [2] = "00042", [3] = "!", [6] = "!"}},
    {":%02d", {[1] = "!", [2] = "42", [3] = "!", [6] = "!"}},
    {":%x", {[1] = "-7", [2] = "2a", [3] = "7fffffffffffffff"}},
    {":%04X", {[1] = "!", [2] = "002A", [3] = "!"}},
    {":%.2f", {[1] = "-7.00", [2] = "42.00", [3] = "9223372036854775807.00", [4] = "1.50", [5] = "-0.25", [6] = "1234.50"}},
    {":%.1f", {[1] = "-7.0", [2] = "42.0", [3] = "9223372036854775807.0", [4] = "1.5", [5] = "!", [6] = "1234.5"}},
    {":%.0f", {[1] = "-7", [2] = "42", [3] = "9223372036854775807", [4] = "!", [5] = "!", [6] = "!"}},
};

static void check_format(const char *format, int column, const char *made, const struct row *r) {
    char source[80], out[600];
    struct template_problem p;
    struct template_fault fault = {0};
    snprintf(source, sizeof source, "<{%s%s}>", columns[column].name, format);
    struct template *t = template_compile(arena, source, strlen(source), columns, COUNT(columns), &p);
    if (made == NULL) {
        if (t) fail_msg("taken: %s", source);
        assert_true(*p.message && p.at >= 2 && p.at < strlen(source));
        return;
    }
    if (t == NULL) fail_msg("%s: %s (%s)", source, p.message, p.hint);
    enum template_result result = run(t, &r->row, out, &fault);
    if (*made == '!') {
        assert_int_equal(result, TEMPLATE_BAD);
        assert_string_equal(fault.column, columns[column].name);
        assert_true(fault.why && *fault.why);
        return;
    }
    assert_int_equal(result, TEMPLATE_OK);
    char wanted[600];
    snprintf(wanted, sizeof wanted, "<%s>", made);
    assert_string_equal(out, wanted);
}

static void every_format_on_every_type(void **state) {
    (void)state;
    struct row r;
    make_row(&r);
    for (size_t i = 0; i < COUNT(formats); i++) {
        for (int column = 0; column < 18; column++) check_format(formats[i].format, column, formats[i].made[column], &r);
    }
    row_free(&r);
}

static void whole_templates(void **state) {
    (void)state;
    static const struct {
        const char *source, *made; /* NULL: a NULL column */
    } table[] = {
        {"", ""},
        {"constant", "constant"},
        {"{{x}}", "{x}"},
        {"{{{int4}}}", "{42}"},
        {"}}{{", "}{"},
        {"{text}-{timestamp:%Y-%m-%d}#{int8}", "Ab\xc3\x84z-2024-02-29#9223372036854775807"},
        {"{timestamp:%Y~%m~%d~%H~%M~%S~%L~%f~%j~%s~%F~%T%%}",
         "2024~02~29~23~05~07~008~008009~060~1709247907~2024-02-29~23:05:07%"},
        {"{timestamp:%Y-}{timestamp:-%m-%d-%dT%H.%M:%S.%f-Z}", "2024--02-29-29T23.05:07.008009-Z"},
        {"{time:%H:%M:%S.%f}{date:%FT%T}{time}{timestamptz}{date}",
         "01:02:03.0000042024-02-29T00:00:0001:02:03.0000042024-02-29T23:05:07.008009Z2024-02-29"},
        {"a{null}b", NULL},
        {"{int4}{null}", NULL},
        {"{null:upper}", NULL},
    };
    struct row r;
    make_row(&r);
    char out[600];
    struct template_fault fault;
    for (size_t i = 0; i < COUNT(table); i++) {
        enum template_result result = run(compile(table[i].source), &r.row, out, &fault);
        assert_int_equal(result, table[i].made ? TEMPLATE_OK : TEMPLATE_NULL);
        assert_string_equal(out, table[i].made ? table[i].made : "");
    }
    row_free(&r);
}

static void grains(void **state) {
    (void)state;
    static const struct {
        const char *source;
        int column;
        enum pg_grain grain;
    } table[] = {
        {"{timestamp:%Y}", 12, PG_GRAIN_YEAR},
        {"{timestamp:%m}", 12, PG_GRAIN_MONTH},
        {"{timestamp:%d%Y}", 12, PG_GRAIN_DAY},
        {"{timestamp:%j}", 12, PG_GRAIN_DAY},
        {"{timestamp:%F}", 12, PG_GRAIN_DAY},
        {"{timestamptz:%H}", 13, PG_GRAIN_HOUR},
        {"{timestamptz:%M}", 13, PG_GRAIN_MINUTE},
        {"{timestamptz:%S}", 13, PG_GRAIN_SECOND},
        {"{timestamptz:%s}", 13, PG_GRAIN_SECOND},
        {"{timestamptz:%T}", 13, PG_GRAIN_SECOND},
        {"{timestamptz:%L}", 13, PG_GRAIN_MILLISECOND},
        {"{timestamptz:%Y%f}", 13, PG_GRAIN_VALUE},
        {"{timestamptz}", 13, PG_GRAIN_VALUE},
        {"{date:%Y}", 10, PG_GRAIN_VALUE},
        {"{time:%H}", 11, PG_GRAIN_VALUE},
        {"{int4:%03d}", 2, PG_GRAIN_VALUE},
        {"{text:shard(4)}", 7, PG_GRAIN_VALUE},
        {"{timestamp:%%}", 12, PG_GRAIN_YEAR},
        {"{timestamp:%d}-{timestamp:%Y}", 12, PG_GRAIN_DAY},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        enum pg_grain found[COUNT(columns)] = {0};
        template_grains(compile(table[i].source), found);
        for (size_t k = 0; k < COUNT(columns); k++) {
            assert_int_equal(found[k], (int)k == table[i].column ? table[i].grain : PG_GRAIN_NONE);
        }
    }
}

static void told_to_people(void **state) {
    (void)state;
    struct row r;
    char out[600], small[12], wide[1000];
    make_row(&r);
    template_tell(compile("x{text}-{timestamp:%Y-%m}{{}}{null}{int2:%03d}"), &r.row, out, sizeof out);
    assert_string_equal(out, "text = \"Ab\xc3\x84z\", timestamp = \"2024-02\", null = NULL, "
                             "int2 = a value that is negative and does not sort with its padding");
    template_tell(compile("x{text}-{int4}"), &r.row, small, sizeof small);
    assert_string_equal(small, "text = \"Ab\xc3");
    template_tell(compile("constant"), &r.row, out, sizeof out);
    assert_string_equal(out, "");
    row_free(&r);
    memset(wide, 'w', sizeof wide);
    row_begin(&r);
    row_bytes(&r, wide, sizeof wide);
    static const struct pg_column one[] = {{.name = "text", .type = PG_TEXT}};
    struct template_problem problem;
    template_tell(template_compile(arena, "{text}", 6, one, 1, &problem), &r.row, out, sizeof out);
    assert_string_equal(out, "text = a value of 1000 bytes");
    row_free(&r);
}

static void note(void *context, const char *name, size_t n) {
    strncat(context, name, n);
    strncat(context, ",", 2);
}

static void names_of_columns(void **state) {
    (void)state;
    char names[100] = "";
    static const char source[] = "{{no}}{a}-{b:%Y}{a:upper}";
    template_columns(source, sizeof source - 1, note, names);
    assert_string_equal(names, "a,b,a,");
    assert_false(template_constant(source, sizeof source - 1));
    assert_true(template_constant("{{a}}", 5) && template_constant("", 0));
}

/* --- values that cannot be written --- */

static void check_bad(const char *source, const char *why, struct row *r) {
    char out[600];
    struct template_fault fault = {0};
    enum template_result result = run(compile(source), &r->row, out, &fault);
    if (result != TEMPLATE_BAD || !strstr(fault.why, why)) fail_msg("%s: %d, %s", source, result, fault.why ? fault.why : "");
    row_free(r);
    make_row(r);
}

static void replace_int(struct row *r, int column, int64_t value, size_t width) {
    int count = r->row.count;
    free(r->memory[column]);
    r->row.count = column;
    row_int(r, value, width);
    r->row.count = count;
}

static void faults(void **state) {
    (void)state;
    struct row r;
    make_row(&r);
    check_bad("{int2:%05d}", "negative", &r);
    check_bad("{int4:%01d}", "wider", &r);
    check_bad("{numeric:%d}", "fraction", &r);
    char wide[5000] = {0};
    free(r.memory[9]);
    r.memory[9] = memcpy(malloc(sizeof wide), wide, sizeof wide);
    r.fields[9] = (struct pg_field){.data = r.memory[9], .len = sizeof wide};
    check_bad("{uuid:hex}", "not a value of its type", &r);
    replace_int(&r, 12, INT64_MAX, 8);
    check_bad("{timestamp}", "infinity", &r);
    replace_int(&r, 12, INT64_MIN, 8);
    check_bad("{timestamp:%Y}", "infinity", &r);
    replace_int(&r, 10, -730120, 4);
    check_bad("{date}", "before the year 1", &r);
    replace_int(&r, 13, us(2921940, 0, 0, 0, 0), 8);
    check_bad("{timestamptz:%s}", "after 9999", &r);
    replace_int(&r, 2, 7, 2); /* two bytes where four must be */
    check_bad("{int4}", "not a value", &r);
    replace_int(&r, 2, 7, 3);
    check_bad("{int4:%x}", "not a value", &r);
    replace_int(&r, 5, 0x7ff8000000000000, 8);
    check_bad("{float8}", "NaN", &r);
    replace_int(&r, 5, 0x7ff0000000000000, 8);
    check_bad("{float8:%.2f}", "infinity", &r);
    replace_int(&r, 5, 0x7fe0000000000000, 8);
    check_bad("{float8:%.2f}", "too large", &r);
    replace_int(&r, 0, 2, 1);
    check_bad("{bool}", "not a value", &r);
    replace_int(&r, 9, 0, 8);
    check_bad("{uuid}", "not a value", &r);
    replace_int(&r, 15, 9, 1);
    check_bad("{jsonb}", "not a value", &r);
    row_free(&r);
}

/* The longest texts that a value can have, in exactly the room that is asked for. */
static void room(void **state) {
    (void)state;
    static const char *const sources[] = {"{float8}",
                                          "{float8:%300d}",
                                          "{int8:%0300d}",
                                          "{int8:%.38f}",
                                          "{numeric:%.38f}",
                                          "{numeric}",
                                          "{timestamptz:%F%F%F%F%F%F%s%s%s%s%T%T}",
                                          "{text:hex}{text:upper}{bytea:hex}{text:shard(1000000)}"};
    char out[2000];
    struct template_fault fault;
    struct template_problem p;
    for (size_t i = 0; i < COUNT(sources); i++) {
        struct template *t = template_compile(arena, sources[i], strlen(sources[i]), columns, COUNT(columns), &p);
        if (t == NULL) continue; /* %d on a float */
        struct row r;
        make_row(&r);
        char digits[330];
        memset(digits, '7', sizeof digits);
        digits[300] = '.';
        digits[329] = '\0';
        free(r.memory[6]);
        int count = r.row.count;
        r.row.count = 6;
        row_numeric(&r, digits);
        r.row.count = count;
        replace_int(&r, 5, (int64_t)0x800fffffffffffff, 8); /* -2.225E-308, 24 characters */
        replace_int(&r, 13, us(-730119, 0, 0, 0, 0), 8);
        run(t, &r.row, out, &fault);
        row_free(&r);
    }
}

/* --- shards --- */

static void shard_vectors(void **state) {
    (void)state;
    FILE *f = fopen("tests/data/shard.txt", "r");
    if (f == NULL) fail_msg("tests/data/shard.txt: run this from the project's folder");
    char line[1000], source[40], out[600];
    int checked = 0;
    while (fgets(line, sizeof line, f)) {
        if (*line == '#') continue;
        char *text = strchr(line, '\t') + 1, *shard = strchr(text, '\t') + 1;
        shard[-1] = '\0';
        shard[strcspn(shard, "\n")] = '\0';
        snprintf(source, sizeof source, "{text:shard(%ld)}", strtol(line, NULL, 10));
        const struct pg_column column = {.name = "text", .type = PG_TEXT};
        struct template_problem p;
        struct template_fault fault;
        struct template *t = template_compile(arena, source, strlen(source), &column, 1, &p);
        struct row r;
        row_begin(&r);
        row_text(&r, text);
        assert_int_equal(run(t, &r.row, out, &fault), TEMPLATE_OK);
        assert_string_equal(out, shard);
        row_free(&r);
        checked++;
    }
    fclose(f);
    assert_true(checked >= 100);
}

/* The shard is that of the value's plain text, whatever its type. */
static void shards_of_types(void **state) {
    (void)state;
    struct row r;
    make_row(&r);
    for (int i = 0; i < 18; i++) {
        if (columns[i].type == PG_BYTEA) continue;
        char source[80], plain[600], shard[600], again[600];
        struct template_fault fault;
        snprintf(source, sizeof source, "{%s}", columns[i].name);
        assert_int_equal(run(compile(source), &r.row, plain, &fault), TEMPLATE_OK);
        snprintf(source, sizeof source, "{%s:shard(97)}", columns[i].name);
        assert_int_equal(run(compile(source), &r.row, shard, &fault), TEMPLATE_OK);
        struct row text;
        row_begin(&text);
        row_text(&text, plain);
        const struct pg_column column = {.name = "t", .type = PG_TEXT};
        struct template_problem p;
        struct template *t = template_compile(arena, "{t:shard(97)}", 13, &column, 1, &p);
        assert_int_equal(run(t, &text.row, again, &fault), TEMPLATE_OK);
        assert_string_equal(shard, again);
        row_free(&text);
    }
    row_free(&r);
}

static int set_up(void **state) {
    (void)state;
    arena = arena_new();
    return arena ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors),   cmocka_unit_test(truncated_anywhere),
        cmocka_unit_test(unknown_columns), cmocka_unit_test(every_format_on_every_type),
        cmocka_unit_test(whole_templates), cmocka_unit_test(names_of_columns),
        cmocka_unit_test(faults),          cmocka_unit_test(room),
        cmocka_unit_test(grains),          cmocka_unit_test(told_to_people),
        cmocka_unit_test(shard_vectors),   cmocka_unit_test(shards_of_types),
    };
    return cmocka_run_group_tests_name("template", tests, set_up, tear_down);
}
