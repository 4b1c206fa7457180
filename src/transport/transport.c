/* Over a plain stream every call passes straight through; under TLS: secure.c. */
#include "transport/transport.h"

#include <assert.h>

#include "base/list.h"
#include "secure.h"

static struct transport *transport_of(struct stream *stream) {
    return container_of(stream, struct transport, stream);
}

/* ---- plain ----------------------------------------------------------------------------------- */

static void plain_received(struct stream *stream, uint8_t *data, size_t size) {
    struct transport *transport = transport_of(stream);
    transport->events->received(transport, data, size);
}

static void plain_ended(struct stream *stream, enum error error) {
    struct transport *transport = transport_of(stream);
    transport->events->ended(transport, error);
}

static void plain_sent(struct stream *stream, size_t size, enum error error) {
    struct transport *transport = transport_of(stream);
    transport->events->sent(transport, size, error);
}

static void plain_closed(struct stream *stream) {
    struct transport *transport = transport_of(stream);
    transport->events->closed(transport);
}

static const struct stream_events plain_events = {
    .received = plain_received,
    .ended = plain_ended,
    .sent = plain_sent,
    .closed = plain_closed,
};

/* ---- both ------------------------------------------------------------------------------------ */

void transport_init_plain(struct transport *transport, struct loop *loop, int descriptor,
                          const struct transport_events *events) {
    transport->events = events;
    transport->secure = NULL;
    stream_init(&transport->stream, loop, descriptor, &plain_events);
}

enum error transport_init_secure(struct transport *transport, struct loop *loop, int descriptor,
                                 struct tls *tls, const struct transport_events *events) {
    return transport_init_secure_on_pool(transport, loop, descriptor, tls, NULL, events);
}

enum error transport_init_secure_on_pool(struct transport *transport, struct loop *loop,
                                         int descriptor, struct tls *tls, struct pool_port *port,
                                         const struct transport_events *events) {
    struct secure *secure = secure_new(transport, tls, port);
    if (secure == NULL)
        return ERROR_NO_MEMORY;
    transport->events = events;
    transport->secure = secure;
    stream_init(&transport->stream, loop, descriptor, &secure_events);
    secure_start(transport, bytes_make(NULL, 0));
    return ERROR_NONE;
}

enum error transport_start_tls(struct transport *transport, struct tls *tls, struct pool_port *port,
                               struct bytes received) {
    assert(transport->secure == NULL && !stream_is_sending(&transport->stream));
    transport->secure = secure_new(transport, tls, port);
    if (transport->secure == NULL)
        return ERROR_NO_MEMORY;
    transport->stream.events = &secure_events;
    secure_start(transport, received);
    return ERROR_NONE;
}

void transport_start_receive(struct transport *transport) {
    stream_start_receive(&transport->stream);
}

void transport_pause_receive(struct transport *transport) {
    stream_pause_receive(&transport->stream);
}

void transport_send(struct transport *transport, const void *data, size_t size) {
    if (transport->secure == NULL)
        stream_send(&transport->stream, data, size);
    else
        secure_send(transport, data, size);
}

void transport_cancel_send(struct transport *transport) {
    if (transport->secure == NULL)
        stream_cancel_send(&transport->stream);
    else
        secure_cancel_send(transport);
}

void transport_shutdown(struct transport *transport) {
    if (transport->secure == NULL)
        stream_shutdown(&transport->stream);
    else
        secure_shutdown(transport);
}

void transport_close(struct transport *transport) {
    if (transport->secure != NULL && !transport->stream.closing)
        secure_say_goodbye(transport);
    stream_close(&transport->stream);
}

struct tls *transport_tls(const struct transport *transport) {
    return transport->secure == NULL ? NULL : secure_tls(transport->secure);
}
