#include "secure.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/memory.h"
#include "ring/socket.h"

enum { PLAIN_PIECE = 16 * 1024, ENCRYPT_MOST = 64 * 1024, HELD_ENOUGH = 64 * 1024 };

/* What TLS adds. Two output buffers: the engine may write more while one is being sent. */
struct secure {
    struct tls *tls;
    struct buffer sending; /* the kernel reads from it while the stream is sending */
    size_t sent_size;      /* of `sending` */
    size_t user_size;      /* plain bytes of the send in flight; 0: none */
    const void *waiting;   /* the user's, of these, until they can be encrypted; else NULL */
    struct transport *transport;
    struct task report; /* tells of the send in flight: `report_error`, or that it was taken */
    enum error report_error;
    bool opened;
    bool ended;
    bool shut;              /* the sending side ends behind what is being sent */
    enum error torn;        /* a send failed so: what comes behind the gap would be no TLS */
    struct pool_port *port; /* NULL: the handshake is made on the loop */
    struct work handshake;  /* while it is sent, the engine is the pool's */
    struct buffer held;     /* what arrived meanwhile */
    enum error held_end;    /* how the stream ended meanwhile */
    bool held_up;           /* that was so much that receiving pauses */
    bool closed;            /* the stream is, and waits for the pool */
    atomic_bool given_up;   /* by the loop: the pool need not begin */
};

static struct transport *transport_of(struct stream *stream) {
    return container_of(stream, struct transport, stream);
}

/* ---- receiving and sending ------------------------------------------------------------------- */

/* Does the pool have the engine? Then nothing here may touch it. */
static bool is_away(const struct secure *secure) {
    return work_is_sent(&secure->handshake);
}

/* Starts sending what the engine has written, unless a send is in flight. */
static void flush(struct transport *transport) {
    struct secure *secure = transport->secure;
    if (is_away(secure) || secure->torn != ERROR_NONE)
        return;
    struct buffer *output = tls_output(secure->tls);
    if (transport->stream.closing || stream_is_sending(&transport->stream) || output->size == 0)
        return;
    struct buffer emptied = secure->sending;
    buffer_clear(&emptied);
    secure->sending = *output;
    *output = emptied;
    secure->sent_size = 0;
    stream_send(&transport->stream, secure->sending.data, secure->sending.size);
}

static void end(struct transport *transport, enum error error) {
    if (transport->secure->ended || transport->stream.closing)
        return;
    transport->secure->ended = true;
    transport->events->ended(transport, error);
}

/* Hands out all plain text that is there. The callee may close the transport at any piece. */
static enum tls_status read_all(struct transport *transport) {
    uint8_t plain[PLAIN_PIECE];
    size_t size;
    enum tls_status status;
    while ((status = tls_read(transport->secure->tls, plain, sizeof plain, &size)) == TLS_DONE) {
        transport->events->received(transport, plain, size);
        if (transport->stream.closing)
            break;
    }
    return status;
}

/* Goes on after a step of the handshake: with plain text, and then the end. */
static void advance(struct transport *transport) {
    struct secure *secure = transport->secure;
    enum tls_status status = tls_handshake(secure->tls); /* after a step it only says how it went */
    if (status == TLS_DONE && !secure->opened) {
        secure->opened = true;
        flush(transport);
        transport->events->opened(transport);
    }
    if (status == TLS_DONE && !transport->stream.closing)
        status = read_all(transport);
    if (transport->stream.closing)
        return;
    flush(transport);
    /* users' data does not wait there: it is what the engine answers to a peer that does not read
     */
    if (stream_is_sending(&transport->stream) && tls_output(secure->tls)->size > ENCRYPT_MOST) {
        end(transport, ERROR_LIMIT_REACHED);
        return;
    }
    if (status == TLS_CLOSED)
        end(transport, ERROR_END_OF_STREAM);
    else if (status == TLS_ERROR)
        end(transport, tls_error(secure->tls));
}

/* A step of the handshake is made on the pool, if there is one; the rest is quickly done here. */
static void step(struct transport *transport) {
    struct secure *secure = transport->secure;
    if (secure->port != NULL && !secure->opened)
        pool_send(secure->port, &secure->handshake);
    else
        advance(transport);
}

static void take_ciphertext(struct transport *transport, struct bytes data) {
    enum error error = tls_receive(transport->secure->tls, data);
    if (error != ERROR_NONE)
        end(transport, error);
    else
        step(transport);
}

