#include "proxy.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/memory.h"
#include "digest/base64.h"

enum { V4_BITS = 32, V6_BITS = 128, ADDRESS_BYTES = 16, TEXT_MAX = 64 };

/* ---- who is asked directly ------------------------------------------------------------------- */

/* Reads an address literal; returns its bits, 0: it is none. */
static unsigned read_address(struct bytes text, uint8_t address[ADDRESS_BYTES]) {
    char copy[TEXT_MAX];
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']')
        text = bytes_make(text.data + 1, text.size - 2);
    if (text.size == 0 || text.size >= sizeof copy)
        return 0;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    if (inet_pton(AF_INET, copy, address) == 1)
        return V4_BITS;
    return inet_pton(AF_INET6, copy, address) == 1 ? V6_BITS : 0;
}

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits) {
    unsigned bytes = bits / 8, rest = bits % 8;
    if (memcmp(a, b, bytes) != 0)
        return false;
    return rest == 0 || ((a[bytes] ^ b[bytes]) >> (8 - rest)) == 0;
}

/* ADDRESS or ADDRESS/BITS */
static bool names_address(struct bytes entry, const struct url *url) {
    uint8_t address[ADDRESS_BYTES];
    const uint8_t *slash = memchr(entry.data, '/', entry.size);
    struct bytes text =
        slash == NULL ? entry : bytes_make(entry.data, (size_t)(slash - entry.data));
    unsigned bits = read_address(text, address);
    uint64_t prefix = bits;
    if (bits != (url->host_kind == URL_HOST_IPV4 ? V4_BITS : V6_BITS))
        return false;
    if (slash != NULL &&
        (!bytes_to_unsigned(bytes_after(entry, text.size + 1), &prefix) || prefix > bits))
        return false;
    return same_bits(address, url->address, (unsigned)prefix);
}

/* The host itself, or what ends in a dot and the entry. */
static bool names_domain(struct bytes entry, struct bytes host) {
    if (entry.size > 0 && entry.data[0] == '.')
        entry = bytes_after(entry, 1);
    if (entry.size == 0 || entry.size > host.size)
        return false;
    struct bytes tail = bytes_after(host, host.size - entry.size);
    return bytes_equal_ignoring_case(tail, entry) &&
           (tail.size == host.size || tail.data[-1] == '.');
}

/* Takes ":PORT" off the end, unless the colons are those of an IPv6 address. False: another port.
 */
static bool takes_port(struct bytes *entry, const struct url *url) {
    const uint8_t *colon = memrchr(entry->data, ':', entry->size);
    uint64_t port;
    if (colon == NULL)
        return true;
    bool bracketed = colon > entry->data && colon[-1] == ']';
    if (!bracketed && memchr(entry->data, ':', (size_t)(colon - entry->data)) != NULL)
        return true;
    size_t size = (size_t)(colon - entry->data);
    if (!bytes_to_unsigned(bytes_after(*entry, size + 1), &port))
        return true;
    entry->size = size;
    return port == url->port;
}

static bool names(struct bytes entry, const struct url *url) {
    if (bytes_equal(entry, bytes_of("*")))
        return true;
    if (entry.size == 0 || !takes_port(&entry, url))
        return false;
    return url->host_kind == URL_HOST_DOMAIN ? names_domain(entry, url->host)
                                             : names_address(entry, url);
}

static bool is_between(uint8_t byte) {
    return byte == ',' || byte == ' ' || byte == '\t';
}

bool proxy_list_names(struct bytes list, const struct url *url) {
    while (list.size > 0) {
        size_t size = 0;
        while (size < list.size && !is_between(list.data[size]))
            size++;
        if (names(bytes_make(list.data, size), url))
            return true;
        list = bytes_after(list, size < list.size ? size + 1 : size);
    }
    return false;
}

/* ---- which proxy ----------------------------------------------------------------------------- */

const struct proxy *proxies_find(const struct proxies *proxies, const struct url *url) {
    const struct proxy *proxy = url->scheme == URL_HTTPS ? proxies->for_https : proxies->for_http;
    if (proxy == NULL || proxies->none_for == NULL)
        return proxy;
    return proxy_list_names(bytes_of(proxies->none_for), url) ? NULL : proxy;
}

/* ---- reading --------------------------------------------------------------------------------- */

static int hex_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Appends what stands percent-encoded in a URL. */
static enum error append_decoded(struct buffer *out, struct bytes text) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < text.size && error == ERROR_NONE; i++) {
        int high = i + 2 < text.size ? hex_digit(text.data[i + 1]) : -1;
        int low = high >= 0 ? hex_digit(text.data[i + 2]) : -1;
        bool encoded = text.data[i] == '%' && low >= 0;
        error = buffer_append_byte(out, encoded ? (uint8_t)(high * 16 + low) : text.data[i]);
        i += encoded ? 2 : 0;
    }
    return error;
}

static enum error authorize(struct proxy *proxy) {
    static const char scheme[] = "Basic ";
    struct buffer secret = {0};
    if (!url_has_credentials(&proxy->url))
        return ERROR_NONE;
    enum error error = append_decoded(&secret, proxy->url.username);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&secret, ':');
    if (error == ERROR_NONE)
        error = append_decoded(&secret, proxy->url.password);
    if (error == ERROR_NONE)
        proxy->authorization = memory_allocate(sizeof scheme + BASE64_SIZE(secret.size));
    if (proxy->authorization == NULL) {
        error = ERROR_NO_MEMORY;
    } else {
        memcpy(proxy->authorization, scheme, sizeof scheme - 1);
        base64_encode(buffer_bytes(&secret), proxy->authorization + sizeof scheme - 1);
    }
    buffer_fini(&secret);
    return error;
}

static enum error read_url(struct proxy *proxy, const char *text) {
    struct buffer whole = {0};
    enum error error =
        strstr(text, "://") == NULL ? buffer_append_text(&whole, "http://") : ERROR_NONE;
    if (error == ERROR_NONE)
        error = buffer_append_text(&whole, text);
    if (error == ERROR_NONE)
        error = url_parse(&proxy->url, buffer_bytes(&whole), NULL);
    buffer_fini(&whole);
    return error == ERROR_NONE && proxy->url.scheme != URL_HTTP ? ERROR_URL_SCHEME : error;
}

static enum error make(struct proxy **out, const char *text) {
    if (text == NULL || text[0] == '\0')
        return ERROR_NONE;
    struct proxy *proxy = memory_allocate_zeroed(sizeof *proxy);
    if (proxy == NULL)
        return ERROR_NO_MEMORY;
    *out = proxy;
    enum error error = read_url(proxy, text);
    return error == ERROR_NONE ? authorize(proxy) : error;
}

static void proxy_free(struct proxy *proxy) {
    if (proxy == NULL)
        return;
    url_fini(&proxy->url);
    memory_free(proxy->authorization);
    memory_free(proxy);
}

enum error proxies_init(struct proxies *proxies, const char *for_http, const char *for_https,
                        const char *none_for) {
    *proxies = (struct proxies){0};
    enum error error = make(&proxies->for_http, for_http);
    if (error == ERROR_NONE)
        error = make(&proxies->for_https, for_https);
    if (error == ERROR_NONE && none_for != NULL) {
        proxies->none_for = memory_copy_text(none_for, strlen(none_for));
        error = proxies->none_for == NULL ? ERROR_NO_MEMORY : ERROR_NONE;
    }
    return error;
}

void proxies_fini(struct proxies *proxies) {
    proxy_free(proxies->for_http);
    proxy_free(proxies->for_https);
    memory_free(proxies->none_for);
    *proxies = (struct proxies){0};
}
