#include "aws/http_parse.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
    STATUS_LINE,
    HEADER_LINE,
    BODY_LENGTH,
    BODY_TO_CLOSE,
    CHUNK_SIZE,
    CHUNK_DATA,
    CHUNK_END,
    TRAILER_LINE,
    FINISHED,
    REFUSED,
};

void http_parse_init(struct http_parser *p) {
    *p = (struct http_parser){.response.retry_after_ms = -1};
}

static bool refuse(struct http_parser *p, const char *problem) {
    p->problem = problem;
    p->state = REFUSED;
    return false;
}

/* --- values of header lines --- */

/* A run of digits only, at most `max`; false otherwise. */
static bool parse_number(const char *text, size_t n, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    if (n == 0) return false;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        unsigned digit = (unsigned)(text[i] - '0');
        if (value > (max - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static bool is_text(const char *value, size_t n, const char *text) {
    return n == strlen(text) && strncasecmp(value, text, n) == 0;
}

/* Whether a comma-separated list holds a word. */
static bool list_has(const char *list, size_t n, const char *word) {
    const char *end = list + n;
    while (list < end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        const char *stop = comma ? comma : end, *last = stop;
        while (list < last && (*list == ' ' || *list == '\t')) list++;
        while (last > list && (last[-1] == ' ' || last[-1] == '\t')) last--;
        if (is_text(list, (size_t)(last - list), word)) return true;
        list = comma ? comma + 1 : end;
    }
    return false;
}

/* As much as fits, with bytes that are not printable ASCII made '?': the text goes into reports. */
static void copy_text(char *out, size_t size, const char *value, size_t n) {
    if (n > size - 1) n = size - 1;
    for (size_t i = 0; i < n; i++) out[i] = value[i] >= ' ' && value[i] <= '~' ? value[i] : '?';
    out[n] = '\0';
}

static bool take_length(struct http_parser *p, const char *value, size_t n) {
    uint64_t length;
    if (!parse_number(value, n, INT64_MAX, &length)) return refuse(p, "a content-length that is not a number");
    if (length > HTTP_BODY_MAX) return refuse(p, "a body of more than 17 MB");
    if (p->has_length && p->remaining != length) return refuse(p, "two content-lengths that differ");
    p->has_length = true;
    p->remaining = length;
    return true;
}

static bool take_header(struct http_parser *p, const char *name, size_t name_len, const char *value, size_t n) {
    struct http_response *r = &p->response;
    uint64_t number;
    if (is_text(name, name_len, "content-length")) return take_length(p, value, n);
    if (is_text(name, name_len, "transfer-encoding")) {
        if (p->chunked || !is_text(value, n, "chunked")) return refuse(p, "a transfer-encoding other than chunked");
        p->chunked = true;
    } else if (is_text(name, name_len, "content-encoding")) {
        if (!is_text(value, n, "identity")) return refuse(p, "a content-encoding that was not asked for");
    } else if (is_text(name, name_len, "connection")) {
        p->says_close |= list_has(value, n, "close");
        p->says_keep_alive |= list_has(value, n, "keep-alive");
    } else if (is_text(name, name_len, "x-amz-crc32")) {
        r->has_crc32 = parse_number(value, n, UINT32_MAX, &number);
        if (!r->has_crc32) return refuse(p, "an x-amz-crc32 that is not a 32-bit number");
        r->crc32 = (uint32_t)number;
    } else if (is_text(name, name_len, "x-amz-retry-after")) {
        /* A wish of the other side: one that cannot be read is no reason to refuse its answer. */
        if (parse_number(value, n, INT32_MAX, &number)) r->retry_after_ms = (int64_t)number;
    } else if (is_text(name, name_len, "date")) {
        copy_text(r->date, sizeof r->date, value, n);
    } else if (is_text(name, name_len, "x-amzn-requestid")) {
        copy_text(r->request_id, sizeof r->request_id, value, n);
    }
    return true;
}

/* --- lines --- */

/* RFC 9110, 5.6.2: what a header's name may consist of. */
static bool is_token(const char *text, size_t n) {
    static const bool may[256] = {
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['!'] = true, ['#'] = true, ['$'] = true,
        ['%'] = true,         ['&'] = true,         ['\''] = true,        ['*'] = true, ['+'] = true, ['-'] = true,
        ['.'] = true,         ['^'] = true,         ['_'] = true,         ['`'] = true, ['|'] = true, ['~'] = true,
    };
    for (size_t i = 0; i < n; i++) {
        if (!may[(unsigned char)text[i]]) return false;
    }
    return n > 0;
}

static bool parse_status_line(struct http_parser *p, const char *line, size_t n) {
    if (n < 12 || memcmp(line, "HTTP/1.", 7) != 0 || (line[7] != '0' && line[7] != '1') || line[8] != ' ' ||
        (n > 12 && line[12] != ' ')) {
        return refuse(p, "a first line that is not HTTP/1.1's");
    }
    uint64_t status;
    if (!parse_number(line + 9, 3, 999, &status) || status < 100)
        return refuse(p, "a status that is not a number of three digits");
    *p = (struct http_parser){.response = {.status = (int)status, .retry_after_ms = -1},
                              .http_1_0 = line[7] == '0',
                              .at = p->at,
                              .line_from = p->line_from,
                              .head_bytes = p->head_bytes,
                              .state = HEADER_LINE};
    return true;
}

static bool parse_header_line(struct http_parser *p, const char *line, size_t n) {
    const char *colon = memchr(line, ':', n);
    if (colon == NULL || !is_token(line, (size_t)(colon - line))) return refuse(p, "a header line without a name");
    if (memchr(line, '\0', n)) return refuse(p, "a zero byte in a header line");
    const char *value = colon + 1, *end = line + n;
    while (value < end && (*value == ' ' || *value == '\t')) value++;
    while (end > value && (end[-1] == ' ' || end[-1] == '\t')) end--;
    return p->state == TRAILER_LINE || take_header(p, line, (size_t)(colon - line), value, (size_t)(end - value));
}

static bool finish(struct http_parser *p, bool keep_alive) {
    p->keep_alive = keep_alive && !p->says_close && (!p->http_1_0 || p->says_keep_alive);
    p->state = FINISHED;
    return true;
}

/* The blank line after the header lines: what follows? */
static bool end_head(struct http_parser *p) {
    int status = p->response.status;
    p->body_at = p->at;
    if (status == 101) return refuse(p, "a change of protocol that was not asked for");
    if (status < 200) {
        p->state = STATUS_LINE; /* an interim answer: the real one follows */
        return true;
    }
    if (p->chunked && p->has_length) return refuse(p, "both a content-length and a transfer-encoding");
    if (p->chunked && p->http_1_0) return refuse(p, "a transfer-encoding in HTTP/1.0");
    if (status == 204 || status == 304) return finish(p, true);
    if (p->chunked) {
        p->state = CHUNK_SIZE;
    } else if (!p->has_length) {
        p->state = BODY_TO_CLOSE;
    } else if (p->remaining == 0) {
        return finish(p, true);
    } else {
        p->state = BODY_LENGTH;
    }
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_chunk_size(struct http_parser *p, const char *line, size_t n) {
    size_t size = 0, i = 0;
    for (int digit; i < n && (digit = hex_digit(line[i])) >= 0; i++) {
        size = size * 16 + (size_t)digit;
        if (size > HTTP_BODY_MAX) return refuse(p, "a body of more than 17 MB");
    }
    bool extension = i < n && (line[i] == ';' || line[i] == ' ' || line[i] == '\t');
    if (i == 0 || (i < n && !extension)) return refuse(p, "a chunk size that is not a number");
    if (p->response.body_len + size > HTTP_BODY_MAX) return refuse(p, "a body of more than 17 MB");
    p->remaining = size;
    p->state = size ? CHUNK_DATA : TRAILER_LINE;
    p->head_bytes = 0; /* each chunk's line, and the trailer, have the limit to themselves */
    return true;
}

static bool parse_line(struct http_parser *p, const char *line, size_t n) {
    switch (p->state) {
    case STATUS_LINE: return parse_status_line(p, line, n);
    case HEADER_LINE: return n ? parse_header_line(p, line, n) : end_head(p);
    case CHUNK_SIZE: return parse_chunk_size(p, line, n);
    case CHUNK_END: p->state = CHUNK_SIZE; return n == 0 || refuse(p, "a chunk longer than its size");
    default: return n ? parse_header_line(p, line, n) : finish(p, true);
    }
}

/* Takes the next whole line; false when there is none yet or it was refused. */
static bool next_line(struct http_parser *p, const char *data, size_t n) {
    const char *feed = n > p->line_from ? memchr(data + p->line_from, '\n', n - p->line_from) : NULL;
    size_t end = feed ? (size_t)(feed - data) : n;
    if (p->head_bytes + (end - p->at) > HTTP_HEAD_MAX) return refuse(p, "a head of more than 64 KB");
    p->line_from = end;
    if (feed == NULL) return false;
    const char *line = data + p->at;
    size_t len = end - p->at;
    p->head_bytes += len + 1;
    p->at = p->line_from = end + 1;
    if (len && line[len - 1] == '\r') len--;
    return parse_line(p, line, len);
}

/* --- bodies --- */

/* Takes what is there of a body with a length, or of a chunk, which moves down to the end of what is joined so far. */
static bool take_body(struct http_parser *p, char *data, size_t n) {
    size_t take = n - p->at < p->remaining ? n - p->at : p->remaining;
    char *to = data + p->body_at + p->response.body_len;
    if (take && to != data + p->at) memmove(to, data + p->at, take);
    p->response.body_len += take;
    p->remaining -= take;
    p->at += take;
    p->line_from = p->at;
    if (p->remaining) return false;
    if (p->state == BODY_LENGTH) return finish(p, true);
    p->state = CHUNK_END;
    return true;
}

static bool take_to_close(struct http_parser *p, size_t n) {
    p->response.body_len = n - p->body_at;
    p->at = n;
    if (p->response.body_len > HTTP_BODY_MAX) return refuse(p, "a body of more than 17 MB");
    return false;
}

static bool advance(struct http_parser *p, char *data, size_t n) {
    switch (p->state) {
    case BODY_LENGTH:
    case CHUNK_DATA: return take_body(p, data, n);
    case BODY_TO_CLOSE: return take_to_close(p, n);
    case FINISHED:
    case REFUSED: return false;
    default: return next_line(p, data, n);
    }
}

enum http_parsed http_parse(struct http_parser *p, char *data, size_t n) {
    while (advance(p, data, n)) continue;
    p->wanted = p->state == BODY_LENGTH || p->state == CHUNK_DATA ? p->remaining : 0;
    if (p->state == REFUSED) return HTTP_PARSED_BAD;
    if (p->state != FINISHED) return HTTP_PARSED_MORE;
    p->response.body = data + p->body_at;
    if (n > p->at) p->keep_alive = false; /* bytes that no request asked for */
    return HTTP_PARSED_DONE;
}

enum http_parsed http_parse_end(struct http_parser *p, char *data, size_t n) {
    enum http_parsed parsed = http_parse(p, data, n);
    if (parsed != HTTP_PARSED_MORE) return parsed;
    if (p->state != BODY_TO_CLOSE) return HTTP_PARSED_CUT;
    finish(p, false);
    p->response.body = data ? data + p->body_at : NULL;
    return HTTP_PARSED_DONE;
}

size_t http_parse_compact(struct http_parser *p, char *data, size_t n) {
    if (!p->chunked || (p->state != CHUNK_SIZE && p->state != CHUNK_DATA && p->state != CHUNK_END)) return n;
    size_t to = p->body_at + p->response.body_len, gap = p->at - to;
    if (gap == 0) return n;
    memmove(data + to, data + p->at, n - p->at);
    p->at -= gap;
    p->line_from -= gap;
    return n - gap;
}
