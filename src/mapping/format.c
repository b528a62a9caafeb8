#include "mapping/format.h"

#include <stdio.h>
#include <string.h>

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

/* --- times --- */

/* A piece for a part, or, of what is not one, for the byte at `at` itself. */
static struct format_piece part_piece(char part, size_t at) {
    switch (part) {
    case 'Y': return (struct format_piece){PIECE_MOMENT, 0, 4};
    case 'm': return (struct format_piece){PIECE_MOMENT, 5, 2};
    case 'd': return (struct format_piece){PIECE_MOMENT, 8, 2};
    case 'F': return (struct format_piece){PIECE_MOMENT, 0, 10};
    case 'H': return (struct format_piece){PIECE_MOMENT, 11, 2};
    case 'M': return (struct format_piece){PIECE_MOMENT, 14, 2};
    case 'S': return (struct format_piece){PIECE_MOMENT, 17, 2};
    case 'T': return (struct format_piece){PIECE_MOMENT, 11, 8};
    case 'L': return (struct format_piece){PIECE_MOMENT, 20, 3};
    case 'f': return (struct format_piece){PIECE_MOMENT, 20, 6};
    case 'j': return (struct format_piece){.what = PIECE_DAY_OF_YEAR};
    case 's': return (struct format_piece){.what = PIECE_EPOCH};
    default: return (struct format_piece){PIECE_OWN, (unsigned)at, 1};
    }
}

/* Whether a piece goes on where the one before ends. A moment's own signs between its digits are as good as the format's. */
static bool joins(const struct format_piece *before, const struct format_piece *piece, const char *text) {
    static const char form[] = "    -  -  T  :  :  .       ";
    unsigned end = before->from + before->len;
    if (before->what == PIECE_MOMENT && piece->what == PIECE_OWN)
        return end < sizeof form - 1 && form[end] != ' ' && form[end] == text[piece->from];
    return before->what == piece->what && (piece->what == PIECE_MOMENT || piece->what == PIECE_OWN) && end == piece->from;
}

int format_split(const char *text, size_t len, size_t *at, struct format_piece pieces[FORMAT_PIECES]) {
    int count = 0;
    while (*at < len) {
        size_t i = *at + (text[*at] == '%'); /* what follows a % was looked at when the format was read */
        struct format_piece piece = part_piece(i > *at ? text[i] : '%', i);
        if (count > 0 && joins(&pieces[count - 1], &piece, text)) {
            pieces[count - 1].len += piece.len;
        } else if (count < FORMAT_PIECES) {
            pieces[count++] = piece;
        } else {
            break;
        }
        *at = i + 1;
    }
    return count;
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
    out->rest = 0;
    out->piece_count = format_split(text, len, &out->rest, out->pieces);
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
    default:
        if (f->type == PG_BYTEA) hint = "a bytea column has the format hex only";
        break;
    }
    if (hint == NULL) return true;
    if (f->text == NULL) return refuse(problem, 0, hint, "a bytea column needs a format", "", 0);
    return refuse(problem, 0, hint, "the column's type does not suit the format", text, len);
}

/* --- the natural text --- */

static enum format_kind natural(enum pg_type type) {
    switch (type) {
    case PG_INT2:
    case PG_INT4:
    case PG_INT8: return FORMAT_INTEGER;
    case PG_FLOAT4:
    case PG_FLOAT8:
    case PG_NUMERIC: return FORMAT_NUMBER;
    case PG_BOOL: return FORMAT_BOOL;
    case PG_UUID: return FORMAT_UUID;
    case PG_JSON:
    case PG_JSONB:
    case PG_SERVER_JSON: return FORMAT_JSON;
    case PG_DATE:
    case PG_TIME:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ: return FORMAT_TIME;
    default: return FORMAT_TEXT;
    }
}

/* ISO text of fixed width: what pg_time_iso writes. */
static struct format_piece natural_piece(enum pg_type type) {
    switch (type) {
    case PG_DATE: return (struct format_piece){PIECE_MOMENT, 0, sizeof "YYYY-MM-DD" - 1};
    case PG_TIME: return (struct format_piece){PIECE_MOMENT, PG_MOMENT_CLOCK, sizeof "HH:MM:SS.ffffff" - 1};
    case PG_TIMESTAMP: return (struct format_piece){PIECE_MOMENT, 0, sizeof "YYYY-MM-DDTHH:MM:SS.ffffff" - 1};
    default: return (struct format_piece){PIECE_MOMENT, 0, sizeof "YYYY-MM-DDTHH:MM:SS.ffffffZ" - 1};
    }
}

/* --- any format --- */

bool format_parse(const char *text, size_t len, const enum pg_type *type, struct format *out, struct format_problem *problem) {
    *out = (struct format){.text = text, .len = len, .type = type ? *type : PG_TEXT};
    out->kind = out->natural = natural(out->type);
    out->piece_count = 1;
    out->pieces[0] = natural_piece(out->type);
    out->rest = len;
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
    if (f->kind != FORMAT_TIME || f->text == NULL || (f->type != PG_TIMESTAMP && f->type != PG_TIMESTAMPTZ))
        return PG_GRAIN_VALUE;
    for (size_t i = 0; i + 1 < f->len; i++) {
        if (f->text[i] != '%') continue;
        enum pg_grain part = part_grain(f->text[++i]);
        if (part > grain) grain = part;
    }
    return grain;
}

bool format_plain_text(const char *text, size_t len) {
    for (size_t i = 0; i < len; i++) {
        if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\') return false;
    }
    return true;
}

/* Whether a value's own text may be as long as it likes. */
static bool grows(const struct format *f) {
    return f->natural == FORMAT_TEXT || f->natural == FORMAT_JSON;
}

bool format_plain(const struct format *f) {
    if (f->kind == FORMAT_HEX || f->kind == FORMAT_SHARD) return true;
    if (f->kind == FORMAT_TIME && f->text) return format_plain_text(f->text, f->len);
    return !grows(f);
}

size_t format_room(const struct format *f, int32_t len) {
    if (f->kind == FORMAT_TIME) return f->len * 12;
    return grows(f) ? (size_t)len * (f->kind == FORMAT_HEX ? 2 : 1) : 0;
}
