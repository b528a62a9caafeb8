#include "aws/sigv4_text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- percent encoding --- */

static bool is_unreserved(unsigned char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/* Room for three bytes must be there. */
static void put_encoded(struct buffer *out, unsigned char c) {
    static const char digits[] = "0123456789ABCDEF";
    out->data[out->len++] = '%';
    out->data[out->len++] = digits[c >> 4];
    out->data[out->len++] = digits[c & 15];
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The byte that "%XX" at `p` stands for, -1 when it is not such a triple. */
static int percent_byte(const char *p, const char *end) {
    if (end - p < 3 || *p != '%') return -1;
    int high = hex_value(p[1]), low = hex_value(p[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool sigv4_text_encode(struct buffer *out, const char *text, size_t n) {
    if (!buffer_reserve(out, 3 * n)) return false;
    for (size_t i = 0; i < n; i++) {
        if (is_unreserved((unsigned char)text[i])) {
            out->data[out->len++] = text[i];
        } else {
            put_encoded(out, (unsigned char)text[i]);
        }
    }
    return true;
}

/* As sigv4_text_encode for text that may be encoded already: "%XX" is taken for the byte it stands for. */
static bool encode_again(struct buffer *out, const char *text, size_t n) {
    const char *end = text + n;
    while (text < end) {
        int byte = percent_byte(text, end);
        char c = byte < 0 ? *text : (char)byte;
        text += byte < 0 ? 1 : 3;
        if (!sigv4_text_encode(out, &c, 1)) return false;
    }
    return true;
}

/* --- path --- */

/* Takes the last segment off what was written after `start`, down to the slash before it. */
static void drop_segment(struct buffer *out, size_t start) {
    while (out->len > start && out->data[out->len - 1] != '/') out->len--;
    if (out->len > start) out->len--;
}

/* Writes "/segment" for each segment that counts; a path that ends in a slash or a dot segment ends in a slash. */
static bool append_normal_path(struct buffer *out, const char *path) {
    size_t start = out->len;
    bool open_end = true;
    while (*path) {
        size_t n = strcspn(path, "/");
        bool dot = n == 1 && path[0] == '.', dots = n == 2 && path[0] == '.' && path[1] == '.';
        if (dots) drop_segment(out, start);
        if (n && !dot && !dots) {
            if (!buffer_append(out, "/", 1) || !sigv4_text_encode(out, path, n)) return false;
        }
        open_end = n == 0 || dot || dots || path[n] == '/';
        path += n;
        if (*path == '/') path++;
    }
    return open_end ? buffer_append(out, "/", 1) : true;
}

bool sigv4_text_path(struct buffer *out, const char *path, bool normalize) {
    if (normalize) return append_normal_path(out, path);
    if (*path == '\0') return buffer_append(out, "/", 1);
    while (*path) {
        size_t n = strcspn(path, "/");
        if (!encode_again(out, path, n)) return false;
        path += n;
        if (*path == '/' && !buffer_append(out, path++, 1)) return false;
    }
    return true;
}

/* --- query --- */

struct pair {
    size_t at; /* in the scratch buffer: name, NUL, value, NUL */
    const char *name, *value;
};

static int compare_pairs(const void *a, const void *b) {
    const struct pair *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : strcmp(x->value, y->value);
}

/* Encodes one "name=value" of `n` bytes into scratch as two terminated texts. */
static bool encode_pair(struct buffer *scratch, const char *text, size_t n) {
    const char *equals = memchr(text, '=', n);
    size_t name_len = equals ? (size_t)(equals - text) : n;
    const char *value = equals ? equals + 1 : text + n;
    return encode_again(scratch, text, name_len) && buffer_append(scratch, "", 1) &&
           encode_again(scratch, value, (size_t)(text + n - value)) && buffer_append(scratch, "", 1);
}

static bool write_pairs(struct buffer *out, struct pair *pairs, size_t count, const struct buffer *scratch) {
    for (size_t i = 0; i < count; i++) {
        pairs[i].name = scratch->data + pairs[i].at;
        pairs[i].value = pairs[i].name + strlen(pairs[i].name) + 1;
    }
    if (count) qsort(pairs, count, sizeof *pairs, compare_pairs);
    for (size_t i = 0; i < count; i++) {
        if (i && !buffer_append(out, "&", 1)) return false;
        if (!buffer_append_text(out, pairs[i].name) || !buffer_append(out, "=", 1) || !buffer_append_text(out, pairs[i].value)) {
            return false;
        }
    }
    return true;
}

bool sigv4_text_query(struct buffer *out, const char *query) {
    size_t most = 1, count = 0;
    for (const char *p = query; *p; p++) most += *p == '&';
    struct pair *pairs = calloc(most, sizeof *pairs);
    struct buffer scratch;
    buffer_init(&scratch, out->max);
    bool ok = pairs != NULL;
    while (ok && *query) {
        size_t n = strcspn(query, "&");
        if (n) {
            pairs[count++].at = scratch.len;
            ok = encode_pair(&scratch, query, n);
        }
        query += n;
        if (*query) query++;
    }
    ok = ok && write_pairs(out, pairs, count, &scratch);
    buffer_free(&scratch);
    free(pairs);
    return ok;
}

/* --- headers --- */

static int compare_headers(const void *a, const void *b) {
    const struct sigv4_header *const *x = a, *const *y = b;
    int order = strcasecmp((*x)->name, (*y)->name);
    return order ? order : (*x > *y) - (*x < *y); /* equal names stay in their order */
}

static bool append_lower(struct buffer *out, const char *text) {
    size_t n = strlen(text);
    if (!buffer_reserve(out, n)) return false;
    for (size_t i = 0; i < n; i++) out->data[out->len++] = (char)tolower((unsigned char)text[i]);
    return true;
}

static bool append_value(struct buffer *out, const char *text) {
    if (!buffer_reserve(out, strlen(text))) return false;
    size_t start = out->len;
    bool space = false;
    for (; *text; text++) {
        if (isspace((unsigned char)*text)) {
            space = true;
            continue;
        }
        if (space && out->len > start) out->data[out->len++] = ' ';
        space = false;
        out->data[out->len++] = *text;
    }
    return true;
}

static bool write_headers(struct buffer *lines, struct buffer *names, const struct sigv4_header *const *sorted, int count) {
    for (int i = 0; i < count; i++) {
        if (i && strcasecmp(sorted[i - 1]->name, sorted[i]->name) == 0) {
            lines->len--; /* the line's end: this value joins it */
            if (!buffer_append(lines, ",", 1)) return false;
        } else {
            if (i && !buffer_append(names, ";", 1)) return false;
            if (!append_lower(names, sorted[i]->name)) return false;
            if (!append_lower(lines, sorted[i]->name) || !buffer_append(lines, ":", 1)) return false;
        }
        if (!append_value(lines, sorted[i]->value) || !buffer_append(lines, "\n", 1)) return false;
    }
    return true;
}

bool sigv4_text_headers(struct buffer *lines, struct buffer *names, const struct sigv4_header *headers, int count) {
    if (count <= 0) return true;
    const struct sigv4_header **sorted = calloc((size_t)count, sizeof *sorted);
    if (sorted == NULL) return false;
    for (int i = 0; i < count; i++) sorted[i] = &headers[i];
    qsort(sorted, (size_t)count, sizeof *sorted, compare_headers);
    bool ok = write_headers(lines, names, sorted, count);
    free(sorted);
    return ok;
}
