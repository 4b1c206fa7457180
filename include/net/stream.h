/*
 * A connected byte stream: at most one send in flight, one standing receive, one orderly end.
 *
 * Life cycle: stream_init() takes a connected descriptor; receive and send as wanted;
 * stream_close() refuses new work and cancels what is armed; `closed` runs when every completion
 * has been seen and the descriptor is closed, and only then may the memory go. After stream_close()
 * no other event comes. Belongs to its loop's thread.
 */
#ifndef RINGCAST_NET_STREAM_H
#define RINGCAST_NET_STREAM_H

#include "loop/loop.h"

struct stream;

/* Constant and static. */
struct stream_events {
    /* `data` is lent, and writable, until the call returns. */
    void (*received)(struct stream *stream, uint8_t *data, size_t size);
    /* The receiving side is over: ERROR_END_OF_STREAM when the peer ended it in order. Once. */
    void (*ended)(struct stream *stream, enum error error);
    /* The send is over: `size` bytes were taken (maybe fewer than asked), or an error. */
    void (*sent)(struct stream *stream, size_t size, enum error error);
    void (*closed)(struct stream *stream);
};

struct stream {
    struct loop *loop;
    const struct stream_events *events;
    int descriptor;
    bool receive_wanted;
    bool ended;
    bool closing;
    struct operation receive;
    struct operation send;
    struct task closed;
};

/* Takes over the connected `descriptor`. Nothing is armed yet. */
void stream_init(struct stream *stream, struct loop *loop, int descriptor,
                 const struct stream_events *events);

/* Starts receiving, until paused, ended or closed. Harmless when it is on. */
void stream_start_receive(struct stream *stream);

/* Asks the ring to stop. What it holds already still arrives; start again to go on. */
void stream_pause_receive(struct stream *stream);

/* Sends. None may be in flight. `data` must stay valid until `sent`. */
void stream_send(struct stream *stream, const void *data, size_t size);

/* Asks for the end of the send in flight: `sent` says what became of it, maybe ERROR_CANCELLED. */
void stream_cancel_send(struct stream *stream);

static inline bool stream_is_sending(const struct stream *stream) {
    return operation_is_armed(&stream->send);
}

/* Ends the sending side (FIN) behind what was sent. */
void stream_shutdown(struct stream *stream);

/* Closes. Repeating it does nothing. */
void stream_close(struct stream *stream);

#endif
