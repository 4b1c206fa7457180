/*
 * Usage: torture [--shallow] [SCENARIO [MACHINE SITE HOW]]
 *
 * Runs every scenario, or one, or one of its runs. HOW is "once", "on" or the number of an errno.
 * Shallow: the first allocations all fail in turn, then ever fewer of them; those of a scenario
 * with thousands take minutes all together.
 */
#include "torture.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "machine.h"
#include "peer.h"
#include "tls/context.h"

struct loop loop;
const struct machine *machine;

/*
 * Asked by a leak checker, which hears of the TLS library's blocks only here: they are counted
 * apart, and run() checks how many were lost. wolfSSL 5.5.4 loses, when it finds no memory for what
 * comes next, and nothing else:
 *   - wolfSSL_X509_get_ext_d2i(), reading a certificate's alternative names: those that it has made
 *     but not put into the list, each of two blocks, by wolfSSL_GENERAL_NAME_new() and
 *     wolfSSL_ASN1_STRING_new(). Of a certificate with our names 2, 4 or 6 in a run.
 *   - choosing a group as a server of TLS 1.3: one entry of the key share, of 72 bytes. What makes
 * it has no symbol, so the library is all that can be named to the checker.
 */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
    return "leak:libwolfssl";
}

/* What goes wrong in one run. */
enum how { FAIL_ONCE, FAIL_ON, FAIL_OPERATION, FAIL_NEVER };

struct disturbance {
    enum how how;
    size_t site; /* the allocation or operation, counted from where the scenario acts */
    int number;  /* the operation's errno */
};

static size_t failures;
static size_t lost; /* blocks, by the TLS library, in all runs of the scenario */
static size_t may_be_lost;

/* ---- failing --------------------------------------------------------------------------------- */

/* The words that repeat the run. A signal handler may only write them. */
static char repeat[128];
static size_t repeat_size;

static void note_run(const struct scenario *scenario, const struct disturbance *disturbance) {
    char how[16] = "once";
    if (disturbance->how == FAIL_ON)
        snprintf(how, sizeof how, "on");
    else if (disturbance->how == FAIL_OPERATION)
        snprintf(how, sizeof how, "%d", disturbance->number);
    repeat_size = (size_t)snprintf(repeat, sizeof repeat, "torture %s %s %zu %s\n", scenario->name,
                                   machine->name, disturbance->site, how);
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

/* Ends in order, so that a leak checker tells where the blocks come from. */
_Noreturn static void fail_for_leak(size_t blocks) {
    fprintf(stderr, "%zd blocks too many are alive\n%s", (ssize_t)blocks, repeat);
    exit(1);
}

size_t torture_failures(void) {
    return failures;
}

void torture_allow_lost_blocks(size_t count) {
    may_be_lost = count;
}

/* ---- going on -------------------------------------------------------------------------------- */

uint64_t torture_now(void) {
    return machine->now();
}

/* True if something happened. */
static bool turn(uint64_t longest) {
    bool happened = peers_turn();
    return machine->turn(&loop, happened ? 0 : longest) || happened;
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
    uint64_t enough = torture_now() + SECOND;
    for (int still = 0; still < STILL_TURNS && !scenario->settled(); still++) {
        if (torture_now() > enough)
            return;
        if (turn(MILLISECOND))
            still = -1;
    }
}

/* ---- one run --------------------------------------------------------------------------------- */

static void act_without_memory(const struct scenario *scenario,
                               const struct disturbance *disturbance) {
    memory_fail_after(disturbance->site, disturbance->how == FAIL_ON ? SIZE_MAX : 1);
    scenario->act();
    turn_until_still(scenario);
    failures = memory_failures();
    memory_fail_after(0, 0);
}

static void act_with_failing_operation(const struct scenario *scenario,
                                       const struct disturbance *disturbance) {
    failures = 1;
    simulated_fail(simulated_operations() + disturbance->site, disturbance->number);
    scenario->act();
    torture_wait(scenario->settled());
    simulated_fail(UINT64_MAX, 0);
}

static void play(const struct scenario *scenario, const struct disturbance *disturbance) {
    note_run(scenario, disturbance);
    scenario->prepare();
    failures = 0;
    if (disturbance->how == FAIL_NEVER)
        scenario->act();
    else if (disturbance->how == FAIL_OPERATION)
        act_with_failing_operation(scenario, disturbance);
    else
        act_without_memory(scenario, disturbance);
    torture_wait(scenario->settled());
    scenario->verify();
    scenario->finish();
    peers_end();
    torture_turn();
}

/* One run. Returns how much failed. */
static size_t run(const struct scenario *scenario, const struct disturbance *disturbance) {
    size_t descriptors = machine->open_descriptors();
    size_t before = memory_live_blocks(), of_tls_before = tls_library_blocks();
    play(scenario, disturbance);
    size_t of_tls = tls_library_blocks() - of_tls_before;
    size_t own = memory_live_blocks() - before - of_tls;
    if (own != 0 || of_tls > may_be_lost)
        fail_for_leak(own + of_tls);
    lost += of_tls;
    torture_wait(machine->open_descriptors() == descriptors); /* the last ones close in a turn */
    return failures;
}

static void open_loop(void) {
    loop_init(&loop, machine->open());
}

static void close_loop(void) {
    loop_fini(&loop);
    machine->close(loop.ring);
}

/* ---- allocations ----------------------------------------------------------------------------- */

/* Runs until nothing fails any more. Returns the number of runs. */
static size_t fail_allocations(const struct scenario *scenario, enum how how, bool shallow) {
    size_t density = how == FAIL_ON ? 9 : 16; /* different ones see more together */
    struct disturbance disturbance = {.how = how};
    for (size_t runs = 1;; runs++) {
        if (run(scenario, &disturbance) == 0)
            return runs;
        disturbance.site += shallow ? 1 + disturbance.site / density : 1;
    }
}

/* ---- operations of the ring ------------------------------------------------------------------ */

/*
 * What may come of each kind, by Linux's manual pages and by what TCP hands up. ECANCELED is not
 * here: only who cancels gets it.
 */
static const int legal[][9] = {
    [OPERATION_ACCEPT] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO, ENETDOWN},
    [OPERATION_CONNECT] = {ECONNREFUSED, ETIMEDOUT, ENETUNREACH, EHOSTUNREACH, ECONNRESET,
                           EADDRNOTAVAIL, EACCES, ENOMEM},
    [OPERATION_RECEIVE] = {ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOMEM},
    [OPERATION_SEND] = {EPIPE, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENOBUFS, ENOMEM},
    [OPERATION_POLL] = {ENOMEM},
};

