#include "endpoint/value.h"

#include "endpoint/refusal.h"

#include <string.h>

/* --- numbers --- */

struct number {
    bool negative;
    int exponent; /* of 0.DIGITS x 10^exponent */
    size_t count; /* of digits, without leading and trailing zeros; 0 for zero */
    char digits[VALUE_DIGITS_MAX];
};

/* The exponent after an e; false unless a sign and one to four digits are all there is. */
static bool read_exponent(const char *s, const char *end, int *exponent) {
    bool negative = s < end && *s == '-';
    if (s < end && (*s == '-' || *s == '+')) s++;
    if (s == end || end - s > 4) return false;
    *exponent = 0;
    for (; s < end; s++) {
        if (*s < '0' || *s > '9') return false;
        *exponent = *exponent * 10 + (*s - '0');
    }
    if (negative) *exponent = -*exponent;
    return true;
}

/* A decimal number within DynamoDB's 38 digits and 1E-130 .. 9.99E+125. */
static bool read_number(struct slice text, struct number *n) {
    const char *s = text.data, *end = s + text.len;
    int exponent = 0, zeros = 0; /* zeros: seen since the last digit that is kept */
    bool point = false, any = false;
    *n = (struct number){.negative = s < end && *s == '-'};
    if (s < end && (*s == '-' || *s == '+')) s++;
    for (; s < end && *s != 'e' && *s != 'E'; s++) {
        if (*s == '.' && !point) {
            point = true;
            continue;
        }
        if (*s < '0' || *s > '9') return false;
        any = true;
        if (n->count > 0 || *s != '0') {
            if (!point) n->exponent++;
            if (*s == '0') {
                zeros++;
                continue;
            }
            if (n->count + (size_t)zeros >= VALUE_DIGITS_MAX) return false;
            memset(n->digits + n->count, '0', (size_t)zeros);
            n->count += (size_t)zeros;
            n->digits[n->count++] = *s;
            zeros = 0;
        } else if (point) {
            n->exponent--;
        }
    }
    if (!any || (s < end && !read_exponent(s + 1, end, &exponent))) return false;
    if (n->count == 0) return exponent >= -130 && exponent <= 125;
    n->exponent += exponent;
    return n->exponent > -130 && n->exponent <= 126;
}

/* Sign, exponent, digits; a negative number is the complement of its positive, closed by a byte above all. */
static size_t number_bytes(const struct number *n, unsigned char *out) {
    if (n->count == 0) {
        out[0] = 0x80;
        return 1;
    }
    unsigned exponent = (unsigned)(n->exponent + 0x4000);
    size_t len = 0;
    out[len++] = 0x81;
    out[len++] = (unsigned char)(exponent >> 8);
    out[len++] = (unsigned char)exponent;
    memcpy(out + len, n->digits, n->count);
    len += n->count;
    if (!n->negative) return len;
    for (size_t i = 0; i < len; i++) out[i] = (unsigned char)~out[i];
    out[len++] = 0xff;
    return len;
}

/* --- binary --- */

