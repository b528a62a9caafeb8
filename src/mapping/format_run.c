/* Runs a format: one field's value as text. On the row path. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "mapping/format.h"
#include "pg/types.h"

static char *refuse(const char **why, const char *text) {
    *why = text;
    return NULL;
}

static const char bad_value[] = "is not a value of its type";

/* --- times --- */

static char *refuse_moment(const char **why, enum pg_moment m) {
    if (m == PG_MOMENT_INFINITE) return refuse(why, "is infinity, which has no text");
    return refuse(why, m == PG_MOMENT_RANGE ? "is before the year 1 or after 9999" : bad_value);
}

static char *put_day_of_year(const struct format *f, struct pg_field field, char *out) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    struct pg_time t;
    if (pg_moment(f->type, field, &t) != PG_MOMENT_OK) return out; /* it was one a moment ago */
    bool leap = (t.year % 4 == 0 && t.year % 100 != 0) || t.year % 400 == 0;
    return out + snprintf(out, 12, "%03d", before[t.month - 1] + t.day + (leap && t.month > 2));
}

static char *put_epoch(const struct format *f, struct pg_field field, char *out) {
    int64_t epoch = 0;
    pg_epoch(f->type, field, &epoch);
    return out + snprintf(out, 24, "%lld", (long long)epoch);
}

/* Copies of a fixed size cost no call: what goes beyond the piece is written over by what follows. */
#define PIECE_STEP (PG_MOMENT_TEXT / 2)

static inline char *put_pieces(const struct format *f, const struct format_piece *pieces, int count, const char *moment,
                               struct pg_field field, char *out) {
    for (const struct format_piece *p = pieces; p < pieces + count; p++) {
        switch (p->what) {
        case PIECE_MOMENT:
            memcpy(out, moment + p->from, PIECE_STEP);
            out += p->len;
            break;
        case PIECE_OWN:
            for (unsigned i = 0; i < p->len; i++) *out++ = f->text[p->from + i];
            break;
        case PIECE_DAY_OF_YEAR: out = put_day_of_year(f, field, out); break;
        case PIECE_EPOCH: out = put_epoch(f, field, out); break;
        }
    }
    return out;
}

/* What of the text has no pieces yet. */
static char *put_rest(const struct format *f, const char *moment, struct pg_field field, char *out) {
    for (size_t at = f->rest; at < f->len;) {
        struct format_piece pieces[FORMAT_PIECES];
        int count = format_split(f->text, f->len, &at, pieces);
        out = put_pieces(f, pieces, count, moment, field, out);
    }
    return out;
}

static inline char *run_time(const struct format *f, struct pg_field field, char *out, const char **why) {
    const char *moment;
    enum pg_moment m = pg_moment_text(f->type, field, &moment);
    if (m != PG_MOMENT_OK) return refuse_moment(why, m);
    out = put_pieces(f, f->pieces, f->piece_count, moment, field, out);
    return f->rest < f->len ? put_rest(f, moment, field, out) : out;
}

/* --- numbers --- */

static char *refuse_number(const char **why, enum pg_number n) {
    switch (n) {
    case PG_NUMBER_NAN: return refuse(why, "is NaN, which DynamoDB does not have");
    case PG_NUMBER_INFINITE: return refuse(why, "is infinity, which DynamoDB does not have");
    case PG_NUMBER_LONG: return refuse(why, "has more digits than DynamoDB can hold");
    default: return refuse(why, bad_value);
    }
}

/* Pads digits to the width. A padded number must sort: it is neither negative nor wider. */
static char *pad(const struct format *f, const char *digits, size_t n, char *out, const char **why) {
    if (f->zeros && digits[0] == '-') return refuse(why, "is negative and does not sort with its padding");
    if (f->zeros && n > (size_t)f->width) return refuse(why, "is wider than its padding");
    size_t fill = n < (size_t)f->width ? (size_t)f->width - n : 0;
    memset(out, f->zeros ? '0' : ' ', fill);
    memcpy(out + fill, digits, n);
    return out + fill + n;
}

static char *run_whole(const struct format *f, struct pg_field field, char *out, const char **why) {
    char text[PG_NUMBER_MAX];
    size_t n = 0;
    if (f->conversion != 'd') {
        int64_t value;
        if (!pg_integer(f->type, field, &value)) return refuse(why, bad_value);
        const char *sign = value < 0 ? "-" : "";
        unsigned long long magnitude = value < 0 ? 0 - (unsigned long long)value : (unsigned long long)value;
        n = (size_t)snprintf(text, sizeof text, f->conversion == 'x' ? "%s%llx" : "%s%llX", sign, magnitude);
        return pad(f, text, n, out, why);
    }
    enum pg_number result = pg_number_text(f->type, field, text, &n);
    if (result != PG_NUMBER_OK) return refuse_number(why, result);
    const char *point = memchr(text, '.', n);
    if (point) {
        for (const char *s = point + 1; s < text + n; s++) {
            if (*s != '0') return refuse(why, "has a fraction, and its format is for whole numbers");
        }
        n = (size_t)(point - text);
    }
    return pad(f, text, n, out, why);
}