enum { OPERATIONS_MAX = 4096 };

/* The kinds of the operations that the scenario submits while it acts. Returns how many. */
static size_t list_operations(const struct scenario *scenario, uint8_t *kinds) {
    open_loop();
    note_run(scenario, &(struct disturbance){.how = FAIL_NEVER});
    scenario->prepare();
    failures = 0;
    uint64_t first = simulated_operations();
    scenario->act();
    torture_wait(scenario->settled());
    size_t count = (size_t)(simulated_operations() - first);
    TORTURE_CHECK(count < OPERATIONS_MAX);
    for (size_t i = 0; i < count; i++)
        kinds[i] = simulated_operation_kind(first + i);
    scenario->verify();
    scenario->finish();
    peers_end();
    torture_turn();
    close_loop();
    return count;
}

/* Each in a world of its own, so that the operations are the same again. */
static void fail_operation(const struct scenario *scenario, size_t site, int number) {
    const struct disturbance disturbance = {FAIL_OPERATION, site, number};
    open_loop();
    run(scenario, &disturbance);
    close_loop();
}

static size_t fail_operations(const struct scenario *scenario, bool shallow) {
    static uint8_t kinds[OPERATIONS_MAX];
    size_t count = list_operations(scenario, kinds), runs = 0;
    for (size_t site = 0; site < count; site += shallow ? 1 + site / 32 : 1)
        for (const int *number = legal[kinds[site]]; *number != 0; number++, runs++)
            fail_operation(scenario, site, *number);
    return runs;
}

/* ---- scenarios ------------------------------------------------------------------------------- */

static void begin_scenario(const struct scenario *scenario) {
    lost = may_be_lost = 0;
    open_loop();
    /* whatever libraries set up once is there afterwards */
    play(scenario, &(struct disturbance){.how = FAIL_NEVER});
}

static void torture(const struct scenario *scenario, bool shallow) {
    uint64_t began = clock_monotonic();
    begin_scenario(scenario);
    size_t allocations = fail_allocations(scenario, FAIL_ONCE, shallow);
    allocations += fail_allocations(scenario, FAIL_ON, shallow);
    close_loop();
    size_t operations = machine == &simulated_machine ? fail_operations(scenario, shallow) : 0;
    printf("%-10s %-18s %5zu allocations %5zu operations %6.2f s", machine->name, scenario->name,
           allocations, operations, (double)(clock_monotonic() - began) / (double)SECOND);
    if (lost > 0)
        printf(", %zu blocks lost by a library", lost);
    putchar('\n');
}

static void run_once(const struct scenario *scenario, const char *site, const char *how) {
    struct disturbance disturbance = {.site = strtoul(site, NULL, 10)};
    disturbance.number = (int)strtol(how, NULL, 10);
    if (disturbance.number != 0)
        disturbance.how = FAIL_OPERATION;
    else if (strcmp(how, "on") == 0)
        disturbance.how = FAIL_ON;
    begin_scenario(scenario);
    if (disturbance.how == FAIL_OPERATION) {
        close_loop();
        open_loop();
    }
    run(scenario, &disturbance);
    close_loop();
}

/* Returns how many scenarios there were. */
static size_t run_table(const struct scenario *table, bool shallow, char **arguments) {
    size_t count = 0;
    for (const struct scenario *row = table; row->name != NULL; row++) {
        if (arguments[0] != NULL && strcmp(arguments[0], row->name) != 0)
            continue;
        count++;
        if (arguments[0] == NULL || arguments[1] == NULL)
            torture(row, shallow);
        else if (strcmp(arguments[1], machine->name) == 0 && arguments[2] != NULL &&
                 arguments[3] != NULL)
            run_once(row, arguments[2], arguments[3]);
    }
    return count;
}

int main(int argc, char **argv) {
    char *none[] = {NULL, NULL};
    bool shallow = argc > 1 && strcmp(argv[1], "--shallow") == 0;
    char **arguments = argc > 1 + shallow ? argv + 1 + shallow : none;
    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGABRT, say_how_to_repeat);
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    machine = &real_machine;
    size_t count = run_table(start_scenarios, shallow, arguments);
    count += run_table(hub_scenarios, shallow, arguments);
    count += run_table(fetch_scenarios, shallow, arguments);
    count += run_table(chat_scenarios, shallow, arguments);
    machine = &small_machine; /* it is to get by with little; that is the same for every failure */
    run_table(hub_scenarios, true, arguments);
    run_table(fetch_scenarios, true, arguments);
    machine = &simulated_machine;
    run_table(hub_scenarios, shallow, arguments);
    run_table(fetch_scenarios, shallow, arguments);
    run_table(chat_scenarios, shallow, arguments);
    count += run_table(patient_scenarios, shallow, arguments);
    if (count == 0)
        fprintf(stderr, "torture: no scenario %s\n", arguments[0]);
    return count > 0 ? 0 : 1;
}
