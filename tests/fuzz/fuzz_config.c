/*
 * The configuration. Byte 0: which allocation fails (0: none); 1: how many of the following lines
 * are environment variables; then these, and the file.
 *
 * Oracles: what is no JSON by the reference is refused with line and column; a config that is taken
 * is within every range of docs/configuration.md; one that is refused has lines of printable UTF-8
 * that name a place; loading twice gives the same, and so does a file of that text, now and then.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "app/config.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "json_reference.h"

enum { VARIABLES_MAX = 3, VARIABLE_SIZE = 200 };

#define DAY (24 * HOUR)

struct sources {
    struct bytes text;
    char variables[VARIABLES_MAX][VARIABLE_SIZE];
    char *environment[VARIABLES_MAX + 1];
};

static bool within(uint64_t value, uint64_t low, uint64_t high) {
    return value >= low && value <= high;
}

static bool duration_is_good(uint64_t value) {
    return within(value, 10 * MILLISECOND, HOUR);
}

static bool every_is_good(uint64_t value) {
    return value == 0 || within(value, SECOND, 365 * DAY);
}

static bool name_is_good(const char *name) {
    static const char characters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~:-";
    size_t size = strlen(name);
    return within(size, 1, 255) && strspn(name, characters) == size;
}

static bool listen_is_good(const char *listen) {
    if (strncmp(listen, "unix:/", 6) == 0)
        return within(strlen(listen + 5), 2, 107);
    const char *port = strrchr(listen, ':');
    return port != NULL && port > listen && within(strlen(port + 1), 1, 5) &&
           strspn(port + 1, "0123456789") == strlen(port + 1) && atoi(port + 1) <= 65535;
}

static void check_fetch(const struct config_fetch *fetch) {
    FUZZ_CHECK(every_is_good(fetch->every));
    FUZZ_CHECK(fetch->jitter >= 0 && fetch->jitter <= 1);
    FUZZ_CHECK(name_is_good(fetch->channel));
    FUZZ_CHECK(within(fetch->concurrency, 1, 10000) && within(fetch->per_host, 1, 10000));
    FUZZ_CHECK(within(fetch->max_body, 1, (uint64_t)1 << 40));
    FUZZ_CHECK(duration_is_good(fetch->timeout.total) && duration_is_good(fetch->timeout.attempt));
    FUZZ_CHECK(duration_is_good(fetch->timeout.connect) && duration_is_good(fetch->timeout.dns));
    FUZZ_CHECK(duration_is_good(fetch->timeout.read));
    for (size_t i = 0; i < fetch->urls.count; i++) {
        const struct config_url *url = &fetch->urls.entries[i];
        FUZZ_CHECK(url->url != NULL && every_is_good(url->every) && name_is_good(url->channel));
    }
}

static void check_hub(const struct config_hub *hub) {
    FUZZ_CHECK(within(hub->listen.count, 1, 8));
    for (size_t i = 0; i < hub->listen.count; i++)
        FUZZ_CHECK(listen_is_good(hub->listen.entries[i].address));
    FUZZ_CHECK(within(hub->max_message, 1, 256 << 20));
    FUZZ_CHECK(duration_is_good(hub->handshake_timeout));
    FUZZ_CHECK(hub->ping_interval == 0 || duration_is_good(hub->ping_interval));
    FUZZ_CHECK(duration_is_good(hub->ping_timeout) && duration_is_good(hub->close_timeout));
    FUZZ_CHECK(hub->slow_reader <= CONFIG_SLOW_READER_SKIP);
    FUZZ_CHECK(hub->limits.connections <= 10000000);
    for (size_t i = 0; i < hub->channels.count; i++) {
        const struct config_channel *channel = &hub->channels.entries[i];
        FUZZ_CHECK(strcmp(channel->name, "*") == 0 || name_is_good(channel->name));
        FUZZ_CHECK(i == 0 || strcmp(channel[-1].name, channel->name) < 0);
        FUZZ_CHECK(within(channel->retain.bytes, 64 << 10, (uint64_t)1 << 40));
        FUZZ_CHECK(within(channel->retain.messages, 1, 1000000000));
        FUZZ_CHECK(within(channel->retain.age, MILLISECOND, 365 * DAY));
        FUZZ_CHECK(config_channel(&(struct config){.hub = *hub}, bytes_of(channel->name)) ==
                   channel);
    }
}

static void check_config(const struct config *config) {
    FUZZ_CHECK(config->workers <= 64 && config->hash.threads <= 64);
    FUZZ_CHECK(within(config->shutdown_timeout, 100 * MILLISECOND, HOUR) && config->drain <= HOUR);
    FUZZ_CHECK(config->hash.inline_below <= 1 << 30 ||
               config->hash.inline_below == CONFIG_SIZE_AUTO);
    FUZZ_CHECK(listen_is_good(config->admin.listen));
    FUZZ_CHECK(config->ring.backend <= CONFIG_RING_IO_URING);
    check_fetch(&config->fetch);
    check_hub(&config->hub);
}

/* Each line is one, can be shown, and begins with a place. */
static void check_errors(const struct config_errors *errors) {
    FUZZ_CHECK(errors->count > 0);
    for (size_t i = 0; i < errors->count; i++) {
        struct bytes line = bytes_of(errors->lines[i]);
        FUZZ_CHECK(utf8_is_valid(line) && line.size < 2048);
        for (size_t k = 0; k < line.size; k++)
            FUZZ_CHECK(line.data[k] >= ' ' && line.data[k] != 0x7F);
        FUZZ_CHECK(strncmp(errors->lines[i], "c.json:", 7) == 0 ||
                   strncmp(errors->lines[i], "RINGCAST_", 9) == 0 ||
                   strncmp(errors->lines[i], "\"RINGCAST_", 10) == 0);
    }
}

