/*
 * The title scanner. Byte 0, even: the rest is a page, byte 0 also choosing its charset. Odd: the
 * rest is a text, of which a page with that title is made. Byte 1: how the page is cut; 2: the
 * limit, 255 being none; 3: which allocation fails (0: none).
 *
 * Oracles: every cut gives the same title, which is UTF-8, folded and not too long; of a page that
 * was made, the title is the text that went into it.
 */
#include "base/utf8.h"
#include "fetch/title.h"
#include "fuzz.h"

static const char *const charsets[] = {
    "",          "utf-8",          "utf-16le", "utf-16be", "iso-2022-jp", "windows-1252",
    "shift_jis", "x-user-defined",
};

enum { NO_LIMIT = 1 << 20, PAGE_MAX = 1 << 15 };

struct page {
    const char *charset;
    struct bytes bytes;
    size_t limit;
};

static struct fuzz_transcript expected, heard;

static bool is_space(uint32_t character) {
    return character == ' ' || character == '\t' || character == '\n' || character == '\f' ||
           character == '\r';
}

static void check_text(struct bytes text) {
    FUZZ_CHECK(text.size <= TITLE_MAX_BYTES && utf8_is_valid(text));
    for (size_t i = 0; i < text.size; i++) {
        bool at_end = i == 0 || i + 1 == text.size;
        FUZZ_CHECK(!is_space(text.data[i]) ||
                   (text.data[i] == ' ' && !at_end && text.data[i + 1] != ' '));
    }
}

static void note_title(struct fuzz_transcript *to, enum title_result result, struct bytes text) {
    to->size = 0;
    fuzz_note(to, "%d:", result);
    fuzz_note_bytes(to, text.data, text.size);
}

/* The scanner is used again and again, as the fetcher does. */
static enum title_result scan(struct title_scanner *scanner, const struct page *page,
                              unsigned cut) {
    struct fuzz_pieces pieces = fuzz_pieces_begin(page->bytes, cut);
    uint8_t *data;
    size_t size;
    bool wants_more = true;
    title_scanner_reset(scanner, bytes_of(page->charset), page->limit);
    while (wants_more && fuzz_pieces_next(&pieces, &data, &size))
        wants_more = title_scanner_feed(scanner, bytes_make(data, size));
    enum title_result result = title_scanner_finish(scanner);
    FUZZ_CHECK(scanner->scanned <= page->limit);
    FUZZ_CHECK(scanner->source.size <= TITLE_MAX_SOURCE_BYTES);
    check_text(title_scanner_text(scanner));
    note_title(&heard, result, title_scanner_text(scanner));
    return result;
}

/* Compares with what is expected; without expectations the whole page sets them. */
static void check_page(const struct page *page, bool is_expected, unsigned cut, size_t failing) {
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of(""), 0);
    scan(&scanner, page, FUZZ_WHOLE);
    if (!is_expected)
        memcpy(&expected, &heard, offsetof(struct fuzz_transcript, text) + heard.size);
    fuzz_check_same(&expected, "expected", &heard, "whole");
    scan(&scanner, page, FUZZ_BYTES);
    fuzz_check_same(&expected, "expected", &heard, "bytes");
    scan(&scanner, page, cut);
    fuzz_check_same(&expected, "expected", &heard, "cut");
    title_scanner_fini(&scanner);
    if (failing == 0)
        return;
    title_scanner_init(&scanner, bytes_of(""), 0);
    memory_fail_after(failing - 1, 1);
    enum title_result result = scan(&scanner, page, cut);
    FUZZ_CHECK((result == TITLE_NO_MEMORY) == (memory_failures() > 0));
    memory_fail_after(0, 0);
    title_scanner_fini(&scanner);
}

/* ---- pages that are made --------------------------------------------------------------------- */

struct maker {
    uint8_t page[PAGE_MAX];
    size_t size;
    unsigned unit; /* bytes: 1 is UTF-8, else UTF-16, big endian if `big` */
    bool big;
    size_t markup; /* of the title, in bytes of UTF-8 */
    size_t room;   /* of the title's text */
    struct fuzz_transcript *title;
    bool space;
};

static void make_unit(struct maker *maker, unsigned unit) {
    FUZZ_CHECK(maker->size + 2 <= PAGE_MAX);
    maker->page[maker->size++] = (uint8_t)(maker->big ? unit >> 8 : unit);
    maker->page[maker->size++] = (uint8_t)(maker->big ? unit : unit >> 8);
}

