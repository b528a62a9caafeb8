/* The certificates to trust, loaded once for all connections: a system's bundle takes 9 ms and half a megabyte, and a run opens hundreds.
 * Not for: what is verified, and how (libcurl, http.c). */
#ifndef AWS_TRUST_H
#define AWS_TRUST_H

#include <stdbool.h>

/* Whether the OpenSSL that libcurl says it uses ("OpenSSL/3.0.2") is the one that this program is linked with. */
bool trust_can_share(const char *ssl_version);
/* Loads a file of certificates, and a folder of them (each may be NULL), unless it has them; loads again when the file has changed. False
 * when they cannot be read. */
bool trust_load(const char *file, const char *folder);
/* Gives what was loaded last to a connection to be (an SSL_CTX). Thread-safe, as is trust_load. */
bool trust_give(void *ssl_ctx);

#endif
