/*
 * Ports of other protocols, whose servers might take a request for a command of their own: those of
 * the fetch standard (https://fetch.spec.whatwg.org/#port-blocking).
 */
#ifndef RINGCAST_FETCH_BAD_PORT_H
#define RINGCAST_FETCH_BAD_PORT_H

#include <stdbool.h>
#include <stdint.h>

bool port_is_bad(uint16_t port);

#endif
