/* Sockets and HTTP/1.1: one thread, one epoll, keep-alive connections on loopback.
 *
 * For: bytes in and out, pipelining, answers that wait, connections cut on purpose.
 * Not for: what a request means; the handler says that. */
#ifndef ENDPOINT_SERVER_H
#define ENDPOINT_SERVER_H

#include "base/buffer.h"
#include "base/error.h"
#include "endpoint/http.h"
#include "endpoint/operation.h"

#include <signal.h>

/* DynamoDB's largest request, with some room for what surrounds the items. */
#define SERVER_BODY_MAX ((size_t)17 << 20)

struct request {
    struct http_head head;
    enum operation op;
    bool control;      /* the target is Endpoint.NAME, not DynamoDB_20120810.NAME */
    bool has_target;   /* there is a target with a name after its dot */
    struct slice name; /* the operation's name as sent */
    struct slice body;
};

struct answer {
    int status;
    struct buffer body;
    int64_t delay_ms; /* wait this long before sending */
    bool wrong_crc;   /* send an x-amz-crc32 that does not fit */
    bool cut;         /* close in the middle of the body */
    bool drop;        /* close without a byte */
    size_t items;     /* operations asked for, and how many of them were applied; for counters and the log */
    size_t applied;
};

struct server_handler {
    void *context;
    /* Fills the answer, whose body is empty and status 200. */
    void (*handle)(void *context, const struct request *request, struct answer *answer);
};

struct server;
struct tls;

/* Listens on 127.0.0.1; port 0 takes a free one. tls may be NULL. The handler must outlive the server. */
struct server *server_new(int port, struct tls *tls, const struct server_handler *handler, struct error *err);
void server_free(struct server *s);
int server_port(const struct server *s);

/* Serves until *stop is set by a signal handler. The caller has blocked SIGINT and SIGTERM; they are let in only
 * while waiting, so that none is missed. */
bool server_run(struct server *s, const volatile sig_atomic_t *stop, struct error *err);

#endif
