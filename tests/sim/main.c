/*
 * The campaign: runs seeds, says which failed and with which faults, and whether everything that
 * must happen sometimes has happened.
 *
 *     sim [--seeds N] [--first SEED] [--complete] [--stop]
 *                                                   N seeds; --complete: what never happened
 *                                                   fails
 *                                                   --stop: at the first failure
 *     sim --seed SEED [--only FAULT,…] [--trace] one seed
 *
 * Seeds run in a child process: one that a seed has brought down is replaced, and the seed counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "world.h"

enum { FAILURES_MAX = 10, TWICE_EVERY = 100, CHILD_SECONDS = 60 };

/* Shared with the children. */
struct campaign {
    uint64_t next; /* the seed that runs, or runs next */
    uint64_t done;
    struct verdict verdict;
    struct sightings tally;
};

struct arguments {
    uint64_t seeds, first;
    uint64_t without;
    bool one, trace, complete, stop;
};

static struct campaign *campaign;

/* ---- one seed -------------------------------------------------------------------------------- */

static void run_seed(uint64_t seed, uint64_t without, FILE *trace, struct verdict *verdict) {
    verdict->failed = true;
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        verdict->struck[i] = 1; /* as far as is known when it ends here */
    snprintf(verdict->failure, sizeof verdict->failure, "it brought the program down");
    world_run(seed, without, trace, &campaign->tally, verdict);
}

/* One in a hundred runs again: the same seed must be the same run. */
static void run_and_compare(uint64_t seed, uint64_t without, struct verdict *verdict) {
    run_seed(seed, without, NULL, verdict);
    if (verdict->failed || seed % TWICE_EVERY != 0)
        return;
    uint64_t hash = verdict->hash;
    run_seed(seed, without, NULL, verdict);
    if (!verdict->failed && verdict->hash != hash) {
        verdict->failed = true;
        snprintf(verdict->failure, sizeof verdict->failure, "a second run went another way");
    }
}

/* In a child, whose standard error is only wanted when a person looks at this one seed. */
static bool fails(uint64_t seed, uint64_t without, bool quiet) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (quiet)
            dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
        alarm(CHILD_SECONDS);
        run_and_compare(seed, without, &campaign->verdict);
        _exit(campaign->verdict.failed ? EXIT_FAILURE : EXIT_SUCCESS);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return status != 0;
}

/* ---- what makes it fail ---------------------------------------------------------------------- */

static void print_faults(uint64_t without, const uint64_t *struck) {
    const char *between = "";
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if ((without >> i & 1) != 0 || struck[i] == 0)
            continue;
        printf("%s%s", between, sim_fault_name((enum sim_fault)i));
        between = ",";
    }
    printf("%s", *between == '\0' ? "none" : "");
}

/* Switches faults off one by one, as long as the seed still fails. */
static uint64_t shrink(uint64_t seed, uint64_t without) {
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        uint64_t fewer = without | (uint64_t)1 << i;
        if (fewer != without && fails(seed, fewer, true))
            without = fewer;
    }
    return without;
}

static void report_failure(const char *program, uint64_t seed, uint64_t without) {
    printf("seed %llu FAILED: %s\n", (unsigned long long)seed, campaign->verdict.failure);
    fflush(stdout);
    without = shrink(seed, without);
    fails(seed, without, false);
    printf("  with the faults that it needs: %s\n  replay: %s --seed %llu --trace --only ",
           campaign->verdict.failure, program, (unsigned long long)seed);
    print_faults(without, campaign->verdict.struck);
    printf("\n");
    fflush(stdout);
}

/* ---- what must happen sometimes -------------------------------------------------------------- */

static const char *const sometimes_texts[] = {
#define SOMETIMES_TEXT_ROW(constant, text) text,
    SOMETIMES_TABLE(SOMETIMES_TEXT_ROW)
#undef SOMETIMES_TEXT_ROW
};

static unsigned never_count;

