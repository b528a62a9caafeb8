/* The reader against a server that follows a script: answers that end anywhere, that make no sense, that go on after their end. Each
 * test in both ways that answers come: from the socket, and through libpq. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "pg/reader.h"
#include "wire_bytes.h"

#define FIELDS(...)                                                                                                              \
    (const char *const[]) {                                                                                                      \
        __VA_ARGS__                                                                                                              \
    }

static bool by_libpq;

/* --- the server --- */

static struct {
    char folder[40];
    int listener;
    pthread_t thread;
    atomic_int connections;
    pthread_mutex_t lock;
    struct bytes answer;    /* under the lock: to a statement with a FETCH */
    atomic_size_t cut;      /* so many bytes of it are sent, and the connection ended; at once only */
    atomic_bool slams_door; /* the connection is ended as soon as the transaction has begun, once only */
} server = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct bytes script; /* the answer that the test writes; the server's when a statement is sent */

static bool read_whole(int fd, void *to, size_t n) {
    return recv(fd, to, n, MSG_WAITALL) == (ssize_t)n;
}

static void send_all(int fd, const struct buffer *b, size_t n) {
    if (n) (void)!send(fd, b->data, n, MSG_NOSIGNAL);
}

/* A message's body with a NUL; NULL when the client is gone. Start-up messages have no type. */
static char *read_message(int fd, char *type) {
    uint32_t n;
    if ((type && !read_whole(fd, type, 1)) || !read_whole(fd, &n, sizeof n)) return NULL;
    n = be32toh(n) - 4;
    char *body = calloc(1, n + 1);
    assert_non_null(body);
    if (read_whole(fd, body, n)) return body;
    free(body);
    return NULL;
}

static void add_setting(struct bytes *m, const char *name, const char *value) {
    bytes_begin(m, 'S');
    bytes_text(m, name);
    bytes_text(m, value);
    bytes_end(m);
}

static void greet(struct bytes *m) {
    bytes_begin(m, 'R'); /* AuthenticationOk */
    bytes_int32(m, 0);
    bytes_end(m);
    add_setting(m, "server_version", "15.0");
    add_setting(m, "server_encoding", "UTF8");
    add_setting(m, "client_encoding", "UTF8");
    add_setting(m, "standard_conforming_strings", "on");
    bytes_ready(m, 'I');
}

/* False: the connection is to be ended. */
static bool answer(int fd, const char *sql) {
    struct bytes m;
    bool goes_on = true;
    if (strstr(sql, "FETCH")) {
        size_t cut = atomic_exchange(&server.cut, SIZE_MAX);
        pthread_mutex_lock(&server.lock);
        send_all(fd, &server.answer.b, cut < server.answer.b.len ? cut : server.answer.b.len);
        pthread_mutex_unlock(&server.lock);
        return cut == SIZE_MAX;
    }
    bytes_init(&m);
    if (strstr(sql, "system_identifier")) {
        bytes_description(&m, 2);
        bytes_row(&m, 2, FIELDS("1", "d"));
    }
    if (strstr(sql, "BEGIN")) goes_on = !atomic_exchange(&server.slams_door, false);
    bytes_one(&m, 'C', "OK");
    bytes_ready(&m, 'T');
    send_all(fd, &m.b, m.b.len);
    bytes_free(&m);
    return goes_on;
}

static void serve(int fd) {
    struct bytes m;
    char type, *body = read_message(fd, NULL);
    bytes_init(&m);
    greet(&m);
    send_all(fd, &m.b, m.b.len);
    bytes_free(&m);
    for (bool goes_on = body != NULL; goes_on;) {
        free(body);
        body = read_message(fd, &type);
        goes_on = body && type == 'Q' && answer(fd, body);
    }
    free(body);
    close(fd);
}

