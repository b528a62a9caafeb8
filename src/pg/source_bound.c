/* The key of a row as a boundary: JSON texts that the server reads back as the same values. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "pg/source_parts.h"
#include "pg/types.h"

bool source_add_bound_text(struct buffer *b, int i, const char *text, size_t n) {
    return utf8_valid(text, n) && (i == 0 || buffer_append(b, ",", 1)) && json_append_string(b, text, n);
}

static bool add_number(struct buffer *b, int i, enum pg_type type, struct pg_field f) {
    char text[PG_NUMBER_MAX];
    size_t n;
    return pg_number_text(type, f, text, &n) == PG_NUMBER_OK && source_add_bound_text(b, i, text, n);
}

static bool add_uuid(struct buffer *b, int i, struct pg_field f) {
    char text[PG_UUID_TEXT];
    return pg_uuid_text(f, text) && source_add_bound_text(b, i, text, sizeof text);
}

/* Infinity is told by its sign bit: the least and the greatest number of the type. */
static bool add_time(struct buffer *b, int i, enum pg_type type, struct pg_field f) {
    struct pg_time t;
    char text[32];
    switch (pg_moment(type, f, &t)) {
    case PG_MOMENT_OK: return source_add_bound_text(b, i, text, pg_time_iso(type, &t, text));
    case PG_MOMENT_INFINITE:
        return (unsigned char)f.data[0] & 0x80 ? source_add_bound_text(b, i, "-infinity", 9)
                                               : source_add_bound_text(b, i, "infinity", 8);
    case PG_MOMENT_RANGE:
    case PG_MOMENT_BAD: break;
    }
    return false;
}

static bool add_bytes(struct buffer *b, int i, struct pg_field f) {
    static const char digits[] = "0123456789abcdef";
    if ((i && !buffer_append(b, ",", 1)) || !buffer_append_text(b, "\"\\\\x")) return false;
    if (!buffer_reserve(b, 2 * (size_t)f.len + 1)) return false;
    for (int32_t at = 0; at < f.len; at++) {
        unsigned char byte = (unsigned char)f.data[at];
        b->data[b->len++] = digits[byte >> 4];
        b->data[b->len++] = digits[byte & 15];
    }
    b->data[b->len++] = '"';
    return true;
}

static bool add_value(struct buffer *b, int i, enum pg_type type, struct pg_field f) {
    bool yes;
    struct pg_field json;
    switch (type) {
    case PG_BOOL: return pg_bool(f, &yes) && source_add_bound_text(b, i, yes ? "true" : "false", yes ? 4 : 5);
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_FLOAT4:
    case PG_FLOAT8:
    case PG_NUMERIC: return add_number(b, i, type, f);
    case PG_UUID: return add_uuid(b, i, f);
    case PG_DATE:
    case PG_TIME:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ: return add_time(b, i, type, f);
    case PG_BYTEA: return add_bytes(b, i, f);
    case PG_JSON:
    case PG_JSONB: return pg_json(type, f, &json) && source_add_bound_text(b, i, json.data, (size_t)json.len);
    case PG_TEXT:
    case PG_SERVER_TEXT: return source_add_bound_text(b, i, f.data, (size_t)f.len);
    case PG_SERVER_JSON: break; /* JSON is not how the server writes an array */
    }
    return false;
}

bool pg_source_key_bound(const struct pg_source *s, const struct pg_row *row, struct buffer *out) {
    out->len = 0;
    if (s->key_kind != PG_KEY_COLUMNS || !buffer_append(out, "[", 1)) return false;
    for (int i = 0; i < s->key_count; i++) {
        int place = s->key_places[i];
        if (place >= row->count || row->fields[place].len < 0) return false;
        if (!add_value(out, i, s->key[i].shown.type, row->fields[place])) return false;
    }
    return buffer_append(out, "]", 1) && buffer_terminate(out);
}

bool pg_source_has_part(const struct pg_source *s, const char *part) {
    for (int i = 0; i < s->part_count; i++) {
        if (strcmp(s->parts[i].name, part) == 0) return true;
    }
    return false;
}
