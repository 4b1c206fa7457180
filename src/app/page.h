/* What the hub's port answers beside its channels: the live page with its scripts, and results. */
#ifndef RINGCAST_APP_PAGE_H
#define RINGCAST_APP_PAGE_H

#include "results.h"
#include "server/connection.h"

/* Answers a request for "/", a script of the page, or "/results"; 404 for anything else. */
void page_respond(struct results *results, struct http_connection *connection,
                  const struct http_request *request);

#endif
