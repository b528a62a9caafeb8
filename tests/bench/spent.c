/* Runs a command and writes what it took as one JSON line: spent FILE COMMAND [ARGUMENT...].
 *
 * Small on purpose. The system's books of peak memory begin with the memory of the process that forked, so a Python parent
 * would put a floor of its own size under every figure. Memory is that of the largest process among the command and the
 * children that it has waited for; CPU is that of all of them. The exit code is the command's, 127 if it cannot be run. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pid_t child;

/* Who stops us stops the command; we still write what it took. */
static void pass_on(int number) {
    if (child > 0) kill(child, number);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t) {
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int complain(const char *what, const char *name) {
    fprintf(stderr, "spent: cannot %s '%s': %s\n", what, name, strerror(errno));
    return 127;
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fputs("usage: spent FILE COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    double begin = now();
    child = fork();
    if (child < 0) return complain("fork for", argv[2]);
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody waits for it when we are killed */
        execvp(argv[2], argv + 2);
        _exit(complain("run", argv[2]));
    }
    int status;
    struct rusage usage;
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) return complain("wait for", argv[2]);
    }
    double took = now() - begin;
    FILE *file = fopen(argv[1], "w");
    if (file == NULL) return complain("write", argv[1]);
    fprintf(file, "{\"seconds\": %.6f, \"cpu\": %.6f, \"memory_kb\": %ld}\n", took,
            seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
    if (fclose(file) != 0) return complain("write", argv[1]);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
