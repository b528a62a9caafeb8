/* HTTP responses: the first byte says where the input is cut into two receipts, the rest is what the other side sends. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "aws/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    size_t n = size - 1, cut = n ? data[0] % (n + 1) : 0;
    char *bytes = malloc(n + 1);
    if (bytes == NULL) return 0;
    memcpy(bytes, data + 1, n);
    struct http_parser p;
    http_parse_init(&p);
    enum http_parsed parsed = http_parse(&p, bytes, cut);
    if (parsed == HTTP_PARSED_MORE) {
        size_t kept = http_parse_compact(&p, bytes, cut);
        if (kept > cut) abort();
        memmove(bytes + kept, bytes + cut, n - cut);
        n = kept + n - cut;
        parsed = http_parse_end(&p, bytes, n);
    }
    if (parsed == HTTP_PARSED_MORE || (parsed == HTTP_PARSED_BAD) != (p.problem != NULL)) abort();
    if (parsed == HTTP_PARSED_DONE) {
        const struct http_response *r = &p.response;
        if (r->status < 200 || r->body_len > n || r->body < bytes || r->body + r->body_len > bytes + n) abort();
    }
    free(bytes);
    return 0;
}