static void *run_server(void *context) {
    (void)context;
    for (int fd; (fd = accept(server.listener, NULL, NULL)) >= 0;) {
        atomic_fetch_add(&server.connections, 1);
        serve(fd);
    }
    return NULL;
}

static int start_server(void **state) {
    (void)state;
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    strncpy(server.folder, "/tmp/hlua-answers.XXXXXX", sizeof server.folder - 1);
    if (mkdtemp(server.folder) == NULL) return -1;
    snprintf(to.sun_path, sizeof to.sun_path, "%s/.s.PGSQL.1", server.folder);
    server.listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(server.listener, (struct sockaddr *)&to, sizeof to) || listen(server.listener, 5)) return -1;
    bytes_init(&server.answer);
    bytes_init(&script);
    atomic_store(&server.cut, SIZE_MAX);
    return pthread_create(&server.thread, NULL, run_server, NULL);
}

static int stop_server(void **state) {
    (void)state;
    char path[80];
    shutdown(server.listener, SHUT_RDWR);
    pthread_join(server.thread, NULL);
    close(server.listener);
    bytes_free(&server.answer);
    bytes_free(&script);
    snprintf(path, sizeof path, "%s/.s.PGSQL.1", server.folder);
    unlink(path);
    return rmdir(server.folder);
}

/* --- the client --- */

static struct pg_reader *new_reader(void) {
    struct error err = {0};
    char uri[200];
    snprintf(uri, sizeof uri, "host=%s port=1 user=u dbname=d sslmode=disable gssencmode=disable", server.folder);
    struct pg_reader *r = pg_reader_new(uri, "snapshot", &err);
    if (r == NULL) fail_msg("%s", err.text);
    if (by_libpq) pg_reader_use_libpq(r);
    return r;
}

static bool send_statement(struct pg_reader *r, struct error *err) {
    pthread_mutex_lock(&server.lock);
    server.answer.b.len = 0;
    bytes_add(&server.answer, script.b.data, script.b.len);
    pthread_mutex_unlock(&server.lock);
    return pg_reader_send(r, err);
}

/* Asks for two FETCHes; the rows that come, and how it ends, as text. */
static void read_answer(struct pg_reader *r, char *out, size_t size, struct error *err) {
    int cursor, n = 0;
    bool end;
    struct pg_rowset *rows;
    struct pg_field fields[8];
    enum pg_reader_state state = PG_READER_WAIT;
    *out = '\0';
    *err = (struct error){0};
    assert_true(pg_reader_open(r, 0, "SELECT", 9, err) && pg_reader_open(r, 1, "SELECT", 9, err));
    assert_true(send_statement(r, err));
    while (!pg_reader_idle(r)) {
        state = pg_reader_step(r, &cursor, &rows, &end, err);
        if (state == PG_READER_FAILED) break;
        if (state == PG_READER_ROWS) {
            for (int row = 0; row < pg_rowset_count(rows); row++) {
                assert_true(pg_rowset_row(rows, row, fields, err));
                n += snprintf(out + n, size - (size_t)n, "%d:%.*s ", cursor, fields[0].len, fields[0].data);
            }
            pg_rowset_free(rows);
        } else if (!pg_reader_idle(r)) {
            struct pollfd p = {.fd = pg_reader_fd(r), .events = POLLIN};
            if (pg_reader_wants_write(r)) p.events |= POLLOUT;
            assert_true(poll(&p, 1, 20000) > 0);
        }
    }
    snprintf(out + n, size - (size_t)n, state == PG_READER_FAILED ? "failed" : "done");
}

static void begin_answer(void) {
    script.b.len = 0;
    bytes_one(&script, 'C', "DECLARE CURSOR");
    bytes_description(&script, 1);
    bytes_row(&script, 1, FIELDS("a"));
    bytes_row(&script, 1, FIELDS("b"));
    bytes_one(&script, 'C', "FETCH 2");
    bytes_one(&script, 'C', "DECLARE CURSOR");
    bytes_description(&script, 1);
    bytes_row(&script, 1, FIELDS("c"));
}

