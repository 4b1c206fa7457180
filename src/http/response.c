#include "http/response.h"

#include "message.h"

enum { SWITCHING_PROTOCOLS = 101, NO_CONTENT = 204, NOT_MODIFIED = 304 };

void http_response_init(struct http_response *response, const struct http_limits *limits) {
    *response = (struct http_response){.content_length = -1};
    http_message_init(&response->message, HEAD_RESPONSE, limits);
}

void http_response_fini(struct http_response *response) {
    http_message_fini(&response->message);
}

void http_response_start(struct http_response *response, bool head_request) {
    http_message_restart(&response->message);
    response->head_request = head_request;
    response->interim_count = 0;
    response->status = 0;
    response->reason = bytes_make(NULL, 0);
    response->fields = (struct http_fields){0};
    response->content_length = -1;
}

static void publish_head(struct http_response *response) {
    const struct http_message *message = &response->message;
    response->status = message->status;
    response->reason = message->reason;
    response->fields = http_message_fields(message);
    response->minor_version = message->minor_version;
    response->content_length = message->content_length;
}

static bool is_interim(int status) {
    return status < 200 && status != SWITCHING_PROTOCOLS;
}

/* RFC 9112 §6.3, rules 1 and 2: these end with their head, whatever it says about a length. */
static bool has_no_body(const struct http_response *response) {
    int status = response->message.status;
    return response->head_request || status == SWITCHING_PROTOCOLS || status == NO_CONTENT ||
           status == NOT_MODIFIED;
}

enum http_event http_response_next(struct http_response *response, struct bytes *input,
                                   struct bytes *body) {
    struct http_message *message = &response->message;
    enum http_event event;
    while ((event = http_message_next(message, input, body)) == HTTP_HEAD) {
        if (!is_interim(message->status)) {
            if (has_no_body(response))
                http_message_drop_body(message);
            publish_head(response);
            return HTTP_HEAD;
        }
        if (response->interim_count++ == HTTP_INTERIM_RESPONSES)
            return http_message_fail(message, ERROR_HTTP_INTERIM);
        http_message_restart(message);
    }
    return event;
}

enum http_event http_response_end_of_stream(struct http_response *response) {
    if (http_response_started(response))
        response->message.started = true;
    return http_message_end_of_stream(&response->message);
}

bool http_response_started(const struct http_response *response) {
    return response->message.started || response->interim_count > 0;
}

/* After 101 the connection is in use, but not by HTTP. */
bool http_response_keeps_alive(const struct http_response *response) {
    return http_message_keeps_alive(&response->message) && response->status != SWITCHING_PROTOCOLS;
}

enum error http_response_error(const struct http_response *response) {
    return response->message.error;
}
