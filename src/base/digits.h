/* Decimal digits. Two at a time: half the divisions, each of which waits for the one before.
 *
 * For: the texts of numbers and times on the row path. Not for: anything else (snprintf). */
#ifndef BASE_DIGITS_H
#define BASE_DIGITS_H

#include <stdint.h>
#include <string.h>

/* Writes a value of 0 to 99 as two digits; returns the place behind them. */
static inline char *digits_two(char *to, unsigned value) {
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    memcpy(to, pairs + 2 * (size_t)value, 2);
    return to + 2;
}

/* Writes a value's digits so that they end before `end`, which has room for 20; returns their first. */
static inline char *digits_before(char *end, uint64_t value) {
    do *--end = (char)('0' + value % 10);
    while (value /= 10);
    return end;
}

#endif
