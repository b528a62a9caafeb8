/* SHA-256 of up to four messages beside each other, with the processor's own instructions for it (SHA-NI). Each of its steps waits for the
 * one before; steps of other messages go on meanwhile. On a Zen 4 a block of 64 bytes takes 35 ns alone, 18 with a second message beside
 * it, 15 with three, 14 with four, when the arithmetic units are full. OpenSSL, which does everything else here, hashes one message at a
 * time. Source of the algorithm: FIPS 180-4; of the instructions: Intel SDM, SHA256RNDS2. */
#include "base/hash_lanes.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define SHA_NI_INLINE static inline __attribute__((always_inline, target("sha,sse4.1,ssse3")))

/* The schedule of four lanes does not fit into the 16 registers beside their states. Its words are in memory, four in each: 4i to 4i + 3 in
 * the place i % 4; only a lane's latest ones, which the next are made of at once, are in a register too. */
struct schedule {
    __m128i words[4], last;
};

SHA_NI_INLINE void set_words(struct schedule *s, int place, __m128i words) {
    s->last = s->words[place] = words;
}

/* Rounds 4i to 4i + 3, and the words that are 16 further. In assembler, since compilers find other things to keep in registers, and then a
 * step waits for memory: a fifth slower. SHA256RNDS2's third operand is always xmm0. */
SHA_NI_INLINE void four_rounds(__m128i *abef, __m128i *cdgh, struct schedule *s, int i) {
    const __m128i *k = (const __m128i *)(const void *)(hash_constants + (size_t)4 * (size_t)i);
    __asm__("movdqa %[k], %%xmm0\n\t"
            "paddd %[now], %%xmm0\n\t"
            "sha256rnds2 %%xmm0, %[abef], %[cdgh]\n\t"
            "pshufd $0x0e, %%xmm0, %%xmm0\n\t"
            "sha256rnds2 %%xmm0, %[cdgh], %[abef]"
            : [abef] "+x"(*abef), [cdgh] "+x"(*cdgh)
            : [k] "m"(*k), [now] "m"(s->words[i % 4])
            : "xmm0");
    if (i >= 12) return;
    __m128i words;
    __asm__("movdqa %[last], %%xmm0\n\t"
            "palignr $4, %[third], %%xmm0\n\t" /* the words 7 before those to make */
            "movdqa %[now], %[words]\n\t"
            "sha256msg1 %[next], %[words]\n\t"
            "paddd %%xmm0, %[words]\n\t"
            "sha256msg2 %[last], %[words]\n\t"
            "movdqa %[words], %[now]"
            : [words] "=&x"(words), [now] "+m"(s->words[i % 4])
            : [last] "x"(s->last), [next] "m"(s->words[(i + 1) % 4]), [third] "m"(s->words[(i + 2) % 4])
            : "xmm0");
    s->last = words;
}

#define EACH                                                                                                                     \
    _Pragma("GCC unroll 4") for (int k = 0; k < count; k++) /* unrolled, or states would live in memory, and wait for it */

/* `count` lanes, known when compiled. The instructions want the state's words, a to h in the standard, in this order. */
SHA_NI_INLINE void run(struct hash_lane *const *lanes, int count, size_t blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[HASH_NI], cdgh[HASH_NI];
    EACH {
        const uint32_t *s = lanes[k]->state;
        abef[k] = _mm_set_epi32((int)s[0], (int)s[1], (int)s[4], (int)s[5]);
        cdgh[k] = _mm_set_epi32((int)s[2], (int)s[3], (int)s[6], (int)s[7]);
    }
    for (size_t b = 0; b < blocks; b++) {
        struct schedule schedule[HASH_NI];
        __m128i abef_before[HASH_NI], cdgh_before[HASH_NI];
        EACH {
            const __m128i *from = (const __m128i *)(const void *)(lanes[k]->at + b * HASH_BLOCK);
            abef_before[k] = abef[k];
            cdgh_before[k] = cdgh[k];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) set_words(&schedule[k], i, _mm_shuffle_epi8(_mm_loadu_si128(from + i), big_endian));
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) EACH four_rounds(&abef[k], &cdgh[k], &schedule[k], i);
        EACH {
            abef[k] = _mm_add_epi32(abef[k], abef_before[k]);
            cdgh[k] = _mm_add_epi32(cdgh[k], cdgh_before[k]);
        }
    }
    EACH {
        uint32_t *s = lanes[k]->state;
        s[0] = (uint32_t)_mm_extract_epi32(abef[k], 3), s[1] = (uint32_t)_mm_extract_epi32(abef[k], 2);
        s[2] = (uint32_t)_mm_extract_epi32(cdgh[k], 3), s[3] = (uint32_t)_mm_extract_epi32(cdgh[k], 2);
        s[4] = (uint32_t)_mm_extract_epi32(abef[k], 1), s[5] = (uint32_t)_mm_extract_epi32(abef[k], 0);
        s[6] = (uint32_t)_mm_extract_epi32(cdgh[k], 1), s[7] = (uint32_t)_mm_extract_epi32(cdgh[k], 0);
    }
}

SHA_NI void hash_ni_run(struct hash_lane *const lanes[], int count, size_t blocks) {
    switch (count) {
    case 1: run(lanes, 1, blocks); break;
    case 2: run(lanes, 2, blocks); break;
    case 3: run(lanes, 3, blocks); break;
    default: run(lanes, 4, blocks); break;
    }
}

bool hash_ni_supported(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) && __builtin_cpu_supports("sse4.1");
}

#else

bool hash_ni_supported(void) {
    return false;
}

void hash_ni_run(struct hash_lane *const lanes[], int count, size_t blocks) {
    (void)lanes, (void)count, (void)blocks;
}

#endif
