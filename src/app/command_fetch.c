#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "command.h"
#include "fetch/round.h"
#include "fetcher.h"
#include "loop/signals.h"
#include "output.h"
#include "url_list.h"
#include "workers.h"

enum { PROGRESS_MILLISECONDS = 200, OUTPUT_AT_ONCE = 64 * 1024 };

struct fetch_arguments {
    const char *config;
    bool json;
    bool fail_fast;
    bool concurrency_given, per_host_given;
    unsigned concurrency, per_host;
    int first_url; /* index of the first argument that is a URL; the count when there is none */
};

/* One run of the command. */
struct fetch_run {
    const struct fetch_arguments *arguments;
    struct loop *loop;
    struct session *session;
    struct round round;
    struct signals signals;
    struct url_list urls;
    size_t next;
    struct buffer output;
    struct task flush;
    struct timer progress;
    bool progress_shown;
    bool interrupted;
    bool cancelled;
    bool output_failed;
    uint64_t started;
    char *cause; /* with --fail-fast: what stopped the rest */
};

/* ---- arguments ------------------------------------------------------------------------------ */

static bool parse_count(const char *option, const char *text, unsigned *count) {
    uint64_t value;
    if (text == NULL || !bytes_to_unsigned(bytes_of(text), &value) || value < 1 || value > 10000) {
        output_complain("%s: found %s, expected a number from 1 to 10000", option,
                        text == NULL ? "nothing" : text);
        return false;
    }
    *count = (unsigned)value;
    return true;
}

static bool parse_option(struct fetch_arguments *parsed, int count, char **arguments, int *at) {
    const char *option = arguments[*at];
    const char *value = *at + 1 < count ? arguments[*at + 1] : NULL;
    if (strcmp(option, "--json") == 0) {
        parsed->json = true;
        return true;
    }
    if (strcmp(option, "--fail-fast") == 0) {
        parsed->fail_fast = true;
        return true;
    }
    ++*at;
    if (strcmp(option, "-c") == 0) {
        parsed->config = value;
        if (value == NULL)
            output_complain("-c: found nothing, expected the path of a config file");
        return value != NULL;
    }
    if (strcmp(option, "--concurrency") == 0) {
        parsed->concurrency_given = true;
        return parse_count(option, value, &parsed->concurrency);
    }
    if (strcmp(option, "--per-host") == 0) {
        parsed->per_host_given = true;
        return parse_count(option, value, &parsed->per_host);
    }
    output_complain("fetch has no option %s; see 'ringcast fetch --help'", option);
    return false;
}

static bool parse_arguments(struct fetch_arguments *parsed, int count, char **arguments) {
    int at = 0;
    for (; at < count; at++) {
        if (strcmp(arguments[at], "--") == 0) {
            at++;
            break;
        }
        if (arguments[at][0] != '-' || arguments[at][1] == '\0')
            break;
        if (!parse_option(parsed, count, arguments, &at))
            return false;
    }
    parsed->first_url = at;
    return true;
}

/* ---- URLs ----------------------------------------------------------------------------------- */

/* From the arguments, where - stands for standard input; without any, from the config. */
static enum error gather_urls(struct fetch_run *run, const struct config *config, int count,
                              char **arguments) {
    int first = run->arguments->first_url;
    enum error error = ERROR_NONE;
    for (int i = first; i < count && error == ERROR_NONE; i++)
        error = strcmp(arguments[i], "-") == 0 ? url_list_read(&run->urls, STDIN_FILENO)
                                               : url_list_add(&run->urls, bytes_of(arguments[i]));
    for (size_t i = 0; first == count && i < config->fetch.urls.count && error == ERROR_NONE; i++)
        error = url_list_add(&run->urls, bytes_of(config->fetch.urls.entries[i].url));
    return error;
}

static enum round_next next(struct round *round, struct fetch_request *request) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    if (run->next == run->urls.count)
        return ROUND_END;
    request->url = url_list_at(&run->urls, run->next++);
    return ROUND_MORE;
}

/* ---- progress ------------------------------------------------------------------------------- */

static void clear_progress(struct fetch_run *run) {
    if (run->progress_shown)
        fputs("\r\033[K", stderr);
    run->progress_shown = false;
}

static void show_progress(struct timer *timer) {
    struct fetch_run *run = container_of(timer, struct fetch_run, progress);
    const struct session_statistics *statistics = session_statistics(run->session);
    uint64_t done = counter_read(&statistics->fetches);
    double seconds = (double)(run->loop->now - run->started) / (double)SECOND;
    clear_progress(run);
    fprintf(stderr, "%llu of %zu, %llu failed, %.0f a second", (unsigned long long)done,
            run->urls.count, (unsigned long long)(done - counter_read(&statistics->succeeded)),
            seconds > 0 ? (double)done / seconds : 0);
    fflush(stderr);
    run->progress_shown = true;
    loop_start_timer(run->loop, timer, run->loop->now + PROGRESS_MILLISECONDS * MILLISECOND);
}

static const struct timer_handler progress_handler = {"fetch_progress", show_progress};

/* ---- results -------------------------------------------------------------------------------- */

/* Nobody reads what is printed: the rest need not be fetched. */
static void write_output(struct fetch_run *run) {
    clear_progress(run);
    if (!run->output_failed && !output_write(buffer_bytes(&run->output))) {
        run->output_failed = true;
        run->cancelled = true;
        round_cancel(&run->round);
    }
    buffer_clear(&run->output);
}

