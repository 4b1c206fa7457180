/* An origin under TLS, on the scenario's loop: the server's side of our own TLS, tortured too. */
#ifndef RINGCAST_TESTS_TORTURE_TLS_PEER_H
#define RINGCAST_TESTS_TORTURE_TLS_PEER_H

#include <stddef.h>
#include <stdint.h>

/* Makes certificates, once; the path of the authority to trust. */
const char *tls_peers_authority(void);

/* Then the path of another file of the folder; the next two calls leave it alone. */
const char *certificate_path(const char *name);

/* Listens on a port of its choice; answers each connection's first bytes, and ends it. */
uint16_t tls_peers_listen(const char *answer, size_t size);

/* Waits for all of them to end. */
void tls_peers_end(void);

#endif
