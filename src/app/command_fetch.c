/*
 * `ringcast fetch`: one round of fetches. URLs come from the arguments, files and standard input
 * as they are wanted, results go out as they come, and memory depends on neither's number.
 *
 * It ends when all results are out. The first signal lets nothing more begin and gives what is
 * under way some seconds; the second ends the process at once.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "command.h"
#include "fetch/round.h"
#include "fetch_arguments.h"
#include "fetcher.h"
#include "loop/signals.h"
#include "output.h"
#include "progress.h"
#include "resume_file.h"
#include "save_path.h"
#include "url_source.h"
#include "workers.h"

enum { GRACE_SECONDS = 5 };

/* One run of the command. */
struct fetch_run {
    const struct fetch_arguments *arguments;
    const struct config *config;
    struct loop *loop;
    struct session *session;
    struct round round;
    struct signals signals;
    struct url_source source;
    size_t next; /* of the config's URLs, where there are no others */
    struct resume_file resume;
    struct progress progress;
    struct buffer output;
    struct buffer path; /* of the file for a body */
    struct task flush;
    struct timer grace;
    bool interrupted;
    bool source_failed;
    bool output_failed;
    char *cause; /* with --fail-fast: what stopped the rest */
};

/* ---- URLs ------------------------------------------------------------------------------------ */

/* What the arguments say about every URL goes before what the config says about its own. */
static void fill_request(const struct fetch_run *run, struct fetch_request *request) {
    const struct fetch_request *common = &run->arguments->request;
    if (common->method.size > 0)
        request->method = common->method;
    if (common->body.size > 0)
        request->body = common->body;
    if (common->fields.count > 0)
        request->fields = common->fields;
    if (common->authorization != NULL)
        request->authorization = common->authorization;
    if (common->tls.authority_file != NULL)
        request->tls.authority_file = common->tls.authority_file;
}

static enum round_next next_of_config(struct fetch_run *run, struct fetch_request *request) {
    const struct config_urls *urls = &run->config->fetch.urls;
    if (run->next == urls->count)
        return ROUND_END;
    *request = fetcher_request(&urls->entries[run->next++]);
    return ROUND_MORE;
}

static enum round_next next_of_source(struct fetch_run *run, struct fetch_request *request) {
    switch (url_source_next(&run->source, &request->url)) {
    case URL_SOURCE_URL:
        return ROUND_MORE;
    case URL_SOURCE_LATER:
        return ROUND_LATER;
    case URL_SOURCE_ERROR:
        progress_clear(&run->progress);
        output_complain("%s: %s", run->source.failed_name, error_text(run->source.error));
        run->source_failed = true;
        return ROUND_END;
    case URL_SOURCE_END:
    default:
        return ROUND_END;
    }
}

/* Where the body is kept, if it is. False for want of memory. */
static bool choose_file(struct fetch_run *run, struct fetch_request *request) {
    if (run->arguments->save == NULL)
        return true;
    enum error error =
        save_path(run->arguments->save, run->round.started, request->url, &run->path);
    request->save_to = (const char *)run->path.data;
    if (error != ERROR_NONE) {
        output_complain("%s", error_text(error));
        run->source_failed = true;
    }
    return error == ERROR_NONE;
}

static enum round_next next(struct round *round, struct fetch_request *request) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    enum round_next next =
        run->arguments->url_count > 0 ? next_of_source(run, request) : next_of_config(run, request);
    if (next != ROUND_MORE)
        return next;
    if (resume_file_has(&run->resume, round->started, request->url))
        return ROUND_SKIP;
    fill_request(run, request);
    return choose_file(run, request) ? ROUND_MORE : ROUND_END;
}

static void source_ready(struct url_source *source) {
    round_go_on(&container_of(source, struct fetch_run, source)->round);
}

/* ---- results --------------------------------------------------------------------------------- */

/* Nothing more is wanted: what is under way is cancelled, and what waits for input waits no more.
 */
static void give_up(struct fetch_run *run) {
    url_source_stop(&run->source);
    session_stop(run->session);
    round_cancel(&run->round);
    round_go_on(&run->round);
}

/* Nobody reads what is printed: the rest need not be fetched. What was printed counts as done. */
static void write_output(struct fetch_run *run) {
    progress_clear(&run->progress);
    if (!run->output_failed && !output_write(buffer_bytes(&run->output))) {
        run->output_failed = true;
        give_up(run);
    }
    buffer_clear(&run->output);
    if (run->output_failed || run->arguments->resume == NULL)
        return;
    enum error error = resume_file_write(&run->resume);
    if (error != ERROR_NONE) {
        output_complain("%s: %s", run->arguments->resume, error_text(error));
        run->output_failed = true;
        give_up(run);
    }
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

static enum error append_result(struct fetch_run *run, const struct fetch_result *result) {
    switch (run->arguments->format) {
    case FETCH_FORMAT_JSON:
        return fetch_result_append_json(result, &run->output);
    case FETCH_FORMAT_CSV:
        return fetch_result_append_csv(result, &run->output);
    case FETCH_FORMAT_TEXT:
    default:
        return fetch_result_append_text(result, &run->output);
    }
}

static void take_result(struct round *round, const struct fetch_result *result) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    note_cause(run, result);
    enum error error = append_result(run, result);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&run->output, '\n');
    if (error == ERROR_NONE && result->error == ERROR_NONE && run->arguments->resume != NULL)
        error = resume_file_add(&run->resume, result->index, result->url);
    if (error != ERROR_NONE)
        output_complain("a result could not be printed: %s", error_text(error));
    loop_post_turn_end(run->loop, &run->flush);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void signals_closed(struct signals *signals) {
    loop_stop(container_of(signals, struct fetch_run, signals)->loop);
}

