/*
 * JSON texts as trees. Byte 0: which allocation fails (0: none); the rest is the text.
 *
 * Oracles: a plain reading of RFC 8259 accepts the same texts; each value alone, as it is written,
 * is such a text of the same kind; a number is what the C library reads in it; what is printed from
 * the tree reads to a tree that prints the same; keys that repeat are those of a plain search; the
 * place of a mistake is in the text.
 */
#include "base/json.h"
#include "fuzz.h"
#include "json_reference.h"
#include "json/document.h"

static void check_source(const struct json_value *value, struct bytes text) {
    struct bytes source = value->source;
    FUZZ_CHECK(source.size > 0 && source.data >= text.data &&
               source.data + source.size <= text.data + text.size);
    FUZZ_CHECK(ref_is_json(source));
    static const char *const begin[] = {"n", "tf", "-0123456789", "\"", "[", "{"};
    FUZZ_CHECK(strchr(begin[value->type], source.data[0]) != NULL);
    if (value->type == JSON_BOOLEAN)
        FUZZ_CHECK(value->boolean == (source.data[0] == 't'));
    size_t line = 1;
    for (const uint8_t *at = text.data; at < source.data; at++)
        line += *at == '\n';
    FUZZ_CHECK(value->line == line && value->key_line <= line);
}

static void check_number(const struct json_value *value) {
    char copy[JSON_NUMBER_MAX + 1];
    FUZZ_CHECK(value->source.size < sizeof copy);
    memcpy(copy, value->source.data, value->source.size);
    copy[value->source.size] = '\0';
    FUZZ_CHECK(value->number == strtod(copy, NULL));
}

static const struct json_value *ref_earlier(const struct json_value *object,
                                            const struct json_value *member) {
    for (const struct json_value *other = object->first; other != member; other = other->next)
        if (bytes_equal(other->key, member->key))
            return other;
    return NULL;
}

static void print(struct buffer *out, const struct json_value *value, struct bytes text) {
    bool is_object = value->type == JSON_OBJECT;
    size_t count = 0;
    check_source(value, text);
    if (value->type == JSON_NUMBER)
        check_number(value);
    if (value->type == JSON_STRING)
        FUZZ_CHECK(json_append_string(out, value->text) == ERROR_NONE);
    else if (!is_object && value->type != JSON_ARRAY)
        buffer_append(out, value->source.data, value->source.size);
    if (!is_object && value->type != JSON_ARRAY)
        return;
    buffer_append_byte(out, is_object ? '{' : '[');
    for (const struct json_value *child = value->first; child != NULL; child = child->next) {
        if (count++ > 0)
            buffer_append_byte(out, ',');
        if (is_object) {
            FUZZ_CHECK(child->repeats == ref_earlier(value, child));
            if (child->repeats == NULL && memchr(child->key.data, '\0', child->key.size) == NULL)
                FUZZ_CHECK(json_member(value, (const char *)child->key.data) == child);
            FUZZ_CHECK(json_append_string(out, child->key) == ERROR_NONE);
            buffer_append_byte(out, ':');
        }
        print(out, child, text);
    }
    FUZZ_CHECK(count == value->count);
    buffer_append_byte(out, is_object ? '}' : ']');
}

static void check_again(struct bytes printed) {
    struct json_document document;
    struct json_syntax_error problem;
    struct buffer again = {0};
    FUZZ_CHECK(json_document_init(&document, printed, &problem) == ERROR_NONE);
    print(&again, document.values, printed);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), printed));
    json_document_fini(&document);
    buffer_fini(&again);
}

static void check_problem(const struct json_syntax_error *problem, struct bytes text) {
    size_t lines = 1;
    for (size_t i = 0; i < text.size; i++)
        lines += text.data[i] == '\n';
    FUZZ_CHECK(problem->line >= 1 && problem->line <= lines);
    FUZZ_CHECK(problem->column >= 1 && problem->column <= text.size + 1);
    FUZZ_CHECK(problem->expected[0] != '\0' && problem->found[0] != '\0');
    FUZZ_CHECK(ref_utf8(bytes_of(problem->found), true));
}

static void check_text(struct bytes text) {
    struct json_document document;
    struct json_syntax_error problem;
    enum error error = json_document_init(&document, text, &problem);
    FUZZ_CHECK(error == (ref_is_json(text) ? ERROR_NONE : ERROR_CONFIG_INVALID));
    if (error != ERROR_NONE) {
        check_problem(&problem, text);
        return;
    }
    struct buffer printed = {0};
    print(&printed, document.values, text);
    json_document_fini(&document);
    check_again(buffer_bytes(&printed));
    buffer_fini(&printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    unsigned failing = fuzz_take(&input);
    if (input.size >= FUZZ_PIECE_MAX)
        return 0;
    check_text(input);
    if (failing > 0) {
        struct json_document document;
        struct json_syntax_error problem;
        memory_fail_after(failing - 1, 1);
        enum error error = json_document_init(&document, input, &problem);
        FUZZ_CHECK((error == ERROR_NO_MEMORY) == (memory_failures() > 0));
        memory_fail_after(0, 0);
        if (error == ERROR_NONE)
            json_document_fini(&document);
    }
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
