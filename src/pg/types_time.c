/* Dates and times: days and microseconds since 2000-01-01 in the proleptic Gregorian calendar. On the hot
 * path: no library calls, ISO text written by hand. */
#include <limits.h>
#include <string.h>

#include "base/digits.h"
#include "pg/types.h"
#include "pg/types_read.h"

#define DAY_SECONDS INT64_C(86400)
#define SECOND_US INT64_C(1000000)
#define DAY_US (DAY_SECONDS * SECOND_US)
#define DAYS_0001_TO_2000 INT64_C(730119)
#define DAYS_1970_TO_2000 INT64_C(10957)
#define DAYS_0001_TO_10000 INT64_C(3652059) /* 9999 * 365 + 2424 leap days */

/* Days since 2000-01-01 and microseconds of the day. PG_TIME has days 0. */
struct instant {
    int64_t days, microseconds;
};

static enum pg_moment instant_read(enum pg_type type, struct pg_field f, struct instant *out) {
    if (type == PG_DATE) {
        if (f.len != 4) return PG_MOMENT_BAD;
        int32_t days = read_int32(f.data);
        if (days == INT32_MAX || days == INT32_MIN) return PG_MOMENT_INFINITE;
        *out = (struct instant){.days = days};
    } else if (type == PG_TIME) {
        if (f.len != 8) return PG_MOMENT_BAD;
        *out = (struct instant){.microseconds = read_int64(f.data)};
        /* 24:00:00 is a time to PostgreSQL */
        return out->microseconds < 0 || out->microseconds > DAY_US ? PG_MOMENT_BAD : PG_MOMENT_OK;
    } else if (type == PG_TIMESTAMP || type == PG_TIMESTAMPTZ) {
        if (f.len != 8) return PG_MOMENT_BAD;
        int64_t us = read_int64(f.data);
        if (us == INT64_MAX || us == INT64_MIN) return PG_MOMENT_INFINITE;
        *out = (struct instant){.days = us / DAY_US, .microseconds = us % DAY_US};
        if (out->microseconds < 0) out->microseconds += DAY_US, out->days--;
    } else {
        return PG_MOMENT_BAD;
    }
    int64_t since = out->days + DAYS_0001_TO_2000;
    return since < 0 || since >= DAYS_0001_TO_10000 ? PG_MOMENT_RANGE : PG_MOMENT_OK;
}

static int at_most(int a, int b) {
    return a < b ? a : b;
}

/* Years of the calendar repeat every 400 years (146,097 days); the last century of those, and the last year
 * of four, are a day longer, which is what the limits of 3 are for. */
static void civil(int day, struct pg_time *out) {
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    int cycles = day / 146097;
    day %= 146097;
    int centuries = at_most(day / 36524, 3);
    day -= centuries * 36524;
    int fours = day / 1461;
    day %= 1461;
    int years = at_most(day / 365, 3);
    day -= years * 365;
    out->year = 400 * cycles + 100 * centuries + 4 * fours + years + 1;
    bool leap = years == 3 && (fours != 24 || centuries == 3);
    int month = day / 32; /* that month or the one before it */
    if (day >= before[month + 1] + (leap && month >= 1)) month++;
    out->month = month + 1;
    out->day = day - before[month] - (leap && month >= 2) + 1;
}

static char *put_date(char *p, const struct pg_time *t) {
    p = digits_two(p, (unsigned)t->year / 100);
    p = digits_two(p, (unsigned)t->year % 100);
    *p++ = '-';
    p = digits_two(p, (unsigned)t->month);
    *p++ = '-';
    return digits_two(p, (unsigned)t->day);
}

static char *put_clock(char *p, const struct pg_time *t) {
    p = digits_two(p, (unsigned)t->hour);
    *p++ = ':';
    p = digits_two(p, (unsigned)t->minute);
    *p++ = ':';
    p = digits_two(p, (unsigned)t->second);
    *p++ = '.';
    p = digits_two(p, (unsigned)t->microsecond / 10000);
    p = digits_two(p, (unsigned)t->microsecond / 100 % 100);
    return digits_two(p, (unsigned)t->microsecond % 100);
}

/* A thread's last moment. A row's keys, its indexes' keys and its attributes ask for the same one again and again, and the next row's is
 * often of the same day. */
struct known {
    int32_t len; /* of its field; 0: none is known */
    enum pg_type type;
    int64_t bytes; /* the field's */
    int64_t days;  /* whose date stands in time and text; INT64_MIN: none */
    struct pg_time time;
    char text[PG_MOMENT_TEXT];
};

static _Thread_local struct known known = {.days = INT64_MIN, .text = "0000-00-00T00:00:00.000000Z"};

static void know_date(enum pg_type type, int64_t days) {
    if (type == PG_TIME) {
        known.days = INT64_MIN;
        known.time = (struct pg_time){0};
    } else if (known.days != days) {
        known.days = days;
        civil((int)(days + DAYS_0001_TO_2000), &known.time);
    } else {
        return;
    }
    put_date(known.text, &known.time);
}

static enum pg_moment learn(enum pg_type type, struct pg_field f, int64_t bytes) {
    struct instant instant;
    enum pg_moment state = instant_read(type, f, &instant);
    if (state != PG_MOMENT_OK) return state;
    know_date(type, instant.days);
    unsigned seconds = (unsigned)(instant.microseconds / SECOND_US);
    known.time.microsecond = (int)(instant.microseconds % SECOND_US);
    known.time.hour = (int)(seconds / 3600);
    known.time.minute = (int)(seconds / 60 % 60);
    known.time.second = (int)(seconds % 60);
    put_clock(known.text + PG_MOMENT_CLOCK, &known.time);
    known.len = f.len;
    known.type = type;
    known.bytes = bytes;
    return PG_MOMENT_OK;
}

static inline enum pg_moment know(enum pg_type type, struct pg_field f) {
    int64_t bytes = 0;
    if (f.len == 8) {
        memcpy(&bytes, f.data, 8);
    } else if (f.len == 4) {
        memcpy(&bytes, f.data, 4);
    } else {
        return PG_MOMENT_BAD;
    }
    if (known.bytes == bytes && known.type == type && known.len == f.len) return PG_MOMENT_OK;
    return learn(type, f, bytes);
}

enum pg_moment pg_moment(enum pg_type type, struct pg_field f, struct pg_time *out) {
    enum pg_moment state = know(type, f);
    if (state == PG_MOMENT_OK) *out = known.time;
    return state;
}

enum pg_moment pg_moment_text(enum pg_type type, struct pg_field f, const char **text) {
    *text = known.text;
    return know(type, f);
}

enum pg_moment pg_epoch(enum pg_type type, struct pg_field f, int64_t *out) {
    struct instant instant;
    if (type == PG_TIME) return PG_MOMENT_BAD;
    enum pg_moment state = instant_read(type, f, &instant);
    if (state != PG_MOMENT_OK) return state;
    *out = (instant.days + DAYS_1970_TO_2000) * DAY_SECONDS + instant.microseconds / SECOND_US;
    return PG_MOMENT_OK;
}

size_t pg_time_iso(enum pg_type type, const struct pg_time *t, char *out) {
    char *p = out;
    if (type != PG_TIME) p = put_date(p, t);
    if (type == PG_DATE) return (size_t)(p - out);
    if (type != PG_TIME) *p++ = 'T';
    p = put_clock(p, t);
    if (type == PG_TIMESTAMPTZ) *p++ = 'Z';
    return (size_t)(p - out);
}
