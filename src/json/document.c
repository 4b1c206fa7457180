#include "json/document.h"

#include <assert.h>
#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* Joins cJSON's tree with the places of the scan: both list the values in the same order. */
struct join {
    struct json_document *document;
    const struct json_place *places;
    size_t place_count;
    size_t used;
    struct bytes text;
};

static void install_allocator(void) {
    cJSON_Hooks hooks = {memory_allocate, memory_free};
    cJSON_InitHooks(&hooks);
}

static enum json_type type_of(const cJSON *item) {
    switch (item->type & 0xFF) {
    case cJSON_False:
    case cJSON_True:
        return JSON_BOOLEAN;
    case cJSON_Number:
        return JSON_NUMBER;
    case cJSON_String:
        return JSON_STRING;
    case cJSON_Array:
        return JSON_ARRAY;
    case cJSON_Object:
        return JSON_OBJECT;
    default:
        return JSON_NULL;
    }
}

struct member {
    struct json_value *value;
};

/* By key, and equal keys in the order of the text: all values stand in one array. */
static int compare_members(const void *left, const void *right) {
    const struct json_value *a = ((const struct member *)left)->value;
    const struct json_value *b = ((const struct member *)right)->value;
    size_t shorter = a->key.size < b->key.size ? a->key.size : b->key.size;
    int order = memcmp(a->key.data, b->key.data, shorter);
    if (order != 0)
        return order;
    if (a->key.size != b->key.size)
        return a->key.size < b->key.size ? -1 : 1;
    return a < b ? -1 : 1;
}

static void mark_neighbours(const struct member *members, size_t count) {
    for (size_t i = 1; i < count; i++) {
        const struct json_value *before = members[i - 1].value;
        if (bytes_equal(members[i].value->key, before->key))
            members[i].value->repeats = before->repeats != NULL ? before->repeats : before;
    }
}

/* Sorted, equal keys are neighbours: no quadratic search, however many members there are. */
static enum error mark_repeated_keys(const struct json_value *object, struct json_value *values) {
    if (object->count < 2)
        return ERROR_NONE;
    struct member *members = memory_allocate(object->count * sizeof *members);
    if (members == NULL)
        return ERROR_NO_MEMORY;
    size_t count = 0;
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        members[count++].value = &values[member - values];
    qsort(members, count, sizeof *members, compare_members);
    mark_neighbours(members, count);
    memory_free(members);
    return ERROR_NONE;
}

static enum error join_item(struct join *join, const cJSON *item, struct json_value **joined);

static enum error join_children(struct join *join, const cJSON *item, struct json_value *value) {
    struct json_value *previous = NULL;
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        struct json_value *joined;
        enum error error = join_item(join, child, &joined);
        if (error != ERROR_NONE)
            return error;
        if (previous == NULL)
            value->first = joined;
        else
            previous->next = joined;
        previous = joined;
        value->count++;
    }
    return value->type == JSON_OBJECT ? mark_repeated_keys(value, join->document->values)
                                      : ERROR_NONE;
}

/* The depth of the recursion is at most JSON_DEPTH_MAX. */
static enum error join_item(struct join *join, const cJSON *item, struct json_value **joined) {
    assert(join->used < join->place_count);
    const struct json_place *place = &join->places[join->used];
    struct json_value *value = &join->document->values[join->used++];
    *value = (struct json_value){
        .type = type_of(item),
        .boolean = (item->type & 0xFF) == cJSON_True,
        .line = place->line,
        .key_line = place->key_line,
        .number = item->valuedouble,
        .source = {join->text.data + place->offset, place->size},
    };
    if (item->string != NULL)
        value->key = bytes_of(item->string);
    if (item->valuestring != NULL)
        value->text = bytes_of(item->valuestring);
    *joined = value;
    return join_children(join, item, value);
}

/* The scan accepts less than cJSON does, so that cJSON fails only for want of memory. */
static enum error parse(struct json_document *document, struct bytes text,
                        const struct buffer *places) {
    struct json_value *root;
    struct join join = {
        .document = document,
        .places = (const struct json_place *)(const void *)places->data,
        .place_count = places->size / sizeof(struct json_place),
        .text = text,
    };
    document->values = memory_allocate(join.place_count * sizeof *document->values);
    if (document->values == NULL)
        return ERROR_NO_MEMORY;
    document->tree = cJSON_ParseWithLength((const char *)text.data, text.size);
    if (document->tree == NULL)
        return ERROR_NO_MEMORY;
    enum error error = join_item(&join, document->tree, &root);
    assert(error != ERROR_NONE || join.used == join.place_count);
    return error;
}

enum error json_document_init(struct json_document *document, struct bytes text,
                              struct json_syntax_error *problem) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, install_allocator);
    struct buffer places = {0};
    *document = (struct json_document){0};
    enum error error = json_text_scan(text, &places, problem);
    if (error == ERROR_NONE)
        error = parse(document, text, &places);
    if (error != ERROR_NONE)
        json_document_fini(document);
    buffer_fini(&places);
    return error;
}

void json_document_fini(struct json_document *document) {
    cJSON_Delete(document->tree);
    memory_free(document->values);
    *document = (struct json_document){0};
}

const struct json_value *json_member(const struct json_value *object, const char *key) {
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        if (bytes_equal(member->key, bytes_of(key)))
            return member;
    return NULL;
}
