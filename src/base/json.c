#include "base/json.h"

#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

/* What may come next. */
enum { WANT_VALUE, WANT_VALUE_OR_END, WANT_KEY, WANT_KEY_OR_END, WANT_COLON, WANT_COMMA_OR_END, WANT_NOTHING, FAILED };

void json_init(struct json *j, const char *data, size_t n) {
    *j = (struct json){.start = data, .at = data, .end = data + n, .state = WANT_VALUE};
}

static enum json_token fail(struct json *j, const char *problem) {
    j->state = FAILED;
    j->problem = problem;
    return JSON_ERROR;
}

static void skip_space(struct json *j) {
    while (j->at < j->end && (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) j->at++;
}

/* After a value: what the enclosing object or array allows. */
static void after_value(struct json *j) {
    j->state = j->depth ? WANT_COMMA_OR_END : WANT_NOTHING;
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Steps over the escape at *p (a backslash); false when it is not one. */
static bool step_escape(const char **p, const char *end) {
    const char *s = *p;
    if (end - s < 2) return false;
    if (s[1] == 'u') {
        if (end - s < 6) return false;
        for (int i = 2; i < 6; i++) {
            if (!is_hex(s[i])) return false;
        }
        *p = s + 6;
        return true;
    }
    if (memchr("\"\\/bfnrt", s[1], 8) == NULL) return false;
    *p = s + 2;
    return true;
}

static enum json_token read_string(struct json *j, enum json_token token) {
    const char *s = ++j->at; /* past the quote */
    bool escaped = false, high = false;
    for (;;) {
        if (s == j->end) {
            j->at--; /* where the string begins */
            return fail(j, "the text ends inside a string");
        }
        unsigned char c = (unsigned char)*s;
        if (c == '"') break;
        if (c == '\\') {
            escaped = true;
            if (!step_escape(&s, j->end)) {
                j->at = s;
                return fail(j, "an unknown escape in a string");
            }
            continue;
        }
        if (c < 0x20) {
            j->at = s;
            return fail(j, "a raw control character in a string");
        }
        high |= c >= 0x80;
        s++;
    }
    j->text = j->at;
    j->len = (size_t)(s - j->at);
    j->escaped = escaped;
    if (high && !utf8_valid(j->text, j->len)) return fail(j, "a string that is not UTF-8");
    j->at = s + 1;
    if (token == JSON_KEY) {
        j->state = WANT_COLON;
    } else {
        after_value(j);
    }
    return token;
}

static const char *digits(const char *s, const char *end) {
    while (s < end && *s >= '0' && *s <= '9') s++;
    return s;
}

static enum json_token read_number(struct json *j) {
    const char *s = j->at, *from;
    if (s < j->end && *s == '-') s++;
    from = s;
    s = digits(s, j->end);
    if (s == from || (*from == '0' && s - from > 1)) return fail(j, "a malformed number");
    if (s < j->end && *s == '.') {
        from = ++s;
        s = digits(s, j->end);
        if (s == from) return fail(j, "a malformed number");
    }
    if (s < j->end && (*s == 'e' || *s == 'E')) {
        s++;
        if (s < j->end && (*s == '+' || *s == '-')) s++;
        from = s;
        s = digits(s, j->end);
        if (s == from) return fail(j, "a malformed number");
    }
    j->text = j->at;
    j->len = (size_t)(s - j->at);
    j->at = s;
    after_value(j);
    return JSON_NUMBER;
}

static enum json_token read_word(struct json *j, const char *word, enum json_token token) {
    size_t n = strlen(word);
    if ((size_t)(j->end - j->at) < n || memcmp(j->at, word, n) != 0) return fail(j, "not a JSON value");
    j->at += n;
    after_value(j);
    return token;
}

static enum json_token open_level(struct json *j, unsigned char kind) {
    if (j->depth == JSON_DEPTH_MAX) return fail(j, "nested too deeply");
    j->inside[j->depth++] = kind;
    j->at++;
    j->state = kind == '{' ? WANT_KEY_OR_END : WANT_VALUE_OR_END;
    return kind == '{' ? JSON_OBJECT : JSON_ARRAY;
}

static enum json_token close_level(struct json *j) {
    unsigned char kind = j->inside[--j->depth];
    j->at++;
    after_value(j);
    return kind == '{' ? JSON_OBJECT_END : JSON_ARRAY_END;
}

static enum json_token read_value(struct json *j) {
    switch (*j->at) {
    case '{':
    case '[': return open_level(j, (unsigned char)*j->at);
    case '"': return read_string(j, JSON_STRING);
    case 't': return read_word(j, "true", JSON_TRUE);
    case 'f': return read_word(j, "false", JSON_FALSE);
    case 'n': return read_word(j, "null", JSON_NULL);
    default: break;
    }
    if (*j->at == '-' || (*j->at >= '0' && *j->at <= '9')) return read_number(j);
    return fail(j, "not a JSON value");
}

enum json_token json_next(struct json *j) {
    for (;;) {
        if (j->state == FAILED) return JSON_ERROR;
        skip_space(j);
        if (j->at == j->end) {
            if (j->state == WANT_NOTHING) return JSON_END;
            return fail(j, "the text ends too early");
        }
        char c = *j->at;
        switch (j->state) {
        case WANT_NOTHING: return fail(j, "something follows the value");
        case WANT_COLON:
            if (c != ':') return fail(j, "a colon is missing");
            j->at++;
            j->state = WANT_VALUE;
            continue;
        case WANT_COMMA_OR_END: {
            bool object = j->inside[j->depth - 1] == '{';
            if (c == (object ? '}' : ']')) return close_level(j);
            if (c != ',') return fail(j, "a comma is missing");
            j->at++;
            j->state = object ? WANT_KEY : WANT_VALUE;
            continue;
        }
        case WANT_KEY_OR_END:
            if (c == '}') return close_level(j);
            /* fall through */
        case WANT_KEY:
            if (c != '"') return fail(j, "a key in double quotes is missing");
            return read_string(j, JSON_KEY);
        case WANT_VALUE_OR_END:
            if (c == ']') return close_level(j);
            /* fall through */
        default: return read_value(j);
        }
    }
}

bool json_skip(struct json *j, enum json_token first) {
    if (first == JSON_ERROR || first == JSON_END) return false;
    if (first != JSON_OBJECT && first != JSON_ARRAY) return true;
    int depth = j->depth;
    while (j->depth >= depth) {
        if (json_next(j) == JSON_ERROR) return false;
    }
    return true;
}

static unsigned hex4(const char *s) {
    unsigned v = 0;
    for (int i = 0; i < 4; i++) {
        char c = s[i];
        v = v * 16 + (unsigned)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

static size_t put_utf8(char *dst, unsigned c) {
    if (c < 0x80) {
        dst[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        dst[0] = (char)(0xc0 | c >> 6);
        dst[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        dst[0] = (char)(0xe0 | c >> 12);
        dst[1] = (char)(0x80 | (c >> 6 & 63));
        dst[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    dst[0] = (char)(0xf0 | c >> 18);
    dst[1] = (char)(0x80 | (c >> 12 & 63));
    dst[2] = (char)(0x80 | (c >> 6 & 63));
    dst[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* Reads \uXXXX (a pair for what lies beyond the basic plane) at s; 0 bytes when it is half a pair. */
static size_t read_unicode(const char *s, const char *end, unsigned *c) {
    *c = hex4(s + 2);
    if (*c < 0xd800 || *c > 0xdfff) return 6;
    if (*c > 0xdbff || end - s < 12 || s[6] != '\\' || s[7] != 'u') return 0;
    unsigned low = hex4(s + 8);
    if (low < 0xdc00 || low > 0xdfff) return 0;
    *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
    return 12;
}

size_t json_unescape(char *dst, const char *src, size_t n) {
    const char *s = src, *end = src + n;
    char *d = dst;
    while (s < end) {
        if (*s != '\\') {
            *d++ = *s++;
            continue;
        }
        if (s[1] == 'u') {
            unsigned c;
            size_t used = read_unicode(s, end, &c);
            if (used == 0) return (size_t)-1;
            d += put_utf8(d, c);
            s += used;
            continue;
        }
        switch (s[1]) {
        case 'b': *d++ = '\b'; break;
        case 'f': *d++ = '\f'; break;
        case 'n': *d++ = '\n'; break;
        case 'r': *d++ = '\r'; break;
        case 't': *d++ = '\t'; break;
        default: *d++ = s[1]; break;
        }
        s += 2;
    }
    return (size_t)(d - dst);
}

bool json_copy(const struct json *j, char *dst, size_t size) {
    if (j->len >= size) return false; /* unescaping never grows a text, so this may refuse a little early */
    size_t n = j->len;
    if (j->escaped) {
        n = json_unescape(dst, j->text, j->len);
        if (n == (size_t)-1) return false;
    } else {
        memcpy(dst, j->text, n);
    }
    dst[n] = '\0';
    return true;
}

bool json_is(const struct json *j, const char *text) {
    size_t n = strlen(text);
    if (!j->escaped) return j->len == n && memcmp(j->text, text, n) == 0;
    char small[256];
    if (j->len >= sizeof small) return false;
    return json_copy(j, small, sizeof small) && strcmp(small, text) == 0;
}

bool json_append_string(struct buffer *b, const char *text, size_t n) {
    if (n > (SIZE_MAX - 2) / 6 || !buffer_reserve(b, JSON_ESCAPED_MAX(n) + 2)) return false;
    b->data[b->len++] = '"';
    b->len += json_escape(b->data + b->len, text, n);
    b->data[b->len++] = '"';
    return true;
}
