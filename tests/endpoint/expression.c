#include "endpoint/expression.h"

#include "endpoint/refusal.h"

#include <stdio.h>
#include <string.h>

static bool in_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Finds the word at or after `at`: a name with its # or :, one of <= >= <>, or a single mark. */
static void find_word(struct expression *e, const char *at) {
    while (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r') at++;
    const char *end = at;
    if (*end == '#' || *end == ':' || in_word(*end)) {
        end++;
        while (in_word(*end)) end++;
    } else if ((*end == '<' || *end == '>') && (end[1] == '=' || end[1] == '>')) {
        end += 2;
    } else if (*end) {
        end++;
    }
    e->word = (struct slice){at, (size_t)(end - at)};
}

static void step(struct expression *e) {
    find_word(e, e->word.data + e->word.len);
}

bool expression_begin(struct expression *e, struct slice body, const char *member) {
    struct slice value;
    if (!doc_get(body, member, &value)) return false;
    if (!doc_text(value, e->text, sizeof e->text)) snprintf(e->text, sizeof e->text, "?");
    if (e->text[0] == '\0') snprintf(e->text, sizeof e->text, "?"); /* an empty expression is an error too */
    snprintf(e->shown, sizeof e->shown, "%s", member);
    if (!doc_get(body, "ExpressionAttributeNames", &e->names)) e->names = (struct slice){"{}", 2};
    if (!doc_get(body, "ExpressionAttributeValues", &e->values)) e->values = (struct slice){"{}", 2};
    find_word(e, e->text);
    return true;
}

bool expression_take(struct expression *e, const char *word) {
    if (!slice_is_nocase(e->word, word)) return false;
    step(e);
    return true;
}

bool expression_ended(const struct expression *e) {
    return e->word.len == 0;
}

bool expression_refuse(const struct expression *e, struct error *err) {
    return refuse_value(err, "Invalid %s: Syntax error; token: \"%.*s\", near: \"%.60s\"", e->shown,
                        e->word.len > 60 ? 60 : (int)e->word.len, e->word.data, e->word.data);
}

bool expression_name(struct expression *e, char *name, struct error *err) {
    char word[DOC_NAME];
    if (e->word.len == 0 || e->word.len >= sizeof word || (e->word.data[0] != '#' && !in_word(e->word.data[0])))
        return expression_refuse(e, err);
    snprintf(word, sizeof word, "%.*s", (int)e->word.len, e->word.data);
    if (word[0] != '#')
        memcpy(name, word, sizeof word);
    else if (!doc_get_text(e->names, word, name, DOC_NAME))
        return refuse_value(err,
                            "Invalid %s: An expression attribute name used in the document path is not defined; "
                            "attribute name: %s",
                            e->shown, word);
    step(e);
    return true;
}

bool expression_value(struct expression *e, struct value *v, struct error *err) {
    char word[DOC_NAME];
    struct slice whole;
    if (e->word.len < 2 || e->word.len >= sizeof word || e->word.data[0] != ':') return expression_refuse(e, err);
    snprintf(word, sizeof word, "%.*s", (int)e->word.len, e->word.data);
    if (!doc_get(e->values, word, &whole))
        return refuse_value(err,
                            "Invalid %s: An expression attribute value used in expression is not defined; "
                            "attribute value: %s",
                            e->shown, word);
    step(e);
    return value_of(whole, v, err);
}