static void flush(struct task *task) {
    write_output(container_of(task, struct fetch_run, flush));
}

static const struct task_handler flush_handler = {"fetch_output", flush};

static void note_cause(struct fetch_run *run, const struct fetch_result *result) {
    struct buffer text = {0};
    if (!run->arguments->fail_fast || run->cause != NULL || !run->round.has_cause ||
        run->round.cause != result->index)
        return;
    if (buffer_format(&text, "%s: %s", result->url, result->detail) == ERROR_NONE)
        run->cause = memory_copy_text((const char *)text.data, text.size);
    buffer_fini(&text);
}

static void take_result(struct round *round, const struct fetch_result *result) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    note_cause(run, result);
    enum error error = run->arguments->json ? fetch_result_append_json(result, &run->output)
                                            : fetch_result_append_text(result, &run->output);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&run->output, '\n');
    if (error != ERROR_NONE)
        output_complain("a result could not be printed: %s", error_text(error));
    loop_post_turn_end(run->loop, &run->flush);
}

static void signals_closed(struct signals *signals) {
    loop_stop(container_of(signals, struct fetch_run, signals)->loop);
}

static void session_closed(void *context) {
    struct fetch_run *run = context;
    signals_close(&run->signals, signals_closed);
}

static void round_ended(struct round *round) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    loop_stop_timer(run->loop, &run->progress);
    loop_unpost(&run->flush);
    write_output(run);
    session_close(run->session, session_closed, run);
}

static const struct round_events round_events = {next, take_result, round_ended};

/* ---- running -------------------------------------------------------------------------------- */

static void signal_received(struct signals *signals, int number) {
    struct fetch_run *run = container_of(signals, struct fetch_run, signals);
    if (run->interrupted)
        _exit(128 + number);
    run->interrupted = true;
    round_cancel(&run->round);
}

static int exit_code(const struct fetch_run *run) {
    if (run->interrupted)
        return EXIT_INTERRUPTED;
    return run->round.failed > 0 || run->output_failed ? EXIT_SOME_FAILED : EXIT_ALL_WELL;
}

static enum error start(struct fetch_run *run, struct pool *pool, const struct config *config) {
    const struct session_options options = fetcher_options(config);
    const struct round_options round = {
        .policy = run->arguments->fail_fast ? SCOPE_FAIL_FAST : SCOPE_COLLECT,
        .window = fetcher_window(config),
    };
    enum error error = session_new(run->loop, pool, &options, &run->session);
    if (error == ERROR_NONE)
        error = signals_open(&run->signals, run->loop, signal_received);
    run->started = run->loop->now;
    run->flush.handler = &flush_handler;
    run->progress.handler = &progress_handler;
    if (error == ERROR_NONE && isatty(STDERR_FILENO))
        loop_start_timer(run->loop, &run->progress,
                         run->loop->now + PROGRESS_MILLISECONDS * MILLISECOND);
    if (error == ERROR_NONE)
        error = round_start(&run->round, run->session, &round, &round_events);
    return error;
}

static int fetch_all(struct fetch_run *run, const struct config *config) {
    struct workers workers;
    struct ring_refusal refusal;
    struct pool *pool = NULL;
    log_to_standard_error();
    log_configure(LOG_ERROR,
                  LOG_FORMAT_TEXT); /* how the loop fares is for those who run a service */
    limits_raise_descriptors();
    signals_block();
    if (workers_start(&workers, 1, &refusal) != ERROR_NONE) {
        output_complain("%s", refusal.text);
        return EXIT_SOME_FAILED;
    }
    run->loop = workers.loops[0];
    enum error error = pool_new(fetcher_threads(config), &pool);
    if (error == ERROR_NONE)
        error = start(run, pool, config);
    if (error != ERROR_NONE) {
        output_complain("cannot start: %s", error_text(error));
        return EXIT_SOME_FAILED;
    }
    loop_run(run->loop);
    pool_free(pool);
    workers_stop(&workers);
    if (run->cause != NULL)
        output_complain("stopped at the first failure: %s", run->cause);
    return exit_code(run);
}

int command_fetch(int count, char **arguments) {
    struct fetch_arguments parsed = {0};
    struct config config;
    if (!parse_arguments(&parsed, count, arguments) ||
        command_load_config(&config, parsed.config) != EXIT_ALL_WELL)
        return EXIT_USAGE;
    if (parsed.concurrency_given)
        config.fetch.concurrency = parsed.concurrency;
    if (parsed.per_host_given)
        config.fetch.per_host = parsed.per_host;
    struct fetch_run run = {.arguments = &parsed};
    enum error error = gather_urls(&run, &config, count, arguments);
    int code = EXIT_USAGE;
    if (error != ERROR_NONE)
        output_complain("the URLs could not be read: %s", error_text(error));
    else if (run.urls.count == 0 && parsed.first_url == count && parsed.config == NULL)
        output_complain("no URLs; see 'ringcast fetch --help'");
    else
        code = fetch_all(&run, &config);
    url_list_fini(&run.urls);
    buffer_fini(&run.output);
    memory_free(run.cause);
    config_fini(&config);
    return code;
}
