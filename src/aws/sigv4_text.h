/* The texts that Signature Version 4 signs: path, query and headers in their canonical forms.
 *
 * For: sigv4.c. Pure functions over bytes; no keys and no hashing here. Each appends to its buffers and returns false only
 * when memory is out (or a buffer's maximum is reached).
 * Source: AWS General Reference, "Create a canonical request". */
#ifndef AWS_SIGV4_TEXT_H
#define AWS_SIGV4_TEXT_H

#include "aws/sigv4.h"

/* The path of the request line, percent-encoded. With `normalize` dot segments and doubled slashes are removed and a '%' is
 * encoded once more, as all services but S3 do; without it the path stays and its %XX stay. */
bool sigv4_text_path(struct buffer *out, const char *path, bool normalize) __attribute__((warn_unused_result));

/* The query's pairs decoded, encoded again and sorted by name, then value. */
bool sigv4_text_query(struct buffer *out, const char *query) __attribute__((warn_unused_result));

/* `lines`: "name:value\n" for each header, names in lower case and sorted, values trimmed, runs of white space made one space,
 * equal names joined by commas in the order given. `names`: the names joined by ';'. */
bool sigv4_text_headers(struct buffer *lines, struct buffer *names, const struct sigv4_header *headers, int count)
    __attribute__((warn_unused_result));

/* One value with everything but A-Z a-z 0-9 - . _ ~ percent-encoded. */
bool sigv4_text_encode(struct buffer *out, const char *text, size_t n) __attribute__((warn_unused_result));

#endif
