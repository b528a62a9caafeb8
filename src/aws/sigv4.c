#include "aws/sigv4.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/sigv4_text.h"
#include "base/hash.h"

#define TEXT_MAX (4 << 20) /* bytes of any canonical text: far above any header block a server takes */
#define ALGORITHM "AWS4-HMAC-SHA256"

struct sigv4 {
    char region[64], service[64];
    struct hash_sha256 *sha;
    EVP_MAC *hmac;
    EVP_MAC_CTX *derive; /* for the steps to the signing key */
    EVP_MAC_CTX *sign;   /* holds the signing key of `scope` and `secret` */

    /* What the cached signing key and texts belong to. */
    int64_t second;
    char date_time[17]; /* 20150830T123600Z */
    char secret[sizeof((struct aws_keys *)0)->secret_access_key];
    char scope[8 + 1 + 64 + 1 + 64 + sizeof "/aws4_request"];
    bool keyed;

    struct buffer canonical, names, to_sign; /* reused from call to call */
    char signature[HASH_SHA256_HEX];
};

struct sigv4 *sigv4_new(const char *region, const char *service) {
    struct sigv4 *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    buffer_init(&s->canonical, TEXT_MAX);
    buffer_init(&s->names, TEXT_MAX);
    buffer_init(&s->to_sign, TEXT_MAX);
    s->second = INT64_MIN;
    if (strlen(region) < sizeof s->region) memcpy(s->region, region, strlen(region));
    if (strlen(service) < sizeof s->service) memcpy(s->service, service, strlen(service));
    s->sha = hash_sha256_new();
    s->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->derive = s->hmac ? EVP_MAC_CTX_new(s->hmac) : NULL;
    s->sign = s->hmac ? EVP_MAC_CTX_new(s->hmac) : NULL;
    if (s->sha && s->derive && s->sign) return s;
    sigv4_free(s);
    return NULL;
}

void sigv4_free(struct sigv4 *s) {
    if (s == NULL) return;
    EVP_MAC_CTX_free(s->derive);
    EVP_MAC_CTX_free(s->sign);
    EVP_MAC_free(s->hmac);
    hash_sha256_free(s->sha);
    buffer_free(&s->canonical);
    buffer_free(&s->names);
    buffer_free(&s->to_sign);
    OPENSSL_cleanse(s, sizeof *s);
    free(s);
}

/* --- time, scope and key --- */

static bool set_second(struct sigv4 *s, int64_t unix_seconds) {
    if (s->second == unix_seconds) return true;
    time_t t = (time_t)unix_seconds;
    struct tm tm;
    char text[sizeof s->date_time];
    if (gmtime_r(&t, &tm) == NULL || strftime(text, sizeof text, "%Y%m%dT%H%M%SZ", &tm) != sizeof text - 1) return false;
    if (memcmp(text, s->date_time, 8) != 0) {
        s->keyed = false;
        snprintf(s->scope, sizeof s->scope, "%.8s/%s/%s/aws4_request", text, s->region, s->service);
    }
    memcpy(s->date_time, text, sizeof text);
    s->second = unix_seconds;
    return true;
}

static bool key_context(EVP_MAC_CTX *context, const void *key, size_t n) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    return EVP_MAC_init(context, key, n, params) == 1;
}

/* out may be key: it is written last. */
static bool derive(struct sigv4 *s, const void *key, size_t n, const char *text, size_t text_len, unsigned char *out) {
    size_t len = 0;
    return key_context(s->derive, key, n) && EVP_MAC_update(s->derive, (const unsigned char *)text, text_len) == 1 &&
           EVP_MAC_final(s->derive, out, &len, HASH_SHA256_BYTES) == 1;
}

