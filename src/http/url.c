/*
 * The parser works on the input without its white space, in the order of a URL: scheme, authority,
 * path, query, fragment. Each part is encoded into one buffer; since that may move while it grows,
 * parts are remembered as offsets and become views at the end.
 */
#include "http/url.h"

#include <string.h>

#include "base/utf8.h"
#include "url_host.h"

struct part {
    size_t start, size;
};

struct builder {
    struct url *url;
    struct buffer *text;
    struct part username, password, host, path, query, fragment;
};

/* ---- percent-encoding ------------------------------------------------------------------------- */

/* What each part encodes beside controls and everything that is not ASCII (section 1.3). */
#define ENCODE_FRAGMENT " \"<>`"
#define ENCODE_QUERY    " \"#<>'"
#define ENCODE_PATH     " \"#<>?^`{}"
#define ENCODE_USERINFO ENCODE_PATH "/:;=@[\\]|"

static enum error append_encoded_byte(struct buffer *out, uint8_t byte) {
    static const char digits[] = "0123456789ABCDEF";
    const char text[] = {'%', digits[byte >> 4], digits[byte & 15]};
    return buffer_append(out, text, sizeof text);
}

static enum error append_encoded(struct buffer *out, struct bytes text, const char *set) {
    enum error error = ERROR_NONE;
    while (text.size > 0 && error == ERROR_NONE) {
        uint8_t byte = text.data[0], encoded[4];
        if (byte < 0x80) {
            bool plain = byte > 0x1F && byte != 0x7F && strchr(set, byte) == NULL;
            error = plain ? buffer_append_byte(out, byte) : append_encoded_byte(out, byte);
            text = bytes_after(text, 1);
            continue;
        }
        uint32_t code_point; /* what is not UTF-8 becomes U+FFFD */
        size_t used = utf8_decode(text, &code_point);
        size_t size = utf8_encode(code_point, encoded);
        for (size_t i = 0; i < size && error == ERROR_NONE; i++)
            error = append_encoded_byte(out, encoded[i]);
        text = bytes_after(text, used);
    }
    return error;
}

static enum error add_part(struct builder *builder, struct part *part, struct bytes text,
                           const char *set) {
    part->start = builder->text->size;
    enum error error = append_encoded(builder->text, text, set);
    part->size = builder->text->size - part->start;
    return error;
}

/* A part of the base, which is encoded already. */
static enum error copy_part(struct builder *builder, struct part *part, struct bytes text) {
    part->start = builder->text->size;
    part->size = text.size;
    return buffer_append(builder->text, text.data, text.size);
}

/* ---- the path --------------------------------------------------------------------------------- */

static bool is_slash(uint8_t byte) {
    return byte == '/' || byte == '\\';
}

/* Counts the dots that a segment consists of, "%2e" being one; 0 if it has anything else. */
static size_t dots_of(struct bytes segment) {
    size_t dots = 0;
    while (segment.size > 0) {
        if (segment.data[0] == '.')
            segment = bytes_after(segment, 1);
        else if (segment.size >= 3 &&
                 bytes_equal_ignoring_case(bytes_make(segment.data, 3), bytes_of("%2e")))
            segment = bytes_after(segment, 3);
        else
            return 0;
        dots++;
    }
    return dots;
}

static void drop_last_segment(struct builder *builder) {
    struct buffer *text = builder->text;
    while (text->size > builder->path.start && text->data[text->size - 1] != '/')
        text->size--;
    if (text->size > builder->path.start)
        text->size--;
}

/* Adds segments behind those that are there; a path always begins with a slash. */
static enum error add_segments(struct builder *builder, struct bytes input) {
    enum error error = ERROR_NONE;
    for (bool last = false; !last && error == ERROR_NONE;) {
        size_t size = 0;
        while (size < input.size && !is_slash(input.data[size]))
            size++;
        struct bytes segment = bytes_make(input.data, size);
        last = size == input.size;
        size_t dots = dots_of(segment);
        if (dots == 2)
            drop_last_segment(builder);
        if (dots == 1 || dots == 2) {
            if (last)
                error = buffer_append_byte(builder->text, '/');
        } else {
            error = buffer_append_byte(builder->text, '/');
            if (error == ERROR_NONE)
                error = append_encoded(builder->text, segment, ENCODE_PATH);
        }
        input = bytes_after(input, last ? size : size + 1);
    }
    builder->path.size = builder->text->size - builder->path.start;
    return error;
}

