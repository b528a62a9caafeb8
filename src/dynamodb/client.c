#include "dynamodb/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "aws/retry.h"
#include "aws/sigv4.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/hash.h"
#include "dynamodb/ahead.h"
#include "dynamodb/failure.h"

#define SERVICE "dynamodb"
#define CONNECT_NS (5 * CLOCK_SECOND)
#define RESPONSE_NS (30 * CLOCK_SECOND)
#define RETRY_NS (60 * CLOCK_SECOND)
#define TABLE_NS (15 * 60 * CLOCK_SECOND)
#define HEAD_MAX 16384 /* a session token and the other header lines */
#define WAIT_SLICE_NS (50 * CLOCK_MS)

static const struct http_timeouts timeouts = {CONNECT_NS, RESPONSE_NS};

struct dynamodb_client {
    struct arena *arena;  /* the wish's texts */
    struct aws_wish wish; /* to settle again when the keys have expired */
    struct aws_setting setting;
    struct http_endpoint endpoint;
    struct http_connection *connection;
    struct ahead ahead;
    struct sigv4 *signer;
    struct buffer head;
    struct dynamodb_patience patience;
    int64_t clock_offset; /* seconds that the service is ahead of us */
    int attempts;
};

static bool keep_text(struct arena *a, const char *text, const char **out) {
    *out = text ? arena_text(a, text) : NULL;
    return text == NULL || *out != NULL;
}

static bool set_up(struct dynamodb_client *c, const struct aws_wish *wish, bool allow_http, struct error *err) {
    buffer_init(&c->head, HEAD_MAX);
    ahead_init(&c->ahead);
    dynamodb_client_set_patience(c, &(struct dynamodb_patience){.stop = NULL});
    c->arena = arena_new();
    if (c->arena == NULL || !keep_text(c->arena, wish->region, &c->wish.region) ||
        !keep_text(c->arena, wish->endpoint, &c->wish.endpoint) || !keep_text(c->arena, wish->profile, &c->wish.profile)) {
        return error_memory(err, "setting up the DynamoDB client");
    }
    if (!aws_settle(&c->wish, SERVICE, &c->setting, err)) return false;
    if (!http_endpoint_parse(c->setting.endpoint, allow_http, &c->endpoint, err)) return false;
    c->connection = http_connection_new(&c->endpoint, timeouts);
    c->signer = sigv4_new(c->setting.region, SERVICE);
    return (c->connection && c->signer) || error_memory(err, "setting up the DynamoDB client");
}

struct dynamodb_client *dynamodb_client_new(const struct aws_wish *wish, bool allow_http, struct error *err) {
    struct dynamodb_client *c = calloc(1, sizeof *c);
    if (c == NULL) {
        error_memory(err, "setting up the DynamoDB client");
        return NULL;
    }
    if (set_up(c, wish, allow_http, err)) return c;
    dynamodb_client_free(c);
    return NULL;
}

void dynamodb_client_free(struct dynamodb_client *c) {
    if (c == NULL) return;
    http_connection_free(c->connection);
    ahead_free(&c->ahead);
    sigv4_free(c->signer);
    buffer_free(&c->head);
    arena_free(c->arena);
    free(c);
}

void dynamodb_client_set_patience(struct dynamodb_client *c, const struct dynamodb_patience *patience) {
    c->patience = *patience;
    if (c->patience.retry_ns == 0) c->patience.retry_ns = RETRY_NS;
    if (c->patience.table_ns == 0) c->patience.table_ns = TABLE_NS;
}

const struct dynamodb_patience *dynamodb_client_patience(const struct dynamodb_client *c) {
    return &c->patience;
}

const struct aws_setting *dynamodb_client_setting(const struct dynamodb_client *c) {
    return &c->setting;
}

const struct http_endpoint *dynamodb_client_endpoint(const struct dynamodb_client *c) {
    return &c->endpoint;
}

