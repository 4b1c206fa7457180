#include "coding/decoder.h"

#include <assert.h>

#include "base/memory.h"
#include "stage.h"

/*
 * The stages are in the order of decoding: the coding that was applied last comes first. Between
 * two of them there is one piece.
 */

enum { PIECE_SIZE = 32 * 1024 };

/*
 * Deflate cannot swell by more than 1032, whatever the page; what goes beyond that is no page that
 * somebody wants to be read. A short one may still be: its length costs little.
 */
enum { RATIO_MAX = 1100, RATIO_FREE_BYTES = 8 * 1024 * 1024 };

/*
 * Swelling is judged by what has come up to the end of the block that is being read, and a block is
 * read when all of the one before it has come out again. So the judgement does not depend on how
 * the body was cut on its way.
 */
enum { BLOCK_SIZE = 4096 };

/* Beside the limit: the libraries' tables, a window a little larger than the body. With the pieces,
 * and with zlib, which has no budget, it is less than 1 MiB. */
enum { SPARE = 896 * 1024 };

struct decoder {
    struct budget budget; /* of both stages: two windows cost no more than one */
    struct stage *stages[CODINGS_MAX];
    uint64_t produced[CODINGS_MAX]; /* by each stage */
    size_t count;
    uint64_t consumed;
    bool drained; /* the first stage has nothing to say about what it was given */
    uint64_t limit;
    enum error error;
    struct bytes between; /* of `pieces[0]`: what the second stage has not taken */
    uint8_t pieces[CODINGS_MAX][PIECE_SIZE];
};

bool coding_of_name(struct bytes name, enum coding *coding) {
    static const struct {
        const char *name;
        enum coding coding;
    } names[] = {
        {"gzip", CODING_GZIP},       {"x-gzip", CODING_GZIP}, /* RFC 9110 §8.4.1.3 */
        {"deflate", CODING_DEFLATE}, {"br", CODING_BROTLI},
        {"zstd", CODING_ZSTD},       {"identity", CODING_IDENTITY},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (bytes_equal_ignoring_case(name, bytes_of(names[i].name))) {
            *coding = names[i].coding;
            return true;
        }
    }
    return false;
}

static struct stage *open_stage(enum coding coding, struct budget *budget) {
    switch (coding) {
    case CODING_GZIP:
        return stage_open_gzip();
    case CODING_DEFLATE:
        return stage_open_deflate();
    case CODING_BROTLI:
        return stage_open_brotli(budget);
    default:
        assert(coding == CODING_ZSTD);
        return stage_open_zstd(budget);
    }
}

enum error decoder_new(const enum coding *codings, size_t count, uint64_t limit,
                       struct decoder **out) {
    assert(count > 0 && count <= CODINGS_MAX);
    struct decoder *decoder = memory_allocate(sizeof *decoder);
    if (decoder == NULL)
        return ERROR_NO_MEMORY;
    *decoder = (struct decoder){.limit = limit, .drained = true};
    decoder->budget.most = limit > UINT64_MAX - SPARE ? UINT64_MAX : limit + SPARE;
    for (size_t i = 0; i < count; i++) {
        struct stage *stage = open_stage(codings[count - 1 - i], &decoder->budget);
        if (stage == NULL) {
            bool refused = decoder->budget.refused;
            decoder_free(decoder);
            return refused ? ERROR_BODY_TOO_LARGE : ERROR_NO_MEMORY;
        }
        decoder->stages[decoder->count++] = stage;
    }
    *out = decoder;
    return ERROR_NONE;
}

void decoder_free(struct decoder *decoder) {
    if (decoder == NULL)
        return;
    for (size_t i = 0; i < decoder->count; i++)
        decoder->stages[i]->type->close(decoder->stages[i]);
    memory_free(decoder);
}

/* What lies between two codings is bounded like the body: a bomb may hide in either. */
static enum error check_size(const struct decoder *decoder, size_t stage) {
    uint64_t produced = decoder->produced[stage];
    if (produced > decoder->limit)
        return ERROR_BODY_TOO_LARGE;
    uint64_t blocks = (decoder->consumed + BLOCK_SIZE - 1) / BLOCK_SIZE;
    bool swells = produced > RATIO_FREE_BYTES && produced / RATIO_MAX > blocks * BLOCK_SIZE;
    return swells ? ERROR_BODY_TOO_LARGE : ERROR_NONE;
}

static enum error run_stage(struct decoder *decoder, size_t index, struct bytes *input,
                            struct bytes *piece) {
    struct stage *stage = decoder->stages[index];
    uint8_t *out = decoder->pieces[index];
    size_t size = 0;
    enum error error = stage->type->decode(stage, input, out, PIECE_SIZE, &size);
    *piece = bytes_make(out, size);
    decoder->produced[index] += size;
    return error == ERROR_NONE ? check_size(decoder, index) : error;
}

/* Feeds the first stage from the block that is being read, or from the next one. */
static enum error feed(struct decoder *decoder, struct bytes *input, struct bytes *piece) {
    size_t left = BLOCK_SIZE - decoder->consumed % BLOCK_SIZE;
    if (left == BLOCK_SIZE && !decoder->drained)
        left = 0;
    size_t size = input->size < left ? input->size : left;
    struct bytes part = bytes_make(input->data, size);
    /* known beforehand: with what has come of it the block is judged anyway */
    decoder->consumed += size;
    enum error error = run_stage(decoder, 0, &part, piece);
    decoder->consumed -= part.size;
    *input = bytes_after(*input, size - part.size);
    decoder->drained = piece->size < PIECE_SIZE && part.size == 0;
    return error;
}

/* Runs the last stage; if it has nothing to say, the first one feeds it, for the next call. */
static enum error run_stages(struct decoder *decoder, struct bytes *input, struct bytes *piece) {
    if (decoder->count == 1)
        return feed(decoder, input, piece);
    enum error error = run_stage(decoder, 1, &decoder->between, piece);
    if (error == ERROR_NONE && piece->size == 0)
        error = feed(decoder, input, &decoder->between);
    return error;
}

enum decoder_event decoder_next(struct decoder *decoder, struct bytes *input, struct bytes *piece) {
    if (decoder->error != ERROR_NONE)
        return DECODER_ERROR;
    decoder->error = run_stages(decoder, input, piece);
    if (decoder->error != ERROR_NONE)
        return DECODER_ERROR;
    bool is_done = piece->size == 0 && decoder->between.size == 0 && input->size == 0;
    return is_done ? DECODER_NEED_MORE : DECODER_PIECE;
}

bool decoder_finish(struct decoder *decoder) {
    for (size_t i = 0; i < decoder->count && decoder->consumed > 0; i++)
        if (!decoder->stages[i]->complete && decoder->error == ERROR_NONE)
            decoder->error = ERROR_CODING_TRUNCATED;
    return decoder->error == ERROR_NONE;
}

enum error decoder_error(const struct decoder *decoder) {
    return decoder->error;
}
