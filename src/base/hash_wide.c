/* SHA-256 of 16 messages in step, by AVX-512: a register holds the same word of all of them, and each operation of the standard (FIPS 180-4,
 * 6.2.2) is done once for all. Of 28 instructions a round 12 rotate, which an Intel does one of a cycle: 16 ns a block and message. */
#include "base/hash_lanes.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define WIDE __attribute__((target("avx512f,avx512bw")))
#define WIDE_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw")))
/* Unrolled, or the words would live in memory, and wait for it. */
#define UNROLLED(n) _Pragma(UNROLLED_TEXT(GCC unroll n))
#define UNROLLED_TEXT(text) #text

typedef __m512i words; /* one word of each message */

WIDE_INLINE words three_xor(words a, words b, words c) {
    return _mm512_ternarylogic_epi32(a, b, c, 0x96);
}

/* FIPS 180-4, 4.1.2: (4.2) to (4.7) */
WIDE_INLINE words choose(words x, words y, words z) {
    return _mm512_ternarylogic_epi32(x, y, z, 0xca);
}
WIDE_INLINE words majority(words x, words y, words z) {
    return _mm512_ternarylogic_epi32(x, y, z, 0xe8);
}
WIDE_INLINE words sum_0(words x) {
    return three_xor(_mm512_ror_epi32(x, 2), _mm512_ror_epi32(x, 13), _mm512_ror_epi32(x, 22));
}
WIDE_INLINE words sum_1(words x) {
    return three_xor(_mm512_ror_epi32(x, 6), _mm512_ror_epi32(x, 11), _mm512_ror_epi32(x, 25));
}
WIDE_INLINE words sigma_0(words x) {
    return three_xor(_mm512_ror_epi32(x, 7), _mm512_ror_epi32(x, 18), _mm512_srli_epi32(x, 3));
}
WIDE_INLINE words sigma_1(words x) {
    return three_xor(_mm512_ror_epi32(x, 17), _mm512_ror_epi32(x, 19), _mm512_srli_epi32(x, 10));
}

/* Round t by the constant k[t]. The state's words are not moved on by one a round: the letters are. */
WIDE_INLINE void one_round(words s[8], int t, words word, const uint32_t *k) {
#define S(letter) s[((letter) - 'a' - t) & 7]
    words sum = _mm512_add_epi32(_mm512_add_epi32(S('h'), _mm512_add_epi32(word, _mm512_set1_epi32((int)k[t]))),
                                 _mm512_add_epi32(sum_1(S('e')), choose(S('e'), S('f'), S('g'))));
    S('d') = _mm512_add_epi32(S('d'), sum);
    S('h') = _mm512_add_epi32(sum, _mm512_add_epi32(sum_0(S('a')), majority(S('a'), S('b'), S('c'))));
#undef S
}

/* The schedule's word that is 16 after w[t], in its place. */
WIDE_INLINE void next_word(words w[16], int t) {
    words older = _mm512_add_epi32(w[t & 15], w[(t + 9) & 15]);
    w[t & 15] = _mm512_add_epi32(older, _mm512_add_epi32(sigma_0(w[(t + 1) & 15]), sigma_1(w[(t + 14) & 15])));
}

/* Rows of 16 words become columns: pairs of words, pairs of pairs, then whole quarters. */
WIDE_INLINE void transpose(words r[16]) {
    words pairs[16], fours[16];
    UNROLLED(8) for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    UNROLLED(4) for (int i = 0; i < 16; i += 4) { /* quarter q of fours[i + c]: word 4q + c of rows i to i + 3 */
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    UNROLLED(4) for (int c = 0; c < 4; c++) {
        words even_low = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0x88);
        words odd_low = _mm512_shuffle_i32x4(fours[c], fours[4 + c], 0xdd);
        words even_high = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0x88);
        words odd_high = _mm512_shuffle_i32x4(fours[8 + c], fours[12 + c], 0xdd);
        r[c] = _mm512_shuffle_i32x4(even_low, even_high, 0x88);
        r[4 + c] = _mm512_shuffle_i32x4(odd_low, odd_high, 0x88);
        r[8 + c] = _mm512_shuffle_i32x4(even_low, even_high, 0xdd);
        r[12 + c] = _mm512_shuffle_i32x4(odd_low, odd_high, 0xdd);
    }
}

WIDE_INLINE void one_block(words s[8], words w[16]) {
    words before[8];
    UNROLLED(8) for (int i = 0; i < 8; i++) before[i] = s[i];
    UNROLLED(16) for (int t = 0; t < 16; t++) one_round(s, t, w[t], hash_constants);
    UNROLLED(1) for (const uint32_t *k = hash_constants + 16; k < hash_constants + 64; k += 16) {
        UNROLLED(16) for (int t = 0; t < 16; t++) {
            next_word(w, t);
            one_round(s, t, w[t], k);
        }
    }
    UNROLLED(8) for (int i = 0; i < 8; i++) s[i] = _mm512_add_epi32(s[i], before[i]);
}

WIDE void hash_wide_run(struct hash_lane *const lanes[], int count, size_t blocks) {
    const words big_endian = _mm512_set4_epi32(0x0c0d0e0f, 0x08090a0b, 0x04050607, 0x00010203);
    _Alignas(64) uint32_t states[HASH_WORDS][HASH_WIDE];
    const unsigned char *at[HASH_WIDE];
    words s[8], w[16];
    for (int k = 0; k < HASH_WIDE; k++) { /* places that are free do what the first does */
        const struct hash_lane *l = lanes[k < count ? k : 0];
        for (int i = 0; i < HASH_WORDS; i++) states[i][k] = l->state[i];
        at[k] = l->at;
    }
    UNROLLED(8) for (int i = 0; i < 8; i++) s[i] = _mm512_load_si512(states[i]);
    for (size_t b = 0; b < blocks; b++) {
        UNROLLED(16) for (int k = 0; k < 16; k++) {
            w[k] = _mm512_shuffle_epi8(_mm512_loadu_si512(at[k] + b * HASH_BLOCK), big_endian);
        }
        transpose(w);
        one_block(s, w);
    }
    UNROLLED(8) for (int i = 0; i < 8; i++) _mm512_store_si512(states[i], s[i]);
    for (int k = 0; k < count; k++) {
        for (int i = 0; i < HASH_WORDS; i++) lanes[k]->state[i] = states[i][k];
    }
}

bool hash_wide_supported(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

#else

bool hash_wide_supported(void) {
    return false;
}

void hash_wide_run(struct hash_lane *const lanes[], int count, size_t blocks) {
    (void)lanes, (void)count, (void)blocks;
}

#endif
