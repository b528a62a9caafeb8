#include "endpoint/endpoint.h"
#include "endpoint/tls.h"

#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: endpoint --mode sink|store|forward [OPTIONS]\n"
    "A DynamoDB-shaped server on 127.0.0.1, for tests and benchmarks.\n"
    "\n"
    "  --mode sink          say yes to writes and keep nothing\n"
    "  --mode store         keep items in memory, judge them as DynamoDB does, serve Scan and Query\n"
    "  --mode forward       pass requests on to a real engine\n"
    "  --forward URL        that engine: http://ADDRESS:PORT\n"
    "  --port N             the port (0, the default: a free one)\n"
    "  --port-file FILE     write the port there when listening\n"
    "  --fault SPEC         what goes wrong, such as op=BatchWriteItem,n=3,what=throttle; may be repeated\n"
    "  --latency-ms N       hold every answer back for so long\n"
    "  --capacity SPEC      limit writes as DynamoDB does (sink and store): documented, or fields such as "
    "warm=8000,quota-of=together\n"
    "  --log FILE           append one JSON line a request\n"
    "  --log-bodies         with the request's body in base64\n"
    "  --tls CERT KEY       speak TLS with these PEM files\n"
    "  --help               this text\n"
    "\n"
    "Faults, what=: unprocessed (keep=N), throttle (reason=), 5xx (status=), delay (ms=), cut, cut-before, crc,\n"
    "refuse (match=TEXT), error (type=, status=). Which requests: op=, match=, n=, every=, from=, count=.\n"
    "Capacity, as documented where not said: quota=, quota-of=each|together, partition=, warm=, grow=SECONDS, burst=SECONDS,\n"
    "partition-burst=SECONDS, keys=, latency=FROM-TO (ms, 5-15), seed=.\n";

struct options {
    const char *mode, *forward, *port_file, *log, *certificate, *key;
    int port;
    bool log_bodies, help;
    struct endpoint *endpoint; /* faults, mode and latency go there at once */
};

static volatile sig_atomic_t stop;

static void on_signal(int number) {
    (void)number;
    stop = 1;
}

static bool read_number(const char *text, long max, long *value) {
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return errno == 0 && end != text && *end == '\0' && *value >= 0 && *value <= max;
}

static bool read_mode(struct endpoint *e, const char *text, struct error *err) {
    static const char *const names[] = {[MODE_SINK] = "sink", [MODE_STORE] = "store", [MODE_FORWARD] = "forward"};
    for (int i = 0; text && i < 3; i++) {
        if (strcmp(text, names[i]) != 0) continue;
        e->mode = (enum endpoint_mode)i;
        return true;
    }
    return error_set(err, ERROR_USAGE, "--mode is '%s', not sink, store or forward", text ? text : "");
}

static bool read_option(struct options *o, int option, char **argv, int argc, struct error *err) {
    long number;
    switch (option) {
    case 'm': o->mode = optarg; return true;
    case 'f': o->forward = optarg; return true;
    case 'F': o->port_file = optarg; return true;
    case 'l': o->log = optarg; return true;
    case 'b': o->log_bodies = true; return true;
    case 'h': o->help = true; return true;
    case 'c':
        if (o->endpoint->limits) return error_set(err, ERROR_USAGE, "--capacity is given twice");
        o->endpoint->limits = limits_new(optarg, err);
        return o->endpoint->limits != NULL;
    case 'x': return faults_add(&o->endpoint->faults, optarg, err);
    case 'p':
        if (!read_number(optarg, 65535, &number)) return error_set(err, ERROR_USAGE, "--port '%s' is no port", optarg);
        o->port = (int)number;
        return true;
    case 'L':
        if (!read_number(optarg, 3600000, &number))
            return error_set(err, ERROR_USAGE, "--latency-ms '%s' is not 0 to 3600000", optarg);
        o->endpoint->latency_ms = number;
        return true;
    case 't':
        o->certificate = optarg;
        o->key = optind < argc ? argv[optind++] : NULL;
        return o->key || error_set(err, ERROR_USAGE, "--tls needs a certificate and a key");
    default: return error_set(err, ERROR_USAGE, "unknown option, or one without its value: '%s'", argv[optind - 1]);
    }
}

