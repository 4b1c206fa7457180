#include "link.h"

#include "base/clock.h"

enum { READ_MOST = 4096 };

void link_init(struct link *link, struct sim *sim, void (*received)(struct link *),
               void (*over)(struct link *)) {
    *link = (struct link){.sim = sim, .cut_at = SIZE_MAX, .received = received, .over = over};
}

static void changed(void *context, struct sim_socket *socket) {
    (void)socket;
    link_pump(context);
}

void link_connect(struct link *link, const struct sockaddr *from, const struct sockaddr *to) {
    link->socket = sim_peer_connect(link->sim, from, to, changed, link);
}

void link_take(struct link *link, struct sim_socket *socket) {
    link->socket = socket;
    sim_peer_watch(socket, changed, link);
}

void link_close(struct link *link) {
    if (link->socket != NULL)
        sim_peer_close(link->socket);
    link->socket = NULL;
}

void link_reset(struct link *link) {
    if (link->socket != NULL)
        sim_peer_reset(link->socket);
    link->socket = NULL;
}

void link_fini(struct link *link) {
    tls_free(link->tls);
    link->tls = NULL;
    buffer_fini(&link->out);
    buffer_fini(&link->in);
    buffer_fini(&link->waiting);
}

/* ---- the pace -------------------------------------------------------------------------------- */

static void write_rested(void *context) {
    struct link *link = context;
    link->write_rests = false;
    link_pump(link);
}

static void read_rested(void *context) {
    struct link *link = context;
    link->read_rests = false;
    link_pump(link);
}

static void make_cut(struct link *link) {
    link->cut_done = true;
    link->cut_inside = link->sent > 0 && link->sent < link->out.size;
    if (link->cut == CUT_SHUTDOWN)
        sim_peer_shutdown(link->socket);
    else if (link->cut == CUT_CLOSE)
        link_close(link);
    else
        link_reset(link);
}

static void pump_out(struct link *link) {
    while (link->sent < link->out.size && link->total_sent < link->cut_at && !link->write_rests) {
        size_t piece = link->out.size - link->sent;
        if (link->write_piece > 0 && piece > link->write_piece)
            piece = link->write_piece;
        if (piece > link->cut_at - link->total_sent)
            piece = link->cut_at - link->total_sent;
        size_t taken = sim_peer_write(link->socket, link->out.data + link->sent, piece);
        if (taken == 0)
            return;
        link->sent += taken;
        link->total_sent += taken;
        if (link->write_delay > 0) {
            link->write_rests = true;
            sim_after(link->sim, link->write_delay, write_rested, link);
        }
    }
    if (link->sent == link->out.size) {
        buffer_clear(&link->out);
        link->sent = 0;
    }
    if (link->total_sent >= link->cut_at && !link->cut_done)
        make_cut(link);
    else if (link->out.size == 0 && link->drained != NULL)
        link->drained(link);
}

void link_write_plain(struct link *link, const void *data, size_t size) {
    if (link->socket == NULL || link->cut_done)
        return;
    buffer_append(&link->out, data, size);
    if (sim_peer_state(link->socket).connected)
        pump_out(link); /* and nothing in: who writes may be reading */
}

void link_write(struct link *link, const void *data, size_t size) {
    if (link->tls == NULL)
        link_write_plain(link, data, size);
    else
        link_encrypt(link, data, size);
}

static void pump_in(struct link *link) {
    uint8_t piece[READ_MOST];
    while (link->socket != NULL && !link->deaf && !link->read_rests) {
        size_t most =
            link->read_piece > 0 && link->read_piece < READ_MOST ? link->read_piece : READ_MOST;
        size_t size = sim_peer_read(link->socket, piece, most);
        if (size == 0)
            return;
        if (link->tls == NULL)
            buffer_append(&link->in, piece, size);
        else
            link_decrypt(link, piece, size);
        if (link->read_delay > 0) {
            link->read_rests = true;
            sim_after(link->sim, link->read_delay, read_rested, link);
        }
        link->received(link);
    }
}

void link_pump(struct link *link) {
    if (link->socket == NULL)
        return;
    pump_in(link);
    if (link->socket == NULL)
        return;
    struct sim_peer_state state = sim_peer_state(link->socket);
    if ((state.ended || state.failed) && (state.readable == 0 || link->deaf)) {
        link->ended = true;
        link->failed = state.failed;
        link->over(link);
        return;
    }
    if (state.connected && !link->cut_done)
        pump_out(link);
}
