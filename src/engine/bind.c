#include "engine/bind.h"

#include <stdlib.h>
#include <string.h>

#include "engine/conditional.h"

/* --- tables --- */

/* Describes the table's source as the plan says it, then narrowed by --where: so each is told of its own mistakes. The line feeds end a
 * comment, should one of them end with one. */
static bool describe(struct job_table *t, struct pg_connection *c, const struct run_options *options, struct arena *a,
                     struct error *err) {
    const struct plan_place *place = &t->plan->place;
    t->spec = t->plan->source;
    t->source = pg_source_describe(c, &t->spec, a, err);
    if (t->source == NULL) {
        if (err->kind == ERROR_PLAN && place->file && place->line)
            error_context(err, "%s:%d: %s", place->file, place->line, place->path);
        return false;
    }
    if (options == NULL || options->where == NULL) return true;
    t->spec.where = t->spec.where ? arena_printf(a, "(%s\n) AND (%s\n)", t->spec.where, options->where) : options->where;
    if (t->spec.where == NULL) return error_memory(err, "binding the plan");
    return pg_source_check_where(c, t->source, "--where", err);
}

/* The plan's schema with indexes of its own, since binding sets key types. */
static bool copy_schema(struct job_table *t, struct arena *a) {
    t->schema = t->plan->target;
    struct dynamodb_index *indexes = arena_array(a, (size_t)t->schema.index_count + 1, sizeof *indexes);
    if (indexes == NULL) return false;
    if (t->schema.index_count) memcpy(indexes, t->schema.indexes, (size_t)t->schema.index_count * sizeof *indexes);
    t->schema.indexes = indexes;
    return true;
}

struct search {
    const struct pg_column *columns;
    int count;
    bool *used;
};

static void mark(void *context, const char *name, size_t n) {
    struct search *s = context;
    for (int i = 0; i < s->count; i++) {
        if (strlen(s->columns[i].name) == n && memcmp(s->columns[i].name, name, n) == 0) s->used[i] = true;
    }
}

/* The columns that name a row's target are read, whatever the mapping needs; a name that is none of them is told when the template is
 * compiled. */
static void mark_target_columns(const struct plan_table *t, const struct pg_column *columns, int count, bool *used) {
    struct search s = {columns, count, used};
    if (t->to_template) template_columns(t->to_template, strlen(t->to_template), mark, &s);
}

/* A table's one target; what a template names, the source or the ledger says later (listing.h). */
static bool bind_targets(struct job *job, struct job_table *t, const struct pg_column *columns, struct error *err) {
    const char *text = t->plan->to_template;
    if (text == NULL) return job_set_targets(job, t, &t->schema.name, 1, err);
    return program_template(job->arena, text, strlen(text), &t->plan->to_place, columns, t->mapped_columns, &t->to, err);
}

static bool bind_table(struct job *job, struct job_table *t, struct pg_connection *c, const struct run_options *options,
                       struct error *err) {
    struct arena *a = job->arena;
    int count, used_count = 0;
    if (!copy_schema(t, a)) return error_memory(err, "binding the plan");
    if (!describe(t, c, options, a, err)) return false;
    t->resumable = pg_source_key_kind(t->source) == PG_KEY_COLUMNS;
    const struct pg_column *columns = pg_source_columns(t->source, &count);
    bool *used = arena_array(a, (size_t)count + 1, sizeof *used);
    if (used == NULL) return error_memory(err, "binding the plan");
    if (!program_columns(&t->plan->mapping, columns, count, pg_source_name(t->source), used, err)) return false;
    mark_target_columns(t->plan, columns, count, used);
    for (int i = 0; i < count; i++) used_count += used[i];
    if (!pg_source_select(t->source, used, err)) return false;
    columns = pg_source_selected(t->source, &count);
    /* key columns that only the rejects need come after the used ones: the mapping does not see them */
    t->program =
        program_compile(a, &t->plan->mapping, (int)(t - job->tables), &t->schema, columns, used_count, !pg_server(c)->utf8, err);
    t->mapped_columns = used_count;
    t->condition = conditional_of(t->plan);
    return t->program != NULL && bind_targets(job, t, columns, err);
}

