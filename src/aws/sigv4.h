/* AWS Signature Version 4 (AWS General Reference, "Signature Version 4 signing process").
 *
 * For: any request (sigv4_sign, checked against AWS's own test suite) and, as the fast form for the one request that the row
 * path sends, a DynamoDB POST (sigv4_post): same algorithm, reused contexts, signing key cached for the day.
 * Not shared between threads. */
#ifndef AWS_SIGV4_H
#define AWS_SIGV4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"

struct sigv4_header {
    const char *name, *value;
};

struct sigv4_request {
    const char *method, *path, *query; /* path and query as in the request line (query without '?', may be "") */
    const struct sigv4_header *headers;
    int header_count;
    const void *body;
    size_t body_len;
    bool normalize_path;     /* false for S3 */
    bool sign_body;          /* sigv4_sign adds x-amz-content-sha256 */
    bool omit_session_token; /* sigv4_presign adds the token after signing, as some services want it */
};

struct sigv4;

/* region and service are copied. NULL when memory is out. */
struct sigv4 *sigv4_new(const char *region, const char *service);
void sigv4_free(struct sigv4 *s);

/* Canonical request, string to sign, and the Authorization value (each may be NULL when not wanted) for header signing at
 * `unix_seconds`. X-Amz-Date and, with a session token, X-Amz-Security-Token are to be among the headers already. */
bool sigv4_sign(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int64_t unix_seconds,
                struct buffer *canonical, struct buffer *to_sign, struct buffer *authorization, struct error *err);

/* The same for presigned query strings: `query` becomes the whole signed query string. */
bool sigv4_presign(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int64_t unix_seconds,
                   int expires_seconds, struct buffer *canonical, struct buffer *to_sign, struct buffer *query,
                   struct error *err);

/* Appends the whole head of `POST path HTTP/1.1` with host, content-type application/x-amz-json-1.0, x-amz-target
 * DynamoDB_20120810.<operation>, x-amz-date, the token if any, content-length and Authorization, and the blank line.
 * No allocation once `head` has grown. */
bool sigv4_post(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                const void *body, size_t body_len, int64_t unix_seconds, struct buffer *head, struct error *err);
/* The same of 1 to HASH_MANY requests at once, whose bodies the caller has hashed: each head is appended to, and
 * none is whole when it fails. */
struct sigv4_post {
    const char *operation;
    const unsigned char *digest; /* SHA-256 of the body: HASH_SHA256_BYTES */
    size_t body_len;
    struct buffer *head;
};
bool sigv4_post_many(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, int count,
                     const struct sigv4_post posts[], int64_t unix_seconds, struct error *err);

#endif
