/* Escaping and checking of text, vectorised: on the row path every byte of a row passes here. Four forms, the same result: 32 bytes at
 * a time with AVX-512 VBMI2 (Ice Lake, Zen 4 and newer) or AVX2 where the processor has it, 16 with SSE2 (part of every x86-64), 8
 * elsewhere. */
#include <stdint.h>
#include <string.h>

#include "base/json.h"

#if defined(__SSE2__)
#include <immintrin.h>
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

/* Bit tricks on 8 bytes: each test leaves the top bit of a byte set where it holds. */
static inline uint64_t below(uint64_t w, unsigned char n) {
    return (w - UINT64_C(0x0101010101010101) * n) & ~w & UINT64_C(0x8080808080808080);
}

static inline bool any_special(uint64_t w) {
    uint64_t ones = UINT64_C(0x0101010101010101);
    return (below(w, 0x20) | below(w ^ ones * '"', 1) | below(w ^ ones * '\\', 1)) != 0;
}

/* Four to eight bytes with nothing to escape, as two halves that may overlap; NULL when something is. */
static inline char *copy_half_word(char *d, const char *s, size_t n) {
    uint32_t first, last;
    memcpy(&first, s, 4);
    memcpy(&last, s + n - 4, 4);
    if (any_special(first | (uint64_t)last << 32)) return NULL;
    memcpy(d, &first, 4);
    memcpy(d + n - 4, &last, 4);
    return d + n;
}

/* Eight bytes at a time, and the rest one by one where it is not clean. */
static inline char *escape_words(char *d, const char *s, const char *end) {
    while (end - s >= 8) {
        uint64_t w;
        memcpy(&w, s, 8);
        if (any_special(w)) {
            for (int i = 0; i < 8; i++) d = escape_byte(d, (unsigned char)s[i]);
        } else {
            memcpy(d, s, 8);
            d += 8;
        }
        s += 8;
    }
    if (end - s >= 4) {
        char *after = copy_half_word(d, s, (size_t)(end - s));
        if (after) return after;
    }
    while (s < end) d = escape_byte(d, (unsigned char)*s++);
    return d;
}

#if defined(__SSE2__)

#define BLOCK 16

/* A bit for each of the bytes at s that must be escaped. */
static inline uint32_t special_16(const char *s) {
    __m128i v = _mm_loadu_si128((const __m128i *)s);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), control));
}

static inline void copy_16(char *d, const char *s) {
    _mm_storeu_si128((__m128i *)d, _mm_loadu_si128((const __m128i *)s));
}

__attribute__((target("avx2"))) static inline uint32_t special_32(const char *s) {
    __m256i v = _mm256_loadu_si256((const __m256i *)s);
    __m256i quote = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"'));
    __m256i slash = _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\'));
    __m256i control = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quote, slash), control));
}

__attribute__((target("avx2"))) static inline void copy_32(char *d, const char *s) {
    _mm256_storeu_si256((__m256i *)d, _mm256_loadu_si256((const __m256i *)s));
}

/* Takes whole blocks while another one follows, so that a block may be read and stored from any place in this one (dst has room for six
 * times what is left of src); the special bytes of a block are found at once, and what lies between them is copied block by block. */
#define DEFINE_ESCAPE(name, attributes, size, special, copy)                                                                     \
    attributes static size_t name(char *dst, const char *src, size_t n) {                                                        \
        const char *s = src, *end = src + n;                                                                                     \
        char *d = dst;                                                                                                           \
        while (end - s >= 2 * (size)) {                                                                                          \
            unsigned from = 0;                                                                                                   \
            for (uint32_t mask = special(s); mask; mask &= mask - 1) {                                                           \
                unsigned at = (unsigned)__builtin_ctz(mask);                                                                     \
                copy(d, s + from);                                                                                               \
                d = escape_special(d + (at - from), (unsigned char)s[at]);                                                       \
                from = at + 1;                                                                                                   \
            }                                                                                                                    \
            copy(d, s + from);                                                                                                   \
            d += (size)-from;                                                                                                    \
            s += (size);                                                                                                         \
        }                                                                                                                        \
        return (size_t)(escape_words(d, s, end) - dst);                                                                          \
    }

