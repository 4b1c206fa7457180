#include "config_lists.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "config_table.h"
#include "request_hash.h"

/* More than any `every` may be. */
#define EVERY_NOT_GIVEN UINT64_MAX

/* What channels are before the file says anything. */
static const char built_in_channels[] = "{\"chat\": {\"prefix\": true, \"publish\": \"anyone\"},"
                                        " \"*\": {}}";
enum { BUILT_IN_CHANNELS_COUNT = 2 };

void config_urls_release(struct config_urls *urls) {
    for (size_t i = 0; i < urls->count; i++)
        config_table_release(&config_url_keys, &urls->entries[i]);
    memory_free(urls->entries);
    *urls = (struct config_urls){0};
}

static void release_urls(void *field) {
    config_urls_release(field);
}

/* "https://…", or an object of config_url_keys. */
static enum error read_url_element(struct config_reader *reader, const struct json_value *element,
                                   struct config_url *url) {
    const struct config_key *url_key = &config_url_keys.keys[0];
    url->every = EVERY_NOT_GIVEN;
    if (element->type == JSON_STRING)
        return url_key->type->read(reader, url_key, element, &url->url);
    if (element->type != JSON_OBJECT || json_member(element, url_key->path) == NULL)
        return config_refuse(reader, element, "a URL, or an object with \"url\"");
    enum error error = config_table_read(reader, &config_url_keys, element, url);
    if (error == ERROR_NONE && url->basic != NULL && url->bearer != NULL)
        return config_report(reader, element->line, "expected \"basic\" or \"bearer\", not both");
    if (error == ERROR_NONE && (url->certificate == NULL) != (url->key == NULL))
        return config_report(reader, element->line,
                             "expected \"certificate\" and \"key\", or neither");
    return error;
}

static enum error read_url_elements(struct config_reader *reader, const struct json_value *array,
                                    struct config_urls *urls) {
    size_t path_size = reader->path.size;
    enum error error = ERROR_NONE;
    for (const struct json_value *element = array->first; element != NULL && error == ERROR_NONE;
         element = element->next) {
        error = config_path_enter_index(reader, urls->count);
        if (error == ERROR_NONE)
            error = read_url_element(reader, element, &urls->entries[urls->count++]);
        config_path_leave(reader, path_size);
    }
    return error;
}

static enum error read_urls(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_ARRAY)
        return config_refuse(reader, value, "an array of URLs");
    release_urls(field);
    if (value->count == 0)
        return ERROR_NONE;
    struct config_urls *urls = field;
    urls->entries = memory_allocate_zeroed(value->count * sizeof *urls->entries);
    if (urls->entries == NULL)
        return ERROR_NO_MEMORY;
    return read_url_elements(reader, value, urls);
}

enum error config_urls_complete(struct config_fetch *fetch) {
    for (size_t i = 0; i < fetch->urls.count; i++) {
        struct config_url *url = &fetch->urls.entries[i];
        if (url->every == EVERY_NOT_GIVEN)
            url->every = fetch->every;
        if (url->channel == NULL)
            url->channel = memory_copy_text(fetch->channel, strlen(fetch->channel));
        if (url->channel == NULL)
            return ERROR_NO_MEMORY;
        url->request_hash = request_hash(url);
    }
    return ERROR_NONE;
}

static void release_channels(void *field) {
    struct config_channels *channels = field;
    for (size_t i = 0; i < channels->count; i++) {
        config_table_release(&config_channel_keys, &channels->entries[i]);
        memory_free(channels->entries[i].name);
    }
    memory_free(channels->entries);
    *channels = (struct config_channels){0};
}

/* Names do not repeat within one object, so only a built-in entry can be there already. */
static struct config_channel *find_built_in(const struct config_channels *channels,
                                            struct bytes name) {
    for (size_t i = 0; i < channels->count && i < BUILT_IN_CHANNELS_COUNT; i++)
        if (bytes_equal(bytes_of(channels->entries[i].name), name))
            return &channels->entries[i];
    return NULL;
}