/* Puts the signing key for these keys and the current scope into s->sign; it stays for the day. */
static bool set_key(struct sigv4 *s, const struct aws_keys *keys) {
    if (s->keyed && strcmp(s->secret, keys->secret_access_key) == 0) return true;
    char first[4 + sizeof keys->secret_access_key];
    int n = snprintf(first, sizeof first, "AWS4%s", keys->secret_access_key);
    unsigned char key[HASH_SHA256_BYTES];
    s->keyed = derive(s, first, (size_t)n, s->date_time, 8, key) &&
               derive(s, key, sizeof key, s->region, strlen(s->region), key) &&
               derive(s, key, sizeof key, s->service, strlen(s->service), key) &&
               derive(s, key, sizeof key, "aws4_request", 12, key) && key_context(s->sign, key, sizeof key);
    memcpy(s->secret, keys->secret_access_key, sizeof s->secret);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(key, sizeof key);
    return s->keyed;
}

static bool failed(struct error *err) {
    error_set(err, ERROR_LOCAL, "a request could not be signed");
    return error_hint(err, "memory is short, a header is larger than 4 MB, or OpenSSL lacks HMAC or SHA-256");
}

static bool prepare(struct sigv4 *s, const struct aws_keys *keys, int64_t unix_seconds, struct error *err) {
    if (s->region[0] == '\0' || s->service[0] == '\0') {
        return error_set(err, ERROR_TARGET, "region and service must have 1 to %zu characters to sign a request",
                         sizeof s->region - 1);
    }
    return (set_second(s, unix_seconds) && set_key(s, keys)) || failed(err);
}

/* --- from the canonical request to the signature --- */

static bool body_hex(struct sigv4 *s, const void *body, size_t n, char out[HASH_SHA256_HEX]) {
    unsigned char digest[HASH_SHA256_BYTES];
    if (!hash_sha256(s->sha, n ? body : "", n, digest)) return false;
    hash_hex(digest, sizeof digest, out);
    return true;
}

/* Makes s->to_sign of s->canonical, and s->signature of that. */
static bool sign_canonical(struct sigv4 *s) {
    char hex[HASH_SHA256_HEX];
    struct buffer *t = &s->to_sign;
    t->len = 0;
    bool ok = body_hex(s, s->canonical.data, s->canonical.len, hex) && buffer_append(t, ALGORITHM "\n", sizeof ALGORITHM) &&
              buffer_append(t, s->date_time, 16) && buffer_append(t, "\n", 1) && buffer_append_text(t, s->scope) &&
              buffer_append(t, "\n", 1) && buffer_append(t, hex, sizeof hex - 1);
    unsigned char digest[HASH_SHA256_BYTES];
    size_t n = 0;
    /* Init without a key begins again with the key that the context has. */
    ok = ok && EVP_MAC_init(s->sign, NULL, 0, NULL) == 1 &&
         EVP_MAC_update(s->sign, (const unsigned char *)t->data, t->len) == 1 &&
         EVP_MAC_final(s->sign, digest, &n, sizeof digest) == 1;
    if (ok) hash_hex(digest, sizeof digest, s->signature);
    return ok;
}

static bool append_authorization(struct sigv4 *s, const struct aws_keys *keys, const char *names, size_t names_len,
                                 struct buffer *out) {
    return buffer_append_text(out, ALGORITHM " Credential=") && buffer_append_text(out, keys->access_key_id) &&
           buffer_append(out, "/", 1) && buffer_append_text(out, s->scope) && buffer_append_text(out, ", SignedHeaders=") &&
           buffer_append(out, names, names_len) && buffer_append_text(out, ", Signature=") &&
           buffer_append(out, s->signature, HASH_SHA256_HEX - 1);
}

static bool copy_out(struct buffer *out, const struct buffer *from) {
    return out == NULL || buffer_append(out, from->data, from->len);
}

