/* The bytes of a connection that libpq has made, past libpq: over a socket as they are, or over libpq's own TLS.
 *
 * For: answers.c, between two statements of libpq's. Not for: connecting, or connections that GSSAPI encrypts.
 * Source: PostgreSQL's manual, "libpq: Connection Status Functions" (PQsocket, PQsslStruct, PQgssEncInUse); OpenSSL's, SSL_read(3),
 * SSL_write(3), SSL_CTX_set_read_ahead(3), SSL_pending(3). */
#ifndef PG_CHANNEL_H
#define PG_CHANNEL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct channel {
    int fd;
    void *ssl;    /* libpq's SSL; NULL: none */
    bool drained; /* the last read took all that had come: poll before the next */
    bool
        wants_write; /* something waits until the socket can be written, be it a read; the caller clears it before it tries again */
    char problem[200]; /* of the last failure */
};

/* False: these bytes cannot be had past libpq. The connection stays libpq's, which is to be idle and to have taken all that has come
 * (PQgetResult has said NULL, then PQisBusy was asked). */
bool channel_open(struct channel *c, PGconn *pg);

/* Whether the bytes are ours just now, or libpq's. Over TLS ours are read ahead, a few records by one system call; libpq would wait for the
 * second of them until the socket brings a third. */
void channel_own(struct channel *c, bool ours);
/* Whether all that was read ahead has been taken: else the connection can be libpq's no more. */
bool channel_empty(const struct channel *c);

/* Neither waits. Bytes; 0: the server has ended the connection; -1: a failure, c->problem; CHANNEL_WAIT: poll, then the same again, a
 * write with the same bytes. */
#define CHANNEL_WAIT (-2)
ssize_t channel_read(struct channel *c, char *to, size_t room);
ssize_t channel_write(struct channel *c, const char *from, size_t n);

#endif
