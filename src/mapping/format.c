#include "mapping/format.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "pg/types.h"

static bool refuse(struct format_problem *p, size_t at, const char *hint, const char *message, const char *text, size_t len) {
    p->at = at;
    p->hint = hint;
    snprintf(p->message, sizeof p->message, "%s \"%.*s\"", message, (int)(len > 60 ? 60 : len), text);
    return false;
}

static bool is_time(enum pg_type t) {
    return t == PG_DATE || t == PG_TIME || t == PG_TIMESTAMP || t == PG_TIMESTAMPTZ;
}

static bool is_whole(enum pg_type t) {
    return t == PG_INT2 || t == PG_INT4 || t == PG_INT8 || t == PG_NUMERIC;
}

static bool is_number(enum pg_type t) {
    return is_whole(t) || t == PG_FLOAT4 || t == PG_FLOAT8;
}

/* --- parsing --- */

#define TIME_PARTS "YmdHMSjLfsFT%"
#define CLOCK_PARTS "HMSLfT%"

/* %d, %5d, %012x: true when the text has that form. */
static bool parse_whole(const char *text, size_t len, struct format *out) {
    size_t i = 1;
    if (len < 2 || text[0] != '%') return false;
    out->zeros = text[i] == '0';
    out->width = 0;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) {
        out->width = out->width * 10 + (text[i] - '0');
        if (out->width > 300) return false;
    }
    if (i + 1 != len || strchr("dxX", text[i]) == NULL) return false;
    out->conversion = text[i];
    out->kind = FORMAT_WHOLE;
    return true;
}

/* %.2f */
static bool parse_decimal(const char *text, size_t len, struct format *out) {
    if (len < 4 || len > 5 || text[0] != '%' || text[1] != '.' || text[len - 1] != 'f') return false;
    out->digits = 0;
    for (size_t i = 2; i + 1 < len; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        out->digits = out->digits * 10 + (text[i] - '0');
    }
    out->kind = FORMAT_DECIMAL;
    return out->digits <= 38;
}

/* A text with %-parts of times. `d` alone is a number's format as well: the type decides. */
static bool parse_time(const char *text, size_t len, const enum pg_type *type, struct format *out,
                       struct format_problem *problem) {
    const char *parts = type && *type == PG_TIME ? CLOCK_PARTS : TIME_PARTS;
    for (size_t i = 0; i < len; i++) {
        if (text[i] != '%') continue;
        if (i + 1 == len) return refuse(problem, i, "write %% for a percent sign", "a format that ends in %:", text, len);
        if (strchr(parts, text[++i]) == NULL || text[i] == '\0') {
            return refuse(problem, i - 1, "times have %Y %m %d %H %M %S %j %L %f %s %F %T, numbers %d %012d %x %.2f",
                          "unknown format", text + i - 1, 2);
        }
    }
    out->kind = FORMAT_TIME;
    return true;
}

/* lower, upper, hex, shard(n) */
static bool parse_name(const char *text, size_t len, struct format *out, struct format_problem *problem) {
    static const struct {
        const char *name;
        enum format_kind kind;
    } names[] = {{"lower", FORMAT_LOWER}, {"upper", FORMAT_UPPER}, {"hex", FORMAT_HEX}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i].name) == len && memcmp(names[i].name, text, len) == 0) {
            out->kind = names[i].kind;
            return true;
        }
    }
    if (len > 7 && memcmp(text, "shard(", 6) == 0 && text[len - 1] == ')') {
        uint32_t n = 0;
        for (size_t i = 6; i + 1 < len; i++) {
            if (text[i] < '0' || text[i] > '9' || n > 100000) {
                return refuse(problem, i, "say shard(n) with n from 1 to 1000000", "a wrong number of shards in", text, len);
            }
            n = n * 10 + (uint32_t)(text[i] - '0');
        }
        if (n == 0 || n > 1000000) {
            return refuse(problem, 6, "say shard(n) with n from 1 to 1000000", "a wrong number of shards in", text, len);
        }
        out->kind = FORMAT_SHARD;
        out->shards = n;
        return true;
    }
    return refuse(problem, 0, "a format is strftime (%Y-%m-%d), printf (%012d), lower, upper, hex or shard(n)", "unknown format",
                  text, len);
}

