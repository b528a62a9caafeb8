/* The server's side of TLS, by OpenSSL, over non-blocking sockets.
 *
 * For: benchmarks and tests of a client's TLS. Not for: anything that meets a network. */
#ifndef ENDPOINT_TLS_H
#define ENDPOINT_TLS_H

#include "base/error.h"

#include <sys/types.h>

struct tls;
struct tls_session;

/* From PEM files. */
struct tls *tls_new(const char *certificate, const char *key, struct error *err);
void tls_free(struct tls *t); /* NULL is fine */

struct tls_session *tls_session_new(struct tls *t, int fd); /* NULL when memory is out */
void tls_session_free(struct tls_session *s);               /* NULL is fine */

/* As recv and send on a non-blocking socket, the handshake included. */
ssize_t tls_session_read(struct tls_session *s, void *dst, size_t n);
ssize_t tls_session_write(struct tls_session *s, const void *data, size_t n);

#endif