int dynamodb_client_attempts(const struct dynamodb_client *c) {
    return c->attempts;
}

bool dynamodb_client_wait(const struct dynamodb_client *c, int64_t ns, const char *text, struct error *err) {
    if (text && c->patience.say) c->patience.say(c->patience.arg, text);
    for (int64_t end = clock_now() + ns;;) {
        if (c->patience.stop && *c->patience.stop) {
            return error_set(err, ERROR_INTERRUPTED, "interrupted while waiting for DynamoDB");
        }
        int64_t left = end - clock_now();
        if (left <= 0) return true;
        if (left > WAIT_SLICE_NS) left = WAIT_SLICE_NS;
        nanosleep(&(struct timespec){.tv_sec = left / CLOCK_SECOND, .tv_nsec = (long)(left % CLOCK_SECOND)}, NULL);
    }
}

/* How one attempt ended. */
struct outcome {
    enum retry_class class;
    int64_t retry_after_ms;
    int64_t offset; /* RETRY_CLOCK: what to add to our time */
    bool offset_known;
};

/* Judges a response that came whole: 200 is success unless its checksum is wrong. Sets err otherwise. */
static void judge(const struct http_response *r, const char *operation, struct outcome *out, struct error *err) {
    out->retry_after_ms = r->retry_after_ms;
    if (r->has_crc32 && hash_crc32(r->body, r->body_len) != r->crc32) {
        out->class = RETRY_TRANSIENT;
        error_set(err, ERROR_TARGET, "%s: the response's bytes do not have the checksum of x-amz-crc32", operation);
        return;
    }
    if (r->status == 200) {
        out->class = RETRY_NONE;
        return;
    }
    struct dynamodb_failure failure;
    dynamodb_failure_parse(r->status, r->body, r->body_len, &failure);
    out->class = failure.class == RETRY_NONE ? RETRY_STOP : failure.class;
    if (out->class == RETRY_CLOCK) {
        out->offset_known = dynamodb_clock_offset(r->date, clock_unix(), &out->offset);
    }
    error_set(err, ERROR_TARGET, "%s: %s%s%s%s%s%s", operation, failure.type, failure.type[0] ? ": " : "", failure.message,
              failure.reasons[0] ? " (" : "", failure.reasons, failure.reasons[0] ? ")" : "");
    error_code(err, failure.type);
}

static bool sign(struct dynamodb_client *c, const char *operation, const char *body, size_t n, struct buffer *head,
                 struct error *err) {
    return sigv4_post(c->signer, &c->setting.keys, c->endpoint.host_header, c->endpoint.path, operation, body, n,
                      clock_unix() + c->clock_offset, head, err);
}

/* Signs and sends once; the response stays *r's until the next request. False when there is no sense in trying again, whatever the class
 * (a local failure, an interrupt). */
static bool send_once(struct dynamodb_client *c, const char *operation, const char *body, size_t n,
                      const struct http_response **r, struct outcome *out, struct error *err) {
    c->head.len = 0;
    if (!sign(c, operation, body, n, &c->head, err)) return false;
    if (!http_exchange(c->connection, c->head.data, c->head.len, body, n, c->patience.stop, err)) {
        if (err->kind != ERROR_TARGET) return false;
        if (!err->retryable) out->class = RETRY_STOP;
        error_context(err, "%s", operation);
        return true;
    }
    *r = http_response(c->connection);
    return true;
}

/* One attempt; the first one may have been sent ahead. */
static bool attempt(struct dynamodb_client *c, const char *operation, const char *body, size_t n, const struct http_response **r,
                    struct outcome *out, struct error *err) {
    *out = (struct outcome){.class = RETRY_TRANSIENT, .retry_after_ms = -1};
    *err = (struct error){.kind = ERROR_NONE};
    *r = c->attempts++ == 0 ? ahead_take(&c->ahead, operation, body, n, c->patience.stop) : NULL;
    if (*r == NULL && !send_once(c, operation, body, n, r, out, err)) return false;
    if (*r) judge(*r, operation, out, err);
    return true;
}

