/* Types without arithmetic: booleans, integers, uuid, JSON. Numbers as text: types_number.c; times:
 * types_time.c. */
#include "pg/types.h"

#include <string.h>

#include "pg/types_read.h"

bool pg_bool(struct pg_field f, bool *out) {
    if (f.len != 1 || (unsigned char)f.data[0] > 1) return false;
    *out = f.data[0] == 1;
    return true;
}

bool pg_integer(enum pg_type type, struct pg_field f, int64_t *out) {
    if (type == PG_INT8 && f.len == 8)
        *out = read_int64(f.data);
    else if (type == PG_INT4 && f.len == 4)
        *out = read_int32(f.data);
    else if (type == PG_INT2 && f.len == 2)
        *out = read_int16(f.data);
    else
        return false;
    return true;
}

/* float4send and float8send send the IEEE 754 bits as an integer. */
bool pg_float(enum pg_type type, struct pg_field f, double *out) {
    if (type == PG_FLOAT8 && f.len == 8) {
        int64_t bits = read_int64(f.data);
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    if (type == PG_FLOAT4 && f.len == 4) {
        int32_t bits = read_int32(f.data);
        float value;
        memcpy(&value, &bits, sizeof value);
        *out = value;
        return true;
    }
    return false;
}

bool pg_uuid_text(struct pg_field f, char out[PG_UUID_TEXT]) {
    static const char digits[] = "0123456789abcdef";
    if (f.len != PG_UUID_BYTES) return false;
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *p++ = '-';
        unsigned char byte = (unsigned char)f.data[i];
        *p++ = digits[byte >> 4];
        *p++ = digits[byte & 15];
    }
    return true;
}

bool pg_json(enum pg_type type, struct pg_field f, struct pg_field *text) {
    if (f.len < 1) return false;
    if (type == PG_JSONB) {
        /* jsonb_send: the version of the format, 1, and then the text */
        if (f.data[0] != 1 || f.len < 2) return false;
        *text = (struct pg_field){.data = f.data + 1, .len = f.len - 1};
        return true;
    }
    if (type != PG_JSON && type != PG_SERVER_JSON) return false;
    *text = f;
    return true;
}
