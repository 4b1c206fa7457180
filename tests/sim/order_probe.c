/*
 * What the hub itself does to a channel's order, as it does it: each message that gets its offset,
 * and each place that a subscription leaves out. The linker puts these functions in front of the
 * hub's own (cmake/simulation.cmake), so nothing in the program is there for it.
 */
#include "client_internal.h"
#include "order.h"

enum error __real_encoder_encode(struct encoder *, const struct published *, enum rendition_kind,
                                 struct encoded *);
uint32_t __real_subscription_sent(struct subscription *, size_t);
uint64_t __real_subscription_skip(struct subscription *);
uint64_t __real_subscription_jump(struct subscription *);

enum error __wrap_encoder_encode(struct encoder *, const struct published *, enum rendition_kind,
                                 struct encoded *);
uint32_t __wrap_subscription_sent(struct subscription *, size_t);
uint64_t __wrap_subscription_skip(struct subscription *);
uint64_t __wrap_subscription_jump(struct subscription *);

/* The history is written first, and always. What is not appended after all, for want of memory,
 * leaves its offset to the next. */
enum error __wrap_encoder_encode(struct encoder *encoder, const struct published *message,
                                 enum rendition_kind kind, struct encoded *encoded) {
    if (kind == RENDITION_RAW)
        order_take(message->channel, message->offset, message->prefix, message->payload,
                   message->binary);
    return __real_encoder_encode(encoder, message, kind, encoded);
}

/* The simulation's clients are told apart by the last number of their addresses. */
static unsigned host_of(const struct subscription *subscription) {
    const struct client *client = container_of(subscription, struct seat, subscription)->client;
    return ntohl(client->address.socket.v4.sin_addr.s_addr) & 0xff;
}

static bool is_plain(const struct subscription *subscription) {
    return container_of(subscription, struct seat, subscription)->client->kind == CLIENT_PLAIN;
}

uint32_t __wrap_subscription_sent(struct subscription *subscription, size_t size) {
    if (is_plain(subscription))
        order_begin_client(host_of(subscription), subscription->first);
    return __real_subscription_sent(subscription, size);
}

static uint64_t left_out(struct subscription *subscription, uint64_t count) {
    if (count == 0 || subscription->channel->kind == RENDITION_PRESENCE)
        return count;
    order_count_skipped(count);
    if (is_plain(subscription)) {
        uint64_t end = subscription_offset(subscription);
        order_begin_client(host_of(subscription), subscription->first);
        order_skip(host_of(subscription), end - count, end);
    }
    return count;
}

uint64_t __wrap_subscription_skip(struct subscription *subscription) {
    return left_out(subscription, __real_subscription_skip(subscription));
}

uint64_t __wrap_subscription_jump(struct subscription *subscription) {
    return left_out(subscription, __real_subscription_jump(subscription));
}
