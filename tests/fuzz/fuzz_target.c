/*
 * What a request's target asks the hub for. The first 16 bytes are an epoch and an offset, the rest
 * is the target.
 *
 * Oracles: regular expressions and the C library's numbers say the same of it; a position that is
 * printed reads back.
 */
#include <errno.h>
#include <inttypes.h>
#include <regex.h>

#include "fuzz.h"
#include "target.h"

enum { TEXT_MOST = 2000 };

#define NAME "([A-Za-z0-9._~:-]+)"

static bool matches(const char *pattern, const char *text, regmatch_t found[3]) {
    static struct {
        const char *pattern;
        regex_t compiled;
    } kept[8];
    size_t i = 0;
    while (kept[i].pattern != NULL && kept[i].pattern != pattern)
        i++;
    if (kept[i].pattern == NULL) {
        FUZZ_CHECK(regcomp(&kept[i].compiled, pattern, REG_EXTENDED) == 0);
        kept[i].pattern = pattern;
    }
    return regexec(&kept[i].compiled, text, 3, found, 0) == 0;
}

static struct bytes view(const char *text, const regmatch_t *found) {
    return bytes_make((const uint8_t *)text + found->rm_so, (size_t)(found->rm_eo - found->rm_so));
}

/* "until the end or the question mark" */
static enum target_kind ref_kind(const char *text, struct bytes *name) {
    static const char root[] = "^/?(\\?|$)", channel[] = "^/channels/" NAME "(\\?|$)",
                      events[] = "^/channels/" NAME "/events(\\?|$)", within[] = "^/channels/";
    regmatch_t found[3];
    *name = bytes_of("chat");
    if (matches(root, text, found))
        return TARGET_ROOT;
    bool is_channel = matches(channel, text, found);
    if (is_channel || matches(events, text, found)) {
        *name = view(text, &found[1]);
        if (name->size > CHANNEL_NAME_MAX)
            return TARGET_BAD;
        return is_channel ? TARGET_CHANNEL : TARGET_EVENTS;
    }
    if (!matches(within, text, found))
        return TARGET_OTHER;
    const char *question = strchr(text, '?');
    return question == NULL || question >= text + strlen("/channels/") ? TARGET_BAD : TARGET_OTHER;
}

/* The value of the first "name=value" between ampersands. */
static bool ref_parameter(const char *text, const char *name, char value[TEXT_MOST]) {
    char copy[TEXT_MOST], *rest = copy, *pair;
    const char *query = strchr(text, '?');
    snprintf(copy, sizeof copy, "%s", query == NULL ? "" : query + 1);
    while (query != NULL && (pair = strsep(&rest, "&")) != NULL) {
        char *equals = strchr(pair, '=');
        if (equals != NULL)
            *equals = '\0';
        if (strcmp(pair, name) != 0)
            continue;
        snprintf(value, TEXT_MOST, "%s", equals == NULL ? "" : equals + 1);
        return true;
    }
    return false;
}

static bool ref_whole_number(const char *text, uint64_t *number) {
    regmatch_t found[3];
    static const char digits[] = "^[0-9]+$";
    errno = 0;
    *number = strtoull(text, NULL, 10);
    return matches(digits, text, found) && errno == 0;
}

static bool ref_start(const char *text, struct start *start) {
    static const char position[] = "^([0-9a-f]{16}):([0-9]+)$";
    char value[TEXT_MOST];
    regmatch_t found[3];
    bool has_since = ref_parameter(text, "since", value);
    *start = (struct start){.place = PLACE_HEAD};
    if (!has_since && !ref_parameter(text, "last", value))
        return true;
    start->place = has_since ? PLACE_AFTER : PLACE_LAST;
    if (!has_since)
        return ref_whole_number(value, &start->count);
    if (!matches(position, value, found))
        return false;
    start->epoch = strtoull(value, NULL, 16);
    return ref_whole_number(value + 17, &start->offset);
}

static void check_target(const char *text) {
    struct target target = target_parse(bytes_of(text));
    struct bytes name, value;
    char expected[TEXT_MOST];
    struct start start, should;
    enum target_kind kind = ref_kind(text, &name);
    FUZZ_CHECK(target.kind == kind);
    if (kind == TARGET_ROOT || kind == TARGET_CHANNEL || kind == TARGET_EVENTS)
        FUZZ_CHECK(bytes_equal(target.name, name));
    const char *question = strchr(text, '?');
    FUZZ_CHECK(bytes_equal(target.query, bytes_of(question == NULL ? "" : question + 1)));
    bool there = ref_parameter(text, "since", expected);
    FUZZ_CHECK(target_parameter(&target, "since", &value) == there);
    FUZZ_CHECK(!there || bytes_equal(value, bytes_of(expected)));
    bool good = ref_start(text, &should);
    FUZZ_CHECK(target_start(&target, &start) == good);
    if (good)
        FUZZ_CHECK(start.place == should.place && start.epoch == should.epoch &&
                   start.offset == should.offset && start.count == should.count);
}

static void check_position(struct bytes numbers) {
    uint64_t epoch = 0, offset = 0, again;
    char text[64];
    struct start start = {0};
    for (size_t i = 0; i < numbers.size; i++)
        *(i < 8 ? &epoch : &offset) ^= (uint64_t)numbers.data[i] << i % 8 * 8;
    snprintf(text, sizeof text, "%016" PRIx64 ":%" PRIu64, epoch, offset);
    FUZZ_CHECK(target_parse_position(bytes_of(text), &start));
    FUZZ_CHECK(start.place == PLACE_AFTER && start.epoch == epoch && start.offset == offset);
    FUZZ_CHECK(target_parse_epoch(bytes_make((const uint8_t *)text, 16), &again));
    FUZZ_CHECK(again == epoch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char text[TEXT_MOST];
    struct bytes input = bytes_make(data, size);
    check_position(fuzz_take_bytes(&input, 16));
    if (input.size >= sizeof text ||
        (input.size > 0 && memchr(input.data, '\0', input.size) != NULL))
        return 0;
    snprintf(text, sizeof text, "%.*s", (int)input.size, (const char *)input.data);
    check_target(text);
    return 0;
}
