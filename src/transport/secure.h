/*
 * A transport's stream under TLS: what arrives goes through the engine, and what is sent is
 * encrypted into a bounded buffer. The handshake's steps may be made on a pool.
 */
#ifndef RINGCAST_TRANSPORT_SECURE_H
#define RINGCAST_TRANSPORT_SECURE_H

#include "transport/transport.h"

struct secure;

/* Of the stream. With `closed` the secure part is gone, and then the transport's user is told. */
extern const struct stream_events secure_events;

/* Takes `tls`; NULL for want of memory. `port` NULL: the handshake is made on the loop. */
struct secure *secure_new(struct transport *transport, struct tls *tls, struct pool_port *port);

/* Starts the handshake, and receiving. `received` came from the peer already. */
void secure_start(struct transport *transport, struct bytes received);

/* The transport's functions of these names, under TLS. */
void secure_send(struct transport *transport, const void *data, size_t size);
void secure_cancel_send(struct transport *transport);
void secure_shutdown(struct transport *transport);

/* Before the stream is closed: the peer is told, if that needs no waiting. */
void secure_say_goodbye(struct transport *transport);

/* Lent. */
struct tls *secure_tls(const struct secure *secure);

#endif
