/* Numbers as exact decimal text. Integers are written by hand, since keys and counters are on the hot path. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digits.h"
#include "pg/types.h"
#include "pg/types_read.h"

/* How many digits a value below 10^19 has: its bits tell it but for one. */
static unsigned count_digits(uint64_t value) {
    static const uint64_t powers[] = {1, /* 10^0 .. 10^19 */
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      UINT64_C(10000000000000000000)};
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    unsigned about = bits * 1233 >> 12; /* log10(2) is a little less than 1233 / 4096 */
    return about + (value >= powers[about]) + (value == 0);
}

size_t pg_integer_text(int64_t value, char *out) {
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t sign = value < 0, n = sign + count_digits(rest);
    char *p = out + n;
    *out = '-';
    for (; rest >= 10000; rest /= 10000) { /* each division waits for the one before: four digits at a time */
        unsigned four = (unsigned)(rest % 10000);
        digits_two(p -= 2, four % 100);
        digits_two(p -= 2, four / 100);
    }
    unsigned last = (unsigned)rest;
    if (last >= 100) {
        digits_two(p -= 2, last % 100);
        last /= 100;
    }
    if (last >= 10) {
        digits_two(p - 2, last);
    } else {
        p[-1] = (char)('0' + last);
    }
    return n;
}

/* --- floats --- */

/* Significant digits, without zeros at the end, and the power of ten of the first one. */
struct decimal {
    char digits[20];
    int count;
    int exponent;
};

/* Takes "d.ddde+xx" apart. The point is whatever the locale of the process makes it. */
static void decimal_parse(const char *text, struct decimal *d) {
    *d = (struct decimal){0};
    for (; *text && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && d->count < (int)sizeof d->digits) d->digits[d->count++] = *text;
    }
    if (*text == 'e') d->exponent = (int)strtol(text + 1, NULL, 10);
    while (d->count > 1 && d->digits[d->count - 1] == '0') d->count--;
}

/* The fewest digits that read back the same. A normal double needs 15 to 17 (any text of 15 survives the way
 * there and back, so zeros cut off 15 are the shortest form), a normal float 6 to 9; a subnormal one may need
 * fewer. */
static void float_digits(enum pg_type type, double value, struct decimal *d) {
    bool is_double = type == PG_FLOAT8;
    int least = is_double ? 15 : 6, most = is_double ? 17 : 9;
    if (is_double ? fpclassify(value) == FP_SUBNORMAL : fpclassify((float)value) == FP_SUBNORMAL) least = 1;
    char text[40];
    for (int n = least; n <= most; n++) {
        snprintf(text, sizeof text, "%.*e", n - 1, value);
        if (is_double ? strtod(text, NULL) == value : strtof(text, NULL) == (float)value) break;
    }
    decimal_parse(text, d);
}

/* Plain from 0.000001 up to 21 digits, else with an exponent: 1E21, 1.5E-7. */
static size_t write_decimal(const struct decimal *d, char *out) {
    char *p = out;
    if (d->exponent < -6 || d->exponent > 20) {
        *p++ = d->digits[0];
        if (d->count > 1) {
            *p++ = '.';
            memcpy(p, d->digits + 1, (size_t)d->count - 1);
            p += d->count - 1;
        }
        *p++ = 'E';
        return (size_t)(p - out) + pg_integer_text(d->exponent, p);
    }
    if (d->exponent < 0) {
        *p++ = '0';
        *p++ = '.';
        for (int i = -1; i > d->exponent; i--) *p++ = '0';
    }
    int point = d->exponent < 0 ? -1 : d->exponent + 1; /* digits before the point */
    for (int i = 0; i < d->count || i < point; i++) {
        if (i == point) *p++ = '.';
        *p++ = i < d->count ? d->digits[i] : '0';
    }
    return (size_t)(p - out);
}

static enum pg_number float_text(enum pg_type type, struct pg_field f, char *out, size_t *len) {
    double value;
    if (!pg_float(type, f, &value)) return PG_NUMBER_BAD;
    if (isnan(value)) return PG_NUMBER_NAN;
    if (isinf(value)) return PG_NUMBER_INFINITE;
    /* Whole numbers below 2^24 and 10^15 are their own shortest form; -0 is written 0. */
    if (fabs(value) < (type == PG_FLOAT4 ? 16777216.0 : 1e15) && value == (double)(int64_t)value) {
        *len = pg_integer_text((int64_t)value, out);
        return PG_NUMBER_OK;
    }
    size_t sign = value < 0;
    if (sign) *out = '-';
    struct decimal d;
    float_digits(type, fabs(value), &d);
    *len = sign + write_decimal(&d, out + sign);
    return PG_NUMBER_OK;
}

/* --- numeric --- */

/* numeric_send: four int16 (number of digits, weight of the first one, sign, decimal places shown), then the
 * digits in base 10000. The constants are those of PostgreSQL's numeric.c. */
