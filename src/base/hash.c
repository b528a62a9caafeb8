#include "base/hash.h"

#include "base/hash_lanes.h"

#define XXH_INLINE_ALL
#include <openssl/evp.h>
#include <stdlib.h>
#include <xxhash.h>
#include <zlib.h>

struct hash_sha256 {
    EVP_MD_CTX *context;
    EVP_MD *digest; /* fetched once: EVP_sha256() would be looked up again at each init */
    struct hash_ways ways;
};

struct hash_sha256 *hash_sha256_new(void) {
    struct hash_sha256 *h = calloc(1, sizeof *h);
    if (h == NULL) return NULL;
    h->context = EVP_MD_CTX_new();
    h->digest = EVP_MD_fetch(NULL, "SHA256", NULL);
    h->ways = hash_lanes_ways();
    if (h->context && h->digest) return h;
    hash_sha256_free(h);
    return NULL;
}

void hash_sha256_free(struct hash_sha256 *h) {
    if (h == NULL) return;
    EVP_MD_CTX_free(h->context);
    EVP_MD_free(h->digest);
    free(h);
}

bool hash_sha256(struct hash_sha256 *h, const void *data, size_t n, unsigned char out[HASH_SHA256_BYTES]) {
    return EVP_DigestInit_ex2(h->context, h->digest, NULL) == 1 && EVP_DigestUpdate(h->context, data, n) == 1 &&
           EVP_DigestFinal_ex(h->context, out, NULL) == 1;
}

bool hash_sha256_many(struct hash_sha256 *h, int count, const void *const data[], const size_t n[],
                      unsigned char out[][HASH_SHA256_BYTES]) {
    if (h->ways.ni || count >= h->ways.wide_from) {
        hash_lanes(h->ways, count, data, n, out);
        return true;
    }
    for (int k = 0; k < count; k++) {
        if (!hash_sha256(h, data[k], n[k], out[k])) return false;
    }
    return true;
}

int hash_sha256_together(const struct hash_sha256 *h) {
    return h->ways.wide_from <= HASH_WIDE ? HASH_WIDE : HASH_NI;
}

void hash_hex(const unsigned char *bytes, size_t n, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * n] = '\0';
}

uint32_t hash_crc32(const void *data, size_t n) {
    return (uint32_t)crc32_z(0, data, n);
}

uint64_t hash_64(const void *data, size_t n, uint64_t seed) {
    return XXH3_64bits_withSeed(data, n, seed);
}
