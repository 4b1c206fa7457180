/*
 * One client's connection to an HTTP server: requests in, responses out, and the way out of HTTP
 * (an upgrade), after which the bytes are somebody else's.
 *
 * A connection is a member of its server's scope, and is freed by itself when it has closed. What a
 * server's user needs for each connection is embedded around this struct (see struct http_server).
 * What only HTTP needs lives in an exchange that an upgrade frees, so that an upgraded connection
 * is small.
 *
 * Requests of one connection are answered one after the other; pipelined ones wait.
 */
#ifndef RINGCAST_SERVER_CONNECTION_H
#define RINGCAST_SERVER_CONNECTION_H

#include "http/request.h"
#include "http/writer.h"
#include "loop/scope.h"
#include "transport/transport.h"

struct http_server;
struct exchange;
struct admission_address;

struct http_connection {
    struct transport transport;
    struct http_server *server;
    struct scope_member member;
    struct exchange *exchange;         /* NULL once upgraded */
    struct admission_address *counted; /* where it is counted; NULL: nowhere */
};

/*
 * Where a request comes from: the peer, or what trusted proxies say of it, in a PROXY header and in
 * X-Forwarded-For. The peer it stays where a header says that the connection is the proxy's own, or
 * that it does not know. Before an upgrade.
 */
struct address http_connection_client(const struct http_connection *connection,
                                      const struct http_request *request);

/*
 * Counts the connection among those of the client's address, if that is not done yet: it is when
 * the client is the peer. For who comes through a proxy and stays. False if there are too many.
 */
bool http_connection_admit(struct http_connection *connection, const struct address *client);

/*
 * Answers the request that the server has announced, then or later. Status, type and extra fields
 * come from `head`; length, date and Connection are filled in. `body` is copied. A HEAD request
 * gets the head alone, without a length if that of `head` is negative: it would be a stream's.
 * `close` ends the connection behind it.
 */
void http_connection_respond(struct http_connection *connection,
                             const struct http_response_head *head, struct bytes body, bool close);

/* The same with a plain text: the status, its reason, and why. For errors. */
void http_connection_refuse(struct http_connection *connection, int status, const char *why);

/* The same with 405 and the methods that would do, as "GET, HEAD" (RFC 9110 §15.5.6). */
void http_connection_refuse_method(struct http_connection *connection, const char *allowed);

/*
 * Leaves HTTP: from now on the transport's events are `events`, the connection's scope asks it to
 * end by `member`, and the exchange with its request is gone. The caller sends the response itself.
 * `behind` takes over what came behind the request; the caller must fini it.
 */
void http_connection_upgrade(struct http_connection *connection,
                             const struct transport_events *events,
                             const struct scope_member_handler *member, struct buffer *behind);

/*
 * Frees the connection's memory and leaves the scope. To be called by the `closed` event that an
 * upgrade installed; before an upgrade the server does it.
 */
void http_connection_free(struct http_connection *connection);

#endif