static enum error add_absolute_path(struct builder *builder, struct bytes input) {
    builder->path.start = builder->text->size;
    if (input.size > 0 && is_slash(input.data[0]))
        input = bytes_after(input, 1);
    return add_segments(builder, input);
}

/* Relative to the base's folder. */
static enum error add_relative_path(struct builder *builder, const struct url *base,
                                    struct bytes input) {
    enum error error = copy_part(builder, &builder->path, base->path);
    if (error != ERROR_NONE)
        return error;
    drop_last_segment(builder);
    return add_segments(builder, input);
}

/* ---- the authority ---------------------------------------------------------------------------- */

static enum error add_userinfo(struct builder *builder, struct bytes userinfo) {
    const uint8_t *colon = memchr(userinfo.data, ':', userinfo.size);
    size_t size = colon == NULL ? userinfo.size : (size_t)(colon - userinfo.data);
    enum error error =
        add_part(builder, &builder->username, bytes_make(userinfo.data, size), ENCODE_USERINFO);
    if (error == ERROR_NONE && colon != NULL)
        error = add_part(builder, &builder->password, bytes_after(userinfo, size + 1),
                         ENCODE_USERINFO);
    return error;
}

static enum error read_port(struct builder *builder, struct bytes digits) {
    uint64_t port;
    if (digits.size == 0)
        return ERROR_NONE;
    while (digits.size > 1 && digits.data[0] == '0')
        digits = bytes_after(digits, 1);
    if (!bytes_to_unsigned(digits, &port) || port > UINT16_MAX)
        return ERROR_URL_PORT;
    builder->url->port = (uint16_t)port;
    return ERROR_NONE;
}

/* The colon before the port, not one inside brackets. */
static size_t host_size(struct bytes authority) {
    bool inside = false;
    for (size_t i = 0; i < authority.size; i++) {
        if (authority.data[i] == '[')
            inside = true;
        else if (authority.data[i] == ']')
            inside = false;
        else if (authority.data[i] == ':' && !inside)
            return i;
    }
    return authority.size;
}

static enum error add_authority(struct builder *builder, struct bytes authority) {
    enum error error = ERROR_NONE;
    const uint8_t *at = authority.size == 0 ? NULL : memrchr(authority.data, '@', authority.size);
    if (at != NULL) {
        size_t size = (size_t)(at - authority.data);
        error = add_userinfo(builder, bytes_make(authority.data, size));
        authority = bytes_after(authority, size + 1);
    }
    size_t size = host_size(authority);
    builder->host.start = builder->text->size;
    if (error == ERROR_NONE)
        error = url_host_parse(bytes_make(authority.data, size), builder->text,
                               &builder->url->host_kind);
    builder->host.size = builder->text->size - builder->host.start;
    if (error == ERROR_NONE && size < authority.size)
        error = read_port(builder, bytes_after(authority, size + 1));
    return error;
}

static enum error copy_authority(struct builder *builder, const struct url *base) {
    builder->url->port = base->port;
    builder->url->host_kind = base->host_kind;
    enum error error = copy_part(builder, &builder->username, base->username);
    if (error == ERROR_NONE)
        error = copy_part(builder, &builder->password, base->password);
    return error == ERROR_NONE ? copy_part(builder, &builder->host, base->host) : error;
}

/* ---- the whole -------------------------------------------------------------------------------- */

/* Without C0 controls and spaces around it, and without tabs and line ends in it. */
static enum error clean(struct bytes input, struct buffer *out) {
    enum error error = ERROR_NONE;
    while (input.size > 0 && input.data[0] <= ' ')
        input = bytes_after(input, 1);
    while (input.size > 0 && input.data[input.size - 1] <= ' ')
        input.size--;
    for (size_t i = 0; i < input.size && error == ERROR_NONE; i++)
        if (input.data[i] != '\t' && input.data[i] != '\n' && input.data[i] != '\r')
            error = buffer_append_byte(out, input.data[i]);
    return error;
}

