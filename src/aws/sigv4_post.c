/* The one request that the row path sends, a DynamoDB POST: the same signature, in a few copies and hashes of several at once. */
#include <string.h>

#include "aws/sigv4_parts.h"
#include "aws/sigv4_text.h"
#include "base/digits.h"

#define CONTENT_TYPE "application/x-amz-json-1.0"
#define TARGET "DynamoDB_20120810."
#define NAMES "content-type;host;x-amz-date;x-amz-target"
#define NAMES_WITH_TOKEN "content-type;host;x-amz-date;x-amz-security-token;x-amz-target"

/* Appends a constant without asking for its length at run time. */
#define PUT(b, constant) buffer_append((b), (constant), sizeof(constant) - 1)
/* A constant, a text, a constant: one line of the canonical request or of the head. */
#define PUT_LINE(b, before, text, after) (PUT(b, before) && buffer_append_text(b, text) && PUT(b, after))

/* What a post is made of, beside its body and the second. */
enum { HOST, PATH, OPERATION, KEY_ID, TOKEN, MADE_OF };

static bool is_made_for(const struct sigv4_common *c, const char *const of[MADE_OF]) {
    if (c->made_for.len == 0) return false;
    const char *at = c->made_for.data;
    for (int i = 0; i < MADE_OF; i++) {
        if (strcmp(at, of[i]) != 0) return false;
        at += strlen(at) + 1;
    }
    return true;
}

static bool put_made_for(struct buffer *b, const char *const of[MADE_OF]) {
    bool ok = true;
    for (int i = 0; ok && i < MADE_OF; i++) ok = buffer_append(b, of[i], strlen(of[i]) + 1);
    return ok;
}

static bool put_canonical(const struct sigv4 *s, const char *const of[MADE_OF], struct buffer *c) {
    bool token = of[TOKEN][0] != '\0';
    return PUT(c, "POST\n") && sigv4_text_path(c, of[PATH], true) && PUT(c, "\n\ncontent-type:" CONTENT_TYPE "\n") &&
           PUT_LINE(c, "host:", of[HOST], "\n") && PUT_LINE(c, "x-amz-date:", s->date_time, "\n") &&
           (!token || PUT_LINE(c, "x-amz-security-token:", of[TOKEN], "\n")) &&
           PUT_LINE(c, "x-amz-target:" TARGET, of[OPERATION], "\n\n") &&
           (token ? PUT(c, NAMES_WITH_TOKEN "\n") : PUT(c, NAMES "\n"));
}

static bool put_head(const struct sigv4 *s, const char *const of[MADE_OF], struct buffer *head) {
    return PUT_LINE(head, "POST ", of[PATH], " HTTP/1.1\r\n") && PUT_LINE(head, "host: ", of[HOST], "\r\n") &&
           PUT(head, "content-type: " CONTENT_TYPE "\r\n") && PUT_LINE(head, "x-amz-target: " TARGET, of[OPERATION], "\r\n") &&
           PUT_LINE(head, "x-amz-date: ", s->date_time, "\r\n") &&
           (of[TOKEN][0] == '\0' || PUT_LINE(head, "x-amz-security-token: ", of[TOKEN], "\r\n")) && PUT(head, "content-length: ");
}

static bool put_rest(const struct sigv4 *s, const char *const of[MADE_OF], struct buffer *rest) {
    const char *names = of[TOKEN][0] ? NAMES_WITH_TOKEN : NAMES;
    return PUT(rest, "\r\nauthorization: ") && sigv4_begin_authorization(s, of[KEY_ID], names, strlen(names), rest);
}

/* Sees to it that s->common is that of such posts. */
static bool share(struct sigv4 *s, const char *const of[MADE_OF]) {
    struct sigv4_common *c = &s->common;
    if (is_made_for(c, of)) return true;
    c->made_for.len = c->canonical.len = c->head.len = c->rest.len = 0;
    if (put_canonical(s, of, &c->canonical) && put_head(s, of, &c->head) && put_rest(s, of, &c->rest) &&
        put_made_for(&c->made_for, of))
        return true;
    c->made_for.len = 0;
    return false;
}

/* Makes the canonical request of a post, and its head up to the signature. */
static bool begin_post(const struct sigv4_common *c, const struct sigv4_post *post, struct buffer *canonical) {
    char payload[HASH_SHA256_HEX], length[20], *end = length + sizeof length, *digits = digits_before(end, post->body_len);
    hash_hex(post->digest, HASH_SHA256_BYTES, payload);
    canonical->len = 0;
    return buffer_append(canonical, c->canonical.data, c->canonical.len) &&
           buffer_append(canonical, payload, sizeof payload - 1) && buffer_append(post->head, c->head.data, c->head.len) &&
           buffer_append(post->head, digits, (size_t)(end - digits)) && buffer_append(post->head, c->rest.data, c->rest.len);
}

bool sigv4_post_many(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, int count,
                     const struct sigv4_post posts[], int64_t unix_seconds, struct error *err) {
    bool ok = true;
    if (!sigv4_prepare(s, keys, unix_seconds, err)) return false;
    for (int k = 0; ok && k < count; k++) {
        const char *const of[MADE_OF] = {host, path, posts[k].operation, keys->access_key_id, keys->session_token};
        ok = share(s, of) && begin_post(&s->common, &posts[k], &s->signing[k].canonical);
    }
    ok = ok && sigv4_sign_canonical(s, count);
    for (int k = 0; ok && k < count; k++) {
        ok = buffer_append(posts[k].head, s->signing[k].signature, HASH_SHA256_HEX - 1) && PUT(posts[k].head, "\r\n\r\n");
    }
    return ok || sigv4_failed(err);
}

bool sigv4_post(struct sigv4 *s, const struct aws_keys *keys, const char *host, const char *path, const char *operation,
                const void *body, size_t body_len, int64_t unix_seconds, struct buffer *head, struct error *err) {
    unsigned char digest[HASH_SHA256_BYTES];
    if (!hash_sha256(s->sha, body_len ? body : "", body_len, digest)) return sigv4_failed(err);
    const struct sigv4_post post = {operation, digest, body_len, head};
    return sigv4_post_many(s, keys, host, path, 1, &post, unix_seconds, err);
}
