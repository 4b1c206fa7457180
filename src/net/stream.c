#include "net/stream.h"

#include <assert.h>

static void finish_close(struct task *task) {
    struct stream *stream = container_of(task, struct stream, closed);
    loop_close_descriptor(stream->loop, stream->descriptor);
    stream->descriptor = -1;
    stream->events->closed(stream);
}

static const struct task_handler closed_handler = {"stream_closed", finish_close};

static void close_when_drained(struct stream *stream) {
    if (!operation_is_armed(&stream->receive) && !operation_is_armed(&stream->send))
        loop_post(stream->loop, &stream->closed);
}

static void receive_completed(struct operation *operation, const struct completion *completion) {
    struct stream *stream = container_of(operation, struct stream, receive);
    if (stream->closing) {
        if (!completion->more)
            close_when_drained(stream);
        return;
    }
    if (completion->error == ERROR_NONE) {
        stream->events->received(stream, completion->data, completion->size);
        return;
    }
    if (completion->error == ERROR_CANCELLED) {
        /* paused; it may have been started again before the cancel came through */
        if (stream->receive_wanted)
            ring_receive(stream->loop->ring, &stream->receive, stream->descriptor);
        return;
    }
    stream->ended = true;
    stream->events->ended(stream, completion->error);
}

static void send_completed(struct operation *operation, const struct completion *completion) {
    struct stream *stream = container_of(operation, struct stream, send);
    if (stream->closing)
        close_when_drained(stream);
    else
        stream->events->sent(stream, completion->size, completion->error);
}

static const struct handler receive_handler = {"stream_receive", receive_completed};
static const struct handler send_handler = {"stream_send", send_completed};

void stream_init(struct stream *stream, struct loop *loop, int descriptor,
                 const struct stream_events *events) {
    *stream = (struct stream){
        .loop = loop,
        .events = events,
        .descriptor = descriptor,
        .receive.handler = &receive_handler,
        .send.handler = &send_handler,
        .closed.handler = &closed_handler,
    };
}

void stream_start_receive(struct stream *stream) {
    if (stream->receive_wanted || stream->ended || stream->closing)
        return;
    stream->receive_wanted = true;
    if (!operation_is_armed(&stream->receive))
        ring_receive(stream->loop->ring, &stream->receive, stream->descriptor);
}

void stream_pause_receive(struct stream *stream) {
    stream->receive_wanted = false;
    ring_cancel(stream->loop->ring, &stream->receive);
}

void stream_send(struct stream *stream, const void *data, size_t size) {
    assert(!stream->closing);
    ring_send(stream->loop->ring, &stream->send, stream->descriptor, data, size);
}

void stream_cancel_send(struct stream *stream) {
    ring_cancel(stream->loop->ring, &stream->send);
}

void stream_shutdown(struct stream *stream) {
    if (!stream->closing)
        ring_shutdown(stream->loop->ring, stream->descriptor);
}

void stream_close(struct stream *stream) {
    if (stream->closing)
        return;
    stream->closing = true;
    ring_cancel(stream->loop->ring, &stream->receive);
    ring_cancel(stream->loop->ring, &stream->send);
    close_when_drained(stream);
}
