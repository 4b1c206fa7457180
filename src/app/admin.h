/*
 * The admin listener, on worker 0: /healthz, /readyz and /metrics.
 *
 * /healthz asks every worker's loop for an answer and says 200 when all have answered within a
 * second. /readyz says 200 while the service takes clients and is not short of descriptors.
 */
#ifndef RINGCAST_APP_ADMIN_H
#define RINGCAST_APP_ADMIN_H

#include "server/server.h"

struct service;

struct admin {
    struct service *service;
    struct http_server server;
    struct admission admission;
    struct list_node checks; /* health checks under way */
    void (*closed)(struct admin *admin);
    bool server_ended;
};

/* Begins on worker 0's thread. `address_text` is HOST:PORT as in the config. */
enum error admin_open(struct admin *admin, struct service *service, const char *address_text);

/* Ends it; `closed` follows. */
void admin_close(struct admin *admin, void (*closed)(struct admin *admin));

#endif
