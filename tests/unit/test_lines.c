/* A writer's connections: how many there are, which are idle, and what they are told of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "engine/lines.h"
#include "memory_faults.h"

static struct lines l;
static struct http_endpoint endpoint;
static struct error e;
static struct request *const some = (struct request *)&l; /* any request: only whether there is one is looked at */

#define FIRST 8 /* lines that are opened without asking */

static void begin(int port) {
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
    assert_true(http_endpoint_parse(url, false, &endpoint, &e));
    assert_true(lines_open(&l, &endpoint, LINES_MAX, &e));
}

static struct line *take(void) {
    struct line *line = lines_take(&l, &endpoint);
    if (line) line->request = some;
    return line;
}

/* As when the answer took so long. */
static void answer(struct line *line, int64_t took) {
    line->taken = clock_now() - took;
    line->request = NULL;
    lines_release(&l, line);
}

/* All lines are busy, and have been for long enough for more: how many are given now. */
static int grow_once(void) {
    l.growth.stalled = clock_now() - CLOCK_SECOND;
    int count = take() != NULL;
    l.growth.stalled = clock_now() + CLOCK_SECOND; /* however long this takes */
    while (take()) count++;
    return count;
}

static void begins_with_few(void **state) {
    (void)state;
    begin(1);
    for (int i = 0; i < FIRST; i++) assert_non_null(take());
    assert_null(take());
    assert_int_equal(l.count, FIRST);
    assert_true(l.growth.stalled > 0);
    int64_t until = INT64_MAX;
    lines_until(&l, true, &until);
    assert_true(until > l.growth.stalled && until < l.growth.stalled + CLOCK_SECOND);
    until = INT64_MAX;
    lines_until(&l, false, &until);
    assert_true(until == INT64_MAX);
    lines_close(&l);
}

static void grows_by_an_eighth_up_to_the_most(void **state) {
    (void)state;
    begin(1);
    while (l.count < FIRST) take();
    for (int rounds = 0; l.count < LINES_MAX; rounds++) {
        int before = l.count, more = grow_once();
        assert_int_equal(more, before + 1 + before / 8 > LINES_MAX ? LINES_MAX - before : 1 + before / 8);
        assert_true(rounds < 60);
    }
    assert_int_equal(grow_once(), 0);
    int64_t until = INT64_MAX;
    lines_until(&l, true, &until); /* nothing to wait for but answers */
    assert_true(until == INT64_MAX);
    lines_close(&l);
}

static void never_has_more_than_it_may(void **state) {
    (void)state;
    assert_true(lines_open(&l, &endpoint, FIRST + 2, &e));
    while (l.count < FIRST) take();
    for (int i = 0; i < 3; i++) grow_once();
    assert_int_equal(l.count, FIRST + 2);
    int64_t until = INT64_MAX;
    lines_until(&l, true, &until);
    assert_true(until == INT64_MAX);
    lines_close(&l);
}

/* In a process of its own, whose limits are lowered. 0: all is as it should be. */
static int with_few_descriptors(void) {
    struct rlimit few = {.rlim_cur = 100, .rlim_max = 400};
    if (setrlimit(RLIMIT_NOFILE, &few) != 0) return 1;
    int three = lines_reserve(3, &e);
    if (three < 20 || three > 400 / 9) return 2;
    if (getrlimit(RLIMIT_NOFILE, &few) != 0 || few.rlim_cur != 400) return 3;
    if (lines_reserve(1, &e) <= 2 * three) return 4;
    return lines_reserve(200, &e) == 0 && e.kind == ERROR_LOCAL && e.hint[0] ? 0 : 5;
}

