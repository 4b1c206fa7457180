#include "http/writer.h"

#include "characters.h"
#include "http/date.h"

enum { FIRST_FINAL_STATUS = 200 };

const char *http_status_text(int status) {
    switch (status) {
#define HTTP_STATUS_TEXT_ROW(code, name, text) \
    case HTTP_STATUS_##name:                   \
        return text;
        HTTP_STATUS_TABLE(HTTP_STATUS_TEXT_ROW)
#undef HTTP_STATUS_TEXT_ROW
    default:
        return "";
    }
}

/* A head on its way into a buffer. After the first error nothing more is written. */
struct writing {
    struct buffer *out;
    size_t start; /* the buffer's size before */
    enum error error;
};

static struct writing begin(struct buffer *out) {
    return (struct writing){.out = out, .start = out->size};
}

/* Takes back what was written if there was an error. */
static enum error end(struct writing *writing) {
    if (writing->error != ERROR_NONE)
        writing->out->size = writing->start;
    return writing->error;
}

static void write_bytes(struct writing *writing, struct bytes text) {
    if (writing->error == ERROR_NONE)
        writing->error = buffer_append(writing->out, text.data, text.size);
}

static void write_text(struct writing *writing, const char *text) {
    write_bytes(writing, bytes_of(text));
}

static void require(struct writing *writing, bool condition) {
    if (writing->error == ERROR_NONE && !condition)
        writing->error = ERROR_INVALID_ARGUMENT;
}

/* Text that must not be empty and must be of one class of bytes. */
static void write_word(struct writing *writing, struct bytes word, enum character_class class) {
    require(writing, word.size > 0 && characters_are(word, class));
    write_bytes(writing, word);
}

static void write_field(struct writing *writing, struct bytes name, struct bytes value) {
    write_word(writing, name, CHARACTER_TOKEN);
    write_text(writing, ": ");
    require(writing, characters_are(value, CHARACTER_VALUE));
    write_bytes(writing, value);
    write_text(writing, "\r\n");
}

static void write_fields(struct writing *writing, struct http_fields fields) {
    for (size_t i = 0; i < fields.count; i++)
        write_field(writing, fields.items[i].name, fields.items[i].value);
}

static void write_number(struct writing *writing, int64_t number) {
    if (writing->error == ERROR_NONE)
        writing->error = buffer_format(writing->out, "%lld", (long long)number);
}

static void write_content_length(struct writing *writing, int64_t content_length) {
    if (content_length < 0)
        return;
    write_text(writing, "Content-Length: ");
    write_number(writing, content_length);
    write_text(writing, "\r\n");
}

enum error http_write_request(struct buffer *out, const struct http_request_head *head) {
    struct writing writing = begin(out);
    write_word(&writing, head->method, CHARACTER_TOKEN);
    write_text(&writing, " ");
    write_word(&writing, head->target, CHARACTER_TARGET);
    write_text(&writing, " HTTP/1.1\r\n");
    /* RFC 9110 §7.2: Host comes first */
    require(&writing, head->host.size > 0);
    write_field(&writing, bytes_of("Host"), head->host);
    write_fields(&writing, head->fields);
    write_content_length(&writing, head->content_length);
    write_text(&writing, "\r\n");
    return end(&writing);
}

static void write_status_line(struct writing *writing, int status) {
    require(writing, status >= 100 && status <= 999);
    write_text(writing, "HTTP/1.1 ");
    write_number(writing, status);
    write_text(writing, " ");
    write_text(writing, http_status_text(status));
    write_text(writing, "\r\n");
}

static void write_date(struct writing *writing, int64_t seconds) {
    char text[HTTP_DATE_SIZE + 1];
    if (seconds == 0)
        return;
    bool valid = http_date_format(seconds, text);
    require(writing, valid);
    if (valid)
        write_field(writing, bytes_of("Date"), bytes_of(text));
}

enum error http_write_response(struct buffer *out, const struct http_response_head *head) {
    struct writing writing = begin(out);
    write_status_line(&writing, head->status);
    write_date(&writing, head->date);
    if (head->connection != NULL)
        write_field(&writing, bytes_of("Connection"), bytes_of(head->connection));
    if (head->content_type.size > 0)
        write_field(&writing, bytes_of("Content-Type"), head->content_type);
    /* RFC 9110 §8.6: no Content-Length in these */
    require(&writing, head->content_length < 0 || (head->status >= FIRST_FINAL_STATUS &&
                                                   head->status != HTTP_STATUS_NO_CONTENT));
    write_content_length(&writing, head->content_length);
    write_fields(&writing, head->fields);
    write_text(&writing, "\r\n");
    return end(&writing);
}

enum error http_write_field(struct buffer *out, struct bytes name, struct bytes value) {
    struct writing writing = begin(out);
    write_field(&writing, name, value);
    return end(&writing);
}
