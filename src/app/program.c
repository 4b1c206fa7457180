#include "app/program.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command.h"
#include "output.h"
#include "versions.h"

static const struct command {
    const char *name;
    int (*run)(int count, char **arguments);
    const char *help;
} commands[] = {
    {"serve", command_serve,
     "usage: ringcast serve [CONFIG]\n\n"
     "Runs the service that CONFIG (default: config.json) describes: fetches its URLs on "
     "schedule,\n"
     "serves the WebSocket hub (default: localhost:8765) and the admin listener (default:\n"
     "localhost:9465: /healthz, /readyz, /metrics). SIGTERM or SIGINT stops it in order; a second\n"
     "one at once.\n"},
    {"fetch", command_fetch,
     "usage: ringcast fetch [OPTION...] [URL|@FILE|-...]\n\n"
     "Fetches URLs concurrently, once, and prints the results in the order of the URLs.\n"
     "@FILE and - (standard input) hold URLs, one a line; # begins a comment line.\n"
     "Without any of them the URLs of the config are fetched.\n\n"
     "  -c CONFIG         take URLs, limits and time-outs from this file\n"
     "  --text, --json, --csv, --auto\n"
     "                    what is printed: lines for people (the default), JSON objects, CSV;\n"
     "                    auto: text on a terminal, JSON elsewhere\n"
     "  --unordered       print results as they come\n"
     "  --fail-fast       the first failure cancels the rest\n"
     "  --resume FILE     leave out what FILE says is done, and note there what succeeds\n"
     "  --save DIR        keep each body there, in a file named after its place and its URL\n"
     "  --concurrency N   fetches at once (default 100)\n"
     "  --per-host N      fetches at once from one host (default 6)\n"
     "  --retries N       after failures that may pass (default 2)\n"
     "  --redirects N     followed at most (default 10)\n"
     "  --timeout TIME    for each URL in all, such as 20s (default 60s)\n"
     "  -X METHOD         in place of GET\n"
     "  -H 'NAME: VALUE'  one more header field; repeatable\n"
     "  --data TEXT|@FILE the request's body, by POST unless -X says otherwise\n"
     "  --basic USER:PASSWORD|@FILE, --bearer TOKEN|@FILE\n"
     "                    credentials, for the URLs' own origins only\n"
     "  --cookies         keep the cookies that origins set, and send them back, until the end\n"
     "  --proxy URL       an http proxy; environment: as http_proxy, https_proxy and no_proxy say\n"
     "  --no-proxy LIST   hosts that are asked without it: names, addresses, ranges, *\n"
     "  --ca FILE         trust these certificate authorities (PEM) instead of the system's\n\n"
     "The first Ctrl-C lets what has begun finish (5 s at most), the second ends at once.\n"
     "Exit code: 0 all well, 1 some failed, 2 wrong arguments, 130 interrupted.\n"},
    {"chat", command_chat,
     "usage: ringcast chat [OPTION...] [URL]\n\n"
     "Joins a channel of a hub (default: ws://localhost:8765): prints what arrives while you "
     "type.\n"
     "'exit', 'quit' or the end of the input leaves, when everything has arrived. wss:// works "
     "too.\n\n"
     "  --channel NAME    in place of the URL's path\n"
     "  --history N       begin with the last N messages (default 20 at a terminal, else 0)\n"
     "  --json            print JSON objects, one a line\n"
     "  --reconnect       connect again whenever it breaks, and go on where it was; at a terminal\n"
     "                    this is so once it was connected\n"
     "  --no-reconnect    never\n"
     "  --token TOKEN|@FILE\n"
     "                    shown to the hub; prefer a file: others can see arguments\n"
     "  --ca FILE         trust these certificate authorities (PEM) instead of the system's\n\n"
     "Exit code: 0 all well, 1 it broke or something was not sent, 2 wrong arguments, 130 "
     "interrupted.\n"},
    {"check", command_check,
     "usage: ringcast check [CONFIG]\n\n"
     "Says what is wrong with CONFIG (default: config.json), where, and what was expected.\n"
     "Exit code: 0 nothing, 2 something.\n"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const char usage[] =
    "usage: ringcast COMMAND [ARGUMENT...]\n\n"
    "  serve [CONFIG]       fetch on schedule and broadcast to WebSocket clients\n"
    "  fetch [URL...|-]     fetch URLs concurrently, once\n"
    "  chat [URL]           talk in a channel from the terminal\n"
    "  check [CONFIG]       check a config file\n\n"
    "'ringcast COMMAND --help' says more; 'ringcast --version' tells versions and features.\n";

static const struct command *find_command(const char *name) {
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static bool asks_for_help(int count, char **arguments) {
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--") == 0)
            return false;
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
    }
    return false;
}

static int run_command(const struct command *command, int count, char **arguments) {
    if (asks_for_help(count, arguments)) {
        fputs(command->help, stdout);
        return EXIT_ALL_WELL;
    }
    /* the service's output is its log; in another command's a log line would pass for a result */
    if (command->run != command_serve)
        log_to_standard_error();
    return command->run(count, arguments);
}

int program_run(int count, char **arguments) {
    const char *name = count > 1 ? arguments[1] : "";
    if (strcmp(name, "--version") == 0) {
        versions_print();
        return EXIT_ALL_WELL;
    }
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        fputs(usage, stdout);
        return EXIT_ALL_WELL;
    }
    const struct command *command = find_command(name);
    if (command != NULL)
        return run_command(command, count - 2, arguments + 2);
    if (name[0] != '\0')
        output_complain("there is no command \"%s\"", name);
    fputs(usage, stderr);
    return EXIT_USAGE;
}
