#include "pg/field_text.h"

#include <stdio.h>
#include <string.h>

#include "pg/types.h"

static size_t put(const char *text, size_t n, char *out, size_t size) {
    size_t kept = n;
    if (kept > size - 1) {
        kept = size - 1;
        while (kept && ((unsigned char)text[kept] & 0xC0) == 0x80) kept--;
    }
    memcpy(out, text, kept);
    out[kept] = '\0';
    return n;
}

static size_t put_text(const char *text, char *out, size_t size) {
    return put(text, strlen(text), out, size);
}

static size_t put_bytes(struct pg_field f, char *out, size_t size) {
    size_t used = put_text("\\x", out, size);
    for (int32_t i = 0; i < f.len && used + 2 < size; i++) {
        snprintf(out + used, 3, "%02x", (unsigned)(unsigned char)f.data[i]);
        used += 2;
    }
    return 2 + 2 * (size_t)f.len;
}

/* Times and floats are big-endian: the first bit is the sign. */
static bool is_negative(struct pg_field f) {
    return f.len > 0 && (unsigned char)f.data[0] & 0x80;
}

static size_t put_number(enum pg_type type, struct pg_field f, char *out, size_t size) {
    char text[PG_NUMBER_MAX];
    size_t n = 0;
    switch (pg_number_text(type, f, text, &n)) {
    case PG_NUMBER_OK: return put(text, n, out, size);
    case PG_NUMBER_NAN: return put_text("NaN", out, size);
    case PG_NUMBER_INFINITE: {
        /* a numeric has its sign, 0xF000 when negative, in its third number of two bytes */
        bool negative = type == PG_NUMERIC ? f.len > 4 && (unsigned char)f.data[4] == 0xF0 : is_negative(f);
        return put_text(negative ? "-Infinity" : "Infinity", out, size);
    }
    case PG_NUMBER_LONG:
    case PG_NUMBER_BAD: break;
    }
    return put_bytes(f, out, size);
}

static size_t put_time(enum pg_type type, struct pg_field f, char *out, size_t size) {
    struct pg_time t;
    char text[32];
    switch (pg_moment(type, f, &t)) {
    case PG_MOMENT_OK: return put(text, pg_time_iso(type, &t, text), out, size);
    case PG_MOMENT_INFINITE: return put_text(is_negative(f) ? "-infinity" : "infinity", out, size);
    case PG_MOMENT_RANGE:
    case PG_MOMENT_BAD: break;
    }
    return put_bytes(f, out, size);
}

size_t pg_field_text(enum pg_type type, struct pg_field f, char *out, size_t size) {
    char uuid[PG_UUID_TEXT];
    bool yes;
    struct pg_field json;
    switch (type) {
    case PG_BOOL:
        if (pg_bool(f, &yes)) return put_text(yes ? "true" : "false", out, size);
        break;
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
    case PG_FLOAT4:
    case PG_FLOAT8:
    case PG_NUMERIC: return put_number(type, f, out, size);
    case PG_UUID:
        if (pg_uuid_text(f, uuid)) return put(uuid, PG_UUID_TEXT, out, size);
        break;
    case PG_DATE:
    case PG_TIME:
    case PG_TIMESTAMP:
    case PG_TIMESTAMPTZ: return put_time(type, f, out, size);
    case PG_JSON:
    case PG_JSONB:
    case PG_SERVER_JSON:
        if (pg_json(type, f, &json)) return put(json.data, (size_t)json.len, out, size);
        break;
    case PG_TEXT:
    case PG_SERVER_TEXT: return put(f.data, (size_t)f.len, out, size);
    case PG_BYTEA: break;
    }
    return put_bytes(f, out, size);
}
