/* A writer's connections: which are idle, and which are to be looked at.
 *
 * One epoll for all: what a turn costs does not grow with their number. Not for: when there should be more (growth.h), what is sent
 * (sending.c) and answered (answers.c). */
#ifndef ENGINE_LINES_H
#define ENGINE_LINES_H

#include "aws/http.h"
#include "engine/growth.h"

struct request; /* the writer's */

struct line {
    struct http_connection *http;
    struct request *request; /* NULL: idle */
    struct buffer head;
    struct line *next_idle;
    int64_t taken; /* clock_now() when it was */
    int64_t due;   /* when it must be stepped though nothing happens */
    /* as epoll knows it; serial 0: it does not */
    unsigned serial;
    short events;
    bool woken;
};

struct lines {
    int epoll;
    struct line all[LINES_MAX];
    int count;
    struct line *idle;
    struct line *woken[LINES_MAX]; /* by the last lines_wake */
    int woken_count;
    int64_t due; /* no line is due before */
    struct growth growth;
};

/* How many lines each of so many workers may have, LINES_MAX at most: makes room for their file descriptors, and divides what there is. To be
 * called before they start. 0 with an ERROR_LOCAL: there are not enough descriptors for one each. */
int lines_reserve(int workers, struct error *err);

/* Makes the first line, which connects at its first request: there is always one, so that what is ready does not wait for memory for ever.
 * There will never be more than `most`. ERROR_LOCAL when memory or file descriptors are out. */
bool lines_open(struct lines *l, const struct http_endpoint *endpoint, int most, struct error *err);
void lines_close(struct lines *l); /* also one that is all zero */

/* An idle line; a new one when all have been busy for a while and it would help. NULL: none now. */
struct line *lines_take(struct lines *l, const struct http_endpoint *endpoint);
/* To be called after http_send and each http_step that leaves the line busy. */
void lines_watch(struct lines *l, struct line *line);
/* To be called once the line's request was answered, or has failed. */
void lines_release(struct lines *l, struct line *line);
/* The same for a line on which nothing was sent. */
void lines_return(struct lines *l, struct line *line);

/* Lowers *until to when lines_wake must be called though l->epoll has nothing; `wanted`: a request has found no line. */
void lines_until(const struct lines *l, bool wanted, int64_t *until);
/* Finds out which busy lines are to be stepped: l->woken. Does not wait. */
void lines_wake(struct lines *l);

#endif
