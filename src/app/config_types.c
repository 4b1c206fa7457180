/* The types of single values: what each accepts, and the words for what it expected. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "config_table.h"
#include "http/url.h"
#include "net/endpoint.h"

enum { WORDS_MAX = 128, CHANNEL_NAME_MAX = 255 };

#define KIB ((uint64_t)1024)

struct unit {
    const char *name;
    uint64_t size;
};

static const struct unit size_units[] = {{"TiB", KIB *KIB *KIB *KIB},
                                         {"GiB", KIB *KIB *KIB},
                                         {"MiB", KIB *KIB},
                                         {"KiB", KIB},
                                         {NULL, 1}};

static const struct unit duration_units[] = {
    {"d", 24 * HOUR},    {"h", HOUR},         {"m", MINUTE}, {"s", SECOND},
    {"ms", MILLISECOND}, {"us", MICROSECOND}, {"ns", 1},     {NULL, 1}};

/* In the largest unit that divides it; without a unit as a plain number. */
static const char *words_of(uint64_t value, const struct unit *units, char out[WORDS_MAX]) {
    while (units->name != NULL && (value == 0 || value % units->size != 0))
        units++;
    if (units->name == NULL)
        snprintf(out, WORDS_MAX, "%llu", (unsigned long long)value);
    else
        snprintf(out, WORDS_MAX, "\"%llu%s\"", (unsigned long long)(value / units->size),
                 units->name);
    return out;
}

static bool is_allowed(const struct config_key *key, uint64_t value) {
    return (value == 0 && key->or_zero) || (value >= key->minimum && value <= key->maximum);
}

/* Only digits: 1.0, 1e3 and -0 are numbers, but not how a count is written. */
static bool is_unsigned(const struct json_value *value, uint64_t *number) {
    return value->type == JSON_NUMBER && bytes_to_unsigned(value->source, number);
}

static bool is_text(const struct json_value *value, const char *text) {
    return value->type == JSON_STRING && bytes_equal(value->text, bytes_of(text));
}

static enum error read_count(struct config_reader *reader, const struct config_key *key,
                             const struct json_value *value, void *field) {
    uint64_t number;
    if (!is_unsigned(value, &number) || !is_allowed(key, number))
        return config_refuse(reader, value, "an integer from %llu to %llu%s",
                             (unsigned long long)key->minimum, (unsigned long long)key->maximum,
                             key->or_zero ? ", or 0" : "");
    *(unsigned *)field = (unsigned)number;
    return ERROR_NONE;
}

static enum error read_count_or_auto(struct config_reader *reader, const struct config_key *key,
                                     const struct json_value *value, void *field) {
    uint64_t number = CONFIG_AUTO;
    if (!is_text(value, "auto") && (!is_unsigned(value, &number) || !is_allowed(key, number)))
        return config_refuse(reader, value, "\"auto\" or an integer from %llu to %llu",
                             (unsigned long long)key->minimum, (unsigned long long)key->maximum);
    *(unsigned *)field = (unsigned)number;
    return ERROR_NONE;
}

static enum error read_number(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    if (value->type != JSON_NUMBER || value->number < (double)key->minimum ||
        value->number > (double)key->maximum)
        return config_refuse(reader, value, "a number from %llu to %llu",
                             (unsigned long long)key->minimum, (unsigned long long)key->maximum);
    *(double *)field = value->number;
    return ERROR_NONE;
}

static enum error refuse_range(struct config_reader *reader, const struct config_key *key,
                               const struct json_value *value, const char *noun,
                               const struct unit *units) {
    char minimum[WORDS_MAX], maximum[WORDS_MAX];
    return config_refuse(reader, value, "%s from %s to %s%s", noun,
                         words_of(key->minimum, units, minimum),
                         words_of(key->maximum, units, maximum), key->or_zero ? ", or 0" : "");
}

/* 0 needs no unit, so it may also be a number. */
static bool is_duration(const struct json_value *value, uint64_t *duration) {
    if (value->type == JSON_STRING)
        return duration_parse(value->text, duration);
    return is_unsigned(value, duration) && *duration == 0;
}

static enum error read_duration(struct config_reader *reader, const struct config_key *key,
                                const struct json_value *value, void *field) {
    uint64_t duration;
    if (!is_duration(value, &duration))
        return config_refuse(reader, value, "a duration such as \"20s\"");
    if (!is_allowed(key, duration))
        return refuse_range(reader, key, value, "a duration", duration_units);
    *(uint64_t *)field = duration;
    return ERROR_NONE;
}

