#include "mapping/template.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/nearest.h"
#include "mapping/format.h"

#define TOLD_FIELD 200 /* bytes of a value that a message shows */

/* --- scanning: the source as pieces --- */

struct piece {
    bool column;
    const char *text; /* the literal's bytes, or the column's name */
    size_t len;
    const char *format; /* NULL: none */
    size_t format_len;
};

struct scan {
    const char *source, *at, *end;
};

static bool problem_set(struct template_problem *p, const struct scan *s, const char *at, const char *hint, const char *format,
                        ...) __attribute__((format(printf, 5, 6)));

static bool problem_set(struct template_problem *p, const struct scan *s, const char *at, const char *hint, const char *format,
                        ...) {
    if (p == NULL) return false;
    p->at = (size_t)(at - s->source);
    va_list args;
    va_start(args, format);
    vsnprintf(p->message, sizeof p->message, format, args);
    va_end(args);
    snprintf(p->hint, sizeof p->hint, "%s", hint);
    return false;
}

static bool scan_column(struct scan *s, struct piece *piece, struct template_problem *problem) {
    const char *open = s->at, *name = open + 1;
    const char *close = memchr(name, '}', (size_t)(s->end - name));
    if (close == NULL)
        return problem_set(problem, s, open, "close it with }, or write {{ for a brace", "an open brace is not closed");
    const char *colon = memchr(name, ':', (size_t)(close - name));
    *piece = (struct piece){.column = true, .text = name, .len = (size_t)((colon ? colon : close) - name)};
    if (piece->len == 0) return problem_set(problem, s, open, "write {Column} or {Column:format}", "a column's name is missing");
    const char *inner = memchr(name, '{', (size_t)(close - name));
    if (inner)
        return problem_set(problem, s, inner, "close the first one with }, or write {{ for a brace", "a brace inside a brace");
    if (colon) {
        piece->format = colon + 1;
        piece->format_len = (size_t)(close - colon - 1);
        if (piece->format_len == 0)
            return problem_set(problem, s, colon, "leave the colon out, or say a format", "an empty format");
    }
    s->at = close + 1;
    return true;
}

/* The next piece; *more is false at the end. A doubled brace ends a literal after its first brace. */
static bool scan_next(struct scan *s, struct piece *piece, bool *more, struct template_problem *problem) {
    *more = s->at < s->end;
    if (!*more) return true;
    const char *from = s->at;
    while (s->at < s->end && *s->at != '{' && *s->at != '}') s->at++;
    if (s->at == s->end || s->at > from) {
        *piece = (struct piece){.text = from, .len = (size_t)(s->at - from)};
        return true;
    }
    if (s->at + 1 < s->end && s->at[1] == *s->at) {
        *piece = (struct piece){.text = from, .len = 1};
        s->at += 2;
        return true;
    }
    if (*s->at == '}') return problem_set(problem, s, s->at, "write }} for a brace", "a closing brace without an open one");
    return scan_column(s, piece, problem);
}

/* Whether a problem lies in the format: says so at the format's own place. */
static bool check_format(const struct scan *s, const struct piece *piece, enum pg_type type, bool typed, struct format *out,
                         struct template_problem *problem) {
    struct format_problem why;
    if (format_parse(piece->format, piece->format_len, typed ? &type : NULL, out, &why)) return true;
    const char *at = piece->format ? piece->format + why.at : piece->text;
    return problem_set(problem, s, at, why.hint, "%s", why.message);
}

bool template_check(const char *source, size_t len, struct template_problem *problem) {
    struct scan s = {source, source, source + len};
    struct piece piece;
    bool more;
    for (;;) {
        if (!scan_next(&s, &piece, &more, problem)) return false;
        if (!more) return true;
        struct format format;
        if (piece.column && piece.format && !check_format(&s, &piece, PG_TEXT, false, &format, problem)) return false;
    }
}

void template_columns(const char *source, size_t len, void (*each)(void *context, const char *name, size_t n), void *context) {
    struct scan s = {source, source, source + len};
    struct piece piece;
    bool more;
    while (scan_next(&s, &piece, &more, NULL) && more) {
        if (piece.column) each(context, piece.text, piece.len);
    }
}

static void note_column(void *context, const char *name, size_t n) {
    (void)name;
    (void)n;
    *(bool *)context = true;
}

bool template_constant(const char *source, size_t len) {
    bool column = false;
    template_columns(source, len, note_column, &column);
    return !column;
}

/* --- compiling --- */

struct step {
    int column;       /* -1: literal */
    const char *text; /* the literal, for copy_steps, or the column's name, terminated */
    size_t len;
    struct format format;
};

struct template {
    struct step *steps;
    int count;
    size_t fixed; /* the most bytes of literals and of values whose length has a bound, and room for copies in steps */
    bool growing; /* a value has no bound */
};

static int find_column(const struct piece *piece, const struct pg_column *columns, int count) {
    for (int i = 0; i < count; i++) {
        if (strlen(columns[i].name) == piece->len && memcmp(columns[i].name, piece->text, piece->len) == 0) return i;
    }
    return -1;
}

static bool unknown_column(const struct scan *s, const struct piece *piece, const struct pg_column *columns, int count,
                           struct template_problem *problem) {
    char name[128], hint[240];
    snprintf(name, sizeof name, "%.*s", (int)piece->len, piece->text);
    const char *names[1664]; /* the most columns that a query can give (PostgreSQL manual, appendix K) */
    int n = 0;
    for (int i = 0; i < count && n < 1664; i++) names[n++] = columns[i].name;
    nearest_hint(name, names, n, "columns", hint, sizeof hint);
    return problem_set(problem, s, piece->text, hint, "the source has no column \"%s\"", name);
}

