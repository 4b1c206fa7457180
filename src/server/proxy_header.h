/*
 * The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt): what a
 * proxy says at the beginning of a connection about where that came from. A pure function; whether
 * the peer may say so is for the caller to know.
 */
#ifndef RINGCAST_SERVER_PROXY_HEADER_H
#define RINGCAST_SERVER_PROXY_HEADER_H

#include "net/address.h"

enum { PROXY_HEADER_MAX = 16 + 2048 }; /* with the additions (TLV) of version 2 */

enum proxy_header_answer {
    PROXY_HEADER_NEEDS_MORE, /* never of PROXY_HEADER_MAX bytes */
    PROXY_HEADER_READ,
    PROXY_HEADER_NAMELESS, /* read, too: the connection is the proxy's own, or it cannot tell */
    PROXY_HEADER_BAD,      /* something else begins here */
};

/*
 * Reads the beginning of a connection; once it is not PROXY_HEADER_NEEDS_MORE, the answer stays the
 * same whatever follows. With PROXY_HEADER_READ and _NAMELESS, `*size` bytes were the header. With
 * PROXY_HEADER_READ alone `*address` is changed, to where the connection came from.
 */
enum proxy_header_answer proxy_header_read(struct bytes input, size_t *size,
                                           struct address *address);

#endif