/* A whole number and its unit, nothing around it. */
static bool size_parse(struct bytes text, uint64_t *size) {
    for (const struct unit *unit = size_units; unit->name != NULL; unit++) {
        struct bytes name = bytes_of(unit->name);
        if (text.size <= name.size || !bytes_equal(bytes_after(text, text.size - name.size), name))
            continue;
        return bytes_to_unsigned(bytes_make(text.data, text.size - name.size), size) &&
               !__builtin_mul_overflow(*size, unit->size, size);
    }
    return false;
}

static bool is_size(const struct json_value *value, uint64_t *size) {
    return value->type == JSON_STRING ? size_parse(value->text, size) : is_unsigned(value, size);
}

static enum error read_size(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    uint64_t size;
    if (!is_size(value, &size))
        return config_refuse(reader, value, "a size such as \"64KiB\", or a number of bytes");
    if (!is_allowed(key, size))
        return refuse_range(reader, key, value, "a size", size_units);
    *(size_t *)field = (size_t)size;
    return ERROR_NONE;
}

static enum error read_size_or_auto(struct config_reader *reader, const struct config_key *key,
                                    const struct json_value *value, void *field) {
    uint64_t size = CONFIG_SIZE_AUTO;
    bool automatic = is_text(value, "auto");
    if (!automatic && !is_size(value, &size))
        return config_refuse(reader, value,
                             "\"auto\", a size such as \"64KiB\", or a number of bytes");
    if (!automatic && !is_allowed(key, size))
        return refuse_range(reader, key, value, "\"auto\" or a size", size_units);
    *(size_t *)field = (size_t)size;
    return ERROR_NONE;
}

/* `"a", "b" or "c"` */
static void list_choices(const char *const *choices, char out[WORDS_MAX]) {
    size_t used = 0;
    for (size_t i = 0; choices[i] != NULL; i++) {
        const char *before = i == 0 ? "" : choices[i + 1] == NULL ? " or " : ", ";
        used += (size_t)snprintf(out + used, WORDS_MAX - used, "%s\"%s\"", before, choices[i]);
        assert(used < WORDS_MAX);
    }
}

static enum error read_choice(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    for (unsigned i = 0; key->choices[i] != NULL; i++) {
        if (is_text(value, key->choices[i])) {
            memcpy(field, &i, sizeof i);
            return ERROR_NONE;
        }
    }
    char choices[WORDS_MAX];
    list_choices(key->choices, choices);
    return config_refuse(reader, value, "%s", choices);
}

static enum error read_flag(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_BOOLEAN)
        return config_refuse(reader, value, "true or false");
    *(bool *)field = value->boolean;
    return ERROR_NONE;
}

void config_release_text(void *field) {
    char **text = field;
    memory_free(*text);
    *text = NULL;
}

enum error config_set_text(void *field, struct bytes text) {
    char *copy = memory_copy_text((const char *)text.data, text.size);
    if (copy == NULL)
        return ERROR_NO_MEMORY;
    config_release_text(field);
    *(char **)field = copy;
    return ERROR_NONE;
}

bool config_channel_name_is_valid(struct bytes name) {
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i], letter = (uint8_t)((byte | 0x20) - 'a');
        if (letter > 25 && (byte < '0' || byte > '9') &&
            memchr("._-~:", byte, sizeof "._-~:" - 1) == NULL)
            return false;
    }
    return name.size >= 1 && name.size <= CHANNEL_NAME_MAX;
}

static enum error read_channel_name(struct config_reader *reader, const struct config_key *key,
                                    const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING || !config_channel_name_is_valid(value->text))
        return config_refuse(reader, value, CONFIG_CHANNEL_NAME_WORDS);
    return config_set_text(field, value->text);
}

static enum error read_listen(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    (void)key;
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    if (value->type != JSON_STRING || endpoint_parse(value->text, endpoints, &count) != ERROR_NONE)
        return config_refuse(reader, value,
                             "\"HOST:PORT\", HOST being localhost, an IPv4 address, "
                             "an [IPv6 address] or *, PORT 0 to 65535; or \"unix:/PATH\"");
    return config_set_text(field, value->text);
}

