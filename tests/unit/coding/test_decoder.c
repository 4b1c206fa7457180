/* Content codings: each of them whole, in any pieces, cut short, damaged, and as a bomb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "coding/decoder.h"

enum { MIB = 1024 * 1024, NO_LIMIT = 64 * MIB };

/* A list of codings as applied, ended by CODING_IDENTITY. */
struct stream {
    const char *file;
    enum coding codings[CODINGS_MAX + 1];
};

static const struct stream lines[] = {
    {"lines.gz", {CODING_GZIP}},     {"lines.zz", {CODING_DEFLATE}},
    {"lines.raw", {CODING_DEFLATE}}, {"lines.br", {CODING_BROTLI}},
    {"lines.zst", {CODING_ZSTD}},    {"lines.br.gz", {CODING_BROTLI, CODING_GZIP}},
};

static const struct stream zeros[] = {
    {"zeros.gz", {CODING_GZIP}},
    {"zeros.zz", {CODING_DEFLATE}},
    {"zeros.br", {CODING_BROTLI}},
    {"zeros.zst", {CODING_ZSTD}},
    {"zeros.gz.gz", {CODING_GZIP, CODING_GZIP}},
    {"zeros.br.zst", {CODING_BROTLI, CODING_ZSTD}},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct buffer read_file(const char *name) {
    char path[512];
    struct buffer content = {0};
    snprintf(path, sizeof path, "%s/coding/%s", TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(buffer_reserve(&content, 64 * 1024), ERROR_NONE);
    content.size = fread(content.data, 1, content.capacity, file);
    assert_true(content.size > 0 && feof(file));
    fclose(file);
    return content;
}

/* What lines.* decode to. */
static struct buffer text_of_lines(void) {
    struct buffer text = {0};
    for (int i = 0; i < 4000; i++)
        assert_int_equal(buffer_format(&text, "line %d of the page\n", i), ERROR_NONE);
    return text;
}

static struct decoder *decoder_of(const struct stream *stream, uint64_t limit) {
    struct decoder *decoder = NULL;
    size_t count = stream->codings[1] == CODING_IDENTITY ? 1 : 2;
    assert_int_equal(decoder_new(stream->codings, count, limit, &decoder), ERROR_NONE);
    return decoder;
}

/* Feeds `input` in pieces of `step` bytes and collects what comes out; the error, or the end's. */
static enum error feed(struct decoder *decoder, struct bytes input, size_t step,
                       struct buffer *out) {
    while (input.size > 0) {
        struct bytes part = bytes_make(input.data, input.size < step ? input.size : step);
        input = bytes_after(input, part.size);
        struct bytes piece;
        enum decoder_event event;
        while ((event = decoder_next(decoder, &part, &piece)) == DECODER_PIECE)
            assert_int_equal(buffer_append(out, piece.data, piece.size), ERROR_NONE);
        if (event == DECODER_ERROR)
            return decoder_error(decoder);
        assert_int_equal(part.size, 0);
    }
    bool complete = decoder_finish(decoder);
    assert_int_equal(complete, decoder_error(decoder) == ERROR_NONE);
    return decoder_error(decoder);
}

/* The same with a decoder of its own. An error stays. */
static enum error decode(const struct stream *stream, struct bytes input, size_t step,
                         uint64_t limit, struct buffer *out) {
    struct decoder *decoder = decoder_of(stream, limit);
    enum error error = feed(decoder, input, step, out);
    struct bytes none = {0}, piece;
    if (error != ERROR_NONE) {
        assert_int_equal(decoder_next(decoder, &none, &piece), DECODER_ERROR);
        assert_false(decoder_finish(decoder));
        assert_int_equal(decoder_error(decoder), error);
    }
    decoder_free(decoder);
    return error;
}

static void names(void **state) {
    (void)state;
    static const struct {
        const char *name;
        enum coding coding;
    } cases[] = {
        {"gzip", CODING_GZIP},         {"GZip", CODING_GZIP},       {"x-gzip", CODING_GZIP},
        {"br", CODING_BROTLI},         {"deflate", CODING_DEFLATE}, {"zstd", CODING_ZSTD},
        {"identity", CODING_IDENTITY},
    };
    static const char *const unknown[] = {"", "gzip ", "compress", "x-compress", "dcb", "bro"};
    enum coding coding;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(coding_of_name(bytes_of(cases[i].name), &coding));
        assert_int_equal(coding, cases[i].coding);
    }
    for (size_t i = 0; i < COUNT(unknown); i++)
        assert_false(coding_of_name(bytes_of(unknown[i]), &coding));
}

static void the_same_text_whatever_the_coding_and_the_pieces(void **state) {
    (void)state;
    static const size_t steps[] = {1, 2, 3, 7, 100, 4096, 65536};
    struct buffer text = text_of_lines();
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer input = read_file(lines[i].file);
        for (size_t j = 0; j < COUNT(steps); j++) {
            struct buffer out = {0};
            assert_int_equal(decode(&lines[i], buffer_bytes(&input), steps[j], NO_LIMIT, &out),
                             ERROR_NONE);
            assert_true(bytes_equal(buffer_bytes(&out), buffer_bytes(&text)));
            buffer_fini(&out);
        }
        buffer_fini(&input);
    }
    buffer_fini(&text);
    assert_int_equal(memory_live_blocks(), 0);
}

