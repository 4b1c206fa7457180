/*
 * What may come before HTTP: a PROXY header, on a listener that is for proxies. It falls under the
 * time for a request's head.
 */
#include "exchange.h"
#include "proxy_header.h"

/* Where the connection comes from is known: it is counted there. False: more must come, or it is
 * over. */
static bool take_proxy_header(struct exchange *exchange) {
    struct http_server_statistics *statistics = &exchange->connection->server->statistics;
    size_t size;
    switch (proxy_header_read(buffer_bytes(&exchange->behind), &size, &exchange->peer)) {
    case PROXY_HEADER_NEEDS_MORE:
        return false;
    case PROXY_HEADER_BAD:
        counter_add(&statistics->proxy_headers_refused, 1);
        transport_close(&exchange->connection->transport);
        return false;
    case PROXY_HEADER_READ:
        break;
    }
    counter_add(&statistics->proxy_headers, 1);
    buffer_consume(&exchange->behind, size);
    exchange->way.proxy_protocol = false;
    exchange->peer = address_unmapped(&exchange->peer);
    if (http_connection_admit(exchange->connection, &exchange->peer))
        return true;
    transport_close(&exchange->connection->transport);
    return false;
}

void opening_advance(struct exchange *exchange) {
    if (exchange->way.proxy_protocol && !take_proxy_header(exchange))
        return;
    struct buffer input = exchange->behind;
    exchange->behind = (struct buffer){0};
    exchange->state = EXCHANGE_READING;
    exchange_read(exchange, buffer_bytes(&input));
    buffer_fini(&input);
}
