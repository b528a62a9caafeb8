#include "aws/sigv4_parts.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/sigv4_text.h"

struct sigv4 *sigv4_new(const char *region, const char *service) {
    struct sigv4 *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    for (int k = 0; k < HASH_MANY; k++) buffer_init(&s->signing[k].canonical, SIGV4_TEXT_MAX);
    buffer_init(&s->names, SIGV4_TEXT_MAX);
    buffer_init(&s->common.made_for, SIGV4_TEXT_MAX);
    buffer_init(&s->common.canonical, SIGV4_TEXT_MAX);
    buffer_init(&s->common.head, SIGV4_TEXT_MAX);
    buffer_init(&s->common.rest, SIGV4_TEXT_MAX);
    s->second = INT64_MIN;
    if (strlen(region) < sizeof s->region) memcpy(s->region, region, strlen(region));
    if (strlen(service) < sizeof s->service) memcpy(s->service, service, strlen(service));
    s->sha = hash_sha256_new();
    s->hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    s->derive = s->hmac ? EVP_MAC_CTX_new(s->hmac) : NULL;
    if (s->sha && s->derive) return s;
    sigv4_free(s);
    return NULL;
}

void sigv4_free(struct sigv4 *s) {
    if (s == NULL) return;
    EVP_MAC_CTX_free(s->derive);
    EVP_MAC_free(s->hmac);
    hash_sha256_free(s->sha);
    for (int k = 0; k < HASH_MANY; k++) buffer_free(&s->signing[k].canonical);
    buffer_free(&s->names);
    buffer_free(&s->common.made_for);
    buffer_free(&s->common.canonical);
    buffer_free(&s->common.head);
    buffer_free(&s->common.rest);
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
    for (int k = 0; k < HASH_MANY; k++) {
        char *to = s->signing[k].inner.text;
        s->begun = (size_t)snprintf(to, SIGV4_TO_SIGN_MAX, SIGV4_ALGORITHM "\n%s\n%s\n", s->date_time, s->scope);
    }
    s->common.made_for.len = 0;
    s->second = unix_seconds;
    return true;
}

/* out may be key: it is written last. */
static bool derive(struct sigv4 *s, const void *key, size_t n, const char *text, size_t text_len, unsigned char *out) {
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    size_t len = 0;
    return EVP_MAC_init(s->derive, key, n, params) == 1 &&
           EVP_MAC_update(s->derive, (const unsigned char *)text, text_len) == 1 &&
           EVP_MAC_final(s->derive, out, &len, HASH_SHA256_BYTES) == 1;
}

/* A key is shorter than a block: it is filled up with zeros (RFC 2104, section 2). */
static void set_pads(struct sigv4 *s, const unsigned char key[HASH_SHA256_BYTES]) {
    for (int k = 0; k < HASH_MANY; k++) {
        for (int i = 0; i < SIGV4_BLOCK; i++) {
            unsigned char byte = i < HASH_SHA256_BYTES ? key[i] : 0;
            s->signing[k].inner.pad[i] = byte ^ 0x36;
            s->signing[k].outer.pad[i] = byte ^ 0x5c;
        }
    }
}

/* Makes the signing key of these keys and the current scope; it stays for the day. */
static bool set_key(struct sigv4 *s, const struct aws_keys *keys) {
    if (s->keyed && strcmp(s->secret, keys->secret_access_key) == 0) return true;
    char first[4 + sizeof keys->secret_access_key];
    int n = snprintf(first, sizeof first, "AWS4%s", keys->secret_access_key);
    unsigned char key[HASH_SHA256_BYTES];
    s->keyed =
        derive(s, first, (size_t)n, s->date_time, 8, key) && derive(s, key, sizeof key, s->region, strlen(s->region), key) &&
        derive(s, key, sizeof key, s->service, strlen(s->service), key) && derive(s, key, sizeof key, "aws4_request", 12, key);
    if (s->keyed) set_pads(s, key);
    memcpy(s->secret, keys->secret_access_key, sizeof s->secret);
    OPENSSL_cleanse(first, sizeof first);
    OPENSSL_cleanse(key, sizeof key);
    return s->keyed;
}

bool sigv4_failed(struct error *err) {
    error_set(err, ERROR_LOCAL, "a request could not be signed");
    return error_hint(err, "memory is short, a header is larger than 4 MB, or OpenSSL lacks HMAC or SHA-256");
}

bool sigv4_prepare(struct sigv4 *s, const struct aws_keys *keys, int64_t unix_seconds, struct error *err) {
    if (s->region[0] == '\0' || s->service[0] == '\0') {
        return error_set(err, ERROR_TARGET, "region and service must have 1 to %zu characters to sign a request",
                         sizeof s->region - 1);
    }
    return (set_second(s, unix_seconds) && set_key(s, keys)) || sigv4_failed(err);
}

/* --- from the canonical request to the signature --- */

static bool body_hex(struct sigv4 *s, const void *body, size_t n, char out[HASH_SHA256_HEX]) {
    unsigned char digest[HASH_SHA256_BYTES];
    if (!hash_sha256(s->sha, n ? body : "", n, digest)) return false;
    hash_hex(digest, sizeof digest, out);
    return true;
}

