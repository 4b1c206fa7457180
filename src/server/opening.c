/*
 * What may come before HTTP, in this order: a PROXY header, on a listener that is for proxies; and
 * TLS, on one that is under it. The client's first message names the certificate that it wants, so
 * it is collected before TLS begins. All of it falls under the time for a request's head.
 */
#include "exchange.h"
#include "proxy_header.h"

static struct http_server_statistics *statistics_of(struct exchange *exchange) {
    return &exchange->connection->server->statistics;
}

static void close_now(struct exchange *exchange) {
    transport_close(&exchange->connection->transport);
}

/* Where the connection comes from is known: it is counted there. False: more must come, or it is
 * over. */
static bool take_proxy_header(struct exchange *exchange) {
    size_t size;
    switch (proxy_header_read(buffer_bytes(&exchange->behind), &size, &exchange->peer)) {
    case PROXY_HEADER_NEEDS_MORE:
        return false;
    case PROXY_HEADER_BAD:
        counter_add(&statistics_of(exchange)->proxy_headers_refused, 1);
        close_now(exchange);
        return false;
    case PROXY_HEADER_NAMELESS:
        exchange->nameless = true;
        break;
    case PROXY_HEADER_READ:
        break;
    }
    counter_add(&statistics_of(exchange)->proxy_headers, 1);
    buffer_consume(&exchange->behind, size);
    exchange->way.proxy_protocol = false;
    exchange->peer = address_unmapped(&exchange->peer);
    if (http_connection_admit(exchange->connection, &exchange->peer))
        return true;
    close_now(exchange);
    return false;
}

static void begin_tls(struct exchange *exchange, struct bytes name) {
    struct http_connection *connection = exchange->connection;
    const struct http_server_options *options = &connection->server->options;
    struct tls *tls;
    enum error error = tls_server_new(tls_identities_choose(options->identities, name), &tls);
    if (error == ERROR_NONE) {
        error = transport_start_tls(&connection->transport, tls, options->port,
                                    buffer_bytes(&exchange->behind));
        if (error != ERROR_NONE)
            tls_free(tls);
    }
    buffer_fini(&exchange->behind);
    exchange->way.secure = false;
    exchange->handshaking = true;
    exchange->state = EXCHANGE_READING;
    if (error != ERROR_NONE)
        close_now(exchange);
}

static void take_hello(struct exchange *exchange) {
    struct bytes name;
    switch (tls_hello_read(buffer_bytes(&exchange->behind), &name)) {
    case TLS_HELLO_NEEDS_MORE:
        break;
    case TLS_HELLO_READ:
        begin_tls(exchange, name);
        break;
    case TLS_HELLO_NOT_TLS:
        counter_add(&statistics_of(exchange)->handshakes_failed, 1);
        http_connection_refuse(exchange->connection, HTTP_STATUS_BAD_REQUEST,
                               "here is TLS: use https or wss");
        break;
    }
}

static void begin_http(struct exchange *exchange) {
    struct buffer input = exchange->behind;
    exchange->behind = (struct buffer){0};
    exchange->state = EXCHANGE_READING;
    exchange_read(exchange, buffer_bytes(&input));
    buffer_fini(&input);
}

void opening_advance(struct exchange *exchange) {
    if (exchange->way.proxy_protocol && !take_proxy_header(exchange))
        return;
    if (exchange->way.secure)
        take_hello(exchange);
    else
        begin_http(exchange);
}
