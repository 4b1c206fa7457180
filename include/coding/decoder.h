/*
 * Undoes the content codings of a body (RFC 9110 §8.4) while it arrives: gzip, deflate, brotli and
 * zstd, up to two of them one over the other.
 *
 * Bytes in, bytes out: no descriptor, clock or thread. What it holds does not depend on the body's
 * length: a piece for each coding, and the window that the coding refers back to. That is 32 KiB
 * for gzip and deflate, at most 8 MiB for zstd (RFC 9659), and for brotli the power of two above
 * the limit, 1 MiB to 16 MiB, and while it grows half of that besides; two windows of zstd and
 * brotli share the limit. A bomb is refused as soon as it has passed the limit, so it costs no more
 * than a body that just fits.
 *
 * The result does not depend on how the body was cut. One thread at a time uses a decoder; it may
 * be handed from one to another.
 */
#ifndef RINGCAST_CODING_DECODER_H
#define RINGCAST_CODING_DECODER_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"

enum coding {
    CODING_IDENTITY,
    CODING_GZIP,    /* RFC 1952; several members are one body */
    CODING_DEFLATE, /* the zlib format, RFC 1950; raw RFC 1951 too, which many servers send */
    CODING_BROTLI,  /* RFC 7932 */
    CODING_ZSTD     /* RFC 8878; several frames are one body */
};

enum { CODINGS_MAX = 2 };

/* What a client that uses this may send as Accept-Encoding. */
#define CODINGS_ACCEPTED "gzip, deflate, br, zstd"

/* The coding called so in Content-Encoding, case ignored. False if there is none. */
bool coding_of_name(struct bytes name, enum coding *coding);

struct decoder;

/*
 * A decoder for a body with these codings, in the order in which they were applied (1 to
 * CODINGS_MAX, none CODING_IDENTITY), that decodes to at most `limit` bytes. The caller owns it.
 * ERROR_NO_MEMORY, or ERROR_BODY_TOO_LARGE: the limit leaves no room for these.
 */
enum error decoder_new(const enum coding *codings, size_t count, uint64_t limit,
                       struct decoder **out);

/* Ends it; NULL is allowed. */
void decoder_free(struct decoder *decoder);

enum decoder_event {
    DECODER_NEED_MORE, /* the input is used up, and there is no more to say about it */
    DECODER_PIECE,     /* some bytes, lent until the next call; none, if it has only worked */
    DECODER_ERROR
};

/*
 * Takes bytes off the front of `input` and says what they decode to. One call does a bounded amount
 * of work (a few ten KiB), even where much stands for nothing.
 */
enum decoder_event decoder_next(struct decoder *decoder, struct bytes *input, struct bytes *piece);

/*
 * All input was used up, and there is no more. False if a stream is not complete (then the error is
 * ERROR_CODING_TRUNCATED), or if there was an error before; a body without a byte is complete.
 */
bool decoder_finish(struct decoder *decoder);

/*
 * Why DECODER_ERROR, which is final. ERROR_CODING_CORRUPT: no such stream, or bytes behind its end.
 * ERROR_BODY_TOO_LARGE: it decodes to more than the limit, or swells more than a thousandfold
 * beyond a few MiB. ERROR_NO_MEMORY.
 */
enum error decoder_error(const struct decoder *decoder);

#endif