bool sigv4_sign_canonical(struct sigv4 *s, int count) {
    const void *texts[HASH_MANY] = {NULL};
    size_t lengths[HASH_MANY] = {0};
    unsigned char digests[HASH_MANY][HASH_SHA256_BYTES];
    for (int k = 0; k < count; k++) {
        texts[k] = s->signing[k].canonical.data;
        lengths[k] = s->signing[k].canonical.len;
    }
    if (!hash_sha256_many(s->sha, count, texts, lengths, digests)) return false;
    for (int k = 0; k < count; k++) {
        hash_hex(digests[k], HASH_SHA256_BYTES, s->signing[k].inner.text + s->begun);
        texts[k] = &s->signing[k].inner;
        lengths[k] = SIGV4_BLOCK + s->begun + HASH_SHA256_HEX - 1;
    }
    if (!hash_sha256_many(s->sha, count, texts, lengths, digests)) return false;
    for (int k = 0; k < count; k++) {
        memcpy(s->signing[k].outer.digest, digests[k], HASH_SHA256_BYTES);
        texts[k] = &s->signing[k].outer;
        lengths[k] = sizeof s->signing[k].outer;
    }
    if (!hash_sha256_many(s->sha, count, texts, lengths, digests)) return false;
    for (int k = 0; k < count; k++) hash_hex(digests[k], HASH_SHA256_BYTES, s->signing[k].signature);
    return true;
}

bool sigv4_begin_authorization(const struct sigv4 *s, const char *key_id, const char *names, size_t names_len,
                               struct buffer *out) {
    return buffer_append_text(out, SIGV4_ALGORITHM " Credential=") && buffer_append_text(out, key_id) &&
           buffer_append(out, "/", 1) && buffer_append_text(out, s->scope) && buffer_append_text(out, ", SignedHeaders=") &&
           buffer_append(out, names, names_len) && buffer_append_text(out, ", Signature=");
}

static bool append_authorization(const struct sigv4 *s, const struct aws_keys *keys, struct buffer *out) {
    return sigv4_begin_authorization(s, keys->access_key_id, s->names.data, s->names.len, out) &&
           buffer_append(out, s->signing[0].signature, HASH_SHA256_HEX - 1);
}

static bool copy_canonical(const struct sigv4 *s, struct buffer *out) {
    return out == NULL || buffer_append(out, s->signing[0].canonical.data, s->signing[0].canonical.len);
}

static bool copy_to_sign(const struct sigv4 *s, struct buffer *out) {
    return out == NULL || buffer_append(out, s->signing[0].inner.text, s->begun + HASH_SHA256_HEX - 1);
}

/* The first canonical and s->names of a request whose query and payload hash are given. */
static bool make_canonical(struct sigv4 *s, const struct sigv4_request *r, const char *query, const char *payload,
                           const struct sigv4_header *headers, int header_count) {
    struct buffer *c = &s->signing[0].canonical;
    c->len = s->names.len = 0;
    return buffer_append_text(c, r->method) && buffer_append(c, "\n", 1) && sigv4_text_path(c, r->path, r->normalize_path) &&
           buffer_append(c, "\n", 1) && sigv4_text_query(c, query) && buffer_append(c, "\n", 1) &&
           sigv4_text_headers(c, &s->names, headers, header_count) && buffer_append(c, "\n", 1) &&
           buffer_append(c, s->names.data, s->names.len) && buffer_append(c, "\n", 1) && buffer_append_text(c, payload);
}

bool sigv4_sign(struct sigv4 *s, const struct aws_keys *keys, const struct sigv4_request *r, int64_t unix_seconds,
                struct buffer *canonical, struct buffer *to_sign, struct buffer *authorization, struct error *err) {
    if (!sigv4_prepare(s, keys, unix_seconds, err)) return false;
    size_t count = r->header_count > 0 ? (size_t)r->header_count : 0;
    struct sigv4_header *headers = calloc(count + 1, sizeof *headers);
    if (headers == NULL) return sigv4_failed(err);
    if (count) memcpy(headers, r->headers, count * sizeof *headers);
    char payload[HASH_SHA256_HEX];
    bool ok = body_hex(s, r->body, r->body_len, payload);
    if (ok && r->sign_body) headers[count++] = (struct sigv4_header){"x-amz-content-sha256", payload};
    ok = ok && make_canonical(s, r, r->query, payload, headers, (int)count) && sigv4_sign_canonical(s, 1) &&
         copy_canonical(s, canonical) && copy_to_sign(s, to_sign) &&
         (authorization == NULL || append_authorization(s, keys, authorization));
    free(headers);
    return ok || sigv4_failed(err);
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
    struct buffer *unused = &s->signing[0].canonical; /* only their names are wanted yet */
    unused->len = s->names.len = 0;
    return sigv4_text_headers(unused, &s->names, r->headers, r->header_count) &&
           append_parameter(query, "X-Amz-Algorithm", SIGV4_ALGORITHM, sizeof SIGV4_ALGORITHM - 1) &&
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
    if (!sigv4_prepare(s, keys, unix_seconds, err)) return false;
    struct buffer own;
    buffer_init(&own, SIGV4_TEXT_MAX);
    char payload[HASH_SHA256_HEX];
    bool ok = body_hex(s, r->body, r->body_len, payload) && buffer_append_text(&own, r->query) &&
              append_parameters(s, keys, r, expires_seconds, &own) && (r->omit_session_token || append_token(keys, &own)) &&
              buffer_terminate(&own) && make_canonical(s, r, own.data, payload, r->headers, r->header_count) &&
              sigv4_sign_canonical(s, 1) && (!r->omit_session_token || append_token(keys, &own)) &&
              append_parameter(&own, "X-Amz-Signature", s->signing[0].signature, HASH_SHA256_HEX - 1) &&
              copy_canonical(s, canonical) && copy_to_sign(s, to_sign) &&
              (query == NULL || buffer_append(query, own.data, own.len));
    buffer_free(&own);
    return ok || sigv4_failed(err);
}
