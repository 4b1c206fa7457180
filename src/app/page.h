/* The page at GET / of the hub's listener. */
#ifndef RINGCAST_APP_PAGE_H
#define RINGCAST_APP_PAGE_H

#include "server/connection.h"

/* Answers a request that is not for the hub: the page at /, 404 elsewhere. */
void page_respond(struct http_connection *connection, const struct http_request *request);

#endif
