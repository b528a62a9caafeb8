#include "pg/channel.h"

#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool channel_open(struct channel *c, PGconn *pg) {
    *c = (struct channel){.fd = PQsocket(pg)};
    if (c->fd < 0 || PQprotocolVersion(pg) != 3 || PQgssEncInUse(pg)) return false;
    if (PQsslInUse(pg)) c->ssl = PQsslStruct(pg, "OpenSSL");
    return c->ssl || !PQsslInUse(pg);
}

void channel_own(struct channel *c, bool ours) {
    if (c->ssl) SSL_set_read_ahead(c->ssl, ours);
}

bool channel_empty(const struct channel *c) {
    return c->ssl == NULL || !SSL_has_pending(c->ssl);
}

/* --- a socket --- */

static ssize_t plain_result(struct channel *c, ssize_t n, const char *doing) {
    if (n >= 0) return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return CHANNEL_WAIT;
    char text[100];
    snprintf(c->problem, sizeof c->problem, "could not %s the server: %s", doing, strerror_r(errno, text, sizeof text));
    return -1;
}

/* --- TLS --- */

/* OpenSSL says only that something is wrong with an end that came without a word; the server has died then. */
static ssize_t tls_failure(struct channel *c, int why, int system, const char *doing) {
    unsigned long code = ERR_get_error();
    if (why == SSL_ERROR_SYSCALL && system == 0) return 0;
    if (why == SSL_ERROR_SSL && ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) return 0;
    if (why == SSL_ERROR_SYSCALL) {
        errno = system;
        return plain_result(c, -1, doing);
    }
    const char *reason = ERR_reason_error_string(code);
    snprintf(c->problem, sizeof c->problem, "could not %s the server: SSL error: %s", doing, reason ? reason : "unknown");
    return -1;
}

static ssize_t tls_result(struct channel *c, int n, const char *doing) {
    int system = errno;
    if (n > 0) return n;
    int why = SSL_get_error(c->ssl, n);
    switch (why) {
    case SSL_ERROR_WANT_WRITE: c->wants_write = true; return CHANNEL_WAIT;
    case SSL_ERROR_WANT_READ: return CHANNEL_WAIT;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: return tls_failure(c, why, system, doing);
    }
}

static void tls_begin(void) {
    ERR_clear_error();
    errno = 0;
}

/* --- both --- */

ssize_t channel_read(struct channel *c, char *to, size_t room) {
    static const char doing[] = "receive data from";
    if (c->ssl == NULL) {
        ssize_t n = recv(c->fd, to, room, MSG_DONTWAIT);
        c->drained = n > 0 && (size_t)n < room;
        return plain_result(c, n, doing);
    }
    tls_begin();
    return tls_result(c, SSL_read(c->ssl, to, room > INT_MAX ? INT_MAX : (int)room), doing);
}

ssize_t channel_write(struct channel *c, const char *from, size_t n) {
    static const char doing[] = "send data to";
    if (c->ssl) {
        tls_begin();
        return tls_result(c, SSL_write(c->ssl, from, n > INT_MAX ? INT_MAX : (int)n), doing);
    }
    ssize_t sent = plain_result(c, send(c->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL), doing);
    c->wants_write |= sent == CHANNEL_WAIT;
    return sent;
}
