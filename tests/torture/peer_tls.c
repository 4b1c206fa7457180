/* A peer's TLS, as a client: what is between it and its socket. */
#include "machine.h"
#include "peer.h"
#include "tls/tls.h"
#include "torture.h"

static struct tls_context *context;

void peers_prepare_tls(const char *authority) {
    const struct tls_client_options options = {.authority_file = authority};
    struct tls_detail detail;
    TORTURE_CHECK(tls_context_new_client(&options, &context, &detail) == ERROR_NONE);
}

void peers_end_tls(void) {
    tls_context_free(context);
    tls_thread_fini(); /* its tables of points grow from one handshake to the next */
}

/* Without memory it has ended before it began. */
void peer_tls_begin(struct peer *peer) {
    if (tls_client_new(context, bytes_of("example.test"), NULL, &peer->tls) != ERROR_NONE)
        peer->ended = true;
}

static void flush(struct peer *peer) {
    struct buffer *output = tls_output(peer->tls);
    while (output->size > 0) {
        ssize_t size = machine->send(peer->socket, output->data, output->size);
        if (size < 0)
            break;
        buffer_consume(output, (size_t)size);
    }
}

/* The other side hears of it, too. */
static ssize_t fail(struct peer *peer) {
    machine->shutdown(peer->socket);
    return PEER_FAILED;
}

ssize_t peer_tls_receive(struct peer *peer, void *data, size_t size) {
    uint8_t ciphertext[4096];
    size_t plain;
    tls_handshake(peer->tls);
    flush(peer);
    for (;;) {
        enum tls_status status = tls_read(peer->tls, data, size, &plain);
        flush(peer);
        if (status == TLS_DONE)
            return (ssize_t)plain;
        if (status == TLS_CLOSED)
            return 0;
        if (status == TLS_ERROR)
            return fail(peer);
        ssize_t came = machine->receive(peer->socket, ciphertext, sizeof ciphertext);
        if (came <= 0)
            return came;
        tls_receive(peer->tls, bytes_make(ciphertext, (size_t)came));
    }
}

/* Takes all, or nothing before the end of the handshake; `peer_tls_receive` sends what is left. */
ssize_t peer_tls_send(struct peer *peer, const void *data, size_t size) {
    enum tls_status status = tls_handshake(peer->tls);
    if (status == TLS_DONE && tls_write(peer->tls, bytes_make(data, size)) == ERROR_NONE) {
        flush(peer);
        return (ssize_t)size;
    }
    flush(peer);
    return status == TLS_WANT_MORE ? PEER_NOT_NOW : fail(peer);
}