static void report_row(const char *kind, const char *name, uint64_t count, bool all) {
    if (count == 0) {
        printf("NEVER: %s %s\n", kind, name);
        never_count++;
    } else if (all) {
        printf("%10llu %s %s\n", (unsigned long long)count, kind, name);
    }
}

/* Errors that no URL of the simulated service can end in: see docs/simulation.md. */
static bool is_kind_out_of_reach(const char *kind) {
    return strcmp(kind, "url") == 0 || strcmp(kind, "save") == 0;
}

static const char *const client_names[] = {
#define CLIENT_NAME_ROW(name) #name,
    CLIENT_TABLE(CLIENT_NAME_ROW)
#undef CLIENT_NAME_ROW
};

static const char *const page_names[] = {
#define PAGE_NAME_ROW(name, may, must) #name,
    PAGE_TABLE(PAGE_NAME_ROW)
#undef PAGE_NAME_ROW
};

static const char *const host_names[] = {
#define HOST_NAME_ROW(name, can) #name,
    HOST_TABLE(HOST_NAME_ROW)
#undef HOST_NAME_ROW
};

/* Every byte, and a line for those only at which it never happened. */
static void report_cuts(const struct sightings *tally, bool all) {
    uint64_t fewest = UINT64_MAX;
    char number[12];
    for (unsigned i = 0; i < CUT_AT_EVERY_BYTE; i++) {
        snprintf(number, sizeof number, "%u", i);
        report_row("end of a client at byte", number, tally->cuts[i], false);
        fewest = tally->cuts[i] < fewest ? tally->cuts[i] : fewest;
    }
    if (fewest > 0)
        report_row("ends of clients", "at each byte, at least", fewest, all);
}

static void report_peers(const struct sightings *tally, bool all) {
    for (unsigned i = 0; i < CLIENT_KINDS; i++)
        report_row("client", client_names[i], tally->clients[i], all);
    for (unsigned i = 0; i < HOST_KINDS; i++)
        report_row("host", host_names[i], tally->hosts[i], all);
    for (unsigned i = 0; i < PAGE_KINDS; i++)
        report_row("page", page_names[i], tally->pages[i], all);
    report_cuts(tally, all);
}

static void report_tally(const struct sightings *tally, bool all) {
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        report_row("fault", sim_fault_name((enum sim_fault)i), tally->faults[i], all);
    for (unsigned i = 0; i < CLOSE_REASON_COUNT; i++)
        report_row("close reason", close_reason_row((enum close_reason)i)->name, tally->reasons[i],
                   all);
    for (unsigned i = 0; fetch_error_kind_at(i) != NULL; i++)
        if (!is_kind_out_of_reach(fetch_error_kind_at(i)))
            report_row("fetch error", fetch_error_kind_at(i), tally->kinds[i], all);
    for (unsigned i = 0; i < SOMETIMES_COUNT; i++)
        report_row("sometimes", sometimes_texts[i], tally->sometimes[i], all);
    report_peers(tally, all);
}

/* ---- many seeds ------------------------------------------------------------------------------ */

/* Runs seeds until one fails: its verdict is left behind. */
static void run_seeds(uint64_t end) {
    for (; campaign->next < end; campaign->next++, campaign->done++) {
        alarm(CHILD_SECONDS);
        run_and_compare(campaign->next, 0, &campaign->verdict);
        if (campaign->verdict.failed)
            _exit(EXIT_FAILURE);
    }
    _exit(EXIT_SUCCESS);
}

