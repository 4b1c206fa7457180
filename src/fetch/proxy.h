/*
 * Proxies: which one a URL is asked through, by the usual rules. Pure: resolves and connects
 * nothing.
 *
 * A URL of http is asked of its proxy in absolute form, one of https goes through a tunnel
 * (CONNECT, RFC 9110 §9.3.6). `no_proxy` lists, with commas or blanks between them, what is asked
 * directly:
 *   *                     everything
 *   example.org           this host and all below it; .example.org is the same
 *   10.1.2.3, [::1]       this address, where the URL has it literally
 *   10.0.0.0/8, fd00::/8  these addresses, likewise
 * each with :PORT behind it, if only that port is meant.
 */
#ifndef RINGCAST_FETCH_PROXY_H
#define RINGCAST_FETCH_PROXY_H

#include "http/url.h"

struct proxy {
    struct url url;      /* of http */
    char *authorization; /* the value of Proxy-Authorization; NULL: none */
};

struct proxies {
    struct proxy *for_http; /* NULL: none */
    struct proxy *for_https;
    char *none_for; /* see above */
};

/*
 * Texts may be NULL. A proxy is an http URL, maybe with user name and password; without a scheme it
 * is taken for one. ERROR_URL_…, ERROR_NO_MEMORY. proxies_fini() also after an error.
 */
enum error proxies_init(struct proxies *proxies, const char *for_http, const char *for_https,
                        const char *none_for);

void proxies_fini(struct proxies *proxies);

/* The proxy for a URL, or NULL. */
const struct proxy *proxies_find(const struct proxies *proxies, const struct url *url);

/* Does the list name the URL's host? */
bool proxy_list_names(struct bytes list, const struct url *url);

#endif