/* Bytes that are only kept, neither refused nor given out: the ends of members are no cuts. */
static bool is_between_members(const struct stream *stream, const struct buffer *out,
                               const struct buffer *text) {
    return (strcmp(stream->file, "lines.gz") == 0 || strcmp(stream->file, "lines.zst") == 0) &&
           out->size == text->size / 2;
}

static void cut_short_it_is_truncated(void **state) {
    (void)state;
    struct buffer text = text_of_lines();
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer input = read_file(lines[i].file);
        size_t whole = 0;
        for (size_t size = 1; size < input.size; size += size < 64 ? 1 : 61) {
            struct buffer out = {0};
            enum error error =
                decode(&lines[i], bytes_make(input.data, size), 4096, NO_LIMIT, &out);
            if (error == ERROR_NONE && is_between_members(&lines[i], &out, &text))
                whole++;
            else if (error != ERROR_CODING_TRUNCATED)
                fail_msg("%s cut to %zu bytes: %s", lines[i].file, size, error_text(error));
            buffer_fini(&out);
        }
        assert_true(whole <= 1);
        struct buffer out = {0};
        assert_int_equal(
            decode(&lines[i], bytes_make(input.data, input.size - 1), 4096, NO_LIMIT, &out),
            ERROR_CODING_TRUNCATED);
        buffer_fini(&out);
        buffer_fini(&input);
    }
    buffer_fini(&text);
}

static void bytes_behind_the_end_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        for (size_t step = 1; step <= 65536; step *= 65536) {
            struct buffer input = read_file(lines[i].file), out = {0};
            assert_int_equal(buffer_append(&input, "\0\0\0\0\0\0\0\0", 8), ERROR_NONE);
            assert_int_equal(decode(&lines[i], buffer_bytes(&input), step, NO_LIMIT, &out),
                             ERROR_CODING_CORRUPT);
            buffer_fini(&out);
            buffer_fini(&input);
        }
    }
}

/* gzip and zlib carry checksums, so no damage passes; the others at least survive it. */
static void damage_is_found_or_survived(void **state) {
    (void)state;
    struct buffer text = text_of_lines();
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer input = read_file(lines[i].file);
        bool checked = lines[i].codings[0] == CODING_GZIP || strcmp(lines[i].file, "lines.zz") == 0;
        for (size_t at = 0; at < input.size; at += at < 32 ? 1 : 97) {
            struct buffer out = {0};
            input.data[at] ^= 0x55;
            enum error error = decode(&lines[i], buffer_bytes(&input), 4096, NO_LIMIT, &out);
            input.data[at] ^= 0x55;
            if (checked && error == ERROR_NONE &&
                !bytes_equal(buffer_bytes(&out), buffer_bytes(&text)))
                fail_msg("%s: damage at %zu was not found", lines[i].file, at);
            buffer_fini(&out);
        }
        buffer_fini(&input);
    }
    buffer_fini(&text);
}