static bool read_options(struct options *o, int argc, char **argv, struct error *err) {
    static const struct option options[] = {
        {"mode", required_argument, NULL, 'm'},     {"forward", required_argument, NULL, 'f'},
        {"port", required_argument, NULL, 'p'},     {"port-file", required_argument, NULL, 'F'},
        {"fault", required_argument, NULL, 'x'},    {"latency-ms", required_argument, NULL, 'L'},
        {"capacity", required_argument, NULL, 'c'}, {"log", required_argument, NULL, 'l'},
        {"log-bodies", no_argument, NULL, 'b'},     {"tls", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},           {0},
    };
    opterr = 0;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (!read_option(o, option, argv, argc, err)) return false;
        if (o->help) return true;
    }
    if (optind < argc) return error_set(err, ERROR_USAGE, "'%s' is not an option", argv[optind]);
    if (!read_mode(o->endpoint, o->mode, err)) return false;
    if ((o->endpoint->mode == MODE_FORWARD) != (o->forward != NULL))
        return error_set(err, ERROR_USAGE, "--forward URL and --mode forward belong together");
    if (o->endpoint->limits && o->forward) return error_set(err, ERROR_USAGE, "--capacity goes with --mode sink and store");
    return true;
}

/* Writes the port to a file, which appears whole. */
static bool write_port(const char *path, int port, struct error *err) {
    char part[4096];
    if ((size_t)snprintf(part, sizeof part, "%s.part", path) >= sizeof part)
        return error_set(err, ERROR_USAGE, "--port-file is too long");
    FILE *file = fopen(part, "w");
    bool ok = file && fprintf(file, "%d\n", port) > 0;
    if (file && fclose(file) != 0) ok = false;
    if (ok && rename(part, path) == 0) return true;
    return error_set(err, ERROR_LOCAL, "cannot write '%s': %s", path, strerror(errno));
}

static bool announce(const struct options *o, int port, struct error *err) {
    if (o->port_file && !write_port(o->port_file, port, err)) return false;
    printf("listening on 127.0.0.1:%d\n", port);
    return fflush(stdout) == 0 || error_set(err, ERROR_LOCAL, "cannot write to standard output: %s", strerror(errno));
}

/* SIGINT and SIGTERM end the loop; they stay blocked outside its wait. */
static void catch_signals(void) {
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* A sink is there to measure its clients: as a service on another machine would not, it must not take their processor from them with
 * every request that arrives (sched(7), SCHED_BATCH). Where that is not allowed it serves all the same. */
static void give_way(enum endpoint_mode mode) {
    if (mode != MODE_SINK || sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) == 0) return;
    fprintf(stderr, "endpoint: no SCHED_BATCH, so that clients are measured as slower: %s\n", strerror(errno));
}

static bool run(const struct options *o, struct error *err) {
    struct endpoint *e = o->endpoint;
    struct server_handler handler = endpoint_handler(e);
    struct tls *tls = NULL;
    struct server *server = NULL;
    give_way(e->mode);
    bool ok = (!o->forward || (e->forward = forward_new(o->forward, err))) &&
              (!o->log || (e->log = log_new(o->log, o->log_bodies, err))) &&
              (!o->certificate || (tls = tls_new(o->certificate, o->key, err))) &&
              (server = server_new(o->port, tls, &handler, err)) && announce(o, server_port(server), err) &&
              server_run(server, &stop, err);
    server_free(server);
    tls_free(tls);
    log_free(e->log);
    forward_free(e->forward);
    return ok;
}

int main(int argc, char **argv) {
    struct error err = {.kind = ERROR_NONE};
    struct endpoint *e = calloc(1, sizeof *e);
    struct options o = {.endpoint = e};
    bool ok = e ? read_options(&o, argc, argv, &err) : error_memory(&err, "starting");
    if (ok && o.help) {
        fputs(help, stdout);
    } else if (ok) {
        catch_signals();
        ok = run(&o, &err);
    }
    if (!ok) fprintf(stderr, "endpoint: %s\n", err.text);
    if (e) catalog_free(&e->catalog);
    if (e) limits_free(e->limits);
    free(e);
    return error_exit_code(err.kind);
}