static int count_pieces(const char *source, size_t len) {
    struct scan s = {source, source, source + len};
    struct piece piece;
    bool more;
    int n = 0;
    while (scan_next(&s, &piece, &more, NULL) && more) n++;
    return n;
}

static bool compile_literal(struct template *t, struct arena *a, const struct scan *s, const struct piece *piece,
                            struct step *step, struct template_problem *problem) {
    char *text = arena_alloc(a, COPY_ROOM(piece->len));
    if (text == NULL) return problem_set(problem, s, s->source, "", "out of memory");
    memcpy(text, piece->text, piece->len);
    *step = (struct step){.column = -1, .text = text, .len = piece->len};
    t->fixed += piece->len;
    return true;
}

static bool compile_column(struct template *t, const struct pg_column *columns, int count, const struct scan *s,
                           const struct piece *piece, struct step *step, struct template_problem *problem) {
    int column = find_column(piece, columns, count);
    if (column < 0) return unknown_column(s, piece, columns, count, problem);
    *step = (struct step){.column = column, .text = columns[column].name};
    if (!check_format(s, piece, columns[column].type, true, &step->format, problem)) return false;
    size_t least = format_room(&step->format, 0);
    t->fixed += FORMAT_BOUNDED + least;
    t->growing = t->growing || format_room(&step->format, 1) > least;
    return true;
}

struct template *template_compile(struct arena *a, const char *source, size_t len, const struct pg_column *columns, int count,
                                  struct template_problem *problem) {
    struct scan s = {source, source, source + len};
    struct template *t = arena_alloc(a, sizeof *t);
    struct step *steps = arena_array(a, (size_t)count_pieces(source, len) + 1, sizeof *steps);
    if (t == NULL || steps == NULL) {
        problem_set(problem, &s, source, "", "out of memory");
        return NULL;
    }
    *t = (struct template){.steps = steps, .fixed = COPY_STEP};
    struct piece piece;
    bool more;
    for (;;) {
        if (!scan_next(&s, &piece, &more, problem)) return NULL;
        if (!more) return t;
        struct step *step = &steps[t->count++];
        if (!(piece.column ? compile_column(t, columns, count, &s, &piece, step, problem)
                           : compile_literal(t, a, &s, &piece, step, problem)))
            return NULL;
    }
}

bool template_plain(const struct template *t) {
    for (int i = 0; i < t->count; i++) {
        const struct step *step = &t->steps[i];
        if (step->column < 0 ? !format_plain_text(step->text, step->len) : !format_plain(&step->format)) return false;
    }
    return true;
}

void template_grains(const struct template *t, enum pg_grain *grains) {
    for (int i = 0; i < t->count; i++) {
        const struct step *step = &t->steps[i];
        if (step->column < 0) continue;
        enum pg_grain grain = format_grain(&step->format);
        if (grain > grains[step->column]) grains[step->column] = grain;
    }
}

/* --- running --- */

size_t template_room(const struct template *t, const struct pg_row *row) {
    size_t room = t->fixed;
    for (int i = 0; t->growing && i < t->count; i++) {
        const struct step *step = &t->steps[i];
        if (step->column < 0) continue;
        int32_t len = row->fields[step->column].len;
        if (len > 0) room += format_room(&step->format, len);
    }
    return room;
}

enum template_result template_run(const struct template *t, const struct pg_row *row, char *out, size_t *len,
                                  struct template_fault *fault) {
    char *d = out;
    for (const struct step *step = t->steps, *end = step + t->count; step < end; step++) {
        if (step->column < 0) {
            d = copy_steps(d, step->text, step->len);
            continue;
        }
        struct pg_field field = row->fields[step->column];
        if (field.len < 0) return TEMPLATE_NULL;
        if (step->format.kind == FORMAT_TEXT) {
            memcpy(d, field.data, (size_t)field.len);
            d += field.len;
        } else if ((d = format_run(&step->format, field, d, &fault->why)) == NULL) {
            fault->column = step->text;
            return TEMPLATE_BAD;
        }
    }
    *len = (size_t)(d - out);
    return TEMPLATE_OK;
}

/* The text of one step, cut to what a message shows; a wide value is not looked at as a whole. */
static void step_text(const struct step *step, struct pg_field field, char *out, size_t size) {
    char text[TOLD_FIELD + FORMAT_BOUNDED + 64];
    const char *why = "", *end;
    if (field.len < 0) {
        snprintf(out, size, "NULL");
    } else if (field.len > TOLD_FIELD || format_room(&step->format, field.len) + FORMAT_BOUNDED > sizeof text) {
        snprintf(out, size, "a value of %d bytes", (int)field.len);
    } else if ((end = format_run(&step->format, field, text, &why)) != NULL) {
        snprintf(out, size, "\"%.*s\"", (int)(end - text), text);
    } else {
        snprintf(out, size, "a value that %s", why);
    }
}

void template_tell(const struct template *t, const struct pg_row *row, char *out, size_t size) {
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < t->count && used + 1 < size; i++) {
        const struct step *step = &t->steps[i];
        char text[TOLD_FIELD + FORMAT_BOUNDED + 80];
        if (step->column < 0) continue;
        step_text(step, row->fields[step->column], text, sizeof text);
        int n = snprintf(out + used, size - used, "%s%s = %s", used ? ", " : "", step->text, text);
        used += n > 0 ? (size_t)n : 0;
    }
}
