/*
 * measure FILE COMMAND...: runs a command and writes what it used to FILE as one JSON object.
 *
 * The runner is a large Python program, and a child's peak memory, as the kernel counts it,
 * includes that of the process it was forked from. This one is small, so its children's numbers are
 * their own. The command dies with this process.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usage.h"

static void run_command(char **command) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(command[0], command);
    fprintf(stderr, "measure: %s: %s\n", command[0], strerror(errno));
    _exit(127);
}

static double seconds_of(struct timeval time) {
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static int exit_code_of(int status) {
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int count, char **texts) {
    int status = 0;
    struct rusage used = {0};
    if (count < 3) {
        fputs("usage: measure FILE COMMAND...\n", stderr);
        return 2;
    }
    uint64_t started_ns = usage_now_ns();
    pid_t child = fork();
    if (child == 0)
        run_command(texts + 2);
    if (child < 0 || wait4(child, &status, 0, &used) != child) {
        fputs("measure: cannot run a command\n", stderr);
        return 2;
    }
    double seconds = (double)(usage_now_ns() - started_ns) / 1e9;
    FILE *file = fopen(texts[1], "we");
    if (file == NULL) {
        fprintf(stderr, "measure: %s: %s\n", texts[1], strerror(errno));
        return 2;
    }
    fprintf(file,
            "{\"exit_code\": %d, \"seconds\": %.6f, \"user_seconds\": %.6f, "
            "\"system_seconds\": %.6f, \"rss_kb_peak\": %ld}\n",
            exit_code_of(status), seconds, seconds_of(used.ru_utime), seconds_of(used.ru_stime),
            used.ru_maxrss);
    return fclose(file) == 0 ? 0 : 2;
}
