/* The head of an HTTP/1.1 message: start line and header lines.
 *
 * For: requests to the endpoint, and a real engine's answers.
 * Not for: bodies, which are content-length bytes; transfer codings are refused. Source: RFC 9112. */
#ifndef ENDPOINT_HTTP_H
#define ENDPOINT_HTTP_H

#include "endpoint/doc.h"

#define HTTP_HEADERS_MAX 64
#define HTTP_HEAD_MAX 65536 /* bytes */

struct http_header {
    struct slice name, value;
};

struct http_head {
    struct slice words[3]; /* method, target, version; in an answer: version, status, reason */
    struct http_header headers[HTTP_HEADERS_MAX];
    size_t count;
    size_t content_length; /* 0 when not said */
    bool close;            /* the sender closes after this message */
    size_t bytes;          /* of the head, its blank line included */
};

enum http_reading { HTTP_MORE, HTTP_DONE, HTTP_BAD };

/* Reads a head at the start of the bytes; its slices point into them. HTTP_MORE: the blank line has not come yet.
 * HTTP_BAD: *problem says what is wrong. */
enum http_reading http_read_head(struct slice bytes, struct http_head *head, const char **problem);

/* A header's value by its lower-case name, or an empty slice. */
struct slice http_header(const struct http_head *head, const char *name);

#endif
