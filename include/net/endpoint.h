/*
 * Where a listener listens: an Internet address with its port, or the path of a Unix socket.
 */
#ifndef RINGCAST_NET_ENDPOINT_H
#define RINGCAST_NET_ENDPOINT_H

#include <sys/un.h>

#include "net/address.h"

/* The most endpoints that one text means. */
enum { ENDPOINTS_OF_TEXT = 2 };

/* A plain value. */
struct endpoint {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } socket;
    socklen_t size;
    /*
     * Does a listener of this process listen here already? Then the next one shares the place, and
     * `descriptor` (lent) is the first one's. While it is false, anybody else's is in the way.
     */
    bool shared;
    int descriptor;
};

/* The longest text of endpoint_format(), with its NUL: unix:PATH. */
enum { ENDPOINT_TEXT_SIZE = sizeof(((struct sockaddr_un *)NULL)->sun_path) + sizeof "unix:" };

struct endpoint endpoint_of(const struct address *address);

bool endpoint_is_local(const struct endpoint *endpoint);

/* The Internet address of one that is not local. */
struct address endpoint_address(const struct endpoint *endpoint);

/* The port; 0 for a Unix socket. */
uint16_t endpoint_port(const struct endpoint *endpoint);
void endpoint_set_port(struct endpoint *endpoint, uint16_t port);

/*
 * Reads "unix:PATH" (absolute, short enough for the kernel), or what address_parse_listen() reads.
 * ERROR_ADDRESS_INVALID when it is neither.
 */
enum error endpoint_parse(struct bytes text, struct endpoint endpoints[ENDPOINTS_OF_TEXT],
                          size_t *count);

/* Writes 127.0.0.1:80, [::1]:80 or unix:/run/hub. Returns its length. */
size_t endpoint_format(const struct endpoint *endpoint, char text[ENDPOINT_TEXT_SIZE]);

#endif