/* "c.json:LINE:COLUMN: found …": the text itself is not JSON. */
static bool is_syntax_error(const struct config_errors *errors) {
    unsigned line, column;
    int used = 0;
    return errors->count > 0 &&
           sscanf(errors->lines[0], "c.json:%u:%u: found %n", &line, &column, &used) == 2 &&
           used > 0;
}

static enum error load(struct sources *sources, struct config *config,
                       struct config_errors *errors) {
    *errors = (struct config_errors){0};
    return config_load_text(config, "c.json", sources->text, sources->environment, errors);
}

static void check_sources(struct sources *sources) {
    struct config config;
    struct config_errors errors;
    bool is_json = ref_is_json(sources->text);
    enum error error = load(sources, &config, &errors);
    FUZZ_CHECK(error == ERROR_NONE || error == ERROR_CONFIG_INVALID);
    FUZZ_CHECK(is_json || error != ERROR_NONE);
    FUZZ_CHECK(is_syntax_error(&errors) == !is_json);
    if (error == ERROR_NONE) {
        FUZZ_CHECK(errors.count == 0);
        check_config(&config);
    } else {
        check_errors(&errors);
    }
    config_fini(&config);
    config_errors_fini(&errors);
}

/* The same text as a file, and the variables as the process's own. */
static void check_file(struct sources *sources) {
    static int file = -1;
    struct config config;
    struct config_errors errors = {0};
    char path[64], **environment = environ;
    if (file < 0)
        file = memfd_create("config", 0);
    FUZZ_CHECK(file >= 0 && ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, sources->text.data, sources->text.size, 0) ==
               (ssize_t)sources->text.size);
    enum error expected = load(sources, &config, &errors);
    config_fini(&config);
    config_errors_fini(&errors);
    errors = (struct config_errors){0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    environ = sources->environment;
    FUZZ_CHECK(config_load(&config, path, &errors) == expected);
    config_fini(&config);
    config_errors_fini(&errors);
    errors = (struct config_errors){0};
    FUZZ_CHECK(config_load(&config, "/proc/self/fd/none", &errors) == ERROR_NOT_FOUND);
    FUZZ_CHECK(errors.count == 1);
    config_errors_fini(&errors);
    environ = environment;
}

static void check_without_memory(struct sources *sources, size_t skip) {
    struct config config;
    struct config_errors errors;
    memory_fail_after(skip, 1);
    enum error error = load(sources, &config, &errors);
    FUZZ_CHECK((error == ERROR_NO_MEMORY) == (memory_failures() > 0));
    memory_fail_after(0, 0);
    config_fini(&config);
    config_errors_fini(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct sources sources;
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    unsigned failing = fuzz_take(&input), variables = fuzz_take(&input) % (VARIABLES_MAX + 1);
    for (size_t i = 0; i < variables; i++) {
        struct bytes line = fuzz_take_until(&input, '\n');
        snprintf(sources.variables[i], VARIABLE_SIZE, "%.*s", (int)line.size,
                 (const char *)line.data);
        sources.environment[i] = sources.variables[i];
    }
    sources.environment[variables] = NULL;
    sources.text = input;
    if (input.size >= FUZZ_PIECE_MAX)
        return 0;
    check_sources(&sources);
    if (failing > 0)
        check_without_memory(&sources, failing - 1u);
    if (failing % 32 == 31)
        check_file(&sources);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