static int base64_value(char c) {
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes padded base64 into dst (NULL: only judges); returns the bytes, or -1. */
static long base64_decode(struct slice text, unsigned char *dst) {
    if (text.len % 4 != 0) return -1;
    size_t pad = 0;
    while (pad < 2 && pad < text.len && text.data[text.len - 1 - pad] == '=') pad++;
    long len = 0;
    for (size_t i = 0; i < text.len; i += 4) {
        unsigned bits = 0;
        size_t here = i + 4 == text.len ? 4 - pad : 4;
        for (size_t k = 0; k < 4; k++) {
            int v = k < here ? base64_value(text.data[i + k]) : 0;
            if (v < 0) return -1;
            bits = bits << 6 | (unsigned)v;
        }
        for (size_t k = 0; k + 1 < here; k++, len++) {
            if (dst) dst[len] = (unsigned char)(bits >> (16 - 8 * k));
        }
    }
    return len;
}

/* --- values --- */

static bool misshapen(const struct json *j, struct error *err) {
    if (j->problem) return refuse(err, "SerializationException", "%s", j->problem);
    return refuse_value(err, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
}

/* The string that json_next has just returned, as a value of this type. */
static bool judge_scalar(const struct json *j, char type, size_t *size, struct error *err) {
    struct slice text = {j->text, j->len};
    struct number number;
    long bytes;
    switch (type) {
    case 'S': *size += text.len; return true;
    case 'N':
        if (j->escaped || !read_number(text, &number))
            return refuse_value(err, "The parameter cannot be converted to a numeric value: %.*s",
                                text.len > 80 ? 80 : (int)text.len, text.data);
        *size += 1 + (number.count + 1) / 2 + number.negative;
        return true;
    default:
        bytes = j->escaped ? -1 : base64_decode(text, NULL);
        if (bytes < 0) return refuse(err, "SerializationException", "a value of type B is not base64");
        *size += (size_t)bytes;
        return true;
    }
}

static bool judge_set(struct json *j, char type, size_t *size, struct error *err) {
    if (json_next(j) != JSON_ARRAY) return misshapen(j, err);
    enum json_token token;
    size_t count = 0;
    while ((token = json_next(j)) == JSON_STRING) {
        if (!judge_scalar(j, type, size, err)) return false;
        count++;
    }
    if (token != JSON_ARRAY_END) return misshapen(j, err);
    if (count == 0)
        return refuse_value(err, "One or more parameter values were invalid: An %s set may not be empty",
                            type == 'S'   ? "string"
                            : type == 'N' ? "number"
                                          : "binary");
    return true;
}

static bool judge_value(struct json *j, enum json_token first, int depth, struct value *v, struct error *err);

/* The elements of an L or the members of an M, up to its end. */
static bool judge_nested(struct json *j, int depth, size_t *size, struct error *err) {
    bool map = j->inside[j->depth - 1] == '{';
    enum json_token token;
    if (depth > VALUE_DEPTH_MAX)
        return refuse_value(err, "Nesting Levels have exceeded supported limits: Attributes in the item have nested "
                                 "levels beyond supported limit");
    *size += 3;
    while ((token = json_next(j)) != JSON_OBJECT_END && token != JSON_ARRAY_END) {
        if (token == JSON_ERROR) return misshapen(j, err);
        *size += 1;
        if (map) {
            *size += j->len;
            token = json_next(j);
        }
        struct value inner;
        if (!judge_value(j, token, depth + 1, &inner, err)) return false;
        *size += inner.size;
    }
    return true;
}

/* What stands inside {"TYPE": ...}. */
static bool judge_inside(struct json *j, int depth, struct value *v, struct error *err) {
    const char *type = v->type;
    if (type[1] == '\0' && strchr("SNB", type[0])) {
        if (json_next(j) != JSON_STRING) return misshapen(j, err);
        v->text = (struct slice){j->text, j->len};
        return judge_scalar(j, type[0], &v->size, err);
    }
    if (strcmp(type, "SS") == 0 || strcmp(type, "NS") == 0 || strcmp(type, "BS") == 0)
        return judge_set(j, type[0], &v->size, err);
    if (strcmp(type, "M") == 0 || strcmp(type, "L") == 0) {
        if (json_next(j) != (type[0] == 'M' ? JSON_OBJECT : JSON_ARRAY)) return misshapen(j, err);
        return judge_nested(j, depth + 1, &v->size, err);
    }
    enum json_token token = json_next(j);
    v->size += 1;
    if (strcmp(type, "BOOL") == 0 && (token == JSON_TRUE || token == JSON_FALSE)) return true;
    if (strcmp(type, "NULL") == 0 && token == JSON_TRUE) return true;
    return misshapen(j, err);
}

static bool judge_value(struct json *j, enum json_token first, int depth, struct value *v, struct error *err) {
    *v = (struct value){.whole.data = j->at - 1};
    if (first != JSON_OBJECT || json_next(j) != JSON_KEY || !json_copy(j, v->type, sizeof v->type) || v->type[0] == '\0')
        return misshapen(j, err);
    if (!judge_inside(j, depth, v, err)) return false;
    if (json_next(j) != JSON_OBJECT_END) return misshapen(j, err);
    v->whole.len = (size_t)(j->at - v->whole.data);
    return true;
}

bool value_read(struct json *j, struct value *v, struct error *err) {
    enum json_token first = json_next(j);
    return judge_value(j, first, 0, v, err);
}

bool value_of(struct slice whole, struct value *v, struct error *err) {
    struct json j;
    json_init(&j, whole.data, whole.len);
    return value_read(&j, v, err);
}

bool value_append_key(struct buffer *out, const struct value *v, struct error *err) {
    size_t room = v->text.len > VALUE_NUMBER_BYTES ? v->text.len : VALUE_NUMBER_BYTES;
    if (!buffer_reserve(out, room)) return error_memory(err, "reading a key");
    char *dst = out->data + out->len;
    struct number number;
    size_t n;
    switch (v->type[0]) {
    case 'S':
        n = json_unescape(dst, v->text.data, v->text.len);
        if (n == (size_t)-1) return refuse(err, "SerializationException", "half a surrogate pair in a string");
        break;
    case 'N': n = read_number(v->text, &number) ? number_bytes(&number, (unsigned char *)dst) : 0; break;
    default: n = (size_t)base64_decode(v->text, (unsigned char *)dst); break;
    }
    out->len += n;
    return true;
}