static void secure_received(struct stream *stream, uint8_t *data, size_t size) {
    struct transport *transport = transport_of(stream);
    struct secure *secure = transport->secure;
    if (!is_away(secure)) {
        take_ciphertext(transport, bytes_make(data, size));
        return;
    }
    if (secure->held_end == ERROR_NONE && buffer_append(&secure->held, data, size) != ERROR_NONE)
        secure->held_end = ERROR_NO_MEMORY; /* with a gap, nothing behind it is of use */
    secure->held_up = secure->held.size >= HELD_ENOUGH;
    if (secure->held_up)
        stream_pause_receive(stream);
}

static void take_end(struct transport *transport, enum error error) {
    if (error == ERROR_END_OF_STREAM) {
        tls_end_of_stream(transport->secure->tls);
        step(transport);
    } else {
        end(transport, error);
    }
}

static void secure_stream_ended(struct stream *stream, enum error error) {
    struct transport *transport = transport_of(stream);
    if (!is_away(transport->secure))
        take_end(transport, error);
    else if (transport->secure->held_end == ERROR_NONE)
        transport->secure->held_end = error;
}

static void report_sent(struct transport *transport, enum error error) {
    size_t size = transport->secure->user_size;
    transport->secure->user_size = 0;
    transport->secure->waiting = NULL;
    if (size > 0)
        transport->events->sent(transport, error == ERROR_NONE ? size : 0, error);
    else if (error != ERROR_NONE && is_away(transport->secure))
        transport->secure->held_end = error;
    else if (error != ERROR_NONE)
        end(transport, error);
}

static void shut_if_due(struct transport *transport) {
    struct stream *stream = &transport->stream;
    if (transport->secure->shut && !stream->closing && !stream_is_sending(stream))
        stream_shutdown(stream);
}

/* The user's bytes are needed no more afterwards. */
static void encrypt(struct transport *transport) {
    struct secure *secure = transport->secure;
    struct bytes plain = bytes_make(secure->waiting, secure->user_size);
    secure->waiting = NULL;
    secure->report_error =
        secure->torn != ERROR_NONE ? secure->torn : tls_write(secure->tls, plain);
    if (secure->report_error != ERROR_NONE)
        loop_post(transport->stream.loop, &secure->report);
    else
        flush(transport);
}

static void secure_sent(struct stream *stream, size_t size, enum error error) {
    struct transport *transport = transport_of(stream);
    struct secure *secure = transport->secure;
    secure->sent_size += size;
    if (error != ERROR_NONE)
        secure->torn = error;
    if (error == ERROR_NONE && secure->sent_size < secure->sending.size) {
        stream_send(stream, secure->sending.data + secure->sent_size,
                    secure->sending.size - secure->sent_size);
        return;
    }
    if (error == ERROR_NONE && is_away(secure))
        return;
    if (error == ERROR_NONE && tls_output(secure->tls)->size > 0) {
        flush(transport);
        return;
    }
    if (secure->report.posted) {
        if (secure->report_error == ERROR_NONE)
            secure->report_error = error;
        return;
    }
    if (error == ERROR_NONE && secure->waiting != NULL)
        encrypt(transport);
    else
        report_sent(transport, error);
    shut_if_due(transport);
}

static void report(struct task *task) {
    struct secure *secure = container_of(task, struct secure, report);
    if (!secure->transport->stream.closing)
        report_sent(secure->transport, secure->report_error);
}

static const struct task_handler report_handler = {"tls_sent", report};

static void finish_close(struct transport *transport) {
    loop_unpost(&transport->secure->report);
    tls_free(transport->secure->tls);
    buffer_fini(&transport->secure->sending);
    buffer_fini(&transport->secure->held);
    memory_free(transport->secure);
    transport->secure = NULL;
    transport->events->closed(transport);
}

static void secure_closed(struct stream *stream) {
    struct transport *transport = transport_of(stream);
    if (is_away(transport->secure))
        transport->secure->closed = true;
    else
        finish_close(transport);
}

const struct stream_events secure_events = {
    .received = secure_received,
    .ended = secure_stream_ended,
    .sent = secure_sent,
    .closed = secure_closed,
};

/* ---- the handshake on the pool --------------------------------------------------------------- */

/* On a pool thread: the engine and nothing else. What was closed meanwhile does not hold it up. */
static void shake_hands(struct work *work) {
    struct secure *secure = container_of(work, struct secure, handshake);
    if (!atomic_load_explicit(&secure->given_up, memory_order_relaxed))
        tls_handshake(secure->tls);
}

