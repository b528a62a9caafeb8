/* The inside of a signer, for its own files alone (see sigv4.h): keys and signatures (sigv4.c), the row path's request (sigv4_post.c). */
#ifndef AWS_SIGV4_PARTS_H
#define AWS_SIGV4_PARTS_H

#include <openssl/evp.h>

#include "aws/sigv4.h"
#include "base/hash.h"

#define SIGV4_TEXT_MAX (4 << 20) /* bytes of any canonical text: far above any header block a server takes */
#define SIGV4_ALGORITHM "AWS4-HMAC-SHA256"
#define SIGV4_SCOPE_MAX (8 + 1 + 64 + 1 + 64 + sizeof "/aws4_request")
#define SIGV4_TO_SIGN_MAX (sizeof SIGV4_ALGORITHM + sizeof "20150830T123600Z" + SIGV4_SCOPE_MAX + HASH_SHA256_HEX)
#define SIGV4_BLOCK 64 /* bytes of SHA-256's (FIPS 180-4, section 1) */

/* One of the requests that are signed at once. HMAC (RFC 2104) is a hash of a pad and the text, then of another pad and that hash. */
struct sigv4_signing {
    struct buffer canonical;
    struct {
        unsigned char pad[SIGV4_BLOCK];
        char text[SIGV4_TO_SIGN_MAX];
    } inner;
    struct {
        unsigned char pad[SIGV4_BLOCK], digest[HASH_SHA256_BYTES];
    } outer;
    char signature[HASH_SHA256_HEX];
};

/* What the posts of a second have in common: it is put together once for thousands of them. */
struct sigv4_common {
    struct buffer made_for;  /* host, path, operation, access key id, token, each with its NUL; empty: for nothing */
    struct buffer canonical; /* all before the body's digest */
    struct buffer head;      /* all before the body's length */
    struct buffer rest;      /* from there to the signature */
};

struct sigv4 {
    char region[64], service[64];
    struct hash_sha256 *sha;
    EVP_MAC *hmac;
    EVP_MAC_CTX *derive; /* for the steps to the signing key */

    /* What the cached signing key and texts belong to. */
    int64_t second;
    char date_time[17]; /* 20150830T123600Z */
    char secret[sizeof((struct aws_keys *)0)->secret_access_key];
    char scope[SIGV4_SCOPE_MAX];
    bool keyed;   /* the pads are those of scope and secret */
    size_t begun; /* bytes of each text to sign that stay for the second: all but the digest of the canonical request */

    struct buffer names; /* reused from call to call */
    struct sigv4_signing signing[HASH_MANY];
    struct sigv4_common common;
};

/* Sets second, scope and key for signing. */
bool sigv4_prepare(struct sigv4 *s, const struct aws_keys *keys, int64_t unix_seconds, struct error *err);
/* Makes the texts to sign of the canonical requests of the first `count`, and the signatures of those. */
bool sigv4_sign_canonical(struct sigv4 *s, int count);
/* The value of an Authorization header up to the signature, which is the last of it. */
bool sigv4_begin_authorization(const struct sigv4 *s, const char *key_id, const char *names, size_t names_len,
                               struct buffer *out);
bool sigv4_failed(struct error *err);

#endif