static void divides_the_descriptors(void **state) {
    (void)state;
    int status;
    pid_t child = fork();
    if (child == 0) _exit(with_few_descriptors());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* Where answers come at once, more connections than a few do not help. */
static void does_not_grow_where_answers_are_quick(void **state) {
    (void)state;
    begin(1);
    while (l.count < FIRST) take();
    answer(&l.all[0], 0);
    l.growth.quickest = 0; /* however long that took */
    while (grow_once() > 0) assert_true(l.count < 3 * FIRST);
    assert_true(l.count < 3 * FIRST);
    lines_close(&l);
}

/* The quickest answer counts until none was as quick for a while, however many there were. */
static void forgets_a_quick_answer(void **state) {
    (void)state;
    begin(1);
    while (l.count < FIRST) take();
    answer(&l.all[0], 0);
    for (int i = 0; i < 200; i++) {
        take();
        answer(&l.all[0], CLOCK_SECOND);
    }
    take();
    while (grow_once() > 0) assert_true(l.count < 3 * FIRST);
    assert_true(l.count < 3 * FIRST);
    for (int i = 0; i < 2; i++) {
        l.growth.since -= 60 * CLOCK_SECOND;
        answer(&l.all[0], CLOCK_SECOND);
        take();
    }
    while (l.count < 3 * FIRST) assert_true(grow_once() > 0);
    lines_close(&l);
}

/* A line on which nothing was sent tells nothing. */
static void returned_lines_do_not_count(void **state) {
    (void)state;
    begin(1);
    struct line *line = take();
    line->request = NULL;
    lines_return(&l, line);
    assert_true(l.growth.since == 0);
    assert_true(l.growth.quickest == INT64_MAX);
    assert_ptr_equal(take(), line);
    lines_close(&l);
}

static void memory_is_out(void **state) {
    (void)state;
    begin(1);
    assert_non_null(take()); /* there is one in any case */
    memory_faults_set(1, true);
    for (int i = 0; i < 3; i++) assert_null(take());
    int64_t now = clock_now(), until = INT64_MAX;
    lines_until(&l, true, &until); /* tried again soon, and not all the time */
    assert_true(until > now - CLOCK_SECOND && until < now + CLOCK_SECOND);
    memory_faults_set(0, false);
    assert_non_null(take());
    lines_close(&l);
    memory_faults_set(1, true);
    assert_false(lines_open(&l, &endpoint, LINES_MAX, &e));
    memory_faults_set(0, false);
    assert_int_equal(e.kind, ERROR_LOCAL);
    lines_close(&l);
}

/* --- a peer --- */

static int listen_on_loopback(int *port) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && bind(fd, (struct sockaddr *)&a, n) == 0 && listen(fd, 8) == 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &n), 0);
    *port = ntohs(a.sin_port);
    return fd;
}

/* Steps the line until its answer is there. */
static void await_answer(struct line *line) {
    int64_t end = clock_now() + 5 * CLOCK_SECOND;
    while (http_step(line->http, &e) == HTTP_BUSY) {
        assert_true(clock_now() < end);
        lines_watch(&l, line);
        struct pollfd p = {.fd = l.epoll, .events = POLLIN};
        int64_t wait = (l.due - clock_now()) / CLOCK_MS + 1;
        poll(&p, 1, wait < 0 ? 0 : wait > 1000 ? 1000 : (int)wait);
        lines_wake(&l);
    }
}

static void send_request(struct line *line) {
    static const char head[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    http_send(line->http, head, sizeof head - 1, "", 0);
    lines_watch(&l, line);
}

static void reply(int fd) {
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    char in[1000];
    assert_true(recv(fd, in, sizeof in, 0) > 0);
    assert_int_equal(send(fd, text, sizeof text - 1, MSG_NOSIGNAL), sizeof text - 1);
}

/* An answer wakes its line once; the end of an idle connection wakes none, and is not told again and again. */
static void wakes_who_is_answered(void **state) {
    (void)state;
    int port, listener = listen_on_loopback(&port);
    begin(port);
    struct line *line = take(), *other = take();
    send_request(line);
    while (http_step(line->http, &e) == HTTP_BUSY && http_events(line->http) != POLLIN) lines_watch(&l, line);
    lines_watch(&l, line);
    int fd = accept(listener, NULL, NULL);
    reply(fd);
    await_answer(line);
    assert_int_equal(http_step(line->http, &e), HTTP_DONE);
    for (int i = 0; i < l.woken_count; i++) assert_ptr_not_equal(l.woken[i], other);
    answer(line, CLOCK_MS);
    close(fd); /* while it is idle */
    struct pollfd p = {.fd = l.epoll, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    lines_wake(&l);
    assert_int_equal(l.woken_count, 0);
    assert_int_equal(poll(&p, 1, 0), 0); /* epoll has forgotten it */
    /* the line connects again, and is watched again */
    line = take();
    send_request(line);
    while (http_step(line->http, &e) == HTTP_BUSY && http_events(line->http) != POLLIN) lines_watch(&l, line);
    lines_watch(&l, line);
    fd = accept(listener, NULL, NULL);
    reply(fd);
    await_answer(line);
    assert_int_equal(http_step(line->http, &e), HTTP_DONE);
    lines_close(&l);
    close(fd);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_with_few),
        cmocka_unit_test(grows_by_an_eighth_up_to_the_most),
        cmocka_unit_test(never_has_more_than_it_may),
        cmocka_unit_test(divides_the_descriptors),
        cmocka_unit_test(does_not_grow_where_answers_are_quick),
        cmocka_unit_test(forgets_a_quick_answer),
        cmocka_unit_test(returned_lines_do_not_count),
        cmocka_unit_test(memory_is_out),
        cmocka_unit_test(wakes_who_is_answered),
    };
    if (!http_global_init(&e)) return 1;
    return cmocka_run_group_tests_name("lines", tests, NULL, NULL);
}