static bool is_letter(uint8_t byte) {
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* The size of "scheme:" at the start, or 0. */
static size_t scheme_size(struct bytes input) {
    if (input.size == 0 || !is_letter(input.data[0]))
        return 0;
    for (size_t i = 1; i < input.size; i++) {
        uint8_t byte = input.data[i];
        if (byte == ':')
            return i + 1;
        if (!is_letter(byte) && !(byte >= '0' && byte <= '9') && strchr("+-.", byte) == NULL)
            return 0;
    }
    return 0;
}

static size_t count_slashes(struct bytes input) {
    size_t count = 0;
    while (count < input.size && is_slash(input.data[count]))
        count++;
    return count;
}

static size_t size_until(struct bytes input, const char *ends) {
    size_t size = 0;
    while (size < input.size && (input.data[size] == '\0' ||
                                 strchr(ends, input.data[size]) == NULL))
        size++;
    return size;
}

static enum error add_authority_and_path(struct builder *builder, struct bytes rest) {
    size_t size = size_until(rest, "/\\");
    enum error error = add_authority(builder, bytes_make(rest.data, size));
    return error == ERROR_NONE ? add_absolute_path(builder, bytes_after(rest, size)) : error;
}

static enum error add_relative(struct builder *builder, const struct url *base,
                               struct bytes hierarchy, bool *inherits_query) {
    if (count_slashes(hierarchy) >= 2) {
        builder->url->port = base->scheme == URL_HTTPS ? 443 : 80;
        return add_authority_and_path(builder,
                                      bytes_after(hierarchy, count_slashes(hierarchy)));
    }
    enum error error = copy_authority(builder, base);
    if (error != ERROR_NONE)
        return error;
    if (hierarchy.size > 0 && is_slash(hierarchy.data[0]))
        return add_absolute_path(builder, hierarchy);
    if (hierarchy.size > 0)
        return add_relative_path(builder, base, hierarchy);
    *inherits_query = true;
    return copy_part(builder, &builder->path, base->path);
}

/* Takes the scheme off the input, or the base's if there is none. */
static enum error take_scheme(struct url *url, struct bytes *input, const struct url *base,
                              bool *relative) {
    size_t size = scheme_size(*input);
    struct bytes scheme = bytes_make(input->data, size);
    if (size == 0 && base == NULL)
        return ERROR_URL_SCHEME;
    if (size == 0)
        url->scheme = base->scheme;
    else if (bytes_equal_ignoring_case(scheme, bytes_of("http:")))
        url->scheme = URL_HTTP;
    else if (bytes_equal_ignoring_case(scheme, bytes_of("https:")))
        url->scheme = URL_HTTPS;
    else
        return ERROR_URL_SCHEME;
    *input = bytes_after(*input, size);
    /* "http:path" is relative to a base of the same scheme (the standard's special relative state) */
    *relative = size == 0 || (base != NULL && base->scheme == url->scheme &&
                              !(count_slashes(*input) >= 2 && input->data[0] == '/' &&
                                input->data[1] == '/'));
    url->port = url->scheme == URL_HTTPS ? 443 : 80;
    return ERROR_NONE;
}

static enum error build(struct builder *builder, struct bytes input, const struct url *base) {
    bool relative, inherits_query = false;
    enum error error = take_scheme(builder->url, &input, base, &relative);
    if (error != ERROR_NONE)
        return error;
    size_t size = size_until(input, "?#");
    struct bytes hierarchy = bytes_make(input.data, size), rest = bytes_after(input, size);
    error = relative ? add_relative(builder, base, hierarchy, &inherits_query)
                     : add_authority_and_path(
                           builder, bytes_after(hierarchy, count_slashes(hierarchy)));
    if (error == ERROR_NONE && rest.size > 0 && rest.data[0] == '?') {
        size = size_until(rest, "#");
        builder->url->has_query = true;
        error = add_part(builder, &builder->query, bytes_make(rest.data + 1, size - 1),
                         ENCODE_QUERY);
        rest = bytes_after(rest, size);
    } else if (error == ERROR_NONE && inherits_query && base->has_query) {
        builder->url->has_query = true;
        error = copy_part(builder, &builder->query, base->query);
    }
    if (error == ERROR_NONE && rest.size > 0) {
        builder->url->has_fragment = true;
        error = add_part(builder, &builder->fragment, bytes_after(rest, 1), ENCODE_FRAGMENT);
    }
    return error;
}

static struct bytes view_of(const struct url *url, struct part part) {
    return bytes_make(url->text.data + part.start, part.size);
}

enum error url_parse(struct url *url, struct bytes input, const struct url *base) {
    struct url parsed = {0};
    struct builder builder = {.url = &parsed, .text = &parsed.text};
    struct buffer cleaned = {0};
    enum error error = clean(input, &cleaned);
    if (error == ERROR_NONE)
        error = build(&builder, buffer_bytes(&cleaned), base);
    buffer_fini(&cleaned);
    if (error != ERROR_NONE) {
        buffer_fini(&parsed.text);
        return error;
    }
    parsed.username = view_of(&parsed, builder.username);
    parsed.password = view_of(&parsed, builder.password);
    parsed.host = view_of(&parsed, builder.host);
    parsed.path = view_of(&parsed, builder.path);
    parsed.query = view_of(&parsed, builder.query);
    parsed.fragment = view_of(&parsed, builder.fragment);
    *url = parsed;
    return ERROR_NONE;
}

void url_fini(struct url *url) {
    buffer_fini(&url->text);
    *url = (struct url){0};
}

/* ---- looking at it ---------------------------------------------------------------------------- */

bool url_has_credentials(const struct url *url) {
    return url->username.size > 0 || url->password.size > 0;
}

bool url_same_origin(const struct url *a, const struct url *b) {
    return a->scheme == b->scheme && a->port == b->port && bytes_equal(a->host, b->host);
}

struct bytes url_host_name(const struct url *url) {
    return url->host_kind == URL_IPV6 ? bytes_make(url->host.data + 1, url->host.size - 2)
                                      : url->host;
}

static enum error append_bytes(struct buffer *out, const char *before, struct bytes text) {
    enum error error = buffer_append_text(out, before);
    return error == ERROR_NONE ? buffer_append(out, text.data, text.size) : error;
}

enum error url_append_target(const struct url *url, struct buffer *out) {
    enum error error = append_bytes(out, "", url->path);
    return error == ERROR_NONE && url->has_query ? append_bytes(out, "?", url->query) : error;
}

enum error url_append_host_header(const struct url *url, struct buffer *out) {
    enum error error = append_bytes(out, "", url->host);
    bool own_port = url->port == (url->scheme == URL_HTTPS ? 443 : 80);
    return error == ERROR_NONE && !own_port ? buffer_format(out, ":%u", url->port) : error;
}

static enum error append_credentials(const struct url *url, struct buffer *out) {
    enum error error = append_bytes(out, "", url->username);
    if (error == ERROR_NONE && url->password.size > 0)
        error = append_bytes(out, ":", url->password);
    return error == ERROR_NONE ? buffer_append_byte(out, '@') : error;
}

enum error url_append_href(const struct url *url, struct buffer *out, enum url_parts parts) {
    enum error error = buffer_append_text(out, url->scheme == URL_HTTPS ? "https://" : "http://");
    if (error == ERROR_NONE && parts == URL_WHOLE && url_has_credentials(url))
        error = append_credentials(url, out);
    if (error == ERROR_NONE)
        error = url_append_host_header(url, out);
    if (error == ERROR_NONE)
        error = url_append_target(url, out);
    if (error == ERROR_NONE && parts == URL_WHOLE && url->has_fragment)
        error = append_bytes(out, "#", url->fragment);
    return error;
}
