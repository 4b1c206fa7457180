/*
 * The search for an encoding's name in a page's first bytes: WHATWG HTML section 13.2.3.2, "prescan
 * a byte stream to determine its encoding". It is deliberately not the real tokenizer. Whenever it
 * runs out of bytes, the answer is what an XML declaration says.
 */
#include <string.h>

#include "fetch/encoding.h"

/* What is left to read. */
struct prescan {
    const uint8_t *at, *end;
};

struct attribute {
    struct bytes name, value;
};

static bool is_space(uint8_t byte) {
    return byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r' || byte == ' ';
}

static bool is_letter(uint8_t byte) {
    uint8_t lower = byte | 0x20;
    return lower >= 'a' && lower <= 'z';
}

static bool is_text(struct bytes bytes, const char *text) {
    return bytes_equal_ignoring_case(bytes, bytes_of(text));
}

static bool begins_with(const struct prescan *prescan, const char *text) {
    size_t size = strlen(text);
    return (size_t)(prescan->end - prescan->at) >= size &&
           is_text(bytes_make(prescan->at, size), text);
}

static void skip_space(struct prescan *prescan) {
    while (prescan->at < prescan->end && is_space(*prescan->at))
        prescan->at++;
}

/* Moves behind the next `byte`, or to the end if there is none. */
static void skip_behind(struct prescan *prescan, char byte) {
    const uint8_t *found = memchr(prescan->at, byte, (size_t)(prescan->end - prescan->at));
    prescan->at = found != NULL ? found + 1 : prescan->end;
}

/* What ends a word, beside white space. */
struct stops {
    uint8_t a, b, c;
};

/* Takes bytes up to a stop or white space; false if they run into the end. */
static bool take_until(struct prescan *prescan, struct stops stops, struct bytes *taken) {
    const uint8_t *begin = prescan->at, *at = begin;
    while (at < prescan->end && *at != stops.a && *at != stops.b && *at != stops.c &&
           !is_space(*at))
        at++;
    prescan->at = at;
    *taken = bytes_make(begin, (size_t)(at - begin));
    return at < prescan->end;
}

/* A value in quotes; false if its end is missing. */
static bool take_quoted(struct prescan *prescan, struct bytes *taken) {
    uint8_t quote = *prescan->at++;
    const uint8_t *close = memchr(prescan->at, quote, (size_t)(prescan->end - prescan->at));
    if (close == NULL) {
        prescan->at = prescan->end;
        return false;
    }
    *taken = bytes_make(prescan->at, (size_t)(close - prescan->at));
    prescan->at = close + 1;
    return true;
}

static bool is_quote(const struct prescan *prescan) {
    return *prescan->at == '"' || *prescan->at == '\'';
}

/*
 * "Get an attribute". False at the ">" of the tag and at the end of the bytes, which the caller
 * tells apart by looking.
 */
static bool next_attribute(struct prescan *prescan, struct attribute *attribute) {
    *attribute = (struct attribute){0};
    while (prescan->at < prescan->end && (is_space(*prescan->at) || *prescan->at == '/'))
        prescan->at++;
    if (prescan->at == prescan->end || *prescan->at == '>')
        return false;
    const uint8_t *begin = prescan->at++; /* a leading "=" belongs to the name */
    if (!take_until(prescan, (struct stops){'=', '/', '>'}, &attribute->name))
        return false;
    attribute->name = bytes_make(begin, (size_t)(prescan->at - begin));
    skip_space(prescan);
    if (prescan->at == prescan->end)
        return false;
    if (*prescan->at != '=')
        return true;
    prescan->at++;
    skip_space(prescan);
    if (prescan->at == prescan->end)
        return false;
    return is_quote(prescan)
               ? take_quoted(prescan, &attribute->value)
               : take_until(prescan, (struct stops){'>', '>', '>'}, &attribute->value);
}

/* "Extracting a character encoding from a meta element": text/html; charset=… */
static enum encoding encoding_in_content(struct bytes content) {
    if (content.size == 0)
        return ENCODING_UNKNOWN;
    struct prescan rest = {content.data, content.data + content.size};
    for (;;) {
        while (rest.at < rest.end && !begins_with(&rest, "charset"))
            rest.at++;
        if (rest.at == rest.end)
            return ENCODING_UNKNOWN;
        rest.at += strlen("charset");
        skip_space(&rest);
        if (rest.at < rest.end && *rest.at == '=')
            break;
    }
    rest.at++;
    skip_space(&rest);
    struct bytes label = {0};
    if (rest.at == rest.end)
        return ENCODING_UNKNOWN;
    if (!is_quote(&rest))
        take_until(&rest, (struct stops){';', ';', ';'},
                   &label); /* here the end of the text is an end like others */
    else if (!take_quoted(&rest, &label))
        return ENCODING_UNKNOWN;
    return encoding_from_label(label);
}

/* What a page in these encodings could not have said in ASCII is not believed. */
static enum encoding believed(enum encoding encoding) {
    if (encoding == ENCODING_UTF_16LE || encoding == ENCODING_UTF_16BE)
        return ENCODING_UTF_8;
    return encoding == ENCODING_X_USER_DEFINED ? ENCODING_WINDOWS_1252 : encoding;
}

/* What a <meta> tag's attributes have said so far; of attributes given twice the first counts. */
struct meta {
    bool has_http_equiv, has_content, has_charset;
    bool is_pragma; /* http-equiv="content-type" */
    enum encoding content, charset;
};

