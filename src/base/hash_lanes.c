/* Messages of any lengths side by side: they go on together for as long as the shortest of them, then those that are left. And which way is
 * quicker, SHA-NI or AVX-512: on an Intel of 2024 a block takes 27 ns by SHA-NI, four at once, and 16 by AVX-512, 16 at once; on a Zen 4, 14
 * by SHA-NI. There is no rule in the processors' names, so both are run for a moment. */
#include "base/hash_lanes.h"

#include <pthread.h>
#include <string.h>

#include "base/clock.h"

_Alignas(64) const uint32_t hash_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

/* FIPS 180-4, 5.3.3 */
static const uint32_t initial[HASH_WORDS] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                             0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

/* --- messages --- */

struct message {
    struct hash_lane lane;
    unsigned char tail[2 * HASH_BLOCK]; /* its end, padded (FIPS 180-4, 5.1.1) */
    size_t tail_blocks;
};

static void begin(struct message *m, const void *data, size_t n) {
    size_t rest = n % HASH_BLOCK;
    memcpy(m->lane.state, initial, sizeof initial);
    m->lane.at = data;
    m->lane.blocks = n / HASH_BLOCK;
    m->tail_blocks = rest + 9 <= HASH_BLOCK ? 1 : 2;
    memset(m->tail, 0, sizeof m->tail);
    if (rest) memcpy(m->tail, m->lane.at + n - rest, rest);
    m->tail[rest] = 0x80;
    uint64_t bits = __builtin_bswap64((uint64_t)n * 8);
    memcpy(m->tail + m->tail_blocks * HASH_BLOCK - sizeof bits, &bits, sizeof bits);
}

/* What is left when the whole blocks are done is the tail. False when that is done as well. */
static bool go_on(struct message *m) {
    if (m->lane.blocks > 0) return true;
    m->lane.at = m->tail;
    m->lane.blocks = m->tail_blocks;
    m->tail_blocks = 0;
    return m->lane.blocks > 0;
}

static void end(const struct message *m, unsigned char out[HASH_SHA256_BYTES]) {
    for (size_t i = 0; i < HASH_WORDS; i++) {
        uint32_t word = __builtin_bswap32(m->lane.state[i]);
        memcpy(out + i * sizeof word, &word, sizeof word);
    }
}

/* Lanes of those that are not done yet; returns how many, and how many blocks each of them has at hand. */
static int running(struct message *messages, int count, struct hash_lane *lanes[], size_t *blocks) {
    int n = 0;
    *blocks = SIZE_MAX;
    for (int k = 0; k < count; k++) {
        struct message *m = &messages[k];
        if (!go_on(m)) continue;
        if (m->lane.blocks < *blocks) *blocks = m->lane.blocks;
        lanes[n++] = &m->lane;
    }
    return n;
}

static void run(struct hash_ways ways, struct hash_lane *const lanes[], int count, size_t blocks) {
    if (count >= ways.wide_from || !ways.ni) {
        hash_wide_run(lanes, count, blocks);
    } else {
        for (int k = 0; k < count; k += HASH_NI) hash_ni_run(lanes + k, count - k < HASH_NI ? count - k : HASH_NI, blocks);
    }
    for (int k = 0; k < count; k++) {
        lanes[k]->at += blocks * HASH_BLOCK;
        lanes[k]->blocks -= blocks;
    }
}

void hash_lanes(struct hash_ways ways, int count, const void *const data[], const size_t n[],
                unsigned char out[][HASH_SHA256_BYTES]) {
    struct message messages[HASH_MANY];
    struct hash_lane *lanes[HASH_MANY];
    size_t blocks;
    for (int k = 0; k < count; k++) begin(&messages[k], data[k], n[k]);
    for (int left; (left = running(messages, count, lanes, &blocks)) > 0;) run(ways, lanes, left, blocks);
    for (int k = 0; k < count; k++) end(&messages[k], out[k]);
}

/* --- the quickest way --- */

#define TRIED_BLOCKS 8
#define TRIED_TIMES 8

/* Nanoseconds for `count` lanes by TRIED_BLOCKS each: the least of several, since the first ones wake what they use. */
static int64_t took(void (*way)(struct hash_lane *const[], int, size_t), int count) {
    static const unsigned char nothing[TRIED_BLOCKS * HASH_BLOCK];
    struct hash_lane each[HASH_WIDE], *lanes[HASH_WIDE];
    int64_t least = INT64_MAX;
    for (int k = 0; k < count; k++) {
        each[k] = (struct hash_lane){.at = nothing};
        lanes[k] = &each[k];
    }
    for (int i = 0; i < TRIED_TIMES; i++) {
        int64_t begun = clock_now();
        way(lanes, count, TRIED_BLOCKS);
        int64_t passed = clock_now() - begun;
        if (passed < least) least = passed;
    }
    return least;
}

/* Without SHA-NI the other way is OpenSSL, one by one, which takes over half as long for one message as AVX-512 does for 16. */
#define WIDE_FROM_WITHOUT_NI 3

static struct hash_ways best;

static void measure(void) {
    best = (struct hash_ways){.ni = hash_ni_supported(), .wide_from = HASH_MANY + 1};
    if (!hash_wide_supported()) return;
    best.wide_from = WIDE_FROM_WITHOUT_NI;
    if (!best.ni) return;
    int64_t four = took(hash_ni_run, HASH_NI), wide = took(hash_wide_run, HASH_WIDE);
    int64_t as_many = wide * HASH_NI / (four > 0 ? four : 1); /* that SHA-NI hashes in the time of one run in step */
    best.wide_from = as_many < HASH_MANY ? (int)as_many + 1 : HASH_MANY + 1;
}

struct hash_ways hash_lanes_ways(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, measure);
    return best;
}