bool bind_tables(struct job *job, struct pg_connection *c, const struct run_options *options, struct error *err) {
    job->table_count = job->plan->table_count;
    job->tables = arena_array(job->arena, (size_t)job->table_count, sizeof *job->tables);
    if (job->tables == NULL) return error_memory(err, "binding the plan");
    for (int i = 0; i < job->table_count; i++) {
        job->tables[i].plan = &job->plan->tables[i];
        if (!bind_table(job, &job->tables[i], c, options, err)) return false;
    }
    return true;
}

/* --- functions --- */

static bool bind_all(const struct job *job, struct functions *f, struct error *err) {
    for (int i = 0; i < job->table_count; i++) {
        const struct job_table *t = &job->tables[i];
        int count;
        const struct pg_column *columns = pg_source_selected(t->source, &count);
        if (!f->bind(f, i, columns, t->mapped_columns, &t->schema, err)) return false;
    }
    return true;
}

struct functions *bind_functions(const struct job *job, enum names_order order, struct error *err) {
    const struct function_source *source = &job->plan->functions;
    struct functions *f = source->open(source->context, job->started, order, err);
    if (f == NULL || bind_all(job, f, err)) return f;
    f->free(f);
    return NULL;
}

/* --- identity --- */

static bool add_source(struct buffer *b, const struct job_table *t, int number) {
    int count;
    bool ok = buffer_printf(b, "tables[%d].source.relation = %s\n", number, pg_source_name(t->source));
    const struct pg_column *columns = pg_source_selected(t->source, &count);
    for (int i = 0; ok && i < count; i++) {
        ok = buffer_printf(b, "tables[%d].source.columns.%s = %s\n", number, columns[i].name, columns[i].sql_type);
    }
    return ok;
}

const char *bind_identity(const struct job *job, const struct pg_server *server) {
    struct buffer b;
    buffer_init(&b, 64 * 1024 * 1024);
    bool ok = buffer_append_text(&b, job->plan->identity);
    ok = ok && (b.len == 0 || b.data[b.len - 1] == '\n' || buffer_append(&b, "\n", 1));
    ok = ok && buffer_printf(&b, "source.system = %s\nsource.database = %s\n", server->system_identifier, server->database);
    ok = ok && buffer_printf(&b, "target.endpoint = %s\ntarget.region = %s\n", job->endpoint.url, job->setting.region);
    for (int i = 0; ok && i < job->table_count; i++) ok = add_source(&b, &job->tables[i], i + 1);
    char *text = ok ? arena_copy(job->arena, b.data, b.len) : NULL;
    buffer_free(&b);
    return text;
}

/* The value of `path` in an identity; NULL when it has none. */
static const char *find_value(const char *identity, const char *path, size_t n, size_t *len) {
    for (const char *line = identity; *line;) {
        const char *end = strchrnul(line, '\n');
        if ((size_t)(end - line) >= n + 3 && memcmp(line, path, n) == 0 && memcmp(line + n, " = ", 3) == 0) {
            *len = (size_t)(end - line) - n - 3;
            return line + n + 3;
        }
        line = *end ? end + 1 : end;
    }
    return NULL;
}

static bool add_difference(struct buffer *b, const char *line, size_t n, const char *other, bool was, int *count) {
    const char *equals = memmem(line, n, " = ", 3);
    size_t path = equals ? (size_t)(equals - line) : n, len = 0;
    const char *found = find_value(other, line, path, &len);
    const char *mine = equals ? equals + 3 : line;
    size_t mine_len = equals ? n - path - 3 : n;
    if (found && len == mine_len && memcmp(found, mine, len) == 0) return true;
    if (!was && found) return true; /* it was told from the other side */
    if (++*count > 10) return true;
    if (found) {
        return buffer_printf(b, "\n  %.*s: was %.*s, is %.*s", (int)path, line, (int)(mine_len > 120 ? 120 : mine_len), mine,
                             (int)(len > 120 ? 120 : len), found);
    }
    return buffer_printf(b, "\n  %.*s: %s %.*s", (int)path, line,
                         was ? "is gone; was" : "is new:", (int)(mine_len > 120 ? 120 : mine_len), mine);
}

