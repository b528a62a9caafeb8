/* SHA-256 of two messages at once, for hash.c alone: see hash_sha256_two. */
#ifndef BASE_HASH_PAIR_H
#define BASE_HASH_PAIR_H

#include "base/hash.h"

/* Whether the processor can. Not cheap: ask once. */
bool hash_pair_supported(void);

/* Only where it is supported. */
void hash_pair(const void *const data[2], const size_t n[2], unsigned char out[2][HASH_SHA256_BYTES]);

#endif
