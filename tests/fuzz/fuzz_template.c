/* Templates as any text, up to a zero byte; what follows it is a row (all_columns.h). Both forms agree on the syntax, and nothing is
 * written beyond the room that is asked for. */
#include "all_columns.h"
#include "base/arena.h"
#include "mapping/template.h"

static void note(void *context, const char *name, size_t n) {
    require(name != NULL && n > 0);
    ++*(int *)context;
}

static void try_run(const struct template *t, const struct pg_row *row) {
    size_t room = template_room(t, row), len = 0;
    char *out = malloc(room ? room : 1);
    struct template_fault fault = {0};
    require(out != NULL);
    enum template_result result = template_run(t, row, out, &len, &fault);
    if (result == TEMPLATE_OK) require(len <= room);
    if (result == TEMPLATE_BAD) require(fault.column && fault.why && *fault.why);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t n = zero ? (size_t)(zero - data) : size, rest = zero ? size - n - 1 : 0;
    char *source = exact_copy(data, n);
    struct template_problem problem = {0};
    struct pg_field fields[ALL_COLUMNS];
    struct arena *a = arena_new();
    require(a != NULL);
    bool right = template_check(source, n, &problem);
    require(right || (problem.at <= n && *problem.message));
    int count = 0;
    template_columns(source, n, note, &count);
    require(template_constant(source, n) == (count == 0));
    struct template *t = template_compile(a, source, n, all_columns, ALL_COLUMNS, &problem);
    require(t || (problem.at <= n && *problem.message));
    read_row(zero ? zero + 1 : data, rest, fields);
    if (t) {
        try_run(t, &(struct pg_row){.fields = fields, .count = ALL_COLUMNS});
    }
    free_row(fields);
    arena_free(a);
    free(source);
    return 0;
}
