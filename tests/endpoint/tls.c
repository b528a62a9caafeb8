#include "endpoint/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#define READ_AHEAD 65536 /* bytes: more than a request of 25 small items */

struct tls {
    SSL_CTX *context;
};

struct tls_session {
    SSL *ssl;
};

struct tls *tls_new(const char *certificate, const char *key, struct error *err) {
    struct tls *t = calloc(1, sizeof *t);
    if (t == NULL) {
        error_memory(err, "starting TLS");
        return NULL;
    }
    t->context = SSL_CTX_new(TLS_server_method());
    bool ok = t->context && SSL_CTX_use_certificate_chain_file(t->context, certificate) == 1 &&
              SSL_CTX_use_PrivateKey_file(t->context, key, SSL_FILETYPE_PEM) == 1;
    if (ok) {
        SSL_CTX_set_mode(t->context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
        SSL_CTX_set_options(t->context, SSL_OP_IGNORE_UNEXPECTED_EOF);
        /* One system call for a request's records instead of two for each. */
        SSL_CTX_set_read_ahead(t->context, 1);
        SSL_CTX_set_default_read_buffer_len(t->context, READ_AHEAD);
        return t;
    }
    char reason[200];
    ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
    error_set(err, ERROR_USAGE, "cannot use the certificate '%s' with the key '%s': %s", certificate, key, reason);
    tls_free(t);
    return NULL;
}

void tls_free(struct tls *t) {
    if (t == NULL) return;
    SSL_CTX_free(t->context);
    free(t);
}

struct tls_session *tls_session_new(struct tls *t, int fd) {
    struct tls_session *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->ssl = SSL_new(t->context);
    if (s->ssl && SSL_set_fd(s->ssl, fd) == 1) {
        SSL_set_accept_state(s->ssl);
        return s;
    }
    tls_session_free(s);
    return NULL;
}

void tls_session_free(struct tls_session *s) {
    if (s == NULL) return;
    SSL_free(s->ssl);
    free(s);
}

/* OpenSSL's result as recv and send would have it. */
static ssize_t result(struct tls_session *s, int n) {
    if (n > 0) return n;
    switch (SSL_get_error(s->ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = EPROTO; return -1;
    }
}

ssize_t tls_session_read(struct tls_session *s, void *dst, size_t n) {
    ERR_clear_error();
    return result(s, SSL_read(s->ssl, dst, n > INT_MAX ? INT_MAX : (int)n));
}

ssize_t tls_session_write(struct tls_session *s, const void *data, size_t n) {
    ERR_clear_error();
    return result(s, SSL_write(s->ssl, data, n > INT_MAX ? INT_MAX : (int)n));
}
