/*
 * What processes have used: CPU time, memory, descriptors, read from the kernel's /proc. Several
 * processes (a server with workers of its own) are summed up.
 */
#ifndef RINGCAST_PERF_USAGE_H
#define RINGCAST_PERF_USAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { USAGE_PROCESSES_MAX = 64 };

/* The processes that are watched; none is allowed, and reads as zeros. */
struct usage_processes {
    pid_t ids[USAGE_PROCESSES_MAX];
    size_t count;
};

struct usage {
    uint64_t cpu_ns;  /* all threads, user and system, those that ended too */
    uint64_t user_ms; /* the same, split as /proc/PID/stat does, in steps of 10 ms */
    uint64_t system_ms;
    uint64_t resident_kb;
    uint64_t peak_kb; /* the most that was ever resident */
    uint64_t descriptors;
};

/* Adds the ids in "12" or "12,34,56". False when one is no process id or they are too many. */
bool usage_processes_parse(struct usage_processes *processes, const char *text);

/* Reads them now. False when one of the processes is gone. */
bool usage_read(const struct usage_processes *processes, struct usage *usage);

/* The monotonic clock, and the CPU time of this process, which is the load and not the server. */
uint64_t usage_now_ns(void);
uint64_t usage_own_cpu_ns(void);

#endif