static void garbage_is_refused(void **state) {
    (void)state;
    static const char garbage[] = "<html>this is not compressed at all, whatever the head says";
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer out = {0};
        enum error error = decode(&lines[i], bytes_of(garbage), 1, NO_LIMIT, &out);
        assert_true(error == ERROR_CODING_CORRUPT || error == ERROR_CODING_TRUNCATED);
        buffer_fini(&out);
    }
}

static void nothing_is_complete(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer out = {0};
        assert_int_equal(decode(&lines[i], bytes_make(NULL, 0), 1, 0, &out), ERROR_NONE);
        assert_int_equal(out.size, 0);
        buffer_fini(&out);
    }
}

static void the_limit_is_exact(void **state) {
    (void)state;
    struct buffer text = text_of_lines();
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer input = read_file(lines[i].file), out = {0};
        assert_int_equal(decode(&lines[i], buffer_bytes(&input), 4096, text.size, &out),
                         ERROR_NONE);
        buffer_clear(&out);
        assert_int_equal(decode(&lines[i], buffer_bytes(&input), 4096, text.size - 1, &out),
                         ERROR_BODY_TOO_LARGE);
        assert_true(out.size < text.size);
        buffer_fini(&out);
        buffer_fini(&input);
    }
    buffer_fini(&text);
}

/* A bomb is stopped at the limit, and by how much it swells where there is none to speak of. */
static void bombs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(zeros); i++) {
        struct buffer input = read_file(zeros[i].file), out = {0};
        assert_int_equal(decode(&zeros[i], buffer_bytes(&input), 65536, 100000, &out),
                         ERROR_BODY_TOO_LARGE);
        assert_true(out.size <= 100000);
        buffer_clear(&out);
        bool swells = input.size < 16 * MIB / 1200;
        assert_int_equal(decode(&zeros[i], buffer_bytes(&input), 65536, NO_LIMIT, &out),
                         swells ? ERROR_BODY_TOO_LARGE : ERROR_NONE);
        assert_true(swells ? out.size < 9 * MIB : out.size == 16 * MIB);
        buffer_fini(&out);
        buffer_fini(&input);
    }
}

/* Whatever is the limit: no more than that and 1 MiB. zstd asks for its window at once, but touches
 * of it only what is decoded. */
static void memory_for_bombs(void **state) {
    static const uint64_t limits[] = {1,       MIB / 2,  MIB,      2 * MIB,  3 * MIB,
                                      9 * MIB, 12 * MIB, 17 * MIB, 24 * MIB, 64 * MIB};
    (void)state;
    for (size_t i = 0; i < COUNT(zeros); i++) {
        struct buffer input = read_file(zeros[i].file);
        for (size_t j = 0; j < COUNT(limits); j++) {
            size_t before = memory_live_bytes();
            struct decoder *decoder = decoder_of(&zeros[i], limits[j]);
            struct bytes rest = buffer_bytes(&input), piece;
            bool zstd = zeros[i].codings[0] == CODING_ZSTD || zeros[i].codings[1] == CODING_ZSTD;
            uint64_t untouched = zstd ? 8 * MIB : 0;
            while (decoder_next(decoder, &rest, &piece) == DECODER_PIECE)
                assert_true(memory_live_bytes() - before <= limits[j] + MIB + untouched);
            assert_true(memory_live_bytes() - before <= limits[j] + MIB + untouched);
            enum error error = decoder_error(decoder);
            assert_true(error == (limits[j] < 16 * MIB ? ERROR_BODY_TOO_LARGE : error));
            assert_true(error == ERROR_NONE || error == ERROR_BODY_TOO_LARGE);
            decoder_free(decoder);
        }
        buffer_fini(&input);
    }
}