static void session_closed(void *context) {
    struct fetch_run *run = context;
    signals_close(&run->signals, signals_closed);
}

static void round_ended(struct round *round) {
    struct fetch_run *run = container_of(round, struct fetch_run, round);
    loop_unpost(&run->flush);
    write_output(run);
    progress_stop(&run->progress);
    loop_stop_timer(run->loop, &run->grace);
    session_close(run->session, session_closed, run);
}

static const struct round_events round_events = {next, NULL, take_result, round_ended};

static void grace_over(struct timer *timer) {
    round_cancel(&container_of(timer, struct fetch_run, grace)->round);
}

static const struct timer_handler grace_handler = {"fetch_grace", grace_over};

static void signal_received(struct signals *signals, int number) {
    struct fetch_run *run = container_of(signals, struct fetch_run, signals);
    if (run->interrupted)
        _exit(128 + number);
    run->interrupted = true;
    url_source_stop(&run->source);
    session_stop(run->session);
    loop_start_timer(run->loop, &run->grace, run->loop->now + GRACE_SECONDS * SECOND);
    round_go_on(&run->round);
}

static int exit_code(const struct fetch_run *run) {
    if (run->interrupted)
        return EXIT_INTERRUPTED;
    if (run->source_failed)
        return EXIT_USAGE;
    return run->round.failed > 0 || run->output_failed ? EXIT_SOME_FAILED : EXIT_ALL_WELL;
}

/* ---- the beginning --------------------------------------------------------------------------- */

/* How many URLs there are, 0 if that is not known before they are read. */
static size_t count_urls(const struct fetch_run *run) {
    if (run->arguments->url_count == 0)
        return run->config->fetch.urls.count;
    return url_source_count(run->loop, run->arguments->urls, run->arguments->url_count);
}

static enum error start(struct fetch_run *run, struct pool *pool) {
    const struct session_options options = fetcher_options(run->config);
    const struct round_options round = {
        .policy = run->arguments->fail_fast ? SCOPE_FAIL_FAST : SCOPE_COLLECT,
        .window = fetcher_window(run->config),
        .unordered = run->arguments->unordered,
    };
    enum error error = session_new(run->loop, pool, &options, &run->session);
    if (error == ERROR_NONE)
        error = signals_open(&run->signals, run->loop, signal_received);
    if (error == ERROR_NONE && run->arguments->format == FETCH_FORMAT_CSV) {
        error = fetch_result_append_csv_head(&run->output);
        if (error == ERROR_NONE)
            error = buffer_append_byte(&run->output, '\n');
    }
    if (error != ERROR_NONE)
        return error;
    run->flush.handler = &flush_handler;
    run->grace.handler = &grace_handler;
    url_source_init(&run->source, run->loop, run->arguments->urls, run->arguments->url_count,
                    source_ready);
    progress_start(&run->progress, &run->round, run->loop,
                   isatty(STDERR_FILENO) ? count_urls(run) : 0);
    return round_start(&run->round, run->session, &round, &round_events);
}

static int fetch_all(struct fetch_run *run) {
    struct workers workers;
    struct ring_refusal refusal;
    struct pool *pool = NULL;
    /* how the loop fares is for those who run a service */
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    limits_raise_descriptors();
    signals_block();
    if (workers_start(&workers, 1, &refusal) != ERROR_NONE) {
        output_complain("%s", refusal.text);
        return EXIT_SOME_FAILED;
    }
    run->loop = workers.loops[0];
    enum error error = pool_new(fetcher_threads(run->config), &pool);
    if (error == ERROR_NONE)
        error = start(run, pool);
    if (error != ERROR_NONE) {
        output_complain("cannot start: %s", error_text(error));
        return EXIT_SOME_FAILED;
    }
    loop_run(run->loop);
    url_source_fini(&run->source);
    pool_free(pool);
    workers_stop(&workers);
    if (run->cause != NULL)
        output_complain("stopped at the first failure: %s", run->cause);
    return exit_code(run);
}

static int run_with(const struct fetch_arguments *arguments, const struct config *config) {
    struct fetch_run run = {.arguments = arguments, .config = config, .resume.descriptor = -1};
    enum error error = ERROR_NONE;
    int code = EXIT_USAGE;
    if (arguments->save != NULL && mkdir(arguments->save, 0777) != 0 && errno != EEXIST) {
        output_complain("%s: %s", arguments->save, strerrordesc_np(errno));
        return code;
    }
    if (arguments->resume != NULL)
        error = resume_file_init(&run.resume, arguments->resume);
    if (error != ERROR_NONE)
        output_complain("%s: %s", arguments->resume, error_text(error));
    else
        code = fetch_all(&run);
    resume_file_fini(&run.resume);
    buffer_fini(&run.output);
    buffer_fini(&run.path);
    memory_free(run.cause);
    return code;
}

int command_fetch(int count, char **arguments) {
    struct fetch_arguments parsed;
    struct config config = {0};
    int code = EXIT_USAGE;
    memory_keep_some();
    if (fetch_arguments_parse(&parsed, count, arguments) &&
        command_load_config(&config, parsed.config) == EXIT_ALL_WELL) {
        if (!fetch_arguments_apply(&parsed, &config.fetch))
            output_complain("%s", error_text(ERROR_NO_MEMORY));
        else if (parsed.url_count == 0 && parsed.config == NULL)
            output_complain("no URLs; see 'ringcast fetch --help'");
        else
            code = run_with(&parsed, &config);
    }
    config_fini(&config);
    fetch_arguments_fini(&parsed);
    return code;
}
