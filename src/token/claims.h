/* The JSON parts of a token: its header and its claims. */
#ifndef RINGCAST_TOKEN_CLAIMS_H
#define RINGCAST_TOKEN_CLAIMS_H

#include "token/token.h"

/* Which algorithm does the header ask for? ERROR_TOKEN_INVALID: none that is known, or not a
 * header. */
enum error claims_read_header(struct bytes json, enum token_algorithm *algorithm);

/* Reads and judges the claims; see token_verify(). */
enum error claims_read(struct bytes json, const struct token_rules *rules, uint64_t now,
                       struct token_claims *claims);

#endif