#define NUMERIC_BASE 10000
#define NUMERIC_NEGATIVE 0x4000
#define NUMERIC_NAN 0xC000
#define NUMERIC_PLUS_INFINITY 0xD000
#define NUMERIC_MINUS_INFINITY 0xF000
#define NUMERIC_SCALE_MAX 0x3FFF

struct numeric {
    const char *digits; /* int16 each; the first and the last are not 0 */
    int count;
    int weight; /* of the first digit, a power of 10000 */
    int scale;
    bool negative;
};

static int numeric_digit(const struct numeric *n, int i) {
    return i >= 0 && i < n->count ? read_int16(n->digits + 2 * i) : 0;
}

static enum pg_number numeric_read(struct pg_field f, struct numeric *n) {
    if (f.len < 8) return PG_NUMBER_BAD;
    int sign = (uint16_t)read_int16(f.data + 4);
    *n = (struct numeric){
        .digits = f.data + 8,
        .count = read_int16(f.data),
        .weight = read_int16(f.data + 2),
        .scale = (uint16_t)read_int16(f.data + 6),
        .negative = sign == NUMERIC_NEGATIVE,
    };
    if (n->count < 0 || f.len != 8 + 2 * n->count || n->scale > NUMERIC_SCALE_MAX) return PG_NUMBER_BAD;
    for (int i = 0; i < n->count; i++) {
        int digit = numeric_digit(n, i);
        if (digit < 0 || digit >= NUMERIC_BASE) return PG_NUMBER_BAD;
    }
    if (sign == NUMERIC_NAN) return PG_NUMBER_NAN;
    if (sign == NUMERIC_PLUS_INFINITY || sign == NUMERIC_MINUS_INFINITY) return PG_NUMBER_INFINITE;
    if (sign != 0 && sign != NUMERIC_NEGATIVE) return PG_NUMBER_BAD;
    for (; n->count && numeric_digit(n, 0) == 0; n->count--, n->weight--) n->digits += 2;
    while (n->count && numeric_digit(n, n->count - 1) == 0) n->count--;
    if (n->count == 0) n->negative = false, n->weight = -1;
    return PG_NUMBER_OK;
}

/* Decimal places that are needed: without the zeros at the end. */
static int numeric_places(const struct numeric *n) {
    int groups = n->count - 1 - n->weight; /* of four digits after the point */
    if (n->count == 0 || groups <= 0) return 0;
    int last = numeric_digit(n, n->count - 1), zeros = 0;
    for (; last % 10 == 0; last /= 10) zeros++;
    return 4 * groups - zeros;
}

static int decimal_width(int digit) {
    return digit >= 1000 ? 4 : digit >= 100 ? 3 : digit >= 10 ? 2 : 1;
}

static void write_group(int digit, char out[4]) {
    digits_two(digits_two(out, (unsigned)digit / 100), (unsigned)digit % 100);
}

static size_t write_numeric(const struct numeric *n, int places, char *out) {
    char *p = out, group[4];
    if (n->negative) *p++ = '-';
    if (n->weight < 0) *p++ = '0';
    for (int i = 0; i <= n->weight; i++) {
        int digit = numeric_digit(n, i), width = i == 0 ? decimal_width(digit) : 4;
        write_group(digit, group);
        memcpy(p, group + 4 - width, (size_t)width);
        p += width;
    }
    if (places > 0) *p++ = '.';
    /* Below weight -1 the first groups after the point are zeros that were not sent: their index is negative.
     */
    for (int i = n->weight + 1; places > 0; i++, places -= 4) {
        write_group(numeric_digit(n, i), group);
        size_t width = places < 4 ? (size_t)places : 4;
        memcpy(p, group, width);
        p += width;
    }
    return (size_t)(p - out);
}

static enum pg_number numeric_text(struct pg_field f, char *out, size_t *len) {
    struct numeric n;
    enum pg_number state = numeric_read(f, &n);
    if (state != PG_NUMBER_OK) return state;
    int needed = numeric_places(&n), places = n.scale;
    if (places < needed) return PG_NUMBER_BAD;
    int whole = n.negative + (n.weight < 0 ? 1 : 4 * n.weight + decimal_width(numeric_digit(&n, 0)));
    /* A scale that does not fit loses its zeros, not the number. */
    if (whole + 1 + places > PG_NUMBER_MAX) places = needed;
    if (whole + 1 + places > PG_NUMBER_MAX) return PG_NUMBER_LONG;
    *len = write_numeric(&n, places, out);
    return PG_NUMBER_OK;
}

enum pg_number pg_number_text(enum pg_type type, struct pg_field f, char *out, size_t *len) {
    int64_t value;
    switch (type) {
    case PG_INT2:
    case PG_INT4:
    case PG_INT8:
        if (!pg_integer(type, f, &value)) return PG_NUMBER_BAD;
        *len = pg_integer_text(value, out);
        return PG_NUMBER_OK;
    case PG_FLOAT4:
    case PG_FLOAT8: return float_text(type, f, out, len);
    case PG_NUMERIC: return numeric_text(f, out, len);
    default: return PG_NUMBER_BAD;
    }
}
