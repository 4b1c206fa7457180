/*
 * How much a client may send: messages, bytes and control frames, each so many a second. Only who
 * sends has anything to count, so idle clients keep nothing here.
 */
#include "base/memory.h"
#include "client_internal.h"

struct client_rates {
    struct bucket messages;
    struct bucket bytes;
    struct bucket controls;
};

/* `offset` is that of the bucket in its struct. */
static bool is_too_fast(struct client *client, const struct bucket_rate *rate, size_t offset,
                        size_t amount) {
    if (rate->per_second == 0)
        return false;
    if (client->rates == NULL)
        client->rates = memory_allocate_zeroed(sizeof *client->rates);
    if (client->rates == NULL)
        return false;
    struct bucket *bucket = (struct bucket *)(void *)((char *)client->rates + offset);
    return !bucket_take(bucket, rate, amount, worker_of(client)->loop->now);
}

bool client_messages_too_fast(struct client *client, size_t count) {
    return is_too_fast(client, &worker_of(client)->hub->options.limits.messages,
                       offsetof(struct client_rates, messages), count);
}

bool client_controls_too_fast(struct client *client) {
    return is_too_fast(client, &worker_of(client)->hub->options.limits.controls,
                       offsetof(struct client_rates, controls), 1);
}

bool client_bytes_too_fast(struct client *client, size_t size) {
    return is_too_fast(client, &worker_of(client)->hub->options.limits.bytes,
                       offsetof(struct client_rates, bytes), size);
}

void client_free_rates(struct client *client) {
    memory_free(client->rates);
    client->rates = NULL;
}
