/* Opening and closing the ledger: its folder, its lock, its owner, its schema.
 *
 * Files: PATH; PATH.lock, empty, whose flock says that a writer lives; PATH-wal and PATH-shm of SQLite's
 * write-ahead log. The log's files stay when a writer closes (then emptied), so that a reader finds them and
 * has nothing to create. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/embedded.h"
#include "engine/ledger_sql.h"

#define LEDGER_APPLICATION 1751938401 /* "hlua"; both are set by ledger.sql */
#define LEDGER_VERSION 3
#define LEDGER_OLDEST 1 /* what ledger_upgrade_2.sql begins with */
#define BUSY_MS 5000    /* SQLite's own locks are held for moments: recovery, a last checkpoint */
#define LOCK_TRIES 20   /* a reader's glance holds the lock for microseconds: not to be taken for an owner */
#define START_TRIES 100 /* a writer that has just taken the lock is given a second to make its files */
#define TRY_MS 10

static void pause_ms(long ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    nanosleep(&t, NULL);
}

/* One of the files beside the ledger; ledger_new has checked that it fits. */
static void side_file(const struct ledger *l, const char *suffix, char out[LEDGER_PATH]) {
    snprintf(out, LEDGER_PATH, "%s%s", l->path, suffix);
}

static struct ledger *ledger_new(const char *path, struct error *err) {
    struct ledger *l = calloc(1, sizeof *l);
    if (l == NULL) {
        error_memory(err, "opening the ledger");
        return NULL;
    }
    l->lock = -1;
    /* with a folder in its name, no path means anything special to SQLite (:memory:) */
    int n = snprintf(l->path, sizeof l->path, "%s%s", strchr(path, '/') ? "" : "./", path);
    if (path[0] && n < LEDGER_PATH - (int)sizeof "-journal") return l;
    ledger_failed_file(path, "cannot be opened", path[0] ? ENAMETOOLONG : ENOENT, err);
    free(l);
    return NULL;
}

/* ---- folder and lock */

static void sync_folder(const char *folder) {
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return; /* not every file system can; the name is then as durable as it makes names */
    fsync(fd);
    close(fd);
}

static bool make_folder(const struct ledger *l, struct error *err) {
    char copy[LEDGER_PATH], parent[LEDGER_PATH];
    struct stat st;
    side_file(l, "", copy);
    const char *folder = dirname(copy);
    if (stat(folder, &st) == 0) return true;
    if (mkdir(folder, 0700) != 0 && errno != EEXIST) {
        int number = errno;
        ledger_failed_file(l->path, "cannot be made", number, err);
        if (number == ENOENT) error_hint(err, "make the folder that is to hold %s, or name another file with --ledger", folder);
        return false;
    }
    snprintf(parent, sizeof parent, "%s", folder);
    sync_folder(dirname(parent));
    return true;
}

/* Is the lock held by a writer? */
static bool lock_held(struct ledger *l, bool *held, struct error *err) {
    char path[LEDGER_PATH];
    *held = true;
    if (l->lock >= 0) return true;
    side_file(l, ".lock", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno != ENOENT) return ledger_failed_file(path, "cannot be opened", errno, err);
    *held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (fd >= 0) close(fd); /* which gives the lock back */
    return true;
}

/* The error of a second writer, as exactly as the ledger can tell. */
static void fail_busy(const struct ledger *l, struct error *err) {
    struct ledger_owner owner = {0};
    struct ledger *reader = ledger_open(l->path, LEDGER_READ, NULL);
    if (reader && ledger_owner(reader, &owner, NULL) && owner.alive && owner.pid)
        error_set(err, ERROR_LOCAL, "the ledger %s is in use by process %ld on %s since %s", l->path, owner.pid, owner.host,
                  owner.since);
    else
        error_set(err, ERROR_LOCAL, "the ledger %s is in use by another process", l->path);
    error_code(err, "busy");
    error_hint(err, "wait until it ends, or look at it with `status`");
    ledger_close(reader);
}