static void whole_answer(void) {
    begin_answer();
    bytes_one(&script, 'C', "FETCH 1");
    bytes_ready(&script, 'T');
}

static void expect(struct pg_reader *r, const char *expected, const char *code) {
    char found[200];
    struct error err;
    read_answer(r, found, sizeof found, &err);
    if (strcmp(found, expected) != 0) fail_msg("%s instead of %s; %s", found, expected, err.text);
    assert_string_equal(err.code, code);
}

/* Wherever the answer ends, the failure says so, and the reader begins anew. */
static void ends_anywhere(void **state) {
    (void)state;
    whole_answer();
    struct pg_reader *r = new_reader();
    for (size_t cut = 0; cut < script.b.len; cut++) {
        struct error err;
        char found[200];
        int before = atomic_load(&server.connections);
        atomic_store(&server.cut, cut);
        read_answer(r, found, sizeof found, &err);
        const char *end = strstr(found, "failed");
        assert_non_null(end);
        assert_memory_equal(found, "0:a 0:b 1:c ", (size_t)(end - found));
        assert_string_equal(err.code, "08006");
        assert_non_null(strstr(err.text, "server closed the connection unexpectedly"));
        assert_true(err.retryable && err.hint[0]);
        assert_true(pg_reader_restart(r, &err));
        assert_int_equal(atomic_load(&server.connections), before + 1);
        expect(r, "0:a 0:b 1:c done", "");
        assert_true(pg_reader_restart(r, &err)); /* the cursors are closed, the connection stays */
        assert_int_equal(atomic_load(&server.connections), before + 1);
    }
    pg_reader_free(r);
}

/* While the answer is dropped, too. */
static void ends_while_drained(void **state) {
    (void)state;
    struct error err;
    whole_answer();
    struct pg_reader *r = new_reader();
    for (size_t cut = 0; cut < script.b.len; cut += 7) {
        atomic_store(&server.cut, cut);
        assert_true(pg_reader_open(r, 0, "SELECT", 2, &err) && send_statement(r, &err));
        pg_reader_drain(r);
        assert_true(pg_reader_idle(r));
        assert_true(pg_reader_restart(r, &err));
    }
    expect(r, "0:a 0:b 1:c done", "");
    pg_reader_free(r);
}

/* The server's last word is told, not that it has gone. */
static void last_word(void **state) {
    (void)state;
    struct error err;
    struct pg_reader *r = new_reader();
    begin_answer();
    bytes_failure(&script, 'E', FIELDS("SFATAL", "C57P01", "Mterminating connection", NULL));
    atomic_store(&server.cut, script.b.len);
    expect(r, "0:a 0:b failed", "57P01");
    assert_true(pg_reader_restart(r, &err));
    whole_answer();
    expect(r, "0:a 0:b 1:c done", "");
    pg_reader_free(r);
}

/* The connection is gone before the statement is sent. */
static void slammed_door(void **state) {
    (void)state;
    struct error err;
    whole_answer();
    atomic_store(&server.slams_door, true);
    struct pg_reader *r = new_reader();
    expect(r, "failed", "08006");
    assert_true(pg_reader_restart(r, &err));
    expect(r, "0:a 0:b 1:c done", "");
    pg_reader_free(r);
}

static void failure(void **state) {
    (void)state;
    struct error err;
    struct pg_reader *r = new_reader();
    int before = atomic_load(&server.connections);
    begin_answer();
    bytes_failure(&script, 'E', FIELDS("SERROR", "C22012", "Mdivision by zero", NULL));
    bytes_ready(&script, 'E');
    expect(r, "0:a 0:b failed", "22012");
    assert_true(pg_reader_restart(r, &err));
    assert_int_equal(atomic_load(&server.connections), before);
    pg_reader_free(r);
}

