#include "dynamodb/ahead.h"

#include <stdio.h>
#include <string.h>

#define HEAD_MAX 16384
#define BODY_MAX 16384

void ahead_init(struct ahead *a) {
    *a = (struct ahead){0};
    for (int i = 0; i < AHEAD_MOST; i++) {
        buffer_init(&a->requests[i].head, HEAD_MAX);
        buffer_init(&a->requests[i].body, BODY_MAX);
    }
}

void ahead_free(struct ahead *a) {
    for (int i = 0; i < AHEAD_MOST; i++) {
        http_connection_free(a->requests[i].connection);
        buffer_free(&a->requests[i].head);
        buffer_free(&a->requests[i].body);
    }
}

struct ahead_request *ahead_begin(struct ahead *a, const struct http_endpoint *endpoint, struct http_timeouts timeouts,
                                  const char *operation) {
    int i = 0;
    while (i < AHEAD_MOST && a->requests[i].sent) i++;
    if (i == AHEAD_MOST) return NULL;
    struct ahead_request *r = &a->requests[i];
    if (r->connection == NULL) r->connection = http_connection_new(endpoint, timeouts);
    r->head.len = r->body.len = 0;
    int n = snprintf(r->operation, sizeof r->operation, "%s", operation);
    return r->connection && n < (int)sizeof r->operation ? r : NULL;
}

void ahead_send(struct ahead_request *r) {
    http_send(r->connection, r->head.data, r->head.len, r->body.data, r->body.len);
    r->sent = true;
}

static struct ahead_request *find(struct ahead *a, const char *operation, const char *body, size_t n) {
    for (int i = 0; i < AHEAD_MOST; i++) {
        struct ahead_request *r = &a->requests[i];
        if (r->sent && strcmp(r->operation, operation) == 0 && r->body.len == n && memcmp(r->body.data, body, n) == 0) return r;
    }
    return NULL;
}

const struct http_response *ahead_take(struct ahead *a, const char *operation, const char *body, size_t n,
                                       const volatile int *stop) {
    struct ahead_request *r = find(a, operation, body, n);
    struct http_connection *all[AHEAD_MOST];
    struct error ignored;
    int count = 0;
    if (r == NULL) return NULL;
    all[count++] = r->connection;
    for (int i = 0; i < AHEAD_MOST; i++) {
        if (a->requests[i].sent && &a->requests[i] != r) all[count++] = a->requests[i].connection;
    }
    r->sent = false;
    bool there = http_wait(all, count, stop) && http_step(r->connection, &ignored) == HTTP_DONE;
    return there ? http_response(r->connection) : NULL;
}

void ahead_close(struct ahead *a) {
    ahead_free(a);
    ahead_init(a);
}

void ahead_forget(struct ahead *a) {
    for (int i = 0; i < AHEAD_MOST; i++) a->requests[i].sent = false;
}