DEFINE_ESCAPE(escape_sse2, , 16, special_16, copy_16)
DEFINE_ESCAPE(escape_avx2, __attribute__((target("avx2"))), 32, special_32, copy_32)

#define VBMI2 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi2,popcnt")))

/* The bytes at s whose bits are set in `these`, one by one: some of them is a control character. */
static char *escape_each(char *d, const char *s, uint32_t these) {
    for (; these; these >>= 1) d = escape_byte(d, (unsigned char)*s++);
    return d;
}

/* A bit for each byte of v that is written with a backslash before it; for each control character among those that `these` are. */
VBMI2 static inline __attribute__((always_inline)) uint32_t quoted_32(__m256i v) {
    return _mm256_cmpeq_epi8_mask(v, _mm256_set1_epi8('"')) | _mm256_cmpeq_epi8_mask(v, _mm256_set1_epi8('\\'));
}

VBMI2 static inline __attribute__((always_inline)) uint32_t control_32(__m256i v, uint32_t these) {
    return _mm256_mask_cmplt_epu8_mask(these, v, _mm256_set1_epi8(0x20));
}

/* Every byte has two places in what is written, one for a backslash and one for itself; of the first ones those that are needed stay.
 * One instruction spreads the bytes of v that are at s, which `these` are, over the places that are theirs. */
VBMI2 static inline __attribute__((always_inline)) char *escape_block(char *d, const char *s, __m256i v, uint32_t these,
                                                                      bool whole) {
    const uint64_t own = UINT64_C(0xaaaaaaaaaaaaaaaa);
    if (control_32(v, these)) return escape_each(d, s, these);
    uint64_t places = _pdep_u64(these, own) | _pdep_u64(quoted_32(v), own >> 1);
    unsigned count = (unsigned)__builtin_popcountll(places);
    __m512i spread = _mm512_mask_expand_epi8(_mm512_set1_epi8('\\'), _pext_u64(own, places), _mm512_castsi256_si512(v));
    if (whole) {
        _mm512_storeu_si512(d, spread); /* there is room for 6 * 32 bytes */
    } else {
        _mm512_mask_storeu_epi8(d, _bzhi_u64(UINT64_MAX, count), spread);
    }
    return d + count;
}

/* Loads and stores of the last block are masked; so they may be of every block, which takes a quarter longer. It is all there is of most
 * texts of a row, and they have nothing to escape: then it is copied, which takes a sixth less. */
VBMI2 static size_t escape_vbmi2(char *dst, const char *src, size_t n) {
    char *d = dst;
    size_t at = 0;
    for (; n - at >= 32; at += 32) d = escape_block(d, src + at, _mm256_loadu_si256((const void *)(src + at)), UINT32_MAX, true);
    if (at < n) {
        uint32_t these = (UINT32_C(1) << (n - at)) - 1;
        __m256i v = _mm256_maskz_loadu_epi8(these, src + at);
        if (quoted_32(v) | control_32(v, these)) return (size_t)(escape_block(d, src + at, v, these, false) - dst);
        _mm256_mask_storeu_epi8(d, these, v);
        d += n - at;
    }
    return (size_t)(d - dst);
}

size_t json_escape(char *dst, const char *src, size_t n) {
    if (__builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512vl")) return escape_vbmi2(dst, src, n);
    /* most texts of a row are short, and the wide form would leave up to 63 bytes of them to the slow end */
    if (n >= 128 && __builtin_cpu_supports("avx2")) return escape_avx2(dst, src, n);
    return escape_sse2(dst, src, n);
}

static inline bool ascii_block(const char *s) {
    return _mm_movemask_epi8(_mm_loadu_si128((const __m128i *)s)) == 0;
}

#else

#define BLOCK 8

size_t json_escape(char *dst, const char *src, size_t n) {
    return (size_t)(escape_words(dst, src, src + n) - dst);
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
