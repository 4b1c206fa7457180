#include "fetch/title.h"

#include <string.h>

#include "title_text.h"
#include "title_tokenizer.h"

enum { MARK_BYTES = 3 };

bool title_is_html(struct bytes media_type) {
    const uint8_t *semicolon =
        media_type.size > 0 ? memchr(media_type.data, ';', media_type.size) : NULL;
    if (semicolon != NULL)
        media_type.size = (size_t)(semicolon - media_type.data);
    media_type = bytes_trimmed(media_type);
    return media_type.size == 0 || bytes_equal_ignoring_case(media_type, bytes_of("text/html")) ||
           bytes_equal_ignoring_case(media_type, bytes_of("application/xhtml+xml"));
}

void title_scanner_init(struct title_scanner *scanner, struct bytes charset, size_t limit) {
    *scanner = (struct title_scanner){
        .result = TITLE_NONE,
        .may_be_utf8 = true,
        .encoding = encoding_from_label(charset),
        .limit = limit,
    };
}

void title_scanner_reset(struct title_scanner *scanner, struct bytes charset, size_t limit) {
    struct buffer head = scanner->head, source = scanner->source, text = scanner->text;
    title_scanner_init(scanner, charset, limit);
    buffer_clear(&head);
    buffer_clear(&source);
    buffer_clear(&text);
    scanner->head = head;
    scanner->source = source;
    scanner->text = text;
}

void title_scanner_fini(struct title_scanner *scanner) {
    buffer_fini(&scanner->head);
    buffer_fini(&scanner->source);
    buffer_fini(&scanner->text);
}

static void conclude(struct title_scanner *scanner, enum title_result result) {
    scanner->result = result;
    scanner->is_done = true;
}

/* The encoding of a title's markup. Where nothing names it, all that was read has a say. */
static enum encoding encoding_of(const struct title_scanner *scanner, struct bytes markup) {
    enum encoding encoding = encoding_stream_result(scanner->encoding);
    if (utf8_is_ascii(markup))
        return ENCODING_UTF_8;
    if (encoding != ENCODING_UNKNOWN)
        return encoding;
    bool is_utf8 = scanner->may_be_utf8 && utf8_check_is_complete(&scanner->check);
    return is_utf8 ? ENCODING_UTF_8 : ENCODING_WINDOWS_1252;
}

/* The title's markup is complete. */
static void conclude_with(struct title_scanner *scanner, struct bytes markup) {
    enum encoding encoding = encoding_of(scanner, markup);
    struct buffer converted = {0};
    enum error error = ERROR_NONE;
    if (encoding != ENCODING_UTF_8) { /* malformed UTF-8 is dealt with below */
        error = encoding_to_utf8(encoding, markup, &converted);
        markup = buffer_bytes(&converted);
    }
    if (error == ERROR_NONE)
        error = title_text_decode(markup, &scanner->text);
    buffer_fini(&converted);
    conclude(scanner, error == ERROR_NONE          ? TITLE_FOUND
                      : error == ERROR_UNSUPPORTED ? TITLE_NONE
                                                   : TITLE_NO_MEMORY);
}

/* The markup collected so far, up to the title's end. */
static struct bytes collected(const struct title_scanner *scanner) {
    size_t size = scanner->tokenizer.text_end - scanner->tokenizer.title_begin;
    return bytes_make(scanner->source.data,
                      size < scanner->source.size ? size : scanner->source.size);
}

/* `view`, which began at offset `base`, was read while in the title: keeps its part of the markup.
 */
static enum error collect(struct title_scanner *scanner, struct bytes view, size_t base) {
    size_t begin = scanner->tokenizer.title_begin;
    view = bytes_after(view, begin > base ? begin - base : 0);
    size_t room = TITLE_MAX_SOURCE_BYTES - scanner->source.size;
    return buffer_append(&scanner->source, view.data, view.size < room ? view.size : room);
}

/* A title that lies within one view needs no copy. */
static void conclude_within(struct title_scanner *scanner, struct bytes view, size_t base) {
    const struct title_tokenizer *tokenizer = &scanner->tokenizer;
    size_t size = tokenizer->text_end - tokenizer->title_begin;
    conclude_with(scanner,
                  bytes_make(view.data + (tokenizer->title_begin - base),
                             size < TITLE_MAX_SOURCE_BYTES ? size : TITLE_MAX_SOURCE_BYTES));
}