static void make_character(struct maker *maker, uint32_t character) {
    if (maker->unit == 1) {
        FUZZ_CHECK(maker->size + 4 <= PAGE_MAX);
        maker->size += utf8_encode(character, maker->page + maker->size);
    } else if (character < 0x10000) {
        make_unit(maker, character);
    } else {
        make_unit(maker, 0xD800 + ((character - 0x10000) >> 10));
        make_unit(maker, 0xDC00 + ((character - 0x10000) & 0x3FF));
    }
}

static void make_text(struct maker *maker, const char *text) {
    for (; *text != '\0'; text++)
        make_character(maker, (uint8_t)*text);
}

/* As itself or as one of three references; these cannot say C1 controls. */
static void make_escaped(struct maker *maker, uint32_t character, unsigned way) {
    char reference[16] = "";
    uint8_t encoded[4];
    bool is_control = character >= 0x80 && character < 0xA0;
    if (character == '<' && way % 2 == 0)
        snprintf(reference, sizeof reference, "&lt;");
    else if (character == '&' && way % 2 == 0)
        snprintf(reference, sizeof reference, "&amp;");
    else if (character == '<' || character == '&' || (way % 4 == 1 && !is_control))
        snprintf(reference, sizeof reference, way % 8 == 1 ? "&#%u;" : "&#x%X;", character);
    maker->markup += reference[0] != '\0' ? strlen(reference) : utf8_encode(character, encoded);
    if (reference[0] != '\0')
        make_text(maker, reference);
    else
        make_character(maker, character);
}

/* What the title should hold: folded, cut before the first character that has no room. */
static void expect_character(struct maker *maker, uint32_t character) {
    uint8_t encoded[4];
    if (is_space(character)) {
        maker->space = true;
        return;
    }
    bool needs_space = maker->space && maker->room < TITLE_MAX_BYTES;
    size_t size = utf8_encode(character, encoded);
    if (size + needs_space > maker->room) {
        maker->room = 0;
        return;
    }
    maker->room -= size + needs_space;
    fuzz_note_bytes(maker->title, " ", needs_space);
    fuzz_note_bytes(maker->title, encoded, size);
    maker->space = false;
}

/* The text as the title's markup, as far as a scanner looks. */
static void make_title(struct maker *maker, struct bytes text) {
    for (unsigned way = 0; text.size > 0; way++) {
        uint32_t character;
        text = bytes_after(text, utf8_decode(text, &character));
        if (character == 0 || character == '\r') /* changed on their way through a tokenizer */
            continue;
        if (maker->markup + 10 > TITLE_MAX_SOURCE_BYTES)
            return;
        make_escaped(maker, character, way);
        expect_character(maker, character);
    }
}

static struct bytes make_page(unsigned choice, struct bytes text, const char **charset) {
    static const char *const before[] = {
        "<!DOCTYPE html><html><head>",
        "<!-- <title>no</title> -->",
        "<script><!-- <script><title>no</title></script> --></script>",
        "<svg><title>no</title></svg>",
        "<template><title>no</title></template>",
        "<p a='<title>no</title>' b=\"<title>no</title>\">",
        "<textarea><title>no</title></textarea>",
        "<!x<title><?y?></z title>"};
    static const char *const after[] = {"</title>", "</TITLE \n>x", "</title/><title>no</title>",
                                        "</title a=b>"};
    static const char *const encodings[] = {"utf-8", "utf-16le", "utf-16be"};
    static struct maker maker;
    unsigned encoding = choice / 32 % 3;
    maker.title = &expected;
    maker.room = TITLE_MAX_BYTES;
    maker.unit = encoding == 0 ? 1 : 2;
    maker.big = encoding == 2;
    maker.size = maker.markup = 0;
    maker.space = false;
    *charset = encodings[encoding];
    note_title(&expected, TITLE_FOUND, bytes_make(NULL, 0));
    make_text(&maker, before[choice % 8]);
    make_text(&maker, "<title>");
    make_title(&maker, text);
    make_text(&maker, after[choice / 8 % 4]);
    return bytes_make(maker.page, maker.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    uint8_t choice = fuzz_take(&input);
    unsigned cut = fuzz_take(&input), limit = fuzz_take(&input), failing = fuzz_take(&input);
    if (input.size > PAGE_MAX / 16)
        return 0;
    bool is_made = choice % 2 == 1;
    struct page page = {charsets[choice / 2 % 8], input, limit == 255 ? (size_t)NO_LIMIT : limit};
    if (is_made) {
        page.bytes = make_page(choice / 2, input, &page.charset);
        page.limit = NO_LIMIT;
    }
    check_page(&page, is_made, cut, failing);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