/* Adds an entry with the defaults of the table; there is room for it. */
static enum error add_channel(struct config_channels *channels, struct bytes name,
                              struct config_channel **added) {
    struct config_channel *channel = &channels->entries[channels->count];
    channel->name = memory_copy_text((const char *)name.data, name.size);
    if (channel->name == NULL)
        return ERROR_NO_MEMORY;
    channels->count++;
    *added = channel;
    return config_table_set_defaults(&config_channel_keys, channel);
}

static enum error read_channel(struct config_reader *reader, const struct json_value *member,
                               struct config_channels *channels) {
    if (!config_channel_name_is_valid(member->key) && !bytes_equal(member->key, bytes_of("*")))
        return config_report(reader, member->key_line,
                             "expected " CONFIG_CHANNEL_NAME_WORDS ", or \"*\"");
    struct config_channel *channel = find_built_in(channels, member->key);
    enum error error = ERROR_NONE;
    if (channel == NULL)
        error = add_channel(channels, member->key, &channel);
    return error == ERROR_NONE ? config_table_read(reader, &config_channel_keys, member, channel)
                               : error;
}

static enum error read_channel_members(struct config_reader *reader,
                                       const struct json_value *object,
                                       struct config_channels *channels) {
    size_t path_size = reader->path.size;
    enum error error = ERROR_NONE;
    for (const struct json_value *member = object->first; member != NULL && error == ERROR_NONE;
         member = member->next) {
        bool is_new;
        error = config_enter_member(reader, member, &is_new);
        if (error == ERROR_NONE && is_new)
            error = read_channel(reader, member, channels);
        config_path_leave(reader, path_size);
    }
    return error;
}

static enum error add_built_in_channels(struct config_reader *reader,
                                        struct config_channels *channels) {
    struct json_document document;
    struct json_syntax_error problem;
    enum error error = json_document_init(&document, bytes_of(built_in_channels), &problem);
    if (error != ERROR_NONE)
        return error;
    error = read_channel_members(reader, document.values, channels);
    json_document_fini(&document);
    return error;
}

static int compare_names(struct bytes a, struct bytes b) {
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static int compare_channels(const void *a, const void *b) {
    return compare_names(bytes_of(((const struct config_channel *)a)->name),
                         bytes_of(((const struct config_channel *)b)->name));
}

/* The value takes the place of an earlier one, on top of the built-in channels. */
static enum error read_channels(struct config_reader *reader, const struct config_key *key,
                                const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_OBJECT)
        return config_refuse(reader, value, "an object of channels by their names");
    release_channels(field);
    struct config_channels *channels = field;
    channels->entries = memory_allocate_zeroed((BUILT_IN_CHANNELS_COUNT + value->count) *
                                               sizeof *channels->entries);
    if (channels->entries == NULL)
        return ERROR_NO_MEMORY;
    enum error error = add_built_in_channels(reader, channels);
    if (error == ERROR_NONE)
        error = read_channel_members(reader, value, channels);
    qsort(channels->entries, channels->count, sizeof *channels->entries, compare_channels);
    return error;
}

static int compare_name_with_channel(const void *name, const void *channel) {
    return compare_names(*(const struct bytes *)name,
                         bytes_of(((const struct config_channel *)channel)->name));
}

static const struct config_channel *find_channel(const struct config_channels *channels,
                                                 struct bytes name) {
    return bsearch(&name, channels->entries, channels->count, sizeof *channels->entries,
                   compare_name_with_channel);
}

const struct config_channel *config_channel(const struct config *config, struct bytes name) {
    const struct config_channel *channel = find_channel(&config->hub.channels, name);
    return channel != NULL ? channel : find_channel(&config->hub.channels, bytes_of("*"));
}

const struct config_type config_type_urls = {read_urls, release_urls, CONFIG_FORM_JSON};
const struct config_type config_type_channels = {read_channels, release_channels, CONFIG_FORM_JSON};
