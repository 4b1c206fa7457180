#include "http/request.h"

#include <string.h>

#include "framing.h"
#include "message.h"

void http_request_init(struct http_request *request, const struct http_limits *limits) {
    *request = (struct http_request){0};
    http_message_init(&request->message, HEAD_REQUEST, limits);
}

void http_request_fini(struct http_request *request) {
    http_message_fini(&request->message);
}

void http_request_start(struct http_request *request) {
    http_message_restart(&request->message);
    request->method = request->target = bytes_make(NULL, 0);
    request->fields = (struct http_fields){0};
    request->content_length = 0;
    request->expects_continue = false;
}

static bool starts_with(struct bytes text, const char *start) {
    size_t size = strlen(start);
    return text.size > size &&
           bytes_equal_ignoring_case(bytes_make(text.data, size), bytes_make(start, size));
}

/* RFC 9112 §3.2. "*" is for OPTIONS alone; the authority form is CONNECT's, and refused. */
static bool target_is_valid(struct bytes method, struct bytes target) {
    if (bytes_equal(method, bytes_of("CONNECT")))
        return false;
    if (bytes_equal(target, bytes_of("*")))
        return bytes_equal(method, bytes_of("OPTIONS"));
    return target.data[0] == '/' || starts_with(target, "http://") ||
           starts_with(target, "https://");
}

/* RFC 9112 §3.2: 400 for no Host in HTTP/1.1, for two, and for one that is no host. */
static bool host_is_valid(int minor_version, struct http_fields fields) {
    struct bytes host;
    if (http_fields_count(fields, "host") > 1)
        return false;
    if (!http_fields_find(fields, "host", &host))
        return minor_version == 0;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] >= 0x80 || strchr(" \t\"#,/<>?@\\^`{|}", host.data[i]) != NULL)
            return false;
    return true;
}

static void publish_head(struct http_request *request) {
    const struct http_message *message = &request->message;
    request->method = message->method;
    request->target = message->target;
    request->fields = http_message_fields(message);
    request->minor_version = message->minor_version;
    if (message->framing == FRAMING_CHUNKED)
        request->content_length = -1;
    else
        request->content_length = message->content_length < 0 ? 0 : message->content_length;
    request->expects_continue = message->minor_version > 0 && request->content_length != 0 &&
                                http_fields_has_token(request->fields, "expect", "100-continue");
}

enum http_event http_request_next(struct http_request *request, struct bytes *input,
                                  struct bytes *body) {
    struct http_message *message = &request->message;
    enum http_event event = http_message_next(message, input, body);
    if (event != HTTP_HEAD)
        return event;
    if (!target_is_valid(message->method, message->target) ||
        !host_is_valid(message->minor_version, http_message_fields(message)))
        return http_message_fail(message, ERROR_HTTP_MALFORMED);
    publish_head(request);
    return HTTP_HEAD;
}

enum http_event http_request_end_of_stream(struct http_request *request) {
    return http_message_end_of_stream(&request->message);
}

bool http_request_started(const struct http_request *request) {
    return request->message.started;
}

bool http_request_keeps_alive(const struct http_request *request) {
    return request->message.keeps_alive && request->message.error == ERROR_NONE;
}

bool http_request_reads(const struct http_request *request) {
    return bytes_equal(request->method, bytes_of("GET")) ||
           bytes_equal(request->method, bytes_of("HEAD"));
}

struct bytes http_request_origin_form(const struct http_request *request) {
    struct bytes target = request->target;
    if (target.size == 0 || target.data[0] == '/' || target.data[0] == '*')
        return target;
    size_t at = starts_with(target, "https://") ? sizeof "https://" : sizeof "http://";
    for (at--; at < target.size; at++)
        if (target.data[at] == '/' || target.data[at] == '?')
            return bytes_after(target, at);
    return bytes_of("/");
}

enum error http_request_error(const struct http_request *request) {
    return request->message.error;
}
