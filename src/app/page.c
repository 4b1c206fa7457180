#include "page.h"

static const char page[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<meta charset=\"utf-8\">\n"
    "<title>ringcast</title>\n"
    "<h1>ringcast is running</h1>\n"
    "<p>Join the chat with a WebSocket client at this address, or another channel at\n"
    "<code>/channels/NAME</code>. What the fetcher finds changed is published to the channel\n"
    "<code>results</code>.</p>\n";

void page_respond(struct http_connection *connection, const struct http_request *request) {
    bool reading = bytes_equal(request->method, bytes_of("GET")) ||
                   bytes_equal(request->method, bytes_of("HEAD"));
    const struct http_response_head head = {
        .status = HTTP_STATUS_OK,
        .content_type = bytes_of("text/html; charset=utf-8"),
    };
    if (!bytes_equal(request->target, bytes_of("/")))
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND, "nothing is here");
    else if (!reading)
        http_connection_refuse(connection, HTTP_STATUS_METHOD_NOT_ALLOWED, "use GET");
    else
        http_connection_respond(connection, &head, bytes_of(page), false);
}
