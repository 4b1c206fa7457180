/*
 * The certificates of a server: one or several, of which each connection gets the one whose name
 * the client asked for (SNI, RFC 6066), or else the first.
 *
 * Immutable, and shared by threads. Connections hold on to their context by themselves, so a set
 * may be freed while connections made from it live on.
 */
#ifndef RINGCAST_TLS_IDENTITIES_H
#define RINGCAST_TLS_IDENTITIES_H

#include "base/bytes.h"
#include "tls/context.h"

struct tls_identities;

/* Makes a set of `count` (> 0) server contexts. Errors as tls_context_new_server(). */
enum error tls_identities_new(const struct tls_server_options *options, size_t count,
                              struct tls_identities **out, struct tls_detail *detail);

/* NULL is allowed. */
void tls_identities_free(struct tls_identities *identities);

/* The context for a name, which may be empty; lent. */
struct tls_context *tls_identities_choose(const struct tls_identities *identities,
                                          struct bytes name);

enum tls_hello {
    TLS_HELLO_NEEDS_MORE,
    TLS_HELLO_READ,    /* `name` is a view of the input, or empty if the client named none */
    TLS_HELLO_NOT_TLS, /* no handshake record begins here */
};

/*
 * Reads the server name out of the first bytes of a connection, and judges nothing else: it needs
 * one record, of at most 16 KiB.
 */
enum tls_hello tls_hello_read(struct bytes input, struct bytes *name);

#endif
