/* SHA-256 of several messages at once, with the processor's own instructions for it (SHA-NI). Each of its steps waits for the one before;
 * steps of other messages go on meanwhile. On a Zen 4 a block of 64 bytes takes 35 ns alone, 18 with a second message beside it, 15 with
 * three, 14 with four, when the arithmetic units are full. OpenSSL, which does everything else here, hashes one message at a time. Source
 * of the algorithm: FIPS 180-4; of the instructions: Intel SDM, SHA256RNDS2. */
#include "base/hash_lanes.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <immintrin.h>
#include <string.h>

#define BLOCK 64

#define SHA_NI __attribute__((target("sha,sse4.1,ssse3")))
#define SHA_NI_INLINE static inline __attribute__((always_inline, target("sha,sse4.1,ssse3")))

/* FIPS 180-4, 4.2.2 */
static const _Alignas(16) uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* One message on its way: the state as the instructions want it (its words are named a to h in the standard), what is left of the
 * message, and its end, padded. */
struct lane {
    __m128i abef, cdgh;
    const unsigned char *at;
    size_t blocks; /* whole ones left at `at` */
    unsigned char tail[2 * BLOCK];
    size_t tail_blocks;
};

static void begin(struct lane *l, const void *data, size_t n) {
    size_t rest = n % BLOCK;
    l->abef = _mm_set_epi32(0x6a09e667, (int)0xbb67ae85, 0x510e527f, (int)0x9b05688c); /* FIPS 180-4, 5.3.3 */
    l->cdgh = _mm_set_epi32(0x3c6ef372, (int)0xa54ff53a, 0x1f83d9ab, 0x5be0cd19);
    l->at = data;
    l->blocks = n / BLOCK;
    l->tail_blocks = rest + 9 <= BLOCK ? 1 : 2;
    memset(l->tail, 0, sizeof l->tail);
    if (rest) memcpy(l->tail, l->at + n - rest, rest);
    l->tail[rest] = 0x80;
    uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
    memcpy(l->tail + l->tail_blocks * BLOCK - sizeof bits, &bits, sizeof bits);
}

/* What is left when the whole blocks are done is the tail. False when that is done as well. */
static bool go_on(struct lane *l) {
    if (l->blocks > 0) return true;
    l->at = l->tail;
    l->blocks = l->tail_blocks;
    l->tail_blocks = 0;
    return l->blocks > 0;
}

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
    const __m128i *k = (const __m128i *)(const void *)(constants + (size_t)4 * (size_t)i);
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

/* `count` lanes, 1 to HASH_MANY and known when compiled, by `blocks` blocks each. */
SHA_NI_INLINE void run(struct lane *const *lanes, int count, size_t blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[HASH_MANY], cdgh[HASH_MANY];
    EACH abef[k] = lanes[k]->abef, cdgh[k] = lanes[k]->cdgh;
    for (size_t b = 0; b < blocks; b++) {
        struct schedule schedule[HASH_MANY];
        __m128i abef_before[HASH_MANY], cdgh_before[HASH_MANY];
        EACH {
            const __m128i *from = (const __m128i *)(const void *)(lanes[k]->at + b * BLOCK);
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
        lanes[k]->abef = abef[k];
        lanes[k]->cdgh = cdgh[k];
        lanes[k]->at += blocks * BLOCK;
        lanes[k]->blocks -= blocks;
    }
}

SHA_NI static void run_lanes(struct lane *const *lanes, int count, size_t blocks) {
    switch (count) {
    case 1: run(lanes, 1, blocks); break;
    case 2: run(lanes, 2, blocks); break;
    case 3: run(lanes, 3, blocks); break;
    default: run(lanes, 4, blocks); break;
    }
}

SHA_NI static void end(const struct lane *l, unsigned char out[HASH_SHA256_BYTES]) {
    uint32_t f_e_b_a[4], h_g_d_c[4];
    memcpy(f_e_b_a, &l->abef, sizeof f_e_b_a);
    memcpy(h_g_d_c, &l->cdgh, sizeof h_g_d_c);
    const uint32_t words[8] = {f_e_b_a[3], f_e_b_a[2], h_g_d_c[3], h_g_d_c[2], f_e_b_a[1], f_e_b_a[0], h_g_d_c[1], h_g_d_c[0]};
    for (int i = 0; i < 8; i++) {
        uint32_t word = __builtin_bswap32(words[i]);
        memcpy(out + (size_t)4 * (size_t)i, &word, sizeof word);
    }
}

bool hash_lanes_supported(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) && __builtin_cpu_supports("sse4.1");
}

/* Those that are not done yet move to the front; returns how many, and how many blocks each of them has at hand. */
static int still_running(struct lane **lanes, int count, size_t *blocks) {
    int running = 0;
    *blocks = SIZE_MAX;
    for (int k = 0; k < count; k++) {
        struct lane *l = lanes[k];
        if (!go_on(l)) continue;
        if (l->blocks < *blocks) *blocks = l->blocks;
        lanes[running++] = l;
    }
    return running;
}

void hash_lanes(int count, const void *const data[], const size_t n[], unsigned char out[][HASH_SHA256_BYTES]) {
    struct lane lanes[HASH_MANY], *running[HASH_MANY];
    size_t blocks;
    for (int k = 0; k < count; k++) {
        begin(&lanes[k], data[k], n[k]);
        running[k] = &lanes[k];
    }
    for (int left = count; (left = still_running(running, left, &blocks)) > 0;) run_lanes(running, left, blocks);
    for (int k = 0; k < count; k++) end(&lanes[k], out[k]);
}

#else

bool hash_lanes_supported(void) {
    return false;
}

void hash_lanes(int count, const void *const data[], const size_t n[], unsigned char out[][HASH_SHA256_BYTES]) {
    (void)count, (void)data, (void)n, (void)out;
}

#endif
