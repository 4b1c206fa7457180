/*
 * Content codings. Byte 0: which, one or two of them; 1: how the body is cut; 2: the limit, in
 * sixteens; 3: which allocation fails (0: none). The rest is the body. With the top bit of byte 0
 * it is a text instead, which is encoded first.
 *
 * Oracles: every cut decodes to the same bytes, or none does (of two errors another may come
 * first); never above the limit; decoding what was encoded gives the text back.
 */
#include <strings.h>
#include <zlib.h>
#include <zstd.h>

#include "coding/decoder.h"
#include "fuzz.h"

struct coded {
    enum coding codings[CODINGS_MAX];
    size_t count;
    struct bytes body;
    uint64_t limit;
};

static struct fuzz_transcript expected, heard;

/* Decodes all of it; what came out, and what was wrong, is in `heard`. */
static enum error decode(const struct coded *coded, unsigned cut) {
    struct fuzz_pieces pieces = fuzz_pieces_begin(coded->body, cut);
    struct decoder *decoder;
    enum decoder_event event = DECODER_NEED_MORE;
    uint8_t *data;
    size_t size, total = 0;
    heard.size = 0;
    enum error error = decoder_new(coded->codings, coded->count, coded->limit, &decoder);
    if (error != ERROR_NONE)
        return error;
    while (event != DECODER_ERROR && fuzz_pieces_next(&pieces, &data, &size)) {
        struct bytes input = bytes_make(data, size), piece;
        while ((event = decoder_next(decoder, &input, &piece)) == DECODER_PIECE) {
            fuzz_note_bytes(&heard, piece.data, piece.size);
            total += piece.size;
            FUZZ_CHECK(total <= coded->limit);
        }
        FUZZ_CHECK(event == DECODER_ERROR || input.size == 0);
    }
    bool complete = event != DECODER_ERROR && decoder_finish(decoder);
    error = decoder_error(decoder);
    FUZZ_CHECK(complete == (error == ERROR_NONE));
    decoder_free(decoder);
    return error;
}

/* What came before an error may be cut anywhere; only what is whole is compared. */
static void check_cut(const struct coded *coded, unsigned cut, enum error first) {
    enum error error = decode(coded, cut);
    FUZZ_CHECK((error == ERROR_NONE) == (first == ERROR_NONE));
    if (first == ERROR_NONE)
        fuzz_check_same(&expected, "whole", &heard, "cut");
}

static void check_body(const struct coded *coded, unsigned cut, size_t failing) {
    enum error first = decode(coded, FUZZ_WHOLE);
    expected.size = 0;
    fuzz_note_bytes(&expected, heard.text, heard.size);
    check_cut(coded, FUZZ_BYTES, first);
    check_cut(coded, cut, first);
    if (failing == 0)
        return;
    memory_fail_after(failing - 1, 1);
    enum error error = decode(coded, cut);
    FUZZ_CHECK((error == ERROR_NO_MEMORY) == (memory_failures() > 0) || error == first);
    memory_fail_after(0, 0);
}

/* ---- encoding -------------------------------------------------------------------------------- */

static struct bytes encode_zlib(struct bytes text, int window_bits, uint8_t *room, size_t size) {
    z_stream stream = {0};
    FUZZ_CHECK(deflateInit2(&stream, 6, Z_DEFLATED, window_bits, 8, 0) == Z_OK);
    stream.next_in = (Bytef *)(uintptr_t)text.data;
    stream.avail_in = (uInt)text.size;
    stream.next_out = room;
    stream.avail_out = (uInt)size;
    FUZZ_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    size_t used = size - stream.avail_out;
    deflateEnd(&stream);
    return bytes_make(room, used);
}

/* Brotli's encoder is not among the program's libraries: such a text is left alone. */
static bool encode(enum coding coding, struct bytes *text, uint8_t *room, size_t size) {
    if (coding == CODING_BROTLI)
        return false;
    if (coding == CODING_ZSTD) {
        size_t used = ZSTD_compress(room, size, text->data, text->size, 1);
        FUZZ_CHECK(!ZSTD_isError(used));
        *text = bytes_make(room, used);
    } else {
        *text = encode_zlib(*text, coding == CODING_GZIP ? 15 + 16 : 15, room, size);
    }
    return true;
}

static void check_text(struct coded coded, struct bytes text, unsigned cut) {
    static uint8_t rooms[CODINGS_MAX][1 << 16];
    coded.body = text;
    for (size_t i = 0; i < coded.count; i++)
        if (!encode(coded.codings[i], &coded.body, rooms[i], sizeof rooms[i]))
            return;
    /* what lies between two codings is bounded like the text, and may be longer */
    coded.limit = coded.count == 1 ? text.size : sizeof *rooms;
    FUZZ_CHECK(decode(&coded, cut) == ERROR_NONE);
    FUZZ_CHECK(bytes_equal(bytes_make(heard.text, heard.size), text));
    if (text.size == 0 || coded.count > 1)
        return;
    coded.limit = text.size - 1;
    FUZZ_CHECK(decode(&coded, cut) == ERROR_BODY_TOO_LARGE);
}

/* RFC 9110 section 8.4.1, in whatever case; nothing else is a coding. */
static void check_name(struct bytes text) {
    static const char *const names[] = {"gzip", "x-gzip", "deflate", "br", "zstd", "identity"};
    char name[16] = "";
    enum coding coding;
    bool known = false;
    if (text.size < sizeof name)
        snprintf(name, sizeof name, "%.*s", (int)text.size, (const char *)text.data);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        known |= strlen(name) == text.size && strcasecmp(name, names[i]) == 0;
    FUZZ_CHECK(coding_of_name(text, &coding) == known);
    FUZZ_CHECK(!known || (coding == CODING_IDENTITY) == (name[0] == 'i' || name[0] == 'I'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    uint8_t choice = fuzz_take(&input);
    unsigned cut = fuzz_take(&input);
    struct coded coded = {
        .codings = {(enum coding)(1 + choice % 4), (enum coding)(1 + choice / 4 % 4)},
        .count = 1 + choice / 16 % 2,
        .limit = (uint64_t)fuzz_take(&input) * 16,
    };
    size_t failing = fuzz_take(&input);
    if (input.size > FUZZ_PIECE_MAX / 4)
        return 0;
    coded.body = input;
    check_name(input);
    if (choice & 0x80)
        check_text(coded, input, cut);
    else
        check_body(&coded, cut, failing);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