static void odd_answers(void **state) {
    (void)state;
    struct pg_reader *r = new_reader();
    begin_answer();
    bytes_failure(&script, 'N', FIELDS("SNOTICE", "C00000", "Mword", NULL));
    bytes_row(&script, 1, FIELDS("d"));
    bytes_one(&script, 'C', "FETCH 2");
    bytes_ready(&script, 'T');
    expect(r, "0:a 0:b 1:c 1:d done", "");
    whole_answer(); /* and the rows of a third, which nobody has asked for */
    script.b.len = script.message - 1;
    bytes_description(&script, 1);
    bytes_one(&script, 'C', "FETCH 0");
    bytes_ready(&script, 'T');
    expect(r, "0:a 0:b 1:c done", "");
    script.b.len = 0; /* no rows for the second */
    bytes_description(&script, 1);
    bytes_one(&script, 'C', "FETCH 0");
    bytes_one(&script, 'C', "OTHER");
    bytes_ready(&script, 'T');
    expect(r, "failed", "");
    pg_reader_free(r);
}

/* What makes no sense ends the connection, as far as we are concerned. */
static void nonsense(void **state) {
    (void)state;
    struct error err;
    struct pg_reader *r = new_reader();
    begin_answer();
    bytes_row(&script, 3, FIELDS("c", "d", "e"));
    bytes_one(&script, 'C', "FETCH 2");
    bytes_ready(&script, 'T');
    int before = atomic_load(&server.connections);
    char found[200];
    read_answer(r, found, sizeof found, &err);
    assert_string_equal(found, "0:a 0:b failed");
    if (!by_libpq) {
        assert_string_equal(err.code, "08006");
        assert_string_equal(err.text, "the server's answer cannot be understood: a row that is not as it was described");
        assert_true(pg_reader_restart(r, &err));
        assert_int_equal(atomic_load(&server.connections), before + 1);
    }
    pg_reader_free(r);
}

/* A message that comes after the answer, in part: the next answer brings the rest; libpq must not see it. */
static void after_the_end(void **state) {
    (void)state;
    if (by_libpq) return; /* its own affair */
    struct error err;
    struct bytes notice;
    struct pg_reader *r = new_reader();
    int connections = atomic_load(&server.connections);
    bytes_init(&notice);
    bytes_failure(&notice, 'N', FIELDS("SNOTICE", "C00000", "Mword", NULL));
    for (size_t cut = 0; cut <= notice.b.len; cut++) {
        whole_answer();
        bytes_add(&script, notice.b.data, cut);
        expect(r, "0:a 0:b 1:c done", "");
        script.b.len = 0;
        bytes_add(&script, notice.b.data + cut, notice.b.len - cut);
        bytes_description(&script, 1);
        bytes_one(&script, 'C', "FETCH 0");
        bytes_description(&script, 1);
        bytes_row(&script, 1, FIELDS("c"));
        bytes_one(&script, 'C', "FETCH 1");
        bytes_ready(&script, 'T');
        bytes_add(&script, notice.b.data, cut);
        expect(r, "1:c done", "");
        assert_true(pg_reader_restart(r, &err));
        if (cut > 0 && cut < notice.b.len) connections++;
        assert_int_equal(atomic_load(&server.connections), connections);
    }
    bytes_free(&notice);
    pg_reader_free(r);
}

static int run_all(const char *name, bool through_libpq) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_anywhere), cmocka_unit_test(ends_while_drained),
        cmocka_unit_test(last_word),     cmocka_unit_test(slammed_door),
        cmocka_unit_test(failure),       cmocka_unit_test(odd_answers),
        cmocka_unit_test(nonsense),      cmocka_unit_test(after_the_end),
    };
    by_libpq = through_libpq;
    return cmocka_run_group_tests_name(name, tests, start_server, stop_server);
}

int main(void) {
    return run_all("answers", false) + run_all("answers through libpq", true);
}