static bool suits(const struct format *f, const char *text, size_t len, struct format_problem *problem) {
    const char *hint = NULL;
    switch (f->kind) {
    case FORMAT_TIME:
        if (!is_time(f->type)) hint = "this format is for times, and the column is none";
        break;
    case FORMAT_WHOLE:
        if (!is_whole(f->type)) hint = "this format is for whole numbers";
        if (f->type == PG_NUMERIC && f->conversion != 'd') hint = "a numeric column has %d and %.2f only";
        break;
    case FORMAT_DECIMAL:
        if (!is_number(f->type)) hint = "this format is for numbers";
        break;
    case FORMAT_HEX:
        if (f->type != PG_BYTEA && f->type != PG_TEXT && f->type != PG_UUID) hint = "hex is for bytea, text and uuid columns";
        break;
    case FORMAT_LOWER:
    case FORMAT_UPPER:
    case FORMAT_SHARD:
    case FORMAT_PLAIN:
        if (f->type == PG_BYTEA) hint = "a bytea column has the format hex only";
        break;
    }
    if (hint == NULL) return true;
    if (f->kind == FORMAT_PLAIN) return refuse(problem, 0, hint, "a bytea column needs a format", "", 0);
    return refuse(problem, 0, hint, "the column's type does not suit the format", text, len);
}

bool format_parse(const char *text, size_t len, const enum pg_type *type, struct format *out, struct format_problem *problem) {
    *out = (struct format){.kind = FORMAT_PLAIN, .text = text, .len = len, .type = type ? *type : PG_TEXT};
    if (text != NULL) {
        bool time = type && is_time(*type);
        bool numeric = !time && (parse_whole(text, len, out) || parse_decimal(text, len, out));
        if (!numeric) {
            bool parts = memchr(text, '%', len) != NULL;
            if (parts ? !parse_time(text, len, type, out, problem) : !parse_name(text, len, out, problem)) return false;
        }
    }
    return type == NULL || suits(out, text ? text : "", len, problem);
}

/* --- the grain --- */

static enum pg_grain part_grain(char part) {
    switch (part) {
    case 'Y': return PG_GRAIN_YEAR;
    case 'm': return PG_GRAIN_MONTH;
    case 'd':
    case 'j':
    case 'F': return PG_GRAIN_DAY;
    case 'H': return PG_GRAIN_HOUR;
    case 'M': return PG_GRAIN_MINUTE;
    case 'S':
    case 's':
    case 'T': return PG_GRAIN_SECOND;
    case 'L': return PG_GRAIN_MILLISECOND;
    case '%': return PG_GRAIN_YEAR; /* shows nothing of it; but infinity has no text, and a year beyond 9999 neither */
    default: return PG_GRAIN_VALUE;
    }
}

enum pg_grain format_grain(const struct format *f) {
    enum pg_grain grain = PG_GRAIN_YEAR;
    if (f->kind != FORMAT_TIME || (f->type != PG_TIMESTAMP && f->type != PG_TIMESTAMPTZ)) return PG_GRAIN_VALUE;
    for (size_t i = 0; i + 1 < f->len; i++) {
        if (f->text[i] != '%') continue;
        enum pg_grain part = part_grain(f->text[++i]);
        if (part > grain) grain = part;
    }
    return grain;
}

/* --- running --- */

/* Two digits at once. */
static char *put_two(char *d, unsigned value) {
    d[0] = (char)('0' + value / 10);
    d[1] = (char)('0' + value % 10);
    return d + 2;
}

static char *put_three(char *d, unsigned value) {
    *d = (char)('0' + value / 100);
    return put_two(d + 1, value % 100);
}

static char *put_four(char *d, unsigned value) {
    return put_two(put_two(d, value / 100), value % 100);
}

static int day_of_year(const struct pg_time *t) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    return before[t->month - 1] + t->day + (leap && t->month > 2);
}

static const char *moment_problem(enum pg_moment m) {
    if (m == PG_MOMENT_INFINITE) return "is infinity, which has no text";
    if (m == PG_MOMENT_RANGE) return "is before the year 1 or after 9999";
    return "is not a value of its type";
}

static char *put_clock(char *d, const struct pg_time *t) {
    d = put_two(d, (unsigned)t->hour);
    *d++ = ':';
    d = put_two(d, (unsigned)t->minute);
    *d++ = ':';
    return put_two(d, (unsigned)t->second);
}

