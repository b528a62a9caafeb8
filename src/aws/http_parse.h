/* One HTTP/1.1 response, parsed as its bytes arrive.
 *
 * For: http.c, and the fuzzer. Pure: no sockets, no allocation. Not for: requests; compressed bodies (none are asked for).
 * The bytes stand in one run of memory that grows at its end and may move between calls; a chunked body is joined in place.
 * Source: RFC 9112. Stricter than it where leniency has let two parsers see two different messages: both lengths given,
 * lengths that differ, folded lines and blanks before a colon are refused. */
#ifndef AWS_HTTP_PARSE_H
#define AWS_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "aws/http.h"

#define HTTP_HEAD_MAX (64 << 10)  /* bytes of status line and header lines together, as of chunk trailers */
#define HTTP_BODY_MAX (17U << 20) /* bytes: DynamoDB answers with 16 MB at most (BatchGetItem) */

enum http_parsed {
    HTTP_PARSED_MORE, /* more bytes are needed */
    HTTP_PARSED_DONE, /* parser.response is complete */
    HTTP_PARSED_BAD,  /* not a response that can be understood: parser.problem */
    HTTP_PARSED_CUT,  /* from http_parse_end: the connection ended within the response */
};

struct http_parser {
    struct http_response response; /* body is set when done, and points into the bytes last given */
    bool keep_alive;               /* when done: the connection can carry another request */
    const char *problem;           /* static text */
    size_t wanted;                 /* at least so many bytes are still to come; 0: unknown */

    int state;
    size_t at;         /* the first byte not yet dealt with */
    size_t line_from;  /* no line end lies between `at` and here */
    size_t head_bytes; /* of lines so far */
    size_t body_at;    /* where the body begins */
    size_t remaining;  /* of a body with a length, or of a chunk */
    bool has_length, chunked, http_1_0, says_close, says_keep_alive;
};

void http_parse_init(struct http_parser *p);

/* Goes on with `data`, all `n` bytes received since the response began. */
enum http_parsed http_parse(struct http_parser *p, char *data, size_t n);

/* The other side has closed: DONE when that is how the body ends, otherwise CUT. `data` and `n` as given last. */
enum http_parsed http_parse_end(struct http_parser *p, char *data, size_t n);

/* After MORE: moves the bytes not yet dealt with down to what is joined so far, so that a chunked body's framing takes no
 * room. Returns how many bytes `data` then holds. */
size_t http_parse_compact(struct http_parser *p, char *data, size_t n);

#endif