/* A body that just fits is no bomb, and costs no more than one. */
static void two_codings_have_room_at_a_small_limit(void **state) {
    static const struct {
        struct stream stream;
        uint64_t limit;
        size_t times; /* that the text is in it */
    } cases[] = {
        {{"lines.br.zst", {CODING_BROTLI, CODING_ZSTD}}, 128 * 1024, 1},
        {{"lines.br.zst", {CODING_BROTLI, CODING_ZSTD}}, MIB, 1},
        {{"lines.zst.zst", {CODING_ZSTD, CODING_ZSTD}}, 128 * 1024, 1},
        {{"lines.zst.zst", {CODING_ZSTD, CODING_ZSTD}}, MIB, 1},
        {{"lines12.br.zst", {CODING_BROTLI, CODING_ZSTD}}, MIB, 12}, /* all but 5712 bytes */
        {{"lines12.br.zst", {CODING_BROTLI, CODING_ZSTD}}, 128 * 1024, 0},
    };
    (void)state;
    struct buffer text = text_of_lines();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buffer input = read_file(cases[i].stream.file), out = {0};
        enum error error =
            decode(&cases[i].stream, buffer_bytes(&input), 4096, cases[i].limit, &out);
        assert_int_equal(error, cases[i].times > 0 ? ERROR_NONE : ERROR_BODY_TOO_LARGE);
        if (cases[i].times > 0)
            assert_int_equal(out.size, cases[i].times * text.size);
        buffer_fini(&out);
        buffer_fini(&input);
    }
    buffer_fini(&text);
}

static void swelling_is_judged_alike_however_it_is_cut(void **state) {
    static const size_t steps[] = {1, 2, 13, 4095, 4096, 4097, 16000, 1 << 20};
    (void)state;
    for (size_t i = 0; i < COUNT(zeros); i++) {
        struct buffer input = read_file(zeros[i].file);
        bool swells = input.size < 16 * MIB / 1200;
        for (size_t j = 0; j < COUNT(steps); j++) {
            struct buffer out = {0};
            assert_int_equal(decode(&zeros[i], buffer_bytes(&input), steps[j], NO_LIMIT, &out),
                             swells ? ERROR_BODY_TOO_LARGE : ERROR_NONE);
            buffer_fini(&out);
        }
        buffer_fini(&input);
    }
}

/* Between the two codings lie 8 MiB, which the second decodes to nothing. */
static void a_bomb_between_two_codings_is_one(void **state) {
    (void)state;
    static const struct stream stream = {"hidden.zst.gz", {CODING_ZSTD, CODING_GZIP}};
    struct buffer input = read_file(stream.file), out = {0};
    assert_int_equal(decode(&stream, buffer_bytes(&input), 65536, 8 * MIB - 1, &out),
                     ERROR_BODY_TOO_LARGE);
    assert_int_equal(decode(&stream, buffer_bytes(&input), 65536, 9 * MIB, &out), ERROR_NONE);
    assert_int_equal(out.size, 0);
    buffer_fini(&input);
}

/* Where much stands for nothing, a call still comes back soon. */
static void a_call_does_bounded_work(void **state) {
    (void)state;
    static const struct stream stream = {"hidden.zst.gz", {CODING_ZSTD, CODING_GZIP}};
    struct buffer input = read_file(stream.file);
    struct decoder *decoder = decoder_of(&stream, NO_LIMIT);
    struct bytes rest = buffer_bytes(&input), piece;
    size_t calls = 0;
    while (decoder_next(decoder, &rest, &piece) == DECODER_PIECE)
        calls++;
    assert_true(calls >= 8 * MIB / (64 * 1024));
    assert_true(decoder_finish(decoder));
    decoder_free(decoder);
    buffer_fini(&input);
}

/* RFC 9659: a window beyond 8 MiB is refused. The frame: one raw block with one byte. */
static void windows_of_zstd(void **state) {
    (void)state;
    static const struct stream stream = {"", {CODING_ZSTD}};
    static const struct {
        uint8_t window;
        enum error error;
    } cases[] = {{0x68, ERROR_NONE}, {0x69, ERROR_CODING_CORRUPT}, {0x70, ERROR_CODING_CORRUPT}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const uint8_t frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0, cases[i].window, 0x09, 0, 0, 'x'};
        struct buffer out = {0};
        assert_int_equal(decode(&stream, bytes_make(frame, sizeof frame), 1, NO_LIMIT, &out),
                         cases[i].error);
        assert_int_equal(out.size, cases[i].error == ERROR_NONE ? 1 : 0);
        buffer_fini(&out);
    }
}

