/* The bytes of a TLS connection that somebody else has made and verified, straight from and to its socket.
 *
 * For: http.c, which has libcurl connect and then carries requests without it. Not for: handshakes, certificates (trust), sockets
 * below which there is another TLS (a proxy's).
 * Source: OpenSSL's manual, BIO_meth_new(3), SSL_write(3); send(2) on MSG_MORE; RFC 8446, 5.1. */
#ifndef AWS_TLS_H
#define AWS_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TLS_RECORD (16 << 10) /* bytes: a record's most */

/* Has `ssl` (an SSL, its handshake done, nothing of it on the way) read and write `fd` by itself. Both stay the owner's, who may go on to
 * end the connection by SSL_shutdown and SSL_free. False: out of memory, and nothing has changed. */
bool tls_take(void *ssl, int fd);

/* As recv and send without waiting have it: bytes; 0: the other side has ended it; -1 with errno, EAGAIN for "poll, then again". A write
 * is of TLS_RECORD bytes at most, and one that had to wait is repeated with the same bytes. `more`: another write follows at once, and
 * its record may leave together with this one. */
ssize_t tls_read(void *ssl, void *to, size_t room);
ssize_t tls_write(void *ssl, const void *from, size_t n, bool more);

#endif
