/* Says in one sentence why the kernel refused a ring, with the likely cause. */
#ifndef RINGCAST_RING_REFUSAL_H
#define RINGCAST_RING_REFUSAL_H

#include "ring/ring.h"

/* Fills `refusal` (which may be NULL) for `call` having failed with errno `number`; returns the
 * error. */
enum error refusal_explain(struct ring_refusal *refusal, const char *call, int number);

#endif
