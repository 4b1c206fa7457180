/*
 * A peer's connection: bytes out at its pace, bytes in at its pace, and an end at a byte of its
 * choice; as they are, or under TLS, for which peers have the program's own engine. What is said
 * over it is the business of who embeds it (client.c, origin.c).
 */
#ifndef RINGCAST_TEST_SIM_LINK_H
#define RINGCAST_TEST_SIM_LINK_H

#include "base/bytes.h"
#include "ring/sim.h"
#include "tls/tls.h"

enum link_cut { CUT_SHUTDOWN, CUT_CLOSE, CUT_RESET, CUT_KINDS };

struct link {
    struct sim *sim;
    struct sim_socket *socket; /* NULL: closed */
    struct buffer out;         /* what is to be sent, from `sent` on */
    size_t sent;
    struct buffer in; /* what has come, and was not taken yet: plain text */
    /* TLS */
    struct tls *tls;       /* NULL: plain */
    struct buffer waiting; /* for the end of the handshake: what is to be encrypted */
    bool tls_open;         /* the handshake is complete */
    bool falsifies;        /* what is encrypted from now on is spoilt on its way */
    /* the pace; 0: all at once, and no delay */
    size_t write_piece;
    uint64_t write_delay;
    size_t read_piece;
    uint64_t read_delay;
    bool deaf; /* reads nothing */
    /* the end */
    size_t total_sent;
    size_t cut_at; /* SIZE_MAX: nowhere */
    enum link_cut cut;
    bool cut_done;
    bool cut_inside; /* … in the middle of what was to be sent */
    bool ended;      /* the other side's end was seen */
    bool failed;     /* … and it was a reset */
    bool write_rests, read_rests;
    void (*received)(struct link *link); /* something is in `in` */
    void (*over)(struct link *link);     /* ended, or failed: the callee closes */
    void (*drained)(struct link *link);  /* everything is sent; may be NULL */
    void (*opened)(struct link *link);   /* TLS is; may be NULL */
};

void link_init(struct link *link, struct sim *sim, void (*received)(struct link *),
               void (*over)(struct link *));
void link_connect(struct link *link, const struct sockaddr *from, const struct sockaddr *to);
void link_take(struct link *link, struct sim_socket *socket);

/* Queues bytes and sends what goes; under TLS encrypted, as soon as they can be. */
void link_write(struct link *link, const void *data, size_t size);

/* The same for bytes as they are. */
void link_write_plain(struct link *link, const void *data, size_t size);

/* Goes on with whatever can go on. */
void link_pump(struct link *link);

static inline bool link_is_open(const struct link *link) {
    return link->socket != NULL;
}

void link_close(struct link *link);
void link_reset(struct link *link);
void link_fini(struct link *link);

/* ---- link_tls.c ------------------------------------------------------------------------------ */

/* Makes what is the same in all worlds: once, with memory. */
void links_prepare(void);

/* Puts what follows under TLS: as the server of the certificate with this name in tests/data/tls;
 * or as a client of `host`, who believes root.pem; `ticket` may be NULL. */
void link_serve_tls(struct link *link, const char *certificate);
void link_begin_tls(struct link *link, const char *host, const struct tls_session *ticket);

/* For link.c: bytes that have come; bytes to say. */
void link_decrypt(struct link *link, const uint8_t *data, size_t size);
void link_encrypt(struct link *link, const void *data, size_t size);

/* Says close_notify. */
void link_say_goodbye(struct link *link);

#endif
