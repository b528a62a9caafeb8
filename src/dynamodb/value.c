#include "dynamodb/value.h"

#include <openssl/evp.h>
#include <string.h>

/* --- numbers --- */

/* An exponent beyond this is out of range whatever the digits; it keeps the sums below from overflowing. */
#define EXPONENT_CLAMP 100000000

/* What the rules need to know of a number's text. */
struct number {
    bool negative;
    bool zero;
    int64_t high, low; /* powers of ten of the first and the last digit that is not 0 */
    int64_t exponent;  /* as written; 0 when none is */
};

/* Whether the text is an optional minus and 1..38 digits: by far the most frequent form, right in every
 * respect. */
static bool is_short_integer(const char *text, size_t n) {
    size_t i = n > 0 && text[0] == '-';
    if (n == i || n - i > DYNAMODB_NUMBER_DIGITS_MAX) return false;
    for (; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
    }
    return true;
}

/* Reads what follows the E, up to the end of the text. */
static bool scan_exponent(const char *at, const char *end, int64_t *exponent) {
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (*at < '0' || *at > '9') return false;
        if (value < EXPONENT_CLAMP) value = value * 10 + (*at - '0');
    }
    *exponent = negative ? -value : value;
    return true;
}

/* False when the text is not a number. */
static bool scan_number(const char *text, size_t n, struct number *out) {
    const char *at = text, *end = text + n;
    *out = (struct number){.zero = true};
    if (at < end && (*at == '-' || *at == '+')) out->negative = *at++ == '-';

    int64_t digits = 0, whole = -1; /* digits seen; of these before the point, once the point is seen */
    int64_t first = 0, last = 0;    /* which of them are the first and the last that is not 0 */
    for (; at < end; at++) {
        if (*at == '.' && whole < 0) {
            whole = digits;
            continue;
        }
        if (*at < '0' || *at > '9') break;
        if (*at != '0') {
            if (out->zero) first = digits;
            out->zero = false;
            last = digits;
        }
        digits++;
    }
    if (digits == 0) return false;
    if (whole < 0) whole = digits;
    if (at < end && ((*at != 'e' && *at != 'E') || !scan_exponent(at + 1, end, &out->exponent))) return false;
    out->high = whole - 1 - first + out->exponent;
    out->low = whole - 1 - last + out->exponent;
    return true;
}

enum dynamodb_number_fault dynamodb_number_check(const char *text, size_t n) {
    if (is_short_integer(text, n)) return DYNAMODB_NUMBER_OK;
    struct number number;
    if (!scan_number(text, n, &number)) return DYNAMODB_NUMBER_SYNTAX;
    int64_t power = number.zero ? number.exponent : number.high;
    if (power > DYNAMODB_NUMBER_POWER_MAX) return DYNAMODB_NUMBER_LARGE;
    if (power < DYNAMODB_NUMBER_POWER_MIN) return DYNAMODB_NUMBER_SMALL;
    if (!number.zero && number.high - number.low >= DYNAMODB_NUMBER_DIGITS_MAX) return DYNAMODB_NUMBER_DIGITS;
    return DYNAMODB_NUMBER_OK;
}

const char *dynamodb_number_fault_text(enum dynamodb_number_fault fault) {
    switch (fault) {
    case DYNAMODB_NUMBER_OK: return "a number";
    case DYNAMODB_NUMBER_SYNTAX: return "not a number in decimal digits";
    case DYNAMODB_NUMBER_DIGITS: return "more than 38 significant digits";
    case DYNAMODB_NUMBER_LARGE: return "a number of 1E+126 or more in magnitude";
    case DYNAMODB_NUMBER_SMALL: return "a number below 1E-130 in magnitude";
    }
    return "not a number";
}

/* Two significant digits to a byte, on each side of the point. */
static size_t packed(int64_t whole, int64_t fraction) {
    return (size_t)((whole + 1) / 2 + (fraction + 1) / 2);
}

size_t dynamodb_integer_size(const char *text, size_t n) {
    const char *at = text, *end = text + n;
    bool negative = *at == '-';
    if (negative) at++;
    while (at < end && *at == '0') at++;
    while (at < end && end[-1] == '0') end--;
    return at == end ? 1 : dynamodb_digits_size((size_t)(end - at), negative);
}

size_t dynamodb_number_size(const char *text, size_t n) {
    if (is_short_integer(text, n)) return dynamodb_integer_size(text, n);
    struct number number;
    if (!scan_number(text, n, &number) || number.zero) return 1;
    int64_t whole = 0, fraction = 0;
    if (number.high >= 0) whole = number.high - (number.low > 0 ? number.low : 0) + 1;
    if (number.low < 0) fraction = (number.high < -1 ? number.high : -1) - number.low + 1;
    return 1 + packed(whole, fraction) + number.negative;
}

/* Sign, power of ten of the last digit, and the digits between the first and the last that is not 0. */
size_t dynamodb_number_canonical(const char *text, size_t n, char out[DYNAMODB_NUMBER_CANONICAL_MAX]) {
    struct number number;
    if (!scan_number(text, n, &number) || number.zero) return 0;
    int64_t count = number.high - number.low + 1, room = DYNAMODB_NUMBER_DIGITS_MAX;
    char *to = out;
    *to++ = number.negative ? '-' : '+';
    *to++ = (char)(number.low >> 8);
    *to++ = (char)number.low;
    const char *at = text;
    while (*at < '1' || *at > '9') at++; /* there is one: the number is not zero */
    for (int64_t left = count < room ? count : room; left > 0; at++) {
        if (*at == '.') continue;
        *to++ = *at;
        left--;
    }
    return (size_t)(to - out);
}

/* --- binary --- */

/* OpenSSL counts in ints: longer input goes in pieces, of whole groups. */
#define PIECE_BYTES (3 << 20)
#define PIECE_CHARS (4 << 20)

size_t dynamodb_base64(char *dst, const void *src, size_t n) {
    const unsigned char *from = src;
    size_t written = 0;
    dst[0] = '\0';
    while (n > 0) {
        size_t piece = n < PIECE_BYTES ? n : PIECE_BYTES;
        written += (size_t)EVP_EncodeBlock((unsigned char *)dst + written, from, (int)piece);
        from += piece;
        n -= piece;
    }
    return written;
}

/* OpenSSL's decoder forgives white space and padding in the middle; here only the alphabet passes, and
 * padding at the end. Returns how many padding characters there are, or -1. */
static int base64_padding(const char *src, size_t n) {
    if (n % 4 != 0) return -1;
    int padding = n > 0 && src[n - 1] == '=' ? (src[n - 2] == '=' ? 2 : 1) : 0;
    for (size_t i = 0; i < n - (size_t)padding; i++) {
        char c = src[i];
        bool known = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
        if (!known) return -1;
    }
    return padding;
}

size_t dynamodb_base64_decode(unsigned char *dst, const char *src, size_t n) {
    int padding = base64_padding(src, n);
    if (padding < 0) return (size_t)-1;
    size_t written = 0;
    while (n > 0) {
        size_t piece = n < PIECE_CHARS ? n : PIECE_CHARS;
        int got = EVP_DecodeBlock(dst + written, (const unsigned char *)src, (int)piece);
        if (got < 0) return (size_t)-1;
        written += (size_t)got;
        src += piece;
        n -= piece;
    }
    return written - (size_t)padding;
}
