/*
 * What the TLS library does not compute itself: AES-GCM goes to aes_gcm.c and SHA-256 to the digest
 * layer, by the library's crypto callbacks. Private to src/tls.
 */
#ifndef RINGCAST_TLS_OFFLOAD_H
#define RINGCAST_TLS_OFFLOAD_H

#include <stdbool.h>

/* The library's number for "a device" that computes; contexts are told it. */
enum { TLS_OFFLOAD_DEVICE = 1 };

/* Once, when the library starts. False for want of memory. */
bool tls_offload_start(void);

#endif
