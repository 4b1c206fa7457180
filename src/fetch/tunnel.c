/*
 * The way through a proxy to an origin of https: CONNECT (RFC 9110 §9.3.6), then TLS with the
 * origin over the same connection. The steps: tunnel_begin, tunnel_sent, tunnel_received, opened,
 * and connect_opened() when the handshake is through.
 */
#include "fetch.h"
#include "http/writer.h"

/* "host:port", the port always written: that is what CONNECT has for a target. */
static enum error append_authority(const struct url *url, struct buffer *out) {
    enum error error = buffer_append(out, url->host.data, url->host.size);
    return error == ERROR_NONE ? buffer_format(out, ":%u", url->port) : error;
}

static enum error write_connect(struct fetch *fetch, struct buffer *out) {
    struct buffer *scratch = &fetch->session->scratch;
    const char *authorization = fetch->origin->proxy->authorization;
    const struct http_field field = {bytes_of("Proxy-Authorization"),
                                     bytes_of(authorization == NULL ? "" : authorization)};
    buffer_clear(scratch);
    enum error error = append_authority(&fetch->hop.url, scratch);
    const struct http_request_head head = {
        .method = bytes_of("CONNECT"),
        .target = buffer_bytes(scratch),
        .host = buffer_bytes(scratch),
        .fields = {&field, authorization == NULL ? 0 : 1},
        .content_length = -1,
    };
    return error == ERROR_NONE ? http_write_request(out, &head) : error;
}

static void send_rest(struct fetch_connection *connection) {
    transport_send(&connection->transport, connection->request.data + connection->request_sent,
                   connection->request.size - connection->request_sent);
}

void tunnel_begin(struct fetch *fetch) {
    struct fetch_connection *connection = fetch->attempt.connection;
    enum error error = write_connect(fetch, &connection->request);
    if (error != ERROR_NONE) {
        attempt_fail(fetch, error);
        return;
    }
    connection->tunnelling = true;
    /* as the answer to HEAD, that to CONNECT has no body when it is well */
    http_response_start(&connection->response, true);
    send_rest(connection);
}

void tunnel_sent(struct fetch *fetch, size_t size, enum error error) {
    struct fetch_connection *connection = fetch->attempt.connection;
    connection->request_sent += size;
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
    else if (connection->request_sent < connection->request.size)
        send_rest(connection);
}

/* The tunnel is open, and nothing has come through it: over TLS the client speaks first. */
static void opened(struct fetch *fetch, struct bytes behind) {
    struct fetch_connection *connection = fetch->attempt.connection;
    struct tls_detail detail = {{0}};
    if (behind.size > 0 || connection->request_sent < connection->request.size) {
        attempt_fail(fetch, ERROR_HTTP_FRAMING);
        return;
    }
    connection->tunnelling = false;
    enum error error = connection_secure(fetch, connection, &detail);
    if (error == ERROR_NONE)
        return;
    if (detail.text[0] == '\0') {
        attempt_fail(fetch, error);
        return;
    }
    fetch_set_error(fetch, error, "%s", detail.text);
    attempt_fail_as_set(fetch);
}

static void take_head(struct fetch *fetch, int status) {
    if (status >= 200 && status <= 299)
        return;
    fetch_set_error(fetch, ERROR_PROXY_REFUSED, "%s: HTTP %d %s", error_text(ERROR_PROXY_REFUSED),
                    status, http_status_text(status));
    attempt_fail_as_set(fetch);
}

void tunnel_received(struct fetch *fetch, struct bytes data) {
    struct fetch_connection *connection = fetch->attempt.connection;
    struct bytes piece;
    while (fetch->attempt.connection == connection && connection->tunnelling) {
        switch (http_response_next(&connection->response, &data, &piece)) {
        case HTTP_NEED_MORE:
            return;
        case HTTP_HEAD:
            take_head(fetch, connection->response.status);
            break;
        case HTTP_BODY:
            break;
        case HTTP_END:
            opened(fetch, data);
            return;
        case HTTP_ERROR:
            attempt_fail(fetch, http_response_error(&connection->response));
            return;
        }
    }
}
