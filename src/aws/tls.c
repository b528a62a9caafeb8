#include "aws/tls.h"

#include <errno.h>
#include <limits.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The lower end of an SSL. OpenSSL's own for sockets cannot say that more follows. */
struct end {
    int fd;
    bool more;
};

static int end_result(BIO *b, ssize_t n, int retry) {
    BIO_clear_retry_flags(b);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) BIO_set_flags(b, retry | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int end_write(BIO *b, const char *data, int n) {
    const struct end *e = BIO_get_data(b);
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT | (e->more ? MSG_MORE : 0);
    return end_result(b, send(e->fd, data, (size_t)n, flags), BIO_FLAGS_WRITE);
}

static int end_read(BIO *b, char *to, int room) {
    const struct end *e = BIO_get_data(b);
    return end_result(b, recv(e->fd, to, (size_t)room, MSG_DONTWAIT), BIO_FLAGS_READ);
}

static long end_control(BIO *b, int command, long number, void *pointer) {
    (void)b;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH; /* nothing is held back here; nothing else is supported */
}

static int end_destroy(BIO *b) {
    free(BIO_get_data(b));
    return 1;
}

static BIO_METHOD *method; /* as long as the process: an SSL may outlive whom it was taken for */

static void make_method(void) {
    int type = BIO_get_new_index();
    BIO_METHOD *m = type == -1 ? NULL : BIO_meth_new(type | BIO_TYPE_SOURCE_SINK, "socket");
    bool ok = m && BIO_meth_set_write(m, end_write) && BIO_meth_set_read(m, end_read) && BIO_meth_set_ctrl(m, end_control) &&
              BIO_meth_set_destroy(m, end_destroy);
    if (!ok) BIO_meth_free(m);
    method = ok ? m : NULL;
}

bool tls_take(void *ssl, int fd) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_method);
    struct end *e = malloc(sizeof *e);
    BIO *b = e && method ? BIO_new(method) : NULL;
    if (b == NULL) {
        free(e);
        return false;
    }
    *e = (struct end){.fd = fd};
    BIO_set_data(b, e);
    BIO_set_init(b, 1);
    SSL_set_bio(ssl, b, b);
    SSL_set_read_ahead(ssl, 1); /* one system call for a record instead of two */
    /* The owner's callback for sessions expects to be called within its own functions. */
    SSL_CTX_sess_set_new_cb(SSL_get_SSL_CTX(ssl), NULL);
    return true;
}

static ssize_t result(SSL *ssl, int n) {
    if (n > 0) return n;
    switch (SSL_get_error(ssl, n)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: errno = EAGAIN; return -1;
    case SSL_ERROR_ZERO_RETURN: return 0;
    default: errno = EPROTO; return -1;
    }
}

ssize_t tls_read(void *ssl, void *to, size_t room) {
    ERR_clear_error();
    return result(ssl, SSL_read(ssl, to, room > INT_MAX ? INT_MAX : (int)room));
}

ssize_t tls_write(void *ssl, const void *from, size_t n, bool more) {
    struct end *e = BIO_get_data(SSL_get_wbio(ssl));
    e->more = more;
    ERR_clear_error();
    ssize_t sent = result(ssl, SSL_write(ssl, from, n > TLS_RECORD ? TLS_RECORD : (int)n));
    e->more = false;
    return sent;
}
