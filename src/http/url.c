/*
 * The basic URL parser of the URL standard, for http and https. The standard tells it as a machine
 * that looks at one character at a time; here each part is cut out and dealt with in turn:
 *
 *     clean the input → scheme → (authority | inherit from the base) → path → query → fragment
 *
 * For these two schemes '\' is as good as '/', and any number of them may stand before the host.
 */
#include "http/url.h"

#include <assert.h>

#include "base/utf8.h"
#include "url_host.h"
#include "url_percent.h"

/* The parts lie in this order in the URL's buffer. */
enum part {
    PART_USERNAME,
    PART_PASSWORD,
    PART_HOST,
    PART_PATH,
    PART_QUERY,
    PART_FRAGMENT,
    PART_COUNT,
};

struct parser {
    struct url *url;
    const struct url *base; /* or NULL */
    struct bytes rest;      /* of the cleaned input */
    size_t ends[PART_COUNT];
};

static const uint16_t default_ports[] = {[URL_HTTP] = 80, [URL_HTTPS] = 443};

/* ---- reading --------------------------------------------------------------------------------- */

/* Is the byte at `index` a slash of either kind? */
static bool is_slash(struct bytes text, size_t index) {
    return index < text.size && (text.data[index] == '/' || text.data[index] == '\\');
}

static bool starts_with(struct bytes text, char byte) {
    return text.size > 0 && text.data[0] == (uint8_t)byte;
}

/* Cuts off what stands before the first slash, '?' or '#'. */
static struct bytes take_until_delimiter(struct bytes *rest) {
    size_t size = 0;
    while (size < rest->size && !is_slash(*rest, size) && rest->data[size] != '?' &&
           rest->data[size] != '#')
        size++;
    struct bytes taken = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size);
    return taken;
}

