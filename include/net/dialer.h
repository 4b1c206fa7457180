/*
 * Connecting to one of several addresses, as RFC 8305 ("happy eyeballs") says: attempts start a
 * fixed delay apart, or at once when the one before has failed; the first to connect wins and the
 * others are cancelled.
 *
 * A dialer is a member of a scope and frees itself. `done` runs exactly once, unless the dialer is
 * abandoned before; the losers' completions may come later, and the scope waits for them.
 */
#ifndef RINGCAST_NET_DIALER_H
#define RINGCAST_NET_DIALER_H

#include "loop/scope.h"
#include "net/address.h"

enum { DIALER_ADDRESSES_MAX = 8, DIALER_DELAY_MILLISECONDS = 250 };

struct dialer;

/* `descriptor` is connected and the callee's, or -1 with the error of the last attempt. */
typedef void dialer_done(void *context, int descriptor, enum error error,
                         const struct address *address);

/*
 * Starts to dial `addresses` (1 to DIALER_ADDRESSES_MAX are used, in the given order). `context` is
 * handed to `done`, which never runs before this function has returned.
 */
enum error dialer_new(struct scope *scope, const struct address *addresses, size_t count,
                      dialer_done *done, void *context, struct dialer **dialer);

/* Gives it up: `done` will not run. Not after it has run. */
void dialer_abandon(struct dialer *dialer);

/* Puts addresses of the two families in turn, beginning with the family of the first. */
void dialer_interleave(struct address *addresses, size_t count);

#endif
