#include "refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>

/* Reads the number behind `key` in a file of "key number" lines; an empty key takes the first. */
static long read_number(const char *path, const char *key) {
    char line[256];
    long number = -1;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return -1;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), "%ld", &number) == 1)
            break;
    }
    fclose(file);
    return number;
}

static void explain_permission(char *text, size_t size) {
    long disabled = read_number("/proc/sys/kernel/io_uring_disabled", "");
    long seccomp = read_number("/proc/self/status", "Seccomp:");
    if (disabled > 0)
        snprintf(
            text, size,
            "kernel.io_uring_disabled is %ld on this machine; 'sysctl kernel.io_uring_disabled=0' "
            "allows it",
            disabled);
    else if (seccomp == 2)
        snprintf(
            text, size,
            "a seccomp filter forbids io_uring, as Docker's and containerd's default profiles do; "
            "run the container with a profile that allows io_uring_setup, io_uring_enter and "
            "io_uring_register");
    else
        snprintf(text, size, "a security policy of this machine forbids io_uring");
}

static void explain_old_kernel(char *text, size_t size) {
    struct utsname system;
    uname(&system);
    snprintf(text, size, "this is Linux %s; ringcast needs Linux 6.1 or newer", system.release);
}

static void explain_memory(char *text, size_t size) {
    struct rlimit locked;
    getrlimit(RLIMIT_MEMLOCK, &locked);
    snprintf(text, size,
             "too little memory may be locked (limit %llu KiB); raise it with 'ulimit -l' or "
             "LimitMEMLOCK=",
             (unsigned long long)locked.rlim_cur / 1024);
}

static void explain_descriptors(char *text, size_t size) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    snprintf(text, size,
             "too few descriptors (limit %llu); raise it with 'ulimit -n' or LimitNOFILE=",
             (unsigned long long)files.rlim_cur);
}

enum error refusal_explain(struct ring_refusal *refusal, const char *call, int number) {
    if (refusal == NULL)
        return error_from_errno(number);
    char cause[240];
    switch (number) {
    case EPERM:
    case EACCES:
        explain_permission(cause, sizeof cause);
        break;
    case ENOSYS:
        snprintf(cause, sizeof cause,
                 "this kernel has no io_uring (built without it, or a sandbox that lacks it)");
        break;
    case EINVAL:
        explain_old_kernel(cause, sizeof cause);
        break;
    case ENOMEM:
        explain_memory(cause, sizeof cause);
        break;
    case EMFILE:
    case ENFILE:
        explain_descriptors(cause, sizeof cause);
        break;
    default:
        snprintf(cause, sizeof cause, "an unexpected answer");
    }
    snprintf(refusal->text, sizeof refusal->text, "%s was refused (%s): %s", call,
             strerror(number), // NOLINT(concurrency-mt-unsafe)
             cause);
    return error_from_errno(number);
}
