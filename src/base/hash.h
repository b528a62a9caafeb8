/* Digests and checksums. SHA-256 is OpenSSL's with a context that is reused; CRC-32 is zlib's; the 64-bit hash is
 * XXH3 (not stable across versions of hlua: never stored). */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HASH_SHA256_BYTES 32
#define HASH_SHA256_HEX 65

struct hash_sha256; /* not shared between threads */

struct hash_sha256 *hash_sha256_new(void); /* NULL when memory is out */
void hash_sha256_free(struct hash_sha256 *h);

/* The digest of `n` bytes, in one go. False only if OpenSSL fails. */
bool hash_sha256(struct hash_sha256 *h, const void *data, size_t n, unsigned char out[HASH_SHA256_BYTES])
    __attribute__((warn_unused_result));

/* The digests of `count` messages, 1 to HASH_MANY. So many as hash_sha256_together says take least time each: 4 or 16, about half of what
 * they would take one by one, where the processor has instructions for it. */
#define HASH_MANY 16
bool hash_sha256_many(struct hash_sha256 *h, int count, const void *const data[], const size_t n[],
                      unsigned char out[][HASH_SHA256_BYTES]) __attribute__((warn_unused_result));
int hash_sha256_together(const struct hash_sha256 *h);

/* Bytes as lower-case hexadecimal, terminated; out holds 2 * n + 1. */
void hash_hex(const unsigned char *bytes, size_t n, char *out);

/* CRC-32 (IEEE 802.3, as zlib): DynamoDB's x-amz-crc32, and the template format shard(n). */
uint32_t hash_crc32(const void *data, size_t n);

/* A fast 64-bit hash, seeded. */
uint64_t hash_64(const void *data, size_t n, uint64_t seed);

#endif
