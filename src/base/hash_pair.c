/* SHA-256 of two messages at once, with the processor's own instructions for it (SHA-NI). Each of its steps waits for the one before,
 * and the next may begin every other cycle only if it belongs to another message: two take hardly longer than one. OpenSSL, which does
 * everything else here, hashes one message at a time. Source of the algorithm: FIPS 180-4; of the instructions: Intel SDM, SHA256RNDS2. */
#include "base/hash_pair.h"

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

/* What is left when the whole blocks are done is the tail. */
static void go_on(struct lane *l) {
    if (l->blocks > 0 || l->tail_blocks == 0) return;
    l->at = l->tail;
    l->blocks = l->tail_blocks;
    l->tail_blocks = 0;
}

/* Rounds 4i to 4i + 3; w is the part of the schedule that they and the next ones need, four words in each. */
SHA_NI_INLINE void four_rounds(__m128i *abef, __m128i *cdgh, __m128i w[4], int i) {
    __m128i now = w[i % 4];
    __m128i sum = _mm_add_epi32(now, _mm_load_si128((const __m128i *)(const void *)(constants + (size_t)4 * (size_t)i)));
    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
    if (i >= 12) return;
    __m128i last = w[(i + 3) % 4];
    __m128i seventh = _mm_alignr_epi8(last, w[(i + 2) % 4], 4);
    w[i % 4] = _mm_sha256msg2_epu32(_mm_add_epi32(_mm_sha256msg1_epu32(now, w[(i + 1) % 4]), seventh), last);
}

#define BOTH                                                                                                                     \
    _Pragma("GCC unroll 2") for (int k = 0; k < count; k++) /* unrolled, or lanes would live in memory, and wait for it */

/* `count` lanes, 1 or 2 and known when compiled, by `blocks` blocks each. */
SHA_NI_INLINE void run(struct lane *lanes, int count, size_t blocks) {
    const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
    __m128i abef[2], cdgh[2];
    BOTH abef[k] = lanes[k].abef, cdgh[k] = lanes[k].cdgh;
    for (size_t b = 0; b < blocks; b++) {
        __m128i w[2][4], abef_before[2], cdgh_before[2];
        BOTH {
            const __m128i *from = (const __m128i *)(const void *)(lanes[k].at + b * BLOCK);
            abef_before[k] = abef[k];
            cdgh_before[k] = cdgh[k];
#pragma GCC unroll 4
            for (int i = 0; i < 4; i++) w[k][i] = _mm_shuffle_epi8(_mm_loadu_si128(from + i), big_endian);
        }
#pragma GCC unroll 16
        for (int i = 0; i < 16; i++) BOTH four_rounds(&abef[k], &cdgh[k], w[k], i);
        BOTH {
            abef[k] = _mm_add_epi32(abef[k], abef_before[k]);
            cdgh[k] = _mm_add_epi32(cdgh[k], cdgh_before[k]);
        }
    }
    BOTH {
        lanes[k].abef = abef[k];
        lanes[k].cdgh = cdgh[k];
        lanes[k].at += blocks * BLOCK;
        lanes[k].blocks -= blocks;
    }
}

SHA_NI static void run_two(struct lane lanes[2], size_t blocks) {
    run(lanes, 2, blocks);
}

SHA_NI static void run_one(struct lane *lane, size_t blocks) {
    run(lane, 1, blocks);
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

bool hash_pair_supported(void) {
    unsigned eax, ebx, ecx, edx;
    return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & bit_SHA) && __builtin_cpu_supports("sse4.1");
}

void hash_pair(const void *const data[2], const size_t n[2], unsigned char out[2][HASH_SHA256_BYTES]) {
    struct lane lanes[2];
    for (int k = 0; k < 2; k++) begin(&lanes[k], data[k], n[k]);
    while (lanes[0].blocks + lanes[0].tail_blocks > 0 && lanes[1].blocks + lanes[1].tail_blocks > 0) {
        for (int k = 0; k < 2; k++) go_on(&lanes[k]);
        run_two(lanes, lanes[0].blocks < lanes[1].blocks ? lanes[0].blocks : lanes[1].blocks);
    }
    for (int k = 0; k < 2; k++) {
        for (go_on(&lanes[k]); lanes[k].blocks > 0; go_on(&lanes[k])) run_one(&lanes[k], lanes[k].blocks);
        end(&lanes[k], out[k]);
    }
}

#else

bool hash_pair_supported(void) {
    return false;
}

void hash_pair(const void *const data[2], const size_t n[2], unsigned char out[2][HASH_SHA256_BYTES]) {
    (void)data, (void)n, (void)out;
}

#endif