void dynamodb_call_ahead(struct dynamodb_client *c, const char *operation, const char *body, size_t n) {
    struct error ignored; /* the call itself will tell */
    struct ahead_request *r = ahead_begin(&c->ahead, &c->endpoint, timeouts, operation);
    if (r && buffer_append(&r->body, body, n) && sign(c, operation, r->body.data, n, &r->head, &ignored)) ahead_send(r);
}

void dynamodb_forget_ahead(struct dynamodb_client *c) {
    ahead_forget(&c->ahead);
}

void dynamodb_close_ahead(struct dynamodb_client *c) {
    ahead_close(&c->ahead);
}

/* What has been tried to heal a call, each once. */
struct healed {
    bool clock, keys;
};

/* Tries what needs no waiting: our clock set by theirs, keys read anew. True: worth another attempt at once.
 */
static bool heal(struct dynamodb_client *c, const struct outcome *out, struct healed *healed) {
    if (out->class == RETRY_CLOCK && out->offset_known && !healed->clock) {
        healed->clock = true;
        c->clock_offset = out->offset;
        return true;
    }
    if (out->class == RETRY_AUTH && !healed->keys) {
        healed->keys = true;
        struct aws_setting fresh;
        struct error ignored;
        if (!aws_settle(&c->wish, SERVICE, &fresh, &ignored)) return false;
        c->setting.keys = fresh.keys;
        return true;
    }
    return false;
}

/* Where the address comes from, that it may be mended. */
static void name_address(const struct aws_setting *s, char *out, size_t size) {
    if (strcmp(s->endpoint_from, AWS_ENDPOINT_OF_REGION) == 0) {
        snprintf(out, size, "that of region %s (%s)", s->region, s->region_from);
    } else {
        snprintf(out, size, "from %s (%s)", s->endpoint_from, s->endpoint);
    }
}

/* Waits before the next attempt; false when there is to be none: err then says why, its text kept. */
static bool wait_again(const struct dynamodb_client *c, const struct outcome *out, int64_t begun, struct error *err) {
    if (out->class != RETRY_THROTTLE && out->class != RETRY_TRANSIENT) return false;
    err->retryable = true;
    int64_t wait = retry_wait(out->class, c->attempts, out->retry_after_ms, clock_jitter());
    int64_t waited = clock_now() - begun;
    if (waited + wait > c->patience.retry_ns) {
        char address[sizeof c->setting.endpoint + 100];
        name_address(&c->setting, address, sizeof address);
        return error_hint(err, "given up after %d attempt%s in %.1f s; the address is %s; the same command tries again",
                          c->attempts, c->attempts == 1 ? "" : "s", (double)waited / CLOCK_SECOND, address);
    }
    char text[sizeof err->text + 80];
    snprintf(text, sizeof text, "%s; trying again in %.1f s", err->text, (double)wait / CLOCK_SECOND);
    return dynamodb_client_wait(c, wait, text, err);
}

bool dynamodb_call(struct dynamodb_client *c, const char *operation, const char *body, size_t n, struct buffer *response,
                   struct error *err) {
    struct error own; /* the retries look into it */
    if (err == NULL) err = &own;
    const struct http_response *r;
    struct healed healed = {.clock = false};
    int64_t begun = clock_now();
    c->attempts = 0;
    for (;;) {
        struct outcome out;
        if (!attempt(c, operation, body, n, &r, &out, err)) return false;
        if (out.class == RETRY_NONE) break;
        if (!heal(c, &out, &healed) && !wait_again(c, &out, begun, err)) return false;
    }
    if (response == NULL) return true;
    response->len = 0;
    if (buffer_append(response, r->body, r->body_len)) return true;
    return error_set(err, ERROR_LOCAL, "%s: no memory for a response of %zu bytes", operation, r->body_len);
}
