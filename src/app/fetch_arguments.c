#include "fetch_arguments.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "credentials.h"
#include "file.h"
#include "http/url.h"
#include "http/writer.h"
#include "output.h"

enum { BODY_MAX = 64 * 1024 * 1024 };

/* ---- counts and times ------------------------------------------------------------------------ */

static bool take_count(struct fetch_count *count, const char *option, const char *text,
                       unsigned least, unsigned most) {
    uint64_t value;
    if (!bytes_to_unsigned(bytes_of(text), &value) || value < least || value > most) {
        output_complain("%s: found %s, expected a number from %u to %u", option, text, least, most);
        return false;
    }
    *count = (struct fetch_count){true, (unsigned)value};
    return true;
}

static bool take_concurrency(struct fetch_arguments *parsed, const char *value) {
    return take_count(&parsed->concurrency, "--concurrency", value, 1, 10000);
}

static bool take_per_host(struct fetch_arguments *parsed, const char *value) {
    return take_count(&parsed->per_host, "--per-host", value, 1, 10000);
}

static bool take_retries(struct fetch_arguments *parsed, const char *value) {
    return take_count(&parsed->retries, "--retries", value, 0, 10);
}

static bool take_redirects(struct fetch_arguments *parsed, const char *value) {
    return take_count(&parsed->redirects, "--redirects", value, 0, 50);
}

static bool take_timeout(struct fetch_arguments *parsed, const char *value) {
    if (duration_parse(bytes_of(value), &parsed->timeout) && parsed->timeout >= 10 * MILLISECOND &&
        parsed->timeout <= HOUR)
        return true;
    output_complain("--timeout: found %s, expected a duration from 10ms to 1h, such as 20s", value);
    return false;
}

/* ---- formats and flags ----------------------------------------------------------------------- */

static bool take_text(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->format = FETCH_FORMAT_TEXT;
    return true;
}

static bool take_json(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->format = FETCH_FORMAT_JSON;
    return true;
}

static bool take_csv(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->format = FETCH_FORMAT_CSV;
    return true;
}

static bool take_auto(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->format = isatty(STDOUT_FILENO) ? FETCH_FORMAT_TEXT : FETCH_FORMAT_JSON;
    return true;
}

static bool take_fail_fast(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->fail_fast = true;
    return true;
}

static bool take_unordered(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->unordered = true;
    return true;
}

static bool take_cookies(struct fetch_arguments *parsed, const char *value) {
    (void)value;
    parsed->cookies = true;
    return true;
}

static bool take_config(struct fetch_arguments *parsed, const char *value) {
    parsed->config = value;
    return true;
}

static bool take_resume(struct fetch_arguments *parsed, const char *value) {
    parsed->resume = value;
    return true;
}

static bool take_save(struct fetch_arguments *parsed, const char *value) {
    parsed->save = value;
    return true;
}

/* ---- the request ----------------------------------------------------------------------------- */

static bool take_method(struct fetch_arguments *parsed, const char *value) {
    parsed->request.method = bytes_of(value);
    if (fetch_method_is_allowed(parsed->request.method))
        return true;
    output_complain("-X: found %s, expected a method such as POST (not CONNECT, not TRACE)", value);
    return false;
}

/* Would the field make a line of its own and nothing else? */
static bool can_be_written(struct http_field field) {
    struct buffer line = {0};
    bool possible = http_write_field(&line, field.name, field.value) == ERROR_NONE;
    buffer_fini(&line);
    return possible;
}

static bool take_field(struct fetch_arguments *parsed, const char *value) {
    struct http_fields *fields = &parsed->request.fields;
    const char *colon = strchr(value, ':');
    if (colon == NULL || fields->count == FETCH_FIELDS_MAX) {
        output_complain(colon == NULL ? "-H: expected \"Name: value\""
                                      : "-H: expected 64 of them at most");
        return false;
    }
    struct http_field field = {bytes_make(value, (size_t)(colon - value)),
                               bytes_trimmed(bytes_of(colon + 1))};
    if (!fetch_field_is_allowed(field.name) || !can_be_written(field)) {
        output_complain("-H: %.*s is not a field that can be set", (int)field.name.size, value);
        return false;
    }
    parsed->fields[fields->count++] = field;
    fields->items = parsed->fields;
    return true;
}

/* TEXT, or the content of FILE for @FILE. */
static bool take_body(struct fetch_arguments *parsed, const char *value) {
    buffer_clear(&parsed->body);
    enum error error = value[0] == '@' ? file_read(value + 1, BODY_MAX, &parsed->body)
                                       : buffer_append_text(&parsed->body, value);
    if (error != ERROR_NONE) {
        output_complain("--data: %s: %s", value, error_text(error));
        return false;
    }
    parsed->request.body = buffer_bytes(&parsed->body);
    return true;
}

/* The secret itself, or @FILE with it in its first line; it is never printed. */
static bool take_secret(struct fetch_arguments *parsed, const char *option, const char *value,
                        enum error (*make)(struct bytes secret, char **value)) {
    struct buffer secret = {0};
    enum error error =
        value[0] == '@' ? credentials_read(value + 1, &secret) : buffer_append_text(&secret, value);
    memory_free(parsed->authorization);
    parsed->authorization = NULL;
    if (error == ERROR_NONE)
        error = make(buffer_bytes(&secret), &parsed->authorization);
    buffer_fini(&secret);
    parsed->request.authorization = parsed->authorization;
    if (error == ERROR_INVALID_ARGUMENT)
        output_complain("%s: expected %s, or @FILE with it", option,
                        make == credentials_basic ? "USER:PASSWORD" : "a token");
    else if (error != ERROR_NONE)
        output_complain("%s: %s", option, error_text(error));
    return error == ERROR_NONE;
}

