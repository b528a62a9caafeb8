/* The one request that the row path sends, a DynamoDB POST: the same signature, in a few copies and hashes of several at once. */
#include <string.h>

#include "aws/sigv4_parts.h"
#include "aws/sigv4_text.h"

#define CONTENT_TYPE "application/x-amz-json-1.0"
#define TARGET "DynamoDB_20120810."
#define NAMES "content-type;host;x-amz-date;x-amz-target"
#define NAMES_WITH_TOKEN "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"

/* Appends a constant without asking for its length at run time. */
#define PUT(b, constant) buffer_append((b), (constant), sizeof(constant) - 1)
/* A constant, a text, a constant: one line of the canonical request or of the head. */
#define PUT_LINE(b, before, text, after) (PUT(b, before) && buffer_append_text(b, text) && PUT(b, after))

/* What a post is made of, beside body and second. */
struct made_of {
    const char *host, *path, *operation;
    const struct aws_keys *keys;
};

static bool is_made_for(const struct sigv4_common *c, const struct made_of *m) {
    const char *const texts[] = {m->host, m->path, m->operation, m->keys->access_key_id, m->keys->session_token};
    if (c->made_for.len == 0) return false;
    const char *at = c->made_for.data;
    for (int i = 0; i < 5; i++) {
        if (strcmp(at, texts[i]) != 0) return false;
        at += strlen(at) + 1;
    }
    return true;
}

static bool put_made_for(struct buffer *b, const struct made_of *m) {
    return buffer_append(b, m->host, strlen(m->host) + 1) && buffer_append(b, m->path, strlen(m->path) + 1) &&
           buffer_append(b, m->operation, strlen(m->operation) + 1) &&
           buffer_append(b, m->keys->access_key_id, strlen(m->keys->access_key_id) + 1) &&
           buffer_append(b, m->keys->session_token, strlen(m->keys->session_token) + 1);
}

static bool put_canonical(const struct sigv4 *s, const struct made_of *m, struct buffer *c) {
    const char *token = m->keys->session_token;
    return PUT(c, "POST\n") && sigv4_text_path(c, m->path, true) && PUT(c, "\n\ncontent-type:" CONTENT_TYPE "\n") &&
           PUT_LINE(c, "host:", m->host, "\n") && PUT_LINE(c, "x-amz-date:", s->date_time, "\n") &&
           (token[0] == '\0' || PUT_LINE(c, "x-amz-security-token:", token, "\n")) &&
           PUT_LINE(c, "x-amz-target:" TARGET, m->operation, "\n\n") &&
           (token[0] ? PUT(c, NAMES_WITH_TOKEN "\n") : PUT(c, NAMES "\n"));
}

static bool put_head(const struct sigv4 *s, const struct made_of *m, struct buffer *head) {
    const char *token = m->keys->session_token;
    return PUT_LINE(head, "POST ", m->path, " HTTP/1.1\r\n") && PUT_LINE(head, "host: ", m->host, "\r\n") &&
           PUT(head, "content-type: " CONTENT_TYPE "\r\n") && PUT_LINE(head, "x-amz-target: " TARGET, m->operation, "\r\n") &&
           PUT_LINE(head, "x-amz-date: ", s->date_time, "\r\n") &&
           (token[0] == '\0' || PUT_LINE(head, "x-amz-security-token: ", token, "\r\n")) && PUT(head, "content-length: ");
}

static bool put_rest(const struct sigv4 *s, const struct made_of *m, struct buffer *rest) {
    return PUT(rest, "\r\nauthorization: ") &&
           (m->keys->session_token[0] ? sigv4_begin_authorization(s, m->keys, NAMES_WITH_TOKEN, sizeof NAMES_WITH_TOKEN - 1, rest)
                                      : sigv4_begin_authorization(s, m->keys, NAMES, sizeof NAMES - 1, rest));
}

/* Sees to it that s->common is that of posts of this operation, and m->operation the last one's for which it was. */
static bool share(struct sigv4 *s, struct made_of *m, const char *operation) {
    struct sigv4_common *c = &s->common;
    if (m->operation == operation) return true;
    m->operation = operation;
    if (is_made_for(c, m)) return true;
    c->made_for.len = c->canonical.len = c->head.len = c->rest.len = 0;
    if (put_canonical(s, m, &c->canonical) && put_head(s, m, &c->head) && put_rest(s, m, &c->rest) &&
        put_made_for(&c->made_for, m))
        return true;
    c->made_for.len = 0;
    return false;
}

static bool put_number(struct buffer *b, size_t value) {
    char digits[20], *at = digits + sizeof digits;
    do *--at = (char)('0' + value % 10);
    while (value /= 10);
    return buffer_append(b, at, (size_t)(digits + sizeof digits - at));
}

static bool put_post(const struct sigv4 *s, const struct sigv4_signing *one, const struct sigv4_post *post) {
    const struct sigv4_common *c = &s->common;
    return buffer_append(post->head, c->head.data, c->head.len) && put_number(post->head, post->body_len) &&
           buffer_append(post->head, c->rest.data, c->rest.len) &&
           buffer_append(post->head, one->signature, HASH_SHA256_HEX - 1) && PUT(post->head, "\r\n\r\n");
}

bool sigv4_post_many(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, int count,
                     const struct sigv4_post posts[], int64_t unix_seconds, struct error *err) {
    struct made_of m = {.host = host, .path = path, .keys = keys};
    bool ok = true;
    if (!sigv4_prepare(s, keys, unix_seconds, err)) return false;
    for (int k = 0; ok && k < count; k++) {
        struct buffer *canonical = &s->signing[k].canonical;
        char payload[HASH_SHA256_HEX];
        hash_hex(posts[k].digest, HASH_SHA256_BYTES, payload);
        canonical->len = 0;
        ok = share(s, &m, posts[k].operation) && buffer_append(canonical, s->common.canonical.data, s->common.canonical.len) &&
             buffer_append(canonical, payload, sizeof payload - 1);
    }
    ok = ok && sigv4_sign_canonical(s, count);
    for (int k = 0; ok && k < count; k++) ok = share(s, &m, posts[k].operation) && put_post(s, &s->signing[k], &posts[k]);
    return ok || sigv4_failed(err);
}

bool sigv4_post(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                const void *body, size_t body_len, int64_t unix_seconds, struct buffer *head, struct error *err) {
    unsigned char digest[HASH_SHA256_BYTES];
    if (!hash_sha256(s->sha, body_len ? body : "", body_len, digest)) return sigv4_failed(err);
    const struct sigv4_post post = {operation, digest, body_len, head};
    return sigv4_post_many(s, keys, host, path, 1, &post, unix_seconds, err);
}
