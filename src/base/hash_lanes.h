/* SHA-256 of several messages at once, for hash.c alone: see hash_sha256_many.
 *
 * Two ways, for processors that have them: hash_ni.c (SHA-NI, up to four beside each other) and hash_wide.c (AVX-512, 16 in step). Which is
 * quicker for how many differs from processor to processor; it is measured (hash_lanes.c). */
#ifndef BASE_HASH_LANES_H
#define BASE_HASH_LANES_H

#include "base/hash.h"

#define HASH_BLOCK 64
#define HASH_WORDS 8 /* of the state, FIPS 180-4, 5.3.3 */

struct hash_ways {
    bool ni;       /* SHA-NI is there */
    int wide_from; /* so many messages or more are hashed in step; HASH_MANY + 1: none are */
};

/* The quickest ways of this processor. Takes about 50 us when it is first called, and nothing later. */
struct hash_ways hash_lanes_ways(void);

/* Of 1 to HASH_MANY messages, by ways that this processor has; at least wide_from where there is no SHA-NI. */
void hash_lanes(struct hash_ways ways, int count, const void *const data[], const size_t n[],
                unsigned char out[][HASH_SHA256_BYTES]);

/* --- one message on its way, as both ways see it --- */

struct hash_lane {
    uint32_t state[HASH_WORDS];
    const unsigned char *at;
    size_t blocks; /* whole ones at `at` */
};

extern const uint32_t hash_constants[64]; /* FIPS 180-4, 4.2.2; aligned for any load */

bool hash_ni_supported(void);
/* 1 to HASH_NI lanes go on by `blocks` blocks each: only their states change. Only where it is supported. */
#define HASH_NI 4
void hash_ni_run(struct hash_lane *const lanes[], int count, size_t blocks);

bool hash_wide_supported(void);
/* The same, 1 to HASH_WIDE of them; it takes as long for one as for all. */
#define HASH_WIDE 16
void hash_wide_run(struct hash_lane *const lanes[], int count, size_t blocks);

#endif
