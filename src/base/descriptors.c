#include "base/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

int descriptors_reserve(int wanted) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    if (limit.rlim_cur < (rlim_t)wanted) {
        struct rlimit raised = {.rlim_cur = limit.rlim_max < (rlim_t)wanted ? limit.rlim_max : (rlim_t)wanted,
                                .rlim_max = limit.rlim_max};
        if (setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    }
    int most = limit.rlim_cur < (rlim_t)wanted ? (int)limit.rlim_cur : wanted;
    int last = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC,
                     most - 1); /* the table is as long as its last one wants; without it nothing is lost */
    if (last >= 0) close(last);
    return most;
}
