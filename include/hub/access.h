/*
 * Who may do what: which origins may connect, what a request proves about its sender, and what that
 * sender may do in which channel.
 *
 * A request proves something by a token: `Authorization: Bearer TOKEN`, or `?token=TOKEN` for who
 * cannot set fields, as browsers' WebSocket. A token is a JSON Web Token (token/token.h), or one of
 * the static ones, compared in constant time. What it allows is a grant, which a connection keeps;
 * a connection without one is anonymous. Tokens are never logged.
 *
 * The rules are plain data that their maker owns; they do not change while a hub has them (see
 * hub_reconfigure()). A grant belongs to one thread and depends on nothing.
 */
#ifndef RINGCAST_HUB_ACCESS_H
#define RINGCAST_HUB_ACCESS_H

#include "http/request.h"
#include "server/connection.h"
#include "token/token.h"

/* Who may publish to a channel, or subscribe to it. */
enum access_right {
    ACCESS_ANYONE,
    ACCESS_TOKEN,   /* whose token names the channel */
    ACCESS_SERVICE, /* nobody but the service itself */
};

struct channel_settings;

/* A token that is not signed: it is known, and allows publishing to some channels. */
struct access_token {
    struct buffer text;
    struct token_channels publish;
};

/* `{0}` admits no origin and no anonymous sender. */
struct access {
    char *const *origins; /* patterns; a `*` stands for anything but : and /, alone for all */
    size_t origin_count;
    bool missing_origin; /* may a request come without an Origin, as those of programs do? */
    bool anonymous;      /* may a sender come without a token? */
    struct token_rules rules;
    const struct access_token *tokens;
    size_t token_count;
};

struct grant;

/* May a request with these fields come from where it says that it comes from? `access` NULL: yes.
 */
bool access_admits_origin(const struct access *access, struct http_fields fields);

/*
 * What does the request prove? ERROR_NONE with a grant (now the caller's), or with NULL for an
 * anonymous sender who may be one. Otherwise one of the errors of token_verify(), or
 * ERROR_TOKEN_MISSING. `now` is in seconds since 1970. `access` NULL: all are anonymous.
 */
enum error access_identify(const struct access *access, const struct http_request *request,
                           uint64_t now, struct grant **grant);

/* The same for a token that came in another way. */
enum error access_identify_token(const struct access *access, struct bytes token, uint64_t now,
                                 struct grant **grant);

/*
 * May the holder of `grant` (NULL: anonymous) do it? ERROR_NONE, ERROR_TOKEN_MISSING,
 * ERROR_TOKEN_EXPIRED or ERROR_NOT_ALLOWED.
 */
enum error access_may_publish(const struct grant *grant, const struct channel_settings *settings,
                              struct bytes channel, uint64_t now);
enum error access_may_subscribe(const struct grant *grant, const struct channel_settings *settings,
                                struct bytes channel, uint64_t now);

/* The field WWW-Authenticate of a 401 (RFC 6750 section 3), for any error but ERROR_NOT_ALLOWED. */
struct http_field access_challenge(enum error error);

/* Answers a request with 401 or 403 and why, and closes the connection. */
void access_refuse(struct http_connection *connection, enum error error);

/* Who it is (the claim `sub`); empty for a static token, and for NULL. */
struct bytes grant_subject(const struct grant *grant);

/* When it ends, in seconds since 1970; TOKEN_NEVER for one that does not, and for NULL. */
uint64_t grant_expires(const struct grant *grant);

/* NULL is allowed. */
void grant_free(struct grant *grant);

#endif
