/* Values that are one text or an array of texts, each checked by the type of one. */
#include "base/memory.h"
#include "config_table.h"

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

const struct config_type config_type_files = {read_files, release_texts, CONFIG_FORM_TEXT_OR_LIST};
const struct config_type config_type_origins = {read_origins, release_texts,
                                                CONFIG_FORM_TEXT_OR_LIST};