static char *put_date(char *d, const struct pg_time *t) {
    d = put_four(d, (unsigned)t->year);
    *d++ = '-';
    d = put_two(d, (unsigned)t->month);
    *d++ = '-';
    return put_two(d, (unsigned)t->day);
}

static char *put_part(char *d, char part, const struct format *f, const struct pg_time *t, struct pg_field field) {
    switch (part) {
    case 'Y': return put_four(d, (unsigned)t->year);
    case 'm': return put_two(d, (unsigned)t->month);
    case 'd': return put_two(d, (unsigned)t->day);
    case 'H': return put_two(d, (unsigned)t->hour);
    case 'M': return put_two(d, (unsigned)t->minute);
    case 'S': return put_two(d, (unsigned)t->second);
    case 'L': return put_three(d, (unsigned)t->microsecond / 1000);
    case 'f': return put_three(put_three(d, (unsigned)t->microsecond / 1000), (unsigned)t->microsecond % 1000);
    case 'j': return put_three(d, (unsigned)day_of_year(t));
    case 'F': return put_date(d, t);
    case 'T': return put_clock(d, t);
    case 's': {
        int64_t epoch = 0;
        pg_epoch(f->type, field, &epoch);
        return d + snprintf(d, 24, "%lld", (long long)epoch);
    }
    default: *d = '%'; return d + 1;
    }
}

static bool run_time(const struct format *f, struct pg_field field, char *out, size_t *len, const char **why) {
    struct pg_time t;
    enum pg_moment m = pg_moment(f->type, field, &t);
    if (m != PG_MOMENT_OK) {
        *why = moment_problem(m);
        return false;
    }
    char *d = out;
    for (const char *s = f->text, *end = s + f->len; s < end; s++) {
        if (*s == '%') {
            d = put_part(d, *++s, f, &t, field);
        } else {
            *d++ = *s;
        }
    }
    *len = (size_t)(d - out);
    return true;
}

static const char *number_problem(enum pg_number n) {
    switch (n) {
    case PG_NUMBER_NAN: return "is NaN, which DynamoDB does not have";
    case PG_NUMBER_INFINITE: return "is infinity, which DynamoDB does not have";
    case PG_NUMBER_LONG: return "has more digits than DynamoDB can hold";
    default: return "is not a value of its type";
    }
}

/* Pads digits to the width. A padded number must sort: it is neither negative nor wider. */
static bool pad(const struct format *f, const char *digits, size_t n, char *out, size_t *len, const char **why) {
    if (f->zeros && digits[0] == '-') {
        *why = "is negative and does not sort with its padding";
        return false;
    }
    if (f->zeros && n > (size_t)f->width) {
        *why = "is wider than its padding";
        return false;
    }
    size_t fill = n < (size_t)f->width ? (size_t)f->width - n : 0;
    memset(out, f->zeros ? '0' : ' ', fill);
    memcpy(out + fill, digits, n);
    *len = fill + n;
    return true;
}

static bool run_whole(const struct format *f, struct pg_field field, char *out, size_t *len, const char **why) {
    char text[PG_NUMBER_MAX];
    size_t n = 0;
    if (f->conversion != 'd') {
        int64_t value;
        if (!pg_integer(f->type, field, &value)) {
            *why = number_problem(PG_NUMBER_BAD);
            return false;
        }
        const char *sign = value < 0 ? "-" : "";
        unsigned long long magnitude = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
        n = (size_t)snprintf(text, sizeof text, f->conversion == 'x' ? "%s%llx" : "%s%llX", sign, magnitude);
        return pad(f, text, n, out, len, why);
    }
    enum pg_number result = pg_number_text(f->type, field, text, &n);
    if (result != PG_NUMBER_OK) {
        *why = number_problem(result);
        return false;
    }
    const char *point = memchr(text, '.', n);
    if (point) {
        for (const char *s = point + 1; s < text + n; s++) {
            if (*s == '0') continue;
            *why = "has a fraction, and its format is for whole numbers";
            return false;
        }
        n = (size_t)(point - text);
    }
    return pad(f, text, n, out, len, why);
}

