/*
 * The load generator for WebSocket hubs: reads its options and starts one of the two runs,
 * broadcast (the default) or churn. One thread, plain sockets, nothing of ringcast's own code: it
 * can measure any hub that sends what one client says to all others.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "broadcast.h"
#include "churn.h"

static const char usage_text[] =
    "usage: hub_load --url ws://ADDRESS:PORT/PATH [--pid PID[,PID...]]\n"
    "  broadcast: [--readers N] [--publishers N] [--stuck N] [--size BYTES] [--messages N]\n"
    "             [--warmup N] [--in-flight N] [--batch N]\n"
    "  churn:     --churn CONNECTIONS [--concurrent N] [--ending clean|reset|half|mixed]\n"
    "  both:      [--patience SECONDS]\n"
    "Prints one line of JSON. Exit code: 0 all well, 1 something was lost, 2 it could not run.\n";

static const struct option option_table[] = {
    {"url", required_argument, NULL, 'u'},
    {"pid", required_argument, NULL, 'p'},
    {"readers", required_argument, NULL, 'r'},
    {"publishers", required_argument, NULL, 'P'},
    {"stuck", required_argument, NULL, 's'},
    {"size", required_argument, NULL, 'z'},
    {"messages", required_argument, NULL, 'm'},
    {"warmup", required_argument, NULL, 'w'},
    {"in-flight", required_argument, NULL, 'k'},
    {"batch", required_argument, NULL, 'b'},
    {"churn", required_argument, NULL, 'c'},
    {"concurrent", required_argument, NULL, 'C'},
    {"ending", required_argument, NULL, 'e'},
    {"patience", required_argument, NULL, 't'},
    {NULL, 0, NULL, 0},
};

struct arguments {
    const char *url;
    struct broadcast_options broadcast;
    struct churn_options churn;
};

static bool read_count(const char *text, uint32_t low, uint32_t high, uint32_t *value) {
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    *value = (uint32_t)number;
    return end != text && *end == '\0' && number >= low && number <= high;
}

static bool read_ending(const char *text, enum churn_ending *ending) {
    static const char *const names[] = {"clean", "reset", "half", "mixed"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *ending = (enum churn_ending)i;
            return true;
        }
    }
    return false;
}

static bool read_option(struct arguments *arguments, int letter, const char *text) {
    struct broadcast_options *broadcast = &arguments->broadcast;
    switch (letter) {
    case 'u':
        arguments->url = text;
        return true;
    case 'p':
        return usage_processes_parse(&broadcast->server, text);
    case 'r':
        return read_count(text, 0, 200000, &broadcast->readers);
    case 'P':
        return read_count(text, 1, MESSAGE_PUBLISHERS_MAX, &broadcast->publishers);
    case 's':
        return read_count(text, 0, 200000, &broadcast->stuck);
    case 'z':
        return read_count(text, MESSAGE_SIZE_MIN, 64U << 20, &broadcast->size);
    case 'm':
        return read_count(text, 1, 100000000, &broadcast->messages);
    case 'w':
        return read_count(text, 0, 1000000, &broadcast->warmup);
    case 'k':
        return read_count(text, 1, 1000000, &broadcast->in_flight);
    case 'b':
        return read_count(text, 1, 10000, &broadcast->batch);
    case 'c':
        return read_count(text, 1, 1000000000, &arguments->churn.connections);
    case 'C':
        return read_count(text, 1, 10000, &arguments->churn.concurrent);
    case 'e':
        return read_ending(text, &arguments->churn.ending);
    case 't':
        return read_count(text, 1, 3600, &broadcast->patience_s);
    default:
        return false;
    }
}

static bool read_arguments(struct arguments *arguments, int count, char **texts) {
    for (int letter = getopt_long(count, texts, "", option_table, NULL); letter != -1;
         letter = getopt_long(count, texts, "", option_table, NULL))
        if (!read_option(arguments, letter, optarg))
            return false;
    struct broadcast_options *broadcast = &arguments->broadcast;
    arguments->churn.server = broadcast->server;
    arguments->churn.patience_s = broadcast->patience_s;
    return optind == count && arguments->url != NULL &&
           broadcast->readers + broadcast->publishers >= 2 &&
           client_target_parse(&broadcast->target, arguments->url) &&
           client_target_parse(&arguments->churn.target, arguments->url);
}

/* As many descriptors as are allowed, or as a privileged user may take. */
static void raise_descriptor_limit(rlim_t wanted) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted)
        return;
    struct rlimit higher = {.rlim_cur = wanted, .rlim_max = wanted};
    if (wanted > limit.rlim_max && setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int count, char **texts) {
    struct arguments arguments = {
        .broadcast = {.readers = 100,
                      .publishers = 1,
                      .size = 64,
                      .messages = 100,
                      .warmup = 5,
                      .in_flight = 1,
                      .batch = 100,
                      .patience_s = 10},
        .churn = {.concurrent = 50},
    };
    if (!read_arguments(&arguments, count, texts)) {
        fputs(usage_text, stderr);
        return 2;
    }
    if (arguments.churn.connections > 0) {
        raise_descriptor_limit(arguments.churn.concurrent + 100);
        return churn_run(&arguments.churn);
    }
    const struct broadcast_options *broadcast = &arguments.broadcast;
    raise_descriptor_limit(broadcast->readers + broadcast->publishers + broadcast->stuck + 100);
    return broadcast_run(broadcast);
}
