#include "chat_arguments.h"

#include <string.h>

#include "base/memory.h"
#include "command.h"
#include "credentials.h"
#include "hub/hub.h"
#include "output.h"

static const char channels_folder[] = "/channels/";

/* What was given, before the URL is made of it. */
struct given {
    struct chat_arguments *arguments;
    int code; /* of what went wrong */
    const char *url;
    const char *channel;
};

/* ---- options --------------------------------------------------------------------------------- */

static bool take_channel(struct given *given, const char *value) {
    given->channel = value;
    if (channel_name_is_valid(bytes_of(value)))
        return true;
    output_complain("--channel: %s cannot be a channel's name: 1 to 255 of A-Z a-z 0-9 . _ ~ : -",
                    value);
    return false;
}

static bool take_history(struct given *given, const char *value) {
    uint64_t count;
    if (bytes_to_unsigned(bytes_of(value), &count) && count <= CHAT_HISTORY_MAX) {
        given->arguments->history = (int)count;
        return true;
    }
    output_complain("--history: found %s, expected a number from 0 to %d", value, CHAT_HISTORY_MAX);
    return false;
}

static enum error read_token(const char *value, char **authorization) {
    struct buffer secret = {0};
    enum error error =
        value[0] == '@' ? credentials_read(value + 1, &secret) : buffer_append_text(&secret, value);
    *authorization = NULL;
    if (error == ERROR_NONE)
        error = credentials_bearer(buffer_bytes(&secret), authorization);
    buffer_fini(&secret);
    return error;
}

static bool take_token(struct given *given, const char *value) {
    struct chat_arguments *arguments = given->arguments;
    memory_free(arguments->authorization);
    arguments->token_file = value[0] == '@' ? value : NULL;
    enum error error = read_token(value, &arguments->authorization);
    if (error == ERROR_NONE)
        return true;
    output_complain("--token: %s", error_text(error));
    if (error == ERROR_NO_MEMORY)
        given->code = EXIT_SOME_FAILED;
    return false;
}

bool chat_arguments_renew_token(struct chat_arguments *arguments) {
    char *now;
    if (arguments->token_file == NULL)
        return false;
    if (read_token(arguments->token_file, &now) != ERROR_NONE)
        return true;
    if (strcmp(now, arguments->authorization) == 0) {
        memory_free(now);
        return false;
    }
    memory_free(arguments->authorization);
    arguments->authorization = now;
    return true;
}

static bool take_authorities(struct given *given, const char *value) {
    given->arguments->authority_file = value;
    return true;
}

static bool take_json(struct given *given, const char *value) {
    (void)value;
    given->arguments->json = true;
    return true;
}

static bool take_reconnect(struct given *given, const char *value) {
    (void)value;
    given->arguments->reconnect = CHAT_RECONNECT_ALWAYS;
    return true;
}

static bool take_no_reconnect(struct given *given, const char *value) {
    (void)value;
    given->arguments->reconnect = CHAT_RECONNECT_NEVER;
    return true;
}

static const struct option {
    const char *name;
    bool has_value;
    bool (*take)(struct given *given, const char *value);
} options[] = {
    {"--channel", true, take_channel},
    {"--history", true, take_history},
    {"--token", true, take_token},
    {"--ca", true, take_authorities},
    {"--json", false, take_json},
    {"--reconnect", false, take_reconnect},
    {"--no-reconnect", false, take_no_reconnect},
};

static const struct option *find_option(const char *name) {
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool take_argument(struct given *given, int count, char **texts, int *at) {
    const char *text = texts[(*at)++];
    const struct option *option = find_option(text);
    if (option == NULL && strncmp(text, "--", 2) == 0) {
        output_complain("there is no option %s", text);
        return false;
    }
    if (option == NULL) {
        bool first = given->url == NULL;
        given->url = text;
        if (!first)
            output_complain("chat takes one URL");
        return first;
    }
    if (option->has_value && *at == count) {
        output_complain("%s needs a value", text);
        return false;
    }
    return option->take(given, option->has_value ? texts[(*at)++] : NULL);
}

/* ---- the URL --------------------------------------------------------------------------------- */

/* A WebSocket URL is its HTTP twin under another scheme (RFC 6455 section 3). */
static enum error parse_url(const char *text, struct url *url) {
    struct buffer http = {0};
    bool secure = strncmp(text, "wss://", 6) == 0;
    if (!secure && strncmp(text, "ws://", 5) != 0)
        return ERROR_URL_SCHEME;
    enum error error = buffer_append_text(&http, secure ? "https://" : "http://");
    if (error == ERROR_NONE)
        error = buffer_append_text(&http, text + (secure ? 6 : 5));
    if (error == ERROR_NONE)
        error = url_parse(url, buffer_bytes(&http), NULL);
    buffer_fini(&http);
    return error;
}

/* The same place with a channel's path. */
static enum error choose_channel(struct url *url, const char *channel) {
    struct url base = *url;
    struct buffer path = {0};
    *url = (struct url){0};
    enum error error = buffer_format(&path, "%s%s", channels_folder, channel);
    if (error == ERROR_NONE)
        error = url_parse(url, buffer_bytes(&path), &base);
    buffer_fini(&path);
    url_fini(&base);
    return error;
}

/* NULL: the path leads to no channel that is known. */
static enum error channel_of(const struct url *url, char **channel) {
    size_t folder = sizeof channels_folder - 1;
    struct bytes name = bytes_of("chat");
    if (url->path.size > folder && memcmp(url->path.data, channels_folder, folder) == 0)
        name = bytes_after(url->path, folder);
    else if (!bytes_equal(url->path, bytes_of("/")))
        return ERROR_NONE;
    if (!channel_name_is_valid(name))
        return ERROR_NONE;
    *channel = memory_copy_text((const char *)name.data, name.size);
    return *channel != NULL ? ERROR_NONE : ERROR_NO_MEMORY;
}

int chat_arguments_read(struct chat_arguments *arguments, int count, char **texts) {
    *arguments = (struct chat_arguments){.history = CHAT_HISTORY_USUAL};
    struct given given = {.arguments = arguments, .code = EXIT_USAGE};
    for (int at = 0; at < count;)
        if (!take_argument(&given, count, texts, &at))
            return given.code;
    const char *text = given.url != NULL ? given.url : "ws://localhost:8765";
    enum error error = parse_url(text, &arguments->url);
    if (error == ERROR_NONE && given.channel != NULL)
        error = choose_channel(&arguments->url, given.channel);
    if (error == ERROR_NONE)
        error = channel_of(&arguments->url, &arguments->channel);
    if (error == ERROR_NO_MEMORY) {
        output_complain("cannot start: %s", error_text(error));
        return EXIT_SOME_FAILED;
    }
    if (error != ERROR_NONE) {
        output_complain("%s: %s, expected something like ws://localhost:8765/channels/news", text,
                        error == ERROR_URL_SCHEME ? "the scheme is neither ws nor wss"
                                                  : error_text(error));
        return EXIT_USAGE;
    }
    return EXIT_ALL_WELL;
}

void chat_arguments_fini(struct chat_arguments *arguments) {
    url_fini(&arguments->url);
    memory_free(arguments->channel);
    memory_free(arguments->authorization);
}