static bool run_child(uint64_t end) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        run_seeds(end);
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status))
        printf("seed %llu ended with the signal %s\n", (unsigned long long)campaign->next,
               strsignal(WTERMSIG(status)));
    return status == 0;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int run_campaign(const char *program, const struct arguments *arguments) {
    uint64_t end = arguments->first + arguments->seeds;
    unsigned failures = 0;
    double began = seconds();
    campaign->next = arguments->first;
    while (campaign->next < end && failures < (arguments->stop ? 1 : FAILURES_MAX)) {
        if (run_child(end))
            continue;
        failures++;
        struct sightings tally = campaign->tally; /* shrinking is not part of the campaign */
        report_failure(program, campaign->next, 0);
        campaign->tally = tally;
        campaign->next++;
        campaign->done++;
    }
    double lasted = seconds() - began;
    bool complete = arguments->complete;
    report_tally(&campaign->tally, complete);
    printf("%.0f seeds a second, %.1f simulated hours, %llu operations\n",
           (double)campaign->done / lasted, (double)campaign->tally.virtual_seconds / 3600,
           (unsigned long long)campaign->tally.operations);
    if (complete && never_count > 0)
        printf("%u things never happened\n", never_count);
    printf("%llu seeds, %u failures\n", (unsigned long long)campaign->done, failures);
    return failures == 0 && (!complete || never_count == 0) ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int run_one(const char *program, const struct arguments *arguments) {
    uint64_t seed = arguments->first;
    if (!arguments->trace) {
        if (!fails(seed, arguments->without, false)) {
            printf("seed %llu: trace hash %016llx\n", (unsigned long long)seed,
                   (unsigned long long)campaign->verdict.hash);
            return EXIT_SUCCESS;
        }
        report_failure(program, seed, arguments->without);
        return EXIT_FAILURE;
    }
    run_seed(seed, arguments->without, stdout, &campaign->verdict);
    printf("seed %llu %s: trace hash %016llx\n", (unsigned long long)seed,
           campaign->verdict.failed ? campaign->verdict.failure : "is good",
           (unsigned long long)campaign->verdict.hash);
    return campaign->verdict.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- arguments ------------------------------------------------------------------------------- */

static bool parse_faults(char *text, uint64_t *without) {
    *without = ~(uint64_t)0;
    for (char *name = strtok(text, ","); name != NULL; name = strtok(NULL, ",")) {
        unsigned i = 0;
        while (i < SIM_FAULT_COUNT && strcmp(name, sim_fault_name((enum sim_fault)i)) != 0)
            i++;
        if (i == SIM_FAULT_COUNT && strcmp(name, "none") != 0) {
            fprintf(stderr, "sim: there is no fault %s\n", name);
            return false;
        }
        if (i < SIM_FAULT_COUNT)
            *without &= ~((uint64_t)1 << i);
    }
    return true;
}

static bool parse(struct arguments *arguments, int count, char **values) {
    static const struct option options[] = {
        {"seeds", required_argument, NULL, 'n'}, {"first", required_argument, NULL, 'f'},
        {"seed", required_argument, NULL, 's'},  {"only", required_argument, NULL, 'o'},
        {"trace", no_argument, NULL, 't'},       {"complete", no_argument, NULL, 'c'},
        {"stop", no_argument, NULL, 'x'},        {NULL, 0, NULL, 0},
    };
    int option;
    while ((option = getopt_long(count, values, "", options, NULL)) >= 0) {
        if (option == 'n')
            arguments->seeds = strtoull(optarg, NULL, 10);
        else if (option == 'f' || option == 's')
            arguments->first = strtoull(optarg, NULL, 10);
        else if (option == '?' || (option == 'o' && !parse_faults(optarg, &arguments->without)))
            return false;
        arguments->one |= option == 's';
        arguments->trace |= option == 't';
        arguments->complete |= option == 'c';
        arguments->stop |= option == 'x';
    }
    return true;
}

int main(int count, char **values) {
    struct arguments arguments = {.seeds = 1000, .first = 1};
    if (!parse(&arguments, count, values))
        return EXIT_FAILURE;
    campaign =
        mmap(NULL, sizeof *campaign, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (campaign == MAP_FAILED)
        return EXIT_FAILURE;
    log_configure(LOG_NOTHING, LOG_FORMAT_TEXT); /* shortages are many */
    log_to_standard_error();
    struct verdict warm; /* libraries make what they keep for ever */
    struct sightings tally = {0};
    world_run(0, ~(uint64_t)0, NULL, &tally, &warm);
    return arguments.one ? run_one(values[0], &arguments) : run_campaign(values[0], &arguments);
}