/* Reads bytes whose markup is ASCII. */
static void tokenize(struct title_scanner *scanner, struct bytes view) {
    struct title_tokenizer *tokenizer = &scanner->tokenizer;
    size_t base = tokenizer->offset;
    bool was_in_title = tokenizer->in_title;
    bool wants_more = title_tokenizer_feed(tokenizer, view);
    view.size = tokenizer->offset - base;
    if (scanner->encoding == ENCODING_UNKNOWN && scanner->may_be_utf8)
        scanner->may_be_utf8 = utf8_check_next(&scanner->check, view);
    if (!tokenizer->in_title) {
        if (!wants_more)
            conclude(scanner, TITLE_NONE);
        return;
    }
    if (!wants_more && !was_in_title) {
        conclude_within(scanner, view, base);
        return;
    }
    if (collect(scanner, view, base) != ERROR_NONE)
        conclude(scanner, TITLE_NO_MEMORY);
    else if (!wants_more)
        conclude_with(scanner, collected(scanner));
}

static void scan(struct title_scanner *scanner, struct bytes view) {
    if (!encoding_stream_needed(scanner->encoding)) {
        tokenize(scanner, view);
        return;
    }
    uint8_t chunk[1024];
    while (view.size > 0 && !scanner->is_done) {
        size_t size = encoding_stream_next(&scanner->stream, &view, chunk, sizeof chunk);
        tokenize(scanner, bytes_make(chunk, size));
    }
}

/* How many bytes the encoding's choice waits for. */
static size_t head_wanted(const struct title_scanner *scanner) {
    size_t wanted =
        scanner->encoding == ENCODING_UNKNOWN ? ENCODING_PRESCAN_BYTES : (size_t)MARK_BYTES;
    return wanted < scanner->limit ? wanted : scanner->limit;
}

/* WHATWG HTML section 13.2.3.2: a byte order mark, Content-Type, <meta>, in this order. */
static void decide_encoding(struct title_scanner *scanner, struct bytes head) {
    enum encoding marked = encoding_from_mark(head);
    if (marked != ENCODING_UNKNOWN)
        scanner->encoding = marked;
    if (scanner->encoding == ENCODING_UNKNOWN)
        scanner->encoding = encoding_prescan(head);
    scanner->stream.encoding = scanner->encoding;
    scanner->is_decided = true;
    if (scanner->encoding == ENCODING_REPLACEMENT) /* a decoder for attackers: all is one U+FFFD */
        conclude(scanner, TITLE_NONE);
    else
        scan(scanner, head);
}

/* Holds the first bytes back until there are enough; returns what is left of the piece. */
static struct bytes feed_head(struct title_scanner *scanner, struct bytes piece) {
    size_t wanted = head_wanted(scanner);
    if (scanner->head.size == 0 && piece.size >= wanted) {
        decide_encoding(scanner, piece);
        return bytes_after(piece, piece.size);
    }
    size_t missing = wanted - scanner->head.size;
    size_t taken = piece.size < missing ? piece.size : missing;
    if (buffer_append(&scanner->head, piece.data, taken) != ERROR_NONE)
        conclude(scanner, TITLE_NO_MEMORY);
    else if (taken == missing)
        decide_encoding(scanner, buffer_bytes(&scanner->head));
    return bytes_after(piece, taken);
}

bool title_scanner_feed(struct title_scanner *scanner, struct bytes piece) {
    if (scanner->is_done || piece.size == 0)
        return !scanner->is_done;
    size_t allowed = scanner->limit - scanner->scanned;
    bool is_beyond = piece.size > allowed;
    if (is_beyond)
        piece.size = allowed;
    scanner->scanned += piece.size;
    if (!scanner->is_decided)
        piece = feed_head(scanner, piece);
    if (!scanner->is_done && piece.size > 0)
        scan(scanner, piece);
    if (!scanner->is_done && is_beyond)
        conclude(scanner, TITLE_NONE);
    return !scanner->is_done;
}

/* At the end of a document an open title ends as well. */
static void finish_document(struct title_scanner *scanner) {
    uint8_t rest[ENCODING_STREAM_ROOM];
    if (encoding_stream_needed(scanner->encoding))
        tokenize(scanner, bytes_make(rest, encoding_stream_end(&scanner->stream, rest)));
    if (scanner->is_done)
        return;
    title_tokenizer_end(&scanner->tokenizer);
    if (scanner->tokenizer.in_title)
        conclude_with(scanner, collected(scanner));
    else
        conclude(scanner, TITLE_NONE);
}

enum title_result title_scanner_finish(struct title_scanner *scanner) {
    if (!scanner->is_done && !scanner->is_decided)
        decide_encoding(scanner, buffer_bytes(&scanner->head));
    if (!scanner->is_done)
        finish_document(scanner);
    return scanner->result;
}

struct bytes title_scanner_text(const struct title_scanner *scanner) {
    if (scanner->result != TITLE_FOUND)
        return (struct bytes){0};
    return buffer_bytes(&scanner->text);
}
