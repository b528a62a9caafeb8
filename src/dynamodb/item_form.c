/* A form is written as the item is read: each value as its type's letter, its length or count, its bytes; the members of a map and of a
 * set, once they are all there, in the order of their bytes. */
#include "dynamodb/item_form.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "dynamodb/value.h"

/* An item's JSON is at most six times its 400 KB; its form is shorter but for lengths: 5 bytes where JSON has at least 5 marks. */
#define FORM_MAX ((size_t)16 * 1024 * 1024)

/* A member of a map or set, in the form. */
struct part {
    size_t at, len;
};

struct maker {
    struct json json;
    struct buffer *out, *parts;
    const char *problem; /* why it is no item; NULL with a failure: memory is out */
};

void item_form_init(struct item_form *f) {
    buffer_init(&f->bytes, FORM_MAX);
    buffer_init(&f->parts, FORM_MAX);
}

void item_form_free(struct item_form *f) {
    buffer_free(&f->bytes);
    buffer_free(&f->parts);
}

/* --- writing --- */

static bool refuse(struct maker *m, const char *problem) {
    m->problem = m->json.problem ? m->json.problem : problem;
    return false;
}

/* Writes a number of four bytes at a place that was left for it. */
static void set_count(struct maker *m, size_t at, size_t count) {
    for (int i = 0; i < 4; i++) m->out->data[at + (size_t)i] = (char)(count >> (24 - 8 * i));
}

/* Begins a value: its letter, and room for a count. *at is the room's place. */
static bool begin(struct maker *m, char letter, size_t *at) {
    if (!buffer_reserve(m->out, 5)) return false;
    m->out->data[m->out->len] = letter;
    *at = m->out->len + 1;
    m->out->len += 5;
    return true;
}

/* The current key or string: its letter, its length, its bytes without escapes. */
static bool put_text(struct maker *m, char letter) {
    const struct json *j = &m->json;
    size_t at, n = j->len;
    if (!begin(m, letter, &at) || !buffer_reserve(m->out, j->len)) return false;
    if (!j->escaped) {
        memcpy(m->out->data + m->out->len, j->text, n);
    } else {
        n = json_unescape(m->out->data + m->out->len, j->text, j->len);
        if (n == (size_t)-1) return refuse(m, "half a surrogate pair");
    }
    m->out->len += n;
    set_count(m, at, n);
    return true;
}

static bool put_number(struct maker *m) {
    const struct json *j = &m->json;
    size_t at;
    if (dynamodb_number_check(j->text, j->len) != DYNAMODB_NUMBER_OK) return refuse(m, "a malformed N");
    if (!begin(m, 'N', &at) || !buffer_reserve(m->out, DYNAMODB_NUMBER_CANONICAL_MAX)) return false;
    size_t n = dynamodb_number_canonical(j->text, j->len, m->out->data + m->out->len);
    m->out->len += n;
    set_count(m, at, n);
    return true;
}

static bool put_bytes(struct maker *m) {
    const struct json *j = &m->json;
    size_t at;
    if (j->escaped) return refuse(m, "a B that is not base64"); /* our own and DynamoDB's base64 have no escapes */
    if (!begin(m, 'B', &at) || !buffer_reserve(m->out, DYNAMODB_BASE64_DECODE_ROOM(j->len) + 3)) return false;
    size_t n = dynamodb_base64_decode((unsigned char *)m->out->data + m->out->len, j->text, j->len);
    if (n == (size_t)-1) return refuse(m, "a B that is not base64");
    m->out->len += n;
    set_count(m, at, n);
    return true;
}

/* --- sorting --- */