/* Exactly `digits` after the point; a value with more is refused rather than rounded. */
static char *run_decimal(const struct format *f, struct pg_field field, char *out, const char **why) {
    size_t n = 0;
    enum pg_number result = pg_number_text(f->type, field, out, &n);
    if (result != PG_NUMBER_OK) return refuse_number(why, result);
    if (memchr(out, 'E', n)) return refuse(why, "is too large or too small for its format");
    char *point = memchr(out, '.', n);
    size_t fraction = point ? n - (size_t)(point - out) - 1 : 0;
    while (fraction > (size_t)f->digits && out[n - 1] == '0') n--, fraction--;
    if (fraction > (size_t)f->digits) return refuse(why, "has more digits after the point than its format");
    if (point == NULL && f->digits > 0) out[n++] = '.';
    if (point && f->digits == 0) n = (size_t)(point - out);
    for (; fraction < (size_t)f->digits; fraction++) out[n++] = '0';
    return out + n;
}

/* --- any value --- */

static char *put_bytes(struct pg_field field, char *out) {
    memcpy(out, field.data, (size_t)field.len);
    return out + field.len;
}

static inline char *run_integer(enum pg_type type, struct pg_field field, char *out, const char **why) {
    int64_t value;
    return pg_integer(type, field, &value) ? out + pg_integer_text(value, out) : refuse(why, bad_value);
}

static char *run_number(enum pg_type type, struct pg_field field, char *out, const char **why) {
    size_t len = 0;
    enum pg_number n = pg_number_text(type, field, out, &len);
    return n == PG_NUMBER_OK ? out + len : refuse_number(why, n);
}

static char *run_bool(struct pg_field field, char *out, const char **why) {
    bool truth;
    if (!pg_bool(field, &truth)) return refuse(why, bad_value);
    memcpy(out, truth ? "true\0" : "false", 5);
    return out + (truth ? 4 : 5);
}

static char *run_natural(const struct format *f, struct pg_field field, char *out, const char **why) {
    struct pg_field json;
    switch (f->natural) {
    case FORMAT_TIME: return run_time(f, field, out, why);
    case FORMAT_INTEGER: return run_integer(f->type, field, out, why);
    case FORMAT_NUMBER: return run_number(f->type, field, out, why);
    case FORMAT_BOOL: return run_bool(field, out, why);
    case FORMAT_UUID: return pg_uuid_text(field, out) ? out + PG_UUID_TEXT : refuse(why, bad_value);
    case FORMAT_JSON: return pg_json(f->type, field, &json) ? put_bytes(json, out) : refuse(why, bad_value);
    default: return put_bytes(field, out);
    }
}

static void change_case(char *text, const char *end, char from, char to) {
    for (; text < end; text++) {
        if (*text >= from && *text < from + 26) *text = (char)(*text - from + to);
    }
}

static char *run_hex(enum pg_type type, struct pg_field field, char *out, const char **why) {
    if (type == PG_UUID && field.len != PG_UUID_BYTES) return refuse(why, bad_value); /* there is no room for more */
    hash_hex((const unsigned char *)field.data, (size_t)field.len, out);
    return out + 2 * (size_t)field.len;
}

/* A text that is made of the natural one. */
static char *run_changed(const struct format *f, struct pg_field field, char *out, const char **why) {
    char *end = run_natural(f, field, out, why);
    if (end == NULL) return NULL;
    if (f->kind == FORMAT_LOWER) change_case(out, end, 'A', 'a');
    if (f->kind == FORMAT_UPPER) change_case(out, end, 'a', 'A');
    if (f->kind == FORMAT_SHARD) return out + snprintf(out, 12, "%u", hash_crc32(out, (size_t)(end - out)) % f->shards);
    return end;
}

char *format_run(const struct format *f, struct pg_field field, char *out, const char **why) {
    switch (f->kind) {
    case FORMAT_TIME: return run_time(f, field, out, why); /* like the next one so frequent that it is worth a place here */
    case FORMAT_INTEGER: return run_integer(f->type, field, out, why);
    case FORMAT_WHOLE: return run_whole(f, field, out, why);
    case FORMAT_DECIMAL: return run_decimal(f, field, out, why);
    case FORMAT_HEX: return run_hex(f->type, field, out, why);
    case FORMAT_LOWER:
    case FORMAT_UPPER:
    case FORMAT_SHARD: return run_changed(f, field, out, why);
    default: return run_natural(f, field, out, why);
    }
}