/* A relative name starts from the folder of the config, wherever ringcast was started. */
static enum error read_file(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING || value->text.size == 0)
        return config_refuse(reader, value, "the name of a file");
    if (value->text.data[0] == '/' || reader->folder.size == 0)
        return config_set_text(field, value->text);
    struct buffer path = {0};
    enum error error = buffer_append(&path, reader->folder.data, reader->folder.size);
    if (error == ERROR_NONE)
        error = buffer_append(&path, value->text.data, value->text.size);
    if (error == ERROR_NONE)
        error = config_set_text(field, buffer_bytes(&path));
    buffer_fini(&path);
    return error;
}

static enum error read_word(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING || value->text.size == 0)
        return config_refuse(reader, value, "a text that is not empty");
    return config_set_text(field, value->text);
}

/* As browsers send it: SCHEME://HOST with a port that is not the scheme's own, and nothing else. */
static bool is_origin(struct bytes text) {
    if (bytes_equal(text, bytes_of("*")) || bytes_equal(text, bytes_of("null")))
        return true;
    const uint8_t *slashes = text.size == 0 ? NULL : memmem(text.data, text.size, "://", 3);
    if (slashes == NULL || slashes == text.data)
        return false;
    struct bytes rest = bytes_after(text, (size_t)(slashes - text.data) + 3);
    for (size_t i = 0; i < rest.size; i++)
        if (rest.data[i] <= ' ' || rest.data[i] > '~' || rest.data[i] == '/' ||
            (rest.data[i] >= 'A' && rest.data[i] <= 'Z'))
            return false;
    return rest.size > 0;
}

static enum error read_origin(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING || !is_origin(value->text))
        return config_refuse(reader, value,
                             "an origin such as \"https://example.org\", with * for any part of "
                             "a name, or \"*\" or \"null\"");
    return config_set_text(field, value->text);
}

/* What a URL must be is decided here alone: what the fetcher parses, and nothing secret in it. */
static enum error url_is_acceptable(struct bytes text) {
    struct url url;
    enum error error = url_parse(&url, text, NULL);
    if (error == ERROR_NONE && url_has_credentials(&url))
        error = ERROR_URL_CREDENTIALS;
    url_fini(&url);
    return error;
}

/* Before an '@' a password may stand, in a broken URL too: such a text is not shown. */
static enum error refuse_url(struct config_reader *reader, const struct json_value *value,
                             enum error reason) {
    if (value->text.size > 0 && memchr(value->text.data, '@', value->text.size) != NULL)
        return config_report(reader, value->line, "expected an http or https URL (%s)",
                             error_text(reason));
    return config_refuse(reader, value, "an http or https URL (%s)", error_text(reason));
}

static enum error read_url(struct config_reader *reader, const struct config_key *key,
                           const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING)
        return config_refuse(reader, value, "an http or https URL");
    enum error error = url_is_acceptable(value->text);
    if (error == ERROR_NO_MEMORY)
        return error;
    if (error != ERROR_NONE)
        return refuse_url(reader, value, error);
    return config_set_text(field, value->text);
}

const struct config_type config_type_count = {read_count, NULL, CONFIG_FORM_JSON};
const struct config_type config_type_count_or_auto = {read_count_or_auto, NULL,
                                                      CONFIG_FORM_TEXT_OR_INTEGER};
const struct config_type config_type_number = {read_number, NULL, CONFIG_FORM_JSON};
const struct config_type config_type_duration = {read_duration, NULL, CONFIG_FORM_TEXT};
const struct config_type config_type_size = {read_size, NULL, CONFIG_FORM_TEXT_OR_INTEGER};
const struct config_type config_type_size_or_auto = {read_size_or_auto, NULL,
                                                     CONFIG_FORM_TEXT_OR_INTEGER};
const struct config_type config_type_choice = {read_choice, NULL, CONFIG_FORM_TEXT};
const struct config_type config_type_flag = {read_flag, NULL, CONFIG_FORM_JSON};
const struct config_type config_type_channel_name = {read_channel_name, config_release_text,
                                                     CONFIG_FORM_TEXT};
const struct config_type config_type_listen = {read_listen, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_file = {read_file, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_url = {read_url, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_word = {read_word, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_origin = {read_origin, config_release_text, CONFIG_FORM_TEXT};