static int compare_parts(const void *left, const void *right, void *context) {
    const struct part *a = left, *b = right;
    const char *bytes = context;
    int order = memcmp(bytes + a->at, bytes + b->at, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* The part that began at `at` ends here. */
static bool end_part(struct maker *m, size_t at) {
    struct part part = {at, m->out->len - at};
    return buffer_append(m->parts, &part, sizeof part);
}

/* Sorts the parts since `first` (bytes of m->parts), which fill the form from `start` on, and forgets them. */
static bool sort_parts(struct maker *m, size_t first, size_t start) {
    size_t count = (m->parts->len - first) / sizeof(struct part), len = m->out->len - start;
    if (count < 2) {
        m->parts->len = first;
        return true;
    }
    struct part *parts = (struct part *)(void *)(m->parts->data + first);
    m->parts->len = first;
    bool sorted = true;
    for (size_t i = 1; i < count && sorted; i++) sorted = compare_parts(&parts[i - 1], &parts[i], m->out->data) <= 0;
    if (sorted) return true;
    if (!buffer_reserve(m->out, len)) return false;
    qsort_r(parts, count, sizeof *parts, compare_parts, m->out->data);
    char *to = m->out->data + m->out->len;
    for (size_t i = 0; i < count; i++) {
        memcpy(to, m->out->data + parts[i].at, parts[i].len);
        to += parts[i].len;
    }
    memcpy(m->out->data + start, m->out->data + start + len, len);
    return true;
}

/* --- values --- */

static bool put_scalar(struct maker *m, enum json_token token, char letter) {
    if (token != JSON_STRING) return refuse(m, "a value that is not a string where S, N or B has one");
    return letter == 'S' ? put_text(m, 'S') : letter == 'N' ? put_number(m) : put_bytes(m);
}

/* The form of a set has a letter of its own: a list of the same members is another value. */
static bool put_set(struct maker *m, char letter) {
    size_t count = 0, at, first = m->parts->len;
    if (json_next(&m->json) != JSON_ARRAY) return refuse(m, "a set that is not an array");
    if (!begin(m, (char)(letter + ('a' - 'A')), &at)) return false;
    size_t start = m->out->len;
    for (;; count++) {
        enum json_token token = json_next(&m->json);
        size_t begun = m->out->len;
        if (token == JSON_ARRAY_END) break;
        if (!put_scalar(m, token, letter) || !end_part(m, begun)) return false;
    }
    set_count(m, at, count);
    return sort_parts(m, first, start);
}

static bool put_value(struct maker *m, enum json_token first);

/* The members of an object that is open. */
static bool put_members(struct maker *m) {
    size_t count = 0, at, first = m->parts->len;
    if (!begin(m, 'M', &at)) return false;
    size_t start = m->out->len;
    for (;; count++) {
        enum json_token token = json_next(&m->json);
        size_t begun = m->out->len;
        if (token == JSON_OBJECT_END) break;
        if (token != JSON_KEY) return refuse(m, "an attribute without a name");
        if (!put_text(m, 'K') || !put_value(m, json_next(&m->json)) || !end_part(m, begun)) return false;
    }
    set_count(m, at, count);
    return sort_parts(m, first, start);
}

static bool put_list(struct maker *m) {
    size_t count = 0, at;
    if (json_next(&m->json) != JSON_ARRAY) return refuse(m, "an L that is not an array");
    if (!begin(m, 'L', &at)) return false;
    for (;; count++) {
        enum json_token token = json_next(&m->json);
        if (token == JSON_ARRAY_END) break;
        if (!put_value(m, token)) return false;
    }
    set_count(m, at, count);
    return true;
}

static bool put_flag(struct maker *m, bool null) {
    enum json_token token = json_next(&m->json);
    if (token != JSON_TRUE && (null || token != JSON_FALSE)) return refuse(m, "a BOOL or NULL of another value");
    return buffer_append(m->out, null ? "0" : token == JSON_TRUE ? "T" : "F", 1);
}

/* What follows the type's name. */
static bool put_typed(struct maker *m) {
    struct json *j = &m->json;
    if (j->len == 1 && memchr("SNB", j->text[0], 3)) {
        char letter = j->text[0];
        return put_scalar(m, json_next(j), letter);
    }
    if (json_is(j, "BOOL")) return put_flag(m, false);
    if (json_is(j, "NULL")) return put_flag(m, true);
    if (json_is(j, "M")) return json_next(j) == JSON_OBJECT ? put_members(m) : refuse(m, "an M that is not an object");
    if (json_is(j, "L")) return put_list(m);
    if (json_is(j, "SS") || json_is(j, "NS") || json_is(j, "BS")) return put_set(m, j->text[0]);
    return refuse(m, "a value of an unknown type");
}

static bool put_value(struct maker *m, enum json_token first) {
    if (first != JSON_OBJECT || json_next(&m->json) != JSON_KEY) return refuse(m, "a value without its type");
    if (!put_typed(m)) return false;
    return json_next(&m->json) == JSON_OBJECT_END || refuse(m, "a value with two types");
}

/* --- items --- */

bool item_form_make(struct item_form *f, const char *json, size_t n, struct error *err) {
    struct maker m = {.out = &f->bytes, .parts = &f->parts};
    f->bytes.len = f->parts.len = 0;
    json_init(&m.json, json, n);
    bool ok = json_next(&m.json) == JSON_OBJECT ? put_members(&m) : refuse(&m, "not an object");
    if (ok && json_next(&m.json) != JSON_END) ok = refuse(&m, "something follows it");
    if (ok) return true;
    if (m.problem == NULL) return error_memory(err, "comparing items");
    return error_set(err, ERROR_TARGET, "an item that is not DynamoDB JSON: %s, at byte %zu", m.problem,
                     (size_t)(m.json.at - m.json.start));
}

bool item_form_same(const struct item_form *a, const struct item_form *b) {
    return a->bytes.len == b->bytes.len && (a->bytes.len == 0 || memcmp(a->bytes.data, b->bytes.data, a->bytes.len) == 0);
}
