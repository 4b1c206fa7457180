/* Where the hub listens, with which certificates, and which proxies it believes. */
#include "base/memory.h"
#include "config_lists.h"
#include "config_table.h"

/* ---- hub.listen: a text, an object, or an array of those ------------------------------------- */

static void release_listens(void *field) {
    struct config_listens *listens = field;
    for (size_t i = 0; i < listens->count; i++)
        config_table_release(&config_listen_keys, &listens->entries[i]);
    memory_free(listens->entries);
    *listens = (struct config_listens){0};
}

static enum error read_listen(struct config_reader *reader, const struct json_value *value,
                              struct config_listen *listen) {
    const struct config_key *address = &config_listen_keys.keys[0];
    enum error error = config_table_set_defaults(&config_listen_keys, listen);
    if (error != ERROR_NONE)
        return error;
    if (value->type != JSON_OBJECT)
        return address->type->read(reader, address, value, &listen->address);
    if (json_member(value, address->path) == NULL)
        return config_refuse(reader, value, "an object with \"address\"");
    return config_table_read(reader, &config_listen_keys, value, listen);
}

static enum error read_elements(struct config_reader *reader, const struct json_value *array,
                                struct config_listens *listens) {
    size_t path_size = reader->path.size;
    enum error error = ERROR_NONE;
    for (const struct json_value *element = array->first; element != NULL && error == ERROR_NONE;
         element = element->next) {
        error = config_path_enter_index(reader, listens->count);
        if (error == ERROR_NONE)
            error = read_listen(reader, element, &listens->entries[listens->count++]);
        config_path_leave(reader, path_size);
    }
    return error;
}

static enum error read_listens(struct config_reader *reader, const struct config_key *key,
                               const struct json_value *value, void *field) {
    struct config_listens *listens = field;
    bool is_array = value->type == JSON_ARRAY;
    size_t count = is_array ? value->count : 1;
    if (count < key->minimum || count > key->maximum)
        return config_refuse(reader, value, "%llu to %llu listeners",
                             (unsigned long long)key->minimum, (unsigned long long)key->maximum);
    release_listens(field);
    listens->entries = memory_allocate_zeroed(count * sizeof *listens->entries);
    if (listens->entries == NULL)
        return ERROR_NO_MEMORY;
    return is_array ? read_elements(reader, value, listens)
                    : read_listen(reader, value, &listens->entries[listens->count++]);
}

/* ---- hub.trusted_proxies: a network, or an array of them ------------------------------------- */

static void release_networks(void *field) {
    struct config_networks *networks = field;
    memory_free(networks->entries);
    *networks = (struct config_networks){0};
}

static enum error read_network(struct config_reader *reader, const struct json_value *value,
                               struct config_networks *networks) {
    if (value->type == JSON_STRING &&
        network_parse(value->text, &networks->entries[networks->count])) {
        networks->count++;
        return ERROR_NONE;
    }
    return config_refuse(reader, value,
                         "a network such as \"10.0.0.0/8\" or \"2001:db8::/32\" with nothing set "
                         "behind its prefix, an address, or \"unix\"");
}

static enum error read_networks(struct config_reader *reader, const struct config_key *key,
                                const struct json_value *value, void *field) {
    struct config_networks *networks = field;
    bool is_array = value->type == JSON_ARRAY;
    size_t count = is_array ? value->count : 1, path_size = reader->path.size, index = 0;
    if (count > key->maximum)
        return config_refuse(reader, value, "at most %llu networks",
                             (unsigned long long)key->maximum);
    release_networks(field);
    networks->entries = memory_allocate_zeroed((count + 1) * sizeof *networks->entries);
    if (networks->entries == NULL)
        return ERROR_NO_MEMORY;
    if (!is_array)
        return read_network(reader, value, networks);
    enum error error = ERROR_NONE;
    for (const struct json_value *element = value->first; element != NULL && error == ERROR_NONE;
         element = element->next) {
        error = config_path_enter_index(reader, index++);
        if (error == ERROR_NONE)
            error = read_network(reader, element, networks);
        config_path_leave(reader, path_size);
    }
    return error;
}

/* ---- hub.tls.more: an array of objects ------------------------------------------------------- */

static void release_identities(void *field) {
    struct config_identities *identities = field;
    for (size_t i = 0; i < identities->count; i++)
        config_table_release(&config_identity_keys, &identities->entries[i]);
    memory_free(identities->entries);
    *identities = (struct config_identities){0};
}

static enum error read_identity(struct config_reader *reader, const struct json_value *value,
                                struct config_identity *identity) {
    bool whole = value->type == JSON_OBJECT && json_member(value, "certificate") != NULL &&
                 json_member(value, "key") != NULL;
    return whole ? config_table_read(reader, &config_identity_keys, value, identity)
                 : config_refuse(reader, value, "an object with \"certificate\" and \"key\"");
}

static enum error read_identities(struct config_reader *reader, const struct config_key *key,
                                  const struct json_value *value, void *field) {
    struct config_identities *identities = field;
    size_t path_size = reader->path.size;
    if (value->type != JSON_ARRAY || value->count > key->maximum)
        return config_refuse(reader, value, "an array of at most %llu certificates with their keys",
                             (unsigned long long)key->maximum);
    release_identities(field);
    identities->entries = memory_allocate_zeroed((value->count + 1) * sizeof *identities->entries);
    if (identities->entries == NULL)
        return ERROR_NO_MEMORY;
    enum error error = ERROR_NONE;
    for (const struct json_value *element = value->first; element != NULL && error == ERROR_NONE;
         element = element->next) {
        error = config_path_enter_index(reader, identities->count);
        if (error == ERROR_NONE)
            error = read_identity(reader, element, &identities->entries[identities->count++]);
        config_path_leave(reader, path_size);
    }
    return error;
}

/* ---- together -------------------------------------------------------------------------------- */

enum error config_listens_check(struct config_reader *reader, const struct config_hub *hub) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < hub->listen.count && error == ERROR_NONE; i++)
        if (hub->listen.entries[i].proxy_protocol && hub->trusted_proxies.count == 0)
            error = config_report(reader, 0,
                                  "hub.listen: \"proxy_protocol\" needs hub.trusted_proxies: "
                                  "nobody else may connect there");
    return error;
}

const struct config_type config_type_listens = {read_listens, release_listens,
                                                CONFIG_FORM_TEXT_OR_LIST};
const struct config_type config_type_identities = {read_identities, release_identities,
                                                   CONFIG_FORM_JSON};
const struct config_type config_type_networks = {read_networks, release_networks,
                                                 CONFIG_FORM_TEXT_OR_LIST};
