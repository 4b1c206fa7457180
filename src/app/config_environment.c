#include "config_environment.h"

#include <assert.h>
#include <string.h>

#include "config_nearest.h"

#define PREFIX "RINGCAST_"

void config_variable_name(const struct config_key *key, char name[CONFIG_VARIABLE_MAX]) {
    size_t size = strlen(PREFIX);
    assert(size + strlen(key->path) < CONFIG_VARIABLE_MAX);
    memcpy(name, PREFIX, size);
    for (const char *from = key->path; *from != '\0'; from++) {
        bool is_letter = *from >= 'a' && *from <= 'z';
        name[size++] = *from == '.' ? '_' : is_letter ? (char)(*from - 'a' + 'A') : *from;
    }
    name[size] = '\0';
}

static bool starts_with(struct bytes text, const char *start) {
    struct bytes wanted = bytes_of(start);
    return text.size >= wanted.size && bytes_equal(bytes_make(text.data, wanted.size), wanted);
}

static bool contains(struct bytes text, const char *part) {
    return memmem(text.data, text.size, part, strlen(part)) != NULL;
}

/*
 * Kubernetes gives every pod variables for each service of its namespace; for a service named
 * `ringcast` or `ringcast-something` they start as ours do: RINGCAST_SERVICE_HOST,
 * RINGCAST_SERVICE_PORT, RINGCAST_PORT=tcp://..., RINGCAST_PORT_8765_TCP_ADDR and so on. A
 * service's name must not keep the service from starting.
 */
static bool is_service_link(struct bytes name, struct bytes value) {
    return contains(name, "_SERVICE_HOST") || contains(name, "_SERVICE_PORT") ||
           (contains(name, "_PORT_") && (contains(name, "_TCP") || contains(name, "_UDP"))) ||
           (contains(name, "_PORT") &&
            (starts_with(value, "tcp://") || starts_with(value, "udp://")));
}

static enum error report_unknown(struct config_reader *reader, struct bytes name) {
    const struct config_key *best = NULL;
    char variable[CONFIG_VARIABLE_MAX];
    struct nearest nearest = nearest_to(bytes_after(name, strlen(PREFIX)));
    for (size_t i = 0; i < config_keys.count; i++) {
        size_t distance = nearest.distance;
        config_variable_name(&config_keys.keys[i], variable);
        nearest_consider(&nearest, bytes_of(variable + strlen(PREFIX)));
        if (nearest.distance < distance)
            best = &config_keys.keys[i];
    }
    if (best == NULL)
        return config_report(reader, 0, "unknown variable; it names no key of the configuration");
    config_variable_name(best, variable);
    return config_report(reader, 0, "unknown variable; did you mean %s?", variable);
}

static const struct config_key *find_key(struct bytes name) {
    char variable[CONFIG_VARIABLE_MAX];
    for (size_t i = 0; i < config_keys.count; i++) {
        config_variable_name(&config_keys.keys[i], variable);
        if (bytes_equal(name, bytes_of(variable)))
            return &config_keys.keys[i];
    }
    return NULL;
}

/* Lines say `RINGCAST_HUB_LISTEN: hub.listen: …`. */
static enum error read_key(struct config_reader *reader, const struct config_key *key,
                           struct bytes value, struct config *config) {
    enum error error = buffer_append_text(&reader->path, key->path);
    if (error == ERROR_NONE)
        error = config_key_read_text(reader, key, value, config);
    config_path_leave(reader, 0);
    return error;
}

/* The name as lines show it: whoever sets variables may put any bytes into their names. */
static enum error append_source(struct bytes name, struct buffer *source) {
    bool is_plain = name.size < CONFIG_VARIABLE_MAX;
    for (size_t i = 0; i < name.size && is_plain; i++)
        is_plain = name.data[i] > ' ' && name.data[i] < 0x7F;
    enum error error =
        is_plain ? buffer_append(source, name.data, name.size) : config_append_quoted(source, name);
    return error == ERROR_NONE ? buffer_append_byte(source, '\0') : error;
}

static enum error read_variable(struct config_reader *reader, struct bytes name, struct bytes value,
                                struct config *config) {
    const struct config_key *key = find_key(name);
    struct buffer source = {0};
    if (key == NULL && is_service_link(name, value))
        return ERROR_NONE;
    enum error error = append_source(name, &source);
    reader->source = (const char *)source.data;
    if (error == ERROR_NONE)
        error = key != NULL ? read_key(reader, key, value, config) : report_unknown(reader, name);
    buffer_fini(&source);
    return error;
}

enum error config_environment_read(struct config_reader *reader, char *const *environment,
                                   struct config *config) {
    reader->has_lines = false;
    config_path_leave(reader, 0);
    enum error error = ERROR_NONE;
    for (; *environment != NULL && error == ERROR_NONE; environment++) {
        struct bytes entry = bytes_of(*environment);
        const uint8_t *equals = memchr(entry.data, '=', entry.size);
        if (equals == NULL || !starts_with(entry, PREFIX))
            continue;
        size_t name_size = (size_t)(equals - entry.data);
        error = read_variable(reader, bytes_make(entry.data, name_size),
                              bytes_after(entry, name_size + 1), config);
    }
    return error;
}
