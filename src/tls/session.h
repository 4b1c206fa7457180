/* Private to src/tls: a connection that begins with an earlier one's session. */
#ifndef RINGCAST_TLS_SESSION_H
#define RINGCAST_TLS_SESSION_H

#include "wolfssl.h"

/*
 * Offers the session (borrowed, or NULL) to the server, if it was made under the same context for
 * the same host. Best effort: without it the handshake is a full one.
 */
void tls_session_apply(struct tls *tls, const struct tls_session *session);

#endif
