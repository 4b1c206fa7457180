/*
 * The tokenizer that looks for a title: WHATWG HTML section 13.2.5, as far as it decides what is
 * markup and what is text. Reads ASCII-compatible bytes in any pieces; begin with a zeroed struct.
 */
#ifndef RINGCAST_FETCH_TITLE_TOKENIZER_H
#define RINGCAST_FETCH_TITLE_TOKENIZER_H

#include "fetch/title.h"

/*
 * Reads a piece. False if the rest of the document does not matter: either `in_title` is set and
 * the title's markup lies from `title_begin` to `text_end`, or there is none. Otherwise `in_title`
 * says whether the title has begun. `offset` is then behind the last byte that was read.
 */
bool title_tokenizer_feed(struct title_tokenizer *tokenizer, struct bytes piece);

/* The document ends here. The same answer in `in_title`, `title_begin` and `text_end`. */
void title_tokenizer_end(struct title_tokenizer *tokenizer);

#endif