static bool add_differences(struct buffer *b, const char *lines, const char *other, bool was, int *count) {
    for (const char *line = lines; *line;) {
        const char *end = strchrnul(line, '\n');
        if (!add_difference(b, line, (size_t)(end - line), other, was, count)) return false;
        line = *end ? end + 1 : end;
    }
    return true;
}

const char *bind_difference(const char *was, const char *is, struct arena *a) {
    struct buffer b;
    int count = 0;
    buffer_init(&b, 1024 * 1024);
    bool ok = add_differences(&b, was, is, true, &count) && add_differences(&b, is, was, false, &count);
    if (ok && count > 10) ok = buffer_printf(&b, "\n  and %d more", count - 10);
    char *text = ok ? arena_copy(a, b.data, b.len) : NULL;
    buffer_free(&b);
    return text ? text : "";
}

bool bind_goes_on(const char *was, const char *is, struct arena *a, struct error *err) {
    if (strcmp(was, is) == 0) return true;
    error_set(err, ERROR_PLAN, "the plan, its source or its target has changed since the run began:%.1200s",
              bind_difference(was, is, a));
    return error_hint(err, "undo the change to go on with that run, or begin again with --restart");
}

/* What follows "tables.NAME." in a path; NULL when it is no such path. A name that is no plain word is quoted (lua/hlua/identity.lua). */
static const char *table_field(const char *line) {
    static const char prefix[] = "tables.";
    if (strncmp(line, prefix, sizeof prefix - 1) != 0) return NULL;
    const char *s = line + sizeof prefix - 1;
    if (*s == '"') {
        for (s++; *s && *s != '"' && *s != '\n'; s++) {
            if (*s == '\\' && s[1]) s++;
        }
        if (*s == '"') s++;
    } else {
        s += strcspn(s, ". \n");
    }
    return *s == '.' ? s + 1 : NULL;
}

/* Whether a line says what a row becomes: expressions, values, functions, their modules, and which columns they read. */
static bool is_mapping(const char *line) {
    static const char *const fields[] = {"attributes.",           "items[",   "map ",       "nulls ",    "empty_strings ",
                                         "columns_as_attributes", "columns.", "time_zone ", "on_reject "};
    if (strncmp(line, "modules.", 8) == 0) return true;
    if (strncmp(line, "tables[", 7) == 0) {
        const char *s = line + 7 + strspn(line + 7, "0123456789");
        return strncmp(s, "].source.columns.", 17) == 0;
    }
    const char *field = table_field(line);
    for (size_t i = 0; field && i < sizeof fields / sizeof *fields; i++) {
        if (strncmp(field, fields[i], strlen(fields[i])) == 0) return true;
    }
    return false;
}

const char *bind_without_mapping(const char *identity, struct arena *a) {
    char *out = arena_alloc(a, strlen(identity) + 1), *to = out;
    if (out == NULL) return NULL;
    for (const char *line = identity; *line;) {
        const char *end = strchrnul(line, '\n');
        if (*end) end++;
        if (!is_mapping(line)) {
            memcpy(to, line, (size_t)(end - line));
            to += end - line;
        }
        line = end;
    }
    *to = '\0';
    return out;
}

const char *bind_run_key(const struct run_options *options, struct arena *a) {
    if (options->where == NULL && options->limit <= 0) return "";
    return arena_printf(a, "where=%s;limit=%lld", options->where ? options->where : "", (long long)options->limit);
}
