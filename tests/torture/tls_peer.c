#include "tls_peer.h"
#include "../unit/tls/certificates.h"
#include "net/listener.h"
#include "torture.h"
#include "transport/transport.h"

enum { TLS_PEERS_MAX = 8 };

struct tls_peer {
    struct transport transport;
    bool open, answered;
    size_t sent;
};

static struct tls_peer tls_peers[TLS_PEERS_MAX];
static size_t tls_peer_count;
static struct tls_context *context;
static struct listener listener;
static bool listening;
static const char *answer;
static size_t answer_size;

static void remove_folder(void) {
    remove_certificates(NULL);
}

const char *tls_peers_authority(void) {
    if (folder[0] == '\0') {
        make_certificates(NULL);
        atexit(remove_folder);
    }
    return path_of("root.pem");
}

const char *certificate_path(const char *name) {
    return path_of(name);
}

static struct tls_peer *peer_of(struct transport *transport) {
    return container_of(transport, struct tls_peer, transport);
}

static void opened(struct transport *transport) {
    transport_start_receive(transport);
}

static void send_rest(struct tls_peer *peer) {
    if (peer->sent < answer_size)
        transport_send(&peer->transport, answer + peer->sent, answer_size - peer->sent);
    else
        transport_close(&peer->transport);
}

static void received(struct transport *transport,
                     uint8_t *data, /* NOLINT(readability-non-const-parameter) */
                     size_t size) {
    struct tls_peer *peer = peer_of(transport);
    (void)data;
    if (size > 0 && !peer->answered) {
        peer->answered = true;
        send_rest(peer);
    }
}

static void ended(struct transport *transport, enum error error) {
    (void)error;
    transport_close(transport);
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct tls_peer *peer = peer_of(transport);
    peer->sent += size;
    if (error != ERROR_NONE)
        transport_close(transport);
    else
        send_rest(peer);
}

static void closed(struct transport *transport) {
    peer_of(transport)->open = false;
}

static const struct transport_events events = {
    .opened = opened, .received = received, .ended = ended, .sent = sent, .closed = closed};

/* Without memory the connection is closed, and the client hears of it. */
static void accepted(struct listener *from, int descriptor) {
    struct tls *tls;
    TORTURE_CHECK(tls_peer_count < TLS_PEERS_MAX);
    struct tls_peer *peer = &tls_peers[tls_peer_count];
    *peer = (struct tls_peer){.open = true};
    enum error error = tls_server_new(context, &tls);
    if (error == ERROR_NONE) {
        error = transport_init_secure(&peer->transport, &loop, descriptor, tls, &events);
        if (error != ERROR_NONE)
            tls_free(tls);
    }
    if (error == ERROR_NONE)
        tls_peer_count++;
    else
        loop_close_descriptor(from->loop, descriptor);
}

static void listener_closed(struct listener *from) {
    (void)from;
    listening = false;
}

static const struct listener_events listener_events = {accepted, listener_closed};

uint16_t tls_peers_listen(const char *text, size_t size) {
    static const uint8_t host[4] = {127, 0, 0, 1};
    struct address address = address_v4(host, 0);
    const struct tls_server_options options = {.certificate_file = path_of("good.pem"),
                                               .key_file = path_of("good.key")};
    struct tls_detail detail;
    TORTURE_CHECK(tls_context_new_server(&options, &context, &detail) == ERROR_NONE);
    answer = text;
    answer_size = size;
    struct endpoint endpoint = endpoint_of(&address);
    TORTURE_CHECK(listener_open(&listener, &loop, &endpoint, &listener_events) == ERROR_NONE);
    listening = true;
    return endpoint_port(&endpoint);
}

static bool all_closed(void) {
    for (size_t i = 0; i < tls_peer_count; i++)
        if (tls_peers[i].open)
            return false;
    return true;
}

void tls_peers_end(void) {
    for (size_t i = 0; i < tls_peer_count; i++)
        if (tls_peers[i].open)
            transport_close(&tls_peers[i].transport);
    torture_wait(all_closed());
    tls_peer_count = 0;
    listener_close(&listener);
    torture_wait(!listening);
    tls_context_free(context);
    tls_thread_fini(); /* its tables of points grow from one handshake to the next */
}