/* How many bytes stand before the first `byte`; all of them if there is none. */
static size_t size_before(struct bytes text, char byte) {
    size_t size = 0;
    while (size < text.size && text.data[size] != (uint8_t)byte)
        size++;
    return size;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void end_part(struct parser *parser, enum part part) {
    parser->ends[part] = parser->url->text.size;
}

static enum error append_part(struct parser *parser, enum part part, struct bytes text) {
    enum error error = buffer_append(&parser->url->text, text.data, text.size);
    end_part(parser, part);
    return error;
}

static enum error encode_part(struct parser *parser, enum part part, struct bytes text,
                              enum url_percent_set set) {
    enum error error = url_percent_encode(text, set, &parser->url->text);
    end_part(parser, part);
    return error;
}

/* ---- user name, password, host, port --------------------------------------------------------- */

/* Cuts off "user:password@", where only the last '@' counts: what stands before that. */
static struct bytes take_credentials(struct bytes *authority) {
    size_t size = authority->size;
    while (size > 0 && authority->data[size - 1] != '@')
        size--;
    struct bytes credentials = bytes_make(authority->data, size > 0 ? size - 1 : 0);
    *authority = bytes_after(*authority, size);
    return credentials;
}

static enum error append_credentials(struct parser *parser, struct bytes credentials) {
    struct bytes name = bytes_make(credentials.data, size_before(credentials, ':'));
    struct bytes password = bytes_after(credentials, name.size);
    if (password.size > 0)
        password = bytes_after(password, 1);
    enum error error = encode_part(parser, PART_USERNAME, name, URL_PERCENT_USERINFO);
    if (error == ERROR_NONE)
        error = encode_part(parser, PART_PASSWORD, password, URL_PERCENT_USERINFO);
    return error;
}

/* Cuts the host off: up to a colon that is not inside square brackets. */
static struct bytes take_host(struct bytes *authority) {
    bool in_brackets = false;
    size_t size = 0;
    for (; size < authority->size; size++) {
        uint8_t byte = authority->data[size];
        if (byte == ':' && !in_brackets)
            break;
        if (byte == '[' || byte == ']')
            in_brackets = byte == '[';
    }
    struct bytes host = bytes_make(authority->data, size);
    *authority = bytes_after(*authority, size);
    return host;
}

/* `text` is empty, or a colon and perhaps a number. */
static enum error parse_port(struct url *url, struct bytes text) {
    uint32_t port = 0;
    url->port = default_ports[url->scheme];
    if (text.size <= 1)
        return ERROR_NONE;
    for (size_t i = 1; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return ERROR_URL_PORT;
        port = port * 10 + (text.data[i] - '0');
        if (port > UINT16_MAX)
            return ERROR_URL_PORT;
    }
    url->has_port = port != url->port;
    url->port = (uint16_t)port;
    return ERROR_NONE;
}

static enum error parse_authority(struct parser *parser) {
    struct url *url = parser->url;
    while (is_slash(parser->rest, 0))
        parser->rest = bytes_after(parser->rest, 1);
    struct bytes authority = take_until_delimiter(&parser->rest);
    struct bytes credentials = take_credentials(&authority);
    struct bytes host = take_host(&authority);
    enum error error = append_credentials(parser, credentials);
    if (error == ERROR_NONE)
        error = url_host_parse(host, &url->host_kind, url->address, &url->text);
    end_part(parser, PART_HOST);
    return error == ERROR_NONE ? parse_port(url, authority) : error;
}

static enum error inherit_authority(struct parser *parser) {
    const struct url *base = parser->base;
    struct url *url = parser->url;
    url->host_kind = base->host_kind;
    for (size_t i = 0; i < sizeof url->address; i++)
        url->address[i] = base->address[i];
    url->port = base->port;
    url->has_port = base->has_port;
    enum error error = append_part(parser, PART_USERNAME, base->username);
    if (error == ERROR_NONE)
        error = append_part(parser, PART_PASSWORD, base->password);
    if (error == ERROR_NONE)
        error = append_part(parser, PART_HOST, base->host);
    return error;
}

/* ---- path ------------------------------------------------------------------------------------ */

/* How many dots the segment is, each perhaps written as %2e; 0 if it is anything else. */
static size_t count_dots(struct bytes segment) {
    size_t dots = 0;
    while (segment.size > 0) {
        bool encoded = segment.size >= 3 &&
                       bytes_equal_ignoring_case(bytes_make(segment.data, 3), bytes_of("%2e"));
        if (!encoded && segment.data[0] != '.')
            return 0;
        segment = bytes_after(segment, encoded ? 3 : 1);
        dots++;
    }
    return dots;
}

/* Drops the last segment and its slash, if there is one. */
static void shorten_path(struct parser *parser) {
    struct buffer *text = &parser->url->text;
    while (text->size > parser->ends[PART_HOST])
        if (text->data[--text->size] == '/')
            break;
}

static enum error append_segment(struct parser *parser, struct bytes segment, bool is_last) {
    struct buffer *text = &parser->url->text;
    size_t dots = count_dots(segment);
    if (dots == 2)
        shorten_path(parser);
    if (dots == 1 || dots == 2)
        return is_last ? buffer_append_byte(text, '/') : ERROR_NONE;
    enum error error = buffer_append_byte(text, '/');
    return error == ERROR_NONE ? url_percent_encode(segment, URL_PERCENT_PATH, text) : error;
}

/* Appends the segments at the front of the rest, at least one, to the path so far. */
static enum error parse_path(struct parser *parser) {
    enum error error;
    bool is_last;
    if (is_slash(parser->rest, 0))
        parser->rest = bytes_after(parser->rest, 1);
    do {
        struct bytes segment = take_until_delimiter(&parser->rest);
        is_last = !is_slash(parser->rest, 0);
        if (!is_last)
            parser->rest = bytes_after(parser->rest, 1);
        error = append_segment(parser, segment, is_last);
    } while (error == ERROR_NONE && !is_last);
    end_part(parser, PART_PATH);
    return error;
}

/* ---- query and fragment ---------------------------------------------------------------------- */

/* The query is what stands before '#', or all; without one of its own the URL has `inherited`'s. */
static enum error parse_query(struct parser *parser, const struct url *inherited) {
    struct url *url = parser->url;
    if (starts_with(parser->rest, '?')) {
        struct bytes query = bytes_after(parser->rest, 1);
        query.size = size_before(query, '#');
        parser->rest = bytes_after(parser->rest, 1 + query.size);
        url->has_query = true;
        return encode_part(parser, PART_QUERY, query, URL_PERCENT_QUERY);
    }
    url->has_query = inherited != NULL && inherited->has_query;
    return append_part(parser, PART_QUERY,
                       inherited != NULL ? inherited->query : (struct bytes){0});
}

static enum error parse_fragment(struct parser *parser) {
    struct bytes fragment = parser->rest;
    if (starts_with(fragment, '#')) {
        parser->url->has_fragment = true;
        fragment = bytes_after(fragment, 1);
    }
    return encode_part(parser, PART_FRAGMENT, fragment, URL_PERCENT_FRAGMENT);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* "https://host/path", with any number of slashes. */
static enum error parse_absolute(struct parser *parser) {
    enum error error = parse_authority(parser);
    if (error == ERROR_NONE)
        error = parse_path(parser);
    return error == ERROR_NONE ? parse_query(parser, NULL) : error;
}

/* "segment/segment": replaces the last segment of the base's path. */
static enum error parse_relative_path(struct parser *parser) {
    enum error error = append_part(parser, PART_PATH, parser->base->path);
    if (error != ERROR_NONE)
        return error;
    shorten_path(parser);
    return parse_path(parser);
}

/* "//host/path", "/path", "segment", "?query", "#fragment" or nothing at all. */
static enum error parse_relative(struct parser *parser) {
    if (is_slash(parser->rest, 0) && is_slash(parser->rest, 1))
        return parse_absolute(parser);
    bool has_path =
        parser->rest.size > 0 && !starts_with(parser->rest, '?') && !starts_with(parser->rest, '#');
    enum error error = inherit_authority(parser);
    if (error != ERROR_NONE)
        return error;
    if (!has_path)
        error = append_part(parser, PART_PATH, parser->base->path);
    else if (is_slash(parser->rest, 0))
        error = parse_path(parser);
    else
        error = parse_relative_path(parser);
    return error == ERROR_NONE ? parse_query(parser, has_path ? NULL : parser->base) : error;
}

static bool is_letter(uint8_t byte) {
    return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

static bool is_in_scheme(uint8_t byte) {
    return is_letter(byte) || (byte >= '0' && byte <= '9') || byte == '+' || byte == '-' ||
           byte == '.';
}

/* Cuts "name:" off; false if the text does not begin like that. */
static bool take_scheme(struct bytes *rest, struct bytes *name) {
    if (rest->size == 0 || !is_letter(rest->data[0]))
        return false;
    size_t size = 1;
    while (size < rest->size && is_in_scheme(rest->data[size]))
        size++;
    if (size == rest->size || rest->data[size] != ':')
        return false;
    *name = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size + 1);
    return true;
}

static enum error parse_parts(struct parser *parser) {
    struct url *url = parser->url;
    struct bytes name;
    if (take_scheme(&parser->rest, &name)) {
        if (bytes_equal_ignoring_case(name, bytes_of("http")))
            url->scheme = URL_HTTP;
        else if (bytes_equal_ignoring_case(name, bytes_of("https")))
            url->scheme = URL_HTTPS;
        else
            return ERROR_URL_SCHEME;
        if (parser->base == NULL || parser->base->scheme != url->scheme)
            return parse_absolute(parser);
        return parse_relative(parser);
    }
    if (parser->base == NULL)
        return ERROR_URL_SCHEME;
    url->scheme = parser->base->scheme;
    return parse_relative(parser);
}

static bool is_control_or_space(uint8_t byte) {
    return byte <= ' ';
}

/* How many bytes at the beginning stay as they are: ASCII, but tabs and newlines. */
static size_t clean_run(struct bytes input) {
    size_t size = 0;
    while (size < input.size && input.data[size] < 0x80 && input.data[size] != '\t' &&
           input.data[size] != '\n' && input.data[size] != '\r')
        size++;
    return size;
}

/* Takes the character at the beginning: a tab or a newline, or one that UTF-8 is made of. */
static enum error clean_character(struct bytes *input, struct buffer *out) {
    uint32_t character;
    uint8_t encoded[4];
    *input = bytes_after(*input, utf8_decode(*input, &character));
    if (character < 0x80)
        return ERROR_NONE;
    return buffer_append(out, encoded, utf8_encode(character, encoded));
}

/* Drops controls and spaces at both ends, and tabs and newlines everywhere; makes it UTF-8. */
static enum error clean(struct bytes input, struct buffer *out) {
    while (input.size > 0 && is_control_or_space(input.data[input.size - 1]))
        input.size--;
    while (input.size > 0 && is_control_or_space(input.data[0]))
        input = bytes_after(input, 1);
    enum error error = buffer_reserve(out, input.size);
    while (input.size > 0 && error == ERROR_NONE) {
        size_t run = clean_run(input);
        error = buffer_append(out, input.data, run);
        input = bytes_after(input, run);
        if (input.size > 0 && error == ERROR_NONE)
            error = clean_character(&input, out);
    }
    return error;
}

/* Only now, as the buffer no longer moves. */
static void set_views(struct parser *parser) {
    struct url *url = parser->url;
    struct bytes *const parts[PART_COUNT] = {
        [PART_USERNAME] = &url->username, [PART_PASSWORD] = &url->password,
        [PART_HOST] = &url->host,         [PART_PATH] = &url->path,
        [PART_QUERY] = &url->query,       [PART_FRAGMENT] = &url->fragment,
    };
    size_t start = 0;
    for (size_t i = 0; i < PART_COUNT; i++) {
        *parts[i] = bytes_make(url->text.data + start, parser->ends[i] - start);
        start = parser->ends[i];
    }
}

enum error url_parse(struct url *url, struct bytes input, const struct url *base) {
    struct parser parser = {.url = url, .base = base};
    struct buffer cleaned = {0};
    assert(url != base);
    *url = (struct url){0};
    if (input.size > URL_INPUT_MAX)
        return ERROR_URL_INVALID;
    enum error error = clean(input, &cleaned);
    parser.rest = buffer_bytes(&cleaned);
    if (error == ERROR_NONE)
        error = parse_parts(&parser);
    if (error == ERROR_NONE)
        error = parse_fragment(&parser);
    buffer_fini(&cleaned);
    if (error == ERROR_NONE)
        set_views(&parser);
    else
        url_fini(url);
    return error;
}

void url_fini(struct url *url) {
    buffer_fini(&url->text);
    *url = (struct url){0};
}
