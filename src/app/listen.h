/* Listening on an address of the config, with a log line for each, and a clear one for failures. */
#ifndef RINGCAST_APP_LISTEN_H
#define RINGCAST_APP_LISTEN_H

#include "server/server.h"

/* The endpoints that a text of the config means, logged when it means none. */
enum error listen_endpoints(const char *component, const char *text,
                            struct endpoint endpoints[ENDPOINTS_OF_TEXT], size_t *count);

/* Says on which endpoints a server listens. */
void listen_announce(const char *component, const struct endpoint *endpoints, size_t count);

/* Says why it does not. */
void listen_complain(const char *component, const char *text, enum error error);

/* All of it for a server on one loop. */
enum error listen_on_text(struct http_server *server, const char *component, const char *text);

#endif