static bool take_basic(struct fetch_arguments *parsed, const char *value) {
    return take_secret(parsed, "--basic", value, credentials_basic);
}

static bool take_bearer(struct fetch_arguments *parsed, const char *value) {
    return take_secret(parsed, "--bearer", value, credentials_bearer);
}

static bool take_authorities(struct fetch_arguments *parsed, const char *value) {
    parsed->request.tls.authority_file = value;
    return true;
}

/* It may hold a password, so it is not printed. */
static bool take_proxy(struct fetch_arguments *parsed, const char *value) {
    struct url url;
    parsed->proxy = value;
    if (strcmp(value, "environment") == 0)
        return true;
    bool accepted = url_parse(&url, bytes_of(value), NULL) == ERROR_NONE && url.scheme == URL_HTTP;
    url_fini(&url);
    if (!accepted)
        output_complain("--proxy: expected an http URL, or environment");
    return accepted;
}

static bool take_no_proxy(struct fetch_arguments *parsed, const char *value) {
    parsed->no_proxy = value;
    return true;
}

/* ---- the table ------------------------------------------------------------------------------- */

static const struct option {
    const char *name;
    const char *value; /* what it needs; NULL: nothing */
    bool (*take)(struct fetch_arguments *parsed, const char *value);
} options[] = {
    {"-c", "the path of a config file", take_config},
    {"--json", NULL, take_json},
    {"--text", NULL, take_text},
    {"--csv", NULL, take_csv},
    {"--auto", NULL, take_auto},
    {"--unordered", NULL, take_unordered},
    {"--fail-fast", NULL, take_fail_fast},
    {"--concurrency", "a number", take_concurrency},
    {"--per-host", "a number", take_per_host},
    {"--retries", "a number", take_retries},
    {"--redirects", "a number", take_redirects},
    {"--timeout", "a duration", take_timeout},
    {"--resume", "the path of a file", take_resume},
    {"--save", "the path of a folder", take_save},
    {"-X", "a method", take_method},
    {"-H", "\"Name: value\"", take_field},
    {"--data", "a text, or @FILE", take_body},
    {"--basic", "USER:PASSWORD, or @FILE", take_basic},
    {"--bearer", "a token, or @FILE", take_bearer},
    {"--cookies", NULL, take_cookies},
    {"--proxy", "an http URL, or environment", take_proxy},
    {"--no-proxy", "a list of hosts", take_no_proxy},
    {"--ca", "the path of a PEM file", take_authorities},
};

static const struct option *find_option(const char *name) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool take_option(struct fetch_arguments *parsed, int count, char **arguments, int *at) {
    const struct option *option = find_option(arguments[*at]);
    if (option == NULL) {
        output_complain("fetch has no option %s; see 'ringcast fetch --help'", arguments[*at]);
        return false;
    }
    if (option->value == NULL)
        return option->take(parsed, NULL);
    if (++*at == count) {
        output_complain("%s: found nothing, expected %s", option->name, option->value);
        return false;
    }
    return option->take(parsed, arguments[*at]);
}

/* A body without a method is sent by POST. */
static void complete(struct fetch_arguments *parsed) {
    if (parsed->request.body.size > 0 && parsed->request.method.size == 0)
        parsed->request.method = bytes_of("POST");
}

bool fetch_arguments_parse(struct fetch_arguments *parsed, int count, char **arguments) {
    int at = 0;
    *parsed = (struct fetch_arguments){0};
    for (; at < count; at++) {
        if (strcmp(arguments[at], "--") == 0) {
            at++;
            break;
        }
        if (arguments[at][0] != '-' || arguments[at][1] == '\0')
            break;
        if (!take_option(parsed, count, arguments, &at))
            return false;
    }
    parsed->urls = (const char *const *)arguments + at;
    parsed->url_count = count - at;
    complete(parsed);
    return true;
}

static bool replace_text(char **text, const char *given) {
    if (given == NULL)
        return true;
    memory_free(*text);
    *text = memory_copy_text(given, strlen(given));
    return *text != NULL;
}

bool fetch_arguments_apply(const struct fetch_arguments *parsed, struct config_fetch *config) {
    if (parsed->concurrency.given)
        config->concurrency = parsed->concurrency.value;
    if (parsed->per_host.given)
        config->per_host = parsed->per_host.value;
    if (parsed->retries.given)
        config->retries = parsed->retries.value;
    if (parsed->redirects.given)
        config->redirects = parsed->redirects.value;
    if (parsed->timeout > 0)
        config->timeout.total = parsed->timeout;
    config->cookies |= parsed->cookies;
    return replace_text(&config->proxy, parsed->proxy) &&
           replace_text(&config->no_proxy, parsed->no_proxy);
}

void fetch_arguments_fini(struct fetch_arguments *parsed) {
    buffer_fini(&parsed->body);
    memory_free(parsed->authorization);
}
