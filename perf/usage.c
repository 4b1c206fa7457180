#include "usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

bool usage_processes_parse(struct usage_processes *processes, const char *text) {
    while (*text != '\0') {
        char *end = NULL;
        long id = strtol(text, &end, 10);
        if (end == text || id <= 0 || processes->count == USAGE_PROCESSES_MAX)
            return false;
        processes->ids[processes->count++] = (pid_t)id;
        if (*end != ',' && *end != '\0')
            return false;
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

static uint64_t read_clock(clockid_t clock) {
    struct timespec time = {0};
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * SECOND + (uint64_t)time.tv_nsec;
}

/* The process' CPU clock counts nanoseconds, where /proc/PID/stat has steps of 10 ms. */
static bool add_cpu_clock(pid_t id, struct usage *usage) {
    clockid_t clock = 0;
    if (clock_getcpuclockid(id, &clock) != 0)
        return false;
    usage->cpu_ns += read_clock(clock);
    return true;
}

/* Fields 14 and 15 of proc(5)'s stat. Field 2 may contain anything, so count from its last ')'. */
static bool add_processor_split(pid_t id, struct usage *usage) {
    char path[64];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)id);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    size_t size = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[size] = '\0';
    char *field = strrchr(text, ')');
    for (int number = 2; field != NULL && number < 14; number++)
        field = strchr(field + 1, ' ');
    if (field == NULL)
        return false;
    uint64_t ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK);
    char *end = NULL;
    usage->user_ms += strtoull(field, &end, 10) * 1000 / ticks_per_second;
    usage->system_ms += strtoull(end, NULL, 10) * 1000 / ticks_per_second;
    return true;
}

static bool add_memory(pid_t id, struct usage *usage) {
    char path[64];
    char line[256];
    snprintf(path, sizeof path, "/proc/%d/status", (int)id);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "VmRSS:", 6) == 0)
            usage->resident_kb += strtoull(line + 6, NULL, 10);
        else if (strncmp(line, "VmHWM:", 6) == 0)
            usage->peak_kb += strtoull(line + 6, NULL, 10);
    }
    fclose(file);
    return true;
}

static bool add_descriptors(pid_t id, struct usage *usage) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/fd", (int)id);
    DIR *folder = opendir(path);
    if (folder == NULL)
        return false;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        usage->descriptors += entry->d_name[0] != '.';
    closedir(folder);
    return true;
}

bool usage_read(const struct usage_processes *processes, struct usage *usage) {
    *usage = (struct usage){0};
    for (size_t i = 0; i < processes->count; i++) {
        pid_t id = processes->ids[i];
        if (!add_cpu_clock(id, usage) || !add_processor_split(id, usage) ||
            !add_memory(id, usage) || !add_descriptors(id, usage))
            return false;
    }
    return true;
}

uint64_t usage_now_ns(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t usage_own_cpu_ns(void) {
    return read_clock(CLOCK_PROCESS_CPUTIME_ID);
}