/* Exactly `digits` after the point; a value with more is refused rather than rounded. */
static bool run_decimal(const struct format *f, struct pg_field field, char *out, size_t *len, const char **why) {
    size_t n = 0;
    enum pg_number result = pg_number_text(f->type, field, out, &n);
    if (result != PG_NUMBER_OK || memchr(out, 'E', n)) {
        *why = result != PG_NUMBER_OK ? number_problem(result) : "is too large or too small for its format";
        return false;
    }
    char *point = memchr(out, '.', n);
    size_t fraction = point ? n - (size_t)(point - out) - 1 : 0;
    while (fraction > (size_t)f->digits && out[n - 1] == '0') n--, fraction--;
    if (fraction > (size_t)f->digits) {
        *why = "has more digits after the point than its format";
        return false;
    }
    if (point == NULL && f->digits > 0) out[n++] = '.';
    if (point && f->digits == 0) n = (size_t)(point - out);
    for (; fraction < (size_t)f->digits; fraction++) out[n++] = '0';
    *len = n;
    return true;
}

/* The natural text of a value. */
static bool run_plain(enum pg_type type, struct pg_field field, char *out, size_t *len, const char **why) {
    bool truth;
    struct pg_field json;
    struct pg_time t;
    *why = "is not a value of its type";
    switch (type) {
    case PG_BOOL:
        if (!pg_bool(field, &truth)) return false;
        *len = truth ? 4 : 5;
        memcpy(out, truth ? "true" : "false", *len);
        return true;
    case PG_UUID: *len = PG_UUID_TEXT; return pg_uuid_text(field, out);
    case PG_DATE:
    case PG_TIME:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ: {
        enum pg_moment m = pg_moment(type, field, &t);
        if (m != PG_MOMENT_OK) {
            *why = moment_problem(m);
            return false;
        }
        *len = pg_time_iso(type, &t, out);
        return true;
    }
    case PG_JSON:
    case PG_JSONB:
    case PG_SERVER_JSON:
        if (!pg_json(type, field, &json)) return false;
        field = json;
        break;
    case PG_TEXT:
    case PG_SERVER_TEXT:
    case PG_BYTEA: break;
    default: {
        enum pg_number n = pg_number_text(type, field, out, len);
        if (n != PG_NUMBER_OK) *why = number_problem(n);
        return n == PG_NUMBER_OK;
    }
    }
    memcpy(out, field.data, (size_t)field.len);
    *len = (size_t)field.len;
    return true;
}

static void change_case(char *text, size_t n, char from, char to) {
    for (size_t i = 0; i < n; i++) {
        if (text[i] >= from && text[i] < from + 26) text[i] = (char)(text[i] - from + to);
    }
}

bool format_plain_text(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\') return false;
    }
    return true;
}

bool format_plain(const struct format *f) {
    if (f->kind == FORMAT_HEX || f->kind == FORMAT_SHARD) return true;
    if (f->kind == FORMAT_TIME) return format_plain_text(f->text, f->len);
    return is_time(f->type) || is_number(f->type) || f->type == PG_BOOL || f->type == PG_UUID;
}

size_t format_room(const struct format *f, int32_t len) {
    if (f->kind == FORMAT_TIME) return f->len * 12;
    return (size_t)len * (f->kind == FORMAT_HEX ? 2 : 1);
}

bool format_run(const struct format *f, struct pg_field field, char *out, size_t *len, const char **why) {
    switch (f->kind) {
    case FORMAT_TIME: return run_time(f, field, out, len, why);
    case FORMAT_WHOLE: return run_whole(f, field, out, len, why);
    case FORMAT_DECIMAL: return run_decimal(f, field, out, len, why);
    case FORMAT_HEX: {
        static const char digits[] = "0123456789abcdef";
        for (int32_t i = 0; i < field.len; i++) {
            unsigned char c = (unsigned char)field.data[i];
            out[2 * i] = digits[c >> 4];
            out[2 * i + 1] = digits[c & 15];
        }
        *len = (size_t)field.len * 2;
        return true;
    }
    default: break;
    }
    if (!run_plain(f->type, field, out, len, why)) return false;
    if (f->kind == FORMAT_LOWER) change_case(out, *len, 'A', 'a');
    if (f->kind == FORMAT_UPPER) change_case(out, *len, 'a', 'A');
    if (f->kind == FORMAT_SHARD) *len = (size_t)snprintf(out, 12, "%u", hash_crc32(out, *len) % f->shards);
    return true;
}
