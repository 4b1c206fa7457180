/* The host of a URL: a domain or an address. Private to the http layer. */
#ifndef RINGCAST_HTTP_URL_HOST_H
#define RINGCAST_HTTP_URL_HOST_H

#include "http/url.h"

/*
 * Parses the host as it is written (UTF-8, perhaps percent-encoded) and appends its serialised
 * form to `out`; fills `kind` and, of an address, the first 4 or all 16 bytes of `address`.
 * ERROR_URL_HOST if it cannot be a host, ERROR_NO_MEMORY; then `out` may have grown.
 */
enum error url_host_parse(struct bytes text, enum url_host_kind *kind, uint8_t address[16],
                          struct buffer *out);

/* An IPv6 address without its brackets. False if it is none. */
bool url_ipv6_parse(struct bytes text, uint8_t address[16]);

/* Appends the address in its short form (RFC 5952), without brackets. */
enum error url_ipv6_append(const uint8_t address[16], struct buffer *out);

/*
 * "Domain to ASCII": appends the domain (valid UTF-8, percent-decoded) in lower case, its
 * international labels as xn--. The same errors. Which ASCII characters a domain may have is not
 * checked here.
 */
enum error url_domain_to_ascii(struct bytes domain, struct buffer *out);

#endif
