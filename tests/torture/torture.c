/*
 * Usage: torture [--shallow] [SCENARIO [SITE [once|on]]]
 *
 * Runs every scenario, or one, or one of its runs. Shallow: the first allocations all fail in turn,
 * then ever fewer of them; those of a scenario with thousands take minutes all together.
 */
#include "torture.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "peer.h"
#include "tls_peer.h"

struct loop loop;

/* Asked by a leak checker: what torture_allow_lost_blocks() allows. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libwolfssl";
}

/* Of the run that is under way: for the sentence that repeats it. */
static const char *scenario_name;
static size_t site, failures;
static size_t lost; /* blocks, by libraries, in all runs of the scenario */
static size_t may_be_lost;
static bool fails_on;

/* The words that repeat the run. A signal handler may only write them. */
static char repeat[128];
static size_t repeat_size;

static void note_run(void) {
    repeat_size = (size_t)snprintf(repeat, sizeof repeat, "torture %s %zu %s\n", scenario_name,
                                   site, fails_on ? "on" : "once");
}

/* Also when an assertion of the program or a sanitizer ends it. */
static void say_how_to_repeat(int number) {
    ssize_t written = write(STDERR_FILENO, repeat, repeat_size);
    (void)written;
    signal(number, SIG_DFL);
    raise(number);
}

_Noreturn void torture_fail(const char *what, const char *condition, int line) {
    fprintf(stderr, "line %d: %s: %s\n", line, what, condition);
    abort();
}

size_t torture_failures(void) {
    return failures;
}

void torture_allow_lost_blocks(size_t count) {
    may_be_lost = count;
}

static uint64_t completions(void) {
    return loop.ring->statistics.completions;
}

/* True if something happened. */
static bool turn(uint64_t longest) {
    uint64_t before = completions();
    bool happened = peers_turn();
    happened |= tls_peers_turn();
    loop_turn(&loop, happened || longest == 0 ? 0 : ring_now(loop.ring) + longest);
    return happened || completions() != before;
}

void torture_turn(void) {
    turn(MILLISECOND);
}

void torture_turn_at_once(void) {
    turn(0);
}

/*
 * Without memory not everything can settle; when nothing has happened for a few turns, it has gone
 * as far as it can.
 */
static void turn_until_still(const struct scenario *scenario) {
    enum { STILL_TURNS = 6 };
    for (int still = 0; still < STILL_TURNS && !scenario->settled(); still++) {
        if (turn(MILLISECOND))
            still = -1;
    }
}

static void run_without_memory(const struct scenario *scenario, size_t skip, size_t count) {
    memory_fail_after(skip, count);
    scenario->act();
    turn_until_still(scenario);
    failures = memory_failures();
    memory_fail_after(0, 0);
}

static void play(const struct scenario *scenario, size_t skip, size_t count) {
    scenario->prepare();
    run_without_memory(scenario, skip, count);
    torture_wait(scenario->settled());
    scenario->verify();
    scenario->finish();
    peers_end();
    torture_turn();
}

/* Ends in order, so that a leak checker tells where the blocks come from. */
_Noreturn static void fail_for_leak(size_t blocks) {
    fprintf(stderr, "%zd blocks too many are alive\n%s", (ssize_t)blocks, repeat);
    exit(1);
}

/* One run. Returns how many allocations failed. */
static size_t run(const struct scenario *scenario, size_t skip, size_t count) {
    size_t descriptors = limits_open_descriptors(), blocks = memory_live_blocks();
    note_run();
    play(scenario, skip, count);
    size_t alive = memory_live_blocks();
    if (alive < blocks || alive - blocks > may_be_lost)
        fail_for_leak(alive - blocks);
    lost += alive - blocks;
    TORTURE_CHECK(limits_open_descriptors() == descriptors);
    return failures;
}

static void open_loop(void) {
    struct ring *ring;
    struct ring_refusal refusal;
    const struct ring_options options = {.entries = 64, .buffer_count = 16, .buffer_size = 2048};
    if (ring_open(&options, &ring, &refusal) != ERROR_NONE) {
        fprintf(stderr, "torture: %s\n", refusal.text);
        exit(1);
    }
    loop_init(&loop, ring);
}

static void close_loop(void) {
    loop_fini(&loop);
    ring_free(loop.ring);
}

/* Runs until nothing fails any more. Returns the number of runs. */
static size_t run_all(const struct scenario *scenario, bool shallow) {
    enum { DENSITY_ONCE = 16, DENSITY_ON = 9 }; /* different ones see more together */
    size_t runs = 0;
    for (int on = 0; on <= 1; on++) {
        size_t density = on ? DENSITY_ON : DENSITY_ONCE;
        fails_on = on == 1;
        for (site = 0;; site += shallow ? 1 + site / density : 1) {
            runs++;
            if (run(scenario, site, fails_on ? SIZE_MAX : 1) == 0)
                break;
        }
    }
    return runs;
}

static void run_scenario(const struct scenario *scenario, bool shallow, const char *only_site,
                         const char *mode) {
    uint64_t began = clock_monotonic();
    scenario_name = scenario->name;
    open_loop();
    site = 0;
    lost = may_be_lost = 0;
    fails_on = false;
    note_run();
    play(scenario, 0, 0); /* whatever libraries set up once is there afterwards */
    size_t runs = 1;
    if (only_site != NULL) {
        site = strtoul(only_site, NULL, 10);
        fails_on = mode != NULL && strcmp(mode, "on") == 0;
        run(scenario, site, fails_on ? SIZE_MAX : 1);
    } else {
        runs = run_all(scenario, shallow);
    }
    close_loop();
    printf("%-24s %6zu runs %7.2f s", scenario->name, runs,
           (double)(clock_monotonic() - began) / (double)SECOND);
    if (lost > 0)
        printf(", %zu blocks lost by a library", lost);
    putchar('\n');
}

int main(int argc, char **argv) {
    const struct scenario *const tables[] = {start_scenarios, hub_scenarios, fetch_scenarios};
    size_t ran = 0;
    bool shallow = argc > 1 && strcmp(argv[1], "--shallow") == 0;
    argc -= shallow;
    argv += shallow;
    const char *only = argc > 1 ? argv[1] : NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGABRT, say_how_to_repeat);
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct scenario *row = tables[i]; row->name != NULL; row++)
            if (only == NULL || strcmp(only, row->name) == 0) {
                run_scenario(row, shallow, argc > 2 ? argv[2] : NULL, argc > 3 ? argv[3] : NULL);
                ran++;
            }
    if (ran == 0)
        fprintf(stderr, "torture: no scenario %s\n", only);
    return ran > 0 ? 0 : 1;
}
