/*
 * The order of each channel, message by message, and what each plain client has of it. A plain
 * client is told no offsets; here it is known which each of its messages has, so what it gets next
 * is never in doubt: the message behind the last one, its own ones and those that were counted as
 * skipped for it alone left out.
 */
#ifndef RINGCAST_TEST_SIM_ORDER_H
#define RINGCAST_TEST_SIM_ORDER_H

#include "base/bytes.h"

struct world;

/* ---- order_probe.c: what the hub does -------------------------------------------------------- */

/* The message gets this offset of its channel, unless there is no memory for it. */
void order_take(const char *channel, uint64_t offset, struct bytes prefix, struct bytes payload,
                bool binary);

/* A plain client's subscription, of 203.0.113.HOST, began at this offset. Said more than once. */
void order_begin_client(unsigned host, uint64_t first);

/* It leaves out the messages from `start` to before `end`. */
void order_skip(unsigned host, uint64_t start, uint64_t end);

/* So many were left out, whoever missed them. */
void order_count_skipped(uint64_t count);

/* ---- the simulation -------------------------------------------------------------------------- */

/* A run begins, and ends. */
void order_open(struct world *world);
void order_close(void);

/* A plain client has got this message. */
void order_receive(unsigned client, struct bytes payload, bool binary);

/* Has each plain client exactly what it must have? Are those counted as skipped these? */
void order_check(void);

#endif
