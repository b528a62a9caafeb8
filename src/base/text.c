/* Escaping and checking of text, vectorised: on the row path every byte of a row passes here. Two forms, the same result:
 * 16 bytes at a time with SSE2 (part of every x86-64), 8 at a time elsewhere. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* How a byte is written: 0 as it is, 'u' as \u00XX, else a backslash and that letter (RFC 8259, section 7). */
static const char escapes[256] = {
    ['"'] = '"', ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't', [0] = 'u',  [1] = 'u',
    [2] = 'u',   [3] = 'u',     [4] = 'u',    [5] = 'u',    [6] = 'u',    [7] = 'u',    [11] = 'u',   [14] = 'u', [15] = 'u',
    [16] = 'u',  [17] = 'u',    [18] = 'u',   [19] = 'u',   [20] = 'u',   [21] = 'u',   [22] = 'u',   [23] = 'u', [24] = 'u',
    [25] = 'u',  [26] = 'u',    [27] = 'u',   [28] = 'u',   [29] = 'u',   [30] = 'u',   [31] = 'u',
};

/* A byte that must be escaped; d has room for six. */
static inline char *escape_special(char *d, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    char how = escapes[c];
    d[0] = '\\';
    d[1] = how;
    if (how != 'u') return d + 2;
    d[2] = d[3] = '0';
    d[4] = hex[c >> 4];
    d[5] = hex[c & 15];
    return d + 6;
}

static inline char *escape_byte(char *d, unsigned char c) {
    if (escapes[c]) return escape_special(d, c);
    *d = (char)c;
    return d + 1;
}

#if defined(__SSE2__)

#define BLOCK 16

/* A bit for each of the 16 bytes that must be escaped. */
static inline unsigned special(const char *s, __m128i *v) {
    *v = _mm_loadu_si128((const __m128i *)s);
    __m128i quote = _mm_cmpeq_epi8(*v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(*v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(*v, _mm_set1_epi8(0x1f)), *v);
    return (unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

size_t json_escape(char *dst, const char *src, size_t n) {
    const char *s = src, *end = src + n;
    char *d = dst;
    while (end - s >= BLOCK) {
        __m128i v;
        unsigned mask = special(s, &v);
        /* dst has room for six times what is left of src, so a whole block may always be stored */
        _mm_storeu_si128((__m128i *)d, v);
        if (mask == 0) {
            s += BLOCK;
            d += BLOCK;
            continue;
        }
        unsigned plain = (unsigned)__builtin_ctz(mask);
        s += plain;
        d = escape_special(d + plain, (unsigned char)*s++);
    }
    while (s < end) d = escape_byte(d, (unsigned char)*s++);
    return (size_t)(d - dst);
}

static inline bool ascii_block(const char *s) {
    return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)s)) == 0;
}

#else

#define BLOCK 8

/* Bit tricks on 8 bytes: each test leaves the top bit of a byte set where it holds. */
static inline uint64_t below(uint64_t w, unsigned char n) {
    return (w - UINT64_C(0x0101010101010101) * n) & ~w & UINT64_C(0x8080808080808080);
}

static inline bool any_special(uint64_t w) {
    uint64_t ones = UINT64_C(0x0101010101010101);
    return (below(w, 0x20) | below(w ^ ones * '"', 1) | below(w ^ ones * '\\', 1)) != 0;
}

size_t json_escape(char *dst, const char *src, size_t n) {
    const char *s = src, *end = src + n;
    char *d = dst;
    while (end - s >= BLOCK) {
        uint64_t w;
        memcpy(&w, s, BLOCK);
        if (!any_special(w)) {
            memcpy(d, s, BLOCK);
            s += BLOCK;
            d += BLOCK;
            continue;
        }
        for (int i = 0; i < BLOCK; i++) d = escape_byte(d, (unsigned char)*s++);
    }
    while (s < end) d = escape_byte(d, (unsigned char)*s++);
    return (size_t)(d - dst);
}

static inline bool ascii_block(const char *s) {
    uint64_t w;
    memcpy(&w, s, BLOCK);
    return (w & UINT64_C(0x8080808080808080)) == 0;
}

#endif

/* The length of the well-formed sequence at s (not ASCII), or 0. Source: RFC 3629, section 4. */
static size_t utf8_sequence(const unsigned char *s, size_t left) {
    unsigned char c = s[0];
    size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || left < n) return 0;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0;
    }
    if ((c == 0xe0 && s[1] < 0xa0) || (c == 0xed && s[1] > 0x9f)) return 0;
    if ((c == 0xf0 && s[1] < 0x90) || (c == 0xf4 && s[1] > 0x8f)) return 0;
    return n;
}

bool utf8_valid(const char *data, size_t n) {
    const char *s = data, *end = data + n;
    while (s < end) {
        if (end - s >= BLOCK && ascii_block(s)) {
            s += BLOCK;
            continue;
        }
        if ((unsigned char)*s < 0x80) {
            s++;
            continue;
        }
        size_t step = utf8_sequence((const unsigned char *)s, (size_t)(end - s));
        if (step == 0) return false;
        s += step;
    }
    return true;
}