/* s->canonical and s->names of a request whose query and payload hash are given. */
static bool make_canonical(struct sigv4 *s, const struct sigv4_request *r, const char *query, const char *payload,
                           const struct sigv4_header *headers, int header_count) {
    struct buffer *c = &s->canonical;
    c->len = s->names.len = 0;
    return buffer_append_text(c, r->method) && buffer_append(c, "\n", 1) && sigv4_text_path(c, r->path, r->normalize_path) &&
           buffer_append(c, "\n", 1) && sigv4_text_query(c, query) && buffer_append(c, "\n", 1) &&
           sigv4_text_headers(c, &s->names, headers, header_count) && buffer_append(c, "\n", 1) &&
           buffer_append(c, s->names.data, s->names.len) && buffer_append(c, "\n", 1) && buffer_append_text(c, payload);
}

bool sigv4_sign(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int64_t unix_seconds,
                struct buffer *canonical, struct buffer *to_sign, struct buffer *authorization, struct error *err) {
    if (!prepare(s, keys, unix_seconds, err)) return false;
    size_t count = r->header_count > 0 ? (size_t)r->header_count : 0;
    struct sigv4_header *headers = calloc(count + 1, sizeof *headers);
    if (headers == NULL) return failed(err);
    if (count) memcpy(headers, r->headers, count * sizeof *headers);
    char payload[HASH_SHA256_HEX];
    bool ok = body_hex(s, r->body, r->body_len, payload);
    if (ok && r->sign_body) headers[count++] = (struct sigv4_header){"x-amz-content-sha256", payload};
    ok = ok && make_canonical(s, r, r->query, payload, headers, (int)count) && sign_canonical(s) &&
         copy_out(canonical, &s->canonical) && copy_out(to_sign, &s->to_sign) &&
         (authorization == NULL || append_authorization(s, keys, s->names.data, s->names.len, authorization));
    free(headers);
    return ok || failed(err);
}

/* --- presigned --- */

/* "name=" and the encoded value, after a '&' where one is needed. */
static bool append_parameter(struct buffer *query, const char *name, const char *value, size_t n) {
    return (query->len == 0 || buffer_append(query, "&", 1)) && buffer_append_text(query, name) && buffer_append(query, "=", 1) &&
           sigv4_text_encode(query, value, n);
}

static bool append_parameters(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int expires,
                              struct buffer *query) {
    char credential[sizeof keys->access_key_id + 1 + sizeof s->scope], seconds[16];
    int n = snprintf(credential, sizeof credential, "%s/%s", keys->access_key_id, s->scope);
    int m = snprintf(seconds, sizeof seconds, "%d", expires);
    s->canonical.len = s->names.len = 0;
    return sigv4_text_headers(&s->canonical, &s->names, r->headers, r->header_count) &&
           append_parameter(query, "X-Amz-Algorithm", ALGORITHM, sizeof ALGORITHM - 1) &&
           append_parameter(query, "X-Amz-Credential", credential, (size_t)n) &&
           append_parameter(query, "X-Amz-Date", s->date_time, 16) &&
           append_parameter(query, "X-Amz-SignedHeaders", s->names.data, s->names.len) &&
           append_parameter(query, "X-Amz-Expires", seconds, (size_t)m);
}

static bool append_token(const struct aws_keys *keys, struct buffer *query) {
    return keys->session_token[0] == '\0' ||
           append_parameter(query, "X-Amz-Security-Token", keys->session_token, strlen(keys->session_token));
}

bool sigv4_presign(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int64_t unix_seconds,
                   int expires_seconds, struct buffer *canonical, struct buffer *to_sign, struct buffer *query,
                   struct error *err) {
    if (!prepare(s, keys, unix_seconds, err)) return false;
    struct buffer own;
    buffer_init(&own, TEXT_MAX);
    char payload[HASH_SHA256_HEX];
    bool ok = body_hex(s, r->body, r->body_len, payload) && buffer_append_text(&own, r->query) &&
              append_parameters(s, keys, r, expires_seconds, &own) && (r->omit_session_token || append_token(keys, &own)) &&
              buffer_terminate(&own) && make_canonical(s, r, own.data, payload, r->headers, r->header_count) &&
              sign_canonical(s) && (!r->omit_session_token || append_token(keys, &own)) &&
              append_parameter(&own, "X-Amz-Signature", s->signature, HASH_SHA256_HEX - 1) &&
              copy_out(canonical, &s->canonical) && copy_out(to_sign, &s->to_sign) && copy_out(query, &own);
    buffer_free(&own);
    return ok || failed(err);
}