/* What arrived meanwhile comes after what the step has led to, in pieces that the engine takes. */
static void take_held(struct transport *transport) {
    struct secure *secure = transport->secure;
    size_t taken = 0;
    while (taken < secure->held.size && !is_away(secure) && !transport->stream.closing) {
        struct bytes rest = bytes_after(buffer_bytes(&secure->held), taken);
        size_t size = rest.size < HELD_ENOUGH ? rest.size : HELD_ENOUGH;
        taken += size;
        take_ciphertext(transport, bytes_make(rest.data, size));
    }
    buffer_consume(&secure->held, taken);
    if (is_away(secure) || transport->stream.closing)
        return;
    buffer_fini(&secure->held);
    enum error held_end = secure->held_end;
    secure->held_end = ERROR_NONE;
    if (held_end != ERROR_NONE)
        take_end(transport, held_end);
}

static void hands_shaken(struct work *work) {
    struct secure *secure = container_of(work, struct secure, handshake);
    struct transport *transport = secure->transport;
    if (secure->closed) {
        finish_close(transport);
        return;
    }
    if (transport->stream.closing)
        return;
    if (secure->held_up)
        stream_start_receive(&transport->stream);
    secure->held_up = false;
    advance(transport);
    if (!transport->stream.closing)
        take_held(transport);
}

static const struct work_handler handshake_handler = {"tls_handshake", shake_hands, hands_shaken};

/* ---- what a transport asks of it --------------------------------------------------------------
 */

struct secure *secure_new(struct transport *transport, struct tls *tls, struct pool_port *port) {
    struct secure *secure = memory_allocate_zeroed(sizeof *secure);
    if (secure == NULL)
        return NULL;
    secure->tls = tls;
    secure->transport = transport;
    secure->report.handler = &report_handler;
    secure->port = port;
    secure->handshake.handler = &handshake_handler;
    return secure;
}

void secure_start(struct transport *transport, struct bytes received) {
    struct secure *secure = transport->secure;
    if (received.size > 0)
        tls_receive(secure->tls, received); /* a failure stays, and is found with the first step */
    if (secure->port != NULL) {
        pool_send(secure->port, &secure->handshake);
    } else {
        if (tls_handshake(secure->tls) == TLS_ERROR) { /* the peer may wait for us for ever */
            secure->report_error = tls_error(secure->tls);
            loop_post(transport->stream.loop, &secure->report);
        }
        flush(transport);
    }
    stream_start_receive(&transport->stream);
}

void secure_send(struct transport *transport, const void *data, size_t size) {
    struct secure *secure = transport->secure;
    assert(secure->user_size == 0 && size > 0);
    secure->user_size = size < ENCRYPT_MOST ? size : ENCRYPT_MOST;
    secure->waiting = data;
    if (!stream_is_sending(&transport->stream))
        encrypt(transport);
}

void secure_cancel_send(struct transport *transport) {
    struct secure *secure = transport->secure;
    if (secure->user_size == 0 || secure->report.posted)
        return;
    secure->report_error = secure->waiting != NULL ? ERROR_CANCELLED : ERROR_NONE;
    loop_post(transport->stream.loop, &secure->report);
}

bool transport_is_sending_secure(const struct transport *transport) {
    return transport->secure->user_size > 0;
}

/* close_notify goes out with what is there, and FIN behind it. */
void secure_shutdown(struct transport *transport) {
    struct secure *secure = transport->secure;
    if (secure->waiting != NULL && !secure->report.posted)
        encrypt(transport);
    if (!secure->opened || tls_close(secure->tls) != ERROR_NONE)
        return;
    secure->shut = true;
    flush(transport);
    shut_if_due(transport);
}

void secure_say_goodbye(struct transport *transport) {
    struct secure *secure = transport->secure;
    atomic_store_explicit(&secure->given_up, true, memory_order_relaxed);
    if (!secure->opened || secure->torn != ERROR_NONE || stream_is_sending(&transport->stream))
        return;
    if (tls_close(secure->tls) != ERROR_NONE)
        return;
    struct bytes output = buffer_bytes(tls_output(secure->tls));
    if (output.size > 0)
        socket_send_once(transport->stream.loop->ring, transport->stream.descriptor, output.data,
                         output.size);
}

struct tls *secure_tls(const struct secure *secure) {
    return secure->tls;
}
