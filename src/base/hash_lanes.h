/* SHA-256 of several messages at once, for hash.c alone: see hash_sha256_many. */
#ifndef BASE_HASH_LANES_H
#define BASE_HASH_LANES_H

#include "base/hash.h"

/* Whether the processor can. Not cheap: ask once. */
bool hash_lanes_supported(void);

/* Of 1 to HASH_MANY messages. Only where it is supported. */
void hash_lanes(int count, const void *const data[], const size_t n[], unsigned char out[][HASH_SHA256_BYTES]);

#endif
