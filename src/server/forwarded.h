/* X-Forwarded-For: where a request came from, as the proxies on its way say. */
#ifndef RINGCAST_SERVER_FORWARDED_H
#define RINGCAST_SERVER_FORWARDED_H

#include "http/fields.h"
#include "net/network.h"

/*
 * The address of the client. Each proxy adds, at the right, whom it heard the request from; so it
 * is read from the right, and only as far as those who said it are trusted. Whatever a stranger
 * wrote stands further left and is never reached. What is no address ends the search: the last one
 * that was known is the answer.
 */
struct address forwarded_client(struct http_fields fields, const struct address *peer,
                                const struct network *trusted, size_t trusted_count);

#endif