/* The library reads frames from before the standard; RFC 8878 knows two magic numbers. */
static void frames_from_before_the_standard(void **state) {
    (void)state;
    static const struct stream stream = {"", {CODING_ZSTD}};
    static const uint8_t skippable[] = {0x5F, 0x2A, 0x4D, 0x18, 1, 0, 0, 0, 'x'};
    for (uint8_t first = 0x1E; first <= 0x29; first++) {
        /* an empty frame of the standard; its like of the versions before */
        const uint8_t frame[] = {first, 0xB5, 0x2F, 0xFD, 0, 0x58, 1, 0, 0};
        struct buffer input = {0}, out = {0};
        enum error expected = first == 0x28 ? ERROR_NONE : ERROR_CODING_CORRUPT;
        buffer_append(&input, skippable, sizeof skippable);
        buffer_append(&input, frame, sizeof frame);
        for (size_t piece = 1; piece <= input.size; piece++) {
            assert_int_equal(decode(&stream, buffer_bytes(&input), piece, NO_LIMIT, &out),
                             expected);
            assert_int_equal(out.size, 0);
        }
        buffer_fini(&input);
        buffer_fini(&out);
    }
}

/* A compressed block of no bytes: the library takes it in a frame that comes in pieces only. */
static void a_frame_means_the_same_whole_and_in_pieces(void **state) {
    (void)state;
    static const struct stream stream = {"", {CODING_ZSTD}};
    static const uint8_t frame[] = {0x28, 0xB5, 0x2F, 0xFD, 0x20, 0, 0x05, 0, 0};
    struct buffer out = {0};
    enum error whole =
        decode(&stream, bytes_make(frame, sizeof frame), sizeof frame, NO_LIMIT, &out);
    for (size_t piece = 1; piece < sizeof frame; piece++)
        assert_int_equal(decode(&stream, bytes_make(frame, sizeof frame), piece, NO_LIMIT, &out),
                         whole);
    assert_int_equal(out.size, 0);
    buffer_fini(&out);
}

/* RFC 1950 §2.2: a preset dictionary is one that nobody has given. */
static void a_preset_dictionary_is_refused(void **state) {
    (void)state;
    static const struct stream stream = {"", {CODING_DEFLATE}};
    static const uint8_t with_dictionary[] = {0x78, 0xBB, 1, 2, 3, 4, 3, 0};
    struct buffer out = {0};
    assert_int_equal(
        decode(&stream, bytes_make(with_dictionary, sizeof with_dictionary), 8, NO_LIMIT, &out),
        ERROR_CODING_CORRUPT);
    buffer_fini(&out);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++) {
        struct buffer input = read_file(lines[i].file), out = {0};
        size_t count = lines[i].codings[1] == CODING_IDENTITY ? 1 : 2;
        assert_int_equal(buffer_reserve(&out, 256 * 1024), ERROR_NONE);
        size_t alive = memory_live_blocks();
        for (size_t skip = 0;; skip++) {
            struct decoder *decoder = NULL;
            buffer_clear(&out);
            memory_fail_after(skip, 1);
            enum error error = decoder_new(lines[i].codings, count, NO_LIMIT, &decoder);
            if (error == ERROR_NONE)
                error = feed(decoder, buffer_bytes(&input), 4096, &out);
            memory_fail_after(0, 0);
            bool failed = memory_failures() > 0;
            decoder_free(decoder);
            assert_int_equal(memory_live_blocks(), alive);
            if (!failed)
                break;
            assert_int_equal(error, ERROR_NO_MEMORY);
        }
        buffer_fini(&out);
        buffer_fini(&input);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(the_same_text_whatever_the_coding_and_the_pieces),
        cmocka_unit_test(cut_short_it_is_truncated),
        cmocka_unit_test(bytes_behind_the_end_are_refused),
        cmocka_unit_test(damage_is_found_or_survived),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(nothing_is_complete),
        cmocka_unit_test(the_limit_is_exact),
        cmocka_unit_test(bombs),
        cmocka_unit_test(memory_for_bombs),
        cmocka_unit_test(two_codings_have_room_at_a_small_limit),
        cmocka_unit_test(swelling_is_judged_alike_however_it_is_cut),
        cmocka_unit_test(a_bomb_between_two_codings_is_one),
        cmocka_unit_test(a_call_does_bounded_work),
        cmocka_unit_test(windows_of_zstd),
        cmocka_unit_test(frames_from_before_the_standard),
        cmocka_unit_test(a_frame_means_the_same_whole_and_in_pieces),
        cmocka_unit_test(a_preset_dictionary_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
