#include "head.h"

#include <llhttp.h>
#include <string.h>

#include "characters.h"

enum { VERSION_SIZE = 8 };

/* RFC 9112 §2.3: "HTTP/1.1", with any two digits. */
static bool is_version(struct bytes text) {
    return text.size == VERSION_SIZE && memcmp(text.data, "HTTP/", 5) == 0 && text.data[5] >= '0' &&
           text.data[5] <= '9' && text.data[6] == '.' && text.data[7] >= '0' && text.data[7] <= '9';
}

/* Takes what stands before the first blank, and the blank. False if there is none. */
static bool take_word(struct bytes *text, struct bytes *word) {
    const uint8_t *blank = text->size > 0 ? memchr(text->data, ' ', text->size) : NULL;
    if (blank == NULL || blank == text->data)
        return false;
    *word = bytes_make(text->data, (size_t)(blank - text->data));
    *text = bytes_after(*text, word->size + 1);
    return true;
}

static enum error check_request_line(struct bytes line) {
    struct bytes method, target;
    if (!take_word(&line, &method) || !characters_are(method, CHARACTER_TOKEN) ||
        !take_word(&line, &target) || !characters_are(target, CHARACTER_TARGET) ||
        !is_version(line))
        return ERROR_HTTP_MALFORMED;
    return line.data[5] == '1' ? ERROR_NONE : ERROR_HTTP_VERSION;
}

static bool status_line_is_valid(struct bytes line) {
    if (line.size < 12 || !is_version(bytes_make(line.data, VERSION_SIZE)) || line.data[5] != '1' ||
        line.data[7] > '1' || line.data[8] != ' ')
        return false;
    const uint8_t *digits = line.data + 9;
    if (digits[0] < '1' || digits[0] > '9' || digits[1] < '0' || digits[1] > '9' ||
        digits[2] < '0' || digits[2] > '9')
        return false;
    struct bytes rest = bytes_after(line, 12);
    return rest.size == 0 || (rest.data[0] == ' ' && characters_are(rest, CHARACTER_VALUE));
}

enum error head_check_start_line(enum head_kind kind, struct bytes line) {
    if (kind == HEAD_REQUEST)
        return check_request_line(line);
    return status_line_is_valid(line) ? ERROR_NONE : ERROR_HTTP_MALFORMED;
}

bool head_field_line_is_valid(struct bytes line) {
    size_t name_size = 0;
    while (name_size < line.size && character_is(line.data[name_size], CHARACTER_TOKEN))
        name_size++;
    return name_size > 0 && name_size < line.size && line.data[name_size] == ':' &&
           characters_are(bytes_after(line, name_size), CHARACTER_VALUE);
}

/* What the callbacks fill. The whole head is one piece, so their spans are views of it. */
struct parse {
    struct head *head;
    struct http_field *fields;
    size_t field_count; /* the room there is */
};

static int on_method(llhttp_t *parser, const char *data, size_t size) {
    struct parse *parse = parser->data;
    parse->head->method = bytes_make(data, size);
    return 0;
}

static int on_target(llhttp_t *parser, const char *data, size_t size) {
    struct parse *parse = parser->data;
    parse->head->target = bytes_make(data, size);
    return 0;
}

static int on_reason(llhttp_t *parser, const char *data, size_t size) {
    struct parse *parse = parser->data;
    parse->head->reason = bytes_make(data, size);
    return 0;
}

static int on_field_name(llhttp_t *parser, const char *data, size_t size) {
    struct parse *parse = parser->data;
    if (parse->head->field_count == parse->field_count)
        return HPE_USER;
    struct http_field *field = &parse->fields[parse->head->field_count++];
    field->name = bytes_make(data, size);
    field->value = bytes_make(data + size, 0);
    return 0;
}

static int on_field_value(llhttp_t *parser, const char *data, size_t size) {
    struct parse *parse = parser->data;
    parse->fields[parse->head->field_count - 1].value = bytes_trimmed(bytes_make(data, size));
    return 0;
}

/*
 * A response may say the same Content-Length twice (RFC 9110 §8.6), which llhttp would refuse: it
 * is made to forget the first. framing_decide() compares them.
 */
static int on_field_end(llhttp_t *parser) {
    if (parser->type == HTTP_RESPONSE) {
        parser->flags &= (uint16_t)~F_CONTENT_LENGTH;
        parser->content_length = 0;
    }
    return 0;
}

/* Stops llhttp here: what follows the head is not its business. */
static int on_head_end(llhttp_t *parser) {
    struct parse *parse = parser->data;
    parse->head->status = parser->status_code;
    parse->head->minor_version = parser->http_minor;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_target,
    .on_status = on_reason,
    .on_header_field = on_field_name,
    .on_header_value = on_field_value,
    .on_header_value_complete = on_field_end,
    .on_headers_complete = on_head_end,
};

/* The one place where llhttp's codes become ours. Its pause is ours, at the end of the head. */
static enum error translate(llhttp_errno_t code) {
    switch (code) {
    case HPE_PAUSED:
        return ERROR_NONE;
    case HPE_INVALID_METHOD:
        return ERROR_UNSUPPORTED;
    case HPE_UNEXPECTED_CONTENT_LENGTH:
    case HPE_INVALID_CONTENT_LENGTH:
    case HPE_INVALID_TRANSFER_ENCODING:
        return ERROR_HTTP_FRAMING;
    default:
        return ERROR_HTTP_MALFORMED;
    }
}

enum error head_parse(enum head_kind kind, struct bytes text, struct http_field *fields,
                      size_t field_count, struct head *head) {
    *head = (struct head){0};
    struct parse parse = {head, fields, field_count};
    llhttp_t parser;
    llhttp_init(&parser, kind == HEAD_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    parser.data = &parse;
    enum error error = translate(llhttp_execute(&parser, (const char *)text.data, text.size));
    if (error != ERROR_NONE)
        return error;
    /* llhttp 9 knows a method more than 8.1, QUERY: the answer must not depend on the version */
    if (kind == HEAD_REQUEST && llhttp_get_method(&parser) > HTTP_FLUSH)
        return ERROR_UNSUPPORTED;
    return head->field_count == field_count ? ERROR_NONE : ERROR_HTTP_MALFORMED;
}
