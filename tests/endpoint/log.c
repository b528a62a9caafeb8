#include "endpoint/log.h"

#include "base/hash.h"
#include "endpoint/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct log {
    int fd;
    bool bodies;
    struct buffer line;
    struct hash_sha256 *sha256;
};

struct log *log_new(const char *path, bool bodies, struct error *err) {
    struct log *l = calloc(1, sizeof *l);
    if (l == NULL) {
        error_memory(err, "opening the log");
        return NULL;
    }
    l->bodies = bodies;
    l->sha256 = hash_sha256_new();
    buffer_init(&l->line, (size_t)64 << 20);
    l->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (l->fd >= 0 && l->sha256) return l;
    error_set(err, ERROR_LOCAL, "cannot open the log '%s': %s", path, strerror(errno));
    log_free(l);
    return NULL;
}

void log_free(struct log *l) {
    if (l == NULL) return;
    if (l->fd >= 0) close(l->fd);
    buffer_free(&l->line);
    hash_sha256_free(l->sha256);
    free(l);
}

/* Bytes of a head as a JSON string; those above ASCII, which need not be UTF-8, as '?'. */
static bool print_text(struct buffer *b, struct slice s) {
    size_t at = b->len + 1;
    if (!json_append_string(b, s.data, s.len)) return false;
    for (; at < b->len; at++) {
        if ((unsigned char)b->data[at] >= 0x80) b->data[at] = '?';
    }
    return true;
}

static bool print_member(struct buffer *b, const char *name, struct slice text) {
    return buffer_printf(b, ",\"%s\":", name) && print_text(b, text);
}

/* The table that the request names; of a batch, the first. */
static bool print_table(struct buffer *b, const struct request *r) {
    char name[DOC_NAME] = "";
    struct slice tables, value;
    struct doc_each each;
    if (doc_get(r->body, "RequestItems", &tables)) {
        doc_each(&each, tables);
        if (doc_next(&each, &value)) memcpy(name, each.name, sizeof name);
    } else {
        doc_get_text(r->body, "TableName", name, sizeof name);
    }
    return buffer_append_text(b, ",\"table\":") &&
           (name[0] ? json_append_string(b, name, strlen(name)) : buffer_append_text(b, "null"));
}

/* The operations that were asked for; a sink does not count them, so that the log does. */
static size_t count_items(const struct request *r, const struct answer *a) {
    struct batch batch;
    struct error ignored;
    if (a->items) return a->items;
    if (r->op == OPERATION_PUT_ITEM || r->op == OPERATION_DELETE_ITEM) return 1;
    if (r->op != OPERATION_BATCH_WRITE_ITEM || !batch_read(r->body, &batch, &ignored)) return 0;
    return (size_t)batch.count;
}

static bool print_headers(struct buffer *b, const struct http_head *head) {
    bool ok = buffer_append_text(b, ",\"headers\":[");
    for (size_t i = 0; ok && i < head->count; i++) {
        ok = buffer_append_text(b, i ? ",[" : "[") && print_text(b, head->headers[i].name) && buffer_append_text(b, ",") &&
             print_text(b, head->headers[i].value) && buffer_append_text(b, "]");
    }
    return ok && buffer_append_text(b, "]");
}

static bool print_body(struct log *l, struct slice body) {
    unsigned char digest[HASH_SHA256_BYTES];
    char hex[HASH_SHA256_HEX];
    struct buffer *b = &l->line;
    if (!hash_sha256(l->sha256, body.data, body.len, digest)) return false;
    hash_hex(digest, sizeof digest, hex);
    if (!buffer_printf(b, ",\"bytes\":%zu,\"body_sha256\":\"%s\"", body.len, hex)) return false;
    if (!l->bodies) return true;
    size_t encoded = (body.len + 2) / 3 * 4;
    if (!buffer_append_text(b, ",\"body\":\"") || !buffer_reserve(b, encoded + 1)) return false;
    EVP_EncodeBlock((unsigned char *)b->data + b->len, (const unsigned char *)body.data, (int)body.len);
    b->len += encoded;
    return buffer_append_text(b, "\"");
}

static bool print_line(struct log *l, uint64_t number, const struct request *r, const struct answer *a, const char *fault) {
    struct buffer *b = &l->line;
    const struct http_head *head = &r->head;
    b->len = 0;
    bool ok = buffer_printf(b, "{\"number\":%llu", (unsigned long long)number) && print_member(b, "op", r->name) &&
              print_table(b, r) &&
              buffer_printf(b, ",\"items\":%zu,\"applied\":%zu,\"status\":%d,\"answered\":%s,\"fault\":", count_items(r, a),
                            a->applied, a->status, a->drop || a->cut ? "false" : "true") &&
              (fault ? buffer_printf(b, "\"%s\"", fault) : buffer_append_text(b, "null")) &&
              print_member(b, "method", head->words[0]) && print_member(b, "path", head->words[1]) &&
              print_member(b, "authorization", http_header(head, "authorization")) &&
              print_member(b, "amz_date", http_header(head, "x-amz-date")) && print_headers(b, head);
    return ok && print_body(l, r->body) && buffer_append_text(b, "}\n");
}

bool log_request(struct log *l, uint64_t number, const struct request *r, const struct answer *a, const char *fault,
                 struct error *err) {
    if (!print_line(l, number, r, a, fault)) return error_memory(err, "writing the log");
    for (size_t done = 0; done < l->line.len;) {
        ssize_t n = write(l->fd, l->line.data + done, l->line.len - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return error_set(err, ERROR_LOCAL, "cannot write the log: %s", strerror(errno));
        done += (size_t)n;
    }
    return true;
}