static void read_meta_attribute(struct meta *meta, struct attribute attribute) {
    if (is_text(attribute.name, "http-equiv") && !meta->has_http_equiv) {
        meta->has_http_equiv = true;
        meta->is_pragma = is_text(attribute.value, "content-type");
    } else if (is_text(attribute.name, "content") && !meta->has_content) {
        meta->has_content = true;
        meta->content = encoding_in_content(attribute.value);
    } else if (is_text(attribute.name, "charset") && !meta->has_charset) {
        meta->has_charset = true;
        meta->charset = encoding_from_label(attribute.value);
    }
}

/* Reads the attributes of a <meta>. UNKNOWN if it names no encoding or is not complete. */
static enum encoding scan_meta(struct prescan *prescan) {
    struct meta meta = {0};
    struct attribute attribute;
    while (next_attribute(prescan, &attribute))
        read_meta_attribute(&meta, attribute);
    if (prescan->at == prescan->end)
        return ENCODING_UNKNOWN;
    if (meta.has_charset)
        return believed(meta.charset);
    return meta.is_pragma ? believed(meta.content) : ENCODING_UNKNOWN;
}

static void skip_tag(struct prescan *prescan) {
    struct bytes name;
    struct attribute attribute;
    if (!take_until(prescan, (struct stops){'>', '>', '>'}, &name) || *prescan->at == '>')
        return;
    while (next_attribute(prescan, &attribute))
        continue;
}

/* "Get an XML encoding": <?xml … encoding="…"?> */
static enum encoding scan_xml_declaration(struct bytes head) {
    if (head.size < 5 || memcmp(head.data, "<?xml", 5) != 0)
        return ENCODING_UNKNOWN;
    const uint8_t *close = memchr(head.data, '>', head.size);
    if (close == NULL)
        return ENCODING_UNKNOWN;
    struct prescan rest = {head.data + 5, close};
    rest.at = memmem(rest.at, (size_t)(rest.end - rest.at), "encoding", 8);
    if (rest.at == NULL)
        return ENCODING_UNKNOWN;
    rest.at += 8;
    while (rest.at < rest.end && *rest.at <= ' ')
        rest.at++;
    if (rest.at == rest.end || *rest.at++ != '=')
        return ENCODING_UNKNOWN;
    while (rest.at < rest.end && *rest.at <= ' ')
        rest.at++;
    struct bytes label;
    if (rest.at == rest.end || !is_quote(&rest) || !take_quoted(&rest, &label))
        return ENCODING_UNKNOWN;
    for (size_t i = 0; i < label.size; i++)
        if (label.data[i] <= ' ')
            return ENCODING_UNKNOWN;
    enum encoding encoding = encoding_from_label(label);
    return encoding == ENCODING_X_USER_DEFINED ? encoding : believed(encoding);
}

/* At "<!--". The dashes may be those that end it: "<!-->" is whole. */
static void skip_comment(struct prescan *prescan) {
    const uint8_t *begin = prescan->at + 2;
    const uint8_t *close = memmem(begin, (size_t)(prescan->end - begin), "-->", 3);
    prescan->at = close != NULL ? close + 3 : prescan->end;
}

static bool is_meta(const struct prescan *prescan) {
    static const size_t size = sizeof "<meta" - 1;
    return (size_t)(prescan->end - prescan->at) > size && (prescan->at[1] | 0x20) == 'm' &&
           begins_with(prescan, "<meta") &&
           (is_space(prescan->at[size]) || prescan->at[size] == '/');
}

/* At a "<": what it begins is skipped, unless a <meta> names an encoding. */
static enum encoding scan_markup(struct prescan *prescan) {
    size_t left = (size_t)(prescan->end - prescan->at);
    uint8_t next = left > 1 ? prescan->at[1] : '\0';
    bool is_end_tag = next == '/' && left > 2 && is_letter(prescan->at[2]);
    if (is_letter(next) && is_meta(prescan)) {
        prescan->at += sizeof "<meta" - 1;
        return scan_meta(prescan);
    }
    if (is_letter(next) || is_end_tag)
        skip_tag(prescan);
    else if (next == '!' && begins_with(prescan, "<!--"))
        skip_comment(prescan);
    else if (next == '!' || next == '/' || next == '?')
        skip_behind(prescan, '>');
    else
        prescan->at++;
    return ENCODING_UNKNOWN;
}

enum encoding encoding_prescan(struct bytes head) {
    if (head.size > ENCODING_PRESCAN_BYTES)
        head.size = ENCODING_PRESCAN_BYTES;
    if (head.size >= 6 && memcmp(head.data, "<\0?\0x\0", 6) == 0)
        return ENCODING_UTF_16LE;
    if (head.size >= 6 && memcmp(head.data, "\0<\0?\0x", 6) == 0)
        return ENCODING_UTF_16BE;
    if (head.size == 0)
        return ENCODING_UNKNOWN;
    struct prescan prescan = {head.data, head.data + head.size};
    enum encoding encoding = ENCODING_UNKNOWN;
    while (encoding == ENCODING_UNKNOWN) {
        prescan.at = memchr(prescan.at, '<', (size_t)(prescan.end - prescan.at));
        if (prescan.at == NULL)
            return scan_xml_declaration(head);
        encoding = scan_markup(&prescan);
    }
    return encoding;
}
