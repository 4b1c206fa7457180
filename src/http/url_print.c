/* What is made of a parsed URL: its serialisation, and what a request needs of it. */
#include "http/url.h"

static enum error append_view(struct buffer *out, struct bytes view) {
    return buffer_append(out, view.data, view.size);
}

/* Appends `mark` and `view`, if `is_there`. */
static enum error append_marked(struct buffer *out, bool is_there, char mark, struct bytes view) {
    if (!is_there)
        return ERROR_NONE;
    enum error error = buffer_append_byte(out, (uint8_t)mark);
    return error == ERROR_NONE ? append_view(out, view) : error;
}

static enum error append_port(struct buffer *out, unsigned port) {
    enum error error = buffer_append_byte(out, ':');
    return error == ERROR_NONE ? buffer_append_unsigned(out, port) : error;
}

static enum error append_credentials(const struct url *url, struct buffer *out) {
    enum error error = append_view(out, url->username);
    if (error == ERROR_NONE)
        error = append_marked(out, url->password.size > 0, ':', url->password);
    return error == ERROR_NONE ? buffer_append_byte(out, '@') : error;
}

enum error url_append_href(const struct url *url, struct buffer *out, unsigned print) {
    enum error error = buffer_append_text(out, url->scheme == URL_HTTPS ? "https://" : "http://");
    if (error == ERROR_NONE && (print & URL_WITH_CREDENTIALS) != 0 && url_has_credentials(url))
        error = append_credentials(url, out);
    if (error == ERROR_NONE)
        error = url_append_host_header(url, out);
    if (error == ERROR_NONE)
        error = url_append_target(url, out);
    if (error == ERROR_NONE && (print & URL_WITHOUT_FRAGMENT) == 0)
        error = append_marked(out, url->has_fragment, '#', url->fragment);
    return error;
}

enum error url_append_target(const struct url *url, struct buffer *out) {
    enum error error = append_view(out, url->path);
    return error == ERROR_NONE ? append_marked(out, url->has_query, '?', url->query) : error;
}

enum error url_append_host_header(const struct url *url, struct buffer *out) {
    enum error error = append_view(out, url->host);
    if (error == ERROR_NONE && url->has_port)
        error = append_port(out, url->port);
    return error;
}

struct bytes url_host_name(const struct url *url) {
    if (url->host_kind != URL_HOST_IPV6)
        return url->host;
    return bytes_make(url->host.data + 1, url->host.size - 2);
}

bool url_has_credentials(const struct url *url) {
    return url->username.size > 0 || url->password.size > 0;
}

bool url_origin_equal(const struct url *a, const struct url *b) {
    return a->scheme == b->scheme && a->port == b->port && bytes_equal(a->host, b->host);
}
