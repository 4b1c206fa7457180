/*
 * A byte stream to a peer, plain or under TLS: the place where the I/O tower and the TLS engine
 * meet. Whoever uses it sees plain bytes and the same events either way; over a plain one every
 * call passes straight through to the stream.
 *
 * Life cycle and threads are the stream's: init, use, transport_close(), `closed`, and only then
 * may the memory go.
 */
#ifndef RINGCAST_TRANSPORT_TRANSPORT_H
#define RINGCAST_TRANSPORT_TRANSPORT_H

#include "loop/pool.h"
#include "net/stream.h"
#include "tls/tls.h"

struct transport;

/* Constant and static. */
struct transport_events {
    /* The TLS handshake is complete. Not for a plain transport, which is open from the start. */
    void (*opened)(struct transport *transport);
    /* `data` is lent, and writable, until the call returns. */
    void (*received)(struct transport *transport, uint8_t *data, size_t size);
    /*
     * No more comes from the peer: ERROR_END_OF_STREAM when it ended in order (under TLS: with
     * close_notify), else what went wrong. Once; also when the handshake fails.
     */
    void (*ended)(struct transport *transport, enum error error);
    /* The send is over: `size` plain bytes were taken (maybe fewer than asked), or an error. */
    void (*sent)(struct transport *transport, size_t size, enum error error);
    void (*closed)(struct transport *transport);
};

struct secure;

struct transport {
    struct stream stream;
    const struct transport_events *events;
    struct secure *secure; /* NULL: plain */
};

/* Takes over a connected descriptor. */
void transport_init_plain(struct transport *transport, struct loop *loop, int descriptor,
                          const struct transport_events *events);

/*
 * Takes over a connected descriptor and `tls`, fresh from tls_client_new() or tls_server_new(), and
 * starts the handshake. On ERROR_NO_MEMORY neither is taken.
 */
enum error transport_init_secure(struct transport *transport, struct loop *loop, int descriptor,
                                 struct tls *tls, const struct transport_events *events);

/*
 * The same, with the handshake's steps, which cost up to a millisecond of public-key arithmetic, on
 * the thread pool behind `port`. Everything else stays on the loop, and nothing changes for the
 * user, but that `closed` also waits for the pool to let go.
 */
enum error transport_init_secure_on_pool(struct transport *transport, struct loop *loop,
                                         int descriptor, struct tls *tls, struct pool_port *port,
                                         const struct transport_events *events);

/*
 * Puts a plain transport, on which nothing is being sent, under TLS: takes `tls` and starts the
 * handshake (on the pool behind `port`, or with NULL on the loop), so that `opened` or `ended`
 * follows. What came from the peer already, and is where its handshake begins, is `received`. On
 * ERROR_NO_MEMORY it is not taken.
 */
enum error transport_start_tls(struct transport *transport, struct tls *tls, struct pool_port *port,
                               struct bytes received);

/* See stream_start_receive(); under TLS the transport receives during the handshake by itself. */
void transport_start_receive(struct transport *transport);
void transport_pause_receive(struct transport *transport);

/* Sends. None may be in flight. `data` must stay valid until `sent`. */
void transport_send(struct transport *transport, const void *data, size_t size);

/*
 * Asks for the end of the send in flight: `sent` says what became of it, maybe ERROR_CANCELLED.
 * Under TLS what is encrypted must go out, so `sent` then says that all was taken; the next send
 * waits for that, and can be cancelled. So at most 64 KiB are kept for a peer who does not read.
 */
void transport_cancel_send(struct transport *transport);

/* For transport_is_sending(). */
bool transport_is_sending_secure(const struct transport *transport);

static inline bool transport_is_sending(const struct transport *transport) {
    return transport->secure == NULL ? stream_is_sending(&transport->stream)
                                     : transport_is_sending_secure(transport);
}

/* Ends the sending side (close_notify, FIN) behind what was sent. */
void transport_shutdown(struct transport *transport);

/* Closes. A TLS peer is told, if that needs no waiting. Repeating it does nothing. */
void transport_close(struct transport *transport);

/* The TLS connection, for its names and its session; NULL for a plain one. Lent. */
struct tls *transport_tls(const struct transport *transport);

#endif
