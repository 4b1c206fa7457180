#include "base/limits.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

size_t limits_raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return limits_descriptors();
}

size_t limits_descriptors(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 0;
}

size_t limits_open_descriptors(void) {
    DIR *folder = opendir("/proc/self/fd");
    size_t count = 0;
    if (folder == NULL)
        return 0;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count - 3; /* the folder's own descriptor, "." and ".." */
}

static unsigned affinity(void) {
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
}

/* Processors that a quota of microseconds a period amounts to, rounded up; 0: no quota. */
static unsigned quota_processors(long quota, long period) {
    return quota > 0 && period > 0 ? (unsigned)((quota + period - 1) / period) : 0;
}

static long read_long(const char *path) {
    long value = -1;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    if (fscanf(file, "%ld", &value) != 1)
        value = -1;
    fclose(file);
    return value;
}

static unsigned group_quota(void) {
    long quota = -1, period = -1;
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    if (file != NULL) {
        /* version 2: "max 100000" or "50000 100000" */
        if (fscanf(file, "%ld %ld", &quota, &period) != 2)
            quota = -1;
        fclose(file);
        return quota_processors(quota, period);
    }
    return quota_processors(read_long("/sys/fs/cgroup/cpu/cpu.cfs_quota_us"),
                            read_long("/sys/fs/cgroup/cpu/cpu.cfs_period_us"));
}

unsigned limits_processors(void) {
    unsigned processors = affinity();
    unsigned quota = group_quota();
    if (quota > 0 && quota < processors)
        processors = quota;
    return processors > 0 ? processors : 1;
}

size_t limits_resident_memory(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(file);
    return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}
