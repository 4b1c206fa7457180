/* Values that are one text or an array of texts, each checked by the type of one. */
#include "base/memory.h"
#include "config_table.h"
#include "net/address.h"

static void release_texts(void *field) {
    struct config_texts *texts = field;
    for (size_t i = 0; i < texts->count; i++)
        memory_free(texts->entries[i]);
    memory_free(texts->entries);
    *texts = (struct config_texts){0};
}

static enum error read_elements(struct config_reader *reader, const struct config_key *key,
                                const struct config_type *type, const struct json_value *array,
                                struct config_texts *texts) {
    size_t path_size = reader->path.size, index = 0;
    enum error error = ERROR_NONE;
    for (const struct json_value *element = array->first; element != NULL && error == ERROR_NONE;
         element = element->next) {
        error = config_path_enter_index(reader, index++);
        if (error == ERROR_NONE)
            error = type->read(reader, key, element, &texts->entries[texts->count]);
        texts->count += texts->entries[texts->count] != NULL;
        config_path_leave(reader, path_size);
    }
    return error;
}

/* The row's range is that of the number of texts. */
static enum error read_texts(struct config_reader *reader, const struct config_key *key,
                             const struct json_value *value, struct config_texts *texts,
                             const struct config_type *type) {
    bool is_array = value->type == JSON_ARRAY;
    size_t count = is_array ? value->count : 1;
    if (count < key->minimum || count > key->maximum)
        return config_refuse(reader, value, "%llu to %llu texts", (unsigned long long)key->minimum,
                             (unsigned long long)key->maximum);
    release_texts(texts);
    texts->entries = memory_allocate_zeroed((count + 1) * sizeof *texts->entries);
    if (texts->entries == NULL)
        return ERROR_NO_MEMORY;
    if (is_array)
        return read_elements(reader, key, type, value, texts);
    enum error error = type->read(reader, key, value, &texts->entries[0]);
    texts->count = texts->entries[0] != NULL;
    return error;
}

static enum error read_files(struct config_reader *reader, const struct config_key *key,
                             const struct json_value *value, void *field) {
    return read_texts(reader, key, value, field, &config_type_file);
}

static enum error read_origins(struct config_reader *reader, const struct config_key *key,
                               const struct json_value *value, void *field) {
    return read_texts(reader, key, value, field, &config_type_origin);
}

/* ---- name servers: one text for c-ares, in which every server has its port ------------------- */

enum { DNS_PORT = 53 };

static bool parse_name_server(struct bytes text, struct address *server) {
    struct address addresses[2];
    size_t count;
    if (address_parse_host(text, DNS_PORT, server))
        return true;
    if (address_parse_listen(text, addresses, &count) != ERROR_NONE || count != 1)
        return false;
    *server = addresses[0];
    return address_port(server) != 0;
}

static enum error read_name_server(struct config_reader *reader, const struct config_key *key,
                                   const struct json_value *value, void *field) {
    (void)key;
    struct address server;
    char text[ADDRESS_TEXT_SIZE];
    if (value->type != JSON_STRING || !parse_name_server(value->text, &server))
        return config_refuse(reader, value,
                             "the IP address of a name server, and maybe :PORT behind it (then "
                             "with IPv6 in brackets)");
    if (!address_is_one_host(&server))
        return config_refuse(reader, value, "the address of one host, not of any or of many");
    return config_set_text(field, bytes_make(text, address_format(&server, text)));
}

static enum error join(const struct config_texts *texts, struct buffer *out) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < texts->count && error == ERROR_NONE; i++)
        error = buffer_format(out, "%s%s", i > 0 ? "," : "", texts->entries[i]);
    return error;
}

static enum error read_name_servers(struct config_reader *reader, const struct config_key *key,
                                    const struct json_value *value, void *field) {
    static const struct config_type one = {read_name_server, config_release_text, CONFIG_FORM_TEXT};
    struct config_texts servers = {0};
    struct buffer text = {0};
    enum error error = read_texts(reader, key, value, &servers, &one);
    if (error == ERROR_NONE && servers.count > 0)
        error = join(&servers, &text);
    if (error == ERROR_NONE && servers.count > 0)
        error = config_set_text(field, buffer_bytes(&text));
    buffer_fini(&text);
    release_texts(&servers);
    return error;
}

const struct config_type config_type_name_servers = {read_name_servers, config_release_text,
                                                     CONFIG_FORM_TEXT_OR_LIST};
const struct config_type config_type_files = {read_files, release_texts, CONFIG_FORM_TEXT_OR_LIST};
const struct config_type config_type_origins = {read_origins, release_texts,
                                                CONFIG_FORM_TEXT_OR_LIST};