static bool take_lock(struct ledger *l, bool *made, struct error *err) {
    char path[LEDGER_PATH];
    side_file(l, ".lock", path);
    l->lock = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    *made = l->lock >= 0;
    if (!*made && errno == EEXIST) l->lock = open(path, O_RDWR | O_CLOEXEC);
    if (l->lock < 0) return ledger_failed_file(path, "cannot be made", errno, err);
    for (int i = 0; i < LOCK_TRIES; i++) {
        if (flock(l->lock, LOCK_EX | LOCK_NB) == 0) return true;
        if (errno != EWOULDBLOCK) return ledger_failed_file(path, "cannot be locked", errno, err);
        pause_ms(TRY_MS);
    }
    fail_busy(l, err);
    return false;
}

/* ---- SQLite's file */

/* Made by us and not by SQLite for its mode; an existing one is not touched (to close a descriptor of it
 * would drop the locks of other handles of this process). */
static bool make_file(const struct ledger *l, struct error *err) {
    int fd = open(l->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno == EEXIST || ledger_failed_file(l->path, "cannot be made", errno, err);
    close(fd);
    return true;
}

static bool connect_file(struct ledger *l, const char *name, int flags, struct error *err) {
    if (sqlite3_open_v2(name, &l->db, flags | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        return l->db ? ledger_failed(l, err) : error_memory(err, "opening the ledger");
    }
    sqlite3_extended_result_codes(l->db, 1);
    sqlite3_busy_timeout(l->db, BUSY_MS);
    return true;
}

/* A file without its log is whole in itself: it is read as it is. A writer that begins meanwhile does not
 * spoil that for a while: it appends to its log, and changes the file when the log has 4 MB or it ends. */
static bool connect_alone(struct ledger *l, struct error *err) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    char uri[3 * LEDGER_PATH + 32];
    size_t n = (size_t)snprintf(uri, sizeof uri, "file:%s", l->path[0] == '/' ? "//" : "");
    for (const char *p = l->path; *p; p++) {
        bool as_is = strchr(plain, *p) != NULL;
        n += (size_t)snprintf(uri + n, sizeof uri - n, as_is ? "%c" : "%%%02X", (unsigned char)*p);
    }
    snprintf(uri + n, sizeof uri - n, "?immutable=1");
    return connect_file(l, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, err);
}

/* Without creating a file: SQLite would make the two files of the log when they are missing, so it is told by
 * what is there. */
static bool connect_reader(struct ledger *l, struct error *err) {
    char wal[LEDGER_PATH], shm[LEDGER_PATH];
    struct stat log, shared;
    bool held = true;
    side_file(l, "-wal", wal);
    side_file(l, "-shm", shm);
    for (int i = 0; i < START_TRIES && held; i++) {
        if (i) pause_ms(TRY_MS);
        if (!lock_held(l, &held, err)) return false;
        bool has_log = stat(wal, &log) == 0, has_shared = stat(shm, &shared) == 0;
        if (has_log && has_shared) return connect_file(l, l->path, SQLITE_OPEN_READONLY, err);
        if (!held && (!has_log || log.st_size == 0)) return connect_alone(l, err);
    }
    if (held) {
        error_set(err, ERROR_LOCAL, "the ledger %s is just being made by another process", l->path);
        error_code(err, "busy");
        return error_hint(err, "try again in a moment");
    }
    ledger_failed_damaged(l->path, "there are changes in its -wal file, and its -shm file is missing", err);
    return error_hint(err, "put the file back beside it, or run the plan: that makes it again");
}

static bool read_number(struct ledger *l, const char *sql, int64_t *out, struct error *err) {
    sqlite3_stmt *s;
    if (sqlite3_prepare_v2(l->db, sql, -1, &s, NULL) != SQLITE_OK) return ledger_failed(l, err);
    errno = 0; /* ledger_failed may have to look at it */
    bool ok = sqlite3_step(s) == SQLITE_ROW;
    if (ok)
        *out = sqlite3_column_int64(s, 0);
    else
        ledger_failed(l, err);
    sqlite3_finalize(s);
    return ok;
}

/* SQLite notices that whole pages are missing, but fills up a page that was cut with zeros. With nothing in
 * the log (where the pages of a checkpoint that was cut short still are) the file ends with a whole page. */
static bool check_length(struct ledger *l, struct error *err) {
    char wal[LEDGER_PATH];
    struct stat st, log;
    int64_t page;
    side_file(l, "-wal", wal);
    if (!read_number(l, "PRAGMA page_size", &page, err)) return false;
    if (stat(wal, &log) == 0 && log.st_size > 0) return true;
    if (stat(l->path, &st) != 0) return ledger_failed_file(l->path, "cannot be opened", errno, err);
    return st.st_size % page == 0 || ledger_failed_damaged(l->path, "it has been cut", err);
}

/* Whose file is it? Asked before anything in it is changed. *empty: nothing is in it yet. */
static bool identify(struct ledger *l, bool *empty, struct error *err) {
    int64_t application, version, objects;
    if (!read_number(l, "PRAGMA application_id", &application, err)) return false;
    if (!read_number(l, "PRAGMA user_version", &version, err)) return false;
    if (!read_number(l, "SELECT count(*) FROM sqlite_schema", &objects, err)) return false;
    *empty = application == 0 && version == 0 && objects == 0;
    l->version = *empty ? LEDGER_VERSION : (int)version;
    if (*empty) return true;
    if (application != LEDGER_APPLICATION) {
        error_set(err, ERROR_LOCAL, "%s is an SQLite database, but not a ledger", l->path);
        error_code(err, "not-a-ledger");
        return error_hint(err, "name another file with --ledger, or move this one away");
    }
    if (version >= LEDGER_OLDEST && version <= LEDGER_VERSION) return check_length(l, err);
    error_set(err, ERROR_LOCAL, "the ledger %s has version %lld, and this hlua knows version %d", l->path, (long long)version,
              LEDGER_VERSION);
    error_code(err, version > LEDGER_VERSION ? "newer" : "older");
    if (version > LEDGER_VERSION) return error_hint(err, "run it with the hlua that made it, or a newer one");
    return error_hint(err,
                      "finish its runs with the hlua that made it, or move it away and start over with an empty target table");
}

/* Log and durability, for this connection. */
static bool prepare_writer(struct ledger *l, struct error *err) {
    sqlite3_stmt *s;
    int keep = 1;
    if (sqlite3_prepare_v2(l->db, "PRAGMA journal_mode = WAL", -1, &s, NULL) != SQLITE_OK) return ledger_failed(l, err);
    bool ok = sqlite3_step(s) == SQLITE_ROW || ledger_failed(l, err);
    bool wal = ok && sqlite3_stricmp((const char *)sqlite3_column_text(s, 0), "wal") == 0;
    sqlite3_finalize(s);
    if (!ok) return false;
    if (!wal) {
        error_set(err, ERROR_LOCAL, "the ledger %s is on a file system without shared memory for its log", l->path);
        error_code(err, "unwritable");
        return error_hint(err, "name a file on a local disk with --ledger");
    }
    /* FULL: a transaction is on the disk when its COMMIT returns. The limit cuts the log that one large
     * transaction has grown. */
    static const char settings[] = "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 4194304";
    if (sqlite3_exec(l->db, settings, NULL, NULL, NULL) != SQLITE_OK) return ledger_failed(l, err);
    return sqlite3_file_control(l->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep) == SQLITE_OK || ledger_failed(l, err);
}

static bool write_owner(struct ledger *l, struct error *err) {
    static const char sql[] = "INSERT OR REPLACE INTO owner (only_one, pid, host, since) VALUES (1, ?1, ?2, ?3)";
    struct ledger_owner o;
    clock_iso(clock_unix(), o.since, sizeof o.since);
    if (gethostname(o.host, sizeof o.host) != 0) snprintf(o.host, sizeof o.host, "this host");
    o.host[sizeof o.host - 1] = 0;
    return ledger_do(l, sql, L_VALUES(L_INT(getpid()), L_TEXT(o.host), L_TEXT(o.since)), NULL, err);
}

static bool run_embedded(struct ledger *l, const char *name, struct error *err) {
    const struct embedded_file *sql = embedded_find(name);
    if (sql == NULL) return error_set(err, ERROR_LOCAL, "the ledger's schema is not in this program");
    return sqlite3_exec(l->db, sql->data, NULL, NULL, NULL) == SQLITE_OK || ledger_failed(l, err);
}

/* The schema when there is none or an older one, and the new owner, in one transaction. */
static bool move_in(struct ledger *l, bool empty, struct error *err) {
    if (!ledger_begin(l, err)) return false;
    bool ok = true;
    if (empty) ok = run_embedded(l, "src/engine/ledger.sql", err);
    if (l->version < 2) ok = run_embedded(l, "src/engine/ledger_upgrade_2.sql", err);
    if (ok && l->version < 3) ok = run_embedded(l, "src/engine/ledger_upgrade_3.sql", err);
    if (!ledger_finish(l, ok && write_owner(l, err), err)) return false;
    l->version = LEDGER_VERSION;
    return true;
}

/* ---- opening and closing */

/* A folder, a pipe or a device would fail later, and less clearly. *found: something has that name. */
static bool check_file(const struct ledger *l, bool *found, struct error *err) {
    struct stat st;
    *found = stat(l->path, &st) == 0;
    if (*found && S_ISREG(st.st_mode)) return true;
    if (*found) return ledger_failed_file(l->path, "cannot be opened", S_ISDIR(st.st_mode) ? EISDIR : EINVAL, err);
    if (errno == ENOENT || errno == ENOTDIR) return true;
    return ledger_failed_file(l->path, "cannot be opened", errno, err);
}

static bool open_writer(struct ledger *l, struct error *err) {
    bool found, lock_made, empty;
    if (!check_file(l, &found, err) || !make_folder(l, err)) return false;
    if (!take_lock(l, &lock_made, err) || !make_file(l, err)) return false;
    if (!connect_file(l, l->path, SQLITE_OPEN_READWRITE, err) || !identify(l, &empty, err)) {
        char path[LEDGER_PATH];
        side_file(l, ".lock", path);
        if (lock_made) unlink(path); /* nothing is left beside a file that is not ours */
        return false;
    }
    return prepare_writer(l, err) && move_in(l, empty, err);
}

static bool fail_absent(const struct ledger *l, struct error *err) {
    error_set(err, ERROR_LOCAL, "there is no ledger %s", l->path);
    error_code(err, "absent");
    return error_hint(err, "a run of the plan makes it; `--ledger` names another file");
}

static bool open_reader(struct ledger *l, struct error *err) {
    bool found, empty;
    if (!check_file(l, &found, err)) return false;
    if (!found) return fail_absent(l, err);
    if (!connect_reader(l, err) || !identify(l, &empty, err)) return false;
    return empty ? fail_absent(l, err) : true;
}

struct ledger *ledger_open(const char *path, enum ledger_mode mode, struct error *err) {
    struct ledger *l = ledger_new(path, err);
    if (l == NULL) return NULL;
    if (mode == LEDGER_WRITE ? open_writer(l, err) : open_reader(l, err)) return l;
    ledger_close(l);
    return NULL;
}

void ledger_close(struct ledger *l) {
    if (l == NULL) return;
    for (int i = 0; i < LEDGER_STATEMENTS; i++) sqlite3_finalize(l->statements[i].handle);
    sqlite3_close(l->db);             /* its last checkpoint may fail: the log keeps what is saved */
    if (l->lock >= 0) close(l->lock); /* after the file, so that the next owner finds it at rest */
    free(l);
}

bool ledger_owner(struct ledger *l, struct ledger_owner *out, struct error *err) {
    static const char sql[] = "SELECT pid, host, since FROM owner";
    *out = (struct ledger_owner){0};
    if (!lock_held(l, &out->alive, err)) return false;
    struct sqlite3_stmt *s = ledger_start(l, sql, NULL, 0, err);
    if (s == NULL) return false;
    enum ledger_step step = ledger_step(l, s, err);
    if (step == LEDGER_FAILED) return false;
    if (step == LEDGER_END) return true;
    out->pid = (long)sqlite3_column_int64(s, 0);
    snprintf(out->host, sizeof out->host, "%s", (const char *)sqlite3_column_text(s, 1));
    snprintf(out->since, sizeof out->since, "%s", (const char *)sqlite3_column_text(s, 2));
    ledger_end(s);
    return true;
}
