#include "aws/profile.h"

#include <string.h>
#include <strings.h>

#define PROFILE_KIND "profile"

static struct profile_slice slice(const char *from, const char *to) {
    return (struct profile_slice){from, (size_t)(to - from)};
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static struct profile_slice trim(struct profile_slice s) {
    while (s.n && is_blank(s.text[0])) s.text++, s.n--;
    while (s.n && (is_blank(s.text[s.n - 1]) || s.text[s.n - 1] == '\r')) s.n--;
    return s;
}

static bool same(struct profile_slice s, const char *text) {
    return s.text && s.n == strlen(text) && memcmp(s.text, text, s.n) == 0;
}

static bool same_key(struct profile_slice s, const char *text) {
    return s.text && s.n == strlen(text) && strncasecmp(s.text, text, s.n) == 0;
}

void profile_init(struct profile_reader *r, const struct profile_text *t) {
    const char *data = t->data ? t->data : "";
    *r = (struct profile_reader){.at = data, .end = data + t->n, .is_config = t->is_config};
    if (t->n >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) r->at += 3; /* a byte order mark */
}

static enum profile_event bad(struct profile_reader *r, const char *problem) {
    r->problem = problem;
    r->bad = true;
    return PROFILE_BAD;
}

static struct profile_slice unquote(struct profile_slice s) {
    if (s.n >= 2 && (s.text[0] == '"' || s.text[0] == '\'') && s.text[s.n - 1] == s.text[0])
        return slice(s.text + 1, s.text + s.n - 1);
    return s;
}

/* "[profile NAME]", "[default]", "[services NAME]"; in a credentials file "[NAME]". */
static enum profile_event read_section(struct profile_reader *r, struct profile_slice line) {
    const char *close = memchr(line.text, ']', line.n);
    if (close == NULL) return bad(r, "a section without its closing bracket");
    struct profile_slice after = trim(slice(close + 1, line.text + line.n));
    if (after.n && after.text[0] != '#' && after.text[0] != ';') return bad(r, "text after a section's closing bracket");
    struct profile_slice inside = trim(slice(line.text + 1, close));
    if (inside.n == 0) return bad(r, "a section without a name");
    r->kind = (struct profile_slice){PROFILE_KIND, sizeof PROFILE_KIND - 1};
    r->name = unquote(inside);
    if (r->is_config && !same(inside, "default")) {
        size_t n = 0;
        while (n < inside.n && !is_blank(inside.text[n])) n++;
        r->kind = slice(inside.text, inside.text + n);
        r->name = unquote(trim(slice(inside.text + n, inside.text + inside.n)));
        /* "[NAME]" alone is no profile in this file: its kind is the name, which nobody asks for. */
        if (r->name.n == 0) r->kind.n = 0;
    }
    r->in_section = true;
    r->parent = (struct profile_slice){0};
    r->indent = 0;
    return PROFILE_SECTION;
}

/* A '#' or ';' after a blank begins a comment. */
static struct profile_slice without_comment(struct profile_slice s) {
    for (size_t i = 0; i < s.n; i++) {
        if ((s.text[i] == '#' || s.text[i] == ';') && i > 0 && is_blank(s.text[i - 1])) {
            s.n = i;
            break;
        }
    }
    return trim(s);
}

static enum profile_event read_property(struct profile_reader *r, struct profile_slice line, size_t indent) {
    const char *equals = memchr(line.text, '=', line.n);
    bool nested = r->parent.text && indent > r->indent;
    if (!r->in_section) return bad(r, "a property before the first section");
    if (equals == NULL && !nested) return bad(r, "a line that is neither a section, nor \"name = value\", nor a comment");
    if (equals == NULL) equals = line.text;
    r->key = trim(slice(line.text, equals));
    const char *value = equals < line.text + line.n && *equals == '=' ? equals + 1 : equals;
    /* Not trimmed before: the blank that makes a '#' a comment may be the one right after '='. */
    r->value = without_comment(slice(value, line.text + line.n));
    if (nested) return PROFILE_NESTED;
    if (r->key.n == 0) return bad(r, "a property without a name");
    r->parent = r->key;
    r->indent = indent;
    return PROFILE_PROPERTY;
}

enum profile_event profile_next(struct profile_reader *r) {
    while (!r->bad && r->at < r->end) {
        const char *feed = memchr(r->at, '\n', (size_t)(r->end - r->at));
        struct profile_slice whole = slice(r->at, feed ? feed : r->end), line = trim(whole);
        r->at = feed ? feed + 1 : r->end;
        r->line++;
        if (memchr(whole.text, '\0', whole.n)) return bad(r, "a zero byte");
        if (line.n == 0 || line.text[0] == '#' || line.text[0] == ';') continue;
        if (line.text[0] == '[') return read_section(r, line);
        return read_property(r, line, (size_t)(line.text - whole.text));
    }
    return r->bad ? PROFILE_BAD : PROFILE_END;
}

bool profile_check(const struct profile_text *t, int *line, const char **problem) {
    struct profile_reader r;
    profile_init(&r, t);
    enum profile_event e;
    do e = profile_next(&r);
    while (e != PROFILE_END && e != PROFILE_BAD);
    *line = r.line;
    *problem = r.problem;
    return e == PROFILE_END;
}

static bool in_wanted(const struct profile_reader *r, const char *kind, const char *name) {
    return same(r->kind, kind) && same(r->name, name);
}

bool profile_has(const struct profile_text *t, const char *kind, const char *name) {
    struct profile_reader r;
    profile_init(&r, t);
    for (enum profile_event e; (e = profile_next(&r)) != PROFILE_END && e != PROFILE_BAD;) {
        if (e == PROFILE_SECTION && in_wanted(&r, kind, name)) return true;
    }
    return false;
}

struct profile_slice profile_get(const struct profile_text *t, const char *kind, const char *name, const char *parent,
                                 const char *key) {
    struct profile_slice found = {0};
    struct profile_reader r;
    profile_init(&r, t);
    for (enum profile_event e; (e = profile_next(&r)) != PROFILE_END && e != PROFILE_BAD;) {
        bool level = parent ? e == PROFILE_NESTED && same_key(r.parent, parent) : e == PROFILE_PROPERTY;
        if (level && in_wanted(&r, kind, name) && same_key(r.key, key)) found = r.value;
    }
    return found;
}
