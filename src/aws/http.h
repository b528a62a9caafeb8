/* HTTP/1.1 over keep-alive connections, without blocking: libcurl (CONNECT_ONLY) does names, proxies, TLS and its
 * verification; requests and responses are our own, straight from and into the caller's memory. Once it is connected, their bytes pass
 * libcurl by where they can: on a plain loopback socket, and by tls.h where no proxy may be between.
 *
 * For: POST and GET with a body whose length is known. Not for: redirects, cookies, HTTP/2, compression.
 * Source: RFC 9112; building-blocks on CONNECT_ONLY. The only file that includes curl is http.c. */
#ifndef AWS_HTTP_H
#define AWS_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"

struct http_endpoint {
    char url[512];         /* scheme://host:port, no path */
    char host_header[300]; /* as signed and sent: the port only when it is not the scheme's own */
    char path[200];        /* at least "/" */
    bool tls;
    bool loopback; /* localhost, 127.0.0.0/8 or ::1: never through a proxy */
};

/* Parses an endpoint URL. Plain http is allowed for loopback only unless allow_http; ERROR_PLAN otherwise. */
bool http_endpoint_parse(const char *url, bool allow_http, struct http_endpoint *out, struct error *err);

struct http_timeouts {
    int64_t connect_ns;  /* DNS, TCP and TLS together */
    int64_t response_ns; /* from the first byte sent to the last byte received */
};

struct http_connection; /* used by one thread */

/* File descriptors that a connection takes: its socket, and two by which libcurl's multi handle could be woken. */
#define HTTP_DESCRIPTORS 3

/* A connection that opens at its first request and opens again when the other side has closed it. NULL: out of memory. */
struct http_connection *http_connection_new(const struct http_endpoint *endpoint, struct http_timeouts timeouts);
void http_connection_free(struct http_connection *c); /* NULL is fine */

/* Starts a request: head (request line and header lines with the blank line) and body stay the caller's and must not change
 * until the response is there. A kept-alive connection that turns out closed before any byte of a response is opened again and
 * the request sent again, once. As much as the socket takes is sent at once: poll next, http_step tells also what failed here.
 * A request that is still HTTP_BUSY is given up, with its connection. */
void http_send(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t body_len);

enum http_state {
    HTTP_IDLE,
    HTTP_BUSY,   /* poll http_fd for http_events, or until http_deadline, and call http_step */
    HTTP_DONE,   /* the response is there, until the next http_send */
    HTTP_FAILED, /* err: ERROR_TARGET, retryable for connection errors and time-outs; the connection is closed and can be used
                    again. Not retryable: TLS verification, an unknown host name is retryable */
};
enum http_state http_step(struct http_connection *c, struct error *err);

int http_fd(const struct http_connection *c); /* -1: none yet (resolving): call http_step again within 5 ms */
unsigned
http_serial(const struct http_connection *c); /* another one when http_fd may be another socket, though its number is the same */
short http_events(const struct http_connection *c);     /* POLLIN, POLLOUT */
int64_t http_deadline(const struct http_connection *c); /* clock_now() at which http_step must be called */

struct http_response {
    int status;
    const char *body;
    size_t body_len;
    bool has_crc32;
    uint32_t crc32;         /* x-amz-crc32, not yet compared */
    int64_t retry_after_ms; /* x-amz-retry-after; -1: none */
    char date[40];          /* Date, as sent; may be empty */
    char request_id[80];    /* x-amzn-requestid; may be empty */
};
/* Valid after HTTP_DONE until the next http_send. */
const struct http_response *http_response(const struct http_connection *c);

/* Waits until the first of `count` connections is not HTTP_BUSY; the others go on meanwhile. `stop` (may be NULL) is looked at about every
 * 100 ms: false when *stop is set. */
#define HTTP_WAIT_MOST 8
bool http_wait(struct http_connection *const *connections, int count, const volatile int *stop);

/* The same, waiting: sends and steps with poll until done; false on HTTP_FAILED. `stop` (may be NULL) is looked at about
 * every 100 ms: when *stop is set, ERROR_INTERRUPTED. */
bool http_exchange(struct http_connection *c, const char *head, size_t head_len, const char *body, size_t body_len,
                   const volatile int *stop, struct error *err);

/* Once a process, before threads: libcurl's global state, SIGPIPE ignored. */
bool http_global_init(struct error *err);

#endif