/* --- the row path's request --- */

#define CONTENT_TYPE "application/x-amz-json-1.0"
#define TARGET "DynamoDB_20120810."
#define NAMES "content-type;host;x-amz-date;x-amz-target"
#define NAMES_WITH_TOKEN "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"

/* Appends a constant without asking for its length at run time. */
#define PUT(b, constant) buffer_append((b), (constant), sizeof(constant) - 1)
/* A constant, a text, a constant: one line of the canonical request or of the head. */
#define PUT_LINE(b, before, text, after) (PUT(b, before) && buffer_append_text(b, text) && PUT(b, after))

static bool post_canonical(struct sigv4 *s, const char *host, const char *path, const char *operation, const char *token,
                           const char *payload) {
    struct buffer *c = &s->canonical;
    c->len = 0;
    return PUT(c, "POST\n") && sigv4_text_path(c, path, true) && PUT(c, "\n\ncontent-type:" CONTENT_TYPE "\n") &&
           PUT_LINE(c, "host:", host, "\n") && PUT_LINE(c, "x-amz-date:", s->date_time, "\n") &&
           (token[0] == '\0' || PUT_LINE(c, "x-amz-security-token:", token, "\n")) &&
           PUT_LINE(c, "x-amz-target:" TARGET, operation, "\n\n") &&
           (token[0] ? PUT(c, NAMES_WITH_TOKEN "\n") : PUT(c, NAMES "\n")) && buffer_append(c, payload, HASH_SHA256_HEX - 1);
}

static bool post_head(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                      size_t body_len, struct buffer *head) {
    const char *token = keys->session_token;
    char length[24];
    snprintf(length, sizeof length, "%zu", body_len);
    return PUT_LINE(head, "POST ", path, " HTTP/1.1\r\n") && PUT_LINE(head, "host: ", host, "\r\n") &&
           PUT(head, "content-type: " CONTENT_TYPE "\r\n") && PUT_LINE(head, "x-amz-target: " TARGET, operation, "\r\n") &&
           PUT_LINE(head, "x-amz-date: ", s->date_time, "\r\n") &&
           (token[0] == '\0' || PUT_LINE(head, "x-amz-security-token: ", token, "\r\n")) &&
           PUT_LINE(head, "content-length: ", length, "\r\n") && PUT(head, "authorization: ") &&
           (token[0] ? append_authorization(s, keys, NAMES_WITH_TOKEN, sizeof NAMES_WITH_TOKEN - 1, head)
                     : append_authorization(s, keys, NAMES, sizeof NAMES - 1, head)) &&
           PUT(head, "\r\n\r\n");
}

bool sigv4_post_digest(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                       const unsigned char digest[HASH_SHA256_BYTES], size_t body_len, int64_t unix_seconds, struct buffer *head,
                       struct error *err) {
    if (!prepare(s, keys, unix_seconds, err)) return false;
    char payload[HASH_SHA256_HEX];
    hash_hex(digest, HASH_SHA256_BYTES, payload);
    return (post_canonical(s, host, path, operation, keys->session_token, payload) && sign_canonical(s) &&
            post_head(s, keys, host, path, operation, body_len, head)) ||
           failed(err);
}

bool sigv4_post(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                const void *body, size_t body_len, int64_t unix_seconds, struct buffer *head, struct error *err) {
    unsigned char digest[HASH_SHA256_BYTES];
    if (!hash_sha256(s->sha, body_len ? body : "", body_len, digest)) return failed(err);
    return sigv4_post_digest(s, keys, host, path, operation, digest, body_len, unix_seconds, head, err);
}
