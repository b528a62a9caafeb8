#include "endpoint/http.h"

#include <string.h>

static struct slice trimmed(const char *from, const char *to) {
    while (from < to && (*from == ' ' || *from == '\t')) from++;
    while (from < to && (to[-1] == ' ' || to[-1] == '\t')) to--;
    return (struct slice){from, (size_t)(to - from)};
}

/* Letters, digits and the marks that RFC 9110 allows in a header's name. */
static bool is_token(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || strchr("!#$%&'*+-.^_`|~", c) == NULL)) return false;
    }
    return s.len > 0;
}

static bool has_control(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) return true;
    }
    return false;
}

/* Two spaces part the three words; only an answer's reason may hold spaces or be missing. */
static bool read_start_line(struct slice line, struct http_head *head) {
    const char *end = line.data + line.len;
    const char *first = memchr(line.data, ' ', line.len);
    if (has_control(line) || first == NULL || first == line.data) return false;
    const char *second = memchr(first + 1, ' ', (size_t)(end - first - 1));
    bool is_answer = line.len > 5 && memcmp(line.data, "HTTP/", 5) == 0;
    if (second == NULL) {
        if (!is_answer) return false;
        second = end;
    }
    const char *third = second == end ? end : second + 1;
    head->words[0] = (struct slice){line.data, (size_t)(first - line.data)};
    head->words[1] = (struct slice){first + 1, (size_t)(second - first - 1)};
    head->words[2] = (struct slice){third, (size_t)(end - third)};
    struct slice version = head->words[is_answer ? 0 : 2];
    if (slice_is(version, "HTTP/1.0")) head->close = true;
    return head->words[1].len > 0 && (head->close || slice_is(version, "HTTP/1.1"));
}

static bool read_length(struct slice text, size_t *length) {
    *length = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        *length = *length * 10 + (size_t)(text.data[i] - '0');
    }
    return text.len > 0 && text.len <= 15;
}

/* What the header means for the framing; NULL, or what is wrong. */
static const char *note_header(struct http_head *head, const struct http_header *h, bool *has_length) {
    if (slice_is_nocase(h->name, "content-length")) {
        size_t length;
        if (!read_length(h->value, &length)) return "content-length is not a number";
        if (*has_length && length != head->content_length) return "two content-lengths";
        *has_length = true;
        head->content_length = length;
    } else if (slice_is_nocase(h->name, "transfer-encoding")) {
        return "transfer-encoding is not supported";
    } else if (slice_is_nocase(h->name, "connection") && slice_is_nocase(h->value, "close")) {
        head->close = true;
    }
    return NULL;
}

static const char *read_header(struct slice line, struct http_head *head, bool *has_length) {
    const char *colon = memchr(line.data, ':', line.len);
    if (colon == NULL) return "a header line without a colon";
    if (head->count == HTTP_HEADERS_MAX) return "too many headers";
    struct http_header *h = &head->headers[head->count++];
    h->name = (struct slice){line.data, (size_t)(colon - line.data)};
    h->value = trimmed(colon + 1, line.data + line.len);
    if (!is_token(h->name)) return "a header name is malformed";
    if (has_control(h->value)) return "a control character in a header";
    return note_header(head, h, has_length);
}

enum http_reading http_read_head(struct slice bytes, struct http_head *head, const char **problem) {
    size_t window = bytes.len < HTTP_HEAD_MAX ? bytes.len : HTTP_HEAD_MAX;
    const char *blank = memmem(bytes.data, window, "\r\n\r\n", 4);
    if (blank == NULL) {
        *problem = "the head is too long";
        return bytes.len >= HTTP_HEAD_MAX ? HTTP_BAD : HTTP_MORE;
    }
    head->count = head->content_length = 0;
    head->close = false;
    head->bytes = (size_t)(blank - bytes.data) + 4;
    bool has_length = false, first = true;
    for (const char *line = bytes.data; line < blank + 2; first = false) {
        const char *end = memmem(line, (size_t)(blank + 2 - line), "\r\n", 2);
        struct slice text = {line, (size_t)(end - line)};
        if (first)
            *problem = read_start_line(text, head) ? NULL : "the start line is malformed";
        else
            *problem = read_header(text, head, &has_length);
        if (*problem) return HTTP_BAD;
        line = end + 2;
    }
    return HTTP_DONE;
}

struct slice http_header(const struct http_head *head, const char *name) {
    for (size_t i = 0; i < head->count; i++) {
        if (slice_is_nocase(head->headers[i].name, name)) return head->headers[i].value;
    }
    return (struct slice){"", 0};
}
